//! Primitives against plain loops that share no code with them.

use std::sync::Arc;

use spandrel::graph::{
    Binary, Builder, Conv, Function, Golden, NodeEngine, Op, Pool, PoolKind, Scan, ScanResult, Tensor,
    Tensor2, Window,
};

/// Numbers in -1.5 .. 1.5 without a pattern, the same every time.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 * 3.0 - 1.5
    };
    (0..count).map(|_| next()).collect()
}

/// One element of an image \[channels, height, width\], `outside` beyond its edges.
fn pixel(x: &[f32], [height, width]: [usize; 2], channel: usize, at: [isize; 2], outside: f32) -> f32 {
    let inside = (0..height as isize).contains(&at[0]) && (0..width as isize).contains(&at[1]);
    if inside { x[(channel * height + at[0] as usize) * width + at[1] as usize] } else { outside }
}

/// Strides, padding, dilation and groups all differ by axis; few outputs per group take another path than many, and
/// computed weights another than constant ones. The order of the sum is fixed, so the bits are.
#[test]
fn convolution_equals_plain_loops_bit_for_bit() {
    for (groups, channels, outputs) in [(1, 3, 5), (2, 4, 2), (4, 4, 4), (3, 6, 12)] {
        let (size, kernel, stride, dilation) =
            ([7usize, 9usize], [3usize, 2usize], [2usize, 1usize], [1usize, 3usize]);
        let (begin, end) = ([1usize, 0usize], [2usize, 1usize]);
        let per_group = channels / groups;
        let shape = vec![outputs, per_group, kernel[0], kernel[1]];
        let w = numbers(shape.iter().product(), 1);
        let bias = numbers(outputs, 2);
        let mut window = Window::new(kernel.to_vec());
        (window.strides, window.dilations) = (stride.to_vec(), dilation.to_vec());
        (window.pads_begin, window.pads_end) = (begin.to_vec(), end.to_vec());
        let positions = window.positions(&size).expect("it fits");
        let op = || Op::Conv(Conv { window: window.clone(), groups });

        let mut wanted = Vec::new();
        let x = numbers(2 * channels * size[0] * size[1], 3);
        for sample in x.chunks(channels * size[0] * size[1]) {
            for m in 0..outputs {
                for (oy, ox) in (0..positions[0]).flat_map(|y| (0..positions[1]).map(move |x| (y, x))) {
                    let mut sum = 0.0f32;
                    for c in 0..per_group {
                        for (ky, kx) in (0..kernel[0]).flat_map(|y| (0..kernel[1]).map(move |x| (y, x))) {
                            let at = [
                                (oy * stride[0] + ky * dilation[0]) as isize - begin[0] as isize,
                                (ox * stride[1] + kx * dilation[1]) as isize - begin[1] as isize,
                            ];
                            let channel = m / (outputs / groups) * per_group + c;
                            let weight = w[((m * per_group + c) * kernel[0] + ky) * kernel[1] + kx];
                            sum += pixel(sample, size, channel, at, 0.0) * weight;
                        }
                    }
                    wanted.push((sum + bias[m]).to_bits());
                }
            }
        }
        let batch = Tensor2::new(2, x.len() / 2, x).expect("samples");
        for computed in [false, true] {
            let mut b = Builder::new("x", vec![1, channels, size[0], size[1]]);
            let mut weights = b.constant("w", Tensor::new(shape.clone(), w.clone()).expect("weights"));
            if computed {
                // Zero times a sum of the input, added: the same weights, but computed.
                let axes = vec![0, 1, 2, 3];
                let kind = spandrel::graph::ReduceKind::Sum;
                let sum =
                    b.node("s", Op::Reduce { kind, axes, keepdims: false }, &[b.input()], "s").expect("sum");
                let zero = b.constant("zero", Tensor::scalar(0.0));
                let nothing = b.node("n", Op::Binary(Binary::Mul), &[sum, zero], "n").expect("zero");
                weights = b.node("w2", Op::Binary(Binary::Add), &[weights, nothing], "w2").expect("weights");
            }
            let bias = b.constant("b", Tensor::new(vec![outputs], bias.clone()).expect("a bias"));
            let y = b.node("conv", op(), &[b.input(), weights, bias], "y").expect("it fits");
            let graph = b.finish(&[y]).expect("a graph");
            let found = Golden::new(&graph).output(&batch).expect("an output");
            let found: Vec<u32> = found.data().iter().map(|v| v.to_bits()).collect();
            assert_eq!(found, wanted, "{groups} groups, computed weights: {computed}");
        }
    }
}

