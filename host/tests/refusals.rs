//! Ten networks that can not be compiled: each is refused completely and up front, and nothing is written.
//!
//! Completely: every offending node at once, why, and a way out; where the chip is in the way, the field of its description and the
//! value that it would need. The time of each refusal is measured and printed.

mod cli_common;
mod common;

use std::time::Instant;

use cli_common::Folder;
use common::{Model, attribute_int, attribute_ints, field, int, tensor};
use spandrel::samples::ArrayData;

/// A network and what its refusal must say.
struct Case {
    name: &'static str,
    model: Vec<u8>,
    /// Elements of a sample.
    elements: usize,
    arguments: &'static str,
    /// For every error its code and what its text holds.
    errors: &'static [(&'static str, &'static [&'static str])],
}

fn weights(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect()
}

fn base() -> Model {
    Model::new(13).input("x", &[0, 4]).output("y")
}

/// x through one dense layer after the other, each but the last with a ReLU.
fn dense(widths: &[usize]) -> Vec<u8> {
    let mut model = Model::new(13).input("x", &[0, widths[0] as i64]).output("y");
    let mut from = "x".to_owned();
    for (number, pair) in widths.windows(2).enumerate() {
        let last = number + 2 == widths.len();
        let (w, sum) = (format!("w{number}"), if last { "y".into() } else { format!("z{number}") });
        model = model.floats(&w, &[pair[0] as i64, pair[1] as i64], &weights(pair[0] * pair[1])).node(
            "MatMul",
            &format!("fc{number}"),
            &[&from, &w],
            &[&sum],
            &[],
        );
        if !last {
            let value = format!("h{number}");
            model = model.node("Relu", &format!("relu{number}"), &[&sum], &[&value], &[]);
            from = value;
        }
    }
    model.bytes()
}

/// Graph attribute `name` of one node without inputs.
fn branch(name: &str) -> Vec<u8> {
    let node = [field(2, "v"), field(4, "Constant")].concat();
    let graph = [field(1, node), field(2, name)].concat();
    [field(1, name), field(6, graph), int(20, 5)].concat()
}

fn cases() -> Vec<Case> {
    let case = |name, model, elements, arguments, errors| Case { name, model, elements, arguments, errors };
    let text =
        [field(1, "x"), field(2, field(1, [int(1, 8), field(2, field(1, int(1, 4)))].concat()))].concat();
    vec![
        case(
            "unknown operator, thrice",
            base()
                .node("Fancy", "one", &["x"], &["a"], &[])
                .node("Fancy", "two", &["a"], &["b"], &[])
                .node("Odd", "three", &["b"], &["y"], &[])
                .bytes(),
            4,
            "",
            &[
                ("SP0104", &["nodes \"one\", \"two\"", "operator Fancy", "docs/import.md"]),
                ("SP0104", &["node \"three\"", "operator Odd"]),
            ],
        ),
        case(
            "dynamic shapes",
            Model::new(13)
                .input("x", &[0, 0, -10])
                .output("y")
                .node("Relu", "r", &["x"], &["y"], &[])
                .bytes(),
            4,
            "",
            &[
                ("SP0107", &["dimension 1 is named \"d\"", "--dim d=N"]),
                ("SP0107", &["dimension 2 is named \"n10\"", "--dim n10=N"]),
            ],
        ),
        case(
            "control flow",
            base()
                .node("If", "choice", &["x"], &["a"], &[branch("then_branch"), branch("else_branch")])
                .node("Relu", "r", &["a"], &["y"], &[])
                .bytes(),
            4,
            "",
            &[("SP0105", &["node \"choice\"", "the condition is computed", "onnx-simplifier"])],
        ),
        case(
            "data-dependent sizes",
            base()
                .node("NonZero", "where", &["x"], &["a"], &[])
                .node("Relu", "r", &["a"], &["y"], &[])
                .bytes(),
            4,
            "",
            &[("SP0105", &["node \"where\"", "\"x\" is not a constant", "known in advance"])],
        ),
        case(
            "unsupported attribute",
            base().node("Cast", "cast", &["x"], &["y"], &[attribute_int("to", 8)]).bytes(),
            4,
            "",
            &[("SP0106", &["node \"cast\"", "STRING"])],
        ),
        case(
            "unsupported type",
            base()
                .tensor(tensor("w", &[4], 14, &[0; 32]))
                .node("Mul", "scale", &["x", "w"], &["y"], &[])
                .bytes(),
            4,
            "",
            &[("SP0109", &["operand \"w\"", "COMPLEX64", "node \"scale\""])],
        ),
        case(
            "an input of text",
            {
                let rest = Model::new(13).output("y").node("Relu", "r", &["x"], &["y"], &[]).bytes();
                [field(7, field(11, text)), rest].concat()
            },
            4,
            "",
            &[("SP0109", &["input \"x\"", "element type is STRING", "export"])],
        ),
        case(
            "several problems at once",
            base()
                .floats("w", &[4, 4], &[1.0, f32::NAN, 0.0, 1.0].repeat(4))
                .floats("v", &[3, 4], &weights(12))
                .node("MatMul", "poisoned", &["x", "w"], &["a"], &[])
                .node("MatMul", "crooked", &["x", "v"], &["b"], &[])
                .node("Transpose", "turned", &["x"], &["c"], &[attribute_ints("perm", &[0, 0])])
                .node("Mystery", "odd", &["x"], &["d"], &[])
                .node("Relu", "loose", &["nowhere"], &["e"], &[])
                .node("Relu", "r", &["a"], &["y"], &[])
                .bytes(),
            4,
            "",
            &[
                ("SP0104", &["\"odd\"", "Mystery"]),
                ("SP0108", &["\"crooked\""]),
                ("SP0108", &["\"turned\"", "permutation"]),
                ("SP0110", &["tensor \"w\"", "NaN", "and 3 more"]),
                ("SP0111", &["\"nowhere\""]),
            ],
        ),
        // 64 rows and 16 columns: 4 + 6 cores, two halves of a sum of 90 and one that adds them, and 60 signals that six cores read:
        // two of them on a core that copies.
        case(
            "too large for the chip",
            dense(&[40, 60, 90, 10]),
            40,
            "--chip small.toml --set encode.signals=1 --set encode.output=1 --set encode.input=1",
            &[("SP0305", &["fabric", "takes 43 cores, the chips have 6", "fabric.chips", "43 cores in all"])],
        ),
        case(
            "more copies than a core makes",
            dense(&[10, 8, 600, 4]),
            10,
            "--chip narrow.toml --set encode.signals=1 --set encode.output=1",
            &[(
                "SP0305",
                &[
                    "node \"",
                    "outputs of one core, the chip's cores have 16",
                    "fan_out.multicast",
                    "fan_out.targets",
                ],
            )],
        ),
    ]
}

