//! What the compiler needs to know of a chip: its description, reduced to the kind that is compiled for.

mod digital;

pub use digital::{Curve, Digital};

use spandrel_core::arith::Rounding;
use spandrel_core::crossbar as model;
use spandrel_hwdesc::{Activation, Chip, Kind, Polarity, ReadRounding, Readout};

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::Act;

/// Drivers and cells of a crossbar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Bits of a driver.
    pub dac_bits: u8,
    /// Bits of a cell.
    pub bits: u8,
    /// Cells of a weight.
    pub slices: u8,
}

/// Beyond any exact read that is tuned for: those stay below 2^24.
const EXACT_READ: i32 = 1 << 28;

/// A crossbar chip as the compiler sees it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The whole description.
    pub chip: Chip,
    /// Input rows of an array, bias rows not counted.
    pub rows: usize,
    /// Columns (whole weights) of an array.
    pub columns: usize,
    /// Cores of all chips.
    pub cores: u64,
    /// Largest input code.
    pub input_max: i32,
    /// Largest weight magnitude.
    pub weight_max: i32,
    /// Largest magnitude of a read.
    pub code_max: i32,
    /// Bits of an input code.
    pub input_bits: u8,
    /// Bits of a driver, as tuning sees it: of an exact readout those of a whole code.
    pub dac_bits: u8,
    /// Bits of a cell, as tuning sees it: of an exact readout those of a whole weight's magnitude.
    pub cell_bits: u8,
    /// Cells of a weight, as tuning sees them.
    pub slices: u8,
    /// Drivers and cells as they are.
    pub cells: Cells,
    /// Bits of a read's magnitude.
    pub output_bits: u8,
    /// Polarity.
    pub polarity: model::Polarity,
    /// Converter bits of an exact readout; `None` when the readout is composed.
    pub adc_bits: Option<u8>,
    /// Rounding of composed reads.
    pub rounding: Rounding,
    /// Shifts s of a composed read.
    pub shifts: std::ops::RangeInclusive<u8>,
    /// Bias rows of an array.
    pub bias_rows: usize,
    /// Their code.
    pub bias_code: i32,
    /// Bits of the adder.
    pub adder_bits: u8,
    /// Largest sum shift.
    pub sum_shift_max: u8,
    /// Parts that the adder can hold.
    pub max_parts: usize,
    /// Whether there is a ReLU.
    pub relu: bool,
    /// Whether there is a native sigmoid.
    pub sigmoid: bool,
    /// Whether any function of a finished sum can be had, as a table.
    pub table: bool,
    /// Whether the largest of several codes can be taken.
    pub maximum: bool,
    /// What there is instead of an array, on chips of digital cores.
    pub digital: Option<Digital>,
}

