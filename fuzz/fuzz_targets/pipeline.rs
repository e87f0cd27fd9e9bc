//! Random networks, chips, samples and settings through the compiler and its claims.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spandrel_tests::fuzzing::pipeline(data));
