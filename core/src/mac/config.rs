//! Parameters of a digital core and the rules they obey.

use crate::{
    arith::{digit_max, saturate_bits, saturate_i32, wrap_bits},
    image::Rule,
};

/// How a right shift treats the bits that fall off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// On sign and magnitude: -3 / 2 gives -1.
    TowardZero,
    /// Toward minus infinity: -3 / 2 gives -2.
    Floor,
    /// To nearest, ties toward plus infinity: -3 / 2 gives -1, 3 / 2 gives 2.
    HalfUp,
    /// To nearest, ties to the even neighbour: -3 / 2 gives -2, 3 / 2 gives 2, 1 / 2 gives 0.
    HalfEven,
    /// The two roundings of gemmlowp and TFLite's reference kernels; multipliers only.
    Gemmlowp,
}

/// What the accumulator does with a sum that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Clips to its ends, once, when the sum is finished.
    Saturate,
    /// Keeps the low bits, two's complement.
    Wrap,
}

/// Where the value added to every column's sum lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// Nothing is added.
    None,
    /// One entry a column.
    Words {
        /// Table number.
        table: u32,
    },
    /// Two entries a column, high word then low word: a 64-bit two's complement number.
    Pairs {
        /// Table number.
        table: u32,
    },
}

/// A parameter that all columns share or that each has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param<T> {
    /// The same for all columns.
    Core(T),
    /// One entry a column.
    Column {
        /// Table number.
        table: u32,
    },
}

/// How the accumulator becomes z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requant {
    /// It does not: the accumulator itself, saturated to 32 bits, leaves for the host.
    None,
    /// acc / 2^shift.
    Shift {
        /// Right shift, 0..=63.
        shift: Param<u8>,
        /// Any but gemmlowp's.
        rounding: Rounding,
    },
    /// acc * multiplier / 2^shift.
    Multiplier {
        /// Width of the multiplier, two's complement, 2..=32.
        bits: u8,
        /// The multiplier.
        multiplier: Param<i32>,
        /// Right shift, 0..=63; of gemmlowp's rounding 0..=62, the 31 bits of the doubling high multiplication included, so
        /// that below 31 it is a left shift before the multiplication.
        shift: Param<u8>,
        /// How the product is rounded.
        rounding: Rounding,
    },
}

/// What turns z into an output code, before the clip to the output range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// z itself: the clip to the output range is the activation. A ReLU clips at 0, or at the output zero point.
    Clamp,
    /// z saturates to `bits` bits, two's complement; entry z + 2^(bits - 1).
    Table {
        /// Table number; 2^bits entries.
        table: u32,
        /// Bits of z, 1..=24.
        bits: u8,
    },
    /// z saturates to `bits` bits, two's complement; with S segments number floor((z + 2^(bits - 1)) S / 2^bits) gives
    /// round(slope * z / 2^product_shift) + intercept, ties toward plus infinity.
    PiecewiseLinear {
        /// Table number; slope, then intercept, a segment.
        table: u32,
        /// Bits of z, 1..=24.
        bits: u8,
        /// Right shift of the product, 0..=62.
        product_shift: u8,
    },
}

/// Parameters of a digital core's configuration. The layout is in [`crate::image::Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac {
    /// Inputs taken from the input registers.
    pub rows: u32,
    /// Outputs.
    pub columns: u32,
    /// Blob that holds the weights, or [`crate::image::NO_BLOB`] without rows.
    pub blob: u32,
    /// Bits of an input code, the sign included, 1..=24.
    pub input_bits: u8,
    /// Whether input codes are two's complement.
    pub input_signed: bool,
    /// The input code that stands for zero.
    pub input_zero: i32,
    /// Bits of the accumulator, two's complement, 2..=64. Above 32 a sum takes two registers.
    pub accumulator_bits: u8,
    /// What the accumulator does with a sum that does not fit.
    pub overflow: Overflow,
    /// What is added to every sum.
    pub bias: Bias,
    /// How the accumulator becomes z.
    pub requant: Requant,
    /// The output code that stands for zero, added before saturation and activation.
    pub output_zero: i32,
    /// What turns z into an output code.
    pub activation: Activation,
    /// Neighbouring outputs of which the largest is kept; 1 keeps all.
    pub pool: u8,
    /// Smallest output code.
    pub out_lo: i32,
    /// Largest output code.
    pub out_hi: i32,
}

/// Smallest input code.
#[must_use]
pub const fn input_floor(mac: &Mac) -> i32 {
    if mac.input_signed { -digit_max(mac.input_bits.saturating_sub(1)) - 1 } else { 0 }
}

