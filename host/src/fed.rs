//! Samples with what feeds them to the model and to the image.

use std::path::Path;

use crate::compile::Request;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::encode::InputRange;
use crate::engine::RawBatch;
use crate::graph::Tensor2;
use crate::notes::InputNotes;
use crate::samples::{Feed, FeedSet, Preprocess, SampleSet};
use crate::samples_raw::{RawSamples, raw_scale, raw_type};
use crate::sequence::{self, Model};
use crate::tune::InputMap;

/// Samples of all inputs, and how the model sees them.
pub(crate) struct Fed {
    pub(crate) samples: SampleSet,
    pub(crate) feed: FeedSet,
}

impl Fed {
    /// Reads the samples in `path` for the inputs of `model` that samples are fed to, as `request` says.
    pub(crate) fn read(
        path: &Path,
        labels: Option<&Path>,
        model: &Model<'_>,
        request: &Request,
    ) -> Result<Self> {
        let (graph, names) = (model.graph, model.input_names());
        let mut found = unknown_inputs(request, &names);
        let read = SampleSet::read(path, labels, &names).and_then(|samples| match &request.classes {
            Some(classes) => samples.with_classes(classes),
            None => Ok(samples),
        });
        let samples = match read {
            Ok(samples) => samples,
            Err(faults) => {
                found.extend(faults);
                return Err(found);
            }
        };
        let mut feeds = Vec::new();
        for ((part, input), name) in samples.parts.iter().zip(model.inputs()).zip(&names) {
            let prepare = request.prepare(name);
            let (scale, mean, std) =
                (prepare.scale.as_deref(), prepare.mean.as_deref(), prepare.std.as_deref());
            let feed = Preprocess::new(&part.data, scale, mean, std).and_then(|preprocess| {
                Feed::new(&part.shape, &graph.value(input).shape, prepare.layout.as_ref(), preprocess)
                    .map_err(|faults| faults.within(&path.display().to_string()))
            });
            match feed {
                Ok(feed) => feeds.push(feed),
                Err(faults) if names.len() > 1 => found.extend(faults.within(&format!("input {name:?}"))),
                Err(faults) => found.extend(faults),
            }
        }
        found.into_result(Self { feed: FeedSet::new(feeds), samples })
    }

    /// The first `count` samples.
    pub(crate) fn first(self, count: usize) -> Self {
        Self { samples: self.samples.first(count), feed: self.feed }
    }

    /// The samples as [`sequence::whole`] leaves them, and the samples of a sequence.
    ///
    /// # Errors
    /// Those of [`sequence::whole`].
    pub(crate) fn in_sequences(self, model: &Model<'_>, asked: usize) -> Result<(Self, usize)> {
        let (samples, steps) = sequence::whole(self.samples, model.holds(), asked)?;
        Ok((Self { samples, ..self }, steps))
    }

    /// All samples as the model sees them.
    pub(crate) fn batch(&self) -> Tensor2 {
        self.feed.batch(&self.samples, 0..self.samples.count)
    }

    /// The raw step of each input: see [`raw_scale`].
    pub(crate) fn steps(&self, most: u16) -> Vec<Option<f64>> {
        self.samples.parts.iter().map(|part| raw_scale(&part.data, most)).collect()
    }

    /// The raw values, with these steps.
    pub(crate) fn raw(&self, steps: &[Option<f64>]) -> Result<RawSamples<'_>> {
        RawSamples::new(&self.samples, steps)
    }

    /// Smallest and largest value of each input in `raw`; with `all`, that range for each.
    pub(crate) fn ranges(&self, raw: &RawBatch<'_>, all: Option<(i32, i32)>) -> Vec<InputRange> {
        let mut first = 0;
        let parts = self.feed.parts.iter().map(|part| {
            let own = first..first + part.len;
            first += part.len;
            let rows = (0..raw.len()).map(|sample| sample * raw.length());
            let mut range = None;
            for at in rows.flat_map(|row| own.clone().map(move |element| row + element)) {
                let value = raw.data().get(at);
                let (lo, hi) = range.unwrap_or((value, value));
                range = Some((lo.min(value), hi.max(value)));
            }
            InputRange::new(part.len, all.or(range).unwrap_or_default())
        });
        parts.collect()
    }

    /// The model's inputs in terms of raw values: (raw * step * scale - mean) / std.
    pub(crate) fn input_map(&self, steps: &[Option<f64>]) -> InputMap {
        let mut map = InputMap { scale: Vec::new(), offset: Vec::new() };
        for (feed, step) in self.feed.parts.iter().zip(steps) {
            let channel =
                |element: usize| feed.channel.as_ref().map_or(0, |channel| channel[element] as usize);
            let of = |list: &[f64], element: usize| {
                if list.len() == 1 { list[0] } else { list[channel(element)] }
            };
            let step = step.unwrap_or(1.0);
            let p = &feed.preprocess;
            map.scale.extend((0..feed.len).map(|e| step * of(&p.scale, e) / of(&p.std, e)));
            map.offset.extend((0..feed.len).map(|e| -of(&p.mean, e) / of(&p.std, e)));
        }
        map
    }

    /// What an image's notes say of the inputs.
    pub(crate) fn notes(
        &self,
        model: &Model<'_>,
        request: &Request,
        steps: &[Option<f64>],
    ) -> Vec<InputNotes> {
        let parts = self.samples.parts.iter().zip(&self.feed.parts).zip(model.input_names()).zip(steps);
        let notes = parts.map(|(((part, feed), name), &step)| InputNotes {
            name: name.to_owned(),
            shape: part.shape.clone(),
            layout: request.prepare(name).layout.as_ref().map(ToString::to_string),
            scale: feed.preprocess.scale.clone(),
            mean: feed.preprocess.mean.clone(),
            std: feed.preprocess.std.clone(),
            raw_type: raw_type(&part.data),
            raw_scale: step,
        });
        notes.collect()
    }
}

/// Options for inputs that the model does not have.
fn unknown_inputs(request: &Request, names: &[&str]) -> Diagnostics {
    let mut found = Diagnostics::default();
    for name in request.own.keys().filter(|name| !names.contains(&name.as_str())) {
        let place = "--layout, --scale, --mean, --std";
        let rule = format!("the model has no input {name:?}");
        let way_out = format!("its inputs are {}", names.join(", "));
        found.push(Diagnostic::error("SP0004", place, rule, way_out));
    }
    found
}
