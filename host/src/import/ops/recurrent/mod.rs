//! RNN, LSTM and GRU: a loop over time for each direction, whose body is one cell.
//!
//! Sequences shorter than the axis end early: where all of a batch end at the same step, the steps behind it are left out;
//! else states stand still and results are 0 from there on, by a mask that is a sequence of constants. The reverse direction
//! begins at each sequence's own end.

mod activation;
mod cell;

use super::orders::{Order, offset};
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Op, Scan, ScanResult, Select};
use crate::import::context::{Context, Term};
use activation::activations;
use cell::{Cell, Weights};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("GRU", |ctx| translate(ctx, Kind::Gru)),
    onnx("LSTM", |ctx| translate(ctx, Kind::Lstm)),
    onnx("RNN", |ctx| translate(ctx, Kind::Rnn)),
];

/// The three operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rnn,
    Lstm,
    Gru,
}

impl Kind {
    /// Matrices of a direction, one below the other in each operand.
    fn gates(self) -> usize {
        match self {
            Kind::Rnn => 1,
            Kind::Lstm => 4,
            Kind::Gru => 3,
        }
    }

    /// Its own attribute, and the most operands and outputs.
    fn own(self) -> (Option<&'static str>, usize, usize) {
        match self {
            Kind::Rnn => (None, 6, 2),
            Kind::Lstm => (Some("input_forget"), 8, 3),
            Kind::Gru => (Some("linear_before_reset"), 6, 2),
        }
    }
}

/// What the operands say.
struct Sizes {
    steps: usize,
    batch: usize,
    hidden: usize,
    /// Steps of each sequence.
    lens: Vec<usize>,
    /// Steps of the longest.
    valid: usize,
}

impl Sizes {
    /// Whether sequences end at different steps.
    fn uneven(&self) -> bool {
        self.lens.iter().any(|&len| len != self.valid)
    }
}

fn translate(ctx: &mut Context<'_, '_>, kind: Kind) -> Result<()> {
    let (own, operands, outputs) = kind.own();
    let known = [
        "activation_alpha",
        "activation_beta",
        "activations",
        "clip",
        "direction",
        "hidden_size",
        "layout",
        // Operator set 6 and older; whether all steps are wanted is told by the outputs.
        "output_sequence",
    ];
    let known: Vec<&str> = known.into_iter().chain(own).collect();
    ctx.expect(3..=operands, &known)?;
    let attributes = ctx.attributes();
    let directions: &[bool] = match attributes.text("direction", "forward")?.as_str() {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => {
            let rule = format!("the attribute \"direction\" is {other:?}");
            return ctx.refuse("SP0106", rule, "it must be forward, reverse or bidirectional");
        }
    };
    let batch_first = match attributes.int("layout", 0)? {
        0 => false,
        1 => true,
        other => {
            let rule = format!("the attribute \"layout\" is {other}");
            return ctx.refuse("SP0106", rule, "it must be 0 or 1");
        }
    };
    let clip = attributes.float("clip", 0.0)?;
    let special = own.map_or(Ok(0), |name| attributes.int(name, 0))? != 0;
    let acts = activations(ctx, kind, directions.len())?;

    let element = ctx.input(0)?.element();
    let mut x = ctx.input(0)?;
    if ctx.shape(&x).len() == 3 && batch_first {
        x = ctx.transpose("x", &x, &[1, 0, 2])?;
    }
    let sizes = sizes(ctx, kind, &x, directions.len())?;
    let (batch, hidden) = (sizes.batch, sizes.hidden);
    if sizes.valid < sizes.steps {
        x = sliced(ctx, "steps", &x, &[(0, sizes.valid)])?;
    }
    let mask = sizes.uneven().then(|| {
        let ends = (0..sizes.valid).flat_map(|step| sizes.lens.iter().map(move |&len| step < len));
        Term::floats(vec![sizes.valid, batch, 1], ends.map(|inside| f32::from(u8::from(inside))).collect())
    });

    let mut results: Vec<Vec<Term>> = vec![Vec::new(); outputs];
    for (number, (&back, acts)) in directions.iter().zip(&acts).enumerate() {
        let part = |what: &str| format!("{}{what}", if back { "back/" } else { "" });
        let sequence = if back { turned(ctx, &part("x"), &x, &sizes)? } else { x.clone() };
        let weights = weights(ctx, kind, number, &sizes, &part(""))?;
        let cell = Cell {
            kind,
            acts,
            clip: (clip > 0.0).then_some(clip),
            special,
            batch,
            hidden,
            inputs: ctx.shape(&x)[2],
            masked: mask.is_some(),
        };
        let (body, captured) = cell.body(ctx, &weights)?;
        let mut operands = vec![initial(ctx, &part("h"), 5, (number, batch_first), &sizes)?];
        if kind == Kind::Lstm {
            operands.push(initial(ctx, &part("c"), 6, (number, batch_first), &sizes)?);
        }
        let states = operands.len();
        operands.push(sequence);
        operands.extend(mask.clone());
        let sequences = operands.len() - states;
        operands.extend(captured);
        let operands: Vec<&Term> = operands.iter().collect();
        let op =
            |result| Op::Scan(Scan { body: body.clone(), states, sequences, steps: sizes.valid, result });
        if ctx.wants(0) {
            let mut all = ctx.part(&part("all"), op(ScanResult::Stacked(0)), &operands)?;
            if back {
                all = turned(ctx, &part("turned"), &all, &sizes)?;
            }
            if sizes.valid < sizes.steps {
                let end = vec![sizes.steps - sizes.valid, 0, 0];
                let pad = Select::Pad { begin: vec![0; 3], end, fill: 0.0 };
                all = ctx.part(&part("padded"), Op::Select(pad), &[&all])?;
            }
            let all = ctx.view(&part("y"), &all, &[sizes.steps, 1, batch, hidden])?;
            results[0].push(all);
        }
        for state in 0..states {
            if ctx.wants(1 + state) {
                let last =
                    ctx.part(&part(&format!("last{state}")), op(ScanResult::State(state)), &operands)?;
                let last = ctx.view(&part(&format!("y{state}")), &last, &[1, batch, hidden])?;
                results[1 + state].push(last);
            }
        }
    }
    for (output, parts) in results.iter().enumerate().filter(|(_, parts)| !parts.is_empty()) {
        let axis = usize::from(output == 0);
        let parts: Vec<&Term> = parts.iter().collect();
        let mut all = match parts.as_slice() {
            [one] => (*one).clone(),
            many => ctx.part(&format!("both{output}"), Op::Select(Select::Concat { axis }), many)?,
        };
        if batch_first {
            let perm: &[usize] = if output == 0 { &[2, 0, 1, 3] } else { &[1, 0, 2] };
            all = ctx.transpose(&format!("batch{output}"), &all, perm)?;
        }
        let shape = ctx.shape(&all);
        ctx.output_as(output, element, Op::view(shape), &[&all])?;
    }
    Ok(())
}

