//! Shapes of what arrives at nodes and of what they give, from the input on.
//!
//! Files of older versions carry a batch axis of 1 in front, and give parameters with it: a leading 1 is dropped from the
//! input's shape, and parameters count by their number of elements.

use super::op::NirOp;
use super::read::{RawGraph, RawNode};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The shapes of a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shapes {
    pub(crate) arrives: Vec<usize>,
    pub(crate) gives: Vec<usize>,
}

/// The shapes of all nodes. Cycles are walked until nothing changes, then every edge is compared.
pub(crate) fn infer(
    graph: &RawGraph,
    inputs: &[Vec<usize>],
    input: usize,
    found: &mut Diagnostics,
) -> Vec<Option<Shapes>> {
    let mut shapes: Vec<Option<Shapes>> = vec![None; graph.nodes.len()];
    let declared = graph.nodes[input].declared.clone().unwrap_or_default();
    let whole = input_shape(graph, inputs, input, declared, found);
    shapes[input] = Some(Shapes { arrives: whole.clone(), gives: whole });
    let mut failed = vec![false; graph.nodes.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for at in 0..graph.nodes.len() {
            if shapes[at].is_some() || failed[at] {
                continue;
            }
            let Some(arrives) =
                inputs[at].iter().find_map(|&from| Some(shapes[from].as_ref()?.gives.clone()))
            else {
                continue;
            };
            match gives(&graph.nodes[at], &arrives) {
                Ok(gives) => {
                    let fits = gives.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
                    if fits.is_none_or(|len| len > crate::graph::MAX_SAMPLE_LEN) {
                        failed[at] = true;
                        let rule = format!(
                            "the node gives {gives:?}, more than {} elements",
                            crate::graph::MAX_SAMPLE_LEN
                        );
                        found.push(fault("SP0115", &graph.nodes[at], rule, "use smaller layers"));
                        continue;
                    }
                    shapes[at] = Some(Shapes { arrives, gives });
                    changed = true;
                }
                Err((rule, way_out)) => {
                    failed[at] = true;
                    found.push(fault("SP0108", &graph.nodes[at], rule, way_out));
                }
            }
        }
    }
    compare(graph, inputs, &shapes, &failed, found);
    shapes
}

fn fault(code: &'static str, node: &RawNode, rule: String, way_out: &str) -> Diagnostic {
    Diagnostic::error(code, format!("node `{}` ({})", node.name, node.op.name()), rule, way_out)
}

/// Every edge brings what its node takes, and every node was reached.
fn compare(
    graph: &RawGraph,
    inputs: &[Vec<usize>],
    shapes: &[Option<Shapes>],
    failed: &[bool],
    found: &mut Diagnostics,
) {
    let trouble = found.has_errors();
    for (at, node) in graph.nodes.iter().enumerate() {
        let Some(own) = &shapes[at] else {
            if !trouble && !failed[at] {
                let rule = "nothing that the input gives reaches the node".to_owned();
                found.push(fault("SP0132", node, rule, "connect it, or take it out of the file"));
            }
            continue;
        };
        for &from in &inputs[at] {
            let Some(other) = &shapes[from] else { continue };
            if other.gives.iter().product::<usize>() != own.arrives.iter().product::<usize>() {
                let name = &graph.nodes[from].name;
                let rule =
                    format!("`{name}` gives {:?}, and another edge brings {:?}", other.gives, own.arrives);
                found.push(fault("SP0108", node, rule, "all edges into a node bring the same shape"));
            }
        }
    }
}

/// The input's shape without a batch axis, and without a time axis in front of an affine map that fits the rest.
fn input_shape(
    graph: &RawGraph,
    inputs: &[Vec<usize>],
    input: usize,
    mut shape: Vec<usize>,
    found: &mut Diagnostics,
) -> Vec<usize> {
    while shape.len() > 1 && shape[0] == 1 {
        shape.remove(0);
    }
    let reads = |(at, _): &(usize, &RawNode)| inputs[*at].contains(&input);
    let affine = graph.nodes.iter().enumerate().filter(reads).find_map(|(_, node)| match node.op {
        NirOp::Affine { inputs, .. } => Some(inputs),
        _ => None,
    });
    if let (Some(wanted), [time, features]) = (affine, shape.as_slice())
        && *features == wanted
        && time * features != wanted
    {
        found.push(Diagnostic::warning(
            "SP0108",
            format!("node `{}` (Input)", graph.nodes[input].name),
            format!("the shape {shape:?} is not that of one step; its first axis is taken for time"),
            format!("state [{features}]"),
        ));
        shape.remove(0);
    }
    shape
}

