//! Images for the tests of verification: compiled ones, and ways to change them that leave every checksum right.
#![allow(dead_code, reason = "every test uses a part of it")]

use std::path::{Path, PathBuf};

use spandrel::compile::{Compiled, Prepare, Request, compile};
use spandrel::settings::Settings;
use spandrel_core::{
    blob::Column,
    crossbar::{Readout, read_column},
    image::{Codec, Config, Image, Subject, Tag, Values, Vector, assemble, assembled_len, emit_list, reseal},
    machine::{Machine, Probe},
    verify::KnownAnswers,
};

/// A file of the digits example.
pub(crate) fn digits(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/digits").join(name)
}

/// The digits perceptron for PRIME, calibrated on `count` samples.
pub(crate) fn compiled(count: usize) -> Compiled {
    // One array a layer: a gather that brings more than its core has word lines for changes nothing, and is no fault to find.
    compiled_within("digits_mlp.onnx", "prime", count, "encode.budget=x1")
}

/// A network of the digits example for `chip`, calibrated on `count` samples.
pub(crate) fn compiled_for(model: &str, chip: &str, count: usize) -> Compiled {
    compiled_within(model, chip, count, "encode.budget=auto")
}

fn compiled_within(model: &str, chip: &str, count: usize, setting: &str) -> Compiled {
    let settings = Settings::parse([setting]).unwrap_or_else(|error| panic!("{error}"));
    let request = Request {
        settings: settings.to_map(),
        options: settings.into(),
        calibration_count: count,
        // The network divides by 16 itself.
        prepare: Prepare { scale: Some(vec![1.0]), ..Prepare::default() },
        ..Request::new(digits(model), chip, digits("train.npz"))
    };
    compile(&request, &mut ()).unwrap_or_else(|error| panic!("{error}"))
}

/// The image with the sections that `change` leaves, every checksum and digest computed anew.
pub(crate) fn with_sections(bytes: &[u8], change: impl Fn(Tag, &mut Vec<u8>)) -> Vec<u8> {
    let image = Image::parse(bytes).unwrap();
    let sections: Vec<(Tag, Vec<u8>)> = Tag::KNOWN
        .into_iter()
        .map(|tag| {
            let mut content = image.section(tag).to_vec();
            change(tag, &mut content);
            (tag, content)
        })
        .filter(|(_, content)| !content.is_empty())
        .collect();
    let sections: Vec<(Tag, &[u8])> = sections.iter().map(|(tag, bytes)| (*tag, bytes.as_slice())).collect();
    let header = image.header();
    let name: String =
        header.chip.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
    let mut out = vec![0; assembled_len(&sections)];
    assemble(&name, header.chip_revision, header.ram_words, &sections, &mut out).unwrap();
    reseal(&mut out).unwrap();
    out
}

/// The image with the configurations that `change` leaves.
pub(crate) fn with_configs(bytes: &[u8], change: impl Fn(u32, &mut Config)) -> Vec<u8> {
    let image = Image::parse(bytes).unwrap();
    let mut configs = Vec::new();
    for number in 0..image.config_count() {
        let mut config = image.config(number).unwrap();
        change(number, &mut config);
        config.emit(&mut |part: &[u8]| configs.extend_from_slice(part));
    }
    with_sections(bytes, |tag, content| {
        if tag == Tag::CONFIGS {
            content.clone_from(&configs);
        }
    })
}

/// Adds one to the magnitude (or takes one off the largest) of a sign-magnitude weight of 8 bits. Returns the image
/// and the weights before and after.
pub(crate) fn with_weight(bytes: &[u8], core: u32, unit: usize, row: usize) -> (Vec<u8>, i32, i32) {
    let image = Image::parse(bytes).unwrap();
    let blob = image.blob(image.config(core).unwrap().blob()).unwrap();
    assert_eq!(blob.bits, 8);
    let at = blob.offset as usize + unit * blob.stride() as usize + row;
    let value = |bytes: &[u8]| {
        let image = Image::parse(bytes).unwrap();
        let store = image.weights();
        let mut column = [0; 32];
        let reader = Column::new(blob, *image.tables(), &store, unit as u32);
        reader.read(row as u32 / 32 * 32, &mut column).unwrap();
        column[row % 32]
    };
    let changed = with_sections(bytes, |tag, content| {
        if tag == Tag::WEIGHTS {
            content[at] = if content[at] == 255 { 254 } else { content[at] + 1 };
        }
    });
    let (before, after) = (value(bytes), value(&changed));
    assert_ne!(before, after);
    (changed, before, after)
}

struct Emitted(Vec<i32>);

impl Probe for Emitted {
    fn emit(&mut self, _: u16, _: u32, value: i32) {
        self.0.push(value);
    }
}

/// The image with every known answer computed anew from what it now holds; its own check then passes.
pub(crate) fn with_fresh_answers(bytes: &[u8]) -> Vec<u8> {
    let image = Image::parse(bytes).unwrap();
    let mut records = Vec::new();
    for number in 0..image.vector_count() {
        let vector = image.vector(number).unwrap();
        let inputs: Vec<i32> = (0..vector.inputs.len()).map(|at| vector.inputs.get(at).unwrap()).collect();
        let (subject, answers) = match vector.subject {
            Subject::Network { input, .. } => {
                let mut ram = vec![0; image.header().ram_words as usize];
                let mut machine = Machine::new(&image, image.weights(), &mut ram).unwrap();
                let mut emitted = Emitted(Vec::new());
                machine.run(inputs.iter().copied(), &mut emitted).unwrap();
                (Subject::Network { input, digest: machine.snapshot().digest() }, emitted.0)
            }
            Subject::Config { config, shift, relu } => {
                let Some(Config::Crossbar(mut crossbar)) = image.config(config) else { unreachable!() };
                if let (Some(shift), Readout::Composed { rounding, .. }) = (shift, crossbar.readout) {
                    crossbar.readout = Readout::Composed { shift, rounding };
                }
                let blob = image.blob(crossbar.blob).unwrap();
                let store = image.weights();
                let read = |unit| {
                    let column = Column::new(blob, *image.tables(), &store, unit);
                    let read = read_column(&crossbar, &column, |row| inputs[row as usize]).unwrap();
                    if relu == Some(true) { read.max(0) } else { read }
                };
                (vector.subject, (0..crossbar.columns).map(read).collect())
            }
        };
        let held = |values: &[i32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let (inputs, answers) = ((held(&inputs), inputs.len()), (held(&answers), answers.len()));
        let mut record = Vec::new();
        let vector = Vector {
            subject,
            inputs: Values::new(Codec::I32, &inputs.0, inputs.1 as u32).unwrap(),
            answers: Values::new(Codec::I32, &answers.0, answers.1 as u32).unwrap(),
        };
        vector.emit(&mut |part: &[u8]| record.extend_from_slice(part));
        records.push(record);
    }
    let mut list = Vec::new();
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    emit_list(&records, &mut |part: &[u8]| list.extend_from_slice(part));
    let out = with_sections(bytes, |tag, content| {
        if tag == Tag::VECTORS {
            content.clone_from(&list);
        }
    });
    let image = Image::parse(&out).unwrap();
    let mut ram = vec![0; image.header().ram_words as usize];
    let checked = KnownAnswers::new(&image, image.weights()).check(&mut ram).expect("the answers are fresh");
    assert!(checked.values > 0);
    out
}
