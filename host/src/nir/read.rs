//! From a NIR file to nodes and edges: nested graphs flattened, every fault collected.

use super::fields::{Fault, Fields};
use super::hdf::{Item, Tree};
use super::op::{Neuron, NeuronKind, NirOp, Param};
use super::window::{Convolution, Pooling};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// A node as the file has it.
#[derive(Clone, Debug)]
pub(crate) struct RawNode {
    /// Its name; nodes of a nested graph are called `graph.node`.
    pub(crate) name: String,
    pub(crate) op: NirOp,
    /// What the file says of the shape: of Input and Output the shape itself, of Conv the input's axes.
    pub(crate) declared: Option<Vec<usize>>,
    /// Whether it is the output of the whole network.
    pub(crate) is_output: bool,
}

/// A graph as the file has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawGraph {
    pub(crate) nodes: Vec<RawNode>,
    /// From, to: positions in `nodes`.
    pub(crate) edges: Vec<(usize, usize)>,
}

impl RawGraph {
    fn find(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }
}

/// The deepest nesting of graphs.
const MAX_DEPTH: usize = 16;

/// Reads the graph under `node` of the file.
pub(crate) fn read(file: &Tree, found: &mut Diagnostics) -> RawGraph {
    let mut graph = RawGraph::default();
    let Some(root) = file.group("node") else {
        let rule = "there is no group `node`, which holds a NIR graph";
        found.push(Diagnostic::error("SP0130", "file", rule, "write the file with nir.write"));
        return graph;
    };
    level(root, "", 0, &mut graph, found);
    graph
}

fn level(tree: &Tree, prefix: &str, depth: usize, graph: &mut RawGraph, found: &mut Diagnostics) {
    let place = |name: &str| if name.is_empty() { "graph".to_owned() } else { format!("node `{name}`") };
    let at = place(prefix.trim_end_matches('.'));
    if depth > MAX_DEPTH {
        let rule = format!("graphs nest more than {MAX_DEPTH} deep");
        found.push(Diagnostic::error("SP0131", at, rule, "flatten the graph"));
        return;
    }
    let Some(nodes) = tree.group("nodes") else {
        found.push(Diagnostic::error(
            "SP0131",
            at,
            "there is no group `nodes`",
            "write the file with nir.write",
        ));
        return;
    };
    for (name, item) in &nodes.0 {
        let full = format!("{prefix}{name}");
        let place = place(&full);
        let Item::Group(inner) = item else {
            found.push(Diagnostic::error(
                "SP0131",
                place,
                "a node is a group",
                "write the file with nir.write",
            ));
            continue;
        };
        let Some(kind) = inner.text("type") else {
            found.push(Diagnostic::error(
                "SP0131",
                place,
                "there is no text `type`",
                "write the file with nir.write",
            ));
            continue;
        };
        if kind == "NIRGraph" {
            level(inner, &format!("{full}."), depth + 1, graph, found);
            continue;
        }
        let fields = Fields { tree: inner, place };
        match node(kind, &fields, depth) {
            Ok((op, declared)) => {
                let is_output = depth == 0 && kind == "Output";
                graph.nodes.push(RawNode { name: full, op, declared, is_output });
            }
            Err(fault) => {
                found.push(*fault);
                // Edges to it are not complained about.
                graph.nodes.push(RawNode { name: full, op: NirOp::Pass, declared: None, is_output: false });
            }
        }
    }
    edges(tree, prefix, &at, graph, found);
}

