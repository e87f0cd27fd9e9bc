//! The cases of an archive: `<suite>/<test>/model.onnx` with `test_data_set_N/input_M.pb` and `output_M.pb` beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use prost::Message;

use crate::proto::{Model, Tensor, Value};
use crate::values::{Values, decode};

/// The archives, with the number of cases that each must hold: the denominators of the tables.
pub(crate) const ARCHIVES: [(&str, &str, usize); 2] =
    [("dev", "onnx_backend_tests_dev.tar.gz", 897), ("other", "onnx_backend_tests_other.tar.gz", 441)];

/// The longest a single file of an archive may be.
const LONGEST: u64 = 1 << 28;

/// One case: a model and one or more sets of inputs with the outputs they must give.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Suite and test, such as `node/test_relu`.
    pub(crate) name: String,
    /// The model's bytes.
    pub(crate) model: Vec<u8>,
    /// The operators of the model's nodes.
    pub(crate) operators: BTreeSet<String>,
    /// The names of its inputs without initialisers, in order, and whether each is a tensor.
    pub(crate) inputs: Vec<(String, bool)>,
    /// The names of its outputs, in order.
    pub(crate) outputs: Vec<String>,
    /// The data sets.
    pub(crate) sets: Vec<DataSet>,
}

/// Inputs and expected outputs as they lie in the files; a place without a file is `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataSet {
    /// Encoded inputs in the order of [`Case::inputs`].
    pub(crate) inputs: Vec<Option<Vec<u8>>>,
    /// Encoded outputs in the order of [`Case::outputs`].
    pub(crate) outputs: Vec<Option<Vec<u8>>>,
}

/// The numbers of an encoded tensor.
///
/// # Errors
/// It is not a tensor of numbers.
pub(crate) fn numbers(bytes: &[u8]) -> Result<Values, String> {
    let tensor = Tensor::decode(bytes).map_err(|error| error.to_string())?;
    decode(&tensor)
}

/// Reads all cases of the archive `path`, sorted by name.
///
/// # Errors
/// The archive can not be read, or a model in it can not be decoded.
pub(crate) fn read(path: &Path) -> Result<Vec<Case>, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(fault)?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut folders: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for entry in archive.entries().map_err(fault)? {
        let mut entry = entry.map_err(fault)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(fault)?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.by_ref().take(LONGEST).read_to_end(&mut bytes).map_err(fault)?;
        let mut parts = name.splitn(3, '/');
        let (Some(suite), Some(test), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        folders.entry(format!("{suite}/{test}")).or_default().insert(rest.to_owned(), bytes);
    }
    folders
        .into_iter()
        .filter(|(_, files)| files.contains_key("model.onnx"))
        .map(|(n, f)| case(n, f))
        .collect()
}

fn case(name: String, mut files: BTreeMap<String, Vec<u8>>) -> Result<Case, String> {
    let model = files.remove("model.onnx").unwrap_or_default();
    let decoded = Model::decode(model.as_slice()).map_err(|error| format!("{name}: {error}"))?;
    let graph = decoded.graph.unwrap_or_default();
    let constant: BTreeSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let is_tensor = |value: &Value| value.r#type.as_ref().is_some_and(|t| t.tensor.is_some());
    let inputs: Vec<(String, bool)> = graph
        .input
        .iter()
        .filter(|i| !constant.contains(i.name.as_str()))
        .map(|i| (i.name.clone(), is_tensor(i)))
        .collect();
    let outputs: Vec<String> = graph.output.iter().map(|o| o.name.clone()).collect();
    let mut sets = Vec::new();
    for number in 0.. {
        let folder = format!("test_data_set_{number}/");
        if !files.keys().any(|file| file.starts_with(&folder)) {
            break;
        }
        let mut take = |kind: &str, count: usize| -> Vec<Option<Vec<u8>>> {
            (0..count).map(|i| files.remove(&format!("{folder}{kind}_{i}.pb"))).collect()
        };
        sets.push(DataSet { inputs: take("input", inputs.len()), outputs: take("output", outputs.len()) });
    }
    let operators = graph.node.iter().map(|n| n.op_type.clone()).collect();
    Ok(Case { name, model, operators, inputs, outputs, sets })
}
