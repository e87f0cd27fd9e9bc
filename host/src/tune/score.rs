//! How far a fitted element is from its golden value, in the unit the next node sees.

use super::column::Aim;
use crate::encode::Form;
use crate::target::Target;

/// What an element's codes say, and how wrong that is.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The decoded value on every sample.
    pub decoded: Vec<f64>,
    /// The value when all codes are 0, corrected where a constant error is free to be taken out.
    pub zero: f64,
    /// Mean squared error.
    pub error: f64,
}

/// The golden value that a form carries for the sum z. A carrier is judged by what its relay will make of it.
pub fn carried(form: &Form, z: f64) -> f64 {
    match form {
        Form::Relu => z.max(0.0),
        Form::Sum | Form::Max | Form::Carrier { judged: None } => z,
        Form::Carrier { judged: Some(act) } | Form::Table(act) => act.apply(z),
        Form::Clip(ramp) => ramp.act.apply(z),
        Form::Segments(segments) => segments.act.apply(z),
        Form::Mirror { act, .. } => act.apply(z),
    }
}

/// The golden value that counts for the sum z, and how far the decoded `value` is from it.
pub fn compared(form: &Form, value: f64, z: f64) -> (f64, f64) {
    let wanted = carried(form, z);
    let value = match form {
        Form::Carrier { judged: Some(act) } => act.apply(value),
        _ => value,
    };
    (wanted, value - wanted)
}

/// Decodes the codes that `sums` give and compares them with the golden values.
pub fn score(form: &Form, aim: &Aim, sums: &[Vec<i32>], target: &Target) -> Scored {
    let n = aim.z.len();
    let mut decoded = vec![0.0; n];
    for (sum, coefficient) in sums.iter().zip(&aim.coefficients) {
        for (value, &sum) in decoded.iter_mut().zip(sum) {
            *value += coefficient * f64::from(aim.post.code(sum, target));
        }
    }
    let active = aim.active(0);
    let zero = if aim.centred {
        let gap: f64 = active.iter().map(|&i| aim.z[i as usize] - decoded[i as usize]).sum();
        gap / active.len().max(1) as f64
    } else {
        aim.zero
    };
    decoded.iter_mut().for_each(|v| *v += zero);
    let gap = |i: usize| compared(form, decoded[i], aim.z[i]).1;
    let error = if aim.centred {
        active.iter().map(|&i| gap(i as usize) * gap(i as usize)).sum::<f64>() / active.len().max(1) as f64
    } else {
        (0..n).map(|i| gap(i) * gap(i)).sum::<f64>() / n.max(1) as f64
    };
    Scored { decoded, zero, error }
}
