//! Faults of the bus and of the configuration memory, and supplies that fail while a chip is loaded.

use spandrel::numeric::Random;
use spandrel_core::{
    image::{CONFIG_BYTES, Image, Tag},
    load::{LoadError, Loader, Policy, Progress, bus::ChipTarget},
    verify::{Extent, Moment, READ_BYTES, ReadBack, Seat, SelfTest, SelfTestStep, detection_ppm},
};

use super::{Tally, draw};
use crate::{
    chip::{Chip, Line, MAP, WINDOWS, loaded},
    networks::Network,
};

/// Where the injected bit lies: window, byte of its section, and mask.
fn place(image: &Image<'_>, mut byte: u64, bit: u8) -> (usize, usize, u8) {
    for (window, (tag, ..)) in WINDOWS.iter().enumerate() {
        let own = image.section(*tag).len() as u64;
        if byte < own {
            return (window, byte as usize, 1 << bit);
        }
        byte -= own;
    }
    panic!("a byte of no section")
}

/// Bytes that a chip keeps.
fn kept(image: &Image<'_>) -> u64 {
    WINDOWS.iter().map(|(tag, ..)| image.section(*tag).len() as u64).sum()
}

/// The configurations that a byte belongs to.
fn owners(image: &Image<'_>, window: usize, at: usize) -> Vec<u32> {
    let configs = 0..image.config_count();
    match WINDOWS[window].0 {
        Tag::CONFIGS => vec![(at / CONFIG_BYTES) as u32],
        Tag::WEIGHTS => configs
            .filter(|number| {
                let blob = image.config(*number).and_then(|config| image.blob(config.blob()));
                blob.is_some_and(|blob| (blob.offset..blob.offset + blob.length).contains(&(at as u64)))
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn tested(
    image: &Image<'_>,
    chip: &mut Chip,
    moment: Moment,
    extent: Extent,
) -> SelfTestStep<crate::chip::Silent> {
    let (mut test, mut map) = (SelfTest::new(image, moment, extent), MAP);
    loop {
        match test.step(chip, &mut map, 500) {
            SelfTestStep::Running => {}
            end => return end,
        }
    }
}

/// Loads `bytes` into `chip`, which comes back with how loading ended.
fn load(
    bytes: &[u8],
    chip: Chip,
) -> (Result<Progress, LoadError<spandrel_core::load::bus::BusError<crate::chip::Silent>>>, Chip) {
    let policy = Policy::any(1 << 24);
    let mut loader = Loader::new(&policy, ChipTarget::new(chip, MAP));
    let mut end = Ok(Progress::Wanted);
    for part in bytes.chunks(256) {
        end = loader.push(part);
        if end.is_err() {
            break;
        }
    }
    (end, loader.finish().bus)
}

/// Counts a fault whose verdict should be `seat`, and whose byte belongs to `owners`.
fn count(
    tally: &mut Tally,
    end: &SelfTestStep<crate::chip::Silent>,
    seat: Seat,
    owners: &[u32],
    why: &'static str,
) {
    tally.injected += 1;
    let SelfTestStep::Failed(verdict) = end else {
        tally.miss(why);
        return;
    };
    tally.detected += 1;
    tally.seated += u64::from(verdict.seat == seat);
    let right = match verdict.config {
        Some(config) => owners.contains(&config),
        None => owners.is_empty(),
    };
    tally.located = tally.located.map(|count| count + u64::from(right));
}

/// `most` faults of each kind on `network`'s board.
///
/// # Panics
/// When a fault leaves a board that can not be loaded again.
#[must_use]
pub fn run(network: &Network, most: u64, seed: u64) -> Vec<Tally> {
    let image = Image::parse(&network.image).expect("an image");
    let (bytes, bytes_kept) = (&network.image, kept(&image));
    let mut random = Random::new(seed, 7);
    let mut bit = || (random.next_u64() % 8) as u8;
    let new = |name: &str| Tally {
        name: format!("{}: {name}", network.name),
        located: Some(0),
        ..Tally::default()
    };
    let good = loaded(bytes);

    let mut arriving = Tally { located: None, ..new("bit flipped on the way to the board") };
    for at in draw(bytes.len() as u64, most, seed ^ 1) {
        let mut damaged = bytes.clone();
        damaged[at as usize] ^= 1 << bit();
        let (end, chip) = load(&damaged, Chip::new(image.header()));
        arriving.injected += 1;
        if matches!(end, Ok(Progress::Loaded(_))) || !chip.held {
            arriving.miss("the chip runs");
        } else {
            arriving.detected += 1;
            arriving.seated += 1;
        }
        assert!(matches!(load(bytes, chip).0, Ok(Progress::Loaded(_))), "a bricked loader");
    }

    let mut written = new("bit flipped on the bus, while it is written");
    for at in draw(bytes_kept, most, seed ^ 2) {
        let mask = 1 << bit();
        let mut chip = Chip::new(image.header());
        chip.inject(Line::FlipsWrite(at, mask));
        let (end, mut chip) = load(bytes, chip);
        assert!(matches!(end, Ok(Progress::Loaded(_))));
        let end = tested(&image, &mut chip, Moment::Loaded, Extent::All);
        // Sections reach the chip in the image's order, which is that of the windows.
        let (window, at, _) = place(&image, at, 0);
        count(&mut written, &end, Seat::Transfer, &owners(&image, window, at), "not found");
    }

    let mut read = new("bit flipped on the bus, while it is read");
    for at in draw(bytes_kept, most, seed ^ 3) {
        let mut chip = good.clone();
        chip.inject(Line::FlipsRead(at, 1 << bit()));
        let end = tested(&image, &mut chip, Moment::Running, Extent::All);
        let (window, at, _) = place(&image, at, 0);
        count(&mut read, &end, Seat::Transfer, &owners(&image, window, at), "not found");
    }

    let mut upset = new("bit of the configuration memory flipped later");
    let mut drawn = new(SAMPLED);
    for (round, at) in (0..).zip(draw(bytes_kept, most, seed ^ 4)) {
        let (window, at, mask) = place(&image, at, bit());
        let mut chip = good.clone();
        chip.upset(window, at, mask);
        let end = tested(&image, &mut chip.clone(), Moment::Running, Extent::All);
        count(&mut upset, &end, Seat::Configuration, &owners(&image, window, at), "not found");
        let mut some = ReadBack::new(&image, Extent::Sample { seed: seed ^ round, pieces: PIECES });
        let end = loop {
            use spandrel_core::verify::ReadBackStep;
            match some.step(&mut chip, &MAP, 500) {
                ReadBackStep::Running => {}
                end => break end,
            }
        };
        drawn.injected += 1;
        if let spandrel_core::verify::ReadBackStep::Differs(found) = end {
            drawn.detected += 1;
            drawn.seated += 1;
            let owners = owners(&image, window, at);
            let right = found.config.map_or(owners.is_empty(), |config| owners.contains(&config));
            drawn.located = drawn.located.map(|count| count + u64::from(right));
        } else {
            drawn.miss("not among the pieces drawn");
        }
    }

    let mut worn = new("bit of the configuration memory that takes nothing");
    for at in draw(bytes_kept, most, seed ^ 5) {
        let (window, at, mask) = place(&image, at, bit());
        let mut chip = Chip::new(image.header());
        chip.worn = Some((window, at, mask, if bit() & 1 == 1 { mask } else { 0 }));
        let (end, mut chip) = load(bytes, chip);
        assert!(matches!(end, Ok(Progress::Loaded(_))));
        let end = tested(&image, &mut chip, Moment::Loaded, Extent::All);
        count(&mut worn, &end, Seat::Configuration, &owners(&image, window, at), "it holds what it should");
    }

    let mut brown = Tally { located: None, ..new("supply of the chip fails while it is loaded") };
    for at in draw(bytes_kept, most, seed ^ 6) {
        let mut chip = Chip::new(image.header());
        chip.inject(Line::BrownsOut(at));
        let (end, mut chip) = load(bytes, chip);
        brown.injected += 1;
        if end.is_err() && chip.held {
            brown.detected += 1;
            brown.seated += 1;
        } else {
            brown.miss("not found");
        }
        chip.power_up();
        let (end, mut chip) = load(bytes, chip);
        assert!(matches!(end, Ok(Progress::Loaded(_))), "a bricked loader");
        assert!(matches!(
            tested(&image, &mut chip, Moment::Loaded, Extent::All),
            SelfTestStep::Passed { .. }
        ));
    }
    vec![arriving, written, read, upset, drawn, worn, brown]
}

/// Pieces that the sampled reading draws.
const PIECES: u32 = 20;
/// What its row is called.
pub const SAMPLED: &str = "the same, 20 pieces read back";

/// What [`detection_ppm`] states for a flipped bit and the sampled reading of `network`, as a share.
///
/// # Panics
/// When it is no image.
#[must_use]
pub fn stated(network: &Network) -> f64 {
    let image = Image::parse(&network.image).expect("an image");
    let pieces = WINDOWS.iter().map(|(tag, ..)| image.section(*tag).len().div_ceil(READ_BYTES) as u64).sum();
    f64::from(detection_ppm(pieces, 1, PIECES)) / 1e6
}
