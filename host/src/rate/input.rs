//! From raw samples to codes, and what those codes mean to the model.

use super::tune::Fed;
use crate::diagnostic::{Diagnostic, Result};
use crate::engine::RawBatch;
use crate::fed::Fed as Samples;

/// Raw values that a table of codes tells apart at most.
const TABLE_MAX: i64 = 4096;

/// How raw values become codes.
pub(super) fn raw_codes(batch: &RawBatch<'_>, window: u32) -> Result<(i32, Vec<i32>, f64)> {
    let values = || (0..batch.len() * batch.length()).map(|at| batch.data().get(at));
    let (lo, hi) = (values().min().unwrap_or(0), values().max().unwrap_or(1));
    let hi = hi.max(lo.saturating_add(1));
    let span = i64::from(hi) - i64::from(lo);
    if span >= TABLE_MAX {
        let rule =
            format!("raw values from {lo} to {hi}; rate codes are looked up in a table of {TABLE_MAX}");
        let way_out = "give samples as bytes, or scale them to fewer levels";
        return Err(Diagnostic::error("SP0303", "calibration samples", rule, way_out).into());
    }
    let step = span as f64 / f64::from(window);
    let code = |raw: i64| libm::floor(raw as f64 / step + 0.5).min(f64::from(window)) as i32;
    Ok((lo, (0..=span).map(code).collect(), step))
}

/// The input as tuning sees it.
pub(super) fn fed(
    raw: &RawBatch<'_>,
    samples: usize,
    (lo, codes, step): (i32, &[i32], f64),
    map: &crate::tune::InputMap,
    order: Option<&[u32]>,
    values: &[f32],
) -> Fed {
    let elements = map.scale.len();
    let code = |sample: usize, element: usize| {
        let at = order.map_or(element, |order| order[element] as usize);
        let raw = raw.data().get(sample * raw.length() + at);
        let index = (i64::from(raw) - i64::from(lo)).clamp(0, codes.len() as i64 - 1);
        codes[index as usize] as u32
    };
    Fed {
        values: values[..samples * elements].to_vec(),
        codes: (0..samples).map(|s| (0..elements).map(|e| code(s, e)).collect()).collect(),
        unit: map.scale.iter().map(|scale| step * scale).collect(),
        base: map.scale.iter().zip(&map.offset).map(|(s, o)| f64::from(lo) * s + o).collect(),
    }
}

/// Samples as the model sees them, each raw value rounded to what its code stands for.
pub(super) fn quantised(
    shown: &Samples,
    raw_steps: &[Option<f64>],
    (lo, hi): (i32, i32),
    step: f64,
) -> Option<Vec<f32>> {
    let raw = shown.raw(raw_steps).ok()?;
    let raw = raw.batch().ok()?;
    let map = shown.input_map(raw_steps);
    let order = shown.feed.order();
    let elements = map.scale.len();
    let mut out = Vec::with_capacity(raw.len() * elements);
    for sample in 0..raw.len() {
        for element in 0..elements {
            let at = order.as_ref().map_or(element, |order| order[element] as usize);
            let value = raw.data().get(sample * raw.length() + at).clamp(lo, hi);
            let code = libm::floor((f64::from(value) - f64::from(lo)) / step + 0.5);
            out.push(((f64::from(lo) + code * step) * map.scale[element] + map.offset[element]) as f32);
        }
    }
    Some(out)
}
