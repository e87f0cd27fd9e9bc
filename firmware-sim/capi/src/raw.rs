//! Where pointers become references. What C must keep to stands at each function; what can be looked at (NULL, alignment, length,
//! the kind of an object) is looked at.
//!
//! Lifetimes: C has none, so what is lent becomes `'static`; the head of `spandrel.h` says how long it must stay.

use crate::status::{
    Outcome, SPANDREL_BAD_OBJECT, SPANDREL_BAD_POINTER, SPANDREL_BUSY, fail, spandrel_error, too_small,
};
use core::{ffi::c_char, ptr};

/// What an opaque object of the header is made of.
pub trait Object {
    /// What lies there.
    type Inner;
    /// What its first word says.
    const MAGIC: u32;
    /// The words that the header promises to be enough.
    const WORDS: usize;
}

/// An object in lent memory. C sees only its address.
struct Slot<T> {
    magic: u32,
    value: T,
}

/// The first word of an object that is in use.
const IN_USE: u32 = 0x4553_5542;

/// The words of 64 bits that an object needs.
#[must_use]
pub const fn words<O: Object>() -> usize {
    size_of::<Slot<O::Inner>>().div_ceil(8)
}

/// Compiles only while the header's constant holds.
pub const fn fits<O: Object>() {
    assert!(words::<O>() <= O::WORDS && align_of::<Slot<O::Inner>>() <= 8);
}

fn bad<T>(at: *const T) -> bool {
    at.is_null() || !at.is_aligned()
}

/// Puts an object into lent memory and tells its address.
///
/// # Safety
/// `memory` is NULL or `lent` writable words; `out` is NULL or writable. Nothing else uses the words from now on.
///
/// # Errors
/// NULL, or too few words.
pub unsafe fn place<O: Object>(
    memory: *mut u64,
    lent: usize,
    out: *mut *mut O,
    value: O::Inner,
) -> Result<(), spandrel_error> {
    if bad(memory) || bad(out) {
        return fail(SPANDREL_BAD_POINTER);
    }
    if lent < words::<O>() {
        return Err(too_small(words::<O>(), lent));
    }
    let slot = memory.cast::<Slot<O::Inner>>();
    // SAFETY: not NULL, of 8-byte alignment, which `fits` shows to be enough, and long enough, as just compared; nothing there
    // needs dropping. `out` is not NULL, aligned, and writable as the caller promises.
    unsafe {
        slot.write(Slot { magic: O::MAGIC, value });
        out.write(slot.cast());
    }
    Ok(())
}

/// Uses an object alone: a callback that comes back to it finds it in use.
///
/// # Safety
/// `object` is NULL, or at least readable, and holds what [`place`] put there if it looks so; one thread at a time.
///
/// # Errors
/// NULL, something else lies there, in use, or what `work` says.
pub unsafe fn with<O: Object>(object: *mut O, work: impl FnOnce(&mut O::Inner) -> Outcome) -> Outcome {
    let slot = object.cast::<Slot<O::Inner>>();
    if bad(slot) {
        return fail(SPANDREL_BAD_POINTER);
    }
    // SAFETY: not NULL, aligned, and readable as the caller promises; no reference into it is alive, for it would be in use.
    let magic = unsafe { ptr::addr_of!((*slot).magic).read() };
    if magic != O::MAGIC {
        return fail(if magic == IN_USE { SPANDREL_BUSY } else { SPANDREL_BAD_OBJECT });
    }
    // SAFETY: `place` wrote an object of this kind here. The word and the value are apart, so that a callback may read the one while
    // the other is borrowed.
    unsafe {
        ptr::addr_of_mut!((*slot).magic).write(IN_USE);
        let outcome = work(&mut *ptr::addr_of_mut!((*slot).value));
        ptr::addr_of_mut!((*slot).magic).write(O::MAGIC);
        outcome
    }
}

/// An object that never changes after it was opened.
///
/// # Safety
/// As [`with`]; and no other object may be placed there while the reference, or what was made from it, is in use.
///
/// # Errors
/// NULL, or something else lies there.
pub unsafe fn shared<O: Object>(object: *const O) -> Result<&'static O::Inner, spandrel_error> {
    let slot = object.cast::<Slot<O::Inner>>();
    if bad(slot) {
        return fail(SPANDREL_BAD_POINTER);
    }
    // SAFETY: not NULL, aligned, readable; nobody writes there, since `with` is never called for such objects.
    let slot = unsafe { &*slot };
    if slot.magic == O::MAGIC { Ok(&slot.value) } else { fail(SPANDREL_BAD_OBJECT) }
}

