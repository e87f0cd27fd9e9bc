//! Intervals of real numbers.

/// All numbers from `lo` to `hi`; either end may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The least.
    pub lo: f64,
    /// The greatest.
    pub hi: f64,
}

impl Interval {
    /// Every number.
    pub const ALL: Self = Self { lo: f64::NEG_INFINITY, hi: f64::INFINITY };

    /// From `lo` to `hi`; everything when one of them is not a number.
    pub fn new(lo: f64, hi: f64) -> Self {
        if lo.is_nan() || hi.is_nan() { Self::ALL } else { Self { lo, hi } }
    }

    /// One number.
    pub fn point(x: f64) -> Self {
        Self::new(x, x)
    }

    /// From the smaller to the larger of two numbers.
    pub fn between(a: f64, b: f64) -> Self {
        Self::new(a.min(b), a.max(b)).or_all(a, b)
    }

    // `min` and `max` pass over what is not a number.
    fn or_all(self, a: f64, b: f64) -> Self {
        if a.is_nan() || b.is_nan() { Self::ALL } else { self }
    }

    /// The least interval that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self::new(self.lo.min(other.lo), self.hi.max(other.hi))
    }

    /// What both hold; `None` when that is nothing.
    pub fn meet(self, other: Self) -> Option<Self> {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        (lo <= hi).then_some(Self { lo, hi })
    }

    /// Whether it holds `x`.
    pub fn holds(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// Whether it is one number.
    pub fn is_point(self) -> bool {
        self.lo == self.hi
    }

    /// Whether both ends are finite.
    pub fn is_finite(self) -> bool {
        self.lo.is_finite() && self.hi.is_finite()
    }

    /// The largest magnitude.
    pub fn magnitude(self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }

    /// The distance of its ends.
    pub fn width(self) -> f64 {
        self.hi - self.lo
    }

    /// Sums.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self::new(self.lo + other.lo, self.hi + other.hi)
    }

    /// Differences.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self::new(self.lo - other.hi, self.hi - other.lo)
    }

    /// Products with `factor`; 0 times anything is 0.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        if factor == 0.0 { Self::point(0.0) } else { Self::between(self.lo * factor, self.hi * factor) }
    }

    /// Products.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        // An end of 0 times an infinite one is 0: the infinite one stands for arbitrarily large numbers.
        let product = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
        let all = [
            product(self.lo, other.lo),
            product(self.lo, other.hi),
            product(self.hi, other.lo),
            product(self.hi, other.hi),
        ];
        let fold = |start: f64, pick: fn(f64, f64) -> f64| all.into_iter().fold(start, pick);
        Self::new(fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max))
    }

    /// Reciprocals; everything when 0 is among the numbers.
    #[must_use]
    pub fn reciprocal(self) -> Self {
        if self.holds(0.0) { Self::ALL } else { Self::between(1.0 / self.lo, 1.0 / self.hi) }
    }

    /// All numbers no further than `by` from one of it.
    #[must_use]
    pub fn widened(self, by: f64) -> Self {
        Self::new(self.lo - by, self.hi + by)
    }
}
