//! Building the program.

use fixed::types::I32F32;
use spandrel_core::crossbar::{Activation, Crossbar, Readout};
use spandrel_core::image::{
    Access, Codec, Config, Decoder, Edge, Encoder, Instruction, NO_REGISTER, NO_TABLE, OriginRun, Plan,
    Reading, Side,
};

use super::place::{place, routes};
use super::program::{BlobData, Origin, Program};
use crate::diagnostic::{Diagnostic, Result};
use crate::encode::{EncodedSource, Form};
use crate::expand::{CoreOp, CoreOpGraph};
use crate::target::Target;
use crate::tune::{Coded, CodedAct, Tuned};

/// Maps a tuned network. `order` gives for every element of the model's input the raw element it comes from.
///
/// # Errors
/// SP0309 when the program does not fit the image format.
pub fn map(tuned: &Tuned, order: Option<&[u32]>, target: &Target) -> Result<Program> {
    let graph = tuned.graph();
    let mut program = Program { weight_bits: target.cell_bits * target.slices, ..Program::default() };
    edges(&mut program, graph, target);
    encoder(&mut program, graph, order, target);
    let mut first_config = Vec::new();
    for op in &graph.ops {
        first_config.push(program.configs.len());
        core_op(&mut program, graph, op, target);
    }
    output(&mut program, graph);
    program.placements = place(program.configs.len(), target);
    program.routes = routes(graph, &first_config);
    lay_out(&mut program)?;
    Ok(program)
}

/// Edge 0 is the input, edge n + 1 the value of node n.
fn edges(program: &mut Program, graph: &CoreOpGraph<Coded>, target: &Target) {
    let codes = if target.input_max <= 255 { Codec::U8 } else { Codec::I32 };
    let sums = if target.adder_bits <= 16 { Codec::I16 } else { Codec::I32 };
    let edge = |length: usize, codec| Edge {
        length: length as u32,
        codec,
        clear_on_tick: false,
        slots: 1,
        reset: 0,
        ram_offset: 0,
    };
    program.edges.push(edge(graph.encoded.signals(EncodedSource::Input), codes));
    for node in &graph.encoded.nodes {
        let codec = if node.form == Form::Sum { sums } else { codes };
        program.edges.push(edge(node.signals(), codec));
    }
}

fn encoder(program: &mut Program, graph: &CoreOpGraph<Coded>, order: Option<&[u32]>, target: &Target) {
    let code = &graph.encoded.input;
    let order_table = order.map_or(NO_TABLE, |order| {
        // The image goes the other way: from the raw element to the model's.
        let mut elements = vec![0i32; order.len()];
        for (element, &raw) in order.iter().enumerate() {
            elements[raw as usize] = element as i32;
        }
        table(program, elements)
    });
    let params = table(program, code.params.clone());
    program.encoders.push(Encoder {
        raw: code.raw.codec(),
        mapping: code.mapping,
        signals: code.weights.len() as u8,
        length: graph.encoded.dot.input_len as u32,
        edge: 0,
        channels: 1,
        inner: 1,
        params,
        order: order_table,
        lo: 0,
        hi: target.input_max,
    });
}

/// The number of a table with these entries, an equal one that is there already if there is one.
fn table(program: &mut Program, entries: Vec<i32>) -> u32 {
    let known = program.tables.iter().position(|table| *table == entries);
    known.unwrap_or_else(|| {
        program.tables.push(entries);
        program.tables.len() - 1
    }) as u32
}

fn access(program: &mut Program, access: Access) -> u32 {
    let known = program.accesses.iter().position(|other| *other == access);
    known.unwrap_or_else(|| {
        program.accesses.push(access);
        program.accesses.len() - 1
    }) as u32
}

