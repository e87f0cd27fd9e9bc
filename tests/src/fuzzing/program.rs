//! The core machine = the naive machine, on random programs and budgets; and the fast engine = both.

use crate::{
    coverage::Coverage,
    generate::{Source, case, number, once_in},
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
