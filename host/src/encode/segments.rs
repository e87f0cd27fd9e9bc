//! A function of one variable as a sum of clipped ReLUs.
//!
//! f(z) is replaced by a piecewise linear interpolant between knots; each piece is one unit
//! `clip((z - from) / (to - from), 0, 1)` with the piece's rise as coefficient. Knots are placed so that every piece has
//! the same share of the integral of sqrt(|f''|) (the asymptotically optimal density for the largest error of linear
//! interpolation). A function of a few steps gets one steep piece for each jump instead: how steep, tuning finds out. Then the worst error is measured on a fine grid: that is the bound that is reported.

use crate::dots::Act;

/// One clipped ReLU: rises from 0 at `from` to 1 at `to`, and counts `rise`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Where it starts to rise.
    pub from: f64,
    /// Where it is clipped.
    pub to: f64,
    /// What it adds when fully risen.
    pub rise: f64,
}

/// A function as clipped ReLUs.
#[derive(Clone, Debug, PartialEq)]
pub struct Segments {
    /// The function.
    pub act: Act,
    /// The pieces, from the lowest to the highest.
    pub pieces: Vec<Segment>,
    /// The value below all of them.
    pub base: f64,
    /// Largest absolute error within the range.
    pub worst: f64,
    /// Whether the pieces stand for jumps: any narrower or wider ones with the same middle would do as well.
    pub jumps: bool,
}

const GRID: usize = 4096;
/// The least width of a piece in steps of the grid.
const NARROWEST: usize = GRID / 64;

impl Segments {
    /// At most `pieces` segments of `act` over `lo..=hi`, lo < hi.
    pub fn new(act: &Act, pieces: usize, (lo, hi): (f64, f64)) -> Self {
        let step = (hi - lo) / GRID as f64;
        let z = |i: usize| lo + step * i as f64;
        let f: Vec<f64> = (0..=GRID).map(|i| act.apply(z(i))).collect();
        if let Some(made) = Self::of_jumps(act, pieces, &f, (lo, step)) {
            return made;
        }
        let span = f.iter().copied().fold(f64::NEG_INFINITY, f64::max)
            - f.iter().copied().fold(f64::INFINITY, f64::min);
        // sqrt(|f''|) times a step; the small constant keeps flat stretches from being left without a knot.
        let bend = |i: usize| (f[i + 1] - 2.0 * f[i] + f[i - 1]).abs();
        let idle = 0.02 * libm::sqrt(span.max(f64::MIN_POSITIVE)) / GRID as f64;
        let mut cumulative = vec![0.0; GRID + 1];
        for i in 1..=GRID {
            let own = if i < GRID { libm::sqrt(bend(i)) } else { 0.0 };
            cumulative[i] = cumulative[i - 1] + own + idle;
        }
        let mut knots: Vec<usize> = vec![0];
        for k in 1..pieces {
            let want = cumulative[GRID] * k as f64 / pieces as f64;
            let at = cumulative.partition_point(|&c| c < want).min(GRID);
            // Pieces too narrow to be told apart (a kink draws several knots to itself) would only be steep.
            if knots.last().is_none_or(|&last| at >= last + NARROWEST) && at + NARROWEST <= GRID {
                knots.push(at);
            }
        }
        knots.push(GRID);
        let pieces: Vec<Segment> = knots
            .windows(2)
            .map(|pair| Segment { from: z(pair[0]), to: z(pair[1]), rise: f[pair[1]] - f[pair[0]] })
            .collect();
        let mut made = Self { act: act.clone(), pieces, base: f[0], worst: 0.0, jumps: false };
        made.worst = (0..=GRID).map(|i| (made.apply(z(i)) - f[i]).abs()).fold(0.0, f64::max);
        // Knots lie on the grid, so between its points the error bends no more than the function does there.
        made.worst += (1..GRID).map(bend).fold(0.0, f64::max) / 8.0;
        made
    }

    /// One piece for each jump of a function that is constant between at most `pieces` of them.
    fn of_jumps(act: &Act, pieces: usize, f: &[f64], (lo, step): (f64, f64)) -> Option<Self> {
        // First and last point of the grid at which the value is another one. A function that has a value of its own at the
        // jump itself, as the sign has, changes twice where that is a point of the grid.
        let mut at: Vec<(usize, usize)> = Vec::new();
        for i in (1..f.len()).filter(|&i| f[i] != f[i - 1]) {
            match at.last_mut() {
                Some((first, last)) if first == last && *last + 1 == i => *last = i,
                _ => at.push((i, i)),
            }
        }
        // Also pieces four times as wide do not meet.
        let cells = at.windows(2).map(|pair| (pair[1].0 - pair[0].1) / 4).fold(NARROWEST, usize::min);
        if at.is_empty() || at.len() > pieces || cells < 8 {
            return None;
        }
        let half = 0.5 * step * cells as f64;
        let piece = |&(first, last): &(usize, usize)| {
            let middle = lo + step * 0.5 * ((first - 1) as f64 + last as f64);
            Segment { from: middle - half, to: middle + half, rise: f[last] - f[first - 1] }
        };
        let pieces: Vec<Segment> = at.iter().map(piece).collect();
        // At the jump itself a piece is half way up; where it lies is known to half a cell, of at least four.
        let worst = pieces.iter().map(|piece| 0.625 * piece.rise.abs()).fold(0.0, f64::max);
        Some(Self { act: act.clone(), pieces, base: f[0], worst, jumps: true })
    }

    /// The same with pieces `factor` times as wide.
    pub fn widened(&self, factor: f64) -> Self {
        let mut made = self.clone();
        for piece in &mut made.pieces {
            let (middle, half) = (0.5 * (piece.from + piece.to), 0.5 * (piece.to - piece.from));
            (piece.from, piece.to) = (middle - factor * half, middle + factor * half);
        }
        made
    }

    /// The interpolant's value.
    pub fn apply(&self, z: f64) -> f64 {
        let part = |s: &Segment| s.rise * ((z - s.from) / (s.to - s.from)).clamp(0.0, 1.0);
        self.base + self.pieces.iter().map(part).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::Segments;
    use crate::dots::Act;
    use crate::graph::Function;

    #[test]
    fn more_pieces_come_closer() {
        let act = Act::of(Function::Sigmoid);
        let worst = |k: usize| Segments::new(&act, k, (-8.0, 8.0)).worst;
        let errors: Vec<f64> = [2, 4, 8, 16].iter().map(|&k| worst(k)).collect();
        assert!(errors.windows(2).all(|pair| pair[1] < 0.5 * pair[0]), "{errors:?}");
        let segments = Segments::new(&act, 6, (-8.0, 8.0));
        assert!(segments.pieces.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert!((segments.apply(9.0) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn jumps_get_a_steep_piece_each() {
        let act = Act::of(Function::Sign);
        let made = Segments::new(&act, 6, (-3.0, 5.0));
        assert!(made.jumps && made.pieces.len() <= 2, "{made:?}");
        for z in [-2.9, -0.1, 0.1, 4.9] {
            assert_eq!(made.apply(z), act.apply(z), "{z}");
        }
        let wide = made.widened(4.0);
        assert!(wide.pieces[0].to - wide.pieces[0].from > 3.9 * (made.pieces[0].to - made.pieces[0].from));
    }

    #[test]
    fn a_kink_is_met() {
        let segments = Segments::new(&Act::Relu, 2, (-3.0, 5.0));
        assert!(segments.worst < 2e-3, "{segments:?}");
    }
}
