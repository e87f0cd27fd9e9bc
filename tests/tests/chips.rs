//! Every built-in chip, and the wide test chip, is one that the core's models take: a configuration with the chip's own
//! parameters, at their extremes, is accepted as a whole image.

use spandrel_core::{
    arith,
    crossbar::{self, Crossbar, weight_floor, weight_limit},
    image::{Codec, Image},
    mac::{self, Bias, Mac, Overflow, Param, Requant},
    spiking::{Current, Fire, Limit, Output, Reset, Spiking},
};
use spandrel_hwdesc::{self as hwdesc, Chip, Encoding, Kind, Per};
use spandrel_tests::images::{ImageBuilder, Packed, weights};

/// An image with one configuration, which is never run.
fn accepted(chip: &Chip, packed: Packed, config: impl Fn(&mut ImageBuilder, u32)) {
    let mut b = ImageBuilder::new(chip.name());
    b.edge(Codec::I32, 1);
    let blob = b.blob(packed);
    config(&mut b, blob);
    let bytes = b.build();
    Image::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", chip.name()));
}

/// The smallest and the largest weight of `encoding` in every cell of a `lines` x `columns` matrix.
fn extremes(encoding: &Encoding, lines: u32, columns: u32) -> Vec<Packed> {
    let (low, high) = encoding.range();
    let full = |weight: i64| vec![vec![weight as i32; lines as usize]; columns as usize];
    match encoding {
        Encoding::SignMagnitude { bits } => {
            [low, high].map(|w| weights::sign_magnitude(bits.get() as u8, &full(w))).to_vec()
        }
        Encoding::DynamicFixedPoint { bits, .. } | Encoding::Fraction { bits, .. } => {
            [low, high].map(|w| weights::dense(bits.get() as u8, &full(w))).to_vec()
        }
        Encoding::AxonTyped { types, .. } => {
            let kinds: Vec<u32> = (0..lines).map(|row| row % types).collect();
            let synapses = vec![vec![true; lines as usize]; columns as usize];
            let values = |w: i64| vec![vec![w as i32; *types as usize]; columns as usize];
            [low, high].map(|w| weights::axon_typed(&kinds, &values(w), &synapses)).to_vec()
        }
        Encoding::Shared { index_bits, per, .. } => {
            let mut book = vec![low as i32; 1 << index_bits.get()];
            book[0] = high as i32;
            let books = if *per == Per::Neuron { columns as usize } else { 1 };
            let last = book.len() as u32 - 1;
            let indices = vec![(0..lines).map(|row| row % 2 * last).collect(); columns as usize];
            vec![weights::codebook(index_bits.get() as u8, &vec![book; books], &indices)]
        }
        other => panic!("no chip of these kinds holds {other:?}"),
    }
}

fn of_crossbar(c: &hwdesc::Crossbar, rows: u32, bias_rows: u32, columns: u32, shift: u32) -> Crossbar {
    Crossbar {
        rows,
        bias_rows,
        columns,
        blob: 0,
        input_bits: c.input_bits.get() as u8,
        dac_bits: c.dac_bits.get() as u8,
        cell_bits: c.cell_bits.get() as u8,
        slices: c.slices as u8,
        output_bits: c.output_bits.get() as u8,
        polarity: match c.polarity {
            hwdesc::Polarity::Differential => crossbar::Polarity::Differential,
            hwdesc::Polarity::Offset => crossbar::Polarity::Offset,
        },
        readout: match c.adc_bits {
            None => crossbar::Readout::Composed { shift: shift as u8, rounding: arith::Rounding::Floor },
            Some(bits) => crossbar::Readout::Exact { adc_bits: bits.get() as u8 },
        },
        adder_bits: c.adder_bits.get() as u8,
        sum_shift: c.sum_shift_max as u8,
        activation: crossbar::Activation::Relu,
        pool: 1,
        bias_code: c.bias_code,
        out_lo: 0,
        out_hi: c.input_max() as i32,
    }
}

