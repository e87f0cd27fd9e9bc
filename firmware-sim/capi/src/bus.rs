//! A chip behind a bus, as callbacks; and where it keeps the sections of an image.

use crate::status::{SPANDREL_BAD_POINTER, fail, spandrel_error};
use core::ffi::c_void;
use spandrel_core::{
    image::Tag,
    load::bus::{ChipBus, Window, Windows},
};

/// A chip behind a bus. Each callback gets `context` and returns 0, or a number of its own that tells why it failed: the call
/// that needed it then returns SPANDREL_BUS, with the number in `error.found`. Callbacks must return: no longjmp, no exception.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_bus {
    /// Whatever the callbacks need.
    pub context: *mut c_void,
    /// Holds the cores: nothing runs until they are released, and what runs is broken off.
    pub hold: Option<extern "C" fn(context: *mut c_void) -> u32>,
    /// Lets the cores run from their reset state.
    pub release: Option<extern "C" fn(context: *mut c_void) -> u32>,
    /// Writes configuration at an address of the chip.
    pub write:
        Option<extern "C" fn(context: *mut c_void, address: u32, bytes: *const u8, length: usize) -> u32>,
    /// Reads configuration back.
    pub read: Option<extern "C" fn(context: *mut c_void, address: u32, bytes: *mut u8, length: usize) -> u32>,
}

/// A window of the chip's address space that holds one section of images, in the image's order of bytes. Sections without a window
/// are checked and not written.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_window {
    /// The section, such as `WEIGHTS`: eight bytes, filled up with zeros.
    pub section: [u8; 8],
    /// Its first address.
    pub address: u32,
    /// Its length in bytes.
    pub room: u32,
}

/// A bus all of whose callbacks are there.
#[derive(Clone, Copy)]
pub struct Bus(spandrel_bus);

impl Bus {
    /// Takes the callbacks.
    ///
    /// # Errors
    /// One is missing.
    pub fn new(bus: spandrel_bus) -> Result<Self, spandrel_error> {
        let there = bus.hold.is_some() && bus.release.is_some() && bus.write.is_some() && bus.read.is_some();
        if there { Ok(Self(bus)) } else { fail(SPANDREL_BAD_POINTER) }
    }

    fn result(status: Option<u32>) -> Result<(), u32> {
        match status {
            Some(0) => Ok(()),
            Some(code) => Err(code),
            None => Err(SPANDREL_BAD_POINTER),
        }
    }
}

impl ChipBus for Bus {
    type Error = u32;

    fn hold(&mut self) -> Result<(), u32> {
        Self::result(self.0.hold.map(|call| call(self.0.context)))
    }

    fn release(&mut self) -> Result<(), u32> {
        Self::result(self.0.release.map(|call| call(self.0.context)))
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), u32> {
        Self::result(self.0.write.map(|call| call(self.0.context, address, bytes.as_ptr(), bytes.len())))
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), u32> {
        Self::result(self.0.read.map(|call| call(self.0.context, address, bytes.as_mut_ptr(), bytes.len())))
    }
}

impl Window for spandrel_window {
    fn section(&self) -> Tag {
        Tag(self.section)
    }

    fn address(&self) -> u32 {
        self.address
    }

    fn room(&self) -> u32 {
        self.room
    }
}

/// Where a chip keeps sections, as C says it.
pub type Map = Windows<'static, spandrel_window>;
