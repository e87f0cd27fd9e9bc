//! From cores to an image: a loop over the ticks of a sample.
//!
//! A tick: the input's spikes (a raster is read in place, codes by RATE), then for every core a GATHER a projection, an INVOKE, and
//! SCATTERs to the population's ring and to what is told of it; then a TICK. Since spikes between populations take at least one
//! tick, the order of the cores does not matter.

use fixed::types::I32F32;
use spandrel_core::image::{
    Access, Axis, ChipLimits, Codec, Combine, Decoder, Dim, Edge, Encoder, Instruction, Mapping, NO_REGISTER,
    NO_TABLE, Reading, ResetTarget, Term,
};

use super::{
    check::Checked,
    given::{Decoding, Given},
    network::{Code, Read, Source},
    place::place,
    split::{Core, split_given},
};
use crate::diagnostic::{Diagnostic, Result};
use crate::emit::write_program;
use crate::map::{Program, access, inverted, lay_out, table};

/// The loop register that counts ticks.
const TICK: u8 = 0;

/// A network as a program.
#[derive(Clone, Debug)]
pub struct SpikingProgram {
    /// The program.
    pub program: Program,
    /// The cores, in the order of their configurations.
    pub cores: Vec<Core>,
    /// First word of each core's state.
    pub states: Vec<u32>,
    /// The ring of each population.
    pub rings: Vec<u32>,
}

/// The image of a network that has been checked against `chip`, with `notes`.
///
/// # Errors
/// As [`split`](super::split::split) and [`program`].
pub fn emit(checked: &Checked<'_>, notes: &str) -> Result<Vec<u8>> {
    emit_given(checked, &Given::default(), notes)
}

/// As [`emit`], with what is given.
///
/// # Errors
/// As [`emit`].
pub fn emit_given(checked: &Checked<'_>, given: &Given, notes: &str) -> Result<Vec<u8>> {
    let made = program_given(checked, given)?;
    let chip = checked.chip;
    let limits = ChipLimits {
        kind: 3,
        rows: chip.core_inputs().get(),
        columns: chip.core_outputs().get(),
        cores: u32::try_from(chip.fabric().total_cores().get()).unwrap_or(u32::MAX),
    };
    write_program(&made.program, &[], notes, (chip.name(), chip.revision()), limits)
}

fn too_large() -> Diagnostic {
    let way_out = "compile a smaller network, or shorten the sample";
    Diagnostic::error("SP0309", "program", "it does not fit the image format", way_out)
}

const fn edge(length: u32, codec: Codec, slots: u16) -> Edge {
    Edge { length, codec, clear_on_tick: false, slots, reset: 0, ram_offset: 0 }
}

fn count_codec(most: u16) -> Codec {
    match most {
        0 | 1 => Codec::Bit,
        2..=255 => Codec::U8,
        256..=32_767 => Codec::I16,
        _ => Codec::I32,
    }
}

struct Writer<'c, 'n> {
    checked: &'c Checked<'n>,
    program: Program,
    /// Edge of the input's spikes, and whether it is a raster.
    input: (u32, bool),
    rings: Vec<u32>,
    /// Edge of each output.
    told: Vec<u32>,
    widest: (u32, u32),
}

/// The program of a network that has been checked.
///
/// # Errors
/// As [`split`](super::split::split); SP0322 for weights that the chip's encoding can not hold together; SP0309 for what the format can not hold.
pub fn program(checked: &Checked<'_>) -> Result<SpikingProgram> {
    program_given(checked, &Given::default())
}

/// As [`program`], with what is given.
///
/// # Errors
/// As [`program`], and [`split_given`].
pub fn program_given(checked: &Checked<'_>, given: &Given) -> Result<SpikingProgram> {
    let cores = split_given(checked, given)?;
    let network = checked.network;
    let mut writer = Writer {
        checked,
        program: Program::default(),
        input: (0, true),
        rings: Vec::new(),
        told: Vec::new(),
        widest: (0, 0),
    };
    writer.edges();
    let starts = checked.starts();
    let (mut states, mut state) = (Vec::new(), 0u32);
    let mut head: Vec<Instruction> = Vec::new();
    for (number, edge) in writer.program.edges.iter().enumerate().skip(1) {
        if edge.slots > 1 || writer.told.contains(&(number as u32)) {
            head.push(Instruction::Reset(ResetTarget::Edge(number as u32)));
        }
    }
    for (number, core) in cores.iter().enumerate() {
        let config = place(checked, number, core, &mut writer.program)?;
        let start = i32::try_from(starts[core.population]).map_err(|_| too_large())?;
        head.push(Instruction::Reset(ResetTarget::State { first: state, words: 1, value: -start }));
        states.push(state);
        state = state.checked_add(config.state_words()).ok_or_else(too_large)?;
    }
    let start = head.len() as u32;
    writer.program.instructions = head;
    writer.program.instructions.push(Instruction::Loop { register: TICK, trips: network.ticks });
    writer.rates();
    for (number, core) in cores.iter().enumerate() {
        writer.core(number, core, states[number]);
    }
    writer.program.instructions.push(Instruction::Tick);
    writer.program.instructions.push(Instruction::End { register: TICK, start });
    writer.ends(given);
    let Writer { mut program, rings, widest, .. } = writer;
    lay_out(&mut program, widest.0, widest.1, state)?;
    Ok(SpikingProgram { program, cores, states, rings })
}

