//! Axis orders such as `nhwc:nchw`.

use std::fmt;
use std::str::FromStr;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::transpose_order;

/// How the axes of a sample file become those of the model: `nhwc:nchw` takes files with the channels last to a
/// model with the channels first. Every letter stands for an axis; `n`, the samples, comes first on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    from: Vec<char>,
    to: Vec<char>,
}

impl FromStr for Layout {
    type Err = Diagnostics;

    fn from_str(text: &str) -> Result<Self> {
        let fault = |rule: &str| -> Diagnostics {
            let way_out =
                "write the axes of the file, a colon, and the same axes as the model has them: nhwc:nchw";
            Diagnostic::error("SP0209", format!("layout {text:?}"), rule, way_out).into()
        };
        let (from, to) = text.split_once(':').ok_or_else(|| fault("there is no colon"))?;
        let axes = |side: &str| side.trim().to_lowercase().chars().collect::<Vec<char>>();
        let (from, to) = (axes(from), axes(to));
        if from.len() > 16 || from.iter().chain(&to).any(|c| !c.is_ascii_lowercase()) {
            return Err(fault("every axis is one letter, and there are at most 16"));
        }
        if from.iter().enumerate().any(|(i, c)| from[..i].contains(c)) {
            return Err(fault("an axis occurs twice"));
        }
        if from.first() != Some(&'n') || to.first() != Some(&'n') {
            return Err(fault("both sides must begin with n, the samples"));
        }
        if from.len() != to.len() || from.iter().any(|c| !to.contains(c)) {
            return Err(fault("the two sides do not have the same axes"));
        }
        Ok(Self { from, to })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", String::from_iter(&self.from), String::from_iter(&self.to))
    }
}

impl Layout {
    /// For each axis of a reordered sample the axis of the file's sample.
    fn axes(&self, shape: &[usize]) -> Result<Vec<usize>> {
        if shape.len() + 1 != self.from.len() {
            let rule = format!(
                "the layout has {} axes, the file's arrays {} (samples of shape {shape:?})",
                self.from.len(),
                shape.len() + 1
            );
            let way_out = "name every axis of the file, n for the samples included";
            return Err(Diagnostic::error("SP0209", format!("layout {self}"), rule, way_out).into());
        }
        let position = |axis: &char| self.from.iter().position(|a| a == axis).map_or(0, |p| p - 1);
        Ok(self.to[1..].iter().map(position).collect())
    }

    /// For every element of a reordered sample the index of the file's element; `shape` is that of one sample in
    /// the file.
    ///
    /// # Errors
    /// SP0209 when the number of axes differs or a sample is too large.
    pub fn permutation(&self, shape: &[usize]) -> Result<Vec<u32>> {
        let axes = self.axes(shape)?;
        transpose_order(shape, &axes).ok_or_else(|| {
            let rule = format!("a sample of shape {shape:?} is too large");
            Diagnostic::error("SP0209", format!("layout {self}"), rule, "use smaller samples").into()
        })
    }

    /// The shape of a reordered sample; `shape` is that of one sample in the file.
    ///
    /// # Errors
    /// SP0209 when the number of axes differs.
    pub fn reordered(&self, shape: &[usize]) -> Result<Vec<usize>> {
        Ok(self.axes(shape)?.iter().map(|&axis| shape[axis]).collect())
    }

    /// The axis called `c` in a reordered sample.
    pub fn channel_axis(&self) -> Option<usize> {
        self.to[1..].iter().position(|&axis| axis == 'c')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_move_to_the_front() {
        let layout: Layout = "nhwc:nchw".parse().unwrap();
        assert_eq!(layout.permutation(&[1, 2, 3]).unwrap(), [0, 3, 1, 4, 2, 5]);
        assert_eq!(layout.reordered(&[1, 2, 3]).unwrap(), [3, 1, 2]);
        assert_eq!(layout.channel_axis(), Some(0));
        assert_eq!(layout.permutation(&[2, 3]).unwrap_err().0[0].code, "SP0209");
    }

    #[test]
    fn wrong_layouts_are_refused() {
        for text in ["", "nhwc", "nhwc:nhw", "hwcn:nchw", "nhhc:nchh", "nhwc:nchx", "n1:n1", ":"] {
            assert!(text.parse::<Layout>().is_err(), "{text}");
        }
    }
}
