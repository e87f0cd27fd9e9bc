//! The program's nesting, references and needs in registers, memory and work.

use super::{
    access::LOOP_REGISTERS,
    error::{ImageError, Rule},
    list::fixed_record,
    program::{INSTRUCTION_BYTES, Instruction, NO_REGISTER, ResetTarget},
    tag::Tag,
    view::Image,
};

/// What running the program takes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Needs {
    pub(crate) inputs: u32,
    pub(crate) sums: u32,
    pub(crate) state: u32,
    pub(crate) work: u64,
}

/// One open loop while walking the program.
#[derive(Clone, Copy)]
struct Open {
    register: u8,
    start: u32,
    trips: u32,
}

/// More work units than this would take centuries: a wrong image, not a large network.
const WORK_MAX: u64 = 1 << 60;

pub(crate) fn check(image: &Image<'_>) -> Result<Needs, ImageError> {
    let mut needs = Needs::default();
    let mut open: heapless::Vec<Open, LOOP_REGISTERS> = heapless::Vec::new();
    for record in 0..image.counts.program {
        let error = |field, rule| ImageError::new(Tag::PROGRAM, record, field, rule);
        let bytes = fixed_record(image.section(Tag::PROGRAM), record, INSTRUCTION_BYTES).unwrap_or(&[]);
        let instruction = Instruction::parse(bytes, record)?;
        let is_open = |open: &[Open], register: u8| open.iter().any(|l| l.register == register);
        let mut work = 1u64;
        match instruction {
            Instruction::Loop { register, trips } => {
                let entry = Open { register, start: record, trips };
                if is_open(&open, register) || open.push(entry).is_err() {
                    return Err(error("register", Rule::LoopRegister));
                }
            }
            Instruction::End { register, start } => {
                let closed = open.last().is_some_and(|l| l.register == register && l.start == start);
                if !closed {
                    return Err(error("register", Rule::LoopNesting));
                }
            }
            Instruction::Gather { access, first } => {
                let elements = elements(image, access, record, &open)?;
                let end = first.checked_add(elements).ok_or(error("first", Rule::OutOfRange))?;
                needs.inputs = needs.inputs.max(end);
                work = u64::from(elements);
            }
            Instruction::Scatter { access, first, .. }
            | Instruction::Add { access, first, .. }
            | Instruction::Rate { access, first, .. } => {
                let elements = elements(image, access, record, &open)?;
                let end = first.checked_add(elements).ok_or(error("first", Rule::OutOfRange))?;
                needs.sums = needs.sums.max(end);
                work = u64::from(elements);
                let writes = matches!(instruction, Instruction::Scatter { .. });
                if writes && image.access(access).is_none_or(|access| access.age != 0) {
                    return Err(error("access", Rule::OutOfRange));
                }
                if let Instruction::Rate { register, .. } = instruction
                    && !is_open(&open, register)
                {
                    return Err(error("register", Rule::LoopRegister));
                }
            }
            Instruction::Invoke { config, state, register, stride, .. } => {
                let config = image.config(config).ok_or(error("config", Rule::DanglingReference(config)))?;
                needs.inputs = needs.inputs.max(config.rows());
                needs.sums = needs.sums.max(config.sums());
                let last = match open.iter().find(|l| u16::from(l.register) == register) {
                    Some(l) => u64::from(l.trips - 1) * u64::from(stride),
                    None if register == NO_REGISTER => 0,
                    None => return Err(error("register", Rule::LoopRegister)),
                };
                let end = last + u64::from(state) + u64::from(config.state_words());
                let end = u32::try_from(end).map_err(|_| error("state", Rule::OutOfRange))?;
                needs.state = needs.state.max(end);
                work = config.column_work() * u64::from(config.columns());
            }
            Instruction::Tick => work = u64::from(image.counts.edges),
            Instruction::Reset(target) => match target {
                ResetTarget::Sums => {}
                ResetTarget::Edge(edge) => {
                    let edge = image.edge(edge).ok_or(error("edge", Rule::DanglingReference(edge)))?;
                    work = u64::from(edge.words().ok_or(error("edge", Rule::OutOfRange))?);
                }
                ResetTarget::State { first, words, .. } => {
                    let end = first.checked_add(words).ok_or(error("words", Rule::OutOfRange))?;
                    needs.state = needs.state.max(end);
                    work = u64::from(words);
                }
            },
            Instruction::Emit { access, .. } => {
                work = u64::from(elements(image, access, record, &open)?);
            }
        }
        let runs = open.iter().try_fold(1u64, |runs, l| runs.checked_mul(u64::from(l.trips)));
        needs.work = runs
            .and_then(|runs| runs.checked_mul(work.max(1)))
            .and_then(|work| needs.work.checked_add(work))
            .filter(|work| *work <= WORK_MAX)
            .ok_or(error("trips", Rule::TooLong))?;
        if matches!(instruction, Instruction::End { .. }) {
            open.pop();
        }
    }
    if let Some(l) = open.last() {
        return Err(ImageError::new(Tag::PROGRAM, l.start, "register", Rule::LoopNesting));
    }
    Ok(needs)
}

/// Elements of a pattern, whose loop registers must all be open.
fn elements(image: &Image<'_>, access: u32, record: u32, open: &[Open]) -> Result<u32, ImageError> {
    let error = |field, rule| ImageError::new(Tag::PROGRAM, record, field, rule);
    let pattern = image.access(access).ok_or(error("access", Rule::DanglingReference(access)))?;
    if !pattern.terms.iter().all(|term| open.iter().any(|l| l.register == term.register)) {
        return Err(error("access", Rule::LoopRegister));
    }
    image.elements(&pattern).ok_or(error("access", Rule::OutOfRange))
}
