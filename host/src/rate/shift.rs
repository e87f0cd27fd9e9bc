//! Parts of a sum as what they differ from their means: what is always there need not cross as spikes, and is counted without an error.

use super::build::Layers;
use super::layer::{From, Role};
use super::tune::Fed;

/// Samples that means are taken of.
const SAMPLES: usize = 256;

/// Takes its mean off every part of a sum, and adds the means where the parts are added up.
pub(super) fn shift(layers: &mut Layers, fed: &Fed) {
    if !layers.layers.iter().any(|layer| layer.role == Role::Part) {
        return;
    }
    let (samples, elements) = (fed.codes.len().min(SAMPLES), fed.unit.len());
    let mut values: Vec<Vec<f32>> = Vec::new();
    // Of neurons above zero; of those below it 0, since a tap of each of the former adds the whole mean.
    let mut means: Vec<Vec<f64>> = Vec::new();
    for number in 0..layers.layers.len() {
        let mut layer = layers.layers[number].clone();
        let (size, taps) = (layer.len(), layer.from.len());
        for group in 0..layer.groups {
            for position in 0..layer.positions {
                let first = (position * layer.groups + group) * layer.outputs;
                for (tap, &element) in layer.taps_at(group, position).iter().enumerate() {
                    let From::Layer(from) = layer.from[tap] else { continue };
                    let mean = means[from].get(element as usize).copied().unwrap_or(0.0);
                    if mean != 0.0 {
                        let weights = &layer.weights[(group * taps + tap) * layer.outputs..][..layer.outputs];
                        let bias = &mut layers.layers[number].bias[first..first + layer.outputs];
                        bias.iter_mut().zip(weights).for_each(|(bias, w)| *bias += w * mean);
                    }
                }
            }
        }
        layer.bias.clone_from(&layers.layers[number].bias);
        let mut sums = vec![0.0f32; samples * size];
        let see = |sample: usize, row: &mut [f32]| {
            layer.sums(
                |from| match from {
                    From::Input => &fed.values[sample * elements..(sample + 1) * elements],
                    From::Layer(from) => {
                        let size = layers.layers[from].len();
                        &values[from][sample * size..(sample + 1) * size]
                    }
                },
                row,
            );
        };
        sums.chunks_exact_mut(size.max(1)).enumerate().for_each(|(sample, row)| see(sample, row));
        let mut own = Vec::new();
        if layer.role == Role::Part {
            own = vec![0.0; size];
            for row in sums.chunks_exact(size.max(1)) {
                own.iter_mut().zip(row).for_each(|(mean, z)| *mean += f64::from(*z) / samples as f64);
            }
            for row in sums.chunks_exact_mut(size.max(1)) {
                row.iter_mut().zip(&own).for_each(|(z, mean)| *z -= *mean as f32);
            }
            layers.layers[number].bias.iter_mut().zip(&own).for_each(|(bias, mean)| *bias -= mean);
            for (neuron, mean) in own.iter_mut().enumerate() {
                if layer.variant(neuron).sign < 0.0 {
                    *mean = 0.0;
                }
            }
        }
        means.push(own);
        sums.iter_mut().for_each(|z| *z = z.max(0.0));
        values.push(sums);
    }
}
