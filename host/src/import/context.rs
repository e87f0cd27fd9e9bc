//! What a translator sees of one ONNX node: its operands and attributes, and the means to add primitives.
//!
//! A translator begins with [`Context::expect`], reads attributes and operands, adds inner primitives with
//! [`Context::part`] and the last one of every output with [`Context::output`] (or [`Context::pass`] where an output is an
//! operand or a constant). Primitives of constants are computed at once and never reach the graph. Operands that were
//! refused never reach a translator.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::attributes::{Attributes, resolve_axis};
use super::constant::{self, Constant, Numbers};
use super::fold::fold;
use super::onnx::{NodeProto, data_type};
use super::reader::{Known, Reader};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::{Binary, Function, Op, Select, ShapeError, Steps, Tensor, ValueId, element_count};

/// An operand or a result.
#[derive(Clone, Debug)]
pub(crate) enum Term {
    /// A value that depends on an input, with the ONNX element type that it would have there.
    Value(ValueId, i32),
    /// A constant, with its name in the file if it has one.
    Constant(Constant, Option<Arc<str>>),
}

impl Term {
    /// A constant of floating-point numbers. Panics when the number of elements differs from the shape's.
    pub(crate) fn floats(shape: Vec<usize>, data: Vec<f32>) -> Self {
        let tensor = Tensor::new(shape, data);
        assert!(tensor.is_some(), "a constant made by the importer has its elements");
        tensor.map_or_else(|| Self::ints(vec![0], Vec::new()), |t| Self::Constant(Constant::float(t), None))
    }

    /// A single number.
    pub(crate) fn number(value: f32) -> Self {
        Self::floats(Vec::new(), vec![value])
    }

    /// A constant of whole numbers (INT64).
    pub(crate) fn ints(shape: Vec<usize>, data: Vec<i64>) -> Self {
        Self::Constant(Constant::int(shape, data), None)
    }

    /// The constant, when it is one.
    pub(crate) fn constant(&self) -> Option<&Constant> {
        if let Term::Constant(constant, _) = self { Some(constant) } else { None }
    }

    /// The ONNX element type ([`data_type`]).
    pub(crate) fn element(&self) -> i32 {
        match self {
            Term::Value(_, element) => *element,
            Term::Constant(constant, _) => constant.element,
        }
    }

    /// Whether the numbers are whole, truths included.
    pub(crate) fn is_whole(&self) -> bool {
        data_type::is_whole(self.element())
    }

    /// The same term; a constant with fractions is known to be made of whole multiples of `steps`.
    pub(crate) fn stepped(self, steps: Steps) -> Self {
        match self {
            Term::Constant(Constant { element, numbers: Numbers::Float(tensor) }, name) => {
                let tensor = Arc::new(tensor.as_ref().clone().stepped(steps));
                Term::Constant(Constant { element, numbers: Numbers::Float(tensor) }, name)
            }
            other => other,
        }
    }

    /// The same numbers under another element type: nothing is rounded.
    pub(crate) fn with_element(self, element: i32) -> Self {
        match self {
            Term::Value(id, _) => Term::Value(id, element),
            Term::Constant(Constant { numbers, .. }, name) => {
                // A constant's storage follows its type.
                let constant = Constant { element, numbers };
                let numbers = match (&constant.numbers, data_type::is_whole(element)) {
                    (Numbers::Int(..), false) => constant.tensor().map(Numbers::Float),
                    (Numbers::Float(t), true) => {
                        let data = t.data().iter().map(|&v| v as i64).collect();
                        Some(Numbers::Int(t.shape().to_vec(), Arc::new(data)))
                    }
                    _ => return Term::Constant(constant, name),
                };
                Term::Constant(Constant { element, numbers: numbers.unwrap_or(Numbers::Unreadable) }, None)
            }
        }
    }
}

/// One node being translated.
pub(crate) struct Context<'r, 'm> {
    pub(super) reader: &'r mut Reader,
    pub(super) node: &'m NodeProto,
    /// The node's name, or one made for it.
    pub(crate) name: &'m str,
    /// The node in messages.
    pub(crate) place: &'m str,
}

