//! The table of a sweep as a JSON file: what was swept, and every cell that is done.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use spandrel_core::image::sha256;
use spandrel_hwdesc::Chip;

use super::{Cell, Vary};
use crate::compile::{Prepare, Request, file_digest};
use crate::diagnostic::{Diagnostic, Result};
use crate::report::hex;
use crate::samples::write_atomic;

/// The version of the table's layout.
pub const FORMAT: u32 = 1;

/// The longest table that is read.
const MAX_BYTES: u64 = 256 << 20;

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// [`FORMAT`].
    pub format: u32,
    /// What all cells have in common.
    pub sweep: Head,
    /// What was varied.
    pub vary: Vec<Vary>,
    /// The cells that are done, in the order of [`super::Sweep::cells`].
    pub cells: Vec<Cell>,
}

/// A file by name and content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// File name without folders.
    pub file: String,
    /// SHA-256 of the file's bytes in lower-case hexadecimal digits.
    pub sha256: String,
}

impl FileDigest {
    fn of(path: &Path) -> Result<Self> {
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self { file: file.unwrap_or_default(), sha256: file_digest(path)? })
    }
}

/// Everything that figures depend on beside the values of their cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Version of the compiler.
    pub spandrel: String,
    /// The network.
    pub model: FileDigest,
    /// Name of the chip, digest of its canonical text.
    pub chip: FileDigest,
    /// Calibration samples.
    pub samples: FileDigest,
    /// Samples from the first on that calibrate.
    pub calibration_count: usize,
    /// Test samples.
    pub test: Option<FileDigest>,
    /// Their labels, when they are in another file.
    pub test_labels: Option<FileDigest>,
    /// Axes of samples and model.
    pub layout: Option<String>,
    /// From raw samples to the model's input: see [`Request`]; likewise the next two.
    pub scale: Option<Vec<f64>>,
    #[allow(missing_docs)]
    pub mean: Option<Vec<f64>>,
    #[allow(missing_docs)]
    pub std: Option<Vec<f64>>,
    /// The same of single inputs, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// Sizes of the model's named dimensions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dims: BTreeMap<String, usize>,
    /// The settings that differ from their defaults, before a cell changes them.
    pub settings: BTreeMap<String, String>,
}

impl Head {
    /// The head of a sweep of `request` on `chip`.
    ///
    /// # Errors
    /// SP0001: a file can not be read.
    pub fn new(request: &Request, chip: &Chip) -> Result<Self> {
        let default = crate::settings::Settings::default().to_map();
        let differs = |(key, value): &(&String, &String)| default.get(*key) != Some(*value);
        let changed = request.settings.iter().filter(differs);
        let file = |path: &Option<std::path::PathBuf>| path.as_deref().map(FileDigest::of).transpose();
        Ok(Self {
            spandrel: env!("CARGO_PKG_VERSION").to_owned(),
            model: FileDigest::of(&request.model)?,
            chip: FileDigest {
                file: chip.name().to_owned(),
                sha256: hex(&sha256(chip.to_toml().as_bytes())),
            },
            samples: FileDigest::of(&request.samples)?,
            calibration_count: request.calibration_count,
            test: file(&request.test)?,
            test_labels: file(&request.test_labels)?,
            layout: request.prepare.layout.as_ref().map(ToString::to_string),
            scale: request.prepare.scale.clone(),
            mean: request.prepare.mean.clone(),
            std: request.prepare.std.clone(),
            inputs: request.own.iter().map(|(name, own)| (name.clone(), text(own))).collect(),
            dims: request.dims.clone(),
            settings: changed.map(|(key, value)| (key.clone(), value.clone())).collect(),
        })
    }

