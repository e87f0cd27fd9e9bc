//! The program of an image, followed the long way round: values in 64 bits, edges as plain lists, patterns
//! worked out anew from their definition. It shares no code with the machine nor with the fast engine.

use spandrel_core::{
    crossbar::Activation,
    image::{Access, Codec, Combine, Edge, Image, Instruction, LOOP_REGISTERS, Mapping, ResetTarget},
};
use spandrel_oracle as oracle;

use super::decode::{Array, Core};

/// What an observer of the naive run decides and sees.
pub trait Reader {
    /// What configuration `core` reads for the codes on its word lines (inputs only, saturated to the inputs' range).
    fn read(&mut self, core: u32, inputs: &[i32]) -> Vec<i64>;

    /// The sums that configuration `core` is about to finish.
    fn finishing(&mut self, core: u32, sums: &[i64]) {
        let _ = (core, sums);
    }
}

/// The signals that an edge holds: slots from the youngest on.
struct Slots {
    edge: Edge,
    values: Vec<Vec<i64>>,
}

/// A run of one sample from the reset state.
struct Run<'a, 'i> {
    image: &'a Image<'i>,
    cores: &'a [Core],
    edges: Vec<Slots>,
    inputs: Vec<i64>,
    sums: Vec<i64>,
    registers: [u32; LOOP_REGISTERS],
    out: Vec<(u16, i64)>,
}

/// The adder of a configuration, in the oracle's terms.
#[must_use]
pub fn adder(image: &Image<'_>, array: &Array) -> oracle::Adder {
    let crossbar = &array.crossbar;
    oracle::Adder {
        adder_bits: u32::from(crossbar.adder_bits),
        sum_shift: u32::from(crossbar.sum_shift),
        activation: match crossbar.activation {
            Activation::None => oracle::Activation::None,
            Activation::Relu => oracle::Activation::Relu,
            Activation::Table { table, lo } => {
                let table = image.tables().get(table);
                let entries = (0..table.map_or(0, |table| table.len()))
                    .filter_map(|at| table.and_then(|table| table.get(at)));
                oracle::Activation::Table { lo: i128::from(lo), entries: entries.map(i128::from).collect() }
            }
        },
        out_lo: i128::from(crossbar.out_lo),
        out_hi: i128::from(crossbar.out_hi),
    }
}

/// Signals emitted for one raw sample on input 0; `None` when a reference does not resolve.
pub fn run(
    image: &Image<'_>,
    cores: &[Core],
    raw: &[i32],
    reader: &mut dyn Reader,
) -> Option<Vec<(u16, i64)>> {
    let edges = (0..image.edge_count())
        .map(|number| {
            let edge = image.edge(number)?;
            let slot = vec![i64::from(edge.reset); edge.length as usize];
            Some(Slots { edge, values: vec![slot; usize::from(edge.slots)] })
        })
        .collect::<Option<Vec<_>>>()?;
    let plan = image.plan();
    let mut run = Run {
        image,
        cores,
        edges,
        inputs: vec![0; plan.inputs as usize],
        sums: vec![0; plan.sums as usize],
        registers: [0; LOOP_REGISTERS],
        out: Vec::new(),
    };
    run.encode(raw)?;
    run.block(0, image.instruction_count(), reader)?;
    Some(run.out)
}

fn stored(codec: Codec, value: i64) -> i64 {
    let (lo, hi) = codec.range();
    value.clamp(i64::from(lo), i64::from(hi))
}

