//! Weights in files beside the model.

mod common;

use std::path::{Path, PathBuf};

use common::{Model, field, int};
use spandrel::graph::{Golden, NodeEngine, Tensor2};
use spandrel::import::{parse_onnx, read_onnx};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("external-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("in/sub")).expect("writable target folder");
        Self(path)
    }

    /// The model with these entries of external data for its weights, in `in/`.
    fn model(&self, entries: &[(&str, &str)]) -> PathBuf {
        let path = self.0.join("in/m.onnx");
        std::fs::write(&path, model(entries)).expect("writable folder");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// y = x w with w, \[2, 1\], elsewhere.
fn model(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut weights = [int(1, 2), int(1, 1), int(2, 1), field(8, "w"), int(14, 1)].concat();
    for (key, value) in entries {
        weights.extend(field(13, [field(1, key), field(2, value)].concat()));
    }
    Model::new(13)
        .input("x", &[0, 2])
        .tensor(weights)
        .node("MatMul", "m", &["x", "w"], &["y"], &[])
        .output("y")
        .bytes()
}

/// The bytes 9, 9, 9, 9, then 3 and -0.5.
fn bytes() -> Vec<u8> {
    [vec![9; 4], 3f32.to_le_bytes().to_vec(), (-0.5f32).to_le_bytes().to_vec()].concat()
}

#[test]
fn weights_are_read_from_their_place_in_the_file() {
    let folder = Folder::new("read");
    std::fs::write(folder.0.join("in/sub/w.data"), bytes()).expect("writable folder");
    for length in [Some(("length", "8")), None] {
        let mut entries = vec![("location", "sub/w.data"), ("offset", "4")];
        entries.extend(length);
        let graph = read_onnx(&folder.model(&entries)).unwrap_or_else(|found| panic!("{found}"));
        let y = Golden::new(&graph).output(&Tensor2::new(1, 2, vec![2.0, 4.0]).unwrap()).unwrap();
        assert_eq!(y.data(), [4.0]);
    }
}

#[test]
fn what_is_not_there_or_lies_outside_is_refused_by_name() {
    let folder = Folder::new("refused");
    std::fs::write(folder.0.join("in/w.data"), bytes()).expect("writable folder");
    std::fs::write(folder.0.join("secret"), bytes()).expect("writable folder");
    let secret = folder.0.join("secret").display().to_string();
    let mut cases = vec![
        (vec![("location", "gone.data")], "SP0114", "gone.data"),
        (vec![("location", "../secret")], "SP0114", "../secret"),
        (vec![("location", "sub/../../secret")], "SP0114", "secret"),
        (vec![("location", secret.as_str())], "SP0114", "no file in the model's folder"),
        (vec![("location", "")], "SP0114", "no file in the model's folder"),
        (vec![], "SP0114", "no file in the model's folder"),
        (vec![("location", "sub")], "SP0114", "not a file"),
        (vec![("location", "w.data")], "SP0109", "needs 8 bytes"),
        (vec![("location", "w.data"), ("length", "7")], "SP0109", "holds 7"),
        (vec![("location", "w.data"), ("offset", "8"), ("length", "8")], "SP0114", "has 12 bytes"),
        (
            vec![("location", "w.data"), ("offset", "18446744073709551615"), ("length", "8")],
            "SP0114",
            "12 bytes",
        ),
        (vec![("location", "w.data"), ("offset", "-4"), ("length", "8")], "SP0114", "offset"),
        (vec![("location", "w.data"), ("length", "8 bytes")], "SP0114", "length"),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.0.join("secret"), folder.0.join("in/link")).expect("a link");
        cases.push((vec![("location", "link"), ("offset", "4"), ("length", "8")], "SP0114", "a link out"));
    }
    for (entries, code, says) in cases {
        let found = read_onnx(&folder.model(&entries)).expect_err(says);
        assert_eq!(found.0[0].code, code, "{entries:?}: {found}");
        assert!(
            found.to_string().contains(says) && found.0[0].place.contains("\"w\""),
            "{entries:?}: {found}"
        );
    }
    let found = parse_onnx(&model(&[("location", "w.data")]), "m").expect_err("no folder");
    assert!(found.0[0].code == "SP0114" && found.to_string().contains("without a folder"), "{found}");
}
