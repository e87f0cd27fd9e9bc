//! Operators made of others: products of computed matrices, softmax, the position of the largest, sparse maps.

use std::collections::BTreeMap;

use super::linear::{Kernel, Operator, Out};
use super::lowerer::{Lowerer, Outcome, refuse};
use super::pattern::{Along, Pattern};
use super::value::{Sum, Value};
use super::view::{Ref, View, of_node};
use super::virtuals::{Term, Virtual, Weights, Work};
use crate::dots::{Act, PAD, Read, Taps};
use crate::graph::{Binary, Function, Op, ReduceKind, Relation, Select, Sparse, Tensor};
use crate::numeric::Matrix;

/// The most different rows of weights that a sparse map is divided into.
const MOST_PHASES: usize = 256;

impl Lowerer<'_> {
    /// The product of two computed matrices: the products of all elements, summed.
    pub(super) fn matmul(&mut self, a: &Sum, b: &Sum, shape: &[usize], name: &str) -> Outcome<Value> {
        let (a, b) = (self.single(a, name)?, self.single(b, name)?);
        let rows = if a.shape.len() == 1 { [&[1], &a.shape[..]].concat() } else { a.shape.clone() };
        let cols = if b.shape.len() == 1 { [&b.shape[..], &[1]].concat() } else { b.shape.clone() };
        let (m, k) = (rows[rows.len() - 2], rows[rows.len() - 1]);
        let n = cols[cols.len() - 1];
        let front =
            crate::graph::broadcast(&rows[..rows.len() - 2], &cols[..cols.len() - 2]).unwrap_or_default();
        let products = front.iter().chain([&m, &k, &n]).fold(1usize, |p, &d| p.saturating_mul(d));
        if products > self.options.most_products {
            let rule =
                format!("the product of two computed matrices takes {products} products of two values");
            let way_out =
                format!("at most {} are compiled: shorten the sequence", self.options.most_products);
            return Err(refuse(rule, way_out));
        }
        let all = [&front[..], &[m, k, n]].concat();
        let a = a.reshaped(&[&rows[..], &[1]].concat()).broadcast(&all);
        let b = b.reshaped(&[&cols[..cols.len() - 2], &[1, k, n]].concat()).broadcast(&all);
        let product = self.product(&a.into(), &b.into(), name)?;
        let sum = self.settle(&product, name)?;
        let total = self.reduce(&sum, ReduceKind::Sum, &[front.len() + 1], false, name)?;
        Ok(total.sum.reshaped(shape).into())
    }

    /// exp(x - m - log sum exp(x - m)), m the largest: the functions stay within (0, 1].
    pub(super) fn softmax(
        &mut self,
        x: &Sum,
        first: usize,
        last: usize,
        log: bool,
        name: &str,
    ) -> Outcome<Value> {
        let axes: Vec<usize> = (first..=last).collect();
        let x = self.single(x, &format!("{name}/operand"))?;
        let largest =
            self.reduce(&x, ReduceKind::Max, &axes, true, &format!("{name}/max"))?.broadcast(&x.shape);
        let below = Value::from(x).binary_sub(self, &largest, &format!("{name}/below"))?;
        let below = if log { self.settled_single(&below, &format!("{name}/below"))?.into() } else { below };
        let exp = self.map(&below, Function::Exp, &format!("{name}/exp"))?;
        let exp = Value::from(self.settle(&exp, &format!("{name}/exp"))?);
        let total = self.reduce(&exp.sum, ReduceKind::Sum, &axes, true, &format!("{name}/sum"))?;
        if log {
            let log = self.map(&total, Function::Log, &format!("{name}/log"))?;
            let log = Value::from(self.settle(&log, &format!("{name}/log"))?).broadcast(below.shape());
            self.rewrites.push(format!("{name:?}: LogSoftmax as x - m - log(sum(exp(x - m)))"));
            return below.binary_sub(self, &log, name);
        }
        // A product of exp and a reciprocal would take two squares for each element, over ranges that neither has.
        let share = self.map(&total, Function::Log, &format!("{name}/log"))?;
        let share = Value::from(self.settle(&share, &format!("{name}/log"))?).broadcast(below.shape());
        self.rewrites.push(format!("{name:?}: Softmax as exp(x - m - log(sum(exp(x - m))))"));
        let rest = below.binary_sub(self, &share, &format!("{name}/rest"))?;
        self.map(&rest, Function::Exp, name)
    }

    /// 1 at the first (or last) largest along `axes`, else 0.
    pub(super) fn hardmax(&mut self, x: &Sum, axes: &[usize], backwards: bool, name: &str) -> Outcome<Value> {
        let x = self.single(x, &format!("{name}/operand"))?;
        let largest =
            self.reduce(&x, ReduceKind::Max, axes, true, &format!("{name}/max"))?.broadcast(&x.shape);
        let shape = x.shape.clone();
        let reached = Value::from(x).binary_sub(self, &largest, name)?;
        let relation = Relation::GreaterOrEqual;
        let reached =
            self.map(&reached, Function::Compare { relation, with: 0.0 }, &format!("{name}/reached"))?;
        let reached = self.settle(&reached, &format!("{name}/reached"))?;
        let count: usize = axes.iter().map(|&a| shape[a]).product();
        let [first, .., last] = [axes[0], axes[axes.len() - 1]];
        let (outer, inner) = (shape[..first].iter().product(), shape[last + 1..].iter().product());
        // An earlier one that also reaches the largest takes its place.
        let weight = |row: usize, tap: usize| {
            let earlier = if backwards { tap > row } else { tap < row };
            f32::from(i8::from(row == tap) - i8::from(earlier))
        };
        let data: Vec<f32> = (0..count * count).map(|i| weight(i / count, i % count)).collect();
        let value = self.along(&reached.reshaped(&[outer, count, inner]), &data, count, name)?;
        let won = self.map(&value, Function::Compare { relation, with: 0.5 }, name)?;
        let won = self.settle(&won, name)?;
        Ok(won.reshaped(&shape).into())
    }

    /// A constant matrix \[rows, n\] applied along axis 1 of x \[outer, n, inner\].
    fn along(&mut self, x: &Sum, data: &[f32], rows: usize, name: &str) -> Outcome<Value> {
        let taps = x.shape[1];
        let axes = vec![Along::each(x.shape[0]), Along::sum(taps), Along::each(x.shape[2])];
        let pattern = Pattern { axes, groups: 1 };
        let kernel = Kernel::Given { data, per_group: 0, per_row: taps, per_tap: 1 };
        let operator = Operator { pattern: pattern.clone(), width: rows, kernel, bias: None };
        let applied = self.linear(x, operator, name)?;
        let out = [Out::Positions(0), Out::Rows, Out::Positions(2)];
        let mut sum = Sum::of(pattern.result(applied.node, rows, &out));
        if let Some(offset) = applied.offset {
            let data = sum.addends[0].view.refs().iter().map(|r| offset[r.element as usize]).collect();
            sum.offset = super::field::Field::of(&sum.shape, data);
        }
        Ok(sum.into())
    }

    /// The position of the largest along `axis`.
    pub(super) fn argmax(
        &mut self,
        x: &Sum,
        (axis, keepdims, select_last): (usize, bool, bool),
        name: &str,
    ) -> Outcome<Value> {
        let won = self.hardmax(x, &[axis], select_last, &format!("{name}/one"))?;
        let shape = x.shape.clone();
        let (outer, inner) = (shape[..axis].iter().product(), shape[axis + 1..].iter().product());
        let data: Vec<f32> = (0..shape[axis]).map(|i| i as f32).collect();
        let won = self.settle(&won, name)?.reshaped(&[outer, shape[axis], inner]);
        let value = self.along(&won, &data, 1, name)?;
        let mut to = shape;
        if keepdims {
            to[axis] = 1;
        } else {
            to.remove(axis);
        }
        Ok(value.sum.reshaped(&to).into())
    }

    /// A sparse map: one node for each different row of weights, a table of the elements it takes.
    pub(super) fn sparse(&mut self, x: &Sum, map: &Sparse, name: &str) -> Outcome<Value> {
        let view = self.bare(x, &format!("{name}/operand"))?;
        let refs = view.refs();
        let source = refs[0].source;
        let view = if refs.iter().all(|r| r.source == source) { view } else { self.copy(&view, name) };
        let refs = view.refs();
        let source = refs[0].source;
        let rows: usize = map.shape().iter().product();
        let mut phases: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
        for row in 0..rows {
            phases.entry(map.row(row).map(|(_, c)| c.to_bits()).collect()).or_default().push(row);
        }
        if phases.len() > MOST_PHASES {
            if rows.saturating_mul(map.inputs()) > self.options.most_products {
                let rule = format!("a linear map has {} different rows of weights", phases.len());
                return Err(refuse(rule, "use a whole factor of scale, or a smaller value"));
            }
            let mut data = vec![0.0; rows * map.inputs()];
            for row in 0..rows {
                map.row(row).for_each(|(i, c)| data[row * map.inputs() + i] += c);
            }
            let flat = Sum::of(view).reshaped(&[1, map.inputs(), 1]);
            return Ok(self.along(&flat, &data, rows, name)?.sum.reshaped(map.shape()).into());
        }
        let mut out = vec![Ref::NONE; rows];
        for (weights, rows) in phases {
            if weights.is_empty() {
                continue;
            }
            let element = |(i, _): (usize, f32)| refs[i].element;
            let elements: Vec<u32> = rows.iter().flat_map(|&row| map.row(row).map(element)).collect();
            debug_assert!(!elements.contains(&PAD), "every element is computed");
            let taps = Taps::Table { taps: weights.len(), elements: elements.into() };
            let read = Read { source: super::view::source(source), taps, group_step: 0 };
            let matrix = Matrix::from_fn(1, weights.len(), |_, t| f64::from(f32::from_bits(weights[t])));
            let term = Term::Own { reads: vec![read], weights: Weights::Dense(vec![matrix]) };
            let work = Work::Dot { terms: vec![term], bias: vec![0.0], act: Act::None };
            let grid = if rows.len() == 1 { vec![] } else { vec![rows.len()] };
            let node = self.push(Virtual { name: name.to_owned(), grid, groups: 1, width: 1, work });
            for (element, &row) in rows.iter().enumerate() {
                out[row] = Ref { source: of_node(node), element: element as u32 };
            }
        }
        Ok(Value::of(View::of(map.shape().to_vec(), out)))
    }

    /// A primitive whose operands are all constant after all.
    pub(super) fn folded(&mut self, op: &Op, operands: &[Tensor]) -> Outcome<Value> {
        let operands: Vec<&Tensor> = operands.iter().collect();
        let made = crate::graph::evaluate(op, &operands, crate::graph::MAX_SAMPLE_LEN);
        made.map(|tensor| Value::tensor(&tensor)).map_err(|e| refuse(e.rule, e.way_out))
    }

    /// A rearrangement.
    pub(super) fn select(&mut self, operands: &[&Value], select: &Select, name: &str) -> Outcome<Value> {
        let mut sums = Vec::new();
        for operand in operands {
            let sum = self.settle(operand, name)?;
            sums.push(if operands.len() > 1 { self.single(&sum, name)? } else { sum });
        }
        let sums: Vec<&Sum> = sums.iter().collect();
        Ok(Sum::selected(&sums, select).into())
    }
}

impl Value {
    fn binary_sub(&self, lowerer: &mut Lowerer<'_>, other: &Value, name: &str) -> Outcome<Value> {
        lowerer.binary(Binary::Sub, self, other, name)
    }
}
