//! How many signals fit in columns and rows that would otherwise stay unused.

use super::budget::allocate;
use super::graph::{EncodedGraph, Form};
use super::plan::COPIES_MAX;
use super::survey::NodeSurvey;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::dots::{Act, Body, Dot, DotGraph, DotNode, PAD, Source};
use crate::target::Target;

/// A channel that is silent on calibration still gets this share of its node's largest range.
const SILENT_SHARE: f64 = 0.25;

/// The most signals that a state gets unasked.
const STATE_COPIES: usize = 4;

/// Columns of the arrays that a node of so many lines a group takes anyway for `level` signals a channel.
pub fn channels_room(node: &DotNode, lines: usize, level: usize, target: &Target) -> usize {
    let groups = node.groups();
    let each = node.channels / groups.max(1);
    if groups == 1 {
        return (level * node.channels).div_ceil(target.columns) * target.columns;
    }
    let width = (level * each).max(1);
    let together = (target.rows / lines.max(1)).max(1).min((target.columns / width).max(1));
    let blocks = groups.div_ceil(together);
    // Groups stay whole, so the fullest block decides.
    (target.columns / (groups.div_ceil(blocks) * each).max(1)).max(level) * node.channels
}

/// Signals of a position of node `number` that its readers can take without further arrays than `level` signals a channel need.
pub fn reader_room(dot: &DotGraph, number: usize, level: usize, target: &Target) -> usize {
    let channels = dot.nodes[number].channels;
    let mut room = usize::MAX;
    for reader in dot.readers(number) {
        let node = &dot.nodes[reader];
        if matches!(node.body, Body::Max(_)) {
            room = room.min(reader_room(dot, reader, level, target));
            continue;
        }
        let (all, own) = (node.taps(), taps_of(node, number));
        if own == 0 {
            continue;
        }
        let groups = node.groups();
        let most = if groups == 1 {
            let rows = (all - own + level * own).div_ceil(target.rows) * target.rows;
            channels * (rows - (all - own)) / own
        } else {
            let arrays = |k: usize| {
                let lines = all - own + k * own;
                if lines > target.rows {
                    groups * lines.div_ceil(target.rows)
                } else {
                    groups.div_ceil(target.rows / lines.max(1))
                }
            };
            let more = (level + 1..=COPIES_MAX).take_while(|&k| arrays(k) == arrays(level)).count();
            (level + more) * channels
        };
        room = room.min(most);
    }
    room
}

/// Signals of each channel of node `number`, a sum that a loop hands from step to step: its errors come back, so it gets more than
/// one where each reader takes channels one by one, or has the rows.
pub fn state_copies(dot: &DotGraph, number: usize, target: &Target) -> u16 {
    let own = &dot.nodes[number];
    let mut room = STATE_COPIES;
    for reader in dot.readers(number) {
        let node = &dot.nodes[reader];
        if node.groups() == 1 {
            let (all, taps) = (node.taps(), taps_of(node, number));
            let rows = all.div_ceil(target.rows) * target.rows;
            room = room.min((rows - (all - taps)) / taps.max(1));
        }
    }
    room.clamp(1, (target.columns / own.channels.div_ceil(own.groups()).max(1)).max(1)) as u16
}

fn taps_of(node: &DotNode, source: usize) -> usize {
    let reads = node.body.reads().iter().filter(|read| read.source == Source::Node(source));
    reads.map(|read| read.taps.len()).sum()
}

/// Spreads `room` signals over the channels of a node behind a ReLU, the noisiest first.
pub fn spread(dot: &DotGraph, number: usize, survey: &NodeSurvey, room: usize) -> Vec<u16> {
    let channels = dot.nodes[number].channels;
    let largest = survey.top().max(0.0);
    let seen = influence(dot, number);
    let noise: Vec<f64> = (0..channels)
        .map(|c| {
            let range = survey.most[c].max(SILENT_SHARE * largest);
            // Silent channels only matter on data that calibration has not seen.
            range * range * seen[c] * if survey.most[c] > 0.0 { 1.0 } else { 1e-3 }
        })
        .collect();
    allocate(&noise, room.max(channels), COPIES_MAX)
}

/// How much an error of each channel of node `number` matters: the squared weights of whoever reads it, 1 each where nobody does.
pub fn influence(dot: &DotGraph, number: usize) -> Vec<f64> {
    let channels = dot.nodes[number].channels;
    let mut seen = vec![0.0; channels];
    let mut read = false;
    for reader in dot.readers(number) {
        let node = &dot.nodes[reader];
        let Some(body) = weights(node).filter(|_| !repeats(node)) else {
            influence(dot, reader).iter().zip(&mut seen).for_each(|(v, seen)| *seen += v);
            read = true;
            continue;
        };
        read = true;
        let elements = node.representatives();
        for (group, matrix) in body.weights.iter().enumerate() {
            let mut column = 0;
            for own in &body.reads {
                for _ in 0..own.taps.len() {
                    let element = elements[column];
                    if own.source == Source::Node(number) && element != PAD {
                        let channel = (element as usize + group * own.group_step) % channels;
                        seen[channel] += (0..matrix.rows())
                            .map(|r| matrix.at(r, column) * matrix.at(r, column))
                            .sum::<f64>();
                    }
                    column += 1;
                }
            }
        }
    }
    if read { seen } else { vec![1.0; channels] }
}

/// Whether a node gives what it reads, channel by channel: a copy.
fn repeats(node: &DotNode) -> bool {
    let alone =
        |dot: &Dot| dot.act == Act::None && dot.reads.len() == 1 && dot.weights.len() == node.channels;
    weights(node).is_some_and(|dot| {
        alone(dot) && dot.weights.iter().all(|w| w.data() == [1.0]) && dot.bias.iter().all(|b| *b == 0.0)
    })
}

/// A channel's signals stay together: its columns in one array.
pub(super) fn fits(out: &EncodedGraph, target: &Target, found: &mut Diagnostics) {
    for (node, dot) in out.nodes.iter().zip(&out.dot.nodes) {
        let setting = match node.form {
            Form::Carrier { .. } => "encode.carrier",
            Form::Segments(_) => "sigmoid",
            Form::Sum => "encode.output",
            Form::Relu | Form::Clip(_) | Form::Mirror { .. } | Form::Table(_) | Form::Max => "encode.signals",
        };
        let most = node.copies.iter().copied().max().map_or(0, usize::from);
        let room = if matches!(node.form, Form::Carrier { .. }) {
            target.columns.min(target.rows)
        } else {
            target.columns
        };
        if most > room {
            let place = format!("setting {setting}");
            let rule = format!(
                "node {:?} has {most} signals per value, an array of chip {:?} has room for {room}",
                dot.name,
                target.chip.name()
            );
            let way_out = format!("use at most {room} signals per value");
            found.push(Diagnostic::error("SP0303", place, rule, way_out));
        }
    }
}

/// Weights of a dot-like body; none of a maximum.
fn weights(node: &DotNode) -> Option<&Dot> {
    match &node.body {
        Body::Dot(dot) => Some(dot),
        Body::Max(_) => None,
    }
}
