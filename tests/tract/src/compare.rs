//! Golden values against those of tract.

use spandrel::graph::{Golden, Tensor2};
use spandrel::import::parse_onnx;

use crate::oracle::{self, Form};

/// The largest difference that counts as rounding, as a share of the sample's scale: the largest of 1 and of all elements
/// from the input up to the value compared, since what is rounded early is carried along even where later values are
/// small. Both sides compute in single precision and differ in the order of their sums and in `exp`; a hundred
/// roundings of 2^-24 stay below this.
pub const TOLERANCE: f32 = 1e-5;

/// What a comparison found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// The values compared.
    pub values: usize,
    /// The elements compared, over all samples.
    pub elements: usize,
    /// The largest difference, as a share of its sample's scale.
    pub worst: f32,
    /// The largest difference of the network's output, as it is.
    pub output: f32,
    /// Whether tract failed to optimise the model: its output was then compared in the plain form only.
    pub not_optimised: bool,
}

/// Compares every value of the ONNX model `file` for the samples `input`, row by row, with tract's plain form, and the
/// output also with its optimised form.
///
/// # Errors
/// When the reader or tract's plain form refuses the model, the values have different sizes, or a difference exceeds
/// [`TOLERANCE`]: the first such value in the order of the network, so that the error names the operator.
pub fn compare(file: &[u8], input: &[f32], whole_batch: bool) -> Result<Found, String> {
    let graph = parse_onnx(file, "model").map_err(|e| format!("the reader refuses the model: {e}"))?;
    // The generator's models have the batch in front, 1 in the graph.
    let shape = &graph.value(graph.input()).shape[1..];
    let sample_len = graph.value(graph.input()).len();
    let batch =
        Tensor2::new(input.len() / sample_len, sample_len, input.to_vec()).ok_or("not whole samples")?;
    let golden = Golden::new(&graph).all_values(&batch).map_err(|e| format!("the golden model: {e}"))?;

    // Inner values of operators that became several primitives (`node/part`) exist on this side only.
    let names = graph.nodes().iter().map(|node| graph.value(node.output).name.as_str());
    let names: Vec<&str> = names.filter(|name| !name.contains('/')).collect();
    let output = graph.value(graph.output()).name.as_str();
    let mut found = Found::default();
    let mut scales = vec![1.0; batch.rows()];
    enlarge(&mut scales, input);
    for (form, names) in [(Form::Plain, names.as_slice()), (Form::Optimised, &[output])] {
        let wanted = match oracle::values(file, form, shape, input, whole_batch, names) {
            Ok(wanted) => wanted,
            Err(_) if form == Form::Optimised => {
                found.not_optimised = true;
                continue;
            }
            Err(error) => return Err(format!("tract: {error}\n{graph}")),
        };
        for &name in names {
            let (golden, wanted) = (&golden[name], &wanted[name]);
            enlarge(&mut scales, wanted);
            let (worst, absolute) = difference(golden, wanted, &scales)
                .map_err(|error| format!("{name:?} ({form:?}), {error}; the network is\n{graph}"))?;
            found.values += 1;
            found.elements += wanted.len();
            found.worst = found.worst.max(worst);
            if name == output {
                found.output = found.output.max(absolute);
            }
        }
    }
    Ok(found)
}

/// Makes each sample's scale at least as large as its largest element of `value`.
fn enlarge(scales: &mut [f32], value: &[f32]) {
    let width = (value.len() / scales.len().max(1)).max(1);
    for (scale, row) in scales.iter_mut().zip(value.chunks(width)) {
        *scale = row.iter().fold(*scale, |most, v| most.max(v.abs()));
    }
}

/// The largest difference of an element, as a share of its sample's scale and as it is.
fn difference(golden: &Tensor2, wanted: &[f32], scales: &[f32]) -> Result<(f32, f32), String> {
    if golden.data().len() != wanted.len() {
        return Err(format!("golden has {} elements, tract {}", golden.data().len(), wanted.len()));
    }
    let (mut worst, mut absolute) = (0.0f32, 0.0f32);
    for ((row, wanted), scale) in wanted.chunks(golden.cols().max(1)).enumerate().zip(scales) {
        for (column, (a, b)) in golden.row(row).iter().zip(wanted).enumerate() {
            let difference = (a - b).abs();
            let share = difference / scale;
            if share.is_nan() || share > TOLERANCE {
                return Err(format!("sample {row}, element {column}: golden {a}, tract {b}, scale {scale}"));
            }
            worst = worst.max(share);
            absolute = absolute.max(difference);
        }
    }
    Ok((worst, absolute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_beyond_rounding_and_nan_are_found() {
        let golden = Tensor2::new(2, 2, vec![1.0, 2.0, 300.0, 4.0]).unwrap();
        let mut scales = vec![1.0; 2];
        enlarge(&mut scales, golden.data());
        assert_eq!(scales, [2.0, 300.0]);
        assert_eq!(difference(&golden, golden.data(), &scales), Ok((0.0, 0.0)));
        assert!(difference(&golden, &[1.0, 2.0, 300.0, 4.002], &scales).is_ok());
        for wrong in [[1.0, 2.000_1, 300.0, 4.0], [1.0, 2.0, 300.0, 4.01], [1.0, f32::NAN, 300.0, 4.0]] {
            assert!(difference(&golden, &wrong, &scales).is_err(), "{wrong:?}");
        }
        assert!(difference(&golden, &[1.0, 2.0, 300.0], &scales).is_err());
    }
}
