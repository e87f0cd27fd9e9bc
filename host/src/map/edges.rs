//! The buffers of a program.

use spandrel_core::image::{Codec, Edge};

use super::program::Program;
use crate::dots::Source;
use crate::encode::{EncodedGraph, Form};
use crate::target::Target;

/// Edge 0 is the input, edge n + 1 the value of node n, then the constant 1 where it is read.
pub(super) fn edges(program: &mut Program, graph: &EncodedGraph, target: &Target) {
    let (least, most) = (target.base(), target.base() + target.input_max);
    let (runs, carried) = (graph.dot.runs(), if graph.dot.held { graph.dot.carried() } else { Vec::new() });
    let codes = match (least, most) {
        (0.., ..=255) => Codec::U8,
        (-128.., ..=127) => Codec::I8,
        (-32768.., ..=32767) => Codec::I16,
        _ => Codec::I32,
    };
    let sums = if target.adder_bits <= 16 { Codec::I16 } else { Codec::I32 };
    let edge = |length: usize, codec, reset| Edge {
        length: (length / runs) as u32,
        codec,
        clear_on_tick: false,
        slots: 1,
        reset,
        ram_offset: 0,
    };
    program.edges.push(edge(graph.signals(Source::Input), codes, least));
    for (number, node) in graph.nodes.iter().enumerate() {
        let codec = if node.form == Form::Sum { sums } else { codes };
        let reset = if node.form == Form::Sum { 0 } else { least };
        let own = edge(graph.signals(Source::Node(number)), codec, reset);
        // What is held between runs has a slot for the run before.
        program.edges.push(Edge { slots: 1 + u16::from(carried.contains(&number)), ..own });
    }
    let reads_one =
        |node: &crate::dots::DotNode| node.body.reads().iter().any(|read| read.source == Source::One);
    if graph.dot.nodes.iter().any(reads_one) {
        let one = Edge { length: 1, ..edge(1, codes, least + graph.one) };
        program.edges.push(one);
        if graph.dot.held {
            // Whether there was a run before: 0 after a reset, then the constant 1.
            program.edges.push(Edge { slots: 2, reset: least, ..one });
        }
    }
}
