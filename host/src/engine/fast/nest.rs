//! Loops whose iterations can run side by side.
//!
//! A nest of loops directly inside one another runs as one block of positions when no iteration can tell that another one ran
//! before it:
//!
//! * Every register that the body reads it has written before, in the same iteration; or it never writes it, and then the
//!   register holds what it held before the loops.
//! * No iteration writes a signal that another iteration reads or writes. Older slots of a ring are other signals.
//! * The body neither emits nor ticks, resets nothing but sums, and invokes no spiking core: those keep state.
//!
//! The signals are compared by walking through all iterations once, so that strides, padding and index tables need no rule of
//! their own. What does not qualify is stepped through, and the loops inside it are looked at by themselves.

use std::{collections::BTreeSet, ops::Range};

use super::{
    access::{Pattern, Run},
    program::{Core, Kind},
    ranges::Ranges,
};
use spandrel_core::image::{Combine, Edge, Instruction, LOOP_REGISTERS, ResetTarget};

/// Signals that may be looked at for the nests of an image. Beyond, loops are stepped.
const WALK_MAX: u64 = 1 << 28;

/// A loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) register: usize,
    pub(super) trips: u32,
}

/// Loops that run side by side.
#[derive(Debug)]
pub(super) struct Nest {
    /// The loops, outermost first.
    pub(super) turns: Vec<Turn>,
    /// Iterations in all.
    pub(super) positions: usize,
    /// Instructions of the body.
    pub(super) body: Range<usize>,
    /// The first instruction behind the loops.
    pub(super) next: usize,
    /// Invocations of an iteration.
    pub(super) invocations: u64,
    /// Input registers and sum registers that the body uses.
    pub(super) registers: (usize, usize),
    /// Registers that the body reads and never writes.
    pub(super) kept: (Ranges, Ranges),
    /// Registers that the body writes.
    pub(super) written: (Ranges, Ranges),
    /// Bytes of registers and scratch that a lane takes.
    pub(super) lane_bytes: u64,
}

/// What the analysis looks at.
pub(super) struct Subject<'s> {
    pub(super) instructions: &'s [Instruction],
    pub(super) patterns: &'s [Pattern],
    pub(super) cores: &'s [Core],
    pub(super) edges: &'s [Edge],
    /// Sum registers of the machine.
    pub(super) sums: usize,
}

/// Registers of one kind, as the body comes upon them.
#[derive(Default)]
struct Flow {
    early: Ranges,
    written: Ranges,
}

impl Flow {
    fn read(&mut self, range: Range<usize>) {
        for part in self.written.missing(range).iter() {
            self.early.insert(part);
        }
    }

    fn write(&mut self, range: Range<usize>) {
        self.written.insert(range);
    }

    /// Whether an iteration would read what an earlier one wrote.
    fn carried(&self) -> bool {
        self.early.iter().any(|range| self.written.meets(&range))
    }
}

/// A pattern of the body, and the loops around it within the body.
struct Touch {
    access: usize,
    inner: Vec<Turn>,
    writes: bool,
}

/// The nests of a program, by the number of their first instruction.
pub(super) fn nests(subject: &Subject<'_>) -> Vec<Option<Nest>> {
    let mut nests: Vec<Option<Nest>> = subject.instructions.iter().map(|_| None).collect();
    let mut left = WALK_MAX;
    let mut outer: Vec<Turn> = Vec::new();
    let mut pc = 0;
    while pc < subject.instructions.len() {
        match subject.instructions[pc] {
            Instruction::Loop { register, trips } => {
                if let Some(nest) = subject.nest(pc, &outer, &mut left) {
                    let next = nest.next;
                    nests[pc] = Some(nest);
                    pc = next;
                    continue;
                }
                outer.push(Turn { register: usize::from(register), trips });
            }
            Instruction::End { .. } => {
                outer.pop();
            }
            _ => {}
        }
        pc += 1;
    }
    nests
}

/// Counts through all values of `turns`, the last one fastest; `each` says whether to go on.
fn count(
    turns: &[Turn],
    registers: &mut [u32; LOOP_REGISTERS],
    mut each: impl FnMut(&mut [u32; LOOP_REGISTERS]) -> bool,
) -> bool {
    for turn in turns {
        registers[turn.register] = 0;
    }
    loop {
        if !each(registers) {
            return false;
        }
        let turned = turns.iter().rev().find(|turn| {
            let value = &mut registers[turn.register];
            *value = (*value + 1) % turn.trips;
            *value != 0
        });
        if turned.is_none() {
            return true;
        }
    }
}

