//! A convolution in a loop: 3 x 4 image, one 3 x 3 kernel per channel, two channels, stride 2,
//! one column of padding left and right, so two positions.
//!
//! The padding is a clause of the horizontal axis: at position 0 the window's left column lies
//! at coordinate -1, which a flat index would take for the end of the row above.
//!
//! Worked by hand for the image below, position 1, channel 0, s = 7, rounding down. The window
//! is 20 30 40 / 60 63 0 / 14 21 28, in halves of three bits 2:4 3:6 5:0 / 7:4 7:7 0:0 / 1:6 2:5 3:4;
//! the kernel 30 -20 10 / 50 100 -60 / 5 0 -5 is 1:14 -1:-4 0:10 / 3:2 6:4 -3:-12 / 0:5 0:0 0:-5.
//!
//! ```text
//! HH = 2*1 - 3*1 + 7*3 + 7*6              =  62    weight 2^7:  62 >> 0 = 62
//! HL = 2*14 - 3*4 + 5*10 + 7*2 + 7*4 + 1*5 - 3*5 = 98    weight 2^3:  98 >> 4 =  6
//! LH = 4*1 - 6*1 + 4*3 + 7*6              =  52    weight 2^4:  52 >> 3 =  6
//! LL = 4*14 - 6*4 + 4*2 + 7*4 + 6*5 - 4*5 =  78    weight 2^0:  78 >> 7 =  0
//! ```
//!
//! 74 clips to 63. Position 0 reads 9 10 20 / 9 50 60 / 9 7 14 with the pad code 9 and gives 15 and 13.

use super::{ImageBuilder, Pattern, prime, weights};
use spandrel_core::{
    arith::Rounding,
    crossbar::{Activation, Readout},
    image::{Codec, Combine},
};

/// The kernels, `[channel][row * 3 + column]`.
pub const KERNELS: [[i32; 9]; 2] =
    [[30, -20, 10, 50, 100, -60, 5, 0, -5], [-128, 64, 32, 16, -8, 4, 255, -255, 90]];
/// A raw sample, row by row.
pub const SAMPLE: [i32; 12] = [10, 20, 30, 40, 50, 60, 63, 0, 7, 14, 21, 28];
/// What it emits: position by position, the channels within.
pub const OUTPUTS: [i32; 4] = [15, 13, 63, 12];

/// The network without known answers.
#[must_use]
pub fn image() -> ImageBuilder {
    let mut b = ImageBuilder::new("prime");
    let x = b.edge(Codec::U8, 12);
    let y = b.edge(Codec::I8, 4);
    b.scale_input(x, 12, 1, 0, 63);

    let kernels: Vec<Vec<i32>> = KERNELS.iter().map(|kernel| kernel.to_vec()).collect();
    let kernels = b.blob(weights::dense(9, &kernels));
    let mut conv = prime(9, 0, 2, kernels, 7);
    conv.readout = Readout::Composed { shift: 7, rounding: Rounding::Floor };
    conv.activation = Activation::Relu;
    let conv = b.crossbar(conv);

    b.repeat(0, 2, |b| {
        // Axis 0 is the row (pitch 4), axis 1 the column; loop register 0 moves the column by two.
        let window =
            Pattern::on(x).axis(3, 4, 0).axis(4, 1, -1).dim(0, 3, 1).dim(1, 3, 1).term(1, 0, 2).pad(9);
        b.gather(window, 0);
        b.invoke(conv, false, true);
        b.scatter(Combine::Set, Pattern::on(y).axis(2, 2, 0).axis(2, 1, 0).dim(1, 2, 1).term(0, 0, 1), 0);
    });
    b.emit(0, Pattern::run(y, 4, 0, 4));
    b
}
