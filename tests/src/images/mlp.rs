//! A multi-layer perceptron, 6 - 4 - 2, whose first layer is split over two arrays.
//!
//! Worked by hand for the raw sample 200 100 50 25 255 0. The encoder gives floor(raw / 4):
//! x = 50 25 12 6 63 0.
//!
//! First layer, column 0, s = 8, toward zero. Inputs 50 25 12 are 6:2, 3:1, 1:4 in halves of
//! three bits (high:low); weights 120 -40 200 are 7:8, -2:8, 12:8 in halves of four.
//!
//! ```text
//! array A  HH = 6*7 - 3*2 + 1*12 = 48    weight 2^7:  48 >> 1 = 24
//!          HL = 6*8 - 3*8 + 1*8  = 32    weight 2^3:  32 >> 5 =  1
//!          LH = 2*7 - 1*2 + 4*12 = 60    weight 2^4:  60 >> 4 =  3
//!          LL = 2*8 - 1*8 + 4*8  = 40    weight 2^0:  40 >> 8 =  0    read 28
//! array B  inputs 6 63 0 and the bias code 63: 0:6 7:7 0:0 7:7; weights -60 17 80 20: -3:12 1:1 5:0 1:4
//!          HH = 0*-3 + 7*1 + 0 + 7*1 = 14             14 >> 1 =  7
//!          HL = 0*-12 + 7*1 + 0 + 7*4 = 35            35 >> 5 =  1
//!          LH = 6*-3 + 7*1 + 0 + 7*1 = -4             -4 >> 4 =  0
//!          LL = 6*-12 + 7*1 + 0 + 7*4 = -37          -37 >> 8 =  0    read 8
//! ```
//!
//! Sum 36, sum shift 1: hidden code 18. Likewise the columns 1 to 3 read -10 - 24, 20 + 21
//! and 6 - 1: ReLU and shift give the hidden codes 18 0 20 2. The second layer at s = 9 reads 6 and 1.

use super::{ImageBuilder, Pattern, prime, weights};
use spandrel_core::{
    crossbar::Activation,
    image::{Codec, Combine, Decoder, NO_TABLE, Placement, Reading, Route},
};

/// Weights of array A, `[column][row]`: rows are inputs 0..3.
pub const LAYER_1_A: [[i32; 3]; 4] = [[120, -40, 200], [-90, 60, 30], [10, 255, -128], [33, -7, 5]];
/// Weights of array B: rows are inputs 3..6 and a bias row.
pub const LAYER_1_B: [[i32; 4]; 4] =
    [[-60, 17, 80, 20], [100, -100, 50, -10], [5, 90, -45, 0], [-200, 3, 8, 15]];
/// Weights of the second layer: four hidden codes and a bias row.
pub const LAYER_2: [[i32; 5]; 2] = [[80, -50, 120, 30, -12], [-70, 90, 10, -30, 25]];
/// Two raw samples.
pub const SAMPLES: [[i32; 6]; 2] = [[200, 100, 50, 25, 255, 0], [0, 255, 128, 64, 32, 16]];
/// What they emit.
pub const OUTPUTS: [[i32; 2]; 2] = [[6, 1], [4, 3]];

fn matrix<const R: usize>(columns: &[[i32; R]]) -> Vec<Vec<i32>> {
    columns.iter().map(|column| column.to_vec()).collect()
}

/// The network without known answers.
#[must_use]
pub fn image() -> ImageBuilder {
    let mut b = ImageBuilder::new("prime");
    let x = b.edge(Codec::U8, 6);
    let hidden = b.edge(Codec::U8, 4);
    let y = b.edge(Codec::I16, 2);
    b.scale_input(x, 6, 1, 2, 63);

    let a = b.blob(weights::sign_magnitude(8, &matrix(&LAYER_1_A)));
    let part_a = b.crossbar(prime(3, 0, 4, a, 8));
    let c = b.blob(weights::dense(9, &matrix(&LAYER_1_B)));
    let mut layer_1 = prime(3, 1, 4, c, 8);
    (layer_1.sum_shift, layer_1.activation) = (1, Activation::Relu);
    let part_b = b.crossbar(layer_1);
    let d = b.blob(weights::sign_magnitude(8, &matrix(&LAYER_2)));
    let mut layer_2 = prime(4, 1, 2, d, 9);
    (layer_2.out_lo, layer_2.out_hi) = (-32768, 32767);
    let layer_2 = b.crossbar(layer_2);

    b.gather(Pattern::run(x, 6, 0, 3), 0);
    b.invoke(part_a, false, false);
    b.gather(Pattern::run(x, 6, 3, 3), 0);
    b.invoke(part_b, true, true);
    b.scatter(Combine::Set, Pattern::run(hidden, 4, 0, 4), 0);
    b.gather(Pattern::run(hidden, 4, 0, 4), 0);
    b.invoke(layer_2, false, true);
    b.scatter(Combine::Set, Pattern::run(y, 2, 0, 2), 0);
    b.emit(0, Pattern::run(y, 2, 0, 2));

    b.decoder(Decoder {
        output: 0,
        reading: Reading::Class,
        signals: 1,
        values: 2,
        coefficients: NO_TABLE,
        offsets: NO_TABLE,
        scale: fixed::types::I32F32::ONE,
    });
    for (core, config) in [part_a, part_b, layer_2].into_iter().enumerate() {
        b.places.push(Placement { config, chip: 0, core: core as u32, phase: 0 });
    }
    b.routes.push(Route { edge: hidden, from: part_b, to: layer_2, signals: 4 });
    b.notes = "model = \"hand-assembled MLP\"\n".into();
    b
}
