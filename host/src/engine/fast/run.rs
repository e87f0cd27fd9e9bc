//! The program, interpreted for a block.

use std::ops::Range;

use super::{
    drive::Scratch,
    memory::{Memory, Registers},
    moves::{Place, combine},
    nest::Nest,
    program::{Kind, Program},
    watch::Watch,
};
use crate::engine::{batch::RawBatch, error::EngineError};
use spandrel_core::{
    image::{Codec, Instruction, LOOP_REGISTERS, ResetTarget},
    machine::{Address, Fault, FaultKind},
};

/// Bytes of registers and scratch of the positions that run side by side: about what stays near the processor.
const NEAR: u64 = 1 << 20;

/// Memory and scratch, used again from block to block.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    memory: Memory,
    registers: Registers,
    /// Registers of positions side by side.
    inner: Registers,
    scratch: Scratch,
    /// Ticks and invocations since the last reset.
    counts: (u64, u64),
}

impl Workspace {
    /// The memory as the last block left it.
    pub(super) const fn memory(&self) -> &Memory {
        &self.memory
    }
}

/// A block under way.
struct Block<'b, 'i, W> {
    program: &'b Program<'i>,
    memory: &'b mut Memory,
    scratch: &'b mut Scratch,
    watch: &'b mut W,
    tick: u64,
    invocation: u64,
}

impl Program<'_> {
    /// Runs `batch`, one block, to the program's end: from the reset state when it is `fresh`, otherwise from what the block before,
    /// of as many lanes, has left.
    pub(super) fn run(
        &self,
        workspace: &mut Workspace,
        batch: &RawBatch<'_>,
        fresh: bool,
        watch: &mut impl Watch,
    ) -> Result<(), EngineError> {
        let Workspace { memory, registers, inner, scratch, counts } = workspace;
        let plan = self.image.plan();
        if fresh {
            memory.reset(&self.edges, plan, batch.len());
            registers.reset((plan.inputs as usize, plan.sums as usize), batch.len());
            *counts = (0, 0);
        }
        self.encode.as_ref().ok_or(EngineError::NoInput)?.feed(batch, memory)?;
        let (tick, invocation) = *counts;
        let mut block = Block { program: self, memory, scratch, watch, tick, invocation };
        block.touch(registers);
        let mut position = [[0; LOOP_REGISTERS]];
        block.execute(0..self.instructions.len(), &mut position, registers, Some(inner))?;
        *counts = (block.tick, block.invocation);
        Ok(())
    }
}

impl<W: Watch> Block<'_, '_, W> {
    /// Input registers have changed.
    const fn touch(&mut self, registers: &mut Registers) {
        self.scratch.clock += 1;
        registers.version = self.scratch.clock;
    }

    fn place(&self, access: u32) -> (Place<'_>, usize) {
        let pattern = &self.program.patterns[access as usize];
        let place = Place { pattern, edge: &self.program.edges[pattern.edge], lanes: self.memory.lanes };
        (place, pattern.edge)
    }

    /// Runs `body` at all `positions` side by side, whose registers are `registers`. Loops inside it that can run side by side use
    /// the registers `inner`; without, they are stepped.
    fn execute(
        &mut self,
        body: Range<usize>,
        positions: &mut [[u32; LOOP_REGISTERS]],
        registers: &mut Registers,
        mut inner: Option<&mut Registers>,
    ) -> Result<(), EngineError> {
        let program = self.program;
        let mut pc = body.start;
        while pc < body.end {
            match program.instructions[pc] {
                Instruction::Loop { register, .. } => {
                    if let (Some(nest), Some(inner)) = (&program.nests[pc], inner.as_deref_mut()) {
                        self.side_by_side(nest, positions[0], registers, inner)?;
                        pc = nest.next;
                        continue;
                    }
                    positions.iter_mut().for_each(|position| position[usize::from(register)] = 0);
                }
                Instruction::End { register, start } => {
                    let register = usize::from(register);
                    if let Instruction::Loop { trips, .. } = program.instructions[start as usize]
                        && positions[0][register] + 1 < trips
                    {
                        positions.iter_mut().for_each(|position| position[register] += 1);
                        pc = start as usize;
                    }
                }
                Instruction::Gather { access, first } => {
                    let (place, edge) = self.place(access);
                    let target = &mut registers.inputs[first as usize * registers.width..];
                    place.gather(&self.memory.rings[edge], positions, target);
                    self.touch(registers);
                }
                Instruction::Scatter { combine, access, first } => {
                    let pattern = &program.patterns[access as usize];
                    let place =
                        Place { pattern, edge: &program.edges[pattern.edge], lanes: self.memory.lanes };
                    let source = &registers.sums[first as usize * registers.width..];
                    place.scatter(combine, &mut self.memory.rings[pattern.edge], positions, source);
                }
                Instruction::Add { combine: how, access, first } => {
                    let (place, edge) = self.place(access);
                    let target = &mut registers.sums[first as usize * registers.width..];
                    place.each(&self.memory.rings[edge], positions, target, |_, sums, values| {
                        combine(how, Codec::I32, sums, values);
                    });
                }
                Instruction::Rate { register, access, first, window } => {
                    let (place, edge) = self.place(access);
                    let target = &mut registers.sums[first as usize * registers.width..];
                    let window = i64::from(window);
                    place.each(&self.memory.rings[edge], positions, target, |position, sums, codes| {
                        let tick = i64::from(positions[position][usize::from(register)]);
                        for (sum, code) in sums.iter_mut().zip(codes) {
                            // floor((t+1)c/w) > floor(tc/w) exactly when the remainder of tc and another c reach w.
                            let code = i64::from(*code);
                            *sum = i32::from((tick * code).rem_euclid(window) + code >= window);
                        }
                    });
                }
                Instruction::Emit { output, access } => {
                    let pattern = &program.patterns[access as usize];
                    let place =
                        Place { pattern, edge: &program.edges[pattern.edge], lanes: self.memory.lanes };
                    place.show(&self.memory.rings[pattern.edge], &positions[0], |element, values| {
                        self.watch.emit(output, element, values);
                    });
                }
                Instruction::Invoke { accumulate, finish, config, state, register, stride } => {
                    // Only spiking cores are lent state, and they never run side by side.
                    let moved = positions[0].get(usize::from(register)).map_or(0, |turn| turn * stride);
                    let state = (state + moved) as usize;
                    self.invoke(pc, (config, state), (accumulate, finish), registers)?;
                }
                Instruction::Tick => {
                    for (ring, edge) in self.memory.rings.iter_mut().zip(&program.edges) {
                        ring.turn(edge, self.memory.lanes);
                    }
                    self.tick += 1;
                    self.watch.tick(&program.image, self.memory);
                }
                Instruction::Reset(ResetTarget::Sums) => registers.sums.fill(0),
                Instruction::Reset(ResetTarget::Edge(edge)) => {
                    self.memory.rings[edge as usize].reset(&program.edges[edge as usize], self.memory.lanes);
                }
                Instruction::Reset(ResetTarget::State { first, words, value }) => {
                    let lanes = self.memory.lanes;
                    self.memory.state[first as usize * lanes..][..words as usize * lanes].fill(value);
                }
            }
            pc += 1;
        }
        Ok(())
    }

