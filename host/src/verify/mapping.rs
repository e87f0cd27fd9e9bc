//! C4: the mapped program computes the tuned core-op graph. An independent checker: it knows the image and the graph,
//! and nothing of the code that made one out of the other.
//!
//! The program is followed symbolically. Every place of an edge holds the name of a signal, every word line the name of
//! what drives it, every sum register the name of what it has become. A configuration is recognised by what it holds:
//! the weights of exactly one array of one core-op. Its n-th invocation stands for the n-th position of the core-op's
//! grid: there every word line must carry the very signal that the graph wants at that position. Nothing is supposed of where
//! signals are kept. Wherever a name is not the one that the graph asks for (never written, of another position, summed
//! twice) the program is wrong at that instruction.
//!
//! Of programs that deliver more lines than a budget, the deliveries of some positions are passed over: those at the borders of
//! every grid and a seeded share of the others are looked at. Weights, sums, and the places of all results are looked at in any case.

mod ahead;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use spandrel_core::image::{Combine, Edge, HOST, Image, Instruction, LOOP_REGISTERS, NO_TABLE, ResetTarget};

use self::ahead::ahead;
use super::{
    cores::Cores,
    digital::held::Common,
    ends,
    fan_out::Reached,
    maxima::Maxima,
    names::{NOTHING, Name, Names, ONE, PADDED, PADDED_WRONG, UNFINISHED, Wanted, delivered},
    patterns::{self, OUTSIDE},
    report::{Evidence, Failure},
    sampling::Sampling,
};
use crate::{encode::Line, expand::CoreOpGraph, tune::Coded};

/// Lines whose delivery is looked at in all, borders aside.
pub const LINES: u64 = 200_000_000;
/// Instructions that are followed in all.
const STEPS: u64 = 1 << 31;
/// Counter-examples after which nobody needs more.
const WRONG: u64 = 1000;
/// The seed of the positions that are looked at.
const SEED: u64 = 1;

/// Proof that a program computes a graph, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingEvidence {
    /// Weights found in exactly one place.
    pub weights: u64,
    /// Signals on word lines that were compared with the graph's.
    pub delivered: u64,
    /// Arrays, each in exactly one configuration.
    pub arrays: usize,
    /// Invocations whose word lines were looked at.
    pub looked_at: u64,
    /// Invocations in all.
    pub invoked: u64,
    /// Cases, counter-examples, text.
    pub evidence: Evidence,
}

/// A sum that is not finished.
struct Chain {
    op: usize,
    position: usize,
    parts: Vec<bool>,
}

pub(super) struct Follow<'a, 'i> {
    pub image: &'a Image<'i>,
    pub graph: &'a CoreOpGraph<Coded>,
    pub names: Names<'a>,
    wanted: Wanted,
    sampling: Sampling,
    edges: Vec<Vec<Vec<Name>>>,
    /// What drives each word line, and over which edge it came.
    lines: Vec<Name>,
    line_edges: Vec<u32>,
    /// What is brought from outside of an edge, line by line.
    line_pads: Vec<i32>,
    pub sums: Vec<Name>,
    chain: Option<Chain>,
    registers: [u32; LOOP_REGISTERS],
    /// Of each instruction the next INVOKE, of each LOOP its END.
    ahead: Vec<u32>,
    cores: Cores,
    /// The code of level 0.
    base: i32,
    remark: &'static str,
    maxima: Maxima,
    /// For each node and signal of a position the configuration that finishes it.
    pub producers: Vec<Vec<u32>>,
    emitted: BTreeMap<u16, Vec<Name>>,
    routes: BTreeMap<(u32, u32, u32), u32>,
    reached: Reached,
    pub out: MappingEvidence,
    signals: Vec<u32>,
    steps: u64,
    /// The run of the program, where the graph has several.
    run: usize,
}

/// Checks that the program of `image` computes `graph`, each weight in one place, within the chip's limits.
#[must_use]
pub fn check_mapping(graph: &CoreOpGraph<Coded>, image: &Image<'_>) -> MappingEvidence {
    check_mapping_within(graph, image, LINES)
}

