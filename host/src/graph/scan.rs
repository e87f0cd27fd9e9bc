//! Loops over time: recurrent layers and ONNX's Scan.

use std::fmt;
use std::sync::Arc;

use super::Graph;

/// Which result of a [`Scan`] a node stands for. Nodes have one output: a loop with several used results is several nodes
/// with the same body (the same `Arc`) and the same inputs, and is evaluated once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScanResult {
    /// State number so, after the last step: the shape of the initial state.
    State(usize),
    /// What the body's output `states + i` gave in every step, stacked: \[steps, ..\].
    Stacked(usize),
}

/// A loop of a fixed number of steps.
///
/// Inputs of the node, in this order: `states` initial states; `sequences` values whose axis 0 is time, with the size
/// `steps`; any number of values that are the same in every step (weights that are computed, captured values). Inputs of
/// the body: the states, one step of every sequence (its axis 0 removed), the values that stay. Outputs of the body: the new
/// states, in the order and with the shapes of the states, then what each step yields. Constants may be inputs of the
/// node; constants that only the body uses are constants of the body. Time runs forward over axis 0: other axes and
/// directions are made by transposing and reversing (a Slice with step -1) outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// What one step computes.
    pub body: Arc<Graph>,
    /// The number of values handed from step to step.
    pub states: usize,
    /// The number of sequences.
    pub sequences: usize,
    /// The number of steps; at least 1.
    pub steps: usize,
    /// Which result the node has.
    pub result: ScanResult,
}

impl Scan {
    /// The shape of the result.
    pub fn shape(&self) -> Option<Vec<usize>> {
        let output = |i: usize| self.body.outputs().get(i).map(|&o| self.body.value(o).shape.clone());
        match self.result {
            ScanResult::State(i) if i < self.states => output(i),
            ScanResult::State(_) => None,
            ScanResult::Stacked(i) => {
                Some([&[self.steps][..], &output(self.states.checked_add(i)?)?].concat())
            }
        }
    }
}

impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scan { states, sequences, steps, result, .. } = self;
        write!(f, "Scan {{steps={steps} states={states} sequences={sequences} result={result:?}}}")
    }
}
