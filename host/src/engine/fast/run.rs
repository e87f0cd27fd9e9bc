//! The interpreter: every instruction once for a whole block.

use super::{
    access::Run,
    array::Scratch,
    memory::{Memory, Ring},
    program::Program,
    watch::Watch,
};
use crate::engine::{batch::RawBatch, error::EngineError};
use spandrel_core::{
    image::{Codec, Combine, Instruction, LOOP_REGISTERS, ResetTarget},
    machine::{Address, Fault, FaultKind},
};

/// Memory and scratch, used again from block to block.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    memory: Memory,
    scratch: Scratch,
}

impl Workspace {
    /// The memory as the last block left it.
    pub(super) const fn memory(&self) -> &Memory {
        &self.memory
    }
}

fn combine(how: Combine, codec: Codec, target: &mut [i32], source: &[i32]) {
    let (lo, hi) = codec.range();
    let lanes = target.iter_mut().zip(source);
    match how {
        Combine::Set => lanes.for_each(|(target, value)| *target = (*value).clamp(lo, hi)),
        Combine::Add => {
            lanes.for_each(|(target, value)| *target = target.saturating_add(*value).clamp(lo, hi));
        }
        Combine::Max => lanes.for_each(|(target, value)| *target = (*target).max(*value).clamp(lo, hi)),
    }
}

/// Elements and rows of a run; the signal's row for those inside.
fn rows(run: Run, base: usize, lanes: usize) -> impl Iterator<Item = (usize, Option<usize>)> {
    let (element, count) = match run {
        Run::Inside { element, count, .. } | Run::Outside { element, count } => (element, count),
    };
    (0..count).map(move |index| {
        let row = match run {
            Run::Inside { signal, stride, .. } => {
                Some(base + signal.wrapping_add_signed(stride * index as isize) * lanes)
            }
            Run::Outside { .. } => None,
        };
        (element + index, row)
    })
}

