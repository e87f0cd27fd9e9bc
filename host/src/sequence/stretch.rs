//! The model as the body of a loop over a sequence.

use std::sync::Arc;

use super::Model;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::{Builder, Graph, Op, Origin, Scan, ScanResult, Select, ShapeError, Tensor, ValueId};

impl Model<'_> {
    /// The network over `steps` samples in a row: its one input has the shape \[steps, ..\], all inputs of a sample one behind the other where there are several; `outputs`
    /// of the model are its outputs, one sample's values behind the other's.
    ///
    /// # Errors
    /// SP0301: the sequence is too long.
    pub fn stretched(&self, steps: usize, outputs: &[ValueId]) -> Result<Graph> {
        self.network(steps, outputs).map_err(|error| {
            let rule = format!("a sequence of {steps} samples: {error:?}");
            Diagnostics::from(Diagnostic::error("SP0301", "--sequence", rule, "use shorter sequences"))
        })
    }

    fn network(&self, steps: usize, outputs: &[ValueId]) -> std::result::Result<Graph, ShapeError> {
        let inputs = self.inputs();
        let one = match inputs.as_slice() {
            [input] => self.graph.value(*input).shape.clone(),
            _ => vec![self.sample_len()],
        };
        let body = Arc::new(self.body(&inputs, outputs)?);
        let name = self.input_names().join("+");
        let mut builder = Builder::new(&name, [&[steps][..], &one].concat());
        let mut operands: Vec<ValueId> = Vec::new();
        for &(_, input) in &self.states {
            let value = self.graph.value(input);
            let zeros = Tensor::zeros(value.shape.clone());
            operands.push(builder.constant(&format!("{}/start", value.name), zeros));
        }
        operands.push(builder.input());
        let mut results = Vec::new();
        for (number, &output) in outputs.iter().enumerate() {
            let result = ScanResult::Stacked(number);
            let scan = Scan { body: body.clone(), states: self.states.len(), sequences: 1, steps, result };
            let name = &self.graph.value(output).name;
            results.push(builder.node(name, Op::Scan(scan), &operands, name)?);
        }
        builder.finish(&results)
    }

    /// One sample: states, then the sample's inputs; new states, then the outputs.
    fn body(&self, inputs: &[ValueId], outputs: &[ValueId]) -> std::result::Result<Graph, ShapeError> {
        let graph = self.graph;
        let mut builder = Builder::default();
        let mut place: Vec<Option<ValueId>> = vec![None; graph.values().len()];
        for &(_, input) in &self.states {
            let value = graph.value(input);
            place[input.index()] = Some(builder.add_input(&value.name, value.shape.clone())?);
        }
        if let [input] = inputs {
            let value = graph.value(*input);
            place[input.index()] = Some(builder.add_input(&value.name, value.shape.clone())?);
        } else {
            let all = builder.add_input("sample", vec![self.sample_len()])?;
            let mut first = 0;
            for &input in inputs {
                let value = graph.value(input);
                let slice = Select::Slice { starts: vec![first], steps: vec![1], sizes: vec![value.len()] };
                let part = format!("{}/part", value.name);
                let part = builder.node(&part, Op::Select(slice), &[all], &part)?;
                let view = Select::View { shape: value.shape.clone() };
                let made = builder.node(&value.name, Op::Select(view), &[part], &value.name)?;
                place[input.index()] = Some(made);
                first += value.len();
            }
        }
        for (value, place) in graph.values().iter().zip(&mut place) {
            if let Origin::Constant(tensor) = &value.origin {
                *place = Some(builder.constant(&value.name, tensor.clone()));
            }
        }
        let known = |place: &[Option<ValueId>], id: ValueId| place[id.index()].unwrap_or(id);
        for node in graph.nodes() {
            let operands: Vec<ValueId> = node.inputs.iter().map(|&id| known(&place, id)).collect();
            builder.set_origin(Some(&node.origin));
            let name = &graph.value(node.output).name;
            place[node.output.index()] = Some(builder.node(&node.name, node.op.clone(), &operands, name)?);
        }
        let mut results: Vec<ValueId> = Vec::new();
        builder.set_origin(None);
        for &(output, input) in &self.states {
            let (from, to) = (graph.value(output), graph.value(input));
            let mut made = known(&place, output);
            if from.shape != to.shape {
                let view = Select::View { shape: to.shape.clone() };
                let name = format!("{}/again", to.name);
                made = builder.node(&name, Op::Select(view), &[made], &name)?;
            }
            results.push(made);
        }
        results.extend(outputs.iter().map(|&output| known(&place, output)));
        builder.finish_body(&results)
    }
}
