//! Convolutional networks on PRIME-like arrays, as a compiler lays them out: loops over positions, windows that reach over the
//! border, several arrays a layer, sums added from array to array. Weights by chance.

use super::{
    Rng,
    build::{Builder, NONE, prime},
};
use spandrel_core::{
    crossbar::{Activation, Crossbar},
    image::{Access, Axis, Codec, Combine, Dim, Instruction, NO_REGISTER, NO_TABLE, Term},
};

/// An edge of height x width x channels signals, channels fastest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane {
    pub(crate) edge: u32,
    pub(crate) height: u32,
    pub(crate) width: u32,
    pub(crate) channels: u32,
}

/// A network under construction.
pub(crate) struct Net {
    pub(crate) b: Builder,
    rng: Rng,
}

/// Rows and columns of an array, one row being a bias row.
const ARRAY: (u32, u32) = (255, 128);

impl Plane {
    /// `rows` x `columns` pixels of all channels from pixel `(y, x)` on, moved by registers 0 and 1 times `stride`.
    fn window(
        &self,
        (y, x): (i32, i32),
        (rows, columns): (u32, u32),
        stride: u32,
        channels: (u32, u32),
    ) -> Access {
        let mut access = Access::run(self.edge, 1, 0, 1);
        let row = self.width * self.channels;
        access.axes.clear();
        access.axes.push(Axis { extent: self.height, pitch: row, origin: y }).unwrap();
        access.axes.push(Axis { extent: self.width, pitch: self.channels, origin: x }).unwrap();
        access.axes.push(Axis { extent: self.channels, pitch: 1, origin: channels.0 as i32 }).unwrap();
        access.dims.clear();
        for (axis, count) in [(0, rows), (1, columns), (2, channels.1)] {
            access.dims.push(Dim { count, step: 1, axis }).unwrap();
        }
        for register in 0..2 {
            access.terms.push(Term { coefficient: stride as i32, register, axis: register }).unwrap();
        }
        access
    }

    const fn signals(&self) -> u32 {
        self.height * self.width * self.channels
    }
}

const fn invoke(config: u32, accumulate: bool, finish: bool) -> Instruction {
    Instruction::Invoke { accumulate, finish, config, state: 0, register: NO_REGISTER, stride: 0 }
}

impl Net {
    /// A network whose input has this height, width and number of channels, codes 0..=63.
    pub(crate) fn new(height: u32, width: u32, channels: u32, seed: u64) -> (Self, Plane) {
        let mut net = Self { b: Builder::default(), rng: Rng(seed) };
        let input = net.plane(height, width, channels);
        net.b.identity(Codec::U8, input.signals(), input.edge, (0, 63));
        (net, input)
    }

    fn plane(&mut self, height: u32, width: u32, channels: u32) -> Plane {
        let edge = self.b.edge(height * width * channels, Codec::I8);
        Plane { edge, height, width, channels }
    }

    fn push(&mut self, instruction: Instruction) {
        self.b.program.push(instruction);
    }

    /// `body` at every pixel of `to`.
    fn pixels(&mut self, to: Plane, body: impl FnOnce(&mut Self)) {
        let start = self.b.program.len() as u32;
        self.push(Instruction::Loop { register: 0, trips: to.height });
        self.push(Instruction::Loop { register: 1, trips: to.width });
        body(self);
        self.push(Instruction::End { register: 1, start: start + 1 });
        self.push(Instruction::End { register: 0, start });
    }

    fn finished(mut crossbar: Crossbar, relu: bool) -> Crossbar {
        crossbar.activation = if relu { Activation::Relu } else { Activation::None };
        (crossbar.out_lo, crossbar.out_hi) = (if relu { 0 } else { -63 }, 63);
        crossbar
    }

    /// A convolution with a square kernel.
    pub(crate) fn conv(&mut self, from: Plane, channels: u32, kernel: u32, stride: u32, relu: bool) -> Plane {
        let to = self.plane(from.height.div_ceil(stride), from.width.div_ceil(stride), channels);
        self.conv_into(from, to, (kernel, kernel), stride, (kernel as i32 - 1) / 2, relu);
        to
    }

    /// All signals of `from` to `outputs`.
    pub(crate) fn dense(&mut self, from: Plane, outputs: u32, relu: bool) -> Plane {
        let to = self.plane(1, 1, outputs);
        self.conv_into(from, to, (from.height, from.width), 1, 0, relu);
        to
    }

