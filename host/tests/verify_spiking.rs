//! Verification of networks on spiking cores: C1, C2, C3, C6 and C7 pass, what is tampered with is found and located, and a register
//! that may wrap fails C6.

mod verify_common;

use std::sync::OnceLock;

use spandrel::compile::{Prepare, Request};
use spandrel::rate;
use spandrel::settings::Settings;
use spandrel::verify::{ClaimId, EquivalenceReport, Given, Status, verify_image};
use spandrel_core::image::{Config, Image};
use spandrel_core::mac::Param;
use spandrel_core::spiking::Limit;
use verify_common::{digits, with_configs, with_weight};

/// The digits perceptron by rate codes of 8 ticks.
fn network() -> &'static [u8] {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let settings = Settings::parse(["rate.window=8"]).expect("a setting");
        let request = Request {
            settings: settings.to_map(),
            options: settings.into(),
            calibration_count: 100,
            prepare: Prepare { scale: Some(vec![1.0]), ..Prepare::default() },
            ..Request::new(digits("digits_mlp.onnx"), "tianji-subtract", digits("train.npz"))
        };
        rate::compile(&request, &mut ()).unwrap_or_else(|found| panic!("{found}")).image
    })
}

fn verified(bytes: &[u8], with_model: bool) -> EquivalenceReport {
    let (model, samples) = (digits("digits_mlp.onnx"), digits("train.npz"));
    let given = Given {
        model: with_model.then_some(model.as_path()),
        samples: with_model.then_some(samples.as_path()),
        cases: 24,
        seed: 7,
        ..Given::new("digits")
    };
    verify_image(bytes, &given).unwrap_or_else(|found| panic!("{found}"))
}

#[test]
fn a_network_of_spikes_passes_and_a_tampered_weight_is_located() {
    let report = verified(network(), true);
    for claim in &report.claims {
        println!("{} {:?} {} cases: {}", claim.id, claim.status, claim.cases, claim.evidence);
    }
    for id in [ClaimId::C1, ClaimId::C2, ClaimId::C3, ClaimId::C6, ClaimId::C7] {
        let claim = report.claim(id).expect("a claim");
        assert_eq!(claim.status, Status::Passed, "{id}: {:?}", claim.failures.first());
        assert!(claim.cases > 0, "{id}");
    }
    assert!(report.passed);

    let (core, unit, row) = (1, 3, 9);
    let (changed, before, after) = with_weight(network(), core, unit, row);
    let report = verified(&changed, true);
    let claim = report.claim(ClaimId::C3).expect("C3");
    assert_eq!(claim.status, Status::Failed);
    let failure = &claim.failures[0];
    assert_eq!((failure.core, failure.unit, failure.row), (Some(core), Some(unit as u32), Some(row as u32)));
    assert_eq!((&failure.expected, &failure.found), (&before.to_string(), &after.to_string()));
}

#[test]
fn a_potential_that_may_wrap_is_no_proof() {
    let narrow = with_configs(network(), |number, config| {
        if let (2, Config::Spiking(spiking)) = (number, config) {
            (spiking.potential_bits, spiking.limit) = (6, Limit::Wrap);
            (spiking.v_init, spiking.floor) = (Param::Core(0), None);
        }
    });
    assert!(Image::parse(&narrow).is_ok());
    let report = verified(&narrow, false);
    let claim = report.claim(ClaimId::C6).expect("C6");
    assert_eq!(claim.status, Status::Failed);
    assert_eq!(claim.failures[0].core, Some(2));
    // It wraps alike on both sides.
    assert_eq!(report.claim(ClaimId::C1).expect("C1").status, Status::Passed);
    assert_eq!(report.claim(ClaimId::C2).expect("C2").status, Status::Passed);
}
