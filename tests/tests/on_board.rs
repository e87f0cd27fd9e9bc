//! What a board finds by itself: configuration read back, known answers of single cores, live inputs shadowed. The chip is
//! simulated and damaged on purpose; every fault is found, and named by configuration and column.

use spandrel_core::blob::Column;
use spandrel_core::crossbar::{Readout, read_column};
use spandrel_core::image::{Config, Image, Subject, Tag};
use spandrel_core::load::bus::ChipTarget;
use spandrel_core::load::{Loader, Policy, Progress};
use spandrel_core::verify::{
    AnswersStep, CoreAnswers, Extent, KnownAnswers, KnownProgress, KnownStep, Mismatch, MismatchKind,
    ReadBack, ReadBackStep, Shadow, ShadowStep, detection_ppm,
};
use spandrel_tests::chip::{MAP, SimChip, WINDOWS};
use spandrel_tests::images::{Answer, mlp};

/// Shifts at which single weights are asked for: reads clip at 63, so small weights show at small shifts, large ones and bias
/// rows, which the largest code drives, at large.
const SHIFTS: [u8; 6] = [0, 2, 4, 6, 8, 10];
/// The codes that one input has while the others have none.
const CODES: [i32; 2] = [1, 63];

/// The perceptron, with an answer for every row of every configuration, each of [`CODES`] alone, at each of [`SHIFTS`].
fn image() -> Vec<u8> {
    let mut builder = mlp::image();
    let bytes = builder.build();
    let image = Image::parse(&bytes).expect("a valid image");
    for number in 0..image.config_count() {
        let Some(Config::Crossbar(own)) = image.config(number) else { panic!("crossbars") };
        for shift in SHIFTS {
            for (row, code) in (0..own.rows).flat_map(|row| CODES.map(|code| (row, code))) {
                let mut asked = own;
                if let Readout::Composed { rounding, .. } = own.readout {
                    asked.readout = Readout::Composed { shift, rounding };
                }
                let inputs: Vec<i32> = (0..own.rows).map(|at| if at == row { code } else { 0 }).collect();
                let store: &[u8] = image.weights();
                let blob = image.blob(own.blob).expect("weights");
                let read = |unit| {
                    let column = Column::new(blob, *image.tables(), &store, unit);
                    read_column(&asked, &column, |at| inputs.get(at as usize).copied().unwrap_or(0))
                };
                let answers = (0..own.columns).map(|unit| read(unit).expect("a read")).collect();
                let subject = Subject::Config { config: number, shift: Some(shift), relu: None };
                builder.answers.push(Answer { subject, inputs, answers });
            }
        }
    }
    builder.build()
}

fn loaded(bytes: &[u8]) -> SimChip {
    let image = Image::parse(bytes).expect("a valid image");
    let policy = Policy::any(1 << 20);
    let mut loader = Loader::new(&policy, ChipTarget::new(SimChip::new(image.header()), MAP));
    let mut progress = Progress::Wanted;
    for part in bytes.chunks(100) {
        progress = loader.push(part).expect("it loads");
    }
    assert_eq!(progress, Progress::Loaded(*image.digest()));
    loader.finish().bus
}

