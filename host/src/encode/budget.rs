//! Spreading free columns over the elements that gain most.

/// Gives each element at least one signal and spreads `budget` in all, never more than `cap` each. An element of
/// `noise` v on k signals is left with v/k; each further signal goes where v/k - v/(k+1) is largest, to the lowest
/// element on ties.
pub fn allocate(noise: &[f64], budget: usize, cap: usize) -> Vec<u16> {
    let mut copies = vec![1u16; noise.len()];
    let mut left = budget.saturating_sub(noise.len());
    while left > 0 {
        let mut best: Option<(usize, f64)> = None;
        for (element, (&v, &k)) in noise.iter().zip(&copies).enumerate() {
            if usize::from(k) >= cap {
                continue;
            }
            let gain = v / (f64::from(k) * f64::from(k + 1));
            if best.is_none_or(|(_, top)| gain > top) {
                best = Some((element, gain));
            }
        }
        let Some((element, _)) = best else { break };
        copies[element] += 1;
        left -= 1;
    }
    copies
}

#[cfg(test)]
mod tests {
    use super::allocate;

    #[test]
    fn noisy_elements_get_more() {
        // Gains of 9.0: 4.5, 1.5, 0.75, 0.45; of 1.0: 0.5. So the fourth free column goes to the second element.
        assert_eq!(allocate(&[9.0, 1.0, 1.0], 6, 32), [4, 1, 1]);
        assert_eq!(allocate(&[9.0, 1.0, 1.0], 7, 32), [4, 2, 1]);
        assert_eq!(allocate(&[1.0, 1.0], 5, 2), [2, 2]);
        assert_eq!(allocate(&[1.0, 1.0, 1.0], 2, 4), [1, 1, 1]);
    }
}
