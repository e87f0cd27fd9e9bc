//! The samples of all inputs of a model, and how they are fed to it: the inputs' elements one behind the other.

use std::io::Cursor;
use std::ops::Range;
use std::path::Path;

use super::files::{Found, begins_npz, is_npz, missing, read_array, read_stream};
use super::{Feed, LABEL_NAMES, SAMPLE_NAMES, Samples, labels_of, place, read_labels};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::Tensor2;
use crate::samples::{Array, ArrayData};

/// Samples of a model: an array for each of its inputs, and labels if there are any.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleSet {
    /// An array for each input, in the model's order; all hold as many samples.
    pub parts: Vec<Samples>,
    /// The number of samples, at least one.
    pub count: usize,
    /// The class of every sample.
    pub labels: Option<Vec<u32>>,
}

impl From<Samples> for SampleSet {
    /// The samples of a model with one input.
    fn from(mut samples: Samples) -> Self {
        let labels = samples.labels.take();
        Self { count: samples.count, parts: vec![samples], labels }
    }
}

impl SampleSet {
    /// Reads the samples of a model with these inputs from `path`. For a single input that is what [`Samples::read`] takes, or an
    /// npz file with an array of the input's name; for several an npz file with an array named after each. Labels come from
    /// `labels`, or else from an array `y` or `labels` of the same file that is not an input.
    ///
    /// # Errors
    /// SP0001 and SP0201 to SP0212: whatever of the files can not be read or does not fit together, all at once.
    pub fn read(path: &Path, labels: Option<&Path>, inputs: &[&str]) -> Result<Self> {
        let found = |wanted: &[&str]| read_array(path, wanted);
        let parts = match inputs {
            [] | [_] => single(&found, path, inputs.first().copied()).map(|samples| vec![samples]),
            _ => read_parts(path, inputs),
        };
        let labels = match labels {
            Some(path) => read_labels(path, &LABEL_NAMES).map(Some),
            // What is wrong with the whole file was found with the samples.
            None if parts.is_err() => Ok(None),
            None => is_npz(path).and_then(|npz| own_labels(&found, path, inputs, npz)),
        };
        Self::joined(path, inputs, parts, labels)
    }

    /// The samples of a model with one input from `bytes`, and labels where they are an npz file that holds some; `name` stands for them
    /// in the errors.
    pub(super) fn parse(bytes: &[u8], name: &str) -> Result<Self> {
        let path = Path::new(name);
        let found = |wanted: &[&str]| read_stream(Cursor::new(bytes), path, wanted);
        let parts = single(&found, path, None).map(|samples| vec![samples]);
        let labels = if parts.is_err() { Ok(None) } else { own_labels(&found, path, &[], begins_npz(bytes)) };
        Self::joined(path, &[], parts, labels)
    }

    /// The samples of a set of one input.
    pub(super) fn into_single(self) -> Samples {
        let mut samples = self.parts.into_iter().next().expect("a set of one part");
        samples.labels = self.labels;
        samples
    }

    /// Samples and labels that fit together.
    fn joined(
        path: &Path,
        inputs: &[&str],
        parts: Result<Vec<Samples>>,
        labels: Result<Option<Vec<u32>>>,
    ) -> Result<Self> {
        let (parts, labels) = match (parts, labels) {
            (Ok(parts), Ok(labels)) => (parts, labels),
            (Err(mut found), labels) => {
                found.extend(labels.err().unwrap_or_default());
                return Err(found);
            }
            (Ok(_), Err(found)) => return Err(found),
        };
        let count = parts.first().map_or(0, |part| part.count);
        let mut found = Diagnostics::default();
        for (part, name) in parts.iter().zip(inputs).filter(|(part, _)| part.count != count) {
            let rule = format!(
                "array {name:?} has {} samples, array {:?} has {count}",
                part.count,
                inputs.first().copied().unwrap_or_default()
            );
            let way_out = "give as many samples of each input, in the same order";
            found.push(Diagnostic::error("SP0212", path.display().to_string(), rule, way_out));
        }
        if let Some(labels) = &labels
            && labels.len() != count
        {
            let rule = format!("there are {count} samples, but {} labels", labels.len());
            let way_out = "give as many labels as samples, in the same order";
            found.push(Diagnostic::error("SP0207", path.display().to_string(), rule, way_out));
        }
        found.into_result(Self { parts, count, labels })
    }

    /// The number of elements of one sample, of all inputs together.
    pub fn sample_len(&self) -> usize {
        self.parts.iter().map(Samples::sample_len).sum()
    }

