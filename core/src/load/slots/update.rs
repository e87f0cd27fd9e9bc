//! An update of the slot that is not in use.

use super::{Active, MAGIC, RECORD_BYTES, Slot, SlotError, Slots, WRITE_SIZE_MAX};
use crate::{
    bytes::Sink,
    image::{ChipLimits, Digest32, HEADER_BYTES, Header, ImageError, Rule, Tag, crc32},
    load::{LoadError, Loader, Policy, Progress, SectionAt, Target},
};
use core::{borrow::BorrowMut, marker::PhantomData};
use embedded_storage::nor_flash::NorFlash;
use heapless::Vec;

/// The loader checks; the bytes go to flash beside it.
struct Nothing;

impl Target for Nothing {
    type Error = core::convert::Infallible;

    fn begin(&mut self, _: &Header, _: &ChipLimits) -> Result<(), Self::Error> {
        Ok(())
    }

    fn section(&mut self, _: &SectionAt) -> Result<(), Self::Error> {
        Ok(())
    }

    fn write(&mut self, _: u64, _: &[u8]) -> Result<(), Self::Error> {
        Ok(())
    }

    fn commit(&mut self, _: &Digest32) -> Result<(), Self::Error> {
        Ok(())
    }

    fn abandon(&mut self) {}
}

/// An update under way, with the slots or with what borrows them. Dropping it leaves the slot in use as it was.
pub struct Update<'p, F: NorFlash, S: BorrowMut<Slots<F>>> {
    loader: Loader<'p, Nothing>,
    slots: S,
    flash: PhantomData<F>,
    slot: Slot,
    sequence: u32,
    erased: bool,
    written: u32,
    pending: Vec<u8, WRITE_SIZE_MAX>,
    /// The header as it came: nothing is written before it is accepted.
    head: Vec<u8, HEADER_BYTES>,
}

impl<'p, F: NorFlash, S: BorrowMut<Slots<F>>> Update<'p, F, S> {
    pub(super) fn new(slots: S, active: Option<Active>, policy: &Policy<'p>) -> Self {
        Self {
            loader: Loader::new(policy, Nothing),
            slots,
            flash: PhantomData,
            slot: active.map_or(Slot::A, |active| active.slot.other()),
            sequence: active.map_or(0, |active| active.sequence.wrapping_add(1)),
            erased: false,
            written: 0,
            pending: Vec::new(),
            head: Vec::new(),
        }
    }

    /// The number of bytes taken: where a broken transfer goes on.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.loader.position()
    }

    /// Takes the next bytes. Nothing is erased or written before the header is accepted. When the image is complete and
    /// accepted, what lies in flash is read again and compared before the slot is marked; from then on it is the one in use.
    ///
    /// # Errors
    /// As for [`Loader::push`]; [`SlotError`] for the flash. The slot in use stays.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress, LoadError<SlotError<F::Error>>> {
        let had = self.loader.position();
        let progress = self.loader.push(bytes).map_err(|error| match error {
            LoadError::Image(error) => LoadError::Image(error),
            LoadError::Refused(refusal) => LoadError::Refused(refusal),
            LoadError::Stopped => LoadError::Stopped,
            LoadError::Target(never) => match never {},
        })?;
        let taken = (self.loader.position() - had) as usize;
        self.keep(bytes.get(..taken).unwrap_or(&[])).map_err(LoadError::Target)?;
        if let Progress::Loaded(digest) = progress {
            self.mark(&digest)?;
        }
        Ok(progress)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), SlotError<F::Error>> {
        let missing = HEADER_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(missing);
        let _ = self.head.extend_from_slice(head);
        if self.loader.header().is_none() {
            return Ok(());
        }
        if !self.erased {
            self.erase()?;
            let head = core::mem::take(&mut self.head);
            self.append(&head)?;
            self.head = head;
        }
        self.append(rest)
    }

    /// The record first: from here on the slot is empty, whatever happens.
    fn erase(&mut self) -> Result<(), SlotError<F::Error>> {
        let slots = self.slots.borrow_mut();
        let (base, block) = (slots.base(self.slot), F::ERASE_SIZE as u32);
        slots.flash.erase(base, base + block).map_err(SlotError::Flash)?;
        slots.flash.erase(base + block, base + slots.half).map_err(SlotError::Flash)?;
        self.erased = true;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), SlotError<F::Error>> {
        for byte in bytes {
            let _ = self.pending.push(*byte);
            if self.pending.len() == F::WRITE_SIZE.min(WRITE_SIZE_MAX) {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SlotError<F::Error>> {
        let slots = self.slots.borrow_mut();
        let at = slots.base(self.slot) + F::ERASE_SIZE as u32 + self.written;
        // Done with, even when the flash fails: who pushes on then meets the digest, not a full buffer.
        let unit = core::mem::take(&mut self.pending);
        self.written += unit.len() as u32;
        slots.flash.write(at, &unit).map_err(SlotError::Flash)
    }

    fn mark(&mut self, digest: &Digest32) -> Result<(), LoadError<SlotError<F::Error>>> {
        let unit = F::WRITE_SIZE.min(WRITE_SIZE_MAX);
        while !self.pending.is_empty() {
            let _ = self.pending.push(0xff);
            if self.pending.len() == unit {
                self.flush().map_err(LoadError::Target)?;
            }
        }
        let bytes = u32::try_from(self.loader.position()).unwrap_or(u32::MAX);
        let slots = self.slots.borrow_mut();
        let base = slots.base(self.slot);
        let active = Active {
            slot: self.slot,
            sequence: self.sequence,
            offset: base + F::ERASE_SIZE as u32,
            bytes,
            digest: *digest,
        };
        if slots.hash(&active).map_err(LoadError::Target)? != Some(*digest) {
            return Err(LoadError::Image(ImageError::new(Tag::SEAL, 0, "flash", Rule::DigestMismatch)));
        }
        let mut record: Vec<u8, { RECORD_BYTES + WRITE_SIZE_MAX }> = Vec::new();
        let mut put = |part: &[u8]| {
            let _ = record.extend_from_slice(part);
        };
        put.put(&MAGIC);
        put.put_u32(self.sequence);
        put.put_u32(bytes);
        put.put(digest);
        let checksum = crc32(&[&record]);
        let _ = record.extend_from_slice(&checksum.to_le_bytes());
        while !record.len().is_multiple_of(unit) {
            let _ = record.push(0xff);
        }
        slots.flash.write(base, &record).map_err(|error| LoadError::Target(SlotError::Flash(error)))
    }
}
