//! Tuning a recurrent cell: its nodes read what later ones give, and their errors come back to them.
//!
//! In the first pass what is handed from step to step are the golden values, on codes of a supposed meaning. From the second one on
//! the meaning of these codes is the one that the first pass has found, and stays; the codes are those that the cell tuned last
//! really gives, step by step, on the calibration samples. So each pass makes up for the errors that come back through the loop.
//! Of all passes the one is kept after which the cell, stepped on its own codes, comes nearest to the golden values.

use super::forward::forward_steps;
use super::source::ChannelCodes;
use super::{CodeMap, Coded, NodeError, Progress, TuneOptions, Tuner, decibels, score, with_payload};
use crate::diagnostic::Result;
use crate::dots::Loop;
use crate::expand::CoreOp;

/// Passes over the nodes of a loop.
pub const PASSES: usize = 4;

/// What a pass over the nodes of a loop gave.
struct Pass {
    /// Error of what the loop hands on.
    error: f64,
    /// The core-ops of each node.
    ops: Vec<Vec<CoreOp<Coded>>>,
    /// The error of each node.
    errors: Vec<NodeError>,
    /// Its number.
    number: usize,
}

impl Tuner<'_> {
    /// Tunes the nodes of a loop.
    pub(super) fn cell(
        &self,
        own: &Loop,
        known: &mut Progress<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<()> {
        let encoded = &self.expanded.graph().encoded;
        let samples = self.input_codes.samples();
        let carried: Vec<usize> =
            encoded.dot.carried().into_iter().filter(|node| own.nodes.contains(node)).collect();
        for &node in &carried {
            self.suppose(node, known);
        }
        let mut pins = vec![None; own.nodes.len()];
        let mut best: Option<Pass> = None;
        // Biases are searched anew in each pass: until the last one a short search does.
        let short = TuneOptions { exact_passes: self.options.exact_passes.min(1), ..self.options.clone() };
        let hasty = Tuner { options: &short, ..*self };
        for pass in 0..PASSES {
            let tuner = if pass + 1 < PASSES { &hasty } else { self };
            let mut errors = Vec::new();
            for (number, pin) in own.nodes.clone().zip(&mut pins) {
                let made = tuner.node(number, known, pin.as_deref(), progress)?;
                if carried.contains(&number) {
                    pin.get_or_insert(made.pins);
                }
                errors.push(made.error);
                known.ops[number] = made.ops;
                known.learn(number);
                known.codes[number] = self.forward(number, known, samples);
            }
            if pass == 0 {
                // Nodes that read a state do not know yet what its codes mean.
                continue;
            }
            self.step(own, known, samples);
            let error = self.recurrent(own, known, &mut errors);
            if best.as_ref().is_none_or(|best| error < best.error) {
                let ops: Vec<_> = own.nodes.clone().map(|node| known.ops[node].clone()).collect();
                best = Some(Pass { error, ops, errors, number: pass });
            }
        }
        let Some(Pass { ops, errors, number: pass, .. }) = best else { return Ok(()) };
        for (number, ops) in own.nodes.clone().zip(ops) {
            known.ops[number] = ops;
            known.learn(number);
        }
        known.errors.extend(errors);
        if pass + 1 != PASSES {
            self.step(own, known, samples);
        }
        Ok(())
    }

    /// Supposes a meaning of a state's codes, and its codes from the golden values: a thermometer over the range of each channel.
    fn suppose(&self, number: usize, known: &mut Progress<'_>) {
        let encoded = &self.expanded.graph().encoded;
        let (node, dot) = (&encoded.nodes[number], &encoded.dot.nodes[number]);
        let Some(values) = self.golden.carried.get(&number) else { return };
        let top = f64::from(self.target.input_max);
        let mut range = vec![(0.0f64, 0.0f64); dot.channels];
        for position in values.chunks_exact(dot.channels) {
            for ((lo, hi), &value) in range.iter_mut().zip(position) {
                (*lo, *hi) = (lo.min(f64::from(value)), hi.max(f64::from(value)));
            }
        }
        let widest = range.iter().map(|(lo, hi)| hi - lo).fold(1e-9, f64::max);
        let mut meaning = ChannelCodes::default();
        for (channel, &(lo, hi)) in range.iter().enumerate() {
            let copies = usize::from(node.copies[channel]);
            let unit = (hi - lo).max(1e-3 * widest) / (top * copies as f64);
            meaning.coefficients.extend(vec![unit; copies]);
            meaning.zeros.push(lo);
        }
        let mut codes = Vec::with_capacity(values.len() / dot.channels.max(1) * node.width());
        for position in values.chunks_exact(dot.channels) {
            for (channel, &value) in position.iter().enumerate() {
                let copies = i64::from(node.copies[channel]);
                let unit = meaning.coefficients[node.start(channel)];
                let steps = libm::rint((f64::from(value) - meaning.zeros[channel]) / unit) as i64;
                let level = |copy: i64| ((steps + copy).div_euclid(copies)).clamp(0, top as i64) as i32;
                codes.extend((0..copies).map(level));
            }
        }
        known.decoding.suppose(number, meaning);
        known.codes[number] = CodeMap::new(dot.positions() * node.width(), codes);
    }

    /// The codes that the cell gives, each step from the one before.
    fn step(&self, own: &Loop, known: &mut Progress<'_>, samples: usize) {
        let Progress { ops, codes, .. } = known;
        let inputs = (&self.expanded.graph().encoded, self.input_codes);
        forward_steps(own, |node| with_payload(&ops[node]), inputs, codes, samples, self.target);
    }

    /// Measures all nodes on the codes that they really give; returns how wrong the states and what leaves the loop are: noise over
    /// signal, all of them together.
    fn recurrent(&self, own: &Loop, known: &Progress<'_>, errors: &mut [NodeError]) -> f64 {
        let encoded = &self.expanded.graph().encoded;
        let mut total = 0.0;
        for (number, error) in own.nodes.clone().zip(errors) {
            let dot = &encoded.dot.nodes[number];
            let form = &encoded.nodes[number].form;
            let sums = &self.golden.nodes[number];
            let values = known.decoding.values(number, known.codes[number].data());
            let (mut signal, mut noise) = (0.0, 0.0);
            for (at, &(sample, position)) in sums.picks.iter().enumerate() {
                let first = (sample as usize * dot.positions() + position as usize) * dot.channels;
                for (channel, &value) in values[first..first + dot.channels].iter().enumerate() {
                    let (wanted, gap) = score::compared(form, f64::from(value), sums.z.at(channel, at));
                    signal += wanted * wanted;
                    noise += gap * gap;
                }
            }
            error.snr_db = decibels(signal, noise);
            let leaves = |reader: &usize| !own.nodes.contains(reader) || *reader <= number;
            let shown = encoded.dot.outputs.iter().any(|port| port.node == number);
            if shown || encoded.dot.readers(number).iter().any(leaves) {
                total += noise / signal.max(f64::MIN_POSITIVE);
            }
        }
        total
    }
}
