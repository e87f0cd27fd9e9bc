//! The compiler's notes in an image: where it comes from, and how raw samples become the model's input.
//!
//! Section NOTES holds this structure as TOML text. The machine never reads it; `run --model` and `verify` need it to
//! feed the golden model exactly what the image was compiled for. `docs/cli.md` lists the fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use spandrel_core::image::{Codec, Image};

use crate::diagnostic::{Diagnostic, Result};
use crate::samples::{Feed, FeedSet, Layout, Preprocess, SampleSet};
use crate::sequence::{Feedback, Model};

/// The version of the notes' layout that this crate writes and reads.
pub const FORMAT: u32 = 2;

/// All notes of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the compiler.
    pub spandrel: String,
    /// The network.
    pub model: ModelNotes,
    /// The calibration samples.
    pub samples: SampleNotes,
    /// From raw samples to the model's inputs. A raw sample is the raw values of all of them, one behind the other in this order.
    #[serde(rename = "input")]
    pub inputs: Vec<InputNotes>,
    /// The golden values that the image's outputs stand for: output and decoder 0 the first, and so on.
    #[serde(rename = "output")]
    pub outputs: Vec<OutputNotes>,
    /// Every setting with its value ([`crate::settings`]).
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The chip description, as canonical TOML text.
    pub chip: String,
}

/// The network that an image was compiled from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelNotes {
    /// File name without folders.
    pub file: String,
    /// SHA-256 of the file's bytes in lower-case hexadecimal digits.
    pub sha256: String,
    /// Whether the index of the largest value of the first output is a class.
    pub decision: bool,
    /// Outputs that come back as inputs at the next sample.
    #[serde(default, rename = "state", skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<Feedback>,
    /// Sizes that named dimensions were given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dims: BTreeMap<String, usize>,
}

/// The samples that an image was calibrated on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleNotes {
    /// SHA-256 of the file's bytes in lower-case hexadecimal digits.
    pub sha256: String,
    /// How many samples of the file, from the first on, were used.
    pub calibration_count: usize,
    /// Samples of a sequence, where state is held between samples; 0: all samples of a file.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sequence: usize,
}

/// Whether a field is at its default.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// How raw values are held on the way to the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawType {
    /// 0..=255.
    U8,
    /// -128..=127.
    I8,
    /// -32768..=32767.
    I16,
    /// Any i32.
    I32,
}

impl RawType {
    /// The codec of the encoder.
    pub fn codec(self) -> Codec {
        match self {
            Self::U8 => Codec::U8,
            Self::I8 => Codec::I8,
            Self::I16 => Codec::I16,
            Self::I32 => Codec::I32,
        }
    }
}

/// An output of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputNotes {
    /// The golden value that it stands for.
    pub name: String,
    /// The value's shape.
    pub shape: Vec<usize>,
}

/// From raw samples to one input of the model: (x * scale - mean) / std, axes reordered by `layout`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputNotes {
    /// The model's name of it.
    pub name: String,
    /// The shape of one raw sample.
    pub shape: Vec<usize>,
    /// Axes of the samples and of the model, such as `nhwc:nchw`; absent when they are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Multiplies the sample's value: one number, or one per channel; so below.
    pub scale: Vec<f64>,
    /// Subtracted from the scaled value.
    pub mean: Vec<f64>,
    /// Divides the difference.
    pub std: Vec<f64>,
    /// How raw values of this input are held; the encoder takes a type that holds those of all inputs.
    pub raw_type: RawType,
    /// For floating-point samples what a raw step stands for: raw = x / raw_scale, rounded half away from zero and saturated
    /// ([`crate::samples_raw::quantise`]). Absent when samples are whole numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_scale: Option<f64>,
}

impl InputNotes {
    /// How samples of `shape` are fed to a model whose input has the shape `model`.
    ///
    /// # Errors
    /// SP0206, SP0209, SP0210: samples, layout and preprocessing do not fit the model.
    pub fn feed(&self, shape: &[usize], model: &[usize]) -> Result<Feed> {
        let layout = self.layout.as_deref().map(str::parse::<Layout>).transpose()?;
        let preprocess =
            Preprocess { scale: self.scale.clone(), mean: self.mean.clone(), std: self.std.clone() };
        Feed::new(shape, model, layout.as_ref(), preprocess)
    }
}

impl Notes {
    /// The names of the inputs.
    pub fn input_names(&self) -> Vec<&str> {
        self.inputs.iter().map(|input| input.name.as_str()).collect()
    }

    /// The names of the outputs.
    pub fn output_names(&self) -> Vec<&str> {
        self.outputs.iter().map(|output| output.name.as_str()).collect()
    }

