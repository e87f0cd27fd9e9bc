//! A residual connection of int8 values.

use super::super::common::tensor;
use super::{Codes, Draw, Layer, Network, Parameters};

/// A value and its convolution added, each with a grid of its own: what a residual connection does.
pub struct Residual {
    pub codes: Codes,
    branch: Parameters,
    pub sum: Codes,
    channels: usize,
}

impl Residual {
    pub fn random(draw: &mut Draw) -> Self {
        let channels = 3 + draw.below(4) as usize;
        let codes = Codes { scale: draw.scale(0.02, 0.3), zero: draw.byte() / 2 };
        let zero = draw.byte() / 2;
        let branch = Parameters::random(draw, codes, channels, channels, true, zero);
        let wide = 0.7 * (codes.scale + branch.codes.scale);
        let sum = Codes { scale: draw.scale(0.6, 1.3) * wide, zero };
        Self { codes, branch, sum, channels }
    }

    /// The network, over samples of 4 x 4 positions.
    pub fn network(&self) -> (Network, Vec<u8>) {
        let conv = Layer::Conv {
            out: self.channels,
            kernel: 1,
            stride: 1,
            pad: 0,
            groups: 1,
            relu: false,
            own: self.branch.clone(),
        };
        let network = Network { input: [self.channels, 4, 4], codes: self.codes, layers: vec![conv] };
        let zero = |codes: Codes| vec![codes.zero as u8];
        let model = network
            .model()
            .0
            .node("DequantizeLinear", "dy", &["y0", "q0_scale", "q0_zero"], &["dy"], &[])
            .node("Add", "add", &["dx0", "dy"], &["a"], &[])
            .floats("s_scale", &[], &[self.sum.scale])
            .tensor(tensor("s_zero", &[], 3, &zero(self.sum)))
            .node("QuantizeLinear", "s", &["a", "s_scale", "s_zero"], &["s"], &[]);
        (network, model.output("s").bytes())
    }

    /// The codes of the sum of `x` and of what the network's convolution gave, to the nearest.
    pub fn reference(&self, x: &[i8], branch: &[i32]) -> Vec<i32> {
        let value =
            |code: i32, codes: Codes| f64::from(code - i32::from(codes.zero)) * f64::from(codes.scale);
        let sums = x
            .iter()
            .zip(branch)
            .map(|(&x, &y)| value(i32::from(x), self.codes) + value(y, self.branch.codes));
        let code = |sum: f64| (sum / f64::from(self.sum.scale)).round() as i32 + i32::from(self.sum.zero);
        sums.map(|sum| code(sum).clamp(-128, 127)).collect()
    }
}
