//! From samples as files hold them to the whole numbers that an image's encoder takes.

use crate::diagnostic::{Diagnostic, Result};
use crate::engine::{RawBatch, RawData};
use crate::notes::{InputNotes, RawType};
use crate::samples::{SampleData, Samples};

/// The raw value of a floating-point sample value: `x / raw_scale` in f64, rounded half away from zero, saturated to
/// -32768..=32767. NaN gives 0; sample files with NaN are refused before.
///
/// This is the only floating-point step between a sample file and the outputs of an image.
pub fn quantise(x: f32, raw_scale: f64) -> i16 {
    // `round` breaks ties away from zero; the cast saturates.
    libm::round(f64::from(x) / raw_scale) as i16
}

/// The raw step for floating-point samples: the largest magnitude stands for `most`. `None` for whole numbers, which are
/// raw values as they are.
pub fn raw_scale(data: &SampleData, most: u16) -> Option<f64> {
    let SampleData::F32(values) = data else { return None };
    let top = values.iter().fold(0.0f32, |top, x| top.max(x.abs()));
    // Values that are all zero need some step: any.
    Some(if top == 0.0 { 1.0 } else { f64::from(top) / f64::from(most) })
}

/// How the raw values of `data` are held.
pub fn raw_type(data: &SampleData) -> RawType {
    match data {
        SampleData::U8(_) => RawType::U8,
        SampleData::I8(_) => RawType::I8,
        SampleData::I16(_) | SampleData::F32(_) => RawType::I16,
        SampleData::I32(_) => RawType::I32,
    }
}

/// Raw samples: borrowed from samples of whole numbers, or quantised.
#[derive(Clone, Debug, PartialEq)]
pub struct RawSamples<'a> {
    samples: &'a Samples,
    quantised: Option<Vec<i16>>,
}

impl<'a> RawSamples<'a> {
    /// The raw values of `samples`; floating-point samples are quantised in steps of `raw_scale`.
    ///
    /// # Errors
    /// SP0613: floating-point samples without a step, or whole numbers other than 16-bit ones with one.
    pub fn new(samples: &'a Samples, raw_scale: Option<f64>) -> Result<Self> {
        let fault =
            |rule: &str, way_out: &str| Err(Diagnostic::error("SP0613", "samples", rule, way_out).into());
        let quantised = match (&samples.data, raw_scale) {
            (SampleData::F32(values), Some(step)) => {
                Some(values.iter().map(|&x| quantise(x, step)).collect())
            }
            (SampleData::F32(_), None) => {
                return fault(
                    "the samples are floating-point numbers, the image takes whole numbers",
                    "give samples of the element type that the image was compiled with",
                );
            }
            (SampleData::I16(_), _) | (_, None) => None,
            (_, Some(_)) => {
                return fault(
                    "the samples are whole numbers, the image takes quantised floating-point numbers",
                    "give the samples as float32, or already quantised as int16",
                );
            }
        };
        Ok(Self { samples, quantised })
    }

    /// The raw values of `samples` for an image with these notes; without notes, whole numbers only.
    ///
    /// # Errors
    /// As [`RawSamples::new`].
    pub fn for_image(samples: &'a Samples, input: Option<&InputNotes>) -> Result<Self> {
        Self::new(samples, input.and_then(|input| input.raw_scale))
    }

    /// All samples as an engine takes them.
    ///
    /// # Errors
    /// SP0602 when samples have no elements.
    pub fn batch(&self) -> Result<RawBatch<'_>> {
        let data = match (&self.quantised, &self.samples.data) {
            (Some(values), _) => RawData::I16(values),
            (None, SampleData::U8(values)) => RawData::U8(values),
            (None, SampleData::I8(values)) => RawData::I8(values),
            (None, SampleData::I16(values)) => RawData::I16(values),
            (None, SampleData::I32(values)) => RawData::I32(values),
            // `new` never leaves floating point unquantised.
            (None, SampleData::F32(_)) => RawData::I16(&[]),
        };
        Ok(RawBatch::new(data, self.samples.sample_len())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero_and_saturates() {
        let cases = [
            (0.5, 1),
            (-0.5, -1),
            (1.5, 2),
            (2.5, 3),
            (-2.5, -3),
            (0.499_999_97, 0),
            (40_000.0, 32767),
            (-40_000.0, -32768),
            (f32::MAX, 32767),
        ];
        for (x, raw) in cases {
            assert_eq!(quantise(x, 1.0), raw, "{x}");
        }
        assert_eq!(quantise(0.3, 0.1), 3);
        assert_eq!(quantise(1.0, 1.0 / 32767.0), 32767);
    }

    #[test]
    fn the_largest_magnitude_becomes_the_largest_code() {
        let data = SampleData::F32(vec![0.25, -3.0, 2.0]);
        let step = raw_scale(&data, 32767).unwrap();
        assert_eq!(quantise(-3.0, step), -32767);
        assert_eq!(raw_scale(&SampleData::F32(vec![0.0]), 32767), Some(1.0));
        assert_eq!(raw_scale(&SampleData::U8(vec![1]), 32767), None);
    }

    #[test]
    fn element_types_that_do_not_fit_are_refused() {
        let samples = |data| Samples { shape: vec![1], data, count: 1, labels: None };
        let float = samples(SampleData::F32(vec![0.5]));
        let bytes = samples(SampleData::U8(vec![7]));
        assert_eq!(RawSamples::new(&float, None).unwrap_err().0[0].code, "SP0613");
        assert_eq!(RawSamples::new(&bytes, Some(0.1)).unwrap_err().0[0].code, "SP0613");
        let raw = RawSamples::new(&float, Some(0.1)).unwrap();
        assert_eq!(raw.batch().unwrap().sample(0).collect::<Vec<_>>(), [5]);
        assert_eq!(RawSamples::new(&bytes, None).unwrap().batch().unwrap().data(), RawData::U8(&[7]));
    }
}
