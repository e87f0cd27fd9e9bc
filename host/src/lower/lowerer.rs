//! The state of the rewriting, and what all operators share.

use std::collections::BTreeSet;

use super::LowerOptions;
use super::cell::Cell;
use super::field::Field;
use super::pattern::Along;
use super::pattern::Pattern;
use super::read::reads;
use super::value::{Sum, Value};
use super::view::{View, of_node};
use super::virtuals::{Term, Virtual, Weights, Work};
use crate::diagnostic::Diagnostics;
use crate::dots::{Act, Read, Taps};

/// Why an operator can not be rewritten.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) rule: String,
    pub(super) way_out: String,
}

/// What an operator becomes.
pub(super) type Outcome<T> = Result<T, Refusal>;

pub(super) fn refuse(rule: impl Into<String>, way_out: impl Into<String>) -> Refusal {
    let way_out = way_out.into();
    let known = if way_out.is_empty() {
        "replace it in the model, or export the model again".into()
    } else {
        way_out
    };
    Refusal { rule: rule.into(), way_out: known }
}

/// Refuses a result of `shape` that has no elements, computed or constant: no core-op could give it.
pub(super) fn filled(shape: &[usize]) -> Outcome<()> {
    if !shape.contains(&0) {
        return Ok(());
    }
    let rule = format!("its result of shape {shape:?} has no elements");
    Err(refuse(rule, "leave it out of the model: there is nothing to compute"))
}

/// So many functions of sums are remembered, to be made once when the graph holds them twice.
const MOST_RECENT: usize = 64;

/// The state of the rewriting.
pub(super) struct Lowerer<'o> {
    pub(super) options: &'o LowerOptions,
    pub(super) nodes: Vec<Virtual>,
    names: BTreeSet<String>,
    pub(super) rewrites: Vec<String>,
    pub(super) found: Diagnostics,
    /// Elements of the input vector.
    pub(super) input_len: usize,
    /// Cells that are stepped.
    pub(super) cells: Vec<Cell>,
    /// What was made last, and of what.
    recent: Vec<(Sum, Act, View)>,
}

impl<'o> Lowerer<'o> {
    pub(super) fn new(options: &'o LowerOptions) -> Self {
        Self {
            options,
            nodes: Vec::new(),
            names: BTreeSet::new(),
            rewrites: Vec::new(),
            found: Diagnostics::default(),
            input_len: 0,
            cells: Vec::new(),
            recent: Vec::new(),
        }
    }

