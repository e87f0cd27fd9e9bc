//! The interval proof against brute force: on tiny arrays bounds are attained exactly, on others never passed, and an adder
//! that is too narrow fails the proof.

mod engine_common;

use engine_common::{
    Rng,
    build::{Builder, perceptron, prime},
    random,
};
use spandrel::verify::{bounds, decode, prove_no_wrap, ranges};
use spandrel_core::{
    arith::Rounding,
    crossbar::{Activation, Crossbar, Polarity, Readout, finish},
    image::{Codec, Combine, Config, Image, Instruction, NO_REGISTER, Tag, reseal},
    machine::{Address, Machine, Probe},
};
use spandrel_oracle as oracle;

/// Arrays of at most three inputs whose codes can all be tried.
fn tiny(rng: &mut Rng) -> decode::Array {
    loop {
        let dac_bits = rng.range(1, 2) as u8;
        let exact = rng.chance(40);
        let crossbar = Crossbar {
            rows: rng.range(1, 3) as u32,
            bias_rows: rng.range(0, 2) as u32,
            columns: 1,
            blob: 0,
            input_bits: dac_bits * rng.range(1, 2) as u8,
            dac_bits,
            cell_bits: rng.range(1, 3) as u8,
            slices: rng.range(1, 2) as u8,
            output_bits: rng.range(2, 6) as u8,
            polarity: if exact && rng.chance(50) { Polarity::Offset } else { Polarity::Differential },
            readout: if exact {
                Readout::Exact { adc_bits: rng.range(1, 5) as u8 }
            } else {
                let rounding = if rng.chance(50) { Rounding::Floor } else { Rounding::TowardZero };
                Readout::Composed { shift: rng.range(0, 6) as u8, rounding }
            },
            ..prime(1, 1, 0, 0)
        };
        let bits = crossbar.cell_bits * crossbar.slices;
        if crossbar.polarity == Polarity::Offset && bits < 2 {
            continue;
        }
        let crossbar =
            Crossbar { bias_code: rng.range(0, (1 << crossbar.input_bits) - 1) as u32, ..crossbar };
        let limit = decode::largest(&crossbar);
        let floor = if crossbar.polarity == Polarity::Offset { -limit - 1 } else { -limit };
        let lines = crossbar.rows + crossbar.bias_rows;
        let column = (0..lines).map(|_| rng.range(floor, limit) as i32).collect();
        return decode::Array { crossbar, weights: vec![column] };
    }
}

#[test]
fn bounds_are_those_of_all_inputs() {
    let mut rng = Rng(11);
    let (mut attained, mut clipping) = (0, 0);
    for round in 0..600 {
        let array = tiny(&mut rng);
        let crossbar = &array.crossbar;
        let bound = bounds::column(&array, 0);
        let described = spandrel::verify::arithmetic::described(crossbar);
        let weights: Vec<Vec<i128>> =
            array.weights.iter().map(|column| column.iter().map(|w| i128::from(*w)).collect()).collect();
        let codes = 1u32 << crossbar.input_bits;
        let (mut lo, mut hi, mut share) = (i128::MAX, i128::MIN, false);
        let mut partials = vec![(i128::MAX, i128::MIN); bound.partials.len()];
        for number in 0..codes.pow(crossbar.rows) {
            let inputs: Vec<i32> =
                (0..crossbar.rows).map(|row| (number / codes.pow(row) % codes) as i32).collect();
            let bias = std::iter::repeat_n(crossbar.bias_code as i32, crossbar.bias_rows as usize);
            let x: Vec<i128> = inputs.iter().copied().chain(bias).map(i128::from).collect();
            let read = &oracle::read_array(&described, &x, &weights).unwrap()[0];
            (lo, hi) = (lo.min(read.value), hi.max(read.value));
            share |= read.clipped;
            for (span, partial) in partials.iter_mut().zip(read.partials.iter().flatten()) {
                *span = (span.0.min(*partial), span.1.max(*partial));
            }
            let (share, register) = bounds::clips(&array, 0, &inputs);
            assert_eq!(share || register, read.clipped, "round {round}: {array:?} {inputs:?}");
        }
        let found = (i128::from(bound.read.lo), i128::from(bound.read.hi));
        assert!(found.0 <= lo && hi <= found.1, "round {round}: {found:?} {lo} {hi} {array:?}");
        if bound.attained {
            assert_eq!(found, (lo, hi), "round {round}: {array:?}");
            attained += 1;
        }
        for (span, seen) in bound.partials.iter().zip(&partials) {
            assert_eq!((i128::from(span.lo), i128::from(span.hi)), *seen, "round {round}: {array:?}");
            assert!(span.lo.abs().max(span.hi.abs()) <= bound.gross);
        }
        assert_eq!(share, bound.share_clips || bound.register_clips, "round {round}: {array:?}");
        clipping += u32::from(share);
    }
    println!("{attained} of 600 bounds attained, {clipping} arrays can clip");
    assert!(attained > 400 && clipping > 100 && clipping < 550);
}

struct Watch<'a, 'i> {
    image: &'a Image<'i>,
    ranges: &'a ranges::Ranges,
    cores: &'a [decode::Core],
    seen: u64,
}

