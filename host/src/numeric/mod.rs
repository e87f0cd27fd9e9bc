//! Linear algebra for the compiler: the same bits on every machine and for every number of threads.
//!
//! Sums run in a fixed order, products and sums round separately. Threads share the rows of a result, never the
//! terms of a sum. A library with run-time SIMD detection could not promise that: a fused multiply-add rounds once
//! where two instructions round twice, and weights would depend on the processor that compiled them.

mod matrix;
mod parallel;
mod random;
mod solve;

pub use matrix::Matrix;
pub use parallel::{parallel_map, parallel_rows};
pub use random::Random;
pub use solve::{Cholesky, gram};

/// 1 / (1 + exp(-z)), with the exponential of the `libm` crate: the same bits on every machine.
pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-z))
}
