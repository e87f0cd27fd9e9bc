//! Two slots in flash: the image in use lies in one while the other is written, and power may fail at any byte.
//!
//! ```text
//! slot    record (one erase block): magic, sequence, image bytes, digest, CRC-32; then 0xFF
//!         image: as it came, from the second erase block on
//! ```
//!
//! An update erases the other slot's record first, then its image, writes the image, and writes the record last. A record whose
//! CRC-32 fits is therefore always that of a whole image; [`Slots::active`] hashes the image all the same, since flash ages. Of
//! two whole slots the one with the later sequence number is in use. Until the record is written the old slot stays in use,
//! and after that the new one: there is no byte between at which neither is.

mod update;

pub use update::Update;

use super::policy::Policy;
use crate::{
    bytes::Fields,
    image::{Digest32, HEADER_BYTES, Header, crc32},
};
use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest, Sha256};

const MAGIC: [u8; 4] = *b"SPsl";
/// Bytes of a record: magic 4, sequence 4, image bytes 4, digest 32, CRC-32 4.
const RECORD_BYTES: usize = 48;
/// The largest unit of writing that a flash may have.
pub const WRITE_SIZE_MAX: usize = 64;

/// One of the two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The lower half.
    A,
    /// The upper half.
    B,
}

impl Slot {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A whole image in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Active {
    /// The slot.
    pub slot: Slot,
    /// Its sequence number.
    pub sequence: u32,
    /// Where the image begins in flash, in bytes.
    pub offset: u32,
    /// Its length in bytes.
    pub bytes: u32,
    /// SHA-256 over everything before its seal.
    pub digest: Digest32,
}

/// Why flash could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotError<E> {
    /// The flash failed.
    Flash(E),
    /// The slots' sizes are no multiples of the flash's erase blocks, or lie outside it, or it writes in too large units.
    Layout,
}

/// Two slots of `half` bytes each, from `start` on.
pub struct Slots<F> {
    flash: F,
    start: u32,
    half: u32,
}

impl<F: NorFlash> Slots<F> {
    /// Two slots in `flash`.
    ///
    /// # Errors
    /// [`SlotError::Layout`].
    pub fn new(flash: F, start: u32, half: u32) -> Result<Self, SlotError<F::Error>> {
        let erase = F::ERASE_SIZE as u32;
        let aligned = start.is_multiple_of(erase.max(1)) && half.is_multiple_of(erase.max(1));
        let end = half.checked_mul(2).and_then(|both| start.checked_add(both));
        let fits = end.is_some_and(|end| end as usize <= flash.capacity());
        let units = F::WRITE_SIZE <= WRITE_SIZE_MAX
            && F::WRITE_SIZE > 0
            && F::ERASE_SIZE.is_multiple_of(F::WRITE_SIZE)
            && F::ERASE_SIZE >= RECORD_BYTES.next_multiple_of(F::WRITE_SIZE);
        if aligned && fits && units && half > erase {
            Ok(Self { flash, start, half })
        } else {
            Err(SlotError::Layout)
        }
    }

    /// The longest image in bytes.
    #[must_use]
    pub const fn room(&self) -> u32 {
        self.half - F::ERASE_SIZE as u32
    }

    /// The flash.
    pub const fn flash(&mut self) -> &mut F {
        &mut self.flash
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }

    const fn base(&self, slot: Slot) -> u32 {
        match slot {
            Slot::A => self.start,
            Slot::B => self.start + self.half,
        }
    }

    /// The image in use: the whole one with the later sequence number; `None` when there is none. Reads and hashes up to both images.
    ///
    /// # Errors
    /// The flash failed.
    pub fn active(&mut self) -> Result<Option<Active>, SlotError<F::Error>> {
        let mut found: [Option<Active>; 2] = [self.record(Slot::A)?, self.record(Slot::B)?];
        // The later one first: the other need not be hashed then. Numbers wrap.
        if let [Some(a), Some(b)] = &found
            && (b.sequence.wrapping_sub(a.sequence) as i32) > 0
        {
            found.reverse();
        }
        for active in found.into_iter().flatten() {
            if self.hash(&active)? == Some(active.digest) {
                return Ok(Some(active));
            }
        }
        Ok(None)
    }

    /// The header of the image in use.
    ///
    /// # Errors
    /// The flash failed.
    pub fn header(&mut self, active: &Active) -> Result<Option<Header>, SlotError<F::Error>> {
        let mut bytes = [0u8; HEADER_BYTES];
        self.read(active.offset, &mut bytes)?;
        Ok(Header::parse(&bytes).ok())
    }

