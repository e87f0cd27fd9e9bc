//! Gains, aims and active samples of a node: everything about a trial but the weights.

use spandrel_core::arith::clip;

use super::column::{Aim, Post};
use crate::encode::{Form, Ramp, Segment, Segments};
use crate::numeric::{Matrix, sigmoid};
use crate::target::Target;

/// The least range of an element, as a share of its node's largest magnitude.
const TINY: f64 = 1e-6;
/// Headroom above the largest value seen.
const HEADROOM: f64 = 1.1;
/// No element's range falls below this share of its node's largest: rare elements would clip on new data.
const RANGE_FLOOR: f64 = 0.25;
/// Samples just below zero count too, this share of the range deep: the ReLU must keep them there.
const BELOW_ZERO: f64 = 0.1;
/// At least so many samples count for each element.
const ACTIVE_MIN: usize = 64;

/// What the trials of a node vary beside the shift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// Half the range of z that a function's carrier or a sigmoid's table covers; unused by other forms.
    pub c: f64,
    /// Right shift of the sum.
    pub sum_shift: u8,
    /// Largest code that can come out: of the next input, or less where all parts together do not reach so far.
    pub top: i32,
}

impl Reach {
    /// The reach of a sum of `parts` arrays.
    pub fn new(c: f64, sum_shift: u8, parts: usize, target: &Target) -> Self {
        let most = (i64::from(target.code_max) * parts as i64) >> sum_shift.min(62);
        Self { c, sum_shift, top: most.clamp(1, i64::from(target.input_max)) as i32 }
    }
}

/// Golden sums of a node and what follows from them once and for all.
#[derive(Clone, Debug)]
pub struct Golden<'a> {
    /// Sums, one row an element (not a sample).
    pub z: &'a Matrix,
    /// Largest sum of each element, at least a tiny positive number.
    pub top: Vec<f64>,
    /// Smallest sum of each element.
    pub bottom: Vec<f64>,
    /// Largest of all of them.
    pub layer_top: f64,
    /// Largest distance between an element's smallest and largest sum.
    pub layer_span: f64,
    /// Largest magnitude of any sum, 1 when all are 0: what "tiny" is measured by, so that a network in other units gets the
    /// same codes.
    pub magnitude: f64,
    /// No element's range falls below this share of its node's widest.
    pub floor: f64,
    /// For the last node of a classifier: the samples on which each element could still be the decision.
    pub contested: Option<Vec<Vec<u32>>>,
}

impl<'a> Golden<'a> {
    /// Takes in the sums `z`, one row an element. `margin` standard deviations below the winner an output still counts.
    pub fn new(z: &'a Matrix, margin: Option<f64>) -> Self {
        let furthest = z.data().iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let magnitude = if furthest > 0.0 { furthest } else { 1.0 };
        let tiny = TINY * magnitude;
        let top: Vec<f64> = (0..z.rows()).map(|e| z.row(e).iter().copied().fold(tiny, f64::max)).collect();
        let layer_top = top.iter().copied().fold(tiny, f64::max);
        let contested = margin.map(|margin| {
            let n = z.data().len().max(1) as f64;
            let mean = z.data().iter().sum::<f64>() / n;
            let deviation = libm::sqrt(z.data().iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n);
            let winner: Vec<f64> = (0..z.cols())
                .map(|i| (0..z.rows()).map(|e| z.at(e, i)).fold(f64::NEG_INFINITY, f64::max))
                .collect();
            (0..z.rows())
                .map(|e| {
                    let near = |i: &usize| z.at(e, *i) >= winner[*i] - margin * deviation;
                    let close: Vec<u32> = (0..z.cols()).filter(near).map(|i| i as u32).collect();
                    if close.len() >= ACTIVE_MIN.min(z.cols()) {
                        close
                    } else {
                        largest(z.row(e), ACTIVE_MIN)
                    }
                })
                .collect()
        });
        let bottom: Vec<f64> = (0..z.rows()).map(|e| z.row(e).iter().copied().fold(0.0, f64::min)).collect();
        let mut golden =
            Self { z, top, bottom, layer_top, layer_span: tiny, magnitude, floor: RANGE_FLOOR, contested };
        golden.span();
        golden
    }

