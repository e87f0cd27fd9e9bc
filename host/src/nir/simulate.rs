//! Steps of a whole network in double precision: what every compiled image of it is compared with.

use std::collections::VecDeque;

use super::graph::NirGraph;
use super::linear::Columns;
use super::op::NirOp;
use super::scheme::Scheme;
use super::soma::Soma;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};

/// The longest delay, in steps.
const MAX_DELAY: usize = 1 << 16;

/// A network at work. Values of a step are numbers of spikes, potentials of neurons that do not fire, or sums.
#[derive(Debug)]
pub struct Simulator<'g> {
    graph: &'g NirGraph,
    scheme: Scheme,
    maps: Vec<Option<Columns>>,
    somas: Vec<Option<Soma>>,
    lines: Vec<Vec<VecDeque<f64>>>,
    /// What every node gave in this step, and in the one before.
    now: Vec<Vec<f64>>,
    before: Vec<Vec<f64>>,
    late: VecDeque<Vec<f64>>,
    sum: Vec<f64>,
}

impl<'g> Simulator<'g> {
    /// A network at rest.
    ///
    /// # Errors
    /// SP0134 where the scheme does not fit the network: a step of no length, a delay that is no whole number of steps or
    /// too long, spikes within a step on neurons with currents of their own.
    pub fn new(graph: &'g NirGraph, scheme: &Scheme) -> Result<Self> {
        let mut found = Diagnostics::default();
        if !(scheme.dt > 0.0 && scheme.dt.is_finite()) {
            let rule = format!("a step of {}", scheme.dt);
            found.push(Diagnostic::error("SP0134", "scheme", rule, "give a step above 0"));
            return Err(found);
        }
        let mut lines = Vec::new();
        for node in graph.nodes() {
            let fault = |rule: String, way_out: &str| {
                Diagnostic::error(
                    "SP0134",
                    format!("node `{}` ({})", node.name, node.op.name()),
                    rule,
                    way_out,
                )
            };
            let mut own = Vec::new();
            match &node.op {
                NirOp::Delay(delay) => {
                    for k in 0..node.len() {
                        match steps(delay.at(k), scheme.dt) {
                            Some(steps) => own.push(VecDeque::from(vec![0.0; steps])),
                            None => {
                                let rule = format!("a delay of {} in steps of {}", delay.at(k), scheme.dt);
                                found.push(fault(
                                    rule,
                                    "choose a step that divides the delay, and at most 65536 of them",
                                ));
                                break;
                            }
                        }
                    }
                }
                NirOp::Neuron(neuron) if scheme.within && neuron.kind.has_current() => found.push(fault(
                    "spikes within a step are defined for neurons without a current of their own".into(),
                    "choose another scheme",
                )),
                _ => {}
            }
            lines.push(own);
        }
        let zeros: Vec<Vec<f64>> = graph.nodes().iter().map(|node| vec![0.0; node.len()]).collect();
        let longest = graph.nodes().iter().map(|node| node.arrives.iter().product()).max().unwrap_or(0);
        let simulator = Self {
            graph,
            scheme: scheme.clone(),
            maps: graph.nodes().iter().map(|node| Columns::of(&node.op, &node.arrives)).collect(),
            somas: graph
                .nodes()
                .iter()
                .map(|node| match &node.op {
                    NirOp::Neuron(neuron) => Some(Soma::new(neuron, node.len())),
                    _ => None,
                })
                .collect(),
            lines,
            before: zeros.clone(),
            late: VecDeque::from(vec![zeros[graph.input()].clone(); scheme.input_delay]),
            now: zeros,
            sum: vec![0.0; longest],
        };
        found.into_result(simulator)
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        for soma in self.somas.iter_mut().flatten() {
            soma.v.fill(0.0);
            soma.i.fill(0.0);
        }
        let values = self.now.iter_mut().chain(&mut self.before).chain(&mut self.late);
        values.for_each(|values| values.fill(0.0));
        self.lines.iter_mut().flatten().for_each(|line| line.iter_mut().for_each(|x| *x = 0.0));
    }

    /// One step; `input` has the length of the network's input. Gives the output's values.
    pub fn step(&mut self, input: &[f64]) -> &[f64] {
        std::mem::swap(&mut self.now, &mut self.before);
        for (at, node) in self.graph.nodes().iter().enumerate() {
            let mut out = std::mem::take(&mut self.now[at]);
            if at == self.graph.input() {
                self.late.push_back(input.to_vec());
                // There is one: it was just pushed.
                out = self.late.pop_front().unwrap_or_default();
                self.now[at] = out;
                continue;
            }
            let len: usize = node.arrives.iter().product();
            let sum = &mut self.sum[..len];
            sum.fill(0.0);
            for edge in &node.inputs {
                let from = if edge.delayed { &self.before[edge.from] } else { &self.now[edge.from] };
                sum.iter_mut().zip(from).for_each(|(sum, x)| *sum += x);
            }
            match (&node.op, &self.maps[at], &mut self.somas[at]) {
                (_, Some(map), _) => map.apply(sum, &mut out),
                (NirOp::Neuron(neuron), _, Some(soma)) => soma.step(neuron, &self.scheme, sum, &mut out),
                (NirOp::Threshold(threshold), ..) => {
                    let fires = |k: usize, x: f64| {
                        let at = threshold.at(k);
                        x > at || (self.scheme.fires_at_threshold && x >= at)
                    };
                    for (k, out) in out.iter_mut().enumerate() {
                        *out = f64::from(u8::from(fires(k, sum[k])));
                    }
                }
                (NirOp::Delay(_), ..) => {
                    for ((out, line), &x) in out.iter_mut().zip(&mut self.lines[at]).zip(sum.iter()) {
                        line.push_back(x);
                        *out = line.pop_front().unwrap_or(x);
                    }
                }
                _ => out.copy_from_slice(sum),
            }
            self.now[at] = out;
        }
        &self.now[self.graph.output()]
    }

    /// What node `at` gave in the last step.
    pub fn values(&self, at: usize) -> &[f64] {
        &self.now[at]
    }

    /// The state of the neurons of node `at`.
    pub fn soma(&self, at: usize) -> Option<&Soma> {
        self.somas[at].as_ref()
    }
}

/// A time as a whole number of steps.
pub(crate) fn steps(time: f64, dt: f64) -> Option<usize> {
    let steps = time / dt;
    let whole = steps.round();
    // Times and steps are rounded decimals: a part in a million is what two of them may differ by.
    ((steps - whole).abs() <= 1e-6 * whole.max(1.0) && whole <= MAX_DELAY as f64).then_some(whole as usize)
}
