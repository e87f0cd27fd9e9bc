//! Choosing the signals: one walk over the dot graph, replacing on the way what the chip lacks.

use super::budget::{Levels, each};
use super::graph::{EncodedGraph, EncodedNode, Form, Inside};
use super::input::InputCode;
use super::inside::tell_inside;
use super::lacks::RELUS_DEFAULT;
use super::options::{EncodeOptions, SignalBudget};
use super::ramp::Ramp;
use super::room::{channels_room, fits, reader_room, spread, state_copies};
use super::survey::NodeSurvey;
use crate::diagnostic::{Diagnostics, Result};
use crate::dots::{Act, Body, Dot, DotGraph, DotNode, Loop, Source};
use crate::exact::{Exact, with_lines};
use crate::numeric::Matrix;
use crate::target::Target;

/// The most copies of one column: beyond it, other noise dominates.
pub(super) const COPIES_MAX: usize = 32;

/// The most reads that tell together what lies inside.
const ONES_MAX: usize = 8;
/// Codes that end below this are narrow.
const NARROW: i32 = 128;
/// On narrow codes the signals of a sum within a loop, and of a sum that the loop hands on: errors come back.
pub(super) const LOOP_CARRIER: u16 = 4;
const LOOP_STATE: u16 = 8;
/// Walks after which signals that loops hand on must be settled.
const WALKS: usize = 8;

/// What encoding goes by.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The reformed network.
    pub dot: &'a DotGraph,
    /// Ranges of its nodes on the calibration samples.
    pub survey: &'a [NodeSurvey],
    /// Whether code 0 of the input stands for 0 in every element.
    pub input_starts_at_zero: bool,
    /// Nodes whose integers are taken as they are.
    pub exact: &'a Exact,
    /// The chip.
    pub target: &'a Target,
    /// The user's choices.
    pub options: &'a EncodeOptions,
    /// Signals of every value, where the user leaves them open.
    pub levels: &'a Levels,
}

pub(super) struct Walk<'a> {
    pub(super) plan: Plan<'a>,
    pub(super) out: EncodedGraph,
    /// So many nodes of `out` are made; behind them stand those of the walk before.
    pub(super) made: usize,
    /// For each original node the node that carries its value.
    carries: Vec<usize>,
    /// The same as the walk before found it.
    ahead: Vec<usize>,
    /// How many nodes were made when each original node began.
    firsts: Vec<usize>,
    pub(super) found: Diagnostics,
}

impl Plan<'_> {
    /// Chooses signals for every value; `input` says how the input is coded.
    ///
    /// # Errors
    /// SP0303 for options that can not be met on this chip.
    pub fn encode(&self, input: InputCode) -> Result<EncodedGraph> {
        let mut out = EncodedGraph {
            dot: DotGraph { nodes: Vec::new(), outputs: Vec::new(), loops: Vec::new(), ..self.dot.clone() },
            input,
            nodes: Vec::new(),
            one: self.target.input_max,
            targets: None,
            remarks: Vec::new(),
        };
        let mut ahead = Vec::new();
        if !self.dot.loops.is_empty() {
            // What loops hand on is read before it is made: it is supposed, and looked at again.
            out.dot.nodes = self.dot.nodes.clone();
            let supposed = |node: &DotNode| {
                EncodedNode::new(Form::Carrier { judged: None }, vec![1; node.channels], Vec::new())
            };
            out.nodes = self.dot.nodes.iter().map(supposed).collect();
            ahead = (0..self.dot.nodes.len()).collect();
        }
        let mut walk = self.walk(out, ahead);
        for _ in 0..WALKS {
            if self.dot.loops.is_empty() {
                break;
            }
            let (before, carries) = (walk.out.clone(), walk.carries.clone());
            walk = self.walk(walk.out, walk.carries);
            if walk.out == before && walk.carries == carries {
                break;
            }
        }
        fits(&walk.out, self.target, &mut walk.found);
        let own = self.exact.nodes.iter().flatten().count();
        if own > 0 {
            let all = self.dot.nodes.iter().filter(|node| matches!(node.body, Body::Dot(_))).count();
            let near: Vec<f64> =
                self.exact.nodes.iter().flatten().map(|own| own.distance).filter(|d| *d > 0.0).collect();
            let most = near.iter().fold(0.0f64, |most, d| most.max(*d));
            let nearly = match near.len() {
                0 => String::new(),
                count => format!(", {count} of them within {most:.3} levels in front of their rounding"),
            };
            walk.out
                .remarks
                .push(format!("{own} of {all} nodes keep the integers that the network has{nearly}"));
        }
        let Walk { out, found, .. } = walk;
        found.into_result(out)
    }
}

