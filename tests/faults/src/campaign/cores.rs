//! Faults of cores: each by itself on a chip that was loaded, first by the answers of cores, then by those of the network.

use spandrel::confidence::clopper_pearson;
use spandrel::faults::{Broken, Fault, Simulator, Sites, ratio, undetectable};
use spandrel_core::image::{Coverage, CoverageWay, FaultClass, Image};

use super::{Tally, draw, each};
use crate::{
    chip::loaded,
    judge::judge,
    networks::Network,
    unpack::unpack,
    witness::{Miss, explain},
};

/// What the image states, and what the campaign saw.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The record.
    pub stated: Coverage,
    /// Faults run that can show in this way.
    pub able: u64,
    /// Of those, shown.
    pub shown: u64,
    /// All faults of the class were run.
    pub enumerated: bool,
}

impl Beside {
    /// The interval of the campaign's share at the confidence `level`.
    #[must_use]
    pub fn interval(&self, level: f64) -> (f64, f64) {
        if self.enumerated {
            let share = self.shown as f64 / self.able.max(1) as f64;
            return (share, share);
        }
        clopper_pearson(self.shown, self.able, level)
    }

    /// Whether the coverage that the image states lies within. Where nothing can show there is nothing to be within.
    #[must_use]
    pub fn within(&self, level: f64) -> bool {
        let (lo, hi) = self.interval(level);
        ratio(&self.stated).is_none_or(|stated| self.able == 0 || (lo..=hi).contains(&stated))
    }
}

/// What came of a fault.
#[derive(Clone, Copy)]
struct Outcome {
    fault: Fault,
    never: [bool; 3],
    shown: [bool; 3],
    simulated: [bool; 3],
    located: bool,
    miss: Option<Miss>,
}

/// Runs at most `most` faults of each class on `network`'s board.
///
/// # Panics
/// When a chip without faults is found faulty, a fault shows that was proven never to, or a column is named that has none.
#[must_use]
pub fn run(network: &Network, most: u64, seed: u64) -> (Vec<Tally>, Vec<Beside>) {
    let image = Image::parse(&network.image).expect("an image");
    let (sites, held, simulator) = (Sites::new(&image), unpack(&image), Simulator::new(&image));
    let mut chip = loaded(&network.image);
    let healthy = judge(&image, &mut chip, None);
    assert!(healthy.test.is_none() && !healthy.network, "{}: {healthy:?}", network.name);
    let (mut tallies, mut beside) = (Vec::new(), Vec::new());
    for class in FaultClass::ALL {
        let all = sites.count(class);
        if all == 0 {
            continue;
        }
        let numbers = draw(all, most, seed ^ (class as u64) << 32);
        let faults: Vec<Fault> = numbers.iter().filter_map(|number| sites.fault(class, *number)).collect();
        let outcomes = each(
            &faults,
            || (chip.clone(), vec![0; image.header().ram_words as usize]),
            |(chip, ram), fault| {
                let shown = judge(&image, chip, Some(*fault));
                let broken = Broken::new(&image, *fault).expect("a fault of this image");
                let never = CoverageWay::ALL.map(|way| undetectable(&broken, way));
                let said = (simulator.cores_show(&broken), simulator.network_shows(&broken, ram));
                let (test, network) = (shown.test.is_some(), shown.network);
                let right = fault.column().is_none_or(|column| shown.unit() == Some(column));
                let miss = (!test && !network).then(|| explain(&image, &held, *fault, seed));
                Outcome {
                    fault: *fault,
                    never,
                    shown: [test, network, test || network],
                    simulated: [said.0, said.1, said.0 || said.1],
                    located: test && right && shown.config() == Some(fault.config),
                    miss,
                }
            },
        );
        tallies.push(tally(network.name, class, &outcomes));
        let stated = (0..image.coverage_count()).filter_map(|at| image.coverage(at));
        for stated in stated.filter(|own| own.class == class) {
            let way = stated.way as usize;
            let able = outcomes.iter().filter(|own| !own.never[way]).count() as u64;
            let shown = outcomes.iter().filter(|own| own.shown[way]).count() as u64;
            beside.push(Beside { stated, able, shown, enumerated: numbers.len() as u64 == all });
        }
    }
    (tallies, beside)
}

fn tally(name: &str, class: FaultClass, outcomes: &[Outcome]) -> Tally {
    let mut own = Tally { name: format!("{name}: {}", class.name()), located: Some(0), ..Tally::default() };
    for outcome in outcomes {
        for (never, shown) in outcome.never.iter().zip(outcome.shown) {
            assert!(!(*never && shown), "{name}: {} shows, though proven never to", outcome.fault);
        }
        own.injected += 1;
        if outcome.shown != outcome.simulated {
            own.differs += 1;
            eprintln!(
                "{name}: {}: the board {:?}, the simulator {:?}",
                outcome.fault, outcome.shown, outcome.simulated
            );
        }
        let detected = outcome.shown[CoverageWay::Both as usize];
        own.detected += u64::from(detected);
        own.seated += u64::from(detected);
        own.located = own.located.map(|count| count + u64::from(outcome.located));
        match outcome.miss {
            None => {}
            Some(Miss::Never) => own.miss("nothing can show it (proven)"),
            Some(Miss::OtherQuestion) => own.miss("another question to its core shows it"),
            Some(Miss::OtherSample) => own.miss("another sample shows it"),
            Some(Miss::Hidden) => own.miss("nothing that was tried shows it"),
        }
    }
    own
}