    fn conv_into(
        &mut self,
        from: Plane,
        to: Plane,
        (rows, columns): (u32, u32),
        stride: u32,
        pad: i32,
        relu: bool,
    ) {
        // Whole stretches of a pixel's channels, as many in an array as fit.
        let piece = from.channels.min(ARRAY.0);
        let mut taps = Vec::new();
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            for first in (0..from.channels).step_by(piece as usize) {
                taps.push((y as i32 - pad, x as i32 - pad, first, piece.min(from.channels - first)));
            }
        }
        let parts: Vec<_> = taps.chunks((ARRAY.0 / piece) as usize).map(<[_]>::to_vec).collect();
        self.pixels(to, |net| {
            for first in (0..to.channels).step_by(ARRAY.1 as usize) {
                let outputs = ARRAY.1.min(to.channels - first);
                for (number, part) in parts.iter().enumerate() {
                    let mut lines = 0;
                    // Neighbouring pixels of a row come with one pattern.
                    for row in part.chunk_by(|a, b| a.0 == b.0 && a.3 == b.3 && a.2 == b.2 && a.1 + 1 == b.1)
                    {
                        let (y, x, channel, count) = row[0];
                        let access = net.b.access(from.window(
                            (y, x),
                            (1, row.len() as u32),
                            stride,
                            (channel, count),
                        ));
                        net.push(Instruction::Gather { access, first: lines });
                        lines += row.len() as u32 * count;
                    }
                    let weights: Vec<Vec<i32>> = (0..outputs)
                        .map(|_| (0..=lines).map(|_| net.rng.range(-255, 255) as i32).collect())
                        .collect();
                    let blob = net.b.sign_magnitude(8, &weights);
                    let mut crossbar = prime(lines, outputs, blob, 9);
                    crossbar.bias_rows = 1;
                    let last = number + 1 == parts.len();
                    if last {
                        crossbar = Self::finished(crossbar, relu);
                    }
                    let config = net.b.config(crossbar);
                    net.push(invoke(config, number > 0, last));
                }
                let access = net.b.access(to.window((0, 0), (1, 1), 1, (first, outputs)));
                net.push(Instruction::Scatter { combine: Combine::Set, access, first: 0 });
            }
        });
    }

    /// A configuration without an array, which finishes sums alone.
    fn alone(&mut self, channels: u32, shift: u8, relu: bool) -> u32 {
        let crossbar = Crossbar { bias_code: 0, sum_shift: shift, ..prime(0, channels, NONE, 0) };
        self.b.config(Self::finished(crossbar, relu))
    }

    /// The sum of two planes, and a ReLU.
    pub(crate) fn sum(&mut self, one: Plane, other: Plane) -> Plane {
        let to = self.plane(one.height, one.width, one.channels);
        let config = self.alone(one.channels, 0, true);
        self.pixels(to, |net| {
            for (combine, plane) in [(Combine::Set, one), (Combine::Add, other)] {
                let access = net.b.access(plane.window((0, 0), (1, 1), 1, (0, plane.channels)));
                net.push(Instruction::Add { combine, access, first: 0 });
            }
            net.push(invoke(config, true, true));
            let access = net.b.access(to.window((0, 0), (1, 1), 1, (0, to.channels)));
            net.push(Instruction::Scatter { combine: Combine::Set, access, first: 0 });
        });
        to
    }

    /// The largest of each window of `size` x `size` pixels.
    pub(crate) fn max_pool(&mut self, from: Plane, size: u32) -> Plane {
        let to = self.plane(from.height / size, from.width / size, from.channels);
        self.pixels(to, |net| {
            for tap in 0..size * size {
                let combine = if tap == 0 { Combine::Set } else { Combine::Max };
                let at = ((tap / size) as i32, (tap % size) as i32);
                let access = net.b.access(from.window(at, (1, 1), size, (0, from.channels)));
                net.push(Instruction::Add { combine, access, first: 0 });
            }
            let access = net.b.access(to.window((0, 0), (1, 1), 1, (0, to.channels)));
            net.push(Instruction::Scatter { combine: Combine::Set, access, first: 0 });
        });
        to
    }

    /// The mean of each channel, rounded toward zero.
    pub(crate) fn mean(&mut self, from: Plane) -> Plane {
        let to = self.plane(1, 1, from.channels);
        let shift = (from.height * from.width).ilog2() as u8;
        let config = self.alone(from.channels, shift, false);
        self.push(Instruction::Reset(spandrel_core::image::ResetTarget::Sums));
        self.pixels(from, |net| {
            let access = net.b.access(from.window((0, 0), (1, 1), 1, (0, from.channels)));
            net.push(Instruction::Add { combine: Combine::Add, access, first: 0 });
        });
        self.push(invoke(config, true, true));
        let access = self.b.run(to.edge, 0, to.channels);
        self.push(Instruction::Scatter { combine: Combine::Set, access, first: 0 });
        to
    }

    /// The image that emits `plane`.
    pub(crate) fn image(mut self, plane: Plane) -> Vec<u8> {
        let access = self.b.run(plane.edge, 0, plane.signals());
        debug_assert_eq!(self.b.accesses[access as usize].table, NO_TABLE);
        self.push(Instruction::Emit { output: 0, access });
        self.b.image()
    }
}

/// The residual network of the keyword and image benchmarks of MLPerf Tiny: 32 x 32 x 3, 12.5 million products.
pub(crate) fn resnet8(seed: u64) -> Vec<u8> {
    let (mut net, input) = Net::new(32, 32, 3, seed);
    let mut from = net.conv(input, 16, 3, 1, true);
    for (channels, stride) in [(16, 1), (32, 2), (64, 2)] {
        let first = net.conv(from, channels, 3, stride, true);
        let second = net.conv(first, channels, 3, 1, false);
        let skip = if stride == 1 { from } else { net.conv(from, channels, 1, stride, false) };
        from = net.sum(second, skip);
    }
    let mean = net.mean(from);
    let out = net.dense(mean, 10, false);
    net.image(out)
}

/// Two convolutions with maxima and two dense layers on 28 x 28 pixels.
pub(crate) fn lenet(seed: u64) -> Vec<u8> {
    let (mut net, input) = Net::new(28, 28, 1, seed);
    let mut from = net.conv(input, 16, 5, 1, true);
    from = net.max_pool(from, 2);
    from = net.conv(from, 32, 5, 1, true);
    from = net.max_pool(from, 2);
    from = net.dense(from, 128, true);
    let out = net.dense(from, 10, false);
    net.image(out)
}
