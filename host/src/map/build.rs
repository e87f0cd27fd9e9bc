//! Building the program.

use std::ops::Range;

use spandrel_core::image::{
    Access, Axis, Combine, Config, Instruction, LOOP_REGISTERS, NO_REGISTER, OriginRun, Side, Term,
};

use super::configs::{crossbar, mac};
use super::edges::edges;
use super::ends::{encoder, outputs};
use super::fetch::{edge_of, fixed, moving};
use super::held;
use super::place::{place, routes};
use super::program::{Origin, Program};
use super::records::{access, lay_out};
use super::stepped::stepped;
use crate::diagnostic::{Diagnostic, Result};
use crate::dots::{Body, PAD, Source};
use crate::encode::{EncodedGraph, Line};
use crate::expand::{CoreOp, CoreOpGraph, OpLine};
use crate::target::Target;
use crate::tune::{Coded, Periphery, Tuned};

/// Instructions that a node whose reads are not regular may take: its positions are written out one by one.
const UNROLLED_MAX: usize = 1 << 20;

/// Maps a tuned network. `order` gives for every element of the model's input the raw element it comes from.
///
/// # Errors
/// SP0309 when the program does not fit the image format.
pub fn map(tuned: &Tuned, order: Option<&[u32]>, target: &Target) -> Result<Program> {
    let graph = tuned.graph();
    let mut program =
        Program { weight_bits: target.cell_bits * target.slices, base: target.base(), ..Program::default() };
    edges(&mut program, &graph.encoded, target);
    encoder(&mut program, graph, order, target);
    held::begin(&mut program, &graph.encoded);
    let mut first_config = Vec::new();
    for block in graph.encoded.dot.blocks() {
        let mut works = Vec::new();
        for node in block.clone() {
            let ops: Vec<&CoreOp<Coded>> = graph.of_node(node).collect();
            let mut configs = Vec::new();
            for op in &ops {
                first_config.push(program.configs.len());
                configs.push(program.configs.len() as u32);
                configure(&mut program, graph, op, target);
            }
            works.push(NodeOps { node, ops, configs });
        }
        match graph.encoded.dot.loop_of(block.start) {
            Some(_) if graph.encoded.dot.held => held::step(&mut program, graph, &works, target)?,
            Some(own) => stepped(&mut program, graph, own.steps, &works, target)?,
            None => node_program(&mut program, graph, &works[0], target)?,
        }
    }
    outputs(&mut program, graph, target)?;
    program.placements = place(program.configs.len(), target);
    program.routes = routes(graph, &first_config);
    lay_out_widest(&mut program)?;
    Ok(program)
}

/// Configurations and blobs of one core-op.
fn configure(program: &mut Program, graph: &CoreOpGraph<Coded>, op: &CoreOp<Coded>, target: &Target) {
    for (part, rows) in op.parts.iter().enumerate() {
        let config = match (&op.payload.periphery, &target.digital) {
            (Periphery::Digital(own), Some(digital)) => mac(program, op, own, part, target, digital),
            _ => crossbar(program, op, part, target),
        };
        program.configs.push(config);
        program.origins.push(origin(&graph.encoded, op, rows));
    }
}

/// A node, its core-ops, and the first configuration of each.
pub(super) struct NodeOps<'a> {
    pub(super) node: usize,
    ops: Vec<&'a CoreOp<Coded>>,
    configs: Vec<u32>,
}

/// What the cores of a core-op fetch: accesses with their numbers of signals.
pub(super) type Fetched = Vec<Vec<(u32, usize)>>;

/// The instructions of one node: loops over its grid around its core-ops.
fn node_program(
    program: &mut Program,
    graph: &CoreOpGraph<Coded>,
    own: &NodeOps<'_>,
    target: &Target,
) -> Result<()> {
    let dot = &graph.encoded.dot.nodes[own.node];
    if let Body::Max(_) = dot.body {
        return maximum(program, graph, own.node);
    }
    if dot.positions() > 1
        && let Some(fetched) = fetches(program, graph, own, target)
    {
        regular(program, graph, own, fetched, 0);
        return Ok(());
    }
    unrolled(program, graph, own, 0..dot.positions(), target)
}

/// What all cores of a node fetch at the position that the loops over its grid are at, where that is regular.
pub(super) fn fetches(
    program: &mut Program,
    graph: &CoreOpGraph<Coded>,
    own: &NodeOps<'_>,
    target: &Target,
) -> Option<Fetched> {
    (graph.encoded.dot.nodes[own.node].grid.len() <= LOOP_REGISTERS).then_some(())?;
    own.ops
        .iter()
        .flat_map(|op| op.parts.iter().map(move |part| (op, part)))
        .map(|(op, part)| {
            let lines: Vec<OpLine> = part.iter().map(|&line| op.lines[line as usize]).collect();
            moving(program, &graph.encoded, own.node, &lines, outside(op, target))
        })
        .collect()
}

