//! Checks that a device can make of an image, and of the chip that runs it, by itself.
//!
//! | what differs | found by | the fault is in |
//! |---|---|---|
//! | the image's bytes | [`crate::load::Loader`], [`crate::image::Image::parse`] | transfer or storage of the image |
//! | the models' answers | [`KnownAnswers`] | this firmware, or the image's compiler |
//! | the chip's configuration | [`ReadBack`] | transfer to the chip, or its configuration memory |
//! | the answers of one core | [`CoreAnswers`], with the configuration read back as it should be | that core's computation |
//! | live outputs | [`Shadow`] | computation that known answers do not reach, or signals between cores |
//!
//! All work a bounded amount at a time (`step(budget)`), so that they fit a control loop.

mod answers;
mod known;
mod readback;
mod shadow;

pub use answers::{AnswersStep, CoreAnswers, TestMode, TestPort};
pub use known::{Checked, KnownAnswers, KnownProgress, KnownStep, Mismatch, MismatchKind};
pub use readback::{Difference, Extent, READ_BYTES, ReadBack, ReadBackStep, detection_ppm};
pub use shadow::{Deviation, Shadow, ShadowStep};
