//! The validator of stage 5: only integers that the chip can hold.

use super::coded::{Coded, CodedAct, Periphery, Requantised};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::encode::Form;
use crate::expand::{CoreOp, CoreOpGraph};
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
        let node = &graph.encoded.nodes[op.node];
        let name = &graph.encoded.dot.nodes[op.node].name;
        let coded = &op.payload;
        let columns = op.columns.len();
        let mut fault = |rule: &str| {
            let way_out = "this is a fault of the compiler: report it with the model";
            found.push(Diagnostic::error("SP0308", format!("node {name:?}"), rule, way_out));
        };
        match &coded.periphery {
            Periphery::Composed { .. } => composed(op, target, &mut fault),
            Periphery::Digital(own) => digital(op, own, target, &mut fault),
        }
        let whole = coded.weights.iter().zip(&op.parts).all(|(w, rows)| w.len() == columns * rows.len())
            && coded.weights.len() == op.parts.len();
        if !whole {
            fault("a column has no weight for some row");
        } else if leaks(&graph, op) {
            fault("a column has a weight on a line of another group");
        }
        if coded.coefficients.len() != columns || coded.zeros.len() != op.channels().len() {
            fault("a column or an element has no meaning");
        }
        let fits = match coded.act {
            CodedAct::None => node.form == Form::Sum,
            CodedAct::Clamp { .. } => target.digital.is_some() && node.form != Form::Sum,
            CodedAct::Relu => {
                matches!(
                    node.form,
                    Form::Relu
                        | Form::Clip(_)
                        | Form::Carrier { .. }
                        | Form::Segments(_)
                        | Form::Mirror { .. }
                )
            }
            // Where a digital core has no clip alone, a table or pieces make it.
            CodedAct::Table(_) | CodedAct::Pieces(_) if target.digital.is_some() => node.form != Form::Sum,
            CodedAct::Table(_) => matches!(node.form, Form::Table(_)),
            CodedAct::Pieces(_) => false,
        };
        if !fits {
            fault("what follows the sum is not the node's function");
        }
        if let (CodedAct::Table(table), None) = (&coded.act, &target.digital) {
            let codes = table.iter().all(|&code| (0..=target.input_max).contains(&code));
            if !codes || table.len() != 2 * target.code_max as usize + 1 || op.parts.len() != 1 {
                fault("the activation table does not fit the read, or the sum spans arrays");
            }
        }
    }
    found.into_result(Tuned(graph))
}

fn composed(op: &CoreOp<Coded>, target: &Target, fault: &mut dyn FnMut(&str)) {
    let coded = &op.payload;
    let Periphery::Composed { shift, sum_shift, bias_rows, bias } = &coded.periphery else { return };
    let limit = target.weight_max.unsigned_abs();
    let mut weights = coded.weights.iter().chain(bias).flatten();
    if weights.any(|w| u32::from(w.unsigned_abs()) > limit) {
        fault("a weight is larger than the cells can hold");
    }
    if !target.shifts.contains(shift) || *sum_shift > target.sum_shift_max {
        fault("a shift is outside the chip's range");
    }
    if *bias_rows > target.bias_rows {
        fault("there are more bias rows than the chip has");
    }
    if bias.len() != op.parts.len() || bias.iter().any(|b| b.len() != op.columns.len() * bias_rows) {
        fault("a column has no weight for some row");
    }
}

fn digital(op: &CoreOp<Coded>, own: &Requantised, target: &Target, fault: &mut dyn FnMut(&str)) {
    let Some(digital) = &target.digital else {
        fault("the core-op is coded for another kind of chip");
        return;
    };
    let coded = &op.payload;
    let range = digital.weight_lo..=digital.weight_hi;
    if coded.weights.iter().flatten().any(|&w| !range.contains(&i32::from(w))) {
        fault("a weight is larger than the chip's");
    }
    if own.bias.len() != op.columns.len() {
        fault("a column has no bias");
    }
    let most = 1i64 << (digital.bias_bits.min(62) - 1);
    if own.bias.iter().any(|b| !(-most..most).contains(b)) {
        fault("a bias is larger than the chip's");
    }
    if coded.act == CodedAct::None {
        return;
    }
    let each = |n: usize| n == 1 || n == op.columns.len() && digital.per_column;
    let multiplied = digital.multiplier_bits.is_some();
    if !each(own.shifts.len()) || multiplied != each(own.multipliers.len()) {
        fault("a column has no cut of its own, or has one where the chip has one for all");
    }
    if own.shifts.iter().any(|s| !(digital.shifts.0..=digital.shifts.1).contains(s)) {
        fault("a shift is outside the chip's range");
    }
    let levels = 0..=target.input_max;
    if !levels.contains(&own.zero) {
        fault("the level that stands for zero is none of the chip's");
    }
    if let CodedAct::Clamp { zero, lo, hi } = &coded.act
        && !(levels.contains(zero) && levels.contains(lo) && levels.contains(hi) && lo <= hi && digital.clamp)
    {
        fault("the clip does not fit the chip's levels");
    }
    if let CodedAct::Table(table) = &coded.act {
        let levels = table.iter().all(|&level| (0..=target.input_max).contains(&level));
        if !levels || table.len() != 1 << digital.bits {
            fault("the activation table does not fit the codes in front of it");
        }
    }
}

/// Whether a column of one group has a weight on a line of another.
fn leaks(graph: &CoreOpGraph<Coded>, op: &CoreOp<Coded>) -> bool {
    let dot = &graph.encoded.dot.nodes[op.node];
    let each = dot.channels / dot.groups();
    op.parts.iter().zip(&op.payload.weights).any(|(rows, weights)| {
        op.columns.iter().enumerate().any(|(at, column)| {
            let own = &weights[at * rows.len()..(at + 1) * rows.len()];
            let foreign = |line: &u32| op.lines[*line as usize].group as usize != column.channel / each;
            rows.iter().zip(own).any(|(line, &w)| w != 0 && foreign(line))
        })
    })
}
