//! Random crossbars, digital cores, spiking cores, weights and inputs from a source of bytes. Extremes are drawn on purpose:
//! uniform numbers hardly ever saturate anything.

pub mod any;
pub mod array;
pub mod convolution;
pub mod layer;
pub mod mac;
pub mod program;
pub mod spiking;

pub use any::{Any, KINDS, any};
pub use array::{Array, array, codes};
pub use convolution::convolution;
pub use layer::{MacLayer, layer, mac_layer};
pub use mac::mac;
pub use program::{Case, case};
pub use spiking::{spiking, spiking_layer};

/// Where randomness comes from: a fuzzer's input or seeded bytes.
pub type Source<'b> = arbitrary::Unstructured<'b>;

/// A number in `lo..=hi`; 0 or `lo` when the source has run dry.
pub fn number(u: &mut Source<'_>, lo: i64, hi: i64) -> i64 {
    u.int_in_range(lo..=hi).unwrap_or(lo)
}

/// True once in `of`.
pub fn once_in(u: &mut Source<'_>, of: i64) -> bool {
    number(u, 1, of) == of
}

/// One of `items`.
///
/// # Panics
/// When there are none.
pub fn pick<T: Clone>(u: &mut Source<'_>, items: &[T]) -> T {
    items[number(u, 0, items.len() as i64 - 1) as usize].clone()
}

/// A number in `lo..=hi`, often at an end, at zero or next to it.
pub fn extreme(u: &mut Source<'_>, lo: i64, hi: i64) -> i64 {
    match number(u, 0, 7) {
        0 => hi,
        1 => lo,
        2 => 0i64.clamp(lo, hi),
        3 => number(u, -3, 3).clamp(lo, hi),
        _ => number(u, lo, hi),
    }
}
