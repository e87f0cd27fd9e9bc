//! What a board accepts: its chip, the key it trusts, the counter it has seen.

#[cfg(feature = "signature")]
use super::ed25519::verify;
use crate::image::{ChipLimits, Digest32, Header, Rule, Signature, Tag};
use core::fmt;

/// An Ed25519 public key (RFC 8032).
pub type PublicKey = [u8; 32];

/// The chip at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chip<'a> {
    /// Its name, as in image headers.
    pub name: &'a str,
    /// The revisions that images may be made for: from, to, both included.
    pub revisions: (u32, u32),
    /// Core kind, size of a core, and how many cores there are; images may ask for less, not for more.
    pub limits: ChipLimits,
}

/// What a board accepts. Everything that can be decided from the header and the first section is decided before anything is
/// written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy<'a> {
    /// The chip; `None` accepts images for any (a board that runs the models themselves).
    pub chip: Option<Chip<'a>>,
    /// The pinned key: with one, unsigned images and those that another key signed are refused.
    pub key: Option<PublicKey>,
    /// The least rollback counter; that of the image in use.
    pub rollback: u32,
    /// The longest image in bytes.
    pub room: u64,
}

impl Policy<'_> {
    /// Accepts any image of at most `room` bytes.
    #[must_use]
    pub const fn any(room: u64) -> Self {
        Self { chip: None, key: None, rollback: 0, room }
    }

    /// Decides what the header alone tells.
    ///
    /// # Errors
    /// Another chip or revision, too long, an old counter, unsigned though a key is pinned.
    pub fn header(&self, header: &Header) -> Result<(), Refusal> {
        if let Some(chip) = &self.chip {
            if header.chip_name() != chip.name {
                return Err(Refusal::OtherChip);
            }
            let (least, most) = chip.revisions;
            if header.chip_revision < least || header.chip_revision > most {
                return Err(Refusal::OtherRevision { image: header.chip_revision, least, most });
            }
        }
        if header.total_bytes > self.room {
            return Err(Refusal::TooLong { bytes: header.total_bytes, room: self.room });
        }
        if self.key.is_some() {
            let seal = header.total_bytes.checked_sub(header.seal_offset);
            if seal != Some(crate::image::SIGNED_SEAL_BYTES as u64) {
                return Err(Refusal::Unsigned);
            }
            // Nothing but a signature makes the counter worth anything: without a key it is not looked at.
            if header.rollback < self.rollback {
                return Err(Refusal::RolledBack { image: header.rollback, least: self.rollback });
            }
        }
        Ok(())
    }

    /// Compares the chip's limits in the image with the chip at hand.
    ///
    /// # Errors
    /// Another kind of core, or larger or more cores than there are.
    pub fn limits(&self, image: &ChipLimits) -> Result<(), Refusal> {
        let Some(chip) = &self.chip else { return Ok(()) };
        let own = &chip.limits;
        let pairs = [
            ("rows", image.rows, own.rows),
            ("columns", image.columns, own.columns),
            ("cores", image.cores, own.cores),
        ];
        if image.kind != own.kind {
            return Err(Refusal::OtherKind { image: image.kind, chip: own.kind });
        }
        for (what, needed, available) in pairs {
            if needed > available {
                return Err(Refusal::BeyondChip { what, needed, available });
            }
        }
        Ok(())
    }

    /// Checks the signature of `digest`.
    ///
    /// # Errors
    /// A key is pinned, and there is no signature or it is not that key's; or this build can not check signatures.
    pub fn signature(&self, digest: &Digest32, signature: Option<&Signature>) -> Result<(), Refusal> {
        match (&self.key, signature) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Refusal::Unsigned),
            (Some(key), Some(signature)) => verify(key, digest, signature),
        }
    }
}

#[cfg(not(feature = "signature"))]
fn verify(_: &PublicKey, _: &[u8], _: &Signature) -> Result<(), Refusal> {
    Err(Refusal::NoSignatures)
}

