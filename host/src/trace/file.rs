//! Traces as npz files.
//!
//! `units`, int32 of shape values x 7: sample, tick, invocation, instruction, core, unit, value. `emits`, int32 of shape values x 4: sample,
//! output, index, value. `image`, 32 bytes: digest of the image. Only `units` must be there; what a probe on a chip does not know of invocations
//! and instructions is -1, and cores that it does not see are left out.

use std::path::Path;

use super::{Emitted, Fired, MOST, Trace};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::samples::{Array, ArrayData, read_named, write_npz};

/// Columns of `units`.
const UNITS: usize = 7;
/// Columns of `emits`.
const EMITS: usize = 4;

impl Trace {
    /// Writes the trace; the same trace gives the same bytes.
    ///
    /// # Errors
    /// SP0002.
    pub fn write(&self, path: &Path) -> Result<()> {
        let of = |f: &Fired| [f.sample, f.tick, f.invocation, f.instruction, f.core, f.unit, f.value];
        let units = ArrayData::I32(self.fired.iter().flat_map(of).collect());
        let of = |e: &Emitted| [e.sample, e.output, e.index, e.value];
        let emits = ArrayData::I32(self.emitted.iter().flat_map(of).collect());
        let units = Array { shape: vec![self.fired.len(), UNITS], data: units };
        let emits = Array { shape: vec![self.emitted.len(), EMITS], data: emits };
        let image = self.image.map(|digest| Array { shape: vec![32], data: ArrayData::U8(digest.to_vec()) });
        let mut arrays = vec![("units", &units), ("emits", &emits)];
        arrays.extend(image.as_ref().map(|image| ("image", image)));
        write_npz(path, &arrays)
    }

    /// Reads a trace.
    ///
    /// # Errors
    /// SP0001 and SP0201 to SP0211: what is wrong with the file, all of it.
    pub fn read(path: &Path) -> Result<Self> {
        let mut found = Diagnostics::default();
        let mut rows = |name: &'static str, columns: usize, needed: bool| match read_named(path, name) {
            Ok(array) => whole(array, name, columns, path, &mut found),
            Err(errors) if !needed && errors.0.iter().all(|error| error.code == "SP0203") => Vec::new(),
            Err(errors) => {
                found.extend(errors);
                Vec::new()
            }
        };
        let units = rows("units", UNITS, true);
        let emits = rows("emits", EMITS, false);
        let digest: Vec<u8> = rows("image", 0, false).iter().map(|&byte| byte as u8).collect();
        let image = <[u8; 32]>::try_from(digest.as_slice()).ok();
        let fired = |row: &[i32]| match *row {
            [sample, tick, invocation, instruction, core, unit, value] => {
                Some(Fired { sample, tick, invocation, instruction, core, unit, value })
            }
            _ => None,
        };
        let emitted = |row: &[i32]| match *row {
            [sample, output, index, value] => Some(Emitted { sample, output, index, value }),
            _ => None,
        };
        let fired = units.chunks_exact(UNITS).filter_map(fired).collect();
        let emitted = emits.chunks_exact(EMITS).filter_map(emitted).collect();
        found.into_result(Self { image, fired, emitted })
    }
}

/// The whole numbers of an array of `columns` columns (0: of one dimension).
fn whole(array: Array, name: &str, columns: usize, path: &Path, found: &mut Diagnostics) -> Vec<i32> {
    let place = format!("{}: array {name:?}", path.display());
    let mut wrong = |code, rule: String, way_out: &str| {
        found.push(Diagnostic::error(code, &place, rule, way_out));
        Vec::new()
    };
    let fits = match (columns, array.shape.as_slice()) {
        (0, [_]) => true,
        (columns, [_, own]) => *own == columns,
        _ => false,
    };
    if !fits {
        let rule = format!("the shape is {:?}, not [values, {columns}]", array.shape);
        return wrong("SP0202", rule, "save it as `spandrel run --trace` does: docs/cli.md has the columns");
    }
    if array.data.len() > MOST * UNITS {
        let rule = format!("the array has {} numbers, more than a trace may have", array.data.len());
        return wrong("SP0211", rule, "give fewer samples");
    }
    let narrow = |value: i64| i32::try_from(value).ok();
    let numbers: Option<Vec<i32>> = match array.data {
        ArrayData::I32(values) => Some(values),
        ArrayData::U8(values) => Some(values.into_iter().map(i32::from).collect()),
        ArrayData::I8(values) => Some(values.into_iter().map(i32::from).collect()),
        ArrayData::I16(values) => Some(values.into_iter().map(i32::from).collect()),
        ArrayData::I64(values) => values.into_iter().map(narrow).collect(),
        ArrayData::F32(_) => None,
    };
    match numbers {
        Some(numbers) => numbers,
        None => wrong("SP0204", "a value is not a whole number of 32 bits".into(), "save it as int32"),
    }
}
