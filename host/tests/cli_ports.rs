//! Networks with several inputs and outputs: samples and outputs by name, through every verb.

mod cli_common;
mod common;

use cli_common::Folder;
use common::{Model, attribute_int};
use spandrel::numeric::Random;
use spandrel::samples::{Array, ArrayData, read_named, write_npz};
use spandrel_core::image::Image;

const IMAGE: usize = 16;
const CONTEXT: usize = 5;
const HIDDEN: usize = 12;
const SAMPLES: usize = 300;

/// A network of two inputs whose numbers differ much in size, and two outputs.
struct Net {
    hidden: Vec<f32>,
    scores: Vec<f32>,
    level: Vec<f32>,
    image: Vec<u8>,
    context: Vec<f32>,
}

impl Net {
    fn new() -> Self {
        let mut random = Random::new(11, 0);
        let mut floats = |count: usize, size: f32| -> Vec<f32> {
            (0..count).map(|_| (random.unit() as f32 * 2.0 - 1.0) * size).collect()
        };
        let hidden = floats((IMAGE + CONTEXT) * HIDDEN, 0.5);
        let (scores, level) = (floats(HIDDEN * 4, 1.0), floats(HIDDEN * 2, 1.0));
        let image = floats(SAMPLES * IMAGE, 1.0).iter().map(|x| ((x + 1.0) * 127.5) as u8).collect();
        Self { hidden, scores, level, image, context: floats(SAMPLES * CONTEXT, 1.0) }
    }

    /// The file; `open` names a second dimension instead of sizing it.
    fn model(&self, open: bool) -> Vec<u8> {
        let context = if open { [0, -10] } else { [0, CONTEXT as i64] };
        Model::new(13)
            .input("the image", &[0, IMAGE as i64])
            .input("context/x:0", &context)
            .floats("h", &[(IMAGE + CONTEXT) as i64, HIDDEN as i64], &self.hidden)
            .floats("s", &[HIDDEN as i64, 4], &self.scores)
            .floats("l", &[HIDDEN as i64, 2], &self.level)
            .node("Concat", "join", &["the image", "context/x:0"], &["joined"], &[attribute_int("axis", 1)])
            .node("MatMul", "hide", &["joined", "h"], &["hidden"], &[])
            .node("Relu", "relu", &["hidden"], &["active"], &[])
            .node("MatMul", "score", &["active", "s"], &["scores"], &[])
            .node("MatMul", "measure", &["active", "l"], &["level/y:0"], &[])
            .output("scores")
            .output("level/y:0")
            .bytes()
    }

    /// What the outputs are, computed here.
    fn expected(&self, sample: usize) -> (Vec<f32>, Vec<f32>) {
        let image = self.image[sample * IMAGE..][..IMAGE].iter().map(|&x| f32::from(x) / 255.0);
        let context = self.context[sample * CONTEXT..][..CONTEXT].iter().copied();
        let x: Vec<f32> = image.chain(context).collect();
        let dense = |x: &[f32], w: &[f32], n: usize| -> Vec<f32> {
            (0..n).map(|c| x.iter().enumerate().map(|(r, v)| v * w[r * n + c]).sum()).collect()
        };
        let h: Vec<f32> = dense(&x, &self.hidden, HIDDEN).iter().map(|z| z.max(0.0)).collect();
        (dense(&h, &self.scores, 4), dense(&h, &self.level, 2))
    }

    fn write(&self, folder: &Folder) {
        folder.write("net.onnx", self.model(false));
        let image = Array { shape: vec![SAMPLES, IMAGE], data: ArrayData::U8(self.image.clone()) };
        let context = Array { shape: vec![SAMPLES, CONTEXT], data: ArrayData::F32(self.context.clone()) };
        // Not in the model's order, and with something else between.
        let arrays = [("context/x:0", &context), ("w", &image), ("the image", &image)];
        write_npz(&folder.path("s.npz"), &arrays).unwrap();
    }
}

fn numbers(folder: &Folder, file: &str, name: &str) -> Vec<f32> {
    let ArrayData::F32(data) = read_named(&folder.path(file), name).unwrap().data else { panic!("{name}") };
    data
}

fn largest_difference(folder: &Folder, net: &Net) -> [f64; 2] {
    let (scores, level) = (numbers(folder, "o.npz", "scores"), numbers(folder, "o.npz", "level/y:0"));
    assert_eq!((scores.len(), level.len()), (SAMPLES * 4, SAMPLES * 2));
    let mut most = [0.0f64; 2];
    for sample in 0..SAMPLES {
        let (own_scores, own_level) = net.expected(sample);
        for (at, y) in own_scores.iter().enumerate() {
            most[0] = most[0].max(f64::from((scores[sample * 4 + at] - y).abs()));
        }
        for (at, y) in own_level.iter().enumerate() {
            most[1] = most[1].max(f64::from((level[sample * 2 + at] - y).abs()));
        }
    }
    most
}

