//! Elements picked by index. Constant indices are a rearrangement; a computed index becomes a one-hot vector, and picking
//! a product with it.

use super::{Operator, onnx, orders};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, Relation};
use crate::import::constant::Constant;
use crate::import::context::{Context, Term};
use crate::import::onnx::data_type;

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Gather", gather),
    onnx("GatherElements", gather_elements),
    onnx("GatherND", gather_nd),
    onnx("OneHot", one_hot),
    onnx("Scatter", scatter_elements),
    onnx("ScatterElements", scatter_elements),
    onnx("ScatterND", scatter_nd),
];

/// The largest one-hot vector.
const DEEPEST: usize = 1 << 20;

/// The constant indices in operand `at`; refused when they are computed.
fn constant_indices(ctx: &Context<'_, '_>, at: usize) -> Result<(Vec<usize>, Vec<i64>)> {
    let term = ctx.input(at)?;
    match term.constant().and_then(Constant::ints) {
        Some(ints) => Ok((ctx.shape(&term), ints.to_vec())),
        None => {
            let rule = format!("the indices of {} are not constant whole numbers", ctx.operator());
            ctx.refuse("SP0105", rule, "the wiring of a chip is fixed: only constant indices can be followed")
        }
    }
}

/// The rearrangement, or the complaint that an index lies outside.
fn moved(ctx: &mut Context<'_, '_>, order: Option<orders::Order>, operands: &[&Term]) -> Result<()> {
    match order {
        Some(order) => ctx.output(0, Op::Select(order.select(0.0)), operands),
        None => {
            let shapes: Vec<Vec<usize>> = operands.iter().map(|t| ctx.shape(t)).collect();
            let rule = format!("an index lies outside of {:?}, or the indices have a wrong shape", shapes[0]);
            ctx.refuse("SP0108", rule, "export the model again")
        }
    }
}

/// Gather.
fn gather(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["axis"])?;
    let (x, indices) = (ctx.input(0)?, ctx.input(1)?);
    let (shape, taken) = (ctx.shape(&x), ctx.shape(&indices));
    let axis = ctx.attributes().axis("axis", 0, shape.len())?;
    if let Some(ints) = indices.constant().and_then(Constant::ints) {
        let order = orders::gather(&shape, axis, &taken, ints);
        return moved(ctx, order, &[&x]);
    }
    // A lookup: the one-hot vector of every index times the table, its axis in front.
    let one_hot = hot(ctx, &indices, shape[axis])?;
    let front: Vec<usize> = std::iter::once(axis).chain((0..shape.len()).filter(|&i| i != axis)).collect();
    let table = ctx.transpose("table", &x, &front)?;
    let rest: Vec<usize> = shape.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, &d)| d).collect();
    let table = ctx.view("rows", &table, &[shape[axis], rest.iter().product()])?;
    let flat = ctx.view("indices", &one_hot, &[taken.iter().product(), shape[axis]])?;
    let rows = ctx.part("found", Op::MatMul, &[&flat, &table])?;
    let found = ctx.view("split", &rows, &[&taken[..], &rest].concat())?;
    // The indices' axes go where the looked-up axis was.
    let (n, rank) = (taken.len(), shape.len());
    let perm: Vec<usize> = (n..n + axis).chain(0..n).chain(n + axis..n + rank - 1).collect();
    ctx.output_as(0, x.element(), Op::transpose(perm), &[&found])
}

/// One-hot vectors of `depth` elements in a new last axis; negative indices count from the end, others outside give 0.
fn hot(ctx: &mut Context<'_, '_>, indices: &Term, depth: usize) -> Result<Term> {
    if depth == 0 || depth > DEEPEST {
        let rule = format!("a choice among {depth} elements");
        return ctx.refuse("SP0115", rule, "at most 2^20 are supported");
    }
    let shape = ctx.shape(indices);
    let column = ctx.view("column", indices, &[&shape[..], &[1]].concat())?;
    let count = Term::number(depth as f32);
    let numbers = Term::floats(vec![depth], (0..depth).map(|i| i as f32).collect());
    let is_negative =
        ctx.map("negative", Function::Compare { relation: Relation::Less, with: 0.0 }, &column)?;
    let wrap = ctx.binary("wrap", Binary::Mul, &is_negative.with_element(data_type::FLOAT), &count)?;
    let column = column.with_element(data_type::FLOAT);
    let index = ctx.binary("index", Binary::Add, &column, &wrap)?;
    let equal = ctx.binary("one_hot", Binary::Compare(Relation::Equal), &index, &numbers)?;
    Ok(equal.with_element(data_type::FLOAT))
}

