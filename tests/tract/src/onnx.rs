//! Writing ONNX models, with the messages that tract generated from the official `onnx.proto`: nothing here is shared
//! with the reader under test.

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};

/// How the elements of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Little-endian bytes in `raw_data`.
    Raw,
    /// A typed list: `float_data`, `int64_data`.
    Typed,
    /// The typed list of double precision, of a tensor of doubles.
    Double,
}

/// A tensor of numbers.
pub fn floats(name: &str, dims: &[usize], data: &[f32], storage: Storage) -> TensorProto {
    let mut tensor = empty(name, dims, DataType::Float);
    match storage {
        Storage::Raw => tensor.raw_data = data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Storage::Typed => tensor.float_data = data.to_vec(),
        Storage::Double => {
            tensor.data_type = DataType::Double as i32;
            tensor.double_data = data.iter().map(|&v| f64::from(v)).collect();
        }
    }
    tensor
}

/// A list of whole numbers.
pub fn ints(name: &str, data: &[i64], storage: Storage) -> TensorProto {
    let mut tensor = empty(name, &[data.len()], DataType::Int64);
    match storage {
        Storage::Raw => tensor.raw_data = data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Storage::Typed | Storage::Double => tensor.int64_data = data.to_vec(),
    }
    tensor
}

/// A truth value without dimensions.
pub fn boolean(name: &str, value: bool) -> TensorProto {
    TensorProto { raw_data: vec![u8::from(value)], ..empty(name, &[], DataType::Bool) }
}

fn empty(name: &str, dims: &[usize], data_type: DataType) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.iter().map(|&d| d as i64).collect(),
        data_type: data_type as i32,
        ..TensorProto::default()
    }
}

/// An attribute that is a whole number.
pub fn int_attribute(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

/// An attribute that is a list of whole numbers.
pub fn ints_attribute(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { ints: ints.to_vec(), ..attribute(name, AttributeType::Ints) }
}

/// An attribute that is a number.
pub fn float_attribute(name: &str, f: f32) -> AttributeProto {
    AttributeProto { f, ..attribute(name, AttributeType::Float) }
}

/// An attribute that is a tensor.
pub fn tensor_attribute(name: &str, tensor: TensorProto) -> AttributeProto {
    AttributeProto { t: Some(tensor), ..attribute(name, AttributeType::Tensor) }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: kind as i32, ..AttributeProto::default() }
}

/// A graph that grows node by node.
#[derive(Clone, Debug, Default)]
pub struct Model {
    graph: GraphProto,
    opset: i64,
    batch: Option<usize>,
}

impl Model {
    /// A model of operator set `opset` with the input `x` of samples of `shape`: `batch` is its first dimension, a
    /// named one when `None`.
    pub fn new(opset: i64, batch: Option<usize>, shape: &[usize]) -> Self {
        let input = value_info("x", batch, shape);
        let graph = GraphProto { name: "g".into(), input: vec![input], ..GraphProto::default() };
        Self { graph, opset, batch }
    }

    /// Adds an initialiser.
    pub fn initializer(&mut self, tensor: TensorProto) {
        self.graph.initializer.push(tensor);
    }

    /// Adds a node.
    pub fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) {
        let owned = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        self.graph.node.push(NodeProto {
            op_type: operator.to_owned(),
            name: name.to_owned(),
            input: owned(inputs),
            output: owned(outputs),
            attribute: attributes,
            ..NodeProto::default()
        });
    }

    /// The operators used, node by node.
    pub fn operators(&self) -> impl Iterator<Item = &str> {
        self.graph.node.iter().map(|n| n.op_type.as_str())
    }

    /// The file, `output` being the network's output and `shape` that of one sample of it.
    pub fn bytes(&self, output: &str, shape: &[usize]) -> Vec<u8> {
        let mut graph = self.graph.clone();
        graph.output = vec![value_info(output, self.batch, shape)];
        let opset = OperatorSetIdProto { version: self.opset, ..OperatorSetIdProto::default() };
        ModelProto { ir_version: 8, graph: Some(graph), opset_import: vec![opset], ..ModelProto::default() }
            .encode_to_vec()
    }
}

fn value_info(name: &str, batch: Option<usize>, shape: &[usize]) -> ValueInfoProto {
    let fixed = |n: usize| dimension::Value::DimValue(n as i64);
    let batch = batch.map_or_else(|| dimension::Value::DimParam("N".into()), fixed);
    let dim = std::iter::once(batch)
        .chain(shape.iter().map(|&d| fixed(d)))
        .map(|value| Dimension { value: Some(value), ..Dimension::default() })
        .collect();
    let shape = Some(TensorShapeProto { dim });
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape };
    let value = Some(type_proto::Value::TensorType(tensor));
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { value, ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}
