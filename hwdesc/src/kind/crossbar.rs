//! Crossbar kind: analog sums on bit lines, read through sense amplifiers or
//! converters, composed digitally.

use serde::Serialize;

use super::crossbar_check::{
    check_adder, check_bias, check_exact, check_readout, check_weight_bits, divides,
};
use crate::parts::{Activation, Encoding, Step, ordered, read_order};
use crate::raw::{Field, Table};
use crate::units::{Bitlines, Bits, Columns, Rows, ceil_log2};

/// How signed weights live on conductances that can not be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// Two arrays; the second is subtracted before conversion.
    Differential,
    /// One array; a constant is added to every weight and taken off the sum.
    Offset,
}

/// How a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Readout {
    /// Every partial is read truncated to the bits that matter, then added.
    Composed,
    /// Every partial is converted and shift-added exactly.
    Exact,
}

/// What happens to the bits that a read or shift drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadRounding {
    /// On sign and magnitude: the magnitude is truncated.
    TowardZero,
    /// Arithmetic right shift.
    Floor,
}

/// Parameters of a crossbar core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Crossbar {
    /// Word lines of an array that carry inputs (and bias rows, if those are inside).
    pub rows: Rows,
    /// Physical bit lines of one array.
    pub bitlines: Bitlines,
    /// Bits per cell.
    pub cell_bits: Bits,
    /// Cells per weight, on adjacent bit lines.
    pub slices: u32,
    /// Width of an input code.
    pub input_bits: Bits,
    /// Inputs may be negative; the word-line drivers of this kind are unsigned,
    /// so this is always `false`.
    pub input_signed: bool,
    /// Width of a word-line driver.
    pub dac_bits: Bits,
    /// Width of the magnitude of an output code: -(2^output_bits - 1)..=2^output_bits - 1
    /// before the activation.
    pub output_bits: Bits,
    /// How signed weights are made.
    pub polarity: Polarity,
    /// How a column is read.
    pub readout: Readout,
    /// Width of the converter, for exact readout only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adc_bits: Option<Bits>,
    /// Rounding of each read.
    pub rounding: ReadRounding,
    /// Smallest right shift s from the full sum to the output code.
    pub shift_min: u32,
    /// Largest right shift s from the full sum to the output code.
    pub shift_max: u32,
    /// Rows that carry `bias_code` and hold biases as weights.
    pub bias_rows: u32,
    /// The bias rows are taken from `rows` instead of lying outside.
    pub bias_rows_inside: bool,
    /// The constant input code of the bias rows.
    pub bias_code: u32,
    /// Width of the adder for parts of one sum, sign included.
    pub adder_bits: Bits,
    /// Largest right shift after the adder, toward zero.
    pub sum_shift_max: u32,
    /// Order of the steps after the adder.
    pub order: Vec<Step>,
    /// Functions the outputs can go through; without one the signed sum can
    /// only leave to the host.
    pub activations: Vec<Activation>,
}

impl Crossbar {
    /// Sequential passes of an input over the word lines: input_bits / dac_bits.
    pub fn passes(&self) -> u32 {
        self.input_bits.get() / self.dac_bits.get()
    }

    /// Weights per row: bit lines / slices.
    pub fn logical_columns(&self) -> Columns {
        Columns::new(self.bitlines.get() / self.slices)
    }

    /// Rows left for inputs: `rows`, less the bias rows when they are inside.
    pub fn input_rows(&self) -> Rows {
        let taken = if self.bias_rows_inside { self.bias_rows } else { 0 };
        Rows::new(self.rows.get() - taken)
    }

    /// Rows of an array, bias rows included wherever they lie.
    pub fn physical_rows(&self) -> Rows {
        let outside = if self.bias_rows_inside { 0 } else { self.bias_rows };
        Rows::new(self.rows.get() + outside)
    }

    /// Bits of a weight over all its cells: cell_bits x slices, at most 16.
    pub fn weight_bits(&self) -> Bits {
        Bits::new(self.cell_bits.get() * self.slices)
    }

    /// Largest weight the cells can hold: 2^weight_bits - 1 for a differential
    /// pair, 2^(weight_bits - 1) - 1 with an offset.
    pub fn weight_max(&self) -> i32 {
        weight_max(self.polarity, self.weight_bits().get())
    }

    /// Smallest weight the cells can hold.
    pub fn weight_min(&self) -> i32 {
        weight_min(self.polarity, self.weight_bits().get())
    }

    /// Largest input code: 2^input_bits - 1.
    pub fn input_max(&self) -> u32 {
        (1 << self.input_bits.get()) - 1
    }

    /// Largest magnitude of an output code: 2^output_bits - 1.
    pub fn code_max(&self) -> i32 {
        (1 << self.output_bits.get()) - 1
    }

    /// The shift at which no sum over `rows` rows can clip:
    /// input_bits + weight_bits + ceil(log2 rows) - output_bits, at least 0.
    pub fn full_range_shift(&self) -> u32 {
        let full = self.input_bits.get() + self.weight_bits().get() + ceil_log2(self.rows.get());
        full.saturating_sub(self.output_bits.get())
    }

    /// Bits of the magnitude of one read, which the adder adds: output_bits when composed. An exact read holds the sum of
    /// all conversions, or the correction of offset weights if that can be larger; at most 65 bits.
    pub fn read_bits(&self) -> Bits {
        let Some(adc_bits) = self.adc_bits else { return self.output_bits };
        let ones = |bits: u32| (1u128 << bits) - 1;
        let passes: u128 = (0..self.passes()).map(|pass| 1 << (pass * self.dac_bits.get())).sum();
        let slices: u128 = (0..self.slices).map(|slice| 1 << (slice * self.cell_bits.get())).sum();
        let converted = ones(adc_bits.get()) * passes * slices;
        let offset = u128::from(self.physical_rows().get())
            * u128::from(self.input_max())
            * u128::from(self.weight_min().unsigned_abs());
        let most = if self.polarity == Polarity::Offset { converted.max(offset) } else { converted };
        Bits::new(128 - most.leading_zeros())
    }