/// As [`check_mapping`], with another budget of lines.
#[must_use]
pub fn check_mapping_within(graph: &CoreOpGraph<Coded>, image: &Image<'_>, lines: u64) -> MappingEvidence {
    let Some(names) = Names::new(graph) else {
        let mut out = MappingEvidence::default();
        out.evidence.fail(Failure::new("the signals of the graph", "fewer than 2^32", "more"));
        return out;
    };
    let common = Common::of(image);
    let (base, remark) = (common.base, common.remark);
    let wrong_base = common.check();
    // What is held between runs lies outside before the first one.
    let first_name = |edge: &Edge| match edge.reset {
        _ if edge.slots > 1 => PADDED,
        reset if reset == base + graph.encoded.one => ONE,
        _ => NOTHING,
    };
    let edges = (0..image.edge_count())
        .filter_map(|edge| image.edge(edge))
        .map(|edge| vec![vec![first_name(&edge); edge.length as usize]; usize::from(edge.slots)])
        .collect();
    let (inputs, sums) = (image.plan().inputs as usize, image.plan().sums as usize);
    let widths = graph.encoded.nodes.iter().map(|node| vec![HOST; node.width()]);
    let mut follow = Follow {
        image,
        graph,
        names,
        wanted: Wanted::new(graph),
        sampling: Sampling::new(delivered(graph), lines, SEED),
        edges,
        lines: vec![NOTHING; inputs],
        line_edges: vec![0; inputs],
        line_pads: vec![base; inputs],
        sums: vec![NOTHING; sums],
        chain: None,
        registers: [0; LOOP_REGISTERS],
        ahead: ahead(image),
        cores: Cores::new(graph, image, common),
        base,
        remark,
        maxima: Maxima::new(graph),
        producers: widths.collect(),
        emitted: BTreeMap::new(),
        routes: BTreeMap::new(),
        reached: Reached::default(),
        out: MappingEvidence::default(),
        signals: Vec::new(),
        steps: 0,
        run: 0,
    };
    wrong_base.into_iter().for_each(|failure| follow.out.evidence.fail(failure));
    for run in 0..graph.encoded.dot.runs() {
        follow.run = run;
        follow.encode();
        if follow.block(0, image.instruction_count()).is_none() && !follow.given_up() {
            follow.fail("the program", "followed to its end", "a reference or a loop that leads nowhere");
        }
    }
    follow.finish();
    follow.out
}

impl Follow<'_, '_> {
    pub fn fail(&mut self, what: &str, expected: impl std::fmt::Display, found: impl std::fmt::Display) {
        self.out.evidence.fail(Failure::new(what, expected, found));
    }

    fn fail_at(&mut self, core: u32, position: usize, failure: Failure) {
        let unit = failure.unit;
        let failure = Failure { position: Some(position as u64), ..failure.at(self.image, core, unit) };
        self.out.evidence.fail(failure);
    }

    fn given_up(&self) -> bool {
        self.out.evidence.wrong >= WRONG
    }

    fn encode(&mut self) {
        let expected = self.names.first(1) as usize / self.graph.encoded.dot.runs();
        let Some(encoder) = self.image.encoder(0) else {
            return self.fail("the image's input", format!("{expected} signals"), "none");
        };
        let made = encoder.length as usize * usize::from(encoder.signals);
        if made != expected || usize::from(encoder.signals) != self.graph.encoded.input.weights.len() {
            self.fail("the signals that the encoder makes", expected, made);
        }
        let slot = self.edges.get_mut(encoder.edge as usize).and_then(|edge| edge.first_mut());
        for (signal, place) in (0..made.min(expected) as u32).zip(slot.into_iter().flatten()) {
            *place = self.names.first(0) + (self.run * expected) as u32 + signal;
        }
        if encoder.order != NO_TABLE {
            // Every element must be fed by exactly one raw value.
            let table = self.image.tables().get(encoder.order);
            let fed: BTreeSet<i32> =
                (0..encoder.length as usize).filter_map(|at| table.and_then(|table| table.get(at))).collect();
            if fed.len() != encoder.length as usize {
                self.fail("elements that the encoder's order feeds", encoder.length, fed.len());
            }
        }
    }

