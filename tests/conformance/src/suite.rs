//! A small suite of its own, so that the classes are tested where ONNX's vectors are not at hand: tiny models with inputs and
//! expected outputs, right ones and wrong ones.

use crate::case::{Case, DataSet};
use crate::judge::{Verdict, judge};
use crate::outcome::Class;

/// A field of length-delimited content.
fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}

/// A field that holds a small whole number.
fn small(tag: u8, value: u8) -> Vec<u8> {
    vec![tag << 3, value]
}

fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

/// A tensor of 32-bit floats.
fn floats(shape: &[u8], data: &[f32]) -> Vec<u8> {
    let mut out: Vec<u8> = shape.iter().flat_map(|&d| small(1, d)).collect();
    out.extend(small(2, 1));
    out.extend(field(9, &data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()));
    out
}

/// An attribute that is a list of small whole numbers.
fn list(name: &str, values: &[u8]) -> Vec<u8> {
    let numbers: Vec<u8> = values.iter().flat_map(|&v| small(8, v)).collect();
    // The type 7 are whole numbers.
    joined(&[field(1, name.as_bytes()), numbers, vec![0xa0, 0x01, 7]])
}

/// A case of one operator: inputs and output with their shapes and numbers.
fn case(operator: &str, attributes: &[Vec<u8>], inputs: &[(&[u8], &[f32])], output: (&[u8], &[f32])) -> Case {
    let value = |name: &str, shape: &[u8]| {
        let dims: Vec<u8> = shape.iter().flat_map(|&d| field(1, &small(1, d))).collect();
        let tensor = joined(&[small(1, 1), field(2, &dims)]);
        joined(&[field(1, name.as_bytes()), field(2, &field(1, &tensor))])
    };
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("x{i}")).collect();
    let mut node: Vec<u8> = names.iter().flat_map(|name| field(1, name.as_bytes())).collect();
    node.extend(joined(&[field(2, b"y"), field(4, operator.as_bytes())]));
    attributes.iter().for_each(|attribute| node.extend(field(5, attribute)));
    let mut graph = joined(&[field(1, &node), field(2, b"suite")]);
    names.iter().zip(inputs).for_each(|(name, (shape, _))| graph.extend(field(11, &value(name, shape))));
    graph.extend(field(12, &value("y", output.0)));
    let model = joined(&[small(1, 8), field(8, &small(2, 17)), field(7, &graph)]);
    let set = DataSet {
        inputs: inputs.iter().map(|(shape, data)| Some(floats(shape, data))).collect(),
        outputs: vec![Some(floats(output.0, output.1))],
    };
    Case {
        name: format!("suite/{operator}"),
        model,
        operators: [operator.to_owned()].into(),
        inputs: names.into_iter().map(|name| (name, true)).collect(),
        outputs: vec!["y".to_owned()],
        sets: vec![set],
    }
}

/// The classes of golden model, wide chip and tianji-ann.
fn classes(case: &Case) -> (Vec<Class>, Verdict) {
    let verdict = judge(case);
    let chips = verdict.chips.iter().map(|own| own.as_ref().map_or(Class::Wrong, |own| own.class));
    (std::iter::once(verdict.golden.class).chain(chips).collect(), verdict)
}

#[test]
fn right_outputs_are_exact_or_approximate() {
    // Whole numbers: others lie off the grid of eight bits by more than is allowed.
    let x = [-3.0f32, 0.0, 2.0, -1.0, 1.0, 2.0];
    let relu: Vec<f32> = x.iter().map(|v| v.max(0.0)).collect();
    let (found, verdict) = classes(&case("Relu", &[], &[(&[6], &x)], (&[6], &relu)));
    assert_eq!(found[0], Class::Exact, "{verdict:?}");
    assert!(found[1] <= Class::Approximate && found[2] <= Class::Approximate, "{verdict:?}");
    let (a, b) = ([1.0f32, 2.0, -3.0], [4.0f32, -1.0, 2.0]);
    let sum: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    let (found, verdict) = classes(&case("Add", &[], &[(&[3], &a), (&[3], &b)], (&[3], &sum)));
    assert_eq!(found, [Class::Exact; 3], "{verdict:?}");
}

#[test]
fn a_padded_window_of_negative_numbers_is_right() {
    let x = [-4.0f32, -3.0, -2.0, -5.0];
    let attributes = [list("kernel_shape", &[3]), list("pads", &[1, 1])];
    let y = [-3.0f32, -2.0, -2.0, -2.0];
    let (found, verdict) = classes(&case("MaxPool", &attributes, &[(&[1, 1, 4], &x)], (&[1, 1, 4], &y)));
    assert_eq!(found[0], Class::Exact, "{verdict:?}");
    assert!(found[1] <= Class::Approximate, "{verdict:?}");
    assert!(found[2] <= Class::Refused, "{verdict:?}");
}

