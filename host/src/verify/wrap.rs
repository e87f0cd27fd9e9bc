//! C6: no accumulator wraps, for any input: an interval proof over the loaded weights.
//!
//! Shown for every column of a crossbar: its partials fit the 32 bits that the models give them, in any order of adding; every sum of
//! reads, after every array of a chain, fits the configuration's adder; every ADD fits 32 bits. Where the rule is saturation
//! (a read, the register of reads, an output, a signal of an edge), nothing can wrap: whether it is reachable is
//! reported, and how often it was reached on the given samples.
//!
//! Of a digital core: every sum, after every core that adds to it, fits an accumulator that wraps, for all codes that its inputs' edges
//! can hold; where the accumulator saturates, which columns' sums can leave it.

use std::collections::BTreeMap;

use spandrel_core::{image::Image, mac::Overflow};

use super::{
    bounds::{self, ColumnBounds, Span},
    decode::{self, Core},
    digital::{Digital, bounds as digital},
    naive::{self, Reader},
    parallel::map,
    ranges::{self, Ranges, SumRange},
    report::{Evidence, Failure},
    spiking,
};

/// Samples on which clipping is counted, at most.
const SAMPLES: usize = 64;
/// The magnitude below which every integer is an f32.
const F32_EXACT: i64 = 1 << 24;

/// What saturates on one configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saturation {
    /// Columns.
    pub columns: u32,
    /// Columns of which a conversion can clip for some input.
    pub can_clip_share: u32,
    /// Columns of a digital core whose sum can leave a saturating accumulator.
    pub can_clip_sum: u32,
    /// Columns whose register of shares can clip for some input.
    pub can_clip_register: u32,
    /// Columns whose finished output can lie outside the output range.
    pub can_clip_output: u32,
    /// Columns that clipped (conversion, register or accumulator) on some given sample.
    pub did_clip: u32,
}

/// The proof, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Claims checked, counter-examples, text.
    pub evidence: Evidence,
    /// By configuration.
    pub saturation: BTreeMap<u32, Saturation>,
    /// Largest magnitude of a partial, added in any order.
    pub largest_partial: i64,
    /// Configurations whose partials stay below 2^24, so that f32 sums them exactly.
    pub float_exact: u32,
    /// Hull of all sums.
    pub largest_sum: i64,
    /// Samples on which clipping was counted.
    pub samples: usize,
}

/// Proves that nothing wraps in `image`; for tests and for every compile.
#[must_use]
pub fn prove_no_wrap(image: &Image<'_>) -> Proof {
    prove_with(image, &[])
}

/// As [`prove_no_wrap`], and counts the clipping on raw samples of input 0.
#[must_use]
pub fn prove_with(image: &Image<'_>, samples: &[Vec<i32>]) -> Proof {
    let mut proof = Proof::default();
    let decoded = match spiking::cores(image) {
        Some(Ok(cores)) => return spiking::prove(image, &cores),
        Some(Err(core)) => Err(core),
        None => decode::cores(image),
    };
    let cores = match decoded {
        Ok(cores) => cores,
        Err(core) => {
            proof.evidence.fail(decode::refusal(image, core));
            return proof;
        }
    };
    let bounds: Vec<Vec<ColumnBounds>> = map(cores.len(), |core| {
        let Core::Crossbar(array) = &cores[core] else { return Vec::new() };
        (0..array.weights.len()).map(|column| bounds::column(array, column)).collect()
    });
    partials(image, &cores, &bounds, &mut proof);
    match ranges::follow(image, &cores, &bounds) {
        Some(ranges) => sums(image, &cores, &ranges, &mut proof),
        None => {
            proof.evidence.fail(Failure::new("the program", "followed to its end", "a dangling reference"))
        }
    }
    observe(image, &cores, &samples[..samples.len().min(SAMPLES)], &mut proof);
    describe(image, &cores, &mut proof);
    write(&mut proof);
    proof
}

/// The transcript: what saturates, and how far partials and sums reach.
fn write(proof: &mut Proof) {
    let transcript = &mut proof.evidence.transcript;
    for (core, s) in &proof.saturation {
        let counts =
            [s.columns, s.can_clip_share, s.can_clip_sum, s.can_clip_register, s.can_clip_output, s.did_clip];
        [*core].iter().chain(&counts).for_each(|count| transcript.number(i64::from(*count)));
    }
    transcript.number(proof.largest_partial);
    transcript.number(proof.largest_sum);
}