    /// Names of what differs.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let file = |a: &FileDigest, b: &FileDigest| a.sha256 != b.sha256;
        let optional = |a: &Option<FileDigest>, b: &Option<FileDigest>| {
            a.as_ref().map(|a| &a.sha256) != b.as_ref().map(|b| &b.sha256)
        };
        let all = [
            ("the compiler's version", self.spandrel != other.spandrel),
            ("the model", file(&self.model, &other.model)),
            ("the chip", file(&self.chip, &other.chip)),
            ("--samples", file(&self.samples, &other.samples)),
            ("--calibration-count", self.calibration_count != other.calibration_count),
            ("--test", optional(&self.test, &other.test)),
            ("--test-labels", optional(&self.test_labels, &other.test_labels)),
            ("--layout", self.layout != other.layout),
            ("--scale", self.scale != other.scale),
            ("--mean", self.mean != other.mean),
            ("--std", self.std != other.std),
            ("options of single inputs", self.inputs != other.inputs),
            ("--dim", self.dims != other.dims),
            ("--set", self.settings != other.settings),
        ];
        all.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
    }
}

/// How one input is prepared, in words.
fn text(own: &Prepare) -> String {
    let layout = own.layout.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("layout {layout} scale {:?} mean {:?} std {:?}", own.scale, own.mean, own.std)
}

impl Table {
    /// The text of the file: a cell is a line.
    pub fn to_text(&self) -> String {
        let json = |value: serde_json::Value| format!("{value:#}").replace('\n', "\n  ");
        let lines = |all: Vec<String>| match all.is_empty() {
            true => "[]".to_owned(),
            false => format!("[\n    {}\n  ]", all.join(",\n    ")),
        };
        // A structure of this crate always has a text: keys are words, numbers are finite or null.
        let line = |text: serde_json::Result<String>| text.unwrap_or_default();
        let vary = lines(self.vary.iter().map(|vary| line(serde_json::to_string(vary))).collect());
        let cells = lines(self.cells.iter().map(|cell| line(serde_json::to_string(cell))).collect());
        let head = line(serde_json::to_string_pretty(&self.sweep)).replace('\n', "\n  ");
        let format = json(serde_json::json!(self.format));
        format!(
            "{{\n  \"format\": {format},\n  \"sweep\": {head},\n  \"vary\": {vary},\n  \"cells\": {cells}\n}}\n"
        )
    }

    /// Writes the table: whole, or not at all.
    ///
    /// # Errors
    /// SP0002.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_atomic(path, self.to_text().as_bytes())
    }

    /// The table at `path`; `None` when there is no such file.
    ///
    /// # Errors
    /// SP0001, SP0003, and SP0008 for a file that is no table.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Diagnostic::read(path, &error).into()),
            Ok(_) => {}
        }
        let refuse = |code, rule: String| {
            Err(Diagnostic::error(code, path.display().to_string(), rule, WAY_OUT).into())
        };
        if bytes.len() as u64 > MAX_BYTES {
            return refuse("SP0003", format!("the file is longer than {MAX_BYTES} bytes"));
        }
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(table) if table.format == FORMAT => Ok(Some(table)),
            Ok(table) => refuse(
                "SP0008",
                format!("the table has format {}, this version writes {FORMAT}", table.format),
            ),
            Err(error) => refuse("SP0008", format!("the file is not a table of a sweep ({error})")),
        }
    }
}

const WAY_OUT: &str = "name another file, or start over with --restart, which replaces it";

/// The cells that are done: those of the table at `path`, if there is one, which must have been made with the same arguments.
/// Further values of what is varied may have come.
pub(super) fn known(path: &Path, head: &Head, vary: &[Vary]) -> Result<Vec<Cell>> {
    let Some(table) = Table::read(path)? else { return Ok(Vec::new()) };
    let mut differences = table.sweep.differences(head);
    if table.vary.len() != vary.len() || !table.vary.iter().zip(vary).all(|(old, new)| old.is_within(new)) {
        differences.push("--vary");
    }
    if differences.is_empty() {
        return Ok(table.cells);
    }
    let rule = format!("the table was made with other arguments: {} differ", differences.join(", "));
    Err(Diagnostic::error("SP0008", path.display().to_string(), rule, WAY_OUT).into())
}
