//! What every kind of chip shares: weight encodings, activations, the order
//! of the steps after a sum, fan-out, fabric, costs.

use serde::Serialize;

use crate::reader::{Field, Table};
use crate::units::{Bits, Cores, Limit};

/// How wide the signals between cores are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signals {
    /// Width of an input. On a spiking chip: the widest code a window can
    /// carry, n bits in 2^n ticks.
    pub input_bits: Bits,
    /// Inputs may be negative.
    pub input_signed: bool,
    /// Width of an output, its sign included when it is signed.
    pub output_bits: Bits,
    /// Outputs to other cores may be negative.
    pub output_signed: bool,
}

/// How partial sums of several cores may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialSums {
    /// Not at all: a sum must fit one core or be approximated.
    None,
    /// Output codes are added digitally in a register of this width.
    Adder {
        /// Width of the register, sign included.
        bits: Bits,
    },
    /// Sums stay in the accumulator, before requantisation.
    Accumulator {
        /// Width of the accumulator, sign included.
        bits: Bits,
    },
}

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

/// Notes a range whose start lies above its end.
pub(crate) fn ordered(table: &Table<'_, '_>, low: &Option<Field<u32>>, high: &Option<Field<u32>>) {
    if let (Some(low), Some(high)) = (low, high)
        && low.value > high.value
    {
        let allowed = format!("at most {} (the value of {})", high.value, high.path);
        let help = format!("lower {} or raise {}", low.path, high.path);
        table.doc.contradiction(low, "a range's start must not lie above its end", &allowed, &help);
    }
}

/// A function a core can apply to a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// max(z, 0).
    Relu,
    /// Clamp to any range inside the output range.
    Clamp,
    /// Native sigmoid: a table over the signed code of one array.
    Sigmoid {
        /// Legal only when one array holds the whole sum.
        single_array_only: bool,
    },
    /// Freely loadable lookup table over the signed code before it.
    Table {
        /// Number of entries.
        entries: u32,
    },
    /// Slope and intercept per segment.
    PiecewiseLinear {
        /// Number of segments.
        segments: u32,
        /// Width of a slope, sign included.
        slope_bits: Bits,
        /// Width of an intercept, sign included.
        intercept_bits: Bits,
        /// Right shift of slope times input.
        product_shift: u32,
    },
    /// Largest of a group of outputs.
    MaxPool {
        /// Outputs per group.
        group: u32,
    },
}

impl Activation {
    /// `entries` says how many entries a lookup table must have for the signal
    /// width of this chip, and why; `None` when that is not known because of
    /// another error.
    pub(crate) fn read_list(
        table: &mut Table<'_, '_>,
        entries: Option<(u32, String)>,
    ) -> Option<Vec<Activation>> {
        let (_, items) = table.list("activations", false)?;
        let before = items.len();
        let read: Vec<_> =
            items.into_iter().filter_map(|item| Activation::read(item, entries.as_ref())).collect();
        (read.len() == before).then_some(read)
    }

    fn read(mut table: Table<'_, '_>, wanted: Option<&(u32, String)>) -> Option<Activation> {
        #[derive(Clone, Copy)]
        enum Kind {
            Relu,
            Clamp,
            Sigmoid,
            Table,
            PiecewiseLinear,
            MaxPool,
        }
        let kind = table.choice(
            "kind",
            &[
                ("relu", Kind::Relu),
                ("clamp", Kind::Clamp),
                ("sigmoid", Kind::Sigmoid),
                ("table", Kind::Table),
                ("piecewise_linear", Kind::PiecewiseLinear),
                ("max_pool", Kind::MaxPool),
            ],
            None,
        );
        let Some(kind) = kind else {
            table.abandon();
            return None;
        };
        let read = match kind.value {
            Kind::Relu => Some(Activation::Relu),
            Kind::Clamp => Some(Activation::Clamp),
            Kind::Sigmoid => table
                .flag("single_array_only", None)
                .map(|only| Activation::Sigmoid { single_array_only: only.value }),
            Kind::Table => {
                let entries = table.int("entries", 2..=65536);
                if let (Some(entries), Some((wanted, why))) = (&entries, wanted)
                    && entries.value != *wanted
                {
                    let help = format!("set {} to {wanted}, or change the signal width", entries.path);
                    table.doc.contradiction(entries, why, &wanted.to_string(), &help);
                }
                entries.map(|entries| Activation::Table { entries: entries.value })
            }
            Kind::PiecewiseLinear => {
                let segments = table.int("segments", 2..=256);
                let slope = table.int("slope_bits", 2..=32);
                let intercept = table.int("intercept_bits", 2..=32);
                let shift = table.int("product_shift", 0..=48);
                segments.zip(slope).zip(intercept.zip(shift)).map(
                    |((segments, slope), (intercept, shift))| Activation::PiecewiseLinear {
                        segments: segments.value,
                        slope_bits: Bits::new(slope.value),
                        intercept_bits: Bits::new(intercept.value),
                        product_shift: shift.value,
                    },
                )
            }
            Kind::MaxPool => {
                table.int("group", 2..=65536).map(|group| Activation::MaxPool { group: group.value })
            }
        };
        table.finish();
        read
    }
}

/// A step between the sum and the signal that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The sum is brought to the width of a signal (shift, or multiply and shift).
    Requantise,
    /// The activation function.
    Activation,
    /// Pooling over a group of outputs.
    Pool,
}

