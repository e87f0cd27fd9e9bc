//! Fan-out, fabric and costs.

use serde::Serialize;

use crate::raw::Table;
use crate::units::{Cores, Limit};

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
