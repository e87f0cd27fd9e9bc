//! Core-ops of nodes whose integers are taken as they are.

use super::aims::Reach;
use super::coded::{Coded, CodedAct, Periphery, Requantised};
use super::codes::{Pick, Sources};
use super::digital::level;
use super::node::TunedOp;
use crate::exact::Integers;
use crate::expand::{CoreOp, Real};
use crate::numeric::parallel_map;
use crate::target::Target;

/// The core-op with its share of the node's integers, and the values that it gives on `picks`.
pub fn taken(
    op: &CoreOp<Real>,
    integers: &Integers,
    sources: Sources<'_>,
    picks: &[Pick],
    target: &Target,
) -> TunedOp {
    let each = integers.coefficients.len() / integers.weights.len().max(1);
    let weight = |channel: usize, line: usize| {
        let own = &op.lines[line];
        // Columns have no weight on the lines of another group.
        let same = own.group as usize == channel / each;
        if same { integers.weight(channel, own.line.column as usize) } else { 0 }
    };
    let weights = op
        .parts
        .iter()
        .map(|part| {
            let column = |channel: usize| part.iter().map(move |&line| weight(channel, line as usize));
            op.columns.iter().flat_map(|c| column(c.channel)).collect()
        })
        .collect();
    let channels: Vec<usize> = op.columns.iter().map(|c| c.channel).collect();
    let all = &integers.requantised;
    let own = Requantised {
        zero: all.zero,
        bias: channels.iter().map(|&c| all.bias[c]).collect(),
        shifts: if all.shifts.len() == 1 {
            all.shifts.clone()
        } else {
            channels.iter().map(|&c| all.shifts[c]).collect()
        },
        multipliers: if all.multipliers.len() <= 1 {
            all.multipliers.clone()
        } else {
            channels.iter().map(|&c| all.multipliers[c]).collect()
        },
    };
    let lines = op.lines.len();
    let mut x = vec![0i32; picks.len() * lines];
    sources.bring(op.node, &op.lines, picks, own.zero, |pick, line, code| {
        x[pick * lines + line] = code - own.zero
    });
    let decoded = parallel_map(channels.len(), |at| {
        let channel = channels[at];
        let row: Vec<(usize, i64)> = (0..lines)
            .map(|line| (line, i64::from(weight(channel, line))))
            .filter(|(_, w)| *w != 0)
            .collect();
        let Some(digital) = &target.digital else { return Vec::new() };
        let value = |x: &[i32]| {
            let sum: i64 = row.iter().map(|&(line, w)| w * i64::from(x[line])).sum();
            let cut = (own.shift(at), own.multiplier(at));
            let code = level(digital, target, &integers.act, cut, sum + own.bias[at]);
            integers.zeros[channel] + integers.coefficients[channel] * code as f64
        };
        x.chunks_exact(lines.max(1)).map(value).collect()
    });
    let coded = Coded {
        act: integers.act.clone(),
        weights,
        coefficients: channels.iter().map(|&c| integers.coefficients[c]).collect(),
        zeros: channels.iter().map(|&c| integers.zeros[c]).collect(),
        clipped: 0,
        periphery: Periphery::Digital(own),
    };
    debug_assert!(coded.act != CodedAct::Relu);
    let reach = Reach { c: 0.0, sum_shift: 0, top: target.input_max };
    TunedOp { coded, decoded, reach, gains: Vec::new() }
}
