//! Rounding, saturation and comparison rules: one function per rule, named after it.
//!
//! Every other module states its arithmetic in terms of these, so that the
//! specification's words ("toward zero", "clips to") appear once as code.

mod digits;
mod round;
mod saturate;

pub use digits::{digit, digit_max};
pub use round::{Rounding, shift, shift_floor, shift_toward_zero};
pub use saturate::{clip, clip_i32, saturate_bits, saturate_i32, wrap_bits};

/// Index of the largest value; the lowest index wins a tie. `None` when there are no values.
#[must_use]
pub fn argmax(values: impl IntoIterator<Item = i64>) -> Option<usize> {
    let mut best: Option<(usize, i64)> = None;
    for (index, value) in values.into_iter().enumerate() {
        if best.is_none_or(|(_, top)| value > top) {
            best = Some((index, value));
        }
    }
    best.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::argmax;

    #[test]
    fn argmax_takes_the_lowest_index_on_ties() {
        assert_eq!(argmax([3, 7, 7, 1]), Some(1));
        assert_eq!(argmax([-5, -5]), Some(0));
        assert_eq!(argmax([]), None);
    }
}
