//! Claim C4 at the image's ends: a wrong encoder entry and a wrong decoder coefficient are found in the image.

use std::path::{Path, PathBuf};

use spandrel::compile::{Compiled, Prepare, Request, compile};
use spandrel::verify::check_mapping;
use spandrel_core::image::{Image, List, Tag, reseal};

fn digits(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/digits").join(name)
}

fn compiled() -> Compiled {
    let request = Request {
        calibration_count: 256,
        prepare: Prepare { scale: Some(vec![1.0]), ..Prepare::default() },
        ..Request::new(digits("digits_mlp.onnx"), "prime", digits("train.npz"))
    };
    compile(&request, &mut ()).unwrap()
}

/// The image with entry `entry` of table `table` raised by one, sealed again.
fn raised(image: &[u8], table: u32, entry: usize) -> Vec<u8> {
    let parsed = Image::parse(image).unwrap();
    let section = parsed.section(Tag::TABLES);
    let record = List::parse(Tag::TABLES, section).unwrap().get(table).unwrap();
    let at = record.as_ptr() as usize - image.as_ptr() as usize + entry * 4;
    let mut bytes = image.to_vec();
    bytes[at] = bytes[at].wrapping_add(1);
    reseal(&mut bytes).unwrap();
    bytes
}

#[test]
fn wrong_tables_at_the_ends_are_found() {
    let compiled = compiled();
    let check = |bytes: &[u8]| check_mapping(&compiled.coded, &Image::parse(bytes).unwrap()).evidence;
    assert!(check(&compiled.image).holds());

    let image = Image::parse(&compiled.image).unwrap();
    let (encoder, decoder) = (image.encoder(0).unwrap(), image.decoder(0).unwrap());
    for (table, entry, word) in [
        (encoder.params, 7, "encoder"),
        (decoder.coefficients, 25, "coefficient of value 2, signal 1"),
        // The low word of the third offset.
        (decoder.offsets, 5, "offset of value 2"),
    ] {
        let found = check(&raised(&compiled.image, table, entry));
        assert!(found.wrong > 0, "{word}");
        assert!(
            found.failures.iter().any(|failure| failure.to_string().contains(word)),
            "{:?}",
            found.failures
        );
    }
}
