//! `spandrel diff` and `run --trace`: planted differences are named, and what is the same is said to be the same.

mod cli_common;

use cli_common::{Folder, compile_digits};
use spandrel::samples::ArrayData;
use spandrel::trace::Trace;
use spandrel_core::image::{Image, NO_BLOB, Tag, reseal};

/// The digits example, compiled quickly into `a.spandrel`.
fn compiled(name: &str) -> Folder {
    let folder = Folder::new(name);
    let ended = compile_digits(&folder, "train.npz", 100, "-o a.spandrel");
    assert_eq!(ended.code, 0, "{}", ended.err);
    folder
}

/// Writes `b.spandrel`: `a.spandrel` with the low bits of one magnitude of configuration `core` turned over, everything sealed anew.
fn one_weight_changed(folder: &Folder, core: u32) {
    let mut bytes = std::fs::read(folder.path("a.spandrel")).unwrap();
    let image = Image::parse(&bytes).unwrap();
    let blob = image.config(core).unwrap().blob();
    assert_ne!(blob, NO_BLOB);
    let blob = image.blob(blob).unwrap();
    let weights = image.section(Tag::WEIGHTS);
    let start = weights.as_ptr() as usize - bytes.as_ptr() as usize;
    // Row 24, which lies on a byte whatever the width, of column 2.
    let at = start as u64 + blob.offset + blob.stride() * 2 + 24 / 8 * u64::from(blob.bits);
    bytes[usize::try_from(at).unwrap()] ^= 0x3F;
    reseal(&mut bytes).unwrap();
    folder.write("b.spandrel", bytes);
}

#[test]
fn one_weight_is_named_and_so_is_the_first_unit_that_it_changes() {
    let folder = compiled("diff-weight");
    one_weight_changed(&folder, 0);
    let ended = folder.spandrel("diff a.spandrel b.spandrel --inputs test.npz --samples 20 --json");
    assert_eq!(ended.code, 1, "{}", ended.err);
    let found = ended.json();
    let weights: Vec<_> =
        found["images"]["failures"].as_array().unwrap().iter().filter(|f| f["row"].is_u64()).collect();
    assert_eq!(weights.len(), 1, "{}", ended.out);
    assert_eq!(
        (&weights[0]["core"], &weights[0]["unit"], &weights[0]["row"]),
        (&0.into(), &2.into(), &24.into())
    );
    let ran = &found["executions"];
    let first = &ran["first"];
    // Only column 2 of configuration 0 has another weight, so nothing else can be the first to differ.
    assert_eq!((&first["core"], &first["unit"]), (&0.into(), &2.into()), "{}", ended.out);
    assert!(ran["differing"].as_u64().unwrap() > 0);
    let way = ran["way"].as_array().unwrap();
    assert_eq!(way.first(), Some(&0.into()), "{}", ended.out);
    assert!(ended.out.contains("it reaches the output by core 0"), "{}", ended.out);
    assert!(ran["first_emit"]["sample"].as_u64().unwrap() >= first["sample"].as_u64().unwrap());
}

#[test]
fn the_same_image_is_the_same_on_both_engines_and_in_its_trace() {
    let folder = compiled("diff-same");
    let ended = folder.spandrel(
        "diff a.spandrel a.spandrel --inputs test.npz --engine-a core --engine-b fast --samples 30 --json",
    );
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    let ran = &ended.json()["executions"];
    assert!(ran["compared"].as_u64().unwrap() >= 30 * 10, "{}", ended.out);
    assert_eq!((&ran["differing"], &ran["unrecorded"]), (&0.into(), &0.into()));
    assert!(ran["emits"].as_u64().unwrap() >= 30 * 10 && ran["emits_differing"] == 0, "{}", ended.out);

    let ended = folder.spandrel("run a.spandrel --inputs test.npz --trace t.npz --trace-samples 8");
    assert_eq!(ended.code, 0, "{}", ended.err);
    let ended = folder.spandrel("diff a.spandrel t.npz --inputs test.npz --samples 8 --json");
    assert_eq!((ended.code, &ended.json()["same"]), (0, &true.into()), "{}{}", ended.out, ended.err);
    let ended = folder.spandrel("diff t.npz t.npz");
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
}

