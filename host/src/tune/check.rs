//! The validator of stage 5: only integers that the chip can hold.

use super::coded::{Coded, CodedAct};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::encode::Form;
use crate::expand::CoreOpGraph;
use crate::target::Target;

/// A coded graph that has been checked: the evidence that stage 6 demands.
#[derive(Clone, Debug)]
pub struct Tuned(CoreOpGraph<Coded>);

impl Tuned {
    /// The graph.
    pub fn graph(&self) -> &CoreOpGraph<Coded> {
        &self.0
    }
}

/// Checks that weights, shifts, biases and tables are within the chip's limits.
///
/// # Errors
/// SP0308: a rule is broken: an error of this compiler.
pub fn check(graph: CoreOpGraph<Coded>, target: &Target) -> Result<Tuned> {
    let mut found = Diagnostics::default();
    for op in &graph.ops {
        let name = &graph.encoded.nodes[op.node].name;
        let coded = &op.payload;
        let columns = op.columns.len();
        let mut fault = |rule: &str| {
            let way_out = "this is a fault of the compiler: report it with the model";
            found.push(Diagnostic::error("SP0308", format!("node {name:?}"), rule, way_out));
        };
        let limit = target.weight_max.unsigned_abs();
        let mut weights = coded.weights.iter().chain(&coded.bias).flatten();
        if weights.any(|w| u32::from(w.unsigned_abs()) > limit) {
            fault("a weight is larger than the cells can hold");
        }
        if !target.shifts.contains(&coded.shift) || coded.sum_shift > target.sum_shift_max {
            fault("a shift is outside the chip's range");
        }
        if coded.bias_rows > target.bias_rows {
            fault("there are more bias rows than the chip has");
        }
        let whole = coded.weights.iter().zip(&op.parts).all(|(w, rows)| w.len() == columns * rows.len())
            && coded.bias.iter().all(|b| b.len() == columns * coded.bias_rows)
            && coded.weights.len() == op.parts.len()
            && coded.bias.len() == op.parts.len();
        if !whole {
            fault("a column has no weight for some row");
        }
        if coded.coefficients.len() != columns || coded.zeros.len() != op.elements().len() {
            fault("a column or an element has no meaning");
        }
        let form = &graph.encoded.nodes[op.node].form;
        let fits = match coded.act {
            CodedAct::None => *form == Form::Sum,
            CodedAct::Relu => matches!(form, Form::Relu | Form::Carrier | Form::Segments(_)),
            CodedAct::Table(_) => *form == Form::Sigmoid,
        };
        if !fits {
            fault("what follows the sum is not the node's function");
        }
        if let CodedAct::Table(table) = &coded.act {
            let codes = table.iter().all(|&code| (0..=target.input_max).contains(&code));
            if !codes || table.len() != 2 * target.code_max as usize + 1 || op.parts.len() != 1 {
                fault("the activation table does not fit the read, or the sum spans arrays");
            }
        }
    }
    found.into_result(Tuned(graph))
}
