//! Maxima: the chip's own, or made of ReLUs.

use super::graph::Form;
use super::legal::{mixed, same, single};
use super::options::SignalBudget;
use super::plan::Walk;
use crate::dots::{Act, DotNode, PAD, Read, Source};

impl Walk<'_> {
    /// The largest of several values: codes are compared where the chip can, and otherwise ReLUs tell how far one rises above the other.
    pub(super) fn maximum(&mut self, number: usize, node: &DotNode, reads: &[Read]) -> usize {
        // Codes can be compared where all of them are codes of one channel.
        let one_source = match reads {
            [Read { source: Source::Node(from), group_step: 1, .. }] => {
                let channels = self.out.dot.nodes[*from].channels as u32;
                let aligned = node.representatives().iter().all(|e| *e == PAD || e % channels == 0);
                (aligned && channels as usize == node.channels && self.ordered(*from)).then_some(*from)
            }
            _ => None,
        };
        if let (Some(from), true) = (one_source, self.plan.target.maximum) {
            let copies = self.out.nodes[from].copies.clone();
            return self.push(node.clone(), Form::Max, copies);
        }
        // max(a, b) = a + max(b - a, 0), as a tree: few terms, whose errors add up.
        let taps: Vec<Read> = reads
            .iter()
            .flat_map(|read| (0..read.taps.len()).map(|tap| single(read, tap, &node.grid)))
            .collect();
        self.out.remarks.push(format!(
            "{:?}: the chip has no maximum for it, so it is made of {} ReLUs",
            node.name,
            taps.len() - 1
        ));
        let channels = node.channels;
        let signals = match self.plan.options.signals {
            SignalBudget::Each(k) => k,
            SignalBudget::Auto => self.plan.levels.nodes[number],
        };
        let largest = self.largest(&taps, node, signals, &mut 0);
        let sum: Vec<(f64, Read)> = largest.into_iter().map(|read| (1.0, read)).collect();
        let read = !self.plan.dot.readers(number).is_empty();
        let positive = self.plan.survey[number].bottom() >= 0.0;
        let act = if positive { Act::Relu } else { Act::None };
        let made = mixed(node.name.clone(), &node.grid, channels, sum, vec![0.0; channels], act.clone());
        let form = match act {
            Act::Relu => Form::Relu,
            _ if read => Form::Carrier { judged: None },
            _ => Form::Sum,
        };
        self.push(made, form, vec![signals; channels])
    }

    /// What adds up to the largest of `taps`: the first of them, and how far each half of the others rises above what is before it.
    fn largest(&mut self, taps: &[Read], node: &DotNode, signals: u16, step: &mut usize) -> Vec<Read> {
        if taps.len() < 2 {
            return taps.to_vec();
        }
        let (left, right) = taps.split_at(taps.len().div_ceil(2));
        let mut before = self.largest(left, node, signals, step);
        let after = self.largest(right, node, signals, step);
        *step += 1;
        let terms = before.iter().map(|read| (-1.0, read.clone())).chain(after.into_iter().map(|r| (1.0, r)));
        let name = format!("{}:max{step}", node.name);
        let channels = node.channels;
        let made = mixed(name, &node.grid, channels, terms.collect(), vec![0.0; channels], Act::Relu);
        let made = self.push(made, Form::Relu, vec![signals; channels]);
        before.push(same(&self.out.dot, made));
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
