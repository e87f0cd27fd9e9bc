//! Verification of compiled images of digital cores: every claim holds, what is damaged is named, and no accumulator that
//! could wrap gets through.

mod verify_common;

use std::sync::OnceLock;

use spandrel::compile::Compiled;
use spandrel::verify::{
    ClaimId, Failure, Given, Status, arithmetic, bounds::Span, check_mapping, decode, engines, prove_no_wrap,
    ranges, verify_image,
};
use spandrel_core::{
    blob::Column,
    image::{Config, Edge, Encoding, Image, Tag},
    mac::{Activation, Bias, Mac, Overflow, Param, Requant, Rounding, read_column},
    machine::{Address, Machine, Probe},
};
use verify_common::{compiled_for, digits, with_configs, with_sections};

/// Signed signals from -128 and multipliers, unsigned ones and tables, 16 bits and linear pieces; and loops.
const NETWORKS: [(&str, &str); 4] = [
    ("digits_mlp.onnx", "tpu"),
    ("digits_mlp.onnx", "tianji-ann"),
    ("digits_mlp.onnx", "diannao"),
    ("digits_cnn.onnx", "tpu"),
];

fn network(at: usize) -> &'static Compiled {
    static COMPILED: [OnceLock<Compiled>; 4] = [const { OnceLock::new() }; 4];
    COMPILED[at].get_or_init(|| compiled_for(NETWORKS[at].0, NETWORKS[at].1, 120))
}

fn macs(image: &Image<'_>) -> Vec<Mac> {
    let config = |number| match image.config(number) {
        Some(Config::Mac(mac)) => mac,
        other => panic!("{other:?}"),
    };
    (0..image.config_count()).map(config).collect()
}

#[test]
fn every_claim_holds_for_compiled_images() {
    let (model, samples) = (digits("digits_mlp.onnx"), digits("train.npz"));
    let require = [ClaimId::C1, ClaimId::C2, ClaimId::C3, ClaimId::C4, ClaimId::C6, ClaimId::C7];
    let given = Given {
        model: Some(&model),
        samples: Some(&samples),
        require: &require,
        cases: 12,
        seed: 3,
        ..Given::new("digits")
    };
    let report = verify_image(&network(0).image, &given).unwrap_or_else(|error| panic!("{error}"));
    for claim in &report.claims {
        println!("{} {:?} {} cases: {}", claim.id, claim.status, claim.cases, claim.evidence);
        claim.failures.iter().for_each(|failure| println!("    {failure}"));
    }
    assert!(report.passed);
    for (at, name) in NETWORKS.iter().enumerate().skip(1) {
        let Compiled { image, coded, .. } = network(at);
        let image = Image::parse(image).unwrap();
        let found = [
            arithmetic::check(&image, &[], 10, 5),
            engines::check(&image, &[], 4, 5),
            check_mapping(coded, &image).evidence,
            prove_no_wrap(&image).evidence,
        ];
        for evidence in found {
            println!("{name:?}: {}", evidence.text);
            assert!(evidence.holds(), "{:?}: {:?}", NETWORKS[at], evidence.failures.first());
        }
    }
}

#[test]
fn a_changed_weight_fails_c3_and_c4_alone() {
    let (model, samples) = (digits("digits_mlp.onnx"), digits("train.npz"));
    let (core, unit, row) = (0, 5, 7);
    let (changed, ..) = with_weight(&network(0).image, core, unit, row).expect("a weight");
    let given =
        Given { model: Some(&model), samples: Some(&samples), cases: 4, seed: 3, ..Given::new("digits") };
    let report = verify_image(&changed, &given).unwrap_or_else(|error| panic!("{error}"));
    for id in [ClaimId::C1, ClaimId::C2, ClaimId::C6] {
        assert_eq!(report.claim(id).unwrap().status, Status::Passed, "{id}");
    }
    for id in [ClaimId::C3, ClaimId::C4] {
        let claim = report.claim(id).unwrap();
        assert_eq!(claim.status, Status::Failed, "{id}");
        let place = (claim.failures[0].core, claim.failures[0].unit, claim.failures[0].row);
        assert_eq!(place, (Some(core), Some(unit as u32), Some(row as u32)), "{id}");
    }
}