impl Program<'_> {
    /// Runs `batch`, one block, from the reset state to the program's end.
    pub(super) fn run(
        &self,
        workspace: &mut Workspace,
        batch: &RawBatch<'_>,
        watch: &mut impl Watch,
    ) -> Result<(), EngineError> {
        let Workspace { memory, scratch } = workspace;
        memory.reset(&self.edges, self.image.plan(), batch.len());
        self.encode.as_ref().ok_or(EngineError::NoInput)?.feed(batch, memory)?;
        let mut registers = [0u32; LOOP_REGISTERS];
        let (mut tick, mut invocation) = (0, 0);
        let mut pc = 0;
        while let Some(instruction) = self.instructions.get(pc) {
            match *instruction {
                Instruction::Loop { register, .. } => registers[usize::from(register)] = 0,
                Instruction::End { register, start } => {
                    let value = &mut registers[usize::from(register)];
                    if let Instruction::Loop { trips, .. } = self.instructions[start as usize]
                        && *value + 1 < trips
                    {
                        *value += 1;
                        pc = start as usize;
                    }
                }
                Instruction::Gather { access, first } => self.gather(access, first, &registers, memory),
                Instruction::Scatter { combine, access, first } => {
                    self.scatter(combine, access, first, &registers, memory);
                }
                Instruction::Add { combine, access, first } => {
                    self.add(combine, access, first, &registers, memory);
                }
                Instruction::Rate { register, access, first, window } => {
                    let tick = registers[usize::from(register)];
                    self.rate((tick, window), access, first, &registers, memory);
                }
                Instruction::Emit { output, access } => {
                    self.emit(output, access, &registers, memory, watch);
                }
                Instruction::Invoke { accumulate, finish, config, .. } => {
                    let array = &self.arrays[config as usize];
                    let cells = self.cells(array).map_err(|_| EngineError::Stopped {
                        sample: 0,
                        fault: Fault { at: pc as u32, kind: FaultKind::WeightStore },
                    })?;
                    let mut at = Address {
                        sample: 0,
                        tick,
                        invocation,
                        instruction: pc as u32,
                        core: config,
                        unit: 0,
                    };
                    array.invoke(cells, memory, scratch, (accumulate, finish), |unit, read, output| {
                        at.unit = unit;
                        watch.column(&at, read, output);
                    });
                    invocation += 1;
                }
                Instruction::Tick => {
                    for (ring, edge) in memory.rings.iter_mut().zip(&self.edges) {
                        ring.turn(edge, memory.lanes);
                    }
                    tick += 1;
                    watch.tick(&self.image, memory);
                }
                Instruction::Reset(ResetTarget::Sums) => memory.sums.fill(0),
                Instruction::Reset(ResetTarget::Edge(edge)) => {
                    memory.rings[edge as usize].reset(&self.edges[edge as usize], memory.lanes);
                }
                Instruction::Reset(ResetTarget::State { first, words, value }) => {
                    memory.state[first as usize..][..words as usize].fill(value);
                }
            }
            pc += 1;
        }
        Ok(())
    }

    fn gather(&self, access: u32, first: u32, registers: &[u32; LOOP_REGISTERS], memory: &mut Memory) {
        let pattern = &self.patterns[access as usize];
        let Memory { lanes, rings, inputs, .. } = memory;
        let (lanes, ring) = (*lanes, &rings[pattern.edge]);
        let base = ring.at(&self.edges[pattern.edge], pattern.age, lanes);
        let target = &mut inputs[first as usize * lanes..];
        pattern.runs(registers, |run| match run {
            Run::Outside { element, count } => {
                target[element * lanes..(element + count) * lanes].fill(pattern.pad);
            }
            Run::Inside { element, count, signal, stride: 1 } => {
                let from = base + signal * lanes;
                target[element * lanes..(element + count) * lanes]
                    .copy_from_slice(&ring.data[from..from + count * lanes]);
            }
            run @ Run::Inside { .. } => {
                for (element, row) in rows(run, base, lanes) {
                    if let Some(row) = row {
                        target[element * lanes..(element + 1) * lanes]
                            .copy_from_slice(&ring.data[row..row + lanes]);
                    }
                }
            }
        });
    }

    fn scatter(
        &self,
        how: Combine,
        access: u32,
        first: u32,
        registers: &[u32; LOOP_REGISTERS],
        memory: &mut Memory,
    ) {
        let pattern = &self.patterns[access as usize];
        let edge = &self.edges[pattern.edge];
        let Memory { lanes, rings, sums, .. } = memory;
        let (lanes, ring) = (*lanes, &mut rings[pattern.edge]);
        let base = ring.at(edge, pattern.age, lanes);
        let source = &sums[first as usize * lanes..];
        pattern.runs(registers, |run| {
            for (element, row) in rows(run, base, lanes) {
                if let Some(row) = row {
                    let values = &source[element * lanes..(element + 1) * lanes];
                    combine(how, edge.codec, &mut ring.data[row..row + lanes], values);
                }
            }
        });
    }

    /// Calls `each` with a row of sum registers and the row of signals, or of pad codes, that belongs to it.
    fn each_sum(
        &self,
        access: u32,
        first: u32,
        registers: &[u32; LOOP_REGISTERS],
        memory: &mut Memory,
        mut each: impl FnMut(&mut [i32], &[i32]),
    ) {
        let pattern = &self.patterns[access as usize];
        let Memory { lanes, rings, sums, .. } = memory;
        let (lanes, ring): (usize, &Ring) = (*lanes, &rings[pattern.edge]);
        let base = ring.at(&self.edges[pattern.edge], pattern.age, lanes);
        let target = &mut sums[first as usize * lanes..];
        let pad = vec![pattern.pad; lanes];
        pattern.runs(registers, |run| {
            for (element, row) in rows(run, base, lanes) {
                let values = row.map_or(pad.as_slice(), |row| &ring.data[row..row + lanes]);
                each(&mut target[element * lanes..(element + 1) * lanes], values);
            }
        });
    }

    fn add(
        &self,
        how: Combine,
        access: u32,
        first: u32,
        registers: &[u32; LOOP_REGISTERS],
        memory: &mut Memory,
    ) {
        self.each_sum(access, first, registers, memory, |sums, values| {
            combine(how, Codec::I32, sums, values);
        });
    }

    fn rate(
        &self,
        (tick, window): (u32, u32),
        access: u32,
        first: u32,
        registers: &[u32; LOOP_REGISTERS],
        memory: &mut Memory,
    ) {
        let (tick, window) = (i64::from(tick), i64::from(window));
        self.each_sum(access, first, registers, memory, |sums, codes| {
            for (sum, code) in sums.iter_mut().zip(codes) {
                // floor((t+1)c/w) > floor(tc/w) exactly when the remainder of tc and another c reach w.
                let code = i64::from(*code);
                *sum = i32::from((tick * code).rem_euclid(window) + code >= window);
            }
        });
    }

    fn emit(
        &self,
        output: u16,
        access: u32,
        registers: &[u32; LOOP_REGISTERS],
        memory: &Memory,
        watch: &mut impl Watch,
    ) {
        let pattern = &self.patterns[access as usize];
        let (lanes, ring) = (memory.lanes, &memory.rings[pattern.edge]);
        let base = ring.at(&self.edges[pattern.edge], pattern.age, lanes);
        let pad = vec![pattern.pad; lanes];
        pattern.runs(registers, |run| {
            for (element, row) in rows(run, base, lanes) {
                let values = row.map_or(pad.as_slice(), |row| &ring.data[row..row + lanes]);
                watch.emit(output, element as u32, values);
            }
        });
    }
}
