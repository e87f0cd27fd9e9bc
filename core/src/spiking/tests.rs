//! Worked examples, by hand, and the rules of the parameters.

use super::{Cell, Current, Fire, Limit, Output, Reset, Spiking, Ticked, rate_spike, soma, spikes_of};
use crate::{
    bytes::Fields,
    image::{CONFIG_BYTES, Config, List, Rule, Tables},
    mac::{Overflow, Param},
};

/// `tianji`: no decay, V += W x + L, at the threshold, to zero.
fn tianji() -> Spiking {
    Spiking {
        rows: 0,
        columns: 2,
        blob: u32::MAX,
        spikes_in: 1,
        weight_shift: 0,
        current: None,
        decay_bits: 0,
        keep: Param::Core(1),
        leak: Param::Core(0),
        floor: None,
        potential_bits: 24,
        limit: Limit::TwosComplement,
        fire: Fire::AtThreshold,
        threshold: Param::Core(100),
        threshold_shift: 0,
        reset: Reset::Zero,
        spikes_out: 1,
        refractory: Param::Core(0),
        refractory_collects: false,
        v_init: Param::Core(0),
        window: 0,
        output: Output::Spikes,
    }
}

/// `loihi` with du = 409, dv = 163 and T = 25 * 2^6.
fn loihi() -> Spiking {
    Spiking {
        weight_shift: 6,
        current: Some(Current { keep: Param::Core(4096 - 410), bits: 24, overflow: Overflow::Wrap }),
        decay_bits: 12,
        keep: Param::Core(4096 - 163),
        limit: Limit::Symmetric,
        fire: Fire::AboveThreshold,
        threshold: Param::Core(25),
        threshold_shift: 6,
        ..tianji()
    }
}

/// One tick of a core that has no tables, well within its window.
fn at(spiking: &Spiking, potential: i32, current: i32, refractory: i32, sum: i32) -> (i32, i32, i32, i32) {
    let cell = Cell { potential, current, refractory };
    let Ticked { cell, spikes } = soma(spiking, &no_tables(), 0, 5, cell, sum);
    (cell.potential, cell.current, cell.refractory, spikes)
}

fn no_tables() -> Tables<'static> {
    Tables(List::empty())
}

#[test]
fn integrate_fire_reset() {
    let at = |spiking: Spiking, potential, sum| {
        let (potential, _, _, spikes) = at(&spiking, potential, 0, 0, sum);
        (potential, spikes)
    };
    let t = tianji();
    assert_eq!(at(t, 60, 39), (99, 0));
    assert_eq!(at(t, 60, 40), (0, 1));
    assert_eq!(at(Spiking { fire: Fire::AboveThreshold, ..t }, 60, 40), (100, 0));
    assert_eq!(at(Spiking { reset: Reset::Subtract, ..t }, 60, 290), (250, 1));
    assert_eq!(at(Spiking { reset: Reset::Value(Param::Core(-7)), ..t }, 60, 290), (-7, 1));
    assert_eq!(at(Spiking { leak: Param::Core(-3), ..t }, 60, 42), (99, 0));
    // Several spikes a tick: 350 holds three thresholds; 300 holds three, but only two can be left behind and exceeded.
    let many = Spiking { spikes_out: 9, reset: Reset::Subtract, ..t };
    assert_eq!(at(many, 60, 290), (50, 3));
    assert_eq!(at(many, 0, 300), (0, 3));
    assert_eq!(at(Spiking { fire: Fire::AboveThreshold, ..many }, 0, 300), (100, 2));
    assert_eq!(at(Spiking { spikes_out: 2, ..many }, 60, 290), (150, 2));
    assert_eq!(at(Spiking { reset: Reset::Zero, ..many }, 60, 290), (0, 3));
    // A threshold of 0 fires at rest, and above it does not.
    assert_eq!(at(Spiking { threshold: Param::Core(0), ..t }, 0, 0), (0, 1));
    assert_eq!(at(Spiking { threshold: Param::Core(0), fire: Fire::AboveThreshold, ..t }, 0, 0), (0, 0));
}

#[test]
fn ends_of_the_registers() {
    let never = Spiking { threshold: Param::Core(i32::MAX), ..tianji() };
    let potential = |spiking: Spiking, potential, sum| at(&spiking, potential, 0, 0, sum).0;
    let most = (1 << 23) - 1;
    assert_eq!(potential(never, most, 1), most);
    assert_eq!(potential(never, -most - 1, -1), -most - 1);
    assert_eq!(potential(Spiking { limit: Limit::Symmetric, ..never }, -most, -1), -most);
    assert_eq!(potential(Spiking { limit: Limit::Wrap, ..never }, most, 1), -most - 1);
    assert_eq!(potential(Spiking { limit: Limit::Wrap, ..never }, -most - 1, -1), most);
    // The floor comes before the register's end.
    assert_eq!(potential(Spiking { floor: Some(Param::Core(-50)), ..never }, -40, -20), -50);
    // All that arrives in a tick is summed before anything saturates: the decayed potential and the sum meet in 64 bits.
    let wide = Spiking { potential_bits: 32, ..never };
    assert_eq!(potential(wide, i32::MAX, i32::MIN), -1);
    assert_eq!(potential(Spiking { leak: Param::Core(i32::MIN), ..wide }, i32::MIN, i32::MIN), i32::MIN);
}

