//! A writer of small ONNX files: the few messages of the protobuf wire format that a perceptron needs, by field number.

/// Bytes of one message.
#[derive(Clone, Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn int(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn float(mut self, field: u64, value: f32) -> Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }
}

/// An attribute of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attribute {
    /// A whole number.
    Int(&'static str, i64),
    /// A number.
    Float(&'static str, f32),
}

/// A model that grows node by node: each reads the value before it.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    graph: Message,
    inputs: usize,
    value: String,
    count: usize,
}

impl Model {
    /// A network of `inputs` inputs, in batches of any size.
    pub(crate) fn new(inputs: usize) -> Self {
        let graph = Message::default().message(11, &value_info("x", inputs)).text(2, "g");
        Self { graph, inputs, value: "x".into(), count: 0 }
    }

    /// A constant of shape `dims`.
    pub(crate) fn constant(&mut self, dims: &[usize], data: &[f32]) -> String {
        self.count += 1;
        let name = format!("c{}", self.count);
        assert_eq!(dims.iter().product::<usize>(), data.len());
        let raw: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut tensor = Message::default();
        for &dim in dims {
            tensor = tensor.int(1, dim as u64);
        }
        tensor = tensor.int(2, 1).text(8, &name).bytes(9, &raw);
        self.graph = std::mem::take(&mut self.graph).message(5, &tensor);
        name
    }

    /// A node that reads the value before it and `others`.
    pub(crate) fn node(&mut self, operator: &str, others: &[&str], attributes: &[Attribute]) -> &mut Self {
        self.named(&format!("n{}", self.count + 1), operator, others, attributes)
    }

    /// A node of this name, which its value has too.
    pub(crate) fn named(
        &mut self,
        name: &str,
        operator: &str,
        others: &[&str],
        attributes: &[Attribute],
    ) -> &mut Self {
        self.count += 1;
        let mut node = Message::default().text(1, &self.value);
        for other in others {
            node = node.text(1, other);
        }
        node = node.text(2, name).text(3, name).text(4, operator);
        for attribute in attributes {
            let made = match *attribute {
                Attribute::Int(key, value) => Message::default().text(1, key).int(3, value as u64).int(20, 2),
                Attribute::Float(key, value) => Message::default().text(1, key).float(2, value).int(20, 1),
            };
            node = node.message(5, &made);
        }
        self.graph = std::mem::take(&mut self.graph).message(1, &node);
        self.value = name.to_owned();
        self
    }

    /// W x + b, `weights` one row an output.
    pub(crate) fn dense(
        &mut self,
        inputs: usize,
        weights: &[f32],
        bias: Option<&[f32]>,
        gemm: bool,
    ) -> &mut Self {
        let outputs = weights.len() / inputs;
        if gemm {
            let w = self.constant(&[outputs, inputs], weights);
            let b = self.constant(&[outputs], bias.unwrap_or(&vec![0.0; outputs]));
            return self.node("Gemm", &[&w, &b], &[Attribute::Int("transB", 1)]);
        }
        let turned: Vec<f32> =
            (0..inputs * outputs).map(|at| weights[at % outputs * inputs + at / outputs]).collect();
        let w = self.constant(&[inputs, outputs], &turned);
        self.node("MatMul", &[&w], &[]);
        if let Some(bias) = bias {
            let b = self.constant(&[outputs], bias);
            self.node("Add", &[&b], &[]);
        }
        self
    }

    /// The file; the last value, of `outputs` elements, is the network's output.
    pub(crate) fn bytes(&self, outputs: usize) -> Vec<u8> {
        let graph = self.graph.clone().message(12, &value_info(&self.value, outputs));
        let opset = Message::default().int(2, 13);
        Message::default().int(1, 8).message(7, &graph).message(8, &opset).0
    }
}

fn value_info(name: &str, length: usize) -> Message {
    let batch = Message::default().text(2, "N");
    let fixed = Message::default().int(1, length as u64);
    let shape = Message::default().message(1, &batch).message(1, &fixed);
    let tensor = Message::default().int(1, 1).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

/// An npy file (version 1.0) of `shape`; `descr` is numpy's name of the element type.
pub(crate) fn npy(descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({},), }}", dims.join(", "));
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', length - 1 - header.len()));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend_from_slice(data);
    bytes
}
