//! What the ONNX reader refuses, and that it never panics.

mod common;

use common::{
    Model, attribute_float, attribute_int, attribute_ints, every_operator, field, float, int, tensor,
};
use spandrel::diagnostic::Diagnostics;
use spandrel::graph::{Golden, NodeEngine, Tensor2};
use spandrel::import::{Options, parse_onnx, parse_onnx_with, read_onnx};

fn refused(model: &Model) -> Diagnostics {
    refused_bytes(&model.bytes())
}

fn refused_bytes(bytes: &[u8]) -> Diagnostics {
    match parse_onnx(bytes, "test.onnx") {
        Err(found) => found,
        Ok(graph) => panic!("accepted:\n{graph}"),
    }
}

/// The codes found, and a check that every place begins with the file and every part is there.
fn codes(found: &Diagnostics) -> Vec<&'static str> {
    for d in &found.0 {
        assert!(d.place.starts_with("test.onnx"), "{d:?}");
        assert!(!d.rule.is_empty() && !d.way_out.is_empty(), "{d:?}");
    }
    found.0.iter().map(|d| d.code).collect()
}

/// Exactly one diagnostic with `code`, whose text holds all of `parts`.
fn one(model: &Model, code: &str, parts: &[&str]) {
    let found = refused(model);
    assert_eq!(codes(&found), [code], "{found}");
    let text = found.to_string();
    parts.iter().for_each(|p| assert!(text.contains(p), "{p:?} is not in\n{text}"));
}

/// x [N, 2] to y through one node.
fn single(op: &str, attributes: &[Vec<u8>]) -> Model {
    Model::new(13).input("x", &[1, 2]).output("y").node(op, "only", &["x"], &["y"], attributes)
}

#[test]
fn the_common_operators_are_accepted_and_evaluated() {
    let model = every_operator();
    let graph = parse_onnx(&model.bytes(), "test.onnx").unwrap_or_else(|found| panic!("{found}"));
    // Of 20 operators Constant and Transpose are folded away, Gemm and BatchNormalization become two primitives each.
    assert_eq!(graph.nodes().len(), 20, "{graph}");
    let x = Tensor2::new(2, 6, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -1.0, 0.5, 0.25, 2.0, -2.0, 1.0]).unwrap();
    let y = Golden::new(&graph).output(&x).unwrap();
    // What onnxruntime 1.32.0 (CPU) gives for the same file and input.
    let wanted = [
        -1.242_569_7f32,
        -1.330_260_8,
        -1.642_570_5,
        -0.942_569_73,
        -1.288_154_1,
        -1.175_708_8,
        -1.732_293_4,
        -0.950_759_77,
    ];
    for (a, b) in y.data().iter().zip(wanted) {
        assert!((a - b).abs() <= 1e-6 * b.abs(), "{:?}", y.data());
    }
}

#[test]
fn the_text_form_is_stable() {
    let model = Model::new(13)
        .input("x", &[0, 2])
        .output("y")
        .floats("w", &[3, 2], &[1.0; 6])
        .floats("b", &[3], &[1.0; 3])
        .node(
            "Gemm",
            "fc",
            &["x", "w", "b"],
            &["z"],
            &[attribute_int("transB", 1), attribute_float("beta", 0.5)],
        )
        .node("Relu", "", &["z"], &["y"], &[]);
    let graph = parse_onnx(&model.bytes(), "test.onnx").unwrap_or_else(|found| panic!("{found}"));
    let wanted = r#"input "x" [1, 2]
n0 MatMul [Gemm] "fc/product" ("x" [1, 2], const "fc/product:1" [2, 3]) -> "fc/product" [1, 3]
n1 Add [Gemm] "fc" ("fc/product" [1, 3], const "fc:1" [3]) -> "z" [1, 3]
n2 Relu "Relu_1" ("z" [1, 3]) -> "y" [1, 3]
output "y" [1, 3]
"#;
    assert_eq!(graph.to_string(), wanted);
}

#[test]
fn a_weight_used_twice_is_one_constant() {
    let model = Model::new(13)
        .input("x", &[1, 2])
        .output("y")
        .floats("w", &[2], &[1.0, 2.0])
        .node("Add", "a", &["x", "w"], &["z"], &[])
        .node("Mul", "m", &["z", "w"], &["y"], &[]);
    let graph = parse_onnx(&model.bytes(), "test.onnx").unwrap_or_else(|found| panic!("{found}"));
    assert_eq!((graph.values().len(), graph.parameters()), (4, 2), "{graph}");
}

