//! Rearrangements as index lists: for every element of the result the element of the operand that it is.

use crate::graph::Select;

/// The most elements an index list may have; the same as of one value.
const MOST: usize = crate::graph::MAX_SAMPLE_LEN;

/// An index list, and the shape that it fills.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) shape: Vec<usize>,
    pub(crate) index: Vec<u32>,
}

impl Order {
    /// The index list that `at` computes from every position in `shape`, row-major; `None` where there are too many
    /// positions, or `at` says so.
    pub(crate) fn from_fn(shape: Vec<usize>, mut at: impl FnMut(&[usize]) -> Option<u32>) -> Option<Self> {
        let count = crate::graph::element_count(&shape).filter(|&count| count <= MOST)?;
        let mut position = vec![0usize; shape.len()];
        let mut index = Vec::with_capacity(count);
        for _ in 0..count {
            index.push(at(&position)?);
            for (p, &dim) in position.iter_mut().zip(&shape).rev() {
                *p += 1;
                if *p < dim {
                    break;
                }
                *p = 0;
            }
        }
        Some(Self { shape, index })
    }

    /// As a primitive, elements from nowhere being `fill`.
    pub(crate) fn select(self, fill: f32) -> Select {
        Select::Order { order: self.index.into(), fill, shape: self.shape }
    }
}

/// The number of the element at `position` of an operand of `shape`.
pub(crate) fn offset(shape: &[usize], position: &[usize]) -> usize {
    shape.iter().zip(position).fold(0, |sum, (&dim, &p)| sum * dim + p)
}

/// `index`, negative ones counted from the end of `dim` elements; `None` outside.
pub(crate) fn wrapped(index: i64, dim: usize) -> Option<usize> {
    let dim = i64::try_from(dim).ok()?;
    let index = if index < 0 { index.checked_add(dim)? } else { index };
    usize::try_from(index).ok().filter(|_| index < dim)
}

/// Gather: the slices `indices` (of shape `taken`) along `axis`.
pub(crate) fn gather(shape: &[usize], axis: usize, taken: &[usize], indices: &[i64]) -> Option<Order> {
    let rank = taken.len();
    let result = [&shape[..axis], taken, &shape[axis + 1..]].concat();
    Order::from_fn(result, |p| {
        let along = wrapped(*indices.get(offset(taken, &p[axis..axis + rank]))?, shape[axis])?;
        let position = [&p[..axis], &[along], &p[axis + rank..]].concat();
        u32::try_from(offset(shape, &position)).ok()
    })
}

/// GatherElements: along `axis` the element that `indices` (of shape `taken`) says, at the same place otherwise.
pub(crate) fn gather_elements(
    shape: &[usize],
    axis: usize,
    taken: &[usize],
    indices: &[i64],
) -> Option<Order> {
    let fits = taken.len() == shape.len()
        && taken.iter().zip(shape).enumerate().all(|(i, (t, s))| i == axis || t <= s);
    fits.then_some(())?;
    Order::from_fn(taken.to_vec(), |p| {
        let mut position = p.to_vec();
        position[axis] = wrapped(*indices.get(offset(taken, p))?, shape[axis])?;
        u32::try_from(offset(shape, &position)).ok()
    })
}

/// GatherND: the last axis of `indices` (of shape `taken`) addresses the axes after the first `batch` ones.
pub(crate) fn gather_nd(shape: &[usize], batch: usize, taken: &[usize], indices: &[i64]) -> Option<Order> {
    let (&depth, outer) = taken.split_last()?;
    let inner = shape.get(batch.checked_add(depth)?..)?;
    if batch > outer.len() || outer[..batch] != shape[..batch] {
        return None;
    }
    Order::from_fn([outer, inner].concat(), |p| {
        let (at, rest) = p.split_at(outer.len());
        let first = offset(outer, at) * depth;
        let mut position = at[..batch].to_vec();
        for (i, &dim) in shape[batch..batch + depth].iter().enumerate() {
            position.push(wrapped(*indices.get(first + i)?, dim)?);
        }
        position.extend_from_slice(rest);
        u32::try_from(offset(shape, &position)).ok()
    })
}

