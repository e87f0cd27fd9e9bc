//! Sweeps through the command: what the table holds, what a sweep that is taken up again computes, what is refused.

mod cli_common;

use cli_common::{Folder, digits, same_as_golden};
use serde_json::Value;

/// A sweep of the digits example over two fields at once and a setting; one of the three values is no chip.
const ARGUMENTS: &str = "sweep digits_mlp.onnx --chip tianji-ann --samples train.npz --test test.npz --calibration-count 64 \
    --scale 1 -o table.json --vary mac.input_bits+mac.output_bits=";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    for name in ["digits_mlp.onnx", "train.npz", "test.npz"] {
        std::fs::copy(digits(name), folder.path(name)).expect("the example is there");
    }
    folder
}

fn swept(folder: &Folder, more: &str) -> (String, Value) {
    let ended = folder.spandrel(&format!("{ARGUMENTS}{more}"));
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{more}");
    let text = std::fs::read_to_string(folder.path("table.json")).expect("the table was written");
    (ended.out, serde_json::from_str(&text).expect("the table is JSON"))
}

/// The table without the only figure that may differ.
fn timeless(mut table: Value) -> Value {
    for cell in table["cells"].as_array_mut().expect("cells") {
        if let Some(figures) = cell["outcome"].get_mut("figures") {
            assert!(figures["seconds"].take().as_f64().is_some_and(|seconds| seconds >= 0.0));
        }
    }
    table
}

#[test]
fn a_sweep_is_the_product_of_all_values_and_each_cell_is_a_compilation() {
    let folder = folder("sweep-product");
    let (out, table) = swept(&folder, "4,99,8 --vary tune=nearest,full --csv t.csv --svg t.svg");
    let cells = table["cells"].as_array().unwrap();
    let values: Vec<String> = cells.iter().map(|cell| cell["values"].to_string()).collect();
    let wanted = ["4 nearest", "4 full", "99 nearest", "99 full", "8 nearest", "8 full"];
    assert_eq!(values, wanted.map(|pair| format!("[\"{}\"]", pair.replace(' ', "\",\""))));
    for (cell, wanted) in cells.iter().zip(wanted) {
        let (bits, tune) = wanted.split_once(' ').unwrap();
        if bits == "99" {
            assert_eq!(cell["outcome"]["refused"]["code"], "SP0411");
            assert!(
                cell["outcome"]["refused"]["rule"].as_str().unwrap().starts_with("mac.input_bits = 99: ")
            );
            continue;
        }
        // The same chip as a file, compiled by the other verb.
        let mut chip = spandrel_hwdesc::builtin("tianji-ann").unwrap().to_toml();
        for field in ["input_bits", "output_bits"] {
            assert!(chip.contains(&format!("{field} = 8\n")));
            chip = chip.replace(&format!("{field} = 8\n"), &format!("{field} = {bits}\n"));
        }
        folder.write("chip.toml", chip);
        let ended = folder.spandrel(&format!(
            "compile digits_mlp.onnx --chip chip.toml --samples train.npz --test test.npz --calibration-count 64 --scale 1 \
             --set tune={tune} -o x.spandrel --json"
        ));
        let report = ended.json();
        let figures = &cell["outcome"]["figures"];
        for name in ["cores", "samples", "work"] {
            assert_eq!(figures[name], report[name], "{wanted}: {name}");
        }
        for name in ["accuracy", "golden_accuracy", "agreement"] {
            let close = (figures[name].as_f64().unwrap() - report[name].as_f64().unwrap()).abs() < 1e-6;
            assert!(close, "{wanted}: {name}: {} {}", figures[name], report[name]);
        }
        let figure = |name: &str| figures[name].as_f64().unwrap();
        assert!(
            figure("agreement_low") < figure("agreement") && figure("agreement") <= figure("agreement_high")
        );
        assert_eq!(figures["ram_words"].as_u64().unwrap() * 4, report["ram_bytes"].as_u64().unwrap());
        let nodes = report["nodes"].as_array().unwrap();
        let ratios: Vec<f64> = nodes.iter().filter_map(|node| node["snr_db"].as_f64()).collect();
        let worst = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        assert!((figure("worst_snr_db") - worst).abs() < 0.006);
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        assert!((figure("mean_snr_db") - mean).abs() < 0.006);
    }
    let header: Vec<&str> =
        out.lines().next().unwrap().split("  ").filter(|name| !name.is_empty()).map(str::trim).collect();
    assert_eq!(header[..4], ["mac.input_bits+mac.output_bits", "tune", "agreement", "at least"], "{out}");
    assert_eq!(
        out.lines()
            .filter(|line| line.contains("SP0411: tianji-ann (changed): mac.input_bits = 99: "))
            .count(),
        2
    );
    assert!(out.ends_with("6 cells, 2 refused, 0 known before\ntable.json\nt.csv\nt.svg\n"), "{out}");
    let csv = std::fs::read_to_string(folder.path("t.csv")).unwrap();
    assert_eq!(csv.lines().count(), 7);
    assert!(csv.starts_with("mac.input_bits+mac.output_bits,tune,accuracy,"), "{csv}");
    assert_eq!(
        csv.lines().next().unwrap().split(',').count(),
        csv.lines().nth(1).unwrap().split(',').count()
    );
    let svg = std::fs::read_to_string(folder.path("t.svg")).unwrap();
    // A mark a cell that was measured, and one for each of the two lines in the legend.
    assert_eq!(svg.matches("<circle").count(), 4 + 2, "{svg}");
    assert!(svg.contains("mac.input_bits+mac.output_bits = 4") && svg.contains("6 cells, 2 refused"));
}

