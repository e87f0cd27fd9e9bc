//! CONFIGS, kind 3: a spiking core, 64 bytes.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 2 | kind, 3 |
//! | 2 | 2 | flags: bit 0 fire above the threshold (else at it), bit 1 the potential wraps, bit 2 it saturates symmetrically, bit 3 the current wraps, bit 4 a floor, bit 5 the current collects while refractory, bit 6 potentials leave (else spikes) |
//! | 4 | 4 | rows: axons, taken from the input registers (0: no weights) |
//! | 8 | 4 | columns: neurons |
//! | 12 | 4 | blob, or 0xFFFF_FFFF without rows |
//! | 16 | 1 | reset: 0 to zero, 1 to a value, 2 by subtraction |
//! | 17 | 1 | potential bits, 2..=32 |
//! | 18 | 1 | current bits, 2..=32; 0: no current |
//! | 19 | 1 | decay bits, 0..=16 |
//! | 20 | 1 | weight shift, 0..=16 |
//! | 21 | 1 | threshold shift, 0..=16 |
//! | 22 | 1 | bit i: parameter i is a table with an entry a neuron (else a value for all) |
//! | 23 | 1 | reserved, 0 |
//! | 24 | 2 | most spikes of an axon in a tick, at least 1 |
//! | 26 | 2 | most spikes of a neuron in a tick, at least 1 |
//! | 28 | 4 | window in ticks, at most 2^31 - 1; 0: without end |
//! | 32 | 4 | parameter 0: threshold |
//! | 36 | 4 | parameter 1: leak |
//! | 40 | 4 | parameter 2: what remains of the current, of 2^decay bits; 0 without a current |
//! | 44 | 4 | parameter 3: what remains of the potential, of 2^decay bits |
//! | 48 | 4 | parameter 4: reset value, else 0 |
//! | 52 | 4 | parameter 5: potential at the first tick of a window |
//! | 56 | 4 | parameter 6: floor, else 0 |
//! | 60 | 4 | parameter 7: refractory ticks |

use super::{
    config::CONFIG_BYTES,
    error::{ImageError, Rule},
    tag::Tag,
};
use crate::{
    bytes::{Fields, Sink},
    mac::{Overflow, Param},
    spiking::{Current, Fire, Limit, Output, Reset, Spiking},
};

pub(super) const KIND_SPIKING: u16 = 3;

pub(super) fn parse_spiking(bytes: &[u8], record: u32) -> Result<Spiking, ImageError> {
    let error = |field, rule| ImageError::new(Tag::CONFIGS, record, field, rule);
    let byte = |at: usize, field| bytes.u8_at(at).ok_or(error(field, Rule::TooShort));
    let half = |at: usize, field| bytes.u16_at(at).ok_or(error(field, Rule::TooShort));
    let word = |at: usize, field| bytes.u32_at(at).ok_or(error(field, Rule::TooShort));
    let flags = half(2, "flags")?;
    let flag = |bit: u32| flags >> bit & 1 != 0;
    let tables = byte(22, "tables")?;
    let param = |index: usize, field| {
        let word = word(32 + 4 * index, field)?;
        Ok(if tables >> index & 1 != 0 { Param::Column { table: word } } else { Param::Core(word as i32) })
    };
    let current_bits = byte(18, "current_bits")?;
    let spiking = Spiking {
        rows: word(4, "rows")?,
        columns: word(8, "columns")?,
        blob: word(12, "blob")?,
        spikes_in: half(24, "spikes_in")?,
        weight_shift: byte(20, "weight_shift")?,
        current: if current_bits == 0 {
            None
        } else {
            Some(Current {
                keep: param(2, "current_keep")?,
                bits: current_bits,
                overflow: if flag(3) { Overflow::Wrap } else { Overflow::Saturate },
            })
        },
        decay_bits: byte(19, "decay_bits")?,
        keep: param(3, "keep")?,
        leak: param(1, "leak")?,
        floor: if flag(4) { Some(param(6, "floor")?) } else { None },
        potential_bits: byte(17, "potential_bits")?,
        limit: match (flag(1), flag(2)) {
            (true, _) => Limit::Wrap,
            (false, true) => Limit::Symmetric,
            (false, false) => Limit::TwosComplement,
        },
        fire: if flag(0) { Fire::AboveThreshold } else { Fire::AtThreshold },
        threshold: param(0, "threshold")?,
        threshold_shift: byte(21, "threshold_shift")?,
        reset: match byte(16, "reset")? {
            0 => Reset::Zero,
            1 => Reset::Value(param(4, "reset_value")?),
            2 => Reset::Subtract,
            code => return Err(error("reset", Rule::UnknownCode(u32::from(code)))),
        },
        spikes_out: half(26, "spikes_out")?,
        refractory: param(7, "refractory")?,
        refractory_collects: flag(5),
        v_init: param(5, "v_init")?,
        window: word(28, "window")?,
        output: if flag(6) { Output::Potential } else { Output::Spikes },
    };
    spiking.check().map_err(|(field, rule)| error(field, rule))?;
    // Whatever the configuration does not carry must be as it is written: writing it again shows that.
    let mut again = [0u8; CONFIG_BYTES];
    let mut at = 0;
    emit_spiking(&spiking, &mut |part: &[u8]| {
        if let Some(target) = again.get_mut(at..at + part.len()) {
            target.copy_from_slice(part);
        }
        at += part.len();
    });
    if bytes == again { Ok(spiking) } else { Err(error("reserved", Rule::NotZero)) }
}

pub(super) fn emit_spiking(spiking: &Spiking, sink: &mut impl Sink) {
    let flags = [
        spiking.fire == Fire::AboveThreshold,
        spiking.limit == Limit::Wrap,
        spiking.limit == Limit::Symmetric,
        spiking.current.is_some_and(|current| current.overflow == Overflow::Wrap),
        spiking.floor.is_some(),
        spiking.refractory_collects,
        spiking.output == Output::Potential,
    ];
    let flags = flags.iter().rev().fold(0u16, |flags, set| flags << 1 | u16::from(*set));
    let reset = match spiking.reset {
        Reset::Zero => 0,
        Reset::Value(_) => 1,
        Reset::Subtract => 2,
    };
    let params = spiking.params().map(|(param, ..)| match param {
        None => (0u32, false),
        Some(Param::Core(value)) => (value as u32, false),
        Some(Param::Column { table }) => (table, true),
    });
    let tables = params.iter().rev().fold(0u8, |tables, (_, table)| tables << 1 | u8::from(*table));
    sink.put_u16(KIND_SPIKING);
    sink.put_u16(flags);
    sink.put_u32(spiking.rows);
    sink.put_u32(spiking.columns);
    sink.put_u32(spiking.blob);
    sink.put(&[reset, spiking.potential_bits, spiking.current.map_or(0, |current| current.bits)]);
    sink.put(&[spiking.decay_bits, spiking.weight_shift, spiking.threshold_shift, tables, 0]);
    sink.put_u16(spiking.spikes_in);
    sink.put_u16(spiking.spikes_out);
    sink.put_u32(spiking.window);
    for (word, _) in params {
        sink.put_u32(word);
    }
}