fn edges(tree: &Tree, prefix: &str, at: &str, graph: &mut RawGraph, found: &mut Diagnostics) {
    let names = match tree.get("edges") {
        Some(Item::Texts { shape, data }) if shape.len() == 2 && shape[1] == 2 => data,
        Some(Item::Numbers { data, .. }) if data.is_empty() => return,
        _ => {
            let rule = "there is no array `edges` of pairs of names";
            found.push(Diagnostic::error("SP0131", at, rule, "write the file with nir.write"));
            return;
        }
    };
    for pair in names.chunks_exact(2) {
        // A nested graph is entered at its `input` and left at its `output`.
        let end = |name: &str, port: &str| {
            let full = format!("{prefix}{name}");
            graph.find(&full).or_else(|| graph.find(&format!("{full}.{port}")))
        };
        match (end(&pair[0], "output"), end(&pair[1], "input")) {
            (Some(from), Some(to)) => graph.edges.push((from, to)),
            (from, _) => {
                let missing = if from.is_none() { &pair[0] } else { &pair[1] };
                let known: Vec<&str> =
                    graph.nodes.iter().filter_map(|n| n.name.strip_prefix(prefix)).collect();
                found.push(Diagnostic::error(
                    "SP0132",
                    at,
                    format!(
                        "the edge `{}` -> `{}` names the node `{missing}`, which is not there",
                        pair[0], pair[1]
                    ),
                    format!("the nodes are: {}; correct the edge or the node's name", known.join(", ")),
                ));
            }
        }
    }
}

fn node(kind: &str, fields: &Fields<'_>, depth: usize) -> Result<(NirOp, Option<Vec<usize>>), Fault> {
    let op = match kind {
        "Input" if depth == 0 => return Ok((NirOp::Input, Some(fields.shape("shape")?))),
        "Input" | "Output" => {
            return Ok((NirOp::Pass, fields.shape("shape").ok()));
        }
        "Affine" => {
            let (outputs, inputs, weight) = fields.matrix("weight")?;
            NirOp::Affine { outputs, inputs, weight, bias: Some(fields.vector("bias", outputs)?) }
        }
        "Linear" => {
            let (outputs, inputs, weight) = fields.matrix("weight")?;
            NirOp::Affine { outputs, inputs, weight, bias: None }
        }
        "Scale" => NirOp::Scale(fields.param("scale")?),
        "Conv1d" | "Conv2d" => {
            let flat = kind == "Conv1d";
            let declared = fields.whole("input_shape", 1).ok();
            let axes = declared.map(|axes| axes.into_iter().map(|n| n as usize).collect());
            return Ok((NirOp::Conv(convolution(fields, flat)?), axes));
        }
        "SumPool2d" | "AvgPool2d" => NirOp::Pool(Pooling {
            mean: kind == "AvgPool2d",
            kernel: fields.pair("kernel_size", 1, None)?,
            stride: fields.pair("stride", 1, None)?,
            padding: fields.pair("padding", 0, None)?,
        }),
        "Flatten" => return Ok((NirOp::Flatten, Some(flattened(fields)?))),
        "Delay" => {
            let delay = fields.param("delay")?;
            if let Some(value) = delay.values().iter().find(|&&x| x < 0.0) {
                return Err(fields.fault(format!("field `delay` holds {value}"), "a delay is 0 or more"));
            }
            NirOp::Delay(delay)
        }
        "Threshold" => NirOp::Threshold(fields.param("threshold")?),
        "I" => neuron(NeuronKind::I, fields)?,
        "LI" => neuron(NeuronKind::Li, fields)?,
        "IF" => neuron(NeuronKind::If, fields)?,
        "LIF" => neuron(NeuronKind::Lif, fields)?,
        "CubaLI" => neuron(NeuronKind::CubaLi, fields)?,
        "CubaLIF" => neuron(NeuronKind::CubaLif, fields)?,
        _ => {
            let known = "Input, Output, Affine, Linear, Scale, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten, Delay, \
                         Threshold, I, LI, IF, LIF, CubaLI, CubaLIF and nested graphs are read";
            return Err(Box::new(Diagnostic::error(
                "SP0133",
                fields.place.clone(),
                format!("nodes of the type `{kind}` are not supported"),
                known,
            )));
        }
    };
    Ok((op, None))
}

