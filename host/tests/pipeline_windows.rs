//! Random networks of windows through the stages behind graph reform: every image is proven (C3, C4, C6), computes the codes that
//! tuning believes in, and comes near to the network in floats.

mod pipeline_common;

use std::fmt::Write as _;

use pipeline_common::cases::Draw;
use pipeline_common::{guarded, stages, windows};
use spandrel::target::Target;
use spandrel::tune::InputMap;
use spandrel::verify::{check_mapping, prove_no_wrap};
use spandrel_core::image::Image;

/// Codes by which the compiler owns up to a fault of its own.
const FAULTS: [&str; 6] = ["SP0302", "SP0304", "SP0306", "SP0308", "SP0310", "SP0311"];

/// What became of a case: refused, or compiled with this least signal-to-noise ratio.
fn judge(seed: u64, text: &mut String) -> Result<Option<f64>, String> {
    let mut draw = Draw::new(900 + seed);
    let (dot, what) = windows::network(&mut draw);
    let set: Vec<&'static str> = draw
        .pick::<&[&'static str]>(&[
            &[],
            &[],
            &["tune=nearest"],
            &["encode.signals=2"],
            &["encode.signals=3", "encode.carrier=2", "encode.output=2"],
            &["encode.input=2"],
            &["expand.row_arrays=2"],
        ])
        .to_vec();
    let rows = draw.pick(&["256", "256", "64", "24"]);
    let _ = write!(text, "{what}; {set:?} rows={rows}");
    let chip = pipeline_common::cases::chip(&[("crossbar.rows", rows.to_owned())]);
    let target = Target::new(chip).map_err(|error| error.to_string())?;
    let len = dot.input_len();
    // Pictures that are centred now and then: code 0 is not the value 0 there, so padding must be told.
    let offset = draw.pick(&[0.0, 0.0, -0.5, 0.25]);
    let map = InputMap { scale: vec![1.0 / 255.0; len], offset: vec![offset; len] };
    let (raw, other) = (stages::raw(&mut draw, 40, len), stages::raw(&mut draw, 24, len));
    let staged = match stages::run(&dot, &raw, &map, &target, &set) {
        Ok(staged) => staged,
        Err(found) => {
            let _ = write!(text, " {found}");
            let ours = found.0.iter().any(|d| FAULTS.contains(&d.code));
            return if ours { Err(found.to_string()) } else { Ok(None) };
        }
    };
    let (records, codes) = staged.compared;
    if records == 0 || codes == 0 {
        return Err("nothing was compared".into());
    }
    let image = Image::parse(&staged.image).map_err(|error| error.to_string())?;
    for (claim, evidence) in
        [("C4", check_mapping(&staged.coded, &image).evidence), ("C6", prove_no_wrap(&image).evidence)]
    {
        if !evidence.holds() {
            let shown: Vec<String> = evidence.failures.iter().take(4).map(ToString::to_string).collect();
            return Err(format!("{claim}: {}\n{}", evidence.text, shown.join("\n")));
        }
    }
    let again = stages::run(&dot, &raw, &map, &target, &set).map_err(|found| found.to_string())?;
    if again.image != staged.image {
        return Err("two compilations differ".into());
    }
    let ratios = stages::snr(&dot, &staged.image, &other, &map);
    let _ = write!(text, " -> {ratios:.1?} dB");
    Ok(Some(ratios.into_iter().fold(f64::INFINITY, f64::min)))
}

/// `SPANDREL_CASES=FIRST..END` runs other seeds than the committed ones.
#[test]
fn random_windows_are_refused_in_words_or_proven() {
    let seeds = std::env::var("SPANDREL_CASES").ok().and_then(|text| {
        let (first, end) = text.split_once("..")?;
        Some(first.parse().ok()?..end.parse().ok()?)
    });
    let seeds = seeds.unwrap_or(0..40u64);
    let (mut ratios, mut refused, mut failures) = (Vec::new(), 0, String::new());
    for seed in seeds.clone() {
        let start = std::time::Instant::now();
        let (judged, text) = guarded(120, move || {
            let mut text = String::new();
            let judged = judge(seed, &mut text);
            (judged, text)
        })
        .unwrap_or_else(|error| (Err(error), String::new()));
        println!(
            "{seed} {:.2} s: {text} {}",
            start.elapsed().as_secs_f64(),
            if judged.is_err() { "FAILED" } else { "" }
        );
        match judged {
            Ok(Some(ratio)) => ratios.push(ratio),
            Ok(None) => refused += 1,
            Err(error) => {
                let _ = write!(failures, "\ncase {seed} ({text}):\n{error}\n");
            }
        }
    }
    println!("{} compiled and proven, {refused} refused", ratios.len());
    assert!(failures.is_empty(), "{failures}");
    assert!(2 * ratios.len() >= seeds.count(), "most cases are refused, so little is tested");
    // A wrong signal anywhere makes noise as large as the signal, 0 dB.
    ratios.sort_by(f64::total_cmp);
    println!("{ratios:.1?}");
    assert!(ratios[ratios.len() / 10] > 6.0 && ratios[ratios.len() / 2] > 15.0, "{ratios:?}");
}
