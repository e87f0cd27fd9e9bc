//! NIR and lava-dl networks in a chip's integers, against what chips and simulators recorded; runs where the data folder is.

mod common;

use std::path::Path;

use common::shared;
use spandrel::engine::{ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel::nir::{self, DecayRounding, NirGraph, QuantiseOptions, Quantised, Scheme, Simulator};
use spandrel::samples::{ArrayData, read_named};
use spandrel::spiking::{Output, Read, SpikingNetwork, emit};
use spandrel_core::image::Image;
use spandrel_hwdesc::{Chip, builtin};

fn bytes(path: &Path) -> Vec<u8> {
    match read_named(path, "x").expect("an array").data {
        ArrayData::U8(data) => data,
        other => panic!("{other:?}"),
    }
}

/// How far potentials and currents go on a sample.
fn reaches(graph: &NirGraph, scheme: &Scheme, sample: &[Vec<f64>]) -> Vec<(f64, f64)> {
    let mut simulator = Simulator::new(graph, scheme).expect("a simulator");
    let mut reaches = vec![(0.0_f64, 0.0_f64); graph.nodes().len()];
    for step in sample {
        simulator.step(step);
        for (at, reach) in reaches.iter_mut().enumerate() {
            if let Some(soma) = simulator.soma(at) {
                let most = |list: &[f64]| list.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
                *reach = (reach.0.max(most(&soma.v)), reach.1.max(most(&soma.i)));
            }
        }
    }
    reaches
}

fn outputs(network: &SpikingNetwork, chip: &Chip, raw: &[i32]) -> Vec<i32> {
    let checked = network.check(chip).unwrap_or_else(|found| panic!("{found}"));
    let image = emit(&checked, "").unwrap_or_else(|found| panic!("{found}"));
    let image = Image::parse(&image).expect("an image");
    let batch = RawBatch::new(RawData::I32(raw), raw.len()).expect("a sample");
    let mut engine = FastEngine::new(&image, Options::with_threads(1)).expect("an engine");
    engine.run(&batch, None).expect("a run").codes
}

fn quantised(
    graph: &NirGraph,
    preset: &str,
    chip: &Chip,
    sample: &[Vec<f64>],
    threshold: Option<i32>,
    decay: DecayRounding,
) -> Quantised {
    let scheme = Scheme::preset(preset, 1e-4).expect("a preset");
    let reaches = reaches(graph, &scheme, sample);
    let options = QuantiseOptions { threshold, decay, input_spikes: 1, steps: sample.len() as u32 };
    nir::quantise(graph, &scheme, chip, &reaches, &options).unwrap_or_else(|found| panic!("{found}"))
}

/// From the file to the chip's registers: with the recording's threshold, weight 10, threshold 25 and a decay of 163 come out,
/// and all spikes and voltages but those of the four spike steps, where the chip's probe reads 128.
#[test]
fn the_recorded_neuron_from_its_file() {
    let Some(data) = shared("the_recorded_neuron_from_its_file") else { return };
    let graph = nir::read_nir(&data.join("nir/01_lif/lif_norse.nir")).expect("a graph");
    let text = std::fs::read_to_string(data.join("nir/01_lif/lif_lava_loihi_fixed.csv")).expect("a table");
    let rows: Vec<Vec<f64>> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.split(',').map(|x| x.trim().parse().expect("a number")).collect())
        .collect();
    let sample: Vec<Vec<f64>> = rows.iter().map(|row| vec![row[0]]).collect();
    let raw: Vec<i32> = rows.iter().map(|row| row[0] as i32).collect();
    let chip = builtin("loihi").expect("it is built in");
    let mut made = quantised(&graph, "lava", &chip, &sample, Some(25), DecayRounding::Down);
    let spikes = outputs(&made.network, &chip, &raw);
    made.network.outputs = vec![Output { population: 0, read: Read::PotentialRaster }];
    let voltages = outputs(&made.network, &chip, &raw);
    for (step, row) in rows.iter().enumerate() {
        let fired = row[2] > 0.0;
        assert_eq!(spikes[step], i32::from(fired), "step {step}");
        assert_eq!(f64::from(voltages[step]), if fired { 0.0 } else { row[1] }, "step {step}");
        assert!(!fired || row[1] == 128.0);
    }
    // Left to itself the compiler takes a finer scale, and the spikes are the same.
    let finer = quantised(&graph, "lava", &chip, &sample, None, DecayRounding::Nearest);
    assert!(finer.populations[0].scale > 2.0 * made.populations[0].scale);
    assert_eq!(outputs(&finer.network, &chip, &raw), spikes);
}

