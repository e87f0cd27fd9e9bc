//! A quantiser right behind the input: the encoder's table can do it.
//!
//! Networks of few-bit activations begin by quantising the input. Where every element goes through the same function of few
//! evenly spaced values, codes of those values are what the chip should see: the function takes no array and errs by nothing.

use super::input::InputCode;
use crate::dots::{Act, Body, DotGraph, Source};
use crate::notes::RawType;
use crate::target::Target;

/// The quantiser, and the network behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct InputQuantiser {
    /// The network that reads quantised values.
    pub dot: DotGraph,
    factor: f64,
    bias: f64,
    act: Act,
    /// Smallest raw value.
    lo: i32,
    /// For each raw value its level, and the values of the least and the greatest one.
    levels: Vec<u32>,
    ends: (f64, f64),
}

impl InputQuantiser {
    /// Finds the quantiser of `dot`, whose input is `scale * raw + offset`; `None` where there is none that a table of raw bytes
    /// can hold exactly on the chip's codes.
    pub fn find(
        dot: &DotGraph,
        (scale, offset): (&[f64], &[f64]),
        raw: RawType,
        target: &Target,
    ) -> Option<Self> {
        let (lo, hi) = match raw {
            RawType::U8 => (0, 255),
            RawType::I8 => (-128, 127),
            RawType::I16 | RawType::I32 => return None,
        };
        let same = |values: &[f64]| values.iter().all(|&v| v == values[0]);
        if dot.inputs.len() != 1 || scale.is_empty() || !same(scale) || !same(offset) {
            return None;
        }
        let (number, factor, bias, act) = first(dot)?;
        let mut found =
            Self { dot: DotGraph::default(), factor, bias, act, lo, levels: Vec::new(), ends: (0.0, 0.0) };
        let values: Vec<f64> =
            (lo..=hi).map(|raw| found.value((f64::from(raw) * scale[0] + offset[0]) as f32)).collect();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        let (least, greatest) = (*sorted.first()?, *sorted.last()?);
        let step = sorted.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        let level = |value: f64| libm::rint((value - least) / step);
        let whole = |&value: &f64| (value - least - level(value) * step).abs() <= 1e-5 * step;
        if sorted.len() < 2 || !sorted.iter().all(whole) || level(greatest) > f64::from(target.input_max) {
            return None;
        }
        found.levels = values.iter().map(|&value| level(value) as u32).collect();
        found.ends = (least, greatest);
        found.dot = behind(dot, number);
        Some(found)
    }

    /// The quantised value of an input value, as the network computes it.
    fn value(&self, x: f32) -> f64 {
        self.act.apply(f64::from(x * self.factor as f32 + self.bias as f32))
    }

    /// Samples as the network behind the quantiser sees them.
    pub fn samples(&self, samples: &[f32]) -> Vec<f32> {
        samples.iter().map(|&x| self.value(x) as f32).collect()
    }

    /// The input's code: raw values go to the codes of their levels.
    pub fn code(&self, raw: RawType, target: &Target) -> InputCode {
        let top = self.levels.iter().copied().max().unwrap_or(1).max(1);
        // Levels as far apart as codes allow.
        let apart = (target.input_max as u32 / top).max(1);
        let codes = self.levels.iter().map(|level| (level * apart) as i32).collect();
        InputCode::tabled(raw, self.dot.input_len(), self.lo, codes, self.ends, top * apart)
    }
}

/// The one node that reads the input, where it is the same function of every element, in order: its number, factor, bias and function.
fn first(dot: &DotGraph) -> Option<(usize, f64, f64, Act)> {
    let reads_input = |body: &Body| body.reads().iter().any(|read| read.source == Source::Input);
    let mut readers = (0..dot.nodes.len()).filter(|&number| reads_input(&dot.nodes[number].body));
    let number = readers.next().filter(|_| readers.next().is_none())?;
    let node = &dot.nodes[number];
    let Body::Dot(body) = &node.body else { return None };
    let [read] = body.reads.as_slice() else { return None };
    if dot.outputs.iter().any(|port| port.node == number) || node.taps() != 1 || node.len() != dot.input_len()
    {
        return None;
    }
    let factor = body.weights.first()?.at(0, 0);
    let bias = *body.bias.first()?;
    let alike = body.weights.iter().all(|w| w.rows() == 1 && w.at(0, 0) == factor)
        && body.bias.iter().all(|&b| b == bias)
        && matches!(body.act, Act::Curve(_));
    let mut elements = Vec::new();
    let in_order = (0..node.positions()).all(|position| {
        elements.clear();
        node.bring(position, &mut elements);
        let of = |channel: usize| elements[0] as usize + channel * read.group_step;
        (0..node.channels).all(|channel| of(channel) == position * node.channels + channel)
    });
    (alike && in_order).then(|| (number, factor, bias, body.act.clone()))
}

/// The graph without node `number`, whose values become the input.
fn behind(dot: &DotGraph, number: usize) -> DotGraph {
    let mut out = dot.clone();
    out.nodes.remove(number);
    for node in &mut out.nodes {
        for read in node.body.reads_mut() {
            if let Source::Node(from) = read.source {
                read.source = match from.cmp(&number) {
                    std::cmp::Ordering::Less => Source::Node(from),
                    std::cmp::Ordering::Equal => Source::Input,
                    std::cmp::Ordering::Greater => Source::Node(from - 1),
                };
            }
        }
    }
    out.outputs.iter_mut().filter(|port| port.node > number).for_each(|port| port.node -= 1);
    let remark = format!("{:?}: the input's quantiser is the encoder's table", dot.nodes[number].name);
    out.rewrites.push(remark);
    out
}