    /// Takes in the ranges over all positions, of which `z` may hold some only.
    pub fn widen(&mut self, least: &[f64], most: &[f64]) {
        self.top.iter_mut().zip(most).for_each(|(top, &z)| *top = top.max(z));
        self.bottom.iter_mut().zip(least).for_each(|(bottom, &z)| *bottom = bottom.min(z));
        self.layer_top = self.top.iter().copied().fold(self.layer_top, f64::max);
        let furthest = self.top.iter().chain(&self.bottom).fold(0.0f64, |m, v| m.max(v.abs()));
        self.magnitude = if furthest > 0.0 { furthest } else { 1.0 };
        self.span();
    }

    /// Takes the ranges as they are given, whatever the samples show: no input leaves them.
    pub fn bind(&mut self, least: &[f64], most: &[f64]) {
        let furthest = least.iter().chain(most).fold(0.0f64, |m, v| m.max(v.abs()));
        self.magnitude = if furthest > 0.0 { furthest } else { 1.0 };
        let tiny = TINY * self.magnitude;
        self.top = most.iter().zip(least).map(|(&most, &least)| most.max(least + tiny)).collect();
        self.bottom = least.to_vec();
        self.layer_top = self.top.iter().copied().fold(tiny, f64::max);
        self.floor = 1e-3;
        self.span();
    }

    fn span(&mut self) {
        let spans = self.top.iter().zip(&self.bottom).map(|(top, bottom)| top - bottom);
        self.layer_span = spans.fold(TINY * self.magnitude, f64::max);
    }

    /// The same for some elements only, whose sums are `z`.
    pub fn select<'b>(&self, z: &'b Matrix, elements: &[usize]) -> Golden<'b> {
        Golden {
            z,
            top: elements.iter().map(|&e| self.top[e]).collect(),
            bottom: elements.iter().map(|&e| self.bottom[e]).collect(),
            layer_top: self.layer_top,
            layer_span: self.layer_span,
            magnitude: self.magnitude,
            floor: self.floor,
            contested: self.contested.as_ref().map(|all| elements.iter().map(|&e| all[e].clone()).collect()),
        }
    }

    /// `few`, of fewer samples, with the ranges of all.
    pub fn narrowed<'b>(&self, few: Golden<'b>) -> Golden<'b> {
        Golden {
            top: self.top.clone(),
            bottom: self.bottom.clone(),
            layer_top: self.layer_top,
            layer_span: self.layer_span,
            magnitude: self.magnitude,
            floor: self.floor,
            ..few
        }
    }

    /// Lower end and width of the range that a carrier of an element covers.
    pub fn carried_range(&self, element: usize) -> (f64, f64) {
        let (low, span) = (self.bottom[element], self.top[element] - self.bottom[element]);
        let wide = HEADROOM * span.max(self.floor * self.layer_span);
        (low - 0.5 * (wide - span), wide)
    }

    /// Lower end and width of the range that codes of a clipped element cover.
    pub fn clipped_range(&self, element: usize, ramp: &Ramp) -> (f64, f64) {
        let (from, to) = (ramp.from, ramp.to);
        let (bottom, top) = (self.bottom[element].max(from), self.top[element].min(to));
        let least = RANGE_FLOOR * self.layer_span.min(to - from);
        let wide = HEADROOM * (top - bottom).max(least);
        let margin = 0.5 * (wide - (top - bottom).max(0.0));
        // Codes of 0 stand for 0 in all channels, or in none.
        let low = if ramp.starts_at_zero() { from } else { (bottom.min(to) - margin).max(from) };
        let high = (top + margin).max(low + wide).min(to);
        (low, (high - low).max(TINY * self.magnitude))
    }

    /// The range of an element behind a ReLU.
    pub fn range(&self, element: usize) -> f64 {
        HEADROOM * self.top[element].max(self.floor * self.layer_top)
    }

    /// The range of an element of which both signs are carried.
    pub fn mirrored_range(&self, element: usize) -> f64 {
        let furthest = self.top[element].max(-self.bottom[element]);
        HEADROOM * furthest.max(self.floor * 0.5 * self.layer_span)
    }

    /// Samples that count for an element in this form.
    pub fn active(&self, form: &Form, element: usize, reach: Reach) -> Vec<u32> {
        let z = self.z.row(element);
        let by = |keep: &dyn Fn(f64) -> bool| -> Vec<u32> {
            z.iter().enumerate().filter(|(_, z)| keep(**z)).map(|(i, _)| i as u32).collect()
        };
        let least = ACTIVE_MIN.min(z.len());
        let (found, spare) = match form {
            Form::Relu => {
                let range = self.top[element].max(self.floor * self.layer_top);
                let bar = largest_value(z, least);
                (by(&|z| z > -BELOW_ZERO * range || z >= bar), largest(z, least))
            }
            Form::Clip(ramp) => {
                let (low, wide) = self.clipped_range(element, ramp);
                let middle = low + 0.5 * wide;
                let near: Vec<f64> = z.iter().map(|z| -(z - middle).abs()).collect();
                let bar = largest_value(&near, least).min(-(0.5 + BELOW_ZERO) * wide);
                (by(&|z| -(z - middle).abs() >= bar), Vec::new())
            }
            Form::Sum => match &self.contested {
                Some(contested) => (contested[element].clone(), Vec::new()),
                None => (by(&|_| true), Vec::new()),
            },
            Form::Carrier { judged: None } | Form::Mirror { .. } | Form::Max => (by(&|_| true), Vec::new()),
            Form::Carrier { .. } | Form::Table(_) | Form::Segments(_) => {
                let wide =
                    if matches!(form, Form::Table(_)) { (0.9 * reach.c).max(6.0) } else { 1.15 * reach.c };
                let inner: Vec<f64> = z.iter().map(|z| -z.abs()).collect();
                let bar = largest_value(&inner, least);
                (by(&|z| z.abs() < wide || -z.abs() >= bar), largest(&inner, least))
            }
        };
        if found.is_empty() { spare } else { found }
    }
}

