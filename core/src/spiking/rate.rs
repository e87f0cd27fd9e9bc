//! Rate coding: a code as evenly spaced spikes.

/// Whether code `code` has a spike at tick `tick` of a window of `window` ticks: floor((t + 1) c / w) > floor(t c / w).
///
/// Over a window a code c in 0..=w gives exactly c spikes; after the window the pattern goes on. `None` for an empty window.
#[must_use]
#[inline]
pub const fn rate_spike(tick: u32, code: i32, window: u32) -> Option<bool> {
    // 2^32 times -2^31 is the largest product in magnitude, and fits.
    let (tick, code, window) = (tick as i64, code as i64, window as i64);
    if window == 0 {
        return None;
    }
    Some(((tick + 1) * code).div_euclid(window) > (tick * code).div_euclid(window))
}
