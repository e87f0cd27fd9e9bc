//! Interpolation along one axis: which elements of the operand a result is made of, with which weights. Formulas from
//! the definitions of Resize (operator sets 10 to 19) and Upsample; everything in double precision.

/// How a position of the result becomes a position of the operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    /// The part of the operand from `start` to `end`, in units of its length.
    Crop {
        start: f64,
        end: f64,
    },
}

/// What is made of the neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Nearest(Nearest),
    Linear,
    Cubic {
        /// The coefficient `cubic_coeff_a`.
        a: f64,
    },
}

/// Which neighbour is the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

/// One axis: sizes, scale and rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    /// Elements of the operand; at least 1.
    pub(crate) from: usize,
    /// Elements of the result.
    pub(crate) to: usize,
    /// Result size / operand size, as the model states it: it need not be a quotient of whole numbers.
    pub(crate) scale: f64,
    pub(crate) coordinates: Coordinates,
    pub(crate) mode: Mode,
    /// Whether a smaller result is made of all elements under a stretched kernel.
    pub(crate) antialias: bool,
    /// Whether elements outside the operand have no weight (else they repeat the edge).
    pub(crate) exclude_outside: bool,
}

impl Axis {
    /// The elements and weights of result `x`; `None` when it lies outside the cropped part.
    pub(crate) fn taps(&self, x: usize) -> Option<Vec<(usize, f64)>> {
        let at = self.position(x as f64);
        if matches!(self.coordinates, Coordinates::Crop { .. })
            && !(0.0..=self.from as f64 - 1.0).contains(&at)
        {
            return None;
        }
        let floor = libm::floor(at);
        // A whole position is the right one of two neighbours.
        let (base, ratio) = if floor == at { (floor - 1.0, 1.0) } else { (floor, at - floor) };
        let mut taps: Vec<(f64, f64)> = match self.mode {
            Mode::Nearest(nearest) => {
                let up = match nearest {
                    _ if ratio == 1.0 => true,
                    Nearest::RoundPreferFloor => ratio > 0.5,
                    Nearest::RoundPreferCeil => ratio >= 0.5,
                    Nearest::Floor => false,
                    Nearest::Ceil => true,
                };
                vec![(base + f64::from(u8::from(up)), 1.0)]
            }
            Mode::Linear => self.kernel(base, ratio, 1.0, |d| 1.0 - d.abs()),
            Mode::Cubic { a } => self.kernel(base, ratio, 2.0, |d| cubic(d.abs(), a)),
        };
        let last = self.from as f64 - 1.0;
        if self.exclude_outside {
            taps.retain(|(i, _)| (0.0..=last).contains(i));
            let sum: f64 = taps.iter().map(|(_, w)| w).sum();
            taps.iter_mut().for_each(|(_, w)| *w /= sum);
        }
        let mut merged: Vec<(usize, f64)> = Vec::with_capacity(taps.len());
        for (i, weight) in taps {
            let i = i.clamp(0.0, last) as usize;
            match merged.last_mut() {
                Some((same, sum)) if *same == i => *sum += weight,
                _ => merged.push((i, weight)),
            }
        }
        if merged.len() > 1 {
            merged.retain(|(_, w)| *w != 0.0);
        }
        Some(merged)
    }

    /// The position in the operand.
    fn position(&self, x: f64) -> f64 {
        let (from, scale) = (self.from as f64, self.scale);
        // What the model asks for before it is cut to whole elements.
        let wanted = scale * from;
        let half_pixel = (x + 0.5) / scale - 0.5;
        match self.coordinates {
            Coordinates::HalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = self.to as f64 / wanted;
                from / 2.0 * (1.0 - adjustment) + half_pixel
            }
            Coordinates::PytorchHalfPixel => {
                if self.to > 1 {
                    half_pixel
                } else {
                    0.0
                }
            }
            Coordinates::AlignCorners => {
                if wanted == 1.0 {
                    0.0
                } else {
                    x * (from - 1.0) / (wanted - 1.0)
                }
            }
            Coordinates::Asymmetric => x / scale,
            Coordinates::Crop { start, end } => {
                if self.to > 1 {
                    start * (from - 1.0) + x * (end - start) * (from - 1.0) / (self.to as f64 - 1.0)
                } else {
                    0.5 * (start + end) * (from - 1.0)
                }
            }
        }
    }

    /// The elements around `base + ratio` under a kernel that ends at `reach`.
    fn kernel(&self, base: f64, ratio: f64, reach: f64, weight: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let shrink = if self.antialias { self.scale.min(1.0) } else { 1.0 };
        let start = libm::floor(-reach / shrink) + 1.0;
        let count = (2.0 - 2.0 * start) as usize;
        let mut taps: Vec<(f64, f64)> = (0..count)
            .map(|i| {
                let offset = start + i as f64;
                let distance = (offset - ratio) * shrink;
                let inside = distance.abs() < reach;
                (base + offset, if inside { weight(distance) } else { 0.0 })
            })
            .collect();
        if shrink < 1.0 {
            let sum: f64 = taps.iter().map(|(_, w)| w).sum();
            taps.iter_mut().for_each(|(_, w)| *w /= sum);
        }
        taps
    }
}

/// Keys's cubic convolution kernel.
fn cubic(d: f64, a: f64) -> f64 {
    if d <= 1.0 {
        ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    } else {
        ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(from: usize, to: usize, coordinates: Coordinates, mode: Mode) -> Axis {
        let scale = to as f64 / from as f64;
        Axis { from, to, scale, coordinates, mode, antialias: false, exclude_outside: false }
    }

    #[test]
    fn weights_are_those_of_the_formulas() {
        let double = axis(2, 4, Coordinates::HalfPixel, Mode::Linear);
        assert_eq!(double.taps(0), Some(vec![(0, 1.0)]));
        assert_eq!(double.taps(1), Some(vec![(0, 0.75), (1, 0.25)]));
        let corners = axis(3, 5, Coordinates::AlignCorners, Mode::Linear);
        assert_eq!(corners.taps(4), Some(vec![(2, 1.0)]));
        assert_eq!(corners.taps(1), Some(vec![(0, 0.5), (1, 0.5)]));
        let nearest = axis(2, 4, Coordinates::Asymmetric, Mode::Nearest(Nearest::RoundPreferCeil));
        assert_eq!((0..4).map(|x| nearest.taps(x).expect("inside")[0].0).collect::<Vec<_>>(), [0, 1, 1, 1]);
        let crop = axis(4, 3, Coordinates::Crop { start: 0.5, end: 2.0 }, Mode::Linear);
        assert!(crop.taps(0).is_some() && crop.taps(2).is_none());
    }

    #[test]
    fn weights_sum_to_one() {
        for mode in [Mode::Linear, Mode::Cubic { a: -0.75 }] {
            for (antialias, exclude_outside) in [(false, false), (true, false), (false, true), (true, true)] {
                for to in [1, 2, 3, 7, 19] {
                    let axis =
                        Axis { antialias, exclude_outside, ..axis(7, to, Coordinates::HalfPixel, mode) };
                    for x in 0..to {
                        let sum: f64 = axis.taps(x).expect("inside").iter().map(|(_, w)| w).sum();
                        assert!((sum - 1.0).abs() < 1e-12, "{axis:?} at {x}: {sum}");
                    }
                }
            }
        }
    }
}
