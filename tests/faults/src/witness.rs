//! Why a fault was missed: whether other questions would have shown it.

use spandrel::faults::{Broken as Simulated, Fault, undetectable};
use spandrel::numeric::Random;
use spandrel_core::{
    crossbar::Readout,
    image::{Codec, Config, CoverageWay, Image},
};
use spandrel_tests::{
    coverage::Coverage,
    images::ImageBuilder,
    naive::{Defects, Naive},
};

use crate::{chip::healthy, defect::Broken};

/// Why known answers do not show a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Miss {
    /// Nothing can: proven.
    Never,
    /// Another question to its core shows it; such a one was found.
    OtherQuestion,
    /// Another sample shows it; such a one was found.
    OtherSample,
    /// No question and no sample that was tried shows it: hidden by rounding and clipping, or behind neurons that stay silent.
    Hidden,
}

/// Questions and samples that are tried.
const QUESTIONS: usize = 400;
const SAMPLES: usize = 12;

/// Looks for a question, or a sample, that shows `fault` on a chip that holds `held`.
///
/// # Panics
/// When `image` has no such fault.
#[must_use]
pub fn explain(image: &Image<'_>, held: &ImageBuilder, fault: Fault, seed: u64) -> Miss {
    let simulated = Simulated::new(image, fault).expect("a fault of this image");
    if undetectable(&simulated, CoverageWay::Both) {
        return Miss::Never;
    }
    let mut random = Random::new(seed, u64::from(fault.config));
    if (0..QUESTIONS).any(|_| asked(held, fault, &mut random)) {
        return Miss::OtherQuestion;
    }
    let Some(encoder) = held.encoders.first() else { return Miss::Hidden };
    let (least, most) = match encoder.raw {
        Codec::I8 => (-128, 127),
        Codec::U8 => (0, 255),
        _ => (-32_768, 32_767),
    };
    let drawn = (0..SAMPLES).map(|at| {
        // Of some samples only the lower values: an encoder may clip most of a range.
        let span = ((most - least + 1) >> (at % 4)).max(2) as u64;
        (0..encoder.length).map(|_| least + (random.next_u64() % span) as i32).collect::<Vec<i32>>()
    });
    let differs = |raw: Vec<i32>| {
        let (mut met, mut also) = (Coverage::new(), Coverage::new());
        let mut broken = Broken::new(held, fault);
        let right = Naive::new(held, &mut met).run(&[&raw]);
        Naive::new(held, &mut also).with(&mut broken).run(&[&raw]).outputs != right.outputs
    };
    if drawn.into_iter().any(differs) { Miss::OtherSample } else { Miss::Hidden }
}

/// Whether a drawn question to the core shows it.
fn asked(held: &ImageBuilder, fault: Fault, random: &mut Random) -> bool {
    let mut config = held.configs[fault.config as usize];
    let density = random.next_u64() % 9;
    let most = match &mut config {
        Config::Crossbar(own) => {
            if let Readout::Composed { shift, .. } = &mut own.readout {
                *shift = (random.next_u64() % 20) as u8;
            }
            (own.rows, own.bias_rows) = (own.rows + own.bias_rows, 0);
            (1i128 << own.input_bits) - 1
        }
        Config::Mac(own) => (1 << own.input_bits) - 1,
        Config::Spiking(own) => own.spikes_in.into(),
        _ => return false,
    };
    let top = 1 + random.next_u64() % most as u64;
    let codes: Vec<i128> = (0..config.rows())
        .map(|_| {
            let on = random.next_u64().is_multiple_of(1 << density);
            if on { i128::from(1 + random.next_u64() % top) } else { 0 }
        })
        .collect();
    let broken = Broken::new(held, fault);
    (0..config.columns()).filter(|unit| fault.column().is_none_or(|column| column == *unit)).any(|unit| {
        let unit = unit as usize;
        let read = broken.configured(fault.config, unit, config);
        let limits = |value: i128| value.clamp(i32::MIN.into(), i32::MAX.into());
        let found = broken.read(fault.config, unit, &read, &codes);
        found.is_some_and(|found| limits(found) != limits(healthy(held, &config, &codes, unit)))
    })
}
