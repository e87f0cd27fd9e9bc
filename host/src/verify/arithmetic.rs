//! C1: the core model against the written arithmetic, array by array and column by column.
//!
//! The weights of every configuration are decoded a second time, the oracle reads the array in wide
//! integers, and each column must be what [`read_column`] gives. Then sums of reads, and sums at the adder's ends, go
//! through the periphery on both sides. At last some samples run through the whole program, naively.

use spandrel_core::{
    arith::Rounding,
    blob::Column,
    crossbar::{Crossbar, Polarity, Readout, finish, input_limit, read_column},
    image::{Encoder, Image},
};
use spandrel_oracle as oracle;

use super::{
    decode::{self, Array, Core},
    digital::reads,
    naive::{self, Reader, adder},
    parallel::map,
    report::{Evidence, Failure},
    spiking,
    stimuli::{Chance, codes, raw},
};
use crate::engine::{CoreEngine, ExactEngine, Options, RawBatch, RawData};

/// Digit products that the oracle may form for the vectors of all configurations, so that the time is bounded on large
/// images. Counted, not timed: the same image is always checked alike.
const PRODUCTS: u64 = 1 << 25;
/// The least number of vectors of a configuration: all extremes and a few by chance.
const VECTORS_LEAST: u64 = 10;
/// Whole samples followed naively, at most.
const SAMPLES_MOST: usize = 8;

/// `crossbar` in the oracle's terms.
#[must_use]
pub fn described(crossbar: &Crossbar) -> oracle::Crossbar {
    oracle::Crossbar {
        input_bits: u32::from(crossbar.input_bits),
        dac_bits: u32::from(crossbar.dac_bits),
        cell_bits: u32::from(crossbar.cell_bits),
        slices: u32::from(crossbar.slices),
        output_bits: u32::from(crossbar.output_bits),
        polarity: match crossbar.polarity {
            Polarity::Differential => oracle::Polarity::Differential,
            Polarity::Offset => oracle::Polarity::Offset,
        },
        readout: match crossbar.readout {
            Readout::Composed { shift, rounding } => oracle::Readout::Composed {
                shift: u32::from(shift),
                rounding: match rounding {
                    Rounding::TowardZero => oracle::Rounding::TowardZero,
                    Rounding::Floor => oracle::Rounding::Floor,
                },
            },
            Readout::Exact { adc_bits } => oracle::Readout::Exact { adc_bits: u32::from(adc_bits) },
        },
    }
}

/// What the oracle reads on every column for the codes `inputs`.
fn expected(array: &Array, inputs: &[i32]) -> Result<Vec<i64>, String> {
    if array.lines() == 0 {
        return Ok(vec![0; array.weights.len()]);
    }
    let bias = array.crossbar.bias_code as i32;
    let bias_rows = std::iter::repeat_n(bias, array.crossbar.bias_rows as usize);
    let x: Vec<i128> = inputs.iter().copied().chain(bias_rows).map(i128::from).collect();
    let weights: Vec<Vec<i128>> =
        array.weights.iter().map(|column| column.iter().map(|w| i128::from(*w)).collect()).collect();
    let reads =
        oracle::read_array(&described(&array.crossbar), &x, &weights).map_err(|error| error.to_string())?;
    reads.iter().map(|read| i64::try_from(read.value).map_err(|error| error.to_string())).collect()
}

/// What the core model reads on column `unit`.
pub(super) fn model_read(image: &Image<'_>, array: &Array, inputs: &[i32], unit: u32) -> Option<i32> {
    let Some(blob) = image.blob(array.crossbar.blob) else { return Some(0) };
    let store = image.weights();
    let column = Column::new(blob, *image.tables(), &store, unit);
    read_column(&array.crossbar, &column, |row| inputs.get(row as usize).copied().unwrap_or(0)).ok()
}

/// Digit products of one vector.
fn products(core: &Core) -> u64 {
    let Core::Crossbar(array) = core else { return (core.lines() * core.columns()).max(1) as u64 };
    let Crossbar { columns, slices, .. } = array.crossbar;
    (array.lines() as u64 * u64::from(columns) * u64::from(slices) * u64::from(array.crossbar.passes()))
        .max(1)
}

