//! Where the elements of a window lie.

use std::ops::Range;

use crate::graph::Window;

/// The windows over one channel's elements.
#[derive(Clone, Debug)]
pub(super) struct Taps {
    window: Window,
    dims: Vec<usize>,
    output: Vec<usize>,
}

/// Stands for padding.
pub(super) const PADDING: u32 = u32::MAX;

impl Taps {
    pub(super) fn new(window: &Window, dims: &[usize], output: &[usize]) -> Self {
        Self { window: window.clone(), dims: dims.to_vec(), output: output.to_vec() }
    }

    /// The elements of one channel.
    pub(super) fn plane(&self) -> usize {
        self.dims.iter().product()
    }

    /// The elements of one window.
    pub(super) fn per_window(&self) -> usize {
        self.window.kernel.iter().product()
    }

    /// The number of windows.
    pub(super) fn positions(&self) -> usize {
        self.output.iter().product()
    }

    /// For every window of `range` its elements' positions in the channel, row-major, [`PADDING`] outside; and the number
    /// of elements that lie in the operand or its stated padding.
    pub(super) fn table(&self, range: Range<usize>) -> (Vec<u32>, Vec<u32>) {
        let per_window = self.per_window();
        let mut index = Vec::with_capacity(range.len() * per_window);
        let mut counts = Vec::with_capacity(range.len());
        // Offsets and number of padded elements of the window so far, axis by axis.
        let mut taps: Vec<u32> = Vec::with_capacity(per_window);
        for position in range {
            let mut rest = position;
            let mut at = vec![0; self.output.len()];
            for (at, &size) in at.iter_mut().zip(&self.output).rev() {
                *at = rest % size;
                rest /= size;
            }
            taps.clear();
            taps.push(0);
            let mut count = 1u32;
            for (axis, &o) in at.iter().enumerate() {
                let (dim, begin) = (self.dims[axis], self.window.pads_begin[axis]);
                let padded = dim + begin + self.window.pads_end[axis];
                let first = o * self.window.strides[axis];
                let mut within = 0;
                let along: Vec<u32> = (0..self.window.kernel[axis])
                    .map(|k| {
                        let place = first + k * self.window.dilations[axis];
                        within += u32::from(place < padded);
                        place.checked_sub(begin).filter(|&p| p < dim).map_or(PADDING, |p| p as u32)
                    })
                    .collect();
                count *= within;
                taps = taps
                    .iter()
                    .flat_map(|&base| {
                        along.iter().map(move |&p| {
                            if base == PADDING || p == PADDING { PADDING } else { base * dim as u32 + p }
                        })
                    })
                    .collect();
            }
            index.extend_from_slice(&taps);
            counts.push(count);
        }
        (index, counts)
    }
}
