//! ACCESS: which signals of an edge an instruction touches, as a list of patterns.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | edge |
//! | 4 | 2 | age in ticks, below the edge's slots (0 for writes) |
//! | 6 | 1 | axes A, 1..=4 |
//! | 7 | 1 | dimensions D, 0..=4 |
//! | 8 | 1 | terms T, 0..=16 |
//! | 9 | 3 | reserved, 0 |
//! | 12 | 4 | index table, or 0xFFFF_FFFF |
//! | 16 | 4 | pad code: what a read outside yields |
//! | 20 | 12 A | axis: extent u32, pitch u32, origin i32 |
//! | ... | 12 D | dimension: count u32, step i32, axis u8, 3 bytes 0 |
//! | ... | 8 T | term: coefficient i32, loop register u8, axis u8, 2 bytes 0 |
//!
//! The pattern names `count_0 * count_1 * ...` elements, the last dimension running fastest.
//! For each, an axis has the coordinate *origin, plus the sum of terms (coefficient * loop register),
//! plus the sum of dimensions (step * index)*. When every coordinate lies in 0..extent the element's
//! number is the sum of coordinate * pitch; otherwise the element lies outside: a read yields
//! the pad code, a write is dropped. So padding is right on every axis, not only at the ends.
//!
//! With an index table there are no dimensions: element e is the axes' sum plus entry e, and
//! lies outside when the entry is negative or the result is beyond the edge.

use super::{
    error::{ImageError, Rule},
    table::NO_TABLE,
    tag::Tag,
};
use crate::bytes::{Fields, Sink};

/// The most axes of a pattern.
pub const AXES_MAX: usize = 4;
/// The most dimensions of a pattern.
pub const DIMS_MAX: usize = 4;
/// The most terms of a pattern.
pub const TERMS_MAX: usize = 16;
/// Number of loop registers.
pub const LOOP_REGISTERS: usize = 8;

/// An axis of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Axis {
    /// Coordinates 0..extent lie inside.
    pub extent: u32,
    /// Signals between neighbouring coordinates.
    pub pitch: u32,
    /// Coordinate of the first element when all loop registers are zero.
    pub origin: i32,
}

/// A dimension that the pattern walks along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Dim {
    /// Number of steps, at least 1.
    pub count: u32,
    /// Coordinates a step moves by.
    pub step: i32,
    /// The axis it moves on.
    pub axis: u8,
}

/// What a loop register adds to an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Term {
    /// Coordinates per unit of the register.
    pub coefficient: i32,
    /// The loop register, 0..=7.
    pub register: u8,
    /// The axis.
    pub axis: u8,
}

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The edge.
    pub edge: u32,
    /// Age of the slot that is read, in ticks.
    pub age: u16,
    /// Index table, or [`NO_TABLE`].
    pub table: u32,
    /// What a read outside yields.
    pub pad: i32,
    /// Axes, at least one.
    pub axes: heapless::Vec<Axis, AXES_MAX>,
    /// Dimensions, outermost first.
    pub dims: heapless::Vec<Dim, DIMS_MAX>,
    /// Terms.
    pub terms: heapless::Vec<Term, TERMS_MAX>,
}

impl Access {
    /// `count` neighbouring signals of an edge of `length`, from `first`.
    #[must_use]
    pub fn run(edge: u32, length: u32, first: i32, count: u32) -> Self {
        let mut axes = heapless::Vec::new();
        let mut dims = heapless::Vec::new();
        // Both have room for their first entry.
        let _ = axes.push(Axis { extent: length, pitch: 1, origin: first });
        let _ = dims.push(Dim { count, step: 1, axis: 0 });
        Self { edge, age: 0, table: NO_TABLE, pad: 0, axes, dims, terms: heapless::Vec::new() }
    }

    /// Number of elements, `table_len` being the index table's length if there is one.
    #[must_use]
    pub fn elements(&self, table_len: usize) -> Option<u32> {
        if self.table != NO_TABLE {
            return u32::try_from(table_len).ok();
        }
        self.dims.iter().try_fold(1u32, |product, dim| product.checked_mul(dim.count))
    }

