//! One crossbar array: digits of the inputs on the word lines, digits of the
//! weights in the cells, an analog partial per pair of digits, and the readout
//! that puts the partials together.

use crate::error::{Fault, OracleError};

/// One array: a pair of positive and negative arrays, or one array of offset weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossbar {
    /// Bits of an unsigned input, 1..=32, a multiple of `dac_bits`.
    pub input_bits: u32,
    /// Bits a word line's driver applies at once; there are `input_bits / dac_bits` passes, lowest digit first.
    pub dac_bits: u32,
    /// Bits of one cell.
    pub cell_bits: u32,
    /// Cells per weight, lowest digit first; `cell_bits * slices` is 1..=32.
    pub slices: u32,
    /// Magnitude bits of a composed read, 1..=64. An exact readout does not look at it.
    pub output_bits: u32,
    /// How a signed weight is stored.
    pub polarity: Polarity,
    /// How partials become the array's read.
    pub readout: Readout,
}

/// How a signed weight is stored in cells that cannot be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// Sign and magnitude on two arrays, subtracted in analog before conversion: weights in +-(2^bits - 1).
    Differential,
    /// The cells hold `w + 2^(bits-1)`, and `2^(bits-1) * sum(x)` is subtracted digitally, exactly, after
    /// conversion: weights in `-2^(bits-1) ..= 2^(bits-1) - 1`.
    Offset,
}

/// How the partials of one column become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readout {
    /// A partial of weight 2^k contributes its value times `2^(k - shift)`, rounded to an integer and clipped to
    /// +-(2^output_bits - 1); the reads are added, and the sum is clipped once to the same range.
    Composed {
        /// Binary places dropped from the full sum, `s` in the literature, 0..=126.
        shift: u32,
        /// How a read is rounded.
        rounding: Rounding,
    },
    /// Every partial is converted, saturating, and the conversions are shifted and added without loss.
    Exact {
        /// Magnitude bits of a conversion, 1..=64: +-(2^adc_bits - 1) of a differential pair, 0..=2^adc_bits - 1
        /// of an offset array.
        adc_bits: u32,
    },
}

/// Where a division by a power of two that leaves a remainder goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Drop the low bits of the magnitude and keep the sign: -1/2 becomes 0.
    TowardZero,
    /// The greatest integer not above: -1/2 becomes -1.
    Floor,
}

/// What one column of one array gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Analog partial sums, `[pass][slice]`, lowest digits first.
    pub partials: Vec<Vec<i128>>,
    /// The partials as digitised, `[pass][slice]`: shifted and clipped (composed), or saturated at the converter
    /// and not yet shifted (exact).
    pub reads: Vec<Vec<i128>>,
    /// The array's read.
    pub value: i128,
    /// Whether anything saturated: a read, or the register that adds a composed array's reads. (The register
    /// did exactly when the reads' sum is not `value`.)
    pub clipped: bool,
    /// `sum(w * x)`, exact.
    pub full: i128,
    /// What an array without truncated partials and without clipping would give: `full` shifted by the readout's
    /// shift in the readout's rounding, or `full` itself for an exact readout. It may lie outside a read's range.
    pub target: i128,
}

/// 2^n, for n up to 126.
fn pow2(n: u32) -> i128 {
    2i128.pow(n)
}

/// `value / 2^places` (places up to 126), rounded as stated.
pub fn shift_right(value: i128, places: u32, rounding: Rounding) -> i128 {
    match rounding {
        Rounding::TowardZero => value / pow2(places),
        Rounding::Floor => value.div_euclid(pow2(places)),
    }
}

/// Digit `index` (0 is the lowest) of a non-negative value written in digits of `width` bits.
fn digit(value: i128, index: u32, width: u32) -> i128 {
    (value / pow2(index * width)) % pow2(width)
}

