//! A board's whole self-test: reading back, answers of single cores, answers of the network. Whatever is damaged, the verdict names the seat of
//! the fault, and the values that show it.

use spandrel_core::image::{Image, Subject, Tag, Values};
use spandrel_core::load::bus::{BusError, ChipBus, ChipTarget};
use spandrel_core::load::{Loader, Policy};
use spandrel_core::verify::{
    Extent, Finding, Mismatch, MismatchKind, Moment, NetworkAnswers, NetworkPort, NetworkStep, Seat,
    SelfTest, SelfTestStep, TestMode, TestPort, Verdict,
};
use spandrel_tests::chip::{MAP, SimChip, WINDOWS};
use spandrel_tests::images::{Answer, mlp};

/// Where the weights lie on the chip.
const WEIGHTS: usize = 0x2_0000;
/// Where the limits lie, which nothing runs on.
const LIMITS: usize = 0;

/// The perceptron, with one answer of each configuration and its two samples as answers of the network.
fn image() -> Vec<u8> {
    let mut builder = mlp::image();
    let bytes = builder.build();
    let image = Image::parse(&bytes).expect("a valid image");
    for config in 0..image.config_count() {
        let own = image.config(config).expect("it is there");
        let inputs = vec![40; own.rows() as usize];
        let mut chip = loaded(&bytes);
        let asked = builder_values(&inputs);
        let answers = (0..own.columns()).map(|unit| {
            let asked = Image::parse(&asked).expect("a valid image");
            let vector = asked.vector(0).expect("a vector");
            TestPort::read(&mut chip, config, (None, None), &vector.inputs, unit).expect("a read")
        });
        let answers = answers.collect();
        let subject = Subject::Config { config, shift: None, relu: None };
        builder.answers.push(Answer { subject, inputs, answers });
    }
    builder.record_networks(&[&mlp::SAMPLES[0], &mlp::SAMPLES[1]]);
    builder.build()
}

/// An image whose first vector has these inputs.
fn builder_values(inputs: &[i32]) -> Vec<u8> {
    let mut builder = mlp::image();
    let config =
        (0..3).find(|config| rows(*config) == inputs.len()).expect("a configuration of so many rows");
    let subject = Subject::Config { config, shift: None, relu: None };
    let columns = if config == 2 { 2 } else { 4 };
    builder.answers.push(Answer { subject, inputs: inputs.to_vec(), answers: vec![0; columns] });
    builder.build()
}

const fn rows(config: u32) -> usize {
    if config == 2 { 4 } else { 3 }
}

fn loaded(bytes: &[u8]) -> SimChip {
    let image = Image::parse(bytes).expect("a valid image");
    let policy = Policy::any(1 << 20);
    let mut loader = Loader::new(&policy, ChipTarget::new(SimChip::new(image.header()), MAP));
    loader.push(bytes).expect("it loads");
    loader.finish().bus
}

