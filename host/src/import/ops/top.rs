//! TopK, by comparison of every pair: the place of an element is the number of those that come before it.

use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Op, ReduceKind, Relation};
use crate::import::context::{Context, Term};
use crate::import::onnx::data_type;

pub(super) const OPERATORS: &[Operator] = &[onnx("TopK", top)];

fn top(ctx: &mut Context<'_, '_>) -> Result<()> {
    let old = ctx.opset() < 10;
    ctx.expect(
        if old { 1..=1 } else { 2..=2 },
        if old { &["axis", "k"] } else { &["axis", "largest", "sorted"] },
    )?;
    let attributes = ctx.attributes();
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let axis = attributes.axis("axis", -1, shape.len())?;
    let given = if old { vec![attributes.int("k", 0)?] } else { ctx.ints(1, "count")?.unwrap_or_default() };
    let n = shape[axis];
    let k = match given[..] {
        [k] => usize::try_from(k).ok().filter(|k| (1..=n).contains(k)),
        _ => None,
    };
    let Some(k) = k else {
        let rule = format!("the {given:?} first of {n}");
        return ctx.refuse("SP0108", rule, "ask for at least one, and for no more than there are");
    };
    if n * n > crate::graph::MAX_SAMPLE_LEN {
        return ctx.refuse(
            "SP0115",
            format!("a sorting of {n} numbers"),
            "sort fewer, or outside the network",
        );
    }
    // The axis goes last.
    let rank = shape.len();
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.remove(axis);
    perm.push(axis);
    let last = ctx.transpose("last", &x, &perm)?;
    let outer = ctx.shape(&last)[..rank - 1].to_vec();
    let with = |tail: [usize; 2]| [&outer[..], &tail].concat();
    let element = x.element();
    let last = last.with_element(data_type::FLOAT);
    let column = ctx.view("column", &last, &with([n, 1]))?;
    let row = ctx.view("row", &last, &with([1, n]))?;
    let first = if attributes.int("largest", 1)? != 0 { Relation::Greater } else { Relation::Less };
    let float = |term: Term| term.with_element(data_type::FLOAT);
    let ahead = float(ctx.binary("ahead", Binary::Compare(first), &row, &column)?);
    // Of equals the one with the lower number comes first.
    let equal = float(ctx.binary("equal", Binary::Compare(Relation::Equal), &row, &column)?);
    let lower = (0..n * n).map(|at| f32::from(u8::from(at % n < at / n))).collect();
    let ties = ctx.binary("ties", Binary::Mul, &equal, &Term::floats(vec![n, n], lower))?;
    let before = ctx.binary("before", Binary::Add, &ahead, &ties)?;
    let sum = |axis: usize| Op::Reduce { kind: ReduceKind::Sum, axes: vec![axis], keepdims: false };
    let place = ctx.part("place", sum(rank), &[&before])?;
    let place = ctx.view("places", &place, &with([1, n]))?;
    let wanted = Term::floats(vec![k, 1], (0..k).map(|at| at as f32).collect());
    let chosen = ctx.binary("chosen", Binary::Compare(Relation::Equal), &place, &wanted)?;

    // Back to where the axis was.
    let mut back: Vec<usize> = (0..rank - 1).collect();
    back.insert(axis, rank - 1);
    if ctx.wants(0) {
        let values = ctx.part("values", Op::Where, &[&chosen, &row, &Term::number(0.0)])?;
        let values = ctx.part("value", sum(rank), &[&values])?;
        ctx.output_as(0, element, Op::transpose(back.clone()), &[&values])?;
    }
    if ctx.wants(1) {
        let numbers = Term::floats(vec![n], (0..n).map(|at| at as f32).collect());
        let numbers = ctx.binary("numbers", Binary::Mul, &float(chosen), &numbers)?;
        let numbers = ctx.part("number", sum(rank), &[&numbers])?;
        ctx.output_as(1, data_type::INT64, Op::transpose(back), &[&numbers])?;
    }
    Ok(())
}
