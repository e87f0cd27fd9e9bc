//! Compiling for inputs of stated ranges, without samples of one's own: what the conformance tables are made with.
//!
//! Calibration samples are drawn with a seed within each input's range, whole numbers where the input holds whole ones.
//! Ranges inside the network are those that no such input can leave, where they are not too wide to be of use (`LOOSE`), so
//! that nothing is clipped that no sample shows. The image comes with the largest possible error of each output ([`Bounds`]),
//! which is known before the image has run on anything but calibration samples.

mod share;

pub use share::share;

use crate::bound::{Bounds, Interval, NodeRanges, OutputBound, ranges};
use crate::compile::StageOptions;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::Body;
use crate::emit::{check_codes, check_image, write_image};
use crate::encode::{self, InputCode, InputRange, Levels, NodeSurvey, Plan, survey};
use crate::engine::{CoreEngine, ExactEngine, FastEngine, Options, Outputs, RawBatch, RawData};
use crate::exact::Exact;
use crate::expand;
use crate::graph::{Golden, Graph, NodeEngine, Tensor2};
use crate::lower::{self, LoopForm, LowerOptions};
use crate::map::map;
use crate::notes::RawType;
use crate::numeric::Random;
use crate::prove::{parse, prove};
use crate::target::Target;
use crate::tune::{self, GoldenSums, InputMap, Tuner};

use share::{largest_gap, range, relative};

/// How much wider than what samples show a range may be and still be taken as it is. Beyond, the samples' is, with [`ROOM`].
const LOOSE: f64 = 16.0;
/// Room on both sides of the samples' range, as a share of its width.
const ROOM: f64 = 0.25;
/// A sample on which an output's range is smaller than on all but one of so many is judged by the range that those have: the only
/// element of a result lies near 0 now and then, and two elements are nearly the same.
const RARE: usize = 16;
/// The same for a range that is smaller than this share of the usual one: a result that is the same everywhere has none.
const LEAST: f64 = 0.02;
/// Calibration samples.
const SAMPLES: usize = 64;
/// Seed of the samples.
const SEED: u64 = 0x5eed;

/// What is known of an input before it is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputSpan {
    /// The least value.
    pub lo: f64,
    /// The greatest value.
    pub hi: f64,
    /// Whether all its values are whole numbers.
    pub whole: bool,
}

/// How the values of an input become raw ones: `raw = round((x - lo) / step)`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    len: usize,
    lo: f64,
    step: f64,
    most: i32,
    error: f64,
}

/// A network compiled for inputs of stated ranges.
#[derive(Clone, Debug)]
pub struct Ranged {
    /// The image.
    pub image: Vec<u8>,
    /// For each output how far it can lie from the network's; `None` where that is not followed.
    pub bounds: Option<Vec<OutputBound>>,
    /// For each output the largest error on a calibration sample, as a share of the output's range on that sample.
    pub measured: Vec<f64>,
    /// For each output the range that it has on half of the calibration samples.
    pub usual: Vec<f64>,
    /// Rewrites and approximations.
    pub remarks: Vec<String>,
    grids: Vec<Grid>,
}

impl Grid {
    fn new(span: &InputSpan, len: usize, levels: u32) -> Self {
        let most = levels - 1;
        // A single value still needs a range.
        let (lo, hi) = match (span.lo, span.hi) {
            (lo, hi) if lo < hi => (lo, hi),
            (lo, hi) if lo > 0.0 => (0.5 * lo, hi),
            (lo, hi) if hi < 0.0 => (lo, 0.5 * hi),
            _ => (0.0, 1.0),
        };
        if span.whole && hi.ceil() - lo.floor() <= f64::from(most) {
            let lo = lo.floor();
            return Self { len, lo, step: 1.0, most: (hi.ceil() - lo) as i32, error: 0.0 };
        }
        // Zero lies on the grid.
        let step = (hi - lo) / f64::from(most.max(3) - 1);
        let lo = (lo / step).floor() * step;
        let top = ((hi - lo) / step).ceil().min(f64::from(most)) as i32;
        // What f32 rounds when samples are handed over.
        let rounding = 1e-7 * lo.abs().max(hi.abs());
        Self { len, lo, step, most: top, error: 0.5 * step + rounding }
    }

    fn raw(&self, x: f64) -> i32 {
        ((x - self.lo) / self.step).round().clamp(0.0, f64::from(self.most)) as i32
    }

