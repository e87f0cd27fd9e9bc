//! Random int8 networks, compiled, against TFLite's reference arithmetic written down once more, and against their own operators'.

mod common;
mod exact_common;

use exact_common::{Draw, Layer, Network, Residual};
use spandrel::compile::{Request, StageOptions, compile};
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel::settings::Settings;
use spandrel_core::image::Image;

/// Compiles `network` for the built-in int8 chip, its results rounded as `rounding` says, and runs it on `raw` samples.
fn run(network: &Network, raw: &[i8], name: &str, rounding: &str) -> Vec<Vec<i32>> {
    let layers = network.layers.len();
    let kept = format!("{layers} of {layers} nodes keep the integers that the network has");
    let (codes, remarks) = run_model((network, &network.onnx()), raw, name, rounding);
    assert!(remarks.contains(&kept), "{name}: {remarks:?}");
    codes
}

/// The same of a model whose samples are those of `network`; and the compiler's remarks.
fn run_model(
    (network, model): (&Network, &[u8]),
    raw: &[i8],
    name: &str,
    rounding: &str,
) -> (Vec<Vec<i32>>, Vec<String>) {
    let bytes = model;
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("exact").join(name);
    std::fs::create_dir_all(&folder).expect("writable folder");
    let (model, samples) = (folder.join("net.onnx"), folder.join("x.npy"));
    std::fs::write(&model, bytes).expect("written");
    let [c, h, w] = network.input;
    let len = c * h * w;
    std::fs::write(&samples, exact_common::npy(&[raw.len() / len, c, h, w], raw)).expect("written");
    let mut request = Request::new(&model, "tpu", &samples);
    request.options = StageOptions::from(Settings::parse([rounding]).expect("a setting"));
    let compiled = compile(&request, &mut ()).unwrap_or_else(|found| panic!("{name}: {found}"));
    let image = Image::parse(&compiled.image).expect("an image");
    let batch = RawBatch::new(RawData::I8(raw), len).expect("whole samples");
    let fast =
        FastEngine::new(&image, Options::default()).expect("an engine").run_batch(&batch).expect("runs");
    let core =
        CoreEngine::new(&image, Options::default()).expect("an engine").run_batch(&batch).expect("runs");
    assert_eq!(fast, core);
    ((0..fast.len()).map(|sample| fast.sample(sample).to_vec()).collect(), compiled.report.remarks)
}

#[test]
fn random_int8_networks_give_the_reference_codes() {
    let (mut compared, mut extreme, mut once) = (0, 0, 0);
    for seed in 0..12u64 {
        let mut draw = Draw::new(seed);
        let network = Network::random(&mut draw);
        let raw: Vec<i8> = (0..24 * network.input.iter().product::<usize>()).map(|_| draw.byte()).collect();
        let have = run(&network, &raw, &format!("random{seed}"), "tune.integers=kernels");
        let want = |once: bool| -> Vec<Vec<i32>> {
            let samples = raw.chunks_exact(network.input.iter().product());
            samples.map(|x| network.reference(x, (false, once))).collect()
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

/// Unless told otherwise, results are rounded once, as the model's operators say, on a chip that rounds twice.
#[test]
fn random_int8_networks_give_the_codes_of_their_own_operators() {
    let (mut compared, mut equal, mut twice) = (0, 0, 0);
    for seed in 0..24u64 {
        let mut draw = Draw::new(seed);
        let network = Network::random(&mut draw);
        let len = network.input.iter().product::<usize>();
        let raw: Vec<i8> = (0..24 * len).map(|_| draw.byte()).collect();
        let have = run(&network, &raw, &format!("operators{seed}"), "tune.integers=model");
        for (x, have) in raw.chunks_exact(len).zip(&have) {
            let once = network.reference(x, (true, true));
            compared += once.len();
            equal += once.iter().zip(have).filter(|(a, b)| a == b).count();
            twice += network.reference(x, (false, false)).iter().zip(have).filter(|(a, b)| a == b).count();
        }
    }
    println!("{equal} of {compared} codes are those of one rounding, {twice} those of two");
    // The bias takes back what the first rounding moves, but for a part of a unit of the sum at the edges of few codes.
    assert!(compared > 2_000 && compared - equal <= compared / 1000, "{equal} of {compared}");
    assert!(equal > twice);
}

/// Values on different grids are added with weights of 8 bits in nearly their ratio: what is remarked bounds how far sums lie from the
/// network's, so hardly a code is another, and what is is the neighbour.
#[test]
fn values_of_different_grids_are_added_on_the_networks_own_levels() {
    let (mut compared, mut equal) = (0, 0);
    for seed in 0..12u64 {
        let mut draw = Draw::new(1000 + seed);
        let residual = Residual::random(&mut draw);
        let (network, model) = residual.network();
        let len = network.input.iter().product::<usize>();
        let raw: Vec<i8> = (0..64 * len).map(|_| draw.byte()).collect();
        let name = format!("residual{seed}");
        let (have, remarks) = run_model((&network, &model), &raw, &name, "tune.integers=model");
        let remark = remarks.iter().find(|remark| remark.starts_with("2 of 2 nodes keep the integers"));
        let remark = remark.unwrap_or_else(|| panic!("{name}: {remarks:?}"));
        assert!(remark.contains("1 of them within 0.00"), "{name}: {remark}");
        for (x, have) in raw.chunks_exact(len).zip(&have) {
            let want = residual.reference(x, &network.reference(x, (true, true)));
            compared += want.len();
            equal += want.iter().zip(have).filter(|(a, b)| a == b).count();
            assert!(want.iter().zip(have).all(|(a, b)| (a - b).abs() <= 1), "{name}: {want:?} {have:?}");
        }
    }
    println!("{equal} of {compared} codes of sums are the network's");
    assert!(compared > 20_000 && compared - equal <= compared / 100, "{equal} of {compared}");
}

/// Zero points away from the ends of the range on every edge: borders must bring them.
#[test]
fn padding_brings_the_zero_point() {
    let mut draw = Draw::new(77);
    let network = Network::padded(&mut draw);
    assert!(network.layers.iter().any(|layer| matches!(layer, Layer::Conv { pad: 1, .. })));
    let raw = vec![127i8; network.input.iter().product::<usize>() * 4];
    let have = run(&network, &raw, "padded", "tune.integers=kernels");
    for (x, have) in raw.chunks_exact(network.input.iter().product()).zip(have) {
        assert!([true, false].map(|once| network.reference(x, (false, once))).contains(&have));
    }
}
