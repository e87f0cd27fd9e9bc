//! Access patterns, one clause at a time.

use spandrel_core::image::{Access, Axis, Dim, NO_TABLE, Term};

/// An access pattern under construction: axes first, then what walks along them.
#[derive(Clone, Debug)]
pub struct Pattern(Access);

impl Pattern {
    /// A pattern on `edge` without axes yet.
    #[must_use]
    pub fn on(edge: u32) -> Self {
        Self(Access {
            edge,
            age: 0,
            table: NO_TABLE,
            pad: 0,
            axes: Default::default(),
            dims: Default::default(),
            terms: Default::default(),
        })
    }

    /// `count` neighbouring signals of `edge` from `first`; `length` is the edge's.
    #[must_use]
    pub fn run(edge: u32, length: u32, first: i32, count: u32) -> Self {
        Self::on(edge).axis(length, 1, first).dim(0, count, 1)
    }

    /// One more axis.
    ///
    /// # Panics
    /// Beyond four axes.
    #[must_use]
    pub fn axis(mut self, extent: u32, pitch: u32, origin: i32) -> Self {
        self.0.axes.push(Axis { extent, pitch, origin }).expect("at most four axes");
        self
    }

    /// One more dimension, inside the ones before: `count` steps of `step` along `axis`.
    ///
    /// # Panics
    /// Beyond four dimensions.
    #[must_use]
    pub fn dim(mut self, axis: u8, count: u32, step: i32) -> Self {
        self.0.dims.push(Dim { count, step, axis }).expect("at most four dimensions");
        self
    }

    /// Loop register `register` moves `axis` by `coefficient` coordinates a turn.
    ///
    /// # Panics
    /// Beyond sixteen terms.
    #[must_use]
    pub fn term(mut self, axis: u8, register: u8, coefficient: i32) -> Self {
        self.0.terms.push(Term { coefficient, register, axis }).expect("at most sixteen terms");
        self
    }

    /// What a read outside yields.
    #[must_use]
    pub fn pad(mut self, code: i32) -> Self {
        self.0.pad = code;
        self
    }

    /// Reads what was written so many ticks ago.
    #[must_use]
    pub fn age(mut self, ticks: u16) -> Self {
        self.0.age = ticks;
        self
    }

    /// Elements come from an index table instead of dimensions.
    #[must_use]
    pub fn table(mut self, table: u32) -> Self {
        self.0.table = table;
        self
    }

    /// The record.
    #[must_use]
    pub fn access(self) -> Access {
        self.0
    }
}
