//! Graph reform against the golden model: one graph per form of use, and random ones.

use std::sync::Arc;

use spandrel::dots::{Body, DotGraph, Taps};
use spandrel::graph::{
    Batch, Binary, Builder, Conv, Function, Graph, Op, Pool, PoolKind, ReduceKind, Relation, Scan,
    ScanResult, Select, Sparse, Tensor, ValueId, Window,
};
use spandrel::lower::{LowerOptions, check, lower};

/// Numbers in -1 .. 1 without a pattern, the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    fn many(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.next() % 20_001) as f32 / 10_000.0 - 1.0).collect()
    }
}

/// A graph under construction.
struct Net {
    b: Builder,
    numbers: Numbers,
    count: usize,
}

impl Net {
    fn new(shape: &[usize]) -> Self {
        Self {
            b: Builder::new("x", shape.to_vec()),
            numbers: Numbers(shape.iter().sum::<usize>() as u64),
            count: 0,
        }
    }

    fn x(&self) -> ValueId {
        self.b.input()
    }

    fn shape(&self, v: ValueId) -> Vec<usize> {
        self.b.value(v).shape.clone()
    }

    fn constant(&mut self, shape: &[usize]) -> ValueId {
        let data = self.numbers.many(shape.iter().product());
        self.given(shape, &data)
    }

    fn given(&mut self, shape: &[usize], data: &[f32]) -> ValueId {
        self.b.constant("c", Tensor::new(shape.to_vec(), data.to_vec()).expect("a tensor"))
    }

    fn number(&mut self, value: f32) -> ValueId {
        self.given(&[], &[value])
    }

    fn op(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.count += 1;
        let name = format!("{}{}", op.name(), self.count);
        self.b.node(&name, op, inputs, &name).unwrap_or_else(|e| panic!("{name}: {}", e.rule))
    }

    fn map(&mut self, f: Function, x: ValueId) -> ValueId {
        self.op(Op::Map(f), &[x])
    }

    fn relu(&mut self, x: ValueId) -> ValueId {
        self.map(Function::Relu, x)
    }

    fn binary(&mut self, op: Binary, a: ValueId, b: ValueId) -> ValueId {
        self.op(Op::Binary(op), &[a, b])
    }

    fn conv(&mut self, x: ValueId, outputs: usize, window: Window, groups: usize) -> ValueId {
        let channels = self.shape(x)[1];
        let w = self.constant(&[&[outputs, channels / groups], &window.kernel[..]].concat());
        let bias = self.constant(&[outputs]);
        self.op(Op::Conv(Conv { window, groups }), &[x, w, bias])
    }

    fn same_conv(&mut self, x: ValueId, outputs: usize, kernel: usize, groups: usize) -> ValueId {
        let rank = self.shape(x).len() - 2;
        let mut window = Window::new(vec![kernel; rank]);
        (window.pads_begin, window.pads_end) = (vec![kernel / 2; rank], vec![(kernel - 1) / 2; rank]);
        self.conv(x, outputs, window, groups)
    }

    fn select(&mut self, select: Select, inputs: &[ValueId]) -> ValueId {
        self.op(Op::Select(select), inputs)
    }

    fn view(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        self.op(Op::view(shape), &[x])
    }

    fn slice(&mut self, x: ValueId, axis: usize, start: usize, size: usize) -> ValueId {
        let mut sizes = self.shape(x);
        let mut starts = vec![0; sizes.len()];
        (starts[axis], sizes[axis]) = (start, size);
        self.select(Select::Slice { starts, steps: vec![1; sizes.len()], sizes }, &[x])
    }

    fn reduce(&mut self, x: ValueId, kind: ReduceKind, axes: &[usize], keepdims: bool) -> ValueId {
        self.op(Op::Reduce { kind, axes: axes.to_vec(), keepdims }, &[x])
    }

    fn pool(&mut self, x: ValueId, kind: PoolKind, window: Window) -> ValueId {
        let output = window.positions(&self.shape(x)[2..]).expect("positions");
        self.op(Op::Pool(Pool { kind, window, output }), &[x])
    }

