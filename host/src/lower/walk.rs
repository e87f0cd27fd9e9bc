//! The walk over a graph in topological order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cell::LoopForm;
use super::lowerer::{Lowerer, Outcome, filled, refuse};
use super::value::{Sum, Value};
use crate::diagnostic::Diagnostic;
use crate::graph::{Binary, Graph, Node, Op, Origin, Scan, ScanResult, Select, Tensor, ValueId};

/// One graph on its way: the network or a step of a loop.
pub(super) struct Walk<'g, 'l, 'o> {
    lowerer: &'l mut Lowerer<'o>,
    graph: &'g Graph,
    values: Vec<Option<Value>>,
    /// How many users of every value are still to come.
    uses: Vec<usize>,
    /// In front of the names of values.
    prefix: String,
    /// Results of loops: one body serves several nodes.
    loops: BTreeMap<(usize, Vec<ValueId>), Vec<Option<Value>>>,
}

/// Walks over what `outputs` of `graph` need; returns their values, `None` where something was refused.
pub(super) fn walk(
    lowerer: &mut Lowerer<'_>,
    graph: &Graph,
    inputs: Vec<Value>,
    outputs: &[ValueId],
    prefix: &str,
) -> Vec<Option<Value>> {
    let mut uses = vec![0; graph.values().len()];
    outputs.iter().for_each(|o| uses[o.index()] += 1);
    for node in graph.nodes().iter().rev() {
        if uses[node.output.index()] > 0 {
            node.inputs.iter().for_each(|i| uses[i.index()] += 1);
        }
    }
    let needed = uses.clone();
    let mut walk = Walk {
        lowerer,
        graph,
        values: vec![None; uses.len()],
        uses,
        prefix: prefix.to_owned(),
        loops: BTreeMap::new(),
    };
    for (id, value) in graph.inputs().iter().zip(inputs) {
        walk.store(*id, value);
    }
    for node in graph.nodes() {
        if needed[node.output.index()] == 0 {
            continue;
        }
        match walk.node(node) {
            Ok(Some(value)) => walk.store(node.output, value),
            Ok(None) => {}
            Err(refusal) => {
                let place = format!("node {:?} ({})", node.name, node.origin);
                let what =
                    if node.op.name() == node.origin { String::new() } else { format!("{}: ", node.op) };
                let rule = format!("{what}{}", refusal.rule);
                walk.lowerer.found.push(Diagnostic::error("SP0301", place, rule, refusal.way_out));
            }
        }
        for input in &node.inputs {
            let left = &mut walk.uses[input.index()];
            *left -= 1;
            if *left == 0 {
                walk.values[input.index()] = None;
            }
        }
    }
    outputs.iter().map(|&id| walk.settled(id).ok().flatten().map(Value::from)).collect()
}

