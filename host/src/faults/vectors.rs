//! Known answers of single cores: the first drives every line, the others are chosen, of many drawn ones, by the faults that they show.
//!
//! A composed read has few bits, so a weight's lowest cell shows only where the other lines of the column cancel or are off, and at a low
//! shift. Vectors are drawn with few lines and many, codes of the low digit and of the high one, at every shift; after each choice
//! only the faults that it does not show count on.

use spandrel_core::{
    arith::{digit_max, saturate_i32},
    crossbar::{self, Crossbar, Readout},
    image::{Codec, Config, FaultClass, Image, Subject},
    mac,
    verify::{in_test_mode, read_in_test_mode},
};

use super::{
    broken::Broken,
    coverage::{Options, distinct},
    fault::Fault,
    proof,
    sites::Sites,
};
use crate::emit::VectorData;
use crate::numeric::{Random, parallel_map};

/// Faults of a core, of each class, by which its vectors are chosen.
const JUDGES: [(FaultClass, u64); 5] = [
    (FaultClass::StuckCell, 128),
    (FaultClass::WeightBit, 64),
    (FaultClass::DeadAxon, 32),
    (FaultClass::StuckOutput, 32),
    (FaultClass::Range, 16),
];
/// Vectors that are drawn for each choice, and choices in a row that may show nothing new.
const DRAWN: usize = 24;
const FRUITLESS: usize = 2;
/// Cells that the choice for all cores may read.
const EFFORT: u64 = 1 << 33;

/// A question to a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    shift: Option<u8>,
    /// Negative reads answer 0.
    relu: bool,
    /// Codes of the input lines; of the bias rows as well where there are more.
    codes: Vec<i32>,
}

impl Question {
    /// What column `unit` of a core that works answers.
    pub(super) fn answer(&self, image: &Image<'_>, config: &Config, unit: u32) -> i32 {
        let config = in_test_mode(*config, self.shift, self.codes.len() as u32);
        let input = |row: u32| self.codes.get(row as usize).copied().unwrap_or(0);
        // The store is memory.
        let read = read_in_test_mode(image, &image.weights(), &config, unit, input).unwrap_or(0);
        self.active(read.into())
    }

    fn active(&self, read: i64) -> i32 {
        let read = saturate_i32(read);
        if self.relu { read.max(0) } else { read }
    }

    /// Whether the answer of the column `unit` shows the fault.
    fn shows_in(&self, broken: &Broken<'_>, unit: u32, right: i32) -> bool {
        let config = in_test_mode(*broken.config(), self.shift, self.codes.len() as u32);
        let config = broken.configured(config, unit);
        let input = |row: u32| self.codes.get(row as usize).copied().unwrap_or(0);
        self.active(broken.read(&config, unit, &input)) != right
    }

    /// Whether its answers show the fault; `right` gives those of a core that works.
    pub(super) fn shows(&self, broken: &Broken<'_>, right: impl Fn(u32) -> i32) -> bool {
        (0..broken.config().columns())
            .filter(|unit| broken.concerns(*unit))
            .any(|unit| self.shows_in(broken, unit, right(unit)))
    }
}

/// Least and largest code of an input, and the code that moves nothing.
fn codes(config: &Config) -> (i32, i32, i32) {
    match config {
        Config::Crossbar(own) => (0, crossbar::input_limit(own), 0),
        Config::Mac(own) => (mac::input_floor(own), mac::input_limit(own), own.input_zero),
        Config::Spiking(own) => (0, own.spikes_in.into(), 0),
        _ => (0, 0, 0),
    }
}

fn below(random: &mut Random, end: u64) -> u64 {
    random.next_u64() % end.max(1)
}

/// Any code but the one that moves nothing.
fn moving(random: &mut Random, (least, most, zero): (i32, i32, i32)) -> i32 {
    let codes = (i64::from(most) - i64::from(least)) as u64;
    let code = i64::from(least) + below(random, codes) as i64;
    (if code >= i64::from(zero) { code + 1 } else { code }) as i32
}

/// Drives every input line, with the registers as they are.
fn everything(config: &Config, random: &mut Random) -> Question {
    let range = codes(config);
    Question { shift: None, relu: false, codes: (0..config.rows()).map(|_| moving(random, range)).collect() }
}

/// A drawn question to a crossbar.
fn drawn(own: &Crossbar, random: &mut Random) -> Question {
    let lines = own.rows + own.bias_rows;
    let height = u32::BITS - lines.leading_zeros();
    let shift = match own.readout {
        Readout::Exact { .. } => None,
        Readout::Composed { .. } => {
            // So many bits the full sum has, of which the read keeps the upper ones.
            let bits = u32::from(own.input_bits) + u32::from(own.cell_bits) * u32::from(own.slices) + height;
            Some(below(random, u64::from(bits.saturating_sub(own.output_bits.into())).min(31) + 1) as u8)
        }
    };
    let density = below(random, u64::from(height) + 1);
    let digit = digit_max(own.dac_bits);
    let kind = below(random, 4);
    let pass = below(random, own.passes().into()) as u32 * u32::from(own.dac_bits);
    let mut line = |_| {
        if below(random, 1 << density) != 0 {
            return 0;
        }
        match kind {
            0 => 1 << pass,
            1 => digit << pass,
            2 => (1 + below(random, digit as u64) as i32) << pass,
            _ => 1 + below(random, crossbar::input_limit(own) as u64) as i32,
        }
    };
    // Half of them leave the bias as it is.
    let bias = own.bias_rows > 0 && kind & 1 == 0;
    let codes = (0..if bias { lines } else { own.rows }).map(&mut line).collect();
    Question { shift, relu: false, codes }
}

