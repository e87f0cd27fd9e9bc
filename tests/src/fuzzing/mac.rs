//! Core = naive machine on a layer of digital cores.

use crate::{
    coverage::Coverage,
    generate::{Source, mac_layer, number, once_in},
    naive::Naive,
    run,
};
use spandrel_core::image::Image;

/// A random layer of one to three digital cores that add in one accumulator; the last one finishes and pools. What both
/// machines show is the same.
///
/// # Panics
/// When they differ.
pub fn check_mac(u: &mut Source<'_>, coverage: &mut Coverage) {
    let Some(layer) = mac_layer(u) else { return };
    let (b, cores, inputs) = (layer.image, layer.cores, layer.inputs);
    let bytes = b.build();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {cores:?}"));
    let seen = Naive::new(&b, coverage).run(&[&inputs]);
    let shown = if once_in(u, 2) {
        run::whole(&image, &[&inputs])
    } else {
        run::sliced(&image, &[&inputs], || 2 + number(u, 0, 99) as u64, || true)
    };
    coverage.hit_if(cores.len() > 1, "several digital cores add");
    let wide = |values: &[(_, i32)]| values.iter().map(|(_, v)| i128::from(*v)).collect::<Vec<_>>();
    let outputs: Vec<_> = shown.outputs.iter().map(|(o, i, v)| (*o, *i, i128::from(*v))).collect();
    assert_eq!(wide(&shown.reads), seen.reads, "reads of {cores:?}, inputs {inputs:?}");
    assert_eq!(
        wide(&shown.units),
        seen.units,
        "codes of {cores:?}, inputs {inputs:?}, reads {:?}",
        seen.reads
    );
    assert_eq!(outputs, seen.outputs, "outputs of {cores:?}, inputs {inputs:?}");
    assert_eq!(shown.digest, seen.digest, "digest of {cores:?}, inputs {inputs:?}");
}
