//! The ONNX reader on damaged and random bytes: it refuses or accepts, and never panics.

mod common;

use common::every_operator;
use proptest::prelude::*;
use spandrel::graph::{Golden, NodeEngine, Tensor2};
use spandrel::import::parse_onnx;

#[test]
fn every_truncation_is_refused_or_harmless() {
    let bytes = every_operator().bytes();
    let mut accepted = 0;
    for length in 0..bytes.len() {
        accepted += usize::from(parse_onnx(&bytes[..length], "test.onnx").is_ok());
    }
    assert_eq!(accepted, 0, "the operator set version stands at the end, so no part of the file is a model");
}

/// Whatever the bytes are: no panic, and an accepted graph can be evaluated.
fn survives(bytes: &[u8]) {
    if let Ok(graph) = parse_onnx(bytes, "test.onnx") {
        let mut golden = Golden::with_threads(&graph, 1);
        let batch = Tensor2::zeros(3, golden.input_len());
        if golden.input_len() < 1 << 16 && graph.values().iter().all(|v| v.len() < 1 << 16) {
            golden.output(&batch).expect("an accepted graph has an output");
        }
        let _ = graph.to_string();
    }
}

#[test]
fn every_single_bit_flip_survives() {
    let bytes = every_operator().bytes();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        survives(&changed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_models_survive(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<Option<prop::sample::Index>>(),
        insert in any::<Option<(prop::sample::Index, u8)>>(),
    ) {
        let mut bytes = every_operator().bytes();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some((at, value)) = insert {
            bytes.insert(at.index(bytes.len()), value);
        }
        if let Some(at) = cut {
            bytes.truncate(at.index(bytes.len()));
        }
        survives(&bytes);
    }

    #[test]
    fn random_bytes_survive(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
    }
}
