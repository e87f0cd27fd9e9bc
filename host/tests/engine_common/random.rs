//! Images by chance: every instruction, blob encoding, codec and periphery, with patterns that reach outside their edges.

use super::{
    Rng,
    build::{Builder, NONE},
};
use spandrel_core::{
    arith::Rounding,
    crossbar::{Activation, Crossbar, PARTIALS_MAX, Polarity, Readout, weight_limit},
    image::{
        Access, Axis, Codec, Combine, Dim, Edge, Encoder, Instruction, Mapping, NO_REGISTER, NO_TABLE,
        ResetTarget, Term,
    },
};

const CODECS: [Codec; 5] = [Codec::Bit, Codec::U8, Codec::I8, Codec::I16, Codec::I32];

/// An image, and the raw type and length of its samples.
pub(crate) struct Made {
    pub(crate) builder: Builder,
    pub(crate) raw: Codec,
    pub(crate) length: usize,
}

pub(crate) fn image(seed: u64) -> Made {
    let mut rng = Rng(seed.wrapping_mul(0x1000_0001) ^ 0x5EED);
    let mut b = Builder::default();
    for _ in 0..rng.range(3, 6) {
        let codec = rng.pick(&CODECS);
        let (lo, hi) = codec.range();
        let reset = if rng.chance(50) { 0 } else { rng.range(i64::from(lo), i64::from(hi)) as i32 };
        let slots = if rng.chance(50) { 1 } else { rng.range(2, 4) as u16 };
        let length = rng.range(1, 70) as u32;
        b.ring(Edge { length, codec, clear_on_tick: rng.chance(40), slots, reset, ram_offset: 0 });
    }
    let (raw, length) = encoder(&mut rng, &mut b);
    for _ in 0..rng.range(2, 4) {
        let crossbar = crossbar(&mut rng, &mut b);
        b.config(crossbar);
        // The same blob under another periphery.
        if rng.chance(50) {
            let mut twin = crossbar;
            if let Readout::Composed { shift, .. } = &mut twin.readout {
                *shift = rng.range(0, 16) as u8;
            }
            twin.bias_code = rng.range(0, (1 << twin.input_bits) - 1) as u32;
            b.config(twin);
        }
    }
    let mut open = Vec::new();
    body(&mut rng, &mut b, &mut open, 14);
    for output in 0..2 {
        let access = access(&mut rng, &mut b, &[], None);
        b.program.push(Instruction::Emit { output: output * 500, access });
    }
    Made { builder: b, raw, length }
}

fn encoder(rng: &mut Rng, b: &mut Builder) -> (Codec, usize) {
    let raw = rng.pick(&CODECS[1..]);
    let edge = rng.range(0, b.edges.len() as i64 - 1) as u32;
    let room = b.edges[edge as usize].length;
    let signals = rng.range(1, i64::from(room.min(3))) as u8;
    let length = rng.range(1, i64::from(room / u32::from(signals))) as u32;
    let channels = rng.range(1, 4) as u32;
    let inner = rng.range(1, 5) as u32;
    let rows = channels as usize * usize::from(signals);
    let (lo, hi) = raw.range();
    let (mapping, params) = if rng.chance(50) {
        let entries = rng.range(1, 40) as usize;
        let params = (0..rows * entries).map(|_| rng.range(-300, 300) as i32).collect();
        let lo = rng.range(i64::from(lo) / 2, i64::from(hi.min(100))) as i32;
        (Mapping::Table { lo }, params)
    } else {
        let shift = rng.pick(&[0, 3, 16, 40, 62]);
        let mut params = Vec::new();
        for _ in 0..rows {
            let reach = if rng.chance(20) { i64::from(i32::MAX) } else { 1 << 20 };
            params.push(rng.range(-reach, reach) as i32);
            params.push(rng.range(-reach / 1000, reach / 1000) as i32);
            params.push(rng.next() as i32);
        }
        (Mapping::Affine { shift }, params)
    };
    let params = b.table(params);
    let order = if rng.chance(30) {
        let entries = (0..length).map(|_| rng.range(0, i64::from(length) - 1) as i32).collect();
        b.table(entries)
    } else {
        NO_TABLE
    };
    let (lo, hi) = if rng.chance(50) { (-1000, 1000) } else { (0, 63) };
    b.encoders.push(Encoder { raw, mapping, signals, length, edge, channels, inner, params, order, lo, hi });
    (raw, length as usize)
}

