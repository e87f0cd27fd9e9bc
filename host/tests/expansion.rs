//! Full expansion: transmission core-ops where the chip has no multicast, no cores for zeros, and what all of it costs.

mod pipeline_common;

use std::path::{Path, PathBuf};

use pipeline_common::cases::Draw;
use pipeline_common::onnx::{Model, npy};
use pipeline_common::{compile_guarded, folder, request};
use spandrel::compile::Compiled;
use spandrel::diagnostic::Diagnostics;
use spandrel::encode::Role;
use spandrel::expand::OpLine;
use spandrel::verify::check_mapping;
use spandrel_core::image::Image;

/// One signal a value, so that counts can be told beforehand.
const PLAIN: [&str; 3] = ["encode.signals=1", "encode.output=1", "encode.input=1"];

fn compiled(
    folder: &Path,
    net: &[u8],
    inputs: usize,
    chip: &str,
    set: &[&str],
) -> Result<Compiled, Diagnostics> {
    let write = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let data: Vec<u8> = (0..48 * inputs).map(|i| (i * 37 % 251) as u8).collect();
    let (model, samples) = (write("net.onnx", net), write("x.npy", &npy("|u1", &[48, inputs], &data)));
    let set = [&PLAIN[..], set].concat();
    compile_guarded(&request(&model, chip, &samples, 48, &set)).unwrap_or_else(|error| panic!("{error}"))
}

fn made(name: &str, net: &[u8], inputs: usize, chip: &str, set: &[&str]) -> Compiled {
    compiled(&folder(name), net, inputs, chip, set).unwrap_or_else(|found| panic!("{name}: {found}"))
}

/// Dense layers with ReLUs between them.
fn layers(widths: &[usize]) -> Vec<u8> {
    let mut draw = Draw::new(11);
    let mut model = Model::new(widths[0]);
    for (number, pair) in widths.windows(2).enumerate() {
        let w: Vec<f32> = (0..pair[0] * pair[1]).map(|_| draw.signed()).collect();
        let b: Vec<f32> = (0..pair[1]).map(|_| 0.2 * draw.signed()).collect();
        model.dense(pair[0], &w, Some(&b), true);
        if number + 2 < widths.len() {
            model.node("Relu", &[], &[]);
        }
    }
    model.bytes(widths[widths.len() - 1])
}

/// Built-in chip `name` with `from` replaced by `to` in its text, as a file.
fn changed(folder: &Path, name: &str, from: &str, to: &str) -> String {
    let text = spandrel::chips::find(name).unwrap_or_else(|found| panic!("{found}")).to_toml();
    assert!(text.contains(from), "{from:?} in\n{text}");
    let path = folder.join("chip.toml");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    path.display().to_string()
}

/// Cores of transmission nodes, and the copies that they make.
fn transmission(compiled: &Compiled) -> (usize, usize) {
    let graph = &compiled.coded;
    let copying =
        graph.ops.iter().filter(|op| matches!(graph.encoded.nodes[op.node].role, Role::Transmission { .. }));
    copying.fold((0, 0), |(cores, copies), op| (cores + op.parts.len(), copies + op.columns.len()))
}

/// 30 hidden values that three cores of 256 outputs read: 90 copies on one core, and none where one send reaches all three.
#[test]
fn a_chip_without_multicast_gets_as_many_copies_as_it_needs() {
    let net = layers(&[20, 30, 700]);
    let with = made("copies", &net, 20, "tianji-ann", &[]);
    assert_eq!(transmission(&with), (1, 90), "{:?}", with.report.remarks);
    let costs = &with.report.costs;
    assert_eq!((costs.computation, costs.reduce, costs.transmission), (1 + 3, 0, 1));
    assert_eq!(costs.invocations, 5);
    assert!(
        with.report.remarks.iter().any(|text| text.contains("90 copies of signals")),
        "{:?}",
        with.report.remarks
    );
    // Copies carry the very codes: nothing changes but the cores.
    let without = made("no-copies", &net, 20, "tianji-ann", &["expand.transmission=off"]);
    assert_eq!(transmission(&without), (0, 0));
    assert_eq!(with.report.output_digest, without.report.output_digest);
    assert_eq!(with.report.cores, without.report.cores + 1);

    assert_eq!(transmission(&made("multicast", &net, 20, "tpu", &[])), (0, 0));
    let folder = folder("two-targets");
    let two = changed(&folder, "tianji-ann", "targets = 1", "targets = 2");
    // Three readers, two a copy: two copies of each.
    assert_eq!(transmission(&compiled(&folder, &net, 20, &two, &[]).unwrap()), (1, 60));
    let three = changed(&folder, "tianji-ann", "targets = 1", "targets = 3");
    assert_eq!(transmission(&compiled(&folder, &net, 20, &three, &[]).unwrap()), (0, 0));
}

