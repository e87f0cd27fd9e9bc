//! From virtual nodes to nodes: sums that only one user needs are merged into it, unused ones are dropped.

use super::lowerer::Lowerer;
use super::pattern::{Along, Pattern};
use super::read::reads;
use super::view::{Ref, View, of_node};
use super::virtuals::{Inline, Term, Virtual, Weights, Work};
use crate::dots::{Act, Body, Dot, DotNode, Read, Source, Taps};
use crate::numeric::Matrix;

/// Reads with weights, and the biases: a sum in which nothing is merged any more.
#[derive(Clone, Debug, Default)]
struct Resolved {
    own: Vec<(Vec<Read>, Weights)>,
    bias: Vec<f64>,
}

/// What becomes of every virtual node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unused,
    /// Its sums are merged into so many users.
    Merged(usize),
    Node,
}

impl Lowerer<'_> {
    /// The nodes that `outputs` (virtual) need, in order, and for every virtual node its number among them.
    pub(super) fn emit(&mut self, outputs: &[usize]) -> (Vec<DotNode>, Vec<Option<usize>>) {
        let fates = fates(&self.nodes, outputs);
        let mut numbers: Vec<Option<usize>> = vec![None; self.nodes.len()];
        let mut resolved: Vec<Resolved> = (0..self.nodes.len()).map(|_| Resolved::default()).collect();
        let mut left: Vec<usize> =
            fates.iter().map(|fate| if let Fate::Merged(users) = fate { *users } else { 0 }).collect();
        let mut out = Vec::new();
        let works: Vec<Work> = self
            .nodes
            .iter_mut()
            .map(|node| std::mem::replace(&mut node.work, Work::Max(Vec::new(), None)))
            .collect();
        for (at, work) in works.into_iter().enumerate() {
            if fates[at] == Fate::Unused {
                continue;
            }
            let node = &self.nodes[at];
            let (grid, channels, groups, width) =
                (node.grid.clone(), node.channels(), node.groups, node.width);
            let body = match work {
                Work::Max(reads, _) => Body::Max(reads),
                Work::Dot { terms, bias, act } => {
                    let sum = self.resolve(at, terms, bias, &fates, &mut resolved, &mut left);
                    if fates[at] != Fate::Node {
                        resolved[at] = sum;
                        continue;
                    }
                    let (reads, weights) = joined(sum.own, groups, width);
                    let weights = weights.into_iter().map(Into::into).collect();
                    Body::Dot(Dot { reads, weights, bias: sum.bias, act })
                }
            };
            let name = self.nodes[at].name.clone();
            let name = self.unique(&name);
            numbers[at] = Some(out.len());
            out.push(DotNode { name, grid, channels, body });
        }
        // At the end: in a loop nodes also read later ones.
        out.iter_mut().for_each(|node| renumber(&mut node.body, &numbers));
        (out, numbers)
    }

    fn resolve(
        &self,
        at: usize,
        terms: Vec<Term>,
        mut bias: Vec<f64>,
        fates: &[Fate],
        resolved: &mut [Resolved],
        left: &mut [usize],
    ) -> Resolved {
        let mut own = Vec::new();
        for term in terms {
            let inline = match term {
                Term::Own { reads, weights } => {
                    own.push((reads, weights));
                    continue;
                }
                Term::Inline(inline) => inline,
            };
            let from = inline.node;
            if fates[from] == Fate::Node {
                own.extend(self.identity(&self.nodes[at], &inline));
                continue;
            }
            left[from] -= 1;
            let sum =
                if left[from] == 0 { std::mem::take(&mut resolved[from]) } else { resolved[from].clone() };
            let channel = |c: usize| inline.channels.as_ref().map_or(c, |list| list[c] as usize);
            for (c, b) in bias.iter_mut().enumerate() {
                *b += inline.scale[c] * sum.bias[channel(c)];
            }
            for (mut reads, weights) in sum.own {
                if let Some(position) = inline.position {
                    let grid = &self.nodes[from].grid;
                    reads.iter_mut().for_each(|read| restrict(&mut read.taps, grid, position));
                }
                own.push((reads, chosen(weights, &inline, self.nodes[from].groups, self.nodes[from].width)));
            }
        }
        Resolved { own, bias }
    }

    /// Reads of another node's value in the place of its sums.
    fn identity(&self, user: &Virtual, inline: &Inline) -> Vec<(Vec<Read>, Weights)> {
        let from = &self.nodes[inline.node];
        let (channels, all) = (user.channels(), from.channels());
        let positions: Vec<usize> = inline.position.map_or((0..from.positions()).collect(), |p| vec![p]);
        let channel = |c: usize| inline.channels.as_ref().map_or(c, |list| list[c] as usize);
        let element = |p: usize, c: usize| (p * all + channel(c)) as u32;
        let source = of_node(inline.node);
        let refs = positions.iter().flat_map(|&p| (0..channels).map(move |c| (p, c)));
        let refs = refs.map(|(p, c)| Ref { source, element: element(p, c) }).collect();
        let shape = [user.grid.as_slice(), &[channels]].concat();
        let view = View::of(shape, refs);
        let mut axes: Vec<Along> = user.grid.iter().map(|&n| Along::each(n)).collect();
        axes.push(if user.groups == 1 { Along::sum(user.width) } else { Along::group(user.width) });
        let pattern = Pattern { axes, groups: user.groups };
        let term = |brought: super::read::Brought| {
            let values = (0..user.groups).flat_map(|g| brought.columns.iter().map(move |&c| (g, c)));
            let values = values.map(|(g, c)| inline.scale[g * user.width + c as usize]).collect();
            (vec![brought.read], Weights::Sparse { rows: brought.columns.clone(), values })
        };
        reads(&view, &pattern).unwrap_or_default().into_iter().map(term).collect()
    }
}