pub(crate) fn crossbar(rng: &mut Rng, b: &mut Builder) -> Crossbar {
    loop {
        // Wide drivers bring sums beyond what f32 holds.
        let dac_bits = if rng.chance(85) { rng.range(1, 8) } else { rng.range(9, 16) } as u8;
        let readout = if rng.chance(60) {
            let rounding = rng.pick(&[Rounding::TowardZero, Rounding::Floor]);
            let most = if rng.chance(20) { 40 } else { 14 };
            Readout::Composed { shift: rng.range(0, most) as u8, rounding }
        } else {
            Readout::Exact { adc_bits: rng.range(1, 24) as u8 }
        };
        let polarity = if matches!(readout, Readout::Exact { .. }) && rng.chance(60) {
            Polarity::Offset
        } else {
            Polarity::Differential
        };
        let out_lo = rng.pick(&[0, -64, i32::MIN]);
        let activation = match rng.range(0, 2) {
            0 => Activation::None,
            1 => Activation::Relu,
            _ => {
                let entries = (0..rng.range(1, 100)).map(|_| rng.range(-70, 300) as i32).collect();
                Activation::Table { table: b.table(entries), lo: rng.range(-60, 5) as i32 }
            }
        };
        let array = rng.chance(90);
        let pool = rng.pick(&[1, 1, 2, 3, 4]);
        let mut crossbar = Crossbar {
            rows: if array { rng.range(0, 75) as u32 } else { 0 },
            bias_rows: if array { rng.range(0, 2) as u32 } else { 0 },
            columns: rng.range(1, 12) as u32 * u32::from(pool),
            blob: NONE,
            input_bits: dac_bits * rng.range(1, 4) as u8,
            dac_bits,
            cell_bits: rng.range(1, 8) as u8,
            slices: rng.range(1, 4) as u8,
            output_bits: rng.pick(&[1, 6, 6, 8, 16, 24]),
            polarity,
            readout,
            adder_bits: rng.pick(&[6, 10, 16, 24, 32]),
            sum_shift: rng.pick(&[0, 0, 1, 3, 31]),
            activation,
            pool,
            bias_code: 0,
            out_lo,
            out_hi: rng.pick(&[63, 255, i32::MAX]),
        };
        let fits = crossbar.input_bits <= 16
            && u32::from(crossbar.cell_bits) * u32::from(crossbar.slices) <= 16
            && usize::from(crossbar.passes()) * usize::from(crossbar.slices) <= PARTIALS_MAX
            && (polarity == Polarity::Differential || crossbar.cell_bits * crossbar.slices >= 2);
        if !fits {
            continue;
        }
        crossbar.bias_code = rng.range(0, (1 << crossbar.input_bits) - 1) as u32;
        if crossbar.check().is_err() {
            continue;
        }
        if crossbar.rows + crossbar.bias_rows > 0 {
            crossbar.blob = blob(rng, b, &crossbar);
        }
        return crossbar;
    }
}

fn blob(rng: &mut Rng, b: &mut Builder, crossbar: &Crossbar) -> u32 {
    let limit = i64::from(weight_limit(crossbar));
    let bits = 64 - (limit as u64).leading_zeros() as u8;
    let (rows, columns) = ((crossbar.rows + crossbar.bias_rows) as usize, crossbar.columns as usize);
    let mut matrix = |lo: i64, hi: i64| -> Vec<Vec<i32>> {
        (0..columns).map(|_| (0..rows).map(|_| rng.range(lo, hi) as i32).collect()).collect()
    };
    match seed_of(rows, columns) % 5 {
        0 => {
            let weights = matrix(-limit, limit);
            b.sign_magnitude(bits, &weights)
        }
        // The most negative code saturates to the largest magnitude.
        1 => {
            let weights = matrix(-limit - 1, limit);
            b.dense(bits + 1, &weights)
        }
        2 => {
            let indices = matrix(0, 7);
            let books = if rng.chance(50) { columns } else { 1 };
            let values = (0..books * 8).map(|_| rng.range(-limit, limit) as i32).collect();
            b.codebook(3, &indices, values)
        }
        3 => {
            let synapses = matrix(0, 1);
            let types = (0..rows).map(|_| rng.range(0, 3) as i32).collect();
            let values = (0..columns * 4).map(|_| rng.range(-limit, limit) as i32).collect();
            b.axon_typed(&synapses, types, values)
        }
        _ => {
            let height = rng.range(1, rows.min(9) as i64) as usize;
            let blocks = (0..columns)
                .map(|_| {
                    let mut first = rng.range(0, 8) as usize;
                    let mut column = Vec::new();
                    while first + height <= rows {
                        let block = (0..height).map(|_| rng.range(-limit, limit) as i32).collect();
                        column.push((first as u32, block));
                        first += height + rng.range(0, 12) as usize;
                    }
                    column
                })
                .collect::<Vec<_>>();
            b.sparse(bits + 1, height as u16, rows as u32, &blocks)
        }
    }
}

/// Spreads shapes over the encodings.
fn seed_of(rows: usize, columns: usize) -> usize {
    rows * 7 + columns * 3
}