/// Checks the shapes of the operands.
fn sizes(ctx: &Context<'_, '_>, kind: Kind, x: &Term, directions: usize) -> Result<Sizes> {
    let again = "export the model again";
    let [steps, batch, inputs] = ctx.shape(x)[..] else {
        return ctx.refuse("SP0108", "the sequence does not have three dimensions", again);
    };
    let recurrent = ctx.shape(&ctx.input(2)?);
    let hidden = recurrent.last().copied().unwrap_or(0);
    let stated = ctx.attributes().int("hidden_size", hidden as i64)?;
    if stated != hidden as i64 {
        let rule = format!("hidden_size is {stated}, the weights have {hidden}");
        return ctx.refuse("SP0108", rule, again);
    }
    let rows = kind.gates() * hidden;
    let check = |at: usize, wanted: &[usize]| match ctx.optional(at).map(|term| ctx.shape(&term)) {
        Some(given) if given != wanted => {
            let rule = format!("input {at} has the shape {given:?}, not {wanted:?}");
            ctx.refuse("SP0108", rule, again)
        }
        _ => Ok(()),
    };
    check(1, &[directions, rows, inputs])?;
    check(2, &[directions, rows, hidden])?;
    check(3, &[directions, 2 * rows])?;
    let batch_first = ctx.attributes().int("layout", 0)? == 1;
    let state = if batch_first { [batch, directions, hidden] } else { [directions, batch, hidden] };
    check(5, &state)?;
    check(6, &state)?;
    check(7, &[directions, 3 * hidden])?;
    let lens = match ctx.ints(4, "sequence_lens")? {
        None => vec![steps; batch],
        Some(lens) => {
            let lens: Option<Vec<usize>> =
                lens.iter().map(|&len| usize::try_from(len).ok().filter(|len| *len <= steps)).collect();
            match lens.filter(|lens| lens.len() == batch && lens.iter().any(|len| *len > 0)) {
                Some(lens) => lens,
                None => {
                    let rule = format!("sequence_lens is not a length up to {steps} for each of {batch}");
                    return ctx.refuse("SP0108", rule, "give one length per sequence, not all of them 0");
                }
            }
        }
    };
    let valid = lens.iter().copied().max().unwrap_or(steps);
    Ok(Sizes { steps, batch, hidden, lens, valid })
}

