//! Core = naive machine on a layer of spiking cores over several ticks.

use crate::{
    coverage::Coverage,
    generate::{Source, number, once_in, spiking_layer},
    naive::Naive,
    run,
};
use spandrel_core::image::Image;

/// A random layer over a few ticks, two samples. What both machines show is the same, the state digest after every tick too.
///
/// # Panics
/// When they differ.
pub fn check_spiking(u: &mut Source<'_>, coverage: &mut Coverage) {
    let (b, core, inputs) = spiking_layer(u);
    let bytes = b.build();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {core:?}"));
    let samples: [&[i32]; 2] = [&inputs, &inputs];
    let seen = Naive::new(&b, coverage).run(&samples);
    let shown = if once_in(u, 2) {
        run::whole(&image, &samples)
    } else {
        run::sliced(&image, &samples, || 2 + number(u, 0, 99) as u64, || true)
    };
    coverage.hit_if(b.configs.len() > 1, "several spiking cores add");
    let wide = |values: &[(_, i32)]| values.iter().map(|(_, v)| i128::from(*v)).collect::<Vec<_>>();
    let outputs: Vec<_> = shown.outputs.iter().map(|(o, i, v)| (*o, *i, i128::from(*v))).collect();
    assert_eq!(wide(&shown.reads), seen.reads, "sums of {core:?}, inputs {inputs:?}");
    assert_eq!(wide(&shown.units), seen.units, "spikes of {core:?}, inputs {inputs:?}");
    assert_eq!(shown.ticks, seen.ticks, "digests after ticks of {core:?}, inputs {inputs:?}");
    assert_eq!(outputs, seen.outputs, "outputs of {core:?}, inputs {inputs:?}");
    assert_eq!(shown.digest, seen.digest, "digest of {core:?}, inputs {inputs:?}");
}
