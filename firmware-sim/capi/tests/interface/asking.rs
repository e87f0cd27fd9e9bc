//! A chip is asked for its answers. Its cores are the models; one is broken on purpose, and so is what joins them.

use super::*;
use spandrel_c::{ask::*, port::*, self_test::*};
use spandrel_core::image::Subject;
use spandrel_core::verify::{in_test_mode, read_in_test_mode};
use spandrel_tests::images::Answer;

/// A vector of a core: configuration, shift, ReLU, inputs.
type OfCore = (u32, Option<u8>, Option<bool>, &'static [i32]);

/// Vectors of the image. The last drives a bias row as well.
const ASKED: [OfCore; 5] = [
    (0, None, None, &[40, 40, 40]),
    (1, None, None, &[1, 2, 63]),
    (2, None, None, &[40, 0, 9, 63]),
    (0, Some(2), Some(true), &[0, 63, 5]),
    (1, Some(4), None, &[0, 0, 9, 63]),
];

const fn core_of(config: u32) -> u32 {
    7 - config
}

/// The perceptron with these vectors, and two of the whole network.
fn asking_image() -> &'static [u8] {
    let mut builder = mlp::image();
    let bytes = builder.build();
    let image = Image::parse(&bytes).unwrap();
    for (number, shift, relu, inputs) in ASKED {
        let config = in_test_mode(image.config(number).unwrap(), shift, inputs.len() as u32);
        let store: &[u8] = image.weights();
        let read =
            |unit| read_in_test_mode(&image, &store, &config, unit, |row| inputs[row as usize]).unwrap();
        let clip = |value: i32| if relu == Some(true) { value.max(0) } else { value };
        let answers = (0..config.columns()).map(|unit| clip(read(unit))).collect();
        let subject = Subject::Config { config: number, shift, relu };
        builder.answers.push(Answer { subject, inputs: inputs.to_vec(), answers });
    }
    // Cores have other numbers than the configurations that they hold.
    for place in &mut builder.places {
        place.core = core_of(place.config);
    }
    builder.record_networks(&[&mlp::SAMPLES[0], &mlp::SAMPLES[1]]);
    Vec::leak(builder.build())
}

/// The chip behind the port.
struct Asked {
    image: *mut spandrel_image,
    bytes: &'static [u8],
    /// A column that reads so much more.
    broken: Option<(u32, u32, i32)>,
    /// The second signal of each sample is so much more.
    crossed: i32,
    /// Signals that get lost at the end, or come from nowhere.
    extra: i32,
    /// What the callbacks return.
    code: u32,
    calls: u32,
    cores: Vec<u32>,
    emitted: Vec<i32>,
}

fn asked(context: *mut c_void) -> &'static mut Asked {
    // SAFETY: the context is the chip that the test keeps for as long as the port is used.
    unsafe { &mut *context.cast::<Asked>() }
}

extern "C" fn read_column(context: *mut c_void, question: *const spandrel_question, found: *mut i32) -> u32 {
    let own = asked(context);
    own.calls += 1;
    // SAFETY: the library passes a question, and room for the answer.
    let status = unsafe { spandrel_image_read(own.image, question, found, null_mut()) };
    assert_eq!(status, SPANDREL_OK);
    // SAFETY: as above.
    let question = unsafe { *question };
    own.cores.push(question.core);
    if let Some((config, unit, more)) = own.broken
        && (config, unit) == (question.config, question.unit)
    {
        // SAFETY: as above.
        unsafe { *found += more };
    }
    own.code
}

extern "C" fn run_sample(context: *mut c_void, input: u32, values: *const i32, count: usize) -> u32 {
    let own = asked(context);
    own.calls += 1;
    assert_eq!(input, 0);
    // SAFETY: the library passes as many values as it says.
    let values = unsafe { std::slice::from_raw_parts(values, count) };
    let shown = run::whole(&Image::parse(own.bytes).unwrap(), &[values]);
    own.emitted = shown.outputs.iter().map(|(_, _, value)| *value).collect();
    own.emitted[1] += own.crossed;
    own.emitted.resize((own.emitted.len() as i32 + own.extra) as usize, 0);
    own.code
}

extern "C" fn tell_emitted(context: *mut c_void, index: u32, code: *mut i32, there: *mut u32) -> u32 {
    let own = asked(context);
    own.calls += 1;
    // SAFETY: the library passes room for both.
    unsafe {
        match own.emitted.get(index as usize) {
            Some(value) => *code = *value,
            None => *there = 0,
        }
    }
    own.code
}