/// Part of `term`: along the first axes from a start so many elements, along the others everything.
fn sliced(ctx: &mut Context<'_, '_>, part: &str, term: &Term, ranges: &[(usize, usize)]) -> Result<Term> {
    let mut sizes = ctx.shape(term);
    let mut starts = vec![0; sizes.len()];
    for (axis, &(start, size)) in ranges.iter().enumerate() {
        (starts[axis], sizes[axis]) = (start, size);
    }
    let steps = vec![1; sizes.len()];
    ctx.part(part, Op::Select(Select::Slice { starts, steps, sizes }), &[term])
}

/// Each sequence of `term`, \[steps, batch, ..\], from its own end to its beginning.
fn turned(ctx: &mut Context<'_, '_>, part: &str, term: &Term, sizes: &Sizes) -> Result<Term> {
    let shape = ctx.shape(term);
    if !sizes.uneven() {
        let mut starts = vec![0; shape.len()];
        let mut steps = vec![1; shape.len()];
        (starts[0], steps[0]) = (shape[0] - 1, -1);
        return ctx.part(part, Op::Select(Select::Slice { starts, steps, sizes: shape }), &[term]);
    }
    let order = Order::from_fn(shape.clone(), |position| {
        let (step, len) = (position[0], sizes.lens[position[1]]);
        if step >= len {
            return Some(Select::FILL);
        }
        let from = [&[len - 1 - step][..], &position[1..]].concat();
        u32::try_from(offset(&shape, &from)).ok()
    });
    match order {
        Some(order) => ctx.part(part, Op::Select(order.select(0.0)), &[term]),
        None => ctx.refuse("SP0115", "the sequence is too long", "use a shorter one"),
    }
}

/// The initial state in operand `at`, \[batch, hidden\], or zeros.
fn initial(
    ctx: &mut Context<'_, '_>,
    part: &str,
    at: usize,
    (direction, batch_first): (usize, bool),
    sizes: &Sizes,
) -> Result<Term> {
    let shape = [sizes.batch, sizes.hidden];
    let Some(mut given) = ctx.optional(at) else {
        return Ok(Term::floats(shape.to_vec(), vec![0.0; sizes.batch * sizes.hidden]));
    };
    if batch_first {
        given = ctx.transpose(&format!("{part}/first"), &given, &[1, 0, 2])?;
    }
    let own = sliced(ctx, &format!("{part}/own"), &given, &[(direction, 1)])?;
    ctx.view(part, &own, &shape)
}

/// The weights of one direction, gate by gate.
fn weights(
    ctx: &mut Context<'_, '_>,
    kind: Kind,
    direction: usize,
    sizes: &Sizes,
    part: &str,
) -> Result<Weights> {
    let (hidden, gates) = (sizes.hidden, kind.gates());
    let mut made = Weights::default();
    let rows = |ctx: &mut Context<'_, '_>, name: String, at: usize, row: usize| -> Result<Option<Term>> {
        let Some(given) = ctx.optional(at) else { return Ok(None) };
        let rest = ctx.shape(&given)[2..].to_vec();
        let own = sliced(ctx, &format!("{name}/own"), &given, &[(direction, 1), (row * hidden, hidden)])?;
        ctx.view(&name, &own, &[&[hidden][..], &rest].concat()).map(Some)
    };
    for gate in 0..gates {
        for (at, list) in [(1, &mut made.input), (2, &mut made.recurrent)] {
            let name = format!("{part}w{at}.{gate}");
            if let Some(matrix) = rows(ctx, name.clone(), at, gate)? {
                list.push(ctx.transpose(&format!("{name}/t"), &matrix, &[1, 0])?);
            }
        }
        for (first, list) in [(0, &mut made.input_bias), (gates, &mut made.recurrent_bias)] {
            list.extend(rows(ctx, format!("{part}b{first}.{gate}"), 3, first + gate)?);
        }
    }
    if kind == Kind::Lstm {
        for peephole in 0..3 {
            made.peepholes.extend(rows(ctx, format!("{part}p{peephole}"), 7, peephole)?);
        }
    }
    Ok(made)
}
