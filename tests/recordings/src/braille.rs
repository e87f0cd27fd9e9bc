//! The Braille network: first-layer spikes of one sample, as six simulators and chips recorded them, as the golden model gives
//! them under several schemes, and as Loihi's integers give them.

use std::path::Path;

use spandrel::engine::{ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel::nir::{self, NirGraph, QuantiseOptions, Scheme, Simulator};
use spandrel::samples::{ArrayData, read_named};
use spandrel::spiking::{Output, Read, emit};
use spandrel_core::image::Image;
use spandrel_hwdesc::builtin;

use crate::Result;
use crate::table::table;

const NEURONS: usize = 38;
const STEPS: usize = 256;
const AXONS: usize = 12;

/// Spikes of the layer: \[step, neuron\].
struct Raster {
    name: String,
    spikes: Vec<u8>,
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    match read_named(path, "x").map_err(|e| e.to_string())?.data {
        ArrayData::U8(data) => Ok(data),
        _ => Err(format!("{}: not bytes", path.display())),
    }
}

fn golden(graph: &NirGraph, name: &str, preset: &str, input: &[u8]) -> Result<Raster> {
    let scheme = Scheme::preset(preset, 1e-4).ok_or("no such scheme")?;
    let mut simulator = Simulator::new(graph, &scheme).map_err(|e| e.to_string())?;
    let layer = graph.find("lif1.lif").ok_or("no layer lif1.lif")?;
    let mut spikes = Vec::new();
    for step in input.chunks(AXONS) {
        simulator.step(&step.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
        spikes.extend(simulator.values(layer).iter().map(|&x| x as u8));
    }
    Ok(Raster { name: name.into(), spikes })
}

fn on_loihi(graph: &NirGraph, name: &str, preset: &str, input: &[u8]) -> Result<Raster> {
    let scheme = Scheme::preset(preset, 1e-4).ok_or("no such scheme")?;
    let chip = builtin("loihi").ok_or("no chip loihi")?;
    let mut simulator = Simulator::new(graph, &scheme).map_err(|e| e.to_string())?;
    let mut reaches = vec![(0.0_f64, 0.0_f64); graph.nodes().len()];
    for step in input.chunks(AXONS) {
        simulator.step(&step.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
        for (at, reach) in reaches.iter_mut().enumerate() {
            if let Some(soma) = simulator.soma(at) {
                let most = |list: &[f64]| list.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
                *reach = (reach.0.max(most(&soma.v)), reach.1.max(most(&soma.i)));
            }
        }
    }
    let options = QuantiseOptions { input_spikes: 1, steps: STEPS as u32, ..QuantiseOptions::default() };
    let mut made = nir::quantise(graph, &scheme, &chip, &reaches, &options).map_err(|e| e.to_string())?;
    let layer = graph.find("lif1.lif").ok_or("no layer lif1.lif")?;
    let at = made.populations.iter().position(|p| p.node == layer).ok_or("no population lif1.lif")?;
    let start = made.populations[at].start as usize;
    made.network.outputs = vec![Output { population: at, read: Read::Raster }];
    let checked = made.network.check(&chip).map_err(|e| e.to_string())?;
    let image = emit(&checked, "").map_err(|e| e.to_string())?;
    let image = Image::parse(&image).map_err(|e| e.to_string())?;
    let raw: Vec<i32> = input.iter().map(|&x| x.into()).collect();
    let batch = RawBatch::new(RawData::I32(&raw), raw.len()).map_err(|e| e.to_string())?;
    let mut engine = FastEngine::new(&image, Options::with_threads(1)).map_err(|e| e.to_string())?;
    let codes = engine.run(&batch, None).map_err(|e| e.to_string())?.codes;
    let own = &codes[start * NEURONS..][..STEPS * NEURONS];
    Ok(Raster { name: name.into(), spikes: own.iter().map(|&x| x as u8).collect() })
}

/// Neurons and steps that differ, and the sum over neurons of the difference of their counts.
fn distance(a: &Raster, b: &Raster) -> (usize, usize) {
    let differ = a.spikes.iter().zip(&b.spikes).filter(|(a, b)| a != b).count();
    let count = |raster: &Raster, neuron: usize| -> usize {
        (0..STEPS).map(|step| usize::from(raster.spikes[step * NEURONS + neuron])).sum()
    };
    (differ, (0..NEURONS).map(|neuron| count(a, neuron).abs_diff(count(b, neuron))).sum())
}

/// The tables.
pub(crate) fn tables(data: &Path) -> Result<String> {
    let folder = data.join("nir/03_rnn");
    let graph = nir::read_nir(&folder.join("braille_noDelay_bias_zero.nir")).map_err(|e| e.to_string())?;
    let input = bytes(&folder.join("braille_test_sample0_input.npy"))?;
    let mut rasters = Vec::new();
    for name in ["snntorch", "norse", "nengo", "lava", "s2", "spyx"] {
        let spikes = bytes(&folder.join(format!("{name}_activity_noDelay_bias_zero.npy")))?;
        if spikes.len() != STEPS * NEURONS {
            return Err(format!("{name}: {} values, not {STEPS} x {NEURONS}", spikes.len()));
        }
        rasters.push(Raster { name: if name == "s2" { "SpiNNaker2".into() } else { name.into() }, spikes });
    }
    for preset in ["euler", "exponential", "impulse", "lava"] {
        rasters.push(golden(&graph, &format!("golden {preset}"), preset, &input)?);
    }
    for preset in ["euler", "lava"] {
        rasters.push(on_loihi(&graph, &format!("**loihi {preset}**"), preset, &input)?);
    }
    let mut rows = vec![
        [String::new(), "spikes".into()].into_iter().chain(rasters.iter().map(|r| r.name.clone())).collect(),
    ];
    for a in &rasters {
        let spikes: usize = a.spikes.iter().map(|&x| usize::from(x)).sum();
        let mut row = vec![a.name.clone(), spikes.to_string()];
        row.extend(rasters.iter().map(|b| {
            let (differ, counts) = distance(a, b);
            if std::ptr::eq(a, b) { "-".into() } else { format!("{differ} / {counts}") }
        }));
        rows.push(row);
    }
    Ok(format!("### Braille, first layer: {STEPS} steps of {NEURONS} neurons\n\n{}", table(&rows)))
}
