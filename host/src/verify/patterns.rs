//! The signals that an access pattern names, run by run: worked out from the format's definition like [`super::naive`]
//! does, but quickly enough for the hundreds of millions that the positions of a convolution name.

use spandrel_core::image::{AXES_MAX, Access, Image, LOOP_REGISTERS};

/// An element outside: a read yields the pad code, a write is dropped.
pub(super) const OUTSIDE: u32 = u32::MAX;

/// Writes the signals that `access` names at loop registers `registers` to `out`, in order; `None` when a reference leads
/// nowhere. Coordinates are taken in 64 bits and stop at their ends, far outside of every axis.
pub(super) fn named(
    image: &Image<'_>,
    access: &Access,
    registers: &[u32; LOOP_REGISTERS],
    out: &mut Vec<u32>,
) -> Option<()> {
    out.clear();
    let length = i64::from(image.edge(access.edge)?.length);
    let mut base = [0i64; AXES_MAX];
    base.iter_mut().zip(&access.axes).for_each(|(base, axis)| *base = i64::from(axis.origin));
    for term in &access.terms {
        let moved = i64::from(term.coefficient) * i64::from(*registers.get(usize::from(term.register))?);
        let base = base.get_mut(usize::from(term.axis))?;
        *base = base.saturating_add(moved);
    }
    if let Some(table) = image.tables().get(access.table) {
        let first = place(access, &base, None);
        for at in 0..table.len() {
            let entry = i64::from(table.get(at)?);
            let signal = first.filter(|_| entry >= 0).map_or(-1, |first| first + entry);
            out.push(if (0..length).contains(&signal) { signal as u32 } else { OUTSIDE });
        }
        return Some(());
    }
    let Some((inner, outer)) = access.dims.split_last() else {
        let signal = place(access, &base, None).filter(|signal| *signal < length);
        out.push(signal.map_or(OUTSIDE, |signal| signal as u32));
        return Some(());
    };
    let moving = access.axes.get(usize::from(inner.axis))?;
    let (extent, pitch, step) = (i64::from(moving.extent), i64::from(moving.pitch), i64::from(inner.step));
    let mut index = [0u32; AXES_MAX];
    loop {
        let mut at = base;
        for (dim, index) in outer.iter().zip(&index) {
            let at = at.get_mut(usize::from(dim.axis))?;
            *at = at.saturating_add(i64::from(dim.step) * i64::from(*index));
        }
        // The innermost dimension moves on one axis only: the others are inside for the whole run, or outside.
        match place(access, &at, Some(usize::from(inner.axis))) {
            None => out.extend((0..inner.count).map(|_| OUTSIDE)),
            Some(rest) => {
                let mut coordinate = at[usize::from(inner.axis)];
                out.extend((0..inner.count).map(|_| {
                    let inside = (0..extent).contains(&coordinate);
                    let signal = if inside { rest + coordinate * pitch } else { length };
                    coordinate = coordinate.saturating_add(step);
                    if signal < length { signal as u32 } else { OUTSIDE }
                }));
            }
        }
        let mut moved = false;
        for (dim, index) in outer.iter().zip(&mut index).rev() {
            *index += 1;
            if *index < dim.count {
                moved = true;
                break;
            }
            *index = 0;
        }
        if !moved {
            return Some(());
        }
    }
}

/// The axes' sum at these coordinates, without axis `without`; `None` outside.
fn place(access: &Access, at: &[i64; AXES_MAX], without: Option<usize>) -> Option<i64> {
    let mut signal = 0i64;
    for (number, (axis, &coordinate)) in access.axes.iter().zip(at).enumerate() {
        if Some(number) != without {
            let inside = (0..i64::from(axis.extent)).contains(&coordinate);
            signal = inside.then(|| signal.saturating_add(coordinate * i64::from(axis.pitch)))?;
        }
    }
    Some(signal)
}