    fn block(&mut self, mut at: u32, end: u32) -> Option<()> {
        while at < end {
            self.steps += 1;
            if self.steps > STEPS || self.given_up() {
                return None;
            }
            let instruction = self.image.instruction(at)?;
            if let Instruction::Loop { register, trips } = instruction {
                let close = *self.ahead.get(at as usize)?;
                if close >= end {
                    return None;
                }
                for trip in 0..trips {
                    *self.registers.get_mut(usize::from(register))? = trip;
                    self.block(at + 1, close)?;
                }
                at = close + 1;
                continue;
            }
            self.one(at, &instruction)?;
            at += 1;
        }
        Some(())
    }

    /// The names that a reading pattern brings, and over which edge.
    fn fetch(&mut self, access: u32) -> Option<(u32, Vec<Name>)> {
        let access = self.image.access(access)?;
        patterns::named(self.image, &access, &self.registers, &mut self.signals)?;
        let slot = self.edges.get(access.edge as usize)?.get(usize::from(access.age))?;
        let pad = if access.pad == self.base { PADDED } else { PADDED_WRONG };
        let name = |signal: &u32| if *signal == OUTSIDE { pad } else { slot[*signal as usize] };
        Some((access.edge, self.signals.iter().map(name).collect()))
    }

    /// Whether the position that configuration `config` is invoked for next is looked at.
    fn looks(&self, config: u32) -> bool {
        if self.sampling.all() {
            return true;
        }
        let Some((op, _, count)) = self.cores.next(config) else { return true };
        let node = self.graph.ops[op].node;
        self.sampling.takes(&self.graph.encoded.dot.nodes[node], node, count)
    }

    fn gather(&mut self, at: u32, access: u32, first: u32) -> Option<()> {
        if !self.sampling.all()
            && let Some(Instruction::Invoke { config, .. }) =
                self.image.instruction(*self.ahead.get(at as usize)?)
            && !self.looks(config)
        {
            return Some(());
        }
        let access = self.image.access(access)?;
        let mut signals = std::mem::take(&mut self.signals);
        patterns::named(self.image, &access, &self.registers, &mut signals)?;
        let slot = self.edges.get(access.edge as usize)?.get(usize::from(access.age))?;
        let first = first as usize;
        let lines = self.lines.get_mut(first..first.checked_add(signals.len())?)?;
        for (line, &signal) in lines.iter_mut().zip(&signals) {
            *line = if signal == OUTSIDE { PADDED } else { slot[signal as usize] };
        }
        self.line_edges[first..first + signals.len()].fill(access.edge);
        let reset = self.image.edge(access.edge)?.reset;
        for (pad, &signal) in self.line_pads[first..].iter_mut().zip(&signals) {
            *pad = if signal == OUTSIDE { access.pad } else { reset };
        }
        self.signals = signals;
        Some(())
    }

