//! Arbitrary bytes, and images damaged behind their checksums.

use crate::repair::repair;
use spandrel_core::{
    image::{Image, Side, reseal},
    machine::{Machine, Step},
    verify::KnownAnswers,
};

/// Images that want more words of memory than this are parsed but not run.
pub const WORDS_MAX: u32 = 1 << 16;
/// Work units that an accepted image is given.
const UNITS_MAX: u64 = 1 << 14;

/// Target `image`: the first byte says whether the rest is taken as it is (0), sealed again (1)
/// or repaired (2); the second seeds the run. Nothing may panic, whatever the bytes.
pub fn image(data: &[u8]) {
    let [mode, seed, bytes @ ..] = data else { return };
    let mut bytes = bytes.to_vec();
    match mode % 3 {
        1 => drop(reseal(&mut bytes)),
        2 => drop(repair(&mut bytes)),
        _ => {}
    }
    exercise(&bytes, *seed);
}

/// Parses `bytes`; if they are accepted, reads every record and runs the program for a bounded
/// time. Returns whether they were accepted.
///
/// # Panics
/// When an accepted image is not what parsing promises.
pub fn exercise(bytes: &[u8], seed: u8) -> bool {
    let image = match Image::parse(bytes) {
        Ok(image) => image,
        Err(error) => {
            // The rule, the place and the way out can all be told.
            assert!(!error.name().is_empty() && !error.way_out().is_empty());
            assert!(!format!("{error}").is_empty());
            return false;
        }
    };
    read_all(&image);
    let words = image.header().ram_words;
    if words > WORDS_MAX {
        return true;
    }
    let mut ram = vec![u32::from(seed) * 0x0101_0101; words as usize];
    let mut machine =
        Machine::new(&image, image.weights(), &mut ram).expect("parsing has computed the words");
    for input in 0..image.input_count() {
        let encoder = image.encoder(input).expect("a counted record");
        let (lo, hi) = encoder.raw.range();
        let raw =
            (0..encoder.length.min(1 << 12)).map(|i| [lo, hi, 0, 1][(i as usize + usize::from(seed)) % 4]);
        machine.feed(input, 0, raw.map(|raw| raw.clamp(lo, hi))).expect("a legal sample");
    }
    let mut codes = Vec::new();
    let mut emitted = Emitted(&mut codes);
    let mut spent = 0;
    let budget = 1 + u64::from(seed);
    machine.start().expect("an idle machine");
    while spent < UNITS_MAX {
        match machine.step(budget, &mut emitted) {
            Step::Running => spent += budget,
            Step::SampleDone => break,
            Step::Fault(fault) => panic!("an accepted image faults: {fault:?}"),
        }
    }
    let _ = machine.snapshot().digest();
    for number in 0..image.decoder_count() {
        let decoder = image.decoder(number).expect("a counted record");
        for value in 0..decoder.values.min(64) {
            let _ = decoder.value(image.tables(), &codes, value);
        }
        if decoder.values < 1 << 12 {
            let _ = decoder.class(image.tables(), &codes);
        }
    }
    if image.work() < UNITS_MAX && image.vector_count() < 16 {
        let _ = KnownAnswers::new(&image, image.weights()).check(&mut ram);
    }
    true
}

struct Emitted<'v>(&'v mut Vec<i32>);

impl spandrel_core::machine::Probe for Emitted<'_> {
    fn emit(&mut self, _: u16, _: u32, value: i32) {
        self.0.push(value);
    }
}

/// Every record that was counted can be read; lookups beyond them give nothing.
fn read_all(image: &Image<'_>) {
    macro_rules! all {
        ($count:ident, $record:ident) => {
            for number in 0..image.$count().min(1 << 10) {
                assert!(image.$record(number).is_some(), "{} {number} can not be read", stringify!($record));
            }
            assert!(image.$record(image.$count()).is_none());
        };
    }
    all!(edge_count, edge);
    all!(access_count, access);
    all!(blob_count, blob);
    all!(config_count, config);
    all!(instruction_count, instruction);
    all!(input_count, encoder);
    all!(decoder_count, decoder);
    all!(vector_count, vector);
    all!(placement_count, placement);
    all!(route_count, route);
    assert!(image.chip().is_ok());
    let _ = (image.notes(), image.header().chip_name());
    for config in 0..image.config_count().min(64) {
        let _ = image.origins().nodes(config);
        let _ = image.origins().element(config, Side::Column, 0);
        let _ = image.origins().element(config, Side::Row, u32::MAX);
    }
}