/// Decides from the last node to the first: a sum is merged into its users when none needs it as a value, and when that does not
/// compute any of it twice or it is no larger than reading it would be.
fn fates(nodes: &[Virtual], outputs: &[usize]) -> Vec<Fate> {
    let mut fates = vec![Fate::Unused; nodes.len()];
    let mut read = vec![false; nodes.len()];
    let mut users: Vec<Vec<(usize, usize)>> = vec![Vec::new(); nodes.len()];
    let taps = all_taps(nodes);
    outputs.iter().for_each(|&node| read[node] = true);
    for at in (0..nodes.len()).rev() {
        if !read[at] && users[at].is_empty() {
            continue;
        }
        let node = &nodes[at];
        let cheap = taps[at] <= node.width;
        let needed = read[at] || !cheap && overlapping(nodes, at, &users[at]);
        let merged = node.is_raw() && !read[at] && !needed;
        fates[at] = if merged { Fate::Merged(users[at].len()) } else { Fate::Node };
        let mut see = |source: Source| {
            if let Source::Node(from) = source {
                read[from] = true;
            }
        };
        match &node.work {
            Work::Max(reads, _) => reads.iter().for_each(|r| see(r.source)),
            Work::Dot { terms, .. } => {
                for (number, term) in terms.iter().enumerate() {
                    match term {
                        Term::Own { reads, .. } => reads.iter().for_each(|r| see(r.source)),
                        Term::Inline(inline) => users[inline.node].push((at, number)),
                    }
                }
            }
        }
    }
    fates
}

/// Taps of each node with everything merged into it.
fn all_taps(nodes: &[Virtual]) -> Vec<usize> {
    let mut out: Vec<usize> = Vec::new();
    for node in nodes {
        let of = |term: &Term| match term {
            Term::Own { reads, .. } => reads.iter().map(|r| r.taps.len()).sum(),
            Term::Inline(inline) => out[inline.node],
        };
        let taps = match &node.work {
            Work::Max(..) => 0,
            Work::Dot { terms, .. } => terms.iter().map(of).sum(),
        };
        out.push(taps);
    }
    out
}

/// Whether merging would compute some of a node's sums twice. A pair of ReLUs (of z and of -z) is worth that.
fn overlapping(nodes: &[Virtual], at: usize, users: &[(usize, usize)]) -> bool {
    let (positions, channels) = (nodes[at].positions(), nodes[at].channels());
    let relu = |&(user, _): &(usize, usize)| matches!(&nodes[user].work, Work::Dot { act: Act::Relu, .. });
    if users.len() == 2 && users.iter().all(relu) {
        return false;
    }
    let mut uses = vec![0; channels];
    for &(user, term) in users {
        let Work::Dot { terms, .. } = &nodes[user].work else { continue };
        let Term::Inline(inline) = &terms[term] else { continue };
        let count = if inline.position.is_some() { 1 } else { positions };
        match &inline.channels {
            Some(list) => list.iter().for_each(|&c| uses[c as usize] += count),
            None => uses.iter_mut().for_each(|u| *u += count),
        }
    }
    uses.iter().any(|&u| u > positions)
}

