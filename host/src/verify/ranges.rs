//! Which values the sum registers and edges of a program can hold: the program, followed with ranges for values.
//!
//! There are no jumps and trip counts are constant, so the program is followed as it runs. A register has the range that
//! its last write gave it; a signal has the range of everything ever written to its edge. A loop whose registers and edges
//! change no more is left early; one that goes on changing for `TRIPS` rounds has every register that still moves
//! widened to its whole range, which then fails the proof rather than pass it.

use std::collections::BTreeMap;

use spandrel_core::image::{Codec, Combine, Image, Instruction, ResetTarget};
use spandrel_core::mac::Overflow;
use spandrel_oracle as oracle;

use super::{
    bounds::{ColumnBounds, Span, activated},
    decode::Core,
    digital::{
        Digital,
        bounds::{self as digital, Wide},
    },
    naive::adder,
};

/// Rounds of a loop that are followed one by one.
const TRIPS: u32 = 4096;
/// Steps (instructions) that are followed in all before everything is widened.
const STEPS: u64 = 1 << 22;

/// Samples that are followed one behind the other before what still moves is widened.
const ROUNDS: u32 = 16;

/// What happens to the sums of one configuration, over the whole program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SumRange {
    /// For each column the hull of its sums, after each invocation of this configuration.
    pub sums: Vec<Option<Span>>,
    /// For each column the hull of its finished outputs before the clip to the output range.
    pub active: Vec<Option<Span>>,
    /// Columns of a digital core whose sum can lie outside the accumulator, with the hull of their sums.
    pub outside: BTreeMap<u32, Wide>,
}

/// The ranges of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// By configuration.
    pub cores: BTreeMap<u32, SumRange>,
    /// Edges on which a write can be saturated to the edge's codec, with the widest range written.
    pub saturating: BTreeMap<u32, Span>,
    /// Sum registers that ADD can take beyond 32 bits, with the instruction.
    pub overflowing: BTreeMap<u32, Span>,
    /// Whether a limit was reached and ranges were widened.
    pub widened: bool,
}

#[derive(Clone, PartialEq, Eq)]
struct State {
    sums: Vec<Span>,
    edges: Vec<Span>,
    /// What the input registers can hold.
    lines: Vec<Span>,
    /// The columns whose sums take two registers each, when the last invocation left such sums.
    wide: Option<usize>,
}

struct Follow<'a, 'i> {
    image: &'a Image<'i>,
    cores: &'a [Core],
    bounds: &'a [Vec<ColumnBounds>],
    adders: Vec<Option<oracle::Adder>>,
    /// Of digital cores the sums of all columns, and the inputs that they are bounds for.
    reads: BTreeMap<u32, (Vec<Span>, Vec<Wide>)>,
    state: State,
    found: Ranges,
    steps: u64,
}

const WORD: Span = Span::new(i32::MIN as i64, i32::MAX as i64);
/// What a sum of two registers can hold.
const LONG: Span = Span::new(i64::MIN, i64::MAX);

fn codec_span(codec: Codec) -> Span {
    let (lo, hi) = codec.range();
    Span::new(i64::from(lo), i64::from(hi))
}

/// Follows the program of `image`, whose crossbars' columns have `bounds` (none for digital cores, whose bounds depend on
/// their inputs); `None` when a reference does not resolve.
pub fn follow(image: &Image<'_>, cores: &[Core], bounds: &[Vec<ColumnBounds>]) -> Option<Ranges> {
    let edges = (0..image.edge_count())
        .map(|edge| image.edge(edge).map(|edge| Span::only(i64::from(edge.reset))))
        .collect::<Option<Vec<Span>>>()?;
    let mut follow = Follow {
        image,
        cores,
        bounds,
        adders: cores.iter().map(|core| core.array().map(|array| adder(image, array))).collect(),
        reads: BTreeMap::new(),
        state: State {
            sums: vec![Span::only(0); image.plan().sums as usize],
            edges,
            lines: vec![Span::only(0); image.plan().inputs as usize],
            wide: None,
        },
        found: Ranges::default(),
        steps: 0,
    };
    for input in 0..image.input_count() {
        let encoder = image.encoder(input)?;
        follow.store(encoder.edge, Span::new(i64::from(encoder.lo), i64::from(encoder.hi)))?;
    }
    // A second sample begins with what the first one left behind, unless the machine is reset: both are covered by the hull
    // of all beginnings.
    for round in 0..2 * ROUNDS {
        let before = follow.state.clone();
        follow.block(0, image.instruction_count())?;
        if before.holds(&follow.state) {
            return Some(follow.found);
        }
        follow.join(&before, round >= ROUNDS);
    }
    None
}

