//! Control flow whose course is known in advance: If with a constant condition, Loop with a constant number of turns.

use super::{Operator, onnx};
use crate::diagnostic::{Diagnostics, Result};
use crate::graph::{Op, Origin, Scan, ScanResult};
use crate::import::context::{Context, Term};
use crate::import::names;
use crate::import::onnx::{GraphProto, TensorProto, data_type};
use crate::import::reader::refuse_operators;

pub(super) const OPERATORS: &[Operator] = &[onnx("If", branch), onnx("Loop", turns)];

/// The most turns of a loop.
const MOST: i64 = 1 << 20;

const FIXED: &str = "a chip's schedule is fixed: export the network with constant conditions and trip counts (onnx-simplifier resolves them)";

/// A constant condition; `None` where operand `at` is left out.
fn condition(ctx: &Context<'_, '_>, at: usize) -> Result<Option<bool>> {
    let Some(term) = ctx.optional(at) else { return Ok(None) };
    match term.constant().and_then(|constant| constant.ints()) {
        Some(&[value]) => Ok(Some(value != 0)),
        _ => ctx.refuse("SP0105", "the condition is computed, or not one truth", FIXED),
    }
}

/// If: the nodes of the branch that is taken stand in its place.
fn branch(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["then_branch", "else_branch"])?;
    let name = if condition(ctx, 0)?.unwrap_or_default() { "then_branch" } else { "else_branch" };
    let Some(graph) = ctx.attributes().graph(name)? else {
        return ctx.refuse("SP0106", format!("the attribute {name:?} is missing"), "export the model again");
    };
    if graph.output.len() < ctx.outputs() {
        let rule = format!("{name} has {} outputs, the node {}", graph.output.len(), ctx.outputs());
        return ctx.refuse("SP0105", rule, "export the model again");
    }
    let known = &ctx.reader.known;
    let mut found = names::check(graph, |name| known.contains_key(name));
    refuse_operators(graph, &mut found);
    ctx.reader.constants(graph, &mut found);
    for (number, node) in graph.node.iter().enumerate() {
        ctx.reader.node(number, node, &mut found);
    }
    if found.has_errors() {
        return Err(found.within(ctx.place));
    }
    for (at, output) in graph.output.iter().enumerate() {
        match ctx.reader.term(&output.name) {
            Some(term) => ctx.pass(at, term),
            // What it needs was refused outside: there is nothing to add.
            None => return Err(Diagnostics::default()),
        }
    }
    Ok(())
}

/// The body of a Loop as that of a Scan: states first, then the number of the turn as a sequence; the condition is a constant,
/// and what becomes of it comes last.
fn as_scan(graph: &GraphProto) -> Option<GraphProto> {
    let mut body = graph.clone();
    let number = body.input.first()?.clone();
    let condition = body.input.get(1)?.name.clone();
    body.input.drain(..2);
    body.input.push(number);
    body.initializer.push(TensorProto {
        data_type: data_type::BOOL,
        int32_data: vec![1],
        name: condition,
        ..TensorProto::default()
    });
    if body.output.is_empty() {
        return None;
    }
    body.output.rotate_left(1);
    Some(body)
}

/// Loop.
fn turns(ctx: &mut Context<'_, '_>) -> Result<()> {
    // Trip count and condition may be left out, which is not known before they are looked at.
    ctx.expect(0..=usize::MAX, &["body"])?;
    let begins = condition(ctx, 1)?.unwrap_or(true);
    let count = match ctx.ints(0, "trip count")?.as_deref() {
        Some(&[count]) => count,
        _ => return ctx.refuse("SP0105", "the number of turns is not known", FIXED),
    };
    let Some(graph) = ctx.attributes().graph("body")? else {
        return ctx.refuse("SP0106", "the attribute \"body\" is missing", "export the model again");
    };
    let states = ctx.inputs().saturating_sub(2).max(graph.input.len().saturating_sub(2));
    let mut operands = (0..states).map(|i| ctx.input(2 + i)).collect::<Result<Vec<Term>>>()?;
    if !begins || count <= 0 {
        if ctx.outputs() > states {
            return ctx.refuse("SP0105", "a loop without turns is asked for what its turns give", FIXED);
        }
        operands.into_iter().enumerate().for_each(|(at, term)| ctx.pass(at, term));
        return Ok(());
    }
    if count > MOST {
        return ctx.refuse("SP0115", format!("a loop of {count} turns"), "use fewer turns");
    }
    let Some(body) = as_scan(graph) else {
        return ctx.refuse(
            "SP0105",
            "the body does not take a turn's number and a condition",
            "export it again",
        );
    };
    let steps = count as usize;
    let mut inputs: Vec<(Vec<usize>, i32)> = operands.iter().map(|t| (ctx.shape(t), t.element())).collect();
    inputs.push((Vec::new(), data_type::INT64));
    let body = ctx.body(&body, &inputs)?;
    let outputs = body.graph.outputs();
    let goes_on = outputs.last().is_some_and(|&last| match &body.graph.value(last).origin {
        Origin::Constant(tensor) => tensor.data().iter().all(|&value| value != 0.0),
        _ => false,
    });
    if !goes_on {
        return ctx.refuse("SP0105", "the body computes whether the loop goes on", FIXED);
    }
    if outputs.len() <= states || ctx.outputs() >= outputs.len() {
        let rule = format!("the body has {} outputs, the node {states} states", outputs.len());
        return ctx.refuse("SP0105", rule, "export the model again");
    }
    operands.push(Term::ints(vec![steps], (0..count).collect()));
    operands.extend(body.captured);
    let operands: Vec<&Term> = operands.iter().collect();
    for at in (0..ctx.outputs()).filter(|&at| ctx.wants(at)).collect::<Vec<_>>() {
        let result = at.checked_sub(states).map_or(ScanResult::State(at), ScanResult::Stacked);
        let scan = Scan { body: body.graph.clone(), states, sequences: 1, steps, result };
        ctx.output_as(at, body.elements[at], Op::Scan(scan), &operands)?;
    }
    Ok(())
}
