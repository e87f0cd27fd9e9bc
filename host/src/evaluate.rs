//! An image on a set of samples: accuracy, agreement with the golden model, digest of all outputs.

use std::ops::Range;

use spandrel_core::image::{Decoder, Digest32, Image, Reading, Tables};
use spandrel_core::machine::OutputDigest;

use crate::diagnostic::{Diagnostic, Result};
use crate::engine::{EngineError, ExactEngine, Outputs, RawBatch};
use crate::graph::{NodeEngine, Tensor2};
use crate::samples::{FeedSet, SampleSet};

/// Samples that are run at once; all of a block's outputs are in memory together.
const BLOCK: usize = 512;

/// A decoder of an image with what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Readout<'i> {
    decoder: Decoder,
    tables: Tables<'i>,
}

impl<'i> Readout<'i> {
    /// The first decoder of `image`.
    ///
    /// # Errors
    /// SP0614: it has none.
    pub fn new(image: &Image<'i>) -> Result<Self> {
        Ok(Self::all(image)?[0])
    }

    /// All decoders of `image`, one an output.
    ///
    /// # Errors
    /// SP0614: it has none.
    pub fn all(image: &Image<'i>) -> Result<Vec<Self>> {
        let decoders = (0..image.decoder_count()).filter_map(|number| image.decoder(number));
        let all: Vec<Self> = decoders.map(|decoder| Self { decoder, tables: *image.tables() }).collect();
        if all.is_empty() {
            let way_out = "compile the image again: it must have a decoder";
            let rule = "the image does not tell what its outputs mean";
            return Err(Diagnostic::error("SP0614", "section DECODERS", rule, way_out).into());
        }
        Ok(all)
    }

    /// The decoder.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Whether the index of the largest value is a class.
    pub fn decides(&self) -> bool {
        self.decoder.reading == Reading::Class
    }

    /// The decoded values of sample `index`, in steps of the decoder's scale.
    ///
    /// # Errors
    /// SP0614: the sample emits fewer codes than the decoder takes.
    pub fn values(&self, outputs: &Outputs, index: usize) -> Result<Vec<i64>> {
        let codes: Vec<i32> = outputs.output(index, self.decoder.output).collect();
        let values = (0..self.decoder.values).map(|v| self.decoder.value(&self.tables, &codes, v));
        values.collect::<Option<_>>().ok_or_else(|| {
            let rule = format!(
                "a sample emits {} codes on output {}, the decoder takes {}",
                codes.len(),
                self.decoder.output,
                self.decoder.codes()
            );
            let way_out = "compile the image again: decoder and program must fit";
            Diagnostic::error("SP0614", "section DECODERS", rule, way_out).into()
        })
    }

    /// What a decoded value stands for in the network's own unit.
    pub fn unit(&self) -> f64 {
        self.decoder.scale.to_num()
    }
}

/// The index of the largest value, the lowest one on ties, as everywhere; 0 without values.
pub fn class_of(values: &[i64]) -> u32 {
    let best = (0..values.len()).rev().max_by_key(|&index| values[index]);
    best.unwrap_or(0) as u32
}

/// The ratio of two powers in decibels, within +-300.
fn decibels(signal: f64, noise: f64) -> f64 {
    let level = |power: f64| if power > 0.0 { 10.0 * libm::log10(power) } else { f64::NEG_INFINITY };
    let ratio = if noise > 0.0 { level(signal) - level(noise) } else { 300.0 };
    ratio.clamp(-300.0, 300.0)
}

/// The indices of the two largest values, the lower one first on ties; `None` for fewer than two values.
fn two_largest(values: &[f32]) -> Option<(usize, usize)> {
    let first = largest_of(values);
    let second =
        (0..values.len()).rev().filter(|&at| at != first).max_by(|&a, &b| values[a].total_cmp(&values[b]))?;
    Some((first, second))
}

/// The index of the largest value, the lowest one on ties; 0 without values.
fn largest_of(values: &[f32]) -> usize {
    (0..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0)
}

/// The golden model beside an image.
pub struct Reference<'g> {
    /// The golden model.
    pub engine: &'g mut dyn NodeEngine,
    /// From raw samples to its input.
    pub feed: &'g FeedSet,
    /// The values that the image's outputs stand for, one a decoder.
    pub outputs: Vec<&'g str>,
}

/// What [`evaluate`] calls after each block: the samples' numbers, what they emitted, and for each output the values of each
/// sample.
pub type BlockDone<'a> = dyn FnMut(Range<usize>, &Outputs, &[Vec<Vec<i64>>]) + 'a;