fn largest_value(values: &[f64], count: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted.get(count.saturating_sub(1)).copied().unwrap_or(f64::NEG_INFINITY)
}

/// The samples of the `count` largest values, in sample order.
fn largest(values: &[f64], count: usize) -> Vec<u32> {
    let bar = largest_value(values, count);
    (0..values.len()).filter(|&i| values[i] >= bar).map(|i| i as u32).collect()
}

/// The aim of one element with `copies` copies at gain `gain` (steps of the sum per unit of z).
pub fn aim(
    golden: &Golden<'_>,
    form: &Form,
    element: usize,
    copies: usize,
    gain: f64,
    reach: Reach,
    target: &Target,
) -> Aim {
    let z = golden.z.row(element).to_vec();
    let top = f64::from(target.input_max);
    let reached = f64::from(reach.top);
    let scale = libm::exp2(f64::from(reach.sum_shift));
    // Copy m's bias is staggered to the middle of the m-th of k parts of a step.
    let stagger = |m: usize| (m as f64 + 0.5) / copies as f64;
    let k = copies as f64;
    let active = golden.active(form, element, reach);
    match form {
        Form::Relu => Aim {
            gains: vec![gain; copies],
            offsets: (0..copies).map(|m| scale * stagger(m)).collect(),
            coefficients: vec![scale / (k * gain); copies],
            zero: 0.0,
            post: Post::Relu { sum_shift: reach.sum_shift },
            sides: 1,
            centred: false,
            wanted: vec![z.iter().map(|z| z.max(0.0) * gain * k / scale).collect()],
            active: vec![active],
            z,
        },
        Form::Clip(ramp) => {
            let low = golden.clipped_range(element, ramp).0;
            let middle = -low * gain / scale;
            let want = |z: f64| k * ((z.clamp(ramp.from, ramp.to) - low) * gain / scale).clamp(0.0, reached);
            Aim {
                gains: vec![gain; copies],
                offsets: (0..copies).map(|m| scale * (middle + stagger(m))).collect(),
                coefficients: vec![ramp.slope * scale / (k * gain); copies],
                zero: ramp.base + ramp.slope * low,
                post: Post::Relu { sum_shift: reach.sum_shift },
                sides: 1,
                centred: false,
                wanted: vec![z.iter().map(|&z| want(z)).collect()],
                active: vec![active],
                z,
            }
        }
        Form::Carrier { judged } => {
            let middle = match judged {
                Some(_) => 0.5 * reached,
                None => -golden.carried_range(element).0 * gain / scale,
            };
            let want = |z: f64| {
                (0..copies).map(|m| (z * gain / scale + middle + stagger(m) - 0.5).clamp(0.0, reached)).sum()
            };
            Aim {
                gains: vec![gain; copies],
                offsets: (0..copies).map(|m| scale * (middle + stagger(m))).collect(),
                coefficients: vec![scale / (k * gain); copies],
                zero: -middle * scale / gain,
                post: Post::Relu { sum_shift: reach.sum_shift },
                sides: 1,
                centred: false,
                wanted: vec![z.iter().map(|&z| want(z)).collect()],
                active: vec![active],
                z,
            }
        }
        Form::Segments(segments) if segments.jumps => segment_aim(&segments.widened(reach.c), z, reach),
        Form::Segments(segments) => segment_aim(segments, z, reach),
        Form::Mirror { up, down, .. } => {
            let near = BELOW_ZERO * golden.mirrored_range(element);
            let side = |sign: f64| -> Vec<u32> {
                (0..z.len()).filter(|&i| sign * z[i] > -near).map(|i| i as u32).collect()
            };
            let half = 0.5 * k;
            // The first half of the copies carries the positive side.
            let both = |up: f64, down: f64| {
                let mut all = vec![up; copies / 2];
                all.resize(copies, down);
                all
            };
            let want =
                |sign: f64| z.iter().map(|z| half * (sign * z * gain / scale).clamp(0.0, reached)).collect();
            Aim {
                gains: both(gain, -gain),
                offsets: (0..copies).map(|m| scale * (m as f64 % half + 0.5) / half).collect(),
                coefficients: both(up * scale / (half * gain), down * scale / (half * gain)),
                zero: 0.0,
                post: Post::Relu { sum_shift: reach.sum_shift },
                sides: 2,
                centred: false,
                wanted: vec![want(1.0), want(-1.0)],
                active: vec![side(1.0), side(-1.0)],
                z,
            }
        }
        Form::Table(_) => {
            let table = (-target.code_max..=target.code_max)
                .map(|code| {
                    clip(libm::rint(top * sigmoid(f64::from(code) / gain)) as i64, 0, top as i64) as i32
                })
                .collect();
            Aim {
                gains: vec![gain; copies],
                // Sums round at a place of their own in each copy; codes follow where the function is steep.
                offsets: (0..copies).map(|m| stagger(m) - 0.5).collect(),
                coefficients: vec![1.0 / (k * top); copies],
                zero: 0.0,
                post: Post::Table(table),
                sides: 1,
                centred: false,
                wanted: vec![z.iter().map(|&z| top * k * sigmoid(z)).collect()],
                active: vec![active],
                z,
            }
        }
        Form::Sum | Form::Max => Aim {
            gains: vec![gain; copies],
            offsets: vec![0.0; copies],
            coefficients: vec![1.0 / (k * gain); copies],
            zero: 0.0,
            post: Post::Sum,
            sides: 1,
            centred: true,
            wanted: Vec::new(),
            active: vec![active],
            z,
        },
    }
}

