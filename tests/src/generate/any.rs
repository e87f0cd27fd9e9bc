//! Random cases of every kind: what suites over all engines run.

use super::{Source, case, convolution, layer, mac_layer, number, spiking_layer};
use crate::images::ImageBuilder;

/// A case.
#[derive(Clone, Debug)]
pub struct Any {
    /// What it is.
    pub kind: &'static str,
    /// The image.
    pub image: ImageBuilder,
    /// One to three raw samples.
    pub samples: Vec<Vec<i32>>,
}

/// The kinds of cases.
pub const KINDS: [&str; 5] =
    ["layer of arrays", "layer of digital cores", "layer of spiking cores", "convolution", "program"];

/// A layer, a convolution or, once in three, a program; `None` where the drawn cores can not form a layer.
pub fn any(u: &mut Source<'_>) -> Option<Any> {
    let (kind, image, samples) = match number(u, 0, 5) {
        0 => {
            let made = layer(u);
            (0, made.image, vec![made.inputs])
        }
        1 => {
            let made = mac_layer(u)?;
            (1, made.image, vec![made.inputs])
        }
        2 => {
            let (image, _, sample) = spiking_layer(u);
            // Lanes of one block that differ: the sample, and its spikes in another order.
            let mut turned = sample.clone();
            turned.rotate_left(1);
            (2, image, vec![sample, turned])
        }
        3 => {
            let (image, samples, _) = convolution(u);
            (3, image, samples)
        }
        _ => {
            let made = case(u);
            (4, made.image, made.samples)
        }
    };
    Some(Any { kind: KINDS[kind], image, samples })
}
