//! The smallest image that shows something: one signal whose reset code is emitted.

use super::{ImageBuilder, Pattern};
use spandrel_core::image::Codec;

/// One edge, one pattern, one EMIT. Emits 42.
#[must_use]
pub fn image() -> ImageBuilder {
    let mut b = ImageBuilder::new("none");
    let signal = b.ring(Codec::U8, 1, 1, 42);
    b.emit(0, Pattern::run(signal, 1, 0, 1));
    b
}
