//! Batches, limits, errors, and arrays that f32 can not sum.

mod engine_common;

use engine_common::{
    Rng,
    build::{Builder, NONE, perceptron, prime},
    trace::{Event, observe},
};
use spandrel::{
    diagnostic::Diagnostic,
    engine::{CoreEngine, EngineError, ExactEngine, FastEngine, Options, Outputs, RawBatch, RawData},
};
use spandrel_core::{
    arith::Rounding,
    crossbar::Readout,
    image::{Access, Axis, Codec, Combine, Dim, Image, Instruction, NO_REGISTER, NO_TABLE, Term},
    machine::{OutputDigest, RunError},
};

const fn invoke(config: u32, finish: bool) -> Instruction {
    Instruction::Invoke { accumulate: false, finish, config, state: 0, register: NO_REGISTER, stride: 0 }
}

fn both(bytes: &[u8], batch: &RawBatch<'_>, threads: usize) -> Result<[Outputs; 2], EngineError> {
    let image = Image::parse(bytes).unwrap();
    let options = Options::with_threads(threads);
    let core = CoreEngine::new(&image, options)?.run(batch, None)?;
    let fast = FastEngine::new(&image, options)?.run(batch, None)?;
    Ok([core, fast])
}

/// Sums of 300 products of 8-bit digits pass 2^24: rounded to f32 they would be wrong, and a bit of it shows.
#[test]
fn sums_beyond_single_precision_are_exact() {
    let lines = 300;
    let mut b = Builder::default();
    let input = b.edge(lines, Codec::U8);
    b.identity(Codec::U8, lines, input, (0, 255));
    let to = b.edge(40, Codec::I32);
    // Column c has a weight of 255 - c in its last row.
    let weights: Vec<Vec<i32>> = (0..40)
        .map(|c| (0..lines).map(|row| if row + 1 == lines { 255 - c } else { 255 }).collect())
        .collect();
    let blob = b.sign_magnitude(8, &weights);
    let mut crossbar = prime(lines, 40, blob, 1);
    (crossbar.input_bits, crossbar.dac_bits) = (8, 8);
    (crossbar.cell_bits, crossbar.slices, crossbar.output_bits) = (8, 1, 24);
    crossbar.readout = Readout::Composed { shift: 1, rounding: Rounding::Floor };
    crossbar.adder_bits = 32;
    crossbar.bias_code = 0;
    let config = b.config(crossbar);
    let (gather, scatter, emit) = (b.run(input, 0, lines), b.run(to, 0, 40), b.run(to, 0, 40));
    b.program = vec![
        Instruction::Gather { access: gather, first: 0 },
        invoke(config, true),
        Instruction::Scatter { combine: Combine::Set, access: scatter, first: 0 },
        Instruction::Emit { output: 0, access: emit },
    ];
    let raw = vec![255u8; lines as usize];
    let batch = RawBatch::new(RawData::U8(&raw), raw.len()).unwrap();
    let [core, fast] = both(&b.image(), &batch, 1).unwrap();
    let expected: Vec<i32> = (0..40).map(|c| (299 * 255 * 255 + 255 * (255 - c)) >> 1).collect();
    assert!(expected[0] > 1 << 23);
    assert_eq!(core.codes, expected);
    assert_eq!(fast.codes, expected);
}

