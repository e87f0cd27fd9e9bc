//! Faults of the transformation: the tuned core-op graph, which mapping, C3 and C4 take for the truth, is wrong itself. Image,
//! program, graph, oracle, engines and chip then agree with each other, and only golden does not.

use std::collections::BTreeSet;

use spandrel::compile::{Compiled, Request, compile};
use spandrel::confidence::{LEVEL, clopper_pearson};
use spandrel::emit::{answers, check_codes, check_image, write_image};
use spandrel::engine::{RawBatch, RawData};
use spandrel::expand::{CoreOp, CoreOpGraph};
use spandrel::graph::Tensor2;
use spandrel::map::map;
use spandrel::samples::{Array, ArrayData, SampleData, Samples, write_npz};
use spandrel::tune::{Coded, CodedNodes, Periphery, check};
use spandrel::verify::{
    Given, Status, agreement, arithmetic, check_mapping, compare, engines, prove_no_wrap,
};
use spandrel_core::{image::Image, verify::KnownAnswers};
use spandrel_tests::run;

use crate::mapped::{CALIBRATION, compiled, digits, request};
use crate::scratch::Scratch;

/// Pixels of a digit.
const PIXELS: usize = 64;
/// Samples of all checks but C7.
const FEW: usize = 16;

/// A fault, what catches it, and what C7 measured.
pub struct Caught {
    pub name: &'static str,
    pub claims: BTreeSet<&'static str>,
    pub measured: Measured,
}

/// Samples with golden's class, the lower end of the interval of their share, and the signal-to-noise ratio of the outputs.
pub struct Measured {
    pub agreeing: u64,
    pub samples: u64,
    pub low: f64,
    pub decibels: String,
}

/// Faults that C7 does not notice, and why. Nothing else does.
pub const UNNOTICED: [(&str, &str); 5] = [
    (
        "signs of the weights of a unit of the second layer turned",
        "it moves fewer decisions than the demand leaves room for",
    ),
    ("biases of the classes lost", "it moves hardly a decision"),
    ("range of the classes twice too large", "all outputs are halved, and the largest stays the largest"),
    ("one weight off by one", "it moves no decision"),
    ("calibration samples inverted", "sums reach as far as on the right ones, so the ranges still fit"),
];

/// A fault in the tuned graph.
type Change = fn(&mut CoreOpGraph<Coded>);
/// A fault in calibration samples.
type Pixel = fn(u8) -> u8;

/// The network as it was compiled with a fault, or without one.
struct Made {
    compiled: Compiled,
    /// The image as compiling once more makes it.
    again: Vec<u8>,
}

/// The positions of the columns of one channel in an op.
fn columns(op: &CoreOp<Coded>, channel: usize) -> Vec<usize> {
    (0..op.columns.len()).filter(|at| op.columns[*at].channel == channel).collect()
}

fn bias(op: &mut CoreOp<Coded>) -> (&mut Vec<Vec<i16>>, usize) {
    match &mut op.payload.periphery {
        Periphery::Composed { bias, bias_rows, .. } => (bias, *bias_rows),
        Periphery::Digital(_) => panic!("prime composes its reads"),
    }
}

fn shift(op: &mut CoreOp<Coded>, by: i8) {
    match &mut op.payload.periphery {
        Periphery::Composed { shift, .. } => *shift = shift.checked_add_signed(by).expect("a shift"),
        Periphery::Digital(_) => panic!("prime composes its reads"),
    }
}

/// All columns of two channels exchanged, biases too.
fn exchange(op: &mut CoreOp<Coded>, one: usize, other: usize) {
    let pairs: Vec<(usize, usize)> = columns(op, one).into_iter().zip(columns(op, other)).collect();
    let swap = |all: &mut [i16], rows: usize| {
        for &(a, b) in &pairs {
            (0..rows).for_each(|row| all.swap(a * rows + row, b * rows + row));
        }
    };
    for (part, all) in op.parts.iter().zip(&mut op.payload.weights) {
        swap(all, part.len());
    }
    let (all, rows) = bias(op);
    all.iter_mut().for_each(|all| swap(all, rows));
}

fn turn(op: &mut CoreOp<Coded>, channel: usize) {
    for at in columns(op, channel) {
        let parts = op.parts.iter().zip(&mut op.payload.weights);
        parts.for_each(|(part, all)| all[at * part.len()..][..part.len()].iter_mut().for_each(|w| *w = -*w));
    }
}