impl Writer<'_, '_> {
    fn edge(&mut self, edge: Edge) -> u32 {
        self.program.edges.push(edge);
        self.program.edges.len() as u32 - 1
    }

    /// Slots of a ring from which projections of `source` read.
    fn slots(&self, source: Source) -> u16 {
        let own = self.checked.network.projections.iter().filter(|own| own.from == source);
        own.map(|own| own.delay).max().unwrap_or(0).saturating_add(1)
    }

    /// The input's edges, a ring a population, an edge an output.
    fn edges(&mut self) {
        let network = self.checked.network;
        let size = network.input.size as u32;
        match network.input.code {
            Code::Raster { spikes, steps } => {
                self.input = (self.edge(edge(size * steps, count_codec(spikes.into()), 1)), true);
            }
            Code::Rate { window } => {
                let codes = if window > 32_767 { Codec::I32 } else { count_codec(window.max(2) as u16) };
                self.edge(edge(size, codes, 1));
                let slots = self.slots(Source::Input);
                self.input = (self.edge(edge(size, Codec::Bit, slots)), false);
            }
        }
        for (number, population) in network.populations.iter().enumerate() {
            let slots = self.slots(Source::Population(number));
            let codec = count_codec(population.neuron.spikes_out);
            let ring = self.edge(edge(population.size as u32, codec, slots));
            self.rings.push(ring);
        }
        for output in &network.outputs {
            let population = &network.populations[output.population];
            let ticks = if output.read.every_tick() { network.ticks } else { 1 };
            let codec = match output.read {
                Read::Raster => count_codec(population.neuron.spikes_out),
                _ => Codec::I32,
            };
            let told = self.edge(edge(population.size as u32 * ticks, codec, 1));
            self.told.push(told);
        }
    }

    /// The number of a pattern of `elements` signals of `edge`, `age` ticks ago, that moves by `step` signals a tick from `origin`.
    fn pattern(&mut self, edge: u32, age: u16, elements: &[u32], (origin, step): (i32, i32)) -> u32 {
        let extent = self.program.edges[edge as usize].length;
        let mut own = Access::run(edge, extent, origin, elements.len() as u32);
        own.age = age;
        let first = elements.first().copied().unwrap_or(0);
        if elements.iter().zip(first..).all(|(element, at)| *element == at) {
            own.axes.clear();
            let _ = own.axes.push(Axis { extent, pitch: 1, origin: origin + first as i32 });
            own.dims.clear();
            let _ = own.dims.push(Dim { count: elements.len() as u32, step: 1, axis: 0 });
        } else {
            own.dims.clear();
            own.table = table(&mut self.program, elements.iter().map(|element| *element as i32).collect());
        }
        if step != 0 {
            let _ = own.terms.push(Term { coefficient: step, register: TICK, axis: 0 });
        }
        access(&mut self.program, own)
    }

    /// The spikes of rate codes.
    fn rates(&mut self) {
        let Code::Rate { window } = self.checked.network.input.code else { return };
        let signals: Vec<u32> = (0..self.checked.network.input.size as u32).collect();
        let from = self.pattern(0, 0, &signals, (0, 0));
        let to = self.pattern(self.input.0, 0, &signals, (0, 0));
        self.widest.1 = self.widest.1.max(signals.len() as u32);
        self.program.instructions.extend([
            Instruction::Rate { register: TICK, access: from, first: 0, window },
            Instruction::Scatter { combine: Combine::Set, access: to, first: 0 },
        ]);
    }