#[test]
fn decays_are_cut_toward_zero() {
    let l = loihi();
    // U: 1000 * 3686 / 4096 = 899.9, -1000 gives -899; V: 1000 * 3933 / 4096 = 960.2.
    assert_eq!(at(&l, 0, 1000, 0, 0), (899, 899, 0, 0));
    assert_eq!(at(&l, 0, -1000, 0, 0), (-899, -899, 0, 0));
    assert_eq!(at(&l, 1000, 0, 0, 641), (0, 641, 0, 1));
    assert_eq!(at(&l, 1000, 0, 0, 639), (1599, 639, 0, 0));
    assert_eq!(at(&l, -1000, 0, 0, 0), (-960, 0, 0, 0));
    // T * 2^6 = 1600 is not above itself.
    assert_eq!(at(&l, 1000, 0, 0, 640), (1600, 640, 0, 0));
}

#[test]
fn a_current_wraps_or_saturates() {
    let keep = Param::Core(4096);
    let wrapping = |overflow| Spiking {
        current: Some(Current { keep, bits: 8, overflow }),
        threshold: Param::Core(i32::MAX >> 6),
        ..loihi()
    };
    assert_eq!(at(&wrapping(Overflow::Wrap), 0, 100, 0, 28).1, -128);
    assert_eq!(at(&wrapping(Overflow::Saturate), 0, 100, 0, 28).1, 127);
    assert_eq!(at(&wrapping(Overflow::Wrap), 0, -100, 0, -29).1, 127);
    assert_eq!(at(&wrapping(Overflow::Saturate), 0, -100, 0, -29).1, -128);
}

#[test]
fn refractory_neurons_hold() {
    let t = Spiking { refractory: Param::Core(2), leak: Param::Core(9), ..tianji() };
    assert_eq!(at(&t, 0, 0, 0, 95), (0, 0, 2, 1));
    assert_eq!(at(&t, 0, 0, 2, 95), (0, 0, 1, 0));
    assert_eq!(at(&t, 0, 0, 1, 95), (0, 0, 0, 0));
    assert_eq!(at(&t, 0, 0, 0, 1), (10, 0, 0, 0));
    // A counter that is negative, as foreign words may be, is none.
    assert_eq!(at(&t, 0, 0, -4, 1), (10, 0, -4, 0));
    let l = Spiking { refractory: Param::Core(2), ..loihi() };
    assert_eq!(at(&l, 0, 1000, 1, 64), (0, 899, 0, 0));
    assert_eq!(at(&Spiking { refractory_collects: true, ..l }, 0, 1000, 1, 64), (0, 963, 0, 0));
}

#[test]
fn windows() {
    let core = Spiking { window: 3, v_init: Param::Core(40), refractory: Param::Core(5), ..loihi() };
    let tick = |clock| {
        let cell = Cell { potential: 7, current: 1000, refractory: 0 };
        let Ticked { cell, spikes } = soma(&core, &no_tables(), 0, clock, cell, 64);
        (cell.potential, cell.current, spikes)
    };
    // 40 * 3933 / 4096 = 38; the current begins at 0.
    assert_eq!(tick(0), (38 + 64, 64, 0));
    assert_eq!(tick(1), (6 + 963, 963, 0));
    assert_eq!(tick(2), (6 + 963, 963, 0));
    for outside in [3, 4, i32::MAX, -1, i32::MIN] {
        assert_eq!(tick(outside), (7, 1000, 0), "clock {outside}");
    }
    assert_eq!(super::next_clock(i32::MAX), i32::MAX);
    assert!(super::running(&Spiking { window: 0, ..core }, i32::MAX));
    assert!(!super::running(&Spiking { window: 0, ..core }, -1));
}

#[test]
fn axons_clip() {
    let core = Spiking { spikes_in: 3, ..tianji() };
    assert_eq!([-5, 0, 1, 3, 4, i32::MAX].map(|x| spikes_of(&core, x)), [0, 0, 1, 3, 3, 3]);
}

