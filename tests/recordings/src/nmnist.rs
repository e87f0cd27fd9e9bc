//! The convolutional network on recordings of an event camera: accuracy of the golden model under several schemes and of
//! integers, and the first layer's counts beside those that a Speck chip recorded.

use std::path::{Path, PathBuf};

use spandrel::compile::Request;
use spandrel::nir::{self, Binning, NirGraph, Rasters, Scheme, Simulator};
use spandrel::samples::{ArrayData, read_named};
use spandrel_hwdesc::builtin;

use crate::Result;
use crate::table::table;

const BINNING: Binning = Binning { bin: 1000, steps: 300 };
const INPUT: [usize; 3] = [2, 34, 34];

/// Schemes of the golden model, with what is changed in them.
const SCHEMES: [(&str, &str, bool); 4] = [
    ("sinabs: less the threshold, several spikes a step", "sinabs", false),
    ("speck: the same, floored one threshold below zero", "speck", false),
    ("euler: less the threshold, one spike a step", "euler", false),
    ("euler with reset to zero, one spike a step", "euler", true),
];

fn counts(graph: &NirGraph, scheme: &Scheme, sample: &[u8], node: usize) -> Result<Vec<f64>> {
    let mut simulator = Simulator::new(graph, scheme).map_err(|e| e.to_string())?;
    let mut counts = vec![0.0; graph.nodes()[node].len()];
    for step in sample.chunks(INPUT.iter().product()) {
        simulator.step(&step.iter().map(|&n| f64::from(n)).collect::<Vec<f64>>());
        counts.iter_mut().zip(simulator.values(node)).for_each(|(count, x)| *count += x);
    }
    Ok(counts)
}

fn class(counts: &[f64]) -> u32 {
    (0..counts.len()).rev().max_by(|&a, &b| counts[a].total_cmp(&counts[b])).unwrap_or(0) as u32
}

fn scheme(preset: &str, zero: bool) -> Result<Scheme> {
    let mut scheme = Scheme::preset(preset, 1.0).ok_or("no such scheme")?;
    if zero {
        scheme.reset = nir::ResetRule::Zero;
    }
    Ok(scheme)
}

/// The recordings with the labels of the images that they were made of: the number in a name less 60,000, from 1.
fn recordings(data: &Path) -> Result<Rasters> {
    let path = data.join("datasets/nmnist/test_A.tar.gz");
    let mut rasters = Rasters::read(&path, None, &INPUT, BINNING, usize::MAX).map_err(|e| e.to_string())?;
    let labels = read_named(&data.join("datasets/mnist/t10k-A-labels-idx1-ubyte.gz"), "x")
        .map_err(|e| e.to_string())?;
    let ArrayData::U8(labels) = labels.data else { return Err("labels are not bytes".into()) };
    // The archive holds the first recordings of the test set, one after the other.
    rasters.labels = Some(labels[..rasters.count()].iter().map(|&x| x.into()).collect());
    Ok(rasters)
}

/// The tables.
pub(crate) fn tables(data: &Path) -> Result<String> {
    let model = data.join("nir/02_cnn/cnn_sinabs.nir");
    let graph = nir::read_nir(&model).map_err(|e| e.to_string())?;
    let rasters = recordings(data)?;
    let labels = rasters.labels.clone().unwrap_or_default();
    let mut rows = vec![["run".to_owned(), "right".into(), "of".into()].to_vec()];
    for (name, preset, zero) in SCHEMES {
        let scheme = scheme(preset, zero)?;
        let mut right = 0;
        for (index, label) in labels.iter().enumerate() {
            let counts = counts(&graph, &scheme, rasters.sample(index), graph.output())?;
            right += usize::from(class(&counts) == *label);
        }
        rows.push(vec![format!("golden, {name}"), right.to_string(), labels.len().to_string()]);
    }
    for row in integers(data, &model, &labels)? {
        rows.push(row);
    }
    Ok(format!("### N-MNIST, {} test recordings\n\n{}\n{}", labels.len(), table(&rows), speck(data, &graph)?))
}