/// A chip with a multiplier in its periphery copies exactly too; several signals a value are copied each.
#[test]
fn copies_are_exact_on_other_cores() {
    let net = layers(&[20, 30, 40, 600]);
    let folder = folder("multiplier");
    let chip = changed(&folder, "tpu", "multicast = true", "multicast = false");
    let text = std::fs::read_to_string(&chip).unwrap().replace("targets = \"unlimited\"", "targets = 1");
    std::fs::write(&chip, text).unwrap();
    for set in [&["encode.signals=1"][..], &["encode.signals=3"]] {
        let with = compiled(&folder, &net, 20, &chip, set).unwrap();
        assert!(transmission(&with).1 > 0);
        let off = [set, &["expand.transmission=off"]].concat();
        let without = compiled(&folder, &net, 20, &chip, &off).unwrap();
        assert_eq!(with.report.output_digest, without.report.output_digest, "{set:?}");
    }
}

/// The mapping checker counts the cores that a signal reaches: two core-ops that take the same copy are found out.
#[test]
fn the_mapping_checker_sees_a_signal_that_reaches_too_far() {
    let net = layers(&[20, 30, 700]);
    let off = made("counted", &net, 20, "tianji-ann", &["expand.transmission=off"]);
    let image = Image::parse(&off.image).unwrap();
    let mut graph = off.coded.clone();
    assert!(check_mapping(&graph, &image).evidence.holds());
    graph.encoded.targets = Some(1);
    let evidence = check_mapping(&graph, &image).evidence;
    assert!(!evidence.holds());
    assert!(
        evidence.failures.iter().any(|failure| failure.to_string().contains("reaches")),
        "{:?}",
        evidence.failures
    );
    graph.encoded.targets = Some(3);
    assert!(check_mapping(&graph, &image).evidence.holds());
}

/// Three blocks of 200 x 200 on the diagonal of a matrix of 600 x 600: the blocks beside them are zero and take no cores.
#[test]
fn blocks_of_zeros_are_no_cores() {
    let mut draw = Draw::new(3);
    let mut net = |dense: bool| {
        let weight = |at: usize, value: f32| {
            let (row, column) = (at / 600, at % 600);
            if dense || row / 200 == column / 200 { value } else { 0.0 }
        };
        let w: Vec<f32> = (0..600 * 600).map(|at| weight(at, draw.signed())).collect();
        let v: Vec<f32> = (0..600 * 4).map(|_| draw.signed()).collect();
        let mut model = Model::new(600);
        model.dense(600, &w, None, true).node("Relu", &[], &[]).dense(600, &v, None, true);
        model.bytes(4)
    };
    let full = made("dense", &net(true), 600, "tpu", &[]);
    let blocks = made("blocks", &net(false), 600, "tpu", &[]);
    // Of 3 x 3 arrays: columns 0 to 255 read 400 rows, 256 to 511 read 400, the others 200.
    assert_eq!(full.report.cores, 9 + 3);
    assert_eq!(blocks.report.cores, 2 + 2 + 1 + 3);
    let graph = &blocks.coded;
    let read: usize = graph.ops.iter().filter(|op| op.node == 0).map(|op| op.lines.len()).sum();
    assert_eq!(read, 400 + 400 + 200);
    let unread = |own: &OpLine| own.line.column >= 400;
    assert!(!graph.ops[0].lines.iter().any(unread));
}

/// Figures of the description come back as sums; absent ones are absent.
#[test]
fn costs_are_what_the_description_says() {
    let net = layers(&[20, 30, 700]);
    let folder = folder("costs");
    let chip = changed(&folder, "tianji-ann", "reference = ", "reference = ");
    let text = std::fs::read_to_string(&chip).unwrap();
    std::fs::write(&chip, format!("{text}\n[cost]\narea_um2 = 1000.0\nenergy_pj = 2.5\n")).unwrap();
    let costs = compiled(&folder, &net, 20, &chip, &[]).unwrap().report.costs;
    assert_eq!(costs.area_um2, Some(5.0 * 1000.0));
    assert_eq!(costs.energy_pj, Some(5.0 * 2.5));
    assert_eq!(costs.latency_ns, None);
    let each: Vec<_> = costs.nodes.iter().map(|node| (node.role, node.cores, node.energy_pj)).collect();
    assert_eq!(
        each,
        [("computation", 1, Some(2.5)), ("transmission", 1, Some(2.5)), ("computation", 3, Some(7.5))]
    );
    let json = serde_json::to_string(&costs).unwrap();
    assert!(json.contains("\"area_um2\":5000.0") && !json.contains("latency_ns"), "{json}");
    let none = made("no-costs", &net, 20, "tianji-ann", &[]).report.costs;
    assert_eq!((none.area_um2, none.energy_pj, none.latency_ns), (None, None, None));
    assert_eq!(none.figures(), None);
}
