//! Elements picked by index. Constant indices are a rearrangement; a computed index becomes a one-hot vector, and picking
//! a product with it.

use super::views::same;
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
    let axis = ctx.attributes().axis("axis", 0, ctx.shape(&x).len())?;
    if let Some(ints) = indices.constant().and_then(Constant::ints) {
        let order = orders::gather(&ctx.shape(&x), axis, &ctx.shape(&indices), ints);
        return moved(ctx, order, &[&x]);
    }
    let found = looked_up(ctx, "lookup", &x, &indices, axis)?;
    same(ctx, &found)
}

/// The slices of `x` along `axis` that `indices` name, whether they are constant or computed.
pub(super) fn looked_up(
    ctx: &mut Context<'_, '_>,
    part: &str,
    x: &Term,
    indices: &Term,
    axis: usize,
) -> Result<Term> {
    let (shape, taken) = (ctx.shape(x), ctx.shape(indices));
    if let Some(ints) = indices.constant().and_then(Constant::ints) {
        return match orders::gather(&shape, axis, &taken, ints) {
            Some(order) => ctx.part(part, Op::Select(order.select(0.0)), &[x]),
            None => {
                ctx.refuse("SP0108", format!("an index lies outside of {shape:?}"), "export the model again")
            }
        };
    }
    // The one-hot vector of every index times the table, its axis in front.
    let one_hot = hot(ctx, part, indices, shape[axis])?;
    let front: Vec<usize> = std::iter::once(axis).chain((0..shape.len()).filter(|&i| i != axis)).collect();
    let table = ctx.transpose(&format!("{part}_table"), x, &front)?;
    let rest: Vec<usize> = shape.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, &d)| d).collect();
    let table = ctx.view(&format!("{part}_rows"), &table, &[shape[axis], rest.iter().product()])?;
    let flat = ctx.view(&format!("{part}_indices"), &one_hot, &[taken.iter().product(), shape[axis]])?;
    let rows = ctx.part(&format!("{part}_found"), Op::MatMul, &[&flat, &table])?;
    let found = ctx.view(&format!("{part}_split"), &rows, &[&taken[..], &rest].concat())?;
    // The indices' axes go where the looked-up axis was.
    let (n, rank) = (taken.len(), shape.len());
    let perm: Vec<usize> = (n..n + axis).chain(0..n).chain(n + axis..n + rank - 1).collect();
    Ok(ctx.transpose(part, &found, &perm)?.with_element(x.element()))
}

/// One-hot vectors of `depth` elements in a new last axis; negative indices count from the end, others outside give 0.
fn hot(ctx: &mut Context<'_, '_>, part: &str, indices: &Term, depth: usize) -> Result<Term> {
    if depth == 0 || depth > DEEPEST {
        let rule = format!("a choice among {depth} elements");
        return ctx.refuse("SP0115", rule, "at most 2^20 are supported");
    }
    let name = |what: &str| format!("{part}_{what}");
    let shape = ctx.shape(indices);
    let column = ctx.view(&name("column"), indices, &[&shape[..], &[1]].concat())?;
    let column = column.with_element(data_type::FLOAT);
    let numbers = Term::floats(vec![depth], (0..depth).map(|i| i as f32).collect());
    let below = Function::Compare { relation: Relation::Less, with: 0.0 };
    let negative = ctx.map(&name("negative"), below, &column)?.with_element(data_type::FLOAT);
    let wrap = ctx.binary(&name("wrap"), Binary::Mul, &negative, &Term::number(depth as f32))?;
    let index = ctx.binary(&name("index"), Binary::Add, &column, &wrap)?;
    let equal = ctx.binary(&name("one_hot"), Binary::Compare(Relation::Equal), &index, &numbers)?;
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

/// The operator of the attribute `reduction`, with the number that changes nothing; `None` where updates replace.
fn reduction(ctx: &Context<'_, '_>) -> Result<Option<(Binary, f32)>> {
    Ok(Some(match ctx.attributes().text("reduction", "none")?.as_str() {
        "none" => return Ok(None),
        "add" => (Binary::Add, 0.0),
        "mul" => (Binary::Mul, 1.0),
        "max" => (Binary::Max, f32::MIN),
        "min" => (Binary::Min, f32::MAX),
        other => {
            let rule = format!("the attribute \"reduction\" is {other:?}");
            return ctx.refuse("SP0106", rule, "it must be none, add, mul, max or min");
        }
    }))
}

/// Output 0: `x` with `updates` at `places`; `None` where an index lies outside.
fn scattered(
    ctx: &mut Context<'_, '_>,
    x: &Term,
    updates: &Term,
    places: Option<orders::Order>,
) -> Result<()> {
    let shape = ctx.shape(x);
    let Some(places) = places.filter(|p| p.index.len() == ctx.shape(updates).iter().product::<usize>())
    else {
        return moved(ctx, None, &[x, updates]);
    };
    let Some((op, neutral)) = reduction(ctx)? else {
        return moved(ctx, orders::scatter(&shape, &places.index), &[x, updates]);
    };
    // As many rounds as an element has updates, at most one of them in each.
    let Some(rounds) = orders::rounds(&shape, &places.index) else {
        return ctx.refuse("SP0115", "too many updates of one element", "combine them before exporting");
    };
    let mut all = x.clone();
    for (round, order) in rounds.into_iter().enumerate() {
        let aligned = ctx.part(&format!("updates_{round}"), Op::Select(order.select(neutral)), &[updates])?;
        all = ctx.binary(&format!("updated_{round}"), op, &all, &aligned)?;
    }
    same(ctx, &all)
}

/// ScatterElements, and Scatter, its older name.
fn scatter_elements(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, &["axis", "reduction"])?;
    let (x, updates) = (ctx.input(0)?, ctx.input(2)?);
    let shape = ctx.shape(&x);
    let axis = ctx.attributes().axis("axis", 0, shape.len())?;
    let (taken, indices) = constant_indices(ctx, 1)?;
    let fits = ctx.shape(&updates) == taken;
    let places = orders::gather_elements(&shape, axis, &taken, &indices).filter(|_| fits);
    scattered(ctx, &x, &updates, places)
}

/// ScatterND.
fn scatter_nd(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, &["reduction"])?;
    let (x, updates) = (ctx.input(0)?, ctx.input(2)?);
    let shape = ctx.shape(&x);
    let (taken, indices) = constant_indices(ctx, 1)?;
    let wanted = taken.split_last().and_then(|(&depth, outer)| Some([outer, shape.get(depth..)?].concat()));
    let fits = wanted == Some(ctx.shape(&updates));
    let places = orders::gather_nd(&shape, 0, &taken, &indices).filter(|_| fits);
    scattered(ctx, &x, &updates, places)
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
    let hot = hot(ctx, "choice", &indices, depth)?;
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
