//! Einsum: diagonals taken, sums over what only one operand has, then one matrix product.

use super::orders::{Order, offset};
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Op, ReduceKind};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[onnx("Einsum", einsum)];

/// An operand with one label for every axis, none twice.
struct Labelled {
    term: Term,
    labels: Vec<char>,
}

fn einsum(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=2, &["equation"])?;
    let equation: String =
        ctx.attributes().text("equation", "")?.chars().filter(|c| !c.is_whitespace()).collect();
    let mut operands = (0..ctx.inputs()).map(|at| ctx.input(at)).collect::<Result<Vec<Term>>>()?;
    let ranks: Vec<usize> = operands.iter().map(|t| ctx.shape(t).len()).collect();
    let Some((left, result)) = parsed(&equation, &ranks) else {
        let rule = format!("the equation {equation:?} for operands of {ranks:?} dimensions");
        return ctx.refuse("SP0106", rule, "one letter per axis, ellipses alike in all operands");
    };
    let mut labelled = Vec::new();
    for (i, labels) in left.into_iter().enumerate() {
        let term = operands.remove(0);
        labelled.push(diagonal(ctx, &format!("diagonal_{i}"), term, labels)?);
    }
    let mut found = labelled.remove(0);
    match labelled.pop() {
        None => found = summed(ctx, "sum", found, |label| result.contains(&label))?,
        Some(other) => {
            let of_other = other.labels.clone();
            found = summed(ctx, "sum_0", found, |l| result.contains(&l) || of_other.contains(&l))?;
            let of_first = found.labels.clone();
            let other = summed(ctx, "sum_1", other, |l| result.contains(&l) || of_first.contains(&l))?;
            found = product(ctx, found, other, &result)?;
        }
    }
    let place = |label: &char| found.labels.iter().position(|l| l == label);
    match result.iter().map(place).collect::<Option<Vec<usize>>>() {
        Some(perm) => ctx.output(0, Op::transpose(perm), &[&found.term]),
        None => ctx.refuse("SP0106", "a result axis that no operand has", "export the model again"),
    }
}

/// The labels of operands and result; the axes of an ellipsis get labels of their own.
fn parsed(equation: &str, ranks: &[usize]) -> Option<(Vec<Vec<char>>, Vec<char>)> {
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation, None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != ranks.len() {
        return None;
    }
    let letters = |text: &str| text.replace("...", "").chars().all(|c| c.is_ascii_alphabetic());
    if !terms.iter().all(|t| letters(t)) || !right.is_none_or(letters) {
        return None;
    }
    // Private-use characters stand for the axes of an ellipsis, counted from the last.
    let hidden = |count: usize| {
        (0..count).rev().map(|i| char::from_u32(0xE000 + i as u32)).collect::<Option<Vec<_>>>()
    };
    let mut widest = 0;
    let mut operands = Vec::new();
    for (term, &rank) in terms.iter().zip(ranks) {
        let labels: Vec<char> = match term.split_once("...") {
            None => term.chars().collect(),
            Some((before, after)) => {
                let count = rank.checked_sub(before.len() + after.len()).filter(|&count| count <= 64)?;
                widest = widest.max(count);
                before.chars().chain(hidden(count)?).chain(after.chars()).collect()
            }
        };
        if labels.len() != rank {
            return None;
        }
        operands.push(labels);
    }
    let result: Vec<char> = match right {
        Some(right) => match right.split_once("...") {
            None => right.chars().collect(),
            Some((before, after)) => before.chars().chain(hidden(widest)?).chain(after.chars()).collect(),
        },
        None => {
            // Ellipsis first, then the letters that occur once, in alphabetic order.
            let all: Vec<char> =
                operands.iter().flatten().copied().filter(char::is_ascii_alphabetic).collect();
            let mut once: Vec<char> =
                all.iter().copied().filter(|c| all.iter().filter(|d| *d == c).count() == 1).collect();
            once.sort_unstable();
            hidden(widest)?.into_iter().chain(once).collect()
        }
    };
    let twice = (1..result.len()).any(|i| result[..i].contains(&result[i]));
    (!twice).then_some((operands, result))
}

