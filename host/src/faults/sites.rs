//! All faults that a chip can have: counted, and each named by its number.

use spandrel_core::{
    crossbar::{Polarity, Readout},
    image::{Blob, Config, Encoding, FaultClass, Image},
    mac::{Param, Requant},
    spiking::Output,
};

use super::fault::{Defect, Fault};

/// What can break in one configuration.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    columns: u64,
    /// Input lines, bias rows included.
    lines: u64,
    /// Cells of a weight, in one array.
    cells: u64,
    /// Arrays.
    sides: u64,
    /// Stored bits of a column.
    bits: u64,
    /// Range registers and bits of one.
    ranges: u64,
    range_bits: u64,
    /// Every column has a register of its own.
    own_ranges: bool,
    /// Its outputs are spikes.
    spikes: bool,
}

/// Bits of the field that stores a weight, its sign's plane included.
pub(super) const fn field_bits(blob: &Blob) -> u64 {
    match blob.encoding {
        Encoding::SignMagnitude => blob.bits as u64 + 1,
        // A block's fields have no place of their own in a column.
        Encoding::SparseBlocks => 0,
        Encoding::Dense | Encoding::Codebook | Encoding::AxonTyped => blob.bits as u64,
    }
}

impl Shape {
    /// A configuration without an array has nothing that can break.
    fn of(image: &Image<'_>, config: &Config) -> Self {
        let Some(blob) = image.blob(config.blob()) else { return Self::default() };
        let bits = if blob.encoding == Encoding::SparseBlocks { 0 } else { blob.stride() * 8 };
        let own = Self {
            columns: config.columns().into(),
            lines: blob.rows.into(),
            bits,
            sides: 1,
            ..Self::default()
        };
        match config {
            Config::Crossbar(crossbar) => {
                let (ranges, range_bits) = match crossbar.readout {
                    Readout::Composed { shift, .. } => (1, if shift < 32 { 5 } else { 6 }),
                    Readout::Exact { .. } => (0, 0),
                };
                let sides = if crossbar.polarity == Polarity::Differential { 2 } else { 1 };
                Self { cells: crossbar.slices.into(), sides, ranges, range_bits, ..own }
            }
            Config::Mac(mac) => {
                let (ranges, own_ranges) = match mac.requant {
                    Requant::None => (0, false),
                    Requant::Shift { shift, .. } | Requant::Multiplier { shift, .. } => match shift {
                        Param::Core(_) => (1, false),
                        Param::Column { .. } => (own.columns, true),
                    },
                };
                Self { cells: field_bits(&blob), ranges, range_bits: 6, own_ranges, ..own }
            }
            Config::Spiking(spiking) => {
                let spikes = spiking.output == Output::Spikes;
                Self { cells: field_bits(&blob), ranges: 1, range_bits: 5, spikes, ..own }
            }
            _ => Self::default(),
        }
    }

    const fn count(&self, class: FaultClass) -> u64 {
        match class {
            FaultClass::StuckCell => self.columns * self.lines * self.cells * self.sides * 2,
            FaultClass::WeightBit => self.columns * self.bits,
            FaultClass::DeadAxon => self.lines,
            FaultClass::StuckOutput => self.columns * 2,
            FaultClass::Spike => {
                if self.spikes {
                    self.columns * 2
                } else {
                    0
                }
            }
            FaultClass::Range => self.ranges * self.range_bits * 2,
        }
    }

    fn defect(&self, class: FaultClass, number: u64) -> Defect {
        let mut rest = number;
        let mut digit = |base: u64| {
            let digit = rest % base.max(1);
            rest /= base.max(1);
            digit
        };
        match class {
            FaultClass::StuckCell => {
                let (high, negative, slice) =
                    (digit(2) == 1, digit(self.sides) == 1, digit(self.cells) as u8);
                Defect::Cell {
                    row: digit(self.lines) as u32,
                    column: digit(self.columns) as u32,
                    slice,
                    negative,
                    high,
                }
            }
            FaultClass::WeightBit => {
                Defect::Bit { bit: digit(self.bits), column: digit(self.columns) as u32 }
            }
            FaultClass::DeadAxon => Defect::Axon { row: digit(self.lines) as u32 },
            FaultClass::StuckOutput => {
                Defect::Output { high: digit(2) == 1, column: digit(self.columns) as u32 }
            }
            FaultClass::Spike => Defect::Spike { late: digit(2) == 1, column: digit(self.columns) as u32 },
            FaultClass::Range => {
                let (high, bit, column) =
                    (digit(2) == 1, digit(self.range_bits) as u8, digit(self.ranges) as u32);
                Defect::Range { column: self.own_ranges.then_some(column), bit, high }
            }
        }
    }
}

/// All faults that a chip with an image can have.
#[derive(Clone, Debug)]
pub struct Sites {
    shapes: Vec<Shape>,
}

impl Sites {
    /// The faults of a chip with `image`.
    #[must_use]
    pub fn new(image: &Image<'_>) -> Self {
        let configs = (0..image.config_count()).map(|number| image.config(number));
        Self {
            shapes: configs.map(|own| own.map_or(Shape::default(), |own| Shape::of(image, &own))).collect(),
        }
    }

    /// How many of `class` there are.
    #[must_use]
    pub fn count(&self, class: FaultClass) -> u64 {
        self.shapes.iter().map(|shape| shape.count(class)).sum()
    }

    /// How many of `class` there are in the core of `config`.
    #[must_use]
    pub fn count_in(&self, class: FaultClass, config: u32) -> u64 {
        self.shapes.get(config as usize).map_or(0, |shape| shape.count(class))
    }

    /// Number `number` of `class`, of those in the core of `config`.
    #[must_use]
    pub fn fault_in(&self, class: FaultClass, config: u32, number: u64) -> Option<Fault> {
        let shape = self.shapes.get(config as usize).filter(|shape| number < shape.count(class))?;
        Some(Fault { config, defect: shape.defect(class, number) })
    }

    /// Number `number` of `class`, configuration by configuration.
    #[must_use]
    pub fn fault(&self, class: FaultClass, mut number: u64) -> Option<Fault> {
        for (config, shape) in (0..).zip(&self.shapes) {
            let own = shape.count(class);
            if number < own {
                return self.fault_in(class, config, number);
            }
            number -= own;
        }
        None
    }
}