    /// What a core does in a tick.
    fn core(&mut self, number: usize, core: &Core, state: u32) {
        let network = self.checked.network;
        for axons in core.axons.chunk_by(|a, b| a.projection == b.projection) {
            let projection = &network.projections[axons[0].projection];
            let signals: Vec<u32> = axons.iter().map(|axon| axon.signal).collect();
            let size = network.size(projection.from) as i32;
            let access = match projection.from {
                // Ticks before the first and after the last are outside and read 0.
                Source::Input if self.input.1 => {
                    let origin = -i32::from(projection.delay) * size;
                    self.pattern(self.input.0, 0, &signals, (origin, size))
                }
                Source::Input => self.pattern(self.input.0, projection.delay, &signals, (0, 0)),
                Source::Population(from) => {
                    self.pattern(self.rings[from], projection.delay, &signals, (0, 0))
                }
            };
            let first = core.axons.partition_point(|axon| axon < &axons[0]) as u32;
            self.program.instructions.push(Instruction::Gather { access, first });
        }
        self.program.instructions.push(Instruction::Invoke {
            accumulate: false,
            finish: true,
            config: number as u32,
            state,
            register: NO_REGISTER,
            stride: 0,
        });
        self.widest.0 = self.widest.0.max(core.axons.len() as u32);
        self.widest.1 = self.widest.1.max(core.neurons.len() as u32);
        let sends = network.projections.iter().any(|own| own.from == Source::Population(core.population));
        if sends {
            let access = self.pattern(self.rings[core.population], 0, &core.neurons, (0, 0));
            self.program.instructions.push(Instruction::Scatter { combine: Combine::Set, access, first: 0 });
        }
        for (at, output) in
            network.outputs.iter().enumerate().filter(|(_, o)| o.population == core.population)
        {
            let step =
                if output.read.every_tick() { network.populations[core.population].size as i32 } else { 0 };
            let access = self.pattern(self.told[at], 0, &core.neurons, (0, step));
            let combine = if output.read == Read::Counts { Combine::Add } else { Combine::Set };
            self.program.instructions.push(Instruction::Scatter { combine, access, first: 0 });
        }
    }

    /// What is emitted, the encoder and the decoders.
    fn ends(&mut self, given: &Given) {
        let network = self.checked.network;
        let (raw, hi) = match network.input.code {
            Code::Raster { spikes, .. } => (Codec::U8, i32::from(spikes)),
            Code::Rate { window } => (if window > 255 { Codec::I32 } else { Codec::U8 }, window as i32),
        };
        let mut encoder = Encoder {
            raw,
            mapping: Mapping::Affine { shift: 0 },
            signals: 1,
            length: network.sample_length() as u32,
            edge: 0,
            channels: 1,
            inner: 1,
            params: NO_TABLE,
            order: NO_TABLE,
            lo: 0,
            hi,
        };
        match &given.codes {
            None => encoder.params = table(&mut self.program, vec![1, 0, 0]),
            Some(codes) => {
                encoder.raw = codes.raw;
                encoder.mapping = Mapping::Table { lo: codes.lo };
                encoder.signals = codes.signals;
                encoder.length /= u32::from(codes.signals.max(1));
                encoder.params =
                    table(&mut self.program, codes.codes.repeat(usize::from(codes.signals.max(1))));
                if let Some(order) = &codes.order {
                    encoder.order = inverted(&mut self.program, order);
                }
            }
        }
        self.program.encoders.push(encoder);
        for (number, output) in network.outputs.iter().enumerate() {
            let told = self.told[number];
            let length = self.program.edges[told as usize].length;
            if let Some(decoding) = given.decoding.get(number) {
                self.decoded(number, told, decoding);
                continue;
            }
            let all = access(&mut self.program, Access::run(told, length, 0, length));
            self.program.instructions.push(Instruction::Emit { output: number as u16, access: all });
            self.program.decoders.push(Decoder {
                output: number as u16,
                reading: if output.read.every_tick() { Reading::Values } else { Reading::Class },
                signals: 1,
                values: length,
                coefficients: NO_TABLE,
                offsets: NO_TABLE,
                scale: I32F32::ONE,
            });
        }
    }

    /// Emission and decoder of an output whose counts mean what `decoding` says.
    fn decoded(&mut self, number: usize, told: u32, decoding: &Decoding) {
        let all = self.pattern(told, 0, &decoding.signals, (0, 0));
        self.program.instructions.push(Instruction::Emit { output: number as u16, access: all });
        let scale = I32F32::saturating_from_num(decoding.unit).max(I32F32::DELTA);
        let values = decoding.signals.len() / usize::from(decoding.each.max(1));
        let offset = libm::rint(decoding.zero / scale.to_num::<f64>()) as i64;
        let offsets = [(offset >> 32) as i32, offset as u32 as i32].repeat(values);
        let offsets = table(&mut self.program, offsets);
        self.program.decoders.push(Decoder {
            output: number as u16,
            reading: if decoding.decides { Reading::Class } else { Reading::Values },
            signals: decoding.each,
            values: values as u32,
            coefficients: NO_TABLE,
            offsets,
            scale,
        });
    }
}