    /// How `samples` are fed to `model`.
    ///
    /// # Errors
    /// SP0206, SP0209, SP0210: samples, layout and preprocessing do not fit the model; SP0612: it has other inputs.
    pub fn feed(&self, samples: &SampleSet, model: &Model<'_>) -> Result<FeedSet> {
        let names = model.input_names();
        if names != self.input_names() {
            let rule = format!(
                "the model has the inputs {}, the image {}",
                names.join(", "),
                self.input_names().join(", ")
            );
            let way_out = "give the model that the image was compiled from";
            return Err(Diagnostic::error("SP0612", "model", rule, way_out).into());
        }
        let parts = self.inputs.iter().zip(&samples.parts).zip(model.inputs());
        let feeds =
            parts.map(|((input, part), value)| input.feed(&part.shape, &model.graph.value(value).shape));
        Ok(FeedSet::new(feeds.collect::<Result<_>>()?))
    }

    /// The TOML text of section NOTES.
    pub fn to_text(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// The notes in `text`.
    ///
    /// # Errors
    /// SP0611: the text is empty, not TOML, or lacks a field; `place` names the image.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let fault = |rule: String| {
            let way_out =
                "compile the image again with this version: its notes tell how samples reach the model";
            Diagnostic::error("SP0611", format!("{place}: section NOTES"), rule, way_out).into()
        };
        if text.is_empty() {
            return Err(fault("the image has no notes".into()));
        }
        let notes: Self = toml::from_str(text)
            .map_err(|error| fault(format!("the notes can not be read ({})", error.message())))?;
        if notes.format != FORMAT {
            return Err(fault(format!(
                "the notes have format {}, this version reads {FORMAT}",
                notes.format
            )));
        }
        if notes.inputs.is_empty() || notes.outputs.is_empty() {
            return Err(fault("there is no input, or no output".into()));
        }
        for input in &notes.inputs {
            let lists = [&input.scale, &input.mean, &input.std];
            let channels = lists.iter().map(|list| list.len()).max().unwrap_or(0);
            if lists.iter().any(|list| list.is_empty() || (list.len() != 1 && list.len() != channels)) {
                return Err(fault("scale, mean and std have different numbers of channels".into()));
            }
            if input.raw_scale.is_some_and(|scale| !(scale.is_finite() && scale > 0.0)) {
                return Err(fault("raw_scale is not a positive number".into()));
            }
        }
        Ok(notes)
    }

    /// The notes of `image`; `place` stands for it in errors.
    ///
    /// # Errors
    /// As [`Notes::parse`].
    pub fn of(image: &Image<'_>, place: &str) -> Result<Self> {
        Self::parse(image.notes(), place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes() -> Notes {
        Notes {
            format: FORMAT,
            spandrel: "0.1.0".into(),
            model: ModelNotes {
                file: "net \"1\".onnx".into(),
                sha256: "00".repeat(32),
                decision: true,
                states: vec![Feedback { output: "h\"".into(), input: "h0".into() }],
                dims: BTreeMap::from([("sequence \"n\"".into(), 3)]),
            },
            samples: SampleNotes { sha256: "ff".repeat(32), calibration_count: 1024, sequence: 8 },
            inputs: vec![InputNotes {
                name: "serving_default_x:0".into(),
                shape: vec![28, 28, 3],
                layout: Some("nhwc:nchw".into()),
                scale: vec![1.0 / 255.0],
                mean: vec![0.1, f64::MIN_POSITIVE, 1e300],
                std: vec![1.0, 0.1 + 0.2, 3.0],
                raw_type: RawType::I16,
                raw_scale: Some(1.0 / 32767.0),
            }],
            outputs: vec![OutputNotes { name: "y\n".into(), shape: vec![1, 10] }],
            settings: BTreeMap::from([("tune.seed".into(), "1".into())]),
            chip: "name = \"x\"\n[fabric]\ncores = 1\n".into(),
        }
    }

    #[test]
    fn text_and_back_is_the_same_to_the_last_bit() {
        let notes = notes();
        assert_eq!(Notes::parse(&notes.to_text(), "a.spandrel").unwrap(), notes);
    }

    #[test]
    fn unusable_notes_are_refused() {
        let text = notes().to_text();
        let cases = [
            String::new(),
            "]".into(),
            text.replace("format = 2", "format = 3"),
            text.replace("raw_type = \"i16\"", "raw_type = \"f16\""),
            text.replace("decision = true", ""),
            text.replace("calibration_count", "calibration_number"),
            text.replace("std = [1.0, ", "std = ["),
            text.replace("raw_scale = ", "raw_scale = -"),
        ];
        for text in cases {
            let found = Notes::parse(&text, "a.spandrel").unwrap_err();
            assert_eq!(found.0[0].code, "SP0611", "{text}");
            assert!(found.0[0].place.starts_with("a.spandrel: "), "{found}");
        }
    }
}