/// The pattern that brings `signals` of `edge` in this order: a stride where there is one, else an index table.
fn gather(program: &mut Program, edge: u32, signals: &[u32]) -> u32 {
    let length = program.edges[edge as usize].length;
    let first = signals.first().map_or(0, |&s| s as i32);
    let step = signals.get(1).map_or(1, |&s| s as i32 - first);
    let mut pattern = Access::run(edge, length, first, signals.len() as u32);
    let even = signals
        .iter()
        .enumerate()
        .all(|(i, &s)| i64::from(s) == i64::from(first) + i as i64 * i64::from(step));
    if even {
        pattern.dims[0].step = step;
    } else {
        pattern.axes[0].origin = 0;
        pattern.dims.clear();
        pattern.table = table(program, signals.iter().map(|&s| s as i32).collect());
    }
    access(program, pattern)
}

fn core_op(program: &mut Program, graph: &CoreOpGraph<Coded>, op: &CoreOp<Coded>, target: &Target) {
    let coded = &op.payload;
    let (from_edge, input_name) = match op.source {
        EncodedSource::Input => (0, graph.encoded.dot.input.clone()),
        EncodedSource::Node(node) => (node as u32 + 1, graph.encoded.nodes[node].name.clone()),
    };
    let to_edge = op.node as u32 + 1;
    let activation = match &coded.act {
        CodedAct::None => Activation::None,
        CodedAct::Relu => Activation::Relu,
        CodedAct::Table(entries) => {
            Activation::Table { table: table(program, entries.clone()), lo: -target.code_max }
        }
    };
    let adder = 1i64 << (target.adder_bits - 1);
    let (out_lo, out_hi) = match coded.act {
        CodedAct::None => ((-adder) as i32, (adder - 1) as i32),
        _ => (0, target.input_max),
    };
    for (part, rows) in op.parts.iter().enumerate() {
        let config = program.configs.len() as u32;
        program.configs.push(Config::Crossbar(Crossbar {
            rows: rows.len() as u32,
            bias_rows: coded.bias_rows as u32,
            columns: op.columns.len() as u32,
            blob: program.blobs.len() as u32,
            input_bits: target.input_bits,
            dac_bits: target.dac_bits,
            cell_bits: target.cell_bits,
            slices: target.slices,
            output_bits: target.output_bits,
            polarity: target.polarity,
            readout: Readout::Composed { shift: coded.shift, rounding: target.rounding },
            adder_bits: target.adder_bits,
            sum_shift: coded.sum_shift,
            activation,
            pool: 1,
            bias_code: target.bias_code as u32,
            out_lo,
            out_hi,
        }));
        program.blobs.push(blob(rows.len(), coded, part, op.columns.len()));
        program.origins.push(origin(graph, op, rows, input_name.clone()));
        let pattern = gather(program, from_edge, rows);
        program.instructions.push(Instruction::Gather { access: pattern, first: 0 });
        program.instructions.push(Instruction::Invoke {
            accumulate: part > 0,
            finish: part + 1 == op.parts.len(),
            config,
            state: 0,
            register: NO_REGISTER,
            stride: 0,
        });
    }
    let length = program.edges[to_edge as usize].length;
    let run = Access::run(to_edge, length, op.first_signal as i32, op.columns.len() as u32);
    let pattern = access(program, run);
    let combine = spandrel_core::image::Combine::Set;
    program.instructions.push(Instruction::Scatter { combine, access: pattern, first: 0 });
}

fn blob(rows: usize, coded: &Coded, part: usize, columns: usize) -> BlobData {
    let mut weights = Vec::with_capacity((rows + coded.bias_rows) * columns);
    for column in 0..columns {
        weights.extend_from_slice(&coded.weights[part][column * rows..(column + 1) * rows]);
        weights
            .extend_from_slice(&coded.bias[part][column * coded.bias_rows..(column + 1) * coded.bias_rows]);
    }
    BlobData { rows: rows + coded.bias_rows, columns, weights }
}

