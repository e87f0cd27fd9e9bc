//! Verification of images by chance: the second decoder, the oracle's verdict on every kind of array, engines that lie.

mod engine_common;

use engine_common::{Rng, build::perceptron, random};
use spandrel::engine::{CoreEngine, EngineError, ExactEngine, Options, Outputs, RawBatch, SampleDone};
use spandrel::verify::{ClaimId, Given, Status, arithmetic, decode, engines, verify_image};
use spandrel_core::{
    blob::Column,
    crossbar::{weight_floor, weight_limit},
    image::{Config, Image},
    machine::{Address, Probe, Snapshot},
};

const IMAGES: u64 = 120;

#[test]
fn the_second_decoder_reads_what_the_first_one_reads() {
    let mut weights = 0;
    for seed in 0..IMAGES {
        let bytes = random::image(seed).builder.image();
        let image = Image::parse(&bytes).unwrap();
        for (core, held) in (0u32..).zip(decode::cores(&image).unwrap()) {
            let Some(Config::Crossbar(crossbar)) = image.config(core) else { unreachable!() };
            let (floor, limit) = (weight_floor(&crossbar), weight_limit(&crossbar));
            let Some(blob) = image.blob(crossbar.blob) else { continue };
            let store = image.weights();
            for (unit, column) in (0u32..).zip(held.weights()) {
                let reader = Column::new(blob, *image.tables(), &store, unit);
                for (at, expected) in column.chunks(32).enumerate() {
                    let mut found = vec![0; expected.len()];
                    reader.read(at as u32 * 32, &mut found).unwrap();
                    found.iter_mut().for_each(|weight| *weight = (*weight).clamp(floor, limit));
                    assert_eq!(found, expected, "seed {seed}, core {core}, unit {unit}");
                    weights += found.len();
                }
            }
        }
    }
    assert!(weights > 20_000, "{weights}");
}

#[test]
fn images_by_chance_pass_c1_and_c2() {
    let (mut one, mut two) = (0, 0);
    for seed in 0..IMAGES {
        let made = random::image(seed);
        let bytes = made.builder.image();
        let image = Image::parse(&bytes).unwrap();
        let c1 = arithmetic::check(&image, &[], 12, seed);
        assert!(c1.wrong == 0 && c1.cases > 0, "seed {seed}: {}", c1.failures[0]);
        let c2 = engines::check(&image, &[], 6, seed);
        assert!(c2.wrong == 0, "seed {seed}: {}", c2.failures[0]);
        one += c1.cases;
        two += c2.cases;
    }
    println!("{one} and {two} cases");
    assert!(one > 50_000 && two > 20_000, "{one}, {two}");
}

/// The core engine, but for one value.
struct Liar<'i> {
    inner: CoreEngine<'i>,
    lie: Lie,
}

#[derive(Clone, Copy, Debug)]
enum Lie {
    /// One read of this core and unit is one off when it is this value.
    Read { core: u32, unit: u32, above: i32 },
    /// So is an output.
    Unit { core: u32, unit: u32, above: i32 },
    /// An address is one tick late.
    Tick,
    /// Outputs of whole blocks differ from what the probe is shown.
    Block,
}

struct Twisted<'p> {
    probe: &'p mut dyn Probe,
    lie: Lie,
}

impl Probe for Twisted<'_> {
    fn read(&mut self, at: &Address, value: i32) {
        match self.lie {
            Lie::Read { core, unit, above } if (at.core, at.unit) == (core, unit) && value > above => {
                self.probe.read(at, value - 1);
            }
            Lie::Tick => self.probe.read(&Address { tick: at.tick + 1, ..*at }, value),
            _ => self.probe.read(at, value),
        }
    }
    fn unit(&mut self, at: &Address, value: i32) {
        match self.lie {
            Lie::Unit { core, unit, above } if (at.core, at.unit) == (core, unit) && value > above => {
                self.probe.unit(at, value - 1);
            }
            _ => self.probe.unit(at, value),
        }
    }
    fn emit(&mut self, output: u16, index: u32, value: i32) {
        self.probe.emit(output, index, value);
    }
    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        self.probe.tick(state);
    }
}

impl ExactEngine for Liar<'_> {
    fn name(&self) -> &'static str {
        "liar"
    }
    fn image(&self) -> &Image<'_> {
        self.inner.image()
    }
    fn run_batch(&mut self, batch: &RawBatch<'_>) -> Result<Outputs, EngineError> {
        let mut outputs = self.inner.run_batch(batch)?;
        if let Lie::Block = self.lie
            && let Some(last) = outputs.codes.last_mut()
        {
            *last += 1;
        }
        Ok(outputs)
    }
    fn observe(
        &mut self,
        batch: &RawBatch<'_>,
        probe: &mut dyn Probe,
        done: &mut SampleDone<'_>,
    ) -> Result<Outputs, EngineError> {
        self.inner.observe(batch, &mut Twisted { probe, lie: self.lie }, done)
    }
}

