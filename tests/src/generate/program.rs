//! Random valid images: edges, tables, encoder, configurations and a program with loops.

use super::{
    Source,
    array::{array, periphery},
    extreme, mac, number, once_in, pick, spiking,
};
use crate::images::{ImageBuilder, Pattern};
use spandrel_core::image::{
    Codec, Combine, Edge, Encoder, Instruction, Mapping, NO_BLOB, NO_REGISTER, NO_TABLE, ResetTarget,
};

/// An image and samples for it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The image.
    pub image: ImageBuilder,
    /// Raw samples, one after the other.
    pub samples: Vec<Vec<i32>>,
}

const CODECS: [Codec; 5] = [Codec::Bit, Codec::U8, Codec::I8, Codec::I16, Codec::I32];

fn edge(u: &mut Source<'_>) -> Edge {
    let codec = pick(u, &CODECS);
    let (lo, hi) = codec.range();
    let slots = if once_in(u, 2) { number(u, 2, 4) } else { 1 };
    Edge {
        length: number(u, 1, 40) as u32,
        codec,
        clear_on_tick: once_in(u, 4),
        slots: slots as u16,
        reset: if once_in(u, 3) { extreme(u, lo.into(), hi.into()) as i32 } else { 0 },
        ram_offset: 0,
    }
}

/// An encoder for edge 0, with tables.
fn encoder(u: &mut Source<'_>, b: &mut ImageBuilder) {
    let edge_length = b.edges[0].length;
    let signals = if edge_length > 1 && once_in(u, 3) { 2 } else { 1 };
    let length = number(u, 1, i64::from(edge_length / signals)) as u32;
    let (channels, inner) = (number(u, 1, 3) as u32, number(u, 1, 4) as u32);
    let rows = channels * signals;
    let (mapping, entries) = if once_in(u, 2) {
        (Mapping::Affine { shift: number(u, 0, 62) as u8 }, rows * 3)
    } else {
        let lo = number(u, -20, 20) as i32;
        (Mapping::Table { lo }, rows * number(u, 1, 9) as u32)
    };
    let params: Vec<i32> = (0..entries)
        .map(|_| extreme(u, i32::MIN.into(), i32::MAX.into()) as i32 >> number(u, 0, 31))
        .collect();
    let params = b.table(&params);
    let mut order = NO_TABLE;
    if once_in(u, 2) {
        let mut elements: Vec<i32> = (0..length as i32).collect();
        for i in 1..elements.len() {
            elements.swap(i, number(u, 0, i as i64) as usize);
        }
        order = b.table(&elements);
    }
    let raw = pick(u, &CODECS[1..]);
    let (lo, hi) = pick(u, &[(0, 63), (-128, 127), (i32::MIN, i32::MAX)]);
    let signals = signals as u8;
    b.encoder(Encoder { raw, mapping, signals, length, edge: 0, channels, inner, params, order, lo, hi });
}

fn pattern(u: &mut Source<'_>, b: &mut ImageBuilder, open: &[u8], write: bool) -> Pattern {
    let number_of_edges = b.edges.len() as i64;
    let edge = number(u, 0, number_of_edges - 1) as u32;
    let Edge { length, slots, .. } = b.edges[edge as usize];
    let origin = |u: &mut Source<'_>, extent: u32| match number(u, 0, 9) {
        0 => extreme(u, i32::MIN.into(), i32::MAX.into()) as i32,
        1..=3 => number(u, -3, i64::from(extent)) as i32,
        _ => 0,
    };
    let mut p = Pattern::on(edge).pad(extreme(u, i32::MIN.into(), i32::MAX.into()) as i32);
    let mut axes = 1u8;
    let inner = number(u, 1, i64::from(length)) as u32;
    if once_in(u, 2) {
        // Rows of `inner` signals, perhaps rows of rows.
        let outer = number(u, 1, i64::from(length / inner)) as u32;
        p = p.axis(outer, inner, origin(u, outer)).axis(inner, 1, origin(u, inner));
        axes = 2;
    } else if once_in(u, 3) {
        // Overlapping windows: pitches 1 and 1.
        p = p.axis(inner, 1, origin(u, inner)).axis(length - inner + 1, 1, origin(u, length - inner + 1));
        axes = 2;
    } else {
        p = p.axis(length, 1, origin(u, length));
    }
    if once_in(u, 5) {
        let entries: Vec<i32> =
            (0..number(u, 1, 12)).map(|_| number(u, -2, i64::from(length) + 1) as i32).collect();
        let table = b.table(&entries);
        p = p.table(table);
    } else {
        for _ in 0..number(u, 0, 3) {
            p = p.dim(
                number(u, 0, i64::from(axes) - 1) as u8,
                number(u, 1, 4) as u32,
                number(u, -1, 3) as i32,
            );
        }
    }
    if !open.is_empty() {
        for _ in 0..number(u, 0, 2) {
            let coefficient =
                if once_in(u, 12) { pick(u, &[i32::MIN, i32::MAX]) } else { number(u, -1, 3) as i32 };
            p = p.term(number(u, 0, i64::from(axes) - 1) as u8, pick(u, open), coefficient);
        }
    }
    if !write {
        p = p.age(number(u, 0, i64::from(slots) - 1) as u16);
    }
    p
}

