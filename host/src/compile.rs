//! The compiler on one page: from a trained network to a verified image.
//!
//! Each stage is a type of its own and each arrow one function. The driver distrusts every stage: run it, check its
//! product, show it to the watcher, go on with the evidence that the check returned.

use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;

use spandrel_core::image::sha256;
use spandrel_hwdesc::Chip;

use crate::bound;
use crate::budget::Needs;
use crate::chips;
use crate::costs::Costs;
use crate::diagnostic::{Diagnostic, Result};
use crate::dots::DotNode;
use crate::emit::{answers, check_codes, check_image, write_image};
use crate::encode::{self, InputCode, InputQuantiser, Levels, Plan, Spending, survey};
use crate::exact::Exact;
use crate::expand::{self, CoreOpGraph};
use crate::fed::Fed;
use crate::import::{Options, read_onnx_with};
use crate::lower::{self, LowerOptions, OverSequence};
use crate::map::{Program, map};
use crate::prove::{parse, prove};
use crate::report::{NodeReport, Report, StageTime, hex};
use crate::sequence::{self, Model};
use crate::sweep::GoldenMemory;
use crate::target::Target;
use crate::tune::{self, Coded, GoldenSums, InputMap, Tuner};

pub(crate) mod finish;
mod states;

use finish::{measure, notes};

pub use crate::request::{Prepare, Request, StageOptions};

/// Samples on which the reformed network is compared with the golden model, and the multiplications that this may take.
const CHECKED: (u64, u64) = (32, 1 << 35);

/// Looks on while a network is compiled.
pub trait Watcher {
    /// A stage begins.
    fn stage(&mut self, name: &'static str) {
        let _ = name;
    }

    /// `done` of `all` steps of the current stage are done.
    fn progress(&mut self, done: usize, all: usize) {
        let _ = (done, all);
    }

    /// A stage's product is ready; `text` makes its text form.
    fn product(&mut self, name: &'static str, text: &dyn Fn() -> String) {
        let _ = (name, text);
    }

    /// A doubt that does not stop the work.
    fn warning(&mut self, warning: &Diagnostic) {
        let _ = warning;
    }
}

/// Sees nothing.
impl Watcher for () {}

/// The stages of which [`Watcher::product`] shows a text form.
pub const PRODUCTS: [&str; 6] = ["graph", "dot", "encoded", "ops", "coded", "program"];

/// A compiled network.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The image.
    pub image: Vec<u8>,
    /// What was measured on the way.
    pub report: Report,
    /// The coded core-ops: what the mapping checker compares the image with.
    pub coded: CoreOpGraph<Coded>,
    /// The program: what the image was written from.
    pub program: Program,
    /// What raw input values mean to the model.
    pub input: InputMap,
    /// What its largest nodes take of a core.
    pub needs: Needs,
    /// The chip.
    pub target: Target,
}

/// Runs a stage and takes its time.
struct Stages<'w> {
    watcher: &'w mut dyn Watcher,
    times: Vec<StageTime>,
}

impl Stages<'_> {
    fn run<T>(&mut self, name: &'static str, work: impl FnOnce(&mut dyn Watcher) -> Result<T>) -> Result<T> {
        self.watcher.stage(name);
        let start = Instant::now();
        let made = work(self.watcher)?;
        self.times.push(StageTime { stage: name.to_owned(), seconds: start.elapsed().as_secs_f64() });
        Ok(made)
    }
}

/// Compiles a network.
///
/// # Errors
/// Whatever of the request can not be read, is not supported, or does not fit the chip.
pub fn compile(request: &Request, watcher: &mut dyn Watcher) -> Result<Compiled> {
    compile_for(request, chips::find(&request.chip)?, None, watcher)
}

