//! What share of all faults an image's known answers show, and images that say so.

use std::collections::BTreeSet;

use spandrel_core::image::{Coverage, CoverageWay, FaultClass, Image, Subject, Tag, assemble, assembled_len};

use super::{broken::Broken, proof, simulate::Simulator, sites::Sites, vectors::vectors};
use crate::confidence::clopper_pearson;
use crate::diagnostic::{Diagnostic, Result};
use crate::emit::{VectorData, vector_list};
use crate::numeric::{Random, parallel_rows};

/// How much is done for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Faults of a class that are simulated: all of them where there are no more, or a sample.
    pub faults: u64,
    /// Known answers of each core, at most.
    pub vectors: u32,
    /// Work units that the samples of the whole network may take, with all faults.
    pub work: u64,
    /// Seed of everything drawn.
    pub seed: u64,
}

impl Default for Options {
    /// 1,000 faults of a class, 16 answers of a core, 2^34 work units.
    fn default() -> Self {
        Self { faults: 1000, vectors: 16, work: 1 << 34, seed: 1 }
    }
}

/// The coverage that a record states: shown / (simulated - proven). `None` where nothing can show.
#[must_use]
pub fn ratio(own: &Coverage) -> Option<f64> {
    let able = own.simulated - own.undetectable;
    (able > 0).then(|| own.detected as f64 / able as f64)
}

/// What the settings say of known answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerOptions {
    /// As [`Options::faults`]; `None`: images are left as they are.
    pub faults: Option<u64>,
    /// As [`Options::vectors`].
    pub vectors: u32,
}

impl Default for AnswerOptions {
    fn default() -> Self {
        Self { faults: None, vectors: Options::default().vectors }
    }
}

impl AnswerOptions {
    /// [`equip`] with `seed`, if it is asked for; `samples` as raw values.
    ///
    /// # Errors
    /// As [`equip`].
    pub fn equip(
        self,
        image: Vec<u8>,
        samples: impl IntoIterator<Item = Vec<i32>>,
        seed: u64,
    ) -> Result<Vec<u8>> {
        let Some(faults) = self.faults else { return Ok(image) };
        let samples: Vec<Vec<i32>> = samples.into_iter().take(SAMPLES).collect();
        equip(&image, &samples, &Options { faults, vectors: self.vectors, seed, ..Options::default() })
    }
}

/// Samples of the whole network whose answers are recorded.
const SAMPLES: usize = 2;

/// What came of a fault.
#[derive(Clone, Copy, Default)]
struct Outcome {
    /// Proven to show in no way: by [`CoverageWay::ALL`].
    never: [bool; 3],
    /// Shown by the answers of cores, and of the network (`None`: not tried).
    test: bool,
    network: Option<bool>,
}

/// `most` different numbers below `all`, drawn; all of them where there are no more.
pub(super) fn distinct(all: u64, most: u64, random: &mut Random) -> BTreeSet<u64> {
    if all <= most {
        return (0..all).collect();
    }
    let mut numbers = BTreeSet::new();
    while (numbers.len() as u64) < most {
        numbers.insert(random.next_u64() % all);
    }
    numbers
}

/// `most` different numbers below `all` in a drawn order; all of them where there are no more.
fn draw(all: u64, most: u64, random: &mut Random) -> Vec<u64> {
    let mut numbers: Vec<u64> = distinct(all, most, random).into_iter().collect();
    for at in (1..numbers.len()).rev() {
        numbers.swap(at, (random.next_u64() % (at as u64 + 1)) as usize);
    }
    numbers
}

