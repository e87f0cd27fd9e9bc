//! Random spiking cores.

use super::{Source, array::packed, extreme, number, once_in, pick};
use crate::images::{ImageBuilder, Pattern};
use spandrel_core::{
    image::{Codec, Combine, Edge, NO_BLOB, ResetTarget},
    mac::{Overflow, Param},
    spiking::{Current, Fire, Limit, Output, Reset, Spiking},
};

/// A core of `columns` neurons that obeys the core's rules, with its blob and tables in `b`.
///
/// # Panics
/// When the generator itself is wrong.
pub fn spiking(u: &mut Source<'_>, b: &mut ImageBuilder, columns: u32) -> Spiking {
    // Around the chunk of 32 rows that weights are decoded in.
    let rows = if once_in(u, 4) { pick(u, &[31, 32, 33, 65]) } else { number(u, 1, 12) };
    let rows = if once_in(u, 8) { 0 } else { rows as u32 };
    let potential_bits = if once_in(u, 2) { number(u, 2, 32) } else { pick(u, &[8, 12, 20, 24]) } as u8;
    let decay_bits = if once_in(u, 2) { 12 } else { number(u, 0, 16) } as u8;
    let mut core = Spiking {
        rows,
        columns,
        blob: NO_BLOB,
        spikes_in: pick(u, &[1, 1, 1, 3, 255]),
        weight_shift: if once_in(u, 3) { number(u, 0, 8) } else { 0 } as u8,
        current: None,
        decay_bits,
        keep: Param::Core(1 << decay_bits),
        leak: Param::Core(0),
        floor: None,
        potential_bits,
        limit: pick(u, &[Limit::Wrap, Limit::TwosComplement, Limit::Symmetric]),
        fire: pick(u, &[Fire::AtThreshold, Fire::AboveThreshold]),
        threshold: Param::Core(0),
        threshold_shift: if once_in(u, 3) { number(u, 0, 8) } else { 0 } as u8,
        reset: Reset::Zero,
        spikes_out: pick(u, &[1, 1, 2, 300]),
        refractory: Param::Core(0),
        refractory_collects: false,
        v_init: Param::Core(0),
        window: if once_in(u, 2) { 0 } else { number(u, 1, 6) as u32 },
        output: if once_in(u, 5) { Output::Potential } else { Output::Spikes },
    };
    let scale = 1i64 << decay_bits;
    if once_in(u, 2) {
        core.keep = param(u, b, columns, 0, scale);
    }
    if once_in(u, 2) {
        let bits = if once_in(u, 2) { number(u, 2, 16) } else { 24 } as u8;
        let overflow = pick(u, &[Overflow::Saturate, Overflow::Wrap]);
        core.current = Some(Current { keep: param(u, b, columns, 0, scale), bits, overflow });
    }
    let (least, most) = (core.least(), core.most());
    // Often within reach of what the synapses bring.
    let near =
        |u: &mut Source<'_>| if once_in(u, 3) { (least, most) } else { (least.max(-300), most.min(300)) };
    if once_in(u, 2) {
        let reach = if once_in(u, 6) { i64::from(i32::MAX) } else { 40 };
        core.leak = param(u, b, columns, -reach, reach);
    }
    if once_in(u, 3) {
        let (lo, hi) = near(u);
        core.floor = Some(param(u, b, columns, lo, hi.min(0)));
    }
    let highest = i64::from(i32::MAX >> core.threshold_shift);
    let (_, hi) = near(u);
    core.threshold = param(u, b, columns, i64::from(core.spikes_out > 1), hi.clamp(1, highest));
    let (lo, hi) = near(u);
    core.reset = match number(u, 0, 2) {
        0 => Reset::Zero,
        1 => Reset::Value(param(u, b, columns, lo, hi)),
        _ => Reset::Subtract,
    };
    if once_in(u, 2) {
        core.v_init = param(u, b, columns, lo, hi);
    }
    if once_in(u, 3) {
        let most = if once_in(u, 5) { 65_535 } else { 3 };
        core.refractory = param(u, b, columns, 0, most);
        core.refractory_collects = core.current.is_some() && core.counts_refractory() && once_in(u, 2);
    }
    if rows > 0 {
        // As wide as the shifted sum of 65 rows of 255 spikes allows.
        let room = 31 - 7 - i64::from(core.weight_shift) - if core.spikes_in > 3 { 8 } else { 2 };
        let bits = number(u, 1, room.min(15) - 1);
        let weights = packed(u, (1 << bits) - 1, rows as usize, columns as usize);
        core.blob = b.blob(weights);
    }
    core.check().unwrap_or_else(|error| panic!("{error:?} of generated parameters {core:?}"));
    core
}

