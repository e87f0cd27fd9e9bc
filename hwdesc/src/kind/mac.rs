//! MAC kind: exact digital sums in a wide accumulator, brought back to the
//! width of a signal by a shift or a multiplier.

use serde::Serialize;

use crate::parts::{Activation, Encoding, Per, Step, ordered, read_order};
use crate::raw::{Doc, Field, Table};
use crate::units::{Bits, Columns, Rows};

/// What a register does when a sum does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// Clip to the range, once, at the end of the sum.
    Saturate,
    /// Keep the low bits.
    Wrap,
}

/// How the accumulator becomes an output code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Requantise {
    /// A right shift: bits are cut out at a configurable position.
    Shift,
    /// An integer multiplier, then a right shift.
    Multiplier,
}

/// Rounding of the requantising shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Toward minus infinity.
    Floor,
    /// To nearest, ties toward plus infinity.
    HalfUp,
    /// To nearest, ties to even.
    HalfEven,
    /// Toward zero.
    TowardZero,
    /// The two-step rounding of gemmlowp: doubling high multiplication, then a
    /// rounding shift.
    Gemmlowp,
}

/// Parameters of a MAC core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mac {
    /// Inputs of one core-op.
    pub rows: Rows,
    /// Outputs of one core-op.
    pub columns: Columns,
    /// Width of an input, sign included when signed.
    pub input_bits: Bits,
    /// Inputs are two's complement.
    pub input_signed: bool,
    /// Inputs may have a zero point: the sum is over w (x - zx).
    pub input_zero_point: bool,
    /// Width of an output, sign included when signed.
    pub output_bits: Bits,
    /// Outputs are two's complement.
    pub output_signed: bool,
    /// An output zero point is added after the shift.
    pub output_zero_point: bool,
    /// Width of the accumulator, two's complement.
    pub accumulator_bits: Bits,
    /// What the accumulator does when a sum does not fit.
    pub overflow: Overflow,
    /// Partial sums of several cores can be added in the accumulator.
    pub accumulate_across_cores: bool,
    /// Width of the bias, sign included.
    pub bias_bits: Bits,
    /// How the accumulator becomes an output code.
    pub requantise: Requantise,
    /// Width of the multiplier, for requantisation by multiplier only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multiplier_bits: Option<Bits>,
    /// Who has a shift (and multiplier) of its own.
    pub requantise_per: Per,
    /// Smallest right shift, of the sum or of its product with the multiplier. With gemmlowp's rounding the doubling high
    /// multiplication counts as 31, so that a shift below 31 is a left shift before it.
    pub shift_min: u32,
    /// Largest right shift.
    pub shift_max: u32,
    /// Rounding of the shift.
    pub rounding: Rounding,
    /// Order of the steps after the sum.
    pub order: Vec<Step>,
    /// Functions the outputs can go through.
    pub activations: Vec<Activation>,
}

