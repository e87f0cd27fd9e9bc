//! `spandrel verify --certificate` and `--recheck`: what was edited, and what is of another image, is refused.

mod cli_common;

use cli_common::{Ended, Folder, compile_digits};
use serde_json::{Value, json};

/// The digits perceptron, compiled quickly into `a.spandrel`, with tuning to the nearest and with other settings into `b.spandrel`.
fn compiled(name: &str) -> Folder {
    let folder = Folder::new(name);
    for (image, count) in [("a", 100), ("b", 101)] {
        let ended = compile_digits(&folder, "train.npz", count, &format!("-o {image}.spandrel"));
        assert_eq!(ended.code, 0, "{}", ended.err);
    }
    folder
}

/// The certificate `from` with the field at `pointer` changed, as `to`.
fn edited(folder: &Folder, from: &str, to: &str, pointer: &str, change: impl Fn(&Value) -> Value) {
    let text = std::fs::read_to_string(folder.path(from)).unwrap();
    let mut certificate: Value = serde_json::from_str(&text).unwrap();
    let field = certificate.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is there: {text}"));
    let new = change(field);
    assert_ne!(*field, new, "{pointer}");
    *field = new;
    folder.write(to, format!("{certificate:#}\n"));
}

fn codes(ended: &Ended) -> Vec<(String, String)> {
    let object = ended.json();
    let text = |error: &Value, field: &str| error[field].as_str().unwrap_or_default().to_owned();
    let errors = object["error"].as_array().unwrap_or_else(|| panic!("errors: {}{}", ended.out, ended.err));
    errors
        .iter()
        .map(|error| {
            assert!(!text(error, "rule").is_empty() && !text(error, "way_out").is_empty());
            (text(error, "code"), text(error, "place"))
        })
        .collect()
}

/// What is put in the place of a field.
type Edit<'a> = &'a dyn Fn(&Value) -> Value;

#[test]
fn a_certificate_holds_and_every_edit_of_it_is_refused() {
    let folder = compiled("certificate");
    let given = "verify a.spandrel --samples test.npz --cases 12 --seed 5";
    let ended = folder.spandrel(&format!("{given} --certificate c.json"));
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    let first = std::fs::read(folder.path("c.json")).unwrap();
    let ended = folder.spandrel(&format!("{given} --certificate c.json"));
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(first, std::fs::read(folder.path("c.json")).unwrap(), "the same bytes");
    let recheck = "verify a.spandrel --samples test.npz --json --recheck";
    let ended = folder.spandrel(&format!("{recheck} c.json"));
    assert_eq!((ended.code, &ended.json()["passed"]), (0, &true.into()), "{}{}", ended.out, ended.err);

    let more = |count: &Value| json!(count.as_u64().unwrap() + 1);
    let other = |_: &Value| json!("0".repeat(64));
    let cases: [(&str, Edit<'_>); 8] = [
        ("/claims/C1/cases", &more),
        ("/claims/C2/cases", &more),
        ("/claims/C6/wrong", &more),
        ("/claims/C1/transcript", &other),
        ("/claims/C2/transcript", &other),
        ("/claims/C6/evidence", &|_| json!("proved")),
        ("/claims/C3/status", &|_| json!("passed")),
        ("/passed", &|_| json!(false)),
    ];
    for (pointer, change) in cases {
        edited(&folder, "c.json", "edited.json", pointer, change);
        let ended = folder.spandrel(&format!("{recheck} edited.json"));
        assert_eq!(ended.code, 2, "{pointer}: {}", ended.out);
        let place = format!("edited.json: {}", pointer[1..].replace('/', "."));
        assert_eq!(codes(&ended), [("SP0705".to_owned(), place)], "{pointer}");
    }
    // Another seed or count was not what gave these transcripts.
    for pointer in ["/seed", "/cases"] {
        edited(&folder, "c.json", "edited.json", pointer, more);
        let ended = folder.spandrel(&format!("{recheck} edited.json"));
        assert_eq!(ended.code, 2, "{pointer}: {}", ended.out);
        let found = codes(&ended);
        for claim in ["C1", "C2"] {
            let place = format!("edited.json: claims.{claim}.transcript");
            assert!(found.contains(&("SP0705".to_owned(), place)), "{pointer}: {found:?}");
        }
    }
}

#[test]
fn a_certificate_of_another_image_or_with_other_files_is_refused() {
    let folder = compiled("certificate-other");
    let ended = folder.spandrel("verify a.spandrel --samples test.npz --cases 4 --certificate c.json");
    assert_eq!(ended.code, 0, "{}", ended.err);
    let one = |arguments: &str, code: &str, place: &str| {
        let ended = folder.spandrel(&format!("verify {arguments} --json"));
        assert_eq!(ended.code, 2, "{arguments}: {}", ended.out);
        assert_eq!(codes(&ended), [(code.to_owned(), place.to_owned())], "{arguments}");
    };
    one("b.spandrel --samples test.npz --recheck c.json", "SP0704", "c.json: image_digest");
    one("a.spandrel --samples train.npz --recheck c.json", "SP0704", "c.json: samples_sha256");
    one("a.spandrel --recheck c.json", "SP0704", "c.json: samples_sha256");
    // Made to name the other image, it is found out by what that image gives.
    let digest = folder.spandrel("inspect b.spandrel --json").json();
    let own = folder.spandrel("verify b.spandrel --cases 1 --json").json()["image_digest"].clone();
    assert!(digest.to_string().contains(own.as_str().unwrap()));
    edited(&folder, "c.json", "forged.json", "/image_digest", |_| own.clone());
    let ended = folder.spandrel("verify b.spandrel --samples test.npz --recheck forged.json --json");
    assert_eq!(ended.code, 2, "{}", ended.out);
    assert!(codes(&ended).iter().all(|(code, _)| code == "SP0705"));

    edited(&folder, "c.json", "version.json", "/spandrel", |_| json!("0.0.0"));
    one("a.spandrel --samples test.npz --recheck version.json", "SP0703", "version.json");
    edited(&folder, "c.json", "require.json", "/require", |_| json!(["C9"]));
    one("a.spandrel --samples test.npz --recheck require.json", "SP0701", "--require");
    // More samples than memory holds are refused before they are drawn.
    edited(&folder, "c.json", "huge.json", "/cases", |_| json!(u64::MAX));
    one("a.spandrel --samples test.npz --recheck huge.json", "SP0004", "a.spandrel");
    one("a.spandrel --cases 18446744073709551615", "SP0004", "a.spandrel");
    folder.write("none.json", "{\"format\": 1}");
    one("a.spandrel --samples test.npz --recheck none.json", "SP0703", "none.json");
    folder.write("long.json", vec![b' '; (1 << 20) + 1]);
    one("a.spandrel --samples test.npz --recheck long.json", "SP0003", "long.json");
    one("a.spandrel --samples test.npz --cases 3 --recheck c.json", "SP0004", "command line");
    one("a.spandrel --certificate a.spandrel", "SP0004", "a.spandrel");
}
