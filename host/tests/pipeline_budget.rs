//! The budget of cores: kept, refused where it is too small, and worth having.

mod pipeline_common;

use pipeline_common::cases::chip;
use pipeline_common::{compile_guarded, digits_request, folder};
use spandrel::compile::Compiled;
use spandrel::diagnostic::Diagnostics;

/// The digits perceptron for PRIME with small arrays, of which it takes several a layer.
fn made(name: &str, set: &[&str]) -> Result<Compiled, Diagnostics> {
    let path = folder(&format!("budget-{name}")).join("chip.toml");
    let small = chip(&[("crossbar.rows", "48".into()), ("crossbar.bitlines", "48".into())]);
    std::fs::write(&path, small.to_toml()).unwrap();
    let mut request = digits_request(200, set);
    request.chip = path.display().to_string();
    compile_guarded(&request).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn cores(made: &Compiled) -> usize {
    made.coded.arrays()
}

fn signals(made: &Compiled) -> usize {
    made.coded.encoded.nodes.iter().map(|node| node.width()).sum()
}

#[test]
fn no_budget_is_exceeded_and_a_larger_one_buys_signals() {
    let least = made("least", &["encode.budget=x1"]).unwrap();
    let floor = cores(&least);
    let mut before = signals(&least);
    for factor in [2, 3, 5] {
        let more = made("times", &[&format!("encode.budget=x{factor}")]).unwrap();
        assert!(cores(&more) <= factor * floor, "{} cores for {factor} x {floor}", cores(&more));
        assert!(signals(&more) > before, "{} signals after {before}", signals(&more));
        before = signals(&more);
    }
    // Every number between: none is overspent.
    for allowed in floor..floor + 6 {
        let one = made("cores", &[&format!("encode.budget={allowed}")]).unwrap();
        assert!(cores(&one) <= allowed, "{} cores of {allowed}", cores(&one));
    }
}

#[test]
fn a_budget_below_the_least_is_refused_with_the_least() {
    let floor = cores(&made("floor", &["encode.budget=x1"]).unwrap());
    let found = made("small", &[&format!("encode.budget={}", floor - 1)]).unwrap_err();
    let text = found.to_string();
    assert!(found.0.iter().all(|d| d.code == "SP0303"), "{text}");
    assert!(text.contains(&format!("{floor} cores at the least")), "{text}");
    assert!(text.contains(&format!("encode.budget={floor}")), "{text}");
}

#[test]
fn what_is_bought_is_quieter() {
    let noise = |set: &str| {
        let made = made("quiet", &[set]).unwrap();
        made.report.nodes.last().map(|node| node.snr_db).unwrap()
    };
    let (least, more) = (noise("encode.budget=x1"), noise("encode.budget=x5"));
    assert!(more > least + 2.0, "{more} dB after {least} dB");
}
