//! Matrix products: in f32 or f64 where that is exact, else in integers.

/// Every integer below this magnitude is an f32.
pub(crate) const EXACT: u64 = 1 << 24;

/// Every integer below this magnitude is an f64.
pub(crate) const EXACT_WIDE: u64 = 1 << 53;

/// A product in one floating-point format.
macro_rules! product {
    ($(#[$doc:meta])* $name:ident, $float:ty, $gemm:path) => {
        $(#[$doc])*
        pub(crate) fn $name(a: &[$float], b: &[$float], c: &mut [$float], [m, k, n]: [usize; 3]) {
            assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n, "{m} x {k} x {n}");
            // Positions go through the product as isize; no slice of floats is longer than that.
            let (k_stride, n_stride) = (k as isize, n as isize);
            #[expect(unsafe_code, reason = "the product's only interface takes pointers")]
            // SAFETY: row-major matrices of these shapes fill exactly the slices, whose lengths have been compared above;
            // `c` is borrowed exclusively, so it overlaps neither `a` nor `b`.
            unsafe {
                $gemm(
                    m,
                    k,
                    n,
                    1.0,
                    a.as_ptr(),
                    k_stride,
                    1,
                    b.as_ptr(),
                    n_stride,
                    1,
                    0.0,
                    c.as_mut_ptr(),
                    n_stride,
                    1,
                );
            }
        }
    };
}

product! {
    /// c = a * b for row-major `a` (m x k), `b` (k x n) and `c` (m x n), which is overwritten.
    ///
    /// Exact when all elements are integers and no sum of magnitudes of products reaches [`EXACT`]. Panics when a length does not fit.
    float, f32, matrixmultiply::sgemm
}

product! {
    /// As [`float`], in f64: exact when no sum of magnitudes of products reaches [`EXACT_WIDE`].
    double, f64, matrixmultiply::dgemm
}

/// As [`float`], in integers: no sum of magnitudes of products may pass `i64::MAX`.
pub(crate) fn integer(a: &[i64], b: &[i64], c: &mut [i64], [m, k, n]: [usize; 3]) {
    assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n, "{m} x {k} x {n}");
    c.fill(0);
    if k == 0 || n == 0 {
        return;
    }
    for (a, c) in a.chunks_exact(k).zip(c.chunks_exact_mut(n)) {
        for (a, b) in a.iter().zip(b.chunks_exact(n)) {
            if *a == 0 {
                continue;
            }
            for (c, b) in c.iter_mut().zip(b) {
                *c += a * b;
            }
        }
    }
}

/// Runs `work` on `with`, compiled for wide vectors where the processor has them. Loops over integers take less time; what they
/// give is the same. A function that is always inlined is sure to be compiled so; a long closure may not be.
#[inline]
pub(super) fn vectorised<A, R>(work: impl FnOnce(A) -> R, with: A) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn with_avx2<A, R>(work: impl FnOnce(A) -> R, with: A) -> R {
            work(with)
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "only a processor that has the instructions may be given them")]
            // SAFETY: the processor has just been asked.
            return unsafe { with_avx2(work, with) };
        }
    }
    work(with)
}

#[cfg(test)]
mod tests {
    use super::{double, float, integer};

    #[test]
    fn both_products_agree_where_both_are_exact() {
        let (m, k, n) = (13, 29, 7);
        let a: Vec<f32> = (0..m * k).map(|i| (i * 37 % 511) as f32 - 255.0).collect();
        let b: Vec<f32> = (0..k * n).map(|i| (i * 91 % 64) as f32).collect();
        let (mut c, mut d) = (vec![f32::NAN; m * n], vec![7; m * n]);
        float(&a, &b, &mut c, [m, k, n]);
        let integers = |from: &[f32]| from.iter().map(|x| *x as i64).collect::<Vec<i64>>();
        integer(&integers(&a), &integers(&b), &mut d, [m, k, n]);
        let wide = |from: &[f32]| from.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let mut e = vec![f64::NAN; m * n];
        double(&wide(&a), &wide(&b), &mut e, [m, k, n]);
        for row in 0..m {
            for column in 0..n {
                let sum: i64 = (0..k).map(|i| a[row * k + i] as i64 * b[i * n + column] as i64).sum();
                assert_eq!(c[row * n + column], sum as f32);
                assert_eq!(e[row * n + column], sum as f64);
                assert_eq!(d[row * n + column], sum);
            }
        }
    }
}