/// What slice `q` of the cells holds for `w`; negative where the negative array of a pair holds it.
fn stored_digit(core: &Crossbar, w: i128, q: u32) -> i128 {
    match core.polarity {
        Polarity::Differential => w.signum() * digit(w.abs(), q, core.cell_bits),
        Polarity::Offset => digit(w + offset(core), q, core.cell_bits),
    }
}

/// What an offset array adds to every weight.
fn offset(core: &Crossbar) -> i128 {
    pow2(core.cell_bits * core.slices - 1)
}

/// Checks the description alone.
///
/// # Errors
/// A width outside the stated range, passes that do not divide the input, or a composed readout of offset weights,
/// whose rounding nobody has defined.
pub fn check_crossbar(core: &Crossbar) -> Result<(), OracleError> {
    let mut faults = Vec::new();
    let mut range = |name: &str, value: u64, lo: u64, hi: u64| {
        if value < lo || value > hi {
            faults.push(Fault::Description(format!("{name} is {value}; it must lie in {lo}..={hi}")));
        }
    };
    range("input_bits", core.input_bits.into(), 1, 32);
    range("dac_bits", core.dac_bits.into(), 1, 32);
    range("cell_bits * slices", u64::from(core.cell_bits) * u64::from(core.slices), 1, 32);
    match core.readout {
        Readout::Composed { shift, .. } => {
            range("output_bits", core.output_bits.into(), 1, 64);
            range("shift", shift.into(), 0, 126);
        }
        Readout::Exact { adc_bits } => range("adc_bits", adc_bits.into(), 1, 64),
    }
    if core.dac_bits > 0 && !core.input_bits.is_multiple_of(core.dac_bits) {
        let (i, d) = (core.input_bits, core.dac_bits);
        faults.push(Fault::Description(format!("input_bits {i} must be a multiple of dac_bits {d}")));
    }
    if core.polarity == Polarity::Offset && matches!(core.readout, Readout::Composed { .. }) {
        let rule =
            "a composed readout of offset weights is not defined; use an exact one or a differential pair";
        faults.push(Fault::Description(rule.into()));
    }
    OracleError::unless_empty(faults)
}

/// Least and greatest legal weight of a description that [`check_crossbar`] accepts.
pub fn weight_range(core: &Crossbar) -> (i128, i128) {
    let bits = core.cell_bits * core.slices;
    match core.polarity {
        Polarity::Differential => (-(pow2(bits) - 1), pow2(bits) - 1),
        Polarity::Offset => (-pow2(bits - 1), pow2(bits - 1) - 1),
    }
}

/// Least and greatest legal input of a description that [`check_crossbar`] accepts.
pub fn input_range(core: &Crossbar) -> (i128, i128) {
    (0, pow2(core.input_bits) - 1)
}

/// Checks that the cells can hold every weight, `[column][row]`.
///
/// # Errors
/// The description's faults, or every weight outside the range with its column and row.
pub fn weights_are_legal(core: &Crossbar, weights: &[Vec<i128>]) -> Result<(), OracleError> {
    check_crossbar(core)?;
    let (lo, hi) = weight_range(core);
    let mut faults = Vec::new();
    for (column, rows) in weights.iter().enumerate() {
        for (row, &value) in rows.iter().enumerate() {
            if value < lo || value > hi {
                faults.push(Fault::Weight { column, row, value, lo, hi });
            }
        }
    }
    OracleError::unless_empty(faults)
}

/// Checks that the drivers can apply every input.
///
/// # Errors
/// The description's faults, or every input outside the range with its row.
pub fn inputs_are_legal(core: &Crossbar, x: &[i128]) -> Result<(), OracleError> {
    check_crossbar(core)?;
    let (lo, hi) = input_range(core);
    let mut faults = Vec::new();
    for (row, &value) in x.iter().enumerate() {
        if value < lo || value > hi {
            faults.push(Fault::Input { row, value, lo, hi });
        }
    }
    OracleError::unless_empty(faults)
}