    fn one(&mut self, at: u32, instruction: &Instruction) -> Option<()> {
        match *instruction {
            Instruction::Gather { access, first } => self.gather(at, access, first)?,
            Instruction::Invoke { accumulate, finish, config, .. } => {
                self.invoke(at, config, accumulate, finish)?;
            }
            Instruction::Add { combine, access, first } if combine != Combine::Add => {
                let (_, names) = self.fetch(access)?;
                let registers = self.sums.get_mut(first as usize..first as usize + names.len())?;
                self.chain = None;
                if combine == Combine::Set && names.iter().all(|&name| name == ONE) {
                    registers.fill(ONE);
                    self.maxima.forget();
                    return Some(());
                }
                registers.fill(UNFINISHED);
                self.maxima.take(combine == Combine::Set, first as usize, names);
            }
            Instruction::Scatter { combine, access, first } => {
                if let Some(found) = self.maxima.resolve(at, &self.names, self.graph) {
                    self.maximum(at, found)?;
                }
                self.scatter(at, combine, access, first as usize)?;
            }
            Instruction::Emit { output, access } => {
                let (edge, names) = self.fetch(access)?;
                let mut seen: BTreeSet<Name> = BTreeSet::new();
                for &name in &names {
                    match self.names.split(name) {
                        Some(_) if !seen.insert(name) => {}
                        Some(_) => {
                            let from = self.producer(name);
                            if self.run > 0 {
                                continue;
                            }
                            *self.routes.entry((edge, from, HOST)).or_default() += 1;
                        }
                        None => {
                            let what = format!("a signal that instruction {at} emits");
                            let found = self.names.describe(name);
                            self.fail(&what, "a computed one", found);
                        }
                    }
                }
                self.emitted.entry(output).or_default().extend(names);
            }
            Instruction::Reset(ResetTarget::Sums) => {
                self.sums.fill(NOTHING);
                self.chain = None;
                self.maxima.forget();
            }
            Instruction::Reset(ResetTarget::Edge(edge)) => {
                let one = self.image.edge(edge)?.reset == self.base + self.graph.encoded.one;
                let fresh = if one { ONE } else { NOTHING };
                self.edges.get_mut(edge as usize)?.iter_mut().for_each(|slot| slot.fill(fresh));
            }
            Instruction::Tick => {
                for slots in self.edges.iter_mut().filter(|slots| slots.len() > 1) {
                    slots.rotate_right(1);
                }
                for (number, slots) in (0..).zip(&mut self.edges) {
                    if self.image.edge(number)?.clear_on_tick {
                        slots.first_mut()?.fill(NOTHING);
                    }
                }
            }
            Instruction::Reset(ResetTarget::State { .. })
            | Instruction::Loop { .. }
            | Instruction::End { .. } => {}
            Instruction::Add { .. } | Instruction::Rate { .. } => {
                let what = format!("instruction {at}");
                self.fail(&what, "one that a core-op needs", instruction.name());
            }
        }
        Some(())
    }

    fn finish(&mut self) {
        self.out.evidence.cases += self.out.weights + self.out.delivered;
        if self.given_up() {
            self.out.evidence.text = "given up after so many counter-examples".into();
            return;
        }
        self.cores.finish(self.image, self.graph, &mut self.out);
        self.maxima.finish(self.graph, &mut self.out.evidence);
        self.reached.finish(self.graph, &mut self.out.evidence);
        ends::encoder(self.graph, self.image, self.base, &mut self.out.evidence);
        ends::resets(self.graph, self.image, &self.names, (&self.edges, self.base), &mut self.out.evidence);
        let emitted = (&self.emitted, self.base);
        ends::outputs(self.graph, self.image, &self.names, emitted, &mut self.out.evidence);
        let mut routes = std::mem::take(&mut self.routes);
        let unseen = |line: &Line, node: usize| {
            let source = self.graph.encoded.source(node, line);
            let name = self.names.element(source, u64::from(line.element), line.copy);
            self.names.split(name).map(|(source, _)| (source, self.producer(name)))
        };
        self.cores.routes(self.graph, unseen, &mut routes);
        super::capacity::check(self.image, &routes, &mut self.out.evidence);
        self.out.evidence.cases += u64::from(self.image.placement_count());
        let emitted: usize = self.emitted.values().map(Vec::len).sum();
        let looked = if self.sampling.all() {
            "at all positions".to_owned()
        } else {
            format!(
                "at {} of {} invocations (all at the borders of a grid, and a share of the others, seed {SEED})",
                self.out.looked_at, self.out.invoked
            )
        };
        self.out.evidence.text = format!(
            "{} weights of {} arrays found in exactly one place each, {} signals delivered to word lines {looked}, the places of \
             all results, {} signals emitted, {} placements and {} routes within the chip's limits{}",
            self.out.weights,
            self.out.arrays,
            self.out.delivered,
            emitted,
            self.image.placement_count(),
            self.image.route_count(),
            self.remark,
        );
    }
}
