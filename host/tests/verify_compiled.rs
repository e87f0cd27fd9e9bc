//! Verification of a compiled network: every claim passes, and what is tampered with is found and located.

mod verify_common;

use std::sync::OnceLock;

use spandrel::compile::Compiled;
use spandrel::notes::Notes;
use spandrel::verify::{ClaimId, Given, Status, check_mapping, compare, prove_no_wrap, verify_image};
use spandrel_core::crossbar::{Activation, Crossbar, Readout};
use spandrel_core::image::{Config, Image, Instruction, LOOP_REGISTERS, Placement, Route, Tag};
use verify_common::{compiled, digits, with_configs, with_fresh_answers, with_sections, with_weight};

fn network() -> &'static Compiled {
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    COMPILED.get_or_init(|| compiled(300))
}

const REQUIRED: [ClaimId; 6] = [ClaimId::C1, ClaimId::C2, ClaimId::C3, ClaimId::C4, ClaimId::C6, ClaimId::C7];

#[test]
fn a_compiled_network_passes_and_a_tampered_weight_is_located() {
    let (model, samples) = (digits("digits_mlp.onnx"), digits("train.npz"));
    let given = Given {
        model: Some(&model),
        samples: Some(&samples),
        require: &REQUIRED,
        cases: 24,
        seed: 7,
        ..Given::new("digits")
    };
    let bytes = &network().image;
    let report = verify_image(bytes, &given).unwrap_or_else(|error| panic!("{error}"));
    for claim in &report.claims {
        println!(
            "{} {:?} {} cases, {:.2} s: {}",
            claim.id, claim.status, claim.cases, claim.seconds, claim.evidence
        );
        for failure in &claim.failures {
            println!("    {failure}");
        }
    }
    assert!(report.passed);
    assert_eq!(report.claims.iter().map(|claim| claim.id).collect::<Vec<_>>(), ClaimId::ALL);
    for id in [ClaimId::C5, ClaimId::C8] {
        assert!(matches!(report.claim(id).unwrap().status, Status::NotRun { .. }));
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["claims"][0]["id"], "C1");
    assert_eq!(json["claims"][0]["status"], "passed");
    assert_eq!(json["claims"][4]["status"], "not_run");
    assert!(json["claims"][4]["reason"].is_string());

    // Every checksum, digest and known answer of the tampered image is right.
    let (core, unit, row) = (1, 3, 9);
    let (changed, before, after) = with_weight(bytes, core, unit, row);
    let changed = with_fresh_answers(&changed);
    let report = verify_image(&changed, &given).unwrap();
    assert!(!report.passed);
    for id in [ClaimId::C1, ClaimId::C2, ClaimId::C6] {
        assert_eq!(report.claim(id).unwrap().status, Status::Passed, "{id}");
    }
    let image = Image::parse(bytes).unwrap();
    for id in [ClaimId::C3, ClaimId::C4] {
        let claim = report.claim(id).unwrap();
        assert_eq!(claim.status, Status::Failed);
        let failure = &claim.failures[0];
        println!("{id}: {failure}");
        assert_eq!(failure.core, Some(core));
        assert_eq!(failure.unit, Some(unit as u32));
        assert_eq!(failure.row, Some(row as u32));
        assert_eq!(failure.node.as_deref(), image.origins().nodes(core).map(|(node, _)| node));
        assert_eq!(
            (failure.expected.clone(), failure.found.clone()),
            (before.to_string(), after.to_string())
        );
    }
}

