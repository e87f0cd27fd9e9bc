//! State between samples: a hand-made gated step whose output comes back as its input. The image run sample after sample against
//! the network unrolled over the sequence, against the golden model, and all engines against each other.

mod common;

use std::path::PathBuf;

use common::Model;
use spandrel::compile::{Compiled, Request, compile};
use spandrel::dots::{DotEngine, Source};
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData, holds_state};
use spandrel::graph::{Golden, NodeEngine, Tensor2};
use spandrel::import::read_onnx;
use spandrel::lower::{LoopForm, LowerOptions, lower, lower_sequence};
use spandrel::samples::{Array, ArrayData, write_npz};
use spandrel::sequence::{self, Feedback, SequenceGolden, shortened};
use spandrel::verify::{ClaimId, Given, Status, check_mapping, verify_image};
use spandrel_core::image::{Image, Instruction};
use spandrel_core::machine::{Machine, Step};

const SEQUENCE: usize = 6;
const SAMPLES: usize = 20 * SEQUENCE;
const INPUTS: usize = 3;
const UNITS: usize = 4;

fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// h' = z h + (1 - z) tanh(W x + U h), z = sigmoid(V x), y = R h'. With `stacked` the states h and m (m' = tanh(m / 2 + h')) are one tensor \[4, 2\].
fn step(stacked: bool) -> Model {
    let u = UNITS as i64;
    let mut model = Model::new(13)
        .input("x", &[1, INPUTS as i64])
        .input("s", if stacked { &[1, 4, 2] } else { &[1, 4] })
        .output("y")
        .output("s1")
        .floats("W", &[INPUTS as i64, u], &numbers(1, INPUTS * UNITS))
        .floats("V", &[INPUTS as i64, u], &numbers(2, INPUTS * UNITS))
        .floats("U", &[u, u], &numbers(3, UNITS * UNITS))
        .floats("R", &[u, 2], &numbers(4, UNITS * 2));
    if stacked {
        model = model
            .ints("axis", &[2])
            .ints("0", &[0])
            .ints("1", &[1])
            .ints("2", &[2])
            .floats("half", &[1], &[0.5])
            .node("Slice", "take h", &["s", "0", "1", "axis"], &["h2"], &[])
            .node("Slice", "take m", &["s", "1", "2", "axis"], &["m2"], &[])
            .node("Squeeze", "flat h", &["h2", "axis"], &["h"], &[])
            .node("Squeeze", "flat m", &["m2", "axis"], &["m"], &[]);
    }
    let h = if stacked { "h" } else { "s" };
    let next = if stacked { "h1" } else { "s1" };
    model = model
        .node("MatMul", "wx", &["x", "W"], &["wx"], &[])
        .node("MatMul", "uh", &[h, "U"], &["uh"], &[])
        .node("MatMul", "vx", &["x", "V"], &["vx"], &[])
        .node("Add", "sum", &["wx", "uh"], &["sum"], &[])
        .node("Tanh", "new", &["sum"], &["new"], &[])
        .node("Sigmoid", "gate", &["vx"], &["z"], &[])
        .node("Sub", "away", &[h, "new"], &["away"], &[])
        .node("Mul", "kept", &["z", "away"], &["kept"], &[])
        .node("Add", "next", &["new", "kept"], &[next], &[])
        .node("MatMul", "out", &[next, "R"], &["y"], &[]);
    if stacked {
        model = model
            .node("Mul", "fade", &["m", "half"], &["faded"], &[])
            .node("Add", "again", &["faded", "h1"], &["more"], &[])
            .node("Tanh", "bent", &["more"], &["m1"], &[])
            .node("Unsqueeze", "wide h", &["h1", "axis"], &["h3"], &[])
            .node("Unsqueeze", "wide m", &["m1", "axis"], &["m3"], &[])
            .node("Concat", "stack", &["h3", "m3"], &["s1"], &[common::attribute_int("axis", 2)]);
    }
    model
}

fn feedback() -> Vec<Feedback> {
    vec![Feedback { output: "s1".into(), input: "s".into() }]
}

/// A folder with the model and samples.
fn files(name: &str, stacked: bool) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("spandrel-sequence-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("step.onnx"), step(stacked).bytes()).unwrap();
    let array = Array { shape: vec![SAMPLES, INPUTS], data: ArrayData::F32(numbers(9, SAMPLES * INPUTS)) };
    write_npz(&folder.join("x.npz"), &[("x", &array)]).unwrap();
    folder
}

fn request(folder: &std::path::Path, chip: &str) -> Request {
    Request {
        states: feedback(),
        sequence: SEQUENCE,
        ..Request::new(folder.join("step.onnx"), chip, folder.join("x.npz"))
    }
}

fn compiled(folder: &std::path::Path, chip: &str) -> Compiled {
    compile(&request(folder, chip), &mut ()).unwrap_or_else(|found| panic!("{chip}: {found}"))
}

