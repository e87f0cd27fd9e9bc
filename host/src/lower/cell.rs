//! Loops over time as one cell that is stepped.
//!
//! The body of a loop is lowered once, its states, its sequences and what stays the same being sources of their own. The nodes that
//! come out get the steps as dimension 0 of their grid: what they read of a sequence moves on by a step, what they read of a
//! state is the value of the node that gave it one step before, and lies outside at step 0, where states are zero. So a
//! node of a cell is a dot-like node as any other, of which only the order of computation is special
//! ([`Loop`](crate::dots::Loop)).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use super::LowerOptions;
use super::compose::compose;
use super::lowerer::Lowerer;
use super::spread::{spread, through};
use super::value::{Sum, Value};
use super::view::{Ref, View, of_node, source};
use super::virtuals::{Term, Virtual, Weights, Work};
use super::walk::walk;
use crate::dots::{Axis, Body, DotNode, PAD, Read, Source, Taps, Term as Moves};
use crate::graph::{Graph, Scan, ValueId};

/// What loops over time become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoopForm {
    /// One cell that is stepped, where that can be.
    #[default]
    Cell,
    /// Each step nodes of its own.
    Unroll,
}

impl FromStr for LoopForm {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cell" => Ok(Self::Cell),
            "unroll" => Ok(Self::Unroll),
            _ => Err("cell or unroll".into()),
        }
    }
}

impl fmt::Display for LoopForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cell => "cell",
            Self::Unroll => "unroll",
        })
    }
}

/// A cell among the virtual nodes.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Its nodes.
    pub(super) nodes: Range<usize>,
    /// Those that hold a state.
    pub(super) states: Vec<usize>,
    /// The number of steps.
    pub(super) steps: usize,
}

/// Why a loop is not compiled as a cell: the end of the remark.
type Made<T> = Result<T, String>;

/// Where the elements of one of the cell's inputs lie.
#[derive(Clone, Copy)]
struct Origin {
    source: Source,
    /// The element that element 0 is at step 0.
    first: usize,
    /// Elements from step to step; 0: the same at each.
    pitch: usize,
    /// Whether the step before is meant.
    before: bool,
}

/// Which states and outputs of the body are needed for `results` (numbers of outputs of the body).
fn needed(scan: &Scan, results: &BTreeSet<usize>) -> BTreeSet<usize> {
    let body = &scan.body;
    let mut wanted = results.clone();
    loop {
        let mut values: BTreeSet<ValueId> = wanted.iter().map(|&i| body.outputs()[i]).collect();
        for node in body.nodes().iter().rev() {
            if values.contains(&node.output) {
                values.extend(&node.inputs);
            }
        }
        let before = wanted.len();
        wanted.extend((0..scan.states).filter(|&i| values.contains(&body.inputs()[i])));
        if wanted.len() == before {
            return wanted;
        }
    }
}

