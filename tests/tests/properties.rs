//! Core = oracle on random and on all small operands, and the core machine = the naive machine.
//!
//! The seeds are fixed: the suite does the same on every run. Each property ends by demanding
//! that the cases it is about were met.

use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, RngAlgorithm, RngSeed, TestError, TestRng, TestRunner},
};
use spandrel_core::{
    arith::Rounding,
    crossbar::{Crossbar, Partials, Polarity, Readout, compose, exact},
    image::Image,
    mac::{Overflow, Param},
    spiking::{Cell, Current, Fire, Limit, Reset, Spiking, Ticked, soma},
};
use spandrel_oracle as oracle;
use spandrel_tests::{
    coverage::Coverage,
    fuzzing::{check_array, check_layer, check_mac, check_program, check_spiking},
    generate::Source,
    images::{prime, spiking::tianji},
    naive::{oracle_neuron, oracle_reads},
};
use std::cell::RefCell;

/// Runs `check` on `cases` random strings of up to `bytes` bytes and returns what was met.
fn cases(cases: u32, bytes: usize, seed: u64, check: fn(&mut Source<'_>, &mut Coverage)) -> Coverage {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2000,
        max_shrink_time: 10_000,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let mut seed_bytes = [0; 32];
    seed_bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed_bytes);
    let coverage = RefCell::new(Coverage::new());
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&vec(any::<u8>(), bytes..=bytes), |data| {
        check(&mut Source::new(&data), &mut coverage.borrow_mut());
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, data)) => {
            let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            panic!("{reason}\nfrom the bytes {hex}");
        }
        Err(error) => panic!("{error}"),
    }
    coverage.into_inner()
}

#[test]
fn arrays_read_what_the_oracle_reads() {
    cases(6000, 2048, 1, check_array).demand(
        20,
        &[
            "dense weights",
            "sign-magnitude weights",
            "codebook weights",
            "axon-typed weights",
            "sparse weights",
            "bias rows",
            "more rows than a chunk",
            "offset weights",
            "the lowest offset weight",
            "an input saturates",
            "a weight saturates",
            "a negative sum",
            "a negative read",
            "a share clips",
            "a share clips, the read does not",
            "the register clips above",
            "the register clips below",
            "truncation shows",
            "the roundings differ",
            "a share shifts left",
            "a converter saturates",
            "an exact read",
        ],
    );
}

#[test]
fn layers_give_what_the_oracle_gives() {
    cases(3000, 8192, 2, check_layer).demand(
        20,
        &[
            "several parts",
            "a negative sum of parts",
            "a negative shift is inexact",
            "the adder saturates",
            "the output clips below",
            "the output clips above",
            "pooling",
            "a tie in a pool",
            "no activation",
            "ReLU",
            "a table",
        ],
    );
}

#[test]
fn digital_cores_give_what_the_oracle_gives() {
    cases(12_000, 4096, 4, check_mac).demand(
        20,
        &[
            "an input of a digital core saturates",
            "an input zero point",
            "biases of one word",
            "biases of two words",
            "several digital cores add",
            "a sum of more than 32 bits",
            "a wide sum accumulates",
            "an accumulator saturates",
            "no requantisation",
            "requantisation by shift",
            "a multiplier of each column",
            "a shift of each column",
            "rounding toward zero",
            "rounding down",
            "rounding half up",
            "rounding half to even",
            "gemmlowp's rounding",
            "gemmlowp shifts left",
            "two roundings show",
            "a tie in rounding",
            "an inexact negative quotient",
            "an output zero point",
            "a clamp",
            "a table of a digital core",
            "linear pieces",
            "a digital core pools",
            "a digital core without weights",
            "a code at the lower end",
            "a code at the upper end",
            "a code between the ends",
        ],
    );
}

#[test]
fn programs_do_the_same_on_both_machines() {
    cases(6000, 4096, 3, check_program).demand(
        20,
        &[
            "padding",
            "partial padding",
            "a dropped write",
            "an index table",
            "an older slot",
            "a write saturates",
            "a sum register saturates",
            "a maximum is kept",
            "a spike",
            "no spike",
            "a tick",
            "a clear on tick",
            "an edge reset",
            "an accumulating invocation",
            "a setting invocation",
            "a configuration without an array",
            "pooling",
            "a digital core pools",
            "a digital core without weights",
            "a wide sum accumulates",
            "a neuron fires",
            "a neuron is refractory",
            "a counter holds foreign words",
            "a core waits for its window",
            "a potential leaves its register",
        ],
    );
}

#[test]
fn spiking_cores_give_what_the_oracle_gives() {
    cases(8000, 4096, 5, check_spiking).demand(
        20,
        &[
            "a window begins",
            "a core waits for its window",
            "a core rests after its window",
            "a neuron fires",
            "a neuron stays silent",
            "a neuron fires several times in a tick",
            "a neuron is refractory",
            "a refractory neuron collects",
            "a current",
            "a current leaves its register",
            "a potential leaves its register",
            "a floor holds",
            "a leak",
            "the threshold is met exactly",
            "a reset to zero",
            "a reset to a value",
            "a reset by subtraction",
            "an inexact decay of a negative potential",
            "a potential leaves",
            "several spiking cores add",
        ],
    );
}

