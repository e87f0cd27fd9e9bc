//! The checked chip description.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::kind::{crossbar::Crossbar, mac::Mac, spiking::Spiking};
use crate::parts::{Activation, Cost, Encoding, Fabric, FanOut, PartialSums, Signals};
use crate::source::Source;
use crate::units::{Arrays, Columns, Rows};

/// The kind of core a chip has, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Analog sums on bit lines.
    Crossbar(Crossbar),
    /// Digital multiply-accumulate.
    Mac(Mac),
    /// Integrate and fire.
    Spiking(Spiking),
}

impl Kind {
    /// The word used in the description.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Crossbar(_) => "crossbar",
            Kind::Mac(_) => "mac",
            Kind::Spiking(_) => "spiking",
        }
    }
}

/// A chip description in which every rule holds. It can only be made by
/// [`parse`](crate::parse), so owning one is the evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    pub(crate) name: String,
    pub(crate) revision: u32,
    pub(crate) about: String,
    pub(crate) reference: String,
    pub(crate) kind: Kind,
    pub(crate) weights: Vec<Encoding>,
    pub(crate) fan_out: FanOut,
    pub(crate) fabric: Fabric,
    pub(crate) cost: Cost,
    pub(crate) sources: BTreeMap<String, Source>,
}

impl Chip {
    /// Name: 1 to 32 of a-z, 0-9 and `-`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Revision of the description, at least 1; part of the chip's identity.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// What the chip is, in a sentence or two; may be empty.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// The literature the description rests on; may be empty.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The kind of core with its parameters.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The crossbar parameters, if the chip is of that kind.
    pub fn crossbar(&self) -> Option<&Crossbar> {
        match &self.kind {
            Kind::Crossbar(crossbar) => Some(crossbar),
            _ => None,
        }
    }

    /// The MAC parameters, if the chip is of that kind.
    pub fn mac(&self) -> Option<&Mac> {
        match &self.kind {
            Kind::Mac(mac) => Some(mac),
            _ => None,
        }
    }

    /// The spiking parameters, if the chip is of that kind.
    pub fn spiking(&self) -> Option<&Spiking> {
        match &self.kind {
            Kind::Spiking(spiking) => Some(spiking),
            _ => None,
        }
    }

    /// The weight encodings the chip offers, at least one, the first the usual one.
    pub fn weights(&self) -> &[Encoding] {
        &self.weights
    }

    /// How many places an output may be sent to.
    pub fn fan_out(&self) -> FanOut {
        self.fan_out
    }

    /// How many cores there are and how they are connected.
    pub fn fabric(&self) -> &Fabric {
        &self.fabric
    }

    /// Costs of one core-op, where known.
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// Where values come from, by dotted path.
    pub fn sources(&self) -> &BTreeMap<String, Source> {
        &self.sources
    }

    /// The source of the value at `path`: its own, or that of the nearest
    /// table around it that has one.
    pub fn source_of(&self, path: &str) -> Option<&Source> {
        let mut path = path;
        loop {
            if let Some(source) = self.sources.get(path) {
                return Some(source);
            }
            path = &path[..path.rfind('.')?];
        }
    }

    /// Inputs of one core-op, bias rows not counted.
    pub fn core_inputs(&self) -> Rows {
        match &self.kind {
            Kind::Crossbar(c) => c.input_rows(),
            Kind::Mac(m) => m.rows,
            Kind::Spiking(s) => s.axons,
        }
    }

    /// Outputs of one core-op.
    pub fn core_outputs(&self) -> Columns {
        match &self.kind {
            Kind::Crossbar(c) => c.logical_columns(),
            Kind::Mac(m) => m.columns,
            Kind::Spiking(s) => s.neurons,
        }
    }

    /// Widths and signs of the signals between cores.
    pub fn signals(&self) -> Signals {
        match &self.kind {
            Kind::Crossbar(c) => Signals {
                input_bits: c.input_bits,
                input_signed: c.input_signed,
                output_bits: c.output_bits,
                // After the activation; before it, codes are signed.
                output_signed: false,
            },
            Kind::Mac(m) => Signals {
                input_bits: m.input_bits,
                input_signed: m.input_signed,
                output_bits: m.output_bits,
                output_signed: m.output_signed,
            },
            Kind::Spiking(s) => Signals {
                input_bits: s.window_bits_max,
                input_signed: false,
                output_bits: s.window_bits_max,
                output_signed: false,
            },
        }
    }

    /// How partial sums of several cores may be added.
    pub fn partial_sums(&self) -> PartialSums {
        match &self.kind {
            Kind::Crossbar(c) => PartialSums::Adder { bits: c.adder_bits },
            Kind::Mac(m) if m.accumulate_across_cores => {
                PartialSums::Accumulator { bits: m.accumulator_bits }
            }
            Kind::Mac(_) | Kind::Spiking(_) => PartialSums::None,
        }
    }

    /// Functions the outputs can go through; empty for a spiking chip, whose
    /// neuron is its activation.
    pub fn activations(&self) -> &[Activation] {
        match &self.kind {
            Kind::Crossbar(c) => &c.activations,
            Kind::Mac(m) => &m.activations,
            Kind::Spiking(_) => &[],
        }
    }

    /// Physical arrays of the board: cores, times two for differential pairs.
    pub fn total_arrays(&self) -> Arrays {
        let each = self.crossbar().map_or(1, Crossbar::arrays_per_core);
        Arrays::new(self.fabric.total_cores().get() * u64::from(each))
    }

    /// The canonical text: every field, defaults included, in a fixed order.
    /// `parse(&chip.to_toml(), …)` gives an equal chip.
    pub fn to_toml(&self) -> String {
        #[derive(Serialize)]
        struct Text<'a> {
            name: &'a str,
            revision: u32,
            kind: &'static str,
            about: &'a str,
            reference: &'a str,
            fan_out: &'a FanOut,
            fabric: &'a Fabric,
            #[serde(skip_serializing_if = "Option::is_none")]
            crossbar: Option<&'a Crossbar>,
            #[serde(skip_serializing_if = "Option::is_none")]
            mac: Option<&'a Mac>,
            #[serde(skip_serializing_if = "Option::is_none")]
            spiking: Option<&'a Spiking>,
            weights: &'a [Encoding],
            #[serde(skip_serializing_if = "is_default")]
            cost: &'a Cost,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            sources: &'a BTreeMap<String, Source>,
        }
        fn is_default(cost: &&Cost) -> bool {
            **cost == Cost::default()
        }
        let text = Text {
            name: &self.name,
            revision: self.revision,
            kind: self.kind.name(),
            about: &self.about,
            reference: &self.reference,
            fan_out: &self.fan_out,
            fabric: &self.fabric,
            crossbar: self.crossbar(),
            mac: self.mac(),
            spiking: self.spiking(),
            weights: &self.weights,
            cost: &self.cost,
            sources: &self.sources,
        };
        toml::to_string(&text).expect("a checked chip has only tables, lists, words and numbers")
    }
}
