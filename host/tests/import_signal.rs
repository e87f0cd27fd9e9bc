//! Fourier transforms and Col2Im against their sums.

mod common;

use common::{Model, attribute_int, attribute_ints, tensor};
use spandrel::graph::{Golden, NodeEngine, Tensor2};
use spandrel::import::parse_onnx;
use spandrel::numeric::Random;

fn random(count: usize) -> Vec<f32> {
    let mut random = Random::new(5, 1);
    (0..count).map(|_| random.unit() as f32 * 2.0 - 1.0).collect()
}

fn check(what: &str, model: &Model, input: &[f32], wanted: &[f64]) {
    let graph = parse_onnx(&model.bytes(), what).unwrap_or_else(|found| panic!("{what}: {found}"));
    let input = Tensor2::new(1, input.len(), input.to_vec()).unwrap();
    let found = Golden::new(&graph).output(&input).unwrap_or_else(|found| panic!("{what}: {found}"));
    assert_eq!(found.data().len(), wanted.len(), "{what}");
    for (at, (found, wanted)) in found.data().iter().zip(wanted).enumerate() {
        assert!((f64::from(*found) - wanted).abs() < 1e-5, "{what}[{at}]: {found}, not {wanted}");
    }
}

fn number(name: &str, value: i64) -> Vec<u8> {
    tensor(name, &[], 7, &value.to_le_bytes())
}

/// The transform of pairs, number by number.
fn dft(x: &[(f64, f64)], length: usize, wanted: usize, inverse: bool) -> Vec<(f64, f64)> {
    let pair = |k: usize| {
        let (mut re, mut im) = (0.0, 0.0);
        for n in 0..length {
            let (a, b) = x.get(n).copied().unwrap_or((0.0, 0.0));
            let angle = 2.0 * std::f64::consts::PI * (n * k) as f64 / length as f64;
            let angle = if inverse { angle } else { -angle };
            re += a * angle.cos() - b * angle.sin();
            im += a * angle.sin() + b * angle.cos();
        }
        if inverse { (re / length as f64, im / length as f64) } else { (re, im) }
    };
    (0..wanted).map(pair).collect()
}

#[test]
fn transforms_along_every_axis() {
    // [2, 5, 3, parts], along axis 1 (or 2 with another axis order), with every length.
    for parts in [1, 2] {
        for (axis, size) in [(1usize, 5usize), (2, 3)] {
            for (length, inverse, onesided) in [
                (size, false, false),
                (size + 2, false, false),
                (2, false, false),
                (size, true, false),
                (size, false, true),
            ] {
                if onesided && parts == 2 {
                    continue;
                }
                let x = random(30 * parts);
                let wanted = if onesided { length / 2 + 1 } else { length };
                let mut shape = [2, 5, 3];
                shape[axis] = wanted;
                let mut expected = vec![0.0; shape.iter().product::<usize>() * 2];
                let other = if axis == 1 { 2 } else { 1 };
                for first in 0..2 {
                    for rest in 0..[2, 5, 3][other] {
                        let place = |k: usize| if axis == 1 { (k, rest) } else { (rest, k) };
                        let line: Vec<(f64, f64)> = (0..size)
                            .map(|k| {
                                let (a, b) = place(k);
                                let at = ((first * 5 + a) * 3 + b) * parts;
                                (f64::from(x[at]), if parts == 2 { f64::from(x[at + 1]) } else { 0.0 })
                            })
                            .collect();
                        for (k, (re, im)) in dft(&line, length, wanted, inverse).into_iter().enumerate() {
                            let (a, b) = place(k);
                            let at = ((first * shape[1] + a) * shape[2] + b) * 2;
                            (expected[at], expected[at + 1]) = (re, im);
                        }
                    }
                }
                let flags = [
                    attribute_int("inverse", i64::from(inverse)),
                    attribute_int("onesided", i64::from(onesided)),
                ];
                let newer = Model::new(20)
                    .input("x", &[2, 5, 3, parts as i64])
                    .tensor(number("length", length as i64))
                    .tensor(number("axis", axis as i64))
                    .node("DFT", "f", &["x", "length", "axis"], &["y"], &flags)
                    .output("y");
                let what = format!("parts {parts} axis {axis} length {length} {inverse} {onesided}");
                check(&what, &newer, &x, &expected);
                let older = Model::new(17)
                    .input("x", &[2, 5, 3, parts as i64])
                    .tensor(number("length", length as i64))
                    .node(
                        "DFT",
                        "f",
                        &["x", "length"],
                        &["y"],
                        &[&flags[..], &[attribute_int("axis", axis as i64)]].concat(),
                    )
                    .output("y");
                check(&what, &older, &x, &expected);
            }
        }
    }
}

#[test]
fn short_time_transforms() {
    let (x, window) = (random(20), [0.5f32, 1.0, 0.75, 0.25]);
    for (onesided, wanted) in [(1, 3), (0, 4)] {
        let mut expected = Vec::new();
        for signal in 0..2 {
            for frame in 0..3 {
                let line: Vec<(f64, f64)> = (0..4)
                    .map(|k| (f64::from(x[signal * 10 + frame * 3 + k]) * f64::from(window[k]), 0.0))
                    .collect();
                dft(&line, 4, wanted, false).into_iter().for_each(|(re, im)| expected.extend([re, im]));
            }
        }
        let model = Model::new(17)
            .input("x", &[2, 10, 1])
            .tensor(number("step", 3))
            .floats("window", &[4], &window)
            .node("STFT", "f", &["x", "step", "window"], &["y"], &[attribute_int("onesided", onesided)])
            .output("y");
        check("STFT", &model, &x, &expected);
    }
}

#[test]
fn windows_are_added_where_they_came_from() {
    // Blocks of 2 x 2 with dilation 2 in rows, stride 2 in columns, padding above and left: 3 x 2 positions of a 4 x 4 image.
    let (rows, columns) = (3usize, 2usize);
    let x = random(2 * 4 * rows * columns);
    let mut expected = vec![0.0; 2 * 16];
    for channel in 0..2 {
        for tap in 0..4 {
            for place in 0..rows * columns {
                let row = (place / columns + tap / 2 * 2) as isize - 1;
                let column = (place % columns * 2 + tap % 2) as isize;
                if (0..4).contains(&row) && (0..4).contains(&column) {
                    let value = f64::from(x[(channel * 4 + tap) * rows * columns + place]);
                    expected[channel * 16 + row as usize * 4 + column as usize] += value;
                }
            }
        }
    }
    let model = Model::new(18)
        .input("x", &[1, 8, 6])
        .ints("image", &[4, 4])
        .ints("block", &[2, 2])
        .node(
            "Col2Im",
            "c",
            &["x", "image", "block"],
            &["y"],
            &[
                attribute_ints("dilations", &[2, 1]),
                attribute_ints("strides", &[1, 2]),
                attribute_ints("pads", &[1, 0, 0, 0]),
            ],
        )
        .output("y");
    check("Col2Im", &model, &x, &expected);
}
