//! Samples of spiking networks: how many spikes each axon gets in each step.
//!
//! | file | a sample |
//! |---|---|
//! | `.npz` (array `x`, labels in `y`), `.npy` | \[samples, steps, axes of the input\], or \[steps, axes of the input\] for a single one: whole numbers 0..=255 |
//! | `.bs2` | one recording of an event camera in the N-MNIST format |
//! | `.tar.gz` of `.bs2` | recordings in the order of their names |

use std::io::Read;
use std::path::Path;

use super::events::{parse_bs2, raster};
use crate::diagnostic::{Diagnostic, Result};
use crate::samples::{SampleData, Samples};

/// The most that an archive of recordings may unpack to, in bytes.
const MAX_UNPACKED: u64 = 1 << 30;
/// The most elements of all samples together.
const MAX_ELEMENTS: usize = 1 << 30;

/// How events become steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binning {
    /// Microseconds of a step.
    pub bin: u32,
    /// Steps of a sample.
    pub steps: u32,
}

/// Rasters of equal length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rasters {
    /// Steps of a sample.
    pub steps: usize,
    /// Axons.
    pub axons: usize,
    /// \[sample, step, axon\], row-major.
    pub data: Vec<u8>,
    /// The class of every sample.
    pub labels: Option<Vec<u32>>,
}

impl Rasters {
    /// The number of samples.
    pub fn count(&self) -> usize {
        self.data.len().checked_div(self.steps * self.axons).unwrap_or(0)
    }

    /// One sample: \[step, axon\].
    pub fn sample(&self, index: usize) -> &[u8] {
        let len = self.steps * self.axons;
        &self.data[index * len..][..len]
    }

    /// The most spikes of an axon in a step.
    pub fn most(&self) -> u8 {
        self.data.iter().copied().max().unwrap_or(0)
    }

