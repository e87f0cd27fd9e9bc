//! The text form of a digital core's configuration.

use std::fmt::Write as _;

use spandrel_core::image::{Blob, Encoding};
use spandrel_core::mac::{Activation, Bias, Mac, Overflow, Param, Requant, Rounding};

/// A parameter of all columns, or its table.
pub(super) fn param<T: ToString>(param: &Param<T>) -> String {
    match param {
        Param::Core(value) => value.to_string(),
        Param::Column { table } => format!("t{table}"),
    }
}

const fn rounding(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::TowardZero => "toward zero",
        Rounding::Floor => "floor",
        Rounding::HalfUp => "half up",
        Rounding::HalfEven => "half even",
        Rounding::Gemmlowp => "gemmlowp",
    }
}

/// How weights are held.
pub(super) fn held(blob: &Blob) -> String {
    let bits = blob.bits;
    match (blob.encoding, blob.flags) {
        (Encoding::Dense, _) => format!(" of {bits}-bit weights"),
        (Encoding::Codebook, 1) => format!(" of {bits}-bit indices, a codebook a column"),
        (Encoding::Codebook, _) => format!(" of {bits}-bit indices, codebook t{}", blob.values),
        (Encoding::SignMagnitude, _) => format!(" of {bits}-bit magnitudes"),
        (Encoding::AxonTyped, _) => format!(" of {} axon types", blob.type_count),
        (Encoding::SparseBlocks, _) => format!(" of blocks of {bits}-bit weights"),
    }
}

/// One line; `blob` holds the weights.
pub(super) fn mac_line(m: &Mac, blob: Option<&Blob>) -> String {
    let mut text = format!("mac {} rows x {} columns", m.rows, m.columns);
    if m.rows > 0 {
        let sign = if m.input_signed { "signed" } else { "unsigned" };
        let weights = blob.map_or(String::new(), held);
        let _ = write!(text, ", b{}{weights}, {}-bit {sign} inputs", m.blob, m.input_bits);
        if m.input_zero != 0 {
            let _ = write!(text, " around {}", m.input_zero);
        }
    }
    match m.bias {
        Bias::None => {}
        Bias::Words { table } => {
            let _ = write!(text, ", bias t{table}");
        }
        Bias::Pairs { table } => {
            let _ = write!(text, ", bias t{table} in pairs");
        }
    }
    let overflow = match m.overflow {
        Overflow::Saturate => "saturating",
        Overflow::Wrap => "wrapping",
    };
    let _ = write!(text, ", {}-bit {overflow} sum", m.accumulator_bits);
    match &m.requant {
        Requant::None => text.push_str(", as it is"),
        Requant::Shift { shift, rounding: how } => {
            let _ = write!(text, ", shift {} ({})", param(shift), rounding(*how));
        }
        Requant::Multiplier { multiplier, shift, rounding: how, .. } => {
            let _ =
                write!(text, ", times {}, shift {} ({})", param(multiplier), param(shift), rounding(*how));
        }
    }
    if m.output_zero != 0 {
        let _ = write!(text, ", plus {}", m.output_zero);
    }
    match m.activation {
        Activation::Clamp => {}
        Activation::Table { table, bits } => {
            let _ = write!(text, ", table t{table} of {bits} bits");
        }
        Activation::PiecewiseLinear { table, bits, product_shift } => {
            let _ = write!(text, ", linear pieces t{table} of {bits} bits, product shift {product_shift}");
        }
    }
    if m.pool > 1 {
        let _ = write!(text, ", maximum of {}", m.pool);
    }
    let _ = write!(text, ", clip {}..={}", m.out_lo, m.out_hi);
    text
}

#[cfg(test)]
mod tests {
    use super::mac_line;
    use spandrel_core::image::{Blob, Encoding, NO_TABLE};
    use spandrel_core::mac::{Activation, Bias, Mac, Overflow, Param, Requant, Rounding};

    #[test]
    fn everything_shows() {
        let mac = Mac {
            rows: 3,
            columns: 4,
            blob: 1,
            input_bits: 8,
            input_signed: false,
            input_zero: 10,
            accumulator_bits: 24,
            overflow: Overflow::Saturate,
            bias: Bias::Words { table: 2 },
            requant: Requant::Multiplier {
                bits: 32,
                multiplier: Param::Column { table: 3 },
                shift: Param::Core(36),
                rounding: Rounding::Gemmlowp,
            },
            output_zero: -3,
            activation: Activation::Table { table: 4, bits: 8 },
            pool: 2,
            out_lo: -128,
            out_hi: 127,
        };
        let blob = Blob {
            encoding: Encoding::Codebook,
            bits: 4,
            flags: 0,
            rows: 3,
            columns: 4,
            values: 7,
            types: NO_TABLE,
            type_count: 0,
            offset: 0,
            length: 8,
        };
        assert_eq!(
            mac_line(&mac, Some(&blob)),
            "mac 3 rows x 4 columns, b1 of 4-bit indices, codebook t7, 8-bit unsigned inputs around 10, bias t2, 24-bit saturating sum, \
             times t3, shift 36 (gemmlowp), plus -3, table t4 of 8 bits, maximum of 2, clip -128..=127"
        );
    }
}