/// Compares all columns of configuration `core` for the codes `inputs`; returns the reads of the core model.
fn compare(
    image: &Image<'_>,
    core: u32,
    array: &Array,
    inputs: &[i32],
    vector: u64,
    evidence: &mut Evidence,
) -> Vec<i64> {
    let expected = match expected(array, inputs) {
        Ok(expected) => expected,
        Err(rule) => {
            evidence.fail(Failure::new("the oracle's verdict", "a read", rule).at(image, core, None));
            return vec![0; array.weights.len()];
        }
    };
    let mut reads = Vec::with_capacity(expected.len());
    for (unit, expected) in (0..).zip(expected) {
        let found = model_read(image, array, inputs, unit);
        evidence.cases += 1;
        evidence.transcript.number(expected);
        if found.map(i64::from) != Some(expected) {
            let found = found.map_or("a weight store fault".to_owned(), |found| found.to_string());
            let what = format!("the read for vector {vector}");
            evidence.fail(Failure::new(what, expected, found).at(image, core, Some(unit)));
        }
        reads.push(expected);
    }
    reads
}

/// The periphery of configuration `core` for `sums` and for the ends of the adder.
fn periphery(image: &Image<'_>, core: u32, array: &Array, sums: &[i64], evidence: &mut Evidence) {
    let adder = adder(image, array);
    let end = 1i64 << (array.crossbar.adder_bits - 1);
    let extremes = [0, 1, -1, end - 1, end, -end, -end - 1, i64::from(i32::MAX), i64::from(i32::MIN)];
    for (at, sum) in sums.iter().chain(&extremes).enumerate() {
        let sum = (*sum).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        let expected = oracle::finish(&adder, &[i128::from(sum)]);
        let found = finish(&array.crossbar, image.tables(), sum);
        evidence.cases += 1;
        evidence.transcript.number(i64::from(sum));
        evidence.transcript.number(i64::from(found));
        if i128::from(found) != expected {
            let unit = (at < sums.len()).then_some(at as u32 % array.crossbar.columns);
            let what = format!("the output for the sum {sum}");
            evidence.fail(Failure::new(what, expected, found).at(image, core, unit));
        }
    }
}

/// Reads arrays with the oracle while comparing each with the core model.
struct Checked<'a, 'i> {
    image: &'a Image<'i>,
    cores: &'a [Core],
    sample: u64,
    evidence: Evidence,
}

impl Reader for Checked<'_, '_> {
    fn read(&mut self, core: u32, inputs: &[i32]) -> Vec<i64> {
        let before = self.evidence.failures.len();
        let reads = match &self.cores[core as usize] {
            Core::Crossbar(array) => {
                compare(self.image, core, array, inputs, self.sample, &mut self.evidence)
            }
            Core::Digital(digital) => {
                reads::compare(self.image, core, digital, inputs, self.sample, &mut self.evidence)
            }
        };
        for failure in &mut self.evidence.failures[before..] {
            failure.sample = Some(self.sample);
        }
        reads
    }
}

