//! Faults that can never show, proven. What is not proven counts as if it could show, so coverage is never overstated.
//!
//! | proof | holds |
//! |---|---|
//! | the faulty core computes the same function: a cell stuck at the level that it should hold, a flipped bit that means the same weight (padding, the sign of a zero), a dead axon without weights, a register bit stuck as it is written | always |
//! | a partial stays within one step of its conversion, with the fault and without it, whatever the inputs | crossbars, with the image's range register: normal path |
//! | the fault is behind what test mode reads: the shift of a digital core, the output and the spikes of a neuron | test mode |

use spandrel_core::{
    arith::digit_max,
    crossbar::{Crossbar, Polarity, weight_floor, weight_limit},
    image::{Config, CoverageWay},
    mac,
};

use super::{
    broken::{Broken, cell_levels, share, weights_of},
    fault::Defect,
};

/// Whether no known answer whatever of this `way` can show the fault: proven, not tried.
#[must_use]
pub fn undetectable(broken: &Broken<'_>, way: CoverageWay) -> bool {
    match way {
        CoverageWay::TestMode => same(broken) || behind(broken),
        CoverageWay::Network => same(broken) || invisible(broken),
        CoverageWay::Both => same(broken) || (behind(broken) && invisible(broken)),
    }
}

/// The same function, whatever is in the registers and on the lines.
fn same(broken: &Broken<'_>) -> bool {
    let config = broken.config();
    let columns = || 0..config.columns();
    match (broken.fault().defect, config) {
        (Defect::Cell { .. }, Config::Crossbar(_)) => broken.excess() == 0,
        (Defect::Cell { column, .. } | Defect::Bit { column, .. }, _) => {
            broken.column(column, false) == broken.column(column, true)
        }
        (Defect::Axon { row }, _) => {
            let none = match config {
                Config::Crossbar(own) if own.polarity == Polarity::Offset => weight_floor(own),
                _ => 0,
            };
            columns().all(|column| broken.column(column, false)[row as usize] == none)
        }
        (Defect::Output { column, high }, Config::Crossbar(own)) => {
            let differential = own.polarity == Polarity::Differential;
            !high && differential && broken.column(column, false).iter().all(|weight| *weight == 0)
        }
        (Defect::Output { column, high }, Config::Mac(own)) => {
            let bias = mac::bias(own, broken.image().tables(), column);
            !high && bias == 0 && broken.column(column, false).iter().all(|weight| *weight == 0)
        }
        (Defect::Range { .. }, Config::Crossbar(own)) => {
            let empty = |column| broken.column(column, false).iter().all(|weight| *weight == 0);
            own.polarity == Polarity::Differential && columns().all(empty)
        }
        (Defect::Range { .. }, Config::Mac(_)) => unchanged(broken),
        (Defect::Range { .. }, Config::Spiking(_)) => {
            let empty = |column| broken.column(column, false).iter().all(|weight| *weight == 0);
            unchanged(broken) || columns().all(empty)
        }
        _ => false,
    }
}

/// Whether the registers read as they were written.
fn unchanged(broken: &Broken<'_>) -> bool {
    let Defect::Range { column, bit, high } = broken.fault().defect else { return true };
    match (broken.config(), column) {
        // The register is an entry of a table.
        (Config::Mac(own), Some(unit)) => {
            let healthy = match own.requant {
                mac::Requant::Shift { shift: mac::Param::Column { table }, .. }
                | mac::Requant::Multiplier { shift: mac::Param::Column { table }, .. } => {
                    broken.image().tables().get(table).and_then(|table| table.get(unit as usize))
                }
                _ => None,
            };
            healthy.is_some_and(|shift| (shift >> bit & 1 == 1) == high)
        }
        (config, _) => broken.configured(*config, 0) == *config,
    }
}

/// Behind what test mode reads.
fn behind(broken: &Broken<'_>) -> bool {
    matches!(
        (broken.fault().defect, broken.config()),
        (Defect::Range { .. }, Config::Mac(_))
            | (Defect::Output { .. } | Defect::Spike { .. }, Config::Spiking(_))
    )
}

