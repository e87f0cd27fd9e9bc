//! What follows the arrays of one sum: the digital adder, the activation, the
//! clip into the next input's range, pooling and the choice of a winner.

use crate::crossbar::{Rounding, shift_right};
use crate::error::{Fault, OracleError};

/// The adder over the parts of one sum, and what its result goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adder {
    /// Width of the two's complement sum, 1..=127: it saturates to `-2^(bits-1) ..= 2^(bits-1) - 1`.
    pub adder_bits: u32,
    /// Right shift of the saturated sum, toward zero, 0..=126.
    pub sum_shift: u32,
    /// Applied to the shifted sum.
    pub activation: Activation,
    /// Least output; for a sum that leaves at adder width, the adder's least value.
    pub out_lo: i128,
    /// Greatest output, at least `out_lo`.
    pub out_hi: i128,
}

/// The function between the adder and the output clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activation {
    /// The value itself.
    None,
    /// Zero for a negative value, the value itself otherwise.
    Relu,
    /// `entries[value - lo]`; a value off either end takes the entry at that end.
    Table {
        /// The value that selects the first entry.
        lo: i128,
        /// At least one entry.
        entries: Vec<i128>,
    },
}

/// Checks an adder's description.
///
/// # Errors
/// A width or shift outside its range, an empty table, or an output range that holds nothing.
pub fn check_adder(adder: &Adder) -> Result<(), OracleError> {
    let mut faults = Vec::new();
    if !(1..=127).contains(&adder.adder_bits) {
        faults
            .push(Fault::Description(format!("adder_bits is {}; it must lie in 1..=127", adder.adder_bits)));
    }
    if adder.sum_shift > 126 {
        faults.push(Fault::Description(format!("sum_shift is {}; it must lie in 0..=126", adder.sum_shift)));
    }
    if matches!(&adder.activation, Activation::Table { entries, .. } if entries.is_empty()) {
        faults.push(Fault::Description("the activation table is empty; give at least one entry".into()));
    }
    if adder.out_lo > adder.out_hi {
        let (lo, hi) = (adder.out_lo, adder.out_hi);
        faults.push(Fault::Description(format!("out_lo {lo} lies above out_hi {hi}; exchange them")));
    }
    OracleError::unless_empty(faults)
}

/// Adds the parts exactly, saturates once to the adder's width, shifts right toward zero, activates, clips.
///
/// # Panics
/// When [`check_adder`] refuses the adder, or the exact sum does not fit an `i128`.
pub fn finish(adder: &Adder, parts: &[i128]) -> i128 {
    if let Err(error) = check_adder(adder) {
        panic!("{error}");
    }
    let mut sum = 0i128;
    for &part in parts {
        sum = sum.checked_add(part).expect("the parts' sum must fit 128 bits");
    }
    let limit = 2i128.pow(adder.adder_bits - 1);
    let saturated = sum.clamp(-limit, limit - 1);
    let shifted = shift_right(saturated, adder.sum_shift, Rounding::TowardZero);
    let activated = match &adder.activation {
        Activation::None => shifted,
        Activation::Relu => shifted.max(0),
        Activation::Table { lo, entries } => {
            let last = entries.len() - 1;
            // A table far from the value saturates the index rather than wrap it.
            let index = shifted.saturating_sub(*lo).clamp(0, last as i128);
            entries[index as usize]
        }
    };
    activated.clamp(adder.out_lo, adder.out_hi)
}

/// The greatest of each run of `group` consecutive values, in order (4 in PRIME's 4:1 unit).
///
/// # Panics
/// When `group` is zero or does not divide the number of values.
pub fn max_pool(values: &[i128], group: usize) -> Vec<i128> {
    assert!(group > 0, "a pooling group needs at least one value");
    assert!(
        values.len().is_multiple_of(group),
        "{} values do not divide into groups of {group}",
        values.len()
    );
    let mut greatest = Vec::new();
    for run in values.chunks(group) {
        let mut best = run[0];
        for &value in run {
            best = best.max(value);
        }
        greatest.push(best);
    }
    greatest
}

/// Index of the greatest value, the lowest one on ties.
///
/// # Panics
/// When there is no value.
pub fn argmax(values: &[i128]) -> usize {
    assert!(!values.is_empty(), "argmax needs at least one value");
    let mut best = 0;
    for (i, &value) in values.iter().enumerate() {
        if value > values[best] {
            best = i;
        }
    }
    best
}