    fn matmul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.op(Op::MatMul, &[a, b])
    }
}

fn samples(graph: &Graph, seed: u64) -> Batch {
    let len = graph.sample_len();
    Batch::new(5, len, Numbers(seed).many(5 * len)).expect("samples")
}

/// Lowers and checks; the difference of the outputs may only come from rounding.
#[track_caller]
fn agree(net: Net, outputs: &[ValueId]) -> DotGraph {
    let graph = net.b.finish(outputs).expect("a graph");
    agree_graph(&graph, 1)
}

#[track_caller]
fn agree_graph(graph: &Graph, seed: u64) -> DotGraph {
    let options = LowerOptions { keep_decision: true, ..LowerOptions::default() };
    let dot = lower(graph, &options).unwrap_or_else(|e| panic!("{e}\n{graph}"));
    let text = format!("{graph}\n{dot}");
    let reformed = check(dot, graph, &samples(graph, seed)).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert!(reformed.largest_difference() < 1e-4, "{:e}\n{text}", reformed.largest_difference());
    reformed.into_graph()
}

#[track_caller]
fn no_tables(dot: &DotGraph) {
    let table = dot.nodes.iter().any(|n| n.body.reads().iter().any(|r| matches!(r.taps, Taps::Table { .. })));
    assert!(!table, "{dot}");
}

#[test]
fn convolution_normalisation_and_residual_are_one_node() {
    for dims in [&[9][..], &[7, 6], &[4, 5, 3]] {
        let mut net = Net::new(&[&[1, 4], dims].concat());
        let mut window = Window::new(vec![3; dims.len()]);
        window.strides[0] = 2;
        (window.pads_begin, window.pads_end) = (vec![1; dims.len()], vec![2; dims.len()]);
        let z = net.conv(net.x(), 6, window, 1);
        let affine = [&[1, 6][..], &vec![1; dims.len()]].concat();
        let (gain, shift) = (net.constant(&affine), net.constant(&affine));
        let z = net.binary(Binary::Mul, z, gain);
        let z = net.binary(Binary::Add, z, shift);
        let y = net.relu(z);
        let z = net.same_conv(y, 6, 3, 1);
        let z = net.binary(Binary::Add, y, z);
        let y = net.relu(z);
        let dot = agree(net, &[y]);
        assert_eq!(dot.nodes.len(), 2, "{dot}");
        no_tables(&dot);
    }
}

#[test]
fn groups_and_dilation_keep_windows() {
    for (groups, outputs) in [(2, 6), (4, 4), (4, 8)] {
        let mut net = Net::new(&[1, 4, 8, 9]);
        let mut window = Window::new(vec![3, 2]);
        (window.dilations, window.pads_begin) = (vec![2, 1], vec![2, 1]);
        let z = net.conv(net.x(), outputs, window, groups);
        let y = net.map(Function::Tanh, z);
        let z = net.same_conv(y, 3, 1, 1);
        let dot = agree(net, &[z]);
        assert_eq!(dot.nodes.len(), 2);
        no_tables(&dot);
    }
}

#[test]
fn constants_under_padded_windows_are_exact() {
    // The same summand everywhere; one for each channel; one for each element; padding with a number.
    for shape in [&[][..], &[1, 3, 1, 1], &[1, 3, 5, 6]] {
        let mut net = Net::new(&[1, 3, 5, 6]);
        let (gain, shift) = (net.constant(shape), net.constant(shape));
        let x = net.binary(Binary::Mul, net.x(), gain);
        let x = net.binary(Binary::Add, x, shift);
        let z = net.same_conv(x, 4, 3, 1);
        let y = net.relu(z);
        agree(net, &[y]);
    }
    for groups in [1, 3] {
        let mut net = Net::new(&[1, 3, 5, 6]);
        let pad = Select::Pad { begin: vec![0, 0, 1, 2], end: vec![0, 0, 2, 0], fill: 0.7 };
        let x = net.select(pad, &[net.x()]);
        let z = net.same_conv(x, 6, 3, groups);
        let y = net.relu(z);
        agree(net, &[y]);
    }
    let mut net = Net::new(&[1, 2, 3, 4]);
    let x = net.relu(net.x());
    let x = net.select(Select::Pad { begin: vec![0, 0, 1, 1], end: vec![0; 4], fill: -0.5 }, &[x]);
    let y = net.map(Function::Sigmoid, x);
    agree(net, &[y]);
}