impl State {
    /// Whether every value that `other` allows is allowed here.
    fn holds(&self, other: &Self) -> bool {
        let inside = |ours: &[Span], theirs: &[Span]| ours.iter().zip(theirs).all(|(a, b)| a.holds(*b));
        let wide = self.wide == other.wide;
        wide && inside(&self.sums, &other.sums)
            && inside(&self.edges, &other.edges)
            && inside(&self.lines, &other.lines)
    }
}

impl Follow<'_, '_> {
    /// Adds `span` to what edge `edge` can hold.
    fn store(&mut self, edge: u32, span: Span) -> Option<()> {
        let codec = codec_span(self.image.edge(edge)?.codec);
        if !codec.holds(span) {
            let widest = self.found.saturating.entry(edge).or_insert(span);
            *widest = widest.or(span);
        }
        let held = self.state.edges.get_mut(edge as usize)?;
        *held = held.or(span.within(codec));
        Some(())
    }

    fn block(&mut self, mut at: u32, end: u32) -> Option<()> {
        while at < end {
            self.steps += 1;
            if self.steps > 2 * STEPS {
                return None;
            }
            if let Instruction::Loop { trips, .. } = self.image.instruction(at)? {
                let close = (at + 1..end).find(|number| {
                    matches!(self.image.instruction(*number), Some(Instruction::End { start, .. }) if start == at)
                })?;
                for trip in 0..trips {
                    let before = self.state.clone();
                    let long = trip >= TRIPS || self.steps > STEPS;
                    self.block(at + 1, close)?;
                    if self.state == before {
                        break;
                    }
                    if long && before.holds(&self.state) {
                        // No further round leaves these ranges.
                        self.state = before;
                        break;
                    }
                    if long {
                        self.join(&before, true);
                    }
                }
                at = close + 1;
                continue;
            }
            self.one(at)?;
            at += 1;
        }
        Some(())
    }

    /// The hull of what was before and what is now; with `widen`, whatever still moves may go anywhere.
    fn join(&mut self, before: &State, widen: bool) {
        self.found.widened |= widen;
        for (sum, old) in self.state.sums.iter_mut().zip(&before.sums) {
            *sum = if widen && !old.holds(*sum) { LONG } else { sum.or(*old) };
        }
        for (line, old) in self.state.lines.iter_mut().zip(&before.lines) {
            *line = if widen && !old.holds(*line) { WORD } else { line.or(*old) };
        }
        // Of sums that are wide in one case only nothing is known.
        if self.state.wide != before.wide {
            self.state.wide = None;
            self.state.sums.fill(WORD);
        }
        for (number, (edge, old)) in (0..).zip(self.state.edges.iter_mut().zip(&before.edges)) {
            let all = || self.image.edge(number).map_or(WORD, |edge| codec_span(edge.codec));
            *edge = if widen && !old.holds(*edge) { all() } else { edge.or(*old) };
        }
    }

    /// What a pattern can read: what its edge can hold, or the pad code, element by element.
    fn fetch(&self, access: u32) -> Option<(usize, Span)> {
        let access = self.image.access(access)?;
        let count = self.image.elements(&access)? as usize;
        let span = self.state.edges.get(access.edge as usize)?;
        // Whether an element can lie outside is not asked: the pad code is always possible.
        Some((count, span.or(Span::only(i64::from(access.pad)))))
    }