/// All states of registers of 4 bits, all sums that can matter, every rule of firing, resetting and leaving a register.
#[test]
fn neurons_of_four_bits_exhaustively() {
    let bytes = spandrel_tests::images::minimal::image().build();
    let image = Image::parse(&bytes).unwrap();
    let mut rules = Vec::new();
    for limit in [Limit::Wrap, Limit::TwosComplement, Limit::Symmetric] {
        for fire in [Fire::AtThreshold, Fire::AboveThreshold] {
            for reset in [Reset::Zero, Reset::Value(Param::Core(-2)), Reset::Subtract] {
                for (spikes_out, threshold) in [(1, 0), (1, 3), (3, 1), (3, 2), (9, 3)] {
                    for overflow in [None, Some(Overflow::Wrap), Some(Overflow::Saturate)] {
                        let keep = Param::Core(5);
                        rules.push(Spiking {
                            potential_bits: 4,
                            decay_bits: 3,
                            keep: Param::Core(if overflow.is_some() { 7 } else { 8 }),
                            current: overflow.map(|overflow| Current { keep, bits: 4, overflow }),
                            refractory: Param::Core(1),
                            floor: (spikes_out == 9).then_some(Param::Core(-6)),
                            leak: Param::Core(1),
                            threshold: Param::Core(threshold),
                            limit,
                            fire,
                            reset,
                            spikes_out,
                            ..tianji(0, 1, u32::MAX, 0)
                        });
                    }
                }
            }
        }
    }
    let mut ticked = 0u64;
    for core in &rules {
        core.check().unwrap();
        let model = oracle_neuron(core, &[], 0);
        for state in 0..16 * 16 * 2 * 40 {
            let (potential, current) = (state % 16 - 8, state / 16 % 16 - 8);
            let (refractory, sum) = (state / 256 % 2, state / 512 - 20);
            let Ticked { cell, spikes } =
                soma(core, image.tables(), 0, 7, Cell { potential, current, refractory }, sum);
            let before = oracle::Soma { v: potential.into(), u: current.into(), rest: refractory.into() };
            let (after, sent) = oracle::tick(&model, 7, before, sum.into());
            let found = (i128::from(cell.potential), i128::from(cell.current), i128::from(cell.refractory));
            assert_eq!((found, i128::from(spikes)), ((after.v, after.u, after.rest), sent), "{core:?}");
            ticked += 1;
        }
    }
    assert_eq!(ticked, 270 * 20_480);
}

/// Every pair of inputs of `bits` bits, every pair of weights up to `limit`.
fn all_operands(bits: u8, limit: i32) -> impl Iterator<Item = ([i32; 2], [i32; 2])> {
    let inputs = 0..1i32 << (2 * bits);
    let span = 2 * limit + 1;
    inputs.flat_map(move |x| {
        (0..span * span).map(move |w| {
            let x = [x & ((1 << bits) - 1), x >> bits];
            (x, [w % span - limit, w / span - limit])
        })
    })
}

fn partials(crossbar: &Crossbar, x: [i32; 2], w: [i32; 2]) -> Partials {
    let mut partials = Partials::zero();
    for (x, w) in x.into_iter().zip(w) {
        partials.add(crossbar, x, w);
    }
    partials
}

#[test]
fn two_rows_of_two_bits_exhaustively() {
    let mut read = 0u64;
    for (dac_bits, cell_bits) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        for output_bits in 1..=4 {
            for shift in 0..=6 {
                for rounding in [Rounding::TowardZero, Rounding::Floor] {
                    let mut crossbar = prime(2, 0, 1, 0, shift);
                    (crossbar.input_bits, crossbar.dac_bits) = (2, dac_bits);
                    (crossbar.cell_bits, crossbar.slices) = (cell_bits, 2 / cell_bits);
                    (crossbar.output_bits, crossbar.bias_code) = (output_bits, 0);
                    crossbar.readout = Readout::Composed { shift, rounding };
                    crossbar.check().unwrap();
                    for (x, w) in all_operands(2, 3) {
                        let expected = oracle_reads(&crossbar, &x.map(i128::from), &[w.to_vec()])[0].value;
                        let found = compose(&crossbar, &partials(&crossbar, x, w), shift, rounding);
                        assert_eq!(i128::from(found), expected, "{crossbar:?} x {x:?} w {w:?}");
                        read += 1;
                    }
                }
            }
        }
    }
    assert_eq!(read, 4 * 4 * 7 * 2 * 16 * 49);
}

#[test]
fn exact_reads_exhaustively() {
    for polarity in [Polarity::Differential, Polarity::Offset] {
        for adc_bits in 1..=4 {
            let mut crossbar = prime(2, 0, 1, 0, 0);
            (crossbar.input_bits, crossbar.dac_bits) = (2, 1);
            (crossbar.cell_bits, crossbar.slices) = (1, 3);
            (crossbar.polarity, crossbar.bias_code) = (polarity, 0);
            crossbar.readout = Readout::Exact { adc_bits };
            crossbar.check().unwrap();
            // The offset takes one of the three bits: -4..=3, and 4 saturates.
            let limit = if polarity == Polarity::Offset { 4 } else { 7 };
            for (x, w) in all_operands(2, limit) {
                let expected = oracle_reads(&crossbar, &x.map(i128::from), &[w.to_vec()])[0].value;
                let found = exact(&crossbar, &partials(&crossbar, x, w), adc_bits);
                assert_eq!(i128::from(found), expected, "{crossbar:?} x {x:?} w {w:?}");
            }
        }
    }
}