impl Lowerer<'_> {
    /// The loop as a cell: for each result of the body (states, then what is stacked) its value, `None` for what `results`
    /// does not ask for.
    pub(super) fn cell(
        &mut self,
        scan: &Scan,
        operands: &[Sum],
        results: &BTreeSet<usize>,
        name: &str,
    ) -> Made<Vec<Option<Value>>> {
        let body: &Graph = &scan.body;
        let wanted = needed(scan, results);
        for i in wanted.iter().filter(|&&i| i < scan.states) {
            let zero = operands[*i].addends.is_empty() && operands[*i].offset.is(0.0);
            if !zero {
                return Err(format!("its state {i} does not begin at zero"));
            }
        }
        // Lower the body, its inputs being nodes that stand for them.
        // A loop within the step is a part of it.
        let options = LowerOptions { loops: LoopForm::Unroll, ..self.options.clone() };
        let mut inner = Lowerer::new(&options);
        let mut inputs = Vec::new();
        for (at, &id) in body.inputs().iter().enumerate() {
            let value = body.value(id);
            let stands = Virtual {
                name: format!("input {at}"),
                grid: Vec::new(),
                groups: 1,
                width: value.len(),
                work: Work::Max(Vec::new(), None),
            };
            let number = inner.push(stands);
            inputs.push(match operands.get(at) {
                // What is the same constant in every step stays one.
                Some(sum) if at >= scan.states + scan.sequences && sum.addends.is_empty() => {
                    Value::from(sum.clone())
                }
                _ => Value::of(View::plain(&value.shape, of_node(number), 0)),
            });
        }
        let stand_ins = inner.nodes.len();
        let ids: Vec<ValueId> = wanted.iter().map(|&i| body.outputs()[i]).collect();
        let values = walk(&mut inner, body, inputs, &ids, "");
        if !inner.found.is_empty() || !inner.cells.is_empty() {
            return Err("its body can not be rewritten on its own".into());
        }
        // For each wanted output where its elements lie.
        let mut held: Vec<Vec<Ref>> = Vec::new();
        for (&i, value) in wanted.iter().zip(values) {
            let Some(value) = value else { return Err("its body can not be rewritten on its own".into()) };
            let label = body.value(body.outputs()[i]).name.clone();
            let own = if i < scan.states { spread(&mut inner, &value.sum, stand_ins, &label) } else { None };
            let own = own.or_else(|| {
                let node = holder(&mut inner, &value.sum, stand_ins, &label)?;
                Some((0..value.sum.len()).map(|e| Ref { source: of_node(node), element: e as u32 }).collect())
            });
            let Some(own) = own else {
                return Err(format!("its output {label:?} does not depend on what it reads"));
            };
            held.push(own);
        }
        let node_of = |own: &Ref| own.source as usize - 1;
        let roots: BTreeSet<usize> = held.iter().flatten().map(node_of).collect();
        let roots: Vec<usize> = roots.into_iter().collect();
        let (mut nodes, mut numbers) = inner.emit(&roots);
        let kept: Vec<usize> = roots.iter().filter_map(|&root| numbers[root]).collect();
        let used = compose(&mut nodes, &kept);
        // Numbers after what was merged is gone; those that stand for inputs come first.
        let inputs: Vec<Option<usize>> = numbers[..stand_ins].to_vec();
        let is_input: Vec<bool> = (0..nodes.len()).map(|n| inputs.contains(&Some(n))).collect();
        let origins = self.origins(scan, operands, name)?;
        let begin = self.nodes.len();
        let mut next = begin;
        let mut place = vec![usize::MAX; nodes.len()];
        for (at, place) in place.iter_mut().enumerate() {
            if used[at] && !is_input[at] {
                *place = next;
                next += 1;
            }
        }
        let lens: Vec<usize> = nodes.iter().map(DotNode::len).collect();
        // For each node of the cell, by its final number, the elements of a step.
        let pitch: BTreeMap<usize, usize> = place.iter().copied().zip(lens.iter().copied()).collect();
        numbers.iter_mut().for_each(|n| *n = n.map(|n| place[n]));
        let final_place = |own: &Ref| (numbers[node_of(own)].unwrap_or(usize::MAX), own.element);
        let held: Vec<Vec<(usize, u32)>> =
            held.iter().map(|own| own.iter().map(final_place).collect()).collect();
        // What a read of the body's nodes means outside: one read, or of a state those of the nodes that hold it.
        let meant = |node: &DotNode, read: &Read, from: usize| -> Made<Vec<(Read, Origin)>> {
            let input = inputs.iter().position(|&own| own == Some(from));
            let one = |origin: Origin| vec![(read.clone(), origin)];
            match input {
                None => {
                    let source = Source::Node(place[from]);
                    Ok(one(Origin { source, first: 0, pitch: lens[from], before: false }))
                }
                Some(input) if input < scan.states => {
                    let at = wanted.iter().position(|&own| own == input);
                    let places = &held[at.ok_or("it reads a state that no step gives")?];
                    let before = |source, node: usize| Origin {
                        source,
                        first: 0,
                        pitch: pitch.get(&node).copied().unwrap_or(0),
                        before: true,
                    };
                    let whole = places.iter().enumerate().all(|(i, own)| *own == (places[0].0, i as u32));
                    if whole && pitch.get(&places[0].0) == Some(&places.len()) {
                        return Ok(one(before(Source::Node(places[0].0), places[0].0)));
                    }
                    let parts = through(node, read, places).ok_or("it reads a state without any order")?;
                    let with = |part: Read| match part.source {
                        Source::Node(from) => (part, before(Source::Node(from), from)),
                        source => (part, before(source, 0)),
                    };
                    Ok(parts.into_iter().map(with).collect())
                }
                Some(input) => Ok(one(origins[input - scan.states].ok_or("it reads a constant")?)),
            }
        };
        let mut stretched: Vec<DotNode> = Vec::new();
        for (mut node, _) in nodes.into_iter().zip(&place).filter(|(_, place)| **place != usize::MAX) {
            let mut reads = Vec::new();
            for mut read in node.body.reads().to_vec() {
                if let Source::Node(from) = read.source {
                    for (mut part, origin) in meant(&node, &read, from)? {
                        stretch(&mut part, origin, scan.steps)?;
                        reads.push(part);
                    }
                    continue;
                }
                match &mut read.taps {
                    Taps::Window(window) => window.terms.iter_mut().for_each(|term| term.grid += 1),
                    // The same at every step.
                    Taps::Table { elements, .. } => *elements = elements.repeat(scan.steps).into(),
                }
                reads.push(read);
            }
            let Body::Dot(dot) = &mut node.body else { return Err("it takes a maximum".into()) };
            dot.reads = reads;
            stretched.push(node);
        }
        for node in stretched {
            let Body::Dot(dot) = node.body else { return Err("it takes a maximum".into()) };
            let groups = dot.weights.len();
            let grid = [&[scan.steps][..], &node.grid].concat();
            let weights = dot.weights.into_iter().map(Arc::unwrap_or_clone).collect();
            let term = Term::Own { reads: dot.reads, weights: Weights::Dense(weights) };
            self.push(Virtual {
                name: format!("{name}/{}", node.name),
                grid,
                groups,
                width: node.channels / groups,
                work: Work::Dot { terms: vec![term], bias: dot.bias, act: dot.act },
            });
        }
        let states: BTreeSet<usize> = wanted
            .iter()
            .zip(&held)
            .filter(|(i, _)| **i < scan.states)
            .flat_map(|(_, own)| own.iter().map(|(node, _)| *node))
            .collect();
        self.cells.push(Cell {
            nodes: begin..self.nodes.len(),
            states: states.into_iter().collect(),
            steps: scan.steps,
        });
        self.rewrites.append(&mut inner.rewrites);
        self.rewrites.push(format!(
            "{name:?}: {} steps of a loop by one cell of {} nodes",
            scan.steps,
            self.nodes.len() - begin
        ));
        Ok((0..body.outputs().len())
            .map(|i| {
                let own = &held[wanted.iter().position(|&own| own == i)?];
                let shape = &body.value(body.outputs()[i]).shape;
                Some(Value::of(if i < scan.states {
                    let at = |&(node, element): &(usize, u32)| Ref {
                        source: of_node(node),
                        element: element + ((scan.steps - 1) * pitch.get(&node).copied().unwrap_or(0)) as u32,
                    };
                    View::of(shape.clone(), own.iter().map(at).collect())
                } else {
                    View::plain(&[&[scan.steps][..], shape].concat(), of_node(own[0].0), 0)
                }))
            })
            .collect())
    }

    /// Where the sequences and what stays the same lie; what lies irregularly is copied.
    fn origins(&mut self, scan: &Scan, operands: &[Sum], name: &str) -> Made<Vec<Option<Origin>>> {
        let mut out = Vec::new();
        for (at, sum) in operands.iter().enumerate().skip(scan.states) {
            let moves = at < scan.states + scan.sequences;
            if sum.addends.is_empty() {
                if moves {
                    return Err("a sequence is constant".into());
                }
                out.push(None);
                continue;
            }
            let label = format!("{name}/input {at}");
            let view = self.bare(sum, &label).map_err(|refusal| refusal.rule)?;
            let steps = if moves { scan.steps } else { 1 };
            let origin = regular(&view, steps).or_else(|| regular(&self.copy(&view, &label), steps));
            out.push(Some(origin.ok_or("what it reads lies irregularly")?));
        }
        Ok(out)
    }
}