impl<'a> Plan<'a> {
    /// One walk over all nodes; `out` and `ahead` are what the walk before found.
    fn walk(&self, mut out: EncodedGraph, ahead: Vec<usize>) -> Walk<'a> {
        out.remarks.clear();
        let found = Diagnostics::default();
        let (carries, firsts) = (Vec::new(), Vec::new());
        let mut walk = Walk { plan: *self, out, made: 0, carries, ahead, firsts, found };
        for number in 0..self.dot.nodes.len() {
            walk.firsts.push(walk.made);
            walk.node(number);
        }
        let Walk { out, made, firsts, .. } = &mut walk;
        out.dot.nodes.truncate(*made);
        out.nodes.truncate(*made);
        firsts.push(*made);
        let moved = |own: &Loop| Loop { nodes: firsts[own.nodes.start]..firsts[own.nodes.end], ..*own };
        out.dot.loops = self.dot.loops.iter().map(moved).collect();
        out.dot.outputs = self.dot.outputs.clone();
        for port in &mut walk.out.dot.outputs {
            port.node = walk.carries[port.node];
        }
        walk
    }
}

impl Walk<'_> {
    fn node(&mut self, number: usize) {
        let mut node = self.plan.dot.nodes[number].clone();
        for read in node.body.reads_mut() {
            if let Source::Node(from) = read.source {
                let carrier = self.carries.get(from).or(self.ahead.get(from));
                read.source = Source::Node(carrier.copied().unwrap_or(from));
            }
        }
        let made = match &node.body {
            Body::Max(reads) => {
                let reads = reads.clone();
                self.maximum(number, &node, &reads)
            }
            Body::Dot(_) if self.plan.exact.of(number).is_some() => self.exact(number, node),
            Body::Dot(_) => self.dot(number, node),
        };
        self.carries.push(made);
    }

    /// A node whose integers are taken as they are: one signal a value.
    fn exact(&mut self, number: usize, mut node: DotNode) -> usize {
        let lines = self.plan.exact.of(number).map_or(1, |own| own.lines);
        if let Body::Dot(dot) = &mut node.body
            && lines > 1
        {
            *dot = with_lines(dot, lines);
        }
        let form = match &node.body {
            Body::Dot(Dot { act: Act::None, .. }) | Body::Max(_) => Form::Sum,
            Body::Dot(dot) => Form::Table(dot.act.clone()),
        };
        let mut encoded = EncodedNode::new(form, vec![1; node.channels], Vec::new());
        encoded.exact = self.plan.exact.of(number).cloned();
        self.place(node, encoded)
    }

    /// Puts the next node to its place.
    fn place(&mut self, node: DotNode, encoded: EncodedNode) -> usize {
        let Walk { out, made, .. } = self;
        match (out.dot.nodes.get_mut(*made), out.nodes.get_mut(*made)) {
            (Some(old), Some(known)) => (*old, *known) = (node, encoded),
            _ => {
                out.dot.nodes.push(node);
                out.nodes.push(encoded);
            }
        }
        *made += 1;
        *made - 1
    }

    pub(super) fn push(&mut self, mut node: DotNode, form: Form, copies: Vec<u16>) -> usize {
        let inside = self.tell(&mut node);
        self.place(node, EncodedNode::new(form, copies, inside))
    }

    /// Lets a node know which taps of its padded reads lie inside, where code 0 is not the value 0.
    fn tell(&self, node: &mut DotNode) -> Vec<Inside> {
        let mut inside = Vec::new();
        let mut lines = self.out.line_count(node) + 1;
        if let Body::Dot(dot) = &mut node.body {
            for read in 0..dot.reads.len() {
                if !self.starts_at_zero(dot.reads[read].source) && dot.reads[read].taps.pads(&node.grid) {
                    let ones = self.ones(dot, read, lines);
                    lines += ones - 1;
                    inside.push(tell_inside(dot, read, &node.grid, ones));
                }
            }
        }
        inside
    }

    /// How many reads share what a state's codes bring beyond its value: what a sum of many of them needs is more than a weight
    /// holds beside theirs, and would cost all weights their last bits. No further array is taken for them.
    fn ones(&self, dot: &Dot, read: usize, lines: usize) -> usize {
        let Source::Node(from) = dot.reads[read].source else { return 1 };
        if from < self.made {
            return 1;
        }
        let first: usize = dot.reads[..read].iter().map(|read| read.taps.len()).sum();
        let columns = first..first + dot.reads[read].taps.len();
        let copies = self.out.nodes[from].copies.first().map_or(1.0, |&k| f64::from(k));
        let needed = |w: &Matrix, row: usize| {
            let own = columns.clone().map(|c| w.at(row, c));
            let largest = own.clone().fold(0.0f64, |m, w| m.max(w.abs()));
            if largest > 0.0 { 0.5 * copies * own.sum::<f64>().abs() / largest } else { 1.0 }
        };
        let all = dot.weights.iter().flat_map(|w| (0..w.rows()).map(move |row| needed(w, row)));
        let wanted = libm::ceil(all.fold(1.0, f64::max)) as usize;
        let rows = self.plan.target.rows;
        wanted.min(ONES_MAX).min(1 + (lines.div_ceil(rows) * rows).saturating_sub(lines))
    }

    /// Whether codes of 0 stand for the value 0.
    fn starts_at_zero(&self, source: Source) -> bool {
        match source {
            Source::Input => self.plan.input_starts_at_zero,
            Source::One => true,
            Source::Node(node) => match &self.out.nodes[node].form {
                Form::Relu | Form::Mirror { .. } => true,
                Form::Clip(ramp) => ramp.starts_at_zero(),
                Form::Max => {
                    self.out.dot.nodes[node].body.reads().iter().all(|r| self.starts_at_zero(r.source))
                }
                Form::Table(act) => *act == Act::Relu,
                Form::Carrier { .. } | Form::Segments(_) | Form::Sum => false,
            },
        }
    }

    pub(super) fn dot(&mut self, number: usize, node: DotNode) -> usize {
        let Body::Dot(dot) = &node.body else { return 0 };
        let plan = self.plan;
        let (target, options) = (plan.target, plan.options);
        let read = !plan.dot.readers(number).is_empty();
        let lines = {
            // What tells the padding takes lines as well.
            let mut told = node.clone();
            self.tell(&mut told);
            self.out.line_count(&told)
        };
        let spans = lines > target.rows;
        let act = dot.act.clone();
        if spans && target.max_parts == 1 {
            return self.reduce(number, node, lines);
        }
        match &act {
            Act::None if !read => {
                let free = channels_room(&node, lines, self.level(number), target) / node.channels;
                let copies = each(options.output_signals, free, node.channels);
                self.push(node, Form::Sum, copies)
            }
            Act::None => {
                let state = plan.dot.loop_of(number).is_some()
                    && plan.dot.readers(number).first().is_some_and(|&first| first <= number);
                let copies = match options.state_signals {
                    SignalBudget::Each(k) if state => k,
                    SignalBudget::Auto if state && self.narrow_loop(number) => {
                        LOOP_STATE.max(self.carrier_copies(number))
                    }
                    SignalBudget::Auto if state => {
                        state_copies(plan.dot, number, target).max(self.carrier_copies(number))
                    }
                    _ => self.carrier_copies(number),
                };
                let copies = vec![copies; node.channels];
                self.push(node, Form::Carrier { judged: None }, copies)
            }
            Act::Relu => {
                let copies = self.behind_a_relu(number, &node, lines);
                self.push(node, Form::Relu, copies)
            }
            Act::Curve(_) if target.has(&act) && (!spans || target.table) => {
                let copies = match options.signals {
                    SignalBudget::Each(k) => vec![k; node.channels],
                    // One signal tells all steps of a quantiser apart: on more, their codes would lie between those steps.
                    SignalBudget::Auto if Ramp::told_apart(&act, target.input_max) => vec![1; node.channels],
                    SignalBudget::Auto if !read => each(
                        SignalBudget::Auto,
                        channels_room(&node, lines, 1, target) / node.channels,
                        node.channels,
                    ),
                    SignalBudget::Auto => vec![self.tabled(number, &node, lines); node.channels],
                };
                self.push(node, Form::Table(act), copies)
            }
            Act::Curve(_) => match self.ramp(&node.name, &act) {
                Some(ramp) => {
                    let copies = self.behind_a_relu(number, &node, lines);
                    self.push(node, Form::Clip(ramp), copies)
                }
                None => self.curve(number, node, act, spans, lines),
            },
        }
    }

    /// Signals of a value that a native function gives, as far as there is room for them, more within a loop on narrow codes.
    pub(super) fn tabled(&self, number: usize, node: &DotNode, lines: usize) -> u16 {
        let Plan { target, dot, .. } = self.plan;
        let room = channels_room(node, lines, 1, target).min(reader_room(dot, number, 1, target));
        let least = if self.narrow_loop(number) { usize::from(LOOP_CARRIER) } else { 1 };
        (room / node.channels).clamp(least, COPIES_MAX) as u16
    }

    pub(super) fn carrier_copies(&self, number: usize) -> u16 {
        let k = match self.plan.options.signals {
            SignalBudget::Each(k) => k,
            SignalBudget::Auto => self.plan.levels.nodes[number],
        };
        let least = if self.narrow_loop(number) { LOOP_CARRIER } else { 1 };
        k.max(self.plan.options.carrier_signals).max(least)
    }

    /// Whether a node's errors come back through a loop, on a chip of few levels or whose reads are truncated, where signals are left
    /// open.
    pub(super) fn narrow_loop(&self, number: usize) -> bool {
        let Plan { dot, target, options, .. } = self.plan;
        let truncated = target.digital.is_none() && target.adc_bits.is_none();
        let narrow = target.input_max < NARROW || truncated;
        options.signals == SignalBudget::Auto && narrow && dot.loop_of(number).is_some()
    }

    /// Signals of the values of an original node, at least, where the user leaves them open.
    pub(super) fn level(&self, number: usize) -> usize {
        usize::from(self.plan.levels.nodes[number])
    }

    /// Signals for each sign of a value that is carried on two sides.
    pub(super) fn sides(&self, number: usize, node: &DotNode, lines: usize) -> u16 {
        let Plan { target, options, dot, .. } = self.plan;
        match options.signals {
            SignalBudget::Each(k) => k,
            SignalBudget::Auto => {
                let level = 2 * self.level(number);
                let room =
                    channels_room(node, lines, level, target).min(reader_room(dot, number, level, target));
                (room / (2 * node.channels)).clamp(1, COPIES_MAX / 2) as u16
            }
        }
    }

    /// Signals of a value that one clipped sum carries.
    fn behind_a_relu(&self, number: usize, node: &DotNode, lines: usize) -> Vec<u16> {
        let Plan { target, options, dot, survey, .. } = self.plan;
        let level = self.level(number);
        let room = channels_room(node, lines, level, target);
        match options.signals {
            SignalBudget::Each(k) => vec![k; node.channels],
            // The host decodes equally many signals per output.
            SignalBudget::Auto if dot.readers(number).is_empty() => {
                each(SignalBudget::Auto, room / node.channels, node.channels)
            }
            SignalBudget::Auto => {
                spread(dot, number, &survey[number], room.min(reader_room(dot, number, level, target)))
            }
        }
    }

    /// The clip that a function is, exactly or within the steps of its quantiser, where those are more than the pieces that would be
    /// spent on them.
    fn ramp(&mut self, name: &str, act: &Act) -> Option<Ramp> {
        let ramp = Ramp::of(act).filter(|ramp| ramp.steps > f64::from(RELUS_DEFAULT))?;
        if self.plan.target.digital.is_some() || !self.plan.target.relu {
            return None;
        }
        if ramp.worst > 0.0 {
            self.out.remarks.push(format!(
                "{name:?}: {act} approximated by a clip, off by at most {:.5}",
                libm::ceil(ramp.worst * 1e5) / 1e5
            ));
        }
        Some(ramp)
    }
}