fn lose(op: &mut CoreOp<Coded>) {
    bias(op).0.iter_mut().flatten().for_each(|weight| *weight = 0);
}

/// Every column's weights one row further, the last one first.
fn displace(op: &mut CoreOp<Coded>) {
    let parts = op.parts.iter().zip(&mut op.payload.weights);
    parts.for_each(|(part, all)| all.chunks_exact_mut(part.len()).for_each(|column| column.rotate_right(1)));
}

/// The perceptron has three ops: two hidden layers and the classes.
#[rustfmt::skip]
const FAULTS: [(&str, Change); 17] = [
    ("signs of the weights of a unit of the first layer turned", |graph| turn(&mut graph.ops[0], 7)),
    ("signs of the weights of a unit of the second layer turned", |graph| turn(&mut graph.ops[1], 7)),
    ("signs of the weights of a class turned", |graph| turn(&mut graph.ops[2], 7)),
    ("biases of the first layer lost", |graph| lose(&mut graph.ops[0])),
    ("biases of the second layer lost", |graph| lose(&mut graph.ops[1])),
    ("biases of the classes lost", |graph| lose(&mut graph.ops[2])),
    ("range of the first layer eight times too small: it saturates", |graph| shift(&mut graph.ops[0], -3)),
    ("range of the first layer eight times too large: it vanishes", |graph| shift(&mut graph.ops[0], 3)),
    ("range of the second layer eight times too small: it saturates", |graph| shift(&mut graph.ops[1], -3)),
    ("range of the second layer eight times too large: it vanishes", |graph| shift(&mut graph.ops[1], 3)),
    ("range of the classes twice too large", |graph| shift(&mut graph.ops[2], 1)),
    ("two classes exchanged", |graph| exchange(&mut graph.ops[2], 3, 8)),
    ("two units of the first layer exchanged", |graph| exchange(&mut graph.ops[0], 3, 8)),
    ("weights of the first layer one row off", |graph| displace(&mut graph.ops[0])),
    ("weights of the second layer one row off", |graph| displace(&mut graph.ops[1])),
    ("the lower four bits of all weights lost", |graph| {
        graph.ops.iter_mut().flat_map(|op| op.payload.weights.iter_mut().flatten()).for_each(|w| *w = *w / 16 * 16);
    }),
    ("one weight off by one", |graph| graph.ops[1].payload.weights[0][0] ^= 1),
];

/// Faults of the calibration samples, which tuning goes by.
const SAMPLED: [(&str, Pixel); 3] = [
    ("calibration samples half as bright", |pixel| pixel / 2),
    ("calibration samples inverted", |pixel| 16 - pixel.min(16)),
    ("calibration samples without contents", |_| 0),
];

impl Made {
    fn altered(right: &Compiled, change: Change) -> Self {
        let mut coded = right.coded.clone();
        change(&mut coded);
        let make = || {
            let tuned = check(coded.clone(), &right.target).expect("the chip can hold it");
            let program = map(&tuned, None, &right.target).expect("a program");
            let notes = Image::parse(&right.image).expect("legal").notes();
            let image = write_image(&program, &[], notes, &right.target).expect("an image");
            (program, image)
        };
        let (program, image) = make();
        Self { compiled: Compiled { coded: coded.clone(), program, image, ..right.clone() }, again: make().1 }
    }

    fn recompiled(request: &Request) -> Self {
        let again = || compile(request, &mut ()).unwrap_or_else(|error| panic!("{error}"));
        Self { compiled: again(), again: again().image }
    }