/// `tianji-ann` with other values.
fn chip(changes: &[(&str, &str)]) -> String {
    let chip = spandrel::chips::find("tianji-ann").unwrap_or_else(|found| panic!("{found}"));
    let mut text = chip.to_toml();
    for (from, to) in changes {
        assert!(text.contains(from), "{from:?} in\n{text}");
        text = text.replace(from, to);
    }
    text
}

#[test]
fn ten_networks_are_refused_completely() {
    let cases = cases();
    assert_eq!(cases.len(), 10);
    let size = [("rows = 256", "rows = 64"), ("columns = 256", "columns = 16")];
    let mut faults: Vec<String> = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let folder = Folder::new(&format!("refusal{number}"));
        let small = [&size[..], &[("chips = 16384", "chips = 1")]].concat();
        folder.write("small.toml", chip(&small));
        folder.write("narrow.toml", chip(&size));
        folder.write("net.onnx", &case.model);
        let values = (0..8 * case.elements).map(|i| (i % 17) as f32 / 8.0 - 1.0).collect();
        folder.npz("x.npz", &[8, case.elements], ArrayData::F32(values));
        let before = folder.contents();
        let chip = if case.arguments.contains("--chip") { "" } else { "--chip tpu" };
        let start = Instant::now();
        let ended = folder.spandrel(&format!(
            "compile net.onnx --samples x.npz -o net.spandrel --report net.json {chip} {}",
            case.arguments
        ));
        println!("{}: {:.3} s", case.name, start.elapsed().as_secs_f64());
        let mut wrong = |what: String| faults.push(format!("{}: {what}\n{}", case.name, ended.err));
        if ended.code != 2 {
            wrong(format!("ended with {}", ended.code));
        }
        if folder.contents() != before {
            wrong("files were left".into());
        }
        // One block a diagnostic.
        let mut blocks: Vec<&str> = ended.err.split("error[").skip(1).collect();
        for (code, parts) in case.errors {
            let holds =
                |block: &&str| block.starts_with(code) && parts.iter().all(|part| block.contains(part));
            match blocks.iter().position(holds) {
                Some(at) if blocks[at].contains("help:") => drop(blocks.remove(at)),
                Some(_) => wrong(format!("no way out beside {code}")),
                None => wrong(format!("no {code} with {parts:?}")),
            }
        }
        if !blocks.is_empty() {
            wrong(format!("{} more errors", blocks.len()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
