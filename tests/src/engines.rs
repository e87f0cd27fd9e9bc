//! Fast engine = core engine = naive machine, on one image and some samples: every read, unit, output and state.

use crate::{
    coverage::Coverage,
    images::ImageBuilder,
    naive::{Naive, Seen},
    run::Shown,
};
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel_core::{
    image::Image,
    machine::{Address, Probe, Snapshot},
};

/// Everything that an engine shows of each sample.
///
/// # Panics
/// When the engine does not come to an end.
pub fn shown(engine: &mut dyn ExactEngine, batch: &RawBatch<'_>) -> Vec<Shown> {
    struct Split(Vec<Shown>);
    impl Split {
        fn at(&mut self, sample: u64) -> &mut Shown {
            self.0.resize_with((sample as usize + 1).max(self.0.len()), Shown::default);
            &mut self.0[sample as usize]
        }
    }
    impl Probe for Split {
        fn read(&mut self, at: &Address, value: i32) {
            self.at(at.sample).read(at, value);
        }
        fn unit(&mut self, at: &Address, value: i32) {
            self.at(at.sample).unit(at, value);
        }
        fn tick(&mut self, state: &Snapshot<'_, '_>) {
            // Ticks name no sample; which they belong to does not matter to the comparison.
            self.at(0).tick(state);
        }
    }
    let mut split = Split(Vec::new());
    let mut digests = Vec::new();
    let outputs =
        engine.observe(batch, &mut split, &mut |_, state| digests.push(state.digest())).expect("a run");
    for (sample, digest) in digests.into_iter().enumerate() {
        let own = split.at(sample as u64);
        own.digest = digest;
        own.outputs =
            outputs.tags.iter().zip(outputs.sample(sample)).map(|(tag, code)| (*tag, 0, *code)).collect();
    }
    split.0
}

/// Compares the engines on `samples`, block by block and value by value, and both with the naive machine, which notes in `met` what
/// it met. Returns how many values were compared.
///
/// # Panics
/// When two engines differ; `what` then tells of the case.
pub fn compare(
    b: &ImageBuilder,
    samples: &[Vec<i32>],
    met: &mut Coverage,
    what: &dyn Fn() -> String,
) -> usize {
    let bytes = b.build();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {}", what()));
    let raw = samples.concat();
    let batch = RawBatch::new(RawData::I32(&raw), samples[0].len()).expect("whole samples");
    let one = Options::with_threads(1);
    let mut core = CoreEngine::new(&image, one).expect("an engine");
    let mut fast = FastEngine::new(&image, one).expect("an engine");
    let expected = shown(&mut core, &batch);
    assert_eq!(shown(&mut fast, &batch), expected, "{}", what());
    let outputs = core.run_batch(&batch).expect("a run");
    assert_eq!(fast.run_batch(&batch).expect("a run"), outputs, "{}", what());
    let mut values = 0;
    for (sample, own) in samples.iter().zip(&expected) {
        let seen: Seen = Naive::new(b, met).run(&[sample]);
        let wide = |values: &[(_, i32)]| values.iter().map(|(_, v)| i128::from(*v)).collect::<Vec<_>>();
        assert_eq!(wide(&own.reads), seen.reads, "reads of {}", what());
        assert_eq!(wide(&own.units), seen.units, "units of {}", what());
        let emitted: Vec<_> = seen.outputs.iter().map(|(output, _, value)| (*output, *value)).collect();
        let own_emitted: Vec<_> = own.outputs.iter().map(|(o, _, v)| (*o, i128::from(*v))).collect();
        assert_eq!(own_emitted, emitted, "outputs of {}", what());
        assert_eq!(own.digest, seen.digest, "last digest of {}", what());
        values += seen.reads.len() + seen.units.len() + emitted.len();
    }
    values
}