    fn value(&self, raw: i32) -> f64 {
        self.lo + f64::from(raw) * self.step
    }
}

/// Options for stated ranges: nothing is fitted to samples that ranges do not bear out.
pub fn options(target: &Target) -> StageOptions {
    let mut options = StageOptions::default();
    options.tune.ridge = 0.0;
    options.tune.margin = 0.0;
    options.tune.whole_ranges = true;
    if target.input_bits >= 12 {
        options.encode.signals = encode::SignalBudget::Each(1);
        options.encode.output_signals = encode::SignalBudget::Each(1);
    } else {
        options.encode.carrier_signals = 4;
    }
    options
}

/// Compiles `graph` for `target`, for inputs within `spans`, one an input. With `within`, an image is refused whose outputs are
/// further off on a calibration sample than this share of their range.
///
/// # Errors
/// Whatever the stages refuse; SP0204 for ranges that are not finite, SP0313 for outputs that are further off than `within`.
pub fn compile(
    graph: &Graph,
    spans: &[InputSpan],
    target: &Target,
    options: &StageOptions,
    within: Option<f64>,
) -> Result<Ranged> {
    let mut found = Diagnostics::default();
    let mut grids = Vec::new();
    for (&id, span) in graph.inputs().iter().zip(spans) {
        let value = graph.value(id);
        if !(span.lo.is_finite() && span.hi.is_finite()) || value.is_empty() {
            let rule = format!("its values lie from {} to {}, {} of them", span.lo, span.hi, value.len());
            let way_out = "state a finite range, and at least one element";
            found.push(Diagnostic::error("SP0204", format!("input {:?}", value.name), rule, way_out));
            continue;
        }
        grids.push(Grid::new(span, value.len(), target.input_max as u32 + 1));
    }
    let grids = found.into_result(grids)?;
    let dot = lower::lower(
        graph,
        &LowerOptions { keep_decision: true, loops: LoopForm::Unroll, ..LowerOptions::default() },
    )?;

    // Samples, raw and as the model sees them.
    let length: usize = grids.iter().map(|grid| grid.len).sum();
    let (raw, values) = draw(&grids);
    let batch = Tensor2::new(SAMPLES, length, values).unwrap_or_else(|| Tensor2::zeros(0, length));
    let reformed = lower::check(dot, graph, &batch)?.into_graph();

    // Signals.
    let input = InputMap {
        scale: grids.iter().flat_map(|grid| vec![grid.step; grid.len]).collect(),
        offset: grids.iter().flat_map(|grid| vec![grid.lo; grid.len]).collect(),
    };
    // Every raw value has a code of its own; few values are spread over all codes.
    let raw_range = |grid: &Grid| {
        let spread = (target.input_max / grid.most.max(1)).max(1);
        // Codes a power of two apart: what the network does with whole numbers stays exact.
        let spread = 1 << spread.ilog2();
        InputRange { len: grid.len, lo: 0.0, hi: f64::from(target.input_max) / f64::from(spread) }
    };
    let raw_ranges: Vec<InputRange> = grids.iter().map(raw_range).collect();
    let code = InputCode::new(RawType::I32, &raw_ranges, 1, target)?;
    let on_grid = |grid: &Grid| Interval::new(grid.lo, grid.value(grid.most));
    let of_grids = |of: &dyn Fn(&Grid) -> Interval| -> Vec<Interval> {
        grids.iter().flat_map(|grid| vec![of(grid); grid.len]).collect()
    };
    let inputs = of_grids(&|grid| on_grid(grid).widened(grid.error));
    let mut shown = survey(&reformed, batch.data());
    // What counts less than any maximum must do so for every input.
    for ((node, shown), known) in reformed.nodes.iter().zip(&mut shown).zip(ranges(&reformed, &inputs)) {
        if let Body::Max(_) = node.body
            && known.sums.iter().all(|sums| sums.is_finite())
        {
            shown.least = known.sums.iter().map(|sums| sums.lo).collect();
            shown.most = known.sums.iter().map(|sums| sums.hi).collect();
        }
    }
    let exact = Exact::default();
    let plan = Plan {
        dot: &reformed,
        survey: &shown,
        input_starts_at_zero: input.starts_at_zero(&code),
        exact: &exact,
        levels: &Levels::least(&reformed, 1),
        target,
        options: &options.encode,
    };
    let encoded = encode::check(plan.encode(code)?, target)?;
    let expanded = expand::check(expand::expand(&encoded, target, options.expand)?, target)?;

    // Ranges that no input leaves, and whole numbers for them.
    let known = ranges(&expanded.graph().encoded.dot, &inputs);
    let raw_batch = RawBatch::new(RawData::I32(&raw), length)?;
    let input_codes =
        encoded.graph().input.codes(SAMPLES, length, |sample, element| raw[sample * length + element]);
    let tuning = &options.tune;
    let mut golden = GoldenSums::new(&expanded.graph().encoded.dot, batch.data(), tuning.rows, tuning.seed);
    // What lies between two points of a grid is rounded to one of them, so the image sees no more than the points.
    for (node, known) in
        golden.nodes.iter_mut().zip(&ranges(&expanded.graph().encoded.dot, &of_grids(&on_grid)))
    {
        node.survey = chosen(&node.survey, known);
    }
    let tuner = Tuner {
        expanded: &expanded,
        input: &input,
        input_codes: &input_codes,
        golden: &golden,
        target,
        options: tuning,
    };
    let result = tuner.tune(|_, _| {})?;
    let tuned = tune::check(result.graph, target)?;

    // The image, and what every image must meet.
    let program = map(&tuned, None, target)?;
    let image = write_image(&program, &[], "", target)?;
    let compared = check_image(&program, &image)?;
    check_codes(&program, &result.codes, &raw_batch, target)?;
    let errors: Vec<f64> = grids.iter().flat_map(|grid| vec![grid.error; grid.len]).collect();
    let bounds = Bounds::new(tuned.graph(), &input, &inputs, &errors, &known, target)
        .map(|bounds| bounds.outputs(tuned.graph(), &known, &program));
    let mut made = Ranged {
        image,
        bounds,
        measured: Vec::new(),
        usual: Vec::new(),
        remarks: reformed.rewrites.iter().chain(&encoded.graph().remarks).cloned().collect(),
        grids,
    };
    prove(&made.image, tuned.graph(), compared)?;
    made.measure(graph, &batch, &raw_batch)?;
    made.demand(graph, target, within)?;
    Ok(made)
}

