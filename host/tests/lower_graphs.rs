//! Graph reform of convolutions, poolings, rearrangements and what is folded into them, against the golden model.

mod lower_common;

use lower_common::{Net, agree, no_tables};
use spandrel::graph::{Binary, Function, Op, PoolKind, Select, Window};

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
