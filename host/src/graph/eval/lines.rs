//! What looks at all elements along some neighbouring axes: softmax, hardmax, argmax.

/// The elements along neighbouring axes of one sample.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    len: usize,
    inner: usize,
}

impl Lines {
    pub(super) fn new(shape: &[usize], first: usize, last: usize) -> Self {
        Self { len: shape[first..=last].iter().product(), inner: shape[last + 1..].iter().product() }
    }

    fn each(&self, x: &[f32], out: &mut [f32], mut work: impl FnMut(&mut [f32])) {
        let mut line = vec![0.0; self.len];
        let block = self.len * self.inner;
        for (x, out) in x.chunks_exact(block).zip(out.chunks_exact_mut(block)) {
            for i in 0..self.inner {
                line.iter_mut().zip(x[i..].iter().step_by(self.inner)).for_each(|(l, x)| *l = *x);
                work(&mut line);
                out[i..].iter_mut().step_by(self.inner).zip(&line).for_each(|(y, l)| *y = *l);
            }
        }
    }

    pub(super) fn softmax(&self, x: &[f32], out: &mut [f32], log: bool) {
        self.each(x, out, |line| softmax(line, log));
    }

    pub(super) fn hardmax(&self, x: &[f32], out: &mut [f32]) {
        self.each(x, out, |line| {
            let best = largest(line.iter().copied(), false);
            line.iter_mut().enumerate().for_each(|(i, v)| *v = f32::from(u8::from(i == best)));
        });
    }

    pub(super) fn argmax(&self, x: &[f32], out: &mut [f32], select_last: bool) {
        let blocks = x.chunks_exact(self.len * self.inner).zip(out.chunks_exact_mut(self.inner));
        for (x, out) in blocks {
            for (i, y) in out.iter_mut().enumerate() {
                *y = largest(x[i..].iter().step_by(self.inner).copied(), select_last) as f32;
            }
        }
    }
}

/// The position of the largest; NaN never wins.
fn largest(line: impl Iterator<Item = f32>, select_last: bool) -> usize {
    let (mut best, mut most) = (0, f32::NAN);
    for (i, v) in line.enumerate() {
        if v > most || (most.is_nan() && !v.is_nan()) || (select_last && v == most) {
            (best, most) = (i, v);
        }
    }
    best
}

/// exp(x) / sum exp(x), or its logarithm, in place; the largest element is subtracted first.
fn softmax(x: &mut [f32], log: bool) {
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0f32;
    for v in x.iter() {
        sum += libm::expf(v - largest);
    }
    if log {
        let offset = libm::logf(sum);
        x.iter_mut().for_each(|v| *v = *v - largest - offset);
    } else {
        x.iter_mut().for_each(|v| *v = libm::expf(*v - largest) / sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_does_not_overflow() {
        let mut x = [1000.0, 1000.0];
        softmax(&mut x, false);
        assert_eq!(x, [0.5, 0.5]);
        let mut x = [0.0, 0.0];
        softmax(&mut x, true);
        assert!((x[0] + std::f32::consts::LN_2).abs() < 1e-6);
    }

    #[test]
    fn equals_are_told_apart() {
        let lines = Lines::new(&[2, 3], 0, 0);
        let (x, mut y) = ([1.0, 5.0, f32::NAN, 1.0, 2.0, 0.0], [0.0; 3]);
        lines.argmax(&x, &mut y, false);
        assert_eq!(y, [0.0, 0.0, 1.0]);
        lines.argmax(&x, &mut y, true);
        assert_eq!(y, [1.0, 0.0, 1.0]);
    }
}