#[test]
fn a_broken_expected_output_is_wrong_everywhere() {
    let x = [-3.0f32, 0.0, 1.0, -1.0, 2.0, 1.0];
    for gap in [0.1f32, 0.015] {
        // The first is beyond 1 % of the range; the second is within it, but further off than any image can be.
        let mut y: Vec<f32> = x.iter().map(|v| v.max(0.0)).collect();
        y[4] += gap;
        let (found, verdict) = classes(&case("Relu", &[], &[(&[6], &x)], (&[6], &y)));
        assert_eq!(found[..2], [Class::Wrong; 2], "{gap}: {verdict:?}");
        assert!(gap < 0.05 || found[2] == Class::Wrong, "{gap}: {verdict:?}");
    }
    let (found, verdict) = classes(&case("Relu", &[], &[(&[6], &x)], (&[2, 3], &x)));
    assert_eq!(found, [Class::Wrong; 3], "{verdict:?}");
}

#[test]
fn what_no_chip_has_is_refused() {
    let x = [3.0f32, 1.0, 2.0];
    let (found, verdict) = classes(&case("Det", &[], &[(&[3], &x)], (&[3], &x)));
    assert_eq!(found, [Class::Refused; 3], "{verdict:?}");
    assert!(verdict.golden.detail.starts_with("SP0104"), "{verdict:?}");
    // Endless numbers can not be drawn.
    let x = [f32::INFINITY, 1.0, 2.0];
    let (found, verdict) = classes(&case("Relu", &[], &[(&[3], &x)], (&[3], &x)));
    assert_eq!(found, [Class::Exact, Class::Refused, Class::Refused], "{verdict:?}");
}

#[test]
fn values_that_are_copied_for_cores_reading_other_channels_elsewhere() {
    // Along the axis of length 4 the maximum's channel is the position's, and two cores read it: tianji-ann copies it.
    let x: Vec<f32> = (0..60).map(|i| ((i * 37 % 23) as f32 - 11.0) / 8.0).collect();
    let softmax = |row: &[f32]| -> Vec<f32> {
        let exp: Vec<f32> = row.iter().map(|v| v.exp()).collect();
        let sum: f32 = exp.iter().sum();
        exp.iter().map(|v| v / sum).collect()
    };
    let y: Vec<f32> = x.chunks(5).flat_map(softmax).collect();
    let (found, verdict) = classes(&case("Softmax", &[], &[(&[3, 4, 5], &x)], (&[3, 4, 5], &y)));
    assert_eq!(found[0], Class::Exact, "{verdict:?}");
    assert!(found[1] <= Class::Approximate, "{verdict:?}");
    let told = verdict.chips[1].as_ref().map_or("", |own| own.detail.as_str());
    // Eight bits may be too few, and that is all that may be wrong.
    assert!(found[2] <= Class::Approximate || told.starts_with("SP0313"), "{verdict:?}");
}

#[test]
fn a_row_times_a_stack_of_matrices() {
    let (x, w) = ([1.0f32, -2.0, 3.0, 0.5], [1.0f32, 0.0, 2.0, -1.0, 0.5, 1.5, -1.0, 2.0]);
    let y: Vec<f32> = w.chunks(4).map(|w| w.iter().zip(&x).map(|(w, x)| w * x).sum()).collect();
    let (found, verdict) = classes(&case("MatMul", &[], &[(&[4], &x), (&[2, 4, 1], &w)], (&[2, 1], &y)));
    assert_eq!(found[0], Class::Exact, "{verdict:?}");
    let details = verdict.chips.iter().flatten().map(|own| own.detail.as_str());
    details.for_each(|detail| assert!(!detail.contains("panic"), "{verdict:?}"));
}

#[test]
fn sums_of_small_values_keep_their_bits() {
    // The decoder's unit is as small as the format has it: outputs of a hundredth leave 16-bit weights all they need.
    let x: Vec<f32> = (0..12).map(|i| ((i * 7 % 12) as f32 - 5.5) / 2.0).collect();
    let w: Vec<f32> = (0..8).map(|i| ((i * 5 % 8) as f32 - 3.3) / 700.0).collect();
    let y: Vec<f32> = (0..6).map(|i| (0..4).map(|k| x[i / 2 * 4 + k] * w[k * 2 + i % 2]).sum()).collect();
    let (found, verdict) = classes(&case("MatMul", &[], &[(&[3, 4], &x), (&[4, 2], &w)], (&[3, 2], &y)));
    assert_eq!(found[0], Class::Exact, "{verdict:?}");
    assert!(found[1] <= Class::Approximate, "{verdict:?}");
}

#[test]
fn a_jump_is_met_exactly_where_sums_are_whole() {
    // A function that stands still but for one place: its table is as fine as the accumulator, and no finer.
    let x = [0.0f32, 1.0, 3.0, 0.0, 2.0, 1.0, 0.0];
    let y = x.map(|x| if x > 0.0 { 1.0 } else { 0.0 });
    let (found, verdict) = classes(&case("Sign", &[], &[(&[7], &x)], (&[7], &y)));
    assert_eq!(found[..2], [Class::Exact; 2], "{verdict:?}");
    // Of eight bits none stands for the middle of three values.
    assert!(found[2] <= Class::Approximate, "{verdict:?}");
}
