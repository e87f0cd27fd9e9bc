//! The fast engine = the core machine = the naive machine, digital and spiking cores above all.

use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel_core::{
    image::{Codec, Combine, Image},
    mac::{Activation, Bias, Mac, Overflow, Requant},
};
use spandrel_tests::{
    coverage::Coverage,
    engines::{compare, shown},
    generate::{Source, case, convolution, spiking_layer},
    images::{ImageBuilder, Pattern, weights},
    naive::Naive,
};

/// Bytes to draw from: the same for the same seed.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x0DD5_EED5;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

#[test]
fn random_programs_show_the_same() {
    let mut compared = 0;
    for seed in 0..1500 {
        let data = bytes(seed, 4096);
        let made = case(&mut Source::new(&data));
        let image = made.image.build();
        if Image::parse(&image).expect("a valid image").work() > 1 << 14 {
            continue;
        }
        compare(&made.image, &made.samples, &mut Coverage::new(), &|| format!("seed {seed}"));
        compared += 1;
    }
    assert!(compared > 700, "only {compared} programs were short enough");
}

/// Samples as one sequence: what one leaves behind is what the next one finds.
#[test]
fn sequences_hold_state_from_sample_to_sample() {
    let (mut compared, mut held) = (0, 0);
    for seed in 0..1500 {
        let data = bytes(seed + 70_000, 4096);
        let made = case(&mut Source::new(&data));
        let built = made.image.build();
        let image = Image::parse(&built).expect("a valid image");
        if image.work() > 1 << 14 || made.samples[0].is_empty() {
            continue;
        }
        // Two sequences of the samples, the second one backwards.
        let backwards = made.samples.iter().rev();
        let samples: Vec<&[i32]> = made.samples.iter().chain(backwards).map(Vec::as_slice).collect();
        let sequence = made.samples.len();
        let raw = samples.concat();
        let alone = RawBatch::new(RawData::I32(&raw), samples[0].len()).expect("whole samples");
        let batch = alone.in_sequences(sequence).expect("whole sequences");
        for threads in [1, 2] {
            let options = Options::with_threads(threads);
            let mut core = CoreEngine::new(&image, options).expect("an engine");
            let mut fast = FastEngine::new(&image, options).expect("an engine");
            let outputs = core.run_batch(&batch).expect("a run");
            assert_eq!(fast.run_batch(&batch).expect("a run"), outputs, "seed {seed}");
            let mut met = Coverage::new();
            let emitted: Vec<i128> = samples
                .chunks(sequence)
                .flat_map(|samples| Naive::new(&made.image, &mut met).run(samples).outputs)
                .map(|(_, _, value)| value)
                .collect();
            let own: Vec<i128> = outputs.codes.iter().map(|code| i128::from(*code)).collect();
            assert_eq!(own, emitted, "seed {seed}");
            held += u32::from(sequence > 1 && core.run_batch(&alone).expect("a run") != outputs);
        }
        let one = Options::with_threads(1);
        let mut core = CoreEngine::new(&image, one).expect("an engine");
        let mut fast = FastEngine::new(&image, one).expect("an engine");
        assert_eq!(shown(&mut fast, &batch), shown(&mut core, &batch), "seed {seed}");
        compared += 1;
    }
    assert!(compared > 300 && held > 100, "{compared} programs, {held} with state that shows");
}

#[test]
fn spiking_layers_show_the_same() {
    let (mut plain, mut silent) = (0, 0);
    for seed in 0..1200 {
        let data = bytes(seed + 33_000, 4096);
        let u = &mut Source::new(&data);
        let (b, core, first) = spiking_layer(u);
        // Lanes of one block that differ: the sample, its spikes in another order, and none.
        let mut turned = first.clone();
        turned.rotate_left(1);
        let samples = [first.clone(), turned, vec![0; first.len()]];
        compare(&b, &samples, &mut Coverage::new(), &|| format!("seed {seed}: {core:?}"));
        plain += u32::from(!core.counts_refractory() && core.spikes_out == 1);
        silent += u32::from(core.window > 0);
    }
    assert!(plain > 300 && plain < 900 && silent > 300, "{plain} plain cores, {silent} with a window");
}