    fn one(&mut self, at: u32) -> Option<()> {
        match self.image.instruction(at)? {
            Instruction::Loop { .. }
            | Instruction::End { .. }
            | Instruction::Emit { .. }
            | Instruction::Tick
            | Instruction::Reset(ResetTarget::State { .. }) => {}
            Instruction::Reset(ResetTarget::Edge(edge)) => {
                let reset = i64::from(self.image.edge(edge)?.reset);
                self.store(edge, Span::only(reset))?;
            }
            Instruction::Gather { access, first } => {
                let (count, span) = self.fetch(access)?;
                self.state.lines.get_mut(first as usize..first as usize + count)?.fill(span);
            }
            Instruction::Reset(ResetTarget::Sums) => {
                self.state.wide = None;
                self.state.sums.fill(Span::only(0));
            }
            Instruction::Add { combine, access, first } => {
                let (count, span) = self.fetch(access)?;
                self.single();
                for sum in self.state.sums.get_mut(first as usize..first as usize + count)? {
                    let total = joined(combine, *sum, span);
                    if !WORD.holds(total) {
                        self.found.overflowing.insert(at, total);
                    }
                    *sum = total.within(WORD);
                }
            }
            Instruction::Rate { access, first, .. } => {
                let (count, _) = self.fetch(access)?;
                self.single();
                self.state.sums.get_mut(first as usize..first as usize + count)?.fill(Span::new(0, 1));
            }
            Instruction::Scatter { combine, access, first } => {
                let access = self.image.access(access)?;
                let count = self.image.elements(&access)? as usize;
                let held = *self.state.edges.get(access.edge as usize)?;
                let written = self.state.sums.get(first as usize..first as usize + count)?;
                let spans = written.iter().map(|sum| joined(combine, held, low(*sum)));
                if let Some(span) = spans.reduce(Span::or) {
                    self.store(access.edge, span)?;
                }
            }
            Instruction::Invoke { accumulate, finish, config, .. } => {
                self.invoke(config, accumulate, finish)?;
            }
        }
        Some(())
    }

    /// From here on registers stand for themselves: of a sum of two only the low word is left.
    fn single(&mut self) {
        self.state.wide = None;
        self.state.sums.iter_mut().for_each(|sum| *sum = low(*sum));
    }

    fn invoke(&mut self, config: u32, accumulate: bool, finish: bool) -> Option<()> {
        match self.cores.get(config as usize)? {
            Core::Crossbar(_) => self.single(),
            Core::Digital(digital) => return self.digital(config, digital, accumulate, finish),
        }
        let core = config as usize;
        let array = self.cores.get(core)?.array()?;
        let (bounds, adder) = (self.bounds.get(core)?, self.adders.get(core)?.as_ref()?);
        let columns = bounds.len();
        let ranges = self.found.cores.entry(config).or_default();
        ranges.sums.resize(columns, None);
        ranges.active.resize(columns, None);
        let sums = self.state.sums.get_mut(..columns)?;
        for (unit, (sum, bounds)) in sums.iter_mut().zip(bounds).enumerate() {
            let total = if accumulate { sum.plus(bounds.read) } else { bounds.read };
            ranges.sums[unit] = Some(ranges.sums[unit].map_or(total, |known| known.or(total)));
            *sum = total.within(WORD);
        }
        if finish {
            let wide =
                oracle::Adder { out_lo: i128::from(i64::MIN), out_hi: i128::from(i64::MAX), ..adder.clone() };
            let output = Span::new(i64::from(array.crossbar.out_lo), i64::from(array.crossbar.out_hi));
            let mut finished = Vec::with_capacity(columns);
            for (unit, sum) in sums.iter().enumerate() {
                let span = activated(&wide, *sum)?;
                ranges.active[unit] = Some(ranges.active[unit].map_or(span, |known| known.or(span)));
                finished.push(span.within(output));
            }
            pooled(sums, &finished, array.crossbar.pool);
        }
        Some(())
    }