/// A pattern over any edge (or one of plain age for writes), reaching a little outside on every axis.
fn access(rng: &mut Rng, b: &mut Builder, open: &[u8], write: Option<()>) -> u32 {
    let edge = rng.range(0, b.edges.len() as i64 - 1) as u32;
    let Edge { length, slots, codec, .. } = b.edges[edge as usize];
    let Access { mut axes, mut dims, mut terms, .. } = Access::run(edge, 1, 0, 1);
    axes.clear();
    dims.clear();
    let mut left = u64::from(length) - 1;
    let count = rng.range(1, 3);
    for _ in 0..count {
        let pitch = rng.range(1, 8) as u64;
        let extent = rng.range(1, (left / pitch + 1) as i64) as u64;
        left -= (extent - 1) * pitch;
        let origin = if rng.chance(70) { 0 } else { rng.range(-3, 3) as i32 };
        axes.push(Axis { extent: extent as u32, pitch: pitch as u32, origin }).unwrap();
    }
    let table = if rng.chance(25) {
        let entries = (0..rng.range(1, 40)).map(|_| rng.range(-3, i64::from(length) + 2) as i32).collect();
        b.table(entries)
    } else {
        for _ in 0..rng.range(0, 3) {
            dims.push(Dim {
                count: rng.range(1, 9) as u32,
                step: rng.pick(&[1, 1, 1, 2, 3, 0, -1, -2]),
                axis: rng.range(0, count - 1) as u8,
            })
            .unwrap();
        }
        NO_TABLE
    };
    if !open.is_empty() {
        for _ in 0..rng.range(0, 2) {
            let coefficient =
                if rng.chance(5) { i32::MIN + rng.range(0, 9) as i32 } else { rng.range(-2, 3) as i32 };
            terms
                .push(Term { coefficient, register: rng.pick(open), axis: rng.range(0, count - 1) as u8 })
                .unwrap();
        }
    }
    let age = if write.is_some() { 0 } else { rng.range(0, i64::from(slots) - 1) as u16 };
    let (lo, hi) = codec.range();
    let pad = rng.range(i64::from(lo.max(-9999)), i64::from(hi.min(9999))) as i32;
    b.access(Access { edge, age, table, pad, axes, dims, terms })
}

fn body(rng: &mut Rng, b: &mut Builder, open: &mut Vec<u8>, steps: i64) {
    for _ in 0..rng.range(steps / 2, steps) {
        let reads = |rng: &mut Rng, b: &mut Builder| access(rng, b, open, None);
        match rng.range(0, 19) {
            0..=3 => {
                let access = reads(rng, b);
                b.program.push(Instruction::Gather { access, first: rng.range(0, 20) as u32 });
            }
            4..=8 => {
                let config = rng.range(0, b.configs.len() as i64 - 1) as u32;
                let (accumulate, finish) = (rng.chance(40), rng.chance(60));
                let register = NO_REGISTER;
                b.program.push(Instruction::Invoke {
                    accumulate,
                    finish,
                    config,
                    state: 0,
                    register,
                    stride: 0,
                });
            }
            9..=11 => {
                let access = access(rng, b, open, Some(()));
                let combine = rng.pick(&[Combine::Set, Combine::Add]);
                b.program.push(Instruction::Scatter { combine, access, first: rng.range(0, 9) as u32 });
            }
            12..=13 => {
                let access = reads(rng, b);
                let combine = rng.pick(&[Combine::Set, Combine::Add, Combine::Max]);
                b.program.push(Instruction::Add { combine, access, first: rng.range(0, 9) as u32 });
            }
            14 => {
                let access = reads(rng, b);
                b.program.push(Instruction::Emit { output: rng.range(0, 3) as u16, access });
            }
            15 => b.program.push(Instruction::Tick),
            16 => {
                let target = match rng.range(0, 2) {
                    0 => ResetTarget::Sums,
                    1 => ResetTarget::Edge(rng.range(0, b.edges.len() as i64 - 1) as u32),
                    _ => ResetTarget::State {
                        first: rng.range(0, 4) as u32,
                        words: rng.range(0, 4) as u32,
                        value: rng.next() as i32,
                    },
                };
                b.program.push(Instruction::Reset(target));
            }
            17 if !open.is_empty() => {
                let access = reads(rng, b);
                let window = rng.pick(&[1, 2, 7, 64, u32::MAX]);
                let (register, first) = (rng.pick(open), rng.range(0, 9) as u32);
                b.program.push(Instruction::Rate { register, access, first, window });
            }
            _ if open.len() < 3 => {
                let register = (0..8).rev().find(|r| !open.contains(r)).unwrap();
                let start = b.program.len() as u32;
                b.program.push(Instruction::Loop { register, trips: rng.range(1, 4) as u32 });
                open.push(register);
                body(rng, b, open, steps * 2 / 3);
                open.pop();
                b.program.push(Instruction::End { register, start });
            }
            _ => {}
        }
    }
}
