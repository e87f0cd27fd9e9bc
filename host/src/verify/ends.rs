//! Where whole numbers meet the outside world, for claim C4: the encoder gives the codes that tuning saw, the outputs emit
//! the signals of their values, and the decoders count them as tuning does.

use std::collections::BTreeMap;

use spandrel_core::image::{Codec, Decoder, Image, Reading};

use super::{
    names::{Name, Names, ONE},
    report::{Evidence, Failure},
};
use crate::{
    dots::{Body, Source},
    encode::Form,
    expand::CoreOpGraph,
    tune::Coded,
};

/// The most raw values that an encoder is tried on, for one channel and for all together.
const RAW_TRIED: i64 = 8192;
const ALL_TRIED: i64 = 1 << 20;
/// Of many channels each is still tried on so many.
const RAW_LEAST: i64 = 16;

/// Compares encoder 0 of `image` with the coded graph: every raw value of narrow types, evenly spaced ones of wide types.
/// Level 0 is code `base`.
pub(super) fn encoder(graph: &CoreOpGraph<Coded>, image: &Image<'_>, base: i32, evidence: &mut Evidence) {
    let code = &graph.encoded.input;
    let Some(encoder) = image.encoder(0) else { return };
    if (encoder.channels, encoder.inner) != (code.channels, code.inner) {
        let text = |(channels, inner)| format!("{channels} of {inner} neighbours each");
        let expected = text((code.channels, code.inner));
        evidence.fail(Failure::new(
            "the encoder's channels",
            expected,
            text((encoder.channels, encoder.inner)),
        ));
        return;
    }
    let most = (ALL_TRIED / i64::from(code.channels)).clamp(RAW_LEAST, RAW_TRIED);
    for element in (0..code.channels).map(|channel| channel * code.inner) {
        let range = code.range(element as usize);
        let (lo, hi) = match encoder.raw {
            Codec::Bit => return,
            // Around the range that was told apart, a tenth beyond on either side.
            Codec::I32 => {
                let beyond = 0.1 * (range.hi - range.lo);
                ((range.lo - beyond) as i32, (range.hi + beyond) as i32)
            }
            narrow => narrow.range(),
        };
        let span = i64::from(hi) - i64::from(lo) + 1;
        let tried = span.min(most);
        for at in 0..tried {
            let raw = (i64::from(lo) + at * (span - 1) / (tried - 1).max(1)) as i32;
            for signal in 0..code.weights.len() {
                evidence.cases += 1;
                let expected = code.code(element as usize, raw, signal) + base;
                let found = encoder.code(image.tables(), element, signal as u8, raw);
                if found != Some(expected) {
                    let what =
                        format!("the encoder's code of raw value {raw}, element {element}, signal {signal}");
                    let found = found.map_or("none".to_owned(), |code| code.to_string());
                    evidence.fail(Failure::new(what, expected, found));
                }
            }
        }
    }
}

/// Every edge that holds codes begins with the code of level 0, every one that holds sums with 0; the constant 1 is one
/// level above. `edges` holds the names of all signals after the program.
pub(super) fn resets(
    graph: &CoreOpGraph<Coded>,
    image: &Image<'_>,
    names: &Names<'_>,
    (edges, base): (&[Vec<Vec<Name>>], i32),
    evidence: &mut Evidence,
) {
    for (number, slots) in (0u32..).zip(edges) {
        let Some(edge) = image.edge(number) else { continue };
        let held = || slots.iter().flatten().copied();
        let sums = |name: Name| match names.split(name) {
            Some((source @ 1.., _)) => graph.encoded.nodes[source - 1].form == Form::Sum,
            _ => false,
        };
        let expected = if held().any(sums) {
            0
        } else if slots.len() == 1 && held().all(|name| name == ONE) {
            base + graph.encoded.one
        } else {
            base
        };
        evidence.cases += 1;
        if edge.reset != expected {
            evidence.fail(Failure::new(format!("the reset code of edge {number}"), expected, edge.reset));
        }
    }
}

/// What the codes of a node's channels count: of each signal of a position, and the value of each channel when all are 0.
struct Meaning {
    coefficients: Vec<f64>,
    zeros: Vec<f64>,
}

/// A maximum is counted like what it is the largest of.
fn meaning(graph: &CoreOpGraph<Coded>, node: usize) -> Meaning {
    let encoded = &graph.encoded;
    if let Body::Max(reads) = &encoded.dot.nodes[node].body
        && let Some(Source::Node(from)) = reads.first().map(|read| read.source)
        && from < node
    {
        return meaning(graph, from);
    }
    let own = &encoded.nodes[node];
    let mut out =
        Meaning { coefficients: vec![f64::NAN; own.width()], zeros: vec![f64::NAN; own.copies.len()] };
    for op in graph.ops.iter().filter(|op| op.node == node) {
        for (column, coefficient) in op.columns.iter().zip(&op.payload.coefficients) {
            if let Some(place) = out.coefficients.get_mut(own.start(column.channel) + column.copy) {
                *place = *coefficient;
            }
        }
        for (channel, zero) in op.channels().into_iter().zip(&op.payload.zeros) {
            out.zeros[channel] = *zero;
        }
    }
    out
}