/// The signal numbers that `access` names at loop registers `registers`, in order; `None` stands for outside.
#[must_use]
pub fn signals(
    image: &Image<'_>,
    access: &Access,
    registers: &[u32; LOOP_REGISTERS],
) -> Option<Vec<Option<usize>>> {
    let length = i128::from(image.edge(access.edge)?.length);
    let mut base: Vec<i128> = access.axes.iter().map(|axis| i128::from(axis.origin)).collect();
    for term in &access.terms {
        let register = *registers.get(usize::from(term.register))?;
        *base.get_mut(usize::from(term.axis))? += i128::from(term.coefficient) * i128::from(register);
    }
    let place = |at: &[i128]| -> Option<i128> {
        let mut signal = 0;
        for (axis, coordinate) in access.axes.iter().zip(at) {
            if !(0..i128::from(axis.extent)).contains(coordinate) {
                return None;
            }
            signal += coordinate * i128::from(axis.pitch);
        }
        Some(signal)
    };
    let whole = |signal: i128| (0..length).contains(&signal).then_some(signal as usize);
    if let Some(table) = image.tables().get(access.table) {
        let base = place(&base);
        let entry = |at: usize| {
            let entry = i128::from(table.get(at)?);
            if entry < 0 { None } else { base.and_then(|base| whole(base + entry)) }
        };
        return Some((0..table.len()).map(entry).collect());
    }
    let mut out = Vec::new();
    let mut index = vec![0u32; access.dims.len()];
    loop {
        let mut at = base.clone();
        for (dim, index) in access.dims.iter().zip(&index) {
            *at.get_mut(usize::from(dim.axis))? += i128::from(dim.step) * i128::from(*index);
        }
        out.push(place(&at).and_then(whole));
        let mut moved = false;
        for (dim, index) in access.dims.iter().zip(&mut index).rev() {
            *index += 1;
            if *index < dim.count {
                moved = true;
                break;
            }
            *index = 0;
        }
        if !moved {
            return Some(out);
        }
    }
}

impl Run<'_, '_> {
    fn encode(&mut self, raw: &[i32]) -> Option<()> {
        let encoder = self.image.encoder(0)?;
        let tables = self.image.tables();
        let params = tables.get(encoder.params)?;
        let order = tables.get(encoder.order);
        let signals = usize::from(encoder.signals);
        let rows = encoder.channels as usize * signals;
        let slots = self.edges.get_mut(encoder.edge as usize)?;
        for (index, raw) in raw.iter().enumerate() {
            let element = match order {
                Some(order) => usize::try_from(order.get(index)?).ok()?,
                None => index,
            };
            let channel = element / encoder.inner as usize % encoder.channels as usize;
            for signal in 0..signals {
                let row = channel * signals + signal;
                let code = match encoder.mapping {
                    Mapping::Table { lo } => {
                        let entries = params.len() / rows;
                        let at = (i64::from(*raw) - i64::from(lo)).clamp(0, entries as i64 - 1) as usize;
                        i128::from(params.get(row * entries + at)?)
                    }
                    Mapping::Affine { shift } => {
                        let high = i128::from(params.get(row * 3 + 1)?) << 32;
                        let low = i128::from(params.get(row * 3 + 2)? as u32);
                        let sum = i128::from(params.get(row * 3)?) * i128::from(*raw) + high + low;
                        // The encoder's register has 64 bits and saturates.
                        let sum = sum.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
                        sum.div_euclid(1i128 << shift)
                    }
                };
                let code = code.clamp(i128::from(encoder.lo), i128::from(encoder.hi)) as i64;
                *slots.values.first_mut()?.get_mut(element * signals + signal)? =
                    stored(slots.edge.codec, code);
            }
        }
        Some(())
    }

    fn block(&mut self, mut at: u32, end: u32, reader: &mut dyn Reader) -> Option<()> {
        while at < end {
            let instruction = self.image.instruction(at)?;
            if let Instruction::Loop { register, trips } = instruction {
                let close = (at + 1..end).find(|number| {
                    matches!(self.image.instruction(*number), Some(Instruction::End { start, .. }) if start == at)
                })?;
                for trip in 0..trips {
                    *self.registers.get_mut(usize::from(register))? = trip;
                    self.block(at + 1, close, reader)?;
                }
                at = close + 1;
                continue;
            }
            self.one(&instruction, reader)?;
            at += 1;
        }
        Some(())
    }

    /// What a reading pattern yields.
    fn fetch(&self, access: u32) -> Option<Vec<i64>> {
        let access = self.image.access(access)?;
        let slot = self.edges.get(access.edge as usize)?.values.get(usize::from(access.age))?;
        let named = signals(self.image, &access, &self.registers)?;
        named
            .into_iter()
            .map(|signal| signal.map_or(Some(i64::from(access.pad)), |signal| slot.get(signal).copied()))
            .collect()
    }