/// The last window hangs over the edge: padding counts or not, what lies beyond it never does.
#[test]
fn pooling_equals_plain_loops() {
    let (size, x) = ([5usize, 6usize], numbers(2 * 5 * 6, 4));
    let mut window = Window::new(vec![2, 3]);
    (window.strides, window.pads_begin, window.pads_end) = (vec![2, 2], vec![0, 1], vec![0, 1]);
    // Rounded up along the first axis.
    let output = vec![3, 3];
    let kinds = [
        PoolKind::Max,
        PoolKind::Sum,
        PoolKind::Average { count_include_pad: true },
        PoolKind::Average { count_include_pad: false },
    ];
    for kind in kinds {
        let mut b = Builder::new("x", vec![1, 2, 5, 6]);
        let pool = Pool { kind, window: window.clone(), output: output.clone() };
        let y = b.node("p", Op::Pool(pool), &[b.input()], "y").expect("it fits");
        let graph = b.finish(&[y]).expect("a graph");
        let found =
            Golden::new(&graph).output(&Tensor2::new(1, 60, x.clone()).expect("a sample")).expect("y");
        for (i, &found) in found.data().iter().enumerate() {
            let (channel, oy, ox) = (i / 9, i / 3 % 3, i % 3);
            let (mut sum, mut most, mut inside, mut padded) = (0.0f64, f32::NEG_INFINITY, 0, 0);
            for (ky, kx) in (0..2).flat_map(|y| (0..3).map(move |x| (y, x))) {
                let at = [(oy * 2 + ky) as isize, (ox * 2 + kx) as isize - 1];
                let v = pixel(&x, size, channel, at, f32::NAN);
                padded += i32::from(at[0] < 5);
                if !v.is_nan() {
                    (sum, most, inside) = (sum + f64::from(v), most.max(v), inside + 1);
                }
            }
            let wanted = match kind {
                PoolKind::Max => f64::from(most),
                PoolKind::Sum => sum,
                PoolKind::Average { count_include_pad: true } => sum / f64::from(padded),
                PoolKind::Average { count_include_pad: false } => sum / f64::from(inside),
            };
            assert!((f64::from(found) - wanted).abs() < 1e-6, "{kind:?}, element {i}: {found}, not {wanted}");
        }
    }
}

/// h = tanh(h W + x) over five steps, both results of the loop, for several samples at once.
#[test]
fn a_loop_equals_its_steps() {
    const N: usize = 3;
    let weights = numbers(N * N, 5);
    let mut body = Builder::new("h", vec![N]);
    let x = body.add_input("x", vec![N]).expect("an input");
    let w = body.constant("w", Tensor::new(vec![N, N], weights.clone()).expect("a matrix"));
    let product = body.node("product", Op::MatMul, &[body.input(), w], "p").expect("a product");
    let sum = body.node("sum", Op::Binary(Binary::Add), &[product, x], "s").expect("a sum");
    let h = body.node("tanh", Op::Map(Function::Tanh), &[sum], "t").expect("a function");
    let body = Arc::new(body.finish(&[h, product]).expect("a body"));

    let mut b = Builder::new("x", vec![5, N]);
    let start = b.constant("start", Tensor::new(vec![N], vec![0.5, -0.5, 0.25]).expect("a state"));
    let scan = |result| Op::Scan(Scan { body: body.clone(), states: 1, sequences: 1, steps: 5, result });
    let last = b.node("last", scan(ScanResult::State(0)), &[start, b.input()], "last").expect("a loop");
    let all = b.node("all", scan(ScanResult::Stacked(0)), &[start, b.input()], "all").expect("a loop");
    let graph = b.finish(&[last, all]).expect("a graph");
    assert_eq!(graph.value(graph.outputs()[1]).shape, [5, N]);

    let batch = Tensor2::new(4, 5 * N, numbers(4 * 5 * N, 6)).expect("samples");
    let found = Golden::with_threads(&graph, 2).values(&batch, &["last", "all"]).expect("values");
    for row in 0..4 {
        let mut h = [0.5f32, -0.5, 0.25];
        for step in 0..5 {
            let x = &batch.row(row)[step * N..][..N];
            let product: Vec<f32> =
                (0..N).map(|n| (0..N).fold(0.0, |sum, k| sum + h[k] * weights[k * N + n])).collect();
            assert_eq!(&found[1].row(row)[step * N..][..N], product, "sample {row}, step {step}");
            (0..N).for_each(|n| h[n] = libm::tanhf(product[n] + x[n]));
        }
        assert_eq!(found[0].row(row), h, "sample {row}");
    }
    // A sequence of another length does not fit.
    let mut b = Builder::new("x", vec![4, N]);
    let start = b.constant("start", Tensor::new(vec![N], vec![0.0; N]).expect("a state"));
    assert!(b.node("last", scan(ScanResult::State(0)), &[start, b.input()], "last").is_err());
}

/// Both operands computed, axes in front broadcast: \[2, 1, 2, 3\] times \[3, 1, 3, 2\] transposed from the input.
#[test]
fn products_of_computed_values_are_batched() {
    let mut b = Builder::new("x", vec![2, 1, 2, 3]);
    let right = b.node("v", Op::view([2, 3, 2]), &[b.input()], "v").expect("a view");
    let y = b.node("m", Op::MatMul, &[b.input(), right], "y").expect("a product");
    let graph = b.finish(&[y]).expect("a graph");
    assert_eq!(graph.value(y_of(&graph)).shape, [2, 2, 2, 2]);
    let x = numbers(12, 7);
    let found = Golden::new(&graph).output(&Tensor2::new(1, 12, x.clone()).expect("a sample")).expect("y");
    for (i, &found) in found.data().iter().enumerate() {
        let (a, c, m, n) = (i / 8, i / 4 % 2, i / 2 % 2, i % 2);
        let wanted = (0..3).fold(0.0, |sum, k| sum + x[a * 6 + m * 3 + k] * x[c * 6 + k * 2 + n]);
        assert_eq!(found.to_bits(), wanted.to_bits(), "element {i}");
    }
}

fn y_of(graph: &spandrel::graph::Graph) -> spandrel::graph::ValueId {
    graph.output()
}