#[test]
fn what_is_not_onnx_is_named() {
    for bytes in
        [&b""[..], b"hello, world\n", b"version https://git-lfs.github.com/spec/v1\n", &[0xff; 100], &[0]]
    {
        assert_eq!(codes(&refused_bytes(bytes)), ["SP0101"], "{bytes:?}");
    }
    let found = read_onnx(std::path::Path::new("no/such/model.onnx")).unwrap_err();
    assert_eq!(found.0[0].code, "SP0001");
    assert!(found.to_string().contains("no/such/model.onnx"));
    let found = read_onnx(std::path::Path::new(".")).unwrap_err();
    assert_eq!(found.0[0].code, "SP0001");
}

#[test]
fn all_faults_come_at_once() {
    let model = Model::new(13)
        .input("x", &[1, 2])
        .output("y")
        .floats("w", &[2, 2], &[1.0, f32::NAN, f32::INFINITY, 1.0])
        .node("Foo", "a", &["x"], &["p"], &[])
        .node("Foo", "b", &["p"], &["q"], &[])
        .node("Bar", "c", &["q"], &["r"], &[])
        .node("Relu", "d", &["x"], &["s"], &[attribute_int("slope", 1)])
        .node("Relu", "e", &["missing"], &["t"], &[])
        .node("MatMul", "f", &["r", "w"], &["y"], &[]);
    let found = refused(&model);
    let mut codes = codes(&found);
    codes.sort_unstable();
    assert_eq!(codes, ["SP0104", "SP0104", "SP0106", "SP0110", "SP0111"], "{found}");
    let text = found.to_string();
    for part in [
        "nodes \"a\", \"b\"",
        "operator Foo of domain ai.onnx",
        "docs/import.md lists",
        "tensor \"w\"",
        "element [0, 1] is NaN, and 1 more",
        "\"missing\"",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn an_operator_of_another_domain_is_named() {
    let node =
        [field(1, "x"), field(2, "y"), field(3, "q"), field(4, "Relu"), field(7, "com.example")].concat();
    // Two graph fields merge, as protocol buffers prescribe.
    let rest = Model::new(13).input("x", &[1, 2]).output("y").bytes();
    let bytes = [field(7, field(1, node)), rest].concat();
    let found = refused_bytes(&bytes);
    assert_eq!(codes(&found), ["SP0104"], "{found}");
    assert!(found.to_string().contains("operator Relu of domain com.example"));
}

#[test]
fn the_interface_is_checked() {
    let relu = |m: Model| m.node("Relu", "r", &["x"], &["y"], &[]);
    one(&relu(Model::new(13).output("y").floats("x", &[1], &[1.0])), "SP0103", &["no input"]);
    one(&relu(Model::new(13).input("x", &[1, 2])), "SP0103", &["no output"]);
    one(&relu(Model::new(13).input("x", &[1, 0]).output("y")), "SP0107", &["named \"d\"", "--dim"]);
    one(&relu(Model::new(13).input("x", &[1, -3]).output("y")), "SP0107", &["-3"]);
    one(&relu(Model::new(13).input("x", &[1, i64::MAX, i64::MAX]).output("y")), "SP0115", &["2^24"]);
    one(&relu(Model::new(29).input("x", &[1, 2]).output("y")), "SP0102", &["operator set 29", "1 to 28"]);
    one(&relu(Model::new(i64::MAX).input("x", &[1, 2]).output("y")), "SP0102", &[]);
    one(&relu(Model::new(13).input("x", &[1, 2]).output("z")), "SP0111", &["output \"z\""]);
    let constant = Model::new(13).input("x", &[1, 2]).output("w").floats("w", &[1], &[1.0]);
    one(&relu(constant), "SP0103", &["does not depend on its input"]);
}

/// Only an open first dimension becomes 1; every other shape stays what the file says, and open dimensions can be given.
#[test]
fn samples_are_whole_inputs() {
    let shapes = |model: &Model, options: &Options| {
        let model = model.clone().output("y").node("Relu", "r", &["x"], &["y"], &[]);
        let graph = parse_onnx_with(&model.bytes(), "test.onnx", options).unwrap_or_else(|f| panic!("{f}"));
        let shapes = graph.inputs().iter().map(|&v| graph.value(v).shape.clone()).collect::<Vec<_>>();
        (shapes, graph.sample_len())
    };
    let none = Options::default();
    let all = Options { dims: [("d".to_owned(), 5)].into() };
    assert_eq!(shapes(&Model::new(13).input("x", &[0, 2]), &none), (vec![vec![1, 2]], 2));
    assert_eq!(shapes(&Model::new(13).input("x", &[4, 2]), &none), (vec![vec![4, 2]], 8));
    assert_eq!(shapes(&Model::new(13).input("x", &[3]), &none), (vec![vec![3]], 3));
    assert_eq!(shapes(&Model::new(13).input("x", &[0, 0]), &all), (vec![vec![5, 5]], 25));
    let two = Model::new(13).input("x", &[0, 2]).input("z", &[3]);
    assert_eq!(shapes(&two, &none), (vec![vec![1, 2], vec![3]], 5));
}

/// Two inputs lie in a sample one behind the other, and every output can be had.
#[test]
fn several_inputs_and_outputs_are_evaluated() {
    let model = Model::new(13)
        .input("a", &[0, 2])
        .input("b", &[0, 3])
        .output("p")
        .output("q")
        .node("Concat", "c", &["b", "a"], &["p"], &[attribute_int("axis", -1)])
        .node(
            "Split",
            "s",
            &["p"],
            &["q", "", "rest"],
            &[attribute_int("axis", 1), attribute_ints("split", &[1, 3, 1])],
        );
    let found = refused(&model);
    assert_eq!(codes(&found), ["SP0106"], "split is an operand since operator set 13: {found}");
    let mut model = model;
    model.opset = 11;
    let graph = parse_onnx(&model.bytes(), "test.onnx").unwrap_or_else(|found| panic!("{found}"));
    let x = Tensor2::new(2, 5, (0..10).map(|v| v as f32).collect()).unwrap();
    let found = Golden::new(&graph).values(&x, &["p", "q"]).unwrap();
    assert_eq!(found[0].row(1), [7.0, 8.0, 9.0, 5.0, 6.0]);
    assert_eq!(found[1].data(), [2.0, 7.0]);
}

#[test]
fn names_and_order_are_checked() {
    let base = || Model::new(13).input("x", &[1, 2]).output("y");
    let twice = base().node("Relu", "a", &["x"], &["y"], &[]).node("Relu", "b", &["x"], &["y"], &[]);
    one(&twice, "SP0113", &["\"y\" is defined twice", "node \"b\""]);
    let early = base().node("Relu", "a", &["p"], &["y"], &[]).node("Relu", "b", &["x"], &["p"], &[]);
    one(&early, "SP0112", &["before node \"b\" (Relu) defines it"]);
    let cycle = base()
        .floats("w", &[2], &[1.0, 2.0])
        .node("Add", "a", &["x", "q"], &["p"], &[])
        .node("Relu", "b", &["p"], &["q"], &[])
        .node("Relu", "c", &["q"], &["y"], &[]);
    one(&cycle, "SP0112", &["cycle", "node \"a\""]);
    let own = base().node("Add", "a", &["x", "y"], &["y"], &[]);
    one(&own, "SP0112", &["cycle"]);
    let tensors =
        base().floats("w", &[1], &[1.0]).floats("w", &[1], &[1.0]).node("Relu", "a", &["x"], &["y"], &[]);
    one(&tensors, "SP0113", &["tensor \"w\""]);
}

#[test]
fn tensors_must_hold_what_they_declare() {
    let with = |bytes: Vec<u8>| {
        Model::new(13).input("x", &[1, 2]).output("y").tensor(bytes).node(
            "Mul",
            "m",
            &["x", "w"],
            &["y"],
            &[],
        )
    };
    one(&with(tensor("w", &[2], 1, &[0; 7])), "SP0109", &["needs 8 bytes", "here are 7"]);
    one(&with(tensor("w", &[2], 1, &[0; 9])), "SP0109", &["needs 8 bytes", "here are 9"]);
    one(&with(tensor("w", &[2], 1, &[])), "SP0109", &["needs 2 elements, here are 0"]);
    one(&with(tensor("w", &[-2], 1, &[0; 8])), "SP0109", &["-2 is negative"]);
    one(&with(tensor("w", &[1 << 40, 1 << 40], 1, &[0; 8])), "SP0115", &["2^28"]);
    one(&with(tensor("w", &[1 << 28], 1, &[0; 8])), "SP0109", &["needs 1073741824 bytes"]);
    one(&with(tensor("w", &[2], 14, &[0; 4])), "SP0109", &["COMPLEX64", "\"w\"", "node \"m\""]);
    let location = field(13, [field(1, "location"), field(2, "weights.bin")].concat());
    one(
        &with([tensor("w", &[2], 1, &[]), location].concat()),
        "SP0114",
        &["\"weights.bin\"", "tensor \"w\""],
    );
    one(&with(tensor("w", &[0], 1, &[])), "SP0108", &["Mul"]);
}

#[test]
fn unsupported_forms_are_named() {
    one(&single("Flatten", &[attribute_int("axis", 3)]), "SP0106", &["axis is 3"]);
    one(&single("Flatten", &[attribute_float("axis", 1.0)]), "SP0106", &["not a whole number"]);
    one(&single("Softmax", &[attribute_int("axis", i64::MIN)]), "SP0106", &["axis"]);
    one(&single("Transpose", &[attribute_ints("perm", &[0, 2])]), "SP0108", &["not a permutation"]);
    one(&single("Cast", &[attribute_int("to", 8)]), "SP0106", &["STRING"]);
    one(&single("Cast", &[attribute_int("to", 1), attribute_int("to", 1)]), "SP0106", &["twice"]);
    one(&single("Gemm", &[]), "SP0105", &["2 to 3 inputs"]);
    one(&single("Constant", &[]), "SP0105", &["0 inputs"]);
    let nothing = Model::new(13)
        .input("x", &[1, 2])
        .output("y")
        .node("Constant", "c", &[], &["k"], &[])
        .node("Add", "a", &["x", "k"], &["y"], &[]);
    one(&nothing, "SP0106", &["no single value", "node \"c\""]);
    one(&single("Conv", &[]), "SP0105", &["2 to 3 inputs"]);
    one(&single("MaxPool", &[attribute_ints("kernel_shape", &[2])]), "SP0108", &["no spatial axes"]);
    let two = |op: &str, dims: &[i64], count: usize, attributes: &[Vec<u8>]| {
        Model::new(13).input("x", &[1, 2]).output("y").floats("w", dims, &vec![1.0; count]).node(
            op,
            "only",
            &["x", "w"],
            &["y"],
            attributes,
        )
    };
    one(&two("MatMul", &[3, 2], 6, &[]), "SP0108", &["2 is not 3"]);
    one(&two("MatMul", &[], 1, &[]), "SP0108", &["a number is not a matrix"]);
    one(&two("Gemm", &[2, 3], 6, &[attribute_int("transB", 1)]), "SP0108", &["2 is not 3"]);
    one(&two("Gemm", &[2, 3], 6, &[attribute_int("transA", 1)]), "SP0108", &["1 is not 2"]);
    one(&two("Gemm", &[2, 3], 6, &[attribute_float("alpha", f32::NAN)]), "SP0106", &["NaN"]);
    one(&two("Add", &[3], 3, &[]), "SP0108", &["broadcast"]);
    one(&two("Reshape", &[2], 2, &[]), "SP0105", &["whole numbers"]);
    let constant = Model::new(13).input("x", &[1, 2]).output("y").floats("w", &[1], &[0.0]).node(
        "Div",
        "only",
        &["w", "w"],
        &["y"],
        &[],
    );
    let found = refused(&constant);
    assert_eq!(codes(&found), ["SP0110"], "{found}");
}

/// Small constants that broadcast to 2^32 elements are refused before memory is taken.
#[test]
fn folding_is_bounded() {
    let ones = vec![1.0; 1 << 16];
    let model = Model::new(13)
        .input("x", &[1, 2])
        .output("y")
        .floats("a", &[1 << 16, 1], &ones)
        .floats("b", &[1, 1 << 16], &ones)
        .node("Add", "huge", &["a", "b"], &["c"], &[])
        .node("Relu", "r", &["x"], &["y"], &[]);
    one(&model, "SP0115", &["node \"huge\""]);
}

/// A file of two-byte messages would decode into some hundred times its size.
#[test]
fn a_flood_of_empty_messages_is_refused() {
    let graph: Vec<u8> = [0x0a, 0].repeat(2_000_001);
    let found = refused_bytes(&[int(1, 8), field(7, graph)].concat());
    assert_eq!(codes(&found), ["SP0115"]);
}

#[test]
fn deep_nesting_is_refused() {
    // Attribute field 6 is a graph: nest node > attribute > graph > node ...
    let mut bytes = Vec::new();
    for _ in 0..2_000 {
        bytes = field(1, field(5, field(6, bytes)));
    }
    let _ = parse_onnx(&field(7, bytes), "test.onnx");
    // A type nested in itself is read by the decoder.
    let mut bytes = float(2, 1.0);
    for _ in 0..2_000 {
        bytes = field(2, bytes);
    }
    let _ = parse_onnx(&field(7, field(11, bytes)), "test.onnx");
}
