//! Windows that move over the spatial axes: convolution and pooling.

use std::fmt;

/// The geometry of a window, one number per spatial axis (those after batch and channel) in every list.
///
/// The window of result position o begins at element `o * strides - pads_begin` and takes every `dilations`-th
/// element, `kernel` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The elements taken; at least 1.
    pub kernel: Vec<usize>,
    /// The distance of neighbouring windows; at least 1.
    pub strides: Vec<usize>,
    /// Elements added in front.
    pub pads_begin: Vec<usize>,
    /// Elements added behind.
    pub pads_end: Vec<usize>,
    /// The distance of neighbouring elements of a window; at least 1.
    pub dilations: Vec<usize>,
}

impl Window {
    /// A window without padding, stride and dilation.
    pub fn new(kernel: Vec<usize>) -> Self {
        let n = kernel.len();
        Self {
            kernel,
            strides: vec![1; n],
            pads_begin: vec![0; n],
            pads_end: vec![0; n],
            dilations: vec![1; n],
        }
    }

    /// The number of spatial axes.
    pub fn rank(&self) -> usize {
        self.kernel.len()
    }

    /// The number of elements from a window's first to its last along `axis`, both included; saturates.
    pub fn extent(&self, axis: usize) -> usize {
        self.kernel[axis].saturating_sub(1).saturating_mul(self.dilations[axis]).saturating_add(1)
    }

    /// The number of windows that fit into spatial sizes `dims` with the padding; `None` where none fits or the lists do not
    /// have as many numbers as there are axes.
    pub fn positions(&self, dims: &[usize]) -> Option<Vec<usize>> {
        self.is_consistent(dims.len()).then_some(())?;
        (0..dims.len())
            .map(|axis| {
                let padded =
                    dims[axis].checked_add(self.pads_begin[axis])?.checked_add(self.pads_end[axis])?;
                Some(padded.checked_sub(self.extent(axis))? / self.strides[axis] + 1)
            })
            .collect()
    }

    pub(crate) fn is_consistent(&self, rank: usize) -> bool {
        let lists = [&self.kernel, &self.strides, &self.pads_begin, &self.pads_end, &self.dilations];
        let positive = [&self.kernel, &self.strides, &self.dilations];
        lists.iter().all(|l| l.len() == rank) && positive.iter().all(|l| l.iter().all(|&v| v >= 1))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel={:?}", self.kernel)?;
        if self.strides.iter().any(|&s| s != 1) {
            write!(f, " strides={:?}", self.strides)?;
        }
        if self.pads_begin.iter().chain(&self.pads_end).any(|&p| p != 0) {
            write!(f, " pads={:?}..{:?}", self.pads_begin, self.pads_end)?;
        }
        if self.dilations.iter().any(|&d| d != 1) {
            write!(f, " dilations={:?}", self.dilations)?;
        }
        Ok(())
    }
}

/// A convolution (in fact a correlation, as everywhere): every element is the sum over input channel, then window element
/// in row-major order, begun at 0, padding counted as 0; the bias is added last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv {
    /// The window; its kernel equals the weights' spatial sizes.
    pub window: Window,
    /// Groups of channels that do not mix; at least 1, divides C and M.
    pub groups: usize,
}

impl fmt::Display for Conv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conv {{{} groups={}}}", self.window, self.groups)
    }
}

/// What is made of a window's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// The largest, padding left out; NaN wins. Minus infinity for a window of padding only.
    Max,
    /// The sum; padding counts as 0.
    Sum,
    /// The sum divided by the number of elements; padding counts as 0.
    Average {
        /// Whether padding elements are counted in the number. Positions beyond the padding (`output` rounded up) never are.
        count_include_pad: bool,
    },
}

/// A pooling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What is made of the elements.
    pub kind: PoolKind,
    /// The window.
    pub window: Window,
    /// The number of windows along each spatial axis: [`Window::positions`], or one more where the model rounds up
    /// (`ceil_mode`) and the last window still begins inside the operand or its padding in front.
    pub output: Vec<usize>,
}

impl Pool {
    /// The ONNX operator.
    pub fn name(&self) -> &'static str {
        match self.kind {
            PoolKind::Max => "MaxPool",
            PoolKind::Sum => "SumPool",
            PoolKind::Average { .. } => "AveragePool",
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {{{}", self.name(), self.window)?;
        if self.kind == (PoolKind::Average { count_include_pad: true }) {
            write!(f, " count_include_pad=1")?;
        }
        write!(f, "}}")
    }
}