/// What a set of samples showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Number of samples.
    pub samples: usize,
    /// Samples whose class is their label; `None` without labels or without classes.
    pub correct: Option<usize>,
    /// Samples whose class is the golden model's; `None` without golden model or without classes.
    pub agreeing: Option<usize>,
    /// Samples whose label the golden model gives; `None` without golden model, labels or classes.
    pub golden_correct: Option<usize>,
    /// Samples whose label the image gives and the golden model does not; `None` as [`Self::golden_correct`].
    pub gained: Option<usize>,
    /// Samples whose label the golden model gives and the image does not.
    pub lost: Option<usize>,
    /// Samples whose largest output is the golden model's largest, where the index of neither is a class; `None` without golden
    /// model and for outputs of one value.
    pub same_largest: Option<usize>,
    /// The same of the smallest output.
    pub same_smallest: Option<usize>,
    /// Sum of the squares of the golden outputs; 0 without golden model.
    pub signal: f64,
    /// Sum of the squares of the differences to them.
    pub noise: f64,
    /// For classifiers: sum of the squares of the distance between the golden model's two largest outputs.
    pub margin_signal: f64,
    /// Sum of the squares of the image's errors in that distance.
    pub margin_noise: f64,
    /// Largest difference to a golden output in the network's own unit; `None` without golden model.
    pub max_abs_error: Option<f64>,
    /// The same of each output.
    pub output_errors: Vec<f64>,
    /// `spandrel-output-1` over all samples in order.
    pub output_digest: Digest32,
}

impl Evaluation {
    /// Takes in one sample: its class, the golden model's, and its label. What is `None` in the counts stays so.
    pub(crate) fn decided(&mut self, class: u32, golden: Option<u32>, label: Option<u32>) {
        let right = label == Some(class);
        let golden_right = label.is_some() && label == golden;
        count(&mut self.correct, right);
        count(&mut self.agreeing, golden == Some(class));
        count(&mut self.golden_correct, golden_right);
        count(&mut self.gained, right && !golden_right);
        count(&mut self.lost, golden_right && !right);
    }

    /// `count` as a share of all samples, 0 to 1.
    pub fn share(&self, count: Option<usize>) -> Option<f64> {
        count.map(|count| count as f64 / self.samples as f64)
    }

    /// Signal-to-noise ratio of all outputs against the golden ones, in decibels within +-300; `None` without golden model. For a
    /// classifier that includes outputs that clearly lose, which tuning leaves inexact on purpose.
    pub fn output_snr_db(&self) -> Option<f64> {
        self.max_abs_error.map(|_| decibels(self.signal, self.noise))
    }

    /// For classifiers: signal-to-noise ratio of the distance between the golden model's two largest outputs, in decibels within
    /// +-300: of all that the decision hangs on and nothing else.
    pub fn decision_snr_db(&self) -> Option<f64> {
        self.agreeing
            .filter(|_| self.margin_signal > 0.0)
            .map(|_| decibels(self.margin_signal, self.margin_noise))
    }
}