fn partials(image: &Image<'_>, cores: &[Core], bounds: &[Vec<ColumnBounds>], proof: &mut Proof) {
    let word = Span::register(32);
    for (core, columns) in (0u32..).zip(bounds) {
        if let Core::Digital(digital) = &cores[core as usize] {
            let columns = digital.weights.len() as u32;
            proof.saturation.insert(core, Saturation { columns, ..Saturation::default() });
            continue;
        }
        let mut largest = 0;
        for (unit, column) in (0u32..).zip(columns) {
            proof.evidence.cases += column.partials.len() as u64;
            largest = largest.max(column.gross);
            let widest = column.partials.iter().copied().reduce(Span::or).unwrap_or(Span::only(0));
            if !word.holds(widest) || column.gross > word.hi {
                let found = format!("{}..={} (gross {})", widest.lo, widest.hi, column.gross);
                let failure = Failure::new("the range of a partial", "within 32 bits", found);
                proof.evidence.fail(failure.at(image, core, Some(unit)));
            }
        }
        proof.largest_partial = proof.largest_partial.max(largest);
        proof.float_exact += u32::from(largest < F32_EXACT);
        let count =
            |what: fn(&ColumnBounds) -> bool| columns.iter().filter(|column| what(column)).count() as u32;
        proof.saturation.insert(
            core,
            Saturation {
                columns: columns.len() as u32,
                can_clip_share: count(|column| column.share_clips),
                can_clip_register: count(|column| column.register_clips),
                ..Saturation::default()
            },
        );
    }
}

fn sums(image: &Image<'_>, cores: &[Core], ranges: &Ranges, proof: &mut Proof) {
    for (core, range) in &ranges.cores {
        let crossbar = match &cores[*core as usize] {
            Core::Crossbar(array) => &array.crossbar,
            Core::Digital(digital) => {
                accumulators(image, *core, digital, range, proof);
                continue;
            }
        };
        let register = Span::register(crossbar.adder_bits);
        let output = Span::new(i64::from(crossbar.out_lo), i64::from(crossbar.out_hi));
        for (unit, sum) in (0u32..).zip(&range.sums) {
            let Some(sum) = sum else { continue };
            proof.evidence.cases += 1;
            proof.largest_sum = proof.largest_sum.max(sum.lo.abs()).max(sum.hi.abs());
            if !register.holds(*sum) {
                let what = format!("the range of a sum in an adder of {} bits", crossbar.adder_bits);
                let failure = Failure::new(
                    what,
                    format!("within {}..={}", register.lo, register.hi),
                    format!("{}..={}", sum.lo, sum.hi),
                );
                proof.evidence.fail(failure.at(image, *core, Some(unit)));
            }
        }
        let outside = range.active.iter().flatten().filter(|span| !output.holds(**span)).count();
        if let Some(saturation) = proof.saturation.get_mut(core) {
            saturation.can_clip_output = outside as u32;
        }
    }
    for (instruction, span) in &ranges.overflowing {
        let what = format!("the range of a sum register after instruction {instruction}");
        proof.evidence.fail(Failure::new(what, "within 32 bits", format!("{}..={}", span.lo, span.hi)));
    }
    let idle = cores.len() - ranges.cores.len();
    let mut text = String::new();
    if idle > 0 {
        text.push_str(&format!("; {idle} configurations are never invoked"));
    }
    if ranges.widened {
        text.push_str("; a loop was too long to follow, its ranges were widened");
    }
    for (edge, span) in &ranges.saturating {
        text.push_str(&format!("; writes to edge {edge} can saturate (values {}..={})", span.lo, span.hi));
    }
    proof.evidence.text = text;
}

/// The sums of a digital core.
fn accumulators(image: &Image<'_>, core: u32, digital: &Digital, range: &SumRange, proof: &mut Proof) {
    let mac = &digital.mac;
    for sum in range.sums.iter().flatten() {
        proof.evidence.cases += 1;
        proof.largest_sum = proof.largest_sum.max(sum.lo.saturating_abs()).max(sum.hi.saturating_abs());
    }
    if mac.overflow == Overflow::Wrap {
        let (least, most) = digital::register(mac.accumulator_bits);
        for (unit, (lo, hi)) in &range.outside {
            let what =
                format!("the range of a sum in a wrapping accumulator of {} bits", mac.accumulator_bits);
            let failure = Failure::new(what, format!("within {least}..={most}"), format!("{lo}..={hi}"));
            proof.evidence.fail(failure.at(image, core, Some(*unit)));
        }
    }
    let output = Span::new(i64::from(mac.out_lo), i64::from(mac.out_hi));
    let clipping = range.active.iter().flatten().filter(|span| !output.holds(**span)).count();
    if let Some(saturation) = proof.saturation.get_mut(&core) {
        saturation.can_clip_output = clipping as u32;
        if mac.overflow == Overflow::Saturate {
            saturation.can_clip_sum = range.outside.len() as u32;
        }
    }
}

