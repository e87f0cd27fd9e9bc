//! Weight encodings: the finite sets weights come from.

use serde::Serialize;

use super::ordered;
use crate::raw::{Field, Table};
use crate::units::Bits;

/// A set of values a weight may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encoding {
    /// Sign and magnitude, the magnitude composed of several cells:
    /// -(2^bits - 1)..=2^bits - 1.
    SignMagnitude {
        /// Bits of the magnitude, without the sign.
        bits: Bits,
    },
    /// `bits`-bit two's complement integers times 2^-p, one p per core.
    DynamicFixedPoint {
        /// Width, sign included.
        bits: Bits,
        /// The most negative code is not used: -(2^(bits-1) - 1)..=2^(bits-1) - 1.
        symmetric: bool,
        /// Smallest p; any when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        point_min: Option<i32>,
        /// Largest p; any when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        point_max: Option<i32>,
    },
    /// `bits`-bit two's complement integers divided by an integer threshold.
    Fraction {
        /// Width, sign included.
        bits: Bits,
        /// Smallest threshold.
        threshold_min: u32,
        /// Largest threshold.
        threshold_max: u32,
    },
    /// An index per synapse into a table of signed values.
    Shared {
        /// Width of the index: 2^index_bits values.
        index_bits: Bits,
        /// Width of a value, sign included.
        value_bits: Bits,
        /// Who has a table of its own.
        per: Per,
    },
    /// An axon type per row, a signed value per type and neuron, 1-bit synapses.
    AxonTyped {
        /// Number of axon types.
        types: u32,
        /// Width of a value, sign included.
        value_bits: Bits,
    },
}

/// Who has a table or factor of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// One for all units of a core.
    Core,
    /// One for each neuron or column.
    Neuron,
}

impl Encoding {
    /// Smallest and largest integer a synapse can have.
    pub fn range(&self) -> (i64, i64) {
        let twos = |bits: Bits| {
            let half = 1i64 << (bits.get() - 1);
            (-half, half - 1)
        };
        match *self {
            Encoding::SignMagnitude { bits } => {
                let most = (1i64 << bits.get()) - 1;
                (-most, most)
            }
            Encoding::DynamicFixedPoint { bits, symmetric, .. } => {
                let (low, high) = twos(bits);
                (low + i64::from(symmetric), high)
            }
            Encoding::Fraction { bits, .. } => twos(bits),
            Encoding::Shared { value_bits, .. } | Encoding::AxonTyped { value_bits, .. } => twos(value_bits),
        }
    }

    pub(crate) fn read(mut table: Table<'_, '_>) -> Option<(Field<u32>, Encoding)> {
        #[derive(Clone, Copy)]
        enum Kind {
            SignMagnitude,
            DynamicFixedPoint,
            Fraction,
            Shared,
            AxonTyped,
        }
        let kind = table.choice(
            "kind",
            &[
                ("sign_magnitude", Kind::SignMagnitude),
                ("dynamic_fixed_point", Kind::DynamicFixedPoint),
                ("fraction", Kind::Fraction),
                ("shared", Kind::Shared),
                ("axon_typed", Kind::AxonTyped),
            ],
            None,
        );
        let Some(kind) = kind else {
            table.abandon();
            return None;
        };
        let read = match kind.value {
            Kind::SignMagnitude => {
                let bits = table.int("bits", 1..=16);
                bits.map(|bits| (bits.clone(), Encoding::SignMagnitude { bits: Bits::new(bits.value) }))
            }
            Kind::DynamicFixedPoint => read_fixed_point(&mut table),
            Kind::Fraction => {
                let bits = table.int("bits", 1..=16);
                let low = table.int("threshold_min", 1..=u32::MAX);
                let high = table.int("threshold_max", 1..=u32::MAX);
                ordered(&table, &low, &high);
                bits.zip(low).zip(high).map(|((bits, low), high)| {
                    let encoding = Encoding::Fraction {
                        bits: Bits::new(bits.value),
                        threshold_min: low.value,
                        threshold_max: high.value,
                    };
                    (bits, encoding)
                })
            }
            Kind::Shared => {
                let index_bits = table.int("index_bits", 1..=8);
                let value_bits = table.int("value_bits", 1..=16);
                let per = table.choice("per", &[("core", Per::Core), ("neuron", Per::Neuron)], None);
                index_bits.zip(value_bits).zip(per).map(|((index, value), per)| {
                    let encoding = Encoding::Shared {
                        index_bits: Bits::new(index.value),
                        value_bits: Bits::new(value.value),
                        per: per.value,
                    };
                    (value, encoding)
                })
            }
            Kind::AxonTyped => {
                let types = table.int("types", 1..=256);
                let value_bits = table.int("value_bits", 1..=16);
                types.zip(value_bits).map(|(types, value)| {
                    let value_bits = Bits::new(value.value);
                    (value, Encoding::AxonTyped { types: types.value, value_bits })
                })
            }
        };
        table.finish();
        read
    }
}

fn read_fixed_point(table: &mut Table<'_, '_>) -> Option<(Field<u32>, Encoding)> {
    let bits = table.int("bits", 1..=16);
    let symmetric = table.flag("symmetric", Some(false));
    let mut point = |name| match table.has(name) {
        true => table.signed(name, -64..=64).map(Some),
        false => Some(None),
    };
    let (low, high) = (point("point_min"), point("point_max"));
    if let (Some(Some(low)), Some(Some(high))) = (&low, &high)
        && low.value > high.value
    {
        let allowed = format!("-64..={}", high.value);
        let help = format!("lower {} or raise {}", low.path, high.path);
        table.doc.contradiction(low, "a range's start must not lie above its end", &allowed, &help);
    }
    if let (Some(bits), Some(symmetric)) = (&bits, &symmetric)
        && bits.value == 1
        && symmetric.value
    {
        let because = "a symmetric 1-bit weight could only be 0";
        table.doc.contradiction(symmetric, because, "false", "clear it or give the weight 2 bits");
    }
    let (bits, symmetric, low, high) = (bits?, symmetric?, low?, high?);
    let encoding = Encoding::DynamicFixedPoint {
        bits: Bits::new(bits.value),
        symmetric: symmetric.value,
        point_min: low.map(|p| p.value as i32),
        point_max: high.map(|p| p.value as i32),
    };
    Some((bits, encoding))
}