/// Samples, raw and as the model sees them: of every second one each element lies anywhere within its range, of the others more
/// often near its middle, as what is normally distributed does. Of every fourth one they are multiples of a half, as far as
/// the range holds some, each as often as any other: where networks have their jumps, and where a rounded input can lie on
/// the wrong side of one.
fn draw(grids: &[Grid]) -> (Vec<i32>, Vec<f32>) {
    let (mut raw, mut values) = (Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        let mut random = Random::new(SEED, sample as u64);
        for grid in grids {
            let levels = f64::from(grid.most) + 1.0;
            let halves = (libm::ceil(2.0 * grid.lo), libm::floor(2.0 * grid.value(grid.most)));
            for _ in 0..grid.len {
                let place = match sample % 2 {
                    0 => random.unit(),
                    _ => (random.unit() + random.unit() + random.unit()) / 3.0,
                };
                let drawn = ((place * levels) as i32).min(grid.most);
                let half =
                    0.5 * (halves.0 + libm::floor(random.unit() * (halves.1 - halves.0 + 1.0))).min(halves.1);
                if sample % 4 == 3 && grid.error > 0.0 && halves.0 < halves.1 {
                    raw.push(grid.raw(half));
                    values.push(half as f32);
                } else {
                    raw.push(drawn);
                    values.push(grid.value(drawn) as f32);
                }
            }
        }
    }
    (raw, values)
}

/// The ranges that a node is tuned for.
fn chosen(shown: &NodeSurvey, known: &NodeRanges) -> NodeSurvey {
    let mut made = shown.clone();
    for (channel, proven) in known.sums.iter().enumerate() {
        let (lo, hi) = (shown.least[channel], shown.most[channel]);
        let scale = proven.magnitude().min(lo.abs().max(hi.abs())).max(f64::MIN_POSITIVE);
        let width = (hi - lo).max(1e-9 * scale);
        let taken = if proven.width() <= LOOSE * width {
            *proven
        } else {
            let room = Interval::new(lo - ROOM * width, hi + ROOM * width);
            room.meet(*proven).unwrap_or(room)
        };
        (made.least[channel], made.most[channel]) = (taken.lo, taken.hi);
    }
    made
}

