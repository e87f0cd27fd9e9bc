//! Error bounds that are known before anything is run: no input within the stated ranges gives an output further from the
//! network's, on digital cores of several kinds; and they are no looser than they have to be.

mod lower_common;

use lower_common::{Net, Numbers};
use spandrel::bound::OutputBound;
use spandrel::diagnostic::Diagnostics;
use spandrel::graph::{
    Binary, Function, Golden, Graph, NodeEngine, Op, PoolKind, ReduceKind, Tensor2, Window,
};
use spandrel::ranged::{self, InputSpan, Ranged};
use spandrel::target::Target;

/// Samples that are tried on each image: random ones, and ones at the ends of the ranges.
const TRIED: usize = 60;

fn wide() -> Target {
    let text = include_str!("../../hwdesc/tests/chips/wide.toml");
    Target::new(spandrel_hwdesc::parse(text, "wide.toml").expect("a chip")).expect("a target")
}

fn built_in(name: &str) -> Target {
    Target::new(spandrel_hwdesc::builtin(name).expect("a chip")).expect("a target")
}

fn compiled(graph: &Graph, (lo, hi): (f64, f64), target: &Target) -> Result<Ranged, Diagnostics> {
    let spans = vec![InputSpan { lo, hi, whole: false }; graph.inputs().len()];
    ranged::compile(graph, &spans, target, &ranged::options(target), None)
}

/// The largest error over many inputs, and the bound.
fn tried(graph: &Graph, made: &Ranged, (lo, hi): (f64, f64)) -> Vec<(f64, OutputBound)> {
    let bounds = made.bounds.clone().expect("bounds");
    let names: Vec<&str> = graph.outputs().iter().map(|&id| graph.value(id).name.as_str()).collect();
    let mut found: Vec<(f64, OutputBound)> = bounds.into_iter().map(|bound| (0.0, bound)).collect();
    let mut numbers = Numbers(77);
    for sample in 0..TRIED {
        let mut inputs: Vec<Vec<f64>> = Vec::new();
        for &id in graph.inputs() {
            let drawn = numbers.many(graph.value(id).len());
            let place = |&u: &f32| match sample % 3 {
                0 => lo + (hi - lo) * (0.5 + 0.5 * f64::from(u)),
                1 if u > 0.0 => hi,
                1 => lo,
                _ => f64::from((lo + (hi - lo) * (0.5 + 0.5 * f64::from(u)).powi(3)) as f32),
            };
            inputs.push(drawn.iter().map(place).collect());
        }
        let given: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
        let outputs = made.run(&given).unwrap_or_else(|e| panic!("{e}"));
        let row: Vec<f32> = inputs.iter().flatten().map(|&x| x as f32).collect();
        let batch = Tensor2::new(1, row.len(), row).expect("a sample");
        let wanted = Golden::new(graph).values(&batch, &names).unwrap_or_else(|e| panic!("{e}"));
        for (own, (output, wanted)) in found.iter_mut().zip(outputs.iter().zip(&wanted)) {
            for (y, &w) in output.iter().zip(wanted.row(0)) {
                own.0 = own.0.max((y - f64::from(w)).abs());
                let (least, most) = own.1.range;
                let slack = 1e-5 * (1.0 + f64::from(w.abs()));
                assert!(least - slack <= f64::from(w) && f64::from(w) <= most + slack, "{w} in {:?}", own.1);
            }
        }
    }
    found
}

/// So many of the networks have one or two nodes.
const SHALLOW: usize = 7;

/// Networks of one or a few operators, the shallow ones first.
fn networks() -> Vec<(&'static str, Graph)> {
    let mut all = Vec::new();
    let mut add = |name, net: Net, out| all.push((name, net.b.finish(&[out]).expect("a graph")));
    for (name, f) in [
        ("relu", Function::Relu),
        ("sigmoid", Function::Sigmoid),
        ("leaky", Function::LeakyRelu { alpha: 0.1 }),
        ("gelu", Function::Gelu { tanh: false }),
        ("square", Function::Square),
        ("clip", Function::Clip { lo: -0.5, hi: 0.75 }),
    ] {
        let mut net = Net::new(&[3, 4]);
        let y = net.map(f, net.x());
        add(name, net, y);
    }
    let mut net = Net::new(&[5]);
    let w = net.constant(&[5, 6]);
    let y = net.matmul(net.x(), w);
    let y = net.relu(y);
    let w = net.constant(&[6, 3]);
    let y = net.matmul(y, w);
    add("two layers", net, y);
    let mut net = Net::new(&[1, 2, 5, 5]);
    let y = net.same_conv(net.x(), 3, 3, 1);
    let y = net.map(Function::Tanh, y);
    let y = net.reduce(y, ReduceKind::Mean, &[2, 3], false);
    add("convolution and mean", net, y);
    let mut net = Net::new(&[4]);
    let other = net.b.add_input("other", vec![4]).expect("an input");
    let y = net.binary(Binary::Mul, net.x(), other);
    add("product", net, y);
    let mut net = Net::new(&[6]);
    let y = net.op(Op::Softmax { first: 0, last: 0, log: false }, &[net.x()]);
    add("softmax", net, y);
    all
}

