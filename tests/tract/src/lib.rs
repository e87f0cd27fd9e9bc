//! The golden model's independent oracle: the same ONNX file read and evaluated by
//! [tract](https://github.com/sonos/tract), which shares neither reader, nor shape inference, nor kernels with
//! `spandrel`. Only tests use this package.
//!
//! - [`onnx`]: writes models, with the messages that tract generated from the official `onnx.proto`
//! - [`generate`]: perceptrons by chance
//! - [`oracle`]: a model under tract, every named value
//! - [`compare`]: golden values against those of tract

pub mod compare;
pub mod generate;
pub mod onnx;
pub mod oracle;
pub mod random;