fn neuron(kind: NeuronKind, fields: &Fields<'_>) -> Result<NirOp, Fault> {
    let one = || Param::Scalar(1.0);
    Ok(NirOp::Neuron(Neuron {
        kind,
        tau_syn: if kind.has_current() { fields.positive("tau_syn")? } else { one() },
        // NIR's default; versions before 0.2 did not write it.
        w_in: if kind.has_current() { fields.param_or("w_in", 1.0)? } else { one() },
        tau_mem: match kind {
            NeuronKind::I | NeuronKind::If => one(),
            NeuronKind::Li | NeuronKind::Lif => fields.positive("tau")?,
            NeuronKind::CubaLi | NeuronKind::CubaLif => fields.positive("tau_mem")?,
        },
        r: fields.param("r")?,
        v_leak: if kind.leaks() { fields.param("v_leak")? } else { Param::Scalar(0.0) },
        v_threshold: if kind.fires() { fields.param("v_threshold")? } else { Param::Scalar(f64::INFINITY) },
        v_reset: if kind.fires() && fields.has("v_reset") { Some(fields.param("v_reset")?) } else { None },
    }))
}

fn convolution(fields: &Fields<'_>, flat: bool) -> Result<Convolution, Fault> {
    let (shape, weight) = fields.array("weight")?;
    let [outputs, inputs, kernel] = match (shape, flat) {
        (&[o, i, k], true) => [[o, 0], [i, 0], [1, k]],
        (&[o, i, h, w], false) => [[o, 0], [i, 0], [h, w]],
        _ => {
            let rule = format!("field `weight` has the shape {shape:?}");
            return Err(fields.fault(rule, "[outputs, inputs / groups, kernel ..] is wanted"));
        }
    };
    let one = |other| flat.then_some(other);
    let stride = fields.pair("stride", 1, one(1))?;
    let dilation = fields.pair("dilation", 1, one(1))?;
    let groups = fields.whole("groups", 1)?.first().map_or(1, |&g| g as usize);
    let (before, after) = match fields.tree.text("padding") {
        Some("valid") => ([0, 0], [0, 0]),
        Some("same") if stride == [1, 1] => {
            let all = [0, 1].map(|axis: usize| dilation[axis] * (kernel[axis].saturating_sub(1)));
            (all.map(|n| n / 2), all.map(|n| n - n / 2))
        }
        Some(other) => {
            let rule = format!("field `padding` is `{other}` with a stride of {stride:?}");
            return Err(fields.fault(rule, "`valid`, `same` with a stride of 1, or numbers are wanted"));
        }
        None => {
            let padding = fields.pair("padding", 0, one(0))?;
            (padding, padding)
        }
    };
    let (outputs, inputs) = (outputs[0], inputs[0]);
    if outputs == 0 || inputs == 0 || kernel.contains(&0) || !outputs.is_multiple_of(groups) {
        let rule = format!("field `weight` has the shape {shape:?} with {groups} groups");
        return Err(fields.fault(rule, "no axis is 0, and the outputs are a multiple of the groups"));
    }
    let bias = if fields.has("bias") { Some(fields.vector("bias", outputs)?) } else { None };
    let weight = weight.to_vec();
    Ok(Convolution { outputs, inputs, groups, flat, kernel, stride, before, after, dilation, weight, bias })
}

/// `[start, end, axes of the declared input]`, all as the file counts them; `end` is counted from the front.
fn flattened(fields: &Fields<'_>) -> Result<Vec<usize>, Fault> {
    let axes = fields.whole("input_type", 0)?.len();
    let of = |name: &str| -> Result<usize, Fault> {
        let value = fields.whole(name, -64)?.first().copied().unwrap_or(0);
        let at = if value < 0 { value + axes as i64 } else { value };
        usize::try_from(at).ok().filter(|&at| at < axes).ok_or_else(|| {
            fields.fault(
                format!("field `{name}` is {value} with {axes} axes"),
                "an axis of the input is wanted",
            )
        })
    };
    Ok(vec![of("start_dim")?, of("end_dim")?, axes])
}