    /// A digital core: whatever its inputs can be now, its sums, and where they leave the accumulator.
    fn digital(&mut self, config: u32, core: &Digital, accumulate: bool, finish: bool) -> Option<()> {
        let (columns, two) = (core.weights.len(), core.register_bits() == 64);
        let lines = self.state.lines.get(..core.mac.rows as usize)?;
        if self.reads.get(&config).is_none_or(|(known, _)| known != lines) {
            self.reads.insert(config, (lines.to_vec(), digital::reads(core, lines)));
        }
        // Registers that were not written in pairs can hold anything as a pair.
        let unpaired = two && self.state.wide != Some(columns);
        if !two {
            self.single();
        }
        let reads = &self.reads.get(&config)?.1;
        let ranges = self.found.cores.entry(config).or_default();
        ranges.sums.resize(columns, None);
        ranges.active.resize(columns, None);
        let sums = self.state.sums.get_mut(..columns)?;
        let accumulator = digital::register(core.mac.accumulator_bits);
        let wraps = core.mac.overflow == Overflow::Wrap;
        // A wrapping sum is wrapped at every addition, a saturating one is kept as far as the registers reach.
        let kept = if wraps { accumulator } else { digital::register(core.register_bits()) };
        for ((unit, sum), read) in (0u32..).zip(sums.iter_mut()).zip(reads) {
            let held = if unpaired { LONG } else { *sum };
            let total = match accumulate {
                true => (i128::from(held.lo) + read.0, i128::from(held.hi) + read.1),
                false => *read,
            };
            if total.0 < accumulator.0 || total.1 > accumulator.1 {
                let widest = ranges.outside.entry(unit).or_insert(total);
                *widest = (widest.0.min(total.0), widest.1.max(total.1));
            }
            let inside = kept.0 <= total.0 && total.1 <= kept.1;
            *sum = match wraps && !inside {
                true => span(kept),
                false => span((total.0.clamp(kept.0, kept.1), total.1.clamp(kept.0, kept.1))),
            };
            let known = &mut ranges.sums[unit as usize];
            *known = Some(known.map_or(span(total), |known| known.or(span(total))));
        }
        if finish {
            let held: Vec<Wide> = sums.iter().map(|sum| (sum.lo.into(), sum.hi.into())).collect();
            let output = Span::new(i64::from(core.mac.out_lo), i64::from(core.mac.out_hi));
            let mut finished = Vec::with_capacity(columns);
            for (unit, active) in digital::active(core, &held).into_iter().enumerate() {
                let known = &mut ranges.active[unit];
                *known = Some(known.map_or(span(active), |known| known.or(span(active))));
                finished.push(span(active).within(output));
            }
            pooled(sums, &finished, core.mac.pool);
        }
        if two {
            // High words, which nobody should take for anything.
            self.state.sums.get_mut(columns..2 * columns)?.fill(WORD);
            self.state.wide = (!finish).then_some(columns);
            if finish {
                self.single();
            }
        }
        Some(())
    }
}

/// The low word of a sum: the sum, where it fits.
fn low(sum: Span) -> Span {
    if WORD.holds(sum) { sum } else { WORD }
}

/// As far as 64 bits reach.
fn span((lo, hi): Wide) -> Span {
    let end = |value: i128| value.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    Span::new(end(lo), end(hi))
}

/// Of every `pool` neighbouring outputs the largest.
fn pooled(sums: &mut [Span], finished: &[Span], pool: u8) {
    let largest = |a: Span, b: &Span| Span::new(a.lo.max(b.lo), a.hi.max(b.hi));
    for (group, sum) in finished.chunks(usize::from(pool)).zip(sums) {
        *sum = group[1..].iter().fold(group[0], largest);
    }
}

fn joined(combine: Combine, held: Span, value: Span) -> Span {
    match combine {
        Combine::Set => value,
        Combine::Add => held.plus(value),
        Combine::Max => Span::new(held.lo.max(value.lo), held.hi.max(value.hi)),
    }
}
