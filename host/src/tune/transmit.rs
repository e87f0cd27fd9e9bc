//! Core-ops that copy signals: an identity in the core's own integers, so that every copy is the very code it repeats.

use std::collections::BTreeMap;

use super::coded::{Coded, CodedAct, Periphery, Requantised};
use super::source::ChannelCodes;
use crate::encode::EncodedGraph;
use crate::expand::{CoreOp, Real};
use crate::target::{Curve, Digital, Target};

/// The weights and the periphery of a transmission core-op; `from` says what the codes that it repeats mean. `None` on chips of
/// other cores, and on those whose requantisation has no identity.
pub fn copied(
    op: &CoreOp<Real>,
    graph: &EncodedGraph,
    from: &ChannelCodes,
    target: &Target,
) -> Option<Coded> {
    let digital = target.digital.as_ref()?;
    let source = graph.repeats(op.node)?;
    let (weight, shift, multiplier) = identity(digital)?;
    let signals = |channel: usize| usize::from(graph.nodes[source].copies[channel]);
    // Which line carries which signal of which channel.
    let rows: BTreeMap<(usize, usize), u32> = (0u32..)
        .zip(op.lines.iter())
        .map(|(row, own)| ((own.group as usize, usize::from(own.line.copy)), row))
        .collect();
    let wanted: Vec<u32> = op
        .columns
        .iter()
        .map(|column| rows.get(&(column.channel, column.copy % signals(column.channel))).copied())
        .collect::<Option<_>>()?;
    let weights = op
        .parts
        .iter()
        .map(|part| {
            let of = |want: u32| part.iter().map(move |&row| if row == want { weight } else { 0 });
            wanted.iter().flat_map(|&want| of(want)).collect()
        })
        .collect();
    let half = 1i64 << (digital.bits - 1);
    let (act, bias) = match (digital.clamp, digital.curve) {
        (true, _) | (_, Curve::Clamp) => (CodedAct::Relu, 0),
        // The codes in front of a table are signed: level 0 is the lowest.
        (false, Curve::Table) => {
            let entries = (0..2 * half).map(|z| z.min(i64::from(target.input_max)) as i32).collect();
            (CodedAct::Table(entries), -half * i64::from(weight))
        }
        (false, Curve::Pieces { .. }) => return None,
    };
    let coefficient = |channel: usize, copy: usize| {
        from.coefficients[graph.nodes[source].start(channel) + copy % signals(channel)]
    };
    Some(Coded {
        act,
        weights,
        coefficients: op.columns.iter().map(|c| coefficient(c.channel, c.copy)).collect(),
        zeros: op.channels().iter().map(|&channel| from.zeros[channel]).collect(),
        clipped: 0,
        periphery: Periphery::Digital(Requantised {
            zero: 0,
            bias: vec![bias; op.columns.len()],
            shifts: vec![shift; if digital.per_column { op.columns.len() } else { 1 }],
            multipliers: multiplier
                .map_or(Vec::new(), |m| vec![m; if digital.per_column { op.columns.len() } else { 1 }]),
        }),
    })
}

/// A weight, a shift and a multiplier whose product is 1.
fn identity(digital: &Digital) -> Option<(i16, u8, Option<i32>)> {
    let (least, most) = digital.shifts;
    match digital.multiplier_bits {
        None => {
            let weight = 1i32.checked_shl(u32::from(least))?;
            (weight <= digital.weight_hi).then_some((weight as i16, least, None))
        }
        Some(bits) => {
            // A power of two: exact, whatever the rounding.
            let shift = most.min(bits - 2);
            (shift >= least && digital.weight_hi >= 1).then(|| (1, shift, Some(1i32 << shift)))
        }
    }
}
