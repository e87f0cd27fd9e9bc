//! Every ONNX file of the shared data folder is imported or refused with a complete diagnostic.

use std::path::PathBuf;

use spandrel::import::read_onnx;

/// The folder of shared data: `SPANDREL_DATA`, else `../shared/data` beside the workspace; `None`, with a notice,
/// when there is none.
fn shared(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SPANDREL_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    if folder.join("onnx").is_dir() {
        return Some(folder);
    }
    eprintln!(
        "NOTICE: {test} did not run: {} is not there; name the folder with SPANDREL_DATA",
        folder.display()
    );
    None
}

#[test]
fn every_model_is_imported_or_refused() {
    let Some(data) = shared("every_model_is_imported_or_refused") else { return };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(data.join("onnx"))
        .expect("readable folder")
        .map(|e| e.expect("readable entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "onnx"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        match read_onnx(&path) {
            Ok(graph) => println!("{name}: {} nodes\n{graph}", graph.nodes().len()),
            Err(found) => {
                assert!(found.has_errors());
                for d in &found.0 {
                    assert!(
                        !d.place.is_empty() && !d.rule.is_empty() && !d.way_out.is_empty(),
                        "{name}: {d:?}"
                    );
                    assert!(spandrel::diagnostic::meaning(d.code).is_some(), "{name}: {}", d.code);
                }
                println!("{name}: refused\n{found}");
            }
        }
    }
}
