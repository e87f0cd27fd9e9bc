//! The fast engine = the core machine = the naive machine, digital and spiking cores above all.

use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel_core::{
    image::{Codec, Combine, Image},
    mac::{Activation, Bias, Mac, Overflow, Requant},
    machine::{Address, Probe, Snapshot},
};
use spandrel_tests::{
    coverage::Coverage,
    generate::{Source, case, extreme, mac, number, once_in, spiking_layer},
    images::{ImageBuilder, Pattern, weights},
    naive::{Naive, Seen},
    run::Shown,
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

/// Everything that an engine shows of each sample.
fn shown(engine: &mut dyn ExactEngine, batch: &RawBatch<'_>) -> Vec<Shown> {
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

/// Compares the engines on `samples`, block by block and value by value, and both with the naive machine.
fn compare(b: &ImageBuilder, samples: &[Vec<i32>], what: &dyn Fn() -> String) {
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
    let mut met = Coverage::new();
    for (sample, own) in samples.iter().zip(&expected) {
        let seen: Seen = Naive::new(b, &mut met).run(&[sample]);
        let wide = |values: &[(_, i32)]| values.iter().map(|(_, v)| i128::from(*v)).collect::<Vec<_>>();
        assert_eq!(wide(&own.reads), seen.reads, "reads of {}", what());
        assert_eq!(wide(&own.units), seen.units, "units of {}", what());
        let emitted: Vec<_> = seen.outputs.iter().map(|(output, _, value)| (*output, *value)).collect();
        let own_emitted: Vec<_> = own.outputs.iter().map(|(o, _, v)| (*o, i128::from(*v))).collect();
        assert_eq!(own_emitted, emitted, "outputs of {}", what());
        assert_eq!(own.digest, seen.digest, "last digest of {}", what());
    }
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
        compare(&made.image, &made.samples, &|| format!("seed {seed}"));
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
        compare(&b, &samples, &|| format!("seed {seed}: {core:?}"));
        plain += u32::from(!core.counts_refractory() && core.spikes_out == 1);
        silent += u32::from(core.window > 0);
    }
    assert!(plain > 300 && plain < 900 && silent > 300, "{plain} plain cores, {silent} with a window");
}

/// What a convolution on digital cores is made of: `cores` in one accumulator at each pixel.
fn convolution(u: &mut Source<'_>) -> (ImageBuilder, Vec<Vec<i32>>, Mac) {
    let mut b = ImageBuilder::new("digital convolution");
    let columns = number(u, 1, 6) as u32;
    let first = loop {
        let core = mac(u, &mut b, columns);
        if core.rows > 0 || u.is_empty() {
            break core;
        }
    };
    let (height, width) = (number(u, 2, 6) as u32, number(u, 2, 6) as u32);
    let channels = number(u, 1, 3) as u32;
    let row = width * channels;
    let length = height * row;
    let x = b.edge(Codec::I32, length);
    let kept = columns / u32::from(first.pool);
    let y = b.edge(Codec::I32, height * width * kept);
    let params = b.table(&[1, 0, 0]);
    b.encoder(spandrel_core::image::Encoder {
        raw: Codec::I32,
        mapping: spandrel_core::image::Mapping::Affine { shift: 0 },
        signals: 1,
        length,
        edge: x,
        channels: 1,
        inner: 1,
        params,
        order: spandrel_core::image::NO_TABLE,
        lo: i32::MIN,
        hi: i32::MAX,
    });
    let mut cores = vec![first];
    for _ in 0..number(u, 0, 2) {
        let other = mac(u, &mut b, columns);
        if other.rows > 0 {
            cores.push(Mac { rows: other.rows, blob: other.blob, bias: other.bias, ..first });
        }
    }
    // Parts whose sums could pass 64 bits are refused by the parser, but `first` alone never is.
    cores.retain(|core| core.check().is_ok());
    b.repeat(5, height, |b| {
        b.repeat(2, width, |b| {
            for (number_of, core) in cores.iter().enumerate() {
                let mut lines = 0;
                while lines < core.rows {
                    let count = (core.rows - lines).min(number(u, 1, 6) as u32);
                    let (up, left) = (number(u, -1, 1) as i32, number(u, -1, 1) as i32);
                    let window = Pattern::on(x)
                        .axis(height, row, up)
                        .axis(row, 1, left * channels as i32)
                        .dim(1, count, 1)
                        .term(0, 5, 1)
                        .term(1, 2, channels as i32)
                        .pad(core.input_zero);
                    b.gather(window, lines);
                    lines += count;
                }
                let config = b.mac(*core);
                b.invoke(config, number_of > 0, number_of + 1 == cores.len());
            }
            let pixel = Pattern::on(y)
                .axis(height, width * kept, 0)
                .axis(width, kept, 0)
                .axis(kept, 1, 0)
                .dim(2, kept, 1)
                .term(0, 5, 1)
                .term(1, 2, 1);
            b.scatter(Combine::Set, pixel, 0);
        });
    });
    let outputs = height * width * kept;
    b.emit(0, Pattern::run(y, outputs, 0, outputs));
    let (lo, hi) = (
        i64::from(spandrel_core::mac::input_floor(&first)),
        i64::from(spandrel_core::mac::input_limit(&first)),
    );
    let samples = (0..3)
        .map(|sample| {
            let draw = |u: &mut Source<'_>| {
                if sample == 2 && once_in(u, 4) {
                    extreme(u, i32::MIN.into(), i32::MAX.into())
                } else {
                    extreme(u, lo, hi)
                }
            };
            (0..length).map(|_| draw(u) as i32).collect()
        })
        .collect();
    (b, samples, first)
}

#[test]
fn digital_convolutions_show_the_same() {
    let mut met = std::collections::BTreeMap::<String, usize>::new();
    for seed in 0..600 {
        let data = bytes(seed + 77_000, 8192);
        let (b, samples, core) = convolution(&mut Source::new(&data));
        compare(&b, &samples, &|| format!("seed {seed}: {core:?}"));
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