/// What a node gives for what arrives, or the rule that is broken and the way out.
fn gives(node: &RawNode, arrives: &[usize]) -> Result<Vec<usize>, (String, &'static str)> {
    let len: usize = arrives.iter().product();
    let picture = || match *arrives {
        [channels, height, width] => Ok([channels, height, width]),
        _ => Err((format!("{arrives:?} arrives"), "[channels, height, width] is wanted")),
    };
    let same_len = |name: &str, wanted: Option<usize>| match wanted {
        Some(wanted) if wanted != len => Err((
            format!("field `{name}` has {wanted} elements, and {arrives:?} arrives"),
            "one for each element is wanted",
        )),
        _ => Ok(()),
    };
    match &node.op {
        NirOp::Input | NirOp::Pass => match &node.declared {
            Some(declared) if declared.iter().product::<usize>() != len => Err((
                format!("the file states the shape {declared:?}, and {arrives:?} arrives"),
                "correct the shape in the file",
            )),
            _ => Ok(arrives.to_vec()),
        },
        NirOp::Affine { outputs, inputs, .. } if *inputs == len => Ok(vec![*outputs]),
        NirOp::Affine { inputs, .. } => Err((
            format!("{arrives:?} arrives, and field `weight` takes {inputs} inputs"),
            "put a Flatten in front, or correct the weights",
        )),
        NirOp::Scale(scale) => same_len("scale", scale.len()).map(|()| arrives.to_vec()),
        NirOp::Threshold(threshold) => same_len("threshold", threshold.len()).map(|()| arrives.to_vec()),
        NirOp::Delay(delay) => same_len("delay", delay.len()).map(|()| arrives.to_vec()),
        NirOp::Conv(conv) => {
            let from = match *arrives {
                [channels, length] if conv.flat => [channels, 1, length],
                _ if conv.flat => {
                    return Err((format!("{arrives:?} arrives"), "[channels, length] is wanted"));
                }
                _ => picture()?,
            };
            let to = conv.shape(from).ok_or_else(|| {
                (
                    format!(
                        "{arrives:?} arrives, and the weights take {} channels in windows of {:?}",
                        conv.inputs * conv.groups,
                        conv.kernel
                    ),
                    "correct the weights, the padding, or the input's shape",
                )
            })?;
            Ok(if conv.flat { vec![to[0], to[2]] } else { to.to_vec() })
        }
        NirOp::Pool(pool) => {
            let to = pool.shape(picture()?);
            to.map(|to| to.to_vec()).ok_or_else(|| {
                (format!("{arrives:?} arrives, and windows have {:?}", pool.kernel), "use smaller windows")
            })
        }
        NirOp::Flatten => flatten(node.declared.as_deref().unwrap_or_default(), arrives),
        NirOp::Neuron(neuron) => {
            for (name, param) in neuron.params() {
                same_len(name, param.len())?;
            }
            Ok(arrives.to_vec())
        }
    }
}

fn flatten(declared: &[usize], arrives: &[usize]) -> Result<Vec<usize>, (String, &'static str)> {
    let &[start, end, axes] = declared else { return Ok(vec![arrives.iter().product()]) };
    // A batch axis that the file counts and a sample does not have.
    let extra = axes.saturating_sub(arrives.len());
    let (start, end) = (start.saturating_sub(extra), end.saturating_sub(extra));
    if start > end || end >= arrives.len() {
        return Err((format!("axes {start} to {end} of {arrives:?}"), "axes of what arrives are wanted"));
    }
    let middle = arrives[start..=end].iter().product();
    Ok([&arrives[..start], &[middle], &arrives[end + 1..]].concat())
}