/// Axes with the same label become one.
fn diagonal(ctx: &mut Context<'_, '_>, part: &str, term: Term, labels: Vec<char>) -> Result<Labelled> {
    let shape = ctx.shape(&term);
    let mut unique: Vec<char> = Vec::new();
    let mut sizes = Vec::new();
    for (&label, &size) in labels.iter().zip(&shape) {
        match unique.iter().position(|l| *l == label) {
            None => {
                unique.push(label);
                sizes.push(size);
            }
            Some(at) if sizes[at] == size => {}
            Some(_) => {
                let rule = format!("axes of {shape:?} with one label and different sizes");
                return ctx.refuse("SP0108", rule, "export the model again");
            }
        }
    }
    if unique.len() == labels.len() {
        return Ok(Labelled { term, labels });
    }
    let order = Order::from_fn(sizes, |position| {
        let at = |label: &char| unique.iter().position(|l| l == label).map_or(0, |i| position[i]);
        let source: Vec<usize> = labels.iter().map(at).collect();
        u32::try_from(offset(&shape, &source)).ok()
    });
    match order {
        Some(order) => {
            let term = ctx.part(part, Op::Select(order.select(0.0)), &[&term])?;
            Ok(Labelled { term, labels: unique })
        }
        None => ctx.refuse("SP0115", format!("the diagonal of {shape:?}"), "use a smaller network"),
    }
}

/// The sum over the axes whose labels are not `kept`.
fn summed(
    ctx: &mut Context<'_, '_>,
    part: &str,
    operand: Labelled,
    kept: impl Fn(char) -> bool,
) -> Result<Labelled> {
    let axes: Vec<usize> = (0..operand.labels.len()).filter(|&i| !kept(operand.labels[i])).collect();
    if axes.is_empty() {
        return Ok(operand);
    }
    let labels = operand.labels.iter().copied().filter(|&l| kept(l)).collect();
    let op = Op::Reduce { kind: ReduceKind::Sum, axes, keepdims: false };
    Ok(Labelled { term: ctx.part(part, op, &[&operand.term])?, labels })
}

/// One matrix product: axes of both that the result keeps in front, those it does not keep are summed over.
fn product(ctx: &mut Context<'_, '_>, a: Labelled, b: Labelled, result: &[char]) -> Result<Labelled> {
    let (shape_a, shape_b) = (ctx.shape(&a.term), ctx.shape(&b.term));
    let size = |label: char| {
        let of = |labels: &[char], shape: &[usize]| labels.iter().position(|l| *l == label).map(|i| shape[i]);
        (of(&a.labels, &shape_a), of(&b.labels, &shape_b))
    };
    if a.labels.iter().any(|&l| matches!(size(l), (Some(x), Some(y)) if x != y)) {
        let rule = format!("axes of {shape_a:?} and {shape_b:?} with one label and different sizes");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let both = |l: &char| a.labels.contains(l) && b.labels.contains(l);
    let front: Vec<char> = a.labels.iter().copied().filter(|l| both(l) && result.contains(l)).collect();
    let inner: Vec<char> = a.labels.iter().copied().filter(|l| both(l) && !result.contains(l)).collect();
    let rows: Vec<char> = a.labels.iter().copied().filter(|l| !both(l)).collect();
    let columns: Vec<char> = b.labels.iter().copied().filter(|l| !both(l)).collect();
    let sizes = |labels: &[char]| -> Vec<usize> {
        labels.iter().map(|&l| size(l).0.or(size(l).1).unwrap_or(1)).collect()
    };
    let count = |labels: &[char]| -> usize { sizes(labels).iter().product() };
    let mut arrange = |part: &str, operand: &Labelled, first: &[char], second: &[char]| -> Result<Term> {
        let wanted = front.iter().chain(first).chain(second);
        let perm: Vec<usize> =
            wanted.filter_map(|label| operand.labels.iter().position(|l| l == label)).collect();
        let moved = ctx.transpose(part, &operand.term, &perm)?;
        let shape = [sizes(&front), vec![count(first), count(second)]].concat();
        ctx.view(&format!("{part}_matrix"), &moved, &shape)
    };
    let left = arrange("left", &a, &rows, &inner)?;
    let right = arrange("right", &b, &inner, &columns)?;
    let matrix = ctx.part("product", Op::MatMul, &[&left, &right])?;
    let labels = [front, rows, columns].concat();
    let shape = sizes(&labels);
    let term = ctx.view("split", &matrix, &shape)?;
    Ok(Labelled { term, labels })
}

#[cfg(test)]
mod tests {
    use super::parsed;

    #[test]
    fn equations_are_read() {
        let found = parsed("ij,jk", &[2, 2]).expect("a matrix product");
        assert_eq!(found.1, ['i', 'k']);
        let found = parsed("...ij,...jk->...ik", &[4, 3]).expect("ellipses");
        assert_eq!(found.0[0][1], found.0[1][0], "axes are aligned at the last one");
        assert_eq!(found.1.len(), 4);
        for (equation, ranks) in [("ij", &[3][..]), ("ij,jk", &[2]), ("i1", &[2]), ("i->ii", &[1])] {
            assert!(parsed(equation, ranks).is_none(), "{equation}");
        }
    }
}