impl Subject<'_> {
    /// The number of the END that closes the LOOP at `start`.
    fn end_of(&self, start: usize) -> Option<usize> {
        (start..self.instructions.len()).find(
            |pc| matches!(self.instructions[*pc], Instruction::End { start: own, .. } if own as usize == start),
        )
    }

    /// The deepest nest that begins with the LOOP at `start`.
    fn nest(&self, start: usize, outer: &[Turn], left: &mut u64) -> Option<Nest> {
        let end = self.end_of(start)?;
        let mut depth = 0;
        while matches!(self.instructions.get(start + depth), Some(Instruction::Loop { .. }))
            && end.checked_sub(depth).is_some_and(|end| self.end_of(start + depth) == Some(end))
        {
            depth += 1;
        }
        (1..=depth).rev().find_map(|depth| self.side_by_side(start, end, depth, outer, left))
    }

    fn side_by_side(
        &self,
        start: usize,
        end: usize,
        depth: usize,
        outer: &[Turn],
        left: &mut u64,
    ) -> Option<Nest> {
        let turns: Vec<Turn> = self.instructions[start..start + depth]
            .iter()
            .filter_map(|instruction| match *instruction {
                Instruction::Loop { register, trips } => {
                    Some(Turn { register: usize::from(register), trips })
                }
                _ => None,
            })
            .collect();
        let positions = turns.iter().try_fold(1u32, |positions, turn| positions.checked_mul(turn.trips))?;
        let body = start + depth..end + 1 - depth;
        let (mut inputs, mut sums) = (Flow::default(), Flow::default());
        let mut touches = Vec::new();
        let mut inner: Vec<Turn> = Vec::new();
        let (mut runs, mut invocations, mut scratch) = (1u64, 0u64, 0u64);
        for instruction in &self.instructions[body.clone()] {
            let elements = |access: u32| self.patterns[access as usize].elements();
            let span = |access: u32, first: u32| first as usize..first as usize + elements(access);
            let mut touch = |access: u32, writes| {
                touches.push(Touch { access: access as usize, inner: inner.clone(), writes });
            };
            match *instruction {
                Instruction::Loop { register, trips } => {
                    inner.push(Turn { register: usize::from(register), trips });
                    runs = runs.checked_mul(u64::from(trips))?;
                }
                Instruction::End { .. } => {
                    runs /= u64::from(inner.pop()?.trips);
                }
                Instruction::Gather { access, first } => {
                    touch(access, false);
                    inputs.write(span(access, first));
                }
                Instruction::Invoke { accumulate, config, .. } => {
                    let core = &self.cores[config as usize];
                    if let Kind::Spiking(_) = core.kind {
                        // Its state goes from iteration to iteration.
                        return None;
                    }
                    inputs.read(0..core.rows());
                    if accumulate {
                        sums.read(0..core.sums());
                    }
                    sums.write(0..core.sums());
                    invocations = invocations.checked_add(runs)?;
                    scratch = scratch.max(core.lane_bytes());
                }
                Instruction::Scatter { access, first, .. } => {
                    touch(access, true);
                    sums.read(span(access, first));
                }
                Instruction::Add { combine, access, first } => {
                    touch(access, false);
                    if combine != Combine::Set {
                        sums.read(span(access, first));
                    }
                    sums.write(span(access, first));
                }
                Instruction::Rate { access, first, .. } => {
                    touch(access, false);
                    sums.write(span(access, first));
                }
                Instruction::Reset(ResetTarget::Sums) => sums.write(0..self.sums),
                Instruction::Tick | Instruction::Reset(_) | Instruction::Emit { .. } => return None,
            }
        }
        if inputs.carried() || sums.carried() || !self.apart(&turns, &touches, outer, left) {
            return None;
        }
        let ends = |flow: &Flow| flow.early.end().max(flow.written.end());
        let registers = (ends(&inputs), ends(&sums));
        Some(Nest {
            turns,
            positions: positions as usize,
            body,
            next: end + 1,
            invocations,
            registers,
            kept: (inputs.early, sums.early),
            written: (inputs.written, sums.written),
            lane_bytes: scratch + 4 * (registers.0 + registers.1) as u64,
        })
    }

    /// Whether no iteration writes a signal that another one reads or writes.
    fn apart(&self, turns: &[Turn], touches: &[Touch], outer: &[Turn], left: &mut u64) -> bool {
        let edge_of = |touch: &Touch| self.patterns[touch.access].edge;
        let written: BTreeSet<usize> = touches.iter().filter(|touch| touch.writes).map(edge_of).collect();
        // Nothing turns within the body, so that only the head is both read and written.
        let (writes, reads): (Vec<&Touch>, Vec<&Touch>) = touches
            .iter()
            .filter(|touch| written.contains(&edge_of(touch)) && self.patterns[touch.access].age == 0)
            .partition(|touch| touch.writes);
        if writes.is_empty() {
            return true;
        }
        let moving: Vec<Turn> = outer
            .iter()
            .filter(|turn| {
                writes.iter().chain(&reads).any(|touch| self.patterns[touch.access].follows(turn.register))
            })
            .copied()
            .collect();
        let mut owners: Vec<Vec<u64>> = self
            .edges
            .iter()
            .enumerate()
            .map(|(edge, own)| vec![0; if written.contains(&edge) { own.length as usize } else { 0 }])
            .collect();
        // Iterations have numbers from 1 on, which go on counting from one value of the loops around them to the next.
        let mut base = 0u64;
        let mut registers = [0; LOOP_REGISTERS];
        count(&moving, &mut registers, |registers| {
            let mut last = base;
            let mut fine = true;
            for (all, writing) in [(&writes, true), (&reads, false)] {
                let mut own = base;
                fine = fine
                    && count(turns, registers, |registers| {
                        own += 1;
                        all.iter().all(|touch| {
                            let pattern = &self.patterns[touch.access];
                            let owners = &mut owners[pattern.edge];
                            count(&touch.inner, registers, |registers| {
                                walk(pattern, registers, left, |signal| {
                                    let owner = &mut owners[signal];
                                    let free = *owner <= base || *owner == own;
                                    if writing {
                                        *owner = own;
                                    }
                                    free
                                })
                            })
                        })
                    });
                last = last.max(own);
            }
            base = last;
            fine
        })
    }
}

/// Calls `each` with the signals of a pattern until it says no or nothing is left of the allowance; says whether all were fine.
fn walk(
    pattern: &Pattern,
    registers: &[u32; LOOP_REGISTERS],
    left: &mut u64,
    mut each: impl FnMut(usize) -> bool,
) -> bool {
    let mut fine = *left > 0;
    pattern.runs(registers, |run| {
        *left = left.saturating_sub(1);
        if let Run::Inside { count, signal, stride, .. } = run
            && fine
        {
            *left = left.saturating_sub(count as u64);
            fine = *left > 0
                && (0..count).all(|index| each(signal.wrapping_add_signed(stride * index as isize)));
        }
    });
    fine
}
