//! Computing with constants: whole numbers exactly, in 64 bits; everything else with the golden model's arithmetic.

use super::constant::{Constant, Numbers};
use super::onnx::data_type;
use crate::graph::{
    Binary, Function, Op, ReduceKind, Relation, Select, ShapeError, Tensor, broadcast, broadcast_order,
    element_count, evaluate,
};

/// What `op` makes of constants; `most` limits the elements of the result.
pub(crate) fn fold(
    op: &Op,
    operands: &[&Constant],
    element: i32,
    most: usize,
) -> Result<Constant, ShapeError> {
    if let Some(folded) = whole(op, operands, element, most) {
        return folded;
    }
    let tensors: Vec<_> = operands.iter().filter_map(|c| c.tensor()).collect();
    let tensors: Vec<&Tensor> = tensors.iter().map(AsRef::as_ref).collect();
    let result = evaluate(op, &tensors, most)?;
    let numbers = if data_type::is_whole(element) {
        // Beyond this f32 does not hold every whole number.
        if result.data().iter().any(|v| v.is_nan() || v.abs() > 16_777_216.0) {
            return Err(unsupported(format!("{} of whole numbers beyond 2^24", op.name())));
        }
        let data = result.data().iter().map(|&v| v as i64).collect();
        Numbers::Int(result.shape().to_vec(), std::sync::Arc::new(data))
    } else {
        Numbers::Float(std::sync::Arc::new(result))
    };
    Ok(Constant { element, numbers })
}

fn unsupported(rule: String) -> ShapeError {
    let way_out = "simplify the model before exporting it (onnx-simplifier does)".into();
    ShapeError { unsupported: true, rule, way_out }
}

/// The exact forms on whole numbers; `None` where there is none.
fn whole(op: &Op, operands: &[&Constant], element: i32, most: usize) -> Option<Result<Constant, ShapeError>> {
    let lists: Option<Vec<&[i64]>> = operands.iter().map(|c| c.ints()).collect();
    let lists = lists.filter(|_| data_type::is_whole(element))?;
    let shapes: Vec<&[usize]> = operands.iter().map(|c| c.shape()).collect();
    let made = |shape: Vec<usize>, data: Option<Vec<i64>>| match data {
        Some(data) => Ok(Constant { element, numbers: Numbers::Int(shape, std::sync::Arc::new(data)) }),
        None => Err(unsupported(format!("{} of whole numbers overflows", op.name()))),
    };
    let fits = |shape: &[usize]| element_count(shape).is_some_and(|count| count <= most);
    match op {
        // Fills are whole where the operands are.
        Op::Select(select) => {
            let shape = select.shape(&shapes).ok().filter(|shape| fits(shape))?;
            let fill = select.fill();
            if let Select::View { .. } = select {
                return Some(made(shape, Some(lists[0].to_vec())));
            }
            let all: Vec<i64> = lists.concat();
            let order = select.order(&shapes);
            let take = |&at: &u32| all.get(at as usize).copied().unwrap_or(fill as i64);
            Some(made(shape, Some(order.iter().map(take).collect())))
        }
        Op::Map(function) => {
            let one: fn(i64) -> Option<i64> = match function {
                Function::Neg => i64::checked_neg,
                Function::Abs => i64::checked_abs,
                Function::Sign => |v| Some(v.signum()),
                Function::Not => |v| Some(i64::from(v == 0)),
                Function::Round(_) => Some,
                Function::Relu => |v| Some(v.max(0)),
                _ => return None,
            };
            Some(made(shapes[0].to_vec(), lists[0].iter().map(|&v| one(v)).collect()))
        }
        Op::Binary(binary) => {
            let shape = broadcast(shapes[0], shapes[1]).filter(|shape| fits(shape))?;
            if element_count(&shape) == Some(0) {
                return Some(made(shape, Some(Vec::new())));
            }
            let (a, b) = (broadcast_order(shapes[0], &shape), broadcast_order(shapes[1], &shape));
            let pairs = a.iter().zip(&b).map(|(&i, &j)| (lists[0][i as usize], lists[1][j as usize]));
            let two = two(*binary)?;
            Some(made(shape, pairs.map(|(a, b)| two(a, b)).collect()))
        }
        Op::Where => {
            let shape =
                shapes.iter().try_fold(Vec::new(), |all, s| broadcast(&all, s)).filter(|s| fits(s))?;
            if element_count(&shape) == Some(0) {
                return Some(made(shape, Some(Vec::new())));
            }
            let [c, a, b] = [0, 1, 2].map(|i| broadcast_order(shapes[i], &shape));
            let pick = |i: usize| {
                let yes = lists[0][c[i] as usize] != 0;
                if yes { lists[1][a[i] as usize] } else { lists[2][b[i] as usize] }
            };
            let data = (0..c.len()).map(pick).collect();
            Some(made(shape, Some(data)))
        }
        // Over everything, as in the product of a shape.
        Op::Reduce { kind, axes, keepdims } if axes.len() == shapes[0].len() => {
            let shape = if *keepdims { vec![1; axes.len()] } else { Vec::new() };
            let mut all = lists[0].iter().copied();
            let value = match kind {
                ReduceKind::Sum => all.try_fold(0, i64::checked_add),
                ReduceKind::Prod => all.try_fold(1, i64::checked_mul),
                ReduceKind::Max => all.max(),
                ReduceKind::Min => all.min(),
                ReduceKind::Mean => return None,
            };
            Some(made(shape, value.map(|v| vec![v])))
        }
        _ => None,
    }
}

fn two(op: Binary) -> Option<fn(i64, i64) -> Option<i64>> {
    Some(match op {
        Binary::Add => i64::checked_add,
        Binary::Sub => i64::checked_sub,
        Binary::Mul => i64::checked_mul,
        // Towards zero, as C does.
        Binary::Div => i64::checked_div,
        Binary::Max => |a, b| Some(a.max(b)),
        Binary::Min => |a, b| Some(a.min(b)),
        Binary::Pow => |a, b| a.checked_pow(u32::try_from(b).ok()?),
        Binary::Compare(Relation::Less) => |a, b| Some(i64::from(a < b)),
        Binary::Compare(Relation::LessOrEqual) => |a, b| Some(i64::from(a <= b)),
        Binary::Compare(Relation::Equal) => |a, b| Some(i64::from(a == b)),
        Binary::Compare(Relation::GreaterOrEqual) => |a, b| Some(i64::from(a >= b)),
        Binary::Compare(Relation::Greater) => |a, b| Some(i64::from(a > b)),
        Binary::And => |a, b| Some(i64::from(a != 0 && b != 0)),
        Binary::Or => |a, b| Some(i64::from(a != 0 || b != 0)),
        Binary::Xor => |a, b| Some(i64::from((a != 0) != (b != 0))),
        Binary::Mod { fmod: true } => i64::checked_rem,
        Binary::Mod { fmod: false } => |a, b| {
            let rest = a.checked_rem(b)?;
            Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        },
        Binary::PRelu => return None,
    })
}