/// The reads of one position of a grid.
fn restrict(taps: &mut Taps, grid: &[usize], position: usize) {
    match taps {
        Taps::Window(window) => {
            let pitches = super::view::pitches(grid);
            for term in window.terms.drain(..) {
                let index = position / pitches[term.grid] % grid[term.grid];
                window.axes[term.axis].origin += term.coefficient * index as i64;
            }
        }
        Taps::Table { taps, elements } => {
            *elements = elements[position * *taps..(position + 1) * *taps].into();
        }
    }
}

/// Weights whose rows are chosen and multiplied as an inlined sum says.
fn chosen(weights: Weights, inline: &Inline, groups: usize, width: usize) -> Weights {
    let scale = &inline.scale;
    match (weights, &inline.channels) {
        (Weights::Dense(mut matrices), None) => {
            if scale.iter().any(|&s| s != 1.0) {
                for (group, matrix) in matrices.iter_mut().enumerate() {
                    for row in 0..width {
                        let factor = scale[group * width + row];
                        matrix.row_mut(row).iter_mut().for_each(|w| *w *= factor);
                    }
                }
            }
            Weights::Dense(matrices)
        }
        (Weights::Dense(matrices), Some(list)) => {
            let from = &matrices[0];
            let at = |r: usize, c: usize| scale[r] * from.at(list[r] as usize, c);
            Weights::Dense(vec![Matrix::from_fn(list.len(), from.cols(), at)])
        }
        (Weights::Sparse { rows, mut values }, None) => {
            for (at, value) in values.iter_mut().enumerate() {
                *value *= scale[at / rows.len() * width + rows[at % rows.len()] as usize];
            }
            Weights::Sparse { rows, values }
        }
        (Weights::Sparse { rows, values }, Some(list)) => {
            // Only one group can lose channels; its matrix is written out.
            debug_assert_eq!(groups, 1, "channels of a grouped node stay together");
            let mut out = Matrix::zeros(list.len(), rows.len());
            for (new, &old) in list.iter().enumerate() {
                for (tap, &row) in rows.iter().enumerate() {
                    if row == old {
                        *out.at_mut(new, tap) = scale[new] * values[tap];
                    }
                }
            }
            Weights::Dense(vec![out])
        }
    }
}

/// All reads behind each other and one matrix per group; equal reads become one.
fn joined(mut own: Vec<(Vec<Read>, Weights)>, groups: usize, width: usize) -> (Vec<Read>, Vec<Matrix>) {
    if own.len() == 1
        && let Some((reads, Weights::Dense(matrices))) = own.pop_if(|(_, w)| matches!(w, Weights::Dense(_)))
    {
        return (reads, matrices);
    }
    let (mut reads, mut firsts): (Vec<Read>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut taps = 0;
    let mut places: Vec<Vec<usize>> = Vec::new();
    for (list, _) in &own {
        let mut columns = Vec::new();
        for read in list {
            let first = match reads.iter().position(|known| known == read) {
                Some(at) => firsts[at],
                None => {
                    reads.push(read.clone());
                    firsts.push(taps);
                    taps += read.taps.len();
                    taps - read.taps.len()
                }
            };
            columns.extend(first..first + read.taps.len());
        }
        places.push(columns);
    }
    let mut out: Vec<Matrix> = (0..groups).map(|_| Matrix::zeros(width, taps)).collect();
    for ((_, weights), columns) in own.iter().zip(&places) {
        for (group, out) in out.iter_mut().enumerate() {
            match weights {
                Weights::Dense(matrices) => {
                    for row in 0..width {
                        let to = out.row_mut(row);
                        columns.iter().zip(matrices[group].row(row)).for_each(|(&c, w)| to[c] += w);
                    }
                }
                Weights::Sparse { rows, values } => {
                    for (tap, &row) in rows.iter().enumerate() {
                        *out.at_mut(row as usize, columns[tap]) += values[group * rows.len() + tap];
                    }
                }
            }
        }
    }
    (reads, out)
}

fn renumber(body: &mut Body, numbers: &[Option<usize>]) {
    for read in body.reads_mut() {
        if let Source::Node(from) = &mut read.source {
            *from = numbers[*from].unwrap_or(usize::MAX);
        }
    }
}