#[test]
fn no_input_is_further_off_than_the_bound() {
    for target in [wide(), built_in("tianji-ann"), built_in("tpu")] {
        let chip = target.chip.name().to_owned();
        for (name, graph) in networks() {
            for range in [(-1.0, 1.0), (-3.0, 0.5)] {
                let made = compiled(&graph, range, &target).unwrap_or_else(|e| panic!("{chip}, {name}: {e}"));
                for (worst, bound) in tried(&graph, &made, range) {
                    let slack = 1e-5 * (1.0 + bound.range.1.abs());
                    assert!(worst <= bound.bound + slack, "{chip}, {name}: {worst:e}, {bound:?}");
                    assert!(bound.bound.is_finite(), "{chip}, {name}");
                }
            }
        }
    }
}

#[test]
fn a_bound_is_of_use() {
    // Behind one or two nodes it is little more than what is really lost, on signals of 16 bits far below 1 %.
    let target = wide();
    for (name, graph) in networks().into_iter().take(SHALLOW) {
        let made = compiled(&graph, (-1.0, 1.0), &target).unwrap_or_else(|e| panic!("{name}: {e}"));
        for (worst, bound) in tried(&graph, &made, (-1.0, 1.0)) {
            let width = bound.range.1 - bound.range.0;
            assert!(bound.bound < 0.01 * width, "{name}: {bound:?}");
            assert!(bound.bound <= 60.0 * worst.max(1e-5), "{name}: {worst:e}, {bound:?}");
        }
    }
}

/// Windows that hang over the edge of a picture of negative numbers, where an element outside would be the largest if it
/// counted as 0.
#[test]
fn a_padded_maximum_of_negative_values_is_one_of_them() {
    for target in [wide(), built_in("tianji-ann"), built_in("tpu")] {
        let chip = target.chip.name().to_owned();
        for behind in [false, true] {
            let mut net = Net::new(&[1, 2, 4, 4]);
            let x = if behind { net.same_conv(net.x(), 2, 1, 1) } else { net.x() };
            let shift = net.number(-6.0);
            let x = if behind { net.binary(Binary::Add, x, shift) } else { x };
            let mut window = Window::new(vec![3, 3]);
            (window.pads_begin, window.pads_end) = (vec![1, 1], vec![1, 1]);
            let y = net.pool(x, PoolKind::Max, window);
            let graph = net.b.finish(&[y]).expect("a graph");
            let range = (-3.0, -1.0);
            let made = compiled(&graph, range, &target).unwrap_or_else(|e| panic!("{chip}: {e}"));
            for (worst, bound) in tried(&graph, &made, range) {
                assert!(worst <= bound.bound + 1e-4, "{chip}: {worst:e}, {bound:?}");
                // An element outside that counted as 0 would be off by the least of the numbers, 1 or more; of that a quarter.
                let least = if behind { 2.2 } else { 1.0 };
                assert!(worst < if target.input_bits > 8 { 0.01 } else { 0.25 * least }, "{chip}: {worst:e}");
            }
        }
    }
}

#[test]
fn outputs_that_are_too_coarse_are_refused_with_the_field() {
    let mut net = Net::new(&[8]);
    let y = net.op(Op::Softmax { first: 0, last: 0, log: false }, &[net.x()]);
    let graph = net.b.finish(&[y]).expect("a graph");
    let target = built_in("tianji-ann");
    let span = InputSpan { lo: -4.0, hi: 4.0, whole: false };
    let within = Some(1e-4);
    let found = ranged::compile(&graph, &[span], &target, &ranged::options(&target), within);
    let found = found.expect_err("a refusal");
    assert_eq!(found.0[0].code, "SP0313");
    assert!(found.0[0].rule.contains("mac.output_bits"), "{found}");
    let endless = InputSpan { lo: f64::NEG_INFINITY, hi: 0.0, whole: false };
    let found = ranged::compile(&graph, &[endless], &target, &ranged::options(&target), None);
    assert_eq!(found.expect_err("a refusal").0[0].code, "SP0204");
}

/// A maximum is compared with the values it was taken of: what is carried there is the very code of each, also counted from the
/// other end, so that equal numbers stay equal.
#[test]
fn the_first_of_equal_numbers_is_found() {
    for target in [wide(), built_in("tpu")] {
        let chip = target.chip.name().to_owned();
        for least in [false, true] {
            let mut net = Net::new(&[3, 4]);
            let x = if least { net.map(Function::Neg, net.x()) } else { net.x() };
            let y = net.op(Op::ArgMax { axis: 1, keepdims: false, select_last: false }, &[x]);
            let graph = net.b.finish(&[y]).expect("a graph");
            let range = (-1.7, 2.3);
            let made = compiled(&graph, range, &target).unwrap_or_else(|e| panic!("{chip}: {e}"));
            let mut numbers = Numbers(5);
            for _ in 0..TRIED {
                // Few values that are no multiples of a code's step, so that most rows hold two largest ones.
                let x: Vec<f64> =
                    numbers.many(12).iter().map(|&u| (1.5 * f64::from(u)).round() * 0.7131).collect();
                let given = made.run(&[&x]).unwrap_or_else(|e| panic!("{e}"));
                for (row, &found) in x.chunks_exact(4).zip(&given[0]) {
                    let sign = if least { -1.0 } else { 1.0 };
                    let first = (0..4).reduce(|a, b| if sign * row[b] > sign * row[a] { b } else { a });
                    assert_eq!(found.round() as usize, first.expect("four"), "{chip}: {row:?}");
                }
            }
        }
    }
}
