//! A small valid image, a target that records, and a flash that loses power.
#![allow(unreachable_pub, dead_code)]

use spandrel_core::image::{
    CONTROL_WORDS, ChipLimits, Codec, Digest32, EDGE_BYTES, Edge, Header, Instruction, Tag, assemble,
    assembled_len,
};
use spandrel_core::load::{SectionAt, Target};

mod flash;

pub use flash::Flash;

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