/// The coverage of the known answers that `image` holds, for each class of faults that its chip can have.
#[must_use]
pub fn coverage(image: &Image<'_>, options: &Options) -> Vec<Coverage> {
    let sites = Sites::new(image);
    let simulator = Simulator::new(image);
    let subjects = (0..image.vector_count()).filter_map(|number| image.vector(number)).map(|own| own.subject);
    let networks = subjects.filter(|subject| matches!(subject, Subject::Network { .. })).count() as u64;
    let run = image.work().saturating_mul(networks).max(1);
    let mut out = Vec::new();
    for class in FaultClass::ALL {
        let all = sites.count(class);
        let numbers = draw(all, options.faults, &mut Random::new(options.seed, 1 << 40 | class as u64));
        let tried = if networks == 0 { 0 } else { options.work / FaultClass::ALL.len() as u64 / run };
        let mut outcomes = vec![Outcome::default(); numbers.len()];
        parallel_rows(&mut outcomes, 1, |first, outcomes| {
            let mut ram = vec![0; image.header().ram_words as usize];
            for (at, outcome) in (first..).zip(outcomes) {
                let fault = numbers.get(at).and_then(|number| sites.fault(class, *number));
                let Some(broken) = fault.and_then(|fault| Broken::new(image, fault)) else { continue };
                outcome.never = CoverageWay::ALL.map(|way| proof::undetectable(&broken, way));
                outcome.test = simulator.cores_show(&broken);
                outcome.network = ((at as u64) < tried).then(|| simulator.network_shows(&broken, &mut ram));
            }
        });
        for way in CoverageWay::ALL {
            let all_ways = |outcome: &&Outcome| way == CoverageWay::TestMode || outcome.network.is_some();
            let mut own =
                Coverage { class, way, all, simulated: 0, undetectable: 0, detected: 0, ppm: (0, 1_000_000) };
            for outcome in outcomes.iter().filter(all_ways) {
                let network = outcome.network == Some(true);
                let shown = match way {
                    CoverageWay::TestMode => outcome.test,
                    CoverageWay::Network => network,
                    CoverageWay::Both => outcome.test || network,
                };
                own.simulated += 1;
                own.undetectable += u64::from(outcome.never[way as usize]);
                own.detected += u64::from(shown);
            }
            if own.simulated > 0 {
                own.ppm = ends(&own);
                out.push(own);
            }
        }
    }
    out
}

/// Between which ends the coverage lies, in millionths: the share itself, or of a sample the 95 % interval.
fn ends(own: &Coverage) -> (u32, u32) {
    let able = own.simulated - own.undetectable;
    if able == 0 {
        return (0, 1_000_000);
    }
    if own.sampled() {
        let (lo, hi) = clopper_pearson(own.detected, able, 0.95);
        return ((lo * 1e6).floor() as u32, (hi * 1e6).ceil().min(1e6) as u32);
    }
    let scaled = u128::from(own.detected) * 1_000_000;
    ((scaled / u128::from(able)) as u32, scaled.div_ceil(u128::from(able)) as u32)
}

/// The image `bytes` with other sections in the place of those of the same tags.
fn with(bytes: &[u8], sections: &[(Tag, Vec<u8>)]) -> Result<Vec<u8>> {
    let image = crate::prove::parse(bytes)?;
    let sections: Vec<(Tag, &[u8])> = Tag::KNOWN
        .iter()
        .map(|tag| {
            let own = sections.iter().find(|(of, _)| of == tag);
            (*tag, own.map_or(image.section(*tag), |(_, bytes)| bytes))
        })
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect();
    let header = image.header();
    let mut out = vec![0; assembled_len(&sections)];
    assemble(header.chip_name(), header.chip_revision, header.ram_words, &sections, &mut out).map_err(
        |error| {
            let way_out = "this is a fault of the compiler: report it with the model";
            Diagnostic::error("SP0309", "image", error.to_string(), way_out)
        },
    )?;
    Ok(out)
}

/// The unsigned image `bytes` with known answers of its cores chosen by the faults that they show, with those of the whole network
/// that it has, or, when it has none, those to `samples` (raw values), and with its coverage.
///
/// # Errors
/// `bytes` is no image (SP0310), or the machine stops at a sample.
pub fn equip(bytes: &[u8], samples: &[Vec<i32>], options: &Options) -> Result<Vec<u8>> {
    let image = crate::prove::parse(bytes)?;
    let values = |values: &spandrel_core::image::Values<'_>| {
        (values.codec(), (0..values.len()).filter_map(|at| values.get(at)).collect())
    };
    let mut known: Vec<VectorData> = vectors(&image, &Sites::new(&image), options);
    let own = (0..image.vector_count()).filter_map(|number| image.vector(number));
    let own = own.filter(|vector| matches!(vector.subject, Subject::Network { .. }));
    let mut networks: Vec<VectorData> = own
        .map(|vector| VectorData {
            subject: vector.subject,
            inputs: values(&vector.inputs),
            answers: values(&vector.answers),
        })
        .collect();
    if networks.is_empty() {
        networks = crate::emit::network_answers(&image, samples)?;
    }
    known.extend(networks);
    let answered = with(bytes, &[(Tag::VECTORS, vector_list(&known)), (Tag::COVERAGE, Vec::new())])?;
    let mut section = Vec::new();
    for own in coverage(&crate::prove::parse(&answered)?, options) {
        own.emit(&mut |part: &[u8]| section.extend_from_slice(part));
    }
    with(&answered, &[(Tag::COVERAGE, section)])
}
