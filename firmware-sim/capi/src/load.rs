//! An image goes into a chip, in pieces of any size.

use crate::bus::{Bus, Map, spandrel_bus, spandrel_window};
use crate::policy::spandrel_policy;
use crate::raw::{self, Object};
use crate::status::{self, SPANDREL_MORE, SPANDREL_OK, spandrel_error};
use spandrel_core::load::{Loader, Progress, bus::ChipTarget};

/// A loader. The chip is held before the first write and released after the last check: a half-configured chip never runs.
pub struct spandrel_loader {
    _opaque: [u8; 0],
}

/// Words of 64 bits that a loader needs at most.
pub const SPANDREL_LOADER_WORDS: usize = 120;

impl Object for spandrel_loader {
    type Inner = Loader<'static, ChipTarget<Bus, Map>>;
    const MAGIC: u32 = 0x444f_4c53;
    const WORDS: usize = SPANDREL_LOADER_WORDS;
}
const _: () = raw::fits::<spandrel_loader>();

/// The exact number of 64-bit words that a loader needs on this target.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_loader_words() -> usize {
    raw::words::<spandrel_loader>()
}

/// A loader that has seen nothing yet; the chip is not touched. Policy and bus are copied; the name in the policy and the windows
/// are not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_loader_open(
    memory: *mut u64,
    words: usize,
    policy: *const spandrel_policy,
    bus: *const spandrel_bus,
    windows: *const spandrel_window,
    window_count: usize,
    loader: *mut *mut spandrel_loader,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: the head of spandrel.h has C promise what these functions ask for.
    unsafe {
        let opened = raw::read(policy).and_then(|policy| {
            let policy = policy.checked(raw::read_name(policy.chip)?, raw::read_key(policy.key)?);
            let target = ChipTarget::new(
                Bus::new(raw::read(bus)?)?,
                Map { windows: raw::slice(windows, window_count)? },
            );
            raw::place(memory, words, loader, Loader::new(&policy, target))
        });
        raw::finish(opened.map(|()| SPANDREL_OK), error)
    }
}

/// Takes the next bytes, however many. SPANDREL_MORE: more are wanted. SPANDREL_OK: the image was whole, is accepted, and the chip
/// runs. Otherwise the chip is held, and the loader takes no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_loader_push(
    loader: *mut spandrel_loader,
    bytes: *const u8,
    length: usize,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(loader, |loader| match loader.push(raw::slice(bytes, length)?) {
            Ok(Progress::Wanted) => Ok(SPANDREL_MORE),
            Ok(Progress::Loaded(_)) => Ok(SPANDREL_OK),
            Err(error) => Err(status::load(&error)),
        });
        raw::finish(outcome, error)
    }
}

/// The number of bytes taken: where a transfer that broke goes on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_loader_position(loader: *mut spandrel_loader, position: *mut u64) -> u32 {
    // SAFETY: as above.
    let outcome = unsafe { raw::with(loader, |loader| raw::write(position, loader.position())) };
    outcome.unwrap_or_else(|error| error.status)
}

/// Gives up an image that is not complete: the chip is held. A chip that was loaded runs on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_loader_stop(loader: *mut spandrel_loader) -> u32 {
    // SAFETY: as above.
    let outcome = unsafe {
        raw::with(loader, |loader| {
            loader.stop();
            Ok(SPANDREL_OK)
        })
    };
    outcome.unwrap_or_else(|error| error.status)
}