    /// Reads rasters for an input of the shape `input`, at most the first `count` samples; labels from `labels`, or from the
    /// samples' own file.
    ///
    /// # Errors
    /// SP0001 and SP0201 to SP0211 for the files, SP0206 for rasters that do not fit the input or hold no spikes.
    pub fn read(
        path: &Path,
        labels: Option<&Path>,
        input: &[usize],
        binning: Binning,
        count: usize,
    ) -> Result<Self> {
        let name = path.to_string_lossy();
        let mut rasters = if name.ends_with(".bs2") {
            let bytes = std::fs::read(path).map_err(|error| Diagnostic::read(path, &error))?;
            Self::of_events(&[(name.clone().into_owned(), bytes)], input, binning)?
        } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
            let mut recordings = unpack(path)?;
            recordings.truncate(count);
            Self::of_events(&recordings, input, binning)?
        } else {
            Self::of_array(path, labels, input, count)?
        };
        if let (Some(path), None) = (labels, &rasters.labels) {
            let found = Samples::read(path, None);
            let all = labels_of(path, found)?;
            if all.len() < rasters.count() {
                let rule = format!("{} labels for {} recordings", all.len(), rasters.count());
                return Err(Diagnostic::error(
                    "SP0207",
                    path.display().to_string(),
                    rule,
                    "give one for each",
                )
                .into());
            }
            rasters.labels = Some(all[..rasters.count()].to_vec());
        }
        Ok(rasters)
    }

    fn of_events(recordings: &[(String, Vec<u8>)], input: &[usize], binning: Binning) -> Result<Self> {
        let &[2, height, width] = input else {
            let rule = format!("events have two polarities and a place, the input's shape is {input:?}");
            return Err(
                Diagnostic::error("SP0206", "events", rule, "give rasters (.npz) for this network").into()
            );
        };
        let axons = 2 * height * width;
        let steps = binning.steps as usize;
        if axons.saturating_mul(steps).saturating_mul(recordings.len()) > MAX_ELEMENTS {
            let rule = format!("{} recordings of {steps} steps are too many", recordings.len());
            return Err(Diagnostic::error("SP0206", "events", rule, "give fewer recordings or steps").into());
        }
        let mut data = Vec::new();
        for (name, bytes) in recordings {
            let events = parse_bs2(bytes, name)?;
            for step in raster(&events, binning.bin, steps, [height, width]) {
                data.extend(step.into_iter().map(|n| u8::try_from(n).unwrap_or(u8::MAX)));
            }
        }
        Ok(Self { steps, axons, data, labels: None })
    }

    fn of_array(path: &Path, labels: Option<&Path>, input: &[usize], count: usize) -> Result<Self> {
        let place = path.display().to_string();
        let samples = Samples::read(path, labels)?;
        let axons: usize = input.iter().product();
        let own = samples.sample_len();
        let fault = |rule: String, way_out: &str| Diagnostic::error("SP0206", place.clone(), rule, way_out);
        // A single sample may come without an axis for samples: what counts samples then counts steps.
        let single = own == axons && samples.labels.is_none();
        if !single && (own < axons || !own.is_multiple_of(axons)) {
            let rule = format!(
                "a sample has the shape {:?}, the network takes {input:?} in each step",
                samples.shape
            );
            return Err(fault(rule, "give [samples, steps, axes of the input]").into());
        }
        let steps = if single { samples.count } else { own / axons };
        let count = if single { samples.count } else { samples.count.min(count.max(1)) };
        let whole = |index: usize, x: f64| {
            if x.fract() == 0.0 && (0.0..=255.0).contains(&x) {
                Ok(x as u8)
            } else {
                let rule = format!("element {index} is {x}; spikes are whole numbers from 0 to 255");
                Err(fault(rule, "code values as spikes first"))
            }
        };
        let data: std::result::Result<Vec<u8>, Diagnostic> = match &samples.data {
            SampleData::U8(v) => Ok(v[..count * own].to_vec()),
            SampleData::I8(v) => {
                v[..count * own].iter().enumerate().map(|(i, &x)| whole(i, x.into())).collect()
            }
            SampleData::I16(v) => {
                v[..count * own].iter().enumerate().map(|(i, &x)| whole(i, x.into())).collect()
            }
            SampleData::I32(v) => {
                v[..count * own].iter().enumerate().map(|(i, &x)| whole(i, x.into())).collect()
            }
            SampleData::F32(v) => {
                v[..count * own].iter().enumerate().map(|(i, &x)| whole(i, x.into())).collect()
            }
        };
        let labels = samples.labels.map(|labels| labels[..count].to_vec());
        Ok(Self { steps, axons, data: data?, labels })
    }
}

/// Labels from a file of one number a sample.
fn labels_of(path: &Path, samples: Result<Samples>) -> Result<Vec<u32>> {
    let samples = samples?;
    let fault = || {
        let rule = format!("labels of the shape {:?}", samples.shape);
        Diagnostic::error("SP0207", path.display().to_string(), rule, "give one whole number a sample")
    };
    if samples.sample_len() != 1 {
        return Err(fault().into());
    }
    let labels: Option<Vec<u32>> = match &samples.data {
        SampleData::U8(v) => Some(v.iter().map(|&x| x.into()).collect()),
        SampleData::I32(v) => v.iter().map(|&x| u32::try_from(x).ok()).collect(),
        _ => None,
    };
    labels.ok_or_else(|| fault().into())
}

/// The recordings of an archive by name.
fn unpack(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let failed = |error: std::io::Error| {
        let rule = format!("the archive is damaged: {error}");
        Diagnostic::error("SP0202", path.display().to_string(), rule, "give a .tar.gz of .bs2 files")
    };
    let file = std::fs::File::open(path).map_err(|error| Diagnostic::read(path, &error))?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file).take(MAX_UNPACKED));
    let mut recordings = Vec::new();
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let name = entry.path().map_err(failed)?.to_string_lossy().into_owned();
        if name.ends_with(".bs2") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(failed)?;
            recordings.push((name, bytes));
        }
    }
    if recordings.is_empty() {
        let rule = "there are no recordings (.bs2) in the archive";
        return Err(Diagnostic::error("SP0205", path.display().to_string(), rule, "give at least one").into());
    }
    recordings.sort();
    Ok(recordings)
}
