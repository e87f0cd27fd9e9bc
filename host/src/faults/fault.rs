//! One fault.

use std::fmt;

use spandrel_core::image::FaultClass;

/// What is broken in a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Defect {
    /// A cell that holds its lowest (`high` false) or highest level.
    Cell {
        /// Column.
        column: u32,
        /// Input line, bias rows behind the others.
        row: u32,
        /// Crossbar: slice of the weight, the lowest first. Other cores: bit of the stored field, the sign's plane last.
        slice: u8,
        /// Crossbar with a differential pair: the array of the negative weights.
        negative: bool,
        /// Stuck at the highest level.
        high: bool,
    },
    /// Bit `bit` of the bytes that store `column` is flipped.
    Bit {
        /// Column.
        column: u32,
        /// Bit of its bytes, the lowest of the first one first; padding included.
        bit: u64,
    },
    /// Code 0 arrives on an input line.
    Axon {
        /// Input line, bias rows behind the others.
        row: u32,
    },
    /// An output gives 0, or (`high`) its largest value.
    Output {
        /// Column.
        column: u32,
        /// Stuck at the largest value.
        high: bool,
    },
    /// The first spikes of a neuron are lost or late.
    Spike {
        /// Neuron.
        column: u32,
        /// They come a tick late.
        late: bool,
    },
    /// A bit of the range register reads 0, or (`high`) 1.
    Range {
        /// The column whose register it is; `None` where all share one.
        column: Option<u32>,
        /// Bit of the register.
        bit: u8,
        /// Stuck at 1.
        high: bool,
    },
}

/// A fault of a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault {
    /// The configuration whose core it is in.
    pub config: u32,
    /// What is broken.
    pub defect: Defect,
}

impl Fault {
    /// Its class.
    #[must_use]
    pub const fn class(&self) -> FaultClass {
        match self.defect {
            Defect::Cell { .. } => FaultClass::StuckCell,
            Defect::Bit { .. } => FaultClass::WeightBit,
            Defect::Axon { .. } => FaultClass::DeadAxon,
            Defect::Output { .. } => FaultClass::StuckOutput,
            Defect::Spike { .. } => FaultClass::Spike,
            Defect::Range { .. } => FaultClass::Range,
        }
    }

    /// The column that it concerns, if only one.
    #[must_use]
    pub const fn column(&self) -> Option<u32> {
        match self.defect {
            Defect::Cell { column, .. }
            | Defect::Bit { column, .. }
            | Defect::Output { column, .. }
            | Defect::Spike { column, .. } => Some(column),
            Defect::Range { column, .. } => column,
            Defect::Axon { .. } => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration {}: ", self.config)?;
        match self.defect {
            Defect::Cell { column, row, slice, negative, high } => {
                let (side, level) = (
                    if negative { " of the negative array" } else { "" },
                    if high { "highest" } else { "lowest" },
                );
                write!(f, "column {column}, row {row}, cell {slice}{side} stuck at its {level} level")
            }
            Defect::Bit { column, bit } => write!(f, "column {column}, stored bit {bit} flipped"),
            Defect::Axon { row } => write!(f, "axon {row} dead"),
            Defect::Output { column, high } => {
                write!(f, "output {column} stuck at {}", if high { "its largest value" } else { "0" })
            }
            Defect::Spike { column, late } => {
                write!(f, "first spike of neuron {column} {}", if late { "late" } else { "lost" })
            }
            Defect::Range { column, bit, high } => {
                let of = column.map_or(String::new(), |column| format!(" of column {column}"));
                write!(f, "bit {bit} of the range register{of} stuck at {}", u8::from(high))
            }
        }
    }
}