impl<'m> Context<'_, 'm> {
    /// The version of the operator set of the node's domain.
    pub(crate) fn opset(&self) -> i64 {
        self.reader.opset
    }

    /// The ONNX operator.
    pub(crate) fn operator(&self) -> &'m str {
        &self.node.op_type
    }

    /// The attributes; [`Context::expect`] has checked their names.
    pub(crate) fn attributes(&self) -> Attributes<'m> {
        Attributes::new(self.node, self.place)
    }

    /// Refuses numbers of operands outside `operands` (the first `operands.start()` must not be left out), and attributes not
    /// listed in `attributes`.
    pub(crate) fn expect(&self, operands: RangeInclusive<usize>, attributes: &[&str]) -> Result<()> {
        self.attributes().only(self.operator(), attributes)?;
        let (given, least, most) = (self.node.input.len(), *operands.start(), *operands.end());
        if operands.contains(&given) && !self.node.input[..least].iter().any(String::is_empty) {
            return Ok(());
        }
        let range = match (least == most, most == usize::MAX) {
            (true, _) => least.to_string(),
            (_, true) => format!("{least} or more"),
            _ => format!("{least} to {most}"),
        };
        let rule = format!("{} takes {range} inputs, here are {given} or some are left out", self.operator());
        self.refuse("SP0105", rule, "export the model again")
    }

    /// An error at this node.
    pub(crate) fn refuse<T>(&self, code: &'static str, rule: impl Into<String>, way_out: &str) -> Result<T> {
        Err(self.fault(code, rule, way_out))
    }

    /// An error at this node, to be returned or collected.
    pub(crate) fn fault(&self, code: &'static str, rule: impl Into<String>, way_out: &str) -> Diagnostics {
        Diagnostic::error(code, self.place, rule, way_out).into()
    }

    /// The number of operands, those left out at the end not counted.
    pub(crate) fn inputs(&self) -> usize {
        self.node.input.iter().rposition(|i| !i.is_empty()).map_or(0, |last| last + 1)
    }

    /// Operand `at`, when it is given.
    pub(crate) fn optional(&self, at: usize) -> Option<Term> {
        let name = self.node.input.get(at).filter(|n| !n.is_empty())?;
        self.reader.term(name)
    }

    /// Operand `at`.
    pub(crate) fn input(&self, at: usize) -> Result<Term> {
        self.optional(at).map_or_else(
            || self.refuse("SP0105", format!("input {at} is left out"), "export the model again"),
            Ok,
        )
    }

    /// The complete shape of a term.
    pub(crate) fn shape(&self, term: &Term) -> Vec<usize> {
        match term {
            Term::Value(id, _) => self.reader.builder.value(*id).shape.clone(),
            Term::Constant(constant, _) => constant.shape().to_vec(),
        }
    }

    /// Operand `at` as a constant list of whole numbers, none if it is left out; `what` names it in the error.
    pub(crate) fn ints(&self, at: usize, what: &str) -> Result<Option<Vec<i64>>> {
        let Some(term) = self.optional(at) else { return Ok(None) };
        match term.constant().and_then(Constant::ints) {
            Some(ints) if self.shape(&term).len() <= 1 => Ok(Some(ints.to_vec())),
            _ => {
                let name = &self.node.input[at];
                let rule = format!("the {what} {name:?} is not a constant list of whole numbers");
                self.refuse("SP0105", rule, "export the model with fixed shapes, so that they are constants")
            }
        }
    }

    /// Operand `at` as constant numbers, none if it is left out.
    pub(crate) fn tensor(&self, at: usize, what: &str) -> Result<Option<Arc<Tensor>>> {
        let Some(term) = self.optional(at) else { return Ok(None) };
        match term.constant().and_then(Constant::tensor) {
            Some(tensor) => Ok(Some(tensor)),
            None => {
                let rule = format!("the {what} {:?} is not a constant", self.node.input[at]);
                self.refuse("SP0105", rule, "only values known in advance are supported here")
            }
        }
    }

    /// Operand `at` as one constant number, none if it is left out.
    pub(crate) fn number(&self, at: usize, what: &str) -> Result<Option<f32>> {
        match self.tensor(at, what)? {
            Some(tensor) if tensor.data().len() == 1 => Ok(Some(tensor.data()[0])),
            Some(tensor) => {
                let rule = format!("the {what} has the shape {:?}, not one number", tensor.shape());
                self.refuse("SP0108", rule, "export the model again")
            }
            None => Ok(None),
        }
    }

    /// An axis of a tensor of `rank` dimensions, negative ones counted from the end.
    pub(crate) fn axis(&self, axis: i64, rank: usize, name: &str) -> Result<usize> {
        resolve_axis(axis, rank, name, self.place)
    }

    /// Axes of a tensor of `rank` dimensions, ascending; one given twice is refused.
    pub(crate) fn axes(&self, axes: &[i64], rank: usize, name: &str) -> Result<Vec<usize>> {
        let mut resolved = Vec::with_capacity(axes.len().min(rank));
        for &axis in axes {
            let axis = self.axis(axis, rank, name)?;
            if resolved.contains(&axis) {
                return self.refuse(
                    "SP0106",
                    format!("{name} lists axis {axis} twice"),
                    "export the model again",
                );
            }
            resolved.push(axis);
        }
        resolved.sort_unstable();
        Ok(resolved)
    }

    /// Whether output `at` is wanted.
    pub(crate) fn wants(&self, at: usize) -> bool {
        self.node.output.get(at).is_some_and(|o| !o.is_empty())
    }

    /// Adds an inner primitive; node and value are called `NODE/PART`.
    pub(crate) fn part(&mut self, part: &str, op: Op, operands: &[&Term]) -> Result<Term> {
        let name = format!("{}/{part}", self.name);
        self.add(&name, &name, op, operands)
    }

    /// Adds the primitive that makes output `at` of the node, under the node's own name; nothing when it is not wanted.
    pub(crate) fn output(&mut self, at: usize, op: Op, operands: &[&Term]) -> Result<()> {
        let Some(output) = self.node.output.get(at).filter(|o| !o.is_empty()) else { return Ok(()) };
        let term = self.add(self.name, output, op, operands)?;
        self.pass(at, term);
        Ok(())
    }

    /// As [`Context::output`] with the element type that the output has in ONNX.
    pub(crate) fn output_as(&mut self, at: usize, element: i32, op: Op, operands: &[&Term]) -> Result<()> {
        let Some(output) = self.node.output.get(at).filter(|o| !o.is_empty()) else { return Ok(()) };
        let term = self.add(self.name, output, op, operands)?.with_element(element);
        self.pass(at, term);
        Ok(())
    }

    /// Makes output `at` of the node stand for `term`, whose name stays.
    pub(crate) fn pass(&mut self, at: usize, term: Term) {
        if let Some(output) = self.node.output.get(at).filter(|o| !o.is_empty()) {
            self.reader.known.insert(output.clone(), Known::Term(term));
        }
    }

    /// Makes the first output stand for a constant of the file, which keeps that output's name.
    pub(crate) fn pass_named(&mut self, constant: Constant) {
        let name = self.node.output.first().map(|o| Arc::from(o.as_str()));
        self.pass(0, Term::Constant(constant, name));
    }

    /// The number of outputs, those left out at the end not counted.
    pub(crate) fn outputs(&self) -> usize {
        self.node.output.iter().rposition(|o| !o.is_empty()).map_or(0, |last| last + 1)
    }

    fn add(&mut self, name: &str, output: &str, op: Op, operands: &[&Term]) -> Result<Term> {
        let element = result_element(&op, operands);
        let constants: Option<Vec<&Constant>> = operands.iter().map(|t| t.constant()).collect();
        if let Some(constants) = constants {
            return self.fold(&op, &constants, element);
        }
        let infinite = matches!(op, Op::Where | Op::Select(_) | Op::Binary(_));
        let mut inputs = Vec::with_capacity(operands.len());
        for (i, operand) in operands.iter().enumerate() {
            inputs.push(self.handle(operand, &format!("{name}:{i}"), infinite)?);
        }
        self.reader.builder.set_origin(Some(self.operator()));
        let added = self.reader.builder.node(name, op, &inputs, output);
        Ok(Term::Value(added.map_err(|e| shape_fault(e, self.place))?, element))
    }

    /// The handle of a term; constants are added to the graph at their first use, under their own name or `name`.
    fn handle(&mut self, term: &Term, name: &str, infinite: bool) -> Result<ValueId> {
        let (constant, own) = match term {
            Term::Value(id, _) => return Ok(*id),
            Term::Constant(constant, own) => (constant, own),
        };
        if let Some(id) = own.as_ref().and_then(|own| self.reader.handles.get(own)) {
            return Ok(*id);
        }
        let name = own.as_deref().unwrap_or(name);
        let Some(tensor) = constant.tensor() else {
            let kind = data_type::name(constant.element);
            let rule = format!("the operand {name:?} has elements of type {kind}, which is not read");
            let way_out = "export the network in 32-bit floating point";
            return self.refuse("SP0109", rule, way_out);
        };
        if !infinite && tensor.data().iter().any(|v| !v.is_finite()) {
            let rule = format!("the operand {name:?} is not a finite number");
            return self.refuse(
                "SP0110",
                rule,
                "train or export the model again: every weight must be finite",
            );
        }
        let id = self.reader.builder.constant(name, tensor);
        if let Some(own) = own {
            self.reader.handles.insert(own.clone(), id);
        }
        Ok(id)
    }

    fn fold(&mut self, op: &Op, operands: &[&Constant], element: i32) -> Result<Term> {
        if let Some(unreadable) = operands.iter().find(|c| c.numbers == Numbers::Unreadable) {
            let rule =
                format!("a constant operand has the element type {}", data_type::name(unreadable.element));
            return self.refuse("SP0109", rule, "export the network in 32-bit floating point");
        }
        let folded = fold(op, operands, element, self.reader.folding_budget);
        let constant = folded.map_err(|e| match e.unsupported && e.rule.contains("too large") {
            true => self.fault("SP0115", e.rule, &e.way_out),
            false => shape_fault(e, self.place),
        })?;
        let count = element_count(constant.shape()).unwrap_or(0);
        self.reader.folding_budget = self.reader.folding_budget.saturating_sub(count);
        // Masks hold infinities, which stay what they are.
        let masked = operands.iter().any(|c| c.has_infinity()) && !matches!(op, Op::MatMul | Op::Conv(_));
        if let Numbers::Float(tensor) = &constant.numbers
            && !matches!(op, Op::Where | Op::Select(_))
            && !(masked && tensor.data().iter().all(|v| !v.is_nan()))
        {
            constant::finite(tensor.data(), tensor.shape(), self.place)?;
        }
        Ok(Term::Constant(constant, None))
    }

    // What many translators need.

    /// An inner element-wise function.
    pub(crate) fn map(&mut self, part: &str, function: Function, x: &Term) -> Result<Term> {
        self.part(part, Op::Map(function), &[x])
    }

    /// An inner element-wise operator of two operands.
    pub(crate) fn binary(&mut self, part: &str, op: Binary, a: &Term, b: &Term) -> Result<Term> {
        self.part(part, Op::Binary(op), &[a, b])
    }

    /// An inner reshaping; nothing where the shape is the same already.
    pub(crate) fn view(&mut self, part: &str, x: &Term, shape: &[usize]) -> Result<Term> {
        if self.shape(x) == shape { Ok(x.clone()) } else { self.part(part, Op::view(shape), &[x]) }
    }

    /// An inner transposition; nothing where no axis moves.
    pub(crate) fn transpose(&mut self, part: &str, x: &Term, perm: &[usize]) -> Result<Term> {
        if perm.iter().copied().eq(0..self.shape(x).len()) {
            return Ok(x.clone());
        }
        self.part(part, Op::Select(Select::Transpose { perm: perm.to_vec() }), &[x])
    }
}

/// The ONNX element type of a primitive's result.
fn result_element(op: &Op, operands: &[&Term]) -> i32 {
    let of = |at: usize| operands.get(at).map_or(data_type::FLOAT, |t| t.element());
    match op {
        Op::Map(Function::Compare { .. } | Function::Not | Function::IsNan | Function::IsInf { .. })
        | Op::Binary(Binary::Compare(_) | Binary::And | Binary::Or | Binary::Xor) => data_type::BOOL,
        Op::ArgMax { .. } => data_type::INT64,
        Op::Where => of(1),
        _ => of(0),
    }
}

pub(super) fn shape_fault(error: ShapeError, place: &str) -> Diagnostics {
    let code = if error.unsupported { "SP0105" } else { "SP0108" };
    Diagnostic::error(code, place, error.rule, error.way_out).into()
}
