//! What the values of the graph are while it is rewritten: nothing is a node before it has to be.

use std::sync::Arc;

use super::field::Field;
use super::view::{Form, View};
use crate::dots::Step;
use crate::graph::{Select, Tensor};

/// `scale` times the elements of `view`; constants of the view count 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Addend {
    pub(super) view: View,
    pub(super) scale: Field,
}

/// The sum of the addends and of `offset`, element by element.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sum {
    pub(super) shape: Vec<usize>,
    pub(super) addends: Vec<Addend>,
    pub(super) offset: Field,
}

/// `scale * steps(sum) + offset`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    pub(super) steps: Vec<Step>,
    pub(super) scale: Field,
    pub(super) offset: Field,
}

/// A sum, and the steps that two values are functions of it by.
pub(super) type Joined = (Sum, Arc<[Step]>, Arc<[Step]>);

/// A value: a sum, or a function of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) sum: Sum,
    pub(super) curve: Option<Curve>,
}

impl Sum {
    /// The elements of `view`.
    pub(super) fn of(view: View) -> Self {
        let rank = view.shape.len();
        let shape = view.shape.clone();
        let scale = Field::uniform(rank, 1.0);
        Self { shape, addends: vec![Addend { view, scale }], offset: Field::uniform(rank, 0.0) }
    }

    /// Constants.
    pub(super) fn constant(shape: &[usize], offset: Field) -> Self {
        Self { shape: shape.to_vec(), addends: Vec::new(), offset }
    }

    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Every addend's view and coefficient field, and the offset, sent through `view` and `field`.
    fn moved(&self, shape: &[usize], view: impl Fn(&View) -> View, field: impl Fn(&Field) -> Field) -> Self {
        let moved = |a: &Addend| Addend { view: view(&a.view), scale: field(&a.scale) };
        let addends = self.addends.iter().map(moved).collect();
        Self { shape: shape.to_vec(), addends, offset: field(&self.offset) }
    }

    pub(super) fn reshaped(&self, to: &[usize]) -> Self {
        self.moved(to, |v| v.reshaped(to), |f| f.reshaped(&self.shape, to))
    }

    pub(super) fn transposed(&self, perm: &[usize]) -> Self {
        let shape: Vec<usize> = perm.iter().map(|&axis| self.shape[axis]).collect();
        self.moved(&shape, |v| v.transposed(perm), |f| f.transposed(perm))
    }

    pub(super) fn broadcast(&self, to: &[usize]) -> Self {
        self.moved(to, |v| v.broadcast(to), |f| f.aligned(to.len()))
    }

    /// Element i is element `order[i]`.
    pub(super) fn ordered(&self, order: &[u32], to: &[usize]) -> Self {
        self.moved(to, |v| View::ordered(&[v], order, to), |f| gather(&[(f, &self.shape)], order, to, 0.0))
    }

    /// `scale` times it.
    pub(super) fn scaled(&self, scale: &Field) -> Self {
        let mut out = self.clone();
        out.addends.iter_mut().for_each(|a| a.scale = a.scale.zip(scale, |a, b| a * b));
        out.offset = out.offset.zip(scale, |a, b| if b == 0.0 { 0.0 } else { a * b });
        out
    }

    /// The sum of both, of equal shapes; equal views become one addend.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut out = self.clone();
        for addend in &other.addends {
            match out.addends.iter_mut().find(|own| own.view == addend.view) {
                Some(own) => own.scale = own.scale.zip(&addend.scale, |a, b| a + b),
                None => out.addends.push(addend.clone()),
            }
        }
        out.addends.retain(|a| !a.scale.is(0.0));
        out.offset = out.offset.zip(&other.offset, |a, b| a + b);
        out
    }

    /// Rearranges sums with one addend at most each.
    pub(super) fn selected(operands: &[&Sum], select: &Select) -> Self {
        match (select, operands) {
            (Select::View { shape }, [x]) => return x.reshaped(shape),
            (Select::Transpose { perm }, [x]) => return x.transposed(perm),
            _ => {}
        }
        let shapes: Vec<&[usize]> = operands.iter().map(|x| x.shape.as_slice()).collect();
        let Ok(shape) = select.shape(&shapes) else { unreachable!("the graph's shapes are consistent") };
        let order = select.order(&shapes);
        if let [x] = operands
            && x.addends.len() > 1
        {
            let mut out = x.ordered(&order, &shape);
            out.offset = gather(&[(&x.offset, &x.shape)], &order, &shape, f64::from(select.fill()));
            return out;
        }
        let empty: Vec<View> =
            shapes.iter().map(|s| View { shape: s.to_vec(), form: Form::Pieces(Vec::new()) }).collect();
        let views: Vec<&View> = operands
            .iter()
            .zip(&empty)
            .map(|(x, none)| x.addends.first().map_or(none, |a| &a.view))
            .collect();
        let offsets: Vec<(&Field, &[usize])> = operands.iter().map(|x| (&x.offset, &*x.shape)).collect();
        let offset = gather(&offsets, &order, &shape, f64::from(select.fill()));
        // The factor of a constant means nothing: the others' keeps the field uniform.
        let one = Field::uniform(0, 1.0);
        let any = operands.iter().find_map(|x| x.addends.first()).map_or(&one, |a| &a.scale);
        let idle: Vec<Field> =
            shapes.iter().map(|s| Field::uniform(s.len(), any.value().unwrap_or(1.0))).collect();
        let scales: Vec<(&Field, &[usize])> = operands
            .iter()
            .zip(&idle)
            .map(|(x, idle)| (x.addends.first().map_or(idle, |a| &a.scale), &*x.shape))
            .collect();
        let scale = gather(&scales, &order, &shape, any.value().unwrap_or(1.0));
        let view = View::ordered(&views, &order, &shape);
        let addends =
            if view.pieces().is_some_and(<[_]>::is_empty) { vec![] } else { vec![Addend { view, scale }] };
        Self { shape, addends, offset }
    }
}