/// At most `most` different faults of `class`, drawn.
pub(super) fn sample(
    sites: &Sites,
    class: FaultClass,
    config: u32,
    most: u64,
    random: &mut Random,
) -> Vec<Fault> {
    let numbers = distinct(sites.count_in(class, config), most, random);
    numbers.into_iter().filter_map(|number| sites.fault_in(class, config, number)).collect()
}

/// The questions to one core.
fn questions(image: &Image<'_>, sites: &Sites, number: u32, options: &Options, effort: u64) -> Vec<Question> {
    let Some(config) = image.config(number).filter(|own| image.blob(own.blob()).is_some()) else {
        return Vec::new();
    };
    let mut random = Random::new(options.seed, u64::from(number));
    let mut chosen = vec![everything(&config, &mut random)];
    let Config::Crossbar(own) = config else { return chosen };
    let judges = JUDGES.iter().flat_map(|(class, most)| sample(sites, *class, number, *most, &mut random));
    let judges: Vec<Fault> = judges.collect();
    let mut left: Vec<Broken<'_>> =
        judges.into_iter().filter_map(|fault| Broken::new(image, fault)).collect();
    left.retain(|broken| !proof::undetectable(broken, spandrel_core::image::CoverageWay::TestMode));
    let found = |question: &Question, left: &[Broken<'_>]| -> Vec<bool> {
        let right: Vec<i32> =
            (0..config.columns()).map(|unit| question.answer(image, &config, unit)).collect();
        left.iter().map(|broken| question.shows(broken, |unit| right[unit as usize])).collect()
    };
    let keep = |left: &mut Vec<Broken<'_>>, shown: &[bool]| {
        let mut shown = shown.iter();
        left.retain(|_| shown.next() == Some(&false));
    };
    let first = found(&chosen[0], &left);
    keep(&mut left, &first);
    let (mut fruitless, mut spent) = (0, 0u64);
    while chosen.len() < options.vectors as usize && !left.is_empty() && fruitless < FRUITLESS {
        // Columns for the answers, and one for most faults.
        let each = config.column_work() * (u64::from(config.columns()) + left.len() as u64);
        spent = spent.saturating_add(each * DRAWN as u64);
        if spent > effort {
            break;
        }
        let round = (0..DRAWN).map(|_| drawn(&own, &mut random));
        let best = round
            .map(|question| {
                let shown = found(&question, &left);
                (shown.iter().filter(|shown| **shown).count(), question, shown)
            })
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        let Some((count, question, shown)) = best else { break };
        if count == 0 {
            fruitless += 1;
            continue;
        }
        fruitless = 0;
        keep(&mut left, &shown);
        chosen.push(question);
    }
    chosen
}

/// Known answers of every core of `image`.
pub(super) fn vectors(image: &Image<'_>, sites: &Sites, options: &Options) -> Vec<VectorData> {
    let effort = EFFORT / u64::from(image.config_count()).max(1);
    let each = parallel_map(image.config_count() as usize, |number| {
        let number = number as u32;
        let Some(config) = image.config(number) else { return Vec::new() };
        let questions = questions(image, sites, number, options, effort).into_iter();
        let known = questions.map(|question| {
            let answers: Vec<i32> =
                (0..config.columns()).map(|unit| question.answer(image, &config, unit)).collect();
            VectorData {
                subject: Subject::Config { config: number, shift: question.shift, relu: None },
                inputs: (narrowest(&question.codes), question.codes),
                answers: (narrowest(&answers), answers),
            }
        });
        known.collect()
    });
    each.into_iter().flatten().collect()
}

/// The narrowest codec that holds `values`.
fn narrowest(values: &[i32]) -> Codec {
    let holds = |codec: &Codec| values.iter().all(|value| codec.saturate(*value) == *value);
    [Codec::U8, Codec::I8, Codec::I16].into_iter().find(holds).unwrap_or(Codec::I32)
}

/// The questions of an image, with their answers, by configuration.
pub(super) fn asked(image: &Image<'_>) -> Vec<Vec<(Question, Vec<i32>)>> {
    let mut out = vec![Vec::new(); image.config_count() as usize];
    for vector in (0..image.vector_count()).filter_map(|number| image.vector(number)) {
        if let Subject::Config { config, shift, relu } = vector.subject {
            let codes = (0..vector.inputs.len()).filter_map(|at| vector.inputs.get(at)).collect();
            let answers = (0..vector.answers.len()).filter_map(|at| vector.answers.get(at)).collect();
            out[config as usize].push((Question { shift, relu: relu == Some(true), codes }, answers));
        }
    }
    out
}
