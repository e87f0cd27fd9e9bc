//! One step of a recurrent layer.

use std::sync::Arc;

use super::Kind;
use super::activation::Activation;
use crate::diagnostic::Result;
use crate::graph::{Binary, Builder, Function, Graph, Op, ShapeError, Tensor, ValueId};
use crate::import::context::{Context, Term, shape_fault};

/// Weights of one direction: of each gate a matrix \[inputs or hidden, hidden\] and a bias \[hidden\]; lists of what is not
/// given are empty.
#[derive(Default)]
pub(super) struct Weights {
    pub(super) input: Vec<Term>,
    pub(super) recurrent: Vec<Term>,
    pub(super) input_bias: Vec<Term>,
    pub(super) recurrent_bias: Vec<Term>,
    /// Of input, output and forget gate, \[hidden\].
    pub(super) peepholes: Vec<Term>,
}

/// What a cell computes.
pub(super) struct Cell<'a> {
    pub(super) kind: Kind,
    pub(super) acts: &'a [Activation],
    /// What goes into activation functions is clipped to plus and minus that.
    pub(super) clip: Option<f32>,
    /// `input_forget` or `linear_before_reset`.
    pub(super) special: bool,
    pub(super) batch: usize,
    pub(super) hidden: usize,
    pub(super) inputs: usize,
    /// Whether a mask, \[batch, 1\], tells which sequences have not ended.
    pub(super) masked: bool,
}

/// A body that grows.
struct Body<'n> {
    builder: Builder,
    node: &'n str,
    place: &'n str,
    captured: Vec<Term>,
}

impl Body<'_> {
    fn name(&self, part: &str) -> String {
        format!("{}/cell/{part}", self.node)
    }

    fn told<T>(&self, made: std::result::Result<T, ShapeError>) -> Result<T> {
        made.map_err(|error| shape_fault(error, self.place))
    }

    fn input(&mut self, part: &str, shape: Vec<usize>) -> Result<ValueId> {
        let added = self.builder.add_input(&self.name(part), shape);
        self.told(added)
    }

    /// A constant of the body, or, where it is computed outside, a value that stays the same in every step.
    fn weight(&mut self, ctx: &Context<'_, '_>, part: &str, term: &Term) -> Result<ValueId> {
        if let Some(tensor) = term.constant().and_then(|constant| constant.tensor()) {
            return Ok(self.builder.constant(&self.name(part), tensor));
        }
        self.captured.push(term.clone());
        self.input(part, ctx.shape(term))
    }

    fn op(&mut self, part: &str, op: Op, operands: &[ValueId]) -> Result<ValueId> {
        let name = self.name(part);
        let added = self.builder.node(&name, op, operands, &name);
        self.told(added)
    }

    fn two(&mut self, part: &str, op: Binary, a: ValueId, b: ValueId) -> Result<ValueId> {
        self.op(part, Op::Binary(op), &[a, b])
    }

    fn number(&mut self, part: &str, value: f32) -> ValueId {
        self.builder.constant(&self.name(part), Tensor::scalar(value))
    }

    fn act(&mut self, part: &str, act: Activation, x: ValueId) -> Result<ValueId> {
        let (alpha, beta) = match act {
            Activation::Plain(function) => return self.op(part, Op::Map(function), &[x]),
            Activation::Affine { alpha, beta } | Activation::ScaledTanh { alpha, beta } => {
                let name = |what: &str| format!("{part}/{what}");
                (self.number(&name("alpha"), alpha), self.number(&name("beta"), beta))
            }
        };
        if let Activation::Affine { .. } = act {
            let scaled = self.two(&format!("{part}/scaled"), Binary::Mul, x, alpha)?;
            return self.two(part, Binary::Add, scaled, beta);
        }
        let scaled = self.two(&format!("{part}/scaled"), Binary::Mul, x, beta)?;
        let tanh = self.op(&format!("{part}/tanh"), Op::Map(Function::Tanh), &[scaled])?;
        self.two(part, Binary::Mul, tanh, alpha)
    }
}

impl Cell<'_> {
    /// The body: inputs are the states, a step of the sequence, the mask if there is one, and the computed weights, which
    /// come with it; outputs are the new states, then the step's result.
    pub(super) fn body(&self, ctx: &Context<'_, '_>, weights: &Weights) -> Result<(Arc<Graph>, Vec<Term>)> {
        let mut body =
            Body { builder: Builder::default(), node: ctx.name, place: ctx.place, captured: Vec::new() };
        let state = vec![self.batch, self.hidden];
        let h = body.input("h", state.clone())?;
        let c = if self.kind == Kind::Lstm { Some(body.input("c", state)?) } else { None };
        let x = body.input("x", vec![self.batch, self.inputs])?;
        let mask = if self.masked { Some(body.input("mask", vec![self.batch, 1])?) } else { None };
        let mut step = Step { cell: self, ctx, weights, body: &mut body, h, x };
        let mut states = match c {
            Some(c) => step.lstm(c)?,
            None if self.kind == Kind::Gru => vec![step.gru()?],
            None => vec![step.rnn()?],
        };
        let mut result = states[0];
        if let Some(mask) = mask {
            result = body.two("inside", Binary::Mul, states[0], mask)?;
            for (new, old) in states.iter_mut().zip([Some(h), c].into_iter().flatten()) {
                *new = body.op("kept", Op::Where, &[mask, *new, old])?;
            }
        }
        states.push(result);
        let graph = body.builder.finish_body(&states);
        let graph = graph.map_err(|error| shape_fault(error, ctx.place))?;
        Ok((Arc::new(graph), body.captured))
    }
}

