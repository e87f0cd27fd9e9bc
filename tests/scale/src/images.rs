//! Images with structure: gradients, gratings, discs and a little noise, drawn with a seed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use spandrel::numeric::Random;

/// One image: three planes of `side` x `side` bytes.
fn image(side: usize, seed: u64, number: u64) -> Vec<u8> {
    let mut random = Random::new(seed, number);
    let mut unit = || random.unit();
    let slopes: Vec<[f64; 3]> =
        (0..3).map(|_| [60.0 + 130.0 * unit(), 80.0 * (unit() - 0.5), 80.0 * (unit() - 0.5)]).collect();
    // Gratings as triangle waves: no function whose bits depend on the machine.
    let gratings: Vec<[f64; 6]> = (0..3)
        .map(|_| {
            [3.0 + 25.0 * unit(), 25.0 * (unit() - 0.5), unit(), 50.0 * unit(), 50.0 * unit(), 50.0 * unit()]
        })
        .collect();
    let discs: Vec<[f64; 6]> = (0..6)
        .map(|_| {
            [
                unit(),
                unit(),
                0.03 + 0.2 * unit(),
                200.0 * (unit() - 0.5),
                200.0 * (unit() - 0.5),
                200.0 * (unit() - 0.5),
            ]
        })
        .collect();
    let mut out = Vec::with_capacity(3 * side * side);
    for plane in 0..3 {
        for y in 0..side {
            for x in 0..side {
                let (u, v) = (x as f64 / side as f64, y as f64 / side as f64);
                let [middle, across, down] = slopes[plane];
                let mut value = middle + across * (u - 0.5) + down * (v - 0.5);
                for grating in &gratings {
                    let phase = (grating[0] * u + grating[1] * v + grating[2]).rem_euclid(1.0);
                    value += grating[3 + plane] * ((2.0 * phase - 1.0).abs() - 0.5);
                }
                for disc in &discs {
                    let (du, dv) = (u - disc[0], v - disc[1]);
                    if du * du + dv * dv < disc[2] * disc[2] {
                        value += disc[3 + plane];
                    }
                }
                value += 12.0 * (unit() - 0.5);
                out.push(value.clamp(0.0, 255.0) as u8);
            }
        }
    }
    out
}

/// Writes `count` images, the `first`-th and those behind it, as an NPY file of bytes [count, 3, side, side].
pub(crate) fn write(path: &Path, side: usize, seed: u64, first: u64, count: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut head =
        format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, 3, {side}, {side}), }}");
    // Magic, version and length take 10 bytes; a newline ends the head on a multiple of 64.
    while (10 + head.len() + 1) % 64 != 0 {
        head.push(' ');
    }
    head.push('\n');
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(head.len() as u16).to_le_bytes())?;
    file.write_all(head.as_bytes())?;
    for number in first..first + count {
        file.write_all(&image(side, seed, number))?;
    }
    file.flush()
}