/// Loihi's integers, and those of the same chip with a reset by subtraction.
fn integers(data: &Path, model: &Path, labels: &[u32]) -> Result<Vec<Vec<String>>> {
    let folder = std::env::temp_dir().join(format!("spandrel-recordings-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let outcome = (|| {
        let archive = data.join("datasets/nmnist/test_A.tar.gz");
        let own = labels_file(&folder, labels)?;
        let loihi = builtin("loihi").ok_or("no chip loihi")?;
        let fields = [("spiking.reset", "[\"subtract\"]"), ("name", "\"loihi-subtract\"")];
        let subtract = loihi.with(&fields).map_err(|e| format!("{e:?}"))?;
        let several = [
            ("spiking.reset", "[\"subtract\"]"),
            ("spiking.spikes_max", "15"),
            ("name", "\"loihi-several\""),
        ];
        let several = loihi.with(&several).map_err(|e| format!("{e:?}"))?;
        let mut rows = Vec::new();
        for (name, chip, preset, reset) in [
            ("loihi, reset to zero", loihi.clone(), "euler", Some(nir::ResetRule::Zero)),
            ("loihi's integers with a reset by subtraction, one spike a tick", subtract, "euler", None),
            ("loihi's integers with a reset by subtraction, up to 15 spikes a tick", several, "sinabs", None),
        ] {
            let file = folder.join(format!("{}.toml", rows.len()));
            std::fs::write(&file, chip.to_toml()).map_err(|e| e.to_string())?;
            let training = data.join("datasets/nmnist/train_A.tar.gz");
            let mut request = Request::new(model, file.display().to_string(), training);
            request.calibration_count = 20;
            request.test = Some(archive.clone());
            request.test_labels = Some(own.clone());
            request.options.spiking.scheme = preset.into();
            request.options.spiking.reset = reset;
            let row = match nir::compile(&request, &mut ()) {
                Ok(made) => {
                    let right = made.report.accuracy.unwrap_or(0.0) * labels.len() as f64;
                    let agreement = made
                        .report
                        .agreement
                        .map_or(String::new(), |a| format!(", agrees with golden on {:.0} %", a * 100.0));
                    vec![
                        format!("{name} ({} cores{agreement})", made.report.cores),
                        format!("{right:.0}"),
                        labels.len().to_string(),
                    ]
                }
                Err(found) => {
                    let first = found.0.first().map_or(String::new(), |d| format!("{}: {}", d.code, d.rule));
                    vec![format!("{name}: refused ({first})"), String::new(), String::new()]
                }
            };
            rows.push(row);
        }
        Ok(rows)
    })();
    // Its own folder; nothing else lies there.
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn labels_file(folder: &Path, labels: &[u32]) -> Result<PathBuf> {
    let path = folder.join("labels.npz");
    let data = ArrayData::U8(labels.iter().map(|&x| x as u8).collect());
    let array = spandrel::samples::Array { shape: vec![labels.len(), 1], data };
    spandrel::samples::write_npz(&path, &[("x", &array)]).map_err(|e| e.to_string())?;
    Ok(path)
}

/// The first layer's counts on five recordings, beside the chip's.
fn speck(data: &Path, graph: &NirGraph) -> Result<String> {
    let folder = data.join("nir/02_cnn");
    let recorded =
        read_named(&folder.join("speck_layer1_counts_digits0-4.npy"), "x").map_err(|e| e.to_string())?;
    let recorded: Vec<f64> = match recorded.data {
        ArrayData::I32(v) => v.into_iter().map(f64::from).collect(),
        ArrayData::I16(v) => v.into_iter().map(f64::from).collect(),
        _ => return Err("counts of another type".into()),
    };
    let inputs =
        Rasters::read(&folder.join("speck_inputs_digits0-4.tar.gz"), None, &INPUT, BINNING, usize::MAX)
            .map_err(|e| e.to_string())?;
    let layer = graph.find("1").ok_or("no layer 1")?;
    let neurons = graph.nodes()[layer].len();
    let mut rows = vec![
        [
            "digit",
            "spikes of the chip",
            "of the golden model (speck)",
            "neurons whose counts differ",
            "cosine",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for digit in 0..inputs.count() {
        let own = counts(graph, &scheme("speck", false)?, inputs.sample(digit), layer)?;
        let chip = &recorded[digit * neurons..][..neurons];
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let cosine = dot(&own, chip) / (dot(&own, &own) * dot(chip, chip)).sqrt();
        let differ = own.iter().zip(chip).filter(|(a, b)| a != b).count();
        rows.push(vec![
            digit.to_string(),
            format!("{}", chip.iter().sum::<f64>()),
            format!("{}", own.iter().sum::<f64>()),
            format!("{:.1} %", differ as f64 * 100.0 / neurons as f64),
            format!("{cosine:.4}"),
        ]);
    }
    Ok(format!(
        "### First layer on a Speck chip, {neurons} neurons, one recording a digit\n\n{}",
        table(&rows)
    ))
}
