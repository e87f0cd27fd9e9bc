//! The plain protocol on SPI and I2C: every byte that goes over the wire is the one that the table of `load::spi` says.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use embedded_hal::{
    i2c::{self, I2c},
    spi::{self, SpiDevice},
};
use spandrel_core::load::bus::ChipBus;
use spandrel_core::load::spi::{I2cBus, SpiBus};

/// What one transaction sends, and how many bytes it takes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Transaction {
    to: Option<u8>,
    sent: Vec<u8>,
    taken: usize,
}

/// A wire: it keeps what is sent, and what is read counts up from `next`.
#[derive(Debug, Default)]
struct Wire {
    seen: Vec<Transaction>,
    next: u8,
    cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut;

impl spi::Error for Cut {
    fn kind(&self) -> spi::ErrorKind {
        spi::ErrorKind::Other
    }
}

impl i2c::Error for Cut {
    fn kind(&self) -> i2c::ErrorKind {
        i2c::ErrorKind::Other
    }
}

impl spi::ErrorType for Wire {
    type Error = Cut;
}

impl i2c::ErrorType for Wire {
    type Error = Cut;
}

impl Wire {
    fn fill(&mut self, bytes: &mut [u8]) -> usize {
        for byte in bytes.iter_mut() {
            *byte = self.next;
            self.next += 1;
        }
        bytes.len()
    }

    fn done(&mut self, transaction: Transaction) -> Result<(), Cut> {
        self.seen.push(transaction);
        if self.cut { Err(Cut) } else { Ok(()) }
    }
}

impl SpiDevice for Wire {
    fn transaction(&mut self, operations: &mut [spi::Operation<'_, u8>]) -> Result<(), Cut> {
        let mut own = Transaction::default();
        for operation in operations {
            match operation {
                spi::Operation::Write(bytes) => {
                    assert_eq!(own.taken, 0, "nothing is sent after what comes back");
                    own.sent.extend_from_slice(bytes);
                }
                spi::Operation::Read(bytes) => own.taken += self.fill(bytes),
                other => panic!("{other:?}"),
            }
        }
        self.done(own)
    }
}

impl I2c for Wire {
    fn transaction(&mut self, address: u8, operations: &mut [i2c::Operation<'_>]) -> Result<(), Cut> {
        let mut own = Transaction { to: Some(address), ..Transaction::default() };
        for operation in operations {
            match operation {
                i2c::Operation::Write(bytes) => {
                    assert_eq!(own.taken, 0, "nothing is sent after what comes back");
                    own.sent.extend_from_slice(bytes);
                }
                i2c::Operation::Read(bytes) => own.taken += self.fill(bytes),
            }
        }
        self.done(own)
    }
}

/// Holds, writes, reads and releases.
fn used<B: ChipBus<Error = Cut>>(bus: &mut B) -> Result<[u8; 3], Cut> {
    bus.hold()?;
    bus.write(0x0102_a3f4, &[9, 8, 7])?;
    let mut back = [0xff; 3];
    bus.read(0xfffe_0001, &mut back)?;
    bus.release()?;
    Ok(back)
}

fn expected(to: Option<u8>) -> Vec<Transaction> {
    let sent = |sent: &[u8], taken| Transaction { to, sent: sent.to_vec(), taken };
    vec![
        sent(&[1], 0),
        sent(&[3, 0x01, 0x02, 0xa3, 0xf4, 9, 8, 7], 0),
        sent(&[4, 0xff, 0xfe, 0x00, 0x01], 3),
        sent(&[2], 0),
    ]
}

#[test]
fn spi_carries_the_bytes_of_the_table() {
    let mut bus = SpiBus(Wire { next: 40, ..Wire::default() });
    assert_eq!(used(&mut bus), Ok([40, 41, 42]));
    assert_eq!(bus.0.seen, expected(None));
}

#[test]
fn i2c_carries_the_same_to_the_chips_address() {
    let mut bus = I2cBus { bus: Wire { next: 70, ..Wire::default() }, chip: 0x2b };
    assert_eq!(used(&mut bus), Ok([70, 71, 72]));
    assert_eq!(bus.bus.seen, expected(Some(0x2b)));
}

#[test]
fn a_cut_wire_is_told_by_every_call() {
    fn all<B: ChipBus<Error = Cut>>(bus: &mut B) {
        assert_eq!(bus.hold(), Err(Cut));
        assert_eq!(bus.release(), Err(Cut));
        assert_eq!(bus.write(0, &[1]), Err(Cut));
        assert_eq!(bus.read(0, &mut [0]), Err(Cut));
    }
    all(&mut SpiBus(Wire { cut: true, ..Wire::default() }));
    all(&mut I2cBus { bus: Wire { cut: true, ..Wire::default() }, chip: 1 });
}
