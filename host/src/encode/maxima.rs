//! Maxima: over codes where the chip takes them, made of ReLUs elsewhere.

use std::sync::Arc;

use super::graph::Form;
use super::legal::{mixed, one_of, same, single};
use super::options::SignalBudget;
use super::plan::Walk;
use crate::dots::{Act, Axis, Body, Dim, Dot, DotNode, PAD, Read, Source, Taps, Term, Window};
use crate::numeric::Matrix;

/// Below the least maximum of the samples, what lies outside a window counts as this share of the maxima's range less.
const BELOW: f64 = 0.5;
/// A maximum is taken in so many loops over its grid at most: the registers of the image format.
const MOST_LOOPS: usize = spandrel_core::image::LOOP_REGISTERS;
/// The most elements that are brought together before a maximum is taken of their codes.
const MOST_GATHERED: usize = 1 << 20;

impl Walk<'_> {
    pub(super) fn maximum(&mut self, number: usize, node: &DotNode, reads: &[Read]) -> usize {
        if self.plan.target.maximum {
            // Codes can be compared where all of them are codes of one channel.
            let one_source = match reads {
                [Read { source: Source::Node(from), taps: Taps::Window(_), group_step: 1 }]
                    if node.grid.len() <= MOST_LOOPS =>
                {
                    let channels = self.out.dot.nodes[*from].channels as u32;
                    let aligned = node.representatives().iter().all(|e| *e == PAD || e % channels == 0);
                    (aligned && channels as usize == node.channels && self.ordered(*from)).then_some(*from)
                }
                _ => None,
            };
            if let Some(from) = one_source {
                let copies = self.out.nodes[from].copies.clone();
                return self.push(node.clone(), Form::Max, copies);
            }
            if let Some((from, read)) = self.gathered(number, node, reads) {
                let copies = self.out.nodes[from].copies.clone();
                let grid = vec![node.positions()];
                let made = DotNode { grid, body: Body::Max(vec![read]), ..node.clone() };
                return self.push(made, Form::Max, copies);
            }
        }
        self.of_relus(number, node, reads)
    }

    /// Brings the elements of each window side by side into one value, channel by channel on the same scale, and a read of it. In
    /// the place of an element outside comes another one of its window.
    fn gathered(&mut self, number: usize, node: &DotNode, reads: &[Read]) -> Option<(usize, Read)> {
        let (positions, taps, channels) = (node.positions(), node.taps(), node.channels);
        if positions.checked_mul(taps)?.checked_mul(channels)? > MOST_GATHERED {
            return None;
        }
        // Reads of the same source with the same step between groups share a read.
        let mut kinds: Vec<(Source, usize)> = Vec::new();
        let mut owner = Vec::with_capacity(taps);
        for read in reads {
            let own = (read.source, read.group_step);
            let at = kinds.iter().position(|kind| *kind == own).unwrap_or(kinds.len());
            if at == kinds.len() {
                kinds.push(own);
            }
            owner.extend(std::iter::repeat_n(at, read.taps.len()));
        }
        let mut elements: Vec<Vec<u32>> = vec![Vec::with_capacity(positions * taps); kinds.len()];
        let mut brought = Vec::with_capacity(taps);
        for position in 0..positions {
            brought.clear();
            node.bring(position, &mut brought);
            let spare = brought.iter().position(|&element| element != PAD)?;
            for (tap, &element) in brought.iter().enumerate() {
                let from = if element == PAD { spare } else { tap };
                for (kind, elements) in elements.iter_mut().enumerate() {
                    elements.push(if owner[from] == kind { brought[from] } else { PAD });
                }
            }
        }
        let copies: Vec<Read> = kinds
            .iter()
            .zip(elements)
            .map(|(&(source, group_step), elements)| Read {
                source,
                taps: Taps::Table { taps: 1, elements: elements.into() },
                group_step,
            })
            .collect();
        let ones = Arc::new(Matrix::from_fn(1, copies.len(), |_, _| 1.0));
        let weights = std::iter::repeat_n(ones, channels).collect();
        let body = Body::Dot(Dot { reads: copies, weights, bias: vec![0.0; channels], act: Act::None });
        let grid = vec![positions * taps];
        let made = DotNode { name: format!("{}:operand", node.name), grid, channels, body };
        let made =
            self.push(made, Form::Carrier { judged: None }, vec![self.carrier_copies(number); channels]);
        let window = Window {
            first: 0,
            axes: vec![Axis { extent: positions * taps, pitch: channels, origin: 0 }],
            dims: vec![Dim { count: taps, step: 1, axis: 0 }],
            terms: vec![Term { grid: 0, coefficient: taps as i64, axis: 0 }],
        };
        Some((made, Read { source: Source::Node(made), taps: Taps::Window(window), group_step: 1 }))
    }

    /// max(a, b) = a + max(b - a, 0), as a tree: few terms, whose errors add up.
    fn of_relus(&mut self, number: usize, node: &DotNode, reads: &[Read]) -> usize {
        let survey = &self.plan.survey[number];
        let (bottom, top) = (survey.bottom(), survey.top());
        // Elements outside read 0, which is larger than what is negative: they are made to count less than any maximum.
        let floor = bottom - BELOW * (top - bottom).max(1e-3 * bottom.abs().max(top.abs()));
        let channels = node.channels;
        let pads = reads.iter().any(|read| read.taps.pads(&node.grid));
        let taps: Vec<Vec<(f64, Read)>> = reads
            .iter()
            .flat_map(|read| (0..read.taps.len()).map(|tap| single(read, tap, &node.grid)))
            .map(|tap| {
                let inside = pads.then(|| (-floor, one_of(&tap)));
                std::iter::once((1.0, tap)).chain(inside).collect()
            })
            .collect();
        self.out.remarks.push(format!(
            "{:?}: the chip has no maximum for it, so it is made of {} ReLUs",
            node.name,
            taps.len() - 1
        ));
        let signals = match self.plan.options.signals {
            SignalBudget::Each(k) => k,
            SignalBudget::Auto => self.plan.levels.nodes[number],
        };
        let sum = self.largest(&taps, node, signals, &mut 0);
        let read = !self.plan.dot.readers(number).is_empty();
        let act = if bottom >= 0.0 { Act::Relu } else { Act::None };
        let bias = vec![if pads { floor } else { 0.0 }; channels];
        let made = mixed(node.name.clone(), &node.grid, channels, sum, bias, act.clone());
        let form = match act {
            Act::Relu => Form::Relu,
            _ if read => Form::Carrier { judged: None },
            _ => Form::Sum,
        };
        self.push(made, form, vec![signals; channels])
    }

    /// What adds up to the largest of `taps`, each a sum itself: the first of them, and how far each half of the others rises above
    /// what is before it.
    fn largest(
        &mut self,
        taps: &[Vec<(f64, Read)>],
        node: &DotNode,
        signals: u16,
        step: &mut usize,
    ) -> Vec<(f64, Read)> {
        if taps.len() < 2 {
            return taps.first().cloned().unwrap_or_default();
        }
        let (left, right) = taps.split_at(taps.len().div_ceil(2));
        let mut before = self.largest(left, node, signals, step);
        let after = self.largest(right, node, signals, step);
        *step += 1;
        let terms = before.iter().map(|(f, read)| (-f, read.clone())).chain(after).collect();
        let name = format!("{}:max{step}", node.name);
        let channels = node.channels;
        let made = mixed(name, &node.grid, channels, terms, vec![0.0; channels], Act::Relu);
        let made = self.push(made, Form::Relu, vec![signals; channels]);
        before.push((1.0, same(&self.out.dot, made)));
        before
    }

    /// Whether larger values always have larger codes, signal by signal.
    fn ordered(&self, node: usize) -> bool {
        match &self.out.nodes[node].form {
            Form::Relu | Form::Clip(_) | Form::Carrier { .. } | Form::Table(_) => true,
            Form::Mirror { up, down, .. } => *up >= 0.0 && *down >= 0.0,
            Form::Segments(segments) => segments.pieces.iter().all(|piece| piece.rise >= 0.0),
            Form::Max => true,
            Form::Sum => false,
        }
    }
}
