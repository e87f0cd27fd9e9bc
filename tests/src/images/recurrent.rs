//! A recurrent net: two units that see one input and, one tick later, each other and themselves.
//!
//! The hidden edge is a ring of two slots: a GATHER of age 1 reads what the last tick wrote.
//! The ring outlives the sample, so a second sample goes on where the first one ended.
//!
//! Worked by hand, s = 8, toward zero, weights (x, h0, h1): 180 100 -90 and -60 120 140, ReLU.
//!
//! ```text
//! tick 0   x = 40 = 5:0, h = 0 0     unit 0: HH 5*11 = 55 >> 1 = 27, HL 5*4 = 20 >> 5 = 0    27
//!                                    unit 1: HH -5*3 = -15 >> 1 = -7, HL -5*12 = -60 >> 5 = -1   -8, ReLU 0
//! tick 1   x = 0, h = 27 0           10 and 11
//! tick 2   x = 63, h = 10 11         43 and -4, ReLU 0
//! ```
//!
//! The second sample, 0 10 0, goes on from h = 43 0: 16 19, then 6 14, then -2 (ReLU 0) and 9.

use super::{ImageBuilder, Pattern, prime, weights};
use spandrel_core::{
    crossbar::Activation,
    image::{Codec, Combine},
};

/// Weights, `[unit][x, h0, h1]`.
pub const WEIGHTS: [[i32; 3]; 2] = [[180, 100, -90], [-60, 120, 140]];
/// Two raw samples of three ticks, run one after the other.
pub const SAMPLES: [[i32; 3]; 2] = [[40, 0, 63], [0, 10, 0]];
/// What they emit: the units' codes after the last tick.
pub const OUTPUTS: [[i32; 2]; 2] = [[43, 0], [0, 9]];

/// The network without known answers.
#[must_use]
pub fn image() -> ImageBuilder {
    let mut b = ImageBuilder::new("prime");
    let x = b.edge(Codec::U8, 3);
    let h = b.ring(Codec::U8, 2, 2, 0);
    b.scale_input(x, 3, 1, 0, 63);

    let matrix: Vec<Vec<i32>> = WEIGHTS.iter().map(|unit| unit.to_vec()).collect();
    let matrix = b.blob(weights::sign_magnitude(8, &matrix));
    let mut cell = prime(3, 0, 2, matrix, 8);
    cell.activation = Activation::Relu;
    let cell = b.crossbar(cell);

    b.repeat(0, 3, |b| {
        b.gather(Pattern::on(x).axis(3, 1, 0).term(0, 0, 1), 0);
        b.gather(Pattern::run(h, 2, 0, 2).age(1), 1);
        b.invoke(cell, false, true);
        b.scatter(Combine::Set, Pattern::run(h, 2, 0, 2), 0);
        b.tick();
    });
    b.emit(0, Pattern::run(h, 2, 0, 2).age(1));
    b
}