impl Walk<'_, '_, '_> {
    fn name(&self, id: ValueId) -> String {
        format!("{}{}", self.prefix, self.graph.value(id).name)
    }

    /// Keeps a value: a sum of several that more than one will use becomes a node.
    fn store(&mut self, id: ValueId, mut value: Value) {
        if self.uses[id.index()] > 1 && value.sum.addends.len() > 1 {
            let name = self.name(id);
            if let Ok(sum) = self.lowerer.single(&value.sum, &name) {
                value.sum = sum;
            }
        }
        self.values[id.index()] = Some(value);
    }

    /// A value as it is; `None` when it was refused.
    fn value(&mut self, id: ValueId) -> Option<Value> {
        if let Origin::Constant(tensor) = &self.graph.value(id).origin {
            return Some(Value::tensor(tensor));
        }
        self.values[id.index()].clone()
    }

    /// A value without a function; kept for later users.
    fn settled(&mut self, id: ValueId) -> Outcome<Option<Sum>> {
        let Some(value) = self.value(id) else { return Ok(None) };
        if value.curve.is_none() {
            return Ok(Some(value.sum));
        }
        let name = self.name(id);
        let sum = self.lowerer.settle(&value, &name)?;
        self.store(id, sum.clone().into());
        Ok(Some(sum))
    }

    /// The constant that a value is.
    fn constant(&mut self, id: ValueId) -> Option<Arc<Tensor>> {
        if let Origin::Constant(tensor) = &self.graph.value(id).origin {
            return Some(tensor.clone());
        }
        let value = self.values[id.index()].as_ref()?;
        let data = value.constant()?.expand(value.shape()).iter().map(|&v| v as f32).collect();
        Tensor::new(value.shape().to_vec(), data).map(Arc::new)
    }

    /// `Ok(None)`: an operand was refused, which has been reported.
    fn node(&mut self, node: &Node) -> Outcome<Option<Value>> {
        let name = self.name(node.output);
        if node
            .inputs
            .iter()
            .any(|&id| self.graph.value(id).is_computed() && self.values[id.index()].is_none())
        {
            return Ok(None);
        }
        let constants: Vec<Option<Arc<Tensor>>> = node.inputs.iter().map(|&id| self.constant(id)).collect();
        if !matches!(node.op, Op::Scan(_)) && constants.iter().all(Option::is_some) {
            let operands: Vec<Tensor> = constants.iter().flatten().map(|t| t.as_ref().clone()).collect();
            return self.lowerer.folded(&node.op, &operands).map(Some);
        }
        filled(&self.graph.value(node.output).shape)?;
        match &node.op {
            Op::Map(function) => {
                let Some(value) = self.value(node.inputs[0]) else { return Ok(None) };
                // What is not the same function everywhere is a node that later users share.
                let value = match value.steps() {
                    Some(_) => value,
                    None => match self.settled(node.inputs[0])? {
                        Some(sum) => sum.into(),
                        None => return Ok(None),
                    },
                };
                self.lowerer.map(&value, *function, &name).map(Some)
            }
            Op::Binary(op) => self.binary(node, *op, &name),
            Op::Where => {
                let shape = self.graph.value(node.output).shape.clone();
                let mut operand = |at: usize| self.value(node.inputs[at]).map(|v| v.broadcast(&shape));
                let (Some(c), Some(a), Some(b)) = (operand(0), operand(1), operand(2)) else {
                    return Ok(None);
                };
                self.lowerer.choose(&c, &a, &b, &name).map(Some)
            }
            Op::Select(select) => self.select(node, select, &name),
            Op::Scan(scan) => self.scan(node, scan, &name),
            op => self.sweep(node, op, &constants, &name),
        }
    }

    /// Operators over one operand's elements, weights constant.
    fn sweep(
        &mut self,
        node: &Node,
        op: &Op,
        constants: &[Option<Arc<Tensor>>],
        name: &str,
    ) -> Outcome<Option<Value>> {
        let at = usize::from(matches!(op, Op::MatMul) && constants[0].is_some());
        let Some(x) = self.settled(node.inputs[at])? else { return Ok(None) };
        let shape = &self.graph.value(node.output).shape;
        let lowerer = &mut *self.lowerer;
        let value = match op {
            Op::Conv(conv) => {
                let Some(weights) = &constants[1] else {
                    return Err(refuse(
                        "its weights are computed",
                        "make the weights constants of the model",
                    ));
                };
                let bias = constants.get(2).map(|b| b.as_deref());
                if bias.is_some_and(|b| b.is_none()) {
                    return Err(refuse("its bias is computed", "add the computed bias by an Add behind it"));
                }
                lowerer.conv(&x, conv, weights, bias.flatten(), name)
            }
            Op::MatMul => match (&constants[0], &constants[1]) {
                (_, Some(w)) => lowerer.times_constant(&x, w, name),
                (Some(w), None) => turned(lowerer, &x, w, shape, name),
                (None, None) => {
                    let Some(other) = self.settled(node.inputs[1])? else { return Ok(None) };
                    self.lowerer.matmul(&x, &other, shape, name)
                }
            },
            Op::Pool(pool) => lowerer.pool(&x, pool, name),
            Op::Reduce { kind, axes, keepdims } => lowerer.reduce(&x, *kind, axes, *keepdims, name),
            Op::Softmax { first, last, log } => lowerer.softmax(&x, *first, *last, *log, name),
            Op::Hardmax { first, last } => {
                let axes: Vec<usize> = (*first..=*last).collect();
                lowerer.hardmax(&x, &axes, false, name)
            }
            Op::ArgMax { axis, keepdims, select_last } => {
                lowerer.argmax(&x, (*axis, *keepdims, *select_last), name)
            }
            Op::Linear(map) => lowerer.sparse(&x, map, name),
            _ => Err(refuse("the operator is not compiled", "")),
        };
        value.map(Some)
    }

    fn binary(&mut self, node: &Node, op: Binary, name: &str) -> Outcome<Option<Value>> {
        let shape = self.graph.value(node.output).shape.clone();
        let (Some(a), Some(b)) = (self.value(node.inputs[0]), self.value(node.inputs[1])) else {
            return Ok(None);
        };
        let (mut a, mut b) = (a.broadcast(&shape), b.broadcast(&shape));
        let computed = a.constant().is_none() && b.constant().is_none();
        if computed && a.joined(&b).is_none() {
            // Nodes that later users share.
            let sums = (self.settled(node.inputs[0])?, self.settled(node.inputs[1])?);
            let (Some(x), Some(y)) = sums else { return Ok(None) };
            (a, b) = (Value::from(x).broadcast(&shape), Value::from(y).broadcast(&shape));
        } else if !computed
            && !matches!(op, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div)
            && (a.steps().is_none() || b.steps().is_none())
        {
            let sums = (self.settled(node.inputs[0])?, self.settled(node.inputs[1])?);
            let (Some(x), Some(y)) = sums else { return Ok(None) };
            (a, b) = (Value::from(x).broadcast(&shape), Value::from(y).broadcast(&shape));
        }
        self.lowerer.binary(op, &a, &b, name).map(Some)
    }

    fn select(&mut self, node: &Node, select: &Select, name: &str) -> Outcome<Option<Value>> {
        let mut operands = Vec::new();
        for &id in &node.inputs {
            let Some(sum) = self.settled(id)? else { return Ok(None) };
            operands.push(Value::from(sum));
        }
        let operands: Vec<&Value> = operands.iter().collect();
        self.lowerer.select(&operands, select, name).map(Some)
    }

    /// A loop: a cell that is stepped, or its body once for every step.
    fn scan(&mut self, node: &Node, scan: &Scan, name: &str) -> Outcome<Option<Value>> {
        let key = (Arc::as_ptr(&scan.body) as usize, node.inputs.clone());
        if !self.loops.contains_key(&key) {
            let results = self.looped(node, scan, name)?;
            self.loops.insert(key.clone(), results);
        }
        let at = match scan.result {
            ScanResult::State(i) => i,
            ScanResult::Stacked(i) => scan.states + i,
        };
        Ok(self.loops[&key].get(at).cloned().flatten())
    }

    fn looped(&mut self, node: &Node, scan: &Scan, name: &str) -> Outcome<Vec<Option<Value>>> {
        let mut operands = Vec::new();
        for &id in &node.inputs {
            let Some(sum) = self.settled(id)? else { return Ok(Vec::new()) };
            let name = self.name(id);
            operands.push(self.lowerer.single(&sum, &name)?);
        }
        if self.lowerer.options.loops == LoopForm::Cell && scan.steps > 1 && self.prefix.is_empty() {
            let of_this = |other: &&Node| match &other.op {
                Op::Scan(own) => Arc::ptr_eq(&own.body, &scan.body) && other.inputs == node.inputs,
                _ => false,
            };
            let wanted = self.graph.nodes().iter().filter(of_this).filter_map(|other| match &other.op {
                Op::Scan(own) => Some(match own.result {
                    ScanResult::State(i) => i,
                    ScanResult::Stacked(i) => scan.states + i,
                }),
                _ => None,
            });
            match self.lowerer.cell(scan, &operands, &wanted.collect(), name) {
                Ok(results) => return Ok(results),
                Err(why) => self.lowerer.rewrites.push(format!("{name:?}: no cell is stepped, since {why}")),
            }
        }
        self.unroll(scan, &operands, name)
    }

    fn unroll(&mut self, scan: &Scan, operands: &[Sum], name: &str) -> Outcome<Vec<Option<Value>>> {
        let (begin, most) = (self.lowerer.nodes.len(), self.lowerer.options.most_unrolled);
        let body = &scan.body;
        let mut states: Vec<Value> = operands[..scan.states].iter().map(|s| s.clone().into()).collect();
        let mut stacked: Vec<Vec<Sum>> = vec![Vec::new(); body.outputs().len() - scan.states];
        for step in 0..scan.steps {
            let mut inputs = states.clone();
            for sequence in &operands[scan.states..scan.states + scan.sequences] {
                let mut starts = vec![0; sequence.shape.len()];
                let mut sizes = sequence.shape.clone();
                (starts[0], sizes[0]) = (step, 1);
                let slice = Select::Slice { starts, steps: vec![1; sizes.len()], sizes };
                let own = Sum::selected(&[sequence], &slice);
                inputs.push(own.reshaped(&sequence.shape[1..]).into());
            }
            inputs.extend(operands[scan.states + scan.sequences..].iter().map(|s| Value::from(s.clone())));
            let prefix = format!("{name}[{step}]/");
            let results = walk(self.lowerer, body, inputs, body.outputs(), &prefix);
            let mut known: BTreeMap<ValueId, Sum> = BTreeMap::new();
            let mut settled = Vec::new();
            for (&id, result) in body.outputs().iter().zip(results) {
                let Some(result) = result else { return Ok(Vec::new()) };
                let sum = match known.get(&id) {
                    Some(sum) => sum.clone(),
                    None => self.lowerer.single(&result.sum, &format!("{prefix}{}", body.value(id).name))?,
                };
                known.insert(id, sum.clone());
                settled.push(sum);
            }
            let yields = settled.split_off(scan.states);
            states = settled.into_iter().map(Value::from).collect();
            stacked.iter_mut().zip(yields).for_each(|(all, own)| all.push(own));
            if self.lowerer.nodes.len() - begin > most {
                let done = self.lowerer.nodes.len() - begin;
                let rule = format!(
                    "{} steps of a loop take more than {most} nodes ({done} for {})",
                    scan.steps,
                    step + 1
                );
                return Err(refuse(rule, "use a shorter sequence, or compile the cell alone and step it"));
            }
        }
        self.lowerer.rewrites.push(format!("{name:?}: {} steps of a loop unrolled", scan.steps));
        let mut out: Vec<Option<Value>> = states.into_iter().map(Some).collect();
        for steps in stacked {
            let rows: Vec<Sum> = steps.iter().map(|s| s.reshaped(&[&[1], &s.shape[..]].concat())).collect();
            let rows: Vec<&Sum> = rows.iter().collect();
            out.push(Some(Sum::selected(&rows, &Select::Concat { axis: 0 }).into()));
        }
        Ok(out)
    }
}

/// A constant matrix times a computed one: the transposed product, transposed.
fn turned(lowerer: &mut Lowerer<'_>, x: &Sum, w: &Tensor, shape: &[usize], name: &str) -> Outcome<Value> {
    let swap = |rank: usize| {
        let mut perm: Vec<usize> = (0..rank).collect();
        if rank > 1 {
            perm.swap(rank - 2, rank - 1);
        }
        perm
    };
    let w = w.transposed(&swap(w.shape().len())).ok_or_else(|| refuse("its matrix is too large", ""))?;
    let column = x.shape.len() == 1;
    let x = if column { x.reshaped(&[1, x.shape[0]]) } else { x.transposed(&swap(x.shape.len())) };
    let value = lowerer.times_constant(&x, &w, name)?;
    if column || w.shape().len() == 1 {
        return Ok(value.sum.reshaped(shape).into());
    }
    Ok(value.sum.transposed(&swap(value.shape().len())).reshaped(shape).into())
}
