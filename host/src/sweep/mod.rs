//! Sweeps: error against resources over any field of the chip and any setting of the compiler.
//!
//! Every [`Vary`] is a list of values of one field, or of several at once; the cells of a sweep are the Cartesian product of all
//! lists. Each cell is one compilation ([`crate::compile`], or one of [`crate::spikes`]) whose image is evaluated on the test samples. A cell that the compiler
//! refuses records why and stops nothing. The [`Table`] is written after every cell, so that a sweep can be taken up again.

mod cell;
mod csv;
mod figure;
mod golden;
mod table;
mod vary;

use std::path::Path;

use spandrel_hwdesc::Chip;

pub use cell::{Cell, Figures, Outcome, Refusal};
pub use csv::csv;
pub use figure::svg;
pub use golden::GoldenMemory;
pub(crate) use golden::Remembering;
pub use table::{FORMAT, FileDigest, Head, Table};
pub use vary::{Field, MAX_CELLS, Vary, vary};

use crate::chips;
use crate::compile::{Request, Watcher, compile_for};
use crate::diagnostic::Result;
use crate::settings::Settings;
use crate::spikes;

/// What is to be swept.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What every cell has in common. Its chip and settings are those that a cell's values change.
    pub request: Request,
    /// What differs; made by [`vary`] for the chip of `request`. The values of the last one change fastest.
    pub vary: Vec<Vary>,
}

/// Looks on while a sweep runs, and on the compilation of each cell.
pub trait SweepWatcher: Watcher {
    /// Cell `index` of `all`, counted from 0, with these values is compiled now.
    fn begins(&mut self, index: usize, all: usize, values: &[String]) {
        let _ = (index, all, values);
    }

    /// A cell is done: compiled, refused, or (`known`) found in the table.
    fn ends(&mut self, cell: &Cell, known: bool) {
        let _ = (cell, known);
    }
}

/// Sees nothing.
impl SweepWatcher for () {}

impl Sweep {
    /// The values of every cell, one of each [`Vary`], in the order of the table.
    pub fn cells(&self) -> Vec<Vec<String>> {
        let mut cells = vec![Vec::new()];
        for vary in &self.vary {
            let longer = |cell: &Vec<String>| {
                let cell = cell.clone();
                vary.values.iter().map(move |value| cell.iter().chain([value]).cloned().collect())
            };
            cells = cells.iter().flat_map(longer).collect();
        }
        cells
    }

    /// Runs all cells that the table at `path` does not hold yet, and writes it after each of them, whole or not at all.
    /// With `restart` a table that exists is replaced.
    ///
    /// # Errors
    /// What can be refused before the first cell: files that can not be read or written, an unknown chip, and SP0008 for a table
    /// at `path` that was made with other arguments. What a cell is refused for is in the table.
    pub fn run(&self, path: &Path, restart: bool, watcher: &mut dyn SweepWatcher) -> Result<Table> {
        let chip = chips::find(&self.request.chip)?;
        let settings = Settings::from_map(&self.request.settings)?;
        let head = Head::new(&self.request, &chip)?;
        let known = if restart { Vec::new() } else { table::known(path, &head, &self.vary)? };
        let mut table = Table { format: FORMAT, sweep: head, vary: self.vary.clone(), cells: Vec::new() };
        let mut golden = GoldenMemory::default();
        let cells = self.cells();
        // Cells that come later stay in the table whenever it is written.
        let mut rest: Vec<Option<Cell>> =
            cells.iter().map(|values| known.iter().find(|cell| cell.values == *values).cloned()).collect();
        for (index, values) in cells.iter().enumerate() {
            if let Some(cell) = rest[index].take() {
                watcher.ends(&cell, true);
                table.cells.push(cell);
                continue;
            }
            watcher.begins(index, cells.len(), values);
            let cell = Cell {
                values: values.clone(),
                outcome: self.cell(values, &chip, &settings, &mut golden, watcher),
            };
            watcher.ends(&cell, false);
            table.cells.push(cell);
            let done = table.cells.len();
            table.cells.extend(rest[index + 1..].iter().flatten().cloned());
            let written = table.write(path);
            table.cells.truncate(done);
            written?;
        }
        table.write(path)?;
        Ok(table)
    }

    fn cell(
        &self,
        values: &[String],
        chip: &Chip,
        settings: &Settings,
        golden: &mut GoldenMemory,
        watcher: &mut dyn SweepWatcher,
    ) -> Outcome {
        let figures = self.request_of(values, chip, settings).and_then(|(request, chip)| {
            let watcher: &mut dyn Watcher = watcher;
            if let Some(made) = spikes::compile_for(&request, &chip, watcher) {
                return made.map(|made| Figures::of_spiking(&made));
            }
            compile_for(&request, chip, Some(golden), watcher).map(|compiled| Figures::of(&compiled.report))
        });
        match figures {
            Ok(figures) => Outcome::Figures(Box::new(figures)),
            Err(found) => Outcome::Refused(Refusal::of(&found)),
        }
    }

    /// The request and the chip of the cell with `values`.
    fn request_of(&self, values: &[String], chip: &Chip, settings: &Settings) -> Result<(Request, Chip)> {
        let mut settings = settings.clone();
        let mut changes = Vec::new();
        for (vary, value) in self.vary.iter().zip(values) {
            for (field, value) in vary.assignments(value) {
                match field {
                    Field::Setting(key) => settings.set(&key, value)?,
                    Field::Chip(path) => changes.push((path, vary::as_toml(value))),
                }
            }
        }
        let changes: Vec<(&str, &str)> =
            changes.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
        let chip = match changes.as_slice() {
            [] => chip.clone(),
            changes => chip.with(changes).map_err(|errors| chips::diagnostics(&errors, None, chip.name()))?,
        };
        let request =
            Request { settings: settings.to_map(), options: settings.into(), ..self.request.clone() };
        Ok((request, chip))
    }
}