#[test]
fn every_single_weight_is_located() {
    let bytes = &network().image;
    let image = Image::parse(bytes).unwrap();
    let mut tried = 0;
    for core in 0..image.config_count() {
        let Some(Config::Crossbar(crossbar)) = image.config(core) else { unreachable!() };
        let lines = (crossbar.rows + crossbar.bias_rows) as usize;
        for at in 0..25 {
            let (unit, row) = (at * 7 % crossbar.columns as usize, at * 11 % lines);
            let (changed, before, after) = with_weight(bytes, core, unit, row);
            let changed = Image::parse(&changed).unwrap();
            let found = compare::images(&image, &changed);
            let failure = &found.failures[0];
            assert_eq!(
                (failure.core, failure.unit, failure.row),
                (Some(core), Some(unit as u32), Some(row as u32))
            );
            assert_eq!((&failure.expected, &failure.found), (&before.to_string(), &after.to_string()));
            assert!(!check_mapping(&network().coded, &changed).evidence.holds());
            tried += 1;
        }
    }
    assert!(tried >= 75);
}

#[test]
fn the_same_image_has_no_difference_and_any_changed_section_has_one() {
    let bytes = &network().image;
    let image = Image::parse(bytes).unwrap();
    assert!(compare::images(&image, &image).holds());
    let mut changed_sections = 0;
    for tag in Tag::KNOWN {
        let length = image.section(tag).len();
        for at in (0..length).step_by((length / 40).max(1)) {
            let changed = with_sections_raw(bytes, tag, at);
            let Ok(changed) = Image::parse(&changed) else { continue };
            let found = compare::images(&image, &changed);
            // The name of the model's file may differ, and is said to.
            let file = |image: &Image<'_>| Notes::of(image, "").ok().map(|notes| notes.model.file);
            if tag == Tag::NOTES && file(&changed).is_some_and(|name| Some(name) != file(&image)) {
                assert!(found.holds() && found.text.contains("but for the model's file name"), "{found:?}");
                continue;
            }
            assert!(found.wrong > 0, "byte {at} of {tag}");
            changed_sections += 1;
        }
    }
    assert!(changed_sections > 100, "{changed_sections}");
}

/// Flips the lowest bit of byte `at` of section `tag`; the result need not parse.
fn with_sections_raw(bytes: &[u8], tag: Tag, at: usize) -> Vec<u8> {
    with_sections(bytes, |section, content| {
        if section == tag {
            content[at] ^= 1;
        }
    })
}

/// Rewrites the records of a fixed-record section.
fn records<T>(
    bytes: &[u8],
    tag: Tag,
    size: usize,
    parse: impl Fn(&[u8]) -> T,
    emit: impl Fn(&T, &mut Vec<u8>),
    change: impl Fn(&mut Vec<T>),
) -> Vec<u8> {
    with_sections(bytes, |section, content| {
        if section == tag {
            let mut all: Vec<T> = content.chunks_exact(size).map(&parse).collect();
            change(&mut all);
            content.clear();
            all.iter().for_each(|record| emit(record, content));
        }
    })
}

fn places(change: impl Fn(&mut Vec<Placement>)) -> Vec<u8> {
    let emit =
        |place: &Placement, out: &mut Vec<u8>| place.emit(&mut |part: &[u8]| out.extend_from_slice(part));
    records(&network().image, Tag::PLACES, 16, |bytes| Placement::parse(bytes).unwrap(), emit, change)
}

fn routes(change: impl Fn(&mut Vec<Route>)) -> Vec<u8> {
    let emit = |route: &Route, out: &mut Vec<u8>| route.emit(&mut |part: &[u8]| out.extend_from_slice(part));
    records(&network().image, Tag::ROUTES, 16, |bytes| Route::parse(bytes).unwrap(), emit, change)
}

