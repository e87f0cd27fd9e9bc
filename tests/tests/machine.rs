//! Slicing, resuming, and lent memory that holds anything.

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, any, prop_assert_eq},
    proptest,
    test_runner::RngSeed,
};
use spandrel_core::{
    blob::{SCRATCH_BYTES, StoreFault, WeightStore},
    image::Image,
    machine::{Fault, FaultKind, Machine, RunError, Status, Step},
};
use spandrel_tests::{
    images::{ImageBuilder, conv, mlp, recurrent},
    run,
};

/// The three images with two samples each.
fn networks() -> [(ImageBuilder, Vec<Vec<i32>>); 3] {
    [
        (mlp::image(), mlp::SAMPLES.iter().map(|s| s.to_vec()).collect()),
        (conv::image(), vec![conv::SAMPLE.to_vec(), conv::SAMPLE.iter().rev().copied().collect()]),
        (recurrent::image(), recurrent::SAMPLES.iter().map(|s| s.to_vec()).collect()),
    ]
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(4),
        max_shrink_iters: 500,
        ..ProptestConfig::with_cases(300)
    }
}

#[test]
fn every_constant_budget_gives_the_same() {
    for (builder, samples) in networks() {
        let bytes = builder.build();
        let image = Image::parse(&bytes).unwrap();
        let samples: Vec<&[i32]> = samples.iter().map(Vec::as_slice).collect();
        let whole = run::whole(&image, &samples);
        assert!(!whole.reads.is_empty() && !whole.units.is_empty());
        for budget in 1..=image.work() {
            for resume in [false, true] {
                assert_eq!(run::sliced(&image, &samples, || budget, || resume), whole, "budget {budget}");
            }
        }
    }
}

#[test]
fn a_budget_of_nothing_still_advances() {
    let bytes = mlp::image().build();
    let image = Image::parse(&bytes).unwrap();
    let whole = run::whole(&image, &[&mlp::SAMPLES[0]]);
    assert_eq!(run::sliced(&image, &[&mlp::SAMPLES[0]], || 0, || false), whole);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_budgets_give_the_same(steps in vec((1u64..40, any::<bool>()), 1..40), which in 0usize..3) {
        let (builder, samples) = &networks()[which];
        let bytes = builder.build();
        let image = Image::parse(&bytes).unwrap();
        let samples: Vec<&[i32]> = samples.iter().map(Vec::as_slice).collect();
        let (mut budgets, mut resumes) = (steps.iter().cycle(), steps.iter().cycle());
        let sliced = run::sliced(
            &image,
            &samples,
            || budgets.next().unwrap().0,
            || resumes.next().unwrap().1,
        );
        prop_assert_eq!(sliced, run::whole(&image, &samples));
    }

    /// Words may rot, or be lent full of anything: every call returns, in a bounded number of steps or by
    /// going on for as long as the loop registers say.
    #[test]
    fn lent_words_of_anything_never_panic(
        words in vec(any::<u32>(), 256),
        status in 0u32..5,
        counters in 0u32..3,
        pc in 0u32..20,
        cursor in 0u32..12,
        which in 0usize..3,
    ) {
        let (builder, samples) = &networks()[which];
        let bytes = builder.build();
        let image = Image::parse(&bytes).unwrap();
        let needed = image.header().ram_words as usize;
        let mut ram = words[..needed].to_vec();
        // Plain garbage is refused, with a chance of 2^-32 that it is not.
        let _ = Machine::resume(&image, image.weights(), &mut ram).map(|mut machine| machine.step(1000, &mut ()));
        // Garbage behind a control block that looks like this image's.
        ram[0] = status;
        ram[1] = pc;
        ram[2] = if cursor == 11 { u32::MAX } else { cursor };
        match counters {
            0 => ram[3..9].fill(u32::MAX),
            1 => ram[3..9].fill(0),
            _ => {}
        }
        ram[9] = u32::from_le_bytes(image.digest()[..4].try_into().unwrap());
        let resumed = Machine::resume(&image, image.weights(), &mut ram);
        if status > 3 || pc > image.instruction_count() {
            prop_assert_eq!(resumed.err(), Some(RunError::NotThisImage));
            return Ok(());
        }
        let mut machine = resumed.unwrap();
        let _ = machine.feed(0, 0, samples[0].iter().copied());
        for _ in 0..50 {
            let _ = machine.start();
            if !matches!(machine.step(7, &mut run::Shown::default()), Step::Running) {
                let _ = machine.start();
            }
        }
        let _ = machine.snapshot().digest();
        // A reset makes any memory good.
        machine.reset();
        prop_assert_eq!(machine.status(), Status::Idle);
        machine.feed(0, 0, samples[0].iter().copied()).unwrap();
        machine.start().unwrap();
        let mut shown = run::Shown::default();
        prop_assert_eq!(machine.step(u64::MAX, &mut shown), Step::SampleDone);
        prop_assert_eq!(shown.values(), run::whole(&image, &[&samples[0]]).values());
    }
}

