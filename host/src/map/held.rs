//! The program of a step whose state is held between runs: one run is one step.
//!
//! Edges that are read at the step before are rings of two slots: a TICK, the first instruction, makes what the last run has written the slot of age 1.
//! After a reset these slots hold the code that lies outside, as the graph has it in front of its first step. What tells there that nothing lies
//! inside, the constant 1 at the step before, is an edge of its own that each run writes a 1 to.

use spandrel_core::image::{Access, Axis, Combine, Instruction};

use super::build::{Fetched, NodeOps, fetches, regular, unrolled};
use super::fetch::edge_of;
use super::program::Program;
use super::records::access;
use crate::diagnostic::Result;
use crate::dots::{PAD, Source};
use crate::encode::EncodedGraph;
use crate::expand::{CoreOpGraph, OpLine};
use crate::target::Target;
use crate::tune::Coded;

/// The edge that tells whether there was a run before.
fn before(graph: &EncodedGraph) -> u32 {
    edge_of(graph, Source::One) + 1
}

/// What a run begins with.
pub(super) fn begin(program: &mut Program, graph: &EncodedGraph) {
    if !graph.dot.held {
        return;
    }
    program.instructions.push(Instruction::Tick);
    let flag = before(graph);
    if program.edges.len() > flag as usize {
        let one = access(program, Access::run(flag - 1, 1, 0, 1));
        program.instructions.push(Instruction::Add { combine: Combine::Set, access: one, first: 0 });
        let flag = access(program, Access::run(flag, 1, 0, 1));
        program.instructions.push(Instruction::Scatter { combine: Combine::Set, access: flag, first: 0 });
        program.maxima = program.maxima.max(1);
    }
}

/// The instructions of one step over `works`.
///
/// # Errors
/// Those of nodes that are not regular.
pub(super) fn step(
    program: &mut Program,
    graph: &CoreOpGraph<Coded>,
    works: &[NodeOps<'_>],
    target: &Target,
) -> Result<()> {
    for own in works {
        let fetched: Option<Fetched> = fetches(program, graph, own, target);
        match fetched {
            Some(fetched) => regular(program, graph, own, fetched, 1),
            None => unrolled(program, graph, own, graph.encoded.dot.nodes[own.node].step(1), target)?,
        }
    }
    Ok(())
}

/// A pattern that moves from step to step with register 0 as that of one run; `None` where the steps are no axis of their own.
pub(super) fn pattern(graph: &EncodedGraph, mut made: Access) -> Option<Access> {
    let mut moves = made.terms.iter().filter(|term| term.register == 0);
    let Some(term) = moves.next().copied() else {
        // The same at every step: only the constant 1 is.
        return (made.edge == edge_of(graph, Source::One)).then_some(made);
    };
    let axis = usize::from(term.axis);
    let alone = moves.next().is_none()
        && term.coefficient == 1
        && made.dims.iter().all(|dim| dim.axis != term.axis)
        && made.terms.iter().filter(|other| other.axis == term.axis).count() == 1;
    let Axis { extent, origin, .. } = *made.axes.get(axis)?;
    if !alone || extent as usize != graph.dot.runs() || !matches!(origin, -1 | 0) {
        return None;
    }
    // At every run the coordinate of the steps is that of the run itself, or of the one before.
    made.age = u16::from(origin < 0);
    if made.age == 1 && made.edge == edge_of(graph, Source::One) {
        made.edge = before(graph);
    }
    made.terms = made.terms.iter().filter(|other| other.register != 0).copied().collect();
    if made.axes.len() == 1 {
        made.axes[0] = Axis { extent: 1, pitch: 1, origin: 0 };
        return Some(made);
    }
    made.axes.remove(axis);
    let moved = |own: u8| own - u8::from(usize::from(own) > axis);
    made.dims.iter_mut().for_each(|dim| dim.axis = moved(dim.axis));
    made.terms.iter_mut().for_each(|other| other.axis = moved(other.axis));
    Some(made)
}

/// Edge and age of what line `own` of a node brings at `position`, one of the second step, whose signal becomes that of a run.
pub(super) fn place(
    graph: &EncodedGraph,
    source: Source,
    (node, own, position): (usize, &OpLine, usize),
    signal: &mut [u32],
) -> (u32, u16) {
    let edge = edge_of(graph, source);
    if signal[0] == PAD {
        return (edge, 0);
    }
    if source == Source::One {
        let (mut scratch, mut first) = (Vec::new(), Vec::new());
        let each = graph.dot.nodes[node].positions() / graph.dot.runs();
        let group = own.group as usize;
        graph.signals_at(node, group, &[own.line], position - each, &mut scratch, &mut first);
        // What lies outside at the first step only is told by the run before.
        return if first[0] == PAD { (before(graph), 1) } else { (edge, 0) };
    }
    let width = (graph.signals(source) / graph.dot.runs()) as u32;
    let age = u16::from(signal[0] < width);
    signal[0] %= width.max(1);
    (edge, age)
}