/// The Braille network on Loihi's integers: the letter that the golden model reads, and its first layer's spikes nearer to it than
/// those that Lava's fixed-point simulator recorded.
#[test]
fn braille_on_loihi() {
    let Some(data) = shared("braille_on_loihi") else { return };
    let folder = data.join("nir/03_rnn");
    let graph = nir::read_nir(&folder.join("braille_noDelay_bias_zero.nir")).expect("a graph");
    let input = bytes(&folder.join("braille_test_sample0_input.npy"));
    let sample: Vec<Vec<f64>> =
        input.chunks(12).map(|step| step.iter().map(|&x| f64::from(x)).collect()).collect();
    let raw: Vec<i32> = input.iter().map(|&x| i32::from(x)).collect();
    let chip = builtin("loihi").expect("it is built in");
    let mut made = quantised(&graph, "euler", &chip, &sample, None, DecayRounding::Nearest);
    let layer =
        made.populations.iter().position(|p| graph.nodes()[p.node].name == "lif1.lif").expect("the layer");
    let start = made.populations[layer].start as usize;
    let letters: Vec<i32> =
        outputs(&made.network, &chip, &raw).chunks(7).fold(vec![0; 7], |mut sum, tick| {
            sum.iter_mut().zip(tick).for_each(|(sum, x)| *sum += x);
            sum
        });
    made.network.outputs = vec![Output { population: layer, read: Read::Raster }];
    let found = outputs(&made.network, &chip, &raw);
    let golden = bytes(&folder.join("snntorch_activity_noDelay_bias_zero.npy"));
    let differ = golden.iter().zip(&found[start * 38..]).filter(|(a, b)| i32::from(**a) != **b).count();
    println!("letters {letters:?}, {differ} of {} spikes differ", golden.len());
    let best = (0..7).max_by_key(|&i| letters[i]).expect("seven");
    assert_eq!(best, 1);
    // Lava's own recording differs from it in 158.
    let lava = bytes(&folder.join("lava_activity_noDelay_bias_zero.npy"));
    let of_lava = golden.iter().zip(&lava).filter(|(a, b)| a != b).count();
    assert!(differ < of_lava, "{differ} against {of_lava}");
}

/// The spikes of an image's pixels in 32 steps.
fn rates(image: &[u8]) -> Vec<i32> {
    let mut v = vec![0.0_f64; image.len()];
    let mut raw = Vec::with_capacity(image.len() * 32);
    for _ in 0..32 {
        for (v, &x) in v.iter_mut().zip(image) {
            *v += f64::from(x) / 255.0;
            let fires = *v > 1.0;
            raw.push(i32::from(fires));
            if fires {
                *v -= 1.0;
            }
        }
    }
    raw
}

/// Lava's MNIST network, as the data folder's index runs it: rates by v += x / 255, a spike where v > 1, 32 steps. The index states 95.09 %
/// on 10,000 test images, of which the first 5,000 are in the folder.
#[test]
fn lava_mnist_as_recorded() {
    let Some(data) = shared("lava_mnist_as_recorded") else { return };
    let network = nir::read_lava(&data.join("nir/loihi/mnist_mlp_cuba.net")).expect("a network");
    let chip = builtin("loihi").expect("it is built in");
    let network = network.on(&chip, 32).expect("it fits");
    let images = bytes(&data.join("datasets/mnist/t10k-A-images-idx3-ubyte.gz"));
    let labels = bytes(&data.join("datasets/mnist/t10k-A-labels-idx1-ubyte.gz"));
    let checked = network.check(&chip).unwrap_or_else(|found| panic!("{found}"));
    let image = emit(&checked, "").unwrap_or_else(|found| panic!("{found}"));
    let image = Image::parse(&image).expect("an image");
    let mut engine = FastEngine::new(&image, Options::with_threads(1)).expect("an engine");
    let (mut right, mut count) = (0, 0);
    for (images, labels) in images.chunks(784 * 500).zip(labels.chunks(500)) {
        let raw: Vec<i32> = images.chunks(784).flat_map(rates).collect();
        let batch = RawBatch::new(RawData::I32(&raw), 784 * 32).expect("samples");
        let codes = engine.run(&batch, None).expect("a run").codes;
        let best = |counts: &[i32]| (0..10).rev().max_by_key(|&i| counts[i]).expect("ten");
        let good =
            codes.chunks(10).zip(labels).filter(|(counts, label)| best(counts) == usize::from(**label));
        right += good.count();
        count += labels.len();
    }
    println!("{right} of {count}");
    // As many as a simulation of these rules on arrays counts, written without this project.
    assert_eq!((right, count), (4677, 5000));
}