/// GatherElements.
fn gather_elements(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["axis"])?;
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let axis = ctx.attributes().axis("axis", 0, shape.len())?;
    let (taken, indices) = constant_indices(ctx, 1)?;
    moved(ctx, orders::gather_elements(&shape, axis, &taken, &indices), &[&x])
}

/// GatherND.
fn gather_nd(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["batch_dims"])?;
    let x = ctx.input(0)?;
    let batch = usize::try_from(ctx.attributes().int("batch_dims", 0)?).unwrap_or(usize::MAX);
    let (taken, indices) = constant_indices(ctx, 1)?;
    moved(ctx, orders::gather_nd(&ctx.shape(&x), batch, &taken, &indices), &[&x])
}

/// Only the replacing form: sums of several updates would need to know which indices meet.
fn replaces(ctx: &Context<'_, '_>) -> Result<()> {
    let reduction = ctx.attributes().text("reduction", "none")?;
    if reduction == "none" {
        return Ok(());
    }
    let rule = format!("the attribute \"reduction\" is {reduction:?}");
    ctx.refuse("SP0106", rule, "only updates that replace elements are supported")
}

/// ScatterElements, and Scatter, its older name.
fn scatter_elements(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, &["axis", "reduction"])?;
    replaces(ctx)?;
    let (x, updates) = (ctx.input(0)?, ctx.input(2)?);
    let shape = ctx.shape(&x);
    let axis = ctx.attributes().axis("axis", 0, shape.len())?;
    let (taken, indices) = constant_indices(ctx, 1)?;
    let fits = ctx.shape(&updates) == taken;
    let order = orders::scatter_elements(&shape, axis, &taken, &indices).filter(|_| fits);
    moved(ctx, order, &[&x, &updates])
}

/// ScatterND.
fn scatter_nd(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, &["reduction"])?;
    replaces(ctx)?;
    let (x, updates) = (ctx.input(0)?, ctx.input(2)?);
    let shape = ctx.shape(&x);
    let (taken, indices) = constant_indices(ctx, 1)?;
    let wanted = taken.split_last().and_then(|(&depth, outer)| Some([outer, shape.get(depth..)?].concat()));
    let fits = wanted == Some(ctx.shape(&updates));
    let order = orders::scatter_nd(&shape, &taken, &indices).filter(|_| fits);
    moved(ctx, order, &[&x, &updates])
}

/// OneHot: off + (on - off) where the index is met; indices outside give off.
fn one_hot(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, &["axis"])?;
    let (indices, values) = (ctx.input(0)?, ctx.input(2)?);
    let shape = ctx.shape(&indices);
    let axis = ctx.attributes().axis("axis", -1, shape.len() + 1)?;
    let depth = ctx.number(1, "depth")?.filter(|d| (1.0..=DEEPEST as f32).contains(d));
    let Some(depth) = depth.map(|d| d as usize) else {
        return ctx.refuse("SP0106", "the depth is not positive or too large", "at most 2^20 are supported");
    };
    if ctx.shape(&values) != [2] {
        return ctx.refuse("SP0108", "the values are not two numbers", "export the model again");
    }
    let hot = hot(ctx, &indices, depth)?;
    let rank = shape.len();
    let perm: Vec<usize> = (0..axis).chain([rank]).chain(axis..rank).collect();
    let hot = ctx.transpose("moved", &hot, &perm)?;
    let pick = |at: usize| {
        let slice = crate::graph::Select::Slice { starts: vec![at], steps: vec![1], sizes: vec![1] };
        Op::Select(slice)
    };
    let off = ctx.part("off", pick(0), &[&values])?;
    let on = ctx.part("on", pick(1), &[&values])?;
    let element = values.element();
    ctx.output_as(0, element, Op::Where, &[&hot, &on, &off])
}