#[test]
fn factors_and_summands_of_each_element() {
    let mut net = Net::new(&[1, 3, 9, 10]);
    let z = net.same_conv(net.x(), 4, 3, 1);
    let (gain, shift) = (net.constant(&[1, 4, 9, 10]), net.constant(&[4, 9, 10]));
    let z = net.binary(Binary::Mul, z, gain);
    let z = net.binary(Binary::Add, z, shift);
    let y = net.relu(z);
    let (gain, shift) = (net.constant(&[9, 10]), net.constant(&[10]));
    let y = net.binary(Binary::Mul, y, gain);
    let y = net.binary(Binary::Sub, shift, y);
    let z = net.same_conv(y, 2, 3, 2);
    agree(net, &[z]);
}

#[test]
fn concatenations_are_several_reads() {
    let mut net = Net::new(&[1, 3, 6, 6]);
    let a = net.same_conv(net.x(), 4, 1, 1);
    let b = net.same_conv(net.x(), 6, 3, 1);
    let both = net.select(Select::Concat { axis: 1 }, &[a, b, net.x()]);
    let y = net.relu(both);
    let z = net.same_conv(y, 5, 3, 1);
    let dot = agree(net, &[z]);
    no_tables(&dot);
    assert_eq!(dot.nodes.len(), 4, "{dot}");

    // Groups that reach over the joint, and one along another axis.
    let mut net = Net::new(&[1, 3, 6, 6]);
    let a = net.same_conv(net.x(), 5, 1, 1);
    let b = net.relu(net.x());
    let both = net.select(Select::Concat { axis: 1 }, &[a, b]);
    let z = net.same_conv(both, 8, 3, 4);
    let wide = net.select(Select::Concat { axis: 3 }, &[z, z]);
    let z = net.same_conv(wide, 8, 3, 8);
    let y = net.relu(z);
    agree(net, &[y]);
}

#[test]
fn rearrangements_leave_no_node() {
    let mut net = Net::new(&[1, 4, 6, 2]);
    let x = net.op(Op::transpose(vec![0, 3, 1, 2]), &[net.x()]);
    let z = net.same_conv(x, 4, 3, 1);
    let y = net.relu(z);
    let y = net.op(Op::transpose(vec![0, 2, 3, 1]), &[y]);
    let y = net.view(y, &[1, 2, 2, 24]);
    let y = net.op(Op::transpose(vec![0, 2, 1, 3]), &[y]);
    let flat = net.view(y, &[1, 96]);
    let part = net.slice(flat, 1, 3, 90);
    let backwards =
        net.select(Select::Slice { starts: vec![0, 89], steps: vec![1, -1], sizes: vec![1, 90] }, &[part]);
    let w = net.constant(&[90, 7]);
    let y = net.matmul(backwards, w);
    let dot = agree(net, &[y]);
    assert_eq!(dot.nodes.len(), 2, "{dot}");
    no_tables(&dot);
}

#[test]
fn enlarged_values_are_read_by_tables() {
    for fill in [None, Some(0.0)] {
        let mut net = Net::new(&[1, 3, 4, 5]);
        let y = net.relu(net.x());
        // Nearest neighbours twice as dense, or zeros between the elements.
        let order: Vec<u32> = (0..3 * 8 * 10)
            .map(|i| {
                let (c, y, x) = (i / 80, i / 10 % 8, i % 10);
                let zero = fill.is_some() && (y % 2 == 1 || x % 2 == 1);
                if zero { Select::FILL } else { c * 20 + y / 2 * 5 + x / 2 }
            })
            .collect();
        let order =
            Select::Order { order: order.into(), fill: fill.unwrap_or(0.0), shape: vec![1, 3, 8, 10] };
        let y = net.select(order, &[y]);
        let z = net.same_conv(y, 4, 3, 1);
        let z2 = net.same_conv(y, 3, 3, 3);
        let both = net.select(Select::Concat { axis: 1 }, &[z, z2]);
        let y = net.relu(both);
        agree(net, &[y]);
    }
}