/// Provenance of one array: which element and signal each column and each row stands for.
fn origin(graph: &CoreOpGraph<Coded>, op: &CoreOp<Coded>, rows: &[u32], input: String) -> Origin {
    let per_element = |source: EncodedSource| -> Vec<(u32, u32)> {
        let copies: Vec<u16> = match source {
            EncodedSource::Input => {
                vec![graph.encoded.input.weights.len() as u16; graph.encoded.dot.input_len]
            }
            EncodedSource::Node(node) => graph.encoded.nodes[node].copies.clone(),
        };
        let signals =
            |(element, &k): (usize, &u16)| (0..u32::from(k)).map(move |copy| (element as u32, copy));
        copies.iter().enumerate().flat_map(signals).collect()
    };
    let signals = per_element(op.source);
    let columns: Vec<(u32, u32)> = op.columns.iter().map(|c| (c.element as u32, c.copy as u32)).collect();
    let rows: Vec<(u32, u32)> = rows.iter().map(|&row| signals[row as usize]).collect();
    let mut runs = compress(Side::Column, &columns);
    runs.extend(compress(Side::Row, &rows));
    // In the image a zero byte ends a name.
    let name = |name: &str| name.replace('\0', "\u{fffd}");
    Origin { node: name(&graph.encoded.nodes[op.node].name), input: name(&input), runs }
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

/// Emission of the last node's edge, and the decoder.
fn output(program: &mut Program, graph: &CoreOpGraph<Coded>) {
    let edge = graph.encoded.nodes.len() as u32;
    let length = program.edges[edge as usize].length;
    let pattern = access(program, Access::run(edge, length, 0, length));
    program.instructions.push(Instruction::Emit { output: 0, access: pattern });
    let coefficients: Vec<f64> = graph.outputs().flat_map(|op| op.payload.coefficients.clone()).collect();
    let zeros: Vec<f64> = graph.outputs().flat_map(|op| op.payload.zeros.clone()).collect();
    // Coefficients become whole numbers in units of a thousandth of the largest, rounded to the format's step first, so that
    // rounding the unit costs nothing.
    let unit = coefficients.iter().fold(0.0f64, |m, c| m.max(c.abs())) / 1024.0;
    let scale = I32F32::saturating_from_num(unit).max(I32F32::DELTA);
    let unit: f64 = scale.to_num();
    let whole = coefficients.iter().map(|c| libm::rint(c / unit) as i32).collect();
    let offsets = zeros
        .iter()
        .flat_map(|z| {
            let offset = libm::rint(z / unit) as i64;
            [(offset >> 32) as i32, offset as u32 as i32]
        })
        .collect();
    let values = zeros.len().max(1);
    let (coefficient_table, offset_table) = (table(program, whole), table(program, offsets));
    program.decoders.push(Decoder {
        output: 0,
        reading: if graph.encoded.dot.decision { Reading::Class } else { Reading::Values },
        signals: (coefficients.len() / values) as u8,
        values: values as u32,
        coefficients: coefficient_table,
        offsets: offset_table,
        scale,
    });
}

/// Memory: registers for the widest configuration, then the edges.
fn lay_out(program: &mut Program) -> Result<()> {
    let too_large = || {
        let way_out = "compile a smaller network, or several images";
        Diagnostic::error("SP0309", "program", "its memory does not fit 32-bit addresses", way_out)
    };
    let widest = |f: fn(&Config) -> u32| program.configs.iter().map(f).max().unwrap_or(0);
    let mut plan = Plan { inputs: widest(Config::rows), sums: widest(Config::sums), state: 0, edges: 0 };
    let first = plan.edges_at().ok_or_else(too_large)?;
    let mut at = first;
    for edge in &mut program.edges {
        edge.ram_offset = at;
        at = edge.words().and_then(|words| at.checked_add(words)).ok_or_else(too_large)?;
    }
    plan.edges = at - first;
    program.ram_words = plan.words().ok_or_else(too_large)?;
    Ok(())
}
