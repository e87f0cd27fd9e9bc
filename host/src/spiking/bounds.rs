//! What registers of spiking cores can come to hold, whatever spikes arrive: proofs that nothing leaves them, from the weights.
//!
//! Sums need none: no image is accepted whose sums could pass 32 bits. Currents and potentials are followed tick by tick as
//! intervals, over the window or, where it has no end, until nothing changes. Decays and sums are monotone, so an interval's ends
//! are made of the ends before. A neuron that fires starts again from what its reset leaves, so nothing above the threshold
//! outlives a tick. The bounds are safe and not always attained: what they call reachable may not be.

use std::fmt;

use spandrel_core::{
    arith::shift_toward_zero,
    blob::{CHUNK_ROWS, Column},
    image::{Config, Image, Tables},
    mac::Param,
    spiking::{Fire, Limit, Reset, Spiking},
};

/// Ticks after which an interval that still moves counts as unbounded.
const PATIENCE: u32 = 1 << 16;

/// What can happen on a core. As text: what of it may leave its register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Neurons.
    pub neurons: usize,
    /// Neurons whose current may leave its register.
    pub currents: usize,
    /// Neurons whose potential may pass the upper end of its register.
    pub above: usize,
    /// Neurons whose potential may pass the lower end of its register.
    pub below: usize,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.safe() {
            return f.write_str("no register can be left");
        }
        let Self { neurons, currents, above, below } = self;
        write!(
            f,
            "of {neurons} neurons may leave their registers: {currents} currents, {above} potentials above, {below} below"
        )
    }
}

impl Reach {
    /// Whether no register can be left.
    #[must_use]
    pub const fn safe(&self) -> bool {
        self.currents == 0 && self.above == 0 && self.below == 0
    }
}

/// The bounds of every spiking core, by the number of its configuration. `None` for other kinds and unreadable weights. State lent
/// to several configurations is not followed.
#[must_use]
pub fn reach(image: &Image<'_>) -> Vec<Option<Reach>> {
    (0..image.config_count())
        .map(|number| match image.config(number) {
            Some(Config::Spiking(core)) => core_reach(image, &core),
            _ => None,
        })
        .collect()
}

fn core_reach(image: &Image<'_>, core: &Spiking) -> Option<Reach> {
    let mut reach = Reach { neurons: core.columns as usize, ..Reach::default() };
    for neuron in 0..core.columns {
        let (currents, above, below) = neuron_reach(core, image.tables(), neuron, sums(image, core, neuron)?);
        reach.currents += usize::from(currents);
        reach.above += usize::from(above);
        reach.below += usize::from(below);
    }
    Some(reach)
}

/// The least and the greatest sum of a neuron.
fn sums(image: &Image<'_>, core: &Spiking, neuron: u32) -> Option<(i64, i64)> {
    let (mut least, mut most) = (0i64, 0i64);
    let Some(blob) = image.blob(core.blob) else { return Some((0, 0)) };
    let store = image.weights();
    let column = Column::new(blob, *image.tables(), &store, neuron);
    for first in (0..core.rows).step_by(CHUNK_ROWS) {
        let mut weights = [0; CHUNK_ROWS];
        let count = CHUNK_ROWS.min((core.rows - first) as usize);
        column.read(first, &mut weights[..count]).ok()?;
        for weight in &weights[..count] {
            least += i64::from((*weight).min(0));
            most += i64::from((*weight).max(0));
        }
    }
    let unit = i64::from(core.spikes_in) << core.weight_shift;
    Some((least * unit, most * unit))
}

/// Whether the current, the potential above and the potential below may leave their registers.
fn neuron_reach(core: &Spiking, tables: &Tables<'_>, neuron: u32, sums: (i64, i64)) -> (bool, bool, bool) {
    let value = |param: Param<i32>| match param {
        Param::Core(value) => i64::from(value),
        Param::Column { table } => {
            i64::from(tables.get(table).and_then(|table| table.get(neuron as usize)).unwrap_or(0))
        }
    };
    let decayed = |value: i64, keep: i64| shift_toward_zero(value * keep, core.decay_bits.into());
    let (keep, leak) = (value(core.keep), value(core.leak));
    let threshold = value(core.threshold) << core.threshold_shift;
    // The greatest potential at which the neuron stays silent.
    let silent = if core.fire == Fire::AtThreshold { threshold - 1 } else { threshold };
    let start = value(core.v_init);
    let (mut current, mut potential) = ((0i64, 0i64), (start, start));
    let (mut currents, mut above, mut below) = (false, false, false);
    let ticks = if core.window == 0 { PATIENCE } else { core.window.min(PATIENCE) };
    let mut settled = false;
    for _ in 0..ticks {
        let before = (current, potential);
        current = match core.current {
            None => (sums.0.min(0), sums.1.max(0)),
            Some(own) => {
                let half = 1i64 << (own.bits - 1);
                let keep = value(own.keep);
                // The interval keeps what it has held: a tick may bring nothing.
                let next = (
                    (decayed(current.0, keep) + sums.0).min(current.0),
                    (decayed(current.1, keep) + sums.1).max(current.1),
                );
                currents |= next.0 < -half || next.1 >= half;
                // Whatever becomes of a current that leaves, the register holds it.
                if currents { (-half, half - 1) } else { next }
            }
        };
        let floor = core.floor.map_or(i64::MIN, value);
        let low = (decayed(potential.0, keep) + current.0 + leak).max(floor);
        let high = (decayed(potential.1, keep) + current.1 + leak).max(floor);
        below |= low < core.least();
        above |= high > core.most();
        if core.limit == Limit::Wrap && (above || below) {
            // It comes round at the other end.
            (above, below) = (true, true);
        }
        let high = high.min(core.most());
        let mut after = (low.max(core.least()), high.min(silent));
        if high > silent {
            let kept = match core.reset {
                Reset::Zero => (0, 0),
                Reset::Value(to) => (value(to), value(to)),
                // One spike leaves the most over; many leave at least what would not fire again.
                Reset::Subtract => (0, high - threshold),
            };
            after = (after.0.min(kept.0), after.1.max(kept.1));
        }
        potential = (after.0.min(potential.0), after.1.max(potential.1));
        if core.limit == Limit::Wrap && above {
            potential = (core.least(), core.most());
        }
        settled = before == (current, potential);
        if settled || (above && below && (currents || core.current.is_none())) {
            break;
        }
    }
    // What still moves when patience ends may go anywhere.
    let unsettled = !settled && (core.window == 0 || core.window > PATIENCE);
    (currents || (unsettled && core.current.is_some()), above || unsettled, below || unsettled)
}
