//! Element-wise operators of one and two values.

use std::sync::Arc;

use super::field::Field;
use super::lowerer::{Lowerer, Outcome, refuse};
use super::value::{Sum, Value};
use crate::dots::Step;
use crate::graph::{Binary, Function, Relation};

/// Steps that give `value` whatever goes in.
fn always(value: f64) -> Arc<[Step]> {
    [Step::Affine { scale: 0.0, offset: value }].into()
}

/// What is always 0 or 1.
fn is_truth(value: &Value) -> bool {
    let truth = |step: &Step| {
        matches!(
            step,
            Step::Map(Function::Compare { .. } | Function::Not | Function::IsNan | Function::IsInf { .. })
                | Step::Join { op: Binary::Compare(_) | Binary::And | Binary::Or | Binary::Xor, .. }
        )
    };
    value
        .curve
        .as_ref()
        .is_some_and(|c| c.scale.is(1.0) && c.offset.is(0.0) && c.steps.last().is_some_and(truth))
}

fn mirrored(relation: Relation) -> Relation {
    match relation {
        Relation::Less => Relation::Greater,
        Relation::LessOrEqual => Relation::GreaterOrEqual,
        Relation::Equal => Relation::Equal,
        Relation::GreaterOrEqual => Relation::LessOrEqual,
        Relation::Greater => Relation::Less,
    }
}

