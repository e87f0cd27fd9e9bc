//! Where whole numbers meet the outside world, for claim C4: the encoder gives the codes that tuning saw, the decoder counts
//! them as tuning does.

use spandrel_core::image::{Codec, Image};

use super::report::{Evidence, Failure};
use crate::expand::CoreOpGraph;
use crate::tune::Coded;

/// The most raw values that an encoder is tried on.
const RAW_TRIED: i64 = 8192;

/// Compares encoder 0 and decoder 0 of `image` with the coded graph: every raw value of narrow types, evenly spaced ones of
/// wide types; every coefficient and offset to within half a unit of the decoder's scale.
pub fn check(graph: &CoreOpGraph<Coded>, image: &Image<'_>) -> Evidence {
    let mut evidence = Evidence::default();
    encoder(graph, image, &mut evidence);
    decoder(graph, image, &mut evidence);
    evidence
}

fn encoder(graph: &CoreOpGraph<Coded>, image: &Image<'_>, evidence: &mut Evidence) {
    let code = &graph.encoded.input;
    let Some(encoder) = image.encoder(0) else { return };
    let (lo, hi) = match encoder.raw {
        Codec::Bit => return,
        // Around the range that was told apart, a tenth beyond on either side.
        Codec::I32 => {
            let beyond = 0.1 * (code.raw_hi - code.raw_lo);
            ((code.raw_lo - beyond) as i32, (code.raw_hi + beyond) as i32)
        }
        narrow => narrow.range(),
    };
    let span = i64::from(hi) - i64::from(lo) + 1;
    let tried = span.min(RAW_TRIED);
    for at in 0..tried {
        let raw = (i64::from(lo) + at * (span - 1) / (tried - 1).max(1)) as i32;
        for signal in 0..code.weights.len() {
            evidence.cases += 1;
            let expected = code.code(raw, signal);
            let found = encoder.code(image.tables(), 0, signal as u8, raw);
            if found != Some(expected) {
                let what = format!("the encoder's code of raw value {raw}, signal {signal}");
                let found = found.map_or("none".to_owned(), |code| code.to_string());
                evidence.fail(Failure::new(what, expected, found));
            }
        }
    }
}

fn decoder(graph: &CoreOpGraph<Coded>, image: &Image<'_>, evidence: &mut Evidence) {
    let Some(decoder) = image.decoder(0) else { return };
    let unit: f64 = decoder.scale.to_num();
    let zeros: Vec<f64> = graph.outputs().flat_map(|op| op.payload.zeros.clone()).collect();
    let coefficients: Vec<f64> = graph.outputs().flat_map(|op| op.payload.coefficients.clone()).collect();
    let signals = usize::from(decoder.signals);
    if decoder.values as usize != zeros.len() || coefficients.len() != zeros.len() * signals {
        evidence.fail(Failure::new("the decoder's values", zeros.len(), decoder.values));
        return;
    }
    // Reading all codes 0 gives the offset, reading a single 1 adds its coefficient: the decoder is asked, not its tables.
    let mut codes = vec![0i32; coefficients.len()];
    for (value, zero) in zeros.iter().enumerate() {
        let read = |codes: &[i32]| decoder.value(image.tables(), codes, value as u32);
        let offset = read(&codes);
        let mut compare = |what: String, expected: f64, found: Option<i64>| {
            evidence.cases += 1;
            // Half a unit of rounding, and the last places of an f64.
            let close =
                |found: i64| (found as f64 - expected / unit).abs() <= 0.5 + 1e-9 * (expected / unit).abs();
            if !found.is_some_and(close) {
                let found = found.map_or("none".to_owned(), |found| found.to_string());
                evidence.fail(Failure::new(what, expected / unit, found));
            }
        };
        compare(format!("the decoder's offset of value {value}, in its unit,"), *zero, offset);
        for signal in 0..signals {
            let at = value * signals + signal;
            codes[at] = 1;
            let found = read(&codes).zip(offset).map(|(one, none)| one - none);
            codes[at] = 0;
            let what = format!("the decoder's coefficient of value {value}, signal {signal}, in its unit,");
            compare(what, coefficients[at], found);
        }
    }
}
