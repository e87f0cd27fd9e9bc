//! Crossbars with exact readout and offset weights, from the network to the proven image.

mod pipeline_common;

use pipeline_common::{compile_guarded, digits, digits_request, folder, request};
use spandrel::compile::Request;
use spandrel::tune::Periphery;
use spandrel_hwdesc::builtin;

fn for_isaac(request: Request) -> Request {
    Request { chip: "isaac".to_owned(), ..request }
}

#[test]
fn the_digits_compile_for_isaac_and_agree() {
    // Compiling proves C3, C4 and C6, and compares the machine's codes with the tuner's on every calibration sample.
    let made = compile_guarded(&for_isaac(digits_request(300, &[]))).unwrap().unwrap();
    assert!(made.report.agreement.unwrap() >= 0.99, "{:?}", made.report.agreement);
    for op in &made.coded.ops {
        let Periphery::Composed { bias, bias_rows, .. } = &op.payload.periphery else { panic!("digital") };
        // 255 / 3 lines can never saturate an 8-bit converter on 2-bit cells and 1-bit drivers.
        assert!(op.parts.iter().all(|part| part.len() + bias_rows <= 85));
        assert!(op.payload.weights.iter().chain(bias).flatten().all(|w| (-128..=127).contains(w)));
    }
}

#[test]
fn convolutions_compile_for_isaac_and_agree() {
    let mut request = request(&digits("digits_cnn.onnx"), "isaac", &digits("train.npz"), 200, &[]);
    request.prepare.scale = digits_request(1, &[]).prepare.scale;
    let made = compile_guarded(&request).unwrap().unwrap();
    assert!(made.report.agreement.unwrap() >= 0.99, "{:?}", made.report.agreement);
    assert!(made.report.nodes.iter().all(|node| node.snr_db > 25.0), "{:?}", made.report.nodes);
}

#[test]
fn a_converter_that_always_saturates_is_refused() {
    let path = folder("exact-narrow").join("chip.toml");
    let narrow = builtin("isaac").unwrap().with(&[("crossbar.adc_bits", "4")]).unwrap();
    std::fs::write(&path, narrow.to_toml()).unwrap();
    let request = Request { chip: path.display().to_string(), ..digits_request(50, &[]) };
    let found = compile_guarded(&request).unwrap().unwrap_err();
    assert_eq!(found.0.iter().map(|d| d.code).collect::<Vec<_>>(), ["SP0401"], "{found}");
    assert!(found.0[0].place.contains("crossbar.adc_bits"), "{found}");
}