/// The numbers `order` of fields one behind the other, `fill` for `u32::MAX`.
fn gather(fields: &[(&Field, &[usize])], order: &[u32], to: &[usize], fill: f64) -> Field {
    let first = fields.first().and_then(|(f, _)| f.value());
    if let Some(value) = first
        && fields.iter().all(|(f, _)| f.is(value))
        && (fill == value || !order.contains(&Select::FILL))
    {
        return Field::uniform(to.len(), value);
    }
    let all: Vec<f64> = fields.iter().flat_map(|(f, shape)| f.expand(shape)).collect();
    Field::of(to, order.iter().map(|&at| all.get(at as usize).copied().unwrap_or(fill)).collect())
}

impl From<Sum> for Value {
    fn from(sum: Sum) -> Self {
        Self { sum, curve: None }
    }
}

impl Value {
    /// The elements of `view`.
    pub(super) fn of(view: View) -> Self {
        Sum::of(view).into()
    }

    /// A constant.
    pub(super) fn tensor(tensor: &Tensor) -> Self {
        let data = tensor.data().iter().map(|&v| f64::from(v)).collect();
        Sum::constant(tensor.shape(), Field::of(tensor.shape(), data)).into()
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.sum.shape
    }

    /// The constants, when nothing in it is computed.
    pub(super) fn constant(&self) -> Option<&Field> {
        (self.sum.addends.is_empty() && self.curve.is_none()).then_some(&self.sum.offset)
    }

    pub(super) fn broadcast(&self, to: &[usize]) -> Self {
        let curve = self.curve.as_ref().map(|c| Curve {
            steps: c.steps.clone(),
            scale: c.scale.aligned(to.len()),
            offset: c.offset.aligned(to.len()),
        });
        Self { sum: self.sum.broadcast(to), curve }
    }

    /// `scale * value + offset`
    pub(super) fn affine(&self, scale: &Field, offset: &Field) -> Self {
        let mut out = self.clone();
        match &mut out.curve {
            Some(curve) => {
                curve.scale = curve.scale.zip(scale, |a, b| a * b);
                curve.offset = curve.offset.zip(scale, |a, b| a * b).zip(offset, |a, b| a + b);
            }
            None => {
                out.sum = out.sum.scaled(scale);
                out.sum.offset = out.sum.offset.zip(offset, |a, b| a + b);
            }
        }
        out
    }

    /// `scale * value + offset` with the same numbers everywhere.
    pub(super) fn affine_by(&self, scale: f64, offset: f64) -> Self {
        let rank = self.shape().len();
        self.affine(&Field::uniform(rank, scale), &Field::uniform(rank, offset))
    }

    /// The value as steps after a sum; `None` when what follows its function is not the same everywhere.
    pub(super) fn steps(&self) -> Option<Vec<Step>> {
        let Some(curve) = &self.curve else { return Some(Vec::new()) };
        let (scale, offset) = (curve.scale.value()?, curve.offset.value()?);
        let mut steps = curve.steps.clone();
        if (scale, offset) != (1.0, 0.0) {
            steps.push(Step::Affine { scale, offset });
        }
        Some(steps)
    }

    /// The function `steps` of the sum.
    pub(super) fn curved(sum: Sum, steps: Vec<Step>) -> Self {
        let rank = sum.shape.len();
        if sum.addends.is_empty() {
            let offset = sum.offset.map(|x| steps.iter().fold(x, |x, step| step.apply(x)));
            return Sum { offset, ..sum }.into();
        }
        let (scale, offset) = (Field::uniform(rank, 1.0), Field::uniform(rank, 0.0));
        Self { sum, curve: Some(Curve { steps, scale, offset }) }
    }

    /// Both as functions of the same sum, where they are.
    pub(super) fn joined(&self, other: &Self) -> Option<Joined> {
        let (a, b) = (&self.sum, &other.sum);
        if a.addends.is_empty() || b.addends.is_empty() {
            return None;
        }
        let (own, others) = (self.steps()?, other.steps()?);
        if a == b {
            return Some((a.clone(), own.into(), others.into()));
        }
        // The same single view under different factors.
        let ([x], [y]) = (a.addends.as_slice(), b.addends.as_slice()) else { return None };
        (x.view == y.view && x.view.pieces().is_some()).then_some(())?;
        let front = |sum: &Sum, steps: Vec<Step>| {
            let (scale, offset) = (sum.addends[0].scale.value()?, sum.offset.value()?);
            Some([&[Step::Affine { scale, offset }][..], &steps].concat())
        };
        let (own, others) = (front(a, own)?, front(b, others)?);
        Some((Sum::of(x.view.clone()), own.into(), others.into()))
    }
}
