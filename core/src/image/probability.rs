//! Class probabilities for display. Not part of the bit-exact path: floating point, approximated functions, and results
//! that may differ in the last digits from target to target. Nothing is ever decided by them.

use super::{decoder::Decoder, table::Tables};
use micromath::F32Ext;

impl Decoder {
    /// The softmax probability of class `class` given the emitted `codes`, to about two digits; `None` when codes or tables
    /// do not reach. A network that ended in a softmax means this by its outputs.
    #[must_use]
    #[allow(clippy::float_arithmetic, reason = "for display only, behind the feature `float`")]
    pub fn probability(&self, tables: &Tables<'_>, codes: &[i32], class: u32) -> Option<f32> {
        let scale: f32 = self.scale.to_num();
        let mut largest = i64::MIN;
        for value in 0..self.values {
            largest = largest.max(self.value(tables, codes, value)?);
        }
        // Differences to the largest value are exact in integers; only they meet floating point.
        let weight = |value: i64| F32Ext::exp(value.saturating_sub(largest) as f32 * scale);
        let mut sum = 0.0f32;
        for value in 0..self.values {
            sum += weight(self.value(tables, codes, value)?);
        }
        Some(weight(self.value(tables, codes, class)?) / sum)
    }
}

#[cfg(test)]
mod tests {
    use crate::image::{Decoder, List, NO_TABLE, Reading, Tables};
    use fixed::types::I32F32;

    #[test]
    fn probabilities_sum_to_one_and_follow_the_values() {
        let decoder = Decoder {
            output: 0,
            reading: Reading::Class,
            signals: 1,
            values: 3,
            coefficients: NO_TABLE,
            offsets: NO_TABLE,
            scale: I32F32::from_num(0.5),
        };
        let tables = Tables(List::empty());
        // exp(0), exp(-1), exp(-2) over their sum 1.5032: 0.665, 0.245, 0.090.
        let codes = [4, 2, 0];
        let found = [0, 1, 2].map(|class| decoder.probability(&tables, &codes, class).unwrap());
        for (found, wanted) in found.iter().zip([0.665, 0.245, 0.090]) {
            assert!((found - wanted).abs() < 0.02, "{found} for {wanted}");
        }
        assert_eq!(decoder.probability(&tables, &codes[..2], 0), None);
    }
}
