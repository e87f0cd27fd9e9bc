//! The fields of one node of a NIR file, each read with the rule it must meet.

use super::hdf::{Item, Tree};
use super::op::Param;
use crate::diagnostic::Diagnostic;

/// A field that can not be used.
pub(crate) type Fault = Box<Diagnostic>;

/// The fields of a node.
pub(crate) struct Fields<'a> {
    pub(crate) tree: &'a Tree,
    /// The node, for messages.
    pub(crate) place: String,
}

impl Fields<'_> {
    pub(crate) fn fault(&self, rule: impl Into<String>, way_out: &str) -> Fault {
        Box::new(Diagnostic::error("SP0131", self.place.clone(), rule, way_out))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tree.get(name).is_some()
    }

    /// Shape and elements of the array `name`; all are finite.
    pub(crate) fn array(&self, name: &str) -> Result<(&[usize], &[f64]), Fault> {
        let way_out = "export the network again, or add the field to the file";
        match self.tree.get(name) {
            Some(Item::Numbers { shape, data }) => {
                if let Some(value) = data.iter().find(|x| !x.is_finite()) {
                    let rule = format!("field `{name}` holds {value}, which is no finite number");
                    return Err(self.fault(rule, "train or export without infinities"));
                }
                Ok((shape, data))
            }
            Some(Item::Texts { .. }) => {
                Err(self.fault(format!("field `{name}` is a text, not numbers"), way_out))
            }
            Some(Item::Group(_)) => {
                Err(self.fault(format!("field `{name}` is a group, not numbers"), way_out))
            }
            Some(Item::Other(kind)) => {
                Err(self.fault(format!("field `{name}` has the element type {kind}"), "store it as numbers"))
            }
            None => {
                let known: Vec<&str> = self.tree.0.keys().map(String::as_str).collect();
                Err(self
                    .fault(format!("there is no field `{name}`; there are: {}", known.join(", ")), way_out))
            }
        }
    }

    /// A parameter: a single number, or one for each element.
    pub(crate) fn param(&self, name: &str) -> Result<Param, Fault> {
        let (shape, data) = self.array(name)?;
        match data {
            [] => Err(self.fault(format!("field `{name}` is empty"), "export the network again")),
            [value] if shape.is_empty() => Ok(Param::Scalar(*value)),
            _ => Ok(Param::Each(data.to_vec())),
        }
    }

    /// A parameter, or `default` where the field is missing.
    pub(crate) fn param_or(&self, name: &str, default: f64) -> Result<Param, Fault> {
        if self.has(name) { self.param(name) } else { Ok(Param::Scalar(default)) }
    }

    /// A parameter above 0.
    pub(crate) fn positive(&self, name: &str) -> Result<Param, Fault> {
        let param = self.param(name)?;
        match param.values().iter().find(|&&x| x <= 0.0) {
            Some(value) => Err(self.fault(
                format!("field `{name}` holds {value}; a time constant is above 0"),
                "a neuron without memory is a Threshold, one without leak an IF",
            )),
            None => Ok(param),
        }
    }

    /// A matrix \[outputs, inputs\].
    pub(crate) fn matrix(&self, name: &str) -> Result<(usize, usize, Vec<f64>), Fault> {
        let (shape, data) = self.array(name)?;
        match shape {
            &[outputs, inputs] if outputs > 0 && inputs > 0 => Ok((outputs, inputs, data.to_vec())),
            _ => Err(self.fault(
                format!("field `{name}` has the shape {shape:?}; a matrix [outputs, inputs] is wanted"),
                "export the network again",
            )),
        }
    }

    /// One number for each of `count` outputs.
    pub(crate) fn vector(&self, name: &str, count: usize) -> Result<Vec<f64>, Fault> {
        let (shape, data) = self.array(name)?;
        if data.len() != count {
            let rule = format!("field `{name}` has the shape {shape:?}, and there are {count} outputs");
            return Err(self.fault(rule, "export the network again"));
        }
        Ok(data.to_vec())
    }

    /// Whole numbers from `least` on.
    pub(crate) fn whole(&self, name: &str, least: i64) -> Result<Vec<i64>, Fault> {
        let (_, data) = self.array(name)?;
        data.iter()
            .map(|&x| {
                let fits = x.fract() == 0.0 && x >= least as f64 && x <= 1e6;
                fits.then_some(x as i64).ok_or_else(|| {
                    let rule =
                        format!("field `{name}` holds {x}; whole numbers from {least} to 1000000 are wanted");
                    self.fault(rule, "export the network again")
                })
            })
            .collect()
    }

    /// A size for each of two axes: a single number holds for both. With `flat` the file has one axis, the second here.
    pub(crate) fn pair(&self, name: &str, least: i64, flat: Option<usize>) -> Result<[usize; 2], Fault> {
        let values = self.whole(name, least)?;
        match (values.as_slice(), flat) {
            ([one], Some(other)) => Ok([other, *one as usize]),
            ([both], None) => Ok([*both as usize; 2]),
            ([height, width], None) => Ok([*height as usize, *width as usize]),
            _ => Err(self.fault(
                format!("field `{name}` has {} numbers, not one for each axis", values.len()),
                "export the network again",
            )),
        }
    }

    /// The shape in field `name`: axes of at least 1, none at all for a single number.
    pub(crate) fn shape(&self, name: &str) -> Result<Vec<usize>, Fault> {
        let axes: Vec<usize> = self.whole(name, 1)?.into_iter().map(|n| n as usize).collect();
        let len = axes.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        match len {
            Some(len) if len <= crate::graph::MAX_SAMPLE_LEN => Ok(axes),
            _ => Err(self.fault(
                format!(
                    "field `{name}` tells of a shape {axes:?} with more than {} elements",
                    crate::graph::MAX_SAMPLE_LEN
                ),
                "use smaller layers",
            )),
        }
    }
}
