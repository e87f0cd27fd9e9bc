//! The spiking core's rules against what Lava's simulator and a Loihi chip recorded; runs where the data folder is.

mod common;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use common::shared;
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel::spiking::{
    Code, Input, Neuron, Output, Population, Projection, Read, Source, SpikingNetwork, SpikingProgram,
    Synapses, Values, emit, program,
};
use spandrel_core::image::Image;
use spandrel_core::machine::{Probe, Snapshot};
use spandrel_hwdesc::builtin;

/// A dense layer of `loihi` behind a raster, with decays `du` and `dv`: image and program. Weights are [target][source].
fn layer(
    (sources, targets, ticks): (usize, usize, u32),
    weights: Vec<i32>,
    weight_shift: u8,
    threshold: i32,
    (du, dv): (i32, i32),
) -> (Vec<u8>, SpikingProgram) {
    let chip = builtin("loihi").expect("it is built in");
    let neuron = Neuron {
        threshold: Values::All(threshold),
        weight_shift,
        current_keep: Some(Values::All(4096 - (du + 1))),
        keep: Values::All(4096 - dv),
        ..Neuron::of(chip.spiking().expect("a spiking chip"))
    };
    let network = SpikingNetwork {
        name: "recorded".into(),
        input: Input { name: "x".into(), size: sources, code: Code::Raster { spikes: 1, steps: ticks } },
        populations: vec![Population {
            name: "layer".into(),
            size: targets,
            picture: None,
            neuron,
            start: Some(0),
            window: 0,
        }],
        projections: vec![Projection {
            from: Source::Input,
            to: 0,
            synapses: Synapses::Dense(weights),
            delay: 1,
        }],
        outputs: vec![Output { population: 0, read: Read::Raster }],
        ticks,
    };
    let checked = network.check(&chip).unwrap_or_else(|errors| panic!("{errors}"));
    let bytes = emit(&checked, "").unwrap_or_else(|errors| panic!("{errors}"));
    (bytes, program(&checked).expect("a program"))
}

/// The word of state that holds the potential of each neuron, of a network of one population.
fn potentials(made: &SpikingProgram) -> BTreeMap<u32, u32> {
    let cores = made.cores.iter().zip(&made.states);
    cores.flat_map(|(core, state)| core.neurons.iter().copied().zip(state + 1..)).collect()
}

/// The potential of neuron 0 after every tick.
struct Potential(u32, Vec<i32>);

impl Probe for Potential {
    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        self.1.push(state.state(self.0).expect("a word of state"));
    }
}

/// The neuron of NIR's first experiment: weight 10, threshold 25, no memory of the current, dv = int(0.04 * 4095), its input a tick
/// late. The chip's 1,000 voltages and its spikes are reproduced; at the four ticks of a spike its probe reads 128.
#[test]
fn a_recorded_neuron_of_loihi() {
    let Some(data) = shared("a_recorded_neuron_of_loihi") else { return };
    let text = std::fs::read_to_string(data.join("nir/01_lif/lif_lava_loihi_fixed.csv")).expect("a table");
    let rows: Vec<[i32; 3]> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let row: Vec<i32> =
                line.split(',').map(|x| x.trim().parse::<f64>().expect("a number") as i32).collect();
            row.try_into().expect("three columns")
        })
        .collect();
    assert_eq!(rows.len(), 1000);
    let (bytes, made) = layer((1, 1, 1000), vec![10], 6, 25, (4095, (0.04f64 * 4095.0) as i32));
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let raw: Vec<i32> = rows.iter().map(|row| row[0]).collect();
    let batch = RawBatch::new(RawData::I32(&raw), raw.len()).expect("a sample");
    let one = Options::with_threads(1);
    for engine in [
        &mut CoreEngine::new(&image, one).expect("an engine") as &mut dyn ExactEngine,
        &mut FastEngine::new(&image, one).expect("an engine"),
    ] {
        let mut seen = Potential(potentials(&made)[&0], Vec::new());
        let outputs = engine.run(&batch, Some(&mut seen)).expect("a run");
        let spikes: Vec<usize> = (0..1000).filter(|tick| outputs.codes[*tick] > 0).collect();
        let recorded: Vec<usize> = (0..1000).filter(|tick| rows[*tick][2] > 0).collect();
        assert_eq!(spikes, recorded, "{}", engine.name());
        assert_eq!(spikes.len(), 4);
        for (tick, (found, row)) in seen.1.iter().zip(&rows).enumerate() {
            // Where the neuron has fired the chip's probe reads 128, and the potential is 0.
            let wanted = if row[2] > 0 { 128 } else { *found };
            assert_eq!(row[1], wanted, "tick {tick}");
            assert!(row[2] == 0 || *found == 0, "tick {tick}");
        }
        assert_eq!(seen.1.len(), 1000);
    }
}

