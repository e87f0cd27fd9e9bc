//! A class of faults over all networks: strata, weighted by the population of each.

use spandrel_core::image::{CoverageWay, FaultClass};

use crate::campaign::cores::Beside;

/// One class, asked in one way, over the networks that can show it.
#[derive(Clone, Copy, Debug)]
pub struct Pooled {
    /// The class.
    pub class: FaultClass,
    /// The way.
    pub way: CoverageWay,
    /// Networks in which a fault of the class can show.
    pub networks: usize,
    /// The share of all those faults that the images state.
    pub stated: f64,
    /// The share that the campaign estimates.
    pub campaign: f64,
    /// The interval of the campaign's share.
    pub interval: (f64, f64),
}

impl Pooled {
    /// Whether the stated share lies within.
    #[must_use]
    pub fn within(&self) -> bool {
        let (lo, hi) = self.interval;
        // Sums of weights round; no sample tells 1e-9.
        (lo - 1e-9..=hi + 1e-9).contains(&self.stated)
    }
}

/// Every class in every way that an image states, at the confidence `level` for each of them.
#[must_use]
pub fn pooled(coverage: &[(&str, Vec<Beside>)], level: f64) -> Vec<Pooled> {
    let pairs = FaultClass::ALL.into_iter().flat_map(|class| CoverageWay::ALL.map(|way| (class, way)));
    pairs.filter_map(|(class, way)| one(coverage, class, way, level)).collect()
}

fn one(coverage: &[(&str, Vec<Beside>)], class: FaultClass, way: CoverageWay, level: f64) -> Option<Pooled> {
    let able = |own: &Beside| own.stated.simulated - own.stated.undetectable;
    let strata: Vec<&Beside> = coverage
        .iter()
        .flat_map(|(_, own)| own)
        .filter(|own| own.stated.class == class && own.stated.way == way && able(own) > 0)
        .collect();
    let population: u64 = strata.iter().map(|own| able(own)).sum();
    if population == 0 {
        return None;
    }
    let sampled = strata.iter().filter(|own| !own.enumerated).count().max(1);
    // All strata hold together with the probability `level`: the sum does then.
    let each = 1.0 - (1.0 - level) / sampled as f64;
    let weighted = |share: &dyn Fn(&Beside) -> f64| {
        strata.iter().map(|own| share(own) * able(own) as f64 / population as f64).sum::<f64>()
    };
    Some(Pooled {
        class,
        way,
        networks: strata.len(),
        stated: strata.iter().map(|own| own.stated.detected).sum::<u64>() as f64 / population as f64,
        campaign: weighted(&|own| own.shown as f64 / own.able.max(1) as f64),
        interval: (weighted(&|own| own.interval(each).0), weighted(&|own| own.interval(each).1)),
    })
}
