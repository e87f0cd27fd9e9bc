//! The streaming loader, chips behind a bus and slots in flash: whole images come through, nothing else does, and power may
//! fail at any byte.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod loader_common;

use ed25519_dalek::{Signer, SigningKey};
use loader_common::{Flash, Recorder, plain, sections};
use spandrel_core::image::{
    ChipLimits, HEADER_BYTES, Image, Rule, SEAL_BYTES, Tag, prepare_signed, put_signature, reseal,
};
use spandrel_core::load::bus::{ChipBus, ChipTarget, Windows};
use spandrel_core::load::slots::{Slot, Slots};
use spandrel_core::load::{Chip, LoadError, Loader, Policy, Progress, Refusal};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn signed(rollback: u32, key: &SigningKey) -> Vec<u8> {
    let plain = plain();
    let mut out = vec![0; plain.len() + 64];
    let (length, digest) = prepare_signed(&plain, rollback, &mut out).unwrap();
    assert_eq!(length, out.len());
    put_signature(&mut out, &key.sign(&digest).to_bytes()).unwrap();
    out
}

fn chip(name: &str) -> Chip<'_> {
    Chip { name, revisions: (0, 3), limits: ChipLimits { kind: 1, rows: 8, columns: 4, cores: 2 } }
}

fn pinned() -> Policy<'static> {
    let key = Some(key().verifying_key().to_bytes());
    Policy { chip: Some(chip("loadable")), key, rollback: 3, room: 4096 }
}

type Outcome = Result<Progress, LoadError<&'static str>>;

/// Loads `image` in pieces of `piece` bytes; the outcome of the last push, and what the target saw.
fn load(image: &[u8], policy: &Policy<'_>, piece: usize) -> (Outcome, Recorder) {
    let mut loader = Loader::new(policy, Recorder::default());
    let mut outcome = Ok(Progress::Wanted);
    for part in image.chunks(piece) {
        outcome = loader.push(part);
        if outcome.is_err() {
            assert_eq!(loader.push(part), Err(LoadError::Stopped));
            break;
        }
    }
    (outcome, loader.finish())
}

#[test]
fn whole_images_come_through_in_pieces_of_any_size() {
    for image in [plain(), signed(3, &key())] {
        let policy = if image.len() == plain().len() { Policy::any(4096) } else { pinned() };
        let digest = *Image::parse(&image).unwrap().digest();
        for piece in [1, 2, 7, 31, 80, 4096] {
            let (outcome, seen) = load(&image, &policy, piece);
            assert_eq!(outcome, Ok(Progress::Loaded(digest)), "pieces of {piece}");
            assert_eq!((seen.begun, seen.committed, seen.abandoned), (1, 1, 0));
            assert_eq!(seen.sections, sections());
        }
    }
}

#[test]
fn a_cut_image_never_runs() {
    let image = signed(3, &key());
    for length in 0..image.len() {
        let (outcome, seen) = load(&image[..length], &pinned(), 64);
        assert_eq!(outcome, Ok(Progress::Wanted), "{length}");
        assert_eq!((seen.committed, seen.abandoned), (0, seen.begun), "{length}");
    }
}

/// Every bit of a signed image: refused, by the same rule as the whole reader where that comes first, and never run.
#[test]
fn a_damaged_image_never_runs() {
    let image = signed(3, &key());
    let mut by_signature = 0;
    for bit in 0..image.len() * 8 {
        let mut damaged = image.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let (outcome, seen) = load(&damaged, &pinned(), 64);
        assert_eq!(seen.committed, 0, "bit {bit}");
        match outcome {
            Err(LoadError::Image(_)) => assert!(Image::parse(&damaged).is_err(), "bit {bit}"),
            Err(LoadError::Refused(Refusal::WrongSignature)) => by_signature += 1,
            // A header that says other lengths, chips or counters is refused before its checksum is complete, or waits.
            Err(LoadError::Refused(_)) | Ok(Progress::Wanted) => {
                assert!(bit / 8 < 112, "bit {bit}: {outcome:?}")
            }
            other => panic!("bit {bit}: {other:?}"),
        }
    }
    assert_eq!(by_signature, 64 * 8);
}

