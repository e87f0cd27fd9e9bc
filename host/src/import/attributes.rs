//! The attributes of one node: every attribute must be known, have the right type and a supported value.

use super::onnx::{AttributeProto, GraphProto, NodeProto, TensorProto, attribute_type};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The attributes of a node.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a> {
    list: &'a [AttributeProto],
    place: &'a str,
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(node: &'a NodeProto, place: &'a str) -> Self {
        Self { list: &node.attribute, place }
    }

    /// Refuses attributes that are not in `known`, and attributes given twice.
    pub(crate) fn only(&self, operator: &str, known: &[&str]) -> Result<(), Diagnostics> {
        let mut found = Diagnostics::default();
        for (i, attribute) in self.list.iter().enumerate() {
            let name = attribute.name.as_str();
            if !known.contains(&name) {
                let way_out = match known {
                    [] => format!("{operator} takes no attribute here"),
                    _ => format!("{operator} takes {}", known.join(", ")),
                };
                let rule = format!("the attribute {name:?} is not supported");
                found.push(Diagnostic::error("SP0106", self.place, rule, way_out));
            } else if self.list[..i].iter().any(|a| a.name == name) {
                let rule = format!("the attribute {name:?} is given twice");
                found.push(Diagnostic::error("SP0106", self.place, rule, "export the model again"));
            }
        }
        found.into_result(())
    }

    fn get(&self, name: &str, wanted: i32, kind: &str) -> Result<Option<&'a AttributeProto>, Diagnostics> {
        match self.list.iter().find(|a| a.name == name) {
            // Files of the first IR versions leave the type out.
            Some(a) if a.r#type == wanted || a.r#type == 0 => Ok(Some(a)),
            Some(_) => {
                let rule = format!("the attribute {name:?} is not {kind}");
                Err(Diagnostic::error("SP0106", self.place, rule, "export the model again").into())
            }
            None => Ok(None),
        }
    }

    /// A whole number.
    pub(crate) fn int(&self, name: &str, default: i64) -> Result<i64, Diagnostics> {
        Ok(self.get(name, attribute_type::INT, "a whole number")?.map_or(default, |a| a.i))
    }

    /// A finite number.
    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32, Diagnostics> {
        let value = self.get(name, attribute_type::FLOAT, "a number")?.map_or(default, |a| a.f);
        if value.is_finite() {
            return Ok(value);
        }
        let rule = format!("the attribute {name:?} is {value}");
        Err(Diagnostic::error("SP0106", self.place, rule, "it must be a finite number").into())
    }

    /// A list of whole numbers.
    pub(crate) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, Diagnostics> {
        Ok(self.get(name, attribute_type::INTS, "a list of whole numbers")?.map(|a| a.ints.as_slice()))
    }

    /// A list of numbers.
    pub(crate) fn floats(&self, name: &str) -> Result<Option<&'a [f32]>, Diagnostics> {
        Ok(self.get(name, attribute_type::FLOATS, "a list of numbers")?.map(|a| a.floats.as_slice()))
    }

    /// A text.
    pub(crate) fn text(&self, name: &str, default: &str) -> Result<String, Diagnostics> {
        let text = self.get(name, attribute_type::STRING, "a text")?;
        Ok(text.map_or_else(|| default.to_owned(), |a| String::from_utf8_lossy(&a.s).into_owned()))
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Diagnostics> {
        let list = self.get(name, attribute_type::STRINGS, "a list of texts")?;
        Ok(list.map(|a| a.strings.iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect()))
    }

    /// A graph.
    pub(crate) fn graph(&self, name: &str) -> Result<Option<&'a GraphProto>, Diagnostics> {
        Ok(self.get(name, attribute_type::GRAPH, "a graph")?.and_then(|a| a.g.as_deref()))
    }

    /// A tensor.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<&'a TensorProto>, Diagnostics> {
        Ok(self.get(name, attribute_type::TENSOR, "a tensor")?.and_then(|a| a.t.as_ref()))
    }

    /// Whether the attribute is given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|a| a.name == name)
    }

    /// An axis of a tensor of `rank` dimensions, negative ones counted from the end.
    pub(crate) fn axis(&self, name: &str, default: i64, rank: usize) -> Result<usize, Diagnostics> {
        let axis = self.int(name, default)?;
        resolve_axis(axis, rank, name, self.place)
    }
}

/// The axis `axis` of `rank` dimensions, negative ones counted from the end; `rank` itself is refused.
pub(crate) fn resolve_axis(axis: i64, rank: usize, name: &str, place: &str) -> Result<usize, Diagnostics> {
    let rank = rank as i64;
    let resolved = if axis < 0 { axis.checked_add(rank) } else { Some(axis) };
    match resolved.filter(|a| (0..rank).contains(a)) {
        Some(axis) => Ok(axis as usize),
        None => {
            let rule = format!("{name} is {axis}, the operand has {rank} dimensions");
            Err(Diagnostic::error("SP0106", place, rule, format!("it must lie in -{rank} to {}", rank - 1))
                .into())
        }
    }
}