/// The files of a `.tar.gz`.
fn archive(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tar = Vec::new();
    let file = std::fs::File::open(path).expect("an archive");
    flate2::read::GzDecoder::new(file).read_to_end(&mut tar).expect("an archive");
    let mut files = BTreeMap::new();
    let mut at = 0;
    while let Some(header) = tar.get(at..at + 512).filter(|header| header[0] != 0) {
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&header[range]).trim_matches(['\0', ' ']).to_owned()
        };
        let size = usize::from_str_radix(&text(124..136), 8).expect("a size");
        files.insert(text(0..100), tar[at + 512..at + 512 + size].to_vec());
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

/// The whole numbers of a `.npy` file of 8-byte elements in C order.
fn numbers(bytes: &[u8]) -> Vec<i32> {
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..header]);
    assert!(text.contains("'fortran_order': False"), "{text}");
    let float = text.contains("'<f8'");
    bytes[header..]
        .chunks_exact(8)
        .map(|eight| {
            let eight: [u8; 8] = eight.try_into().expect("eight bytes");
            if float { f64::from_le_bytes(eight) as i32 } else { i64::from_le_bytes(eight) as i32 }
        })
        .collect()
}

/// Lava's dense layer of 200 -> 256 neurons over 2,000 steps: currents have no memory, vDecay is 415, vThMant 6. Weights
/// beyond 8 bits are even: mantissas with an exponent of 1. All spikes are reproduced, bit for bit.
#[test]
fn a_recorded_dense_layer_of_loihi() {
    let Some(data) = shared("a_recorded_dense_layer_of_loihi") else { return };
    let files = archive(&data.join("nir/loihi/dense_gts.tar.gz"));
    let (input, weights, out) =
        (numbers(&files["in.npy"]), numbers(&files["weight.npy"]), numbers(&files["out.npy"]));
    let (sources, targets, ticks) = (200, 256, 2000);
    assert_eq!(
        (input.len(), weights.len(), out.len()),
        (sources * ticks, targets * sources, targets * ticks)
    );
    assert!(weights.iter().all(|weight| weight % 2 == 0));
    let halves = weights.iter().map(|weight| weight / 2).collect();
    let (bytes, _) = layer((sources, targets, ticks as u32), halves, 7, 6, (4095, 415));
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}"));
    // Recorded channel by channel; a sample goes tick by tick.
    let raw: Vec<i32> = (0..ticks * sources).map(|at| input[at % sources * ticks + at / sources]).collect();
    let batch = RawBatch::new(RawData::I32(&raw), raw.len()).expect("a sample");
    let one = Options::with_threads(1);
    for engine in [
        &mut CoreEngine::new(&image, one).expect("an engine") as &mut dyn ExactEngine,
        &mut FastEngine::new(&image, one).expect("an engine"),
    ] {
        let codes = engine.run(&batch, None).expect("a run").codes;
        let differ = (0..ticks * targets).filter(|at| codes[*at] != out[at % targets * ticks + at / targets]);
        assert_eq!((codes.iter().sum::<i32>(), differ.count()), (1826, 0), "{}", engine.name());
    }
}