impl Target {
    /// The target that `chip` describes.
    ///
    /// # Errors
    /// SP0401 for a kind of core or a feature that is not compiled for yet, every one of them.
    pub fn new(chip: Chip) -> Result<Self> {
        let mut found = Diagnostics::default();
        let mut refuse = |field: &str, rule: String, way_out: &str| {
            let place = format!("chip {:?}: {field}", chip.name());
            found.push(Diagnostic::error("SP0401", place, rule, way_out));
        };
        let crossbar = match chip.kind() {
            Kind::Crossbar(crossbar) => crossbar.clone(),
            Kind::Mac(mac) => {
                let mac = mac.clone();
                return Self::digital(chip, &mac);
            }
            other => {
                let rule = format!("cores of kind {} are not compiled for in this version", other.name());
                refuse("kind", rule, "choose a chip of kind crossbar or mac, such as prime or tpu");
                return Err(found);
            }
        };
        let relu = crossbar.activations.iter().any(|a| matches!(a, Activation::Relu));
        let sigmoid = crossbar.activations.iter().any(|a| matches!(a, Activation::Sigmoid { .. }));
        let maximum = crossbar.activations.iter().any(|a| matches!(a, Activation::MaxPool { .. }));
        if !relu {
            let rule = "the chip has no ReLU, which carries every signal between layers";
            refuse("crossbar.activations", rule.into(), "add { kind = \"relu\" }");
        }
        if crossbar.readout == Readout::Composed && crossbar.slices > 2 {
            let rule = format!("a composed readout of {} slices is not tuned for yet", crossbar.slices);
            refuse("crossbar.slices", rule, "use 1 or 2 slices, or an exact readout");
        }
        if crossbar.readout == Readout::Composed && crossbar.polarity == Polarity::Offset {
            let rule = "a composed readout of offset weights has no defined arithmetic";
            refuse("crossbar.polarity", rule.into(), "use differential polarity, or an exact readout");
        }
        let clear = crossbar.lines_without_clipping();
        if clear.is_some_and(|lines| lines <= crossbar.bias_rows) {
            let rule = "its converter saturates on so few word lines that none are left beside the bias rows"
                .to_owned();
            refuse(
                "crossbar.adc_bits",
                rule,
                "use a wider converter, narrower drivers or cells, or fewer bias rows",
            );
        }
        if crossbar.output_bits > crossbar.input_bits {
            let rule = "output codes wider than input codes can not feed the next array";
            refuse("crossbar.output_bits", rule.into(), "make output_bits at most input_bits");
        }
        if crossbar.bias_rows == 0 {
            let rule = "without bias rows no bias can be held";
            refuse("crossbar.bias_rows", rule.into(), "give at least one bias row");
        }
        if crossbar.weight_max() > i32::from(i16::MAX) {
            let rule =
                format!("weights of {} bits and a sign are not tuned for yet", crossbar.weight_bits().get());
            refuse(
                "crossbar.cell_bits",
                rule,
                "use at most 15 bits: crossbar.cell_bits times crossbar.slices",
            );
        }
        // Tuning sums partials in f32, which holds whole numbers below 2^24 exactly.
        let digits = |bits: u32| (1u64 << bits) - 1;
        let rows = u64::from(crossbar.input_rows().get()) + u64::from(crossbar.bias_rows);
        let partial = match clear {
            Some(lines) => {
                u64::from(lines.min(crossbar.input_rows().get()))
                    * u64::from(crossbar.input_max())
                    * u64::from(crossbar.weight_max().unsigned_abs())
            }
            None => rows * digits(crossbar.dac_bits.get()) * digits(crossbar.cell_bits.get()),
        };
        if partial >= 1 << 24 {
            let rule = format!("a bit line can sum up to {partial}, beyond what is tuned for, 2^24 - 1");
            let way_out = "use narrower drivers (crossbar.dac_bits) or cells, or fewer rows";
            refuse("crossbar.dac_bits", rule, way_out);
        }
        let byte = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
        let cells = Cells {
            dac_bits: byte(crossbar.dac_bits.get()),
            bits: byte(crossbar.cell_bits.get()),
            slices: byte(crossbar.slices),
        };
        // No operands can saturate the converter on so few lines, so an exact read is the sum itself: tuning sees it as made in one
        // pass over cells that hold whole weights, without rounding and without end.
        let clear = clear.map(|lines| lines.saturating_sub(crossbar.bias_rows) as usize);
        let exact = clear.is_some();
        let magnitude = u32::BITS - crossbar.weight_max().unsigned_abs().leading_zeros();
        let target = Self {
            rows: (crossbar.input_rows().get() as usize).min(clear.unwrap_or(usize::MAX)),
            columns: crossbar.logical_columns().get() as usize,
            cores: chip.fabric().total_cores().get(),
            input_max: crossbar.input_max() as i32,
            weight_max: crossbar.weight_max(),
            code_max: if exact { EXACT_READ } else { crossbar.code_max() },
            input_bits: byte(crossbar.input_bits.get()),
            dac_bits: byte(if exact { crossbar.input_bits.get() } else { crossbar.dac_bits.get() }),
            cell_bits: if exact { byte(magnitude) } else { cells.bits },
            slices: if exact { 1 } else { cells.slices },
            cells,
            output_bits: byte(crossbar.output_bits.get()),
            polarity: match crossbar.polarity {
                Polarity::Differential => model::Polarity::Differential,
                Polarity::Offset => model::Polarity::Offset,
            },
            adc_bits: crossbar.adc_bits.map(|bits| byte(bits.get())),
            rounding: match crossbar.rounding {
                ReadRounding::Floor if !exact => Rounding::Floor,
                _ => Rounding::TowardZero,
            },
            shifts: if exact { 0..=0 } else { byte(crossbar.shift_min)..=byte(crossbar.shift_max.min(40)) },
            bias_rows: crossbar.bias_rows as usize,
            bias_code: crossbar.bias_code as i32,
            adder_bits: byte(crossbar.adder_bits.get()),
            sum_shift_max: byte(crossbar.sum_shift_max),
            max_parts: crossbar.max_parts() as usize,
            relu,
            // A table over exact reads would need one entry for each sum.
            sigmoid: sigmoid && !exact,
            table: false,
            maximum,
            digital: None,
            chip,
        };
        found.into_result(target)
    }

    /// Whether the chip has this function of a sum that one array holds.
    pub fn has(&self, act: &Act) -> bool {
        match act {
            Act::None => false,
            Act::Relu => self.relu,
            Act::Curve(_) => self.table || self.sigmoid && act.is_sigmoid(),
        }
    }

    /// The code of level 0: signals are counted in levels from 0.
    pub fn base(&self) -> i32 {
        self.digital.as_ref().map_or(0, |digital| digital.base)
    }

    /// Passes of an input.
    pub fn passes(&self) -> u8 {
        self.input_bits / self.dac_bits
    }

    /// The largest magnitude of a bias weight's slice, over `rows` bias rows.
    pub fn bias_slice_max(&self, rows: usize) -> i32 {
        ((1 << self.cell_bits) - 1) * rows as i32
    }
}