/// The operands of a step.
struct Step<'a, 'r, 'm> {
    cell: &'a Cell<'a>,
    ctx: &'a Context<'r, 'm>,
    weights: &'a Weights,
    body: &'a mut Body<'m>,
    h: ValueId,
    x: ValueId,
}

impl Step<'_, '_, '_> {
    /// The product of `x` with the matrix of `gate` in `matrices`.
    fn product(&mut self, part: &str, matrices: &[Term], gate: usize, x: ValueId) -> Result<ValueId> {
        let weights = self.body.weight(self.ctx, &format!("{part}/weights"), &matrices[gate])?;
        self.body.op(part, Op::MatMul, &[x, weights])
    }

    /// `x` and the bias of `gate` in `biases`, where there are any.
    fn biased(&mut self, part: &str, biases: &[Term], gate: usize, x: ValueId) -> Result<ValueId> {
        let Some(bias) = biases.get(gate) else { return Ok(x) };
        let bias = self.body.weight(self.ctx, &format!("{part}/bias"), bias)?;
        self.body.two(part, Binary::Add, x, bias)
    }

    /// What goes into the activation function of `gate`: both products, and both biases.
    fn sum(&mut self, part: &str, gate: usize, h: ValueId) -> Result<ValueId> {
        let weights = self.weights;
        let wx = self.product(&format!("{part}/wx"), &weights.input, gate, self.x)?;
        let rh = self.product(&format!("{part}/rh"), &weights.recurrent, gate, h)?;
        let sum = self.body.two(&format!("{part}/sum"), Binary::Add, wx, rh)?;
        let sum = self.biased(&format!("{part}/wb"), &weights.input_bias, gate, sum)?;
        self.biased(&format!("{part}/rb"), &weights.recurrent_bias, gate, sum)
    }

    /// The activation function in place `act` of `x`, clipped before.
    fn act(&mut self, part: &str, act: usize, mut x: ValueId) -> Result<ValueId> {
        if let Some(most) = self.cell.clip {
            let clip = Function::Clip { lo: -most, hi: most };
            x = self.body.op(&format!("{part}/clipped"), Op::Map(clip), &[x])?;
        }
        self.body.act(part, self.cell.acts[act], x)
    }

    fn rnn(&mut self) -> Result<ValueId> {
        let sum = self.sum("z", 0, self.h)?;
        self.act("new", 0, sum)
    }

    /// Gates z, r, h: the new state is between the candidate (z = 0) and the old state (z = 1).
    fn gru(&mut self) -> Result<ValueId> {
        let weights = self.weights;
        let sum = self.sum("z", 0, self.h)?;
        let z = self.act("update", 0, sum)?;
        let sum = self.sum("r", 1, self.h)?;
        let r = self.act("reset", 0, sum)?;
        let sum = if self.cell.special {
            let rh = self.product("h/rh", &weights.recurrent, 2, self.h)?;
            let rh = self.biased("h/rb", &weights.recurrent_bias, 2, rh)?;
            let past = self.body.two("h/past", Binary::Mul, r, rh)?;
            let wx = self.product("h/wx", &weights.input, 2, self.x)?;
            let wx = self.biased("h/wb", &weights.input_bias, 2, wx)?;
            self.body.two("h/sum", Binary::Add, wx, past)?
        } else {
            let past = self.body.two("h/past", Binary::Mul, r, self.h)?;
            self.sum("h", 2, past)?
        };
        let candidate = self.act("candidate", 1, sum)?;
        let way = self.body.two("way", Binary::Sub, self.h, candidate)?;
        let part = self.body.two("part", Binary::Mul, z, way)?;
        self.body.two("new", Binary::Add, candidate, part)
    }

    /// Gates i, o, f, c; the new hidden state and the new cell.
    fn lstm(&mut self, c: ValueId) -> Result<Vec<ValueId>> {
        let sum = self.sum("i", 0, self.h)?;
        let sum = self.peeped("i", 0, sum, c)?;
        let i = self.act("input", 0, sum)?;
        let f = if self.cell.special {
            let one = self.body.number("one", 1.0);
            self.body.two("forget", Binary::Sub, one, i)?
        } else {
            let sum = self.sum("f", 2, self.h)?;
            let sum = self.peeped("f", 2, sum, c)?;
            self.act("forget", 0, sum)?
        };
        let sum = self.sum("c", 3, self.h)?;
        let candidate = self.act("candidate", 1, sum)?;
        let old = self.body.two("old", Binary::Mul, f, c)?;
        let new = self.body.two("add", Binary::Mul, i, candidate)?;
        let cell = self.body.two("cell", Binary::Add, old, new)?;
        let sum = self.sum("o", 1, self.h)?;
        let sum = self.peeped("o", 1, sum, cell)?;
        let o = self.act("output", 0, sum)?;
        let shown = self.act("shown", 2, cell)?;
        let hidden = self.body.two("new", Binary::Mul, o, shown)?;
        Ok(vec![hidden, cell])
    }

    /// `sum` and the cell seen through the peephole `at`.
    fn peeped(&mut self, part: &str, at: usize, sum: ValueId, cell: ValueId) -> Result<ValueId> {
        let Some(weights) = self.weights.peepholes.get(at) else { return Ok(sum) };
        let weights = self.body.weight(self.ctx, &format!("{part}/peephole"), weights)?;
        let seen = self.body.two(&format!("{part}/seen"), Binary::Mul, cell, weights)?;
        self.body.two(&format!("{part}/peeped"), Binary::Add, sum, seen)
    }
}