#[test]
fn poolings_of_all_kinds() {
    let average = |count_include_pad| PoolKind::Average { count_include_pad };
    for kind in [PoolKind::Max, PoolKind::Sum, average(true), average(false)] {
        let mut net = Net::new(&[1, 3, 7, 8]);
        let y = net.same_conv(net.x(), 4, 3, 1);
        let mut window = Window::new(vec![3, 2]);
        (window.strides, window.pads_begin, window.pads_end) = (vec![2, 2], vec![1, 1], vec![1, 0]);
        let y = net.pool(y, kind, window);
        let y = net.map(Function::Sigmoid, y);
        let z = net.same_conv(y, 2, 1, 1);
        let z = net.pool(z, kind, Window::new(vec![4, 4]));
        agree(net, &[z]);
    }
    // Zeros around, a scale of either sign, and constants under the maximum.
    for gain in [1.5, -1.5] {
        let mut net = Net::new(&[1, 2, 6, 6]);
        let gain = net.number(gain);
        let y = net.binary(Binary::Mul, net.x(), gain);
        let y = net.select(Select::Pad { begin: vec![0, 0, 1, 1], end: vec![0, 0, 1, 1], fill: 0.1 }, &[y]);
        let y = net.pool(y, PoolKind::Max, Window::new(vec![2, 2]));
        agree(net, &[y]);
    }
}

#[test]
fn reductions_of_all_kinds() {
    use ReduceKind::{Max, Mean, Min, Prod, Sum};
    for kind in [Sum, Mean, Max, Min, Prod] {
        for (axes, keepdims) in [(&[1][..], false), (&[0, 2], true), (&[0, 1, 2], false), (&[], true)] {
            let mut net = Net::new(&[2, 5, 3]);
            let w = net.constant(&[3, 4]);
            let z = net.matmul(net.x(), w);
            let y = net.map(Function::Sigmoid, z);
            // Squares that cancel tell little of a product of many small numbers.
            let half = net.number(0.5);
            let y = net.binary(Binary::Add, y, half);
            let z = net.reduce(y, kind, axes, keepdims);
            agree(net, &[z]);
        }
    }
}

#[test]
fn matrix_products_of_all_forms() {
    // Constant on either side, vectors, a matrix for each batch, both computed.
    let forms: [(&[usize], &[usize], bool); 8] = [
        (&[2, 3, 4], &[4, 5], false),
        (&[4], &[4, 5], false),
        (&[2, 3, 4], &[4], false),
        (&[2, 3, 4], &[2, 4, 5], false),
        (&[3, 4], &[2, 4, 5], false),
        (&[2, 4, 5], &[3, 4], true),
        (&[4], &[3, 4], true),
        (&[4, 5], &[2, 3, 4], true),
    ];
    for (x, w, turned) in forms {
        let mut net = Net::new(x);
        let w = net.constant(w);
        let shift = net.constant(&[*x.last().expect("an axis")]);
        let y = net.binary(Binary::Add, net.x(), shift);
        let z = if turned { net.matmul(w, y) } else { net.matmul(y, w) };
        agree(net, &[z]);
    }
    for (a, b) in [(&[2, 3, 4][..], &[2, 4, 5][..]), (&[3, 4], &[2, 4, 2]), (&[4], &[4, 3]), (&[3, 4], &[4])]
    {
        let mut net = Net::new(a);
        let other = net.b.add_input("other", b.to_vec()).expect("an input");
        let y = net.map(Function::Tanh, other);
        let z = net.matmul(net.x(), y);
        agree(net, &[z]);
    }
}

