//! Input codes as the word lines see them, and what bit lines sum of them.

use crate::numeric::Matrix;
use crate::target::Target;

/// The codes of one source on a set of samples, split into the digits of each pass.
#[derive(Clone, Debug)]
pub struct Digits {
    samples: usize,
    signals: usize,
    /// Pass by pass, signal by signal, a run of samples. f32 holds every partial exactly.
    data: Vec<f32>,
    /// Signals with any code other than 0.
    live: Vec<bool>,
}

impl Digits {
    /// Splits `codes` (one row a sample, whole numbers) into digits, keeping the samples that `keep` names.
    pub fn new(codes: &Matrix, keep: &[usize], target: &Target) -> Self {
        let (samples, signals) = (keep.len(), codes.cols());
        let passes = usize::from(target.passes());
        let mut data = vec![0.0; passes * signals * samples];
        let mut live = vec![false; signals];
        for (at, &sample) in keep.iter().enumerate() {
            for (signal, &code) in codes.row(sample).iter().enumerate() {
                let code = code as i32;
                live[signal] |= code != 0;
                for pass in 0..passes {
                    let digit = spandrel_core::arith::digit(code, pass as u8, target.dac_bits);
                    data[(pass * signals + signal) * samples + at] = digit as f32;
                }
            }
        }
        Self { samples, signals, data, live }
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The partials of one column: `weights[i]` on the word line of signal `rows[i]`.
    pub fn partials(&self, rows: &[u32], weights: &[i16], target: &Target) -> Partials {
        let (passes, slices) = (usize::from(target.passes()), usize::from(target.slices));
        let n = self.samples;
        let mut sums = vec![0.0f32; passes * slices * n];
        for (&row, &weight) in rows.iter().zip(weights) {
            if weight == 0 || !self.live[row as usize] {
                continue;
            }
            for slice in 0..slices {
                let digit =
                    spandrel_core::arith::digit(i32::from(weight).abs(), slice as u8, target.cell_bits);
                if digit == 0 {
                    continue;
                }
                let digit = (digit * i32::from(weight.signum())) as f32;
                for pass in 0..passes {
                    let from = (pass * self.signals + row as usize) * n;
                    let to = (slice * passes + pass) * n;
                    let lines = &self.data[from..from + n];
                    sums[to..to + n].iter_mut().zip(lines).for_each(|(sum, x)| *sum += digit * x);
                }
            }
        }
        // Whole numbers below 2^24: the conversion is exact.
        Partials { samples: n, passes, data: sums.iter().map(|&v| v as i32).collect() }
    }
}

/// Partials of one column on all samples: slice by slice, pass by pass, a run of samples.
#[derive(Clone, Debug)]
pub struct Partials {
    samples: usize,
    passes: usize,
    data: Vec<i32>,
}

impl Partials {
    /// The partial of `slice` and `pass` on every sample.
    pub fn run(&self, slice: usize, pass: usize) -> &[i32] {
        let at = (slice * self.passes + pass) * self.samples;
        &self.data[at..at + self.samples]
    }

    /// The same for the samples that `keep` names.
    pub fn only(&self, keep: &[u32]) -> Self {
        let runs = self.data.chunks_exact(self.samples.max(1));
        let data = runs.flat_map(|run| keep.iter().map(|&at| run[at as usize])).collect();
        Self { samples: keep.len(), passes: self.passes, data }
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }
}