/// Why a board does not take an image that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// The image was made for a chip of another name.
    OtherChip,
    /// The image was made for another revision.
    OtherRevision {
        /// What the image says.
        image: u32,
        /// The least revision accepted.
        least: u32,
        /// The last one.
        most: u32,
    },
    /// The image needs another kind of core.
    OtherKind {
        /// What the image says, as in CONFIGS.
        image: u16,
        /// The chip's.
        chip: u16,
    },
    /// The image needs more than the chip has.
    BeyondChip {
        /// `rows`, `columns` or `cores`.
        what: &'static str,
        /// What the image says.
        needed: u32,
        /// The chip's.
        available: u32,
    },
    /// The image is longer than there is room for.
    TooLong {
        /// Its length in bytes.
        bytes: u64,
        /// The room.
        room: u64,
    },
    /// A key is pinned and the image has no signature.
    Unsigned,
    /// The signature is not the pinned key's.
    WrongSignature,
    /// The pinned key is no Ed25519 key.
    BadKey,
    /// A key is pinned and this build can not check signatures (feature `signature`).
    NoSignatures,
    /// The image is older than the one in use.
    RolledBack {
        /// Its counter.
        image: u32,
        /// The least counter accepted.
        least: u32,
    },
    /// The first section is not CHIP: limits can not be compared before the first write.
    NoLimits,
    /// More sections than the loader keeps track of.
    TooManySections(u32),
}

impl Refusal {
    /// The stable name, for logs and for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OtherChip => "other-chip",
            Self::OtherRevision { .. } => "other-revision",
            Self::OtherKind { .. } => "other-kind",
            Self::BeyondChip { .. } => "beyond-chip",
            Self::TooLong { .. } => "too-long-for-slot",
            Self::Unsigned => "unsigned",
            Self::WrongSignature => "wrong-signature",
            Self::BadKey => "bad-key",
            Self::NoSignatures => "no-signatures",
            Self::RolledBack { .. } => "rolled-back",
            Self::NoLimits => "no-limits",
            Self::TooManySections(_) => "too-many-sections",
        }
    }

    /// What the reader can do about it.
    #[must_use]
    pub const fn way_out(&self) -> &'static str {
        match self {
            Self::OtherChip
            | Self::OtherRevision { .. }
            | Self::OtherKind { .. }
            | Self::BeyondChip { .. } => "compile the network for the chip on this board",
            Self::TooLong { .. } => {
                "make a larger slot, or compile with fewer signals and without provenance"
            }
            Self::Unsigned | Self::WrongSignature => {
                "sign the image with the key that this board trusts (`spandrel sign`)"
            }
            Self::BadKey => "pin the 32 bytes that `spandrel keygen` wrote",
            Self::NoSignatures => "build the firmware with spandrel-core's feature `signature`",
            Self::RolledBack { .. } => "sign the image with a counter that is not below the one in use",
            Self::NoLimits | Self::TooManySections(_) => {
                "compile the image with the version that this loader belongs to"
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::OtherRevision { image, least, most } => write!(f, ": {image}, not {least} to {most}"),
            Self::OtherKind { image, chip } => write!(f, ": {image}, not {chip}"),
            Self::BeyondChip { what, needed, available } => write!(f, ": {needed} {what}, not {available}"),
            Self::TooLong { bytes, room } => write!(f, ": {bytes} bytes, not {room}"),
            Self::RolledBack { image, least } => write!(f, ": {image}, not {least}"),
            Self::TooManySections(count) => write!(f, ": {count}"),
            _ => Ok(()),
        }
    }
}

impl core::error::Error for Refusal {}

// The rules of the frame that both readers name alike.
pub(super) const SECTION_RULES: [Rule; 3] =
    [Rule::SectionOrder, Rule::DuplicateSection, Rule::MissingSection];
pub(super) const FIRST: Tag = Tag::CHIP;