fn asked_chip() -> Asked {
    let bytes = asking_image();
    let (status, image, _) = open(bytes);
    assert_eq!(status, SPANDREL_OK);
    let (cores, emitted) = (Vec::new(), Vec::new());
    Asked { image, bytes, broken: None, crossed: 0, extra: 0, code: 0, calls: 0, cores, emitted }
}

fn port(chip: &mut Asked) -> spandrel_port {
    let context = std::ptr::from_mut(chip).cast();
    spandrel_port { context, read: Some(read_column), run: Some(run_sample), emitted: Some(tell_emitted) }
}

/// Words for the inputs of a vector: as many as `spandrel_facts` says.
fn asking_words(image: *const spandrel_image) -> (*mut u32, usize) {
    // SAFETY: all zeros are a value of this structure of numbers.
    let mut facts: spandrel_facts = unsafe { std::mem::zeroed() };
    // SAFETY: an open image.
    assert_eq!(unsafe { spandrel_image_facts(image, &mut facts) }, SPANDREL_OK);
    assert_eq!(facts.ask_words, 6, "a sample has six values, and no vector more");
    (vec![7; 6].leak().as_mut_ptr(), 6)
}

/// Status, values compared, error, steps, and the most calls that one step made.
type Told = (u32, u64, spandrel_error, u32, u32);

fn stepped(chip: *mut Asked, mut step: impl FnMut(*mut u64, *mut spandrel_error) -> u32) -> Told {
    let (mut compared, mut error, mut steps, mut most) = (99, no_error(), 0, 0);
    loop {
        // SAFETY: the chip is there; no callback runs.
        let before = unsafe { (*chip).calls };
        let status = step(&mut compared, &mut error);
        // SAFETY: as above.
        most = most.max(unsafe { (*chip).calls } - before);
        steps += 1;
        if status != SPANDREL_MORE {
            return (status, compared, error, steps, most);
        }
        assert!(steps < 10_000);
    }
}

fn cores(chip: &mut Asked, budget: u32) -> Told {
    let ((memory, words), mut check) = (lend::<spandrel_cores>(), null_mut());
    let (port, (ram, ram_words)) = (port(chip), asking_words(chip.image));
    // SAFETY: everything passed is there and stays.
    unsafe {
        let image = chip.image;
        let opened = spandrel_cores_open(memory, words, image, &port, ram, ram_words, &mut check, null_mut());
        assert_eq!(opened, SPANDREL_OK);
        stepped(chip, |compared, error| spandrel_cores_step(check, budget, compared, error))
    }
}

fn network(chip: &mut Asked, budget: u32) -> Told {
    let ((memory, words), mut check) = (lend::<spandrel_network>(), null_mut());
    let (port, (ram, ram_words)) = (port(chip), asking_words(chip.image));
    // SAFETY: everything passed is there and stays.
    unsafe {
        let image = chip.image;
        let opened =
            spandrel_network_open(memory, words, image, &port, ram, ram_words, &mut check, null_mut());
        assert_eq!(opened, SPANDREL_OK);
        stepped(chip, |compared, error| spandrel_network_step(check, budget, compared, error))
    }
}

fn self_test(chip: &mut Asked, bus: &spandrel_bus, just_loaded: u32) -> Told {
    let ((memory, words), mut test) = (lend::<spandrel_self_test>(), null_mut());
    let (port, (ram, ram_words)) = (port(chip), asking_words(chip.image));
    let (windows, image) = (WINDOWS.as_ptr(), chip.image);
    // SAFETY: everything passed is there and stays.
    unsafe {
        let opened = spandrel_self_test_open(
            memory,
            words,
            image,
            bus,
            windows,
            2,
            &port,
            ram,
            ram_words,
            just_loaded,
            0,
            0,
            &mut test,
            null_mut(),
        );
        assert_eq!(opened, SPANDREL_OK);
        stepped(chip, |compared, error| spandrel_self_test_step(test, 32, compared, error))
    }
}

/// Values of the vectors: each column of the configuration is one.
const CORE_VALUES: u64 = 4 + 4 + 2 + 4 + 4;