fn block(u: &mut Source<'_>, b: &mut ImageBuilder, open: &mut Vec<u8>) {
    for _ in 0..number(u, 1, 6) {
        let first = number(u, 0, 6) as u32;
        match number(u, 0, 15) {
            0..=2 => {
                let p = pattern(u, b, open, false);
                b.gather(p, first);
            }
            3..=5 => {
                let config = number(u, 0, b.configs.len() as i64 - 1) as u32;
                let state = number(u, 0, 3) as u32;
                let (register, stride) = match open.last() {
                    Some(register) if once_in(u, 2) => (u16::from(*register), number(u, 0, 2) as u32),
                    _ => (NO_REGISTER, 0),
                };
                let (accumulate, finish) = (once_in(u, 2), once_in(u, 2));
                b.program.push(Instruction::Invoke { accumulate, finish, config, state, register, stride });
            }
            6..=7 => {
                let p = pattern(u, b, open, true);
                let combine = pick(u, &[Combine::Set, Combine::Add]);
                b.scatter(combine, p, first);
            }
            8..=9 => {
                let p = pattern(u, b, open, false);
                let combine = pick(u, &[Combine::Set, Combine::Add, Combine::Max]);
                b.add(combine, p, first);
            }
            10 if !open.is_empty() => {
                let p = pattern(u, b, open, false);
                b.rate(pick(u, open), number(u, 1, 9) as u32, p, first);
            }
            11 => b.tick(),
            12 => {
                let target = match number(u, 0, 2) {
                    0 => ResetTarget::Sums,
                    1 => ResetTarget::Edge(number(u, 0, b.edges.len() as i64 - 1) as u32),
                    _ => {
                        let value = extreme(u, i32::MIN.into(), i32::MAX.into()) as i32;
                        ResetTarget::State { first, words: number(u, 0, 5) as u32, value }
                    }
                };
                b.reset(target);
            }
            13..=14 if open.len() < 3 => {
                // Any register that is not in use.
                let free: Vec<u8> = (0..8).filter(|register| !open.contains(register)).collect();
                let register = pick(u, &free);
                let trips = number(u, 1, 4) as u32;
                open.push(register);
                b.repeat(register, trips, |b| block(u, b, open));
                open.pop();
            }
            _ => {
                let p = pattern(u, b, open, false);
                b.emit(number(u, 0, 3) as u16, p);
            }
        }
    }
}

/// A random image that the parser must accept, and one to three samples.
pub fn case(u: &mut Source<'_>) -> Case {
    let mut b = ImageBuilder::new("random");
    b.edges = (0..number(u, 1, 4)).map(|_| edge(u)).collect();
    encoder(u, &mut b);
    for _ in 0..number(u, 1, 3) {
        let columns = number(u, 1, 6) as u32;
        if once_in(u, 3) {
            let core = mac(u, &mut b, columns);
            b.mac(core);
            continue;
        }
        if once_in(u, 3) {
            let core = spiking(u, &mut b, columns);
            b.spiking(core);
            continue;
        }
        let mut array = array(u, columns);
        array.crossbar.blob = b.blob(array.packed);
        periphery(u, &mut array.crossbar, &mut b.tables);
        if once_in(u, 6) {
            // A configuration without an array: it finishes the sums alone.
            (array.crossbar.rows, array.crossbar.bias_rows, array.crossbar.blob) = (0, 0, NO_BLOB);
        }
        b.crossbar(array.crossbar);
    }
    block(u, &mut b, &mut Vec::new());
    block(u, &mut b, &mut Vec::new());
    // Whatever the program left in its first edge is seen.
    let length = b.edges[0].length;
    b.emit(9, Pattern::run(0, length, 0, length));
    let encoder = b.encoders[0];
    let (lo, hi) = encoder.raw.range();
    let mut sample = |_| (0..encoder.length).map(|_| extreme(u, lo.into(), hi.into()) as i32).collect();
    let samples = (0..2).map(&mut sample).collect();
    Case { image: b, samples }
}
