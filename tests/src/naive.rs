//! A second machine, written from docs/image-format.md: vectors, wide integers, recursion over
//! loops. It takes the builder's records, never the image's bytes, packed weights or memory
//! plan, and asks the oracle for all arithmetic of cores, so it shares nothing with the core.

mod cores;
mod defects;
mod invoke;
mod spiking;

pub use cores::{oracle_adder, oracle_array, oracle_mac, oracle_reads};
pub use defects::Defects;
pub use spiking::oracle_neuron;

use crate::{coverage::Coverage, images::ImageBuilder};
use spandrel_core::image::{
    Access, Codec, Combine, Encoder, Instruction, Mapping, NO_TABLE, ResetTarget, sha256,
};
use spandrel_oracle as oracle;

const I32: (i128, i128) = (-(1 << 31), (1 << 31) - 1);

/// An edge: `ages[a][i]` is signal i as written a ticks ago.
struct Ring {
    ages: Vec<Vec<i128>>,
    codec: Codec,
    clear: bool,
    reset: i128,
}

/// What the naive machine showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Emitted (output, index, value).
    pub outputs: Vec<(u16, u32, i128)>,
    /// Reads of arrays, column by column.
    pub reads: Vec<i128>,
    /// Finished outputs, column by column.
    pub units: Vec<i128>,
    /// State digest after every tick.
    pub ticks: Vec<[u8; 32]>,
    /// State digest at the end.
    pub digest: [u8; 32],
}

/// The machine.
pub struct Naive<'b> {
    image: &'b ImageBuilder,
    met: &'b mut Coverage,
    edges: Vec<Ring>,
    inputs: Vec<i128>,
    sums: Vec<i128>,
    state: Vec<i128>,
    registers: [i128; 8],
    seen: Seen,
    defects: Option<&'b mut dyn Defects>,
}

fn range(codec: Codec) -> (i128, i128) {
    match codec {
        Codec::Bit => (0, 1),
        Codec::U8 => (0, 255),
        Codec::I8 => (-128, 127),
        Codec::I16 => (-32_768, 32_767),
        Codec::I32 => I32,
    }
}

impl<'b> Naive<'b> {
    /// A machine in its reset state, which notes in `met` what it meets.
    #[must_use]
    pub fn new(image: &'b ImageBuilder, met: &'b mut Coverage) -> Self {
        let (inputs, sums, state) = image.registers();
        let edges = image
            .edges
            .iter()
            .map(|edge| Ring {
                ages: vec![vec![edge.reset.into(); edge.length as usize]; edge.slots as usize],
                codec: edge.codec,
                clear: edge.clear_on_tick,
                reset: edge.reset.into(),
            })
            .collect();
        Self {
            image,
            met,
            edges,
            inputs: vec![0; inputs as usize],
            sums: vec![0; sums as usize],
            state: vec![0; state as usize],
            registers: [0; 8],
            seen: Seen::default(),
            defects: None,
        }
    }

    /// The same machine on a chip with `defects`.
    #[must_use]
    pub fn with(mut self, defects: &'b mut dyn Defects) -> Self {
        self.defects = Some(defects);
        self
    }

    /// Runs samples one after the other and says what was seen.
    #[must_use]
    pub fn run(mut self, samples: &[&[i32]]) -> Seen {
        for sample in samples {
            if !sample.is_empty() {
                self.feed(sample);
            }
            self.block(0, self.image.program.len());
        }
        self.seen.digest = self.digest();
        self.seen
    }

    fn feed(&mut self, sample: &[i32]) {
        let encoder = self.image.encoders[0];
        for (index, raw) in sample.iter().enumerate() {
            let element = match self.image.tables.get(encoder.order as usize) {
                Some(order) if encoder.order != NO_TABLE => order[index] as usize,
                _ => index,
            };
            let channel = (element / encoder.inner as usize) % encoder.channels as usize;
            for signal in 0..usize::from(encoder.signals) {
                let row = channel * usize::from(encoder.signals) + signal;
                let code = self.encode(&encoder, row, i128::from(*raw));
                self.write(encoder.edge, element * usize::from(encoder.signals) + signal, code);
            }
        }
    }