#[test]
fn wrong_mappings_are_found() {
    let coded = &network().coded;
    let check = |bytes: &[u8]| check_mapping(coded, &Image::parse(bytes).unwrap()).evidence;
    let right = check(&network().image);
    println!("{}", right.text);
    assert!(right.holds(), "{:?}", right.failures);

    let crossbar = |change: fn(&mut Crossbar)| {
        with_configs(&network().image, |number, config| {
            let Config::Crossbar(crossbar) = config else { unreachable!() };
            if number == 1 {
                change(crossbar);
            }
        })
    };
    let wrong = [
        ("a core used twice", places(|all| all[1].core = all[0].core)),
        ("a core beyond the chip", places(|all| all[1].core = 1 << 30)),
        ("no placement", places(|all| all.truncate(all.len() - 1))),
        ("two placements", places(|all| all.push(Placement { core: 999, ..all[0] }))),
        ("a missing route", routes(|all| all.truncate(all.len() - 1))),
        ("a route with fewer signals", routes(|all| all[0].signals -= 1)),
        ("a route from elsewhere", routes(|all| all.last_mut().unwrap().from = 0)),
        (
            "another shift",
            crossbar(|crossbar| {
                let Readout::Composed { shift, .. } = &mut crossbar.readout else {
                    return;
                };
                *shift += 1;
            }),
        ),
        ("another sum shift", crossbar(|crossbar| crossbar.sum_shift += 1)),
        ("no activation", crossbar(|crossbar| crossbar.activation = Activation::None)),
        ("a narrower output", crossbar(|crossbar| crossbar.out_hi -= 1)),
    ];
    for (what, bytes) in wrong {
        let found = check(&bytes);
        assert!(found.wrong > 0, "{what} is not found");
        println!("{what}: {}", found.failures[0]);
    }
    // Patterns and instructions: every change that still parses must be found, since each of them matters.
    let image = Image::parse(&network().image).unwrap();
    let mut tried = 0;
    for tag in [Tag::ACCESS, Tag::PROGRAM] {
        for at in 0..image.section(tag).len() {
            let bytes = with_sections_raw(&network().image, tag, at);
            let Ok(changed) = Image::parse(&bytes) else { continue };
            // Pad codes that are never read, and extents that nothing reaches, change nothing.
            let same =
                (0..image.access_count()).all(|number| named(&image, number) == named(&changed, number));
            if same && image.section(Tag::PROGRAM) == changed.section(Tag::PROGRAM) {
                continue;
            }
            tried += 1;
            let evidence = check_mapping(coded, &changed).evidence;
            // An output number is the decoder's affair.
            let emit = matches!(changed.instruction((at / 16) as u32), Some(Instruction::Emit { .. }));
            assert!(evidence.wrong > 0 || (tag == Tag::PROGRAM && emit), "byte {at} of {tag}");
        }
    }
    println!("{tried} changed patterns and instructions");
    assert!(tried > 20);
}

/// Edge, age and signals that a pattern names, as the machine's own cursor walks it.
fn named(image: &Image<'_>, number: u32) -> (u32, u16, Vec<Option<u64>>) {
    let access = image.access(number).unwrap();
    let cursor = access.at(&[0; LOOP_REGISTERS]);
    let mut signals: Vec<Option<u64>> = match image.tables().get(access.table) {
        None => (0..image.elements(&access).unwrap()).map(|element| cursor.element(element)).collect(),
        Some(table) => {
            let entry = |at| cursor.element(0).zip(u64::try_from(table.get(at).unwrap()).ok());
            (0..table.len()).map(|at| entry(at).map(|(base, entry)| base + entry)).collect()
        }
    };
    // What is brought from outside behind the last signal lies on no word line.
    while signals.last() == Some(&None) {
        signals.pop();
    }
    (access.edge, access.age, signals)
}

#[test]
fn a_compiled_network_never_wraps_unless_the_adder_shrinks() {
    let bytes = &network().image;
    let image = Image::parse(bytes).unwrap();
    let proof = prove_no_wrap(&image);
    println!("{}", proof.evidence.text);
    assert!(proof.evidence.holds());
    let narrow = with_configs(bytes, |number, config| {
        let Config::Crossbar(crossbar) = config else { unreachable!() };
        if number == 0 {
            crossbar.adder_bits = 4;
        }
    });
    let proof = prove_no_wrap(&Image::parse(&narrow).unwrap());
    assert!(proof.evidence.wrong > 0);
    println!("{}", proof.evidence.failures[0]);
    assert_eq!(proof.evidence.failures[0].core, Some(0));
    assert!(proof.evidence.failures[0].node.is_some());
}
