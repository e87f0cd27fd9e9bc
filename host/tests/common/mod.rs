//! What the import tests share: the data folder, and a writer of ONNX files that shares no code with the reader.
#![allow(dead_code, unreachable_pub)]

use std::path::PathBuf;

/// The folder of shared data: `SPANDREL_DATA`, else `../shared/data` beside the workspace; `None`, with a notice,
/// when there is none.
pub fn shared(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SPANDREL_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    if folder.join("onnx").is_dir() {
        return Some(folder);
    }
    eprintln!(
        "NOTICE: {test} did not run: {} is not there; name the folder with SPANDREL_DATA",
        folder.display()
    );
    None
}

/// Protocol buffer bytes of one length-delimited field.
pub fn field(tag: u64, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [varint(tag << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// Protocol buffer bytes of one integer field.
pub fn int(tag: u64, value: i64) -> Vec<u8> {
    [varint(tag << 3), varint(value as u64)].concat()
}

/// Protocol buffer bytes of one f32 field.
pub fn float(tag: u64, value: f32) -> Vec<u8> {
    [varint(tag << 3 | 5), value.to_le_bytes().to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// The parts of a graph, in the order they are given.
#[derive(Clone, Default)]
pub struct Model {
    graph: Vec<u8>,
    pub opset: i64,
}

impl Model {
    pub fn new(opset: i64) -> Self {
        Self { graph: Vec::new(), opset }
    }

    fn with(mut self, tag: u64, bytes: Vec<u8>) -> Self {
        self.graph.extend(field(tag, bytes));
        self
    }

    /// A node; `attributes` from [`attribute_int`] and the like.
    pub fn node(
        self,
        op: &str,
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[Vec<u8>],
    ) -> Self {
        let mut node = Vec::new();
        inputs.iter().for_each(|i| node.extend(field(1, i)));
        outputs.iter().for_each(|o| node.extend(field(2, o)));
        node.extend(field(3, name));
        node.extend(field(4, op));
        attributes.iter().for_each(|a| node.extend(field(5, a)));
        self.with(1, node)
    }

    /// A node of another domain.
    pub fn node_of(
        self,
        domain: &str,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[Vec<u8>],
    ) -> Self {
        let mut node = Vec::new();
        inputs.iter().for_each(|i| node.extend(field(1, i)));
        outputs.iter().for_each(|o| node.extend(field(2, o)));
        node.extend(field(4, op));
        attributes.iter().for_each(|a| node.extend(field(5, a)));
        node.extend(field(7, domain));
        self.with(1, node)
    }

    pub fn floats(self, name: &str, dims: &[i64], data: &[f32]) -> Self {
        let raw: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.with(5, tensor(name, dims, 1, &raw))
    }

    pub fn ints(self, name: &str, data: &[i64]) -> Self {
        let raw: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.with(5, tensor(name, &[data.len() as i64], 7, &raw))
    }

    /// An initialiser from its bytes.
    pub fn tensor(self, bytes: Vec<u8>) -> Self {
        self.with(5, bytes)
    }

    /// The input; a dimension of 0 is written as the name `d`, one of -10 as `n10`.
    pub fn input(self, name: &str, dims: &[i64]) -> Self {
        let bytes = value_info(name, dims);
        self.with(11, bytes)
    }

    pub fn output(self, name: &str) -> Self {
        let bytes = value_info(name, &[1, 1]);
        self.with(12, bytes)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let opset = [field(1, ""), int(2, self.opset)].concat();
        [int(1, 8), field(7, &self.graph), field(8, opset)].concat()
    }
}

/// A TensorProto with raw data.
pub fn tensor(name: &str, dims: &[i64], data_type: i64, raw: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = dims.iter().flat_map(|&d| int(1, d)).collect();
    bytes.extend(int(2, data_type));
    bytes.extend(field(8, name));
    bytes.extend(field(9, raw));
    bytes
}

fn value_info(name: &str, dims: &[i64]) -> Vec<u8> {
    let dim = |&d: &i64| match d {
        0 => field(1, field(2, "d")),
        -9.. => field(1, int(1, d)),
        _ => field(1, field(2, format!("n{}", -d))),
    };
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    let tensor_type = [int(1, 1), field(2, shape)].concat();
    [field(1, name), field(2, field(1, tensor_type))].concat()
}

pub fn attribute_int(name: &str, value: i64) -> Vec<u8> {
    [field(1, name), int(3, value), int(20, 2)].concat()
}

pub fn attribute_float(name: &str, value: f32) -> Vec<u8> {
    [field(1, name), float(2, value), int(20, 1)].concat()
}

pub fn attribute_ints(name: &str, values: &[i64]) -> Vec<u8> {
    let mut bytes = field(1, name);
    values.iter().for_each(|&v| bytes.extend(int(8, v)));
    bytes.extend(int(20, 7));
    bytes
}

/// The graph of `model`.
pub fn attribute_graph(name: &str, model: &Model) -> Vec<u8> {
    [field(1, name), field(6, &model.graph), int(20, 5)].concat()
}

pub fn attribute_text(name: &str, text: &str) -> Vec<u8> {
    [field(1, name), field(4, text), int(20, 3)].concat()
}

pub fn attribute_texts(name: &str, texts: &[&str]) -> Vec<u8> {
    let list: Vec<u8> = texts.iter().flat_map(|text| field(9, text)).collect();
    [field(1, name), list, int(20, 8)].concat()
}

/// A model that uses every supported operator.
pub fn every_operator() -> Model {
    Model::new(13)
        .input("x", &[0, 2, 3])
        .output("y")
        .floats("w", &[3, 6], &[0.5, -1.0, 2.0, 0.25, 1.5, -0.5].repeat(3))
        .floats("b", &[4], &[0.1, 0.2, -0.3, 0.4])
        .floats("v", &[3, 4], &[1.0, -2.0, 0.5, 0.75].repeat(3))
        .floats("half", &[], &[0.5])
        .floats("scale", &[3], &[1.0, 2.0, 3.0])
        .floats("shift", &[3], &[0.0, 1.0, 0.5])
        .floats("mean", &[3], &[0.5, 0.25, -1.0])
        .floats("var", &[3], &[1.0, 4.0, 0.25])
        .ints("flat", &[-1, 6])
        .ints("one", &[1])
        .node("Constant", "c", &[], &["k"], &[attribute_float("value_float", 2.0)])
        .node("Transpose", "t", &["w"], &["wt"], &[attribute_ints("perm", &[1, 0])])
        .node("Sub", "s", &["x", "half"], &["a"], &[])
        .node("Div", "d", &["a", "k"], &["e"], &[])
        .node("Mul", "m", &["e", "k"], &["f"], &[])
        .node("Reshape", "r", &["f", "flat"], &["g"], &[])
        .node("MatMul", "mm", &["g", "wt"], &["h"], &[])
        .node("BatchNormalization", "bn", &["h", "scale", "shift", "mean", "var"], &["i"], &[])
        .node("Relu", "re", &["i"], &["j"], &[])
        .node("Dropout", "dr", &["j"], &["l"], &[])
        .node(
            "Gemm",
            "ge",
            &["l", "v", "b"],
            &["n"],
            &[attribute_float("alpha", 0.5), attribute_float("beta", 2.0), attribute_int("transB", 0)],
        )
        .node("Unsqueeze", "u", &["n", "one"], &["o"], &[])
        .node("Squeeze", "q", &["o", "one"], &["p"], &[])
        .node("Cast", "ca", &["p"], &["r1"], &[attribute_int("to", 1)])
        .node("Identity", "id", &["r1"], &["r2"], &[])
        .node("Flatten", "fl", &["r2"], &["r3"], &[])
        .node("Sigmoid", "si", &["r3"], &["r4"], &[])
        .node("Softmax", "so", &["r4"], &["r5"], &[])
        .node("LogSoftmax", "ls", &["r5"], &["r6"], &[])
        .node("Add", "ad", &["r6", "b"], &["y"], &[])
}