    fn encode(&self, encoder: &Encoder, row: usize, raw: i128) -> i128 {
        let params = &self.image.tables[encoder.params as usize];
        let code = match encoder.mapping {
            Mapping::Table { lo } => {
                let entries = params.len() / (encoder.channels as usize * usize::from(encoder.signals));
                let index = (raw - i128::from(lo)).clamp(0, entries as i128 - 1);
                i128::from(params[row * entries + index as usize])
            }
            Mapping::Affine { shift } => {
                let high = i128::from(params[row * 3 + 1]) * (1 << 32);
                let add = high + i128::from(params[row * 3 + 2] as u32);
                let sum = i128::from(params[row * 3]) * raw + add;
                sum.clamp(i64::MIN.into(), i64::MAX.into()).div_euclid(1 << shift)
            }
        };
        code.clamp(encoder.lo.into(), encoder.hi.into())
    }

    fn write(&mut self, edge: u32, signal: usize, value: i128) {
        let ring = &mut self.edges[edge as usize];
        let (lo, hi) = range(ring.codec);
        self.met.hit_if(value < lo || value > hi, "a write saturates");
        ring.ages[0][signal] = value.clamp(lo, hi);
    }

    /// Instructions `from..to`, which hold whole loops only.
    fn block(&mut self, from: usize, to: usize) {
        let mut at = from;
        while at < to {
            let Instruction::Loop { register, trips } = self.image.program[at] else {
                self.instruction(at);
                at += 1;
                continue;
            };
            let end = self.end_of(at);
            for turn in 0..trips {
                self.registers[usize::from(register)] = turn.into();
                self.block(at + 1, end);
            }
            at = end + 1;
        }
    }

    fn end_of(&self, start: usize) -> usize {
        let ends = |i: &Instruction| matches!(i, Instruction::End { start: s, .. } if *s as usize == start);
        self.image.program.iter().position(ends).expect("every loop has an end")
    }

    /// The signals that a pattern names, `None` outside.
    fn signals(&self, access: &Access) -> Vec<Option<usize>> {
        let mut places: Vec<Vec<i128>> =
            vec![access.axes.iter().map(|axis| i128::from(axis.origin)).collect()];
        for term in &access.terms {
            places[0][usize::from(term.axis)] +=
                i128::from(term.coefficient) * self.registers[usize::from(term.register)];
        }
        for dim in &access.dims {
            let mut next = Vec::new();
            for place in &places {
                for index in 0..dim.count {
                    let mut place = place.clone();
                    place[usize::from(dim.axis)] += i128::from(dim.step) * i128::from(index);
                    next.push(place);
                }
            }
            places = next;
        }
        let length = self.edges[access.edge as usize].ages[0].len() as i128;
        let signal = |place: &Vec<i128>| {
            let mut signal = 0;
            for (axis, coordinate) in access.axes.iter().zip(place) {
                if *coordinate < 0 || *coordinate >= i128::from(axis.extent) {
                    return None;
                }
                signal += coordinate * i128::from(axis.pitch);
            }
            Some(signal)
        };
        let inside = |signal: i128| (signal < length).then_some(signal as usize);
        if access.table == NO_TABLE {
            return places.iter().map(|place| signal(place).and_then(inside)).collect();
        }
        let base = signal(&places[0]);
        let entry = |entry: &i32| if *entry < 0 { None } else { inside(base? + i128::from(*entry)) };
        self.image.tables[access.table as usize].iter().map(entry).collect()
    }

    /// What a read through pattern `access` yields.
    fn values(&mut self, access: u32) -> Vec<i128> {
        let access = &self.image.accesses[access as usize];
        let signals = self.signals(access);
        self.met.hit_if(signals.contains(&None), "padding");
        self.met.hit_if(signals.contains(&None) && signals.iter().any(Option::is_some), "partial padding");
        self.met.hit_if(access.table != NO_TABLE, "an index table");
        self.met.hit_if(access.age > 0, "an older slot");
        let slot = &self.edges[access.edge as usize].ages[usize::from(access.age)];
        signals.iter().map(|s| s.map_or(i128::from(access.pad), |s| slot[s])).collect()
    }