    /// Reads flash at any offset and length, whatever its unit of reading.
    fn read(&mut self, mut at: u32, mut bytes: &mut [u8]) -> Result<(), SlotError<F::Error>> {
        let unit = F::READ_SIZE.clamp(1, WRITE_SIZE_MAX);
        let mut buffer = [0u8; WRITE_SIZE_MAX];
        while !bytes.is_empty() {
            let first = at - at % unit as u32;
            let Some(window) = buffer.get_mut(..unit) else { return Err(SlotError::Layout) };
            self.flash.read(first, window).map_err(SlotError::Flash)?;
            let skip = (at - first) as usize;
            let count = (unit - skip).min(bytes.len());
            let (now, later) = bytes.split_at_mut(count);
            // Of one length; `copy_from_slice` would compare them, and keep a way to a panic.
            for (to, from) in now.iter_mut().zip(window.get(skip..).ok_or(SlotError::Layout)?) {
                *to = *from;
            }
            bytes = later;
            at += count as u32;
        }
        Ok(())
    }

    fn record(&mut self, slot: Slot) -> Result<Option<Active>, SlotError<F::Error>> {
        let base = self.base(slot);
        let mut bytes = [0u8; RECORD_BYTES];
        self.read(base, &mut bytes)?;
        let bytes = bytes.as_slice();
        let checked = bytes.slice_at(0, RECORD_BYTES - 4).unwrap_or(&[]);
        if bytes.slice_at(0, 4) != Some(&MAGIC) || bytes.u32_at(RECORD_BYTES - 4) != Some(crc32(&[checked])) {
            return Ok(None);
        }
        let mut digest = [0u8; 32];
        for (to, from) in digest.iter_mut().zip(bytes.slice_at(12, 32).unwrap_or(&[])) {
            *to = *from;
        }
        let active = Active {
            slot,
            sequence: bytes.u32_at(4).unwrap_or(0),
            offset: base + F::ERASE_SIZE as u32,
            bytes: bytes.u32_at(8).unwrap_or(0),
            digest,
        };
        Ok((active.bytes <= self.room()).then_some(active))
    }

    /// SHA-256 over everything before the seal of the image; `None` when its header makes no sense.
    fn hash(&mut self, active: &Active) -> Result<Option<Digest32>, SlotError<F::Error>> {
        let seal = self.header(active)?.and_then(|header| u32::try_from(header.seal_offset).ok());
        let Some(seal) = seal.filter(|seal| *seal <= active.bytes) else { return Ok(None) };
        let mut hash = Sha256::new();
        let mut at = 0;
        let mut buffer = [0u8; 128];
        while at < seal {
            let count = (seal - at).min(buffer.len() as u32) as usize;
            let Some(window) = buffer.get_mut(..count) else { return Ok(None) };
            self.read(active.offset + at, window)?;
            hash.update(window);
            at += count as u32;
        }
        Ok(Some(hash.finalize().into()))
    }

    /// Starts an update of the slot that is not in use. `policy`'s room and counter are narrowed to what the slots allow:
    /// see [`Slots::policy`].
    ///
    /// # Errors
    /// The flash failed.
    pub fn update<'p>(
        &mut self,
        policy: &Policy<'p>,
    ) -> Result<Update<'p, F, &mut Self>, SlotError<F::Error>> {
        let active = self.active()?;
        Ok(Update::new(self, active, policy))
    }

    /// As [`Slots::update`], for an update that keeps the slots with it.
    ///
    /// # Errors
    /// The flash failed.
    pub fn into_update<'p>(
        mut self,
        policy: &Policy<'p>,
    ) -> Result<Update<'p, F, Self>, SlotError<F::Error>> {
        let active = self.active()?;
        Ok(Update::new(self, active, policy))
    }

    /// `policy` with the room of a slot, and with the counter of the image in use as the least one.
    ///
    /// # Errors
    /// The flash failed.
    pub fn policy<'a>(&mut self, policy: &Policy<'a>) -> Result<Policy<'a>, SlotError<F::Error>> {
        let mut least = policy.rollback;
        if let Some(active) = self.active()?
            && let Some(header) = self.header(&active)?
        {
            least = least.max(header.rollback);
        }
        Ok(Policy { rollback: least, room: policy.room.min(u64::from(self.room())), ..*policy })
    }
}