/// Compiles a network for `chip`, whatever chip the request names. With a memory the golden model evaluates no batch that
/// it has seen before.
///
/// # Errors
/// As [`compile`].
pub fn compile_for(
    request: &Request,
    chip: Chip,
    memory: Option<&mut GoldenMemory>,
    watcher: &mut dyn Watcher,
) -> Result<Compiled> {
    let start = Instant::now();
    let mut stages = Stages { watcher, times: Vec::new() };
    let target = Target::new(chip)?;

    // 1. Import: the graph, and the golden model's sums on the calibration samples.
    let (graph, calibration) = stages.run("import", |watcher| {
        let graph = read_onnx_with(&request.model, &Options { dims: request.dims.clone() })?;
        let model = Model::new(&graph, &request.states)?;
        let fed = Fed::read(&request.samples, request.labels.as_deref(), &model, request)?;
        warn(&fed, watcher);
        watcher.product("graph", &|| graph.to_string());
        Ok((graph, fed.first(request.calibration_count)))
    })?;
    // With state between samples all stages up to tuning see sequences: the model is the body of a loop over `steps` samples.
    let model = Model::new(&graph, &request.states)?;
    let (calibration, steps) = calibration.in_sequences(&model, request.sequence)?;
    let batch = sequence::joined(calibration.batch(), steps);

    // 2. Reform: dot-like nodes.
    let (reformed, decision) = stages.run("reform", |watcher| {
        let how = LowerOptions { loops: request.options.loops, ..LowerOptions::default() };
        let OverSequence { network, dot, decision } = if model.holds() {
            lower::lower_sequence(&model, steps, &how)?
        } else {
            let dot = lower::lower(&graph, &how)?;
            OverSequence { network: graph.clone(), decision: dot.decision, dot }
        };
        watcher.product("dot", &|| dot.to_string());
        let products: u64 = dot.nodes.iter().map(DotNode::products).sum();
        let few = batch.first((CHECKED.1 / products.max(1)).clamp(1, CHECKED.0) as usize);
        let dot = lower::check(dot, &network, &few)?.into_graph();
        // What follows is exact as well, so the same check.
        let dot = match encode::balanced(&dot, batch.data()) {
            Some(even) => lower::check(even, &network, &few)?.into_graph(),
            None => dot,
        };
        let dot = match encode::native(&dot, &target) {
            Some(own) => lower::check(own, &network, &few)?.into_graph(),
            None => dot,
        };
        match encode::shared(&dot, batch.data(), target.rows) {
            Some(wide) => Ok((lower::check(wide, &network, &few)?.into_graph(), decision)),
            None => Ok((dot, decision)),
        }
    })?;

    // 3. Encode: signals.
    // Signals of few bits tell no more apart than a table of raw values can.
    let most = if target.input_max <= 255 { 2047 } else { 32767 };
    let raw_steps = calibration.steps(most);
    let raw = calibration.raw(&raw_steps)?;
    let raw_batch = raw.batch()?.in_sequences(steps)?;
    let kind = raw.raw_type();
    let input_map = calibration.input_map(&raw_steps).repeated(steps);
    let options = &request.options;
    options.tune.weights.check(&target)?;
    let plain = options.tune.weights == tune::WeightSet::Plain;
    let exact = if plain {
        Exact::find(&reformed, &input_map, kind, &target, options.tune.integers)
    } else {
        Exact::default()
    };
    // Where the network begins by quantising its input, the encoder does that.
    let (scale, offset) = (input_map.scale.as_slice(), input_map.offset.as_slice());
    let quantiser = if target.digital.is_none() && !model.holds() {
        InputQuantiser::find(&reformed, (scale, offset), kind, &target)
    } else {
        None
    };
    let (reformed, input_map, seen) = match &quantiser {
        Some(found) => {
            let map = InputMap { scale: vec![1.0; scale.len()], offset: vec![0.0; scale.len()] };
            (found.dot.clone(), map, Cow::Owned(found.samples(batch.data())))
        }
        None => (reformed, input_map, Cow::Borrowed(batch.data())),
    };
    let surveyed = survey(&reformed, &seen);
    let encoded = stages.run("encode", |watcher| {
        let own_range = Exact::raw_range(kind).filter(|_| exact.reads_input);
        let ranges = calibration.ranges(&raw_batch, own_range);
        let code = |signals: u8| {
            let signals = if own_range.is_some() { 1 } else { signals };
            match &quantiser {
                Some(found) => Ok(found.code(kind, &target)),
                None => InputCode::new(kind, &ranges, signals, &target),
            }
        };
        let plan = Plan {
            dot: &reformed,
            survey: &surveyed,
            input_starts_at_zero: input_map.starts_at_zero(&code(1)?),
            exact: &exact,
            target: &target,
            options: &options.encode,
            levels: &Levels::least(&reformed, 1),
        };
        let spending = Spending {
            plan,
            samples: &seen,
            ranges: if quantiser.is_some() { &[] } else { &ranges },
            input_scale: &input_map.scale,
            seed: options.tune.seed,
        };
        let spent = spending.spend(code, |graph| expand::cores(graph, &target, options.expand))?;
        let graph = spent.graph;
        watcher.product("encoded", &|| graph.to_string());
        encode::check(graph, &target)
    })?;

    // 4. Expand: core-ops that fit.
    let expanded = stages.run("expand", |watcher| {
        let ops = expand::expand(&encoded, &target, options.expand)?;
        watcher.product("ops", &|| ops.to_string());
        expand::check(ops, &target)
    })?;

    // 5. Tune: whole numbers.
    let order = calibration.feed.order();
    let order = order.as_deref();
    let (tuned, errors, codes, remarks) = stages.run("tune", |watcher| {
        let elements = calibration.feed.len;
        let code = &encoded.graph().input;
        let input_codes = code.codes(raw_batch.len() / steps, elements * steps, |row, element| {
            let (step, element) = (element / elements, element % elements);
            let at = order.map_or(element, |order| order[element] as usize);
            raw_batch.data().get((row * steps + step) * elements + at)
        });
        let golden =
            GoldenSums::new(&expanded.graph().encoded.dot, &seen, options.tune.rows, options.tune.seed);
        let tuner = Tuner {
            expanded: &expanded,
            input: &input_map,
            input_codes: &input_codes,
            golden: &golden,
            target: &target,
            options: &options.tune,
        };
        let result = tuner.tune(|done, all| watcher.progress(done, all))?;
        states::check(&expanded.graph().encoded.dot, &result.errors, &target, options.tune.state)?;
        // Of a sequence a first and a following run are left: all that a program has to do.
        let (coded, codes) = if model.holds() {
            let mut short = sequence::shortened(&result.graph, 2);
            short.encoded.dot.decision = decision;
            (short, sequence::by_sample(result.codes, steps))
        } else {
            (result.graph, result.codes)
        };
        watcher.product("coded", &|| coded.to_string());
        Ok((tune::check(coded, &target)?, result.errors, codes, result.remarks))
    })?;

    // 6. Map: configurations, memory, program.
    let program = stages.run("map", |watcher| {
        let program = map(&tuned, order, &target)?;
        watcher.product("program", &|| program.to_string());
        Ok(program)
    })?;

    // 7. Emit: bytes, decoded again and compared with the program (claim C3); the machine's codes compared with those
    // that tuning believed in, on every calibration sample.
    let notes = notes(request, &calibration, &model, (&reformed, decision), &raw_steps, &target.chip)?;
    let (image, compared) = stages.run("emit", |_| {
        let plain = write_image(&program, &[], &notes, &target)?;
        let parsed = parse(&plain)?;
        let shown: Vec<Vec<i32>> =
            (0..raw_batch.len().min(2)).map(|i| raw_batch.sample(i).collect()).collect();
        let vectors = answers(&parsed, &shown, request.options.tune.seed, &target)?;
        let image = write_image(&program, &vectors, &notes, &target)?;
        let image = request.options.answers.equip(image, [], request.options.tune.seed)?;
        let compared = check_image(&program, &image)?;
        check_codes(&program, &codes, &raw_batch, &target)?;
        Ok((image, compared))
    })?;

    // How far outputs can lie from the network's, whatever the sample: known before any is evaluated.
    let quantised = raw_steps.iter().any(Option::is_some);
    let bounds = bound::of_image(tuned.graph(), &program, &input_map, quantised, &target);

    // 8. Prove: each weight and signal in its place (C4), no accumulator can wrap (C6).
    let claims = stages.run("prove", |_| prove(&image, tuned.graph(), compared))?;

    // 9. Evaluate: on the test samples, which nothing above has seen, or on the calibration samples.
    let (evaluation, evaluated_on) = stages.run("evaluate", |watcher| {
        let parsed = parse(&image)?;
        let Some(path) = &request.test else {
            return Ok((
                measure(&parsed, &model, (&calibration, steps), &reformed, &raw_steps, memory)?,
                "calibration",
            ));
        };
        let mut test = Fed::read(path, request.test_labels.as_deref(), &model, request)?;
        if request.test_skip > 0 {
            test.samples = test.samples.skip(request.test_skip)?;
        }
        warn(&test, watcher);
        let (test, steps) = test.in_sequences(&model, request.sequence)?;
        Ok((measure(&parsed, &model, (&test, steps), &reformed, &raw_steps, memory)?, "test"))
    })?;

    let nodes = errors.iter().map(NodeReport::from).collect();
    let report = Report::new(&image, &program, &target, &evaluation, evaluated_on)
        .with_stages(stages.times, start.elapsed().as_secs_f64())
        .with_nodes(nodes)
        .with_remarks(reformed.rewrites.iter().chain(&expanded.graph().encoded.remarks).chain(&remarks))
        .with_settings(&request.settings)
        .with_costs(Costs::new(tuned.graph(), &target))
        .with_claims(claims)
        .with_bounds(bounds);
    Ok(Compiled {
        image,
        report,
        coded: tuned.graph().clone(),
        program,
        input: input_map,
        needs: Needs::of(&reformed),
        target,
    })
}

/// Tells the doubts about samples.
fn warn(fed: &Fed, watcher: &mut dyn Watcher) {
    let warnings = fed.feed.parts.iter().flat_map(|part| &part.warnings.0);
    warnings.for_each(|warning| watcher.warning(warning));
}

/// Lower-case hexadecimal digits of the SHA-256 of a file.
pub(crate) fn file_digest(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Diagnostic::read(path, &error))?;
    Ok(hex(&sha256(&bytes)))
}
