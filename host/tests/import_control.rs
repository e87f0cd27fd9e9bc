//! Sorting, control flow whose course is known, and rearrangements by constants.

mod common;

use common::{Model, attribute_graph, attribute_int, attribute_ints, tensor};
use spandrel::graph::{Golden, NodeEngine, Tensor2};
use spandrel::import::parse_onnx;

fn values(model: &Model, input: &[f32], names: &[&str]) -> Vec<Vec<f32>> {
    let graph = parse_onnx(&model.bytes(), "m").unwrap_or_else(|found| panic!("{found}"));
    let input = Tensor2::new(1, input.len(), input.to_vec()).unwrap();
    let found = Golden::new(&graph).values(&input, names).unwrap_or_else(|found| panic!("{found}"));
    found.iter().map(|tensor| tensor.data().to_vec()).collect()
}

fn refused(model: &Model, code: &str, says: &str) {
    let found = parse_onnx(&model.bytes(), "m").expect_err(says);
    assert!(found.0[0].code == code && found.to_string().contains(says), "{found}");
}

#[test]
fn the_first_of_an_order() {
    let x = [3.0, 1.0, 3.0, -2.0, 7.0, 5.0, 0.0, 5.0, 5.0, -1.0, 9.0, 9.0];
    for largest in [true, false] {
        for (axis, k) in [(1, 3), (0, 2), (-1, 4)] {
            let model = Model::new(11)
                .input("x", &[3, 4])
                .ints("k", &[k])
                .node(
                    "TopK",
                    "t",
                    &["x", "k"],
                    &["v", "i"],
                    &[attribute_int("axis", axis), attribute_int("largest", i64::from(largest))],
                )
                .output("v")
                .output("i");
            let found = values(&model, &x, &["v", "i"]);
            let (rows, columns, along) = if axis == 0 { (4, 3, 4) } else { (3, 4, 1) };
            for row in 0..rows {
                let at = |i: usize| if axis == 0 { x[i * 4 + row] } else { x[row * 4 + i] };
                let mut order: Vec<usize> = (0..columns).collect();
                // A stable sort keeps the lower index first.
                order.sort_by(
                    |&a, &b| if largest { at(b).total_cmp(&at(a)) } else { at(a).total_cmp(&at(b)) },
                );
                for (place, &from) in order.iter().take(k as usize).enumerate() {
                    let to = if axis == 0 { place * along + row } else { row * k as usize + place };
                    assert_eq!(found[0][to], at(from), "axis {axis}");
                    assert_eq!(found[1][to], from as f32, "axis {axis}");
                }
            }
        }
    }
    let model =
        Model::new(11).input("x", &[3, 4]).ints("k", &[5]).node("TopK", "t", &["x", "k"], &["v"], &[]);
    refused(&model.output("v"), "SP0108", "[5] first of 4");
}

/// A branch: x plus or minus a constant of its own.
fn arm(op: &str) -> Model {
    Model::new(13).floats("c", &[2], &[1.0, 10.0]).node(op, "n", &["x", "c"], &["r"], &[]).output("r")
}

#[test]
fn the_branch_of_a_constant_condition_is_taken() {
    for (truth, wanted) in [(1, [6.0, 16.0]), (0, [4.0, -4.0])] {
        let branches =
            [attribute_graph("then_branch", &arm("Add")), attribute_graph("else_branch", &arm("Sub"))];
        let model = Model::new(13)
            .input("x", &[2])
            .tensor(tensor("truth", &[], 9, &[truth]))
            .node("If", "choice", &["truth"], &["y"], &branches)
            .node("Relu", "after", &["y"], &["z"], &[])
            .output("z");
        assert_eq!(values(&model, &[5.0, 6.0], &["z"])[0], wanted.map(|v: f32| v.max(0.0)));
    }
    let branches = [attribute_graph("then_branch", &arm("Add")), attribute_graph("else_branch", &arm("Sub"))];
    let model = Model::new(13).input("x", &[2]).node("If", "choice", &["x"], &["y"], &branches).output("y");
    refused(&model, "SP0105", "condition is computed");
    let gone = [attribute_graph("then_branch", &arm("Gone")), attribute_graph("else_branch", &arm("Sub"))];
    let model = Model::new(13).input("x", &[2]).tensor(tensor("truth", &[], 9, &[1]));
    refused(&model.node("If", "choice", &["truth"], &["y"], &gone).output("y"), "SP0104", "Gone");
}

/// A loop of `turns`: the state is multiplied by w and the turn's number is added; each turn yields its state.
fn looping(turns: i64, condition: &str, body: &Model) -> Model {
    Model::new(13)
        .input("x", &[2])
        .floats("w", &[2], &[2.0, 0.5])
        .tensor(tensor("m", &[], 7, &turns.to_le_bytes()))
        .tensor(tensor("truth", &[], 9, &[1]))
        .node("Loop", "loop", &["m", condition, "x"], &["last", "all"], &[attribute_graph("body", body)])
        .output("last")
        .output("all")
}

