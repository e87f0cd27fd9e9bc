//! What happens to a raw sample before the model sees it: reordering and (x * scale - mean) / std.

use std::ops::Range;

use super::{Layout, SampleData, Samples};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::Tensor2;

/// The parameters of (x * scale - mean) / std: each one number for all, or one per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess {
    /// Multiplies the raw value.
    pub scale: Vec<f64>,
    /// Subtracted from the scaled value.
    pub mean: Vec<f64>,
    /// Divides the difference.
    pub std: Vec<f64>,
}

impl Preprocess {
    /// The given parameters, or their defaults: mean 0, std 1, scale 1/255 for `u8` data and 1 for other data.
    ///
    /// # Errors
    /// SP0210 when a parameter is empty or not finite, `scale` or `std` is zero, or two parameters have different
    /// numbers of channels.
    pub fn new(
        data: &SampleData,
        scale: Option<&[f64]>,
        mean: Option<&[f64]>,
        std: Option<&[f64]>,
    ) -> Result<Self> {
        let unit = if matches!(data, SampleData::U8(_)) { 1.0 / 255.0 } else { 1.0 };
        let take = |given: Option<&[f64]>, default: f64| given.map_or(vec![default], <[f64]>::to_vec);
        let made = Self { scale: take(scale, unit), mean: take(mean, 0.0), std: take(std, 1.0) };
        let mut found = Diagnostics::default();
        for (name, list, zero_allowed) in
            [("scale", &made.scale, false), ("mean", &made.mean, true), ("std", &made.std, false)]
        {
            let mut fault = |rule: String, way_out: &str| {
                found.push(Diagnostic::error("SP0210", format!("--{name}"), rule, way_out));
            };
            if list.is_empty() {
                fault("there is no number".into(), "give one number, or one per channel");
            }
            for value in list {
                if !value.is_finite() || (*value == 0.0 && !zero_allowed) {
                    let way_out =
                        if zero_allowed { "it must be finite" } else { "it must be finite and not zero" };
                    fault(format!("{value} is not usable"), way_out);
                }
            }
            let channels = made.channels();
            if list.len() > 1 && list.len() != channels {
                let rule =
                    format!("there are {} numbers here, {channels} with another parameter", list.len());
                fault(rule, "give one number, or one per channel");
            }
        }
        found.into_result(made)
    }

    /// The number of channels: 1 when all parameters are single numbers.
    pub fn channels(&self) -> usize {
        self.scale.len().max(self.mean.len()).max(self.std.len())
    }

    /// (x * scale - mean) / std for a value of `channel`, computed in f64, rounded once.
    pub fn apply(&self, x: f64, channel: usize) -> f32 {
        let of = |list: &[f64]| if list.len() == 1 { list[0] } else { list[channel] };
        ((x * of(&self.scale) - of(&self.mean)) / of(&self.std)) as f32
    }
}

/// How samples of a file are fed to a model: checked shapes, the element order, the channel of each element.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The preprocessing.
    pub preprocess: Preprocess,
    /// For every element of the model's input the element of the raw sample; `None`: the same.
    pub order: Option<Vec<u32>>,
    /// For every element of the model's input its channel; `None`: all of channel 0.
    pub channel: Option<Vec<u32>>,
    /// The number of elements of one sample.
    pub len: usize,
    /// Doubts about the shapes.
    pub warnings: Diagnostics,
}

fn without_ones(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|&d| d != 1).collect()
}

