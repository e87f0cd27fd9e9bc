//! The core's own arithmetic at sampled signals, on the inputs that the fast engine left in memory.
//!
//! One inference of a large network through the core takes long. But every value of the fast engine's run is still there when it
//! ends, for no buffer is used twice; so any signal can be computed again from its sources with the functions of
//! `spandrel-core` alone: patterns, weights, sums, requantisation. Each instruction that stores signals is sampled: loop
//! registers and a column are drawn, the loop's body is followed up to that instruction, and the result is compared
//! bit for bit.

use std::collections::BTreeMap;

use spandrel::numeric::Random;
use spandrel_core::blob::Column;
use spandrel_core::image::{Access, Combine, Config, Image, Instruction, LOOP_REGISTERS, NO_TABLE};
use spandrel_core::machine::Snapshot;
use spandrel_core::{crossbar, mac};

/// What was compared of one edge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    /// Signals that the core computed.
    pub(crate) signals: u64,
    /// Those that differ.
    pub(crate) wrong: u64,
}

/// An instruction that stores signals, with the body it ends.
struct Store {
    /// Registers of the loops around it and their trips.
    loops: Vec<(u8, u32)>,
    /// First instruction of the body.
    first: u32,
    /// The instruction.
    at: u32,
    edge: u32,
    elements: u32,
}

fn stores(image: &Image<'_>) -> Result<Vec<Store>, String> {
    let mut out = Vec::new();
    let (mut open, mut first): (Vec<(u8, u32)>, u32) = (Vec::new(), 0);
    for at in 0..image.instruction_count() {
        match image.instruction(at).ok_or("an instruction can not be read")? {
            Instruction::Loop { register, trips } => {
                open.push((register, trips));
                first = at + 1;
            }
            Instruction::End { .. } => {
                open.pop();
                first = at + 1;
            }
            Instruction::Scatter { access, .. } => {
                let pattern = image.access(access).ok_or("a pattern can not be read")?;
                let elements = image.elements(&pattern).ok_or("a pattern has no length")?;
                out.push(Store { loops: open.clone(), first, at, edge: pattern.edge, elements });
            }
            Instruction::Tick | Instruction::Rate { .. } => return Err("it has a time of its own".into()),
            _ => {}
        }
    }
    Ok(out)
}

/// The signal that `element` of a pattern names; `None` outside.
fn signal(
    image: &Image<'_>,
    pattern: &Access,
    registers: &[u32; LOOP_REGISTERS],
    element: u32,
) -> Option<u32> {
    if pattern.table == NO_TABLE {
        return u32::try_from(pattern.at(registers).element(element)?).ok();
    }
    let entry = image.tables().get(pattern.table)?.get(element as usize)?;
    let base = pattern.at(registers).element(0)?;
    u32::try_from(base + u64::try_from(entry).ok()?).ok()
}

/// Compares at least `wanted` signals of every edge that the program stores to, where it has so many.
pub(crate) fn compare(
    image: &Image<'_>,
    state: &Snapshot<'_, '_>,
    wanted: u64,
    seed: u64,
) -> Result<BTreeMap<u32, Compared>, String> {
    let stores = stores(image)?;
    let mut all: BTreeMap<u32, Compared> = BTreeMap::new();
    for (number, store) in stores.iter().enumerate() {
        let sharing: u64 = stores.iter().filter(|other| other.edge == store.edge).count() as u64;
        let found = all.entry(store.edge).or_default();
        let mut random = Random::new(seed, number as u64);
        let positions: u64 = store.loops.iter().map(|(_, trips)| u64::from(*trips)).product();
        let there = positions * u64::from(store.elements);
        let draws = wanted.div_ceil(sharing).min(there);
        for draw in 0..draws {
            // Where all are wanted, one after the other.
            let mut at = if draws == there { draw } else { random.next_u64() % there };
            let element = (at % u64::from(store.elements)) as u32;
            at /= u64::from(store.elements);
            let mut registers = [0u32; LOOP_REGISTERS];
            for &(register, trips) in &store.loops {
                registers[usize::from(register)] = (at % u64::from(trips)) as u32;
                at /= u64::from(trips);
            }
            found.signals += 1;
            let right = one(image, state, store, element, &registers).ok_or("a body can not be followed")?;
            found.wrong += u64::from(!right);
        }
    }
    Ok(all)
}

/// Follows the body up to the store, for the column that `element` of it names; whether the signal is what memory holds.
fn one(
    image: &Image<'_>,
    state: &Snapshot<'_, '_>,
    store: &Store,
    element: u32,
    registers: &[u32; LOOP_REGISTERS],
) -> Option<bool> {
    let Instruction::Scatter { combine: Combine::Set, access: target, first } =
        image.instruction(store.at)?
    else {
        return None;
    };
    let column = first + element;
    let mut inputs: Vec<i32> = Vec::new();
    let (mut sum, mut code) = (0i64, None);
    let read = |pattern: &Access, element: u32| -> Option<i32> {
        match signal(image, pattern, registers, element) {
            Some(signal) => state.signal(pattern.edge, pattern.age, signal),
            None => Some(pattern.pad),
        }
    };
    for at in store.first..store.at {
        match image.instruction(at)? {
            Instruction::Gather { access, first } => {
                let pattern = image.access(access)?;
                let elements = image.elements(&pattern)?;
                inputs.resize(inputs.len().max((first + elements) as usize), 0);
                for element in 0..elements {
                    inputs[(first + element) as usize] = read(&pattern, element)?;
                }
            }
            Instruction::Invoke { accumulate, finish, config, .. } => {
                let held = image.config(config)?;
                if column >= held.columns() {
                    continue;
                }
                let blob = image.blob(held.blob())?;
                let weights = image.weights();
                let own = Column::new(blob, *image.tables(), &weights, column);
                let input = |row: u32| inputs.get(row as usize).copied().unwrap_or(0);
                let before = if accumulate { sum } else { 0 };
                (sum, code) = match held {
                    Config::Mac(core) => {
                        let read = mac::read_column(&core, image.tables(), &own, column, input).ok()?;
                        let sum = core.add(before, read);
                        (sum, finish.then(|| mac::finish(&core, image.tables(), column, sum)))
                    }
                    Config::Crossbar(core) => {
                        let read = crossbar::read_column(&core, &own, input).ok()?;
                        let sum = (before as i32).saturating_add(read);
                        (i64::from(sum), finish.then(|| crossbar::finish(&core, image.tables(), sum)))
                    }
                    _ => return None,
                };
            }
            Instruction::Add { combine, access, first } => {
                let pattern = image.access(access)?;
                let elements = image.elements(&pattern)?;
                let Some(element) = column.checked_sub(first).filter(|e| *e < elements) else { continue };
                let value = read(&pattern, element)?;
                code = Some(match (combine, code) {
                    (Combine::Set, _) => value,
                    (Combine::Max, Some(before)) => before.max(value),
                    (Combine::Add, Some(before)) => before.saturating_add(value),
                    (_, None) => return None,
                });
            }
            Instruction::Scatter { .. } | Instruction::Emit { .. } => {}
            _ => return None,
        }
    }
    let Some(place) = signal(image, &image.access(target)?, registers, element) else { return Some(true) };
    let edge = image.edge(store.edge)?;
    Some(state.signal(store.edge, 0, place)? == edge.codec.saturate(code?))
}
