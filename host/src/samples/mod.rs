//! Samples and labels: reading them from npz, npy and idx files, checking them, preparing them for a model.

mod array;
mod files;
mod idx;
mod input;
mod layout;
mod npy;
mod preprocess;
mod set;

use std::path::Path;

pub use array::{Array, ArrayData};
pub(crate) use files::is_npz;
pub use files::{read_named, write_atomic, write_npz};
pub use input::MAX_DECOMPRESSED;
pub use layout::Layout;
pub use preprocess::{Feed, Preprocess};
pub use set::{FeedSet, SampleSet};

use crate::diagnostic::{Diagnostic, Result};
use files::{Found, missing, read_array};

/// Raw samples with a common shape, and labels if there are any.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// The shape of one sample.
    pub shape: Vec<usize>,
    /// All elements, sample by sample, row-major.
    pub data: SampleData,
    /// The number of samples, at least one.
    pub count: usize,
    /// The class of every sample.
    pub labels: Option<Vec<u32>>,
}

/// The elements of samples, in the type of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleData {
    /// Unsigned bytes.
    U8(Vec<u8>),
    /// Signed bytes.
    I8(Vec<i8>),
    /// 16-bit whole numbers.
    I16(Vec<i16>),
    /// 32-bit whole numbers.
    I32(Vec<i32>),
    /// Finite 32-bit floating point.
    F32(Vec<f32>),
}

/// The array names that hold samples, the first that occurs is taken.
const SAMPLE_NAMES: [&str; 2] = ["x", "images"];
/// The array names that hold labels.
const LABEL_NAMES: [&str; 2] = ["y", "labels"];

impl Samples {
    /// Reads samples from `path` (npz: array `x` or `images`), and labels from `labels`, or else from `path` when it
    /// is an npz file with an array `y` or `labels`.
    ///
    /// # Errors
    /// SP0001 and SP0201 to SP0211: whatever of the files can not be read or does not fit together.
    pub fn read(path: &Path, labels: Option<&Path>) -> Result<Self> {
        Ok(SampleSet::read(path, labels, &[])?.into_single())
    }

    /// As [`Samples::read`] without a file for labels, from `bytes`; `name` stands for them in the errors.
    ///
    /// # Errors
    /// SP0201 to SP0211.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self> {
        Ok(SampleSet::parse(bytes, name)?.into_single())
    }

    /// Samples from an array whose first dimension counts them; `place` stands for it in the errors.
    ///
    /// # Errors
    /// SP0204, SP0205, SP0208: element type, no samples, not finite.
    pub fn from_array(array: Array, place: &str) -> Result<Self> {
        let fail =
            |code, rule: String, way_out: &str| Err(Diagnostic::error(code, place, rule, way_out).into());
        let Some((&count, shape)) = array.shape.split_first() else {
            return fail(
                "SP0205",
                "the array has no dimensions".into(),
                "the first dimension counts the samples",
            );
        };
        if count == 0 || shape.contains(&0) {
            let rule = format!("there are no samples: the array has the shape {:?}", array.shape);
            return fail("SP0205", rule, "give at least one sample");
        }
        let data = match array.data {
            ArrayData::U8(v) => SampleData::U8(v),
            ArrayData::I8(v) => SampleData::I8(v),
            ArrayData::I16(v) => SampleData::I16(v),
            ArrayData::I32(v) => SampleData::I32(v),
            ArrayData::I64(v) => {
                let narrow: Option<Vec<i32>> = v.iter().map(|&x| i32::try_from(x).ok()).collect();
                match narrow {
                    Some(v) => SampleData::I32(v),
                    None => {
                        let rule = "the samples are 64-bit whole numbers beyond 32 bits";
                        return fail("SP0204", rule.into(), "save them as float32, or scaled down as int32");
                    }
                }
            }
            ArrayData::F32(v) => SampleData::F32(v),
        };
        if let SampleData::F32(v) = &data
            && let Some(at) = v.iter().position(|x| !x.is_finite())
        {
            let len = v.len() / count;
            let rule = format!("sample {}, element {} is {}", at / len, at % len, v[at]);
            return fail("SP0208", rule, "remove or repair the sample: every number must be finite");
        }
        Ok(Self { shape: shape.to_vec(), data, count, labels: None })
    }

    /// The number of elements of one sample.
    pub fn sample_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The first `count` samples (all, when there are fewer).
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        self.range(0..count.clamp(1, self.count))
    }

    /// Some of the samples. Panics when they are not all there.
    pub(super) fn range(&self, samples: std::ops::Range<usize>) -> Self {
        let elements = samples.start * self.sample_len()..samples.end * self.sample_len();
        let data = match &self.data {
            SampleData::U8(v) => SampleData::U8(v[elements].to_vec()),
            SampleData::I8(v) => SampleData::I8(v[elements].to_vec()),
            SampleData::I16(v) => SampleData::I16(v[elements].to_vec()),
            SampleData::I32(v) => SampleData::I32(v[elements].to_vec()),
            SampleData::F32(v) => SampleData::F32(v[elements].to_vec()),
        };
        let labels = self.labels.as_ref().map(|l| l[samples.clone()].to_vec());
        Self { shape: self.shape.clone(), data, count: samples.len(), labels }
    }
}

fn place(path: &Path, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{}: array {name:?}", path.display()),
        None => path.display().to_string(),
    }
}

fn read_labels(path: &Path, names: &[&str]) -> Result<Vec<u32>> {
    match read_array(path, names)? {
        Found::Array(name, array) => labels_of(&array, &place(path, name.as_deref())),
        Found::Others(present) => Err(missing(path, names, &present).into()),
    }
}

fn labels_of(array: &Array, place: &str) -> Result<Vec<u32>> {
    let fail = |rule: String| {
        let way_out = "labels are one whole number per sample, from 0 on; name another file with --labels";
        Err(Diagnostic::error("SP0207", place, rule, way_out).into())
    };
    if !matches!(array.shape.as_slice(), [_] | [_, 1]) {
        return fail(format!("labels of shape {:?} are not one number per sample", array.shape));
    }
    let wide: Vec<i64> = match &array.data {
        ArrayData::U8(v) => v.iter().map(|&x| x.into()).collect(),
        ArrayData::I8(v) => v.iter().map(|&x| x.into()).collect(),
        ArrayData::I16(v) => v.iter().map(|&x| x.into()).collect(),
        ArrayData::I32(v) => v.iter().map(|&x| x.into()).collect(),
        ArrayData::I64(v) => v.clone(),
        ArrayData::F32(_) => return fail("the labels are not whole numbers".into()),
    };
    match wide.iter().position(|&x| u32::try_from(x).is_err()) {
        Some(at) => fail(format!("label {at} is {}", wide[at])),
        None => Ok(wide.iter().map(|&x| x as u32).collect()),
    }
}