/// The image with another lowest bit in one weight's field, and the weights before and after; `None` when that means the same.
fn with_weight(bytes: &[u8], core: u32, unit: usize, row: usize) -> Option<(Vec<u8>, i32, i32)> {
    let image = Image::parse(bytes).unwrap();
    let blob = image.blob(image.config(core).unwrap().blob()).unwrap();
    assert!(matches!(blob.encoding, Encoding::Dense | Encoding::Codebook));
    let bit = row * usize::from(blob.bits);
    let at = blob.offset as usize + unit * blob.stride() as usize + bit / 8;
    let changed = with_sections(bytes, |tag, content| {
        if tag == Tag::WEIGHTS {
            content[at] ^= 1 << (bit % 8);
        }
    });
    let value = |bytes: &[u8]| {
        let image = Image::parse(bytes).unwrap();
        let store = image.weights();
        let mut column = [0; 32];
        let rows = (blob.rows as usize - row / 32 * 32).min(32);
        let reader = Column::new(blob, *image.tables(), &store, unit as u32);
        reader.read(row as u32 / 32 * 32, &mut column[..rows]).unwrap();
        column[row % 32]
    };
    let (before, after) = (value(bytes), value(&changed));
    (before != after).then_some((changed, before, after))
}

/// The image with `by` added to entry `at` of a table.
fn with_entry(bytes: &[u8], table: u32, at: usize, by: i32) -> Vec<u8> {
    with_sections(bytes, |tag, content| {
        if tag == Tag::TABLES {
            let word =
                |content: &[u8], at: usize| i32::from_le_bytes(content[at..at + 4].try_into().unwrap());
            let first = word(content, 4 + 4 * table as usize) as usize + 4 * at;
            let changed = word(content, first).wrapping_add(by);
            content[first..first + 4].copy_from_slice(&changed.to_le_bytes());
        }
    })
}

fn with_mac(bytes: &[u8], core: u32, change: impl Fn(&mut Mac)) -> Vec<u8> {
    with_configs(bytes, |number, config| {
        let Config::Mac(mac) = config else { unreachable!() };
        if number == core {
            change(mac);
        }
    })
}

/// The counter-examples of C4 against the network that was compiled; `None` when the image is refused before.
fn c4(at: usize, bytes: &[u8]) -> Option<Vec<Failure>> {
    let image = Image::parse(bytes).ok()?;
    Some(check_mapping(&network(at).coded, &image).evidence.failures)
}

fn names(failures: &[Failure], what: &str, core: u32, unit: Option<usize>) -> bool {
    let unit = unit.map(|unit| unit as u32);
    failures.iter().any(|failure| {
        failure.what.contains(what)
            && (failure.core, failure.unit) == (Some(core), unit)
            && failure.node.is_some()
    })
}

