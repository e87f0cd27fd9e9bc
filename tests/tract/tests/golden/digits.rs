//! The digits perceptron of the examples, on all its test images.

use std::path::Path;

use spandrel::graph::{Golden, NodeEngine, Tensor2};
use spandrel::import::parse_onnx;
use spandrel::samples::{ArrayData, read_named};
use spandrel_tract_oracle::compare::compare;

#[test]
fn probabilities_of_all_test_images_equal_those_of_tract() {
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/digits");
    let file = std::fs::read(digits.join("digits_mlp.onnx")).expect("the model");
    let images = read_named(&digits.join("test.npz"), "x").expect("the test images");
    assert_eq!(images.shape, [500, 8, 8]);
    let ArrayData::U8(pixels) = images.data else { panic!("the pixels are not bytes") };
    let input: Vec<f32> = pixels.iter().map(|&p| f32::from(p)).collect();

    let found = compare(&file, &input, true).unwrap_or_else(|e| panic!("{e}"));
    println!("{found:?}");
    assert!(!found.not_optimised, "tract did not optimise the model");
    assert!(found.elements >= 2 * 5_000, "{found:?}");
    assert!(found.output <= 1e-5, "probabilities differ by {:e}", found.output);

    // That they are probabilities of these images: as many classes are right as the example states.
    let ArrayData::U8(labels) = read_named(&digits.join("test.npz"), "y").expect("the labels").data else {
        panic!("the labels are not bytes")
    };
    let graph = parse_onnx(&file, "digits_mlp.onnx").expect("a graph");
    let y = Golden::new(&graph).output(&Tensor2::new(500, 64, input).expect("a batch")).expect("an output");
    let right = y.argmax().iter().zip(&labels).filter(|&(&a, &b)| a == u32::from(b)).count();
    assert_eq!(right, 491);
}
