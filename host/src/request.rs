//! What is to be compiled, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::encode::EncodeOptions;
use crate::expand::ExpandOptions;
use crate::faults::AnswerOptions;
use crate::lower::LoopForm;
use crate::nir::SpikingOptions;
use crate::rate::RateOptions;
use crate::samples::Layout;
use crate::sequence::Feedback;
use crate::settings::Settings;
use crate::tune::TuneOptions;

/// Everything that a compilation depends on.
#[derive(Clone, Debug)]
pub struct Request {
    /// The ONNX file.
    pub model: PathBuf,
    /// Chip name or description file.
    pub chip: String,
    /// Calibration samples.
    pub samples: PathBuf,
    /// Their labels.
    pub labels: Option<PathBuf>,
    /// Test samples, evaluated afterwards.
    pub test: Option<PathBuf>,
    /// Their labels.
    pub test_labels: Option<PathBuf>,
    /// How many of the test samples, from the first on, are left out.
    pub test_skip: usize,
    /// The class that each label of the files stands for, when the network counts its classes in another order.
    pub classes: Option<Vec<u32>>,
    /// How many of the samples, from the first on, calibrate.
    pub calibration_count: usize,
    /// From raw samples to the model, for every input.
    pub prepare: Prepare,
    /// The same for single inputs, by name; what is left open there is as for every input.
    pub own: BTreeMap<String, Prepare>,
    /// Outputs that come back as inputs at the next sample.
    pub states: Vec<Feedback>,
    /// Samples of a sequence, in front of which state is zero; 0: all samples of a file are one. Without `states` of no meaning.
    pub sequence: usize,
    /// Sizes of the model's named dimensions.
    pub dims: BTreeMap<String, usize>,
    /// Choices of the stages.
    pub options: StageOptions,
    /// The same choices as text, for the image's notes.
    pub settings: BTreeMap<String, String>,
}

impl Request {
    /// How samples of the input `name` are prepared.
    pub fn prepare(&self, name: &str) -> Prepare {
        self.own.get(name).map_or_else(|| self.prepare.clone(), |own| own.or(&self.prepare))
    }

    /// `model` for `chip`, calibrated on the first 1,024 of `samples`, everything else at its default.
    pub fn new(model: impl Into<PathBuf>, chip: impl Into<String>, samples: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            chip: chip.into(),
            samples: samples.into(),
            labels: None,
            test: None,
            test_labels: None,
            test_skip: 0,
            classes: None,
            calibration_count: 1024,
            prepare: Prepare::default(),
            own: BTreeMap::new(),
            states: Vec::new(),
            sequence: 0,
            dims: BTreeMap::new(),
            options: StageOptions::default(),
            settings: Settings::default().to_map(),
        }
    }
}

/// How an input's raw samples become what the model sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prepare {
    /// Axis order of samples and model.
    pub layout: Option<Layout>,
    /// Multiplies raw values.
    pub scale: Option<Vec<f64>>,
    /// Subtracted from scaled values.
    pub mean: Option<Vec<f64>>,
    /// Divides the difference.
    pub std: Option<Vec<f64>>,
}

impl Prepare {
    /// What is given here, and the rest from `other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            layout: self.layout.as_ref().or(other.layout.as_ref()).cloned(),
            scale: self.scale.as_ref().or(other.scale.as_ref()).cloned(),
            mean: self.mean.as_ref().or(other.mean.as_ref()).cloned(),
            std: self.std.as_ref().or(other.std.as_ref()).cloned(),
        }
    }
}

/// The user's choices for all stages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageOptions {
    /// Stage 2: what loops over time become.
    pub loops: LoopForm,
    /// Stage 3.
    pub encode: EncodeOptions,
    /// Stage 4.
    pub expand: ExpandOptions,
    /// Stage 5.
    pub tune: TuneOptions,
    /// Of trained networks on spiking chips.
    pub rate: RateOptions,
    /// Of spiking networks.
    pub spiking: SpikingOptions,
    /// Of known answers.
    pub answers: AnswerOptions,
}