#[test]
fn a_dump_with_one_changed_value_names_its_tick_core_and_unit() {
    let folder = compiled("diff-dump");
    let ended = folder.spandrel("run a.spandrel --inputs test.npz --trace t.npz --trace-samples 6");
    assert_eq!(ended.code, 0, "{}", ended.err);
    // What a chip's probe sees: one core, nothing of instructions and invocations, no outputs.
    let trace = Trace::read(&folder.path("t.npz")).unwrap();
    let last = trace.fired.iter().map(|fired| fired.core).max().unwrap();
    let mut dump = Trace { image: None, emitted: Vec::new(), ..trace.clone() };
    dump.fired.retain(|fired| fired.core == last);
    dump.fired.iter_mut().for_each(|fired| (fired.invocation, fired.instruction) = (-1, -1));
    dump.write(&folder.path("dump.npz")).unwrap();
    let same = folder.spandrel("diff a.spandrel dump.npz --inputs test.npz --samples 6 --json");
    assert_eq!(same.code, 0, "{}{}", same.out, same.err);
    let ran = &same.json()["executions"];
    assert_eq!(ran["compared"], dump.fired.len());
    assert_eq!(ran["unrecorded"], trace.fired.len() - dump.fired.len());

    let place = dump.fired.iter().position(|fired| (fired.sample, fired.unit) == (4, 1)).unwrap();
    let changed = dump.fired[place];
    dump.fired[place].value += 1;
    dump.write(&folder.path("changed.npz")).unwrap();
    let ended = folder.spandrel("diff a.spandrel changed.npz --inputs test.npz --samples 6 --json");
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
    let first = ended.json()["executions"]["first"].clone();
    assert_eq!((&first["sample"], &first["tick"]), (&4.into(), &changed.tick.into()));
    assert_eq!((&first["core"], &first["unit"]), (&last.into(), &1.into()));
    assert_eq!(first["expected"], changed.value.to_string());
    assert_eq!(first["found"], (changed.value + 1).to_string());
    assert_eq!(ended.json()["executions"]["differing"], 1);

    // A dump that has nothing in common with the run shows nothing, and is not the same.
    let empty = Trace { fired: Vec::new(), ..dump.clone() };
    empty.write(&folder.path("empty.npz")).unwrap();
    let ended = folder.spandrel("diff a.spandrel empty.npz --inputs test.npz --samples 6 --json");
    assert_eq!((ended.code, &ended.json()["same"]), (1, &false.into()), "{}", ended.err);
    assert!(ended.out.contains("nothing was compared"), "{}", ended.out);

    // A lost value is a difference too, and named.
    dump.fired.remove(place);
    dump.write(&folder.path("lost.npz")).unwrap();
    let ended = folder.spandrel("diff a.spandrel lost.npz --inputs test.npz --samples 6");
    assert!(ended.code == 1 && ended.out.contains("is nothing, expected"), "{}{}", ended.out, ended.err);
}

#[test]
fn verify_locates_what_fails_from_the_output_back() {
    let folder = compiled("verify-locate");
    one_weight_changed(&folder, 0);
    let verify = |image: &str| {
        folder.spandrel(&format!(
            "verify {image} --model digits_mlp.onnx --samples train.npz --cases 8 --require C2,C3 --locate --json"
        ))
    };
    let ended = verify("b.spandrel");
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
    let located = ended.json()["located"].as_array().unwrap().clone();
    assert_eq!(located.len(), 1, "C2 holds for a changed image, only C3 fails: {}", ended.out);
    let first = &located[0]["first"];
    // Only column 2 of configuration 0 has another weight.
    assert_eq!((&first["core"], &first["unit"]), (&0.into(), &2.into()), "{}", ended.out);
    assert!(first["node"].is_string() && first["tick"].is_u64() && first["sample"].is_u64());
    assert_ne!(first["expected"], first["found"]);
    let chain: Vec<&str> =
        located[0]["chain"].as_array().unwrap().iter().filter_map(|l| l.as_str()).collect();
    assert!(chain.len() >= 2 && chain[0].contains("output 0"), "{chain:?}");
    assert!(chain.last().is_some_and(|link| link.contains("core 0, unit 2")), "{chain:?}");
    assert!(ended.out.contains("back from the output:"), "{}", ended.out);
    // The same place as comparing the two images gives.
    let diff = folder.spandrel("diff a.spandrel b.spandrel --inputs train.npz --samples 16 --json");
    assert_eq!(&diff.json()["executions"]["first"], first, "{}", diff.out);

    let ended = verify("a.spandrel");
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    assert_eq!(ended.json()["located"], serde_json::json!([]));
}

#[test]
fn what_is_no_trace_is_refused() {
    let folder = compiled("diff-refused");
    folder.npz("no-units.npz", &[1, 2], ArrayData::I32(vec![1, 2]));
    let ended = folder.spandrel("diff a.spandrel no-units.npz --inputs test.npz");
    assert!(ended.code == 2 && ended.err.contains("SP0203") && ended.err.contains("units"), "{}", ended.err);
    let ended = folder.spandrel("run a.spandrel --inputs test.npz --trace t.npz --trace-samples 2");
    assert_eq!(ended.code, 0);
    let ended = folder.spandrel("diff a.spandrel t.npz");
    assert!(ended.code == 2 && ended.err.contains("--inputs"), "{}", ended.err);
    let ended = folder.spandrel("diff a.spandrel absent.npz");
    assert!(ended.code == 2 && ended.err.contains("SP0001"), "{}", ended.err);
    let ended = folder.spandrel("run a.spandrel --inputs test.npz --trace test.npz");
    assert!(ended.code == 2 && ended.err.contains("SP0004"), "{}", ended.err);
}