fn tested<P>(image: &Image<'_>, chip: &mut P, moment: Moment, budget: u32) -> SelfTestStep<&'static str>
where
    P: ChipBus<Error = &'static str> + TestPort<Error = &'static str> + NetworkPort<Error = &'static str>,
{
    let mut test = SelfTest::new(image, moment, Extent::All);
    for _ in 0..100_000 {
        match test.step(chip, &mut MAP.clone(), budget) {
            SelfTestStep::Running => {}
            end => return end,
        }
    }
    panic!("no end");
}

fn verdict(image: &Image<'_>, chip: &mut impl Board, moment: Moment) -> Verdict {
    match tested(image, chip, moment, 50) {
        SelfTestStep::Failed(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

/// A chip with all that the test asks for.
trait Board:
    ChipBus<Error = &'static str> + TestPort<Error = &'static str> + NetworkPort<Error = &'static str>
{
}
impl Board for SimChip {}
impl Board for Wired {}

/// What is wrong beside the chip's memory.
#[derive(Clone, Debug)]
enum Wrong {
    /// Reading at this address gives another byte, so many times.
    Reads(u32, u32),
    /// What is written to this address arrives changed, so many times.
    Writes(u32, u32),
    /// Column 1 of configuration 2 reads one more.
    Column,
    /// An emitted signal is one more.
    Signal(usize),
    /// The last emitted signal is lost.
    Lost,
    /// One signal too many is emitted.
    More,
}

/// A chip with a defect.
struct Wired {
    chip: SimChip,
    wrong: Wrong,
}

impl ChipBus for Wired {
    type Error = &'static str;

    fn hold(&mut self) -> Result<(), Self::Error> {
        self.chip.hold()
    }

    fn release(&mut self) -> Result<(), Self::Error> {
        self.chip.release()
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let mut bytes = bytes.to_vec();
        if let Wrong::Writes(at, left) = &mut self.wrong
            && *left > 0
            && let Some(byte) = at.checked_sub(address).and_then(|at| bytes.get_mut(at as usize))
        {
            *byte ^= 4;
            *left -= 1;
        }
        self.chip.write(address, &bytes)
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        ChipBus::read(&mut self.chip, address, bytes)?;
        if let Wrong::Reads(at, left) = &mut self.wrong
            && *left > 0
            && let Some(byte) = at.checked_sub(address).and_then(|at| bytes.get_mut(at as usize))
        {
            *byte ^= 4;
            *left -= 1;
        }
        Ok(())
    }
}

impl TestPort for Wired {
    type Error = &'static str;

    fn read(
        &mut self,
        config: u32,
        mode: TestMode,
        inputs: &Values<'_>,
        unit: u32,
    ) -> Result<i32, Self::Error> {
        let more = matches!(self.wrong, Wrong::Column) && (config, unit) == (2, 1);
        Ok(TestPort::read(&mut self.chip, config, mode, inputs, unit)? + i32::from(more))
    }
}

impl NetworkPort for Wired {
    type Error = &'static str;

    fn run(&mut self, input: u32, inputs: &Values<'_>) -> Result<(), Self::Error> {
        NetworkPort::run(&mut self.chip, input, inputs)?;
        match self.wrong {
            Wrong::Signal(at) => self.chip.emitted[at] += 1,
            Wrong::Lost => drop(self.chip.emitted.pop()),
            Wrong::More => self.chip.emitted.push(9),
            _ => {}
        }
        Ok(())
    }

    fn emitted(&mut self, index: u32) -> Result<Option<i32>, Self::Error> {
        self.chip.emitted(index)
    }
}

#[test]
fn a_chip_without_a_fault_passes_with_every_byte_and_answer() {
    let bytes = image();
    let image = Image::parse(&bytes).expect("a valid image");
    let kept: u64 = WINDOWS.iter().map(|(tag, ..)| image.section(*tag).len() as u64).sum();
    // Columns of three configurations, and two signals of two samples.
    let passed = SelfTestStep::Passed { bytes: kept, answers: 4 + 4 + 2 + 2 * 2 };
    for (budget, moment) in [(1, Moment::Loaded), (7, Moment::Running), (u32::MAX, Moment::Loaded)] {
        assert_eq!(tested(&image, &mut loaded(&bytes), moment, budget), passed, "{budget}");
    }
}

#[test]
fn a_wrong_byte_is_seated_by_reading_and_writing_it_again() {
    let bytes = image();
    let image = Image::parse(&bytes).expect("a valid image");
    let expected = image.section(Tag::WEIGHTS)[0];
    let wired = |wrong| Wired { chip: loaded(&bytes), wrong };
    let weight = WEIGHTS as u32;
    // Read wrongly once: the way back.
    let found = verdict(&image, &mut wired(Wrong::Reads(weight, 1)), Moment::Running);
    assert_eq!(
        (found.seat, found.expected, found.found),
        (Seat::Transfer, expected.into(), (expected ^ 4).into())
    );
    assert_eq!((found.config, found.core, found.unit), (Some(0), image.core_of(0), Some(0)));
    assert!(matches!(found.finding, Finding::Byte(byte) if byte.section == Tag::WEIGHTS && byte.offset == 0));

    // Written wrongly once: right after loading it is written again, and comes out right; later it is not touched.
    let mut chip = loaded(&bytes);
    chip.memory[WEIGHTS] ^= 1;
    let found = verdict(&image, &mut chip.clone(), Moment::Loaded);
    assert_eq!(found.seat, Seat::Transfer);
    let mut later = chip.clone();
    assert_eq!(verdict(&image, &mut later, Moment::Running).seat, Seat::Configuration);
    assert!(later.memory == chip.memory && !later.held, "nothing is written while it runs");
    verdict(&image, &mut chip, Moment::Loaded);
    assert!(chip.held && chip.memory[WEIGHTS] == expected, "written once more, and held");

    // A byte that stays wrong however often it is written.
    let mut stuck = wired(Wrong::Writes(weight, u32::MAX));
    stuck.chip.memory[WEIGHTS] ^= 4;
    assert_eq!(verdict(&image, &mut stuck, Moment::Loaded).seat, Seat::Configuration);
    // A byte of no configuration names none.
    let mut chip = loaded(&bytes);
    chip.memory[LIMITS] ^= 8;
    let found = verdict(&image, &mut chip, Moment::Running);
    assert_eq!((found.config, found.core, found.unit), (None, None, None));
}

#[test]
fn what_a_core_or_the_network_computes_wrongly_is_named() {
    let bytes = image();
    let image = Image::parse(&bytes).expect("a valid image");
    let wired = |wrong| Wired { chip: loaded(&bytes), wrong };
    let found = verdict(&image, &mut wired(Wrong::Column), Moment::Loaded);
    assert_eq!((found.seat, found.config, found.unit), (Seat::Computation, Some(2), Some(1)));
    assert_eq!((found.core, found.found), (image.core_of(2), found.expected + 1));
    assert!(matches!(
        found.finding,
        Finding::Answer(Mismatch { vector: 2, kind: MismatchKind::Unit { core: 2, unit: 1, .. } })
    ));

    let [first, second] = mlp::OUTPUTS[0];
    for (index, expected) in [(0, first), (1, second)] {
        let found = verdict(&image, &mut wired(Wrong::Signal(index)), Moment::Loaded);
        let at = (found.config, found.core, found.unit);
        assert_eq!((found.seat, at), (Seat::Computation, (None, None, Some(index as u32))));
        assert_eq!((found.expected, found.found), (expected, expected + 1));
    }
    for (wrong, signals) in [(Wrong::Lost, 1), (Wrong::More, 3)] {
        let found = verdict(&image, &mut wired(wrong), Moment::Loaded);
        assert_eq!((found.unit, found.expected, found.found), (None, 2, signals));
        let Finding::Answer(Mismatch { vector, kind }) = found.finding else { panic!("{found:?}") };
        assert_eq!(vector, 3, "the first of the network's");
        assert_eq!(kind, MismatchKind::OutputCount { expected: 2, found: signals as u32 });
    }
}

/// The bus may fail at any transfer: the test ends there and says so.
#[test]
fn a_bus_that_fails_is_no_verdict_of_the_chip() {
    let bytes = image();
    let image = Image::parse(&bytes).expect("a valid image");
    let mut ends = 0;
    for transfer in 0..10_000 {
        let mut chip = loaded(&bytes);
        let before = chip.clone();
        chip.breaks_at = Some(transfer);
        match tested(&image, &mut chip, Moment::Running, 16) {
            SelfTestStep::Bus(error) => {
                ends += 1;
                assert_eq!(error, BusError::Bus("the wire is cut"));
                assert!(chip.memory == before.memory);
            }
            SelfTestStep::Passed { .. } if ends > 0 => return,
            // The transfers of loading lie behind.
            SelfTestStep::Passed { .. } => {}
            other => panic!("transfer {transfer}: {other:?}"),
        }
    }
    panic!("{ends} ends, and never past the last transfer");
}

#[test]
fn the_network_is_asked_in_slices_of_any_size() {
    let bytes = image();
    let image = Image::parse(&bytes).expect("a valid image");
    for (budget, most) in [(0, 20), (1, 20), (3, 5), (100, 1)] {
        let (mut chip, mut answers) = (loaded(&bytes), NetworkAnswers::new(&image));
        let mut slices = 1;
        let end = loop {
            match answers.step(&mut chip, budget) {
                NetworkStep::Running => slices += 1,
                end => break end,
            }
        };
        assert_eq!(end, NetworkStep::Same(4), "{budget}");
        assert!(slices <= most && (budget > 1 || slices >= 7), "{budget}: {slices}");
    }
}