fn body(condition: &str) -> Model {
    Model::new(13)
        .input("number", &[])
        .input("go", &[])
        .input("state", &[2])
        .node("Identity", "on", &["go"], &["goes"], &[])
        .node("Mul", "times", &["state", "w"], &["scaled"], &[])
        .node("Cast", "real", &["number"], &["n"], &[attribute_int("to", 1)])
        .node("Add", "plus", &["scaled", "n"], &["new"], &[])
        .node("Less", "small", &["n", "n"], &["less"], &[])
        .node("Identity", "copy", &["new"], &["seen"], &[])
        .output(condition)
        .output("new")
        .output("seen")
}

#[test]
fn loops_of_known_length_run_their_turns() {
    for condition in ["", "truth"] {
        let found = values(&looping(3, condition, &body("goes")), &[1.0, 8.0], &["last", "all"]);
        // Turn 0: [2, 4]; turn 1: [5, 3]; turn 2: [12, 3.5].
        assert_eq!(found[0], [12.0, 3.5]);
        assert_eq!(found[1], [2.0, 4.0, 5.0, 3.0, 12.0, 3.5]);
    }
    refused(&looping(3, "truth", &body("less")), "SP0105", "computes whether the loop goes on");
    refused(&looping(i64::MAX, "truth", &body("goes")), "SP0115", "turns");
    refused(&looping(0, "truth", &body("goes")), "SP0105", "without turns");
    let open = looping(3, "x", &body("goes"));
    refused(&open, "SP0105", "condition");
}

#[test]
fn rearrangements_by_constants() {
    let x: Vec<f32> = (0..12).map(|v| v as f32).collect();
    let lens: Vec<u8> = [2i64, 4, 1].iter().flat_map(|v| v.to_le_bytes()).collect();
    let model = Model::new(13)
        .input("x", &[3, 4])
        .tensor(tensor("lens", &[3], 7, &lens))
        .node(
            "ReverseSequence",
            "r",
            &["x", "lens"],
            &["y"],
            &[attribute_int("batch_axis", 0), attribute_int("time_axis", 1)],
        )
        .output("y");
    let wanted = [1.0, 0.0, 2.0, 3.0, 7.0, 6.0, 5.0, 4.0, 8.0, 9.0, 10.0, 11.0];
    assert_eq!(values(&model, &x, &["y"])[0], wanted);

    let model = Model::new(18)
        .input("x", &[3, 4])
        .ints("shape", &[1, 7])
        .node("CenterCropPad", "c", &["x", "shape"], &["y"], &[])
        .output("y");
    assert_eq!(values(&model, &x, &["y"])[0], [0.0, 4.0, 5.0, 6.0, 7.0, 0.0, 0.0]);

    let chosen = Model::new(13).input("x", &[3, 4]).tensor(tensor("c", &[4], 9, &[1, 0, 0, 1]));
    let model = chosen.clone().node("Compress", "c", &["x", "c"], &["y"], &[attribute_int("axis", 1)]);
    assert_eq!(values(&model.output("y"), &x, &["y"])[0], [0.0, 3.0, 4.0, 7.0, 8.0, 11.0]);
    let model = chosen.node("Compress", "c", &["x", "c"], &["y"], &[]);
    assert_eq!(values(&model.output("y"), &x, &["y"])[0], [0.0, 3.0]);

    // The positions of a constant's numbers address the operand.
    let model = Model::new(13)
        .input("x", &[3, 4])
        .floats("mask", &[3, 4], &[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, -1.0, 0.0])
        .node("NonZero", "n", &["mask"], &["places"], &[])
        .node("Transpose", "t", &["places"], &["rows"], &[attribute_ints("perm", &[1, 0])])
        .node("GatherND", "g", &["x", "rows"], &["y"], &[])
        .output("y");
    assert_eq!(values(&model, &x, &["y"])[0], [1.0, 7.0, 10.0]);

    for (op, wanted) in [("HannWindow", [0.0, 0.5, 1.0, 0.5]), ("BlackmanWindow", [0.0, 0.34, 1.0, 0.34])] {
        let model = Model::new(17)
            .input("x", &[3, 4])
            .tensor(tensor("n", &[], 7, &4i64.to_le_bytes()))
            .node(op, "w", &["n"], &["w"], &[])
            .node("Mul", "m", &["x", "w"], &["y"], &[])
            .output("y");
        for (at, y) in values(&model, &x, &["y"])[0].iter().enumerate() {
            assert!((y - x[at] * wanted[at % 4]).abs() < 1e-5, "{op} {at}: {y}");
        }
    }
}