impl Feed {
    /// Fits samples of shape `raw` to a model input of shape `model`; a batch of 1 in front of the model's shape that
    /// the samples do not have is left out.
    ///
    /// # Errors
    /// SP0206 when the numbers of elements differ, SP0209 when the layout does not fit the samples, SP0210 when
    /// per-channel parameters fit no axis.
    pub fn new(
        raw: &[usize],
        model: &[usize],
        layout: Option<&Layout>,
        preprocess: Preprocess,
    ) -> Result<Self> {
        let model = match model {
            [1, rest @ ..] if model.len() > raw.len() => rest,
            _ => model,
        };
        let misfit = |given: &[usize]| {
            let way_out =
                "give samples with as many elements as the model's input, or the model they belong to";
            let (have, want) = (given.iter().product::<usize>(), model.iter().product::<usize>());
            let rule = format!(
                "a sample of shape {given:?} ({have} elements) does not fit the model's input {model:?} ({want})"
            );
            Diagnostic::error("SP0206", "samples", rule, way_out)
        };
        let len = model.iter().product();
        if raw.iter().product::<usize>() != len {
            return Err(misfit(raw).into());
        }
        let (order, shape) = match layout {
            Some(layout) => (Some(layout.permutation(raw)?), layout.reordered(raw)?),
            None => (None, raw.to_vec()),
        };
        let mut warnings = Diagnostics::default();
        let (a, b) = (without_ones(&shape), without_ones(model));
        if a != b && a.len() == b.len() {
            let rule =
                format!("samples of shape {shape:?} are fed to a model input of shape {model:?} as they lie");
            let way_out = "reorder their axes with --layout, for instance nhwc:nchw";
            if layout.is_some() {
                return Err(Diagnostic::error("SP0206", "samples", rule, way_out).into());
            }
            warnings.push(Diagnostic::warning("SP0206", "samples", rule, way_out));
        }
        let channel = channels(&shape, model, layout, preprocess.channels())?;
        Ok(Self { preprocess, order, channel, len, warnings })
    }

    /// The samples `range` as the model sees them. Panics when the range reaches outside or the samples have another
    /// number of elements.
    pub fn batch(&self, samples: &Samples, range: Range<usize>) -> Tensor2 {
        assert_eq!(samples.sample_len(), self.len, "the samples were checked against the model");
        let mut batch = Tensor2::zeros(range.len(), self.len);
        self.write(samples, range, batch.data_mut().chunks_exact_mut(self.len));
        batch
    }

    /// Writes the samples `range` as the model sees them into `rows`.
    pub(super) fn write<'a>(
        &self,
        samples: &Samples,
        range: Range<usize>,
        rows: impl Iterator<Item = &'a mut [f32]>,
    ) {
        match &samples.data {
            SampleData::U8(v) => self.fill(rows, v, range),
            SampleData::I8(v) => self.fill(rows, v, range),
            SampleData::I16(v) => self.fill(rows, v, range),
            SampleData::I32(v) => self.fill(rows, v, range),
            SampleData::F32(v) => self.fill(rows, v, range),
        }
    }

    fn fill<'a, T: Copy + Into<f64>>(
        &self,
        rows: impl Iterator<Item = &'a mut [f32]>,
        data: &[T],
        range: Range<usize>,
    ) {
        let data = &data[range.start * self.len..range.end * self.len];
        for (row, raw) in rows.zip(data.chunks_exact(self.len)) {
            for (i, y) in row.iter_mut().enumerate() {
                let x = raw[self.order.as_ref().map_or(i, |order| order[i] as usize)];
                let channel = self.channel.as_ref().map_or(0, |channel| channel[i] as usize);
                *y = self.preprocess.apply(x.into(), channel);
            }
        }
    }
}

/// The channel of every element: of the axis the layout calls `c`, else of the only axis (of the samples, then of the
/// model's input) that has as many elements as there are channels, first or last.
fn channels(
    shape: &[usize],
    model: &[usize],
    layout: Option<&Layout>,
    count: usize,
) -> Result<Option<Vec<u32>>> {
    if count == 1 {
        return Ok(None);
    }
    let of_axis = |shape: &[usize], axis: usize| {
        let inner: usize = shape[axis + 1..].iter().product();
        let len: usize = shape.iter().product();
        (0..len).map(|i| (i / inner % count) as u32).collect::<Vec<u32>>()
    };
    if let Some(axis) = layout.and_then(Layout::channel_axis)
        && shape[axis] == count
    {
        return Ok(Some(of_axis(shape, axis)));
    }
    if layout.and_then(Layout::channel_axis).is_none() {
        for shape in [model, shape] {
            let first = shape.first() == Some(&count);
            let last = shape.len() > 1 && shape.last() == Some(&count);
            if first != last {
                return Ok(Some(of_axis(shape, if first { 0 } else { shape.len() - 1 })));
            }
        }
    }
    let rule =
        format!("there are parameters for {count} channels, and no single axis of {shape:?} has that size");
    let way_out = "give one number for all, as many as there are channels, or name the axes with --layout";
    Err(Diagnostic::error("SP0210", "--scale, --mean, --std", rule, way_out).into())
}
