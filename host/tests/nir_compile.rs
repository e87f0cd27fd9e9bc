//! A small NIR file through the whole compiler: an image for Loihi whose every spike is the golden model's, and refusals.

use std::path::{Path, PathBuf};

use hdf5_pure::{FileBuilder, GroupBuilder};
use spandrel::compile::Request;
use spandrel::nir;
use spandrel::samples::{Array, ArrayData, write_npz};
use spandrel_core::image::Image;

/// A folder of this test's own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("spandrel-nir-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn node(nodes: &mut GroupBuilder, name: &str, kind: &str, fields: &[(&str, &[f64], &[u64])]) {
    let mut group = nodes.create_group(name);
    group.create_dataset("type").with_vlen_strings(&[kind]).with_shape(&[]);
    for (field, values, shape) in fields {
        group.create_dataset(field).with_f64_data(values).with_shape(shape);
    }
    nodes.add_group(group.finish());
}

/// Three axons, four leaky neurons, two integrate-and-fire neurons. Weights and thresholds are exact in few bits.
fn write(path: &Path, middle: &str, threshold: f64) {
    let mut builder = FileBuilder::new();
    let mut root = builder.create_group("node");
    root.create_dataset("type").with_vlen_strings(&["NIRGraph"]).with_shape(&[]);
    let chain = ["input", "w1", "a", "w2", "b", "output"];
    let edges: Vec<&str> = chain.windows(2).flat_map(|pair| [pair[0], pair[1]]).collect();
    root.create_dataset("edges").with_vlen_strings(&edges).with_shape(&[5, 2]);
    let mut nodes = root.create_group("nodes");
    node(&mut nodes, "input", "Input", &[("shape", &[3.0], &[1])]);
    let w1: Vec<f64> = (0..12).map(|i| f64::from(i % 5) - 1.0).collect();
    node(&mut nodes, "w1", "Linear", &[("weight", &w1, &[4, 3])]);
    let four = |x: f64| [x; 4];
    node(
        &mut nodes,
        "a",
        middle,
        &[
            ("r", &four(1.0), &[4]),
            ("tau", &four(4.0), &[4]),
            ("v_leak", &four(0.0), &[4]),
            ("v_threshold", &four(threshold), &[4]),
        ],
    );
    let w2: Vec<f64> = (0..8).map(|i| f64::from(i % 3)).collect();
    node(&mut nodes, "w2", "Linear", &[("weight", &w2, &[2, 4])]);
    node(&mut nodes, "b", "IF", &[("r", &[1.0], &[]), ("v_threshold", &[2.0], &[])]);
    node(&mut nodes, "output", "Output", &[("shape", &[2.0], &[1])]);
    root.add_group(nodes.finish());
    builder.add_group(root.finish());
    std::fs::write(path, builder.finish().expect("a file")).expect("written");
}

fn samples(path: &Path) {
    let data = (0..6 * 20 * 3).map(|i: usize| u8::from(i * 7 % 11 < 4)).collect();
    let x = Array { shape: vec![6, 20, 3], data: ArrayData::U8(data) };
    let y = Array { shape: vec![6], data: ArrayData::U8(vec![0; 6]) };
    write_npz(path, &[("x", &x), ("y", &y)]).expect("written");
}

fn request(folder: &Folder, settings: &[(&str, &str)]) -> Request {
    let mut request = Request::new(folder.0.join("net.nir"), "loihi", folder.0.join("x.npz"));
    let all: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let settings = spandrel::settings::Settings::parse(all.iter().map(String::as_str)).expect("settings");
    request.settings = settings.to_map();
    request.options = settings.into();
    request
}

#[test]
fn every_spike_is_the_golden_models() {
    let folder = Folder::new("spikes");
    write(&folder.0.join("net.nir"), "LIF", 0.75);
    samples(&folder.0.join("x.npz"));
    let set = [("spiking.dt", "1"), ("spiking.reset", "zero")];
    let made = nir::compile(&request(&folder, &set), &mut ()).unwrap_or_else(|found| panic!("{found}"));
    let report = &made.report;
    assert_eq!((report.steps, report.ticks, report.samples), (20, 21, 6));
    assert_eq!(report.agreement, Some(1.0));
    assert!(report.claims.iter().any(|claim| claim.id == "C3" && claim.cases > 0));
    for population in &report.populations {
        assert!(population.rate > 0.02, "{population:?}");
        assert_eq!(population.differing, Some(0.0), "{population:?}");
    }
    // The image stands by itself, and says how it was made.
    let image = Image::parse(&made.image).expect("an image");
    assert!(image.notes().contains("\"spiking.scheme\" = \"euler\""), "{}", image.notes());
    let again = nir::compile(&request(&folder, &set), &mut ()).expect("again");
    assert_eq!(again.image, made.image);
}

#[test]
fn what_the_chip_lacks_is_refused_by_name() {
    let folder = Folder::new("refused");
    write(&folder.0.join("net.nir"), "LIF", 0.75);
    samples(&folder.0.join("x.npz"));
    let text = |request: &Request| nir::compile(request, &mut ()).expect_err("refused").to_string();
    let subtract = text(&request(&folder, &[("spiking.dt", "1"), ("spiking.reset", "subtract")]));
    assert!(subtract.contains("SP0322") && subtract.contains("reset by subtraction"), "{subtract}");
    let mut tianji = request(&folder, &[("spiking.dt", "1"), ("spiking.reset", "zero")]);
    tianji.chip = "tianji".into();
    let leaks = text(&tianji);
    assert!(leaks.contains("potential_decay") && leaks.contains("node `a`"), "{leaks}");
    write(&folder.0.join("net.nir"), "Izhikevich", 0.75);
    let kind = text(&request(&folder, &[]));
    assert!(kind.contains("SP0133") && kind.contains("Izhikevich") && kind.contains("node `a`"), "{kind}");
}
