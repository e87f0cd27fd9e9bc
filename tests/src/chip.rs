//! A simulated chip behind a bus: it has configuration memory, runs what lies there, and can be damaged.

use crate::run;
use spandrel_core::{
    image::{Header, Image, Tag, Values, assemble, assembled_len},
    load::bus::{ChipBus, Windows},
    verify::{NetworkPort, TestMode, TestPort, in_test_mode, read_in_test_mode},
};

/// Sections that the chip keeps, with the address and the room of each.
pub const WINDOWS: [(Tag, u32, u32); 10] = [
    (Tag::CHIP, 0x0000, 0x1000),
    (Tag::EDGES, 0x1000, 0x1000),
    (Tag::TABLES, 0x2000, 0x4000),
    (Tag::ACCESS, 0x6000, 0x4000),
    (Tag::BLOBS, 0xa000, 0x2000),
    (Tag::CONFIGS, 0xc000, 0x2000),
    (Tag::PROGRAM, 0xe000, 0x2000),
    (Tag::ENCODERS, 0x1_0000, 0x1000),
    (Tag::DECODERS, 0x1_1000, 0x1000),
    (Tag::WEIGHTS, 0x2_0000, 0x2_0000),
];

/// The map of [`WINDOWS`].
pub const MAP: Windows<'static> = Windows { windows: &WINDOWS };

/// A chip.
#[derive(Clone, Debug, Default)]
pub struct SimChip {
    /// Configuration memory.
    pub memory: Vec<u8>,
    /// Whether the cores are held.
    pub held: bool,
    /// How much of each section was written.
    lengths: Vec<(Tag, usize)>,
    /// Memory words and name, which a real chip is built with.
    built: Option<Header>,
    /// Bits of the arrays that read as something else than configuration memory holds: address, cleared bits, set bits.
    pub stuck: Vec<(u32, u8, u8)>,
    /// The transfer number that fails.
    pub breaks_at: Option<u32>,
    transfers: u32,
    /// What the last sample of the network's answers emitted; tests put wrong signals there.
    pub emitted: Vec<i32>,
}

impl SimChip {
    /// A chip built for images with the header `header`.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        Self { memory: vec![0; 0x4_0000], held: true, built: Some(*header), ..Self::default() }
    }

    fn transfer(&mut self) -> Result<(), &'static str> {
        self.transfers += 1;
        if self.breaks_at == Some(self.transfers - 1) { Err("the wire is cut") } else { Ok(()) }
    }

    fn section(&self, tag: Tag) -> Vec<u8> {
        let length = self.lengths.iter().find(|(of, _)| *of == tag).map_or(0, |(_, length)| *length);
        let start = WINDOWS.iter().find(|(of, ..)| *of == tag).map_or(0, |(_, at, _)| *at);
        let mut bytes = self.memory[start as usize..][..length].to_vec();
        for (address, clear, set) in &self.stuck {
            if let Some(byte) = address.checked_sub(start).and_then(|at| bytes.get_mut(at as usize)) {
                *byte = *byte & !clear | set;
            }
        }
        bytes
    }

    /// What the cores see, as an image.
    fn image(&self) -> Option<Vec<u8>> {
        let header = self.built.as_ref()?;
        let sections: Vec<(Tag, Vec<u8>)> =
            WINDOWS.iter().map(|(tag, ..)| (*tag, self.section(*tag))).collect();
        let sections: Vec<(Tag, &[u8])> =
            sections.iter().map(|(tag, bytes)| (*tag, bytes.as_slice())).collect();
        let mut out = vec![0; assembled_len(&sections)];
        assemble(header.chip_name(), header.chip_revision, header.ram_words, &sections, &mut out).ok()?;
        Some(out)
    }

    /// Runs `sample` from the reset state: every emitted code, in order. `None` while it is held, or when its configuration makes
    /// no sense.
    #[must_use]
    pub fn run(&self, sample: &[i32]) -> Option<Vec<i32>> {
        if self.held {
            return None;
        }
        let bytes = self.image()?;
        let image = Image::parse(&bytes).ok()?;
        Some(run::whole(&image, &[sample]).outputs.iter().map(|(_, _, code)| *code).collect())
    }
}

impl ChipBus for SimChip {
    type Error = &'static str;

    fn hold(&mut self) -> Result<(), Self::Error> {
        self.held = true;
        self.transfer()
    }

    fn release(&mut self) -> Result<(), Self::Error> {
        self.transfer()?;
        self.held = false;
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        assert!(self.held, "configuration is written while the chip runs");
        self.transfer()?;
        let (tag, start, _) =
            WINDOWS.iter().rev().find(|(_, start, _)| *start <= address).ok_or("no window")?;
        let end = (address - start) as usize + bytes.len();
        match self.lengths.iter_mut().find(|(of, _)| of == tag) {
            Some((_, length)) => *length = (*length).max(end),
            None => self.lengths.push((*tag, end)),
        }
        self.memory[address as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.transfer()?;
        bytes.copy_from_slice(&self.memory[address as usize..][..bytes.len()]);
        Ok(())
    }
}

impl TestPort for SimChip {
    type Error = &'static str;

    fn read(
        &mut self,
        config: u32,
        (shift, relu): TestMode,
        inputs: &Values<'_>,
        unit: u32,
    ) -> Result<i32, Self::Error> {
        let bytes = self.image().ok_or("no configuration")?;
        let image = Image::parse(&bytes).map_err(|_| "a configuration that makes no sense")?;
        let config = image.config(config).ok_or("no such configuration")?;
        let config = in_test_mode(config, shift, inputs.len());
        let weights: &[u8] = image.weights();
        let value = read_in_test_mode(&image, &weights, &config, unit, |row| inputs.get(row).unwrap_or(0));
        let value = value.map_err(|_| "weights")?;
        Ok(if relu == Some(true) { value.max(0) } else { value })
    }
}

impl NetworkPort for SimChip {
    type Error = &'static str;

    fn run(&mut self, _: u32, inputs: &Values<'_>) -> Result<(), Self::Error> {
        self.transfer()?;
        let sample: Vec<i32> = (0..inputs.len()).filter_map(|index| inputs.get(index)).collect();
        self.emitted = Self::run(self, &sample).ok_or("it does not run")?;
        Ok(())
    }

    fn emitted(&mut self, index: u32) -> Result<Option<i32>, Self::Error> {
        self.transfer()?;
        Ok(self.emitted.get(index as usize).copied())
    }
}
