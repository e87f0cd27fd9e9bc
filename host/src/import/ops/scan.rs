//! ONNX's Scan: a loop over an axis.

use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Op, Scan, ScanResult, Select};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[onnx("Scan", scan)];

/// `term` with `axis` moved from place `from` to place `to`.
fn moved(ctx: &mut Context<'_, '_>, part: &str, term: &Term, from: usize, to: usize) -> Result<Term> {
    let mut perm: Vec<usize> = (0..ctx.shape(term).len()).collect();
    let axis = perm.remove(from);
    perm.insert(to, axis);
    ctx.transpose(part, term, &perm)
}

/// `term` backwards along its first axis.
fn reversed(ctx: &mut Context<'_, '_>, part: &str, term: &Term) -> Result<Term> {
    let sizes = ctx.shape(term);
    let (mut starts, mut steps) = (vec![0; sizes.len()], vec![1; sizes.len()]);
    (starts[0], steps[0]) = (sizes[0].saturating_sub(1), -1);
    ctx.part(part, Op::Select(Select::Slice { starts, steps, sizes }), &[term])
}

fn scan(ctx: &mut Context<'_, '_>) -> Result<()> {
    if ctx.opset() < 9 {
        return ctx.refuse(
            "SP0105",
            "Scan before operator set 9 is not supported",
            "use a newer operator set",
        );
    }
    const KNOWN: [&str; 6] = [
        "body",
        "num_scan_inputs",
        "scan_input_axes",
        "scan_input_directions",
        "scan_output_axes",
        "scan_output_directions",
    ];
    ctx.expect(1..=usize::MAX, &KNOWN)?;
    let attributes = ctx.attributes();
    let Some(graph) = attributes.graph("body")? else {
        return ctx.refuse("SP0106", "the attribute \"body\" is missing", "export the model again");
    };
    let terms = (0..ctx.inputs()).map(|i| ctx.input(i)).collect::<Result<Vec<Term>>>()?;
    let count = attributes.int("num_scan_inputs", 0)?;
    let Some(states) =
        usize::try_from(count).ok().filter(|&c| c >= 1).and_then(|c| terms.len().checked_sub(c))
    else {
        let rule = format!("num_scan_inputs is {count}, the node has {} inputs", terms.len());
        return ctx.refuse("SP0106", rule, "export the model again");
    };
    let at = |name: &str, i: usize| -> Result<i64> {
        Ok(attributes.ints(name)?.and_then(|list| list.get(i).copied()).unwrap_or(0))
    };

    let mut operands: Vec<Term> = terms[..states].to_vec();
    let mut inputs: Vec<(Vec<usize>, i32)> = operands.iter().map(|t| (ctx.shape(t), t.element())).collect();
    let mut steps = None;
    for (i, term) in terms[states..].iter().enumerate() {
        let axis = ctx.axis(at("scan_input_axes", i)?, ctx.shape(term).len(), "scan_input_axes")?;
        let mut sequence = moved(ctx, &format!("in{i}"), term, axis, 0)?;
        if at("scan_input_directions", i)? != 0 {
            sequence = reversed(ctx, &format!("back{i}"), &sequence)?;
        }
        let shape = ctx.shape(&sequence);
        if steps.is_some_and(|steps| steps != shape[0]) || shape[0] == 0 {
            let rule = format!("the sequence {i} has {} steps, another length than the others", shape[0]);
            return ctx.refuse("SP0108", rule, "export the model again");
        }
        steps = Some(shape[0]);
        inputs.push((shape[1..].to_vec(), sequence.element()));
        operands.push(sequence);
    }
    let (sequences, steps) = (terms.len() - states, steps.unwrap_or(1));

    let body = ctx.body(graph, &inputs)?;
    operands.extend(body.captured);
    let operands: Vec<&Term> = operands.iter().collect();
    if body.elements.len() < states || ctx.outputs() > body.elements.len() {
        let rule = format!("the body has {} outputs, the node {states} states", body.elements.len());
        return ctx.refuse("SP0105", rule, "export the model again");
    }
    for output in (0..ctx.outputs()).filter(|&o| ctx.wants(o)).collect::<Vec<_>>() {
        let element = body.elements[output];
        let op = |result| Op::Scan(Scan { body: body.graph.clone(), states, sequences, steps, result });
        let Some(i) = output.checked_sub(states) else {
            ctx.output_as(output, element, op(ScanResult::State(output)), &operands)?;
            continue;
        };
        let backwards = at("scan_output_directions", i)? != 0;
        let rank = body.graph.value(body.graph.outputs()[output]).shape.len() + 1;
        let axis = ctx.axis(at("scan_output_axes", i)?, rank, "scan_output_axes")?;
        if !backwards && axis == 0 {
            ctx.output_as(output, element, op(ScanResult::Stacked(i)), &operands)?;
            continue;
        }
        let mut stacked = ctx.part(&format!("out{i}"), op(ScanResult::Stacked(i)), &operands)?;
        if backwards {
            stacked = reversed(ctx, &format!("turned{i}"), &stacked)?;
        }
        // The first axis goes to its place.
        let mut perm: Vec<usize> = (1..rank).collect();
        perm.insert(axis, 0);
        ctx.output_as(output, element, Op::transpose(perm), &[&stacked])?;
    }
    Ok(())
}
