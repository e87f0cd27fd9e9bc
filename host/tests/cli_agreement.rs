//! `spandrel verify --least-agreement`: what the samples do not show fails, with the reason and the samples that would.

mod cli_common;

use cli_common::{Folder, compile_digits};
use serde_json::Value;

/// The digits perceptron for `prime`, calibrated on so few samples that it does not agree everywhere.
fn compiled(name: &str) -> Folder {
    let folder = Folder::new(name);
    let ended = compile_digits(&folder, "test.npz", 8, "-o a.spandrel");
    assert_eq!(ended.code, 0, "{}", ended.err);
    folder
}

fn claim(object: &Value, id: &str) -> Value {
    let claims = object["claims"].as_array().expect("claims");
    claims.iter().find(|claim| claim["id"] == id).cloned().expect("every claim is reported")
}

const VERIFY: &str = "verify a.spandrel --model digits_mlp.onnx --samples test.npz --cases 2 --json";

/// Agreeing samples, all of them, and both ends of the interval in per cent, from C7's evidence.
fn measured(evidence: &str) -> (u64, u64, f64, f64) {
    let between = |from: &str, to: &str| {
        let rest = evidence.split_once(from).unwrap_or_else(|| panic!("{from:?} in {evidence}")).1;
        rest.split_once(to).unwrap_or_else(|| panic!("{to:?} in {evidence}")).0.to_owned()
    };
    let all = evidence.split_once(" samples").expect("a count").0.rsplit(' ').next().unwrap().to_owned();
    let (low, high) = (between("Pearson ", " % to"), between(" % to ", " %"));
    let agreeing = between("samples: ", " have the golden class");
    (agreeing.parse().unwrap(), all.parse().unwrap(), low.parse().unwrap(), high.parse().unwrap())
}

#[test]
fn an_agreement_that_the_samples_do_not_show_fails() {
    let folder = compiled("agreement");
    let any = folder.spandrel(VERIFY);
    assert_eq!(any.code, 0, "{}{}", any.out, any.err);
    let evidence = claim(&any.json(), "C7")["evidence"].as_str().unwrap().to_owned();
    let (agreeing, all, low, high) = measured(&evidence);
    assert!(agreeing < all, "nothing to decide: {evidence}");

    // Below the lower end: shown, and C7 is among what is required.
    let ended = folder.spandrel(&format!("{VERIFY} --least-agreement {:.4}", low / 100.0 - 0.001));
    assert_eq!(ended.code, 0, "{}", ended.out);
    let line = ended.out.lines().find(|line| line.starts_with("C7")).unwrap();
    assert!(line.contains("passed") && line.ends_with("required"), "{line}");

    // Between the seen share and the lower end: open, and more samples like these would show it.
    let share = 100.0 * agreeing as f64 / all as f64;
    let wanted = (low + share) / 200.0;
    let ended = folder.spandrel(&format!("{VERIFY} --least-agreement {wanted:.4}"));
    assert_eq!((ended.code, &ended.json()["passed"]), (1, &false.into()), "{}", ended.out);
    let c7 = claim(&ended.json(), "C7");
    assert_eq!((&c7["status"], c7["failures"].as_array().unwrap().len()), (&"failed".into(), 1));
    let found = c7["failures"][0]["found"].as_str().unwrap().to_owned();
    assert!(
        found.contains("undecided") && found.contains(&format!("{agreeing} of {all} samples")),
        "{found}"
    );
    let needed =
        spandrel::confidence::samples_for(agreeing, all, (wanted * 1e4).round() / 1e4, 0.95).unwrap();
    assert!(needed > all && found.contains(&format!("takes {needed} samples at this share")), "{found}");

    // Above the seen share: open still, and more of the same would not show it.
    let ended = folder.spandrel(&format!("{VERIFY} --least-agreement {:.4}", (share + high) / 200.0));
    assert_eq!(ended.code, 1, "{}", ended.out);
    assert!(ended.out.contains("undecided") && ended.out.contains("no number of samples"), "{}", ended.out);

    // Above the upper end: shown to be less.
    let ended = folder.spandrel(&format!("{VERIFY} --least-agreement {:.4}", high / 100.0 + 0.001));
    assert_eq!(ended.code, 1, "{}", ended.out);
    assert!(ended.out.contains("is below as well"), "{}", ended.out);
}

#[test]
fn an_agreement_that_is_not_measured_is_not_shown() {
    let folder = compiled("agreement-none");
    let ended = folder.spandrel("verify a.spandrel --cases 2 --least-agreement 0.5 --json");
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
    assert_eq!(claim(&ended.json(), "C7")["status"], "not_run");
    for share in ["0", "1", "99", "most"] {
        let ended = folder.spandrel(&format!("verify a.spandrel --least-agreement {share}"));
        assert_eq!(ended.code, 2, "{share}: {}", ended.out);
        assert!(ended.err.contains("a share between 0 and 1"), "{}", ended.err);
    }
}

#[test]
fn a_certificate_keeps_what_was_demanded() {
    let folder = compiled("agreement-certificate");
    let files = "--model digits_mlp.onnx --samples test.npz";
    let ended = folder.spandrel(&format!(
        "verify a.spandrel {files} --cases 2 --least-agreement 0.9999 --certificate c.json"
    ));
    assert_eq!(ended.code, 1, "{}", ended.out);
    let text = std::fs::read_to_string(folder.path("c.json")).unwrap();
    let mut certificate: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&certificate["least"], &certificate["wanted"]), (&0.9999.into(), &0.9999.into()));
    assert!(certificate["require"].as_array().unwrap().contains(&"C7".into()));
    let recheck = format!("verify a.spandrel {files} --recheck c.json --json");
    let ended = folder.spandrel(&recheck);
    assert_eq!(ended.code, 1, "it holds that C7 failed: {}{}", ended.out, ended.err);
    // Without the demand the same samples pass, so a certificate that hides it is refused.
    certificate["least"] = Value::Null;
    folder.write("c.json", format!("{certificate:#}\n"));
    let ended = folder.spandrel(&recheck);
    assert_eq!(ended.code, 2, "{}", ended.out);
    assert!(ended.out.contains("SP0705") && ended.out.contains("claims.C7.status"), "{}", ended.out);
}
