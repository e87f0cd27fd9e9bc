//! Shared weights: a few values, each synapse an index.

/// The values of a codebook, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codebook(Vec<i16>);

impl Codebook {
    /// A table of these values, each once.
    pub fn new(mut values: Vec<i16>) -> Self {
        values.sort_unstable();
        values.dedup();
        Self(values)
    }

    /// The values, ascending.
    pub fn values(&self) -> &[i16] {
        &self.0
    }

    /// The value nearest to `weight`, the lower one on ties.
    pub fn nearest(&self, weight: f64) -> i16 {
        let at = self.0.partition_point(|&v| f64::from(v) < weight);
        match (at.checked_sub(1).map(|i| self.0[i]), self.0.get(at)) {
            (Some(below), Some(&above)) => {
                if weight - f64::from(below) <= f64::from(above) - weight {
                    below
                } else {
                    above
                }
            }
            (Some(below), None) => below,
            (None, Some(&above)) => above,
            (None, None) => 0,
        }
    }
}

/// Passes of assignment and refit.
const PASSES: usize = 40;

/// A codebook of at most `entries` whole values within `range` for `weights`, each with what an error of it costs: k-means in
/// one dimension (Lloyd), begun at equal shares of the cost-weighted spread. 0 is always among the values: zero weights stay zero.
pub fn fit_codebook(weights: &[(f64, f64)], entries: usize, range: (i32, i32)) -> Codebook {
    let mut sorted: Vec<(f64, f64)> = weights.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Prefix sums of cost and cost * value, so that a cell's mean takes two look-ups.
    let mut cost = vec![0.0f64];
    let mut moment = vec![0.0f64];
    for &(w, c) in &sorted {
        cost.push(cost[cost.len() - 1] + c);
        moment.push(moment[moment.len() - 1] + c * w);
    }
    let (lo, hi) = (f64::from(range.0), f64::from(range.1));
    let free = entries.saturating_sub(1).max(1);
    // Denser where there is much to lose, but with room for the tails: cube root of the density (Panter and Dite).
    let (first, last) = (sorted.first().map_or(0.0, |w| w.0), sorted.last().map_or(0.0, |w| w.0));
    const BINS: usize = 512;
    let width = ((last - first) / BINS as f64).max(1e-12);
    let mut density = vec![0.0f64; BINS];
    for &(w, c) in &sorted {
        density[(((w - first) / width) as usize).min(BINS - 1)] += c;
    }
    let shares: Vec<f64> = density.iter().map(|&d| libm::cbrt(d)).collect();
    let total: f64 = shares.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let mut centres: Vec<f64> = Vec::with_capacity(free);
    let (mut seen, mut bin) = (0.0, 0);
    for k in 0..free {
        let want = total * (k as f64 + 0.5) / free as f64;
        while bin + 1 < BINS && seen + shares[bin] < want {
            seen += shares[bin];
            bin += 1;
        }
        centres.push(first + width * (bin as f64 + 0.5));
    }
    centres.push(0.0);
    for _ in 0..PASSES {
        centres.sort_by(f64::total_cmp);
        let mut from = 0;
        let mut next = Vec::with_capacity(centres.len());
        for (k, &centre) in centres.iter().enumerate() {
            let to = match centres.get(k + 1) {
                Some(&above) => sorted.partition_point(|w| w.0 <= 0.5 * (centre + above)),
                None => sorted.len(),
            };
            let weight = cost[to] - cost[from];
            // The entry that is 0 stays, and one that nobody uses waits where it is.
            next.push(if centre == 0.0 || weight <= 0.0 {
                centre
            } else {
                (moment[to] - moment[from]) / weight
            });
            from = to;
        }
        if next == centres {
            break;
        }
        centres = next;
    }
    Codebook::new(centres.iter().map(|&c| libm::rint(c).clamp(lo, hi) as i16).collect())
}

#[cfg(test)]
mod tests {
    use super::fit_codebook;

    #[test]
    fn clusters_are_found() {
        let weights: Vec<(f64, f64)> =
            (0..300).map(|i| ([-50.0, 3.0, 90.0][i % 3] + (i as f64 * 0.7).sin(), 1.0)).collect();
        let book = fit_codebook(&weights, 4, (-127, 127));
        assert!(book.values().len() <= 4);
        for centre in [-50, 3, 90] {
            assert!(book.values().iter().any(|v| (v - centre).abs() <= 1), "{book:?}");
        }
        assert_eq!(book.nearest(0.1), 0);
    }
}
