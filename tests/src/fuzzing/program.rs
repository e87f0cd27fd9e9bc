//! The core machine = the naive machine, on random programs and budgets; and the fast engine = both.

use crate::{
    coverage::Coverage,
    engines,
    generate::{Source, case, convolution, layer, mac_layer, number, once_in, spiking_layer},
    images::ImageBuilder,
    naive::Naive,
    run,
};
use spandrel_core::image::Image;

/// A random image is accepted, and both machines show the same, in one step and in slices.
///
/// # Panics
/// When they do not.
pub fn check_program(u: &mut Source<'_>, coverage: &mut Coverage) {
    let case = case(u);
    let bytes = case.image.build();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {case:?}"));
    let samples: Vec<&[i32]> = case.samples.iter().map(Vec::as_slice).collect();
    if image.work() > 1 << 16 {
        coverage.hit("too long a program");
        return;
    }
    let seen = Naive::new(&case.image, coverage).run(&samples);
    let shown = run::whole(&image, &samples);
    let outputs: Vec<_> = shown.outputs.iter().map(|(o, i, v)| (*o, *i, i128::from(*v))).collect();
    let wide = |values: &[(_, i32)]| values.iter().map(|(_, v)| i128::from(*v)).collect::<Vec<_>>();
    assert_eq!(wide(&shown.reads), seen.reads, "reads of {case:?}");
    assert_eq!(wide(&shown.units), seen.units, "units of {case:?}");
    assert_eq!(outputs, seen.outputs, "outputs of {case:?}");
    assert_eq!(shown.ticks, seen.ticks, "digests after ticks of {case:?}");
    assert_eq!(shown.digest, seen.digest, "last digest of {case:?}");

    let most = *[1, 2, 7, 1000].get(number(u, 0, 3) as usize).unwrap_or(&1);
    let budgets: Vec<(u64, bool)> = (0..31).map(|_| (number(u, 1, most) as u64, once_in(u, 3))).collect();
    let (mut budget, mut resume) = (budgets.iter().cycle(), budgets.iter().cycle());
    let sliced = run::sliced(
        &image,
        &samples,
        || budget.next().map_or(1, |(budget, _)| *budget),
        || resume.next().is_some_and(|(_, resume)| *resume),
    );
    assert_eq!(sliced, shown, "slices of at most {most} units of {case:?}");
}

/// Target `program`: the fast engine, the core engine and the naive machine on programs, layers of every kind of core and
/// convolutions.
pub fn program(data: &[u8]) {
    check_engines(&mut Source::new(data), &mut Coverage::new());
}

/// A random case on all three engines; the kind of the case, and how many values were compared: none of a program that takes too
/// long.
///
/// # Panics
/// When two engines differ.
pub fn check_engines(u: &mut Source<'_>, coverage: &mut Coverage) -> (&'static str, usize) {
    let kind = number(u, 0, 5);
    let (name, image, samples): (_, ImageBuilder, Vec<Vec<i32>>) = match kind {
        0 => {
            let made = layer(u);
            ("layer of arrays", made.image, vec![made.inputs])
        }
        1 => match mac_layer(u) {
            Some(made) => ("layer of digital cores", made.image, vec![made.inputs]),
            None => return ("layer of digital cores", 0),
        },
        2 => {
            let (image, _, sample) = spiking_layer(u);
            // Lanes of one block that differ: the sample, and its spikes in another order.
            let mut turned = sample.clone();
            turned.rotate_left(1);
            ("layer of spiking cores", image, vec![sample, turned])
        }
        3 => {
            let (image, samples, _) = convolution(u);
            ("convolution", image, samples)
        }
        _ => {
            let made = case(u);
            ("program", made.image, made.samples)
        }
    };
    let bytes = image.build();
    let parsed = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {image:?}"));
    if parsed.work() > 1 << 14 {
        return (name, 0);
    }
    coverage.parameters(&image);
    (name, engines::compare(&image, &samples, coverage, &|| format!("{name}: {image:?}, {samples:?}")))
}