/// The recurrence written out, in f64.
fn by_hand(x: &[f32]) -> Vec<f64> {
    let (w, v, u, r) = (numbers(1, 12), numbers(2, 12), numbers(3, 16), numbers(4, 8));
    let of = |m: &[f32], width: usize, x: &[f64], column: usize| -> f64 {
        x.iter().enumerate().map(|(row, x)| x * f64::from(m[row * width + column])).sum()
    };
    let mut out = Vec::new();
    let mut h = vec![0.0f64; UNITS];
    for (number, x) in x.chunks_exact(INPUTS).enumerate() {
        if number % SEQUENCE == 0 {
            h.fill(0.0);
        }
        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let next = |unit: usize| {
            let new = (of(&w, UNITS, &x, unit) + of(&u, UNITS, &h, unit)).tanh();
            let z = 1.0 / (1.0 + (-of(&v, UNITS, &x, unit)).exp());
            new + z * (h[unit] - new)
        };
        h = (0..UNITS).map(next).collect();
        out.extend((0..2).map(|column| of(&r, 2, &h, column)));
    }
    out
}

#[test]
fn the_golden_model_carries_state_as_the_unrolled_network_does() {
    for stacked in [false, true] {
        let folder = files(&format!("golden-{stacked}"), stacked);
        let graph = read_onnx(&folder.join("step.onnx")).unwrap();
        let fed = sequence::Model::new(&graph, &feedback()).unwrap();
        let x = numbers(9, SAMPLES * INPUTS);
        let batch = Tensor2::new(SAMPLES, INPUTS, x.clone()).unwrap();
        let mut golden = SequenceGolden::new(Golden::new(&graph), fed.clone(), SEQUENCE);
        let found = golden.values(&batch, &["y"]).unwrap().swap_remove(0);
        let want = by_hand(&x);
        let close = |found: &[f32]| found.iter().zip(&want).all(|(&a, b)| (f64::from(a) - b).abs() < 1e-5);
        assert!(close(found.data()) && found.data().len() == want.len());
        // The same over whole sequences, as one cell and with every step nodes of its own.
        let network = fed.stretched(SEQUENCE, &fed.outputs()).unwrap();
        let rows = Tensor2::new(SAMPLES / SEQUENCE, SEQUENCE * INPUTS, x).unwrap();
        let unrolled =
            lower(&network, &LowerOptions { loops: LoopForm::Unroll, ..LowerOptions::default() }).unwrap();
        assert!(unrolled.loops.is_empty());
        assert!(close(DotEngine::new(&unrolled).outputs(&rows)[0].data()));
        let over = lower_sequence(&fed, SEQUENCE, &LowerOptions::default()).unwrap();
        assert!(close(DotEngine::new(&over.dot).outputs(&rows)[0].data()));
        // No node copies stacked states together.
        let copies = over.dot.nodes.iter().filter(|node| node.name.ends_with("s1"));
        assert_eq!(copies.count(), usize::from(!stacked));
        std::fs::remove_dir_all(folder).unwrap();
    }
}

