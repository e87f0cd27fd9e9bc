//! A small valid image, a target that records, and a flash that loses power.
#![allow(unreachable_pub, dead_code)]

use spandrel_core::image::{
    CONTROL_WORDS, ChipLimits, Codec, Digest32, EDGE_BYTES, Edge, Header, Instruction, Tag, assemble,
    assembled_len,
};
use spandrel_core::load::{SectionAt, Target};

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

fn bytes(emit: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Vec<u8> {
    let mut out = Vec::new();
    emit(&mut |part: &[u8]| out.extend_from_slice(part));
    out
}

/// The sections of [`plain`]: a chip, an edge, a program that resets it, and weights that nothing reads, of an odd length.
pub fn sections() -> Vec<(Tag, Vec<u8>)> {
    let limits = ChipLimits { kind: 1, rows: 8, columns: 4, cores: 2 };
    let edge = Edge {
        length: 3,
        codec: Codec::U8,
        clear_on_tick: false,
        slots: 1,
        reset: 0,
        ram_offset: CONTROL_WORDS,
    };
    let edges = bytes(|mut sink| edge.emit(&mut sink));
    assert_eq!(edges.len(), EDGE_BYTES);
    vec![
        (Tag::CHIP, bytes(|mut sink| limits.emit(&mut sink))),
        (Tag::EDGES, edges),
        (Tag::PROGRAM, bytes(|mut sink| Instruction::Tick.emit(&mut sink))),
        (Tag::WEIGHTS, (0..37).collect()),
    ]
}

/// An unsigned image for the chip `loadable`, revision 0.
pub fn plain() -> Vec<u8> {
    let sections = sections();
    let sections: Vec<(Tag, &[u8])> = sections.iter().map(|(tag, bytes)| (*tag, bytes.as_slice())).collect();
    let mut out = vec![0; assembled_len(&sections)];
    // The reader works the number of words out and refuses any other.
    for words in CONTROL_WORDS..CONTROL_WORDS + 64 {
        assemble("loadable", 0, words, &sections, &mut out).unwrap();
        if spandrel_core::image::Image::parse(&out).is_ok() {
            return out;
        }
    }
    panic!("{:?}", spandrel_core::image::Image::parse(&out));
}

/// A target that keeps everything.
#[derive(Debug, Default)]
pub struct Recorder {
    pub begun: u32,
    pub committed: u32,
    pub abandoned: u32,
    pub sections: Vec<(Tag, Vec<u8>)>,
    /// The number of the call that fails.
    pub fails_at: Option<u32>,
    pub calls: u32,
}

impl Recorder {
    fn call(&mut self) -> Result<(), &'static str> {
        self.calls += 1;
        if self.fails_at == Some(self.calls - 1) { Err("told to") } else { Ok(()) }
    }
}

impl Target for Recorder {
    type Error = &'static str;

    fn begin(&mut self, _: &Header, _: &ChipLimits) -> Result<(), Self::Error> {
        self.begun += 1;
        self.call()
    }

    fn section(&mut self, section: &SectionAt) -> Result<(), Self::Error> {
        self.sections.push((section.entry.tag, Vec::new()));
        self.call()
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        let (_, held) = self.sections.last_mut().expect("a section");
        assert_eq!(offset, held.len() as u64);
        held.extend_from_slice(bytes);
        self.call()
    }

    fn commit(&mut self, _: &Digest32) -> Result<(), Self::Error> {
        self.call()?;
        self.committed += 1;
        Ok(())
    }

    fn abandon(&mut self) {
        self.abandoned += 1;
    }
}

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
