//! Weights as whole multiples of a step.

/// How far from a whole number a weight may lie: f32 weights of up to 2^10 steps are within it.
const NEAR: f64 = 1e-4;

/// `weights` in steps of `step`, where all of them are whole and within `lo..=hi`.
pub(super) fn in_steps(weights: &[f64], step: f64, (lo, hi): (i32, i32)) -> Option<Vec<i32>> {
    weights
        .iter()
        .map(|w| {
            let steps = w / step;
            let whole = libm::rint(steps);
            let fits = (steps - whole).abs() <= NEAR && whole >= f64::from(lo) && whole <= f64::from(hi);
            fits.then_some(whole as i32)
        })
        .collect()
}

/// The largest step of which all `weights` are whole multiples within the range, and the multiples. Weights that are all 0
/// have any step: 1.
pub(super) fn common(weights: &[f64], (lo, hi): (i32, i32)) -> Option<(f64, Vec<i32>)> {
    let largest = weights.iter().fold(0.0f64, |most, w| most.max(w.abs()));
    if largest == 0.0 {
        return Some((1.0, vec![0; weights.len()]));
    }
    (1..=hi.min(1024)).find_map(|count| {
        let step = largest / f64::from(count);
        Some((step, in_steps(weights, step, (lo, hi))?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_are_found_and_fractions_refused() {
        let step = 0.037f32;
        let of = |k: &[i8]| -> Vec<f64> { k.iter().map(|&k| f64::from(f32::from(k) * step)).collect() };
        let (found, whole) = common(&of(&[-127, 3, 0, 64]), (-127, 127)).unwrap();
        assert_eq!(whole, [-127, 3, 0, 64]);
        assert!((found / f64::from(step) - 1.0).abs() < 1e-6);
        // Even multiples only: the step is the larger one.
        assert_eq!(common(&of(&[4, -2, 8]), (-127, 127)).unwrap().1, [2, -1, 4]);
        assert_eq!(common(&[1.0, 0.1234567, -0.777], (-127, 127)), None);
        assert_eq!(common(&of(&[-127, 3]), (-100, 100)), None);
    }
}
