//! Graph reform of random graphs, against the golden model.

mod lower_common;

use lower_common::{Net, Numbers, agree_graph};
use spandrel::dots::Body;
use spandrel::graph::{Binary, Function, Graph, Op, PoolKind, ReduceKind, Select, Window};

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
