//! What the tests of the command share: a folder of its own for each, and the command run inside it.
#![allow(dead_code, unreachable_pub)]

use std::path::{Path, PathBuf};
use std::process::Command;

use spandrel::samples::{Array, ArrayData, write_npz};

/// An empty folder that goes with the test.
pub struct Folder(PathBuf);

/// How the command ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// The last line of standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        let line = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}\n{}\n{}", self.out, self.err))
    }
}

impl Folder {
    /// A folder for the test `name`.
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("writable target folder");
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("writable folder");
    }

    pub fn npz(&self, name: &str, shape: &[usize], data: ArrayData) {
        let x = Array { shape: shape.to_vec(), data };
        write_npz(&self.path(name), &[("x", &x)]).expect("writable folder");
    }

    /// Names and contents of all files.
    pub fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(&self.0).expect("readable folder").map(|e| e.expect("entry"));
        let mut all: Vec<_> = entries
            .map(|e| {
                (e.file_name().to_string_lossy().into_owned(), std::fs::read(e.path()).unwrap_or_default())
            })
            .collect();
        all.sort();
        all
    }

    /// `spandrel` with `arguments`, separated by blanks, inside the folder.
    pub fn spandrel(&self, arguments: &str) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_spandrel"))
            .args(arguments.split_whitespace())
            .current_dir(&self.0)
            .output()
            .expect("the command starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the command prints UTF-8");
        Ended {
            code: output.status.code().expect("the command ends by itself"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The file `name` of the digits example.
pub fn digits(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/digits").join(name)
}

/// Puts the digits perceptron and its samples into `folder` and compiles it quickly for `prime`: on the first `count` of `samples`, with
/// `more` arguments.
pub fn compile_digits(folder: &Folder, samples: &str, count: usize, more: &str) -> Ended {
    for name in ["digits_mlp.onnx", "train.npz", "test.npz"] {
        std::fs::copy(digits(name), folder.path(name)).expect("the example is there");
    }
    folder.spandrel(&format!(
        "compile digits_mlp.onnx --chip prime --samples {samples} --calibration-count {count} --scale 1 --set tune=nearest {more}"
    ))
}

/// The text file `name` of the golden texts must equal `found`; `SPANDREL_BLESS=1` rewrites it instead.
pub fn same_as_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cli").join(name);
    if std::env::var_os("SPANDREL_BLESS").is_some() {
        std::fs::write(&path, found).expect("writable golden text");
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, wanted, "{}: run with SPANDREL_BLESS=1 to accept", path.display());
}
