//! Bytes as sample files: npz, npy, idx, gzip, address events.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spandrel_tests::fuzzing::samples(data));
