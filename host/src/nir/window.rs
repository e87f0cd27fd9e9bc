//! Convolutions and pools of spiking networks: windows over the last two axes of [channels, height, width]. One axis is
//! a picture of height 1.

/// A convolution; axes are height and width.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// Output channels.
    pub outputs: usize,
    /// Input channels of one group.
    pub inputs: usize,
    /// Groups.
    pub groups: usize,
    /// Whether the file has one axis (Conv1d).
    pub flat: bool,
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub stride: [usize; 2],
    /// Zeros in front.
    pub before: [usize; 2],
    /// Zeros behind.
    pub after: [usize; 2],
    /// Step within a window.
    pub dilation: [usize; 2],
    /// \[outputs, inputs, kernel height, kernel width\], row-major.
    pub weight: Vec<f64>,
    /// One for each output channel.
    pub bias: Option<Vec<f64>>,
}

/// Sums or means of windows, channel by channel; padding counts as zeros, and the mean divides by the whole window.
#[derive(Clone, Debug, PartialEq)]
pub struct Pooling {
    /// Whether the mean is meant rather than the sum.
    pub mean: bool,
    /// Size of the windows.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub stride: [usize; 2],
    /// Zeros on either side.
    pub padding: [usize; 2],
}

/// The number of windows along an axis; `None` where none fits or a size is 0.
fn count(size: usize, pads: usize, kernel: usize, dilation: usize, stride: usize) -> Option<usize> {
    let span = dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
    let room = size.checked_add(pads)?.checked_sub(span)?;
    Some(room.checked_div(stride)? + 1)
}

impl Convolution {
    /// The shape of the result for an input \[channels, height, width\]; `None` where they do not fit.
    pub fn shape(&self, [channels, height, width]: [usize; 3]) -> Option<[usize; 3]> {
        if channels != self.inputs.checked_mul(self.groups)? || !self.outputs.is_multiple_of(self.groups) {
            return None;
        }
        let of = |axis: usize, size| {
            let pads = self.before[axis].checked_add(self.after[axis])?;
            count(size, pads, self.kernel[axis], self.dilation[axis], self.stride[axis])
        };
        Some([self.outputs, of(0, height)?, of(1, width)?])
    }

    /// Calls `each(output element, input element, weight)` for every product, in a fixed order; indices are row-major.
    pub fn for_each(&self, [_, height, width]: [usize; 3], mut each: impl FnMut(usize, usize, f64)) {
        let Some([_, rows, columns]) = self.shape([self.inputs * self.groups, height, width]) else { return };
        let per_group = self.outputs / self.groups;
        for output in 0..self.outputs {
            let first = output / per_group * self.inputs;
            for row in 0..rows {
                for column in 0..columns {
                    let to = (output * rows + row) * columns + column;
                    for input in 0..self.inputs {
                        for ky in 0..self.kernel[0] {
                            let y =
                                (row * self.stride[0] + ky * self.dilation[0]).wrapping_sub(self.before[0]);
                            if y >= height {
                                continue;
                            }
                            for kx in 0..self.kernel[1] {
                                let x = (column * self.stride[1] + kx * self.dilation[1])
                                    .wrapping_sub(self.before[1]);
                                if x >= width {
                                    continue;
                                }
                                let tap = ((output * self.inputs + input) * self.kernel[0] + ky)
                                    * self.kernel[1]
                                    + kx;
                                each(to, ((first + input) * height + y) * width + x, self.weight[tap]);
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Pooling {
    /// The shape of the result for an input \[channels, height, width\]; `None` where they do not fit.
    pub fn shape(&self, [channels, height, width]: [usize; 3]) -> Option<[usize; 3]> {
        let of = |axis: usize, size| {
            count(size, self.padding[axis].checked_mul(2)?, self.kernel[axis], 1, self.stride[axis])
        };
        Some([channels, of(0, height)?, of(1, width)?])
    }

    /// The pool as a convolution with `channels` groups.
    pub fn as_convolution(&self, channels: usize) -> Convolution {
        let window = self.kernel[0] * self.kernel[1];
        let weight = if self.mean { 1.0 / window as f64 } else { 1.0 };
        Convolution {
            outputs: channels,
            inputs: 1,
            groups: channels,
            flat: false,
            kernel: self.kernel,
            stride: self.stride,
            before: self.padding,
            after: self.padding,
            dilation: [1, 1],
            weight: vec![weight; channels * window],
            bias: None,
        }
    }
}
