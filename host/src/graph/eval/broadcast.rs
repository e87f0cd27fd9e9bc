//! Element-wise operators of several operands, broadcast to each other.

use super::kernel::{Known, Operand};
use crate::graph::{Binary, broadcast_order};

/// Which element of an operand an element of the result takes.
#[derive(Clone, Debug)]
enum Access {
    /// The one at the same place.
    Same,
    /// Element `(i / run) % period`: single numbers, rows, one number per channel.
    Block { run: usize, period: usize },
    /// From a table.
    Table(Vec<u32>),
}

impl Access {
    fn new(from: &[usize], to: &[usize]) -> Self {
        let axes = to.len().saturating_sub(from.len())..to.len();
        // The axes of the operand that are not stretched must be one behind the other.
        let own: Vec<usize> =
            axes.clone().filter(|&axis| to[axis] != 1 && from[axis - axes.start] != 1).collect();
        let (Some(&first), Some(&last)) = (own.first(), own.last()) else {
            return if to.iter().all(|&d| d == 1) {
                Access::Same
            } else {
                Access::Block { run: 1, period: 1 }
            };
        };
        let whole = (first..=last).all(|axis| to[axis] == 1 || own.contains(&axis));
        if !whole {
            return Access::Table(broadcast_order(from, to));
        }
        let period: usize = to[first..=last].iter().product();
        if period == to.iter().product::<usize>() {
            return Access::Same;
        }
        Access::Block { run: to[last + 1..].iter().product(), period }
    }

    /// Copies `x` to every place of `into`.
    fn spread(&self, x: &[f32], into: &mut [f32]) {
        match self {
            Access::Same => into.copy_from_slice(x),
            Access::Block { period: 1, .. } => into.fill(x[0]),
            Access::Block { run: 1, period } => {
                into.chunks_exact_mut(*period).for_each(|part| part.copy_from_slice(x));
            }
            Access::Block { run, .. } => {
                into.chunks_exact_mut(*run).zip(x.iter().cycle()).for_each(|(part, &x)| part.fill(x));
            }
            Access::Table(order) => into.iter_mut().zip(order).for_each(|(y, &at)| *y = x[at as usize]),
        }
    }

    /// The operand at its full size: itself where it has it, else spread into `buffer`.
    fn full<'a>(&self, x: &'a [f32], buffer: &'a mut [f32]) -> &'a [f32] {
        if let Access::Same = self {
            return x;
        }
        self.spread(x, buffer);
        buffer
    }
}

#[derive(Clone, Debug)]
pub(crate) struct BinaryKernel {
    op: Binary,
    a: Access,
    b: Access,
}

impl BinaryKernel {
    pub(super) fn new(op: Binary, operands: &[Known<'_>], shape: &[usize]) -> Self {
        Self { op, a: Access::new(operands[0].shape, shape), b: Access::new(operands[1].shape, shape) }
    }

    pub(super) fn run(&self, operands: &[Operand<'_>], out: &mut [f32], len: usize) {
        let (mut one, mut two) = (vec![0.0; len], vec![0.0; len]);
        for (row, out) in out.chunks_exact_mut(len).enumerate() {
            let a = self.a.full(operands[0].sample(row), &mut one);
            let b = self.b.full(operands[1].sample(row), &mut two);
            let pairs = out.iter_mut().zip(a.iter().zip(b));
            // The four common ones on their own, so that their loops are vectorised.
            match self.op {
                Binary::Add => pairs.for_each(|(y, (a, b))| *y = a + b),
                Binary::Sub => pairs.for_each(|(y, (a, b))| *y = a - b),
                Binary::Mul => pairs.for_each(|(y, (a, b))| *y = a * b),
                Binary::Div => pairs.for_each(|(y, (a, b))| *y = a / b),
                op => pairs.for_each(|(y, (a, b))| *y = op.apply(*a, *b)),
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct WhereKernel([Access; 3]);

impl WhereKernel {
    pub(super) fn new(operands: &[Known<'_>], shape: &[usize]) -> Self {
        Self([0, 1, 2].map(|i| Access::new(operands[i].shape, shape)))
    }

    pub(super) fn run(&self, operands: &[Operand<'_>], out: &mut [f32], len: usize) {
        let [condition, yes, no] = &self.0;
        let (mut one, mut two) = (vec![0.0; len], vec![0.0; len]);
        for (row, out) in out.chunks_exact_mut(len).enumerate() {
            no.spread(operands[2].sample(row), out);
            let c = condition.full(operands[0].sample(row), &mut one);
            let a = yes.full(operands[1].sample(row), &mut two);
            for (y, (c, a)) in out.iter_mut().zip(c.iter().zip(a)) {
                if *c != 0.0 {
                    *y = *a;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_broadcasting_equals_the_table() {
        let to = [2, 3, 1, 4];
        for from in [
            &[2, 3, 1, 4][..],
            &[3, 1, 4],
            &[4],
            &[1],
            &[],
            &[3, 1, 1],
            &[2, 1, 1, 1],
            &[2, 1, 1, 4],
            &[1, 3, 1, 1],
            &[2, 3, 1, 1],
            &[1, 4],
        ] {
            let x: Vec<f32> = (0..from.iter().product()).map(|v| v as f32).collect();
            let mut found = vec![f32::NAN; 24];
            Access::new(from, &to).spread(&x, &mut found);
            let wanted: Vec<f32> = broadcast_order(from, &to).iter().map(|&i| x[i as usize]).collect();
            assert_eq!(found, wanted, "{from:?}");
        }
        assert!(matches!(Access::new(&[2, 1, 1, 4], &to), Access::Table(_)));
        assert!(matches!(Access::new(&[3, 1, 1], &to), Access::Block { run: 4, period: 3 }));
    }
}