    /// The first `count` samples (all, when there are fewer).
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let count = count.clamp(1, self.count.max(1));
        let labels = self.labels.as_ref().map(|labels| labels[..count].to_vec());
        Self { parts: self.parts.iter().map(|part| part.first(count)).collect(), count, labels }
    }

    /// All but the first `count` samples.
    ///
    /// # Errors
    /// SP0205 when none is left.
    pub fn skip(&self, count: usize) -> Result<Self> {
        if count < self.count {
            let labels = self.labels.as_ref().map(|labels| labels[count..].to_vec());
            let parts = self.parts.iter().map(|part| part.range(count..self.count)).collect();
            return Ok(Self { parts, count: self.count - count, labels });
        }
        let rule = format!("of {} samples {count} are left out, so none is left", self.count);
        Err(Diagnostic::error("SP0205", "samples", rule, "leave out fewer").into())
    }

    /// The same samples with label l standing for class `classes[l]`.
    ///
    /// # Errors
    /// SP0207, naming the first label that stands for none.
    pub fn with_classes(mut self, classes: &[u32]) -> Result<Self> {
        self.check_labels(classes.len())?;
        self.labels.iter_mut().flatten().for_each(|label| *label = classes[*label as usize]);
        Ok(self)
    }

    /// Checks that every label is a class of a network with `classes` outputs.
    ///
    /// # Errors
    /// SP0207, naming the first label that is not.
    pub fn check_labels(&self, classes: usize) -> Result<()> {
        let labels = self.labels.as_deref().unwrap_or_default();
        match labels.iter().position(|&l| l as usize >= classes) {
            None => Ok(()),
            Some(at) => {
                let rule = format!("label {at} is {}, the network has {classes} outputs", labels[at]);
                let way_out = format!("labels must lie in 0 to {}", classes.saturating_sub(1));
                Err(Diagnostic::error("SP0207", "labels", rule, way_out).into())
            }
        }
    }
}

/// The array of a file that has one of the names that are asked for.
type Source<'s> = dyn Fn(&[&str]) -> Result<Found> + 's;

fn single(found: &Source<'_>, path: &Path, input: Option<&str>) -> Result<Samples> {
    let wanted: Vec<&str> = SAMPLE_NAMES.into_iter().chain(input).collect();
    match found(&wanted)? {
        Found::Array(name, array) => Samples::from_array(array, &place(path, name.as_deref())),
        Found::Others(present) => Err(missing(path, &wanted, &present).into()),
    }
}

fn read_parts(path: &Path, inputs: &[&str]) -> Result<Vec<Samples>> {
    let listed = inputs.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    if !is_npz(path)? {
        let rule = format!("the model has the inputs {listed}; the file holds one array without a name");
        let way_out = "give an npz file with an array for each: numpy.savez(path, **{\"NAME\": samples, …})";
        return Err(Diagnostic::error("SP0212", path.display().to_string(), rule, way_out).into());
    }
    let mut found = Diagnostics::default();
    let mut parts = Vec::new();
    for &name in inputs {
        let part = match read_array(path, &[name])? {
            Found::Array(name, array) => Samples::from_array(array, &place(path, name.as_deref())),
            Found::Others(present) => Err(missing(path, &[name], &present).into()),
        };
        match part {
            Ok(part) => parts.push(part),
            Err(faults) => found.extend(faults),
        }
    }
    found.into_result(parts)
}

/// The labels within a sample file, which is an `npz` one or not; `None` when it holds none.
fn own_labels(found: &Source<'_>, path: &Path, inputs: &[&str], npz: bool) -> Result<Option<Vec<u32>>> {
    let names: Vec<&str> =
        LABEL_NAMES.into_iter().filter(|name| inputs.len() < 2 || !inputs.contains(name)).collect();
    if names.is_empty() || !npz {
        return Ok(None);
    }
    match found(&names)? {
        // Several numbers a sample, or fractions, are some model's outputs and no labels.
        Found::Array(_, Array { data: ArrayData::F32(_), .. }) => Ok(None),
        Found::Array(name, array) => labels_of(&array, &place(path, name.as_deref())).map(Some),
        Found::Others(_) => Ok(None),
    }
}

/// How the samples of all inputs are fed to a model.
#[derive(Clone, Debug)]
pub struct FeedSet {
    /// Of each input.
    pub parts: Vec<Feed>,
    /// The number of elements of one sample, of all inputs together.
    pub len: usize,
}

impl From<Feed> for FeedSet {
    fn from(feed: Feed) -> Self {
        Self::new(vec![feed])
    }
}

impl FeedSet {
    /// The inputs one behind the other.
    pub fn new(parts: Vec<Feed>) -> Self {
        let len = parts.iter().map(|part| part.len).sum();
        Self { parts, len }
    }

    /// The samples `range` as the model sees them. Panics when the range reaches outside or the samples have another
    /// number of elements.
    pub fn batch(&self, samples: &SampleSet, range: Range<usize>) -> Tensor2 {
        assert_eq!(samples.sample_len(), self.len, "the samples were checked against the model");
        let mut batch = Tensor2::zeros(range.len(), self.len);
        let mut first = 0;
        for (feed, part) in self.parts.iter().zip(&samples.parts) {
            let rows = batch.data_mut().chunks_exact_mut(self.len.max(1));
            feed.write(part, range.clone(), rows.map(|row| &mut row[first..first + feed.len]));
            first += feed.len;
        }
        batch
    }

    /// For every element of the model's inputs the element of the raw sample; `None`: the same.
    pub fn order(&self) -> Option<Vec<u32>> {
        if self.parts.iter().all(|part| part.order.is_none()) {
            return None;
        }
        let mut order = Vec::with_capacity(self.len);
        for part in &self.parts {
            let first = order.len() as u32;
            order.extend((0..part.len).map(|at| first + part.order.as_ref().map_or(at as u32, |o| o[at])));
        }
        Some(order)
    }
}