/// Loops over the dimensions of a node's grid from `open` on around its core-ops.
pub(super) fn regular(
    program: &mut Program,
    graph: &CoreOpGraph<Coded>,
    own: &NodeOps<'_>,
    fetched: Fetched,
    open: usize,
) {
    let starts = open_loops(program, &graph.encoded.dot.nodes[own.node].grid, open);
    let mut fetched = fetched.into_iter();
    for (op, &config) in own.ops.iter().zip(&own.configs) {
        let parts: Fetched = fetched.by_ref().take(op.parts.len()).collect();
        invoke(program, &parts, config);
        let store = stored(&graph.encoded, op);
        let pattern = access(program, store);
        program.instructions.push(Instruction::Scatter { combine: Combine::Set, access: pattern, first: 0 });
    }
    close_loops(program, &starts);
}

/// Positions each on its own, through index tables.
pub(super) fn unrolled(
    program: &mut Program,
    graph: &CoreOpGraph<Coded>,
    own: &NodeOps<'_>,
    range: Range<usize>,
    target: &Target,
) -> Result<()> {
    let NodeOps { node, ops, configs } = own;
    let (encoded, node) = (&graph.encoded, *node);
    let dot = &encoded.dot.nodes[node];
    let (positions, width) = (dot.positions(), encoded.nodes[node].width());
    let lines: usize = ops.iter().map(|op| op.lines.len()).sum();
    if positions.saturating_mul(lines.max(1)) > UNROLLED_MAX * 16 {
        let rule = format!("its {positions} positions read {lines} signals each without any regularity");
        let way_out = "reshape or transpose the value in front of it, so that windows over it are regular";
        return Err(Diagnostic::error("SP0309", format!("node {:?}", dot.name), rule, way_out).into());
    }
    let edge = node as u32 + 1;
    let dot_held = encoded.dot.held;
    let length = program.edges[edge as usize].length;
    let mut scratch = Vec::new();
    for position in range {
        for (op, &config) in ops.iter().zip(configs) {
            let mut parts = Vec::new();
            for part in &op.parts {
                let mut runs: Vec<((u32, u16), Vec<u32>)> = Vec::new();
                let mut padded = false;
                for &line in part {
                    let own = &op.lines[line as usize];
                    let mut signal = Vec::new();
                    encoded.signals_at(
                        node,
                        own.group as usize,
                        &[own.line],
                        position,
                        &mut scratch,
                        &mut signal,
                    );
                    let source = encoded.source(node, &own.line);
                    let place = if dot_held {
                        held::place(encoded, source, (node, own, position), &mut signal)
                    } else {
                        (edge_of(encoded, source), 0)
                    };
                    padded |= signal[0] == PAD;
                    match runs.last_mut() {
                        Some((known, signals)) if *known == place => signals.push(signal[0]),
                        _ => runs.push((place, signal)),
                    }
                }
                parts.push(fixed(program, &runs, padded.then(|| outside(op, target))));
            }
            invoke(program, &parts, config);
            let own = position % (positions / encoded.dot.runs());
            let first = (own * width + op.first_signal) as i32;
            let pattern = access(program, Access::run(edge, length, first, op.columns.len() as u32));
            program.instructions.push(Instruction::Scatter {
                combine: Combine::Set,
                access: pattern,
                first: 0,
            });
        }
    }
    Ok(())
}

/// The code that stands for zero on a core-op's lines: what lies outside reads it.
fn outside(op: &CoreOp<Coded>, target: &Target) -> i32 {
    match &op.payload.periphery {
        Periphery::Digital(own) => target.base() + own.zero,
        Periphery::Composed { .. } => target.base(),
    }
}

/// Fetches and invocations of a core-op whose first configuration is `config`.
fn invoke(program: &mut Program, parts: &[Vec<(u32, usize)>], config: u32) {
    for (part, fetched) in parts.iter().enumerate() {
        let mut first = 0;
        for &(access, count) in fetched {
            program.instructions.push(Instruction::Gather { access, first });
            first += count as u32;
        }
        program.instructions.push(Instruction::Invoke {
            accumulate: part > 0,
            finish: part + 1 == parts.len(),
            config: config + part as u32,
            state: 0,
            register: NO_REGISTER,
            stride: 0,
        });
    }
}

/// Where a core-op's codes go: its signals of the position that the loops are at.
fn stored(graph: &EncodedGraph, op: &CoreOp<Coded>) -> Access {
    run_at_position(graph, op.node, op.first_signal, op.columns.len())
}

/// `count` signals from `first` on of the position that the loops over a node's grid are at.
fn run_at_position(graph: &EncodedGraph, node: usize, first: usize, count: usize) -> Access {
    let (dot, width) = (&graph.dot.nodes[node], graph.nodes[node].width() as u32);
    // Of what is held between runs an edge has the positions of one.
    let (positions, first_register) = (dot.positions() / graph.dot.runs(), usize::from(graph.dot.held));
    let mut pattern = Access::run(node as u32 + 1, width, first as i32, count as u32);
    // Positions are numbered through, so one axis serves the whole grid.
    let _ = pattern.axes.push(Axis { extent: positions as u32, pitch: width, origin: 0 });
    let mut pitch = positions;
    for (register, &extent) in dot.grid.iter().enumerate().skip(first_register) {
        pitch /= extent.max(1);
        if extent > 1 {
            let _ = pattern.terms.push(Term { coefficient: pitch as i32, register: register as u8, axis: 1 });
        }
    }
    pattern
}

