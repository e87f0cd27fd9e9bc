//! The boards, and what each thing costs there.

use super::{CHECK_COSTS, COSTS};

/// A microcontroller with the firmware of `firmware-sim` on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Name on the command line.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Bytes of flash that the firmware takes, the verification library, its log and semihosting included.
    pub firmware: u64,
    /// Bytes of stack at its deepest.
    pub stack: u64,
    /// Bytes for an image.
    pub image_room: u64,
    /// Bytes for the machine.
    pub machine_room: u64,
    /// Instructions of each of [`COSTS`].
    pub costs: [f64; COSTS.len()],
    /// Instructions of each of [`CHECK_COSTS`].
    pub check_costs: [f64; CHECK_COSTS.len()],
}

/// All targets. Memory and costs are what `cargo xtask boards` measured and fitted with Rust 1.95 at `opt-level` 3.
pub const TARGETS: [Target; 3] = [
    Target {
        name: "cortex-m0",
        about: "nRF51822 of the micro:bit: 256 KiB of flash, 16 KiB of RAM",
        firmware: 128856,
        stack: 7740,
        image_room: 98304,
        machine_room: 7160,
        costs: [
            0.0, 5219.4, 0.0, 36.2, 0.0, 6996.3, 115.4, 814.1, 0.0, 2275.9, 923.3, 0.0, 1897.3, 90.5, 49.9,
            0.0,
        ],
        check_costs: [0.0, 74.4, 108.6],
    },
    Target {
        name: "cortex-m4",
        about: "MPS2 with AN386: 4 MiB of code memory, 16 MiB for image and machine",
        firmware: 115832,
        stack: 15112,
        image_room: 11534336,
        machine_room: 4194304,
        costs: [
            0.0, 3695.6, 140.6, 0.0, 0.0, 1539.4, 96.9, 586.6, 0.0, 0.0, 0.0, 49.3, 1926.6, 0.0, 58.1, 0.0,
        ],
        check_costs: [0.0, 39.1, 56.2],
    },
    Target {
        name: "rv32",
        about: "RV32IMAC as QEMU's virt: 4 MiB for code, 16 MiB for image and machine",
        firmware: 138586,
        stack: 14968,
        image_room: 11534336,
        machine_room: 4194304,
        costs: [
            0.0, 3884.6, 276.5, 7.0, 0.0, 1147.4, 96.3, 594.1, 0.0, 125.6, 0.0, 60.5, 1938.8, 5.3, 57.3, 0.0,
        ],
        check_costs: [0.0, 68.5, 91.9],
    },
];