#[test]
fn a_sweep_taken_up_again_computes_only_what_is_missing() {
    let (whole, parts) = (folder("sweep-whole"), folder("sweep-parts"));
    let (_, wanted) = swept(&whole, "4,5,8 --set tune=nearest");
    let (out, first) = swept(&parts, "8,4 --set tune=nearest");
    assert!(out.contains("2 cells, 0 refused, 0 known before"), "{out}");
    // What an interrupted sweep leaves is a table with fewer cells: a mark in a cell shows that it is taken as it is.
    let text = std::fs::read_to_string(parts.path("table.json")).unwrap();
    let seconds = first["cells"][0]["outcome"]["figures"]["seconds"].to_string();
    let marked = text.replacen(&format!("\"seconds\":{seconds}"), "\"seconds\":12345.5", 1);
    assert_ne!(marked, text);
    parts.write("table.json", &marked);
    let (out, second) = swept(&parts, "4,5,8 --set tune=nearest");
    assert!(out.contains("3 cells, 0 refused, 2 known before"), "{out}");
    assert_eq!(second["cells"][2]["outcome"]["figures"]["seconds"], 12345.5);
    assert_eq!(timeless(second), timeless(wanted.clone()));
    let before = std::fs::read(parts.path("table.json")).unwrap();
    let (out, _) = swept(&parts, "4,5,8 --set tune=nearest");
    assert!(out.contains("3 known before") && std::fs::read(parts.path("table.json")).unwrap() == before);
    // Only --restart forgets.
    let (out, _) = swept(&parts, "4,5,8 --set tune=nearest --restart");
    assert!(out.contains("0 known before"), "{out}");
    assert_ne!(std::fs::read(parts.path("table.json")).unwrap(), before);
    let text = std::fs::read_to_string(parts.path("table.json")).unwrap();
    assert_eq!(timeless(serde_json::from_str(&text).unwrap()), timeless(wanted));
}

/// Runs the sweep with `more`, which must be refused as the golden text says and leave everything as it was.
fn refused(folder: &Folder, name: &str, more: &str) {
    let before = folder.contents();
    let ended = folder.spandrel(&format!("{ARGUMENTS}{more}"));
    assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{}", ended.err);
    assert!(folder.contents() == before, "files were left behind or changed");
    same_as_golden(&format!("{name}.txt"), &format!("$ spandrel {ARGUMENTS}{more}\n{}", ended.err));
}

#[test]
fn what_is_refused_before_any_work() {
    let folder = folder("sweep-refused");
    refused(
        &folder,
        "sweep-fields",
        "2,2 --vary mac.inputbits=1 --vary encode.signal=2 --vary tune=best --vary rows=16 --vary tune=nearest \
         --vary mac.rows --vary mac.columns+mac.bias_bits=1/2/3,7 --vary weights.7.bits=3",
    );
    refused(&folder, "sweep-files", "8 --csv nowhere/t.csv --svg table.json");
    refused(&folder, "sweep-set-and-varied", "8 --set tune.seed=2 --vary tune.seed=3");
}

#[test]
fn a_table_of_other_arguments_is_not_touched() {
    let folder = folder("sweep-other");
    swept(&folder, "8 --set tune=nearest");
    refused(&folder, "sweep-other", "4 --mean 1 --set tune=full");
    folder.write("table.json", "{\"format\": 1}");
    refused(&folder, "sweep-no-table", "8");
}