#[test]
fn c4_names_every_damage() {
    let mut tried = std::collections::BTreeMap::<&str, usize>::new();
    for at in 0..NETWORKS.len() {
        let bytes = &network(at).image;
        let image = Image::parse(bytes).unwrap();
        let mut found = |what: &'static str, core: u32, unit: Option<usize>, changed: &[u8]| {
            let Some(failures) = c4(at, changed) else { return };
            let list: Vec<String> = failures.iter().map(ToString::to_string).collect();
            assert!(names(&failures, what, core, unit), "{what} of {core} {unit:?}: {list:#?}");
            *tried.entry(what).or_default() += 1;
        };
        let macs = macs(&image);
        for (core, mac) in (0u32..).zip(&macs).step_by((macs.len() / 4).max(1)) {
            let columns = mac.columns as usize;
            let units = [0, columns / 2, columns - 1];
            for unit in units {
                let row = unit * 5 % mac.rows as usize;
                if let Some((changed, before, after)) = with_weight(bytes, core, unit, row) {
                    let failures = c4(at, &changed).unwrap();
                    let failure = failures.iter().find(|f| f.what == "a weight").expect("a weight");
                    let place = (failure.core, failure.unit, failure.row);
                    assert_eq!(place, (Some(core), Some(unit as u32), Some(row as u32)));
                    let text = (failure.expected.as_str(), failure.found.as_str());
                    assert_eq!(text, (before.to_string().as_str(), after.to_string().as_str()));
                    found("a weight", core, Some(unit), &changed);
                }
                let (bias, low) = match mac.bias {
                    Bias::None => (None, 0),
                    Bias::Words { table } => (Some(table), unit),
                    Bias::Pairs { table } => (Some(table), 2 * unit + 1),
                };
                if let Some(table) = bias {
                    found("the bias", core, Some(unit), &with_entry(bytes, table, low, 1));
                }
                if let Requant::Shift { shift: Param::Column { table }, .. }
                | Requant::Multiplier { shift: Param::Column { table }, .. } = mac.requant
                {
                    found("the shift", core, Some(unit), &with_entry(bytes, table, unit, -1));
                }
                if let Requant::Multiplier { multiplier: Param::Column { table }, .. } = mac.requant {
                    found("the multiplier", core, Some(unit), &with_entry(bytes, table, unit, -1));
                }
            }
            let wrong = |change: &dyn Fn(&mut Mac)| with_mac(bytes, core, change);
            let requant = |shift: &dyn Fn(&mut Param<u8>), other: &dyn Fn(&mut Requant)| {
                wrong(&|mac: &mut Mac| {
                    if let Requant::Shift { shift: own, .. } | Requant::Multiplier { shift: own, .. } =
                        &mut mac.requant
                    {
                        shift(own);
                    }
                    other(&mut mac.requant);
                })
            };
            if mac.requant != Requant::None {
                let one = |shift: &mut Param<u8>| {
                    if let Param::Core(shift) = shift {
                        *shift -= 1;
                    }
                };
                if let Requant::Shift { shift: Param::Core(1..), .. } = mac.requant {
                    found("the shift", core, Some(0), &requant(&one, &|_| {}));
                }
                let rounding = |requant: &mut Requant| {
                    if let Requant::Shift { rounding, .. } | Requant::Multiplier { rounding, .. } = requant {
                        *rounding = Rounding::TowardZero;
                    }
                };
                found("the rounding", core, None, &requant(&|_| {}, &rounding));
                found("the greatest output", core, None, &wrong(&|mac| mac.out_hi -= 1));
                found("the output zero point", core, None, &wrong(&|mac| mac.output_zero += 1));
            }
            if let Activation::Table { table, .. } | Activation::PiecewiseLinear { table, .. } =
                mac.activation
            {
                found("word 3 of the", core, None, &with_entry(bytes, table, 3, 1));
            }
            let product = wrong(&|mac| {
                if let Activation::PiecewiseLinear { product_shift, .. } = &mut mac.activation {
                    *product_shift += 1;
                }
            });
            if matches!(mac.activation, Activation::PiecewiseLinear { .. }) {
                found("the product shift", core, None, &product);
            }
            found("the input code that stands for zero", core, None, &wrong(&|mac| mac.input_zero += 1));
            found("the bits of the accumulator", core, None, &wrong(&|mac| mac.accumulator_bits -= 1));
            let other = |mac: &mut Mac| {
                mac.overflow = match mac.overflow {
                    Overflow::Wrap => Overflow::Saturate,
                    Overflow::Saturate => Overflow::Wrap,
                };
            };
            found("what a full accumulator does", core, None, &wrong(&other));
        }
        // Edge 1 holds the first node's codes.
        let reset = with_sections(bytes, |tag, content| {
            if tag == Tag::EDGES {
                let size = content.len() / image.edge_count() as usize;
                let mut edge = Edge::parse(&content[size..2 * size], 1).unwrap();
                edge.reset += 1;
                let mut record = Vec::new();
                edge.emit(&mut |part: &[u8]| record.extend_from_slice(part));
                content[size..2 * size].copy_from_slice(&record);
            }
        });
        let failures = c4(at, &reset).expect("an image");
        assert!(failures.iter().any(|failure| failure.what == "the reset code of edge 1"), "{failures:?}");
    }
    println!("{tried:#?}");
    let kinds = ["a weight", "the bias", "the shift", "the multiplier", "word 3 of the", "the rounding"];
    for kind in kinds {
        assert!(tried.get(kind).is_some_and(|tried| *tried > 0), "{kind}");
    }
}