    /// Reads record `record`.
    ///
    /// # Errors
    /// A field out of range. References are checked by the image.
    pub fn parse(bytes: &[u8], record: u32) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::ACCESS, record, field, rule);
        let short = error("record", Rule::TooShort);
        let axes = usize::from(bytes.u8_at(6).ok_or(short)?);
        let dims = usize::from(bytes.u8_at(7).ok_or(short)?);
        let terms = usize::from(bytes.u8_at(8).ok_or(short)?);
        if axes == 0 || axes > AXES_MAX {
            return Err(error("axes", Rule::OutOfRange));
        }
        if dims > DIMS_MAX {
            return Err(error("dimensions", Rule::OutOfRange));
        }
        if terms > TERMS_MAX {
            return Err(error("terms", Rule::OutOfRange));
        }
        if bytes.slice_at(9, 3).is_none_or(|zeros| zeros != [0, 0, 0]) {
            return Err(error("reserved", Rule::NotZero));
        }
        let mut access = Self {
            edge: bytes.u32_at(0).ok_or(short)?,
            age: bytes.u16_at(4).ok_or(short)?,
            table: bytes.u32_at(12).ok_or(short)?,
            pad: bytes.i32_at(16).ok_or(short)?,
            axes: heapless::Vec::new(),
            dims: heapless::Vec::new(),
            terms: heapless::Vec::new(),
        };
        let mut at = 20;
        for _ in 0..axes {
            let axis = Axis {
                extent: bytes.u32_at(at).ok_or(short)?,
                pitch: bytes.u32_at(at + 4).ok_or(short)?,
                origin: bytes.i32_at(at + 8).ok_or(short)?,
            };
            if axis.extent == 0 {
                return Err(error("axis.extent", Rule::OutOfRange));
            }
            let _ = access.axes.push(axis);
            at += 12;
        }
        for _ in 0..dims {
            let tail = bytes.u32_at(at + 8).ok_or(short)?;
            let dim = Dim {
                count: bytes.u32_at(at).ok_or(short)?,
                step: bytes.i32_at(at + 4).ok_or(short)?,
                axis: tail as u8,
            };
            if tail > 0xFF {
                return Err(error("dimension.reserved", Rule::NotZero));
            }
            if dim.count == 0 || usize::from(dim.axis) >= axes {
                return Err(error("dimension", Rule::OutOfRange));
            }
            let _ = access.dims.push(dim);
            at += 12;
        }
        for _ in 0..terms {
            let tail = bytes.u32_at(at + 4).ok_or(short)?;
            let term = Term {
                coefficient: bytes.i32_at(at).ok_or(short)?,
                register: tail as u8,
                axis: (tail >> 8) as u8,
            };
            if tail > 0xFFFF {
                return Err(error("term.reserved", Rule::NotZero));
            }
            if usize::from(term.register) >= LOOP_REGISTERS || usize::from(term.axis) >= axes {
                return Err(error("term", Rule::OutOfRange));
            }
            let _ = access.terms.push(term);
            at += 8;
        }
        if at != bytes.len() {
            return Err(error("record", Rule::LengthMismatch));
        }
        if access.table != NO_TABLE && dims != 0 {
            return Err(error("dimensions", Rule::OutOfRange));
        }
        Ok(access)
    }

    /// Writes the record; the inverse of [`Access::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        sink.put_u32(self.edge);
        sink.put_u16(self.age);
        sink.put(&[self.axes.len() as u8, self.dims.len() as u8, self.terms.len() as u8, 0, 0, 0]);
        sink.put_u32(self.table);
        sink.put_i32(self.pad);
        for axis in &self.axes {
            sink.put_u32(axis.extent);
            sink.put_u32(axis.pitch);
            sink.put_i32(axis.origin);
        }
        for dim in &self.dims {
            sink.put_u32(dim.count);
            sink.put_i32(dim.step);
            sink.put_u32(u32::from(dim.axis));
        }
        for term in &self.terms {
            sink.put_i32(term.coefficient);
            sink.put_u32(u32::from(term.register) | u32::from(term.axis) << 8);
        }
    }

    /// The pattern with the loop registers' values put in, ready to walk.
    #[must_use]
    pub fn at(&self, registers: &[u32; LOOP_REGISTERS]) -> Cursor<'_> {
        let mut bases = [0i64; AXES_MAX];
        for (base, axis) in bases.iter_mut().zip(&self.axes) {
            *base = i64::from(axis.origin);
        }
        for term in &self.terms {
            let register = registers.get(usize::from(term.register)).copied().unwrap_or(0);
            if let Some(base) = bases.get_mut(usize::from(term.axis)) {
                // Saturating, since sixteen products of 63 bits could pass i64; so far out the element lies outside.
                *base = base.saturating_add(i64::from(term.coefficient).saturating_mul(i64::from(register)));
            }
        }
        Cursor { access: self, bases }
    }
}

/// A pattern at fixed loop registers.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    access: &'a Access,
    bases: [i64; AXES_MAX],
}

impl Cursor<'_> {
    /// The signal that element `element` names, before any index table; `None` outside.
    #[must_use]
    pub fn element(&self, element: u32) -> Option<u64> {
        let mut at = self.bases;
        let mut rest = element;
        for dim in self.access.dims.iter().rev() {
            let index = rest.checked_rem(dim.count)?;
            rest = rest.checked_div(dim.count)?;
            let coordinate = at.get_mut(usize::from(dim.axis))?;
            *coordinate = coordinate.saturating_add(i64::from(dim.step) * i64::from(index));
        }
        let mut signal = 0u64;
        for (axis, coordinate) in self.access.axes.iter().zip(at) {
            let coordinate = u64::try_from(coordinate).ok().filter(|c| *c < u64::from(axis.extent))?;
            signal = signal.checked_add(coordinate.checked_mul(u64::from(axis.pitch))?)?;
        }
        Some(signal)
    }
}

/// Largest signal number the pattern's axes can name; `None` when it can not be counted.
#[must_use]
pub(super) fn last_signal(access: &Access) -> Option<u64> {
    access.axes.iter().try_fold(0u64, |sum, axis| {
        let reach = u64::from(axis.extent.checked_sub(1)?).checked_mul(u64::from(axis.pitch))?;
        sum.checked_add(reach)
    })
}
