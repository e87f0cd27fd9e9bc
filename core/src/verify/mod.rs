//! Checks that a device can make of an image, and of the chip that runs it, by itself.
//!
//! | what differs | found by | the fault is in |
//! |---|---|---|
//! | the image's bytes | [`crate::load::Loader`], [`crate::image::Image::parse`] | transfer or storage of the image |
//! | the models' answers | [`KnownAnswers`] | this firmware, or the image's compiler |
//! | the chip's configuration | [`ReadBack`] | transfer to the chip, or its configuration memory |
//! | the answers of one core | [`CoreAnswers`], with the configuration read back as it should be | that core's computation |
//! | the chip's answers to whole samples | [`NetworkAnswers`] | computation, with no core named: what single cores do not show, or signals between them |
//! | live outputs | [`Shadow`] | computation that known answers do not reach, or signals between cores |
//!
//! [`SelfTest`] does the checks of a chip in that order, and says where the fault is.
//!
//! All work a bounded amount at a time (`step(budget)`), so that they fit a control loop.

mod answers;
mod known;
mod mode;
mod network;
mod readback;
mod self_test;
mod shadow;

pub use answers::{AnswersStep, CoreAnswers, TestMode, TestPort};
pub use known::{Checked, KnownAnswers, KnownProgress, KnownStep, Mismatch, MismatchKind};
pub use mode::{in_test_mode, read_in_test_mode};
pub use network::{NetworkAnswers, NetworkPort, NetworkStep};
pub use readback::{Difference, Extent, READ_BYTES, ReadBack, ReadBackStep, detection_ppm};
pub use self_test::{Finding, Moment, Seat, SelfTest, SelfTestStep, Verdict};
pub use shadow::{Deviation, Shadow, ShadowStep};
