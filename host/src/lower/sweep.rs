//! Operators that walk over a value: convolution, matrix product, pooling, reductions.

use super::field::Field;
use super::linear::{Applied, Kernel, Operator, Out};
use super::lowerer::{Lowerer, Outcome, refuse};
use super::pattern::{Along, Pattern};
use super::read::reads;
use super::value::{Sum, Value};
use super::view::View;
use super::virtuals::{Taken, Virtual, Work};
use crate::graph::{Conv, Pool, PoolKind, ReduceKind, Tensor};

/// A node's value, and constants added to it that no bias can hold.
fn finished(view: View, applied: &Applied) -> Value {
    let mut sum = Sum::of(view);
    if let Some(offset) = &applied.offset {
        let data = sum.addends[0].view.refs().iter().map(|r| offset[r.element as usize]).collect();
        sum.offset = Field::of(&sum.shape, data);
    }
    sum.into()
}

impl Lowerer<'_> {
    /// A convolution with constant weights.
    pub(super) fn conv(
        &mut self,
        x: &Sum,
        conv: &Conv,
        weights: &Tensor,
        bias: Option<&Tensor>,
        name: &str,
    ) -> Outcome<Value> {
        let window = &conv.window;
        let per_group = weights.shape()[1];
        let mut axes = vec![Along::each(x.shape[0])];
        axes.push(if conv.groups == 1 { Along::sum(per_group) } else { Along::group(per_group) });
        let positions = window.positions(&x.shape[2..]).unwrap_or_default();
        for (axis, &positions) in positions.iter().enumerate() {
            axes.push(Along {
                positions,
                coefficient: window.strides[axis],
                taps: window.kernel[axis],
                step: window.dilations[axis],
                pad: window.pads_begin[axis],
                per_group: 0,
            });
        }
        let pattern = Pattern { axes, groups: conv.groups };
        let (taps, width) = (pattern.taps(), weights.shape()[0] / conv.groups);
        let kernel =
            Kernel::Given { data: weights.data(), per_group: width * taps, per_row: taps, per_tap: 1 };
        let bias = bias.map(Tensor::data);
        let operator = Operator { pattern: pattern.clone(), width, kernel, bias };
        let applied = self.linear(x, operator, name)?;
        let mut out = vec![Out::Positions(0), Out::Channels];
        out.extend((2..x.shape.len()).map(Out::Positions));
        Ok(finished(pattern.result(applied.node, width, &out), &applied))
    }

    /// x \[.., M, K\] times the constant matrices \[.., K, N\].
    pub(super) fn times_constant(&mut self, x: &Sum, w: &Tensor, name: &str) -> Outcome<Value> {
        let rank = x.shape.len();
        let (k, n) = match w.shape() {
            [k] => (*k, 1),
            [.., k, n] => (*k, *n),
            [] => return Err(refuse("the product with a number", "")),
        };
        let batches: usize = w.shape().iter().rev().skip(2).product();
        let mut axes: Vec<Along> = x.shape[..rank - 1].iter().map(|&n| Along::each(n)).collect();
        axes.push(Along::sum(k));
        let kernel = Kernel::Given { data: w.data(), per_group: k * n, per_row: 1, per_tap: n };
        if batches == 1 {
            let pattern = Pattern { axes, groups: 1 };
            let operator = Operator { pattern: pattern.clone(), width: n, kernel, bias: None };
            let applied = self.linear(x, operator, name)?;
            let mut out: Vec<Out> = (0..rank - 1).map(Out::Positions).collect();
            if w.shape().len() > 1 {
                out.push(Out::Rows);
            }
            return Ok(finished(pattern.result(applied.node, n, &out), &applied));
        }
        if rank == 1 {
            // A row, of which ONNX leaves out the axis again.
            let row = self.times_constant(&x.reshaped(&[1, k]), w, name)?.sum;
            let shape = [&w.shape()[..w.shape().len() - 2], &[n]].concat();
            return Ok(row.reshaped(&shape).into());
        }
        // A matrix of its own for each batch: groups.
        let front = [&w.shape()[..w.shape().len() - 2], &x.shape[rank - 2..]].concat();
        let shape = crate::graph::broadcast(&x.shape, &front).unwrap_or_default();
        let batch = crate::graph::broadcast(&x.shape[..rank - 2], &w.shape()[..w.shape().len() - 2])
            .unwrap_or_default();
        let rows = x.shape[rank - 2];
        if batch.iter().product::<usize>() != batches {
            return Err(refuse(
                "constant matrices are broadcast over other axes",
                "repeat the constant along them",
            ));
        }
        let x = x.broadcast(&shape).reshaped(&[batches, rows, k]);
        let pattern =
            Pattern { axes: vec![Along::group(1), Along::each(rows), Along::sum(k)], groups: batches };
        let operator = Operator { pattern: pattern.clone(), width: n, kernel, bias: None };
        let applied = self.linear(&x, operator, name)?;
        let view = pattern.result(applied.node, n, &[Out::Groups, Out::Positions(1), Out::Rows]);
        let value = finished(view, &applied);
        Ok(value.sum.reshaped(&[batch, vec![rows, n]].concat()).into())
    }

    /// The sum (or a multiple of it) over windows or axes: every channel a group of its own.
    fn totals(&mut self, x: &Sum, pattern: Pattern, factor: f64, out: &[Out], name: &str) -> Outcome<Value> {
        let kernel = Kernel::Uniform(factor);
        let operator = Operator { pattern: pattern.clone(), width: 1, kernel, bias: None };
        let applied = self.linear(x, operator, name)?;
        Ok(finished(pattern.result(applied.node, 1, out), &applied))
    }

    /// A pooling.
    pub(super) fn pool(&mut self, x: &Sum, pool: &Pool, name: &str) -> Outcome<Value> {
        let window = &pool.window;
        let channels = x.shape[1];
        let mut axes = vec![Along::each(x.shape[0])];
        axes.push(if channels == 1 { Along::each(1) } else { Along::group(1) });
        for (axis, &positions) in pool.output.iter().enumerate() {
            axes.push(Along {
                positions,
                coefficient: window.strides[axis],
                taps: window.kernel[axis],
                step: window.dilations[axis],
                pad: window.pads_begin[axis],
                per_group: 0,
            });
        }
        let pattern = Pattern { axes, groups: channels };
        let mut out = vec![Out::Positions(0), Out::Channels];
        out.extend((2..x.shape.len()).map(Out::Positions));
        let count_include_pad = match pool.kind {
            PoolKind::Max => return self.largest(x, &pattern, &out, name),
            PoolKind::Sum => return self.totals(x, pattern, 1.0, &out, name),
            PoolKind::Average { count_include_pad } => count_include_pad,
        };
        // How many elements the windows count along each axis.
        let counts: Vec<Vec<f64>> = (0..window.rank())
            .map(|axis| {
                let size = x.shape[axis + 2];
                let (low, high) = if count_include_pad {
                    (0, window.pads_begin[axis] + size + window.pads_end[axis])
                } else {
                    (window.pads_begin[axis], window.pads_begin[axis] + size)
                };
                let at = |p: usize, t: usize| p * window.strides[axis] + t * window.dilations[axis];
                let count =
                    |p: usize| (0..window.kernel[axis]).filter(|&t| (low..high).contains(&at(p, t))).count();
                (0..pool.output[axis]).map(|p| count(p) as f64).collect()
            })
            .collect();
        if counts.iter().all(|list| list.iter().all(|&c| c == list[0])) {
            let count: f64 = counts.iter().map(|list| list[0]).product();
            return self.totals(x, pattern, 1.0 / count, &out, name);
        }
        let value = self.totals(x, pattern, 1.0, &out, name)?;
        let rank = value.shape().len();
        let mut scale = Field::uniform(rank, 1.0);
        for (axis, list) in counts.into_iter().enumerate() {
            let mut shape = vec![1; rank];
            shape[axis + 2] = list.len();
            scale = scale.zip(&Field::of(&shape, list), |a, b| a / b);
        }
        Ok(value.affine(&scale, &Field::uniform(rank, 0.0)))
    }

    /// A reduction along `axes`.
    pub(super) fn reduce(
        &mut self,
        x: &Sum,
        kind: ReduceKind,
        axes: &[usize],
        keepdims: bool,
        name: &str,
    ) -> Outcome<Value> {
        let kept = |axis: &usize| !axes.contains(axis);
        let rank = x.shape.len();
        let count: usize = axes.iter().map(|&a| x.shape[a]).product();
        let shape: Vec<usize> = (0..rank)
            .filter(|a| keepdims || kept(a))
            .map(|a| if kept(&a) { x.shape[a] } else { 1 })
            .collect();
        if count == 1 {
            return Ok(x.reshaped(&shape).into());
        }
        if kind == ReduceKind::Prod {
            return self.product_along(x, axes, &shape, name);
        }
        if kind == ReduceKind::Min {
            let minus = Value::from(x.clone()).affine_by(-1.0, 0.0).sum;
            return Ok(self.reduce(&minus, ReduceKind::Max, axes, keepdims, name)?.affine_by(-1.0, 0.0));
        }
        let group = channel_axis(x, kept);
        let along = |axis: usize| match axis {
            axis if !kept(&axis) => Along::sum(x.shape[axis]),
            axis if Some(axis) == group => Along::group(1),
            axis => Along::each(x.shape[axis]),
        };
        let pattern =
            Pattern { axes: (0..rank).map(along).collect(), groups: group.map_or(1, |axis| x.shape[axis]) };
        let out: Vec<Out> = (0..rank)
            .filter(|a| keepdims || kept(a))
            .map(|a| match a {
                a if !kept(&a) => Out::One,
                a if Some(a) == group => Out::Channels,
                a => Out::Positions(a),
            })
            .collect();
        match kind {
            ReduceKind::Max => self.largest(x, &pattern, &out, name),
            ReduceKind::Mean => self.totals(x, pattern, 1.0 / count as f64, &out, name),
            _ => self.totals(x, pattern, 1.0, &out, name),
        }
    }

    /// The product along `axes`, two halves at a time.
    fn product_along(&mut self, x: &Sum, axes: &[usize], shape: &[usize], name: &str) -> Outcome<Value> {
        let perm: Vec<usize> =
            axes.iter().copied().chain((0..x.shape.len()).filter(|a| !axes.contains(a))).collect();
        let count: usize = axes.iter().map(|&a| x.shape[a]).product();
        let rest = x.len() / count;
        let mut value = Value::from(self.single(x, name)?.transposed(&perm).reshaped(&[count, rest]));
        while value.shape()[0] > 1 {
            let (all, half) = (value.shape()[0], value.shape()[0] / 2);
            let sum = self.settled_single(&value, name)?;
            let part = |from: usize, count: usize| {
                let slice = crate::graph::Select::Slice {
                    starts: vec![from, 0],
                    steps: vec![1, 1],
                    sizes: vec![count, rest],
                };
                Value::from(Sum::selected(&[&sum], &slice))
            };
            let (a, b) = (part(0, half), part(half, half));
            let product = self.product(&a, &b, name)?;
            value = if all % 2 == 0 {
                product
            } else {
                let product = self.settled_single(&product, name)?;
                Sum::selected(&[&product, &part(all - 1, 1).sum], &crate::graph::Select::Concat { axis: 0 })
                    .into()
            };
        }
        Ok(value.sum.reshaped(shape).into())
    }

    /// The largest of what a pattern takes.
    pub(super) fn largest(&mut self, x: &Sum, pattern: &Pattern, out: &[Out], name: &str) -> Outcome<Value> {
        let x = self.single(x, name)?;
        let bare = View { shape: x.shape.clone(), form: super::view::Form::Pieces(Vec::new()) };
        let (mut view, mut scale, mut offset) = match x.addends.as_slice() {
            [a] => (a.view.clone(), a.scale.clone(), x.offset.clone()),
            _ => (bare, Field::uniform(x.shape.len(), 1.0), x.offset.clone()),
        };
        // A constant of minus infinity is a padding, and does not take part anyway.
        let full = view
            .pieces()
            .is_none_or(|p| p.iter().map(|p| p.size.iter().product::<usize>()).sum::<usize>() == x.len());
        let padded = !full && offset.all(|v| v == 0.0 || v == f64::NEG_INFINITY) && {
            let (refs, offsets) = (view.refs(), offset.expand(&x.shape));
            refs.iter().zip(&offsets).all(|(r, &o)| (r.source == u32::MAX) == (o == f64::NEG_INFINITY))
        };
        if padded {
            offset = Field::uniform(x.shape.len(), 0.0);
        }
        let same = |f: &Field| f.value().is_some();
        if !(full || padded) || !same(&scale) || !same(&offset) || !scale.all(|s| s > 0.0) {
            view = self.realise(&x, crate::dots::Act::None, &format!("{name}/operand"))?;
            (scale, offset) = (Field::uniform(x.shape.len(), 1.0), Field::uniform(x.shape.len(), 0.0));
        }
        let node = self.maximum(view, pattern, name)?;
        let view = pattern.result(node, 1, out);
        let value = Value::of(view);
        Ok(value.affine_by(scale.value().unwrap_or(1.0), offset.value().unwrap_or(0.0)))
    }

    /// The node that takes the largest of what `pattern` takes of `view`.
    pub(super) fn maximum(&mut self, view: View, pattern: &Pattern, name: &str) -> Outcome<usize> {
        let taken = Taken { view: view.clone(), pattern: pattern.clone() };
        let (mut view, mut pattern) = (view, pattern.clone());
        super::linear::refine(&mut view, &mut pattern);
        let brought = match reads(&view, &pattern) {
            Some(brought) => brought,
            None => {
                let copy = self.copy(&view, &format!("{name}/operand"));
                reads(&copy, &pattern)
                    .ok_or_else(|| refuse("its operand's elements lie too irregularly", ""))?
            }
        };
        let reads = brought.into_iter().map(|b| b.read).collect();
        Ok(self.push(Virtual {
            name: name.to_owned(),
            grid: pattern.grid(),
            groups: pattern.groups,
            width: 1,
            work: Work::Max(reads, Some(Box::new(taken))),
        }))
    }

    /// The larger of two values, where both are read as they are.
    pub(super) fn larger(&mut self, a: &Sum, b: &Sum, name: &str) -> Outcome<Option<Value>> {
        let ([x], [y]) = (a.addends.as_slice(), b.addends.as_slice()) else { return Ok(None) };
        let plain =
            |s: &Sum| s.addends[0].scale.value().zip(s.offset.value()).filter(|(scale, _)| *scale > 0.0);
        let full = |v: &View| {
            v.pieces()
                .is_none_or(|p| p.iter().map(|p| p.size.iter().product::<usize>()).sum::<usize>() == a.len())
        };
        let (Some(own), Some(other)) = (plain(a), plain(b)) else { return Ok(None) };
        if own != other || !full(&x.view) || !full(&y.view) {
            return Ok(None);
        }
        // Both behind each other along a new axis, which is reduced.
        let shape = [&[1][..], &a.shape].concat();
        let both = Sum::selected(
            &[&Sum::of(x.view.reshaped(&shape)), &Sum::of(y.view.reshaped(&shape))],
            &crate::graph::Select::Concat { axis: 0 },
        );
        let value = self.reduce(&both, ReduceKind::Max, &[0], false, name)?;
        Ok(Some(value.affine_by(own.0, own.1)))
    }
}

/// The axis of `x` whose elements become the channels of what is computed from it position by position: the innermost one in
/// the source among those that pass `usable`.
pub(super) fn channel_axis(x: &Sum, usable: impl Fn(&usize) -> bool) -> Option<usize> {
    let fits = |axis: &usize| {
        x.shape[*axis] > 1
            && usable(axis)
            && x.addends.iter().all(|a| {
                a.view.pieces().is_some_and(|pieces| {
                    pieces.iter().all(|p| p.spans(&x.shape, *axis) && p.stride(*axis).is_some_and(|s| s >= 0))
                })
            })
    };
    let stride = |axis: usize| {
        let first = x.addends.iter().find_map(|a| a.view.pieces().and_then(<[_]>::first));
        first.and_then(|p| p.stride(axis)).filter(|&s| s > 0).unwrap_or(i64::MAX)
    };
    (0..x.shape.len()).rev().filter(fits).min_by_key(|&axis| stride(axis))
}
