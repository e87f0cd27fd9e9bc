//! The networks of the data folder: their samples, their preprocessing, and what the folder's index says of them.

use std::path::{Path, PathBuf};

use super::speech;
use crate::archive;
use crate::process::{Result, root};

/// Where a network's samples come from.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Samples {
    /// MNIST: first 1,024 training images, 5,000 test images.
    Mnist,
    /// CIFAR-10: 1,000 training images, 500 test images.
    Cifar,
    /// Keyword features, of which there are no training ones: the first [`KEYWORDS`] recordings calibrate, the others measure.
    Keywords,
    /// Every second frame of them.
    HalfKeywords,
    /// Spectra of speech: sequences of the first half of the recording calibrate, of the second half measure.
    Speech,
    /// So many recorded inputs beside the network, for lack of any others: the first half calibrates, the second measures; a single one
    /// does both.
    Recorded(usize),
    /// The recorded inputs are random, uniform within +-`within`: [`DRAWN`] of the same `elements` are drawn to calibrate, and all that
    /// were recorded measure.
    Drawn { within: f32, elements: usize },
}

const KEYWORD_FILE: &str = "datasets/kws01/kws01_A_000-499.npz";

/// Where every second frame of the keyword recordings lies, once [`prepare`] has put it there.
fn half_keywords() -> PathBuf {
    root().join("out/networks/keywords-half.npy")
}

/// Where the spectra of speech lie that calibrate or measure.
fn spectra(what: &str) -> PathBuf {
    root().join(format!("out/networks/speech-{what}.npy"))
}

/// Makes the samples that the data folder holds in another form only.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    let file = folder.join(KEYWORD_FILE);
    let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let half = archive::array(&bytes, "x")?.every_second();
    let put = |path: PathBuf, array: archive::Bytes| {
        std::fs::write(&path, array.to_npy()).map_err(|error| format!("{}: {error}", path.display()))
    };
    put(half_keywords(), half)?;
    put(spectra("calibration"), speech::frames(folder, 5)?)?;
    put(spectra("test"), speech::frames(folder, 30)?)?;
    for network in &NETWORKS {
        if let Samples::Drawn { within, elements } = network.samples {
            put(network.drawn(), archive::uniform(&[DRAWN, elements], within))?;
        }
    }
    Ok(())
}

/// Inputs that are drawn to calibrate.
const DRAWN: usize = 1024;

/// Keyword recordings that calibrate, of 500.
pub(super) const KEYWORDS: usize = 100;

/// What the figures of a network mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The largest output is a class.
    Class,
    /// The smallest output is the decision.
    Least,
    /// Numbers.
    Fit,
}

/// A network.
pub(super) struct Network {
    pub(super) name: &'static str,
    pub(super) samples: Samples,
    pub(super) meaning: Meaning,
    /// What the command is told of the preprocessing.
    given: &'static [&'static str],
    /// Accuracy in percent that the folder's index states for the very samples that are measured here, or for all of which they
    /// are a part ([`Samples::Keywords`]).
    pub(super) stated: Option<f64>,
}

