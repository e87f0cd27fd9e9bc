//! Import of trained networks: ONNX files become a [`Graph`].
//!
//! Every operator is translated into a few [primitives](crate::graph::Op) by a function of its own in `ops`; what can be
//! computed at once (shapes, constants) is. One sample is one complete set of inputs: an open first dimension, the
//! batch, is set to 1 and stays in the shape.
//!
//! The reader is bounded and total: sizes are checked before anything is allocated from them, every fault of
//! the file is reported with the node or tensor it lies in, all nodes at once, and no input makes it panic.

mod attributes;
mod body;
mod constant;
mod context;
mod elements;
mod external;
mod fold;
mod interface;
mod names;
mod onnx;
mod ops;
mod reader;
mod shaping;
mod wire;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use prost::Message;

use crate::diagnostic::{Diagnostic, Result};
use crate::graph::Graph;

/// The longest ONNX file that is read: 2 GiB, the limit of the protocol buffer format itself.
pub const MAX_FILE_LEN: u64 = 1 << 31;

/// Operator set versions that are understood: 28 is the newest one whose definitions were compared. Forms of versions
/// before 6 that later ones do not have are refused where they occur.
pub const OPSETS: std::ops::RangeInclusive<i64> = 1..=28;

/// What the caller knows beyond the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Sizes of named dimensions of the inputs.
    pub dims: BTreeMap<String, usize>,
}

/// The supported operators, sorted; those outside the domain `ai.onnx` as `domain.Operator`.
pub fn operators() -> Vec<String> {
    ops::names()
}

/// Messages and strings a model may consist of; the largest networks in use have some ten thousand.
const MAX_MESSAGES: usize = 2_000_000;

/// Reads the ONNX file `path`.
///
/// # Errors
/// SP0001 when it can not be read, SP0003 when it is longer than [`MAX_FILE_LEN`], and all those of
/// [`parse_onnx`].
pub fn read_onnx(path: &Path) -> Result<Graph> {
    read_onnx_with(path, &Options::default())
}

/// As [`read_onnx`], with sizes for named dimensions.
///
/// # Errors
/// As [`read_onnx`].
pub fn read_onnx_with(path: &Path, options: &Options) -> Result<Graph> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| Diagnostic::read(path, &e))?;
    // Not the length the file system claims: a pipe or device has none.
    file.take(MAX_FILE_LEN + 1).read_to_end(&mut bytes).map_err(|e| Diagnostic::read(path, &e))?;
    if bytes.len() as u64 > MAX_FILE_LEN {
        let rule = "the file is longer than 2 GiB";
        return Err(Diagnostic::error("SP0003", name, rule, "use a smaller network").into());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    parse(&bytes, &name, options, Some(folder))
}

/// Reads an ONNX model from `bytes`; `name` stands for it in the errors.
///
/// # Errors
/// SP0101 when the bytes are not an ONNX model, SP0102 to SP0115 for whatever the model holds that is not
/// supported or contradictory, all of them at once.
pub fn parse_onnx(bytes: &[u8], name: &str) -> Result<Graph> {
    parse_onnx_with(bytes, name, &Options::default())
}

/// As [`parse_onnx`], with sizes for named dimensions.
///
/// # Errors
/// As [`parse_onnx`].
pub fn parse_onnx_with(bytes: &[u8], name: &str, options: &Options) -> Result<Graph> {
    parse(bytes, name, options, None)
}

/// The model in `bytes`, whose external data lies in `folder`.
fn parse(bytes: &[u8], name: &str, options: &Options, folder: Option<&Path>) -> Result<Graph> {
    let not_onnx = |rule: String, way_out: &str| Diagnostic::error("SP0101", name, rule, way_out).into();
    if bytes.is_empty() {
        return Err(not_onnx("the file is empty".into(), "export the model to ONNX again"));
    }
    if !wire::has_at_most(bytes, MAX_MESSAGES) {
        let rule = "the model consists of more than two million messages";
        return Err(Diagnostic::error("SP0115", name, rule, "use a smaller network").into());
    }
    let way_out = "give a model exported with torch.onnx.export, tf2onnx, skl2onnx or the like";
    let model = match onnx::ModelProto::decode(bytes) {
        Ok(model) => model,
        Err(_) if bytes.starts_with(b"version https://git-lfs") => {
            let rule = "the file is a Git LFS pointer, not the model itself";
            return Err(not_onnx(rule.into(), "fetch the model with `git lfs pull`"));
        }
        Err(error) => {
            let rule = format!("the file is not an ONNX model ({})", error.to_string().replace('\n', " "));
            return Err(not_onnx(rule, way_out));
        }
    };
    let Some(graph) = &model.graph else {
        return Err(not_onnx("the file is not an ONNX model: it holds no graph".into(), way_out));
    };
    reader::read(&model, graph, options, external::External::new(folder)).map_err(|found| found.within(name))
}