    fn instruction(&mut self, at: usize) {
        match self.image.program[at] {
            Instruction::Loop { .. } | Instruction::End { .. } => unreachable!("handled as blocks"),
            Instruction::Gather { access, first } => {
                for (i, value) in self.values(access).into_iter().enumerate() {
                    self.inputs[first as usize + i] = value;
                }
            }
            Instruction::Invoke { accumulate, finish, config, state, register, stride } => {
                let moved = self.registers.get(usize::from(register)).map_or(0, |turn| *turn as usize);
                let state = state as usize + moved * stride as usize;
                self.invoke(config, accumulate, finish, state);
            }
            Instruction::Scatter { combine, access, first } => {
                let access = &self.image.accesses[access as usize];
                for (i, signal) in self.signals(access).into_iter().enumerate() {
                    let Some(signal) = signal else {
                        self.met.hit("a dropped write");
                        continue;
                    };
                    let value = self.sums[first as usize + i];
                    let held = self.edges[access.edge as usize].ages[0][signal];
                    self.write(
                        access.edge,
                        signal,
                        if combine == Combine::Add { held + value } else { value },
                    );
                }
            }
            Instruction::Add { combine, access, first } => {
                for (i, value) in self.values(access).into_iter().enumerate() {
                    let sum = &mut self.sums[first as usize + i];
                    let beyond = *sum + value < I32.0 || *sum + value > I32.1;
                    self.met.hit_if(combine == Combine::Add && beyond, "a sum register saturates");
                    self.met.hit_if(combine == Combine::Max && *sum > value, "a maximum is kept");
                    *sum = match combine {
                        Combine::Set => value,
                        Combine::Add => (*sum + value).clamp(I32.0, I32.1),
                        Combine::Max => value.max(*sum),
                    };
                }
            }
            Instruction::Rate { register, access, first, window } => {
                let (tick, window) = (self.registers[usize::from(register)], i128::from(window));
                for (i, code) in self.values(access).into_iter().enumerate() {
                    let spike = oracle::rate_code(code, tick, window);
                    self.met.hit(if spike { "a spike" } else { "no spike" });
                    self.sums[first as usize + i] = i128::from(spike);
                }
            }
            Instruction::Tick => {
                self.met.hit("a tick");
                for ring in &mut self.edges {
                    self.met.hit_if(ring.clear, "a clear on tick");
                    let oldest = ring.ages.pop().expect("at least one slot");
                    let head = if ring.clear { vec![ring.reset; oldest.len()] } else { oldest };
                    ring.ages.insert(0, head);
                }
                let digest = self.digest();
                self.seen.ticks.push(digest);
            }
            Instruction::Reset(ResetTarget::Sums) => self.sums.fill(0),
            Instruction::Reset(ResetTarget::Edge(edge)) => {
                self.met.hit("an edge reset");
                let ring = &mut self.edges[edge as usize];
                for slot in &mut ring.ages {
                    slot.fill(ring.reset);
                }
            }
            Instruction::Reset(ResetTarget::State { first, words, value }) => {
                self.state[first as usize..(first + words) as usize].fill(value.into());
            }
            Instruction::Emit { output, access } => {
                for (index, value) in (0..).zip(self.values(access)) {
                    self.seen.outputs.push((output, index, value));
                }
            }
        }
    }

    /// `spandrel-state-1`.
    fn digest(&self) -> [u8; 32] {
        let edges = self.edges.iter().flat_map(|edge| edge.ages.iter().flatten());
        let bytes: Vec<u8> =
            edges.chain(&self.state).flat_map(|value| (*value as i32).to_le_bytes()).collect();
        sha256(&bytes)
    }
}