/// Reads `order`: requantise and activation once each, pool exactly when
/// the chip can pool.
pub(crate) fn read_order(table: &mut Table<'_, '_>, activations: Option<&[Activation]>) -> Option<Vec<Step>> {
    let words = [("requantise", Step::Requantise), ("activation", Step::Activation), ("pool", Step::Pool)];
    let order = table.choices("order", &words)?;
    if !(order.value.contains(&Step::Requantise) && order.value.contains(&Step::Activation)) {
        let because = "the order must name both \"requantise\" and \"activation\"";
        table.doc.range(&order, because, "each of the two once, and \"pool\"", "name both steps");
    }
    let pools = activations?.iter().any(|a| matches!(a, Activation::MaxPool { .. }));
    if pools != order.value.contains(&Step::Pool) {
        let because = "\"pool\" must be in the order exactly when an activation of kind \"max_pool\" exists";
        let allowed = if pools { "an order with \"pool\"" } else { "an order without \"pool\"" };
        table.doc.contradiction(&order, because, allowed, "change the order or the list of activations");
    }
    Some(order.value)
}

/// How many places an output may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FanOut {
    /// Targets (core and input) per unit.
    pub targets: Limit,
    /// One send can reach several cores.
    pub multicast: bool,
}

impl FanOut {
    pub(crate) fn read(mut table: Table<'_, '_>) -> Option<FanOut> {
        let targets = table.limit("targets");
        let multicast = table.flag("multicast", None);
        if let (Some(targets), Some(multicast)) = (&targets, &multicast)
            && multicast.value
            && targets.value == Limit::AtMost(1)
        {
            let because = "multicast needs more than one target per unit";
            let help = "clear fan_out.multicast or raise fan_out.targets";
            table.doc.contradiction(multicast, because, "false (fan_out.targets is 1)", help);
        }
        table.finish();
        Some(FanOut { targets: targets?.value, multicast: multicast?.value })
    }
}

/// How the cores of a chip reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// Every core reaches every core, distance does not matter.
    Bus,
    /// A rectangle of cores with links between neighbours; chips tile.
    Mesh,
}

/// How many cores there are and how they are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fabric {
    /// Chips on the board.
    pub chips: u32,
    /// Banks per chip.
    pub banks: u32,
    /// Cores per bank.
    pub cores: u32,
    /// How many core-ops one core may perform in turn: 1 when the weights stay
    /// in place, more when the core is time-multiplexed.
    pub core_ops_per_core: Limit,
    /// How cores reach each other.
    pub topology: Topology,
    /// Cores along x of one chip, for a mesh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mesh_width: Option<u32>,
    /// Cores along y of one chip, for a mesh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mesh_height: Option<u32>,
}

impl Fabric {
    /// All cores of the board.
    pub fn total_cores(&self) -> Cores {
        Cores::new(u64::from(self.chips) * u64::from(self.banks) * u64::from(self.cores))
    }

    /// Is there room for this many core-ops?
    pub fn has_room_for(&self, core_ops: u64) -> bool {
        match self.core_ops_per_core {
            Limit::AtMost(each) => {
                u128::from(core_ops) <= u128::from(self.total_cores().get()) * u128::from(each)
            }
            Limit::Unlimited => true,
        }
    }

    pub(crate) fn read(mut table: Table<'_, '_>) -> Option<Fabric> {
        let chips = table.int_or("chips", 1..=65536, 1);
        let banks = table.int_or("banks", 1..=65536, 1);
        let cores = table.int("cores", 1..=65536);
        let each = table.limit("core_ops_per_core");
        let words = [("bus", Topology::Bus), ("mesh", Topology::Mesh)];
        let topology = table.choice("topology", &words, None);
        let width = table.int_opt("mesh_width", 1..=65536);
        let height = table.int_opt("mesh_height", 1..=65536);
        if let (Some(topology), Some(width), Some(height)) = (&topology, &width, &height) {
            let given: Vec<_> = [width, height].into_iter().flatten().collect();
            if topology.value == Topology::Bus {
                for field in given {
                    let because = "a bus has no mesh";
                    table.doc.contradiction(field, because, "absent", "remove it, or use topology \"mesh\"");
                }
            } else if given.len() < 2 {
                let because = "a mesh must state fabric.mesh_width and fabric.mesh_height";
                table.doc.contradiction(topology, because, "\"bus\", or both fields", "add both fields");
            } else if let (Some(banks), Some(cores)) = (&banks, &cores) {
                let (have, mesh) = (
                    u64::from(banks.value) * u64::from(cores.value),
                    u64::from(given[0].value) * u64::from(given[1].value),
                );
                if have != mesh {
                    let because = "banks x cores must equal mesh_width x mesh_height";
                    let help = format!("the mesh has {mesh} places for {have} cores: make both equal");
                    let allowed = format!("mesh_width x mesh_height = {have}");
                    table.doc.contradiction(given[0], because, &allowed, &help);
                }
            }
        }
        table.finish();
        Some(Fabric {
            chips: chips?.value,
            banks: banks?.value,
            cores: cores?.value,
            core_ops_per_core: each?.value,
            topology: topology?.value,
            mesh_width: width?.map(|f| f.value),
            mesh_height: height?.map(|f| f.value),
        })
    }
}

/// Costs of one core-op, where a source gives them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Cost {
    /// Area of one core, in square micrometres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_um2: Option<f64>,
    /// Energy of one core-op, in picojoules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_pj: Option<f64>,
    /// Time of one core-op, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ns: Option<f64>,
}

impl Cost {
    pub(crate) fn read(mut table: Table<'_, '_>) -> Option<Cost> {
        let area = table.amount_opt("area_um2");
        let energy = table.amount_opt("energy_pj");
        let latency = table.amount_opt("latency_ns");
        table.finish();
        Some(Cost { area_um2: area?, energy_pj: energy?, latency_ns: latency? })
    }
}
