//! Core = oracle, on one array and on a layer of several.

use crate::{
    coverage::Coverage,
    generate::{Source, array, codes, layer, number, once_in},
    images::ImageBuilder,
    naive::{oracle_adder, oracle_reads},
    run,
};
use spandrel_core::{
    blob::Column,
    crossbar::{
        Activation, Crossbar, Polarity, Readout, input_limit, read_column, weight_floor, weight_limit,
    },
    image::{Blob, Encoding, Image},
};
use spandrel_oracle as oracle;

/// Notes what a read met.
fn note(coverage: &mut Coverage, crossbar: &Crossbar, blob: &Blob, codes: &[i32], reads: &[oracle::Read]) {
    coverage.hit(match blob.encoding {
        Encoding::Dense => "dense weights",
        Encoding::SignMagnitude => "sign-magnitude weights",
        Encoding::Codebook => "codebook weights",
        Encoding::AxonTyped => "axon-typed weights",
        Encoding::SparseBlocks => "sparse weights",
    });
    let top = input_limit(crossbar);
    coverage.hit_if(codes.iter().any(|code| *code < 0 || *code > top), "an input saturates");
    coverage.hit_if(crossbar.bias_rows > 0, "bias rows");
    coverage.hit_if(crossbar.rows + crossbar.bias_rows > 32, "more rows than a chunk");
    coverage.hit_if(crossbar.polarity == Polarity::Offset, "offset weights");
    for read in reads {
        let conversions: Vec<i128> = read.reads.iter().flatten().copied().collect();
        coverage.hit_if(read.full < 0, "a negative sum");
        coverage.hit_if(read.value < 0, "a negative read");
        match crossbar.readout {
            Readout::Composed { shift, .. } => {
                let limit = (1i128 << crossbar.output_bits) - 1;
                let sum: i128 = conversions.iter().sum();
                let at_limit = conversions.iter().filter(|share| share.abs() == limit).count();
                coverage.hit_if(read.clipped && sum == read.value, "a share clips");
                coverage.hit_if(sum > limit, "the register clips above");
                coverage.hit_if(sum < -limit, "the register clips below");
                coverage.hit_if(at_limit > 0 && read.value.abs() < limit, "a share clips, the read does not");
                coverage.hit_if(read.value != read.target && !read.clipped, "truncation shows");
                for (pass, partials) in (0u32..).zip(&read.partials) {
                    for (slice, partial) in (0u32..).zip(partials) {
                        let weight =
                            pass * u32::from(crossbar.dac_bits) + slice * u32::from(crossbar.cell_bits);
                        coverage.hit_if(weight > u32::from(shift), "a share shifts left");
                        let lost = u32::from(shift).saturating_sub(weight);
                        let odd = *partial < 0 && partial.rem_euclid(1 << lost) != 0;
                        coverage.hit_if(odd, "the roundings differ");
                    }
                }
            }
            Readout::Exact { .. } => {
                coverage.hit_if(read.clipped, "a converter saturates");
                coverage.hit_if(!read.clipped && read.value == read.full && read.full != 0, "an exact read");
            }
        }
    }
}

