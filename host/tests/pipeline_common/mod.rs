//! Networks, samples and chips for the tests of the whole pipeline, written as real files.
#![allow(dead_code, reason = "every test uses a part of it")]

pub(crate) mod cases;
pub(crate) mod onnx;
pub(crate) mod stages;
pub(crate) mod windows;

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use spandrel::compile::{Compiled, Request, StageOptions, compile};
use spandrel::diagnostic::Result;
use spandrel::settings::Settings;

/// A folder of its own for one test, emptied.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pipeline").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("writable folder");
    path
}

/// A file of the digits example.
pub(crate) fn digits(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/digits").join(name)
}

/// A request with the default settings but `set`, each KEY=VALUE.
pub(crate) fn request(model: &Path, chip: &str, samples: &Path, count: usize, set: &[&str]) -> Request {
    let settings = Settings::parse(set.iter().copied()).unwrap_or_else(|error| panic!("{error}"));
    Request {
        calibration_count: count,
        settings: settings.to_map(),
        options: StageOptions::from(settings),
        ..Request::new(model, chip, samples)
    }
}

/// The digits perceptron for PRIME. The network divides by 16 itself.
pub(crate) fn digits_request(count: usize, set: &[&str]) -> Request {
    let mut request = request(&digits("digits_mlp.onnx"), "prime", &digits("train.npz"), count, set);
    request.prepare.scale = Some(vec![1.0]);
    request
}

/// Runs `work` on a thread of its own; `Err` tells of a panic, or that it has not ended after `seconds`.
pub(crate) fn guarded<T: Send + 'static>(
    seconds: u64,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::result::Result<T, String> {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        let _ = sender.send(work());
    });
    match receiver.recv_timeout(Duration::from_secs(seconds)) {
        Ok(made) => Ok(made),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("has not ended after {seconds} s")),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            let panic = worker.join().err();
            let text = panic.as_ref().and_then(|panic| {
                panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            });
            Err(format!("panics: {}", text.unwrap_or_default()))
        }
    }
}

/// Compiles on a thread of its own.
pub(crate) fn compile_guarded(request: &Request) -> std::result::Result<Result<Compiled>, String> {
    let request = request.clone();
    guarded(60, move || compile(&request, &mut ()))
}
