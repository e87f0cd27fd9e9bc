//! The stages behind graph reform, one after the other, on a dot graph.

use spandrel::compile::StageOptions;
use spandrel::diagnostic::Result;
use spandrel::dots::{DotEngine, DotGraph};
use spandrel::emit::{check_codes, check_image, write_image};
use spandrel::encode::{self, InputCode, InputRange, Levels, Plan, Spending, survey};
use spandrel::engine::{ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel::expand;
use spandrel::map::{Program, map};
use spandrel::notes::RawType;
use spandrel::settings::Settings;
use spandrel::target::Target;
use spandrel::tune::{self, Coded, GoldenSums, InputMap, NodeError, Tuner};
use spandrel_core::image::Image;

use super::cases::Draw;

/// What the stages made.
pub(crate) struct Staged {
    pub(crate) coded: expand::CoreOpGraph<Coded>,
    pub(crate) program: Program,
    pub(crate) image: Vec<u8>,
    pub(crate) errors: Vec<NodeError>,
    /// Records and weights compared (C3), codes compared with the machine's.
    pub(crate) compared: (u64, u64),
}

/// Raw bytes of `count` samples.
pub(crate) fn raw(draw: &mut Draw, count: usize, len: usize) -> Vec<u8> {
    (0..count * len).map(|_| draw.below(256) as u8).collect()
}

/// The model's input for raw bytes: `raw * scale + offset`.
pub(crate) fn values(raw: &[u8], map: &InputMap) -> Vec<f32> {
    let len = map.scale.len();
    let value =
        |(at, raw): (usize, &u8)| (f64::from(*raw) * map.scale[at % len] + map.offset[at % len]) as f32;
    raw.iter().enumerate().map(value).collect()
}

/// Runs the stages for `target` on raw bytes of samples.
pub(crate) fn run(
    dot: &DotGraph,
    raw: &[u8],
    map_in: &InputMap,
    target: &Target,
    set: &[&str],
) -> Result<Staged> {
    let settings = Settings::parse(set.iter().copied()).unwrap_or_else(|error| panic!("{error}"));
    let options = StageOptions::from(settings);
    let samples = values(raw, map_in);
    let len = dot.input_len();
    let ranges = survey(dot, &samples);
    let raw_range = [InputRange::new(len, (0, 255))];
    let code = |signals| InputCode::new(RawType::U8, &raw_range, signals, target);
    let exact = spandrel::exact::Exact::default();
    let plan = Plan {
        exact: &exact,
        dot,
        survey: &ranges,
        input_starts_at_zero: map_in.starts_at_zero(&code(1)?),
        target,
        options: &options.encode,
        levels: &Levels::least(dot, 1),
    };
    let spending = Spending {
        plan,
        samples: &samples,
        ranges: &raw_range,
        input_scale: &map_in.scale,
        seed: options.tune.seed,
    };
    let spent = spending.spend(code, |graph| expand::cores(graph, target, options.expand))?;
    let encoded = encode::check(spent.graph, target)?;
    let expanded = expand::check(expand::expand(&encoded, target, options.expand)?, target)?;
    let code = &encoded.graph().input;
    let input_codes =
        code.codes(raw.len() / len, len, |sample, element| i32::from(raw[sample * len + element]));
    let golden = GoldenSums::new(&encoded.graph().dot, &samples, options.tune.rows, options.tune.seed);
    let tuner = Tuner {
        expanded: &expanded,
        input: map_in,
        input_codes: &input_codes,
        golden: &golden,
        target,
        options: &options.tune,
    };
    let result = tuner.tune(|_, _| ())?;
    let tuned = tune::check(result.graph, target)?;
    let program = map(&tuned, None, target)?;
    let image = write_image(&program, &[], "", target)?;
    let batch = RawBatch::new(RawData::U8(raw), len).expect("whole samples");
    let compared = (check_image(&program, &image)?, check_codes(&program, &result.codes, &batch, target)?);
    Ok(Staged { coded: tuned.graph().clone(), program, image, errors: result.errors, compared })
}

/// Signal-to-noise ratio of every output of the image against the dot graph in floats, on other samples.
pub(crate) fn snr(dot: &DotGraph, image: &[u8], raw: &[u8], map_in: &InputMap) -> Vec<f64> {
    let image = Image::parse(image).expect("an image");
    let len = dot.input_len();
    let batch = RawBatch::new(RawData::U8(raw), len).expect("whole samples");
    let outputs =
        FastEngine::new(&image, Options::default()).expect("an engine").run_batch(&batch).expect("runs");
    let mut golden: Vec<Vec<f32>> = Vec::new();
    DotEngine::new(dot)
        .run(&values(raw, map_in), raw.len() / len, |_, given| golden.push(given.values.to_vec()));
    let port = |(number, port): (usize, &spandrel::dots::OutputPort)| {
        let decoder = (0..image.decoder_count())
            .filter_map(|d| image.decoder(d))
            .find(|d| usize::from(d.output) == number);
        let decoder = decoder.expect("a decoder for each output");
        let own = dot.nodes[port.node].len();
        let (mut signal, mut noise) = (0.0, 0.0);
        for sample in 0..raw.len() / len {
            let codes: Vec<i32> = outputs.output(sample, number as u16).collect();
            for value in 0..decoder.values {
                let have = decoder.value(image.tables(), &codes, value).expect("codes reach");
                let have = have as f64 * decoder.scale.to_num::<f64>();
                let element = port.order.as_ref().map_or(value, |order| order[value as usize]) as usize;
                let want = f64::from(golden[port.node][sample * own + element]);
                signal += want * want;
                noise += (have - want) * (have - want);
            }
        }
        10.0 * (signal / noise.max(1e-30)).log10()
    };
    dot.outputs.iter().enumerate().map(port).collect()
}
