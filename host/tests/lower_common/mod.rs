//! Building graphs for graph reform, and comparing what becomes of them with the golden model.
#![allow(dead_code, unreachable_pub)]

use spandrel::dots::{DotGraph, Taps};
use spandrel::graph::{
    Batch, Binary, Builder, Conv, Function, Graph, Op, Pool, PoolKind, ReduceKind, Select, Tensor, ValueId,
    Window,
};
use spandrel::lower::{LowerOptions, check, lower};

/// Numbers in -1 .. 1 without a pattern, the same every time.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    pub fn many(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.next() % 20_001) as f32 / 10_000.0 - 1.0).collect()
    }
}

/// A graph under construction.
pub struct Net {
    pub b: Builder,
    pub numbers: Numbers,
    count: usize,
}

impl Net {
    pub fn new(shape: &[usize]) -> Self {
        Self {
            b: Builder::new("x", shape.to_vec()),
            numbers: Numbers(shape.iter().sum::<usize>() as u64),
            count: 0,
        }
    }

    pub fn x(&self) -> ValueId {
        self.b.input()
    }

    pub fn shape(&self, v: ValueId) -> Vec<usize> {
        self.b.value(v).shape.clone()
    }

    pub fn constant(&mut self, shape: &[usize]) -> ValueId {
        let data = self.numbers.many(shape.iter().product());
        self.given(shape, &data)
    }

    pub fn given(&mut self, shape: &[usize], data: &[f32]) -> ValueId {
        self.b.constant("c", Tensor::new(shape.to_vec(), data.to_vec()).expect("a tensor"))
    }

    pub fn number(&mut self, value: f32) -> ValueId {
        self.given(&[], &[value])
    }

    pub fn op(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.count += 1;
        let name = format!("{}{}", op.name(), self.count);
        self.b.node(&name, op, inputs, &name).unwrap_or_else(|e| panic!("{name}: {}", e.rule))
    }

    pub fn map(&mut self, f: Function, x: ValueId) -> ValueId {
        self.op(Op::Map(f), &[x])
    }

    pub fn relu(&mut self, x: ValueId) -> ValueId {
        self.map(Function::Relu, x)
    }

    pub fn binary(&mut self, op: Binary, a: ValueId, b: ValueId) -> ValueId {
        self.op(Op::Binary(op), &[a, b])
    }

    pub fn conv(&mut self, x: ValueId, outputs: usize, window: Window, groups: usize) -> ValueId {
        let channels = self.shape(x)[1];
        let w = self.constant(&[&[outputs, channels / groups], &window.kernel[..]].concat());
        let bias = self.constant(&[outputs]);
        self.op(Op::Conv(Conv { window, groups }), &[x, w, bias])
    }

    pub fn same_conv(&mut self, x: ValueId, outputs: usize, kernel: usize, groups: usize) -> ValueId {
        let rank = self.shape(x).len() - 2;
        let mut window = Window::new(vec![kernel; rank]);
        (window.pads_begin, window.pads_end) = (vec![kernel / 2; rank], vec![(kernel - 1) / 2; rank]);
        self.conv(x, outputs, window, groups)
    }

    pub fn select(&mut self, select: Select, inputs: &[ValueId]) -> ValueId {
        self.op(Op::Select(select), inputs)
    }

    pub fn view(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        self.op(Op::view(shape), &[x])
    }

    pub fn slice(&mut self, x: ValueId, axis: usize, start: usize, size: usize) -> ValueId {
        let mut sizes = self.shape(x);
        let mut starts = vec![0; sizes.len()];
        (starts[axis], sizes[axis]) = (start, size);
        self.select(Select::Slice { starts, steps: vec![1; sizes.len()], sizes }, &[x])
    }

    pub fn reduce(&mut self, x: ValueId, kind: ReduceKind, axes: &[usize], keepdims: bool) -> ValueId {
        self.op(Op::Reduce { kind, axes: axes.to_vec(), keepdims }, &[x])
    }

    pub fn pool(&mut self, x: ValueId, kind: PoolKind, window: Window) -> ValueId {
        let output = window.positions(&self.shape(x)[2..]).expect("positions");
        self.op(Op::Pool(Pool { kind, window, output }), &[x])
    }

    pub fn matmul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.op(Op::MatMul, &[a, b])
    }
}

pub fn samples(graph: &Graph, seed: u64) -> Batch {
    let len = graph.sample_len();
    Batch::new(5, len, Numbers(seed).many(5 * len)).expect("samples")
}

/// Lowers and checks; the difference of the outputs may only come from rounding.
#[track_caller]
pub fn agree(net: Net, outputs: &[ValueId]) -> DotGraph {
    let graph = net.b.finish(outputs).expect("a graph");
    agree_graph(&graph, 1)
}

#[track_caller]
pub fn agree_graph(graph: &Graph, seed: u64) -> DotGraph {
    let options = LowerOptions { keep_decision: true, ..LowerOptions::default() };
    let dot = lower(graph, &options).unwrap_or_else(|e| panic!("{e}\n{graph}"));
    let text = format!("{graph}\n{dot}");
    let reformed = check(dot, graph, &samples(graph, seed)).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert!(reformed.largest_difference() < 1e-4, "{:e}\n{text}", reformed.largest_difference());
    reformed.into_graph()
}

#[track_caller]
pub fn no_tables(dot: &DotGraph) {
    let table = dot.nodes.iter().any(|n| n.body.reads().iter().any(|r| matches!(r.taps, Taps::Table { .. })));
    assert!(!table, "{dot}");
}