    /// How many parts the adder can add without ever overflowing: the adder
    /// needs read_bits + 1 + ceil(log2 parts) bits.
    pub fn max_parts(&self) -> u32 {
        1 << (self.adder_bits.get() - self.read_bits().get() - 1)
    }

    /// Word lines, bias rows included, on which no input and no weights can make the converter of an exact readout
    /// saturate; `None` for a composed readout, whose range is chosen by the shift.
    pub fn lines_without_clipping(&self) -> Option<u32> {
        let ones = |bits: Bits| (1u64 << bits.get()) - 1;
        let lines = ones(self.adc_bits?) / (ones(self.dac_bits) * ones(self.cell_bits));
        Some(u32::try_from(lines).unwrap_or(u32::MAX))
    }

    /// Physical arrays per core: two for a differential pair.
    pub fn arrays_per_core(&self) -> u32 {
        match self.polarity {
            Polarity::Differential => 2,
            Polarity::Offset => 1,
        }
    }

    pub(crate) fn read(mut table: Table<'_, '_>, weights: &[(Field<u32>, Encoding)]) -> Option<Crossbar> {
        let t = &mut table;
        let rows = t.int("rows", 1..=65536);
        let bitlines = t.int("bitlines", 1..=65536);
        let cell_bits = t.int("cell_bits", 1..=8);
        let slices = t.int("slices", 1..=16);
        let input_bits = t.int("input_bits", 1..=16);
        let input_signed = t.flag("input_signed", Some(false));
        let dac_bits = t.int("dac_bits", 1..=16);
        let output_bits = t.int("output_bits", 1..=16);
        let polarities = [("differential", Polarity::Differential), ("offset", Polarity::Offset)];
        let polarity = t.choice("polarity", &polarities, None);
        let readouts = [("composed", Readout::Composed), ("exact", Readout::Exact)];
        let readout = t.choice("readout", &readouts, None);
        let adc_bits = t.int_opt("adc_bits", 1..=32);
        let roundings = [("toward_zero", ReadRounding::TowardZero), ("floor", ReadRounding::Floor)];
        let rounding = t.choice("rounding", &roundings, None);
        let shift_min = t.int("shift_min", 0..=48);
        let shift_max = t.int("shift_max", 0..=48);
        let bias_rows = t.int("bias_rows", 0..=4096);
        let bias_rows_inside = t.flag("bias_rows_inside", None);
        let bias_code = t.int("bias_code", 1..=65535);
        let adder_bits = t.int("adder_bits", 2..=32);
        let sum_shift_max = t.int("sum_shift_max", 0..=31);
        let entries = output_bits.as_ref().map(|f| {
            let why = "a table needs an entry for each signed output code, -(2^output_bits - 1)..=2^output_bits - 1";
            ((1 << (f.value + 1)) - 1, why.to_string())
        });
        let activations = Activation::read_list(t, entries);
        let order = read_order(t, activations.as_deref());

        let doc = table.doc;
        if let Some(signed) = input_signed.as_ref().filter(|f| f.value) {
            let because = "the word-line drivers of a crossbar are unsigned";
            doc.range(signed, because, "false", "encode a signed value on two unsigned signals");
        }
        divides(doc, &dac_bits, &input_bits, "every pass must drive the same number of bits");
        divides(doc, &slices, &bitlines, "every weight must have all its slices in one array");
        check_weight_bits(doc, &cell_bits, &slices, &polarity, weights);
        check_readout(doc, &readout, &adc_bits);
        ordered(&table, &shift_min, &shift_max);
        check_bias(doc, &rows, &bias_rows, &bias_rows_inside, &bias_code, &input_bits);
        check_adder(doc, &adder_bits, &output_bits, &sum_shift_max);
        let adder = adder_bits.clone();
        table.finish();

        let crossbar = Crossbar {
            rows: Rows::new(rows?.value),
            bitlines: Bitlines::new(bitlines?.value),
            cell_bits: Bits::new(cell_bits?.value),
            slices: slices?.value,
            input_bits: Bits::new(input_bits?.value),
            input_signed: input_signed?.value,
            dac_bits: Bits::new(dac_bits?.value),
            output_bits: Bits::new(output_bits?.value),
            polarity: polarity?.value,
            readout: readout?.value,
            adc_bits: adc_bits?.map(|f| Bits::new(f.value)),
            rounding: rounding?.value,
            shift_min: shift_min?.value,
            shift_max: shift_max?.value,
            bias_rows: bias_rows?.value,
            bias_rows_inside: bias_rows_inside?.value,
            bias_code: bias_code?.value,
            adder_bits: Bits::new(adder_bits?.value),
            sum_shift_max: sum_shift_max?.value,
            order: order?,
            activations: activations?,
        };
        check_exact(doc, &crossbar, &adder?);
        Some(crossbar)
    }
}

/// Largest weight on `bits` bits of cells; 1..=16 bits.
pub(super) fn weight_max(polarity: Polarity, bits: u32) -> i32 {
    match polarity {
        Polarity::Differential => (1 << bits) - 1,
        Polarity::Offset => (1 << (bits - 1)) - 1,
    }
}

/// Smallest weight on `bits` bits of cells; 1..=16 bits.
pub(super) fn weight_min(polarity: Polarity, bits: u32) -> i32 {
    match polarity {
        Polarity::Differential => -((1 << bits) - 1),
        Polarity::Offset => -(1 << (bits - 1)),
    }
}
