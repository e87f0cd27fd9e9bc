//! A board's chip: configuration memory behind a bus, cores that may be broken, and a bus that may be.

use std::collections::HashMap;

use spandrel::faults::Fault;
use spandrel_core::{
    image::{Config, Header, Image, Tag, Values, assemble, assembled_len},
    load::bus::{ChipBus, Windows},
    verify::{NetworkPort, TestMode, TestPort},
};
use spandrel_oracle as oracle;
use spandrel_tests::{
    coverage::Coverage,
    images::ImageBuilder,
    naive::{Defects, Naive, oracle_mac, oracle_neuron, oracle_reads},
};

use crate::{defect::Broken, unpack::unpack};

/// Room of a window.
const ROOM: u32 = 1 << 20;

/// Sections that the chip keeps, each in a window of its own.
pub const WINDOWS: [(Tag, u32, u32); 10] = [
    (Tag::CHIP, 0, ROOM),
    (Tag::EDGES, ROOM, ROOM),
    (Tag::TABLES, 2 * ROOM, ROOM),
    (Tag::ACCESS, 3 * ROOM, ROOM),
    (Tag::BLOBS, 4 * ROOM, ROOM),
    (Tag::CONFIGS, 5 * ROOM, ROOM),
    (Tag::PROGRAM, 6 * ROOM, ROOM),
    (Tag::ENCODERS, 7 * ROOM, ROOM),
    (Tag::DECODERS, 8 * ROOM, ROOM),
    (Tag::WEIGHTS, 9 * ROOM, ROOM),
];

/// The map of [`WINDOWS`].
pub const MAP: Windows<'static> = Windows { windows: &WINDOWS };

/// Why a chip does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silent {
    /// Its supply failed, during this transfer or before.
    Power,
    /// It is held, or what it holds makes no sense.
    Confused,
}

/// What the injector does to the bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Line {
    /// Nothing.
    #[default]
    Good,
    /// Flips a bit of the byte number .0 that is written from now on.
    FlipsWrite(u64, u8),
    /// Flips a bit of the byte number .0 that is read from now on.
    FlipsRead(u64, u8),
    /// The supply fails when so many bytes have been written: what was written is lost, and the chip wakes up held.
    BrownsOut(u64),
}

/// A chip.
#[derive(Clone, Debug)]
pub struct Chip {
    /// Memory of each window, as long as it was written.
    pub memory: Vec<Vec<u8>>,
    /// Bits of the memory that do not take what is written: window, byte, mask, value.
    pub worn: Option<(usize, usize, u8, u8)>,
    /// Whether the cores are held.
    pub held: bool,
    /// The bus.
    pub line: Line,
    /// Whether the chip ever ran while its configuration was not complete.
    pub ran_early: bool,
    /// A broken core.
    pub fault: Option<Fault>,
    header: Header,
    off: bool,
    passed: u64,
    emitted: Vec<i32>,
    /// What the memory holds, until it is written.
    holds: Option<Box<Held>>,
    /// What cores without a fault read in test mode, as long as `holds` stays: core, shift, column, codes.
    reads: HashMap<(u32, Option<u8>, u32, Vec<i32>), i128>,
}

#[derive(Clone, Debug)]
struct Held(ImageBuilder);