fn read_back(image: &Image<'_>, chip: &mut SimChip, extent: Extent) -> ReadBackStep<&'static str> {
    let mut read_back = ReadBack::new(image, extent);
    loop {
        match read_back.step(chip, &MAP, 40) {
            ReadBackStep::Running => {}
            end => return end,
        }
    }
}

fn answers(image: &Image<'_>, chip: &mut SimChip) -> AnswersStep<&'static str> {
    let mut answers = CoreAnswers::new(image);
    loop {
        match answers.step(chip, 7) {
            AnswersStep::Running => {}
            end => return end,
        }
    }
}

#[test]
fn a_loaded_chip_gives_what_the_network_gives() {
    let bytes = image();
    let image = Image::parse(&bytes).expect("a valid image");
    let mut chip = loaded(&bytes);
    for (sample, outputs) in mlp::SAMPLES.iter().zip(mlp::OUTPUTS) {
        assert_eq!(chip.run(sample), Some(outputs.to_vec()));
    }
    let kept: usize = WINDOWS.iter().map(|(tag, ..)| image.section(*tag).len()).sum();
    assert_eq!(read_back(&image, &mut chip, Extent::All), ReadBackStep::Same(kept as u64));
    let asked = image.vector_count();
    assert!(
        matches!(answers(&image, &mut chip), AnswersStep::Same(values) if values >= u64::from(asked) * 2)
    );
}

/// A transfer that is cut at any point leaves the chip held.
#[test]
fn a_chip_whose_wire_is_cut_stays_held() {
    let bytes = image();
    let image = Image::parse(&bytes).expect("a valid image");
    let policy = Policy::any(1 << 20);
    for transfer in 0.. {
        let mut chip = SimChip::new(image.header());
        chip.breaks_at = Some(transfer);
        let mut loader = Loader::new(&policy, ChipTarget::new(chip, MAP));
        let outcome = bytes.chunks(100).try_for_each(|part| loader.push(part).map(drop));
        let chip = loader.finish().bus;
        if outcome.is_ok() {
            assert!(transfer > 20 && !chip.held);
            break;
        }
        assert!(chip.held, "transfer {transfer}");
    }
}

/// Every bit of every section that the chip keeps: reading back names the byte, and of weights and configurations whose it is.
#[test]
fn reading_back_names_every_flipped_bit() {
    let bytes = image();
    let image = Image::parse(&bytes).expect("a valid image");
    let chip = loaded(&bytes);
    let (mut configs, mut weights) = (0, 0);
    for (tag, start, _) in WINDOWS {
        for bit in 0..image.section(tag).len() * 8 {
            let mut damaged = chip.clone();
            damaged.memory[start as usize + bit / 8] ^= 1 << (bit % 8);
            let ReadBackStep::Differs(found) = read_back(&image, &mut damaged, Extent::All) else {
                panic!("{tag}, bit {bit}: not found");
            };
            assert_eq!((found.section, found.offset), (tag, (bit / 8) as u64));
            match tag {
                Tag::CONFIGS => {
                    configs += 1;
                    assert_eq!(found.config, Some((bit / 8 / 64) as u32));
                    assert_eq!(found.core, found.config, "placed one by one");
                }
                Tag::WEIGHTS => {
                    weights += 1;
                    let config =
                        found.config.and_then(|config| image.config(config)).expect("a configuration");
                    let blob = image.blob(config.blob()).expect("weights");
                    let column = (found.offset - blob.offset) / blob.stride();
                    assert_eq!(found.unit.map(u64::from), Some(column));
                }
                _ => assert_eq!(found.config, None),
            }
        }
    }
    assert!(configs == 3 * 64 * 8 && weights > 200, "{configs} {weights}");
}

/// A sample finds damage as often as it says, within three standard deviations of 4,000 tries.
#[test]
fn samples_find_damage_as_often_as_stated() {
    let bytes = image();
    let image = Image::parse(&bytes).expect("a valid image");
    let mut chip = loaded(&bytes);
    let pieces = ReadBack::new(&image, Extent::All).pieces(&MAP);
    chip.memory[0x2_0000] ^= 1;
    chip.memory[0xc000 + 70] ^= 8;
    for drawn in [1, 5, 20] {
        let tries = 4000;
        let found = (0..tries)
            .filter(|seed| {
                let extent = Extent::Sample { seed: *seed, pieces: drawn };
                matches!(read_back(&image, &mut chip, extent), ReadBackStep::Differs(_))
            })
            .count();
        let stated = f64::from(detection_ppm(pieces, 2, drawn)) / 1e6;
        let share = found as f64 / tries as f64;
        let sigma = (stated * (1.0 - stated) / tries as f64).sqrt();
        assert!((share - stated).abs() <= 3.0 * sigma, "{drawn} of {pieces}: {share} against {stated}");
    }
}

#[test]
fn the_stated_probability_is_never_too_high() {
    for (pieces, damaged, drawn) in
        [(10_u64, 1_u64, 10_u32), (1000, 1, 100), (65_536, 3, 40_000), (7, 7, 1), (7, 0, 9)]
    {
        let exact = 1.0 - (1.0 - damaged as f64 / pieces as f64).powi(drawn as i32);
        let stated = f64::from(detection_ppm(pieces, damaged, drawn)) / 1e6;
        assert!(stated <= exact + 1e-12 && stated > exact - 3e-6, "{stated} against {exact}");
    }
}

/// Cells that are stuck do not show when configuration is read back. Every one that changes a weight is found by the answers of
/// its core in test mode, in the right column; shadowing finds those that reach an output.
#[test]
fn stuck_cells_are_found_by_known_answers() {
    let bytes = image();
    let image = Image::parse(&bytes).expect("a valid image");
    let chip = loaded(&bytes);
    let (mut stuck, mut found, mut shadowed) = (0, 0, 0);
    let mut missed = Vec::new();
    for bit in 0..image.weights().len() * 8 {
        let mut damaged = chip.clone();
        let mask = 1 << (bit % 8);
        let held = image.weights()[bit / 8] & mask != 0;
        let address = 0x2_0000 + (bit / 8) as u32;
        damaged.stuck.push(if held { (address, mask, 0) } else { (address, 0, mask) });
        assert!(matches!(read_back(&image, &mut damaged, Extent::All), ReadBackStep::Same(_)));
        stuck += 1;
        match answers(&image, &mut damaged) {
            AnswersStep::Wrong(mismatch) => {
                let MismatchKind::Unit { core, unit, .. } = mismatch.kind else { panic!("{mismatch:?}") };
                let blob = image.config(core).and_then(|config| image.blob(config.blob())).expect("weights");
                let offset = (bit / 8) as u64;
                assert!((blob.offset..blob.offset + blob.length).contains(&offset), "bit {bit}: core {core}");
                assert_eq!(u64::from(unit), (offset - blob.offset) / blob.stride(), "bit {bit}");
                found += 1;
            }
            AnswersStep::Same(_) => missed.push(bit),
            other => panic!("bit {bit}: {other:?}"),
        }
        let mut ram = vec![0; image.header().ram_words as usize];
        let mut shadow = Shadow::new(&image, image.weights(), &mut ram).expect("memory");
        for sample in mlp::SAMPLES {
            let given = damaged.run(&sample).expect("it runs");
            shadow.feed(0, sample.into_iter()).expect("a sample");
            shadow.start().expect("idle");
            let mut chip = |_: u16, index: u32| given.get(index as usize).copied();
            let end = loop {
                match shadow.step(9, &mut chip) {
                    ShadowStep::Running => {}
                    end => break end,
                }
            };
            let expected = mlp::OUTPUTS[mlp::SAMPLES.iter().position(|own| *own == sample).expect("its own")];
            if given == expected {
                assert_eq!(end, ShadowStep::Same(2));
            } else {
                let ShadowStep::Deviates(deviation) = end else { panic!("{end:?}") };
                let at = deviation.index as usize;
                assert_eq!((deviation.expected, deviation.found), (expected[at], Some(given[at])));
                shadowed += 1;
                break;
            }
        }
    }
    println!(
        "{stuck} stuck bits: {found} found by answers, {shadowed} by two shadowed samples, missed {missed:?}"
    );
    assert_eq!(found + missed.len(), stuck);
    // What is missed changes nothing: padding of columns, signs of weights of 0, bias rows (which answers set to their code).
    for bit in &missed {
        let mut damaged = chip.clone();
        let mask = 1 << (bit % 8);
        let held = image.weights()[bit / 8] & mask != 0;
        let address = 0x2_0000 + (bit / 8) as u32;
        damaged.stuck.push(if held { (address, mask, 0) } else { (address, 0, mask) });
        for sample in mlp::SAMPLES {
            assert_eq!(damaged.run(&sample), chip.run(&sample), "bit {bit}");
        }
    }
    assert!(found * 10 >= stuck * 7, "{found} of {stuck}");
}

/// Known answers in slices of `budget`: what came of it, and how many slices there were.
fn sliced(image: &Image<'_>, budget: u64) -> (KnownStep, u32) {
    let mut ram = vec![0; image.header().ram_words as usize];
    let (known, mut progress) = (KnownAnswers::new(image, image.weights()), KnownProgress::new());
    for slices in 1..1_000_000 {
        match known.step(&mut progress, &mut ram, budget) {
            KnownStep::Running => {}
            end => return (end, slices),
        }
    }
    panic!("no end");
}

#[test]
fn known_answers_in_slices_are_those_in_one_go() {
    let mut builder = mlp::image();
    builder.record_networks(&[&mlp::SAMPLES[0], &mlp::SAMPLES[1]]);
    let good = builder.build();
    let last = builder.answers.len() - 1;
    builder.answers[last].answers[1] += 1;
    let wrong = builder.build();
    for (bytes, fails) in [(image(), false), (good, false), (wrong, true)] {
        let image = Image::parse(&bytes).expect("a valid image");
        let mut ram = vec![0; image.header().ram_words as usize];
        let whole = match KnownAnswers::new(&image, image.weights()).check(&mut ram) {
            Ok(checked) => KnownStep::Same(checked),
            Err(mismatch) => KnownStep::Wrong(mismatch),
        };
        assert_eq!(matches!(whole, KnownStep::Wrong(Mismatch { .. })), fails);
        let mut before = u32::MAX;
        for budget in [1, 2, 3, 7, 50, 1000, u64::MAX] {
            let (end, slices) = sliced(&image, budget);
            assert_eq!(end, whole, "{budget}");
            assert!(slices <= before, "{budget}: {slices} slices, {before} of smaller ones");
            before = slices;
        }
        assert!(sliced(&image, 1).1 > 20);
    }
}
