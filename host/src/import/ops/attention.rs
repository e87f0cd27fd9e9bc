//! Attention as ONNX 1.20 defines it (operator sets 23 and 24): softmax(Q K' scale + bias) V, with cached keys and values,
//! masks, and key heads shared by several query heads. And rotary embedding of positions.

use super::gather::looked_up;
use super::orders::Order;
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, Select};
use crate::import::constant::Constant;
use crate::import::context::{Context, Term};
use crate::import::onnx::data_type;

pub(super) const OPERATORS: &[Operator] =
    &[onnx("Attention", attention), onnx("RotaryEmbedding", rotary_embedding)];

const ATTRIBUTES: [&str; 7] = [
    "is_causal",
    "kv_num_heads",
    "q_num_heads",
    "qk_matmul_output_mode",
    "scale",
    "softcap",
    "softmax_precision",
];

fn attention(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=7, &ATTRIBUTES)?;
    let flat = ctx.shape(&ctx.input(0)?).len() == 3;
    let query = heads(ctx, 0, "q_num_heads", "query")?;
    let key = heads(ctx, 1, "kv_num_heads", "key")?;
    let value = heads(ctx, 2, "kv_num_heads", "value")?;
    let (key, value) = (cached(ctx, 4, 1, "keys", key)?, cached(ctx, 5, 2, "values", value)?);
    let [q, k, v] = [&query, &key, &value].map(|t| ctx.shape(t));
    let past = k[2] - ctx.shape(&ctx.input(1)?)[if flat { 1 } else { 2 }];
    if k[1] != v[1] || k[2] != v[2] || k[1] == 0 || !q[1].is_multiple_of(k[1]) {
        let rule = format!("queries {q:?}, keys {k:?} and values {v:?}");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let repeat = q[1] / k[1];
    let key = repeated(ctx, "keys_of_heads", &key, repeat)?;
    let value = repeated(ctx, "values_of_heads", &value, repeat)?;
    let attributes = ctx.attributes();
    let scale = match attributes.has("scale") {
        true => attributes.float("scale", 1.0)?,
        false => 1.0 / libm::sqrtf(q[3] as f32),
    };
    let transposed = ctx.part("keys_transposed", Op::transpose([0, 1, 3, 2]), &[&key])?;
    let scores = ctx.part("scores", Op::MatMul, &[&query, &transposed])?;
    let scores = ctx.binary("scaled", Binary::Mul, &scores, &Term::number(scale))?;
    let biased = match bias(ctx, [q[2], k[2]], past)? {
        Some(bias) => ctx.binary("biased", Binary::Add, &scores, &bias)?,
        None => scores.clone(),
    };
    let softcap = attributes.float("softcap", 0.0)?;
    let mut capped = biased.clone();
    if softcap != 0.0 {
        let cap = Term::number(softcap);
        capped = ctx.binary("in_caps", Binary::Div, &capped, &cap)?;
        capped = ctx.map("tanh", Function::Tanh, &capped)?;
        capped = ctx.binary("capped", Binary::Mul, &capped, &cap)?;
    }
    let shares = ctx.part("shares", Op::Softmax { first: 3, last: 3, log: false }, &[&capped])?;
    if ctx.wants(3) {
        let exposed = match attributes.int("qk_matmul_output_mode", 0)? {
            0 => scores,
            1 => biased,
            2 => capped,
            3 => shares.clone(),
            other => {
                let rule = format!("the attribute \"qk_matmul_output_mode\" is {other}");
                return ctx.refuse("SP0106", rule, "it must be 0 to 3");
            }
        };
        let shape = ctx.shape(&exposed);
        ctx.output(3, Op::view(shape), &[&exposed])?;
    }
    if !flat {
        return ctx.output(0, Op::MatMul, &[&shares, &value]);
    }
    let found = ctx.part("found", Op::MatMul, &[&shares, &value])?;
    let joined = ctx.part("joined", Op::transpose([0, 2, 1, 3]), &[&found])?;
    ctx.output(0, Op::view([q[0], q[2], q[1] * v[3]]), &[&joined])
}