#[test]
fn what_this_board_does_not_take_is_refused_before_the_first_write() {
    let refusal = |image: &[u8], policy: &Policy<'_>| {
        let (outcome, seen) = load(image, policy, 16);
        let Err(LoadError::Refused(refusal)) = outcome else { panic!("{outcome:?}") };
        (refusal, seen)
    };
    let good = signed(3, &key());
    let with = |change: &dyn Fn(&mut Policy<'static>)| {
        let mut policy = pinned();
        change(&mut policy);
        let (refusal, seen) = refusal(&good, &policy);
        assert_eq!(seen.begun, 0, "{refusal}");
        refusal
    };
    assert_eq!(with(&|p| p.chip = Some(chip("another"))), Refusal::OtherChip);
    let revision = with(&|p| p.chip = Some(Chip { revisions: (1, 3), ..chip("loadable") }));
    assert_eq!(revision, Refusal::OtherRevision { image: 0, least: 1, most: 3 });
    assert_eq!(with(&|p| p.room = 100), Refusal::TooLong { bytes: good.len() as u64, room: 100 });
    assert_eq!(with(&|p| p.rollback = 4), Refusal::RolledBack { image: 3, least: 4 });
    let less = |limits| move |p: &mut Policy<'static>| p.chip = Some(Chip { limits, ..chip("loadable") });
    let limits = chip("loadable").limits;
    assert_eq!(with(&less(ChipLimits { kind: 2, ..limits })), Refusal::OtherKind { image: 1, chip: 2 });
    let rows = with(&less(ChipLimits { rows: 7, ..limits }));
    assert_eq!(rows, Refusal::BeyondChip { what: "rows", needed: 8, available: 7 });
    // Unsigned, or by another key.
    let (unsigned, seen) = refusal(&plain(), &pinned());
    assert_eq!((unsigned, seen.begun), (Refusal::Unsigned, 0));
    let (wrong, seen) = refusal(&signed(3, &SigningKey::from_bytes(&[8; 32])), &pinned());
    assert_eq!((wrong, seen.begun, seen.committed, seen.abandoned), (Refusal::WrongSignature, 1, 0, 1));
}

#[test]
fn a_target_that_fails_is_told_to_give_up() {
    let policy = Policy::any(4096);
    let image = plain();
    for fails_at in 0.. {
        let mut loader = Loader::new(&policy, Recorder { fails_at: Some(fails_at), ..Recorder::default() });
        let outcome = loader.push(&image);
        let seen = loader.finish();
        if outcome == Ok(Progress::Loaded(*Image::parse(&image).unwrap().digest())) {
            assert!(fails_at > 6, "{fails_at}");
            break;
        }
        assert_eq!(outcome, Err(LoadError::Target("told to")), "{fails_at}");
        assert_eq!((seen.committed, seen.abandoned), (0, 1), "{fails_at}");
    }
}

/// A chip that notes whether it runs.
#[derive(Default)]
struct Held {
    memory: Vec<u8>,
    runs: bool,
    log: Vec<&'static str>,
}

impl ChipBus for Held {
    type Error = &'static str;

    fn hold(&mut self) -> Result<(), Self::Error> {
        self.runs = false;
        self.log.push("hold");
        Ok(())
    }

    fn release(&mut self) -> Result<(), Self::Error> {
        self.runs = true;
        self.log.push("release");
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        assert!(!self.runs, "written while it runs");
        let at = address as usize;
        self.memory.resize(self.memory.len().max(at + bytes.len()), 0);
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let at = address as usize;
        bytes.copy_from_slice(&self.memory[at..at + bytes.len()]);
        Ok(())
    }
}

#[test]
fn a_chip_is_held_until_everything_is_there() {
    let windows = [(Tag::EDGES, 0x100, 64), (Tag::PROGRAM, 0x200, 64), (Tag::WEIGHTS, 0x300, 64)];
    let policy = Policy::any(4096);
    let image = plain();
    let running = Held { runs: true, ..Held::default() };
    let mut loader = Loader::new(&policy, ChipTarget::new(running, Windows { windows: &windows }));
    // The transfer breaks after 150 bytes, and goes on where the loader says.
    assert_eq!(loader.push(&image[..150]), Ok(Progress::Wanted));
    assert_eq!(loader.position(), 150);
    let end = loader.push(&image[150..]).unwrap();
    assert!(matches!(end, Progress::Loaded(_)));
    let chip = loader.finish();
    assert!(chip.bus.runs);
    assert_eq!(chip.bus.log, ["hold", "release"]);
    for (tag, bytes) in sections() {
        if let Some((_, at, _)) = windows.iter().find(|(of, ..)| *of == tag) {
            assert_eq!(chip.bus.memory[*at as usize..][..bytes.len()], bytes, "{tag}");
        }
    }
    // Cut off, it stays held.
    let mut loader = Loader::new(&policy, ChipTarget::new(Held::default(), Windows { windows: &windows }));
    loader.push(&image[..image.len() - 1]).unwrap();
    let chip = loader.finish();
    assert!(!chip.bus.runs && !chip.bus.log.contains(&"release"));
    // Too small a window is an error that names the section.
    let small = [(Tag::WEIGHTS, 0, 4)];
    let mut loader = Loader::new(&policy, ChipTarget::new(Held::default(), Windows { windows: &small }));
    assert!(format!("{:?}", loader.push(&image)).contains("NoRoom(Tag(WEIGHTS))"));
}