/// Loops over a grid from dimension `open` on, dimension d counting in register d; returns where each began.
pub(super) fn open_loops(program: &mut Program, grid: &[usize], open: usize) -> Vec<(u8, u32)> {
    let mut starts = Vec::new();
    for (register, &extent) in grid.iter().enumerate().skip(open) {
        let register = register as u8;
        starts.push((register, program.instructions.len() as u32));
        program.instructions.push(Instruction::Loop { register, trips: extent as u32 });
    }
    starts
}

pub(super) fn close_loops(program: &mut Program, starts: &[(u8, u32)]) {
    for &(register, start) in starts.iter().rev() {
        program.instructions.push(Instruction::End { register, start });
    }
}

/// The largest of several codes at each position, all channels at once.
fn maximum(program: &mut Program, graph: &CoreOpGraph<Coded>, node: usize) -> Result<()> {
    let encoded = &graph.encoded;
    let (dot, own) = (&encoded.dot.nodes[node], &encoded.nodes[node]);
    let lines = encoded.lines(node, 0);
    // For each tap all channels' signals: channel c reads what the group of its number does.
    let fetched: Option<Vec<Vec<(u32, usize)>>> = lines
        .iter()
        .filter(|line| line.copy == 0 && dot.grid.len() <= LOOP_REGISTERS)
        .map(|tap| {
            let signals = |channel: usize| (0..own.copies[channel]).map(move |copy| (channel, copy));
            let all: Vec<OpLine> = (0..dot.channels)
                .flat_map(signals)
                .map(|(channel, copy)| OpLine { group: channel as u32, line: Line { copy, ..*tap } })
                .collect();
            moving(program, encoded, node, &all, program.base)
        })
        .collect();
    let Some(fetched) = fetched.filter(|fetched| !fetched.is_empty()) else {
        let rule = "its windows are not regular";
        let way_out = "reshape or transpose the value in front of it, so that windows over it are regular";
        return Err(Diagnostic::error("SP0309", format!("node {:?}", dot.name), rule, way_out).into());
    };
    let starts = open_loops(program, &dot.grid, 0);
    for (at, tap) in fetched.iter().enumerate() {
        let combine = if at == 0 { Combine::Set } else { Combine::Max };
        let mut first = 0;
        for &(access, count) in tap {
            program.instructions.push(Instruction::Add { combine, access, first });
            first += count as u32;
        }
    }
    let store = run_at_position(encoded, node, 0, own.width());
    let pattern = access(program, store);
    program.instructions.push(Instruction::Scatter { combine: Combine::Set, access: pattern, first: 0 });
    close_loops(program, &starts);
    program.maxima = program.maxima.max(own.width() as u32);
    Ok(())
}

/// Provenance of one array: which channel and signal each column stands for, and which tap and signal each row.
fn origin(graph: &EncodedGraph, op: &CoreOp<Coded>, rows: &[u32]) -> Origin {
    let columns: Vec<(u32, u32)> = op.columns.iter().map(|c| (c.channel as u32, c.copy as u32)).collect();
    let lines: Vec<(u32, u32)> = rows
        .iter()
        .map(|&row| op.lines[row as usize].line)
        .map(|line| (line.column, u32::from(line.copy)))
        .collect();
    let mut runs = compress(Side::Column, &columns);
    runs.extend(compress(Side::Row, &lines));
    // In the image a zero byte ends a name.
    let name = |name: &str| name.replace('\0', "\u{fffd}");
    let node = &graph.dot.nodes[op.node];
    let input = match node.body.reads().first().map(|read| read.source) {
        Some(Source::Node(from)) => name(&graph.dot.nodes[from].name),
        Some(Source::Input) => name(graph.dot.inputs.first().map_or("", |port| &port.name)),
        _ => String::new(),
    };
    Origin { node: name(&node.name), input, runs }
}

/// Runs of units whose elements advance by a fixed stride and whose signal stays the same.
fn compress(side: Side, units: &[(u32, u32)]) -> Vec<OriginRun> {
    let mut runs: Vec<OriginRun> = Vec::new();
    for (unit, &(element, signal)) in units.iter().enumerate() {
        if let Some(run) = runs.last_mut()
            && run.signal == signal
        {
            let step = element.checked_sub(run.element + run.stride * (run.count - 1));
            if run.count == 1 {
                if let Some(step) = step {
                    (run.stride, run.count) = (step, 2);
                    continue;
                }
            } else if step == Some(run.stride) {
                run.count += 1;
                continue;
            }
        }
        runs.push(OriginRun { side, first: unit as u32, count: 1, element, stride: 0, signal });
    }
    runs
}

/// Memory: registers for the widest configuration, then the edges.
fn lay_out_widest(program: &mut Program) -> Result<()> {
    let widest = |f: fn(&Config) -> u32| program.configs.iter().map(f).max().unwrap_or(0);
    let sums = widest(Config::sums).max(program.maxima);
    let inputs = widest(Config::rows);
    lay_out(program, inputs, sums, 0)
}
