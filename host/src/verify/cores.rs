//! Which configuration holds which array, how often it was invoked, and over which ways its lines are driven.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_core::image::Image;

use super::{
    decode,
    digital::held::Common,
    held,
    mapping::MappingEvidence,
    names::{Name, Names, Wanted},
    report::Failure,
};
use crate::{encode::Line, expand::CoreOpGraph, tune::Coded};

/// The way of what drives a word line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// So far the line was always outside.
    Unseen,
    /// The constant 1, which every core can drive by itself.
    Constant,
    /// Signals of a source over an edge, from a configuration or the host.
    Over { source: usize, edge: u32, from: u32 },
}

#[derive(Clone, Debug)]
struct Held {
    op: usize,
    part: usize,
    /// Invocations so far.
    count: usize,
    /// Of each line the first way that was seen.
    ways: Vec<Way>,
    /// Further ways of lines that bring other channels at other positions: line, edge, configuration or host.
    further: BTreeSet<(usize, u32, u32)>,
    /// Whether there are such lines, so that every position counts.
    moves: bool,
}

#[derive(Clone, Debug)]
enum State {
    Unseen,
    /// It holds no array of the graph.
    Strange,
    Held(Held),
}

/// The state of all configurations.
pub(super) struct Cores {
    configs: Vec<State>,
    /// All arrays of the graph, and whether a configuration holds them.
    arrays: Vec<(usize, usize, bool)>,
    /// Where the search begins: arrays are mostly met in order.
    next: usize,
    /// What the codes of digital cores stand for.
    common: Common,
}

impl Cores {
    pub(super) fn new(graph: &CoreOpGraph<Coded>, image: &Image<'_>, common: Common) -> Self {
        let parts = |(op, own): (usize, &crate::expand::CoreOp<Coded>)| {
            (0..own.parts.len()).map(move |part| (op, part, false))
        };
        let arrays = graph.ops.iter().enumerate().flat_map(parts).collect();
        Self { configs: vec![State::Unseen; image.config_count() as usize], arrays, next: 0, common }
    }

    /// Whether it is settled what `config` holds.
    pub(super) fn known(&self, config: u32) -> bool {
        !matches!(self.configs.get(config as usize), Some(State::Unseen))
    }

    /// Core-op and part that `config` holds, and the position that it is invoked for next.
    pub(super) fn next(&self, config: u32) -> Option<(usize, usize, usize)> {
        match self.configs.get(config as usize) {
            Some(State::Held(held)) => Some((held.op, held.part, held.count)),
            _ => None,
        }
    }

    /// One invocation more.
    pub(super) fn count(&mut self, config: u32) {
        if let Some(State::Held(held)) = self.configs.get_mut(config as usize) {
            held.count += 1;
        }
    }

    /// Finds the array that `config` holds: one with these weights, and of several the one that wants what drives the lines. Where
    /// a few weights only differ, it is the one that was meant.
    #[expect(clippy::too_many_arguments, reason = "the parts of the follower that it needs")]
    pub(super) fn recognise(
        &mut self,
        config: u32,
        image: &Image<'_>,
        graph: &CoreOpGraph<Coded>,
        names: &Names<'_>,
        wanted: &mut Wanted,
        lines: &[Name],
        out: &mut MappingEvidence,
    ) {
        self.configs[config as usize] = State::Strange;
        let Some(core) = decode::core(image, config) else {
            return out.evidence.fail(decode::refusal(image, config));
        };
        let mut driven = |op: usize, part: usize| {
            let wanted = wanted.at(names, op, 0);
            let rows = &graph.ops[op].parts[part];
            rows.len() == lines.len()
                && rows.iter().zip(lines).all(|(&row, &name)| wanted[row as usize] == name)
        };
        let count = self.arrays.len();
        let order = (0..count).map(|at| (at + self.next) % count);
        let periphery = |op: usize, part: usize| {
            held::periphery(image, &core, &graph.ops[op].payload, part, &self.common)
        };
        let mut best: Option<(usize, held::Compared)> = None;
        let mut rank = (true, usize::MAX);
        for at in order.clone() {
            let (op, part, taken) = self.arrays[at];
            let compared = if taken { None } else { held::compare(&graph.ops[op], part, &core, 0) };
            if let Some(compared) = compared.filter(|compared| compared.wrong == 0) {
                let own = (!driven(op, part), periphery(op, part).len());
                if best.is_none() || own < rank {
                    rank = own;
                    best = Some((at, compared));
                }
                if rank == (false, 0) {
                    break;
                }
            }
        }
        if best.is_none() {
            let mut rank = (true, u64::MAX);
            for at in order {
                let (op, part, taken) = self.arrays[at];
                let quarter = (core.lines() * core.columns()) as u64 / 4;
                let compared = if taken { None } else { held::compare(&graph.ops[op], part, &core, quarter) };
                if let Some(compared) = compared.filter(|compared| compared.wrong <= quarter) {
                    let own = (!driven(op, part), compared.wrong);
                    if own < rank {
                        rank = own;
                        best = Some((at, compared));
                    }
                }
            }
        }
        let Some((at, compared)) = best else {
            let failure = Failure::new(
                "what the configuration holds",
                "an array of a core-op not held yet",
                "something else",
            );
            return out.evidence.fail(failure.at(image, config, None));
        };
        let (op, part, _) = self.arrays[at];
        for failure in periphery(op, part) {
            let unit = failure.unit;
            out.evidence.fail(failure.at(image, config, unit));
        }
        self.arrays[at].2 = true;
        self.next = (at + 1) % count;
        out.weights += compared.weights - compared.wrong;
        out.arrays += 1;
        if let Some(failure) = compared.first {
            let unit = failure.unit;
            out.evidence.fail(failure.at(image, config, unit));
        }
        let ways = vec![Way::Unseen; lines.len()];
        let moves = !graph.encoded.moved(graph.ops[op].node).is_empty();
        self.configs[config as usize] =
            State::Held(Held { op, part, count: 0, ways, further: BTreeSet::new(), moves });
    }

