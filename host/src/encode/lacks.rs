//! What a chip lacks, made of several nodes: sums beyond a core, functions that it has not got.

use super::graph::{Form, Role};
use super::legal::{mixed, run_of, same};
use super::options::{SigmoidBy, SignalBudget};
use super::plan::{COPIES_MAX, LOOP_CARRIER, Plan, Walk};
use super::segments::Segments;
use crate::diagnostic::Diagnostic;
use crate::dots::{Act, Body, Dot, DotNode};
use crate::graph::Function;

/// Beyond +-8 the sigmoid is flat to 3.4e-4, a fiftieth of a 6-bit step.
const REACH: f64 = 8.0;
/// Clipped ReLUs per value when a chip lacks a function.
pub(super) const RELUS_DEFAULT: u16 = 6;
/// The same of squares, that products are made of, within loops on narrow codes: what they are off their pieces comes back in each step.
const RELUS_LOOP: u16 = 16;
/// Copies that carry a sum to a jump, at least.
const JUMP_COPIES: u16 = 4;
/// Copies that carry a partial sum in columns that are there anyway, at most.
const PART_COPIES: usize = 4;
/// Levels that a partial sum is worth: the errors of all parts add up in their sum.
const PART_LEVELS: usize = 96;
/// For that, at most so many times the signals of a value.
const PART_TIMES: usize = 3;

impl Walk<'_> {
    /// Signals of a partial sum, one of `parts`, of a node of so many channels.
    fn part_copies(&self, number: usize, channels: usize, parts: usize) -> u16 {
        let Plan { target, options, .. } = self.plan;
        let most = (target.rows / parts).min(target.columns).clamp(1, COPIES_MAX);
        if options.part_signals > 0 {
            return options.part_signals;
        }
        // Columns that the parts have anyway carry further copies.
        let free = channels.div_ceil(target.columns) * target.columns / channels;
        let enough = PART_LEVELS.div_ceil(target.input_max.max(1) as usize);
        let each = match options.signals {
            SignalBudget::Each(k) => usize::from(k),
            SignalBudget::Auto => 1,
        };
        let bought = enough.min(PART_TIMES * each);
        let copies = bought.max(free.min(enough.max(PART_COPIES)));
        self.carrier_copies(number).max(copies.clamp(1, most) as u16)
    }

    /// A sum that no core can hold, on a chip that can not add partial sums: each part crosses as a value of its own, and
    /// another core adds them up and applies the function.
    pub(super) fn reduce(&mut self, number: usize, node: DotNode, lines: usize) -> usize {
        let target = self.plan.target;
        let Body::Dot(dot) = &node.body else { return 0 };
        let taps = node.taps();
        // Taps stay whole, so that many of them share a core.
        let parts = taps.div_ceil((target.rows / lines.div_ceil(taps).max(1)).max(1));
        let copies = self.part_copies(number, node.channels, parts);
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
        let first = self.made;
        let made = self.dot(number, made);
        self.out.nodes[first..self.made].iter_mut().for_each(|node| node.role = Role::Reduce);
        made
    }

    /// A function that the chip lacks, or has only where one array holds the whole sum.
    pub(super) fn curve(
        &mut self,
        number: usize,
        mut node: DotNode,
        act: Act,
        spans: bool,
        lines: usize,
    ) -> usize {
        let Plan { target, options, survey, .. } = self.plan;
        if act.is_homogeneous() {
            let (up, down) = (act.apply(1.0), act.apply(-1.0));
            self.out.remarks.push(format!(
                "{:?}: {act} is {up:.4} max(z, 0) + {down:.4} max(-z, 0), a signal each",
                node.name
            ));
            let sides = self.sides(number, &node, lines);
            let copies = vec![2 * sides; node.channels];
            return self.push(node, Form::Mirror { act, up, down }, copies);
        }
        let by = match options.sigmoid {
            SigmoidBy::Auto if target.has(&act) => SigmoidBy::Relay,
            SigmoidBy::Auto if act == Act::of(Function::Square) && self.narrow_loop(number) => {
                SigmoidBy::Relus(RELUS_LOOP)
            }
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
            _ => match options.signals {
                SignalBudget::Each(k) => k,
                SignalBudget::Auto if self.narrow_loop(number) => LOOP_CARRIER,
                SignalBudget::Auto => 1,
            },
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
        // In front of a jump it matters on which side of it a sum lies.
        let least = match &form {
            Form::Segments(segments) if segments.jumps && options.signals == SignalBudget::Auto => {
                JUMP_COPIES
            }
            _ => 1,
        };
        let carried = vec![self.carrier_copies(number).max(least); channels];
        let carrier = self.push(node, Form::Carrier { judged: Some(act.clone()) }, carried);
        let read = same(&self.out.dot, carrier);
        let relay =
            mixed(format!("{name}:relay"), &grid, channels, vec![(1.0, read)], vec![0.0; channels], act);
        self.push(relay, form, copies)
    }
}
