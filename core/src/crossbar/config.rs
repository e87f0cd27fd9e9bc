//! Parameters of a crossbar and the rules they obey.

use crate::{
    arith::{Rounding, digit_max},
    image::Rule,
};

/// The most partials (passes * slices) of a column.
pub const PARTIALS_MAX: usize = 64;

/// How weights get their sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polarity {
    /// Two arrays, subtracted in analog before conversion.
    Differential,
    /// One array holding w + 2^(weight bits); the offset times the sum of inputs is subtracted digitally.
    Offset,
}

/// How partials become the array's read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readout {
    /// Each partial is truncated to its share of the target, clipped, and added; the sum clips once.
    Composed {
        /// s: the target is the exact sum / 2^s.
        shift: u8,
        /// Rounding of each share.
        rounding: Rounding,
    },
    /// Each partial is converted at `adc_bits`, saturating, and shift-added exactly.
    Exact {
        /// Bits of the converter; for a differential pair, of its magnitude.
        adc_bits: u8,
    },
}

/// What the digital periphery does to a finished sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// Negative sums become 0.
    Relu,
    /// Looked up; keys outside take the nearest end.
    Table {
        /// Table number.
        table: u32,
        /// The key that the first entry stands for.
        lo: i32,
    },
}

/// Parameters of a crossbar configuration. The layout is in [`crate::image::Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossbar {
    /// Word lines driven by inputs.
    pub rows: u32,
    /// Word lines driven by the bias code, behind the others.
    pub bias_rows: u32,
    /// Outputs.
    pub columns: u32,
    /// Blob that holds the weights.
    pub blob: u32,
    /// Bits of an input code.
    pub input_bits: u8,
    /// Bits a driver can hold.
    pub dac_bits: u8,
    /// Bits a cell can hold.
    pub cell_bits: u8,
    /// Cells of a magnitude.
    pub slices: u8,
    /// Bits of a composed read's magnitude.
    pub output_bits: u8,
    /// How weights get their sign.
    pub polarity: Polarity,
    /// How partials become the read.
    pub readout: Readout,
    /// Width of the adder, two's complement.
    pub adder_bits: u8,
    /// Right shift of the finished sum, toward zero.
    pub sum_shift: u8,
    /// What follows the shift.
    pub activation: Activation,
    /// Neighbouring outputs of which the largest is kept; 1 keeps all.
    pub pool: u8,
    /// Code on the bias rows.
    pub bias_code: u32,
    /// Smallest output code.
    pub out_lo: i32,
    /// Largest output code.
    pub out_hi: i32,
}

/// Largest input code.
#[must_use]
pub const fn input_limit(crossbar: &Crossbar) -> i32 {
    digit_max(crossbar.input_bits)
}

/// Largest weight.
#[must_use]
pub const fn weight_limit(crossbar: &Crossbar) -> i32 {
    let bits = crossbar.cell_bits * crossbar.slices;
    match crossbar.polarity {
        Polarity::Differential => digit_max(bits),
        // One of the bits is the offset.
        Polarity::Offset => digit_max(bits - 1),
    }
}

/// Smallest weight: offset weights reach one step further below zero.
#[must_use]
pub const fn weight_floor(crossbar: &Crossbar) -> i32 {
    match crossbar.polarity {
        Polarity::Differential => -weight_limit(crossbar),
        Polarity::Offset => -weight_limit(crossbar) - 1,
    }
}

impl Crossbar {
    /// Passes of an input.
    #[must_use]
    pub const fn passes(&self) -> u8 {
        // Parsing has shown that there is a divisor; stated so that no panic is compiled in.
        match self.input_bits.checked_div(self.dac_bits) {
            Some(passes) => passes,
            None => 0,
        }
    }

    /// Checks every rule that concerns the parameters alone: ranges, and that no register of
    /// the model can overflow for any input and any weights.
    ///
    /// # Errors
    /// The field and the rule it breaks.
    pub fn check(&self) -> Result<(), (&'static str, Rule)> {
        let range = |ok: bool, field| if ok { Ok(()) } else { Err((field, Rule::OutOfRange)) };
        range((1..=16).contains(&self.input_bits), "input_bits")?;
        range(self.dac_bits >= 1 && self.input_bits.is_multiple_of(self.dac_bits), "dac_bits")?;
        range((1..=8).contains(&self.cell_bits), "cell_bits")?;
        range(self.slices >= 1 && u32::from(self.cell_bits) * u32::from(self.slices) <= 16, "slices")?;
        range(usize::from(self.passes()) * usize::from(self.slices) <= PARTIALS_MAX, "slices")?;
        range((1..=24).contains(&self.output_bits), "output_bits")?;
        range((2..=32).contains(&self.adder_bits), "adder_bits")?;
        range(self.sum_shift <= 31, "sum_shift")?;
        range((1..=16).contains(&self.pool), "pool")?;
        range(i64::from(self.bias_code) <= i64::from(input_limit(self)), "bias_code")?;
        range(self.out_lo <= self.out_hi, "out_lo")?;
        range(self.columns >= 1 && self.columns <= 1 << 24, "columns")?;
        range(self.columns.is_multiple_of(u32::from(self.pool)), "pool")?;
        range(self.rows <= 1 << 20, "rows")?;
        range(self.bias_rows <= 1 << 20, "bias_rows")?;
        let lines = i64::from(self.rows) + i64::from(self.bias_rows);
        let partial = lines * i64::from(digit_max(self.dac_bits)) * i64::from(digit_max(self.cell_bits));
        if partial > i64::from(i32::MAX) {
            return Err(("rows", Rule::AccumulatorOverflow));
        }
        match self.readout {
            Readout::Composed { shift, .. } => {
                range(shift <= 40, "shift")?;
                // The rounding of the offset term of a composed read is nowhere defined.
                range(self.polarity == Polarity::Differential, "polarity")
            }
            Readout::Exact { adc_bits } => {
                range((1..=24).contains(&adc_bits), "adc_bits")?;
                self.check_exact(adc_bits, lines)
            }
        }
    }

    /// An exact read must fit 32 bits whatever the input.
    fn check_exact(&self, adc_bits: u8, lines: i64) -> Result<(), (&'static str, Rule)> {
        let mut sum = 0i64;
        for pass in 0..self.passes() {
            for slice in 0..self.slices {
                let weight =
                    u32::from(pass) * u32::from(self.dac_bits) + u32::from(slice) * u32::from(self.cell_bits);
                // At most 24 + 32 bits each and 64 of them: below 2^62.
                sum += i64::from(digit_max(adc_bits)) << weight;
            }
        }
        if self.polarity == Polarity::Offset {
            sum += lines * i64::from(input_limit(self)) * (i64::from(weight_limit(self)) + 1);
        }
        if sum > i64::from(i32::MAX) { Err(("adc_bits", Rule::AccumulatorOverflow)) } else { Ok(()) }
    }
}
