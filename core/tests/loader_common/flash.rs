//! A flash that loses power.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// NOR flash with erase blocks of 256 bytes, written in units of 8, that loses power when its budget of bytes is used up.
#[derive(Clone, Debug)]
pub struct Flash {
    pub bytes: Vec<u8>,
    /// Bytes that may still be written or erased.
    pub budget: Option<usize>,
}

impl Flash {
    pub fn new(capacity: usize) -> Self {
        // Never erased: whatever lay there before.
        Self { bytes: (0..capacity).map(|i| (i * 31 + 7) as u8).collect(), budget: None }
    }

    fn spend(&mut self) -> Result<(), Dead> {
        match &mut self.budget {
            Some(0) => Err(Dead),
            Some(budget) => {
                *budget -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The power is gone.
#[derive(Debug, PartialEq)]
pub struct Dead;

impl NorFlashError for Dead {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Flash {
    type Error = Dead;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Dead> {
        check_read(self, offset, bytes.len()).expect("reads are aligned");
        bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 256;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Dead> {
        check_erase(self, from, to).expect("erases are aligned");
        for at in from..to {
            self.spend()?;
            self.bytes[at as usize] = 0xff;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Dead> {
        check_write(self, offset, bytes.len()).expect("writes are aligned");
        for (i, byte) in bytes.iter().enumerate() {
            let at = offset as usize + i;
            assert_eq!(self.bytes[at], 0xff, "written twice without an erase");
            self.spend()?;
            self.bytes[at] = *byte;
        }
        Ok(())
    }
}
