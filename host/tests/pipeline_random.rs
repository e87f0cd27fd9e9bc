//! Random networks, samples and chips through the whole pipeline: it refuses them in words, or makes an image that
//! stands up to verification, the same every time.

mod pipeline_common;

use std::fmt::Write as _;

use pipeline_common::{cases, compile_guarded, folder, guarded, request};
use spandrel::diagnostic::Diagnostics;
use spandrel::verify::{ClaimId, Given, Status, verify_image};
use spandrel_core::image::Image;

/// Codes by which the compiler owns up to a fault of its own.
const FAULTS: [&str; 6] = ["SP0302", "SP0304", "SP0306", "SP0308", "SP0310", "SP0311"];

const CLAIMS: [ClaimId; 5] = [ClaimId::C1, ClaimId::C2, ClaimId::C3, ClaimId::C4, ClaimId::C6];

/// What is wrong with a refusal: nothing when it names place, rule and way out and blames the input.
fn refusal(found: &Diagnostics) -> Option<String> {
    let bad = found.0.iter().find(|d| {
        FAULTS.contains(&d.code) || d.place.is_empty() || d.rule.is_empty() || d.way_out.is_empty()
    });
    bad.map(|d| d.render(false)).or_else(|| found.is_empty().then(|| "an error without a diagnostic".into()))
}

/// `Ok(None)`: refused well; `Ok(Some(image))`: compiled and proven.
fn judge(case: &cases::Case, why: &mut String) -> Result<Option<Vec<u8>>, String> {
    let chip = case.chip.display().to_string();
    let request = request(&case.model, &chip, &case.samples, 48, &case.set);
    let compiled = match compile_guarded(&request)? {
        Ok(compiled) => compiled,
        Err(found) => {
            *why = found.0.iter().map(|d| format!("{}: {}", d.code, d.rule)).collect::<Vec<_>>().join("; ");
            return refusal(&found).map_or(Ok(None), Err);
        }
    };
    let again = compile_guarded(&request)?.map_err(|found| format!("the second time: {found}"))?;
    if again.image != compiled.image {
        return Err("two compilations differ".into());
    }
    Image::parse(&compiled.image).map_err(|error| format!("the image is refused: {error}"))?;
    if compiled.report.nodes.iter().any(|node| !node.snr_db.is_finite()) {
        return Err(format!("a node's signal-to-noise ratio is no number: {:?}", compiled.report.nodes));
    }
    let (image, model, samples) = (compiled.image.clone(), case.model.clone(), case.samples.clone());
    let report = guarded(120, move || {
        let given = Given {
            model: Some(&model),
            samples: Some(&samples),
            require: &CLAIMS,
            cases: 4,
            seed: 5,
            ..Given::new("case")
        };
        verify_image(&image, &given)
    })?
    .map_err(|found| format!("verification: {found}"))?;
    for id in CLAIMS {
        let claim = report.claim(id).ok_or_else(|| format!("{id} is missing"))?;
        if claim.status != Status::Passed || claim.cases == 0 {
            return Err(format!("{id} {:?} {} {:?}", claim.status, claim.evidence, claim.failures.first()));
        }
    }
    Ok(Some(compiled.image))
}

/// `SPANDREL_CASES=FIRST..END` runs other seeds than the committed ones.
#[test]
fn random_networks_are_refused_in_words_or_proven() {
    let seeds = std::env::var("SPANDREL_CASES").ok().and_then(|text| {
        let (first, end) = text.split_once("..")?;
        Some(first.parse().ok()?..end.parse().ok()?)
    });
    let seeds = seeds.unwrap_or(0..60u64);
    let folder = folder("random");
    let (mut compiled, mut refused) = (0, 0);
    let mut failures = String::new();
    for seed in seeds.clone() {
        let case = cases::case(&folder, seed);
        let start = std::time::Instant::now();
        let mut why = String::new();
        let judged = judge(&case, &mut why);
        let word = match &judged {
            Ok(Some(_)) => "compiled",
            Ok(None) => "refused",
            Err(_) => "FAILED",
        };
        println!("{seed} {word} {:.2} s: {} {why}", start.elapsed().as_secs_f64(), case.text);
        match judged {
            Ok(Some(_)) => compiled += 1,
            Ok(None) => refused += 1,
            Err(error) => {
                let _ = write!(failures, "\ncase {seed} ({}):\n{error}\n", case.text);
            }
        }
    }
    println!("{compiled} compiled and proven, {refused} refused");
    assert!(failures.is_empty(), "{failures}");
    assert!(2 * compiled >= seeds.count(), "most cases are refused, so little is tested");
}