/// Operand `at` as \[batch, heads, positions, size\]; with three axes the last holds the heads one behind the other.
fn heads(ctx: &mut Context<'_, '_>, at: usize, attribute: &str, part: &str) -> Result<Term> {
    let x = ctx.input(at)?;
    let shape = ctx.shape(&x);
    let count = usize::try_from(ctx.attributes().int(attribute, 0)?).unwrap_or(0);
    match shape.as_slice() {
        [_, heads, _, _] if count == 0 || count == *heads => Ok(x),
        &[batch, positions, size] if count > 0 && size.is_multiple_of(count) => {
            let split = ctx.view(&format!("{part}_split"), &x, &[batch, positions, count, size / count])?;
            ctx.part(&format!("{part}_heads"), Op::transpose([0, 2, 1, 3]), &[&split])
        }
        _ => {
            let rule = format!("the {part} {shape:?} in {count} heads");
            ctx.refuse("SP0108", rule, "give 4 axes, or 3 with the number of heads as an attribute")
        }
    }
}

/// `new` behind the cached operand `at`, which together are output `output`.
fn cached(ctx: &mut Context<'_, '_>, at: usize, output: usize, part: &str, new: Term) -> Result<Term> {
    let all = match ctx.optional(at) {
        Some(past) => ctx.part(part, Op::Select(Select::Concat { axis: 2 }), &[&past, &new])?,
        None => new,
    };
    if ctx.wants(output) {
        let shape = ctx.shape(&all);
        ctx.output(output, Op::view(shape), &[&all])?;
    }
    Ok(all)
}

/// Every head of \[batch, heads, ..\] `times` times, the copies side by side.
fn repeated(ctx: &mut Context<'_, '_>, part: &str, x: &Term, times: usize) -> Result<Term> {
    if times == 1 {
        return Ok(x.clone());
    }
    let shape = ctx.shape(x);
    let mut wider = shape.clone();
    wider[1] *= times;
    let order = Order::from_fn(wider, |p| {
        u32::try_from(super::orders::offset(&shape, &[p[0], p[1] / times, p[2], p[3]])).ok()
    });
    match order {
        Some(order) => ctx.part(part, Op::Select(order.select(0.0)), &[x]),
        None => ctx.refuse("SP0115", format!("{shape:?} for {times} heads each"), "use a smaller network"),
    }
}

/// What is added to the scores of \[queries, keys\]; minus infinity where a key must not be seen.
fn bias(ctx: &mut Context<'_, '_>, [queries, keys]: [usize; 2], past: usize) -> Result<Option<Term>> {
    const NEVER: f32 = f32::NEG_INFINITY;
    let mut all = None;
    if let Some(mask) = ctx.optional(3) {
        let shape = ctx.shape(&mask);
        let mut mask = match mask.element() == data_type::BOOL {
            true => ctx.part("mask", Op::Where, &[&mask, &Term::number(0.0), &Term::number(NEVER)])?,
            false => mask,
        };
        // A mask may know fewer keys.
        let known = shape.last().copied().unwrap_or(0);
        if known < keys && !shape.is_empty() {
            let (begin, mut end) = (vec![0; shape.len()], vec![0; shape.len()]);
            end[shape.len() - 1] = keys - known;
            mask = ctx.part("mask_padded", Op::Select(Select::Pad { begin, end, fill: NEVER }), &[&mask])?;
        }
        all = Some(mask);
    }
    let causal = ctx.attributes().int("is_causal", 0)? != 0;
    let mut add = |ctx: &mut Context<'_, '_>, part: &str, more: Term| -> Result<()> {
        all = Some(match all.take() {
            Some(mask) => ctx.binary(part, Binary::Add, &mask, &more)?,
            None => more,
        });
        Ok(())
    };
    let hidden = |is: bool| if is { NEVER } else { 0.0 };
    if causal {
        let data = (0..queries * keys).map(|i| hidden(i % keys > i / keys + past)).collect();
        add(ctx, "causal", Term::floats(vec![queries, keys], data))?;
    }
    if let Some(lengths) = ctx.optional(6) {
        let Some(lengths) = lengths.constant().and_then(Constant::ints).map(<[i64]>::to_vec) else {
            let rule = "the number of keys that are no padding is not constant";
            return ctx.refuse("SP0105", rule, "export the model for sequences of fixed length");
        };
        if causal {
            let rule = "a causal mask together with padded keys";
            return ctx.refuse("SP0105", rule, "give the mask as an operand");
        }
        let batch = lengths.len();
        let data = (0..batch * keys).map(|i| hidden((i % keys) as i64 >= lengths[i / keys])).collect();
        add(ctx, "padding", Term::floats(vec![batch, 1, 1, keys], data))?;
    }
    Ok(all)
}

