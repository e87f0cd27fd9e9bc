//! The C interface of `spandrel-core`.
//!
//! `spandrel.h`, made from these files by cbindgen, is what C sees: its head states the rules that every function keeps. In reading
//! order:
//!
//! 1. [`status`]: statuses, and the error that tells the rest.
//! 2. [`raw`]: the one file where pointers become references, with what C must keep to.
//! 3. [`image`]: an image in flash is checked and asked about. [`run`]: it runs on the core models.
//! 4. [`bus`], [`policy`], [`load`]: an image goes into a chip behind callbacks; [`slots`]: into flash.
//! 5. [`check`]: known answers and read-back, in slices. [`port`], [`ask`]: a chip is asked for its answers. [`self_test`]: all of that
//!    about a chip, and where its fault is.
//!
//! The exports are `unsafe` since they take pointers; each does no more with them than to pass them to [`raw`].
#![no_std]
// Names as C has them; what C promises stands in the header's head; and without a heap an error can not be boxed.
#![allow(
    non_camel_case_types,
    clippy::missing_safety_doc,
    clippy::result_large_err,
    clippy::too_many_arguments
)]

#[cfg(not(target_os = "none"))]
extern crate std;

pub mod ask;
pub mod bus;
pub mod check;
pub mod image;
pub mod load;
pub mod policy;
pub mod port;
pub mod raw;
pub mod run;
pub mod self_test;
pub mod slots;
pub mod status;

/// Nothing that the interface is given makes it panic; should there be a bug, the board stands still, and its watchdog acts.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