/// The node of the cell that holds `sum`, its elements in order; `None` for constants.
fn holder(inner: &mut Lowerer<'_>, sum: &Sum, stand_ins: usize, name: &str) -> Option<usize> {
    if sum.addends.is_empty() {
        return None;
    }
    let plain = |view: &View, inner: &Lowerer<'_>| {
        let refs = view.refs();
        let Source::Node(node) = source(refs[0].source) else { return None };
        let whole = refs.len() == inner.nodes[node].channels() * inner.nodes[node].positions();
        let same =
            refs.iter().enumerate().all(|(i, r)| r.source == refs[0].source && i == r.element as usize);
        (node >= stand_ins && whole && same).then_some(node)
    };
    let view = inner.bare(sum, name).ok()?;
    plain(&view, inner).or_else(|| {
        let view = inner.copy(&view, name);
        plain(&view, inner)
    })
}

/// The first element and the pitch of a view whose elements lie one behind the other in one source, step by step.
fn regular(view: &View, steps: usize) -> Option<Origin> {
    let refs = view.refs();
    let len = refs.len() / steps;
    let first = refs[0];
    let pitch = match refs.get(len) {
        Some(next) => next.element.checked_sub(first.element)? as usize,
        None => 0,
    };
    let at = |i: usize| first.element as usize + i / len * pitch + i % len;
    let same = refs.iter().enumerate().all(|(i, r)| r.source == first.source && r.element as usize == at(i));
    same.then_some(Origin {
        source: source(first.source),
        first: first.element as usize,
        pitch,
        before: false,
    })
}

/// Turns a read of one step into the read of all.
fn stretch(read: &mut Read, origin: Origin, steps: usize) -> Made<()> {
    read.source = origin.source;
    let back = i64::from(origin.before);
    match &mut read.taps {
        Taps::Window(window) => {
            window.first += origin.first;
            window.terms.iter_mut().for_each(|term| term.grid += 1);
            if origin.pitch > 0 {
                let axis = window.axes.len();
                if axis == 4 {
                    return Err("a window of its body has four axes of its own".into());
                }
                window.axes.push(Axis { extent: steps, pitch: origin.pitch, origin: -back });
                window.terms.push(Moves { grid: 0, coefficient: 1, axis });
            }
        }
        Taps::Table { elements, .. } => {
            let moved = |step: usize, &element: &u32| match step.checked_sub(back as usize) {
                Some(step) if element != PAD => element + (origin.first + step * origin.pitch) as u32,
                _ => PAD,
            };
            let all: Arc<[u32]> =
                (0..steps).flat_map(|step| elements.iter().map(move |e| moved(step, e))).collect();
            *elements = all;
        }
    }
    Ok(())
}
