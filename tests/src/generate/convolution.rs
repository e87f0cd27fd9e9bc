//! Random convolutions on digital cores: the loops that the fast engine runs side by side.

use super::{Source, extreme, mac, number, once_in};
use crate::images::{ImageBuilder, Pattern};
use spandrel_core::{
    image::{Codec, Combine},
    mac::{Mac, input_floor, input_limit},
};

/// A convolution on one to three digital cores in one accumulator at each pixel, with three samples and the first core.
pub fn convolution(u: &mut Source<'_>) -> (ImageBuilder, Vec<Vec<i32>>, Mac) {
    let mut b = ImageBuilder::new("digital convolution");
    let columns = number(u, 1, 6) as u32;
    let first = loop {
        let core = mac(u, &mut b, columns);
        if core.rows > 0 || u.is_empty() {
            break core;
        }
    };
    let (height, width) = (number(u, 2, 6) as u32, number(u, 2, 6) as u32);
    let channels = number(u, 1, 3) as u32;
    let row = width * channels;
    let length = height * row;
    let x = b.edge(Codec::I32, length);
    let kept = columns / u32::from(first.pool);
    let y = b.edge(Codec::I32, height * width * kept);
    b.plain_input(x, length);
    let mut cores = vec![first];
    for _ in 0..number(u, 0, 2) {
        let other = mac(u, &mut b, columns);
        if other.rows > 0 {
            cores.push(Mac { rows: other.rows, blob: other.blob, bias: other.bias, ..first });
        }
    }
    // Parts whose sums could pass 64 bits are refused by the parser, but `first` alone never is.
    cores.retain(|core| core.check().is_ok());
    b.repeat(5, height, |b| {
        b.repeat(2, width, |b| {
            for (number_of, core) in cores.iter().enumerate() {
                let mut lines = 0;
                while lines < core.rows {
                    let count = (core.rows - lines).min(number(u, 1, 6) as u32);
                    let (up, left) = (number(u, -1, 1) as i32, number(u, -1, 1) as i32);
                    let window = Pattern::on(x)
                        .axis(height, row, up)
                        .axis(row, 1, left * channels as i32)
                        .dim(1, count, 1)
                        .term(0, 5, 1)
                        .term(1, 2, channels as i32)
                        .pad(core.input_zero);
                    b.gather(window, lines);
                    lines += count;
                }
                let config = b.mac(*core);
                b.invoke(config, number_of > 0, number_of + 1 == cores.len());
            }
            let pixel = Pattern::on(y)
                .axis(height, width * kept, 0)
                .axis(width, kept, 0)
                .axis(kept, 1, 0)
                .dim(2, kept, 1)
                .term(0, 5, 1)
                .term(1, 2, 1);
            b.scatter(Combine::Set, pixel, 0);
        });
    });
    let outputs = height * width * kept;
    b.emit(0, Pattern::run(y, outputs, 0, outputs));
    let (lo, hi) = (i64::from(input_floor(&first)), i64::from(input_limit(&first)));
    let samples = (0..3)
        .map(|sample| {
            let draw = |u: &mut Source<'_>| {
                if sample == 2 && once_in(u, 4) {
                    extreme(u, i32::MIN.into(), i32::MAX.into())
                } else {
                    extreme(u, lo, hi)
                }
            };
            (0..length).map(|_| draw(u) as i32).collect()
        })
        .collect();
    (b, samples, first)
}