#[test]
fn digital_convolutions_show_the_same() {
    let mut met = std::collections::BTreeMap::<String, usize>::new();
    for seed in 0..600 {
        let data = bytes(seed + 77_000, 8192);
        let (b, samples, core) = convolution(&mut Source::new(&data));
        compare(&b, &samples, &mut Coverage::new(), &|| format!("seed {seed}: {core:?}"));
        let image = b.build();
        let image = Image::parse(&image).expect("a valid image");
        let nests = FastEngine::new(&image, Options::with_threads(1)).expect("an engine").nests();
        let name = |text: String| text.split([' ', '(']).next().unwrap_or("").to_owned();
        for kind in [
            format!("{nests} nests"),
            name(format!("{:?}", core.requant)),
            name(format!("{:?}", core.activation)),
            name(format!("{:?}", core.overflow)),
            format!("pool {}", core.pool > 1),
            format!("wide {}", core.wide()),
            format!("zero {}", core.input_zero != 0),
        ] {
            *met.entry(kind).or_default() += 1;
        }
    }
    for kind in [
        "1 nests",
        "None",
        "Shift",
        "Multiplier",
        "Clamp",
        "Table",
        "PiecewiseLinear",
        "Saturate",
        "Wrap",
        "pool true",
        "wide true",
        "wide false",
        "zero true",
    ] {
        assert!(met.get(kind).is_some_and(|count| *count >= 20), "{kind} of {met:?}");
    }
}

/// Sums of 2^24, 2^53 and more: below the first f32 is exact, below the second f64, and beyond only integers are.
#[test]
fn sums_of_any_size_are_exact() {
    for (bits, input_bits) in [(6u8, 8u8), (12, 16), (26, 24), (32, 24)] {
        let rows = 96u32;
        let mut b = ImageBuilder::new("digital");
        let x = b.edge(Codec::I32, rows);
        let y = b.edge(Codec::I32, 16);
        let (top, code) = ((1i64 << (bits - 1)) - 1, (1i64 << (input_bits - 1)) - 1);
        // The low bits of every sum differ from column to column, so that losing one shows.
        let columns: Vec<Vec<i32>> = (0..16)
            .map(|c| (0..i64::from(rows)).map(|r| if r == 5 { c - 8 } else { top - r % 3 } as i32).collect())
            .collect();
        let blob = b.blob(weights::dense(bits, &columns));
        let params = b.table(&[1, 0, 0]);
        b.encoder(spandrel_core::image::Encoder {
            raw: Codec::I32,
            mapping: spandrel_core::image::Mapping::Affine { shift: 0 },
            signals: 1,
            length: rows,
            edge: x,
            channels: 1,
            inner: 1,
            params,
            order: spandrel_core::image::NO_TABLE,
            lo: i32::MIN,
            hi: i32::MAX,
        });
        // The last 31 bits of the sum are what is kept.
        let core = b.mac(Mac {
            rows,
            columns: 16,
            blob,
            input_bits,
            input_signed: true,
            input_zero: 0,
            accumulator_bits: 32,
            overflow: Overflow::Wrap,
            bias: Bias::None,
            requant: Requant::None,
            output_zero: 0,
            activation: Activation::Clamp,
            pool: 1,
            out_lo: i32::MIN,
            out_hi: i32::MAX,
        });
        b.gather(Pattern::run(x, rows, 0, rows), 0);
        b.invoke(core, false, true);
        b.scatter(Combine::Set, Pattern::run(y, 16, 0, 16), 0);
        b.emit(0, Pattern::run(y, 16, 0, 16));
        let sample: Vec<i32> =
            (0..rows).map(|r| if r == 5 { 1 } else { (code - i64::from(r % 5)) as i32 }).collect();
        let expected: Vec<i32> = columns
            .iter()
            .map(|column| {
                column.iter().zip(&sample).map(|(w, x)| i128::from(*w) * i128::from(*x)).sum::<i128>() as i32
            })
            .collect();
        let image = b.build();
        let image = Image::parse(&image).expect("a valid image");
        let batch = RawBatch::new(RawData::I32(&sample), sample.len()).expect("whole samples");
        for engine in [
            &mut CoreEngine::new(&image, Options::with_threads(1)).expect("an engine")
                as &mut dyn ExactEngine,
            &mut FastEngine::new(&image, Options::with_threads(1)).expect("an engine"),
        ] {
            let outputs = engine.run_batch(&batch).expect("a run");
            assert_eq!(outputs.codes, expected, "{} engine, weights of {bits} bits", engine.name());
        }
    }
}
