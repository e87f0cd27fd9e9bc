//! A function of one variable as a sum of clipped ReLUs.
//!
//! f(z) is replaced by a piecewise linear interpolant between knots; each piece is one unit
//! `clip((z - from) / (to - from), 0, 1)` with the piece's rise as coefficient. Knots are placed so that every piece has
//! the same share of the integral of sqrt(|f''|) (the asymptotically optimal density for the largest error of linear
//! interpolation), then the worst error is measured on a fine grid: that is the bound that is reported.

use crate::numeric::sigmoid;

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

/// `pieces` segments of the sigmoid over -`reach`..=`reach`, the value below all of them, and the largest absolute
/// error over all real z.
pub fn sigmoid_segments(pieces: usize, reach: f64) -> (Vec<Segment>, f64, f64) {
    const GRID: usize = 4096;
    let z = |i: usize| -reach + 2.0 * reach * i as f64 / GRID as f64;
    let density = |z: f64| {
        let s = sigmoid(z);
        // |f''| = s (1-s) |1-2s|; the small constant keeps flat stretches from being left without a knot.
        libm::sqrt(s * (1.0 - s) * (1.0 - 2.0 * s).abs()) + 0.01
    };
    let mut cumulative = vec![0.0];
    for i in 0..GRID {
        let last = cumulative[i];
        cumulative.push(last + density(0.5 * (z(i) + z(i + 1))));
    }
    let total = cumulative[GRID];
    let knot = |k: usize| {
        let want = total * k as f64 / pieces as f64;
        let above = cumulative.iter().position(|&c| c >= want - 1e-12).unwrap_or(GRID);
        z(above)
    };
    let segments: Vec<Segment> = (0..pieces)
        .map(|k| {
            let (from, to) = (knot(k), knot(k + 1));
            Segment { from, to, rise: sigmoid(to) - sigmoid(from) }
        })
        .collect();
    let base = sigmoid(-reach);
    let approximation = |z: f64| {
        let part = |s: &Segment| s.rise * ((z - s.from) / (s.to - s.from)).clamp(0.0, 1.0);
        base + segments.iter().map(part).sum::<f64>()
    };
    let inside = (0..=GRID).map(|i| (approximation(z(i)) - sigmoid(z(i))).abs());
    // Knots lie on the grid, so between its points the error bends by no more than the sigmoid: |f''| <= 1/(6 sqrt 3) < 0.0963.
    let step = 2.0 * reach / GRID as f64;
    let between = 0.0963 * step * step / 8.0;
    // Outside, the approximation is constant and the sigmoid moves monotonically to its limit.
    let worst = (inside.fold(0.0, f64::max) + between).max(base);
    (segments, base, worst)
}

#[cfg(test)]
mod tests {
    use super::sigmoid_segments;

    #[test]
    fn more_pieces_come_closer() {
        let errors: Vec<f64> = [2, 4, 8, 16].iter().map(|&k| sigmoid_segments(k, 8.0).2).collect();
        assert!(errors.windows(2).all(|pair| pair[1] < 0.5 * pair[0]), "{errors:?}");
        let (segments, base, _) = sigmoid_segments(6, 8.0);
        assert!(segments.windows(2).all(|pair| pair[0].to == pair[1].from));
        let top = base + segments.iter().map(|s| s.rise).sum::<f64>();
        assert!((top - 1.0).abs() < 1e-3);
    }
}