    /// Adds a node and returns its number; a name that is taken gets a number appended at the end.
    pub(super) fn push(&mut self, node: Virtual) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// `name`, or with a number behind it when it is taken.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut count = 1;
        while !self.names.insert(unique.clone()) {
            count += 1;
            unique = format!("{name}~{count}");
        }
        unique
    }

    /// The value as a sum: a function becomes a node.
    pub(super) fn settle(&mut self, value: &Value, name: &str) -> Outcome<Sum> {
        let Some(curve) = &value.curve else { return Ok(value.sum.clone()) };
        if value.sum.addends.is_empty() {
            // A function of constants is computed.
            let done = Value::curved(value.sum.clone(), curve.steps.clone());
            let mut sum = done.sum.scaled(&curve.scale);
            sum.offset = sum.offset.zip(&curve.offset, |a, b| a + b);
            return Ok(sum);
        }
        let view = self.realised(&value.sum, Act::from_steps(curve.steps.clone()), name)?;
        let mut sum = Sum::of(view).scaled(&curve.scale);
        sum.offset = curve.offset.clone();
        Ok(sum)
    }

    /// `act(sum)` as nodes, those that were made before where they are the same.
    fn realised(&mut self, sum: &Sum, act: Act, name: &str) -> Outcome<View> {
        let known = |(own, function, _): &&(Sum, Act, View)| *own == *sum && *function == act;
        if let Some((_, _, view)) = self.recent.iter().rev().find(known) {
            return Ok(view.clone());
        }
        let view = self.realise(sum, act.clone(), name)?;
        if self.recent.len() == MOST_RECENT {
            self.recent.remove(0);
        }
        self.recent.push((sum.clone(), act, view.clone()));
        Ok(view)
    }

    /// The sum with one addend at most: several become a node without a function.
    pub(super) fn single(&mut self, sum: &Sum, name: &str) -> Outcome<Sum> {
        if sum.addends.len() < 2 {
            return Ok(sum.clone());
        }
        Ok(Sum::of(self.realise(sum, Act::None, name)?))
    }

    /// The elements of `sum` as the value of one node or the input, all of them computed, nothing to add or multiply.
    pub(super) fn bare(&mut self, sum: &Sum, name: &str) -> Outcome<View> {
        if let [addend] = sum.addends.as_slice()
            && addend.scale.is(1.0)
            && sum.offset.is(0.0)
            && addend.view.pieces().is_none_or(|p| {
                p.iter().map(|p| p.size.iter().product::<usize>()).sum::<usize>() == sum.len()
            })
        {
            return Ok(addend.view.clone());
        }
        self.realise(sum, Act::None, name)
    }

    /// A node that holds the elements of `view` one behind the other; constants count 0.
    pub(super) fn copy(&mut self, view: &View, name: &str) -> View {
        let axes: Vec<Along> = view.shape.iter().map(|&n| Along::each(n)).collect();
        let pattern = Pattern { axes, groups: 1 };
        let own = reads(view, &pattern).unwrap_or_default().into_iter().map(|brought| Term::Own {
            weights: Weights::Sparse {
                rows: vec![0; brought.columns.len()],
                values: vec![1.0; brought.columns.len()],
            },
            reads: vec![brought.read],
        });
        let work = Work::Dot { terms: own.collect(), bias: vec![0.0], act: Act::None };
        let node =
            self.push(Virtual { name: name.to_owned(), grid: pattern.grid(), groups: 1, width: 1, work });
        View::plain(&view.shape, of_node(node), 0)
    }

    /// A node with a factor and an offset of its own for every element: `act(scale * element + offset)`.
    pub(super) fn diagonal(
        &mut self,
        addend: &super::value::Addend,
        offset: Option<&Field>,
        act: Act,
        name: &str,
    ) -> Outcome<View> {
        let shape = &addend.view.shape;
        let refs = addend.view.refs();
        let source = refs[0].source;
        let (low, high) = (refs.iter().map(|r| r.element).min(), refs.iter().map(|r| r.element).max());
        let (low, high) = (low.unwrap_or(0) as usize, high.unwrap_or(0) as usize);
        let count = high - low + 1;
        let mut places = vec![usize::MAX; if count <= 2 * refs.len() { count } else { 0 }];
        let mut regular =
            !places.is_empty() && refs.iter().all(|r| r.source == source && r.source != u32::MAX);
        if regular {
            for (at, r) in refs.iter().enumerate() {
                let place = &mut places[r.element as usize - low];
                regular &= *place == usize::MAX;
                *place = at;
            }
        }
        if !regular {
            let view = self.copy(&addend.view, name);
            return self.diagonal(
                &super::value::Addend { view, scale: addend.scale.clone() },
                offset,
                act,
                name,
            );
        }
        if count > self.options.most_diagonal {
            let rule = format!("{count} elements each have a factor or summand of their own");
            return Err(refuse(rule, "use one factor and one summand for each channel"));
        }
        let scale = addend.scale.expand(shape);
        let offset = offset.map(|f| f.expand(shape));
        let of = |data: &[f64], place: &usize| data.get(*place).copied().unwrap_or(0.0);
        let values = places.iter().map(|p| of(&scale, p)).collect();
        let bias = places.iter().map(|p| offset.as_ref().map_or(0.0, |o| of(o, p))).collect();
        let mut window = crate::dots::Window::run(1, 0, 1);
        window.first = low;
        let read = Read { source: super::view::source(source), taps: Taps::Window(window), group_step: 1 };
        let term = Term::Own { reads: vec![read], weights: Weights::Sparse { rows: vec![0], values } };
        let work = Work::Dot { terms: vec![term], bias, act };
        let node =
            self.push(Virtual { name: name.to_owned(), grid: Vec::new(), groups: count, width: 1, work });
        let moved =
            refs.iter().map(|r| super::view::Ref { source: of_node(node), element: r.element - low as u32 });
        Ok(View::of(shape.clone(), moved.collect()))
    }
}