const fn network(name: &'static str, samples: Samples, given: &'static [&'static str]) -> Network {
    Network { name, samples, meaning: Meaning::Class, given, stated: None }
}

const fn mnist(name: &'static str, stated: f64) -> Network {
    Network { stated: Some(stated), ..network(name, Samples::Mnist, &[]) }
}

const fn drawn(name: &'static str, within: f32, elements: usize, meaning: Meaning) -> Network {
    Network { meaning, ..network(name, Samples::Drawn { within, elements }, &[]) }
}

const fn recorded(name: &'static str, count: usize, meaning: Meaning) -> Network {
    Network { meaning, ..network(name, Samples::Recorded(count), &[]) }
}

/// Class of the arm_kws networks that each label of the keyword recordings stands for: theirs are Silence, Unknown, Yes, No, Up, Down,
/// Left, Right, On, Off, Stop, Go; those of the recordings Down, Go, Left, No, Off, On, Right, Stop, Up, Yes, Silence,
/// Unknown.
const ARM: [&str; 2] = ["--classes", "5,11,6,3,9,8,7,10,4,2,0,1"];

pub(super) const NETWORKS: [Network; 32] = [
    mnist("tinymaix_mnist_fc", 90.68),
    mnist("mnist_mlp2x10", 90.28),
    mnist("mnist_mlp5x20_leaky_relu", 92.88),
    mnist("mnist_fc_256x2", 97.36),
    mnist("mnist_ffnn_sigmoid_6x200", 96.90),
    mnist("mnist_convnet_maxpool", 97.00),
    Network { given: &["--scale", "1"], ..mnist("mnist_cntk_conv", 98.30) },
    mnist("mnist_cnn_max_mninst2", 97.28),
    mnist("tinymaix_mnist_valid", 94.98),
    mnist("tinymaix_mnist_dw", 91.12),
    network("qonnx_TFC_1W1A", Samples::Mnist, &[]),
    network("qonnx_TFC_2W2A", Samples::Mnist, &[]),
    network("cifar10_marabou_small", Samples::Cifar, &[]),
    network(
        "cifar10_oval_base",
        Samples::Cifar,
        &["--layout", "nhwc:nchw", "--mean", "0.485,0.456,0.406", "--std", "0.225,0.225,0.225"],
    ),
    network(
        "cifar10_resnet_2b",
        Samples::Cifar,
        &["--layout", "nhwc:nchw", "--mean", "0.4914,0.4822,0.4465", "--std", "0.2471,0.2435,0.2616"],
    ),
    network("mlperf_tiny_resnet8_float", Samples::Cifar, &["--scale", "1"]),
    network("mlperf_tiny_resnet8_int8_qdq", Samples::Cifar, &["--scale", "1", "--mean", "128"]),
    Network {
        stated: Some(89.80),
        ..network("mlperf_tiny_kws_dscnn_int8_qdq", Samples::Keywords, &["--scale", "1"])
    },
    Network {
        stated: Some(84.60),
        ..network(
            "arm_kws_cnn_s",
            Samples::Keywords,
            &["--scale", "0.29235145", "--mean", "24.26517", ARM[0], ARM[1]],
        )
    },
    Network {
        stated: Some(82.80),
        ..network(
            "arm_kws_basic_lstm_s",
            Samples::Keywords,
            &["--scale", "0.46776232", "--mean", "38.824273", ARM[0], ARM[1]],
        )
    },
    network(
        "arm_kws_gru_s",
        Samples::HalfKeywords,
        &["--scale", "0.29235145", "--mean", "24.26517", ARM[0], ARM[1]],
    ),
    recorded("qonnx_kwsmlp_w3a3", 32, Meaning::Class),
    recorded("mlperf_tiny_vww_float", 6, Meaning::Class),
    recorded("mlperf_tiny_ad_autoencoder_float", 16, Meaning::Fit),
    drawn("acasxu_1_1", 0.5, 5, Meaning::Least),
    drawn("acasxu_3_3", 0.5, 5, Meaning::Least),
    drawn("acasxu_5_9", 0.5, 5, Meaning::Least),
    drawn("hls4ml_conv1d_small_keras", 1.0, 40, Meaning::Class),
    drawn("hls4ml_three_layer_keras", 1.0, 16, Meaning::Class),
    drawn("marabou_KJ_TinyTaxiNet", 1.0, 128, Meaning::Fit),
    recorded("espcn_subpixel_float", 1, Meaning::Fit),
    Network {
        meaning: Meaning::Fit,
        ..network(
            "dtln_model_1",
            Samples::Speech,
            &["--state", "tf_op_layer_stack_2=input_3", "--sequence", "64"],
        )
    },
];

impl Network {
    /// Where its drawn inputs lie.
    fn drawn(&self) -> PathBuf {
        root().join(format!("out/networks/{}-drawn.npy", self.name))
    }

    /// The network's file.
    fn model(&self, folder: &Path) -> PathBuf {
        folder.join(format!("onnx/{}.onnx", self.name))
    }

    /// The files of its samples, by the option that names them.
    fn data(&self, folder: &Path) -> Vec<(&'static str, PathBuf)> {
        let path = |inner: &str| folder.join(inner);
        match self.samples {
            Samples::Mnist => vec![
                ("--samples", path("datasets/mnist/train10k-images-idx3-ubyte.gz")),
                ("--test", path("datasets/mnist/t10k-A-images-idx3-ubyte.gz")),
                ("--test-labels", path("datasets/mnist/t10k-A-labels-idx1-ubyte.gz")),
            ],
            Samples::Cifar => vec![
                ("--samples", path("datasets/cifar10/train0000-0999_lossless.npz")),
                ("--test", path("datasets/cifar10/test500_jpegA.npz")),
            ],
            Samples::Keywords => {
                let file = path(KEYWORD_FILE);
                vec![("--samples", file.clone()), ("--test", file)]
            }
            Samples::HalfKeywords => {
                let (file, labels) = (half_keywords(), path(KEYWORD_FILE));
                vec![("--samples", file.clone()), ("--test", file), ("--test-labels", labels)]
            }
            Samples::Speech => vec![("--samples", spectra("calibration")), ("--test", spectra("test"))],
            Samples::Drawn { .. } => {
                vec![("--samples", self.drawn()), ("--test", path(&format!("onnx/golden/{}.npz", self.name)))]
            }
            Samples::Recorded(count) => {
                let file = path(&format!("onnx/golden/{}.npz", self.name));
                let mut data = vec![("--samples", file.clone())];
                if count > 1 {
                    data.push(("--test", file));
                }
                data
            }
        }
    }

    /// All files that an answer depends on.
    pub(super) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        std::iter::once(self.model(folder))
            .chain(self.data(folder).into_iter().map(|(_, path)| path))
            .collect()
    }

    /// Samples that calibrate and are then left out of the test.
    fn split(&self) -> Option<usize> {
        match self.samples {
            Samples::Keywords | Samples::HalfKeywords => Some(KEYWORDS),
            Samples::Recorded(count) if count > 1 => Some(count / 2),
            _ => None,
        }
    }

    /// The arguments of the compiler, but for where the image goes.
    /// `whole`: all samples of the test file are measured, the calibrating ones too.
    pub(super) fn arguments(&self, folder: &Path, chip: &str, settings: &[&str], whole: bool) -> Vec<String> {
        let mut arguments = vec!["compile".to_owned(), self.model(folder).display().to_string()];
        let mut give = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
        give("--chip", chip);
        self.data(folder).iter().for_each(|(name, path)| give(name, &path.display().to_string()));
        if let Some(count) = self.split() {
            give("--calibration-count", &count.to_string());
            if !whole {
                give("--test-skip", &count.to_string());
            }
        }
        settings.iter().for_each(|setting| give("--set", setting));
        arguments.extend(self.given.iter().map(|part| (*part).to_owned()));
        arguments.push("--json".to_owned());
        arguments
    }

    /// What calibrates and what measures, in a word.
    pub(super) fn measured(&self) -> String {
        match self.samples {
            Samples::Mnist => "MNIST".to_owned(),
            Samples::Cifar => "CIFAR-10".to_owned(),
            Samples::Keywords | Samples::HalfKeywords => format!("keywords, {KEYWORDS} / {}", 500 - KEYWORDS),
            Samples::Speech => {
                format!("speech, {0} / {0} sequences of {1}", speech::SEQUENCES, speech::FRAMES)
            }
            Samples::Drawn { .. } => format!("drawn, {DRAWN} / recorded"),
            Samples::Recorded(1) => "recorded, 1 for both".to_owned(),
            Samples::Recorded(count) => format!("recorded, {} / {}", count / 2, count - count / 2),
        }
    }
}
