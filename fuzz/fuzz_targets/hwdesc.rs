//! Texts and changed fields as chip descriptions.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spandrel_tests::fuzzing::hwdesc(data));
