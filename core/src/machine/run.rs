//! Stepping through the program.

use super::{
    control::{Control, Status},
    digest::Snapshot,
    fault::{Fault, FaultKind, RunError, Step},
    invoke::Core,
    memory,
    probe::{Address, Probe},
};
use crate::{
    blob::WeightStore,
    image::{Access, Combine, Edge, Image, Instruction, NO_REGISTER, ResetTarget},
    spiking::rate_spike,
};

/// An image, its weights and lent memory.
#[derive(Debug)]
pub struct Machine<'i, 'r, W> {
    pub(super) image: Image<'i>,
    pub(super) weights: W,
    pub(super) ram: &'r mut [u32],
}

fn fingerprint(image: &Image<'_>) -> u32 {
    let [a, b, c, d, ..] = *image.digest();
    u32::from_le_bytes([a, b, c, d])
}

impl<'i, 'r, W: WeightStore> Machine<'i, 'r, W> {
    /// A machine in its reset state. `ram` must hold at least the plan's words.
    ///
    /// # Errors
    /// Too little memory.
    pub fn new(image: &Image<'i>, weights: W, ram: &'r mut [u32]) -> Result<Self, RunError> {
        let mut machine = Self::over(image, weights, ram)?;
        machine.reset();
        Ok(machine)
    }

    /// A machine that goes on with the run that `ram` holds.
    ///
    /// # Errors
    /// Too little memory, or the words hold no run of this image.
    pub fn resume(image: &Image<'i>, weights: W, ram: &'r mut [u32]) -> Result<Self, RunError> {
        let machine = Self::over(image, weights, ram)?;
        let control = Control::load(machine.ram).ok_or(RunError::NotThisImage)?;
        if control.image != fingerprint(image) || control.pc > image.instruction_count() {
            return Err(RunError::NotThisImage);
        }
        Ok(machine)
    }

    fn over(image: &Image<'i>, weights: W, ram: &'r mut [u32]) -> Result<Self, RunError> {
        let needed = image.header().ram_words;
        let ram = ram.get_mut(..needed as usize).ok_or(RunError::MemoryTooSmall { needed })?;
        Ok(Self { image: *image, weights, ram })
    }

    /// Clears registers, state and counters, and fills every edge with its reset code.
    pub fn reset(&mut self) {
        self.ram.fill(0);
        for number in 0..self.image.edge_count() {
            if let Some(edge) = self.image.edge(number) {
                // Parsing has shown that the edge lies within the memory.
                let _ = memory::reset(self.ram, &edge);
            }
        }
        Control::new(fingerprint(&self.image)).store(self.ram);
    }