/// The chip's core at its extremes; every activation that it has, one configuration each.
fn of_mac(b: &mut ImageBuilder, m: &hwdesc::Mac, blob: u32, columns: u32) -> Vec<Mac> {
    let column = |b: &mut ImageBuilder, value: u32| match m.requantise_per {
        Per::Core => None,
        Per::Neuron => Some(b.table(&vec![value as i32; columns as usize])),
    };
    let shift =
        column(b, m.shift_max).map_or(Param::Core(m.shift_max as u8), |table| Param::Column { table });
    let rounding = match m.rounding {
        hwdesc::Rounding::Floor => mac::Rounding::Floor,
        hwdesc::Rounding::HalfUp => mac::Rounding::HalfUp,
        hwdesc::Rounding::HalfEven => mac::Rounding::HalfEven,
        hwdesc::Rounding::TowardZero => mac::Rounding::TowardZero,
        hwdesc::Rounding::Gemmlowp => mac::Rounding::Gemmlowp,
    };
    let requant = match m.multiplier_bits {
        None => Requant::Shift { shift, rounding },
        Some(bits) => {
            let most = (1u32 << (bits.get() - 1)) - 1;
            let multiplier =
                column(b, most).map_or(Param::Core(most as i32), |table| Param::Column { table });
            Requant::Multiplier { bits: bits.get() as u8, multiplier, shift, rounding }
        }
    };
    let bias = if m.bias_bits.get() > 32 {
        Bias::Pairs { table: b.table(&vec![-1; 2 * columns as usize]) }
    } else {
        Bias::Words { table: b.table(&vec![-1; columns as usize]) }
    };
    let half = 1i32 << (m.output_bits.get() - 1);
    let core = Mac {
        rows: m.rows.get(),
        columns,
        blob,
        input_bits: m.input_bits.get() as u8,
        input_signed: m.input_signed,
        input_zero: 0,
        accumulator_bits: m.accumulator_bits.get() as u8,
        overflow: match m.overflow {
            hwdesc::Overflow::Saturate => Overflow::Saturate,
            hwdesc::Overflow::Wrap => Overflow::Wrap,
        },
        bias,
        requant,
        output_zero: 0,
        activation: mac::Activation::Clamp,
        pool: 1,
        out_lo: if m.output_signed { -half } else { 0 },
        out_hi: if m.output_signed { half - 1 } else { 2 * half - 1 },
    };
    let bits = m.output_bits.get() as u8;
    let mut cores = Vec::new();
    for activation in &m.activations {
        cores.push(match *activation {
            hwdesc::Activation::Table { entries } => {
                let table = b.table(&vec![0; entries as usize]);
                Mac { activation: mac::Activation::Table { table, bits }, ..core }
            }
            hwdesc::Activation::PiecewiseLinear { segments, product_shift, .. } => {
                let table = b.table(&vec![0; 2 * segments as usize]);
                let product_shift = product_shift as u8;
                Mac { activation: mac::Activation::PiecewiseLinear { table, bits, product_shift }, ..core }
            }
            hwdesc::Activation::MaxPool { group } => Mac { pool: group as u8, ..core },
            _ => core,
        });
    }
    cores
}

