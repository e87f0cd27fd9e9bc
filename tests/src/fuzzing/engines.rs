//! All three engines on random layers, convolutions and programs.

use crate::{
    coverage::Coverage,
    engines,
    generate::{Any, Source, any},
};
use spandrel_core::image::Image;

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
