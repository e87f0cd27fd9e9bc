//! Digital cores as the compiler sees them.

use spandrel_core::arith::Rounding as ReadRounding;
use spandrel_core::crossbar::Polarity;
use spandrel_core::mac::{Overflow, Rounding};
use spandrel_hwdesc::{self as hw, Activation, Chip, Encoding, Mac, Per, Requantise};

use super::{Cells, Target};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};

/// What an output goes through between requantisation and clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Nothing: the clip alone, which makes a ReLU.
    Clamp,
    /// A table over all codes that z can have.
    Table,
    /// Linear pieces of equal width over all codes that z can have.
    Pieces {
        /// Number of pieces.
        segments: u32,
        /// Bits of a slope, sign included.
        slope_bits: u8,
        /// Bits of an intercept, sign included.
        intercept_bits: u8,
        /// Right shift of the product.
        product_shift: u8,
    },
}

/// A digital core: exact sums, then requantisation.
///
/// The compiler counts signals in *levels* from 0: on signed signals with a zero point level 0 is the lowest code, on
/// signed signals without one it is code 0 and only half of the codes carry levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digital {
    /// Code of level 0.
    pub base: i32,
    /// Whether input codes are two's complement.
    pub signed: bool,
    /// Bits of a signal.
    pub bits: u8,
    /// Smallest weight.
    pub weight_lo: i32,
    /// Largest weight.
    pub weight_hi: i32,
    /// Thresholds that weights can be divided by, and whether they always are.
    pub thresholds: Option<(u32, u32, bool)>,
    /// Entries of a codebook that can stand in front of the weights, and whether each column has its own.
    pub codebook: Option<(usize, bool)>,
    /// Bits of the accumulator.
    pub accumulator_bits: u8,
    /// What it does with a sum that does not fit.
    pub overflow: Overflow,
    /// Bits of a bias, sign included.
    pub bias_bits: u8,
    /// Bits of a multiplier, where requantisation multiplies.
    pub multiplier_bits: Option<u8>,
    /// Whether each column has shift and multiplier of its own.
    pub per_column: bool,
    /// Smallest and largest right shift.
    pub shifts: (u8, u8),
    /// Rounding of the shift.
    pub rounding: Rounding,
    /// What functions are made of, beside the clip.
    pub curve: Curve,
    /// Whether the clip alone can be the activation.
    pub clamp: bool,
}