/// Largest input code.
#[must_use]
pub const fn input_limit(mac: &Mac) -> i32 {
    if mac.input_signed { digit_max(mac.input_bits.saturating_sub(1)) } else { digit_max(mac.input_bits) }
}

/// The largest distance of an input code from the zero point.
#[must_use]
pub const fn reach(mac: &Mac) -> i32 {
    let (below, above) = (mac.input_zero - input_floor(mac), input_limit(mac) - mac.input_zero);
    if below > above { below } else { above }
}

impl Mac {
    /// Whether a sum takes two registers: the low word in register c, the high word in register columns + c.
    #[must_use]
    #[inline]
    pub const fn wide(&self) -> bool {
        self.accumulator_bits > 32
    }

    /// The sum after `read` was added to `held`: wrapped to the accumulator; or, where it saturates only once, at the end,
    /// saturated to what the registers hold, 32 or 64 bits.
    #[must_use]
    #[inline]
    pub const fn add(&self, held: i64, read: i64) -> i64 {
        match self.overflow {
            Overflow::Wrap => wrap_bits(held.wrapping_add(read), self.accumulator_bits),
            Overflow::Saturate if self.wide() => held.saturating_add(read),
            Overflow::Saturate => saturate_i32(held.saturating_add(read)) as i64,
        }
    }

    /// The accumulator's content for a sum: wrapped or saturated to its bits.
    #[must_use]
    #[inline]
    pub const fn accumulator(&self, sum: i64) -> i64 {
        match self.overflow {
            Overflow::Wrap => wrap_bits(sum, self.accumulator_bits),
            Overflow::Saturate => saturate_bits(sum, self.accumulator_bits),
        }
    }

    /// Largest right shift that the requantisation takes.
    #[must_use]
    pub const fn shift_max(&self) -> u8 {
        match self.requant {
            Requant::Multiplier { rounding: Rounding::Gemmlowp, .. } => 62,
            _ => 63,
        }
    }

    /// Checks every rule that concerns the parameters alone. What tables hold, and that no sum passes 64 bits, is checked
    /// with the image.
    ///
    /// # Errors
    /// The field and the rule it breaks.
    pub fn check(&self) -> Result<(), (&'static str, Rule)> {
        let range = |ok: bool, field| if ok { Ok(()) } else { Err((field, Rule::OutOfRange)) };
        range(self.rows <= 1 << 20, "rows")?;
        range(self.columns >= 1 && self.columns <= 1 << 24, "columns")?;
        range(self.pool >= 1 && self.columns.is_multiple_of(u32::from(self.pool)), "pool")?;
        range((1..=24).contains(&self.input_bits), "input_bits")?;
        range((input_floor(self)..=input_limit(self)).contains(&self.input_zero), "input_zero")?;
        range((2..=64).contains(&self.accumulator_bits), "accumulator_bits")?;
        // ADD fills one register a sum: the high words of a wide one would be stale.
        range(self.rows > 0 || !self.wide(), "accumulator_bits")?;
        range(self.out_lo <= self.out_hi, "out_lo")?;
        match self.requant {
            Requant::None => {
                range(self.output_zero == 0, "output_zero")?;
                range(self.activation == Activation::Clamp, "activation")?;
            }
            Requant::Shift { rounding, .. } => range(rounding != Rounding::Gemmlowp, "rounding")?,
            Requant::Multiplier { bits, multiplier, rounding, .. } => {
                range((2..=32).contains(&bits), "multiplier_bits")?;
                if let Param::Core(multiplier) = multiplier {
                    let multiplier = i64::from(multiplier);
                    range(saturate_bits(multiplier, bits) == multiplier, "multiplier")?;
                }
                // Both of its steps are defined on 32 bits.
                range(rounding != Rounding::Gemmlowp || !self.wide(), "rounding")?;
            }
        }
        if let Requant::Shift { shift: Param::Core(shift), .. }
        | Requant::Multiplier { shift: Param::Core(shift), .. } = self.requant
        {
            range(shift <= self.shift_max(), "shift")?;
        }
        match self.activation {
            Activation::Clamp => Ok(()),
            Activation::Table { bits, .. } => range((1..=24).contains(&bits), "z_bits"),
            Activation::PiecewiseLinear { bits, product_shift, .. } => {
                range((1..=24).contains(&bits), "z_bits")?;
                range(product_shift <= 62, "product_shift")
            }
        }
    }
}