/// Each segment is a column of its own: a clipped ReLU that rises over the segment.
fn segment_aim(segments: &Segments, z: Vec<f64>, reach: Reach) -> Aim {
    let (below, segments) = (segments.base, &segments.pieces);
    let top = f64::from(reach.top);
    let scale = libm::exp2(f64::from(reach.sum_shift));
    let gain = |s: &Segment| scale * top / (s.to - s.from);
    let rises =
        |s: &Segment| z.iter().map(|z| top * ((z - s.from) / (s.to - s.from)).clamp(0.0, 1.0)).collect();
    let near = |s: &Segment| -> Vec<u32> {
        // Where the segment rises, and half its width beyond: there it must be cut at the right place.
        let margin = 0.5 * (s.to - s.from);
        let inside = |z: f64| z > s.from - margin && z < s.to + margin;
        let found: Vec<u32> = (0..z.len()).filter(|&i| inside(z[i])).map(|i| i as u32).collect();
        if found.len() >= ACTIVE_MIN.min(z.len()) {
            return found;
        }
        let middle = 0.5 * (s.from + s.to);
        let closeness: Vec<f64> = z.iter().map(|z| -(z - middle).abs()).collect();
        largest(&closeness, ACTIVE_MIN.min(z.len()))
    };
    Aim {
        gains: segments.iter().map(gain).collect(),
        offsets: segments.iter().map(|s| -s.from * gain(s) + 0.5 * scale).collect(),
        coefficients: segments.iter().map(|s| s.rise / top).collect(),
        zero: below,
        post: Post::Relu { sum_shift: reach.sum_shift },
        sides: segments.len(),
        centred: false,
        wanted: segments.iter().map(rises).collect(),
        active: segments.iter().map(near).collect(),
        z,
    }
}