impl Probe for Watch<'_, '_> {
    fn unit(&mut self, at: &Address, value: i32) {
        let range = &self.ranges.cores[&at.core];
        let crossbar = &self.cores[at.core as usize].array().unwrap().crossbar;
        let span = range.active[at.unit as usize].unwrap();
        let output = bounds::Span::new(i64::from(crossbar.out_lo), i64::from(crossbar.out_hi));
        assert!(span.within(output).holds(bounds::Span::only(i64::from(value))), "{at:?} {value} {span:?}");
        // The finished sum itself must lie in its range: some sum in it must give this value.
        let sum = range.sums[at.unit as usize].unwrap();
        let ends = [sum.lo, sum.hi].map(|s| s.clamp(i32::MIN.into(), i32::MAX.into()) as i32);
        if !matches!(crossbar.activation, Activation::Table { .. }) {
            let [lo, hi] = ends.map(|sum| finish(crossbar, self.image.tables(), sum));
            assert!((lo..=hi).contains(&value), "{at:?}: {value} outside {lo}..={hi}");
        }
        self.seen += 1;
    }
}

#[test]
fn no_run_leaves_the_ranges() {
    let (mut seen, mut programs) = (0, 0);
    for seed in 0..150 {
        let made = random::image(seed);
        let bytes = made.builder.image();
        let image = Image::parse(&bytes).unwrap();
        let cores = decode::cores(&image).unwrap();
        let columns = |core: &decode::Core| {
            let array = core.array().unwrap();
            (0..array.weights.len()).map(|column| bounds::column(array, column)).collect::<Vec<_>>()
        };
        let bounds: Vec<_> = cores.iter().map(columns).collect();
        let found = ranges::follow(&image, &cores, &bounds).unwrap_or_else(|| panic!("seed {seed}"));
        let mut watch = Watch { image: &image, ranges: &found, cores: &cores, seen: 0 };
        let mut ram = vec![0; image.header().ram_words as usize];
        let mut machine = Machine::new(&image, image.weights(), &mut ram).unwrap();
        let mut rng = Rng(seed);
        // Without a reset between the samples: rings and registers go on.
        for _ in 0..4 {
            let raw: Vec<i32> = (0..made.length).map(|_| made.raw.saturate(rng.next() as i32)).collect();
            machine.run(raw, &mut watch).unwrap();
        }
        seen += watch.seen;
        programs += 1;
    }
    println!("{seen} outputs within their ranges, {programs} programs");
    assert!(seen > 10_000);
}

/// `bytes` with the adder of every configuration at `bits`, sealed again.
fn narrowed(bytes: &[u8], bits: u8) -> Vec<u8> {
    let image = Image::parse(bytes).unwrap();
    let section = image.section(Tag::CONFIGS);
    let at = section.as_ptr() as usize - bytes.as_ptr() as usize;
    let mut out = bytes.to_vec();
    for config in 0..image.config_count() as usize {
        out[at + config * 64 + 30] = bits;
    }
    reseal(&mut out).unwrap();
    out
}

#[test]
fn an_adder_that_is_too_narrow_fails_the_proof() {
    // 600 inputs take three arrays: sums reach 3 * 63 = 189, which 9 bits hold and 8 do not.
    let bytes = perceptron(&[600, 20, 5], 3);
    for (bits, holds) in [(16, true), (9, true), (8, false), (2, false)] {
        let bytes = narrowed(&bytes, bits);
        let image = Image::parse(&bytes).unwrap();
        let proof = prove_no_wrap(&image);
        assert_eq!(proof.evidence.holds(), holds, "{bits} bits: {}", proof.evidence.text);
        if !holds {
            let failure = &proof.evidence.failures[0];
            println!("{failure}");
            assert!(failure.core.is_some() && failure.unit.is_some());
        }
    }
}

#[test]
fn a_sum_that_grows_from_round_to_round_is_not_passed() {
    // One array accumulates on and on in a loop: 1000 rounds of up to 63 pass 16 bits, 500 do not.
    for (trips, holds) in [(500, true), (1000, false), (100_000, false)] {
        let mut b = Builder::default();
        let x = b.edge(4, Codec::U8);
        let y = b.edge(1, Codec::I16);
        b.identity(Codec::U8, 4, x, (0, 63));
        let blob = b.sign_magnitude(8, &[vec![255; 4]]);
        let config = b.config(Crossbar { out_lo: -32768, out_hi: 32767, ..prime(4, 1, blob, 6) });
        let gather = b.run(x, 0, 4);
        let put = b.run(y, 0, 1);
        b.program.push(Instruction::Reset(spandrel_core::image::ResetTarget::Sums));
        b.program.push(Instruction::Gather { access: gather, first: 0 });
        b.program.push(Instruction::Loop { register: 0, trips });
        b.program.push(Instruction::Invoke {
            accumulate: true,
            finish: false,
            config,
            state: 0,
            register: NO_REGISTER,
            stride: 0,
        });
        b.program.push(Instruction::End { register: 0, start: 2 });
        b.program.push(Instruction::Scatter { combine: Combine::Set, access: put, first: 0 });
        b.program.push(Instruction::Emit { output: 0, access: put });
        let bytes = b.image();
        let image = Image::parse(&bytes).unwrap();
        let Some(Config::Crossbar(crossbar)) = image.config(0) else { unreachable!() };
        assert_eq!(crossbar.adder_bits, 16);
        let proof = prove_no_wrap(&image);
        assert_eq!(proof.evidence.holds(), holds, "{trips}: {}", proof.evidence.text);
    }
}