impl Chip {
    /// A chip built for images with the header `header`, held, without a configuration.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        Self {
            memory: vec![Vec::new(); WINDOWS.len()],
            worn: None,
            held: true,
            line: Line::Good,
            ran_early: false,
            fault: None,
            header: *header,
            off: false,
            passed: 0,
            emitted: Vec::new(),
            holds: None,
            reads: HashMap::new(),
        }
    }

    /// Power comes back: the chip is held and has forgotten everything.
    pub fn power_up(&mut self) {
        *self = Self::new(&self.header);
    }

    /// What is injected into the bus counts from here.
    pub fn inject(&mut self, line: Line) {
        (self.line, self.passed) = (line, 0);
    }

    /// Bits of the memory flip.
    pub fn upset(&mut self, window: usize, at: usize, mask: u8) {
        self.memory[window][at] ^= mask;
        self.holds = None;
    }

    /// What the cores hold.
    fn held(&mut self) -> Result<&ImageBuilder, Silent> {
        if self.holds.is_none() {
            self.reads.clear();
            let sections: Vec<(Tag, &[u8])> = WINDOWS
                .iter()
                .zip(&self.memory)
                .filter(|(_, bytes)| !bytes.is_empty())
                .map(|((tag, ..), bytes)| (*tag, bytes.as_slice()))
                .collect();
            let mut bytes = vec![0; assembled_len(&sections)];
            let header = &self.header;
            assemble(header.chip_name(), header.chip_revision, header.ram_words, &sections, &mut bytes)
                .map_err(|_| Silent::Confused)?;
            let image = Image::parse(&bytes).map_err(|_| Silent::Confused)?;
            self.holds = Some(Box::new(Held(unpack(&image))));
        }
        self.holds.as_deref().map(|own| &own.0).ok_or(Silent::Confused)
    }

    /// What a core in test mode reads.
    fn read_core(
        &mut self,
        core: u32,
        shift: Option<u8>,
        codes: &[i32],
        unit: usize,
    ) -> Result<i128, Silent> {
        let fault = self.fault;
        let held = self.held()?;
        let mut config = *held.configs.get(core as usize).ok_or(Silent::Confused)?;
        let mut codes: Vec<i128> = codes.iter().map(|code| i128::from(*code)).collect();
        if let Config::Crossbar(own) = &mut config {
            use spandrel_core::crossbar::Readout;
            if let (Some(asked), Readout::Composed { shift, .. }) = (shift, &mut own.readout) {
                *shift = asked;
            }
            // Drivers of bias rows take codes like any other.
            if codes.len() as u32 > own.rows {
                (own.rows, own.bias_rows) = (own.rows + own.bias_rows, 0);
            }
        }
        codes.truncate(config.rows() as usize);
        let broken = fault.map(|fault| Broken::new(held, fault));
        if let Some(broken) = &broken {
            config = broken.configured(core, unit, config);
        }
        let read = broken.and_then(|own| own.read(core, unit, &config, &codes));
        Ok(read.unwrap_or_else(|| healthy(held, &config, &codes, unit)))
    }

    fn place(address: u32, length: usize) -> Option<(usize, usize)> {
        let (window, at) = ((address / ROOM) as usize, (address % ROOM) as usize);
        (window < WINDOWS.len() && at + length <= ROOM as usize).then_some((window, at))
    }

    fn powered(&self) -> Result<(), Silent> {
        if self.off { Err(Silent::Power) } else { Ok(()) }
    }
}

impl ChipBus for Chip {
    type Error = Silent;

    fn hold(&mut self) -> Result<(), Silent> {
        self.powered()?;
        self.held = true;
        Ok(())
    }