#[test]
fn a_chip_that_is_whole_gives_all_answers_in_slices() {
    let mut chip = asked_chip();
    let (status, compared, _, steps, most) = cores(&mut chip, 1);
    assert_eq!((status, compared, most), (SPANDREL_OK, CORE_VALUES, 1));
    assert_eq!(u64::from(steps), CORE_VALUES);
    let expected: Vec<u32> = [[7; 4].as_slice(), &[6; 4], &[5; 2], &[7; 4], &[6; 4]].concat();
    assert_eq!(chip.cores, expected);
    let (status, compared, _, steps, most) = network(&mut chip, 1);
    // Two samples of two signals each.
    assert_eq!((status, compared, most), (SPANDREL_OK, 4, 1));
    assert_eq!(steps, 2 * (1 + 2 + 1), "run, two signals, and the end");
}

#[test]
fn a_broken_core_reads_back_right_and_is_named_by_its_answers() {
    let mut memory = Memory::default();
    let bus = bus(&mut memory);
    let mut chip = asked_chip();
    assert_eq!(push(loader(&any(), &bus), chip.bytes).0, SPANDREL_OK);
    for (config, unit) in [(0, 0), (0, 3), (1, 2), (2, 0), (2, 1)] {
        chip.broken = Some((config, unit, -3));
        // Who reads back and asks no core, and no sample, is told nothing.
        assert_eq!(read_back(chip.image, &bus).0, SPANDREL_OK);
        let (status, compared, error, ..) = cores(&mut chip, 3);
        assert_eq!((status, rule(&error)), (SPANDREL_WRONG, "wrong-unit"));
        assert_eq!(
            (error.vector, error.config, error.core, error.unit),
            (config, config, core_of(config), unit)
        );
        assert_eq!((error.found - error.expected, error.seat), (-3, SPANDREL_NONE));
        assert_eq!(compared, 99, "nothing is told of a check that failed");
        let (status, _, error, ..) = self_test(&mut chip, &bus, 0);
        assert_eq!((status, error.seat, error.config), (SPANDREL_WRONG, SPANDREL_COMPUTATION, config));
        assert_eq!((error.core, error.unit, error.found - error.expected), (core_of(config), unit, -3));
    }
}

#[test]
fn what_joins_the_cores_is_found_by_samples_alone() {
    let mut memory = Memory::default();
    let bus = bus(&mut memory);
    let mut chip = asked_chip();
    assert_eq!(push(loader(&any(), &bus), chip.bytes).0, SPANDREL_OK);
    chip.crossed = 5;
    assert_eq!(cores(&mut chip, 7).0, SPANDREL_OK);
    let (status, _, error, ..) = network(&mut chip, 7);
    assert_eq!((status, rule(&error)), (SPANDREL_WRONG, "wrong-output"));
    assert_eq!((error.vector, error.unit, error.found - error.expected), (5, 1, 5));
    assert_eq!((error.config, error.core), (SPANDREL_NONE, SPANDREL_NONE));
    let (status, _, error, ..) = self_test(&mut chip, &bus, 0);
    assert_eq!((status, error.seat, error.unit), (SPANDREL_WRONG, SPANDREL_COMPUTATION, 1));
    chip.crossed = 0;
    for (extra, found) in [(-1, 1), (2, 3)] {
        chip.extra = extra;
        let (status, _, error, ..) = network(&mut chip, 7);
        assert_eq!((status, rule(&error)), (SPANDREL_WRONG, "wrong-count"));
        assert_eq!((error.vector, error.expected, error.found), (5, 2, found));
    }
}

#[test]
fn the_self_test_tells_transfer_configuration_and_computation_apart() {
    let mut memory = Memory::default();
    let bus = bus(&mut memory);
    let mut chip = asked_chip();
    assert_eq!(push(loader(&any(), &bus), chip.bytes).0, SPANDREL_OK);
    let (status, compared, ..) = self_test(&mut chip, &bus, 0);
    assert_eq!((status, compared), (SPANDREL_OK, CORE_VALUES + 4));
    memory.bytes[0x1003] ^= 0x10;
    let (status, _, error, ..) = self_test(&mut chip, &bus, 0);
    assert_eq!((status, error.seat, error.offset), (SPANDREL_DIFFERS, SPANDREL_CONFIGURATION, 3));
    assert!(!memory.held, "nothing is written to a chip that is in use");
    // Right after loading the byte is written once more, and stays: what was written first did not arrive.
    let (status, _, error, ..) = self_test(&mut chip, &bus, 1);
    assert_eq!((status, error.seat, error.config), (SPANDREL_DIFFERS, SPANDREL_TRANSFER, 0));
    assert!(memory.held);
    assert_eq!(self_test(&mut chip, &bus, 1).0, SPANDREL_OK);
}

