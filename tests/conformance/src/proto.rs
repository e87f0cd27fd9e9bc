//! The part of ONNX's messages that the runner needs, declared apart from the importer's: field numbers as in
//! `onnx.proto` of ONNX 1.20. Whatever is not declared is skipped.

use prost::Message;

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Model {
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<Graph>,
}

/// The network.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<Value>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<Value>,
}

/// One node, of which only the operator counts here.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    #[prost(string, tag = "4")]
    pub(crate) op_type: String,
}

/// The name of an input or output.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) r#type: Option<Type>,
}

/// A type: a tensor, or something else.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Type {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor: Option<TensorType>,
}

/// A tensor's element type.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorType {
    #[prost(int32, tag = "1")]
    pub(crate) element: i32,
}

/// A tensor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(crate) data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub(crate) float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub(crate) int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    pub(crate) int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub(crate) name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    pub(crate) double_data: Vec<f64>,
    #[prost(uint64, repeated, tag = "11")]
    pub(crate) uint64_data: Vec<u64>,
}

/// `model` with the tensor in `tensor` (encoded) as the initialiser `name`. Protocol buffer messages that follow each
/// other are one message: repeated fields add up, the last of a single field counts.
pub(crate) fn with_initializer(model: &[u8], tensor: &[u8], name: &str) -> Vec<u8> {
    let mut named = tensor.to_vec();
    field(&mut named, 8, name.as_bytes());
    let mut graph = Vec::new();
    field(&mut graph, 5, &named);
    let mut out = model.to_vec();
    field(&mut out, 7, &graph);
    out
}

/// The name of the input that [`with_carrier`] adds.
pub(crate) const CARRIER: &str = "conformance/carrier";

/// `model` with one more input of one number, which one more output repeats: a network whose other outputs may all be
/// constants.
pub(crate) fn with_carrier(model: &[u8]) -> Vec<u8> {
    let value = |name: &str| {
        // Tensor of FLOAT, one dimension of size 1.
        let mut dimension = Vec::new();
        field(&mut dimension, 1, &[1 << 3, 1]);
        let mut tensor = vec![1 << 3, 1];
        field(&mut tensor, 2, &dimension);
        let (mut kind, mut value) = (Vec::new(), Vec::new());
        field(&mut kind, 1, &tensor);
        field(&mut value, 1, name.as_bytes());
        field(&mut value, 2, &kind);
        value
    };
    let result = format!("{CARRIER}/out");
    let mut node = Vec::new();
    field(&mut node, 1, CARRIER.as_bytes());
    field(&mut node, 2, result.as_bytes());
    field(&mut node, 4, b"Identity");
    let mut graph = Vec::new();
    field(&mut graph, 1, &node);
    field(&mut graph, 11, &value(CARRIER));
    field(&mut graph, 12, &value(&result));
    let mut out = model.to_vec();
    field(&mut out, 7, &graph);
    out
}

/// Appends a field of length-delimited content.
fn field(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_initialiser_is_added_under_its_name() {
        let node = Node { op_type: "Relu".into() };
        let graph = Graph { node: vec![node], ..Graph::default() };
        let model = Model { graph: Some(graph) }.encode_to_vec();
        let tensor =
            Tensor { name: "other".into(), dims: vec![300], raw_data: vec![7; 300], ..Tensor::default() };
        let bound = with_initializer(&model, &tensor.encode_to_vec(), "w");
        let graph = Model::decode(bound.as_slice()).expect("a model").graph.expect("a graph");
        assert_eq!(graph.node[0].op_type, "Relu");
        assert_eq!((graph.initializer[0].name.as_str(), graph.initializer[0].raw_data.len()), ("w", 300));
    }
}