    /// Whether some line of `config` was never seen to carry anything, or carries other things at other positions.
    pub(super) fn unrouted(&self, config: u32) -> bool {
        match self.configs.get(config as usize) {
            Some(State::Held(held)) => held.moves || held.ways.contains(&Way::Unseen),
            _ => false,
        }
    }

    /// Notes over which ways lines were driven.
    pub(super) fn route(&mut self, config: u32, ways: &[Way]) {
        if let Some(State::Held(held)) = self.configs.get_mut(config as usize) {
            for (line, (known, way)) in held.ways.iter_mut().zip(ways).enumerate() {
                match (*known, *way) {
                    (Way::Unseen, way) => *known = way,
                    (Way::Over { edge: first, from: own, .. }, Way::Over { edge, from, .. })
                        if (first, own) != (edge, from) =>
                    {
                        held.further.insert((line, edge, from));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Adds the lines of all configurations to `routes`. `unseen` gives source and configuration of a line that was outside
    /// wherever it was looked at.
    pub(super) fn routes(
        &self,
        graph: &CoreOpGraph<Coded>,
        unseen: impl Fn(&Line, usize) -> Option<(usize, u32)>,
        routes: &mut BTreeMap<(u32, u32, u32), u32>,
    ) {
        let held = |state: &State| match state {
            State::Held(held) => Some(held.clone()),
            _ => None,
        };
        let all: Vec<(u32, Held)> =
            (0..).zip(&self.configs).filter_map(|(config, state)| Some((config, held(state)?))).collect();
        let mut edges: BTreeMap<usize, u32> = BTreeMap::new();
        for way in all.iter().flat_map(|(_, held)| &held.ways) {
            if let Way::Over { source, edge, .. } = way {
                edges.entry(*source).or_insert(*edge);
            }
        }
        for (config, held) in &all {
            let op = &graph.ops[held.op];
            for (way, &row) in held.ways.iter().zip(&op.parts[held.part]) {
                let over = match *way {
                    Way::Over { edge, from, .. } => Some((edge, from)),
                    Way::Constant => None,
                    Way::Unseen => unseen(&op.lines[row as usize].line, op.node)
                        .and_then(|(source, from)| Some((*edges.get(&source)?, from))),
                };
                if let Some((edge, from)) = over {
                    *routes.entry((edge, from, *config)).or_default() += 1;
                }
            }
            for &(_, edge, from) in &held.further {
                *routes.entry((edge, from, *config)).or_default() += 1;
            }
        }
    }

    /// Every array is in one configuration, every configuration is invoked, and that at every position.
    pub(super) fn finish(&self, image: &Image<'_>, graph: &CoreOpGraph<Coded>, out: &mut MappingEvidence) {
        for &(op, part, _) in self.arrays.iter().filter(|(.., taken)| !taken) {
            let node = &graph.encoded.dot.nodes[graph.ops[op].node].name;
            let failure =
                Failure::new(format!("configurations that hold array {part} of core-op {op}"), 1, 0);
            out.evidence.fail(Failure { node: Some(node.clone()), ..failure });
        }
        for (config, state) in (0..).zip(&self.configs) {
            let failure = match state {
                State::Unseen => Failure::new("the invocations of a configuration", "some", 0),
                State::Strange => continue,
                State::Held(held) => {
                    let positions = graph.encoded.dot.nodes[graph.ops[held.op].node].positions();
                    if held.count == positions {
                        continue;
                    }
                    Failure::new("the invocations of an array, one a position,", positions, held.count)
                }
            };
            out.evidence.fail(failure.at(image, config, None));
        }
    }
}