#[test]
fn a_wrapping_accumulator_that_can_wrap_is_refused() {
    let bytes = &network(0).image;
    let image = Image::parse(bytes).unwrap();
    let mac = macs(&image)[0];
    let with = |bits: u8, overflow: Overflow| {
        let changed = with_mac(bytes, 0, |mac| (mac.accumulator_bits, mac.overflow) = (bits, overflow));
        prove_no_wrap(&Image::parse(&changed).unwrap())
    };
    // The narrowest accumulator that is proven not to wrap: one bit less fails, and does wrap for some input.
    let bits = (2..=mac.accumulator_bits).find(|bits| with(*bits, Overflow::Wrap).evidence.holds()).unwrap();
    let narrow = with(bits - 1, Overflow::Wrap).evidence;
    println!("{bits} bits: {}", narrow.failures[0]);
    assert!(narrow.failures.iter().all(|failure| failure.core == Some(0) && failure.node.is_some()));
    let saturating = with(bits - 1, Overflow::Saturate);
    println!("{}", saturating.evidence.text);
    assert!(saturating.evidence.holds());
    let columns = saturating.saturation[&0].can_clip_sum;
    assert_eq!(u64::from(columns), narrow.wrong);
    assert!(saturating.evidence.text.contains(&format!("reachable on {columns} of")));

    let (blob, store) = (image.blob(mac.blob).unwrap(), image.weights());
    let encoder = image.encoder(0).unwrap();
    let end = 1i64 << (bits - 2);
    let mut leaving = 0;
    for unit in 0..mac.columns {
        let column = Column::new(blob, *image.tables(), &store, unit);
        let mut weights = Vec::new();
        for first in (0..mac.rows).step_by(32) {
            let mut chunk = [0; 32];
            let rows = (mac.rows - first).min(32) as usize;
            column.read(first, &mut chunk[..rows]).unwrap();
            weights.extend_from_slice(&chunk[..rows]);
        }
        let sum = |up: bool| {
            let code = |row: u32| if (weights[row as usize] > 0) == up { encoder.hi } else { encoder.lo };
            read_column(&mac, image.tables(), &column, unit, code).unwrap()
        };
        leaving += u32::from(sum(false) < -end || sum(true) > end - 1);
    }
    assert_eq!(leaving, columns, "as many sums can leave the accumulator as the proof says");
}

struct Watch<'a> {
    ranges: &'a ranges::Ranges,
    macs: &'a [Mac],
    seen: u64,
    ends: u64,
}

impl Probe for Watch<'_> {
    fn unit(&mut self, at: &Address, value: i32) {
        let (range, mac) = (&self.ranges.cores[&at.core], &self.macs[at.core as usize]);
        let span = range.active[at.unit as usize].unwrap();
        let span = span.within(Span::new(mac.out_lo.into(), mac.out_hi.into()));
        assert!(span.holds(Span::only(value.into())), "{at:?} {value} {span:?}");
        self.ends += u64::from(span.lo == i64::from(value) || span.hi == i64::from(value));
        self.seen += 1;
    }

    fn read(&mut self, at: &Address, value: i32) {
        // Reads of cores that others add to are no whole sums.
        let sum = self.ranges.cores[&at.core].sums[at.unit as usize].unwrap();
        let alone = self.macs.len() < 4;
        assert!(!alone || sum.holds(Span::only(value.into())), "{at:?} {value} {sum:?}");
    }
}

#[test]
fn no_run_leaves_the_ranges() {
    for (at, _) in NETWORKS.iter().enumerate() {
        let image = Image::parse(&network(at).image).unwrap();
        let (cores, macs) = (decode::cores(&image).unwrap(), macs(&image));
        let found = ranges::follow(&image, &cores, &vec![Vec::new(); cores.len()]).unwrap();
        let mut watch = Watch { ranges: &found, macs: &macs, seen: 0, ends: 0 };
        let mut ram = vec![0; image.header().ram_words as usize];
        let mut machine = Machine::new(&image, image.weights(), &mut ram).unwrap();
        let encoder = image.encoder(0).unwrap();
        let mut state = 1u32;
        for sample in 0..6 {
            let raw: Vec<i32> = (0..encoder.length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    encoder.raw.saturate(if sample < 3 { (state >> 24) as i32 % 17 } else { state as i32 })
                })
                .collect();
            machine.run(raw, &mut watch).unwrap();
        }
        println!("{:?}: {} outputs inside, {} of them at an end", NETWORKS[at], watch.seen, watch.ends);
        assert!(watch.seen > 100 && watch.ends > 0);
    }
}