#[test]
fn an_engine_that_lies_is_caught_where_it_lies() {
    let bytes = perceptron(&[40, 20, 6], 5);
    let image = Image::parse(&bytes).unwrap();
    let one = Options::with_threads(1);
    let core = || CoreEngine::new(&image, one).map(|engine| Box::new(engine) as Box<dyn ExactEngine + '_>);
    let lies = [
        Lie::Read { core: 0, unit: 3, above: 5 },
        Lie::Unit { core: 1, unit: 2, above: 5 },
        Lie::Tick,
        Lie::Block,
    ];
    for lie in lies {
        let liar = || {
            CoreEngine::new(&image, one)
                .map(|inner| Box::new(Liar { inner, lie }) as Box<dyn ExactEngine + '_>)
        };
        let found = engines::compare(&image, &core, &liar, &[], 40, 3);
        assert!(found.wrong > 0, "{lie:?}");
        let failure = &found.failures[0];
        println!("{lie:?}: {failure}");
        match lie {
            Lie::Read { core, unit, .. } | Lie::Unit { core, unit, .. } => {
                assert_eq!((failure.core, failure.unit), (Some(core), Some(unit)));
                let (expected, found): (i32, i32) =
                    (failure.expected.parse().unwrap(), failure.found.parse().unwrap());
                assert_eq!(found, expected - 1);
            }
            Lie::Tick => assert_eq!(failure.core, Some(0)),
            Lie::Block => assert!(failure.sample.is_some()),
        }
    }
    assert_eq!(engines::compare(&image, &core, &core, &[], 40, 3).wrong, 0);
}

#[test]
fn an_image_alone_passes_what_needs_no_model() {
    let bytes = perceptron(&[300, 150, 10], 1);
    let given = Given { cases: 20, ..Given::new("p") };
    let report = verify_image(&bytes, &given).unwrap();
    for claim in &report.claims {
        println!("{} {:?} {} cases: {}", claim.id, claim.status, claim.cases, claim.evidence);
    }
    assert!(report.passed);
    for id in [ClaimId::C3, ClaimId::C4, ClaimId::C5, ClaimId::C7, ClaimId::C8] {
        let claim = report.claim(id).unwrap();
        assert!(matches!(&claim.status, Status::NotRun { reason } if !reason.is_empty()), "{id}");
        assert_eq!(claim.cases, 0);
    }
    // A required claim that has not run has not passed; nor has a claim without cases.
    let report = verify_image(&bytes, &Given { require: &[ClaimId::C3], ..given }).unwrap();
    assert!(!report.passed);
    let report = verify_image(&bytes, &Given { cases: 0, ..given }).unwrap();
    assert!(matches!(report.claim(ClaimId::C2).unwrap().status, Status::NotRun { .. }));
    assert!(!report.passed);
    // The same seed gives the same evidence.
    let twice = [0, 1].map(|_| verify_image(&bytes, &given).unwrap());
    for (a, b) in twice[0].claims.iter().zip(&twice[1].claims) {
        assert_eq!((&a.status, a.cases, &a.evidence), (&b.status, b.cases, &b.evidence));
    }
}

#[test]
fn damaged_images_and_unknown_claims_are_refused() {
    let mut bytes = perceptron(&[8, 4, 2], 1);
    let given = Given { cases: 4, ..Given::new("p") };
    bytes[100] ^= 1;
    assert_eq!(verify_image(&bytes, &given).unwrap_err().0[0].code, "SP0610");
    assert_eq!("c9".parse::<ClaimId>().unwrap_err().code, "SP0701");
    assert_eq!(" c3".parse::<ClaimId>().unwrap(), ClaimId::C3);
    let mut rng = Rng(9);
    // Bytes that parse but are strange must not stop the checks.
    for seed in 0..40 {
        let made = random::image(seed + 5000).builder;
        let mut bytes = made.image();
        for _ in 0..6 {
            let at = rng.range(64, bytes.len() as i64 - 41) as usize;
            bytes[at] ^= 1 << rng.range(0, 7);
        }
        let _ = spandrel_core::image::reseal(&mut bytes);
        if Image::parse(&bytes).is_ok_and(|image| image.work() < 1 << 22) {
            let report = verify_image(&bytes, &given).unwrap();
            for id in [ClaimId::C1, ClaimId::C2] {
                let claim = report.claim(id).unwrap();
                assert_ne!(claim.status, Status::Failed, "seed {seed}: {} {}", id, claim.failures[0]);
            }
        }
    }
}
