//! One node while it is tuned: what it reads, what it should give, and a bench for each of its core-ops.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::aims::{Golden, Reach};
use super::digital::{DigitalBench, is_coarse};
use super::node::{NodeBench, TunedOp};
use super::prepared::Prepared;
use super::{Decoding, NodeSums, Rounding, Sources, Tuner, WeightSet, exact, score, transmit};
use crate::dots::Source;
use crate::encode::{Form, Line, influence};
use crate::expand::{CoreOp, OpLine, Real};
use crate::numeric::Matrix;

/// One node while it is tuned.
pub(super) struct NodeWork<'a> {
    tuner: Tuner<'a>,
    number: usize,
    golden: Golden<'a>,
    pub(super) sums: &'a NodeSums,
    importance: Vec<f64>,
    relay_reach: Option<f64>,
    last: RefCell<Option<Rc<Prepared>>>,
}

impl<'a> NodeWork<'a> {
    pub(super) fn new(tuner: &Tuner<'a>, number: usize, reaches: &[f64]) -> Self {
        let encoded = &tuner.expanded.graph().encoded;
        let (node, dot) = (&encoded.nodes[number], &encoded.dot.nodes[number]);
        let sums = &tuner.golden.nodes[number];
        let classifies = encoded.dot.decision && node.form == Form::Sum && tuner.options.margin > 0.0;
        let mut golden = Golden::new(&sums.z, classifies.then_some(tuner.options.margin));
        if tuner.options.whole_ranges {
            golden.bind(&sums.survey.least, &sums.survey.most);
        } else {
            golden.widen(&sums.survey.least, &sums.survey.most);
        }
        let relay_reach = match dot.body.reads() {
            [read] => match read.source {
                Source::Node(from) => {
                    let from = encoded.origin(from);
                    let judged = matches!(encoded.nodes[from].form, Form::Carrier { judged: Some(_) });
                    judged.then(|| reaches[from])
                }
                _ => None,
            },
            _ => None,
        };
        let importance = influence(&encoded.dot, number);
        Self { tuner: *tuner, number, golden, sums, importance, relay_reach, last: RefCell::default() }
    }

    /// What `op` has in common with others that read the same lines: most of the time the core-op before it.
    fn prepared(&self, op: &CoreOp<Real>, sources: Sources<'_>) -> Rc<Prepared> {
        let mut last = self.last.borrow_mut();
        // Copies carry the same codes.
        let encoded = sources.graph;
        let plain = |own: &OpLine| match encoded.copied(self.number, &own.line) {
            Some(copied) => {
                let own_copies = encoded.nodes[encoded.origin(copied.node)].copies[copied.channel];
                OpLine { line: Line { copy: own.line.copy % own_copies.max(1), ..own.line }, ..*own }
            }
            None => *own,
        };
        let alike = |known: &&Rc<Prepared>| {
            Arc::ptr_eq(&known.lines, &op.lines)
                || encoded.targets.is_some() && known.lines.iter().map(plain).eq(op.lines.iter().map(plain))
        };
        if let Some(known) = last.as_ref().filter(alike) {
            return known.clone();
        }
        // Two nodes' worth of codes and moments would be held otherwise.
        *last = None;
        let made = Rc::new(Prepared::new(sources, self.number, &op.lines, &self.sums.picks));
        *last = Some(made.clone());
        made
    }