#[test]
fn inputs_and_outputs_go_by_name_through_every_verb() {
    let (folder, net) = (Folder::new("ports"), Net::new());
    net.write(&folder);
    for (chip, bound) in [("tianji-ann", 0.1), ("prime", 0.6)] {
        let made = folder.spandrel(&format!("compile net.onnx --chip {chip} --samples s.npz --json"));
        assert_eq!(made.code, 0, "{}", made.err);
        let run = folder.spandrel("run net.spandrel --inputs s.npz --model net.onnx --outputs o.npz --json");
        assert_eq!(run.code, 0, "{}", run.err);
        let own = largest_difference(&folder, &net);
        let told = run.json();
        for (output, (name, own)) in
            told["outputs"].as_array().unwrap().iter().zip(["scores", "level/y:0"].iter().zip(own))
        {
            assert_eq!(output["name"], **name);
            let told = output["max_abs_error"].as_f64().unwrap();
            assert!((told - own).abs() < 1e-4, "{chip} {name}: {told}, computed here {own}");
            assert!(own < bound, "{chip} {name}: {own}");
        }
        // Without the model, and on the other engine, the same bits.
        let core = folder.spandrel("run net.spandrel --inputs s.npz --engine core --outputs c.npz --json");
        assert_eq!(core.json()["output_digest"], told["output_digest"]);
        assert_eq!(numbers(&folder, "c.npz", "scores"), numbers(&folder, "o.npz", "scores"));
        let verified = folder.spandrel(
            "verify net.spandrel --model net.onnx --samples s.npz --cases 8 --require C1,C2,C3,C4,C6,C7 --json",
        );
        assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
        let bytes = std::fs::read(folder.path("net.spandrel")).unwrap();
        let notes = spandrel::notes::Notes::of(&Image::parse(&bytes).unwrap(), "i").unwrap();
        assert_eq!(notes.input_names(), ["the image", "context/x:0"]);
        assert_eq!(notes.output_names(), ["scores", "level/y:0"]);
    }
}

#[test]
fn samples_that_do_not_fit_the_inputs_are_refused() {
    let (folder, net) = (Folder::new("ports-wrong"), Net::new());
    net.write(&folder);
    let array = |rows: usize| Array { shape: vec![rows, IMAGE], data: ArrayData::U8(vec![1; rows * IMAGE]) };
    let context = Array { shape: vec![3, CONTEXT], data: ArrayData::F32(vec![0.5; 3 * CONTEXT]) };
    write_npz(&folder.path("few.npz"), &[("the image", &array(3))]).unwrap();
    write_npz(&folder.path("counts.npz"), &[("the image", &array(4)), ("context/x:0", &context)]).unwrap();
    folder.npz("one.npz", &[3, IMAGE], ArrayData::U8(vec![1; 3 * IMAGE]));
    for (samples, code, says) in [
        ("few.npz", "SP0203", "context/x:0"),
        ("one.npz", "SP0203", "the image"),
        ("counts.npz", "SP0212", "3 samples"),
    ] {
        let ended = folder.spandrel(&format!("compile net.onnx --chip prime --samples {samples}"));
        assert_eq!(ended.code, 2);
        assert!(ended.err.contains(code) && ended.err.contains(says), "{samples}: {}", ended.err);
    }
    let ended = folder.spandrel("compile net.onnx --chip prime --samples s.npz --scale y=1");
    assert!(ended.err.contains("SP0004") && ended.err.contains("\"y\""), "{}", ended.err);
}

#[test]
fn named_dimensions_are_given_on_the_command_line() {
    let (folder, net) = (Folder::new("ports-dims"), Net::new());
    net.write(&folder);
    folder.write("open.onnx", net.model(true));
    let refused = folder.spandrel("compile open.onnx --chip tianji-ann --samples s.npz");
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("SP0107") && refused.err.contains("--dim n10=N"), "{}", refused.err);
    let made = folder.spandrel("compile open.onnx --chip tianji-ann --samples s.npz --dim n10=5");
    assert_eq!(made.code, 0, "{}", made.err);
    // The image remembers the size.
    for more in ["", "--dim n10=5"] {
        let verb = "verify open.spandrel --model open.onnx --samples s.npz --cases 4 --require C3,C7";
        assert_eq!(folder.spandrel(&format!("{verb} {more}")).code, 0);
        let verb = "run open.spandrel --model open.onnx --inputs s.npz";
        assert_eq!(folder.spandrel(&format!("{verb} {more}")).code, 0);
    }
    let other = folder.spandrel("run open.spandrel --model open.onnx --inputs s.npz --dim n10=4");
    assert_eq!(other.code, 2, "{}", other.out);
    for wrong in ["n10=0", "n10", "other=5"] {
        let ended = folder.spandrel(&format!("compile open.onnx --chip prime --samples s.npz --dim {wrong}"));
        assert_eq!(ended.code, 2, "{wrong}");
    }
}
