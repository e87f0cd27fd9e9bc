//! Reads of [`Source::One`] beside padded reads of values that code 0 does not stand for 0 in.

use std::sync::Arc;

use super::graph::Inside;
use crate::dots::{Axis, Dim, Dot, PAD, Read, Source, Taps, Window};
use crate::numeric::Matrix;

/// Adds to `dot` `ones` equal reads of [`Source::One`] for its read number `read`, with weights of 0: tuning fills them in.
pub fn tell_inside(dot: &mut Dot, read: usize, grid: &[usize], ones: usize) -> Inside {
    let (taps, tap) = match &dot.reads[read].taps {
        Taps::Window(window) => narrowed(window, grid),
        Taps::Table { taps, elements } => {
            let inside: Arc<[u32]> = elements.iter().map(|&e| if e == PAD { PAD } else { 0 }).collect();
            (Taps::Table { taps: *taps, elements: inside }, (0..*taps as u32).collect())
        }
    };
    let columns = ones * taps.len();
    let one = dot.reads.len();
    dot.reads.extend(vec![Read { source: Source::One, taps, group_step: 0 }; ones]);
    for weights in &mut dot.weights {
        let width = weights.cols();
        let wider =
            Matrix::from_fn(
                weights.rows(),
                width + columns,
                |r, c| {
                    if c < width { weights.at(r, c) } else { 0.0 }
                },
            );
        *weights = Arc::new(wider);
    }
    Inside { read, one, ones, tap }
}

/// The window without the axes that never leave, and for each of its taps the tap of what is left.
fn narrowed(window: &Window, grid: &[usize]) -> (Taps, Vec<u32>) {
    let leaving: Vec<usize> = (0..window.axes.len()).filter(|&axis| window.leaves(axis, grid)).collect();
    let place = |axis: usize| leaving.iter().position(|&own| own == axis);
    let axes = leaving.iter().map(|&axis| Axis { pitch: 0, ..window.axes[axis] }).collect();
    let dims: Vec<Dim> =
        window.dims.iter().filter_map(|d| place(d.axis).map(|axis| Dim { axis, ..*d })).collect();
    let terms = window
        .terms
        .iter()
        .filter_map(|t| place(t.axis).map(|axis| crate::dots::Term { axis, ..*t }))
        .collect();
    let mut of = Vec::new();
    let all: usize = window.dims.iter().map(|d| d.count).product();
    for tap in 0..all {
        // Mixed-radix digits of the tap, the last dimension running fastest; those of the remaining dimensions count.
        let (mut rest, mut own, mut pitch) = (tap, 0usize, 1usize);
        for dim in window.dims.iter().rev() {
            let digit = rest % dim.count;
            rest /= dim.count;
            if place(dim.axis).is_some() {
                own += digit * pitch;
                pitch *= dim.count;
            }
        }
        of.push(own as u32);
    }
    (Taps::Window(Window { first: 0, axes, dims, terms }), of)
}