    /// What the claims say of it, with C7 demanding an agreement of at least `least` of the test samples.
    fn caught(&self, name: &'static str, least: f64) -> Caught {
        let Compiled { coded, program, image: bytes, input, target, .. } = &self.compiled;
        let image = Image::parse(bytes).expect("legal");
        let again = Image::parse(&self.again).expect("legal");
        let test = Samples::read(&digits("test.npz"), None).expect("samples").first(FEW);
        let pixels = pixels(&test);
        let raw: Vec<Vec<i32>> =
            pixels.chunks_exact(PIXELS).map(|own| own.iter().map(|&v| i32::from(v)).collect()).collect();
        let evidence = [
            ("C1", arithmetic::check(&image, &raw, 4, 1)),
            ("C2", engines::check(&image, &raw, 4, 1)),
            ("C3", compare::images(&again, &image)),
            ("C4", check_mapping(coded, &image).evidence),
            ("C6", prove_no_wrap(&image).evidence),
        ];
        let evidence = evidence.map(|(claim, evidence)| {
            assert!(evidence.cases > 0, "{claim} compares something");
            (claim, evidence.wrong > 0)
        });
        // The codes that tuning, had it given this graph, would have believed in.
        let inputs: Vec<f32> = pixels.iter().map(|&v| f32::from(v)).collect();
        let inputs = Tensor2::new(FEW, PIXELS, inputs).expect("whole samples");
        let codes = CodedNodes { graph: coded, input, target }.codes(&inputs);
        let batch = RawBatch::new(RawData::U8(pixels), PIXELS).expect("whole samples");
        // A chip that does what the core does meets the answers that the core gave.
        let vectors = answers(&image, &raw[..2], 1, target).expect("answers");
        let answered = write_image(program, &vectors, image.notes(), target).expect("an image");
        let chip = Image::parse(&answered).expect("legal");
        let met = KnownAnswers::new(&chip, chip.weights()).check(&mut run::memory(&chip));
        let (measured, passed) = measure(&image, &digits("test.npz"), Some(least));
        let found = evidence.into_iter().chain([
            ("C3", check_image(program, bytes).is_err()),
            ("C3", check_codes(program, &codes, &batch, target).is_err()),
            ("C7", !passed),
            ("C8", met.is_err()),
        ]);
        Caught { name, claims: found.filter(|(_, found)| *found).map(|(claim, _)| claim).collect(), measured }
    }
}

fn pixels(samples: &Samples) -> &[u8] {
    match &samples.data {
        SampleData::U8(pixels) => pixels,
        other => panic!("the digits are bytes, not {other:?}"),
    }
}

/// C7 on the samples of a file, and whether it passes.
fn measure(image: &Image<'_>, samples: &std::path::Path, least: Option<f64>) -> (Measured, bool) {
    let model = digits("digits_mlp.onnx");
    let given = Given { model: Some(&model), samples: Some(samples), least, ..Given::new("digits") };
    let claim = agreement(image, &given).unwrap_or_else(|error| panic!("{error}"));
    let before = |what: &str| claim.evidence.split(what).next().and_then(|text| text.split(' ').next_back());
    let behind = |what: &str| claim.evidence.split(what).nth(1).and_then(|text| text.split(' ').next());
    let agreeing = before(" have the golden class").and_then(|count| count.parse().ok()).expect("a count");
    let decibels = behind("signal-to-noise ratio of the outputs ").expect("a ratio").to_owned();
    let (low, _) = clopper_pearson(agreeing, claim.cases, LEVEL);
    (Measured { agreeing, samples: claim.cases, low, decibels }, claim.status == Status::Passed)
}

/// A file with the calibration samples, each pixel changed.
fn calibration(pixel: Pixel) -> Scratch {
    let train = Samples::read(&digits("train.npz"), None).expect("samples").first(CALIBRATION);
    let data = ArrayData::U8(pixels(&train).iter().map(|&v| pixel(v)).collect());
    let file = Scratch::new("calibration.npz");
    write_npz(&file.0, &[("x", &Array { shape: vec![CALIBRATION, 8, 8], data })]).expect("a file");
    file
}

/// The network without a fault, and the agreement that is demanded.
pub struct Demand {
    pub calibration: Measured,
    pub least: f64,
    pub right: Caught,
}

/// What is demanded, and the faults with what caught them.
pub fn caught() -> (Demand, Vec<Caught>) {
    let right = compiled();
    // What the calibration samples show, in whole per cent: more was never known of the network when it was made.
    let image = Image::parse(&right.image).expect("legal");
    let (calibration_shows, _) = measure(&image, &calibration(|pixel| pixel).0, None);
    let least = (100.0 * calibration_shows.low).floor() / 100.0;
    let control = Made::altered(&right, |_| {}).caught("none", least);
    let altered = FAULTS.iter().map(|(name, change)| Made::altered(&right, *change).caught(name, least));
    let sampled = SAMPLED.iter().map(|(name, pixel)| {
        let samples = calibration(*pixel);
        Made::recompiled(&Request { samples: samples.0.clone(), ..request() }).caught(name, least)
    });
    let all = altered.chain(sampled).collect();
    (Demand { calibration: calibration_shows, least, right: control }, all)
}