#[test]
fn attention_is_exact() {
    let mut net = Net::new(&[1, 5, 6]);
    let mut projected = Vec::new();
    for _ in 0..3 {
        let w = net.constant(&[6, 6]);
        let p = net.matmul(net.x(), w);
        let p = net.view(p, &[1, 5, 2, 3]);
        projected.push(net.op(Op::transpose(vec![0, 2, 1, 3]), &[p]));
    }
    let keys = net.op(Op::transpose(vec![0, 1, 3, 2]), &[projected[1]]);
    let scores = net.matmul(projected[0], keys);
    let root = net.number(1.7);
    let scores = net.binary(Binary::Div, scores, root);
    let shares = net.op(Op::Softmax { first: 3, last: 3, log: false }, &[scores]);
    let y = net.matmul(shares, projected[2]);
    let y = net.op(Op::transpose(vec![0, 2, 1, 3]), &[y]);
    let y = net.view(y, &[1, 5, 6]);
    let y = net.binary(Binary::Add, y, net.x());
    // Normalisation over the last axis.
    let mean = net.reduce(y, ReduceKind::Mean, &[2], true);
    let centred = net.binary(Binary::Sub, y, mean);
    let squares = net.map(Function::Square, centred);
    let variance = net.reduce(squares, ReduceKind::Mean, &[2], true);
    let epsilon = net.number(1e-2);
    let variance = net.binary(Binary::Add, variance, epsilon);
    let deviation = net.map(Function::Sqrt, variance);
    let y = net.binary(Binary::Div, centred, deviation);
    let gain = net.constant(&[6]);
    let y = net.binary(Binary::Mul, y, gain);
    agree(net, &[y]);
}

#[test]
fn softmax_and_its_kin() {
    for (first, last) in [(2, 2), (1, 1), (1, 2)] {
        for log in [false, true] {
            let mut net = Net::new(&[2, 3, 4]);
            let gain = net.number(6.0);
            let y = net.binary(Binary::Mul, net.x(), gain);
            let y = net.op(Op::Softmax { first, last, log }, &[y]);
            agree(net, &[y]);
        }
        let mut net = Net::new(&[2, 3, 4]);
        let y = net.op(Op::Hardmax { first, last }, &[net.x()]);
        agree(net, &[y]);
    }
    for select_last in [false, true] {
        let mut net = Net::new(&[2, 7, 4]);
        // Few different values: ties.
        let three = net.number(1.5);
        let y = net.binary(Binary::Mul, net.x(), three);
        let y = net.map(Function::Round(spandrel::graph::Rounding::HalfEven), y);
        let y = net.op(Op::ArgMax { axis: 1, keepdims: select_last, select_last }, &[y]);
        agree(net, &[y]);
    }
}

#[test]
fn a_decision_is_dropped() {
    let mut net = Net::new(&[1, 6]);
    let w = net.constant(&[6, 4]);
    let z = net.matmul(net.x(), w);
    let y = net.op(Op::Softmax { first: 1, last: 1, log: false }, &[z]);
    let y = net.view(y, &[4]);
    let graph = net.b.finish(&[y]).expect("a graph");
    let dot = lower(&graph, &LowerOptions::default()).expect("lowered");
    assert!(dot.decision && dot.nodes.len() == 1, "{dot}");
    assert!(agree_graph(&graph, 3).nodes.len() > 1);
}

#[test]
fn functions_of_one_sum_are_one_curve() {
    let mut net = Net::new(&[1, 5]);
    let w = net.constant(&[5, 4]);
    let z = net.matmul(net.x(), w);
    // x / 2 (1 + erf(x)), x sigmoid(x), a clipped slope, a choice.
    let e = net.map(Function::Erf, z);
    let (one, half) = (net.number(1.0), net.number(0.5));
    let e = net.binary(Binary::Add, e, one);
    let e = net.binary(Binary::Mul, z, e);
    let y = net.binary(Binary::Mul, e, half);
    let s = net.map(Function::Sigmoid, y);
    let y = net.binary(Binary::Mul, s, y);
    let y = net.binary(Binary::Max, y, one);
    let c = net.map(Function::Compare { relation: Relation::Less, with: 0.2 }, z);
    let y = net.op(Op::Where, &[c, half, y]);
    let dot = agree(net, &[y]);
    assert_eq!(dot.nodes.len(), 1, "{dot}");
}

