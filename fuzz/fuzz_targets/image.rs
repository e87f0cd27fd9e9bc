//! Arbitrary bytes as an image: parsed, resealed, run; nothing may panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spandrel_tests::fuzzing::image(data));
