//! Known answers beside the plain case: ReLU in test mode, samples that would take too long or are too short, and stores that fail.

use std::cell::Cell;

use spandrel_core::blob::{SCRATCH_BYTES, StoreFault, WeightStore};
use spandrel_core::image::{Image, Subject};
use spandrel_core::machine::{Fault, FaultKind, Machine, RunError, Step};
use spandrel_core::verify::{KnownAnswers, KnownProgress, Mismatch, MismatchKind};
use spandrel_tests::images::{Answer, ImageBuilder, digital, mlp, spiking};
use spandrel_tests::run;

/// Weights that can be read so many times.
#[derive(Clone)]
struct Failing<'w> {
    weights: &'w [u8],
    left: &'w Cell<u32>,
}

impl WeightStore for Failing<'_> {
    fn bytes<'b>(
        &'b self,
        offset: u64,
        length: usize,
        scratch: &'b mut [u8; SCRATCH_BYTES],
    ) -> Result<&'b [u8], StoreFault> {
        self.left.set(self.left.get().checked_sub(1).ok_or(StoreFault)?);
        self.weights.bytes(offset, length, scratch)
    }
}

/// What configuration 0 of the perceptron reads for 50 25 12 at shift 8: the columns of array A, worked by hand in `mlp`.
const READS: [i32; 4] = [28, -10, 20, 6];

fn asked(relu: Option<bool>, answers: [i32; 4]) -> Vec<u8> {
    let mut builder = mlp::image();
    let subject = Subject::Config { config: 0, shift: None, relu };
    builder.answers.push(Answer { subject, inputs: vec![50, 25, 12], answers: answers.to_vec() });
    builder.build()
}

fn check(bytes: &[u8]) -> Result<u64, MismatchKind> {
    let image = Image::parse(bytes).expect("a valid image");
    let answers = KnownAnswers::new(&image, image.weights());
    answers.check(&mut run::memory(&image)).map(|checked| checked.values).map_err(|wrong| wrong.kind)
}

#[test]
fn a_relu_in_test_mode_leaves_nothing_below_zero() {
    let rectified = READS.map(|read| read.max(0));
    for (relu, answers) in [(None, READS), (Some(false), READS), (Some(true), rectified)] {
        assert_eq!(check(&asked(relu, answers)), Ok(4), "{relu:?}");
    }
    let wrong = |expected, found| Err(MismatchKind::Unit { core: 0, unit: 1, expected, found });
    assert_eq!(check(&asked(Some(true), READS)), wrong(-10, 0));
    assert_eq!(check(&asked(Some(false), rectified)), wrong(0, -10));
}

#[test]
fn samples_that_take_too_long_are_not_begun() {
    let mut builder = mlp::image();
    builder.record_networks(&[&mlp::SAMPLES[0]]);
    let bytes = builder.build();
    let image = Image::parse(&bytes).expect("a valid image");
    let mut ram = run::memory(&image);
    let most = |work| KnownAnswers::new(&image, image.weights()).with_work_max(work).check(&mut ram.clone());
    assert_eq!(most(image.work()).map(|checked| checked.networks), Ok(1));
    let kind = MismatchKind::TooLong { work: image.work() };
    assert_eq!(most(image.work() - 1), Err(Mismatch { vector: 0, kind }));
    // Of single cores there is no sample.
    let alone = asked(None, READS);
    let alone = Image::parse(&alone).expect("a valid image");
    let answers = KnownAnswers::new(&alone, alone.weights()).with_work_max(0);
    assert_eq!(answers.check(&mut ram).map(|checked| checked.configs), Ok(1));
    assert_eq!(KnownProgress::default(), KnownProgress::new());
}

#[test]
fn a_sample_that_is_too_short_is_not_run() {
    let bytes = mlp::image().build();
    let image = Image::parse(&bytes).expect("a valid image");
    let mut ram = run::memory(&image);
    let mut machine = Machine::new(&image, image.weights(), &mut ram).expect("memory");
    let short = machine.run(mlp::SAMPLES[0].into_iter().take(5), &mut ());
    assert_eq!(short, Err(RunError::SampleTooShort { length: 6, fed: 5 }));
    machine.reset();
    assert_eq!(machine.run(mlp::SAMPLES[0], &mut ()), Ok(Step::SampleDone));
}

/// Whenever the store fails, machine and check name the fault; when it does not, all is well.
#[test]
fn a_store_that_fails_is_named() {
    let network = |mut builder: ImageBuilder, samples: &[&[i32]]| {
        builder.record_networks(samples);
        builder.build()
    };
    let few = |image: &ImageBuilder| vec![1i32; image.encoders[0].length as usize];
    let (mac, spikes) = (digital::image(), spiking::image());
    let (mac_sample, spike_sample) = (few(&mac), few(&spikes));
    let cases = [
        asked(None, READS),
        network(mlp::image(), &[&mlp::SAMPLES[1]]),
        network(mac, &[&mac_sample]),
        network(spikes, &[&spike_sample]),
    ];
    for bytes in cases {
        let image = Image::parse(&bytes).expect("a valid image");
        let mut failed = 0;
        for reads in 0.. {
            let left = Cell::new(reads);
            let store = Failing { weights: image.weights(), left: &left };
            match KnownAnswers::new(&image, store).check(&mut run::memory(&image)) {
                Ok(_) => break,
                Err(Mismatch {
                    kind: MismatchKind::Fault { kind: FaultKind::WeightStore, instruction },
                    ..
                }) => {
                    failed += 1;
                    let network =
                        matches!(image.vector(0).map(|vector| vector.subject), Some(Subject::Network { .. }));
                    let mut ram = run::memory(&image);
                    let left = Cell::new(reads);
                    let store = Failing { weights: image.weights(), left: &left };
                    let mut machine = Machine::new(&image, store, &mut ram).expect("memory");
                    if network {
                        let vector = image.vector(0).expect("a vector");
                        let raw = (0..vector.inputs.len()).filter_map(|index| vector.inputs.get(index));
                        let fault = Fault { at: instruction, kind: FaultKind::WeightStore };
                        assert_eq!(machine.run(raw, &mut ()), Ok(Step::Fault(fault)), "{reads} reads");
                    } else {
                        assert_eq!(instruction, 0);
                    }
                }
                other => panic!("{reads} reads: {other:?}"),
            }
        }
        assert!(failed > 0);
    }
}