impl Ranged {
    /// The outputs for `inputs`, one slice an input, in the network's own unit.
    ///
    /// # Errors
    /// Those of the engine; SP0602 for inputs of another length.
    pub fn run(&self, inputs: &[&[f64]]) -> Result<Vec<Vec<f64>>> {
        let raw: Vec<i32> =
            self.grids.iter().zip(inputs).flat_map(|(grid, xs)| xs.iter().map(|&x| grid.raw(x))).collect();
        let batch = RawBatch::new(RawData::I32(&raw), raw.len())?;
        Ok(self.outputs(&batch)?.swap_remove(0))
    }

    /// Sample by sample the outputs.
    fn outputs(&self, batch: &RawBatch<'_>) -> Result<Vec<Vec<Vec<f64>>>> {
        let image = parse(&self.image)?;
        let options = Options::with_threads(1);
        let outputs: Outputs = match FastEngine::new(&image, options) {
            Ok(mut engine) => engine.run_batch(batch)?,
            Err(_) => CoreEngine::new(&image, options)?.run_batch(batch)?,
        };
        let decoders = (0..image.decoder_count()).filter_map(|number| image.decoder(number));
        let decoders: Vec<_> = decoders.collect();
        let sample = |index: usize| {
            let of = |decoder: &spandrel_core::image::Decoder| {
                let codes: Vec<i32> = outputs.output(index, decoder.output).collect();
                let unit: f64 = decoder.scale.to_num();
                let value = |at| decoder.value(image.tables(), &codes, at).map(|v| v as f64 * unit);
                (0..decoder.values).map(value).collect::<Option<Vec<f64>>>().ok_or_else(|| {
                    let way_out = "this is a fault of the compiler: report it with the model";
                    Diagnostic::error("SP0614", "section DECODERS", "a decoder takes more codes", way_out)
                })
            };
            decoders.iter().map(of).collect::<std::result::Result<Vec<_>, _>>()
        };
        (0..outputs.len()).map(|index| sample(index).map_err(Diagnostics::from)).collect()
    }

    /// Fills in [`Ranged::measured`] and [`Ranged::usual`].
    fn measure(&mut self, graph: &Graph, batch: &Tensor2, raw: &RawBatch<'_>) -> Result<()> {
        let names: Vec<&str> = graph.outputs().iter().map(|&id| graph.value(id).name.as_str()).collect();
        let wanted = Golden::with_threads(graph, 1).values(batch, &names)?;
        let given = self.outputs(raw)?;
        for (output, wanted) in wanted.iter().enumerate() {
            let own = |sample: usize| &given[sample][output];
            let ranges: Vec<f64> = (0..given.len()).map(|i| range(wanted.row(i))).collect();
            let mut sorted = ranges.clone();
            sorted.sort_by(f64::total_cmp);
            let usual = sorted[sorted.len() / 2];
            let least = sorted[sorted.len() / RARE].max(LEAST * usual);
            let share = |i: usize| relative(largest_gap(own(i), wanted.row(i)), ranges[i].max(least));
            self.measured.push((0..given.len()).map(share).fold(0.0, f64::max));
            self.usual.push(usual);
        }
        Ok(())
    }

    fn demand(&self, graph: &Graph, target: &Target, within: Option<f64>) -> Result<()> {
        let Some(within) = within else { return Ok(()) };
        let mut found = Diagnostics::default();
        for (&measured, &id) in self.measured.iter().zip(graph.outputs()) {
            if measured <= within {
                continue;
            }
            let missing = libm::ceil(libm::log2(measured / within)).clamp(1.0, 16.0) as u8;
            let field = if target.digital.is_some() { "mac.output_bits" } else { "crossbar.output_bits" };
            let place = format!("output {:?}", graph.value(id).name);
            let rule = format!(
                "it is off by {:.2} % of its range on a calibration sample, more than {:.2} %: signals of {} bits ({field}) are too coarse",
                100.0 * measured,
                100.0 * within,
                target.output_bits
            );
            let way_out = format!(
                "a chip with {field} of about {}, or more signals for each value (--set encode.signals)",
                target.output_bits.saturating_add(missing)
            );
            found.push(Diagnostic::error("SP0313", place, rule, way_out));
        }
        found.into_result(())
    }
}