/// A crossbar of two bits a signal loses the state; the refusal names the field and how many bits would do.
#[test]
fn a_lost_state_is_refused_unless_asked_for() {
    let folder = files("lost", false);
    let prime = spandrel::chips::find("prime").unwrap().to_toml();
    let narrow = prime
        .replace("name = \"prime\"", "name = \"narrow\"")
        .replace("input_bits = 6", "input_bits = 2")
        .replace("dac_bits = 3", "dac_bits = 2")
        .replace("output_bits = 6", "output_bits = 2")
        .replace("bias_code = 63", "bias_code = 3");
    let file = folder.join("narrow.toml");
    std::fs::write(&file, narrow).unwrap();
    let mut asked = request(&folder, &file.display().to_string());
    let found = compile(&asked, &mut ()).unwrap_err();
    println!("{found}");
    assert!(found.0.iter().all(|d| d.code == "SP0314"), "{found}");
    assert_eq!(found.0[0].place, "chip \"narrow\": crossbar.output_bits");
    assert!(found.0[0].rule.contains("signals of 2 bits leave"), "{found}");
    let needed = |bits: u32| found.0[0].way_out.contains(&format!("crossbar.output_bits is {bits} or more"));
    assert!((3..=5).any(needed), "{found}");
    asked.options.tune.state = None;
    compile(&asked, &mut ()).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

/// The image run sample after sample, the same codes out of the program that loops over a whole sequence, and the machine on its
/// own: all the same.
#[test]
fn one_run_is_one_step() {
    for (chip, stacked) in [("prime", false), ("tianji-ann", false), ("tpu", true), ("prime", true)] {
        let folder = files(&format!("run-{chip}-{stacked}"), stacked);
        let made = compiled(&folder, chip);
        let image = Image::parse(&made.image).unwrap();
        assert!(holds_state(&image));
        let loops = (0..image.instruction_count())
            .filter(|&at| matches!(image.instruction(at), Some(Instruction::Loop { .. })));
        assert_eq!(loops.count(), 0, "a run is one step of nodes of one position");
        // The loop over the sequence is gone from what is checked, too: two runs stand for all.
        assert_eq!(made.coded.encoded.dot.runs(), 2);
        assert!(check_mapping(&made.coded, &image).evidence.holds());
        let again = shortened(&made.coded, 2);
        assert_eq!(again, made.coded);
        let raw: Vec<i32> = numbers(5, 30 * INPUTS).iter().map(|x| (x * 1500.0) as i32).collect();
        let batch = RawBatch::new(RawData::I32(&raw), INPUTS).unwrap();
        let held = batch.in_sequences(10).unwrap();
        for threads in [1, 3] {
            let mut core = CoreEngine::new(&image, Options::with_threads(threads)).unwrap();
            let mut fast = FastEngine::new(&image, Options::with_threads(threads)).unwrap();
            let outputs = core.run_batch(&held).unwrap();
            assert_eq!(fast.run_batch(&held).unwrap(), outputs, "{chip}");
            assert_eq!(fast.state_digests(&held).unwrap(), core.state_digests(&held).unwrap(), "{chip}");
            // Without state the same samples give something else.
            assert_ne!(fast.run_batch(&batch).unwrap(), outputs, "{chip}");
            // As a microcontroller runs it: one machine, a reset in front of each sequence.
            let mut ram = vec![0; image.header().ram_words as usize];
            let mut machine = Machine::new(&image, image.weights(), &mut ram).unwrap();
            let mut emitted = Emitted(Vec::new());
            for sample in 0..30 {
                if sample % 10 == 0 {
                    machine.reset();
                }
                assert_eq!(machine.run(held.sample(sample), &mut emitted).unwrap(), Step::SampleDone);
            }
            assert_eq!(emitted.0, outputs.codes, "{chip}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}

struct Emitted(Vec<i32>);

impl spandrel_core::machine::Probe for Emitted {
    fn emit(&mut self, _: u16, _: u32, value: i32) {
        self.0.push(value);
    }
}

/// A wrong program is found: one that forgets to hand a state on, or reads it too early.
#[test]
fn the_mapping_checker_follows_runs() {
    let folder = files("mapping", false);
    let made = compiled(&folder, "tpu");
    let image = Image::parse(&made.image).unwrap();
    let mut other = made.coded.clone();
    // The graph reads the state of the same step instead of the one before.
    let nodes = &mut other.encoded.dot.nodes;
    let window =
        nodes.iter_mut().flat_map(|node| node.body.reads_mut()).find_map(|read| match &mut read.taps {
            spandrel::dots::Taps::Window(window) if read.source != Source::One => {
                window.axes.iter_mut().find(|axis| axis.origin == -1)
            }
            _ => None,
        });
    window.unwrap().origin = 0;
    assert!(!check_mapping(&other, &image).evidence.holds());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn claims_hold_and_notes_tell_what_is_fed_back() {
    let folder = files("claims", false);
    let made = compiled(&folder, "tianji-ann");
    let (model, samples) = (folder.join("step.onnx"), folder.join("x.npz"));
    let given = Given { model: Some(&model), samples: Some(&samples), cases: 30, ..Given::new("step") };
    let report = verify_image(&made.image, &given).unwrap();
    for claim in &report.claims {
        let run = !matches!(claim.id, ClaimId::C5 | ClaimId::C8);
        assert_eq!(matches!(claim.status, Status::Passed), run, "{claim:?}");
    }
    assert!(made.report.output_snr_db.unwrap() > 15.0, "{:?}", made.report.output_snr_db);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_can_not_be_fed_back_is_refused() {
    let folder = files("refused", false);
    let graph = read_onnx(&folder.join("step.onnx")).unwrap();
    let of = |output: &str, input: &str| Feedback { output: output.into(), input: input.into() };
    for (states, rule) in [
        (vec![of("z", "s")], "no output"),
        (vec![of("s1", "z")], "no input"),
        (vec![of("y", "s")], "shape"),
        (vec![of("s1", "s"), of("s1", "s")], "twice"),
    ] {
        let found = sequence::Model::new(&graph, &states).unwrap_err();
        assert!(found.0[0].code == "SP0004" && found.to_string().contains(rule), "{found}");
    }
    let request = |sequence| Request {
        states: feedback(),
        sequence,
        ..Request::new(folder.join("step.onnx"), "tpu", folder.join("x.npz"))
    };
    let found = compile(&request(SAMPLES + 1), &mut ()).unwrap_err();
    assert_eq!(found.0[0].code, "SP0205");
    let found = compile(&request(1), &mut ()).unwrap_err();
    assert_eq!(found.0[0].code, "SP0004");
    std::fs::remove_dir_all(folder).unwrap();
}
