//! An image on the emulated board beside the same image on the host: every digest compared.

use spandrel_core::{
    image::Image,
    machine::{Machine, OutputDigest, Probe, Snapshot, Step},
};

use crate::qemu::{Firmware, Session, raw_bytes};

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a sample emits on output 0, and the digests of outputs and of the state after every tick, by the core run here.
struct Shown {
    codes: Vec<i32>,
    output: OutputDigest,
    ticks: Vec<String>,
}

impl Probe for Shown {
    fn emit(&mut self, output: u16, index: u32, value: i32) {
        self.output.emit(output, index, value);
        if output == 0 {
            self.codes.push(value);
        }
    }
    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        self.ticks.push(hex(&state.digest()));
    }
}

/// Class, output digest and state digest of `raw`, from the reset state, and the state's digests after its ticks. Panics when the
/// machine refuses.
#[must_use]
pub fn host(image: &Image<'_>, raw: &[i32]) -> (Option<u32>, String, String, Vec<String>) {
    let mut ram = vec![0; image.header().ram_words as usize];
    let mut machine = Machine::new(image, image.weights(), &mut ram).unwrap();
    let mut shown = Shown { codes: Vec::new(), output: OutputDigest::new(), ticks: Vec::new() };
    assert_eq!(machine.run(raw.iter().copied(), &mut shown), Ok(Step::SampleDone));
    let class = image.decoder(0).and_then(|decoder| decoder.class(image.tables(), &shown.codes));
    (class, hex(&shown.output.digest()), hex(&machine.snapshot().digest()), shown.ticks)
}

/// Runs `image` and `samples` on the board and compares everything with the host. Panics at the first difference.
#[must_use]
pub fn agree(firmware: &Firmware, bytes: &[u8], samples: &[Vec<i32>]) -> Session {
    let session = agree_quietly(firmware, bytes, samples).unwrap_or_else(|reason| panic!("{reason}"));
    println!("{}\n{}", session.facts.join("\n"), session.log);
    assert_eq!(session.exit, Some(0));
    session
}

/// As [`agree`], but an image that the board has no room for is no failure: the session says so.
///
/// # Errors
/// The board could not be run, refused the image for another reason, or differs from the host.
pub fn agree_quietly(firmware: &Firmware, bytes: &[u8], samples: &[Vec<i32>]) -> Result<Session, String> {
    let image = Image::parse(bytes).map_err(|error| error.to_string())?;
    let stream: Vec<Vec<u8>> = samples.iter().map(|raw| raw_bytes(&image, raw)).collect();
    let session = firmware.run(bytes, &stream)?;
    if session.fact("too-large").is_some() {
        return Ok(session);
    }
    let same = |what: &str, found: Option<&str>, expected: &str| {
        let told =
            || format!("{what}: {found:?}, not {expected:?}\n{}\n{}", session.facts.join("\n"), session.log);
        if found == Some(expected) { Ok(()) } else { Err(told()) }
    };
    same("verdict", session.fact("verdict"), "accepted")?;
    same("image-digest", session.fact("image-digest"), &hex(image.digest()))?;
    same("machine-words", session.fact("machine-words"), &image.header().ram_words.to_string())?;
    let found = session.samples();
    same("samples", Some(&found.len().to_string()), &samples.len().to_string())?;
    for (number, (raw, found)) in samples.iter().zip(found).enumerate() {
        let (class, output, state, ticks) = host(&image, raw);
        same("class", Some(&format!("{:?}", found.class)), &format!("{class:?}"))?;
        same("output", Some(&found.output), &output)?;
        same("state", Some(&found.state), &state)?;
        same("ticks", Some(&session.ticks(number).join(" ")), &ticks.join(" "))?;
        if found.instructions < found.longest || found.longest == 0 {
            return Err(format!(
                "{raw:?}: the longest of {} instructions took {}",
                found.instructions, found.longest
            ));
        }
    }
    Ok(session)
}
