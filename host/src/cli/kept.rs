//! What `spandrel run --outputs` writes.

use std::path::Path;

use spandrel_core::image::Image;

use crate::diagnostic::Result;
use crate::engine::Outputs;
use crate::evaluate::{Readout, class_of};
use crate::notes::Notes;
use crate::samples::{Array, ArrayData, write_npz};

/// The outputs of all samples so far.
pub(super) struct Kept {
    wanted: bool,
    /// Whether the first output tells a class.
    pub(super) decides: bool,
    samples: usize,
    parts: Vec<Part>,
    classes: Vec<i32>,
}

/// One output.
struct Part {
    name: String,
    output: u16,
    unit: f64,
    codes: Vec<i32>,
    values: Vec<i64>,
}

impl Kept {
    pub(super) fn new(wanted: bool, image: &Image<'_>, notes: Option<&Notes>) -> Result<Self> {
        let readouts = Readout::all(image)?;
        let part = |(number, readout): (usize, &Readout<'_>)| Part {
            name: notes
                .and_then(|notes| notes.outputs.get(number))
                .map_or_else(|| format!("output{number}"), |output| output.name.clone()),
            output: readout.decoder().output,
            unit: readout.unit(),
            codes: Vec::new(),
            values: Vec::new(),
        };
        let parts = readouts.iter().enumerate().map(part).collect();
        Ok(Self { wanted, decides: readouts[0].decides(), samples: 0, parts, classes: Vec::new() })
    }

    /// The outputs' names.
    pub(super) fn names(&self) -> Vec<String> {
        self.parts.iter().map(|part| part.name.clone()).collect()
    }

    /// Adds a block: what it emitted, and for each output the values of each sample.
    pub(super) fn add(&mut self, outputs: &Outputs, values: &[Vec<Vec<i64>>]) {
        if !self.wanted {
            return;
        }
        self.samples += outputs.len();
        for (part, rows) in self.parts.iter_mut().zip(values) {
            (0..outputs.len()).for_each(|sample| part.codes.extend(outputs.output(sample, part.output)));
            rows.iter().for_each(|row| part.values.extend_from_slice(row));
        }
        let first = values.first().into_iter().flatten();
        self.classes.extend(first.map(|row| class_of(row).cast_signed()));
    }

    /// Writes the arrays `codes`, `values`, `scores` and, where the first output decides, `class`; of several outputs each
    /// array under the output's name.
    pub(super) fn write(self, path: &Path) -> Result<()> {
        let several = self.parts.len() > 1;
        let rows =
            |data: ArrayData| Array { shape: vec![self.samples, data.len() / self.samples.max(1)], data };
        let mut arrays = Vec::new();
        for (number, part) in self.parts.into_iter().enumerate() {
            let named = |what: &str| match (several, what) {
                (false, what) => what.to_owned(),
                (true, "scores") => part.name.clone(),
                (true, what) => format!("{}:{what}", part.name),
            };
            let scores = part.values.iter().map(|&value| (value as f64 * part.unit) as f32).collect();
            arrays.push((named("codes"), rows(ArrayData::I32(part.codes))));
            arrays.push((named("values"), rows(ArrayData::I64(part.values))));
            arrays.push((named("scores"), rows(ArrayData::F32(scores))));
            if number == 0 && self.decides {
                let class = Array { shape: vec![self.samples], data: ArrayData::I32(self.classes.clone()) };
                arrays.push((named("class"), class));
            }
        }
        let arrays: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (name.as_str(), array)).collect();
        write_npz(path, &arrays)
    }
}
