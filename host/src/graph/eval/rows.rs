//! A graph made ready, and its evaluation on a few rows of samples.

use std::sync::Arc;

use super::kernel::{Kernel, Known, Operand};
use crate::graph::{Graph, Op, ValueId};

/// The kernels of a graph's nodes.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    kernels: Vec<Kernel>,
}

/// Which nodes are evaluated, and which values are kept how long.
struct Plan {
    steps: Vec<usize>,
    /// For every value the last node that reads it; `usize::MAX`: it is kept.
    last_use: Vec<usize>,
}

impl Plan {
    fn new(graph: &Graph, wanted: &[ValueId]) -> Self {
        let mut needed = vec![false; graph.values().len()];
        wanted.iter().for_each(|v| needed[v.index()] = true);
        let mut steps = Vec::new();
        let mut last_use = vec![usize::MAX; needed.len()];
        for (id, node) in graph.iter().rev() {
            if needed[node.output.index()] {
                steps.push(id.index());
                for input in &node.inputs {
                    needed[input.index()] = true;
                    if last_use[input.index()] == usize::MAX {
                        last_use[input.index()] = id.index();
                    }
                }
            }
        }
        steps.reverse();
        wanted.iter().for_each(|v| last_use[v.index()] = usize::MAX);
        Self { steps, last_use }
    }
}

impl Prepared {
    pub(super) fn new(graph: &Graph) -> Self {
        let kernel = |node: &crate::graph::Node| {
            let known = |&v: &ValueId| {
                let value = graph.value(v);
                Known { shape: &value.shape, constant: value.constant().map(Arc::as_ref) }
            };
            let operands: Vec<Known<'_>> = node.inputs.iter().map(known).collect();
            Kernel::new(&node.op, &operands, &graph.value(node.output).shape)
        };
        Self { kernels: graph.nodes().iter().map(kernel).collect() }
    }

    /// The values `wanted` of `rows` samples, one row per sample each; `inputs` holds the rows of the graph's inputs.
    pub(super) fn run(
        &self,
        graph: &Graph,
        inputs: Vec<Vec<f32>>,
        rows: usize,
        wanted: &[ValueId],
    ) -> Vec<Vec<f32>> {
        let plan = Plan::new(graph, wanted);
        let mut held: Vec<Option<Vec<f32>>> = vec![None; graph.values().len()];
        for (id, data) in graph.inputs().iter().zip(inputs) {
            held[id.index()] = Some(data);
        }
        for &step in &plan.steps {
            let node = &graph.nodes()[step];
            if held[node.output.index()].is_none() {
                self.step(graph, step, rows, &mut held);
            }
            for input in node.inputs.iter().filter(|v| plan.last_use[v.index()] == step) {
                held[input.index()] = None;
            }
        }
        let result = |&v: &ValueId| match graph.value(v).constant() {
            Some(tensor) => tensor.data().repeat(rows),
            None => held[v.index()].clone().unwrap_or_default(),
        };
        wanted.iter().map(result).collect()
    }

    fn step(&self, graph: &Graph, step: usize, rows: usize, held: &mut [Option<Vec<f32>>]) {
        let node = &graph.nodes()[step];
        let operand = |&v: &ValueId| {
            let value = graph.value(v);
            match value.constant() {
                Some(tensor) => Operand { data: tensor.data(), constant: true, len: value.len() },
                None => {
                    let data = held[v.index()].as_deref().unwrap_or_default();
                    Operand { data, constant: false, len: value.len() }
                }
            }
        };
        let operands: Vec<Operand<'_>> = node.inputs.iter().map(operand).collect();
        if let (Op::Scan(scan), Kernel::Scan(kernel)) = (&node.op, &self.kernels[step]) {
            // All results of the loop at once.
            let same = |(_, other): &(crate::graph::NodeId, &crate::graph::Node)| match &other.op {
                Op::Scan(o) if Arc::ptr_eq(&o.body, &scan.body) && other.inputs == node.inputs => {
                    Some((other.output, o.result))
                }
                _ => None,
            };
            let (values, results): (Vec<_>, Vec<_>) =
                graph.iter().skip(step).filter_map(|n| same(&n)).unzip();
            let made = kernel.run(&operands, rows, &results);
            for (value, made) in values.into_iter().zip(made) {
                held[value.index()] = Some(made);
            }
            return;
        }
        let mut out = vec![0.0; rows * graph.value(node.output).len()];
        self.kernels[step].run(&operands, rows, &mut out);
        held[node.output.index()] = Some(out);
    }
}
