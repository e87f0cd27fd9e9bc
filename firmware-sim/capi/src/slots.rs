//! Two slots in flash: which image is in use, and an update of the other slot, in pieces of any size.

use crate::policy::spandrel_policy;
use crate::raw::{self, Object};
use crate::status::{
    self, SPANDREL_BAD_POINTER, SPANDREL_MORE, SPANDREL_NONE, SPANDREL_OK, fail, spandrel_error,
};
use core::ffi::c_void;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use spandrel_core::load::{
    LoadError, Progress,
    slots::{Active, Slot, SlotError, Slots, Update},
};

/// Bytes in which flash is read and written: addresses and lengths are multiples of it.
pub const SPANDREL_FLASH_UNIT: usize = 32;
/// Bytes in which flash is erased: both ends are multiples of it.
pub const SPANDREL_FLASH_BLOCK: usize = 4096;

/// NOR flash. Callbacks keep the rules of `spandrel_bus`; their number comes back in `error.found`. Addresses count from 0, whatever the
/// processor's are; flash that is written in smaller units, or erased in smaller blocks, does it several times in one call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_flash {
    /// Whatever the callbacks need.
    pub context: *mut c_void,
    /// Its length in bytes.
    pub capacity: u32,
    /// Reads.
    pub read: Option<extern "C" fn(context: *mut c_void, address: u32, bytes: *mut u8, length: usize) -> u32>,
    /// Writes what was erased, each unit once. Must not return before it is done.
    pub write:
        Option<extern "C" fn(context: *mut c_void, address: u32, bytes: *const u8, length: usize) -> u32>,
    /// Erases from `from` up to `to`, which stays: all bytes are 0xff then. Must not return before it is done.
    pub erase: Option<extern "C" fn(context: *mut c_void, from: u32, to: u32) -> u32>,
}

/// Two slots of `half` bytes each, from `start` on: multiples of SPANDREL_FLASH_BLOCK. The first block of a slot is its record, the
/// rest is room for the image.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_slots {
    /// Where slot A begins; slot B follows it.
    pub start: u32,
    /// Bytes of a slot, at least two blocks.
    pub half: u32,
}

/// The image in use.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_active {
    /// 0 slot A, 1 slot B; SPANDREL_NONE: no slot holds a whole image, and the rest is 0.
    pub slot: u32,
    /// The number of its update; it wraps.
    pub sequence: u32,
    /// Where in flash it begins.
    pub offset: u32,
    /// Its length in bytes.
    pub bytes: u32,
    /// SHA-256 of everything before the seal.
    pub digest: [u8; 32],
}

/// What a callback of flash returned.
#[derive(Clone, Copy, Debug)]
pub struct Failed(u32);

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// Flash all of whose callbacks are there.
pub struct Flash(spandrel_flash);

impl Flash {
    fn new(flash: spandrel_flash) -> Result<Self, spandrel_error> {
        let there = flash.read.is_some() && flash.write.is_some() && flash.erase.is_some();
        if there { Ok(Self(flash)) } else { fail(SPANDREL_BAD_POINTER) }
    }

    fn result(status: Option<u32>) -> Result<(), Failed> {
        match status {
            Some(0) => Ok(()),
            Some(code) => Err(Failed(code)),
            None => Err(Failed(SPANDREL_BAD_POINTER)),
        }
    }
}

impl ErrorType for Flash {
    type Error = Failed;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = SPANDREL_FLASH_UNIT;

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        Self::result(self.0.read.map(|call| call(self.0.context, address, bytes.as_mut_ptr(), bytes.len())))
    }

    fn capacity(&self) -> usize {
        self.0.capacity as usize
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = SPANDREL_FLASH_UNIT;
    const ERASE_SIZE: usize = SPANDREL_FLASH_BLOCK;

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Failed> {
        Self::result(self.0.write.map(|call| call(self.0.context, address, bytes.as_ptr(), bytes.len())))
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        Self::result(self.0.erase.map(|call| call(self.0.context, from, to)))
    }
}

/// An update under way of the slot that is not in use. Whatever happens to it, the slot in use stays until the update is complete.
pub struct spandrel_update {
    _opaque: [u8; 0],
}

/// Words of 64 bits that an update needs at most.
pub const SPANDREL_UPDATE_WORDS: usize = 136;

