//! Graph reform of what is not a convolution: products, functions, comparisons, loops; refusals.

mod lower_common;

use std::sync::Arc;

use lower_common::{Net, Numbers, agree, agree_graph};
use spandrel::graph::{
    Binary, Builder, Conv, Function, Op, ReduceKind, Relation, Scan, ScanResult, Select, Sparse, Tensor,
    Window,
};
use spandrel::lower::{LowerOptions, lower};

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
fn loops_are_one_cell() {
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
    // Two gates, two squares and the state for all steps, and the outputs.
    assert!(dot.nodes.len() <= 5 + 2 && dot.loops.len() == 1, "{dot}");
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