#[test]
fn element_wise_operators_of_two_values() {
    use Binary::{Add, And, Compare, Div, Max, Min, Mod, Mul, Or, PRelu, Pow, Sub, Xor};
    let all = [
        Add,
        Sub,
        Mul,
        Div,
        Max,
        Min,
        And,
        Or,
        Xor,
        PRelu,
        Compare(Relation::Less),
        Compare(Relation::GreaterOrEqual),
        Compare(Relation::Equal),
    ];
    for op in all {
        // Computed by computed, broadcast; by constants of each channel, on either side.
        for constant in 0..4 {
            let mut net = Net::new(&[2, 3, 4]);
            let w = net.constant(&[4, 4]);
            let mut a = net.matmul(net.x(), w);
            let mut b = net.reduce(net.x(), ReduceKind::Sum, &[0], true);
            match constant {
                1 => b = net.constant(&[3, 1]),
                2 => b = net.number(0.4),
                3 if !matches!(op, PRelu) => a = net.constant(&[2, 1, 1]),
                _ => {}
            }
            if op == Div {
                b = if constant == 1 || constant == 2 { b } else { net.map(Function::Exp, b) };
            }
            let y = net.binary(op, a, b);
            agree(net, &[y]);
        }
    }
    for (op, c) in [(Mod { fmod: true }, 0.3), (Mod { fmod: false }, 0.3), (Pow, 3.0), (Pow, -1.0)] {
        let mut net = Net::new(&[2, 3]);
        let (c, two) = (net.number(c), net.number(2.0));
        let y = net.binary(Add, net.x(), two);
        let y = net.binary(op, y, c);
        agree(net, &[y]);
    }
}

#[test]
fn a_choice_between_computed_values() {
    for constant in [false, true] {
        let mut net = Net::new(&[2, 6]);
        let w = net.constant(&[6, 6]);
        let a = net.matmul(net.x(), w);
        let b = net.map(Function::Tanh, net.x());
        let c = if constant {
            net.given(&[6], &[1.0, 0.0, 0.0, 1.0, 2.0, 0.0])
        } else {
            net.map(Function::Compare { relation: Relation::Greater, with: 0.1 }, a)
        };
        let y = net.op(Op::Where, &[c, a, b]);
        agree(net, &[y]);
    }
}

#[test]
fn slopes_of_each_channel() {
    let mut net = Net::new(&[1, 3, 5, 5]);
    let z = net.same_conv(net.x(), 4, 3, 1);
    let slope = net.constant(&[4, 1, 1]);
    let y = net.binary(Binary::PRelu, z, slope);
    let z = net.same_conv(y, 2, 3, 1);
    let dot = agree(net, &[z]);
    assert_eq!(dot.nodes.len(), 4, "{dot}");
}

#[test]
fn functions_move_in_front_of_a_maximum_and_matrices_merge() {
    let mut net = Net::new(&[1, 3, 8, 8]);
    let z = net.same_conv(net.x(), 4, 3, 1);
    let mut window = Window::new(vec![2, 2]);
    window.strides = vec![2, 2];
    let z = net.pool(z, PoolKind::Max, window);
    let y = net.relu(z);
    let z = net.same_conv(y, 16, 1, 1);
    let z = net.same_conv(z, 4, 1, 1);
    let z = net.view(z, &[1, 64]);
    let w = net.constant(&[64, 40]);
    let z = net.matmul(z, w);
    let w = net.constant(&[40, 5]);
    let z = net.matmul(z, w);
    let dot = agree(net, &[z]);
    // Convolution with its ReLU, maximum, two pointwise convolutions in one, two matrices in one.
    assert_eq!(dot.nodes.len(), 4, "{dot}");
}