/// RotaryEmbedding: pairs of elements turned by an angle that depends on the position.
fn rotary_embedding(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=4, &["interleaved", "num_heads", "rotary_embedding_dim"])?;
    let attributes = ctx.attributes();
    let x = ctx.input(0)?;
    let given = ctx.shape(&x);
    let heads = usize::try_from(attributes.int("num_heads", 0)?).unwrap_or(0);
    // To [batch, positions, heads, size].
    let (by_position, back) = match *given.as_slice() {
        [_, _, _, _] => (ctx.part("by_position", Op::transpose([0, 2, 1, 3]), &[&x])?, true),
        [batch, positions, size] if heads > 0 && size.is_multiple_of(heads) => {
            (ctx.view("by_position", &x, &[batch, positions, heads, size / heads])?, false)
        }
        _ => {
            let rule = format!("{given:?} in {heads} heads");
            return ctx.refuse("SP0108", rule, "give 4 axes, or 3 with the number of heads as an attribute");
        }
    };
    let shape = ctx.shape(&by_position);
    let size = shape[3];
    let turned = match usize::try_from(attributes.int("rotary_embedding_dim", 0)?) {
        Ok(0) => size,
        Ok(turned) if turned <= size => turned,
        _ => 1,
    };
    if turned % 2 != 0 {
        let rule = format!("turning {turned} of {size} elements");
        return ctx.refuse("SP0106", rule, "an even number of at most the head's size can be turned");
    }
    let half = turned / 2;
    let interleaved = attributes.int("interleaved", 0)? != 0;
    let slice = |start: usize, step: usize, count: usize| {
        let (starts, steps) = (vec![0, 0, 0, start], vec![1, 1, 1, step as isize]);
        Op::Select(Select::Slice { starts, steps, sizes: vec![shape[0], shape[1], shape[2], count] })
    };
    let (first, second) = if interleaved {
        (slice(0, 2, half), slice(1, 2, half))
    } else {
        (slice(0, 1, half), slice(half, 1, half))
    };
    let first = ctx.part("first", first, &[&by_position])?;
    let second = ctx.part("second", second, &[&by_position])?;
    let cos = angles(ctx, 1, "cos", &shape, half)?;
    let sin = angles(ctx, 2, "sin", &shape, half)?;
    let mut rotated = Vec::new();
    for (part, a, b, op) in [("real", &cos, &sin, Binary::Sub), ("imaginary", &sin, &cos, Binary::Add)] {
        let left = ctx.binary(&format!("{part}_first"), Binary::Mul, &first, a)?;
        let right = ctx.binary(&format!("{part}_second"), Binary::Mul, &second, b)?;
        rotated.push(ctx.binary(part, op, &left, &right)?);
    }
    let mut all: Vec<Term> = rotated;
    if interleaved {
        let column = [&shape[..3], &[half, 1]].concat();
        for (i, part) in ["real_column", "imaginary_column"].into_iter().enumerate() {
            all[i] = ctx.view(part, &all[i], &column)?;
        }
        let pairs = ctx.part("pairs", Op::Select(Select::Concat { axis: 4 }), &[&all[0], &all[1]])?;
        all = vec![ctx.view("turned", &pairs, &[shape[0], shape[1], shape[2], turned])?];
    }
    if turned < size {
        all.push(ctx.part("kept", slice(turned, 1, size - turned), &[&by_position])?);
    }
    let all: Vec<&Term> = all.iter().collect();
    let joined = ctx.part("joined", Op::Select(Select::Concat { axis: 3 }), &all)?;
    if back {
        ctx.output(0, Op::transpose([0, 2, 1, 3]), &[&joined])
    } else {
        ctx.output(0, Op::view(given), &[&joined])
    }
}

/// The cache in operand `at` as \[batch, positions, 1, half\], its rows picked by the position numbers if they are given.
fn angles(ctx: &mut Context<'_, '_>, at: usize, part: &str, shape: &[usize], half: usize) -> Result<Term> {
    let mut cache = ctx.input(at)?;
    if let Some(positions) = ctx.optional(3) {
        cache = looked_up(ctx, part, &cache, &positions, 0)?;
    }
    let given = ctx.shape(&cache);
    if given != [shape[0], shape[1], half] {
        let rule = format!("a cache of {given:?} for {shape:?} of which {half} pairs turn");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    ctx.view(&format!("{part}_aligned"), &cache, &[shape[0], shape[1], 1, half])
}