#[test]
fn rates_are_even_and_complete() {
    for window in [1, 2, 7, 64, 255, 256] {
        for code in 0..=window {
            let spikes = (0..window).filter(|tick| rate_spike(*tick, code as i32, window) == Some(true));
            assert_eq!(spikes.count(), code as usize);
        }
    }
    let ticks = |code| [0, 1, 2, 3, 4, 5, 6, 7].map(|tick| rate_spike(tick, code, 8) == Some(true));
    assert_eq!(ticks(3), [false, false, true, false, false, true, false, true]);
    assert_eq!(rate_spike(0, 1, 0), None);
    assert_eq!(rate_spike(u32::MAX, i32::MIN, 1), Some(false));
    assert_eq!(rate_spike(u32::MAX, i32::MAX, 1), Some(true));
}

/// Records with every field in use, and with none.
fn records() -> [Spiking; 4] {
    let column = |table| Param::Column { table };
    let full = Spiking {
        rows: 7,
        columns: 6,
        blob: 3,
        spikes_in: 300,
        spikes_out: 65_535,
        threshold: column(1),
        leak: column(2),
        current: Some(Current { keep: column(3), bits: 17, overflow: Overflow::Saturate }),
        keep: column(4),
        reset: Reset::Value(column(5)),
        v_init: column(6),
        floor: Some(column(7)),
        refractory: column(8),
        refractory_collects: true,
        window: 77,
        output: Output::Potential,
        ..loihi()
    };
    let wraps = Spiking { limit: Limit::Wrap, reset: Reset::Subtract, leak: Param::Core(-9), ..full };
    [tianji(), loihi(), full, wraps]
}

#[test]
fn records_are_read_as_written_and_nothing_else_is() {
    for core in records() {
        let mut bytes: heapless::Vec<u8, CONFIG_BYTES> = heapless::Vec::new();
        Config::Spiking(core).emit(&mut |part: &[u8]| bytes.extend_from_slice(part).unwrap());
        assert_eq!(bytes.len(), CONFIG_BYTES);
        assert_eq!(Config::parse(&bytes, 0), Ok(Config::Spiking(core)));
        for bit in 0..CONFIG_BYTES * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Config::parse(&other, 0), Ok(Config::Spiking(core)), "bit {bit}");
        }
        assert_eq!(bytes.u16_at(0), Some(3));
    }
}

#[test]
fn rules_of_the_parameters() {
    let (t, l) = (tianji(), loihi());
    let current = |bits, keep| Some(Current { keep: Param::Core(keep), bits, overflow: Overflow::Wrap });
    for (core, field) in [
        (Spiking { rows: (1 << 20) + 1, ..t }, "rows"),
        (Spiking { columns: 0, ..t }, "columns"),
        (Spiking { potential_bits: 33, ..t }, "potential_bits"),
        (Spiking { potential_bits: 1, ..t }, "potential_bits"),
        (Spiking { current: current(1, 0), ..l }, "current_bits"),
        (Spiking { current: current(33, 0), ..l }, "current_bits"),
        (Spiking { current: current(24, 4097), ..l }, "current_keep"),
        (Spiking { decay_bits: 17, ..t }, "decay_bits"),
        (Spiking { weight_shift: 17, ..t }, "weight_shift"),
        (Spiking { threshold_shift: 17, ..t }, "threshold_shift"),
        (Spiking { spikes_in: 0, ..t }, "spikes_in"),
        (Spiking { spikes_out: 0, ..t }, "spikes_out"),
        (Spiking { window: 1 << 31, ..t }, "window"),
        (Spiking { keep: Param::Core(2), ..t }, "keep"),
        (Spiking { keep: Param::Core(-1), ..t }, "keep"),
        (Spiking { threshold: Param::Core(-1), ..t }, "threshold"),
        (Spiking { threshold: Param::Core(0), spikes_out: 2, ..t }, "threshold"),
        (Spiking { threshold: Param::Core(1 << 25), ..l }, "threshold"),
        (Spiking { reset: Reset::Value(Param::Core(1 << 23)), ..t }, "reset_value"),
        (Spiking { v_init: Param::Core(-(1 << 23)), ..l }, "v_init"),
        (Spiking { floor: Some(Param::Core(-(1 << 23) - 1)), ..t }, "floor"),
        (Spiking { refractory: Param::Core(65_536), ..t }, "refractory"),
        (Spiking { refractory: Param::Core(3), refractory_collects: true, ..t }, "refractory_collects"),
        (Spiking { refractory_collects: true, ..l }, "refractory_collects"),
    ] {
        assert_eq!(core.check(), Err((field, Rule::OutOfRange)));
    }
    for core in records() {
        assert_eq!(core.check(), Ok(()));
    }
}

#[test]
fn state_is_laid_out_in_planes() {
    let refractory = Param::Column { table: 0 };
    let planes = |core: Spiking| (core.state_words(), core.current_at(), core.refractory_at());
    assert_eq!(planes(tianji()), (3, 3, 3));
    assert_eq!(planes(loihi()), (5, 3, 5));
    assert_eq!(planes(Spiking { refractory, ..tianji() }), (5, 3, 3));
    assert_eq!(planes(Spiking { refractory, ..loihi() }), (7, 3, 5));
}