/// One random array: every column the core reads is what the oracle reads.
///
/// # Panics
/// When they differ.
pub fn check_array(u: &mut Source<'_>, coverage: &mut Coverage) {
    let columns = number(u, 1, 5) as u32;
    let array = array(u, columns);
    let codes = codes(u, &array.crossbar);
    let mut b = ImageBuilder::new("one array");
    b.blob(array.packed);
    b.crossbar(array.crossbar);
    let bytes = b.build();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {:?}", array.crossbar));
    let wide: Vec<i128> = codes.iter().map(|code| i128::from(*code)).collect();
    let reads = oracle_reads(&array.crossbar, &wide, &b.blobs[0].matrix);
    let blob = image.blob(0).expect("the image has one blob");
    let range = weight_floor(&array.crossbar)..=weight_limit(&array.crossbar);
    let mut weights = b.blobs[0].matrix.iter().flatten();
    coverage.hit_if(weights.any(|w| !range.contains(w)), "a weight saturates");
    let mut weights = b.blobs[0].matrix.iter().flatten();
    let lowest = array.crossbar.polarity == Polarity::Offset && weights.any(|w| w == range.start());
    coverage.hit_if(lowest, "the lowest offset weight");
    note(coverage, &array.crossbar, &blob, &codes, &reads);
    let store = image.weights();
    for (number, read) in (0..).zip(&reads) {
        let column = Column::new(blob, *image.tables(), &store, number);
        let found = read_column(&array.crossbar, &column, |row| codes[row as usize]).expect("flash answers");
        assert_eq!(
            i128::from(found),
            read.value,
            "column {number} of {:?}, weights {:?} as {:?}, codes {codes:?}",
            array.crossbar,
            b.blobs[0].matrix[number as usize],
            blob.encoding,
        );
    }
}

/// A random layer split over one to four arrays on the machine: parts accumulate, the last
/// one finishes and pools; compared with the oracle's exact sum.
///
/// # Panics
/// When they differ.
pub fn check_layer(u: &mut Source<'_>, coverage: &mut Coverage) {
    let layer = layer(u);
    let (b, configs, inputs) = (layer.image, layer.cores, layer.inputs);
    let last = configs[configs.len() - 1];
    let (mut first, mut sums) = (0usize, vec![Vec::new(); last.columns as usize]);
    for crossbar in &configs {
        let codes = &inputs[first..][..crossbar.rows as usize];
        let codes: Vec<i128> = codes.iter().map(|code| i128::from(*code)).collect();
        let matrix = &b.blobs[crossbar.blob as usize].matrix;
        for (sum, read) in sums.iter_mut().zip(oracle_reads(crossbar, &codes, matrix)) {
            sum.push(read.value);
        }
        first += codes.len();
    }

    let adder = oracle_adder(&last, &b.tables);
    let finished: Vec<i128> = sums.iter().map(|parts| oracle::finish(&adder, parts)).collect();
    let expected = oracle::max_pool(&finished, usize::from(last.pool));
    let register = 1i128 << 31;
    for (parts, code) in sums.iter().zip(&finished) {
        let mut sum = 0i128;
        for part in parts {
            sum += part;
            if sum < -register || sum >= register {
                // A sum register of 32 bits saturates after each part: not the exact sum. No chip
                // has so many parts; the program suite covers what the register does.
                coverage.hit("a sum register overflows");
                return;
            }
        }
        coverage.hit_if(sum < 0, "a negative sum of parts");
        coverage.hit_if(sum < 0 && sum % (1i128 << last.sum_shift) != 0, "a negative shift is inexact");
        let adder_limit = 1i128 << (last.adder_bits - 1);
        coverage.hit_if(sum < -adder_limit || sum >= adder_limit, "the adder saturates");
        coverage.hit_if(*code == i128::from(last.out_lo), "the output clips below");
        coverage.hit_if(*code == i128::from(last.out_hi), "the output clips above");
    }
    coverage.hit_if(configs.len() > 1, "several parts");
    coverage.hit_if(last.pool > 1, "pooling");
    let ties = finished.chunks(usize::from(last.pool)).any(|g| g.len() > 1 && g.iter().all(|v| *v == g[0]));
    coverage.hit_if(ties, "a tie in a pool");
    coverage.hit(match last.activation {
        Activation::None => "no activation",
        Activation::Relu => "ReLU",
        Activation::Table { .. } => "a table",
    });

    let bytes = b.build();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let shown = if once_in(u, 2) {
        run::whole(&image, &[&inputs])
    } else {
        run::sliced(&image, &[&inputs], || 2 + number(u, 0, 99) as u64, || true)
    };
    let found: Vec<i128> = shown.values().into_iter().map(i128::from).collect();
    assert_eq!(found, expected, "{configs:?}, parts {sums:?}");
}
