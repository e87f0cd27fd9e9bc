//! Random int8 networks, compiled, against TFLite's reference arithmetic written down once more: whole numbers only.

mod common;
mod exact_common;

use exact_common::{Draw, Layer, Network};
use spandrel::compile::{Request, compile};
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel_core::image::Image;

/// Compiles `network` for the built-in int8 chip and runs it on `samples` random samples.
fn run(network: &Network, raw: &[i8], name: &str) -> Vec<Vec<i32>> {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("exact").join(name);
    std::fs::create_dir_all(&folder).expect("writable folder");
    let (model, samples) = (folder.join("net.onnx"), folder.join("x.npy"));
    std::fs::write(&model, network.onnx()).expect("written");
    let [c, h, w] = network.input;
    let len = c * h * w;
    std::fs::write(&samples, exact_common::npy(&[raw.len() / len, c, h, w], raw)).expect("written");
    let compiled = compile(&Request::new(&model, "tpu", &samples), &mut ())
        .unwrap_or_else(|found| panic!("{name}: {found}"));
    let layers = network.layers.len();
    let kept = format!("{layers} of {layers} nodes keep the integers that the network has");
    assert!(compiled.report.remarks.contains(&kept), "{name}: {:?}", compiled.report.remarks);
    let image = Image::parse(&compiled.image).expect("an image");
    let batch = RawBatch::new(RawData::I8(raw), len).expect("whole samples");
    let fast =
        FastEngine::new(&image, Options::default()).expect("an engine").run_batch(&batch).expect("runs");
    let core =
        CoreEngine::new(&image, Options::default()).expect("an engine").run_batch(&batch).expect("runs");
    assert_eq!(fast, core);
    (0..fast.len()).map(|sample| fast.sample(sample).to_vec()).collect()
}

#[test]
fn random_int8_networks_give_the_reference_codes() {
    let (mut compared, mut extreme, mut once) = (0, 0, 0);
    for seed in 0..12u64 {
        let mut draw = Draw::new(seed);
        let network = Network::random(&mut draw);
        let raw: Vec<i8> = (0..24 * network.input.iter().product::<usize>()).map(|_| draw.byte()).collect();
        let have = run(&network, &raw, &format!("random{seed}"));
        let want = |once: bool| -> Vec<Vec<i32>> {
            let samples = raw.chunks_exact(network.input.iter().product());
            samples.map(|x| network.reference(x, once)).collect()
        };
        // Where 31 bits of a multiplier do not tell all sums apart, the dense layer is rounded twice as well.
        let (one, two) = (want(true), want(false));
        assert!(have == one || have == two, "seed {seed}: {:?}\n{have:?}\n{one:?}", network.layers);
        once += usize::from(have == one);
        compared += one.iter().map(Vec::len).sum::<usize>();
        extreme += one.iter().flatten().filter(|&&code| code == -128 || code == 127).count();
    }
    println!(
        "{compared} codes equal, {extreme} of them at the ends of the range, {once} networks rounded once"
    );
    assert!(once >= 6);
    assert!(compared > 1_000 && extreme * 2 < compared);
}

/// Zero points away from the ends of the range on every edge: borders must bring them.
#[test]
fn padding_brings_the_zero_point() {
    let mut draw = Draw::new(77);
    let network = Network::padded(&mut draw);
    assert!(network.layers.iter().any(|layer| matches!(layer, Layer::Conv { pad: 1, .. })));
    let raw = vec![127i8; network.input.iter().product::<usize>() * 4];
    let have = run(&network, &raw, "padded");
    for (x, have) in raw.chunks_exact(network.input.iter().product()).zip(have) {
        assert!([true, false].map(|once| network.reference(x, once)).contains(&have));
    }
}
