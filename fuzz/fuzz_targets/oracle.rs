//! Random arrays, layers and programs: the core against the naive oracle.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spandrel_tests::fuzzing::oracle(data));