impl Target {
    /// The target that a chip of digital cores describes.
    pub(super) fn digital(chip: Chip, mac: &Mac) -> Result<Self> {
        let mut found = Diagnostics::default();
        let mut refuse = |field: &str, rule: String, way_out: &str| {
            let place = format!("chip {:?}: {field}", chip.name());
            found.push(Diagnostic::error("SP0401", place, rule, way_out));
        };
        let plain = chip.weights().iter().find_map(|encoding| match encoding {
            Encoding::DynamicFixedPoint { .. } | Encoding::SignMagnitude { .. } => Some(encoding.range()),
            _ => None,
        });
        let shared = chip.weights().iter().find_map(|encoding| match encoding {
            Encoding::Shared { index_bits, per, .. } => {
                Some((encoding.range(), 1usize << index_bits.get().min(16), *per == Per::Neuron))
            }
            _ => None,
        });
        let fraction = chip.weights().iter().find_map(|encoding| match encoding {
            Encoding::Fraction { threshold_min, threshold_max, .. } => {
                Some((encoding.range(), (*threshold_min, *threshold_max, plain.is_none())))
            }
            _ => None,
        });
        let whole = plain.or(fraction.map(|(range, _)| range));
        let Some((lo, hi)) = whole.or(shared.map(|(range, ..)| range)) else {
            let rule = "no weight encoding that a digital core can be compiled for".to_owned();
            refuse("weights", rule, "add { kind = \"dynamic_fixed_point\", bits = 8 }");
            return Err(found);
        };
        if fraction.is_some_and(|((least, most), _)| (least, most) != (lo, hi)) {
            let rule =
                "weights that are divided by a threshold have another range than plain ones".to_owned();
            refuse("weights", rule, "give \"fraction\" as many bits as \"dynamic_fixed_point\"");
        }
        if lo < i64::from(i16::MIN) || hi > i64::from(i16::MAX) {
            let rule = format!("weights from {lo} to {hi} are not tuned for");
            refuse("weights", rule, "use at most 16 bits, sign included");
        }
        if mac.input_bits != mac.output_bits || mac.input_signed != mac.output_signed {
            let rule = "outputs have another form than inputs and can not feed the next core".to_owned();
            refuse("mac.output_bits", rule, "make inputs and outputs alike");
        }
        let bits = mac.input_bits.get() as u8;
        let zero_points = mac.input_zero_point && mac.output_zero_point;
        let (base, levels) = match (mac.input_signed, zero_points) {
            (false, _) => (0, (1i64 << bits) - 1),
            (true, true) => (-(1i32 << (bits - 1)), (1i64 << bits) - 1),
            (true, false) => (0, (1i64 << (bits - 1)) - 1),
        };
        if levels < 1 {
            let rule = "a signed signal of one bit carries nothing".to_owned();
            refuse("mac.input_bits", rule, "use at least 2 bits, or unsigned signals");
        }
        let mut curve = Curve::Clamp;
        let mut clamp = false;
        for activation in &mac.activations {
            match activation {
                Activation::Relu | Activation::Clamp => clamp = true,
                Activation::Table { .. } => curve = Curve::Table,
                Activation::PiecewiseLinear { segments, slope_bits, intercept_bits, product_shift }
                    if curve != Curve::Table =>
                {
                    curve = Curve::Pieces {
                        segments: *segments,
                        slope_bits: slope_bits.get() as u8,
                        intercept_bits: intercept_bits.get() as u8,
                        product_shift: *product_shift as u8,
                    };
                }
                _ => {}
            }
        }
        if curve == Curve::Clamp && !clamp {
            let rule = "the chip has no activation that could carry a signal between layers".to_owned();
            refuse("mac.activations", rule, "add { kind = \"relu\" } or a table");
        }
        let byte = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
        let digital = Digital {
            base,
            signed: mac.input_signed,
            bits,
            weight_lo: lo as i32,
            weight_hi: hi as i32,
            thresholds: fraction.map(|(_, thresholds)| thresholds),
            codebook: shared.map(|(_, entries, own)| (entries, own)),
            accumulator_bits: mac.accumulator_bits.get() as u8,
            overflow: match mac.overflow {
                hw::Overflow::Saturate => Overflow::Saturate,
                hw::Overflow::Wrap => Overflow::Wrap,
            },
            bias_bits: mac.bias_bits.get() as u8,
            multiplier_bits: match mac.requantise {
                Requantise::Multiplier => mac.multiplier_bits.map(|bits| bits.get() as u8),
                Requantise::Shift => None,
            },
            per_column: mac.requantise_per == Per::Neuron,
            shifts: (byte(mac.shift_min), byte(mac.shift_max.min(62))),
            rounding: match mac.rounding {
                hw::Rounding::Floor => Rounding::Floor,
                hw::Rounding::HalfUp => Rounding::HalfUp,
                hw::Rounding::HalfEven => Rounding::HalfEven,
                hw::Rounding::TowardZero => Rounding::TowardZero,
                hw::Rounding::Gemmlowp => Rounding::Gemmlowp,
            },
            curve,
            clamp,
        };
        let target = Self {
            rows: mac.rows.get() as usize,
            columns: mac.columns.get() as usize,
            cores: chip.fabric().total_cores().get(),
            input_max: i32::try_from(levels).unwrap_or(i32::MAX),
            weight_max: hi as i32,
            code_max: i32::try_from(levels).unwrap_or(i32::MAX),
            input_bits: bits,
            dac_bits: bits,
            cell_bits: 8,
            slices: 1,
            cells: Cells { dac_bits: bits, bits: 8, slices: 1 },
            output_bits: bits,
            polarity: Polarity::Differential,
            adc_bits: None,
            rounding: ReadRounding::Floor,
            shifts: digital.shifts.0..=digital.shifts.1,
            bias_rows: 0,
            bias_code: 0,
            adder_bits: digital.accumulator_bits.min(32),
            sum_shift_max: 0,
            max_parts: if mac.accumulate_across_cores { usize::MAX } else { 1 },
            relu: true,
            sigmoid: false,
            table: curve != Curve::Clamp,
            maximum: mac.activations.iter().any(|a| matches!(a, Activation::MaxPool { .. })),
            digital: Some(digital),
            chip,
        };
        found.into_result(target)
    }
}
