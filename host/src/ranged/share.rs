//! Distances as shares of the range of what is wanted.

/// The largest difference as a share of the range of `wanted`: largest minus smallest, or the magnitude where all are the same.
pub fn share(given: &[f64], wanted: &[f32]) -> f64 {
    relative(largest_gap(given, wanted), range(wanted))
}

/// The largest distance; infinite where one is not a number.
pub(super) fn largest_gap(given: &[f64], wanted: &[f32]) -> f64 {
    let gaps = || given.iter().zip(wanted).map(|(g, &w)| (g - f64::from(w)).abs());
    if gaps().any(f64::is_nan) { f64::INFINITY } else { gaps().fold(0.0, f64::max) }
}

/// Largest minus smallest number, or their magnitude where all are the same.
pub(super) fn range(wanted: &[f32]) -> f64 {
    let ends = wanted.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &y| (lo.min(y), hi.max(y)));
    let (lo, hi) = (f64::from(ends.0), f64::from(ends.1));
    if hi > lo { hi - lo } else { hi.abs() }
}

/// `gap` as a share of `range`. Of outputs that are nothing but zeros, what f32 would round counts as none.
pub(super) fn relative(gap: f64, range: f64) -> f64 {
    if gap <= 1e-5 && range <= 1e-3 {
        0.0
    } else if range > 0.0 {
        gap / range
    } else {
        f64::INFINITY
    }
}