#[test]
fn a_perceptron_gives_the_same_outputs_for_any_threads_and_blocks() {
    let bytes = perceptron(&[300, 140, 10], 7);
    let image = Image::parse(&bytes).unwrap();
    let mut rng = Rng(3);
    let raw: Vec<u8> = (0..300 * 37).map(|_| rng.range(0, 63) as u8).collect();
    let batch = RawBatch::new(RawData::U8(&raw), 300).unwrap();
    let [expected, fast] = both(&bytes, &batch, 2).unwrap();
    assert_eq!(expected, fast);
    assert_eq!((expected.len(), expected.per_sample()), (37, 10));
    assert!(expected.codes.iter().any(|code| *code > 0) && expected.codes.iter().any(|code| *code < 0));
    for (threads, block) in [(1, 1), (1, 5), (3, 64), (64, 3)] {
        let options = Options::with_threads(threads);
        let mut fast = FastEngine::new(&image, options).unwrap().with_block(block);
        assert_eq!(fast.run_batch(&batch).unwrap(), expected, "{threads} threads, blocks of {block}");
        assert_eq!(CoreEngine::new(&image, options).unwrap().run_batch(&batch).unwrap(), expected);
    }
    // The same digest as a probe computes that is shown the samples one by one.
    let mut digest = OutputDigest::new();
    let mut fast = FastEngine::new(&image, Options::default()).unwrap();
    fast.run(&batch, Some(&mut digest)).unwrap();
    assert_eq!(digest.digest(), expected.digest());
    let core = CoreEngine::new(&image, Options::default()).unwrap().state_digests(&batch).unwrap();
    assert_eq!(fast.state_digests(&batch).unwrap(), core);
}

/// Two outputs with literal codes, so that order and tags are stated once without an engine.
#[test]
fn outputs_are_literal() {
    let mut b = Builder::default();
    let input = b.edge(3, Codec::I8);
    b.identity(Codec::I8, 3, input, (-128, 127));
    let mut backwards = Access::run(input, 3, 2, 4);
    backwards.dims[0] = Dim { count: 4, step: -1, axis: 0 };
    backwards.pad = 77;
    let (all, backwards) = (b.run(input, 0, 3), b.access(backwards));
    b.program = vec![
        Instruction::Emit { output: 3, access: backwards },
        Instruction::Emit { output: 0, access: all },
    ];
    let raw = [1i8, -2, 3, 40, 50, -60];
    let batch = RawBatch::new(RawData::I8(&raw), 3).unwrap();
    for outputs in both(&b.image(), &batch, 1).unwrap() {
        assert_eq!(outputs.tags, [3, 3, 3, 3, 0, 0, 0]);
        assert_eq!(outputs.sample(0), [3, -2, 1, 77, 1, -2, 3]);
        assert_eq!(outputs.sample(1), [-60, 50, 40, 77, 40, 50, -60]);
        assert_eq!(outputs.output(1, 0).collect::<Vec<_>>(), [40, 50, -60]);
    }
}

/// A 3x3 convolution with padding over a 5x4 image, on PRIME's array, against sums written out here.
#[test]
fn a_convolution_in_a_loop_is_literal() {
    let (height, width) = (5i32, 4i32);
    let mut b = Builder::default();
    let input = b.edge(20, Codec::U8);
    b.identity(Codec::U8, 20, input, (0, 63));
    let to = b.edge(20, Codec::I16);
    let kernel = [3, -7, 11, 0, 255, -1, 20, 5, -90];
    let blob = b.sign_magnitude(8, &[kernel.to_vec()]);
    let mut crossbar = prime(9, 1, blob, 0);
    crossbar.readout = Readout::Exact { adc_bits: 12 };
    crossbar.adder_bits = 32;
    let config = b.config(crossbar);
    let mut patch = Access::run(input, 20, 0, 1);
    patch.axes.clear();
    patch.axes.push(Axis { extent: 5, pitch: 4, origin: -1 }).unwrap();
    patch.axes.push(Axis { extent: 4, pitch: 1, origin: -1 }).unwrap();
    patch.dims.clear();
    patch.dims.push(Dim { count: 3, step: 1, axis: 0 }).unwrap();
    patch.dims.push(Dim { count: 3, step: 1, axis: 1 }).unwrap();
    patch.terms.push(Term { coefficient: 1, register: 0, axis: 0 }).unwrap();
    patch.terms.push(Term { coefficient: 1, register: 1, axis: 1 }).unwrap();
    let mut pixel = Access::run(to, 20, 0, 1);
    pixel.terms.push(Term { coefficient: 4, register: 0, axis: 0 }).unwrap();
    pixel.terms.push(Term { coefficient: 1, register: 1, axis: 0 }).unwrap();
    let (patch, pixel, emit) = (b.access(patch), b.access(pixel), b.run(to, 0, 20));
    b.program = vec![
        Instruction::Loop { register: 0, trips: 5 },
        Instruction::Loop { register: 1, trips: 4 },
        Instruction::Gather { access: patch, first: 0 },
        invoke(config, true),
        Instruction::Scatter { combine: Combine::Set, access: pixel, first: 0 },
        Instruction::End { register: 1, start: 1 },
        Instruction::End { register: 0, start: 0 },
        Instruction::Emit { output: 0, access: emit },
    ];
    let mut rng = Rng(11);
    let raw: Vec<u8> = (0..60).map(|_| rng.range(0, 63) as u8).collect();
    let batch = RawBatch::new(RawData::U8(&raw), 20).unwrap();
    let mut expected = Vec::new();
    for image in raw.chunks(20) {
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let mut sum = 0;
            for (tap, weight) in kernel.iter().enumerate() {
                let (py, px) = (y + tap as i32 / 3 - 1, x + tap as i32 % 3 - 1);
                if (0..height).contains(&py) && (0..width).contains(&px) {
                    sum += weight * i32::from(image[(py * width + px) as usize]);
                }
            }
            expected.push(sum);
        }
    }
    for outputs in both(&b.image(), &batch, 1).unwrap() {
        assert_eq!(outputs.codes, expected);
    }
}