    fn invoke(
        &mut self,
        pc: usize,
        (config, state): (u32, usize),
        mode: (bool, bool),
        registers: &mut Registers,
    ) -> Result<(), EngineError> {
        let program = self.program;
        let core = &program.cores[config as usize];
        let cells = program.cells(core).map_err(|_| EngineError::Stopped {
            sample: 0,
            fault: Fault { at: pc as u32, kind: FaultKind::WeightStore },
        })?;
        let mut at = Address {
            sample: 0,
            tick: self.tick,
            invocation: self.invocation,
            instruction: pc as u32,
            core: config,
            unit: 0,
        };
        let watch = &mut *self.watch;
        let each = |unit, read: &[i32], output: Option<&[i32]>| {
            at.unit = unit;
            watch.column(&at, read, output);
        };
        match &core.kind {
            Kind::Crossbar(array) => array.invoke(cells, registers, self.scratch, mode, each),
            Kind::Mac(digital) => {
                digital.invoke((cells, program.image.tables()), registers, self.scratch, mode, each);
            }
            Kind::Spiking(neurons) => {
                let words = neurons.spiking.state_words() as usize;
                let lanes = self.memory.lanes;
                let state = &mut self.memory.state[state * lanes..][..words * lanes];
                neurons.invoke(&program.image, (registers, state), self.scratch, mode, each).map_err(
                    |_| EngineError::Stopped {
                        sample: 0,
                        fault: Fault { at: pc as u32, kind: FaultKind::WeightStore },
                    },
                )?;
            }
        }
        self.invocation += 1;
        Ok(())
    }

    /// Runs all iterations of `nest` from the loop registers `outer` on, as many positions at a time as stay near.
    fn side_by_side(
        &mut self,
        nest: &Nest,
        outer: [u32; LOOP_REGISTERS],
        registers: &mut Registers,
        inner: &mut Registers,
    ) -> Result<(), EngineError> {
        let lanes = self.memory.lanes;
        let room = NEAR / (nest.lane_bytes * lanes as u64).max(1);
        let most = usize::try_from(room).unwrap_or(1).min(nest.positions).min(self.watch.positions()).max(1);
        // Blocks of about the same size.
        let blocks = nest.positions.div_ceil(most);
        let most = nest.positions.div_ceil(blocks);
        let mut first = 0;
        while first < nest.positions {
            let count = most.min(nest.positions - first);
            let mut positions: Vec<_> = (first..first + count).map(|number| nest.at(number, outer)).collect();
            inner.reshape(nest.registers, count * lanes);
            let width = inner.width;
            for (kept, from, to) in [
                (&nest.kept.0, &registers.inputs, &mut inner.inputs),
                (&nest.kept.1, &registers.sums, &mut inner.sums),
            ] {
                for register in kept.iter().flatten() {
                    for position in to[register * width..(register + 1) * width].chunks_exact_mut(lanes) {
                        position.copy_from_slice(&from[register * lanes..(register + 1) * lanes]);
                    }
                }
            }
            self.touch(inner);
            let invocation = self.invocation;
            self.watch.begin(count, nest.invocations);
            self.execute(nest.body.clone(), &mut positions, inner, None)?;
            self.watch.end();
            self.invocation = invocation + nest.invocations * count as u64;
            first += count;
        }
        // What the last iteration left in the registers.
        let (width, last) = (inner.width, inner.width - lanes);
        for (written, from, to) in [
            (&nest.written.0, &inner.inputs, &mut registers.inputs),
            (&nest.written.1, &inner.sums, &mut registers.sums),
        ] {
            for register in written.iter().flatten() {
                to[register * lanes..(register + 1) * lanes]
                    .copy_from_slice(&from[register * width + last..(register + 1) * width]);
            }
        }
        self.touch(registers);
        Ok(())
    }
}

impl Nest {
    /// The loop registers at position `number`.
    fn at(&self, number: usize, mut registers: [u32; LOOP_REGISTERS]) -> [u32; LOOP_REGISTERS] {
        let mut rest = number;
        for turn in self.turns.iter().rev() {
            registers[turn.register] = (rest % turn.trips as usize) as u32;
            rest /= turn.trips as usize;
        }
        registers
    }
}
