//! Core-ops that copy signals: an identity in the core's own integers, so that every copy is the very code it repeats.

use std::collections::BTreeMap;

use super::coded::{Coded, CodedAct, Periphery, Requantised};
use super::free::RealMap;
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
    let source = graph.repeats(op.node)?;
    let signals = |channel: usize| usize::from(graph.nodes[source].copies[channel]);
    // Which line carries which signal of which channel.
    let rows: BTreeMap<(usize, usize), u32> = (0u32..)
        .zip(op.lines.iter())
        .map(|(row, own)| ((own.group as usize, usize::from(own.line.copy)), row))
        .collect();
    let row = |channel: usize, copy: usize| rows.get(&(channel, copy % signals(channel))).copied();
    let wanted: Vec<Wanted> = op
        .columns
        .iter()
        .map(|column| Some(Wanted { line: row(column.channel, column.copy)?, turned: false }))
        .collect::<Option<_>>()?;
    let coefficient = |channel: usize, copy: usize| {
        from.coefficients[graph.nodes[source].start(channel) + copy % signals(channel)]
    };
    let coefficients = op.columns.iter().map(|c| coefficient(c.channel, c.copy)).collect();
    let zeros = op.channels().iter().map(|&channel| from.zeros[channel]).collect();
    identical(op, &wanted, coefficients, zeros, target)
}

/// The same for a carrier each of whose values is one other value, times a number, plus a constant: the very codes of that value
/// carry it, counted from the other end where the number is negative, and what is equal stays equal. `None` for all others.
pub fn repeated(op: &CoreOp<Real>, map: &RealMap, copies: &[u16], target: &Target) -> Option<Coded> {
    let (mut wanted, mut coefficients, mut zeros) = (Vec::new(), Vec::new(), map.bias.clone());
    for (channel, &copies) in copies.iter().enumerate() {
        let row = map.weights.row(channel);
        let lines: Vec<usize> = (0..row.len()).filter(|&line| row[line] != 0.0).collect();
        let tap = |line: usize| (op.lines[line].line.read, op.lines[line].line.column);
        let one = lines.windows(2).all(|pair| tap(pair[0]) == tap(pair[1]));
        let copies = usize::from(copies);
        let turned = lines.iter().all(|&line| row[line] < 0.0);
        let alike = turned || lines.iter().all(|&line| row[line] > 0.0);
        if lines.is_empty() || !one || !alike || copies % lines.len() != 0 {
            return None;
        }
        let times = (copies / lines.len()) as f64;
        for copy in 0..copies {
            let line = lines[copy % lines.len()];
            wanted.push(Wanted { line: line as u32, turned });
            coefficients.push(row[line].abs() / times);
            if turned {
                zeros[channel] += row[line] / times * f64::from(target.input_max);
            }
        }
    }
    identical(op, &wanted, coefficients, zeros, target)
}

/// What a column gives: the code of a line, or the largest code less that where it is turned.
struct Wanted {
    line: u32,
    turned: bool,
}

/// A core-op whose columns give what is `wanted` of them.
fn identical(
    op: &CoreOp<Real>,
    wanted: &[Wanted],
    coefficients: Vec<f64>,
    zeros: Vec<f64>,
    target: &Target,
) -> Option<Coded> {
    let digital = target.digital.as_ref()?;
    let (weight, shift, multiplier) = identity(digital)?;
    let weights = op
        .parts
        .iter()
        .map(|part| {
            let of = |&Wanted { line, turned }: &Wanted| {
                let own = if turned { -weight } else { weight };
                part.iter().map(move |&row| if row == line { own } else { 0 })
            };
            wanted.iter().flat_map(of).collect()
        })
        .collect();
    let half = 1i64 << (digital.bits - 1);
    let (act, low) = match (digital.clamp, digital.curve) {
        (true, _) | (_, Curve::Clamp) => (CodedAct::Relu, 0),
        // The codes in front of a table are signed: level 0 is the lowest.
        (false, Curve::Table) => {
            let entries = (0..2 * half).map(|z| z.min(i64::from(target.input_max)) as i32).collect();
            (CodedAct::Table(entries), -half)
        }
        (false, Curve::Pieces { .. }) => return None,
    };
    let top = i64::from(target.input_max);
    let bias = |own: &Wanted| i64::from(weight) * if own.turned { low + top } else { low };
    Some(Coded {
        act,
        weights,
        coefficients,
        zeros,
        clipped: 0,
        periphery: Periphery::Digital(Requantised {
            zero: 0,
            bias: wanted.iter().map(bias).collect(),
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
