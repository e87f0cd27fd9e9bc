//! Which outputs come back as which inputs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::{Graph, ValueId};

/// An output of the model that is an input of it at the next sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// Name of the output.
    pub output: String,
    /// Name of the input; it has the same number of elements, in the same order.
    pub input: String,
}

impl FromStr for Feedback {
    type Err = Diagnostics;

    /// `OUT=IN`.
    fn from_str(text: &str) -> Result<Self> {
        let split = text.split_once('=').filter(|(output, input)| !output.is_empty() && !input.is_empty());
        split.map(|(output, input)| Self { output: output.to_owned(), input: input.to_owned() }).ok_or_else(
            || {
                let rule = "it is not the name of an output, =, and the name of an input";
                let way_out = "write --state OUTPUT=INPUT with the names that the model has";
                Diagnostic::error("SP0004", format!("--state {text}"), rule, way_out).into()
            },
        )
    }
}

impl fmt::Display for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.output, self.input)
    }
}

/// A model with what is fed back, checked: without any it is the model as it is.
#[derive(Clone, Debug)]
pub struct Model<'g> {
    /// The model.
    pub graph: &'g Graph,
    /// Output and input of each state.
    pub states: Vec<(ValueId, ValueId)>,
}

impl<'g> Model<'g> {
    /// `graph` with `feedback`.
    ///
    /// # Errors
    /// SP0004: an output or input that the model has not got, of different sizes, or twice; no input or output is left.
    pub fn new(graph: &'g Graph, feedback: &[Feedback]) -> Result<Self> {
        let mut found = Diagnostics::default();
        let mut made = Self { graph, states: Vec::new() };
        let names = |list: &[ValueId]| {
            list.iter().map(|&v| graph.value(v).name.as_str()).collect::<Vec<_>>().join(", ")
        };
        for own in feedback {
            let mut fault = |rule: String, way_out: String| {
                found.push(Diagnostic::error("SP0004", format!("--state {own}"), rule, way_out));
            };
            let of =
                |list: &[ValueId], name: &str| list.iter().copied().find(|&v| graph.value(v).name == *name);
            let (output, input) = (of(graph.outputs(), &own.output), of(graph.inputs(), &own.input));
            if output.is_none() {
                let way_out = format!("its outputs are {}", names(graph.outputs()));
                fault(format!("the model has no output {:?}", own.output), way_out);
            }
            if input.is_none() {
                let way_out = format!("its inputs are {}", names(graph.inputs()));
                fault(format!("the model has no input {:?}", own.input), way_out);
            }
            let (Some(output), Some(input)) = (output, input) else { continue };
            let (from, to) = (graph.value(output), graph.value(input));
            if from.len() != to.len() {
                let rule = format!("the output has the shape {:?}, the input {:?}", from.shape, to.shape);
                fault(rule, "feed back an output of as many elements as the input has".into());
            } else if made.states.iter().any(|&(_, other)| other == input) {
                fault("the input is fed back twice".into(), "give each input once".into());
            } else {
                made.states.push((output, input));
            }
        }
        if found.is_empty() && made.inputs().is_empty() {
            let rule = "all inputs are fed back, so nothing is left that samples are fed to";
            let way_out = "give the model an input of its own";
            found.push(Diagnostic::error("SP0004", "--state", rule, way_out));
        }
        found.into_result(made)
    }

    /// Whether anything is fed back.
    pub fn holds(&self) -> bool {
        !self.states.is_empty()
    }

    /// The inputs that samples are fed to, in the model's order.
    pub fn inputs(&self) -> Vec<ValueId> {
        let free = |input: &&ValueId| self.states.iter().all(|(_, fed)| fed != *input);
        self.graph.inputs().iter().filter(free).copied().collect()
    }

    /// Their names.
    pub fn input_names(&self) -> Vec<&'g str> {
        self.inputs().iter().map(|&input| self.graph.value(input).name.as_str()).collect()
    }

    /// The number of elements of one sample.
    pub fn sample_len(&self) -> usize {
        self.inputs().iter().map(|&v| self.graph.value(v).len()).sum()
    }

    /// The outputs that leave: those that are not fed back, or all where none would be left.
    pub fn outputs(&self) -> Vec<ValueId> {
        let leaves = |output: &&ValueId| self.states.iter().all(|(fed, _)| fed != *output);
        let left: Vec<ValueId> = self.graph.outputs().iter().filter(leaves).copied().collect();
        if left.is_empty() { self.graph.outputs().to_vec() } else { left }
    }
}
