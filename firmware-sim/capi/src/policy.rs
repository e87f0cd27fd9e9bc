//! What a board accepts, as C states it.

use core::ffi::c_char;
use spandrel_core::{
    image::ChipLimits,
    load::{Chip, Policy, PublicKey},
};

/// What a board accepts. All zero, with `room` set, accepts any image that is no longer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_policy {
    /// Name of the chip, at most 24 bytes and NUL; NULL: any chip, and the next six are not looked at.
    pub chip: *const c_char,
    /// The least revision that images may be compiled for.
    pub revision_least: u32,
    /// The last one.
    pub revision_most: u32,
    /// Kind of core: 1 crossbar, 2 digital, 3 spiking.
    pub kind: u32,
    /// Inputs of a core.
    pub rows: u32,
    /// Outputs of a core.
    pub columns: u32,
    /// Cores.
    pub cores: u32,
    /// The pinned Ed25519 public key, 32 bytes; NULL: none, and signature and counter are not looked at.
    pub key: *const u8,
    /// The least rollback counter: that of the image in use.
    pub rollback: u32,
    /// The longest image in bytes.
    pub room: u64,
}

impl spandrel_policy {
    /// The core's policy, with what the two pointers lead to.
    #[must_use]
    pub fn checked(&self, name: Option<&'static str>, key: Option<PublicKey>) -> Policy<'static> {
        let limits = ChipLimits {
            // A kind that no image can have stays one.
            kind: u16::try_from(self.kind).unwrap_or(u16::MAX),
            rows: self.rows,
            columns: self.columns,
            cores: self.cores,
        };
        let chip =
            name.map(|name| Chip { name, revisions: (self.revision_least, self.revision_most), limits });
        Policy { chip, key, rollback: self.rollback, room: self.room }
    }
}