    /// What the machine is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        Control::load(self.ram).map_or(Status::Faulted, |control| control.status)
    }

    /// The state, to be digested or read.
    #[must_use]
    pub const fn snapshot(&self) -> Snapshot<'i, '_> {
        Snapshot { image: &self.image, ram: self.ram }
    }

    /// The image.
    #[must_use]
    pub const fn image(&self) -> &Image<'i> {
        &self.image
    }

    /// Starts the program on what has been fed.
    ///
    /// # Errors
    /// A sample is under way, or the machine has faulted.
    pub fn start(&mut self) -> Result<(), RunError> {
        let mut control = Control::load(self.ram).ok_or(RunError::NotThisImage)?;
        match control.status {
            Status::Running => return Err(RunError::Busy),
            Status::Faulted => return Err(RunError::NotThisImage),
            Status::Idle | Status::Done => {}
        }
        if control.status == Status::Done {
            control.samples = control.samples.wrapping_add(1);
        }
        (control.status, control.pc, control.cursor) = (Status::Running, 0, 0);
        control.store(self.ram);
        Ok(())
    }

    /// Runs for about `budget` work units.
    pub fn step(&mut self, budget: u64, probe: &mut impl Probe) -> Step {
        let Some(mut control) = Control::load(self.ram) else {
            return Step::Fault(Fault { at: 0, kind: FaultKind::Corrupted });
        };
        match control.status {
            Status::Running => {}
            Status::Idle | Status::Done => return Step::SampleDone,
            Status::Faulted => return Step::Fault(Fault { at: control.pc, kind: FaultKind::Corrupted }),
        }
        let mut left = budget.max(1);
        let outcome = loop {
            if control.pc >= self.image.instruction_count() {
                control.status = Status::Done;
                break Step::SampleDone;
            }
            if left == 0 {
                break Step::Running;
            }
            if let Err(kind) = self.execute(&mut control, &mut left, probe) {
                control.status = Status::Faulted;
                break Step::Fault(Fault { at: control.pc, kind });
            }
        };
        control.store(self.ram);
        outcome
    }

    /// Feeds one whole sample to input 0 and runs it to its end.
    ///
    /// # Errors
    /// As [`Machine::feed`] and [`Machine::start`].
    pub fn run(
        &mut self,
        raw: impl IntoIterator<Item = i32>,
        probe: &mut impl Probe,
    ) -> Result<Step, RunError> {
        let fed = self.feed(0, 0, raw)?;
        let length = self.image.encoder(0).map_or(0, |encoder| encoder.length);
        if fed != length {
            return Err(RunError::SampleTooShort { length, fed });
        }
        self.start()?;
        Ok(self.step(u64::MAX, probe))
    }

    /// Does as much of the current instruction as `left` allows.
    fn execute(
        &mut self,
        control: &mut Control,
        left: &mut u64,
        probe: &mut impl Probe,
    ) -> Result<(), FaultKind> {
        let instruction = self.image.instruction(control.pc).ok_or(FaultKind::Corrupted)?;
        // A resumed instruction has paid for its beginning already.
        if control.cursor == 0 {
            *left = left.saturating_sub(1);
        }
        match instruction {
            Instruction::Loop { register, .. } => {
                *register_mut(control, register)? = 0;
            }
            Instruction::End { register, start } => {
                let Some(Instruction::Loop { trips, .. }) = self.image.instruction(start) else {
                    return Err(FaultKind::Corrupted);
                };
                let value = register_mut(control, register)?;
                if value.saturating_add(1) < trips {
                    *value += 1;
                    control.pc = start;
                }
            }
            Instruction::Gather { access, first } => {
                let to = self.image.plan().inputs_at().checked_add(first).ok_or(FaultKind::Corrupted)?;
                return self.each(control, left, access, |machine, _, edge, slot, signal, element, pad| {
                    let value = match signal {
                        Some(signal) => memory::read(machine.ram, edge, slot, signal)?,
                        None => pad,
                    };
                    *machine.ram.get_mut((to + element) as usize)? = value as u32;
                    Some(())
                });
            }
            Instruction::Add { combine, access, first } => {
                let to = self.sum_at(first)?;
                return self.each(control, left, access, |machine, _, edge, slot, signal, element, pad| {
                    let value = match signal {
                        Some(signal) => memory::read(machine.ram, edge, slot, signal)?,
                        None => pad,
                    };
                    let sum = machine.ram.get_mut((to + element) as usize)?;
                    *sum = combined(combine, *sum as i32, value) as u32;
                    Some(())
                });
            }
            Instruction::Rate { register, access, first, window } => {
                let to = self.sum_at(first)?;
                let tick = *register_mut(control, register)?;
                return self.each(control, left, access, |machine, _, edge, slot, signal, element, pad| {
                    let code = match signal {
                        Some(signal) => memory::read(machine.ram, edge, slot, signal)?,
                        None => pad,
                    };
                    let spike = rate_spike(tick, code, window)?;
                    *machine.ram.get_mut((to + element) as usize)? = u32::from(spike);
                    Some(())
                });
            }
            Instruction::Scatter { combine, access, first } => {
                let from = self.sum_at(first)?;
                return self.each(control, left, access, |machine, _, edge, slot, signal, element, _| {
                    let Some(signal) = signal else { return Some(()) };
                    let value = *machine.ram.get((from + element) as usize)? as i32;
                    let held = match combine {
                        Combine::Set => 0,
                        _ => memory::read(machine.ram, edge, slot, signal)?,
                    };
                    memory::write(machine.ram, edge, slot, signal, combined(combine, held, value))
                });
            }
            Instruction::Emit { output, access } => {
                return self.each(
                    control,
                    left,
                    access,
                    |machine, control, edge, slot, signal, element, pad| {
                        let _ = control;
                        let value = match signal {
                            Some(signal) => memory::read(machine.ram, edge, slot, signal)?,
                            None => pad,
                        };
                        probe.emit(output, element, value);
                        Some(())
                    },
                );
            }
            Instruction::Invoke { accumulate, finish, config, state, register, stride } => {
                let moved = match register {
                    NO_REGISTER => 0,
                    register => control.registers.get(usize::from(register)).copied().unwrap_or(0),
                };
                // Parsing has shown that the state ends within 32 bits.
                let state = state.wrapping_add(moved.wrapping_mul(stride));
                return self.invoke(control, left, (accumulate, finish), (config, state), probe);
            }
            Instruction::Tick => {
                while control.cursor < self.image.edge_count() {
                    let edge = self.image.edge(control.cursor).ok_or(FaultKind::Corrupted)?;
                    memory::turn(self.ram, &edge).ok_or(FaultKind::Corrupted)?;
                    control.cursor += 1;
                    let cleared = if edge.clear_on_tick { edge.slot_words() } else { 0 };
                    *left = left.saturating_sub(1 + u64::from(cleared));
                    if *left == 0 && control.cursor < self.image.edge_count() {
                        return Ok(());
                    }
                }
                control.ticks = control.ticks.wrapping_add(1);
                probe.tick(&Snapshot { image: &self.image, ram: self.ram });
            }
            Instruction::Reset(target) => {
                let words = self.fill(target).ok_or(FaultKind::Corrupted)?;
                *left = left.saturating_sub(u64::from(words));
            }
        }
        advance(control);
        Ok(())
    }

    fn sum_at(&self, first: u32) -> Result<u32, FaultKind> {
        self.image.plan().sums_at().and_then(|at| at.checked_add(first)).ok_or(FaultKind::Corrupted)
    }

    /// Fills what RESET names; returns its words.
    fn fill(&mut self, target: ResetTarget) -> Option<u32> {
        let plan = *self.image.plan();
        let (first, words, value) = match target {
            ResetTarget::Sums => (plan.sums_at()?, plan.sums, 0),
            ResetTarget::Edge(edge) => {
                let edge = self.image.edge(edge)?;
                memory::reset(self.ram, &edge)?;
                return edge.words();
            }
            ResetTarget::State { first, words, value } => {
                (plan.state_at()?.checked_add(first)?, words, value)
            }
        };
        let end = first.checked_add(words)?;
        self.ram.get_mut(first as usize..end as usize)?.fill(value as u32);
        Some(words)
    }

    /// Runs `body` for each element of a pattern, from the cursor on, while the budget lasts.
    fn each(
        &mut self,
        control: &mut Control,
        left: &mut u64,
        access: u32,
        mut body: impl FnMut(&mut Self, &Control, &Edge, u32, Option<u32>, u32, i32) -> Option<()>,
    ) -> Result<(), FaultKind> {
        let image = self.image;
        let pattern: Access = image.access(access).ok_or(FaultKind::Corrupted)?;
        let edge = image.edge(pattern.edge).ok_or(FaultKind::Corrupted)?;
        let elements = image.elements(&pattern).ok_or(FaultKind::Corrupted)?;
        let slot = memory::slot(self.ram, &edge, pattern.age);
        let table = image.tables().get(pattern.table);
        let cursor = pattern.at(&control.registers);
        while control.cursor < elements {
            let element = control.cursor;
            let signal = match table {
                None => cursor.element(element),
                Some(table) => {
                    let entry = table.get(element as usize).ok_or(FaultKind::Corrupted)?;
                    u64::try_from(entry).ok().zip(cursor.element(0)).map(|(entry, base)| base + entry)
                }
            };
            let signal =
                signal.and_then(|signal| u32::try_from(signal).ok()).filter(|signal| *signal < edge.length);
            body(self, control, &edge, slot, signal, element, pattern.pad).ok_or(FaultKind::Corrupted)?;
            control.cursor += 1;
            *left = left.saturating_sub(1);
            if *left == 0 && control.cursor < elements {
                return Ok(());
            }
        }
        advance(control);
        Ok(())
    }

    fn invoke(
        &mut self,
        control: &mut Control,
        left: &mut u64,
        mode: (bool, bool),
        (config, state): (u32, u32),
        probe: &mut impl Probe,
    ) -> Result<(), FaultKind> {
        let core = Core::load(&self.image, config).ok_or(FaultKind::Corrupted)?;
        let plan = *self.image.plan();
        let (registers, sums) = plan
            .sums_at()
            .and_then(|at| self.ram.split_at_mut_checked(at as usize))
            .ok_or(FaultKind::Corrupted)?;
        let inputs = registers.get(plan.inputs_at() as usize..).ok_or(FaultKind::Corrupted)?;
        let (sums, lent) = sums.split_at_mut_checked(plan.sums as usize).ok_or(FaultKind::Corrupted)?;
        let end = state.checked_add(core.config.state_words()).ok_or(FaultKind::Corrupted)?;
        let lent = lent.get_mut(state as usize..end as usize).ok_or(FaultKind::Corrupted)?;
        let mut at = Address {
            sample: control.samples,
            tick: control.ticks,
            invocation: control.invocations,
            instruction: control.pc,
            core: config,
            unit: 0,
        };
        while control.cursor < core.config.columns() {
            at.unit = control.cursor;
            let result = core
                .column((&self.image, &self.weights), inputs, (sums, lent), &at, mode, probe)
                .map_err(|_| FaultKind::WeightStore)?;
            probe.read(&at, result.read);
            if let Some(output) = result.output {
                probe.unit(&at, output);
            }
            control.cursor += 1;
            *left = left.saturating_sub(core.config.column_work());
            if *left == 0 && control.cursor < core.config.columns() {
                return Ok(());
            }
        }
        control.invocations = control.invocations.wrapping_add(1);
        advance(control);
        Ok(())
    }
}

fn register_mut(control: &mut Control, register: u8) -> Result<&mut u32, FaultKind> {
    control.registers.get_mut(usize::from(register)).ok_or(FaultKind::Corrupted)
}

fn advance(control: &mut Control) {
    control.pc = control.pc.saturating_add(1);
    control.cursor = 0;
}

fn combined(combine: Combine, held: i32, value: i32) -> i32 {
    match combine {
        Combine::Set => value,
        Combine::Add => held.saturating_add(value),
        Combine::Max => held.max(value),
    }
}
