//! Choosing the signals: one walk over the dot graph, replacing on the way what the chip lacks.

use super::budget::each;
use super::graph::{EncodedGraph, EncodedNode, Form, Inside, Role};
use super::input::InputCode;
use super::inside::tell_inside;
use super::legal::{mixed, run_of, same, single};
use super::options::{EncodeOptions, SigmoidBy, SignalBudget};
use super::room::{channels_room, fits, reader_room, spread};
use super::segments::Segments;
use super::survey::NodeSurvey;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::{Act, Body, Dot, DotGraph, DotNode, Read, Source};
use crate::exact::Exact;
use crate::target::Target;

/// Beyond +-8 the sigmoid is flat to 3.4e-4, a fiftieth of a 6-bit step.
const REACH: f64 = 8.0;
/// Clipped ReLUs per value when a chip lacks a function.
const RELUS_DEFAULT: u16 = 6;
/// Copies that carry a partial sum, at most.
const PART_COPIES: usize = 4;
/// The most copies of one column: beyond it, other noise dominates.
pub(super) const COPIES_MAX: usize = 32;

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
}

struct Walk<'a> {
    plan: Plan<'a>,
    out: EncodedGraph,
    /// For each original node the node that carries its value.
    carries: Vec<usize>,
    found: Diagnostics,
}

impl Plan<'_> {
    /// Chooses signals for every value; `input` says how the input is coded.
    ///
    /// # Errors
    /// SP0303 for options that can not be met on this chip.
    pub fn encode(&self, input: InputCode) -> Result<EncodedGraph> {
        let out = EncodedGraph {
            dot: DotGraph { nodes: Vec::new(), outputs: Vec::new(), ..self.dot.clone() },
            input,
            nodes: Vec::new(),
            one: self.target.input_max,
            targets: None,
            remarks: Vec::new(),
        };
        let mut walk = Walk { plan: *self, out, carries: Vec::new(), found: Diagnostics::default() };
        for number in 0..self.dot.nodes.len() {
            walk.node(number);
        }
        walk.out.dot.outputs = self.dot.outputs.clone();
        for port in &mut walk.out.dot.outputs {
            port.node = walk.carries[port.node];
        }
        fits(&walk.out, self.target, &mut walk.found);
        let own = self.exact.nodes.iter().flatten().count();
        if own > 0 {
            let all = self.dot.nodes.iter().filter(|node| matches!(node.body, Body::Dot(_))).count();
            walk.out.remarks.push(format!("{own} of {all} nodes keep the integers that the network has"));
        }
        let Walk { out, found, .. } = walk;
        found.into_result(out)
    }
}