/// Reads every column of one array.
///
/// `x` holds one input per row and `weights` is `[column][row]`; bias rows are rows like any other, and there is no
/// limit on rows or columns.
///
/// # Errors
/// An illegal description, input or weight, or a column whose height is not the number of inputs.
pub fn read_array(core: &Crossbar, x: &[i128], weights: &[Vec<i128>]) -> Result<Vec<Read>, OracleError> {
    check_crossbar(core)?;
    let mut faults = Vec::new();
    for check in [inputs_are_legal(core, x), weights_are_legal(core, weights)] {
        if let Err(error) = check {
            faults.extend(error.faults);
        }
    }
    for (column, rows) in weights.iter().enumerate() {
        if rows.len() != x.len() {
            faults.push(Fault::Height { column, found: rows.len(), wanted: x.len() });
        }
    }
    OracleError::unless_empty(faults)?;
    Ok(weights.iter().map(|column| read_column(core, x, column)).collect())
}

/// One column, all arguments legal.
fn read_column(core: &Crossbar, x: &[i128], w: &[i128]) -> Read {
    let full: i128 = x.iter().zip(w).map(|(&x, &w)| w * x).sum();
    let mut clipped = false;
    let mut clip = |value: i128, lo: i128, hi: i128| {
        clipped |= value < lo || value > hi;
        value.clamp(lo, hi)
    };
    let mut partials = Vec::new();
    let mut reads = Vec::new();
    let mut sum = 0;
    for p in 0..core.input_bits / core.dac_bits {
        let mut partial_row = Vec::new();
        let mut read_row = Vec::new();
        for q in 0..core.slices {
            let k = p * core.dac_bits + q * core.cell_bits;
            let mut partial = 0;
            for (&x, &w) in x.iter().zip(w) {
                partial += digit(x, p, core.dac_bits) * stored_digit(core, w, q);
            }
            let read = match core.readout {
                Readout::Composed { shift, rounding } => {
                    let top = pow2(core.output_bits) - 1;
                    let scaled = if shift >= k {
                        shift_right(partial, shift - k, rounding)
                    } else {
                        partial * pow2(k - shift)
                    };
                    clip(scaled, -top, top)
                }
                Readout::Exact { adc_bits } => {
                    let top = pow2(adc_bits) - 1;
                    clip(partial, if core.polarity == Polarity::Offset { 0 } else { -top }, top)
                }
            };
            sum += match core.readout {
                Readout::Composed { .. } => read,
                Readout::Exact { .. } => read * pow2(k),
            };
            partial_row.push(partial);
            read_row.push(read);
        }
        partials.push(partial_row);
        reads.push(read_row);
    }
    let (value, target) = match core.readout {
        Readout::Composed { shift, rounding } => {
            let top = pow2(core.output_bits) - 1;
            (clip(sum, -top, top), shift_right(full, shift, rounding))
        }
        Readout::Exact { .. } if core.polarity == Polarity::Offset => {
            (sum - offset(core) * x.iter().sum::<i128>(), full)
        }
        Readout::Exact { .. } => (sum, full),
    };
    Read { partials, reads, value, clipped, full, target }
}

/// `sum(w * x)` a second way, from single bits: the number of rows in which bit `i` of x and bit `j` of |w| are both
/// set, counted positive and negative by the sign of w, weighs 2^(i+j). It looks at no digit, pass or slice.
///
/// `x` must be non-negative and below 2^32, `w` within +-(2^32 - 1), both of the same length.
pub fn full_by_bits(x: &[i128], w: &[i128]) -> i128 {
    let mut full = 0;
    for i in 0..32 {
        for j in 0..32 {
            let both = |(x, w): &(&i128, &i128)| (**x >> i) & 1 == 1 && (w.abs() >> j) & 1 == 1;
            let positive = x.iter().zip(w).filter(both).filter(|(_, w)| **w > 0).count();
            let negative = x.iter().zip(w).filter(both).filter(|(_, w)| **w < 0).count();
            full += (positive as i128 - negative as i128) << (i + j);
        }
    }
    full
}
