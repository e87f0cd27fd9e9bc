//! The encoded graph: dot-like nodes that the chip can hold, each with the signals that carry its value.

use std::fmt;
use std::sync::Arc;

use super::input::InputCode;
use super::ramp::Ramp;
use super::segments::Segments;
use crate::dots::{Act, Body, DotGraph, Source};
use crate::exact::Integers;

/// What a node's columns compute of their sum z.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// max(z, 0), copies staggered.
    Relu,
    /// A clip, or what is nearly one, on codes that begin at its lower end, copies staggered.
    Clip(Ramp),
    /// z itself within a range that is chosen while tuning, on codes that begin at its lower end, copies staggered.
    Carrier {
        /// What its only reader will make of it: errors are judged by that.
        judged: Option<Act>,
    },
    /// The clipped ReLU segments of a function, one column a segment, the same for every channel.
    Segments(Segments),
    /// A homogeneous function, as of leaky ReLUs: max(z, 0) and max(-z, 0), half of the signals each, copies staggered.
    Mirror {
        /// The function.
        act: Act,
        /// Its value at 1.
        up: f64,
        /// Its value at -1.
        down: f64,
    },
    /// A function that the chip has as a table, applied to the finished sum.
    Table(Act),
    /// The signed sum, to the host only, copies staggered.
    Sum,
    /// The largest of several codes: no array at all.
    Max,
}

impl Form {
    /// The name in text forms.
    pub fn name(&self) -> &'static str {
        match self {
            Form::Relu => "relu",
            Form::Clip(_) => "clip",
            Form::Carrier { .. } => "carrier",
            Form::Segments(_) => "segments",
            Form::Mirror { .. } => "mirror",
            Form::Table(_) => "table",
            Form::Sum => "sum",
            Form::Max => "max",
        }
    }
}

/// Which lines of a padded read tell that a tap lies inside.
///
/// Codes of 0 can stand for another value than 0 (signed values on unsigned codes). What a padded read brings for an element
/// outside is the code 0, so the sum must be told which taps are outside: a read of [`Source::One`] over the same pixels does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The padded read.
    pub read: usize,
    /// The read of [`Source::One`].
    pub one: usize,
    /// So many reads, from that one on, share what there is to tell: no weight has to be as large as all of it.
    pub ones: usize,
    /// For each tap of the padded read the tap of the other.
    pub tap: Vec<u32>,
}

/// What the core-ops of a node are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// They hold weights of the network.
    Computation,
    /// They add up partial sums, on chips that can not.
    Reduce,
    /// They copy signals, on chips without multicast; each copy may reach so many cores.
    Transmission {
        /// Cores that one signal may reach.
        targets: u32,
        /// Whether a core takes the same copy of every channel: some core reads other channels at other positions.
        whole: bool,
    },
}

impl Inside {
    /// Whether the node's read number `read` tells what lies inside.
    pub fn told_by(&self, read: usize) -> bool {
        (self.one..self.one + self.ones).contains(&read)
    }
}

/// Signals of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedNode {
    /// What its columns compute.
    pub form: Form,
    /// Signals of each channel.
    pub copies: Vec<u16>,
    /// Padded reads that need to be told what lies inside.
    pub inside: Vec<Inside>,
    /// The node's own integers, where they are taken as they are. A level then stands for zero, also outside, and no line
    /// tells what lies inside.
    pub exact: Option<Arc<Integers>>,
    /// What its core-ops are for.
    pub role: Role,
    /// First signal of each channel within a position, and behind them the number of signals of a position.
    starts: Vec<u32>,
}

impl EncodedNode {
    /// A node with these signals.
    pub fn new(form: Form, copies: Vec<u16>, inside: Vec<Inside>) -> Self {
        let mut starts = Vec::with_capacity(copies.len() + 1);
        let mut at = 0u32;
        for &k in &copies {
            starts.push(at);
            at += u32::from(k);
        }
        starts.push(at);
        Self { form, copies, inside, exact: None, role: Role::Computation, starts }
    }

    /// Signals of one position.
    pub fn width(&self) -> usize {
        self.starts.last().map_or(0, |&n| n as usize)
    }

    /// First signal of a channel within its position.
    pub fn start(&self, channel: usize) -> usize {
        self.starts[channel] as usize
    }
}

/// A dot graph that the chip can hold, whose every value has its signals.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedGraph {
    /// The dot graph, after what the chip lacks has been replaced.
    pub dot: DotGraph,
    /// How the input is coded.
    pub input: InputCode,
    /// For each node of the dot graph its signals.
    pub nodes: Vec<EncodedNode>,
    /// Code that stands for 1 on [`Source::One`].
    pub one: i32,
    /// How many cores a signal may reach, where copies are made for more; `None`: any number.
    pub targets: Option<u32>,
    /// Remarks for the report: what was replaced or approximated, and by how much.
    pub remarks: Vec<String>,
}

impl EncodedGraph {
    /// Signals that `source` consists of.
    pub fn signals(&self, source: Source) -> usize {
        match source {
            Source::Input => self.dot.input_len() * self.input.weights.len(),
            Source::One => 1,
            Source::Node(node) => self.dot.nodes[node].positions() * self.nodes[node].width(),
        }
    }

    /// How many signals carry this element of `source`, and the first of them.
    pub fn carried(&self, source: Source, element: u32) -> (u16, u32) {
        match source {
            Source::Input => {
                let n = self.input.weights.len() as u32;
                (n as u16, element * n)
            }
            Source::One => (1, 0),
            Source::Node(node) => {
                let channels = self.dot.nodes[node].channels as u32;
                let (position, channel) = (element / channels, (element % channels) as usize);
                let own = &self.nodes[node];
                (own.copies[channel], position * own.width() as u32 + own.starts[channel])
            }
        }
    }
}

impl fmt::Display for EncodedGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "encoded-graph input [{}] raw", self.dot.input_len())?;
        for range in &self.input.ranges {
            write!(f, " {}..={}", range.lo, range.hi)?;
        }
        writeln!(f, " signals {:?}", self.input.weights)?;
        for (number, (node, dot)) in self.nodes.iter().zip(&self.dot.nodes).enumerate() {
            let reads: Vec<String> = dot.body.reads().iter().map(ToString::to_string).collect();
            let (least, most) =
                (node.copies.iter().min().unwrap_or(&0), node.copies.iter().max().unwrap_or(&0));
            write!(
                f,
                "%{number} = {} {} -> {:?} x {} elements, {} signals, {least}..={most} each",
                node.form.name(),
                reads.join(" + "),
                dot.grid,
                dot.channels,
                node.width(),
            )?;
            if let (Body::Dot(_), groups @ 2..) = (&dot.body, dot.groups()) {
                write!(f, ", {groups} groups")?;
            }
            writeln!(f, " {:?}", dot.name)?;
        }
        for remark in &self.remarks {
            writeln!(f, "# {remark}")?;
        }
        Ok(())
    }
}