/// Runs all samples of `batch`, the raw values of `samples`, block by block, and compares the classes of the first
/// output with labels and golden model, and the values of every output with the golden ones. `done` is shown every block.
///
/// # Errors
/// Those of the engine and of the golden model; SP0207 for labels that are no class; SP0612 when the golden output has another
/// number of elements than the image's.
pub fn evaluate(
    engine: &mut dyn ExactEngine,
    batch: &RawBatch<'_>,
    samples: &SampleSet,
    mut reference: Option<Reference<'_>>,
    done: &mut BlockDone<'_>,
) -> Result<Evaluation> {
    // Copied out, so that the engine stays free to run.
    let readouts = Readout::all(engine.image())?;
    let decides = readouts[0].decides();
    let sizes: Vec<u32> = readouts.iter().map(|readout| readout.decoder.values).collect();
    let units: Vec<f64> = readouts.iter().map(Readout::unit).collect();
    if decides {
        samples.check_labels(sizes[0] as usize)?;
    }
    let labels = samples.labels.as_deref().filter(|_| decides);
    let counted = |wanted: bool| wanted.then_some(0usize);
    let golden = reference.is_some();
    let mut found = Evaluation {
        samples: batch.len(),
        correct: counted(labels.is_some()),
        agreeing: counted(golden && decides),
        golden_correct: counted(golden && labels.is_some()),
        gained: counted(golden && labels.is_some()),
        lost: counted(golden && labels.is_some()),
        same_largest: counted(golden && !decides && sizes[0] > 1),
        same_smallest: counted(golden && !decides && sizes[0] > 1),
        output_errors: if golden { vec![0.0; sizes.len()] } else { Vec::new() },
        ..Evaluation::default()
    };
    let mut digest = OutputDigest::new();
    // Whole sequences at once.
    let sequence = batch.sequence();
    let whole = |samples: usize| (samples / sequence).max(1) * sequence;
    let (mut first, mut block) = (0, whole(BLOCK));
    while first < batch.len() {
        let range = first..(first + block).min(batch.len());
        let outputs = match engine.run_batch(&batch.slice(range.clone())) {
            // Of networks that emit very much fewer samples go at once.
            Err(EngineError::TooLarge { .. }) if range.len() > sequence => {
                block = whole(range.len() / 2);
                continue;
            }
            Err(error) => return Err(numbered(error, first).into()),
            Ok(outputs) => outputs,
        };
        let values = Readout::all(engine.image())?
            .iter()
            .map(|readout| (0..outputs.len()).map(|i| readout.values(&outputs, i)).collect())
            .collect::<Result<Vec<Vec<_>>>>()?;
        let wanted = match &mut reference {
            Some(reference) => golden_rows(reference, samples, range.clone(), &sizes)?,
            None => Vec::new(),
        };
        let golden_classes = wanted.first().map(Tensor2::argmax);
        for (index, row) in values[0].iter().enumerate() {
            outputs.sample(index).iter().zip(&outputs.tags).for_each(|(code, tag)| digest.add(*tag, *code));
            let class = class_of(row);
            let label = labels.map(|labels| labels[first + index]);
            let golden_class = golden_classes.as_ref().map(|classes| classes[index]);
            found.decided(class, golden_class, label);
            count(&mut found.same_largest, golden_class == Some(class));
            if let Some(wanted) = wanted.first() {
                let negated: Vec<f32> = wanted.row(index).iter().map(|y| -y).collect();
                let smallest: Vec<i64> = row.iter().map(|value| value.saturating_neg()).collect();
                count(&mut found.same_smallest, class_of(&smallest) as usize == largest_of(&negated));
                if let Some((a, b)) = two_largest(wanted.row(index)).filter(|_| decides) {
                    let distance = f64::from(wanted.row(index)[a]) - f64::from(wanted.row(index)[b]);
                    let error = (row[a] as f64 - row[b] as f64) * units[0] - distance;
                    found.margin_signal += distance * distance;
                    found.margin_noise += error * error;
                }
            }
        }
        let outputs_of = found.output_errors.iter_mut().zip(&values).zip(&wanted).zip(&units);
        for (((most, rows), wanted), unit) in outputs_of {
            for (index, row) in rows.iter().enumerate() {
                for (&value, &y) in row.iter().zip(wanted.row(index)) {
                    let (y, error) = (f64::from(y), value as f64 * unit - f64::from(y));
                    *most = most.max(error.abs());
                    found.signal += y * y;
                    found.noise += error * error;
                }
            }
        }
        done(range.clone(), &outputs, &values);
        first = range.end;
    }
    found.max_abs_error =
        golden.then(|| found.output_errors.iter().fold(0.0, |most: f64, &own| most.max(own)));
    found.output_digest = digest.digest();
    Ok(found)
}

/// Adds a hit to what is counted.
fn count(hits: &mut Option<usize>, hit: bool) {
    *hits = hits.map(|hits| hits + usize::from(hit));
}

/// `error` of a block as a diagnostic whose place counts from the first sample of all.
fn numbered(error: EngineError, first: usize) -> Diagnostic {
    let sample = error.sample();
    let mut diagnostic = Diagnostic::from(error);
    if let Some(sample) = sample {
        let (old, new) = (format!("sample {sample}"), format!("sample {}", first + sample));
        diagnostic.place = diagnostic.place.replacen(&old, &new, 1);
        diagnostic.rule = diagnostic.rule.replacen(&old, &new, 1);
    }
    diagnostic
}

/// The golden values of each output, `sizes` elements a sample.
fn golden_rows(
    reference: &mut Reference<'_>,
    samples: &SampleSet,
    range: Range<usize>,
    sizes: &[u32],
) -> Result<Vec<Tensor2>> {
    let way_out = "give the model that the image was compiled from";
    if reference.outputs.len() != sizes.len() {
        let (known, all) = (reference.outputs.len(), sizes.len());
        let rule = format!("{known} outputs of the model are known, the image has {all}");
        return Err(Diagnostic::error("SP0612", "model", rule, way_out).into());
    }
    let input = reference.feed.batch(samples, range);
    let rows = reference.engine.values(&input, &reference.outputs)?;
    for ((rows, name), &values) in rows.iter().zip(&reference.outputs).zip(sizes) {
        if rows.cols() != values as usize {
            let rule = format!("{name:?} has {} elements, the image {values} outputs of it", rows.cols());
            return Err(Diagnostic::error("SP0612", "model", rule, way_out).into());
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::class_of;

    #[test]
    fn ties_go_to_the_lowest_class() {
        assert_eq!(class_of(&[1, 3, 3, 2]), 1);
        assert_eq!(class_of(&[-5, -9]), 0);
        assert_eq!(class_of(&[i64::MIN, i64::MAX]), 1);
        assert_eq!(class_of(&[]), 0);
    }
}