/// `shape` with element `places[i]` replaced by update number i (the updates lying behind the operand), the later ones
/// winning.
pub(crate) fn scatter(shape: &[usize], places: &[u32]) -> Option<Order> {
    let count = crate::graph::element_count(shape).filter(|&count| count <= MOST)?;
    let mut index: Vec<u32> = (0..count as u32).collect();
    for (update, &place) in places.iter().enumerate() {
        *index.get_mut(place as usize)? = u32::try_from(count + update).ok()?;
    }
    Some(Order { shape: shape.to_vec(), index })
}

/// Updates number i of element `places[i]` spread over `shape`, the first of every element in the first list, the second in the
/// second; the fill where there is none. `None` where that takes too many lists.
pub(crate) fn rounds(shape: &[usize], places: &[u32]) -> Option<Vec<Order>> {
    let count = crate::graph::element_count(shape)?;
    let mut met = vec![0usize; count];
    let mut rounds: Vec<Order> = Vec::new();
    for (update, &place) in places.iter().enumerate() {
        let Some(met) = met.get_mut(place as usize) else { continue };
        if *met == rounds.len() {
            rounds.len().checked_add(1)?.checked_mul(count).filter(|&all| all <= MOST)?;
            rounds.push(Order { shape: shape.to_vec(), index: vec![Select::FILL; count] });
        }
        rounds[*met].index[place as usize] = update as u32;
        *met += 1;
    }
    Some(rounds)
}

/// Tile: the operand repeated along every axis.
pub(crate) fn tile(shape: &[usize], repeats: &[usize]) -> Option<Order> {
    let result = shape.iter().zip(repeats).map(|(&d, &r)| d.checked_mul(r)).collect::<Option<_>>()?;
    Order::from_fn(result, |p| {
        let position: Vec<usize> = p.iter().zip(shape).map(|(&p, &dim)| p % dim).collect();
        u32::try_from(offset(shape, &position)).ok()
    })
}

/// Trilu: what lies above (or, when not `upper`, below) diagonal `k` of the last two axes is replaced by the fill.
pub(crate) fn triangle(shape: &[usize], k: i64, upper: bool) -> Option<Order> {
    Order::from_fn(shape.to_vec(), |p| {
        let [.., row, column] = *p else { return None };
        let diagonal = column as i64 - row as i64;
        let kept = if upper { diagonal >= k } else { diagonal <= k };
        if kept { u32::try_from(offset(shape, p)).ok() } else { Some(Select::FILL) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: u32 = Select::FILL;

    #[test]
    fn gathers_address_what_they_say() {
        assert_eq!(gather(&[2, 3], 1, &[2], &[-1, 0]).expect("inside").index, [2, 0, 5, 3]);
        assert!(gather(&[2, 3], 1, &[1], &[3]).is_none());
        assert_eq!(gather_elements(&[2, 2], 0, &[1, 2], &[1, 0]).expect("inside").index, [2, 1]);
        let nd = gather_nd(&[2, 2, 2], 1, &[2, 1], &[1, 0]).expect("inside");
        assert_eq!((nd.shape, nd.index), (vec![2, 2], vec![2, 3, 4, 5]));
        assert_eq!(scatter(&[4], &[3, 1]).expect("inside").index, [0, 5, 2, 4]);
        let rounds: Vec<Vec<u32>> =
            rounds(&[3], &[2, 0, 2]).expect("few").into_iter().map(|order| order.index).collect();
        assert_eq!(rounds, [[1, F, 0], [F, F, 2]]);
        assert_eq!(triangle(&[2, 2], 0, true).expect("a matrix").index, [0, 1, F, 3]);
        assert_eq!(tile(&[1, 2], &[2, 2]).expect("small").index, [0, 1, 0, 1, 0, 1, 0, 1]);
    }
}