/// No inputs make a difference with the registers as the image has them.
fn invisible(broken: &Broken<'_>) -> bool {
    let Config::Crossbar(own) = broken.config() else { return false };
    if matches!(broken.fault().defect, Defect::Range { .. }) {
        return unchanged(broken);
    }
    if own.polarity == Polarity::Offset {
        return false;
    }
    match broken.fault().defect {
        Defect::Cell { column, row, slice, .. } => {
            let weights = broken.column(column, false);
            let excess = broken.excess();
            spans(own, &weights).into_iter().all(|span| {
                span.slice != slice || {
                    let (before, after) = {
                        let level = cell_levels(own, weights[row as usize], slice);
                        (span.part(own, row, level), span.part(own, row, level + excess))
                    };
                    let (lo, hi) = (span.lo - before.0 + after.0, span.hi - before.1 + after.1);
                    before == after || flat(own, (span.lo.min(lo), span.hi.max(hi)), span.weight)
                }
            })
        }
        Defect::Bit { column, .. } => {
            let pairs = spans(own, &broken.column(column, false)).into_iter();
            pairs.zip(spans(own, &broken.column(column, true))).all(|(before, after)| {
                let hull = (before.lo.min(after.lo), before.hi.max(after.hi));
                before.levels == after.levels || flat(own, hull, before.weight)
            })
        }
        Defect::Axon { row } => (0..own.columns).all(|column| {
            let weights = broken.column(column, false);
            spans(own, &weights).into_iter().all(|span| {
                let part = span.part(own, row, cell_levels(own, weights[row as usize], span.slice));
                // Without the line the partial lies between the ends without its part.
                let hull = (span.lo.min(span.lo - part.0), span.hi.max(span.hi - part.1));
                part == (0, 0) || flat(own, hull, span.weight)
            })
        }),
        Defect::Output { column, high } => {
            let spans = spans(own, &broken.column(column, false));
            let end = |of: fn(&Span) -> i64| {
                let top = i64::from(digit_max(own.output_bits));
                spans.iter().map(|span| share(own, of(span), span.weight)).sum::<i64>().clamp(-top, top)
            };
            let composed = matches!(own.readout, spandrel_core::crossbar::Readout::Composed { .. });
            let value = if high { i64::from(digit_max(own.output_bits)) } else { 0 };
            composed && (end(|span| span.lo), end(|span| span.hi)) == (value, value)
        }
        Defect::Spike { .. } | Defect::Range { .. } => false,
    }
}

/// Whether every partial of `hull` gives the same share.
fn flat(own: &Crossbar, hull: (i64, i64), weight: u32) -> bool {
    // A share never falls when its partial rises.
    share(own, hull.0, weight) == share(own, hull.1, weight)
}

/// Between which ends the partial of a pass and a slice lies, whatever the inputs.
struct Span {
    pass: usize,
    slice: u8,
    weight: u32,
    levels: Vec<i64>,
    lo: i64,
    hi: i64,
}

impl Span {
    /// Between which ends the part of line `row` lies, whose cells hold `level`.
    fn part(&self, own: &Crossbar, row: u32, level: i64) -> (i64, i64) {
        if row < own.rows {
            let top = i64::from(digit_max(own.dac_bits));
            return ((level * top).min(0), (level * top).max(0));
        }
        let driven =
            own.bias_code >> (self.pass as u32 * u32::from(own.dac_bits)) & digit_max(own.dac_bits) as u32;
        (level * i64::from(driven), level * i64::from(driven))
    }
}

fn spans(own: &Crossbar, weights: &[i32]) -> Vec<Span> {
    let slices = usize::from(own.slices);
    let each = weights_of(own).enumerate().map(|(at, weight)| {
        let (pass, slice) = (at / slices, (at % slices) as u8);
        let levels = weights.iter().map(|weight| cell_levels(own, *weight, slice)).collect();
        let mut span = Span { pass, slice, weight, levels, lo: 0, hi: 0 };
        for (row, level) in (0..).zip(&span.levels) {
            let (lo, hi) = span.part(own, row, *level);
            (span.lo, span.hi) = (span.lo + lo, span.hi + hi);
        }
        span
    });
    each.collect()
}

/// Weights beyond the cells saturate.
pub(super) fn held(config: &Config, weight: i32) -> i32 {
    match config {
        Config::Crossbar(own) => weight.clamp(weight_floor(own), weight_limit(own)),
        _ => weight,
    }
}
