//! What a speech denoiser hears: the magnitudes of overlapping spectra of the folder's recording.
//!
//! A frame is 512 samples, 128 further on than the one before; in front of a sequence all samples are zero, as a denoiser's buffer is when it
//! begins. The recorded inputs of `dtln_model_1` are the first 40 frames of such a sequence from second 2 on.

use std::f64::consts::TAU;
use std::path::Path;

use crate::archive::Bytes;
use crate::process::Result;

/// The recording.
const FILE: &str = "datasets/audio/silero_test.wav";
/// Samples a second of it.
const RATE: usize = 16_000;
/// Samples of a frame.
const FRAME: usize = 512;
/// Samples from frame to frame.
const HOP: usize = 128;
/// Sequences.
pub(super) const SEQUENCES: usize = 12;
/// Frames of each.
pub(super) const FRAMES: usize = 64;

/// The samples of the recording, within +-1.
fn recording(folder: &Path) -> Result<Vec<f64>> {
    let file = folder.join(FILE);
    let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let bad = || format!("{}: no recording of one channel of 16 bits at {RATE} Hz", file.display());
    let word = |at: usize, length: usize| -> Result<usize> {
        let part = bytes.get(at..at + length).ok_or_else(bad)?;
        Ok(part.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
    };
    let mut at = 12;
    loop {
        let size = word(at + 4, 4)?;
        match bytes.get(at..at + 4).ok_or_else(bad)? {
            b"fmt " if (word(at + 10, 2)?, word(at + 12, 4)?, word(at + 22, 2)?) != (1, RATE, 16) => {
                return Err(bad());
            }
            b"data" => {
                let data = bytes.get(at + 8..at + 8 + size).ok_or_else(bad)?;
                let samples = data.as_chunks::<2>().0.iter();
                return Ok(samples.map(|two| f64::from(i16::from_le_bytes(*two)) / 32768.0).collect());
            }
            _ => at += 8 + size.next_multiple_of(2),
        }
    }
}

/// The magnitudes of a frame's spectrum, from frequency 0 to half the rate.
fn magnitudes(frame: &[f64], turns: &[(f64, f64)]) -> Vec<f32> {
    let part = |frequency: usize| {
        let sums = frame.iter().enumerate().fold((0.0, 0.0), |(re, im), (at, x)| {
            let (cos, sin) = turns[at * frequency % FRAME];
            (re + x * cos, im + x * sin)
        });
        sums.0.hypot(sums.1) as f32
    };
    (0..=FRAME / 2).map(part).collect()
}

/// [`SEQUENCES`] sequences, one every two seconds from second `first` on, frame after frame.
///
/// # Errors
/// The recording is not there, or too short.
pub(super) fn frames(folder: &Path, first: usize) -> Result<Bytes> {
    let samples = recording(folder)?;
    let turn = |at: usize| {
        let angle = TAU * at as f64 / FRAME as f64;
        (angle.cos(), angle.sin())
    };
    let turns: Vec<(f64, f64)> = (0..FRAME).map(turn).collect();
    let mut data = Vec::new();
    for sequence in 0..SEQUENCES {
        let start = (first + 2 * sequence) * RATE;
        let own = samples.get(start..start + FRAMES * HOP).ok_or("the recording is too short")?;
        let heard = [&vec![0.0; FRAME - HOP][..], own].concat();
        for frame in heard.windows(FRAME).step_by(HOP) {
            data.extend(magnitudes(frame, &turns).into_iter().flat_map(f32::to_le_bytes));
        }
    }
    Ok(Bytes { shape: vec![SEQUENCES * FRAMES, FRAME / 2 + 1], kind: "<f4".into(), data })
}
