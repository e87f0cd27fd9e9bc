//! Spiking networks: the cores of the chips, and a network of two layers whose spikes are worked out by hand.
//!
//! Two codes become spikes over a window of 8 ticks, floor((t + 1) c / 8) > floor(t c / 8):
//!
//! ```text
//! tick      0 1 2 3 4 5 6 7 8
//! code 6    . x x x . x x x           one tick in four is left out
//! code 3    . . x . . x . x
//! ```
//!
//! Layer 1, `tianji` with subtractive reset and threshold 10, weights (7 4), (-3 9), (5 5), leaks 0 1 -2, in ticks 0..8; it sees the
//! input of the same tick:
//!
//! ```text
//! sums      0: 0 7 11 7 0 11 7 11     1: 0 -3 6 -3 0 6 -3 6     2: 0 5 10 5 0 10 5 10
//! V of 0    0 7 18>8 15>5 5 16>6 13>3 14>4                      spikes in ticks 2 3 5 6 7
//! V of 1    1 -1 6 4 5 12>2 0 7                                 a spike in tick 5
//! V of 2    -2 1 9 12>2 0 8 11>1 9                              spikes in ticks 3 6
//! ```
//!
//! Layer 2 sees them a tick later, in ticks 1..9: currents that keep half, potentials that keep 3 of 4, threshold "above 20", to
//! zero, refractory for 1 tick in neuron 1 alone; weights (6 -4 8), (9 9 -9) times 2:
//!
//! ```text
//! arrives in tick    3: n0   4: n0 n2   6: n0 n1   7: n0 n2   8: n0
//! sums of 0          12, 28, 0, 4, 28, 12 in ticks 3 4 5 6 7 8
//! U of 0             12 34 17 12 34 29
//! V of 0             12 43>0 17 12+12=24>0 34>0 29>0            spikes in ticks 4 6 7 8
//! sums of 1          18 0 0 36 0 18
//! U of 1             18 9 4 38 19 27
//! V of 1             18 13+9=22>0 held 38>0 held 27>0           spikes in ticks 4 6 8
//! ```
//!
//! so the counts are 4 and 3.

use super::{ImageBuilder, Pattern, weights};
use spandrel_core::{
    image::{ChipLimits, Codec, Combine, Decoder, Edge, NO_TABLE, Reading, ResetTarget},
    mac::{Overflow, Param},
    spiking::{Current, Fire, Limit, Output, Reset, Spiking},
};

/// Two raw samples.
pub const SAMPLES: [[i32; 2]; 2] = [[6, 3], [0, 8]];
/// Counts of the first sample, by hand.
pub const COUNTS: [i32; 2] = [4, 3];
/// Ticks of a window.
pub const WINDOW: u32 = 8;

/// A core of `tianji`: V += W x + L, at the threshold, to zero; 24 bits that saturate.
#[must_use]
pub const fn tianji(rows: u32, columns: u32, blob: u32, threshold: i32) -> Spiking {
    Spiking {
        rows,
        columns,
        blob,
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
        threshold: Param::Core(threshold),
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

/// A core of `loihi`: decays `du` and `dv` of 4096, weights and thresholds times 2^6, U wraps, V clips to +-(2^23 - 1).
#[must_use]
pub const fn loihi(rows: u32, columns: u32, blob: u32, threshold: i32, (du, dv): (i32, i32)) -> Spiking {
    Spiking {
        weight_shift: 6,
        current: Some(Current { keep: Param::Core(4096 - (du + 1)), bits: 24, overflow: Overflow::Wrap }),
        decay_bits: 12,
        keep: Param::Core(4096 - dv),
        limit: Limit::Symmetric,
        fire: Fire::AboveThreshold,
        threshold_shift: 6,
        ..tianji(rows, columns, blob, threshold)
    }
}

/// The network without known answers.
#[must_use]
pub fn image() -> ImageBuilder {
    let mut b = ImageBuilder::new("spiking");
    b.limits = ChipLimits { kind: 3, rows: 16, columns: 16, cores: 2 };
    let x = b.edge(Codec::U8, 2);
    let coded = b.edge(Codec::Bit, 2);
    let hidden = b.edges.len() as u32;
    b.edges.push(Edge {
        length: 3,
        codec: Codec::Bit,
        clear_on_tick: true,
        slots: 2,
        reset: 0,
        ram_offset: 0,
    });
    let counts = b.edge(Codec::U8, 2);
    b.scale_input(x, 2, 1, 0, 255);

    let first = b.blob(weights::dense(8, &[vec![7, 4], vec![-3, 9], vec![5, 5]]));
    let leak = Param::Column { table: b.table(&[0, 1, -2]) };
    let first = Spiking { reset: Reset::Subtract, leak, window: WINDOW, ..tianji(2, 3, first, 10) };
    let first = b.spiking(first);
    let second = b.blob(weights::dense(8, &[vec![6, -4, 8], vec![9, 9, -9]]));
    let refractory = Param::Column { table: b.table(&[0, 1]) };
    let second = Spiking {
        weight_shift: 1,
        current: Some(Current { keep: Param::Core(2), bits: 16, overflow: Overflow::Wrap }),
        decay_bits: 2,
        keep: Param::Core(3),
        fire: Fire::AboveThreshold,
        refractory,
        window: WINDOW,
        ..tianji(3, 2, second, 20)
    };
    let second = b.spiking(second);
    // Clocks: layer 1 starts at once, layer 2 a tick later. A clock and three potentials stand before layer 2's state.
    b.reset(ResetTarget::State { first: 0, words: 1, value: 0 });
    b.reset(ResetTarget::State { first: 4, words: 1, value: -1 });
    b.reset(ResetTarget::Edge(hidden));
    b.reset(ResetTarget::Edge(counts));
    b.repeat(0, WINDOW + 1, |b| {
        b.rate(0, WINDOW, Pattern::run(x, 2, 0, 2), 0);
        b.scatter(Combine::Set, Pattern::run(coded, 2, 0, 2), 0);
        b.gather(Pattern::run(coded, 2, 0, 2), 0);
        b.invoke_state(first, 0);
        b.scatter(Combine::Set, Pattern::run(hidden, 3, 0, 3), 0);
        b.gather(Pattern::run(hidden, 3, 0, 3).age(1), 0);
        b.invoke_state(second, 4);
        b.scatter(Combine::Add, Pattern::run(counts, 2, 0, 2), 0);
        b.tick();
    });
    b.emit(0, Pattern::run(counts, 2, 0, 2));
    b.decoder(Decoder {
        output: 0,
        reading: Reading::Class,
        signals: 1,
        values: 2,
        coefficients: NO_TABLE,
        offsets: NO_TABLE,
        scale: fixed::types::I32F32::ONE,
    });
    b
}