impl Lowerer<'_> {
    /// `steps` of every element.
    pub(super) fn apply(&mut self, value: &Value, steps: Vec<Step>, name: &str) -> Outcome<Value> {
        match value.steps() {
            Some(mut all) => {
                all.extend(steps);
                Ok(Value::curved(value.sum.clone(), all))
            }
            None => Ok(Value::curved(self.settle(value, name)?, steps)),
        }
    }

    /// A function of every element.
    pub(super) fn map(&mut self, value: &Value, function: Function, name: &str) -> Outcome<Value> {
        match function {
            Function::Neg => Ok(value.affine_by(-1.0, 0.0)),
            _ => self.apply(value, vec![Step::Map(function)], name),
        }
    }

    /// An operator applied to two values of one shape.
    pub(super) fn binary(&mut self, op: Binary, a: &Value, b: &Value, name: &str) -> Outcome<Value> {
        match (a.constant().cloned(), b.constant().cloned()) {
            (Some(x), Some(y)) => {
                let offset = x.zip(&y, |x, y| f64::from(op.apply(x as f32, y as f32)));
                Ok(Sum::constant(a.shape(), offset).into())
            }
            (None, Some(c)) => self.with_constant(op, a, &c, name),
            (Some(c), None) => self.constant_with(op, &c, b, name),
            (None, None) => {
                let linear =
                    matches!(op, Binary::Add | Binary::Sub) && a.curve.is_none() && b.curve.is_none();
                if !linear && let Some((sum, a, b)) = a.joined(b) {
                    return Ok(Value::curved(sum, joined(op, &a, &b)));
                }
                self.computed(op, a, b, name)
            }
        }
    }

    /// The computed value on the left, constants on the right.
    fn with_constant(&mut self, op: Binary, x: &Value, c: &Field, name: &str) -> Outcome<Value> {
        let rank = x.shape().len();
        let (zero, one) = (Field::uniform(rank, 0.0), Field::uniform(rank, 1.0));
        let finite = |f: &Field, what: &str| {
            let rule = format!("{what} is not a finite number");
            if f.all(f64::is_finite) { Ok(()) } else { Err(refuse(rule, "repair the model's constant")) }
        };
        match op {
            Binary::Add | Binary::Sub => {
                finite(c, "a constant that is added")?;
                let sign = if op == Binary::Add { 1.0 } else { -1.0 };
                Ok(x.affine(&one, &c.map(|v| sign * v)))
            }
            Binary::Mul => {
                finite(c, "a constant factor")?;
                Ok(x.affine(c, &zero))
            }
            Binary::Div => {
                let inverse = c.map(|v| 1.0 / v);
                finite(&inverse, "the inverse of a constant divisor")?;
                Ok(x.affine(&inverse, &zero))
            }
            Binary::PRelu if c.value().is_none() => {
                finite(c, "a slope")?;
                let x = Value::from(self.settled_single(x, name)?);
                let (up, down) = (self.map(&x, Function::Relu, name)?, x.affine_by(-1.0, 0.0));
                let down = self.map(&down, Function::Relu, name)?.affine(&c.map(|v| -v), &zero);
                self.rewrites
                    .push(format!("{name:?}: slopes of several channels, as relu(x) - slope * relu(-x)"));
                self.add(&up, &down, name)
            }
            _ => match c.value() {
                Some(c) => {
                    let step = match op {
                        Binary::Max if c == 0.0 => Step::Map(Function::Relu),
                        Binary::PRelu => Step::Map(Function::LeakyRelu { alpha: c as f32 }),
                        Binary::Pow if c == 1.0 => return Ok(x.clone()),
                        Binary::Pow if c == 2.0 => Step::Map(Function::Square),
                        Binary::Pow if c == -1.0 => Step::Map(Function::Reciprocal),
                        Binary::Pow => Step::Map(Function::Pow { exponent: c as f32 }),
                        Binary::Compare(relation) => {
                            Step::Map(Function::Compare { relation, with: c as f32 })
                        }
                        op => Step::Join { op, a: [].into(), b: always(c) },
                    };
                    self.apply(x, vec![step], name)
                }
                None => self.shifted(op, x, c, name),
            },
        }
    }

    /// A constant for each element of its own on the right: the function of the difference.
    fn shifted(&mut self, op: Binary, x: &Value, c: &Field, name: &str) -> Outcome<Value> {
        let one = Field::uniform(x.shape().len(), 1.0);
        let difference = x.affine(&one, &c.map(|v| -v));
        let with = 0.0;
        match op {
            Binary::Max => Ok(self.map(&difference, Function::Relu, name)?.affine(&one, c)),
            Binary::Min => {
                let below = self.map(&difference.affine_by(-1.0, 0.0), Function::Relu, name)?;
                Ok(below.affine_by(-1.0, 0.0).affine(&one, c))
            }
            Binary::Compare(relation) => self.map(&difference, Function::Compare { relation, with }, name),
            Binary::And | Binary::Or | Binary::Xor => {
                let c = Sum::constant(x.shape(), c.clone()).into();
                self.truths(op, x, &c, name)
            }
            _ => Err(refuse(
                format!("{} with constants that differ from element to element", op.name()),
                "use the same constant for all elements",
            )),
        }
    }

    /// Constants on the left, the computed value on the right.
    fn constant_with(&mut self, op: Binary, c: &Field, x: &Value, name: &str) -> Outcome<Value> {
        match op {
            Binary::Add
            | Binary::Mul
            | Binary::Max
            | Binary::Min
            | Binary::And
            | Binary::Or
            | Binary::Xor => self.with_constant(op, x, c, name),
            Binary::Sub => self.with_constant(Binary::Add, &x.affine_by(-1.0, 0.0), c, name),
            Binary::Div => {
                let inverse = self.map(x, Function::Reciprocal, name)?;
                self.with_constant(Binary::Mul, &inverse, c, name)
            }
            Binary::Compare(relation) => self.with_constant(Binary::Compare(mirrored(relation)), x, c, name),
            _ => match c.value() {
                Some(c) => self.apply(x, vec![Step::Join { op, a: always(c), b: [].into() }], name),
                None => Err(refuse(
                    format!("{} of constants that differ from element to element", op.name()),
                    "use the same constant for all elements",
                )),
            },
        }
    }

    /// Both computed.
    fn computed(&mut self, op: Binary, a: &Value, b: &Value, name: &str) -> Outcome<Value> {
        match op {
            Binary::Add => self.add(a, b, name),
            Binary::Sub => self.add(a, &b.affine_by(-1.0, 0.0), name),
            Binary::Mul => self.product(a, b, name),
            Binary::Div => {
                let inverse = self.map(b, Function::Reciprocal, &format!("{name}/reciprocal"))?;
                self.rewrites.push(format!("{name:?}: a quotient, as a product with the reciprocal"));
                self.product(a, &inverse, name)
            }
            Binary::Max | Binary::Min => {
                let (a, b) = (self.settled_single(a, name)?, self.settled_single(b, name)?);
                if op == Binary::Max
                    && let Some(view) = self.larger(&a, &b, name)?
                {
                    return Ok(view);
                }
                // max(a, b) = b + relu(a - b), min(a, b) = a - relu(a - b)
                let difference = Value::from(a.plus(&Value::from(b.clone()).affine_by(-1.0, 0.0).sum));
                let above = self.map(&difference, Function::Relu, name)?;
                let above = Value::from(self.settle(&above, &format!("{name}/above"))?);
                self.rewrites
                    .push(format!("{name:?}: {} of two values by a ReLU of their difference", op.name()));
                match op {
                    Binary::Max => self.add(&b.into(), &above, name),
                    _ => self.add(&a.into(), &above.affine_by(-1.0, 0.0), name),
                }
            }
            Binary::Compare(relation) => {
                let difference = self.add(a, &b.affine_by(-1.0, 0.0), name)?;
                self.map(&difference, Function::Compare { relation, with: 0.0 }, name)
            }
            Binary::And | Binary::Or | Binary::Xor => self.truths(op, a, b, name),
            Binary::PRelu => {
                let a = Value::from(self.settled_single(a, name)?);
                let up = self.map(&a, Function::Relu, name)?;
                let down = self.map(&a.affine_by(-1.0, 0.0), Function::Relu, name)?;
                let down = self.product(&down, b, name)?;
                self.add(&up, &down.affine_by(-1.0, 0.0), name)
            }
            Binary::Pow | Binary::Mod { .. } => Err(refuse(
                format!("{} of two computed values is no function of one sum", op.name()),
                "make one of the operands a constant",
            )),
        }
    }

    /// a + b
    pub(super) fn add(&mut self, a: &Value, b: &Value, name: &str) -> Outcome<Value> {
        let one = Field::uniform(a.shape().len(), 1.0);
        if let Some(c) = b.constant() {
            return Ok(a.affine(&one, c));
        }
        if let Some(c) = a.constant() {
            return Ok(b.affine(&one, c));
        }
        let (a, b) = (self.settle(a, name)?, self.settle(b, name)?);
        Ok(a.plus(&b).into())
    }

    /// A sum with one addend at most, no function.
    pub(super) fn settled_single(&mut self, value: &Value, name: &str) -> Outcome<Sum> {
        let sum = self.settle(value, name)?;
        self.single(&sum, name)
    }

    /// a b = ((a + b)^2 - (a - b)^2) / 4
    pub(super) fn product(&mut self, a: &Value, b: &Value, name: &str) -> Outcome<Value> {
        let zero = Field::uniform(a.shape().len(), 0.0);
        if let Some(c) = b.constant() {
            return Ok(a.affine(c, &zero));
        }
        if let Some(c) = a.constant() {
            return Ok(b.affine(c, &zero));
        }
        let (a, b) = (self.settle(a, name)?, self.settle(b, name)?);
        self.rewrites.push(format!(
            "{name:?}: a product of two computed values, as squares of their sum and difference"
        ));
        let mut square = |sum: Sum, part: &str| -> Outcome<Value> {
            let squared = Value::curved(sum, vec![Step::Map(Function::Square)]);
            Ok(self.settle(&squared, &format!("{name}/{part}"))?.into())
        };
        let minus = Value::from(b.clone()).affine_by(-1.0, 0.0).sum;
        let sum = square(a.plus(&b), "sum squared")?;
        let difference = square(a.plus(&minus), "difference squared")?;
        self.add(&sum.affine_by(0.25, 0.0), &difference.affine_by(-0.25, 0.0), name)
    }

    /// Logical operators: thresholds of the sum of the truths.
    fn truths(&mut self, op: Binary, a: &Value, b: &Value, name: &str) -> Outcome<Value> {
        let mut truth = |value: &Value| -> Outcome<Value> {
            if is_truth(value) || value.constant().is_some_and(|c| c.all(|v| v == 0.0 || v == 1.0)) {
                return Ok(value.clone());
            }
            self.apply(value, vec![Step::Map(Function::Not), Step::Map(Function::Not)], name)
        };
        let (a, b) = (truth(a)?, truth(b)?);
        let sum = self.add(&a, &b, name)?;
        let (relation, with) = match op {
            Binary::And => (Relation::Greater, 1.5),
            Binary::Or => (Relation::Greater, 0.5),
            _ => (Relation::Equal, 1.0),
        };
        self.map(&sum, Function::Compare { relation, with }, name)
    }

    /// `a` where `c` is not 0, else `b`; all of one shape.
    pub(super) fn choose(&mut self, c: &Value, a: &Value, b: &Value, name: &str) -> Outcome<Value> {
        if let Some(condition) = c.constant() {
            let condition = condition.expand(c.shape());
            let (a, b) = (self.settled_single(a, name)?, self.settled_single(b, name)?);
            let count = condition.len() as u32;
            let pick = |(i, &c): (usize, &f64)| if c == 0.0 { count + i as u32 } else { i as u32 };
            let order = condition.iter().enumerate().map(pick).collect();
            let shape = c.shape().to_vec();
            let select = crate::graph::Select::Order { order, fill: 0.0, shape };
            return Ok(Sum::selected(&[&a, &b], &select).into());
        }
        let on = |value: &Value| match value.constant() {
            Some(field) => field.value().map(|v| (c.sum.clone(), always(v))),
            None => c.joined(value).filter(|(sum, ..)| *sum == c.sum).map(|(sum, _, steps)| (sum, steps)),
        };
        if let (Some(own), Some((_, a)), Some((_, b))) = (c.steps(), on(a), on(b)) {
            return Ok(Value::curved(c.sum.clone(), vec![Step::Choose { c: own.into(), a, b }]));
        }
        let mask = if is_truth(c) {
            c.clone()
        } else {
            self.apply(c, vec![Step::Map(Function::Not), Step::Map(Function::Not)], name)?
        };
        let difference = self.add(a, &b.affine_by(-1.0, 0.0), name)?;
        let chosen = self.product(&mask, &difference, name)?;
        self.add(b, &chosen, name)
    }
}

/// `op` of two functions of the same sum.
fn joined(op: Binary, a: &Arc<[Step]>, b: &Arc<[Step]>) -> Vec<Step> {
    if op == Binary::Mul && a == b {
        return [a.as_ref(), &[Step::Map(Function::Square)]].concat();
    }
    vec![Step::Join { op, a: a.clone(), b: b.clone() }]
}
