//! A chip on an SPI or I2C bus of `embedded-hal` 1.0, with the plainest of protocols.
//!
//! | transfer | bytes |
//! |---|---|
//! | hold | `01` |
//! | release | `02` |
//! | write | `03`, address (4, most significant first), data |
//! | read | `04`, address (4), then data comes back |
//!
//! A chip with another protocol has a [`ChipBus`] of its own; this one is twenty lines.

use super::bus::ChipBus;
use embedded_hal::{
    i2c::I2c,
    spi::{Operation, SpiDevice},
};

const HOLD: u8 = 1;
const RELEASE: u8 = 2;
const WRITE: u8 = 3;
const READ: u8 = 4;

fn command(code: u8, address: u32) -> [u8; 5] {
    let [a, b, c, d] = address.to_be_bytes();
    [code, a, b, c, d]
}

/// A chip on an SPI device.
pub struct SpiBus<S>(pub S);

impl<S: SpiDevice> ChipBus for SpiBus<S> {
    type Error = S::Error;

    fn hold(&mut self) -> Result<(), Self::Error> {
        self.0.write(&[HOLD])
    }

    fn release(&mut self) -> Result<(), Self::Error> {
        self.0.write(&[RELEASE])
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.transaction(&mut [Operation::Write(&command(WRITE, address)), Operation::Write(bytes)])
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.transaction(&mut [Operation::Write(&command(READ, address)), Operation::Read(bytes)])
    }
}

/// A chip at an I2C address.
pub struct I2cBus<I> {
    /// The bus.
    pub bus: I,
    /// The chip's address, 7 bits.
    pub chip: u8,
}

impl<I: I2c> ChipBus for I2cBus<I> {
    type Error = I::Error;

    fn hold(&mut self) -> Result<(), Self::Error> {
        self.bus.write(self.chip, &[HOLD])
    }

    fn release(&mut self) -> Result<(), Self::Error> {
        self.bus.write(self.chip, &[RELEASE])
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        use embedded_hal::i2c::Operation;
        let head = command(WRITE, address);
        self.bus.transaction(self.chip, &mut [Operation::Write(&head), Operation::Write(bytes)])
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.bus.write_read(self.chip, &command(READ, address), bytes)
    }
}
