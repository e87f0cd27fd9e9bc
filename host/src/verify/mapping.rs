//! C4: the mapped program computes the tuned core-op graph. An independent checker: it knows the image and the graph,
//! and nothing of the code that made one out of the other.
//!
//! The program is followed symbolically. Every place of an edge holds the name of a signal, every word line the name of
//! what drives it, every sum register the core-op, column and arrays that it has summed so far. A configuration is
//! recognised by what it holds: the weights of exactly one array of one core-op on the word lines that carry its signals.
//! Wherever a name is not the one that the graph asks for (never written, of another column, summed twice) the
//! program is wrong at that instruction.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_core::image::{Combine, HOST, Image, Instruction, LOOP_REGISTERS, NO_TABLE, ResetTarget};

use super::{
    decode::{self, Array},
    ends,
    held::{Name, holds, periphery},
    naive::signals,
    report::{Evidence, Failure},
};
use crate::{encode::EncodedSource, expand::CoreOpGraph, tune::Coded};

/// Instructions that are followed in all: mapped programs have a few per array.
const STEPS: u64 = 1 << 24;

/// What a sum register holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sum {
    /// Nothing known.
    Unknown,
    /// Column `column` of core-op `op`, summed over arrays `parts`.
    Part { op: usize, column: usize, parts: BTreeSet<usize> },
    /// A finished signal.
    Signal(Name),
}

/// Proof that a program computes a graph, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingEvidence {
    /// Weights found in exactly one place.
    pub weights: u64,
    /// Signals delivered to word lines.
    pub delivered: u64,
    /// Arrays, each in exactly one configuration.
    pub arrays: usize,
    /// Cases, counter-examples, text.
    pub evidence: Evidence,
}

struct Follow<'a, 'i> {
    image: &'a Image<'i>,
    graph: &'a CoreOpGraph<Coded>,
    arrays: &'a [Array],
    edges: Vec<Vec<Vec<Option<Name>>>>,
    /// What drives each word line, and over which edge it came.
    lines: Vec<Option<(Name, u32)>>,
    sums: Vec<Sum>,
    registers: [u32; LOOP_REGISTERS],
    /// Configuration to (op, part), once known.
    held: BTreeMap<u32, (usize, usize)>,
    /// The configuration that last finished each signal.
    producer: BTreeMap<Name, u32>,
    emitted: Vec<Name>,
    routes: BTreeMap<(u32, u32, u32), BTreeSet<Name>>,
    out: MappingEvidence,
    steps: u64,
}

/// Checks that the program of `image` computes `graph`, each weight in one place, within the chip's limits.
#[must_use]
pub fn check_mapping(graph: &CoreOpGraph<Coded>, image: &Image<'_>) -> MappingEvidence {
    let arrays = match decode::arrays(image) {
        Ok(arrays) => arrays,
        Err(core) => {
            let mut out = MappingEvidence::default();
            out.evidence.fail(decode::refusal(image, core));
            return out;
        }
    };
    let edges = (0..image.edge_count())
        .filter_map(|edge| image.edge(edge))
        .map(|edge| vec![vec![None; edge.length as usize]; usize::from(edge.slots)])
        .collect();
    let mut follow = Follow {
        image,
        graph,
        arrays: &arrays,
        edges,
        lines: vec![None; image.plan().inputs as usize],
        sums: vec![Sum::Unknown; image.plan().sums as usize],
        registers: [0; LOOP_REGISTERS],
        held: BTreeMap::new(),
        producer: BTreeMap::new(),
        emitted: Vec::new(),
        routes: BTreeMap::new(),
        out: MappingEvidence::default(),
        steps: 0,
    };
    follow.encode();
    if follow.block(0, image.instruction_count()).is_none() {
        follow.fail("the program", "followed to its end", "a reference or a loop that leads nowhere");
    }
    follow.finish();
    follow.out.evidence.join(ends::check(graph, image));
    follow.out
}

impl Follow<'_, '_> {
    fn fail(&mut self, what: &str, expected: impl std::fmt::Display, found: impl std::fmt::Display) {
        self.out.evidence.fail(Failure::new(what, expected, found));
    }

    fn fail_at(&mut self, core: u32, unit: Option<u32>, failure: Failure) {
        self.out.evidence.fail(failure.at(self.image, core, unit));
    }

