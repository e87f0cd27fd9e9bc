//! Operators that a chip's network can not mean, each with the reason: refused by name at once.

/// Why an operator is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// What it is about, to follow "is": `an operator on strings`.
    pub(crate) what: &'static str,
    /// What the user can do.
    pub(crate) way_out: &'static str,
}

/// A group of operators with one reason.
type Group = (&'static [&'static str], Beyond);

const GROUPS: &[Group] = &[
    (
        &[
            "LabelEncoder",
            "RegexFullMatch",
            "StringConcat",
            "StringNormalizer",
            "StringSplit",
            "TfIdfVectorizer",
            "CategoryMapper",
            "DictVectorizer",
        ],
        Beyond {
            what: "an operator on strings or dictionaries; a chip carries numbers",
            way_out: "prepare the text outside the network and export what follows",
        },
    ),
    (
        &[
            "ConcatFromSequence",
            "SequenceAt",
            "SequenceConstruct",
            "SequenceEmpty",
            "SequenceErase",
            "SequenceInsert",
            "SequenceLength",
            "SequenceMap",
            "SplitToSequence",
            "Optional",
            "OptionalGetElement",
            "OptionalHasElement",
            "ZipMap",
            "CastMap",
        ],
        Beyond {
            what: "an operator on sequences, maps or optional values; a chip carries tensors of fixed shape",
            way_out: "export the network for one sample of fixed length, with tensors as inputs and outputs",
        },
    ),
    (
        &["Adagrad", "Adam", "Momentum", "Gradient", "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"],
        Beyond {
            what: "an operator of training; what is compiled is a trained network",
            way_out: "export the network for inference: torch.onnx.export of model.eval(), without its loss",
        },
    ),
    (
        &[
            "Bernoulli",
            "Multinomial",
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
        ],
        Beyond {
            what: "a source of random numbers; equal inputs must give equal outputs",
            way_out: "export the network for inference, or make the random numbers an input",
        },
    ),
    (
        &["NonMaxSuppression", "Unique"],
        Beyond {
            what: "an operator whose result has a size that depends on the data; a chip's wires are fixed",
            way_out: "export the network without this step and do it on its output",
        },
    ),
    (
        &["BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "BitCast"],
        Beyond {
            what: "an operator on bits; values are numbers of limited precision here",
            way_out: "do it outside the network",
        },
    ),
    (
        &["AffineGrid", "ImageDecoder", "MelWeightMatrix"],
        Beyond {
            what: "signal or image preparation, which is done before the network",
            way_out: "prepare the samples with it and export what follows",
        },
    ),
    (
        &["DeformConv", "GridSample", "MaxRoiPool", "MaxUnpool", "RoiAlign"],
        Beyond {
            what: "an operator whose wiring depends on the data",
            way_out: "use a network without it; the wiring of a chip is fixed",
        },
    ),
    (
        &["Det"],
        Beyond {
            what: "a determinant, which is no sum of products",
            way_out: "compute it outside the network",
        },
    ),
];

/// The domain of classical machine learning.
const ML: Beyond = Beyond {
    what: "an operator of the domain ai.onnx.ml: classical machine learning, not a neural network",
    way_out: "export a neural network",
};

/// The domain of training.
const TRAINING: Beyond = Beyond {
    what: "an operator of a training domain; what is compiled is a trained network",
    way_out: "export the network for inference",
};

/// The reason against the operator `name` of `domain`; `None` when nothing is known against it.
pub(crate) fn beyond(domain: &str, name: &str) -> Option<Beyond> {
    let of_group = || GROUPS.iter().find(|(names, _)| names.contains(&name)).map(|(_, reason)| *reason);
    match domain {
        "" | "ai.onnx" => of_group(),
        "ai.onnx.ml" => Some(of_group().unwrap_or(ML)),
        "ai.onnx.training" | "ai.onnx.preview.training" => Some(TRAINING),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_domain_has_its_reason() {
        assert!(beyond("", "StringSplit").is_some_and(|b| b.what.contains("strings")));
        assert!(beyond("ai.onnx.ml", "LabelEncoder").is_some_and(|b| b.what.contains("strings")));
        assert_eq!(beyond("ai.onnx.ml", "TreeEnsemble"), Some(ML));
        assert_eq!(beyond("ai.onnx.preview.training", "Adam"), Some(TRAINING));
        assert_eq!(beyond("", "Relu"), None);
        assert_eq!(beyond("com.example", "Adam"), None);
    }
}
