//! Where a network begins and ends: encoder, emission, decoders.

use fixed::types::I32F32;
use spandrel_core::image::{Access, Decoder, Encoder, Instruction, NO_TABLE, Reading};

use super::program::Program;
use super::records::{access, inverted, table};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::encode::Form;
use crate::expand::CoreOpGraph;
use crate::target::Target;
use crate::tune::{ChannelCodes, Coded};

/// Parts of the largest coefficient that a decoder tells apart where codes are those of signals: so fine that codes of 16 bits
/// lose nothing, and so coarse that 32 of them sum up in 64 bits.
const FINE: u32 = 1 << 22;

/// The share of the largest coefficient that a rounding to the format's smallest unit may take. Larger coefficients lose nothing.
const ROUNDED: f64 = 1.0 / 128.0;

/// Parts of a sum's coefficient: a thousand, or as many as leave the unit a multiple of the format's step where the coefficient
/// is one, so that nothing is rounded.
fn parts_of_sums(coefficient: f64) -> f64 {
    let steps = coefficient * libm::exp2(32.0);
    if steps != libm::trunc(steps) || !(1.0..=libm::exp2(62.0)).contains(&steps) {
        return 1024.0;
    }
    libm::exp2(f64::from((steps as u64).trailing_zeros().min(10)))
}

/// The encoder of the input's edge. `order` gives for every element of the model's input the raw element it comes from.
pub(super) fn encoder(
    program: &mut Program,
    graph: &CoreOpGraph<Coded>,
    order: Option<&[u32]>,
    target: &Target,
) {
    let code = &graph.encoded.input;
    let order_table = order.map_or(NO_TABLE, |order| inverted(program, order));
    let params = table(program, code.based(target.base()));
    program.encoders.push(Encoder {
        raw: code.raw.codec(),
        mapping: code.mapping,
        signals: code.weights.len() as u8,
        length: (graph.encoded.dot.input_len() / graph.encoded.dot.runs()) as u32,
        edge: 0,
        channels: code.channels,
        inner: code.inner,
        params,
        order: order_table,
        lo: target.base(),
        hi: target.base() + target.input_max,
    });
}

/// Emission of the outputs' edges, and their decoders.
///
/// # Errors
/// SP0309 for each output whose coefficients are so small that the format's unit would take more than [`ROUNDED`] of them.
pub(super) fn outputs(program: &mut Program, graph: &CoreOpGraph<Coded>, target: &Target) -> Result<()> {
    let encoded = &graph.encoded;
    let mut found = Diagnostics::default();
    for (number, port) in encoded.dot.outputs.iter().enumerate() {
        let (node, dot) = (&encoded.nodes[port.node], &encoded.dot.nodes[port.node]);
        let edge = port.node as u32 + 1;
        let length = program.edges[edge as usize].length;
        let codes = meaning(graph, port.node);
        // Elements in the order of the graph's value, each with its signals; those of one run.
        let mut elements: Vec<u32> = match &port.order {
            Some(order) => order.clone(),
            None => (0..dot.len() as u32).collect(),
        };
        elements.truncate(elements.len() / encoded.dot.runs());
        let most = usize::from(node.copies.iter().copied().max().unwrap_or(1));
        let mut signals = Vec::new();
        let mut coefficients = Vec::new();
        let mut zeros = Vec::new();
        for &element in &elements {
            let (position, channel) = (element as usize / dot.channels, element as usize % dot.channels);
            let own = usize::from(node.copies[channel]);
            for copy in 0..most {
                // Channels with fewer signals repeat their last one, which then counts nothing.
                let at = node.start(channel) + copy.min(own - 1);
                signals.push((position * node.width() + at) as i32);
                coefficients.push(if copy < own { codes.coefficients[at] } else { 0.0 });
            }
            zeros.push(codes.zeros[channel]);
        }
        let mut pattern = Access::run(edge, length, 0, signals.len() as u32);
        if signals.iter().enumerate().any(|(at, &signal)| at as i32 != signal) {
            pattern.dims.clear();
            pattern.table = table(program, signals);
        }
        let pattern = access(program, pattern);
        program.instructions.push(Instruction::Emit { output: number as u16, access: pattern });
        // Coefficients become whole numbers in units of a small part of the largest. The unit is a multiple of the format's step; of
        // sums, whose codes are long, no smaller than a thousandth.
        let largest = coefficients.iter().fold(0.0f64, |m, c| m.max(c.abs()));
        let parts = if node.form == Form::Sum { parts_of_sums(largest) } else { f64::from(FINE) };
        let scale = I32F32::saturating_from_num(largest / parts).max(I32F32::DELTA);
        let unit: f64 = scale.to_num();
        let whole: Vec<i32> = coefficients.iter().map(|c| libm::rint(c / unit) as i32).collect();
        let lost =
            coefficients.iter().zip(&whole).fold(0.0f64, |m, (c, &w)| m.max((c / unit - f64::from(w)).abs()));
        if scale == I32F32::DELTA && lost * unit > ROUNDED * largest {
            let rule = format!(
                "a level of its output {number} counts {largest:.1e}, and decoders tell apart steps of 2^-32 = {unit:.1e}"
            );
            let way_out = format!(
                "make the model's output larger by a constant factor, {:.0} or more, and count it in that unit",
                libm::ceil(unit / (2.0 * ROUNDED * largest))
            );
            found.push(Diagnostic::error("SP0309", format!("node {:?}", dot.name), rule, way_out));
        }
        // The machine's codes are levels above the base: what the base counts is taken off again, exactly.
        let base = if node.form == Form::Sum { 0 } else { i64::from(target.base()) };
        let of_base = |whole: &[i32]| base * whole.iter().map(|&c| i64::from(c)).sum::<i64>();
        let offsets = zeros
            .iter()
            .zip(whole.chunks(most))
            .flat_map(|(z, whole)| {
                let offset = libm::rint(z / unit) as i64 - of_base(whole);
                [(offset >> 32) as i32, offset as u32 as i32]
            })
            .collect();
        let (coefficient_table, offset_table) = (table(program, whole), table(program, offsets));
        let decides = encoded.dot.decision && number == 0;
        program.decoders.push(Decoder {
            output: number as u16,
            reading: if decides { Reading::Class } else { Reading::Values },
            signals: most as u8,
            values: elements.len() as u32,
            coefficients: coefficient_table,
            offsets: offset_table,
            scale,
        });
    }
    found.into_result(())
}

/// What the codes of a node mean: its core-ops', or of a maximum its source's.
fn meaning(graph: &CoreOpGraph<Coded>, node: usize) -> ChannelCodes {
    let mut node = node;
    while let crate::dots::Body::Max(reads) = &graph.encoded.dot.nodes[node].body
        && let Some(crate::dots::Source::Node(from)) = reads.first().map(|read| read.source)
    {
        node = from;
    }
    let mut out = ChannelCodes::default();
    for op in graph.of_node(node) {
        out.coefficients.extend(&op.payload.coefficients);
        out.zeros.extend(&op.payload.zeros);
    }
    out
}