    fn encode(&mut self) {
        let expected = self.graph.encoded.signals(EncodedSource::Input);
        let Some(encoder) = self.image.encoder(0) else {
            return self.fail("the image's input", format!("{expected} signals"), "none");
        };
        let made = encoder.length as usize * usize::from(encoder.signals);
        if made != expected || usize::from(encoder.signals) != self.graph.encoded.input.weights.len() {
            self.fail("the signals that the encoder makes", expected, made);
        }
        let slot = self.edges.get_mut(encoder.edge as usize).and_then(|edge| edge.first_mut());
        for (signal, place) in (0..made as u32).zip(slot.into_iter().flatten()) {
            *place = Some((0, signal));
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
            if self.steps > STEPS {
                return None;
            }
            let instruction = self.image.instruction(at)?;
            if let Instruction::Loop { register, trips } = instruction {
                let close = (at + 1..end).find(|number| {
                    matches!(self.image.instruction(*number), Some(Instruction::End { start, .. }) if start == at)
                })?;
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

    /// The names that a reading pattern brings.
    fn fetch(&self, access: u32) -> Option<(u32, Vec<Option<Name>>)> {
        let access = self.image.access(access)?;
        let slot = self.edges.get(access.edge as usize)?.get(usize::from(access.age))?;
        let named = signals(self.image, &access, &self.registers)?;
        let names =
            named.into_iter().map(|signal| signal.and_then(|signal| slot.get(signal).copied().flatten()));
        Some((access.edge, names.collect()))
    }

    fn one(&mut self, at: u32, instruction: &Instruction) -> Option<()> {
        match *instruction {
            Instruction::Gather { access, first } => {
                let (edge, names) = self.fetch(access)?;
                for (line, name) in (first as usize..).zip(names) {
                    *self.lines.get_mut(line)? = name.map(|name| (name, edge));
                }
            }
            Instruction::Invoke { accumulate, finish, config, .. } => {
                self.invoke(at, config, accumulate, finish)?;
            }
            Instruction::Scatter { combine, access, first } => {
                let access = self.image.access(access)?;
                let named = signals(self.image, &access, &self.registers)?;
                for (sum, signal) in (first as usize..).zip(named) {
                    let name = match self.sums.get(sum)? {
                        Sum::Signal(name) if combine == Combine::Set => Some(*name),
                        _ => None,
                    };
                    if name.is_none() {
                        let what = format!("sum register {sum} that instruction {at} scatters");
                        self.fail(&what, "a finished signal", "something else");
                    }
                    if let Some(signal) = signal {
                        let slot =
                            self.edges.get_mut(access.edge as usize)?.get_mut(usize::from(access.age))?;
                        *slot.get_mut(signal)? = name;
                    }
                }
            }
            Instruction::Emit { access, .. } => {
                let (edge, names) = self.fetch(access)?;
                for name in names {
                    match name {
                        Some(name) => {
                            self.emitted.push(name);
                            self.route(edge, name, HOST);
                        }
                        None => {
                            let what = format!("a signal that instruction {at} emits");
                            self.fail(&what, "a computed one", "one that was never written");
                        }
                    }
                }
            }
            Instruction::Reset(ResetTarget::Sums) => self.sums.fill(Sum::Unknown),
            Instruction::Reset(ResetTarget::Edge(edge)) => {
                self.edges.get_mut(edge as usize)?.iter_mut().for_each(|slot| slot.fill(None));
            }
            Instruction::Tick => {
                for slots in self.edges.iter_mut().filter(|slots| slots.len() > 1) {
                    slots.rotate_right(1);
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

    fn route(&mut self, edge: u32, name: Name, to: u32) {
        let from = if name.0 == 0 { HOST } else { self.producer.get(&name).copied().unwrap_or(HOST) };
        self.routes.entry((edge, from, to)).or_default().insert(name);
    }

    fn invoke(&mut self, at: u32, config: u32, accumulate: bool, finish: bool) -> Option<()> {
        let array = self.arrays.get(config as usize)?;
        let rows = array.crossbar.rows as usize;
        let driven = self.lines.get(..rows)?.to_vec();
        let names: Vec<Option<Name>> = driven.iter().map(|line| line.map(|(name, _)| name)).collect();
        let Some((op, part)) = self.recognise(config, array, &names) else { return Some(()) };
        self.out.delivered += rows as u64;
        for (name, edge) in driven.into_iter().flatten() {
            self.route(edge, name, config);
        }
        let graph = self.graph;
        let coded = &graph.ops[op];
        for column in 0..coded.columns.len() {
            let sum = self.sums.get_mut(column)?;
            let mut parts = match (&*sum, accumulate) {
                (_, false) => BTreeSet::new(),
                (Sum::Part { op: other, column: unit, parts }, true) if *other == op && *unit == column => {
                    parts.clone()
                }
                _ => {
                    *sum = Sum::Unknown;
                    let what = format!("the sum that instruction {at} adds to");
                    let failure = Failure::new(what, format!("a part of core-op {op}"), "something else");
                    self.fail_at(config, Some(column as u32), failure);
                    continue;
                }
            };
            let once = parts.insert(part);
            let whole = parts.len() == coded.parts.len();
            *sum = Sum::Part { op, column, parts };
            if !once {
                let failure =
                    Failure::new(format!("array {part} of core-op {op}"), "summed once", "summed twice");
                self.fail_at(config, Some(column as u32), failure);
            }
            if finish {
                let name = (coded.node + 1, (coded.first_signal + column) as u32);
                self.sums[column] = if whole { Sum::Signal(name) } else { Sum::Unknown };
                self.producer.insert(name, config);
                if !whole {
                    let failure = Failure::new("the arrays of a finished sum", coded.parts.len(), "fewer");
                    self.fail_at(config, Some(column as u32), failure);
                }
            }
        }
        if finish {
            let wrong = periphery(self.image, &array.crossbar, &coded.payload);
            wrong.into_iter().for_each(|failure| self.fail_at(config, None, failure));
        }
        Some(())
    }

    /// The array of a core-op that configuration `config` holds, given what drives its word lines.
    fn recognise(&mut self, config: u32, array: &Array, names: &[Option<Name>]) -> Option<(usize, usize)> {
        if let Some(known) = self.held.get(&config).copied() {
            let op = &self.graph.ops[known.0];
            if holds(op, known.1, array, names).is_ok() {
                return Some(known);
            }
            let failure = Failure::new("the signals on its word lines", "those of its core-op", "others");
            self.fail_at(config, None, failure);
            return None;
        }
        let mut nearest: Option<Box<Failure>> = None;
        for (number, op) in self.graph.ops.iter().enumerate() {
            for part in 0..op.parts.len() {
                if self.held.values().any(|held| *held == (number, part)) {
                    continue;
                }
                match holds(op, part, array, names) {
                    Ok(weights) => {
                        self.held.insert(config, (number, part));
                        self.out.weights += weights;
                        self.out.evidence.cases += weights + names.len() as u64;
                        return Some((number, part));
                    }
                    Err(Some(failure)) if nearest.is_none() => nearest = Some(failure),
                    Err(_) => {}
                }
            }
        }
        let missing = names.iter().position(Option::is_none);
        let failure = match (nearest, missing) {
            (_, Some(row)) => {
                let failure =
                    Failure::new("the signal on a word line", "a computed one", "one never written");
                Failure { row: Some(row as u32), ..failure }
            }
            (Some(failure), _) => *failure,
            (None, None) => Failure::new(
                "what the configuration holds",
                "an array of a core-op not held yet",
                "something else",
            ),
        };
        let unit = failure.unit;
        self.fail_at(config, unit, failure);
        None
    }

    fn finish(&mut self) {
        for (number, op) in self.graph.ops.iter().enumerate() {
            for part in 0..op.parts.len() {
                let places = self.held.values().filter(|held| **held == (number, part)).count();
                if places != 1 {
                    let what = format!("configurations that hold array {part} of core-op {number}");
                    self.fail(&what, 1, places);
                }
            }
        }
        self.out.arrays = self.held.len();
        let last = self.graph.encoded.nodes.len();
        let signals = self.graph.encoded.nodes.last().map_or(0, |node| node.signals() as u32);
        let expected: Vec<Name> = (0..signals).map(|signal| (last, signal)).collect();
        if self.emitted != expected {
            let found = format!("{} others or in another order", self.emitted.len());
            self.fail("the emitted signals", format!("the {signals} of the last node in order"), found);
        }
        super::capacity::check(self.image, self.arrays, &self.routes_counted(), &mut self.out.evidence);
        self.out.evidence.cases += u64::from(self.image.placement_count()) + u64::from(signals);
        self.out.evidence.text = format!(
            "{} weights of {} arrays found in exactly one place each, {} signals delivered to word lines, {} signals emitted, {} \
             placements and {} routes within the chip's limits",
            self.out.weights,
            self.out.arrays,
            self.out.delivered,
            self.emitted.len(),
            self.image.placement_count(),
            self.image.route_count(),
        );
    }

    fn routes_counted(&self) -> BTreeMap<(u32, u32, u32), u32> {
        self.routes.iter().map(|(route, names)| (*route, names.len() as u32)).collect()
    }
}