#[test]
fn sparse_maps_are_a_node_for_each_phase() {
    let mut net = Net::new(&[1, 2, 4]);
    let y = net.relu(net.x());
    // Linear interpolation to twice the density.
    let rows = (0..16u32).map(|i| {
        let (c, x) = (i / 8, i % 8);
        let (left, right) = (c * 4 + x / 2, c * 4 + (x / 2 + 1).min(3));
        if x % 2 == 0 { vec![(left, 0.75), (right, 0.25)] } else { vec![(left, 0.25), (right, 0.75)] }
    });
    let map = Sparse::new(8, vec![1, 2, 8], rows).expect("a map");
    let y = net.op(Op::Linear(Arc::new(map)), &[y]);
    let z = net.same_conv(y, 2, 3, 1);
    agree(net, &[z]);
}

#[test]
fn loops_are_unrolled() {
    let mut body = Builder::default();
    let state = body.add_input("h", vec![1, 3]).expect("an input");
    let step = body.add_input("step", vec![1, 2]).expect("an input");
    let mut numbers = Numbers(5);
    let u = body.constant("u", Tensor::new(vec![3, 6], numbers.many(18)).expect("a tensor"));
    let w = body.constant("w", Tensor::new(vec![2, 6], numbers.many(12)).expect("a tensor"));
    let a = body.node("a", Op::MatMul, &[state, u], "a").expect("a node");
    let b = body.node("b", Op::MatMul, &[step, w], "b").expect("a node");
    let z = body.node("z", Op::Binary(Binary::Add), &[a, b], "z").expect("a node");
    let gate = |start| Select::Slice { starts: vec![0, start], steps: vec![1, 1], sizes: vec![1, 3] };
    let i = body.node("i", Op::Select(gate(0)), &[z], "i").expect("a node");
    let i = body.node("si", Op::Map(Function::Sigmoid), &[i], "si").expect("a node");
    let n = body.node("n", Op::Select(gate(3)), &[z], "n").expect("a node");
    let n = body.node("tn", Op::Map(Function::Tanh), &[n], "tn").expect("a node");
    let y = body.node("y", Op::Binary(Binary::Mul), &[i, n], "y").expect("a node");
    let body = Arc::new(body.finish_body(&[y, y]).expect("a body"));
    let mut net = Net::new(&[4, 1, 2]);
    let zero = net.given(&[1, 3], &[0.0; 3]);
    let mut scan = |result| {
        let scan = Scan { body: body.clone(), states: 1, sequences: 1, steps: 4, result };
        net.op(Op::Scan(scan), &[zero, net.x()])
    };
    let (last, all) = (scan(ScanResult::State(0)), scan(ScanResult::Stacked(0)));
    let w = net.constant(&[3, 2]);
    let y = net.matmul(last, w);
    let dot = agree(net, &[y, all]);
    // Two gates, two squares and the state for each step, and the outputs.
    assert!(dot.nodes.len() <= 4 * 5 + 2, "{dot}");
}

#[test]
fn outputs_may_be_any_arrangement() {
    let mut net = Net::new(&[2, 3]);
    let other = net.b.add_input("other", vec![3]).expect("an input");
    let y = net.binary(Binary::Add, net.x(), other);
    let y = net.relu(y);
    let turned = net.op(Op::transpose(vec![1, 0]), &[y]);
    let gain = net.number(-2.0);
    let scaled = net.binary(Binary::Mul, y, gain);
    let other = net.view(other, &[1, 3]);
    let both = net.select(Select::Concat { axis: 0 }, &[scaled, other]);
    let part = net.slice(y, 1, 1, 1);
    agree(net, &[turned, both, part, scaled]);
}

