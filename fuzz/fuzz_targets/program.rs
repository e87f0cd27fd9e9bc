//! Random programs, layers and convolutions: fast engine = core engine = naive machine.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spandrel_tests::fuzzing::program(data));