/// A parameter for all neurons, or for each by a new table.
fn param(u: &mut Source<'_>, b: &mut ImageBuilder, columns: u32, lo: i64, hi: i64) -> Param<i32> {
    if once_in(u, 2) {
        return Param::Core(extreme(u, lo, hi) as i32);
    }
    let entries: Vec<i32> = (0..columns).map(|_| extreme(u, lo, hi) as i32).collect();
    Param::Column { table: b.table(&entries) }
}

/// A layer of one or two spiking cores that feed themselves back: spikes of a raster and of the layer itself, some ticks ago, over
/// a few ticks; with the first core and a sample.
///
/// # Panics
/// When the generator itself is wrong.
pub fn spiking_layer(u: &mut Source<'_>) -> (ImageBuilder, Spiking, Vec<i32>) {
    let columns = number(u, 1, 6) as u32;
    let mut b = ImageBuilder::new("spiking layer");
    let core = spiking(u, &mut b, columns);
    // A second core over other axons: fan-in beyond one array, summed before the soma.
    let other = spiking(u, &mut b, columns);
    let second = (core.rows > 0 && other.rows > 0 && once_in(u, 2)).then_some(other);
    let (ticks, delay) = (number(u, 2, 9) as u32, number(u, 1, 3) as u16);
    let back = core.rows.min(columns);
    let fresh = core.rows - back + second.map_or(0, |core| core.rows);
    let length = (fresh * ticks).max(1);
    let dense = once_in(u, 2);
    let mut inputs: Vec<i32> = (0..length)
        .map(|_| match number(u, 0, if dense { 2 } else { 5 }) {
            0 => 1,
            1 if dense => extreme(u, i32::MIN.into(), i32::MAX.into()) as i32,
            _ => 0,
        })
        .collect();
    inputs.resize(length as usize, 0);
    let x = b.edge(Codec::I32, length);
    let codec =
        if core.output == Output::Potential { Codec::I32 } else { pick(u, &[Codec::Bit, Codec::I16]) };
    let y = b.edges.len() as u32;
    b.edges.push(Edge {
        length: columns,
        codec,
        clear_on_tick: once_in(u, 2),
        slots: delay + 1,
        reset: 0,
        ram_offset: 0,
    });
    let counts = b.edge(Codec::I32, columns);
    b.plain_input(x, length);
    let config = b.spiking(core);
    let second = second.map(|second| b.spiking(second));
    let fresh = fresh as i32;
    let keeps = once_in(u, 3);
    if !keeps {
        // Whatever was pending is dropped, and the window begins some ticks from now.
        b.reset(ResetTarget::Edge(y));
        let wait = if once_in(u, 2) { 0 } else { number(u, 0, 3) as i32 };
        b.reset(ResetTarget::State { first: 0, words: 1, value: -wait });
    }
    b.reset(ResetTarget::Edge(counts));
    b.repeat(0, ticks, |b| {
        let from =
            |first: i32, count: u32| Pattern::on(x).axis(length, 1, first).dim(0, count, 1).term(0, 0, fresh);
        let own = core.rows - back;
        if let Some(second) = second {
            b.gather(from(own as i32, other.rows), 0);
            b.invoke(second, false, false);
        }
        if own > 0 {
            b.gather(from(0, own), 0);
        }
        if back > 0 {
            b.gather(Pattern::run(y, columns, 0, back).age(delay), own);
        }
        b.invoke(config, second.is_some(), true);
        b.scatter(Combine::Set, Pattern::run(y, columns, 0, columns), 0);
        b.scatter(Combine::Add, Pattern::run(counts, columns, 0, columns), 0);
        b.tick();
    });
    b.emit(0, Pattern::run(counts, columns, 0, columns));
    (b, core, inputs)
}