/// A slice that C lends for reading.
///
/// # Safety
/// `at` is NULL, or `count` initialized elements that stay as they are while the slice is in use.
///
/// # Errors
/// NULL although there are elements, or not aligned, or longer than memory.
pub unsafe fn slice<T>(at: *const T, count: usize) -> Result<&'static [T], spandrel_error> {
    if count == 0 {
        return Ok(&[]);
    }
    if bad(at) || count > (isize::MAX as usize) / size_of::<T>().max(1) {
        return fail(SPANDREL_BAD_POINTER);
    }
    // SAFETY: not NULL, aligned, not longer than memory, initialized and unchanging as the caller promises.
    Ok(unsafe { core::slice::from_raw_parts(at, count) })
}

/// A slice that C lends for writing.
///
/// # Safety
/// As [`slice`]; and nothing else uses it meanwhile.
///
/// # Errors
/// As [`slice`].
pub unsafe fn slice_mut<T>(at: *mut T, count: usize) -> Result<&'static mut [T], spandrel_error> {
    if count == 0 {
        return Ok(&mut []);
    }
    if bad(at) || count > (isize::MAX as usize) / size_of::<T>().max(1) {
        return fail(SPANDREL_BAD_POINTER);
    }
    // SAFETY: as for `slice`, and alone as the caller promises.
    Ok(unsafe { core::slice::from_raw_parts_mut(at, count) })
}

/// Reads a structure.
///
/// # Safety
/// `at` is NULL or an initialized structure.
///
/// # Errors
/// NULL or not aligned.
pub unsafe fn read<T: Copy>(at: *const T) -> Result<T, spandrel_error> {
    if bad(at) {
        return fail(SPANDREL_BAD_POINTER);
    }
    // SAFETY: not NULL, aligned, and initialized as the caller promises.
    Ok(unsafe { at.read() })
}

/// Writes a result.
///
/// # Safety
/// `at` is NULL or writable.
///
/// # Errors
/// NULL or not aligned.
pub unsafe fn write<T>(at: *mut T, value: T) -> Outcome {
    if bad(at) {
        return fail(SPANDREL_BAD_POINTER);
    }
    // SAFETY: not NULL, aligned, and writable as the caller promises; nothing there needs dropping.
    unsafe { at.write(value) };
    Ok(crate::status::SPANDREL_OK)
}

/// Writes a result that C may not want to know.
///
/// # Safety
/// `at` is NULL or writable.
///
/// # Errors
/// Not aligned.
pub unsafe fn tell<T>(at: *mut T, value: T) -> Outcome {
    if at.is_null() {
        return Ok(crate::status::SPANDREL_OK);
    }
    // SAFETY: as the caller promises.
    unsafe { write(at, value) }
}

/// Turns an outcome into a status, and tells the rest if C wants to know.
///
/// # Safety
/// `error` is NULL or writable.
pub unsafe fn finish(outcome: Outcome, error: *mut spandrel_error) -> u32 {
    match outcome {
        Ok(status) => status,
        Err(found) => {
            // SAFETY: as the caller promises; NULL is looked at there, and means that nobody wants to know.
            let _ = unsafe { write(error, found) };
            found.status
        }
    }
}

/// A text of at most 24 bytes that ends with NUL.
///
/// # Safety
/// `at` is NULL or readable up to its NUL or 25 bytes, whichever comes first, and stays as it is.
///
/// # Errors
/// No NUL, or not UTF-8.
pub unsafe fn read_name(at: *const c_char) -> Result<Option<&'static str>, spandrel_error> {
    let bytes = at.cast::<u8>();
    if bytes.is_null() {
        return Ok(None);
    }
    for length in 0..=24 {
        // SAFETY: no byte before this one was NUL, so this one may be read.
        if unsafe { bytes.add(length).read() } == 0 {
            // SAFETY: these bytes have just been read.
            let text = unsafe { slice(bytes, length) }?;
            return core::str::from_utf8(text).map(Some).or_else(|_| fail(SPANDREL_BAD_POINTER));
        }
    }
    fail(SPANDREL_BAD_POINTER)
}

/// A public key.
///
/// # Safety
/// `at` is NULL or 32 readable bytes.
///
/// # Errors
/// None: bytes need no alignment.
pub unsafe fn read_key(at: *const u8) -> Result<Option<[u8; 32]>, spandrel_error> {
    if at.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises.
    unsafe { read(at.cast::<[u8; 32]>()) }.map(Some)
}