#[test]
fn everything_that_is_refused_is_named() {
    let mut net = Net::new(&[1, 2, 6]);
    let y = net.map(Function::Exp, net.x());
    let other = net.reduce(net.x(), ReduceKind::Sum, &[2], true);
    let power = net.binary(Binary::Pow, y, other);
    let fine = net.relu(y);
    let weights = net.view(y, &[2, 1, 6]);
    let window = Window { pads_begin: vec![5], ..Window::new(vec![6]) };
    let conv = net.op(Op::Conv(Conv { window, groups: 2 }), &[fine, weights]);
    let graph = net.b.finish(&[power, conv]).expect("a graph");
    let found = lower(&graph, &LowerOptions::default()).expect_err("two refusals");
    let places: Vec<&str> = found.0.iter().map(|d| d.place.as_str()).collect();
    assert_eq!(places, ["node \"Pow3\" (Pow)", "node \"Conv6\" (Conv)"]);
}

/// A random graph of some twenty operators on values of one shape.
fn random(seed: u64) -> Graph {
    let mut net = Net::new(&[1, 4, 5, 6]);
    net.numbers = Numbers(seed);
    let mut values = vec![net.x()];
    for _ in 0..12 {
        let a = values[net.numbers.below(values.len())];
        let b = values[net.numbers.below(values.len())];
        let y = match net.numbers.below(14) {
            0 => net.same_conv(a, 4, 3, 1),
            1 => net.same_conv(a, 4, 1, 1),
            2 => net.same_conv(a, 4, 3, 4),
            3 => net.relu(a),
            4 => net.map(Function::Tanh, a),
            5 => net.binary(Binary::Add, a, b),
            6 => net.binary(Binary::Sub, a, b),
            7 => {
                let shape = [&[1, 4, 1, 1][..], &[1, 4, 5, 6], &[1]][net.numbers.below(3)];
                let c = net.constant(shape);
                let op = [Binary::Add, Binary::Mul][net.numbers.below(2)];
                net.binary(op, a, c)
            }
            8 => {
                let t = net.op(Op::transpose(vec![0, 2, 3, 1]), &[a]);
                let w = net.constant(&[4, 4]);
                let y = net.matmul(t, w);
                net.op(Op::transpose(vec![0, 3, 1, 2]), &[y])
            }
            9 => {
                let (a, b) = (net.slice(a, 1, 0, 3), net.slice(b, 1, 2, 1));
                net.select(Select::Concat { axis: 1 }, &[b, a])
            }
            10 => {
                let (a, b) = (net.slice(a, 3, 2, 4), net.slice(b, 3, 0, 2));
                net.select(Select::Concat { axis: 3 }, &[a, b])
            }
            11 => {
                let a = net.map(Function::Tanh, a);
                let mut window = Window::new(vec![3, 3]);
                (window.pads_begin, window.pads_end) = (vec![1, 1], vec![1, 1]);
                let kinds = [PoolKind::Max, PoolKind::Average { count_include_pad: false }];
                let kind = kinds[net.numbers.below(2)];
                net.pool(a, kind, window)
            }
            12 => {
                let mean = net.reduce(a, ReduceKind::Mean, &[2, 3], true);
                net.binary(Binary::Sub, a, mean)
            }
            _ => {
                let (a, b) = (net.map(Function::Tanh, a), net.map(Function::Sigmoid, b));
                let op = [Binary::Mul, Binary::Max][net.numbers.below(2)];
                net.binary(op, a, b)
            }
        };
        values.push(y);
    }
    let outputs = [values[values.len() - 1], values[values.len() - 3]];
    net.b.finish(&outputs).unwrap_or_else(|_| {
        let mut net = Net::new(&[1, 4, 5, 6]);
        let y = net.relu(net.x());
        net.b.finish(&[y]).expect("a graph")
    })
}

#[test]
fn random_graphs_compute_the_same() {
    let mut nodes = 0;
    for seed in 0..300 {
        let dot = agree_graph(&random(seed), seed);
        nodes += dot.nodes.len();
        let maxima = dot.nodes.iter().filter(|n| matches!(n.body, Body::Max(_))).count();
        assert!(maxima <= 12);
    }
    println!("{nodes} nodes in all");
}