/// A ring of three slots delays by two ticks; both engines digest the same state at every tick.
#[test]
fn a_delay_is_literal() {
    let mut b = Builder::default();
    let input = b.edge(2, Codec::U8);
    b.identity(Codec::U8, 2, input, (0, 255));
    let ring = b.ring(spandrel_core::image::Edge {
        length: 2,
        codec: Codec::I8,
        clear_on_tick: true,
        slots: 3,
        reset: -9,
        ram_offset: 0,
    });
    let none = b.config(spandrel_core::crossbar::Crossbar { bias_code: 0, ..prime(0, 2, NONE, 0) });
    let (read, write) = (b.run(input, 0, 2), b.run(ring, 0, 2));
    let late = b.access(Access { age: 2, ..Access::run(ring, 2, 0, 2) });
    b.program = vec![
        Instruction::Loop { register: 0, trips: 4 },
        Instruction::Add { combine: Combine::Add, access: read, first: 0 },
        Instruction::Invoke {
            accumulate: true,
            finish: true,
            config: none,
            state: 0,
            register: NO_REGISTER,
            stride: 0,
        },
        Instruction::Scatter { combine: Combine::Set, access: write, first: 0 },
        Instruction::Emit { output: 0, access: late },
        Instruction::Tick,
        Instruction::End { register: 0, start: 0 },
    ];
    let bytes = b.image();
    let image = Image::parse(&bytes).unwrap();
    let raw = [1u8, 50, 2, 60];
    let batch = RawBatch::new(RawData::U8(&raw), 2).unwrap();
    let (expected, outputs) =
        observe(&mut CoreEngine::new(&image, Options::default()).unwrap(), &batch).unwrap();
    // 50, 100, then saturated 127; before anything has come round, the reset code.
    assert_eq!(outputs.sample(0), [-9, -9, -9, -9, 1, 50, 2, 100]);
    assert_eq!(outputs.sample(1), [-9, -9, -9, -9, 2, 60, 4, 120]);
    let found = observe(&mut FastEngine::new(&image, Options::default()).unwrap(), &batch).unwrap();
    assert_eq!(found, (expected.clone(), outputs));
    let ticks: Vec<_> = expected.iter().filter(|event| matches!(event, Event::Tick(_))).collect();
    assert_eq!(ticks.len(), 8);
    assert!(ticks.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn wrong_samples_are_named() {
    let bytes = perceptron(&[8, 4], 1);
    let image = Image::parse(&bytes).unwrap();
    let fit = vec![1i32; 8 * 6];
    let engines = |options| -> [Box<dyn ExactEngine>; 2] {
        let image = Image::parse(Box::leak(bytes.clone().into_boxed_slice())).unwrap();
        [
            Box::new(CoreEngine::new(&image, options).unwrap()),
            Box::new(FastEngine::new(&image, options).unwrap().with_block(2)),
        ]
    };
    for threads in [1, 2, 4] {
        for mut engine in engines(Options::with_threads(threads)) {
            let short = RawBatch::new(RawData::I32(&fit), 6).unwrap();
            assert_eq!(
                engine.run_batch(&short),
                Err(EngineError::SampleLength { found: 6, needed: 8 }),
                "{}",
                engine.name()
            );
            let mut wrong = fit.clone();
            (wrong[8 * 3 + 5], wrong[8 * 4]) = (256, -1);
            let batch = RawBatch::new(RawData::I32(&wrong), 8).unwrap();
            let error =
                EngineError::Refused { sample: 3, error: RunError::RawOutOfRange { index: 5, value: 256 } };
            assert_eq!(engine.run_batch(&batch), Err(error), "{}", engine.name());
            let shown = observe(engine.as_mut(), &batch).map(|_| ());
            assert_eq!(shown, Err(error), "{}", engine.name());
            let diagnostic = Diagnostic::from(error);
            assert_eq!(diagnostic.code, "SP0603");
            assert_eq!(diagnostic.place, "sample 3");
            let none = RawBatch::new(RawData::U8(&[]), 8).unwrap();
            assert_eq!(engine.run_batch(&none), Ok(Outputs::default()));
            assert!(engine.run_batch(&RawBatch::new(RawData::I32(&fit), 8).unwrap()).is_ok());
        }
    }
    let empty = Builder::default();
    assert!(Image::parse(&empty.image()).is_ok_and(|image| {
        let batch = RawBatch::new(RawData::U8(&[1]), 1).unwrap();
        FastEngine::new(&image, Options::default()).unwrap().run_batch(&batch) == Err(EngineError::NoInput)
    }));
    let little = Options { memory: 100, ..Options::with_threads(1) };
    assert!(matches!(FastEngine::new(&image, little), Err(EngineError::TooLarge { .. })));
    assert!(matches!(CoreEngine::new(&image, little), Err(EngineError::TooLarge { .. })));
}

/// A few bytes can describe an array of 2^40 cells, or 2^40 emitted signals: they are refused, not built.
#[test]
fn what_would_not_fit_is_refused() {
    let mut b = Builder::default();
    let input = b.edge(1, Codec::U8);
    b.identity(Codec::U8, 1, input, (0, 1));
    let columns = vec![Vec::new(); 1 << 18];
    let blob = b.sparse(3, 1, 1 << 20, &columns);
    let mut crossbar = prime(1 << 20, 1 << 18, blob, 0);
    (crossbar.cell_bits, crossbar.slices, crossbar.dac_bits) = (2, 1, 1);
    let config = b.config(crossbar);
    b.program = vec![invoke(config, true)];
    let bytes = b.image();
    let image = Image::parse(&bytes).unwrap();
    assert!(matches!(
        FastEngine::new(&image, Options::default()),
        Err(EngineError::TooLarge { what: "the decoded weights", .. })
    ));

    let mut b = Builder::default();
    let input = b.edge(1, Codec::U8);
    b.identity(Codec::U8, 1, input, (0, 1));
    let wide = Access { table: NO_TABLE, ..Access::run(input, 1, 0, 1 << 20) };
    let access = b.access(wide);
    b.program = vec![
        Instruction::Loop { register: 0, trips: 1 << 20 },
        Instruction::Emit { output: 0, access },
        Instruction::End { register: 0, start: 0 },
    ];
    let batch = RawBatch::new(RawData::U8(&[1]), 1).unwrap();
    let error = both(&b.image(), &batch, 1).unwrap_err();
    assert_eq!(
        error,
        EngineError::TooLarge { what: "what the samples emit", needed: 1 << 42, limit: 8 << 30 }
    );
}