/// Compares what the program emits (the names of each output, in order) and the decoders with the graph's outputs: each
/// value counts its own signals only, every coefficient and offset to within half a unit of the decoder's scale.
pub(super) fn outputs(
    graph: &CoreOpGraph<Coded>,
    image: &Image<'_>,
    names: &Names<'_>,
    (emitted, base): (&BTreeMap<u16, Vec<Name>>, i32),
    evidence: &mut Evidence,
) {
    let dot = &graph.encoded.dot;
    let decoders: Vec<Decoder> = (0..image.decoder_count()).filter_map(|at| image.decoder(at)).collect();
    if decoders.len() != dot.outputs.len() {
        evidence.fail(Failure::new("the number of decoders", dot.outputs.len(), decoders.len()));
    }
    if let Some(output) = emitted.keys().find(|output| usize::from(**output) >= dot.outputs.len()) {
        evidence.fail(Failure::new(
            "the outputs that are emitted",
            dot.outputs.len(),
            format!("output {output}"),
        ));
    }
    for (number, port) in dot.outputs.iter().enumerate() {
        let Some(decoder) = decoders.iter().find(|decoder| usize::from(decoder.output) == number) else {
            evidence.fail(Failure::new(format!("the decoder of output {number}"), "there", "missing"));
            continue;
        };
        let decides = dot.decision && number == 0;
        let reading = if decides { Reading::Class } else { Reading::Values };
        if decoder.reading != reading {
            let what = format!("the reading of output {number}");
            evidence.fail(Failure::new(what, format!("{reading:?}"), format!("{:?}", decoder.reading)));
        }
        let node = &dot.nodes[port.node];
        let elements: Vec<u32> = match &port.order {
            Some(order) => order.clone(),
            None => (0..node.len() as u32).collect(),
        };
        let names_of = emitted.get(&(number as u16)).map_or(&[][..], Vec::as_slice);
        let signals = usize::from(decoder.signals);
        // Each run emits its own values.
        let values = elements.len() / dot.runs();
        if decoder.values as usize != values || names_of.len() != elements.len() * signals {
            let what = format!("the signals emitted for output {number}");
            let found = format!("{} for {} values", names_of.len(), decoder.values);
            evidence.fail(Failure::new(
                what,
                format!("{signals} for each of {values} values, {} in all", elements.len()),
                found,
            ));
            continue;
        }
        let start = if graph.encoded.nodes[port.node].form == Form::Sum { 0 } else { base };
        let own = Output { graph, image, names, node: port.node, decoder: *decoder, start };
        for (elements, names) in
            elements.chunks(values.max(1)).zip(names_of.chunks((values * signals).max(1)))
        {
            own.values(elements, names, evidence);
        }
    }
}

struct Output<'a, 'i> {
    graph: &'a CoreOpGraph<Coded>,
    image: &'a Image<'i>,
    names: &'a Names<'a>,
    node: usize,
    decoder: Decoder,
    /// The code that counts nothing.
    start: i32,
}

impl Output<'_, '_> {
    fn values(&self, elements: &[u32], emitted: &[Name], evidence: &mut Evidence) {
        let own = &self.graph.encoded.nodes[self.node];
        let channels = own.copies.len() as u32;
        let meaning = meaning(self.graph, self.node);
        let unit: f64 = self.decoder.scale.to_num();
        let signals = usize::from(self.decoder.signals);
        let largest = meaning.coefficients.iter().fold(0.0f64, |most, one| most.max(one.abs()));
        let coarse = 0.25 * largest / unit;
        let mut codes = vec![self.start; emitted.len()];
        for (value, (&element, emitted)) in elements.iter().zip(emitted.chunks_exact(signals)).enumerate() {
            let channel = (element % channels) as usize;
            let first = self.names.element(Source::Node(self.node), u64::from(element), 0);
            // Reading all levels 0 gives the offset, reading a single 1 adds its coefficient: the decoder is asked, not its tables.
            let read = |codes: &[i32]| self.decoder.value(self.image.tables(), codes, value as u32);
            let offset = read(&codes);
            let mut counted = vec![(0.0, 0u32); usize::from(own.copies[channel])];
            for (signal, &name) in emitted.iter().enumerate() {
                evidence.cases += 1;
                let at = value * signals + signal;
                codes[at] = self.start + 1;
                let found = read(&codes).zip(offset).map_or(f64::NAN, |(one, none)| (one - none) as f64);
                codes[at] = self.start;
                match name.checked_sub(first).and_then(|copy| counted.get_mut(copy as usize)) {
                    Some((sum, times)) => {
                        *sum += found;
                        *times += 1;
                    }
                    None => {
                        let what = format!("signal {signal} emitted for value {value}");
                        let expected = format!("one of {}", self.names.describe(first));
                        evidence.fail(Failure::new(what, expected, self.names.describe(name)));
                    }
                }
            }
            let mut compare = |what: String, expected: f64, found: f64, (roundings, coarse): (u32, f64)| {
                evidence.cases += 1;
                let expected = expected / unit;
                // Half a unit of each rounding, and the last places of an f64.
                // Where the unit is coarser than the coefficients, rounding may still not take a quarter of them.
                let slack = (0.5 * f64::from(roundings.max(1))).min(coarse) + 1e-9 * expected.abs();
                // No comparison with a NaN holds.
                let close = (found - expected).abs() <= slack;
                if !close {
                    evidence.fail(Failure::new(what, expected, found));
                }
            };
            let offset = offset.map_or(f64::NAN, |offset| offset as f64);
            let what = format!("the decoder's offset of value {value}, in its unit,");
            // An offset alone may be small.
            compare(what, meaning.zeros[channel], offset, (1, 0.5));
            for (copy, (found, times)) in counted.into_iter().enumerate() {
                let what = format!("the decoder's coefficient of value {value}, signal {copy}, in its unit,");
                compare(what, meaning.coefficients[own.start(channel) + copy], found, (times, coarse));
            }
        }
    }
}