    fn release(&mut self) -> Result<(), Silent> {
        self.powered()?;
        self.held = false;
        self.ran_early |= self.held().is_err();
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Silent> {
        self.powered()?;
        assert!(self.held, "configuration is written while the chip runs");
        self.holds = None;
        let (window, at) = Self::place(address, bytes.len()).expect("a window");
        for (byte, at) in bytes.iter().zip(at..) {
            let mut byte = *byte;
            match self.line {
                Line::FlipsWrite(number, mask) if number == self.passed => byte ^= mask,
                Line::BrownsOut(number) if number == self.passed => {
                    self.power_up();
                    self.off = true;
                    return Err(Silent::Power);
                }
                _ => {}
            }
            self.passed += 1;
            if let Some((_, _, mask, value)) =
                self.worn.filter(|(own, worn, ..)| (*own, *worn) == (window, at))
            {
                byte = byte & !mask | value & mask;
            }
            let memory = &mut self.memory[window];
            if memory.len() <= at {
                memory.resize(at + 1, 0);
            }
            memory[at] = byte;
        }
        Ok(())
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Silent> {
        self.powered()?;
        let (window, at) = Self::place(address, bytes.len()).expect("a window");
        for (byte, at) in bytes.iter_mut().zip(at..) {
            *byte = self.memory[window].get(at).copied().unwrap_or(0);
            match self.line {
                Line::FlipsRead(number, mask) if number == self.passed => *byte ^= mask,
                _ => {}
            }
            self.passed += 1;
        }
        Ok(())
    }
}

impl TestPort for Chip {
    type Error = Silent;

    fn read(
        &mut self,
        core: u32,
        (shift, relu): TestMode,
        inputs: &Values<'_>,
        unit: u32,
    ) -> Result<i32, Silent> {
        self.powered()?;
        let codes: Vec<i32> = (0..inputs.len()).filter_map(|at| inputs.get(at)).collect();
        // Core by core in wide integers is slow, and a campaign asks the cores without a fault the same again and again.
        let whole = self.fault.is_none_or(|fault| fault.config != core);
        let key = (core, shift, unit, codes);
        let known = self.reads.get(&key).copied().filter(|_| whole && self.holds.is_some());
        let read = match known {
            Some(read) => read,
            None => self.read_core(core, shift, &key.3, unit as usize)?,
        };
        if whole {
            self.reads.insert(key, read);
        }
        let read = read.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        Ok(if relu == Some(true) { read.max(0) } else { read })
    }
}

/// What a column that works reads.
pub(crate) fn healthy(held: &ImageBuilder, config: &Config, codes: &[i128], unit: usize) -> i128 {
    let Some(packed) = held.blobs.get(config.blob() as usize) else { return 0 };
    let column = &packed.matrix[unit..=unit];
    let weights = || column[0].iter().map(|weight| i128::from(*weight)).collect::<Vec<i128>>();
    match config {
        Config::Crossbar(own) => oracle_reads(own, codes, column)[0].value,
        Config::Mac(own) => oracle::mac_sum(&oracle_mac(own, &held.tables, unit), codes, &weights()),
        Config::Spiking(own) => oracle::synapses(&oracle_neuron(own, &held.tables, unit), codes, &weights()),
        _ => panic!("a kind of core without a model"),
    }
}

impl NetworkPort for Chip {
    type Error = Silent;

    fn run(&mut self, _: u32, inputs: &Values<'_>) -> Result<(), Silent> {
        self.powered()?;
        if self.held {
            return Err(Silent::Confused);
        }
        let fault = self.fault;
        let held = self.held()?;
        let raw: Vec<i32> = (0..inputs.len()).filter_map(|at| inputs.get(at)).collect();
        let mut met = Coverage::new();
        let machine = Naive::new(held, &mut met);
        let seen = match fault {
            None => machine.run(&[&raw]),
            Some(fault) => {
                let mut broken = Broken::new(held, fault);
                machine.with(&mut broken).run(&[&raw])
            }
        };
        self.emitted = seen.outputs.iter().map(|(_, _, value)| *value as i32).collect();
        Ok(())
    }

    fn emitted(&mut self, index: u32) -> Result<Option<i32>, Silent> {
        Ok(self.emitted.get(index as usize).copied())
    }
}

/// A chip that `image` was loaded into, through the loader.
///
/// # Panics
/// When the loader refuses it.
#[must_use]
pub fn loaded(image: &[u8]) -> Chip {
    use spandrel_core::load::{Loader, Policy, Progress, bus::ChipTarget};
    let header = *Image::parse(image).expect("an image").header();
    let policy = Policy::any(1 << 24);
    let mut loader = Loader::new(&policy, ChipTarget::new(Chip::new(&header), MAP));
    let mut progress = Progress::Wanted;
    for part in image.chunks(256) {
        progress = loader.push(part).expect("it loads");
    }
    assert!(matches!(progress, Progress::Loaded(_)));
    loader.finish().bus
}
