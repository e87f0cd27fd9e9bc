//! The core machine = the naive machine, on random programs and budgets; and the fast engine = both.

use crate::{
    coverage::Coverage,
    engines,
    generate::{Any, Source, any, case, number, once_in},
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
    let Some(Any { kind, image, samples }) = any(u) else { return ("none", 0) };
    let bytes = image.build();
    let parsed = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {image:?}"));
    if parsed.work() > 1 << 14 {
        return (kind, 0);
    }
    coverage.parameters(&image);
    (kind, engines::compare(&image, &samples, coverage, &|| format!("{kind}: {image:?}, {samples:?}")))
}
