//! From samples as files hold them to the whole numbers that an image's encoder takes.

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Result};
use crate::engine::{RawBatch, RawData};
use crate::notes::{InputNotes, RawType};
use crate::samples::{SampleData, SampleSet, Samples};

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

/// Raw samples: borrowed from whole numbers of a single input, or quantised, and of several inputs one behind the other.
#[derive(Clone, Debug, PartialEq)]
pub struct RawSamples<'a> {
    data: Held<'a>,
    sample_len: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Held<'a> {
    U8(Cow<'a, [u8]>),
    I8(Cow<'a, [i8]>),
    I16(Cow<'a, [i16]>),
    I32(Cow<'a, [i32]>),
}

impl<'a> RawSamples<'a> {
    /// The raw values of `samples`; floating-point samples are quantised in steps of the input's own entry of `raw_scales`.
    ///
    /// # Errors
    /// SP0613: floating-point samples without a step, or whole numbers other than 16-bit ones with one.
    pub fn new(samples: &'a SampleSet, raw_scales: &[Option<f64>]) -> Result<Self> {
        let mut parts = Vec::with_capacity(samples.parts.len());
        for (number, part) in samples.parts.iter().enumerate() {
            parts.push(held(part, raw_scales.get(number).copied().flatten())?);
        }
        let sample_len = samples.sample_len();
        if parts.len() == 1 {
            return Ok(Self { data: parts.remove(0), sample_len });
        }
        Ok(Self { data: joined(&parts, samples), sample_len })
    }

    /// The raw values of `samples` for an image with these notes on its inputs; without notes, whole numbers only.
    ///
    /// # Errors
    /// As [`RawSamples::new`].
    pub fn for_image(samples: &'a SampleSet, inputs: &[InputNotes]) -> Result<Self> {
        Self::new(samples, &inputs.iter().map(|input| input.raw_scale).collect::<Vec<_>>())
    }

    /// How the raw values are held: in the narrowest type that holds those of all inputs.
    pub fn raw_type(&self) -> RawType {
        self.data.raw_type()
    }

    /// All samples as an engine takes them.
    ///
    /// # Errors
    /// SP0602 when samples have no elements.
    pub fn batch(&self) -> Result<RawBatch<'_>> {
        let data = match &self.data {
            Held::U8(values) => RawData::U8(values),
            Held::I8(values) => RawData::I8(values),
            Held::I16(values) => RawData::I16(values),
            Held::I32(values) => RawData::I32(values),
        };
        Ok(RawBatch::new(data, self.sample_len)?)
    }
}

impl Held<'_> {
    fn raw_type(&self) -> RawType {
        match self {
            Self::U8(_) => RawType::U8,
            Self::I8(_) => RawType::I8,
            Self::I16(_) => RawType::I16,
            Self::I32(_) => RawType::I32,
        }
    }

    fn get(&self, at: usize) -> i32 {
        match self {
            Self::U8(values) => values[at].into(),
            Self::I8(values) => values[at].into(),
            Self::I16(values) => values[at].into(),
            Self::I32(values) => values[at],
        }
    }
}

/// The raw values of one input.
fn held(samples: &Samples, raw_scale: Option<f64>) -> Result<Held<'_>> {
    let fault = |rule: &str, way_out: &str| Err(Diagnostic::error("SP0613", "samples", rule, way_out).into());
    Ok(match (&samples.data, raw_scale) {
        (SampleData::F32(values), Some(step)) => {
            Held::I16(values.iter().map(|&x| quantise(x, step)).collect())
        }
        (SampleData::F32(_), None) => {
            return fault(
                "the samples are floating-point numbers, the image takes whole numbers",
                "give samples of the element type that the image was compiled with",
            );
        }
        (SampleData::I16(values), _) => Held::I16(values.into()),
        (SampleData::U8(values), None) => Held::U8(values.into()),
        (SampleData::I8(values), None) => Held::I8(values.into()),
        (SampleData::I32(values), None) => Held::I32(values.into()),
        (_, Some(_)) => {
            return fault(
                "the samples are whole numbers, the image takes quantised floating-point numbers",
                "give the samples as float32, or already quantised as int16",
            );
        }
    })
}

/// The raw values of several inputs, sample by sample one behind the other.
fn joined<'a>(parts: &[Held<'_>], samples: &SampleSet) -> Held<'a> {
    let lens: Vec<usize> = samples.parts.iter().map(Samples::sample_len).collect();
    let all = (0..samples.count).flat_map(|sample| {
        let own = parts.iter().zip(&lens);
        own.flat_map(move |(part, len)| (sample * len..(sample + 1) * len).map(|at| part.get(at)))
    });
    let same = |kind| parts.iter().all(|part| part.raw_type() == kind);
    // Every value lies in the type of its own input, and so in that of all.
    if same(RawType::U8) {
        Held::U8(all.map(|value| value as u8).collect())
    } else if same(RawType::I8) {
        Held::I8(all.map(|value| value as i8).collect())
    } else if parts.iter().any(|part| part.raw_type() == RawType::I32) {
        Held::I32(all.collect())
    } else {
        Held::I16(all.map(|value| value as i16).collect())
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
        let samples = |data| SampleSet::from(Samples { shape: vec![1], data, count: 1, labels: None });
        let float = samples(SampleData::F32(vec![0.5]));
        let bytes = samples(SampleData::U8(vec![7]));
        assert_eq!(RawSamples::new(&float, &[]).unwrap_err().0[0].code, "SP0613");
        assert_eq!(RawSamples::new(&bytes, &[Some(0.1)]).unwrap_err().0[0].code, "SP0613");
        let raw = RawSamples::new(&float, &[Some(0.1)]).unwrap();
        assert_eq!(raw.batch().unwrap().sample(0).collect::<Vec<_>>(), [5]);
        assert_eq!(RawSamples::new(&bytes, &[None]).unwrap().batch().unwrap().data(), RawData::U8(&[7]));
    }

    #[test]
    fn several_inputs_lie_one_behind_the_other_in_a_type_that_holds_all() {
        let part = |data, shape: &[usize]| Samples { shape: shape.to_vec(), data, count: 2, labels: None };
        let bytes = part(SampleData::U8(vec![1, 2, 3, 255]), &[2]);
        let floats = part(SampleData::F32(vec![0.5, -1.0]), &[1]);
        let wide = part(SampleData::I32(vec![1 << 20, -5]), &[]);
        let set = |parts: &[&Samples]| {
            let parts: Vec<Samples> = parts.iter().map(|part| (*part).clone()).collect();
            SampleSet { count: 2, labels: None, parts }
        };
        let two = set(&[&bytes, &floats]);
        let raw = RawSamples::new(&two, &[None, Some(0.25)]).unwrap();
        assert_eq!(raw.batch().unwrap().data(), RawData::I16(&[1, 2, 2, 3, 255, -4]));
        let three = set(&[&wide, &bytes, &floats]);
        let raw = RawSamples::new(&three, &[None, None, Some(0.25)]).unwrap();
        assert_eq!(raw.batch().unwrap().data(), RawData::I32(&[1 << 20, 1, 2, 2, -5, 3, 255, -4]));
        let same = set(&[&bytes, &bytes]);
        assert_eq!(RawSamples::new(&same, &[]).unwrap().raw_type(), RawType::U8);
        assert_eq!(RawSamples::new(&two, &[]).unwrap_err().0[0].code, "SP0613");
    }
}