impl Object for spandrel_update {
    type Inner = Update<'static, Flash, Slots<Flash>>;
    const MAGIC: u32 = 0x4450_5553;
    const WORDS: usize = SPANDREL_UPDATE_WORDS;
}
const _: () = raw::fits::<spandrel_update>();

fn slot_error(error: &SlotError<Failed>) -> spandrel_error {
    match error {
        SlotError::Flash(Failed(code)) => status::flash(*code),
        SlotError::Layout => status::layout(),
    }
}

fn told(active: Option<Active>) -> spandrel_active {
    let Some(active) = active else {
        return spandrel_active { slot: SPANDREL_NONE, sequence: 0, offset: 0, bytes: 0, digest: [0; 32] };
    };
    let Active { slot, sequence, offset, bytes, digest } = active;
    spandrel_active { slot: u32::from(slot == Slot::B), sequence, offset, bytes, digest }
}

/// Which image is in use: of the whole ones the later. Not in slices: it reads and hashes one image, and the other too if that one is
/// damaged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_slots_active(
    flash: *const spandrel_flash,
    slots: *const spandrel_slots,
    active: *mut spandrel_active,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: the head of spandrel.h has C promise what these functions ask for.
    unsafe {
        let outcome = open(flash, slots).and_then(|mut slots| {
            let found = slots.active().map_err(|error| slot_error(&error))?;
            raw::write(active, told(found))
        });
        raw::finish(outcome, error)
    }
}

/// # Safety
/// Both are NULL or initialized structures.
unsafe fn open(
    flash: *const spandrel_flash,
    slots: *const spandrel_slots,
) -> Result<Slots<Flash>, spandrel_error> {
    // SAFETY: as the caller promises.
    let (flash, slots) = unsafe { (Flash::new(raw::read(flash)?)?, raw::read(slots)?) };
    Slots::new(flash, slots.start, slots.half).map_err(|error| slot_error(&error))
}

/// The exact number of 64-bit words that an update needs on this target.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_update_words() -> usize {
    raw::words::<spandrel_update>()
}

/// An update that has seen nothing yet; nothing is erased. The policy's room becomes at most that of a slot, its counter at least that of
/// the image in use. Policy, flash and slots are copied; the name in the policy is not. Reads and hashes as `spandrel_slots_active`, twice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_update_open(
    memory: *mut u64,
    words: usize,
    policy: *const spandrel_policy,
    flash: *const spandrel_flash,
    slots: *const spandrel_slots,
    update: *mut *mut spandrel_update,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let opened = open(flash, slots).and_then(|mut slots| {
            let policy = raw::read(policy)?;
            let policy = policy.checked(raw::read_name(policy.chip)?, raw::read_key(policy.key)?);
            let policy = slots.policy(&policy).map_err(|error| slot_error(&error))?;
            let begun = slots.into_update(&policy).map_err(|error| slot_error(&error))?;
            raw::place(memory, words, update, begun)
        });
        raw::finish(opened.map(|()| SPANDREL_OK), error)
    }
}

/// Takes the next bytes, however many. SPANDREL_MORE: more are wanted. SPANDREL_OK: the image was whole, is accepted, lies in flash as it
/// came, and is the one in use from now on. Otherwise the slot in use stays, and the update has to be opened anew. The slot is erased
/// when the header has come and is accepted; at the end flash is read again and hashed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_update_push(
    update: *mut spandrel_update,
    bytes: *const u8,
    length: usize,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(update, |update| match update.push(raw::slice(bytes, length)?) {
            Ok(Progress::Wanted) => Ok(SPANDREL_MORE),
            Ok(Progress::Loaded(_)) => Ok(SPANDREL_OK),
            Err(LoadError::Image(error)) => Err(status::image(&error)),
            Err(LoadError::Refused(refusal)) => Err(status::refused(&refusal)),
            Err(LoadError::Target(error)) => Err(slot_error(&error)),
            Err(LoadError::Stopped) => Err(status::plain(status::SPANDREL_STOPPED)),
        });
        raw::finish(outcome, error)
    }
}

/// The number of bytes taken: where a transfer that broke goes on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_update_position(update: *mut spandrel_update, position: *mut u64) -> u32 {
    // SAFETY: as above.
    let outcome = unsafe { raw::with(update, |update| raw::write(position, update.position())) };
    outcome.unwrap_or_else(|error| error.status)
}