#[test]
fn ports_that_fail_or_lack_something_are_answered() {
    let mut memory = Memory::default();
    let bus = bus(&mut memory);
    let mut chip = asked_chip();
    assert_eq!(push(loader(&any(), &bus), chip.bytes).0, SPANDREL_OK);
    chip.code = 42;
    for told in [cores(&mut chip, 9), network(&mut chip, 9)] {
        let (status, _, error, ..) = told;
        assert_eq!((status, error.found, rule(&error)), (SPANDREL_BUS, 42, "bus"));
    }
    let (status, _, error, ..) = self_test(&mut chip, &bus, 0);
    assert_eq!((status, error.found), (SPANDREL_BUS, 42));
    chip.code = 0;
    let whole = port(&mut chip);
    let (ram, ram_words) = asking_words(chip.image);
    let (lent, mut check, mut error) = (lend::<spandrel_cores>(), null_mut(), no_error());
    let (other, mut samples) = (lend::<spandrel_network>(), null_mut());
    let mut found = 0;
    // SAFETY: NULL, too few words and missing callbacks are what the library looks at; the rest is there.
    unsafe {
        let mut open = |port: &spandrel_port, count| {
            spandrel_cores_open(lent.0, lent.1, chip.image, port, ram, count, &mut check, &mut error)
        };
        assert_eq!(open(&spandrel_port { read: None, ..whole }, ram_words), SPANDREL_BAD_POINTER);
        assert_eq!(open(&whole, ram_words - 1), SPANDREL_TOO_SMALL);
        assert_eq!(open(&spandrel_port { run: None, emitted: None, ..whole }, ram_words), SPANDREL_OK);
        assert_eq!(error.expected as usize, ram_words);
        assert_eq!(spandrel_network_step(check.cast(), 1, null_mut(), null_mut()), SPANDREL_BAD_OBJECT);
        let mut open = |port: &spandrel_port| {
            let (memory, words) = other;
            spandrel_network_open(memory, words, chip.image, port, ram, ram_words, &mut samples, null_mut())
        };
        assert_eq!(open(&spandrel_port { run: None, ..whole }), SPANDREL_BAD_POINTER);
        assert_eq!(open(&spandrel_port { emitted: None, ..whole }), SPANDREL_BAD_POINTER);
        assert_eq!(open(&spandrel_port { read: None, ..whole }), SPANDREL_OK);
        // A value that was not told, or was wrong, is asked for again.
        let (context, again) = (std::ptr::from_mut(&mut chip), check);
        (*context).code = 42;
        assert_eq!(spandrel_cores_step(again, 1, null_mut(), null_mut()), SPANDREL_BUS);
        ((*context).code, (*context).broken) = (0, Some((0, 0, 1)));
        for _ in 0..2 {
            assert_eq!(spandrel_cores_step(again, 1, null_mut(), &mut error), SPANDREL_WRONG);
            assert_eq!((error.vector, error.unit), (0, 0));
        }
        (*context).broken = None;
        assert_eq!(spandrel_cores_step(again, 1000, null_mut(), null_mut()), SPANDREL_OK);
        // Questions that an image could not hold.
        let inputs = [0_i32; 9];
        let right = spandrel_question {
            config: 0,
            core: 0,
            unit: 0,
            shift: SPANDREL_NONE,
            relu: SPANDREL_NONE,
            inputs: inputs.as_ptr(),
            input_count: 3,
        };
        let mut read =
            |question: spandrel_question| spandrel_image_read(chip.image, &question, &mut found, null_mut());
        assert_eq!(read(right), SPANDREL_OK);
        assert_eq!(read(spandrel_question { config: 3, ..right }), SPANDREL_OUT_OF_RANGE);
        assert_eq!(read(spandrel_question { unit: 4, ..right }), SPANDREL_OUT_OF_RANGE);
        assert_eq!(read(spandrel_question { shift: 41, ..right }), SPANDREL_OUT_OF_RANGE);
        assert_eq!(read(spandrel_question { shift: 256, ..right }), SPANDREL_OUT_OF_RANGE);
        assert_eq!(read(spandrel_question { relu: 2, ..right }), SPANDREL_OUT_OF_RANGE);
        assert_eq!(read(spandrel_question { input_count: 4, ..right }), SPANDREL_OUT_OF_RANGE);
        assert_eq!(read(spandrel_question { config: 1, input_count: 4, ..right }), SPANDREL_OK);
        assert_eq!(read(spandrel_question { inputs: null(), ..right }), SPANDREL_BAD_POINTER);
        assert_eq!(spandrel_image_read(chip.image, &right, null_mut(), null_mut()), SPANDREL_BAD_POINTER);
    }
}