/// Runs C1 on `image`: `cases` vectors for every configuration, fewer on large ones, and `samples` (raw samples of
/// input 0) followed through the whole program.
#[must_use]
pub fn check(image: &Image<'_>, samples: &[Vec<i32>], cases: u64, seed: u64) -> Evidence {
    let mut evidence = Evidence::default();
    let decoded = match spiking::cores(image) {
        Some(Ok(cores)) => return spiking::check(image, &cores, cases, seed),
        Some(Err(core)) => Err(core),
        None => decode::cores(image),
    };
    let cores = match decoded {
        Ok(cores) => cores,
        Err(core) => {
            evidence.fail(decode::refusal(image, core));
            return evidence;
        }
    };
    let round: u64 = cores.iter().map(products).sum::<u64>().max(1);
    let vectors = cases.min((PRODUCTS / round).max(VECTORS_LEAST));
    let parts = map(cores.len(), |number| {
        let core = number as u32;
        let array = match &cores[number] {
            Core::Crossbar(array) => array,
            Core::Digital(digital) => return reads::check(image, core, digital, (vectors, seed)),
        };
        let mut evidence = Evidence::default();
        let mut chance = Chance::new(seed, u64::from(core) + 1);
        for vector in 0..vectors {
            let inputs =
                codes(vector, array.crossbar.rows as usize, input_limit(&array.crossbar), &mut chance);
            let mut sums = compare(image, core, array, &inputs, vector, &mut evidence);
            // Sums of several arrays reach further than one read.
            let reach = 1i64 << (array.crossbar.adder_bits - 1);
            sums.iter_mut().skip(1).step_by(2).for_each(|sum| *sum = chance.within(-reach, reach));
            periphery(image, core, array, &sums, &mut evidence);
        }
        evidence
    });
    let columns: u64 = cores.iter().map(|core| vectors * core.columns() as u64).sum();
    parts.into_iter().for_each(|part| evidence.join(part));
    let followed = whole(image, &cores, samples, seed, &mut evidence);
    evidence.text = format!(
        "{} configurations, {columns} column reads on extreme and random codes (seed {seed}), as many finished sums, and \
         {followed} samples ({} of them given) through the whole program, against the oracle in wide integers",
        cores.len(),
        followed.min(samples.len()),
    );
    evidence
}

/// Follows samples naively and compares reads and emitted signals with the core engine; returns how many.
fn whole(
    image: &Image<'_>,
    cores: &[Core],
    samples: &[Vec<i32>],
    seed: u64,
    evidence: &mut Evidence,
) -> usize {
    let Some(Encoder { raw: codec, length, .. }) = image.encoder(0) else { return 0 };
    let work = image.work().max(1);
    let budget = usize::try_from(PRODUCTS * 2 / work).unwrap_or(SAMPLES_MOST).min(SAMPLES_MOST);
    // Even a large image is followed once, unless that would take minutes.
    let count = if work < PRODUCTS * 64 { budget.max(1) } else { budget };
    let mut chance = Chance::new(seed, 0);
    let chosen: Vec<Vec<i32>> = (0..count)
        .map(|at| {
            let given = samples.get(at).cloned();
            given.unwrap_or_else(|| raw(at as u64 + 3, length as usize, codec.range(), &mut chance))
        })
        .collect();
    let parts = map(chosen.len(), |at| {
        let mut checked = Checked { image, cores, sample: at as u64, evidence: Evidence::default() };
        let naive = naive::run(image, cores, &chosen[at], &mut checked);
        let mut evidence = checked.evidence;
        let core = emitted(image, &chosen[at]);
        let same = naive.as_ref().map(|signals| signals.iter().map(|(_, v)| *v).collect::<Vec<_>>());
        evidence.cases += naive.as_ref().map_or(0, Vec::len) as u64;
        core.iter().flatten().for_each(|code| evidence.transcript.number(*code));
        if same.is_none() || same != core {
            let text = |values: Option<Vec<i64>>| values.map_or("nothing".to_owned(), |v| shortened(&v));
            let mut failure = Failure::new("the emitted signals", text(same), text(core));
            failure.sample = Some(at as u64);
            evidence.fail(failure);
        }
        evidence
    });
    parts.into_iter().for_each(|part| evidence.join(part));
    count
}

fn shortened(values: &[i64]) -> String {
    let shown: Vec<String> = values.iter().take(32).map(ToString::to_string).collect();
    shown.join(" ") + if values.len() > 32 { " ..." } else { "" }
}

fn emitted(image: &Image<'_>, sample: &[i32]) -> Option<Vec<i64>> {
    let batch = RawBatch::new(RawData::I32(sample), sample.len()).ok()?;
    let mut engine = CoreEngine::new(image, Options::with_threads(1)).ok()?;
    let outputs = engine.run_batch(&batch).ok()?;
    Some(outputs.codes.iter().map(|code| i64::from(*code)).collect())
}
