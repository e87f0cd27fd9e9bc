//! Frames: how an image and samples come over a stream of bytes.
//!
//! A frame is its length in bytes as little-endian u32, then the bytes. The first frame holds
//! the image; every other one a sample, whose raw values stand in the order of the image's
//! inputs, each in its encoder's raw type, little-endian. Samples are independent: the machine is
//! reset before each. A frame of length 0 ends the session.
//!
//! Frames carry no checksum of their own: an image has its own, and a sample's digests tell.

use crate::board::{Clock, Store, Uart};

/// Seconds without a byte, within a frame, after which the stream counts as broken. Between
/// frames the board waits as long as it takes.
const PATIENCE_SECONDS: u64 = 1;

/// Why no frame came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, defmt::Format)]
pub enum StreamError {
    /// The sender fell silent within a frame.
    Silent {
        /// Bytes expected.
        expected: u32,
        /// Bytes received of them.
        received: u32,
    },
    /// The frame is longer than the room for it.
    TooLong {
        /// Length of the frame in bytes.
        length: u32,
        /// Room in bytes.
        room: u32,
    },
}

/// Frames from the UART.
pub struct Frames {
    uart: Uart,
    clock: Clock,
}

impl Frames {
    /// Frames that come in over `uart`.
    pub const fn new(uart: Uart, clock: Clock) -> Self {
        Self { uart, clock }
    }

    /// Receives one frame into `store`; gives its length in bytes.
    ///
    /// # Errors
    /// The sender fell silent within the frame, or the frame is longer than `store`. A longer frame is taken off
    /// the stream all the same, so that the sender is not left with half of it.
    pub fn keep(&mut self, store: &mut Store) -> Result<usize, StreamError> {
        let length = self.length(store.room())?;
        store.prepare(length as usize);
        for received in 0..length {
            let byte = self.byte().ok_or(StreamError::Silent { expected: length, received })?;
            store.put(received as usize, byte);
        }
        Ok(length as usize)
    }

    /// Receives one frame into the first bytes of `room`.
    ///
    /// # Errors
    /// As [`Frames::keep`].
    pub fn receive<'r>(&mut self, room: &'r mut [u8]) -> Result<&'r [u8], StreamError> {
        let length = self.length(room.len())?;
        let frame = room.get_mut(..length as usize).unwrap_or(&mut []);
        self.fill(frame)?;
        Ok(frame)
    }

    /// The length of the next frame, which is at most `room`.
    fn length(&mut self, room: usize) -> Result<u32, StreamError> {
        let mut head = [self.first(), 0, 0, 0];
        self.fill(head.get_mut(1..).unwrap_or(&mut []))?;
        let length = u32::from_le_bytes(head);
        if length as usize <= room {
            return Ok(length);
        }
        for received in 0..length {
            self.byte().ok_or(StreamError::Silent { expected: length, received })?;
        }
        Err(StreamError::TooLong { length, room: room as u32 })
    }

    /// The first byte of a frame, whenever it comes.
    fn first(&mut self) -> u8 {
        let mut misses = 0u32;
        loop {
            if let Some(byte) = self.uart.poll() {
                return byte;
            }
            self.pause(misses);
            misses = misses.saturating_add(1);
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), StreamError> {
        let expected = bytes.len() as u32;
        for (received, byte) in (0..).zip(bytes) {
            *byte = self.byte().ok_or(StreamError::Silent { expected, received })?;
        }
        Ok(())
    }

    /// The next byte, or `None` after [`PATIENCE_SECONDS`].
    fn byte(&mut self) -> Option<u8> {
        let start = self.clock.now();
        for misses in 0u32.. {
            if let Some(byte) = self.uart.poll() {
                return Some(byte);
            }
            self.pause(misses);
            if self.clock.past(start, PATIENCE_SECONDS) {
                return None;
            }
        }
        None
    }

    /// Lets some time go by once a byte has kept the board waiting.
    fn pause(&self, misses: u32) {
        if misses > 1000 {
            self.uart.wait();
        }
    }
}