impl Walk<'_> {
    fn node(&mut self, number: usize) {
        let mut node = self.plan.dot.nodes[number].clone();
        for read in node.body.reads_mut() {
            if let Source::Node(from) = read.source {
                read.source = Source::Node(self.carries[from]);
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
    fn exact(&mut self, number: usize, node: DotNode) -> usize {
        let form = match &node.body {
            Body::Dot(Dot { act: Act::None, .. }) | Body::Max(_) => Form::Sum,
            Body::Dot(dot) => Form::Table(dot.act.clone()),
        };
        let mut encoded = EncodedNode::new(form, vec![1; node.channels], Vec::new());
        encoded.exact = self.plan.exact.of(number).cloned();
        self.out.dot.nodes.push(node);
        self.out.nodes.push(encoded);
        self.out.nodes.len() - 1
    }

    fn push(&mut self, mut node: DotNode, form: Form, copies: Vec<u16>) -> usize {
        let inside = self.tell(&mut node);
        self.out.dot.nodes.push(node);
        self.out.nodes.push(EncodedNode::new(form, copies, inside));
        self.out.nodes.len() - 1
    }

    /// Lets a node know which taps of its padded reads lie inside, where code 0 is not the value 0.
    fn tell(&self, node: &mut DotNode) -> Vec<Inside> {
        let mut inside = Vec::new();
        if let Body::Dot(dot) = &mut node.body {
            for read in 0..dot.reads.len() {
                if !self.starts_at_zero(dot.reads[read].source) && dot.reads[read].taps.pads(&node.grid) {
                    inside.push(tell_inside(dot, read, &node.grid));
                }
            }
        }
        inside
    }

    /// Whether codes of 0 stand for the value 0.
    fn starts_at_zero(&self, source: Source) -> bool {
        match source {
            Source::Input => self.plan.input_starts_at_zero,
            Source::One => true,
            Source::Node(node) => match &self.out.nodes[node].form {
                Form::Relu | Form::Mirror { .. } => true,
                Form::Max => {
                    self.out.dot.nodes[node].body.reads().iter().all(|r| self.starts_at_zero(r.source))
                }
                Form::Table(act) => *act == Act::Relu,
                Form::Carrier { .. } | Form::Segments(_) | Form::Sum => false,
            },
        }
    }

    fn dot(&mut self, number: usize, node: DotNode) -> usize {
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
                let free = channels_room(&node, lines, target) / node.channels;
                let copies = each(options.output_signals, free, node.channels);
                self.push(node, Form::Sum, copies)
            }
            Act::None => {
                let copies = vec![self.carrier_copies(); node.channels];
                self.push(node, Form::Carrier { judged: None }, copies)
            }
            Act::Relu => {
                let copies = match options.signals {
                    SignalBudget::Each(k) => vec![k; node.channels],
                    // The host decodes equally many signals per output.
                    SignalBudget::Auto if !read => each(
                        SignalBudget::Auto,
                        channels_room(&node, lines, target) / node.channels,
                        node.channels,
                    ),
                    SignalBudget::Auto => {
                        let room =
                            channels_room(&node, lines, target).min(reader_room(plan.dot, number, target));
                        spread(plan.dot, number, &plan.survey[number], room)
                    }
                };
                self.push(node, Form::Relu, copies)
            }
            Act::Curve(_) if target.has(&act) && (!spans || target.table) => {
                let copies = match options.signals {
                    // An analog function has no bias to stagger.
                    _ if target.digital.is_none() => vec![1; node.channels],
                    SignalBudget::Each(k) => vec![k; node.channels],
                    SignalBudget::Auto if !read => each(
                        SignalBudget::Auto,
                        channels_room(&node, lines, target) / node.channels,
                        node.channels,
                    ),
                    SignalBudget::Auto => {
                        let room =
                            channels_room(&node, lines, target).min(reader_room(plan.dot, number, target));
                        let k = (room / node.channels).clamp(1, COPIES_MAX) as u16;
                        vec![k; node.channels]
                    }
                };
                self.push(node, Form::Table(act), copies)
            }
            Act::Curve(_) => self.curve(number, node, act, spans),
        }
    }

    /// A sum that no core can hold, on a chip that can not add partial sums: each part crosses as a value of its own, and
    /// another core adds them up and applies the function.
    fn reduce(&mut self, number: usize, node: DotNode, lines: usize) -> usize {
        let target = self.plan.target;
        let Body::Dot(dot) = &node.body else { return 0 };
        let taps = node.taps();
        // Taps stay whole, so that many of them share a core.
        let parts = taps.div_ceil((target.rows / lines.div_ceil(taps).max(1)).max(1));
        // Columns that the parts have anyway carry further copies.
        let free = node.channels.div_ceil(target.columns) * target.columns / node.channels;
        let copies = self.carrier_copies().max(free.min(target.rows / parts).clamp(1, PART_COPIES) as u16);
        self.out.remarks.push(format!(
            "{:?}: {lines} signals exceed {} rows and the chip adds no partial sums, so {parts} parts are added up by further cores",
            node.name, target.rows
        ));
        let mut terms = Vec::new();
        for part in 0..parts {
            let (from, to) = (taps * part / parts, taps * (part + 1) / parts);
            let mut reads = Vec::new();
            let mut at = 0;
            for read in &dot.reads {
                let n = read.taps.len();
                let (first, last) = (from.clamp(at, at + n) - at, to.clamp(at, at + n) - at);
                if first < last {
                    reads.extend(run_of(read, first, last, &node.grid));
                }
                at += n;
            }
            let weights = dot.weights.iter().map(|w| w.columns(from..to).into()).collect();
            let bias = vec![0.0; node.channels];
            let body = Body::Dot(Dot { reads, weights, bias, act: Act::None });
            let name = format!("{}:part{part}", node.name);
            let made = DotNode { name, body, grid: node.grid.clone(), channels: node.channels };
            let made = self.push(made, Form::Carrier { judged: None }, vec![copies; node.channels]);
            terms.push((1.0, same(&self.out.dot, made)));
        }
        let made =
            mixed(node.name.clone(), &node.grid, node.channels, terms, dot.bias.clone(), dot.act.clone());
        let first = self.out.nodes.len();
        let made = self.dot(number, made);
        self.out.nodes[first..].iter_mut().for_each(|node| node.role = Role::Reduce);
        made
    }

    fn carrier_copies(&self) -> u16 {
        match self.plan.options.signals {
            SignalBudget::Each(k) => k.max(self.plan.options.carrier_signals),
            SignalBudget::Auto => self.plan.options.carrier_signals,
        }
    }

    /// A function that the chip lacks, or has only where one array holds the whole sum.
    fn curve(&mut self, number: usize, mut node: DotNode, act: Act, spans: bool) -> usize {
        let Plan { target, options, survey, .. } = self.plan;
        if act.is_homogeneous() {
            let (up, down) = (act.apply(1.0), act.apply(-1.0));
            self.out.remarks.push(format!(
                "{:?}: {act} is {up:.4} max(z, 0) + {down:.4} max(-z, 0), a signal each",
                node.name
            ));
            let copies = vec![2; node.channels];
            return self.push(node, Form::Mirror { act, up, down }, copies);
        }
        let by = match options.sigmoid {
            SigmoidBy::Auto if target.has(&act) => SigmoidBy::Relay,
            SigmoidBy::Auto => SigmoidBy::Relus(RELUS_DEFAULT),
            by => by,
        };
        if by == SigmoidBy::Relay && !target.has(&act) {
            let place = format!("chip {:?}: crossbar.activations", target.chip.name());
            let rule = format!("the relay of node {:?} needs a native {act}", node.name);
            self.found.push(Diagnostic::error("SP0303", place, rule, "use --set sigmoid=relu:6"));
        }
        let form = match by {
            SigmoidBy::Relus(k) => {
                let (bottom, top) = (survey[number].bottom(), survey[number].top());
                let margin = 0.1 * (top - bottom).max(1e-6);
                let range = if act.is_sigmoid() { (-REACH, REACH) } else { (bottom - margin, top + margin) };
                let segments = Segments::new(&act, usize::from(k), range);
                self.out.remarks.push(format!(
                    "{:?}: {act} approximated by {} clipped ReLUs, off by at most {:.5} between {:.4} and {:.4}",
                    node.name,
                    segments.pieces.len(),
                    // A bound is rounded up.
                    libm::ceil(segments.worst * 1e5) / 1e5,
                    range.0,
                    range.1,
                ));
                Form::Segments(segments)
            }
            SigmoidBy::Auto | SigmoidBy::Relay => Form::Table(act.clone()),
        };
        let copies = match &form {
            Form::Segments(segments) => segments.pieces.len() as u16,
            _ => 1,
        };
        let copies = vec![copies; node.channels];
        if !spans {
            return self.push(node, form, copies);
        }
        // Parts of a tall sum run further than the sum and would clip on the steep pieces of a function, so the sum crosses on
        // clipped ReLUs over its whole range first.
        self.out.remarks.push(format!(
            "{:?}: the sum spans arrays, so a carrier brings it to a relay that applies the {act}",
            node.name
        ));
        let (name, grid, channels) = (node.name.clone(), node.grid.clone(), node.channels);
        node.name = format!("{name}:carrier");
        if let Body::Dot(dot) = &mut node.body {
            dot.act = Act::None;
        }
        let carried = vec![self.carrier_copies(); channels];
        let carrier = self.push(node, Form::Carrier { judged: Some(act.clone()) }, carried);
        let read = same(&self.out.dot, carrier);
        let relay =
            mixed(format!("{name}:relay"), &grid, channels, vec![(1.0, read)], vec![0.0; channels], act);
        self.push(relay, form, copies)
    }

    fn maximum(&mut self, number: usize, node: &DotNode, reads: &[Read]) -> usize {
        // Codes can be compared where all of them are codes of one channel.
        let one_source = match reads {
            [Read { source: Source::Node(from), group_step: 1, .. }] => {
                let channels = self.out.dot.nodes[*from].channels as u32;
                let aligned =
                    node.representatives().iter().all(|e| *e == crate::dots::PAD || e % channels == 0);
                (aligned && channels as usize == node.channels && self.ordered(*from)).then_some(*from)
            }
            _ => None,
        };
        if let (Some(from), true) = (one_source, self.plan.target.maximum) {
            let copies = self.out.nodes[from].copies.clone();
            return self.push(node.clone(), Form::Max, copies);
        }
        // max(a, b) = a + max(b - a, 0), tap by tap.
        let taps: Vec<Read> = reads
            .iter()
            .flat_map(|read| (0..read.taps.len()).map(|tap| single(read, tap, &node.grid)))
            .collect();
        self.out.remarks.push(format!(
            "{:?}: the chip has no maximum for it, so it is made of {} ReLUs",
            node.name,
            taps.len() - 1
        ));
        let channels = node.channels;
        let signals = match self.plan.options.signals {
            SignalBudget::Each(k) => k,
            SignalBudget::Auto => 1,
        };
        let mut sum: Vec<(f64, Read)> = vec![(1.0, taps[0].clone())];
        for (step, tap) in taps.iter().enumerate().skip(1) {
            let mut terms: Vec<(f64, Read)> = sum.iter().map(|(f, read)| (-f, read.clone())).collect();
            terms.push((1.0, tap.clone()));
            let name = format!("{}:max{step}", node.name);
            let made = mixed(name, &node.grid, channels, terms, vec![0.0; channels], Act::Relu);
            let made = self.push(made, Form::Relu, vec![signals; channels]);
            let rise = same(&self.out.dot, made);
            sum.push((1.0, rise));
        }
        let read = !self.plan.dot.readers(number).is_empty();
        let positive = self.plan.survey[number].bottom() >= 0.0;
        let act = if positive { Act::Relu } else { Act::None };
        let made = mixed(node.name.clone(), &node.grid, channels, sum, vec![0.0; channels], act.clone());
        let form = match act {
            Act::Relu => Form::Relu,
            _ if read => Form::Carrier { judged: None },
            _ => Form::Sum,
        };
        self.push(made, form, vec![signals; channels])
    }

    /// Whether larger values always have larger codes, signal by signal.
    fn ordered(&self, node: usize) -> bool {
        match &self.out.nodes[node].form {
            Form::Relu | Form::Carrier { .. } | Form::Table(_) => true,
            Form::Mirror { up, down, .. } => *up >= 0.0 && *down >= 0.0,
            Form::Segments(segments) => segments.pieces.iter().all(|piece| piece.rise >= 0.0),
            Form::Max => true,
            Form::Sum => false,
        }
    }
}
