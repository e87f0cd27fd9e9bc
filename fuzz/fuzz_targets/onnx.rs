//! Bytes as ONNX models: read, evaluated, reformed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spandrel_tests::fuzzing::onnx(data));