    fn one(&mut self, instruction: &Instruction, reader: &mut dyn Reader) -> Option<()> {
        let narrow = |value: i64| value.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        match *instruction {
            Instruction::Loop { .. } | Instruction::End { .. } => {}
            Instruction::Gather { access, first } => {
                for (at, value) in (first as usize..).zip(self.fetch(access)?) {
                    *self.inputs.get_mut(at)? = value;
                }
            }
            Instruction::Add { combine, access, first } => {
                for (at, value) in (first as usize..).zip(self.fetch(access)?) {
                    let sum = self.sums.get_mut(at)?;
                    *sum = narrow(join(combine, *sum, value));
                }
            }
            Instruction::Rate { register, access, first, window } => {
                let tick = i64::from(*self.registers.get(usize::from(register))?);
                let window = i64::from(window);
                for (at, code) in (first as usize..).zip(self.fetch(access)?) {
                    let fires = ((tick + 1) * code).div_euclid(window) > (tick * code).div_euclid(window);
                    *self.sums.get_mut(at)? = i64::from(fires);
                }
            }
            Instruction::Scatter { combine, access, first } => {
                let access = self.image.access(access)?;
                let named = signals(self.image, &access, &self.registers)?;
                let slots = self.edges.get_mut(access.edge as usize)?;
                let (codec, slot) = (slots.edge.codec, slots.values.get_mut(usize::from(access.age))?);
                for (at, signal) in (first as usize..).zip(named) {
                    let Some(signal) = signal else { continue };
                    let held = slot.get_mut(signal)?;
                    *held = stored(codec, narrow(join(combine, *held, *self.sums.get(at)?)));
                }
            }
            Instruction::Emit { output, access } => {
                let values = self.fetch(access)?;
                self.out.extend(values.into_iter().map(|value| (output, value)));
            }
            Instruction::Tick => {
                for slots in &mut self.edges {
                    if slots.edge.slots > 1 {
                        slots.values.rotate_right(1);
                    }
                    if slots.edge.clear_on_tick {
                        slots.values.first_mut()?.fill(i64::from(slots.edge.reset));
                    }
                }
            }
            Instruction::Reset(ResetTarget::Sums) => self.sums.fill(0),
            Instruction::Reset(ResetTarget::Edge(edge)) => {
                let slots = self.edges.get_mut(edge as usize)?;
                let reset = i64::from(slots.edge.reset);
                slots.values.iter_mut().for_each(|slot| slot.fill(reset));
            }
            // Crossbars keep no state.
            Instruction::Reset(ResetTarget::State { .. }) => {}
            Instruction::Invoke { accumulate, finish, config, .. } => {
                self.invoke(config, accumulate, finish, reader)?;
            }
        }
        Some(())
    }

    fn invoke(&mut self, config: u32, accumulate: bool, finish: bool, reader: &mut dyn Reader) -> Option<()> {
        let core = self.cores.get(config as usize)?;
        let (lo, hi) = match core {
            Core::Crossbar(array) => (0, (1i64 << array.crossbar.input_bits) - 1),
            Core::Digital(digital) => digital.input_range(),
        };
        let inputs: Vec<i32> =
            self.inputs.get(..core.rows())?.iter().map(|code| (*code).clamp(lo, hi) as i32).collect();
        let reads = reader.read(config, &inputs);
        if reads.len() != core.columns() {
            return None;
        }
        // A sum that takes two registers is kept whole in the first one.
        for (sum, read) in self.sums.iter_mut().zip(&reads) {
            let held = if accumulate { *sum } else { 0 };
            *sum = match core {
                Core::Crossbar(_) => (held + read).clamp(i64::from(i32::MIN), i64::from(i32::MAX)),
                Core::Digital(digital) => digital.added(held, *read),
            };
        }
        if finish {
            let sums = self.sums.get(..reads.len())?;
            reader.finishing(config, sums);
            let (finished, pool) = match core {
                Core::Crossbar(array) => {
                    let adder = adder(self.image, array);
                    let finished = sums.iter().map(|sum| oracle::finish(&adder, &[i128::from(*sum)]));
                    (finished.collect(), array.crossbar.pool)
                }
                Core::Digital(digital) => (digital.finished(sums), digital.mac.pool),
            };
            let kept = oracle::max_pool(&finished, usize::from(pool));
            for (sum, value) in self.sums.iter_mut().zip(kept) {
                *sum = i64::try_from(value).ok()?;
            }
        }
        Some(())
    }
}

fn join(combine: Combine, held: i64, value: i64) -> i64 {
    match combine {
        Combine::Set => value,
        Combine::Add => held + value,
        Combine::Max => held.max(value),
    }
}