/// Every reset of the chip, at the largest threshold, leak and floor that it has.
fn of_spiking(s: &hwdesc::Spiking, rows: u32, columns: u32, blob: u32) -> Vec<Spiking> {
    let bits = |bits: hwdesc::Bits| bits.get() as u8;
    let decay = s.potential_decay.or(s.current_decay);
    let decay_bits = decay.map_or(0, |decay| bits(decay.bits));
    let core = Spiking {
        rows,
        columns,
        blob,
        spikes_in: s.spikes_max as u16,
        weight_shift: s.weight_shift as u8,
        current: s.current_decay.map(|_| Current {
            keep: Param::Core(0),
            bits: s.current_bits.map_or(0, bits),
            overflow: match s.current_overflow {
                Some(hwdesc::Overflow::Wrap) => Overflow::Wrap,
                _ => Overflow::Saturate,
            },
        }),
        decay_bits,
        keep: Param::Core(1 << decay_bits),
        leak: Param::Core(-(1 << (s.leak_bits.get() - 1))),
        floor: (s.floor == hwdesc::Setting::Configurable).then_some(Param::Core(0)),
        potential_bits: bits(s.potential_bits),
        limit: match (s.potential_overflow, s.potential_limits) {
            (hwdesc::Overflow::Wrap, _) => Limit::Wrap,
            (_, hwdesc::Limits::Symmetric) => Limit::Symmetric,
            _ => Limit::TwosComplement,
        },
        fire: if s.fire == hwdesc::Fire::AtThreshold { Fire::AtThreshold } else { Fire::AboveThreshold },
        threshold: Param::Core(((1i64 << s.threshold_bits.get()) - 1) as i32),
        threshold_shift: s.threshold_shift as u8,
        reset: Reset::Zero,
        spikes_out: s.spikes_max as u16,
        refractory: Param::Core(s.refractory_max.get() as i32),
        refractory_collects: false,
        v_init: Param::Core(0),
        window: 1 << s.window_bits_max.get(),
        output: Output::Spikes,
    };
    let resets = s.reset.iter().map(|reset| match reset {
        hwdesc::Reset::Subtract => Reset::Subtract,
        hwdesc::Reset::Value => Reset::Value(Param::Core(core.least() as i32)),
        _ => Reset::Zero,
    });
    resets.map(|reset| Spiking { reset, ..core }).collect()
}

#[test]
fn the_core_takes_every_built_in_chip() {
    let wide = include_str!("../../hwdesc/tests/chips/wide.toml");
    let wide = hwdesc::parse(wide, "wide.toml").expect("the wide chip is one");
    let chips = hwdesc::builtin_names().iter().map(|name| hwdesc::builtin(name).expect("it is built in"));
    let (mut crossbars, mut macs, mut spikings) = (0, 0, 0);
    for chip in chips.chain([wide]) {
        // As many rows as there are, few columns: these are all alike.
        match chip.kind() {
            Kind::Crossbar(c) => {
                let (rows, bias_rows, columns) = (c.input_rows().get(), c.bias_rows, 4);
                for encoding in chip.weights() {
                    for packed in extremes(encoding, rows + bias_rows, columns) {
                        accepted(&chip, packed, |b, blob| {
                            for shift in [c.shift_min, c.shift_max] {
                                let core = of_crossbar(c, rows, bias_rows, columns, shift);
                                assert_eq!(
                                    (weight_floor(&core), weight_limit(&core)),
                                    (c.weight_min(), c.weight_max())
                                );
                                b.crossbar(Crossbar { blob, ..core });
                            }
                        });
                        crossbars += 1;
                    }
                }
            }
            Kind::Mac(m) => {
                for encoding in chip.weights() {
                    for packed in extremes(encoding, m.rows.get(), 4) {
                        accepted(&chip, packed, |b, blob| {
                            for core in of_mac(b, m, blob, 4) {
                                b.mac(core);
                            }
                        });
                        macs += 1;
                    }
                }
            }
            Kind::Spiking(s) => {
                for encoding in chip.weights() {
                    for packed in extremes(encoding, s.axons.get(), 4) {
                        accepted(&chip, packed, |b, blob| {
                            for core in of_spiking(s, s.axons.get(), 4, blob) {
                                b.spiking(core);
                            }
                        });
                        spikings += 1;
                    }
                }
            }
            _ => panic!("{}: no model of its kind", chip.name()),
        }
    }
    // prime, isaac; tianji-ann (two encodings), diannao, tpu, wide (two): two extremes each, one of a codebook.
    assert_eq!((crossbars, macs), (4, 10));
    // tianji, tianji-subtract, truenorth, loihi.
    assert_eq!(spikings, 8);
}
