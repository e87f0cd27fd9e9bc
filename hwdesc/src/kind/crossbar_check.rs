//! Rules between the fields of a crossbar.

use super::crossbar::{Crossbar, Polarity, Readout, weight_max, weight_min};
use crate::parts::Encoding;
use crate::raw::{Doc, Field};

/// The adder holds at least one exact read.
pub(super) fn check_exact(doc: &Doc<'_>, crossbar: &Crossbar, adder: &Field<u32>) {
    let needed = crossbar.read_bits().get() + 1;
    if crossbar.readout == Readout::Exact && crossbar.adc_bits.is_some() && adder.value < needed {
        let because = "the adder must hold at least one exact read with its sign";
        let allowed =
            if needed > 32 { "no adder is that wide".to_string() } else { format!("{needed}..=32") };
        let help =
            "raise crossbar.adder_bits, or lower crossbar.input_bits, crossbar.slices or crossbar.adc_bits";
        doc.contradiction(adder, because, &allowed, help);
    }
}

/// `part` must divide `whole`.
pub(super) fn divides(doc: &Doc<'_>, part: &Option<Field<u32>>, whole: &Option<Field<u32>>, why: &str) {
    let (Some(part), Some(whole)) = (part, whole) else { return };
    if whole.value.is_multiple_of(part.value) {
        return;
    }
    let divisors: Vec<_> =
        (1..=whole.value.min(32)).filter(|d| whole.value.is_multiple_of(*d)).map(|d| d.to_string()).collect();
    let because = format!("{} must divide {}: {why}", part.path, whole.path);
    let allowed = format!("{} ({} is {})", divisors.join(", "), whole.path, whole.value);
    let help = format!("set {} to one of these, or change {}", part.path, whole.path);
    doc.contradiction(part, &because, &allowed, &help);
}

/// A weight has at most 16 bits, and its encodings fit its cells.
pub(super) fn check_weight_bits(
    doc: &Doc<'_>,
    cell_bits: &Option<Field<u32>>,
    slices: &Option<Field<u32>>,
    polarity: &Option<Field<Polarity>>,
    weights: &[(Field<u32>, Encoding)],
) {
    let (Some(cell_bits), Some(slices)) = (cell_bits, slices) else { return };
    let bits = cell_bits.value * slices.value;
    if bits > 16 {
        let because = "a weight has at most 16 bits: cell_bits x slices";
        let allowed = format!("1..={} (cell_bits is {})", 16 / cell_bits.value, cell_bits.value);
        doc.contradiction(slices, because, &allowed, "lower crossbar.slices or crossbar.cell_bits");
        return;
    }
    let Some(polarity) = polarity else { return };
    let differential = polarity.value == Polarity::Differential;
    for (field, encoding) in weights {
        match encoding {
            Encoding::SignMagnitude { .. } if !differential => {
                let because = "sign and magnitude need a differential pair";
                let help = "use \"dynamic_fixed_point\", or crossbar.polarity \"differential\"";
                doc.contradiction(field, because, "another encoding", help);
            }
            Encoding::AxonTyped { .. } | Encoding::Fraction { .. } => {
                let because = "axon types and thresholds belong to spiking cores";
                let allowed = "\"sign_magnitude\", \"dynamic_fixed_point\", \"shared\"";
                doc.contradiction(field, because, allowed, "choose an encoding a crossbar can hold");
            }
            _ => {
                let (low, high) = encoding.range();
                let most = weight_max(polarity.value, bits);
                let least = weight_min(polarity.value, bits);
                if low < i64::from(least) || high > i64::from(most) {
                    let because =
                        "every code of the encoding must be a weight that cell_bits x slices bits can hold";
                    let allowed = format!("codes in {least}..={most}, not {low}..={high}");
                    let help = format!("lower {}, or raise crossbar.slices", field.path);
                    doc.contradiction(field, because, &allowed, &help);
                }
            }
        }
    }
}

pub(super) fn check_readout(
    doc: &Doc<'_>,
    readout: &Option<Field<Readout>>,
    adc_bits: &Option<Option<Field<u32>>>,
) {
    match (readout, adc_bits) {
        (Some(readout), Some(None)) if readout.value == Readout::Exact => {
            let because = "exact readout must state crossbar.adc_bits";
            doc.contradiction(
                readout,
                because,
                "\"composed\", or adc_bits in 1..=32",
                "add crossbar.adc_bits",
            );
        }
        (Some(readout), Some(Some(adc))) if readout.value == Readout::Composed => {
            let because = "composed readout has no converter: its width is output_bits";
            doc.contradiction(adc, because, "absent", "remove crossbar.adc_bits, or use readout \"exact\"");
        }
        _ => {}
    }
}

pub(super) fn check_bias(
    doc: &Doc<'_>,
    rows: &Option<Field<u32>>,
    bias_rows: &Option<Field<u32>>,
    inside: &Option<Field<bool>>,
    code: &Option<Field<u32>>,
    input_bits: &Option<Field<u32>>,
) {
    if let (Some(rows), Some(bias), Some(inside)) = (rows, bias_rows, inside)
        && inside.value
        && bias.value >= rows.value
    {
        let because = "bias rows inside the array must leave a row for inputs";
        let allowed = format!("0..={} (crossbar.rows is {})", rows.value - 1, rows.value);
        doc.contradiction(bias, because, &allowed, "lower it, or clear crossbar.bias_rows_inside");
    }
    if let (Some(code), Some(bits)) = (code, input_bits) {
        let most = (1u32 << bits.value) - 1;
        if code.value > most {
            let because = "the bias rows are driven like inputs, so bias_code must be an input code";
            let allowed = format!("1..={most} (crossbar.input_bits is {})", bits.value);
            let help = "lower crossbar.bias_code or raise crossbar.input_bits";
            doc.contradiction(code, because, &allowed, help);
        }
    }
}

pub(super) fn check_adder(
    doc: &Doc<'_>,
    adder: &Option<Field<u32>>,
    output: &Option<Field<u32>>,
    shift: &Option<Field<u32>>,
) {
    if let (Some(adder), Some(output)) = (adder, output)
        && adder.value < output.value + 1
    {
        let because = "the adder must hold at least one signed part: output_bits + 1 bits, \
                           and 1 more for each doubling of the parts";
        let allowed = format!("{}..=32 (crossbar.output_bits is {})", output.value + 1, output.value);
        let help = "raise crossbar.adder_bits or lower crossbar.output_bits";
        doc.contradiction(adder, because, &allowed, help);
    }
    if let (Some(adder), Some(shift)) = (adder, shift)
        && shift.value >= adder.value
    {
        let because = "a shift by the adder's width or more leaves nothing of the sum";
        let allowed = format!("0..={} (crossbar.adder_bits is {})", adder.value - 1, adder.value);
        doc.contradiction(shift, because, &allowed, "lower crossbar.sum_shift_max");
    }
}