/// Which columns clip on a sample.
struct Watch<'a, 'i> {
    image: &'a Image<'i>,
    cores: &'a [Core],
    clipped: BTreeMap<u32, Vec<bool>>,
}

impl Reader for Watch<'_, '_> {
    fn read(&mut self, core: u32, inputs: &[i32]) -> Vec<i64> {
        let array = match &self.cores[core as usize] {
            Core::Crossbar(array) => array,
            Core::Digital(digital) => return digital.reads_plainly(inputs),
        };
        let columns = array.weights.len();
        let clipped = self.clipped.entry(core).or_insert_with(|| vec![false; columns]);
        let image = self.image;
        (0..columns)
            .map(|column| {
                let (share, register) = bounds::clips(array, column, inputs);
                clipped[column] |= share || register;
                super::arithmetic::model_read(image, array, inputs, column as u32).map_or(0, i64::from)
            })
            .collect()
    }

    fn finishing(&mut self, core: u32, sums: &[i64]) {
        let Core::Digital(digital) = &self.cores[core as usize] else { return };
        let (least, most) = digital::register(digital.mac.accumulator_bits);
        let clipped = self.clipped.entry(core).or_insert_with(|| vec![false; sums.len()]);
        for (clipped, sum) in clipped.iter_mut().zip(sums) {
            *clipped |= !(least..=most).contains(&i128::from(*sum));
        }
    }
}

fn observe(image: &Image<'_>, cores: &[Core], samples: &[Vec<i32>], proof: &mut Proof) {
    let parts = map(samples.len(), |at| {
        let mut watch = Watch { image, cores, clipped: BTreeMap::new() };
        naive::run(image, cores, &samples[at], &mut watch).map(|_| watch.clipped)
    });
    let mut clipped: BTreeMap<u32, Vec<bool>> = BTreeMap::new();
    for part in parts.into_iter().flatten() {
        proof.samples += 1;
        for (core, columns) in part {
            let known = clipped.entry(core).or_insert_with(|| vec![false; columns.len()]);
            known.iter_mut().zip(columns).for_each(|(known, now)| *known |= now);
        }
    }
    for (core, columns) in clipped {
        if let Some(saturation) = proof.saturation.get_mut(&core) {
            saturation.did_clip = columns.iter().filter(|clipped| **clipped).count() as u32;
        }
    }
}

/// The configurations with the most of `what`, at most eight, by number.
fn worst(image: &Image<'_>, proof: &Proof, what: fn(&Saturation) -> u32) -> String {
    let found = proof.saturation.iter().filter(|(_, s)| what(s) > 0).take(8);
    let list: Vec<String> = found
        .map(|(core, s)| {
            let node = image.origins().nodes(*core).map_or(String::new(), |(node, _)| format!(" {node}"));
            format!("core {core}{node}: {} of {}", what(s), s.columns)
        })
        .collect();
    if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) }
}

fn describe(image: &Image<'_>, cores: &[Core], proof: &mut Proof) {
    let total = |what: fn(&Saturation) -> u32| proof.saturation.values().map(what).sum::<u32>();
    let crossbars = cores.iter().filter(|core| core.array().is_some()).count();
    let mut text = if crossbars == 0 {
        format!(
            "over all codes that the edges can hold: {} sums of digital cores, up to {}, within their accumulators unless these \
             saturate, which is reachable on {} of {} columns{}; {} outputs can reach the ends of their range",
            proof.evidence.cases,
            proof.largest_sum,
            total(|s| s.can_clip_sum),
            total(|s| s.columns),
            worst(image, proof, |s| s.can_clip_sum),
            total(|s| s.can_clip_output),
        )
    } else {
        format!(
            "over all inputs: {} ranges of partials (largest {}) within 32 bits, sums up to {} within their adders; {} of {} \
             configurations sum exactly in f32; saturation is reachable on {} of {} columns' conversions, {} registers of reads, \
             {} outputs",
            proof.evidence.cases,
            proof.largest_partial,
            proof.largest_sum,
            proof.float_exact,
            crossbars,
            total(|s| s.can_clip_share),
            total(|s| s.columns),
            total(|s| s.can_clip_register),
            total(|s| s.can_clip_output),
        )
    };
    if crossbars > 0 && crossbars < cores.len() {
        text.push_str(&format!(
            "; {} accumulators of digital cores can saturate{}",
            total(|s| s.can_clip_sum),
            worst(image, proof, |s| s.can_clip_sum)
        ));
    }
    if proof.samples > 0 {
        text.push_str(&format!(
            "; on {} samples {} columns clipped a read or a sum, whether their unit was active there or not{}",
            proof.samples,
            total(|s| s.did_clip),
            worst(image, proof, |s| s.did_clip)
        ));
    }
    text.push_str(&proof.evidence.text);
    proof.evidence.text = text;
}