/// Power fails after every single byte that an update writes or erases: afterwards the old image is in use, or the new one,
/// and always a whole one.
#[test]
fn power_may_fail_at_any_byte_of_an_update() {
    let old = signed(3, &key());
    let new = signed(4, &key());
    let policy = pinned();
    let mut slots = Slots::new(Flash::new(4096), 0, 2048).unwrap();
    update(&mut slots, &policy, &old).unwrap();
    let before = slots.into_flash();
    let (mut old_ones, mut new_ones) = (0, 0);
    for budget in 0.. {
        let mut flash = before.clone();
        flash.budget = Some(budget);
        let mut slots = Slots::new(flash, 0, 2048).unwrap();
        let done = update(&mut slots, &policy, &new).is_ok();
        let mut flash = slots.into_flash();
        flash.budget = None;
        let mut slots = Slots::new(flash, 0, 2048).unwrap();
        let active = slots.active().unwrap().expect("a whole image");
        let found = slots.flash().bytes[active.offset as usize..][..active.bytes as usize].to_vec();
        assert!(Image::parse(&found).is_ok(), "after {budget} bytes");
        match active.slot {
            Slot::A => assert_eq!(found, old, "after {budget} bytes"),
            Slot::B => assert_eq!(found, new, "after {budget} bytes"),
        }
        old_ones += u32::from(active.slot == Slot::A);
        new_ones += u32::from(active.slot == Slot::B);
        // And the next update works, from whatever was left behind.
        update(&mut slots, &policy, &new).expect("a second try");
        assert_eq!(slots.active().unwrap().map(|active| active.bytes as usize), Some(new.len()));
        if done {
            break;
        }
    }
    assert!(old_ones > 2000 && new_ones >= 1, "{old_ones} {new_ones}");
}

fn update(slots: &mut Slots<Flash>, policy: &Policy<'_>, image: &[u8]) -> Result<(), String> {
    let policy = slots.policy(policy).map_err(|error| format!("{error:?}"))?;
    let mut update = slots.update(&policy).map_err(|error| format!("{error:?}"))?;
    for part in image.chunks(37) {
        match update.push(part) {
            Ok(Progress::Loaded(_)) => return Ok(()),
            Ok(Progress::Wanted) => {}
            Err(error) => return Err(format!("{error:?}")),
        }
    }
    Err("cut off".to_owned())
}

/// A board that pushes on after its flash has failed is told so until the end; it never waits for ever.
#[test]
fn pushing_on_after_a_failure_ends() {
    let image = signed(3, &key());
    for budget in 0.. {
        let flash = Flash { budget: Some(budget), ..Flash::new(4096) };
        let mut slots = Slots::new(flash, 0, 2048).unwrap();
        let policy = slots.policy(&pinned()).unwrap();
        let mut update = slots.update(&policy).unwrap();
        let ends: Vec<bool> = image.chunks(37).map(|part| update.push(part).is_ok()).collect();
        if !ends.contains(&false) {
            assert!(budget > 2000 && slots.active().unwrap().is_some());
            break;
        }
        assert_eq!(slots.active().unwrap(), None, "after {budget} bytes");
    }
}

#[test]
fn slots_take_turns_and_never_go_back() {
    let mut slots = Slots::new(Flash::new(8192), 2048, 2048).unwrap();
    let policy = pinned();
    assert_eq!(slots.active().unwrap(), None);
    for (rollback, slot, sequence) in [(3, Slot::A, 0), (5, Slot::B, 1), (5, Slot::A, 2)] {
        update(&mut slots, &policy, &signed(rollback, &key())).unwrap();
        let active = slots.active().unwrap().unwrap();
        assert_eq!((active.slot, active.sequence), (slot, sequence));
    }
    let refused = update(&mut slots, &policy, &signed(4, &key())).unwrap_err();
    assert!(refused.contains("RolledBack { image: 4, least: 5 }"), "{refused}");
    assert_eq!(slots.active().unwrap().unwrap().sequence, 2);
    // Flash that ages: a changed bit makes the other slot the one in use.
    let at = slots.active().unwrap().unwrap().offset as usize + HEADER_BYTES + 5;
    slots.flash().bytes[at] ^= 4;
    assert_eq!(slots.active().unwrap().unwrap().sequence, 1);
}

#[test]
fn resealing_keeps_a_signature_that_then_fails() {
    let mut image = signed(3, &key());
    let seal = image.len() - SEAL_BYTES - 64;
    image[seal - 4] ^= 1;
    assert_eq!(Image::parse(&image).unwrap_err().rule, Rule::SectionChecksum);
    reseal(&mut image).unwrap();
    assert!(Image::parse(&image).is_ok());
    assert_eq!(load(&image, &pinned(), 64).0, Err(LoadError::Refused(Refusal::WrongSignature)));
}