impl Mac {
    pub(crate) fn read(mut table: Table<'_, '_>, weights: &[(Field<u32>, Encoding)]) -> Option<Mac> {
        let t = &mut table;
        let rows = t.int("rows", 1..=65536);
        let columns = t.int("columns", 1..=65536);
        let input_bits = t.int("input_bits", 1..=16);
        let input_signed = t.flag("input_signed", None);
        let input_zero_point = t.flag("input_zero_point", Some(false));
        let output_bits = t.int("output_bits", 1..=16);
        let output_signed = t.flag("output_signed", None);
        let output_zero_point = t.flag("output_zero_point", Some(false));
        let accumulator_bits = t.int("accumulator_bits", 2..=64);
        let overflows = [("saturate", Overflow::Saturate), ("wrap", Overflow::Wrap)];
        let overflow = t.choice("overflow", &overflows, None);
        let across = t.flag("accumulate_across_cores", None);
        let bias_bits = t.int("bias_bits", 1..=64);
        let ways = [("shift", Requantise::Shift), ("multiplier", Requantise::Multiplier)];
        let requantise = t.choice("requantise", &ways, None);
        let multiplier_bits = t.int_opt("multiplier_bits", 2..=32);
        let per = t.choice("requantise_per", &[("core", Per::Core), ("neuron", Per::Neuron)], None);
        let shift_min = t.int("shift_min", 0..=63);
        let shift_max = t.int("shift_max", 0..=63);
        let roundings = [
            ("floor", Rounding::Floor),
            ("half_up", Rounding::HalfUp),
            ("half_even", Rounding::HalfEven),
            ("toward_zero", Rounding::TowardZero),
            ("gemmlowp", Rounding::Gemmlowp),
        ];
        let rounding = t.choice("rounding", &roundings, Some("half_up"));
        let entries = output_bits.as_ref().map(|f| {
            (1u32 << f.value, "a table needs an entry for each output code: 2^output_bits".to_string())
        });
        let activations = Activation::read_list(t, entries);
        let order = read_order(t, activations.as_deref());

        let doc = table.doc;
        ordered(&table, &shift_min, &shift_max);
        if let (Some(acc), Some(bias)) = (&accumulator_bits, &bias_bits)
            && bias.value > acc.value
        {
            let because = "the bias is added in the accumulator and must fit it";
            let allowed = format!("1..={} (mac.accumulator_bits is {0})", acc.value);
            doc.contradiction(bias, because, &allowed, "lower mac.bias_bits");
        }
        for (acc, input) in accumulator_bits.iter().zip(&input_bits) {
            for (field, encoding) in weights {
                let multiplies = requantise.as_ref().is_none_or(|way| way.value == Requantise::Multiplier);
                let allowed = "\"sign_magnitude\", \"dynamic_fixed_point\", \"shared\"";
                if matches!(encoding, Encoding::AxonTyped { .. }) {
                    let because = "axon types belong to spiking cores";
                    doc.contradiction(field, because, allowed, "choose an encoding a MAC core can hold");
                } else if matches!(encoding, Encoding::Fraction { .. }) && !multiplies {
                    let because = "a MAC core divides by a threshold through its multiplier";
                    let help = "choose another encoding, or mac.requantise \"multiplier\"";
                    doc.contradiction(field, because, allowed, help);
                } else if acc.value < input.value + field.value {
                    let least = input.value + field.value;
                    let because =
                        format!("the accumulator must hold one product: input_bits + {}", field.path);
                    let allowed = format!("{least}..=64");
                    doc.contradiction(acc, &because, &allowed, "raise mac.accumulator_bits");
                }
            }
        }
        match (&requantise, &multiplier_bits) {
            (Some(way), Some(None)) if way.value == Requantise::Multiplier => {
                let because = "requantisation by multiplier must state mac.multiplier_bits";
                let allowed = "\"shift\", or multiplier_bits in 2..=32";
                doc.contradiction(way, because, allowed, "add mac.multiplier_bits");
            }
            (Some(way), Some(Some(bits))) if way.value == Requantise::Shift => {
                let because = "requantisation by shift has no multiplier";
                let help = "remove mac.multiplier_bits, or use requantise \"multiplier\"";
                doc.contradiction(bits, because, "absent", help);
            }
            _ => {}
        }
        check_gemmlowp(doc, &rounding, &requantise, &accumulator_bits, &shift_max);
        table.finish();

        Some(Mac {
            rows: Rows::new(rows?.value),
            columns: Columns::new(columns?.value),
            input_bits: Bits::new(input_bits?.value),
            input_signed: input_signed?.value,
            input_zero_point: input_zero_point?.value,
            output_bits: Bits::new(output_bits?.value),
            output_signed: output_signed?.value,
            output_zero_point: output_zero_point?.value,
            accumulator_bits: Bits::new(accumulator_bits?.value),
            overflow: overflow?.value,
            accumulate_across_cores: across?.value,
            bias_bits: Bits::new(bias_bits?.value),
            requantise: requantise?.value,
            multiplier_bits: multiplier_bits?.map(|f| Bits::new(f.value)),
            requantise_per: per?.value,
            shift_min: shift_min?.value,
            shift_max: shift_max?.value,
            rounding: rounding?.value,
            order: order?,
            activations: activations?,
        })
    }
}

/// Gemmlowp's rounding is that of a 32-bit accumulator's multiplier.
fn check_gemmlowp(
    doc: &Doc<'_>,
    rounding: &Option<Field<Rounding>>,
    requantise: &Option<Field<Requantise>>,
    accumulator_bits: &Option<Field<u32>>,
    shift_max: &Option<Field<u32>>,
) {
    let Some(rounding) = rounding.as_ref().filter(|rounding| rounding.value == Rounding::Gemmlowp) else {
        return;
    };
    if requantise.as_ref().is_some_and(|way| way.value == Requantise::Shift) {
        let because = "the rounding of gemmlowp is that of a multiplier";
        let allowed = "\"floor\", \"half_up\", \"half_even\", \"toward_zero\"";
        doc.contradiction(rounding, because, allowed, "choose another, or requantise \"multiplier\"");
        return;
    }
    if let Some(bits) = accumulator_bits.as_ref().filter(|bits| bits.value > 32) {
        let because = "gemmlowp multiplies a 32-bit accumulator";
        let help = "lower mac.accumulator_bits, or choose another mac.rounding";
        doc.contradiction(bits, because, "2..=32", help);
    }
    if let Some(shift) = shift_max.as_ref().filter(|shift| shift.value > 62) {
        let because =
            "gemmlowp shifts by at most 31 behind its doubling high multiplication, which counts as 31";
        doc.contradiction(shift, because, "0..=62", "lower mac.shift_max");
    }
}