#[test]
fn wrong_calls_are_refused_by_name() {
    let bytes = mlp::image().build();
    let image = Image::parse(&bytes).unwrap();
    let needed = image.header().ram_words;
    let mut short = vec![0; needed as usize - 1];
    let refused = Machine::new(&image, image.weights(), &mut short).map(drop);
    assert_eq!(refused, Err(RunError::MemoryTooSmall { needed }));
    let mut ram = run::memory(&image);
    assert_eq!(
        Machine::resume(&image, image.weights(), &mut ram).map(drop),
        Err(RunError::NotThisImage),
        "memory of another run"
    );
    let mut machine = Machine::new(&image, image.weights(), &mut ram).unwrap();
    assert_eq!(machine.feed(1, 0, [0]), Err(RunError::NoSuchInput(1)));
    assert_eq!(machine.feed(0, 0, [0; 7]), Err(RunError::SampleTooLong { length: 6 }));
    assert_eq!(machine.feed(0, u32::MAX, [0, 0]), Err(RunError::SampleTooLong { length: 6 }));
    assert_eq!(machine.feed(0, 2, [5, 256]), Err(RunError::RawOutOfRange { index: 3, value: 256 }));
    assert_eq!(machine.step(1, &mut ()), Step::SampleDone, "nothing was started");
    machine.start().unwrap();
    assert_eq!(machine.start(), Err(RunError::Busy));
    assert_eq!(machine.feed(0, 0, [1]), Err(RunError::Busy));
    assert_eq!(machine.status(), Status::Running);
}

#[test]
fn another_images_memory_is_refused() {
    let (a, b) = (mlp::image().build(), conv::image().build());
    let (a, b) = (Image::parse(&a).unwrap(), Image::parse(&b).unwrap());
    let mut ram = vec![0; 256];
    let _ = Machine::new(&a, a.weights(), &mut ram).unwrap();
    assert!(Machine::resume(&a, a.weights(), &mut ram).is_ok());
    assert_eq!(Machine::resume(&b, b.weights(), &mut ram).map(drop), Err(RunError::NotThisImage));
}

/// Weights that come through a bus, and fail from the n-th read on.
struct Bus<'w> {
    bytes: &'w [u8],
    left: std::cell::Cell<usize>,
}

impl WeightStore for Bus<'_> {
    fn bytes<'b>(
        &'b self,
        offset: u64,
        length: usize,
        scratch: &'b mut [u8; SCRATCH_BYTES],
    ) -> Result<&'b [u8], StoreFault> {
        self.left.set(self.left.get().checked_sub(1).ok_or(StoreFault)?);
        let out = scratch.get_mut(..length).ok_or(StoreFault)?;
        out.copy_from_slice(&self.bytes[offset as usize..offset as usize + length]);
        Ok(out)
    }
}

#[test]
fn a_weight_store_may_copy_and_may_fail() {
    let bytes = mlp::image().build();
    let image = Image::parse(&bytes).unwrap();
    let mut ram = run::memory(&image);
    let mut faults = 0;
    for left in 0..100 {
        let bus = Bus { bytes: image.weights(), left: left.into() };
        let mut machine = Machine::new(&image, bus, &mut ram).unwrap();
        let mut shown = run::Shown::default();
        let step = machine.run(mlp::SAMPLES[0], &mut shown).unwrap();
        match step {
            Step::SampleDone => assert_eq!(shown.values(), mlp::OUTPUTS[0]),
            Step::Fault(Fault { kind: FaultKind::WeightStore, at }) => {
                faults += 1;
                assert!([1, 3, 6].contains(&at), "instruction {at} invokes nothing");
                assert_eq!(machine.status(), Status::Faulted);
                assert!(machine.start().is_err());
                machine.reset();
                assert_eq!(machine.status(), Status::Idle);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(faults > 10 && faults < 90, "{faults}");
}