    pub(super) fn op(
        &self,
        op: &CoreOp<Real>,
        sources: Sources<'_>,
        decoding: &Decoding<'_>,
        pin: Option<&(Vec<f64>, Reach)>,
    ) -> Option<TunedOp> {
        let options = self.tuner.options;
        let encoded = sources.graph;
        if let Some(integers) = &encoded.nodes[self.number].exact {
            return Some(exact::taken(op, integers, sources, &self.sums.picks, self.tuner.target));
        }
        let (node, dot) = (&encoded.nodes[self.number], &encoded.dot.nodes[self.number]);
        let channels = op.channels();
        let prepared = self.prepared(op, sources);
        let codes = &prepared.codes;
        let mut map = decoding.map(op);
        let copies: Vec<u16> = channels.iter().map(|&channel| node.copies[channel]).collect();
        if node.form == (Form::Carrier { judged: None })
            && pin.is_none()
            && let Some(coded) = transmit::repeated(op, &map, &copies, self.tuner.target)
        {
            let reach = Reach { c: 0.0, sum_shift: 0, top: self.tuner.target.input_max };
            let z = map.apply(codes);
            let decoded = (0..channels.len()).map(|c| (0..z.rows()).map(|i| z.at(i, c)).collect()).collect();
            return Some(TunedOp { coded, decoded, reach, gains: Vec::new() });
        }
        let z = Matrix::from_fn(channels.len(), self.sums.picks.len(), |c, i| self.sums.z.at(channels[c], i));
        let golden = self.golden.select(&z, &channels);
        let each = dot.channels / dot.groups();
        let blocks = &prepared.blocks;
        let group: Vec<usize> = channels.iter().map(|channel| channel / each - op.groups.start).collect();
        let (free, rounds) = (options.rounding >= Rounding::Free, options.rounding >= Rounding::Round);
        let relays = self.relay_reach.is_some();
        let from_input = dot.body.reads().iter().all(|read| read.source == Source::Input);
        // Error feedback also serves shared weights, and those of few bits, whatever the copies.
        let coarse = self.tuner.target.digital.as_ref().is_some_and(is_coarse);
        let shared = coarse || matches!(options.weights, WeightSet::Codebook { .. });
        let apart = match node.form {
            Form::Mirror { .. } => node.copies.iter().all(|&k| k == 2),
            _ => matches!(node.form, Form::Segments(_)),
        };
        let single =
            (shared || apart || channels.iter().all(|&channel| node.copies[channel] == 1)) && !relays;
        if options.ridge > 0.0 && free && !relays && !from_input {
            for number in 0..blocks.len() {
                let own: Vec<usize> = (0..channels.len()).filter(|&c| group[c] == number).collect();
                prepared.refit(&mut map, number, &own, &z, options.ridge);
            }
        }
        // A loop brings an error back in each step: there copies make good what those before them have rounded off.
        let looped = encoded.dot.loop_of(self.number).is_some() && self.tuner.target.digital.is_some();
        let feedback = if (single || looped) && rounds { prepared.feedback() } else { &[] };
        let importance: Vec<f64> = channels.iter().map(|&channel| self.importance[channel]).collect();
        let item = (self.number as u64) << 20 | channels.first().map_or(0, |&c| c as u64);
        if let Some(digital) = &self.tuner.target.digital {
            let own = decoding.node(self.number);
            let meaning = |&channel: &usize| {
                let copies = f64::from(node.copies[channel]);
                (own.coefficients[node.start(channel)] * copies, own.zeros[channel])
            };
            let settled: Option<Vec<(f64, f64)>> = pin.map(|_| channels.iter().map(meaning).collect());
            let bench = DigitalBench {
                pin: settled.as_deref(),
                carries: looped,
                form: &node.form,
                copies: &copies,
                item,
                codes,
                map: &map,
                golden: &golden,
                importance: &importance,
                feedback,
                blocks,
                group: &group,
                target: self.tuner.target,
                digital,
                options,
            };
            return bench.tune(op);
        }
        let bench = NodeBench {
            pin: pin.map(|(gains, reach)| (gains.as_slice(), *reach)),
            form: &node.form,
            copies: &copies,
            item,
            codes,
            map: &map,
            golden: &golden,
            importance: &importance,
            feedback,
            group: &group,
            relay_reach: self.relay_reach,
            target: self.tuner.target,
            options,
        };
        bench.tune(op)
    }

    /// Adds the power of signal and error of a tuned core-op.
    pub(super) fn measure(&self, op: &CoreOp<Real>, tuned: &TunedOp, power: &mut (f64, f64)) {
        let form = &self.tuner.expanded.graph().encoded.nodes[self.number].form;
        for (values, &channel) in tuned.decoded.iter().zip(&op.channels()) {
            let z = self.golden.z.row(channel);
            // Of a classifier's outputs only those that could be the decision are aimed at, so only those count.
            let counted = match &self.golden.contested {
                Some(contested) => contested[channel].clone(),
                None => (0..z.len() as u32).collect(),
            };
            for at in counted {
                let (signal, noise) = score::compared(form, values[at as usize], z[at as usize]);
                power.0 += signal * signal;
                power.1 += noise * noise;
            }
        }
    }
}
