//! Sums that only one other sum needs are multiplied into it: what crosses as spikes loses something, what is multiplied does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dots::{Act, Body, Dot, DotGraph, DotNode, PAD, Read, Source, Taps};
use crate::numeric::Matrix;

/// The network with every sum of a single position, in one group, reading what stands in front of the sums that only it reads,
/// as long as that is no more than `most` elements. The nodes keep their numbers: nothing reads any more what was merged.
pub(super) fn merged(dot: &DotGraph, most: usize) -> (DotGraph, Vec<String>) {
    let (mut out, mut remarks) = (dot.clone(), Vec::new());
    if !dot.loops.is_empty() {
        return (out, remarks);
    }
    for number in 0..out.nodes.len() {
        let told = |node: usize| out.outputs.iter().any(|port| port.node == node);
        let sources: Vec<usize> = out.nodes[number]
            .body
            .reads()
            .iter()
            .filter_map(|read| if let Source::Node(from) = read.source { Some(from) } else { None })
            .filter(|from| !told(*from) && out.readers(*from) == [number])
            .collect();
        for from in sources {
            if let Some(body) = product(&out.nodes[from], from, &out.nodes[number], most) {
                remarks.push(format!(
                    "{:?} is multiplied into {:?}",
                    out.nodes[from].name, out.nodes[number].name
                ));
                out.nodes[number].body = Body::Dot(body);
            }
        }
    }
    (out, remarks)
}

/// The sum `user` with the sum `inner`, which is node `number`, multiplied into it.
fn product(inner: &DotNode, number: usize, user: &DotNode, most: usize) -> Option<Dot> {
    let (Body::Dot(first), Body::Dot(last)) = (&inner.body, &user.body) else { return None };
    let [matrix] = &last.weights[..] else { return None };
    if first.act != Act::None || user.positions() != 1 {
        return None;
    }
    let per = inner.channels / first.weights.len().max(1);
    let sources: Vec<(Source, usize)> = first
        .reads
        .iter()
        .flat_map(|read| std::iter::repeat_n((read.source, read.group_step), read.taps.len()))
        .collect();
    let outputs = matrix.rows();
    let mut columns: BTreeMap<(Source, u32), Vec<f64>> = BTreeMap::new();
    let mut bias = last.bias.clone();
    let mut brought = Vec::new();
    user.bring(0, &mut brought);
    let reads = last.reads.iter().flat_map(|read| std::iter::repeat_n(read.source, read.taps.len()));
    let mut inside = Vec::new();
    for (tap, (source, &element)) in reads.zip(&brought).enumerate() {
        let mut add = |key: (Source, u32), factor: f64| {
            let column = columns.entry(key).or_insert_with(|| vec![0.0; outputs]);
            column.iter_mut().enumerate().for_each(|(m, own)| *own += matrix.at(m, tap) * factor);
        };
        match element {
            PAD => {}
            _ if source != Source::Node(number) => add((source, element), 1.0),
            _ => {
                let (position, channel) =
                    (element as usize / inner.channels, element as usize % inner.channels);
                let (group, m) = (channel / per, channel % per);
                inside.clear();
                inner.bring(position, &mut inside);
                for (at, (&own, (source, step))) in inside.iter().zip(&sources).enumerate() {
                    if own != PAD {
                        add((*source, own + (group * step) as u32), first.weights[group].at(m, at));
                    }
                }
                let own = first.bias[channel];
                bias.iter_mut().enumerate().for_each(|(m, bias)| *bias += matrix.at(m, tap) * own);
            }
        }
        // Before columns that nobody will take fill the memory.
        if columns.len() > most {
            return None;
        }
    }
    let mut reads: Vec<Read> = Vec::new();
    for &(source, element) in columns.keys() {
        match reads.last_mut() {
            Some(Read { source: last, taps: Taps::Table { taps, elements }, .. }) if *last == source => {
                *taps += 1;
                *elements = elements.iter().copied().chain([element]).collect();
            }
            _ => reads.push(Read {
                source,
                taps: Taps::Table { taps: 1, elements: [element].into() },
                group_step: 0,
            }),
        }
    }
    let columns: Vec<Vec<f64>> = columns.into_values().collect();
    let weights = Matrix::from_fn(outputs, columns.len(), |m, tap| columns[tap][m]);
    Some(Dot { reads, weights: vec![Arc::new(weights)], bias, act: last.act.clone() })
}

#[cfg(test)]
mod tests {
    use super::merged;
    use crate::dots::{
        Act, Body, Dot, DotEngine, DotGraph, DotNode, InputPort, OutputPort, Read, Source, Taps,
    };
    use crate::numeric::Matrix;

    /// Means over pairs of four elements, and a sum of both with a bias.
    fn graph() -> DotGraph {
        let table = |taps: usize, elements: &[u32]| Taps::Table { taps, elements: elements.into() };
        let node = |name: &str, grid: usize, source, taps, rows: Matrix, bias: f64| DotNode {
            name: name.into(),
            grid: vec![grid],
            channels: 1,
            body: Body::Dot(Dot {
                reads: vec![Read { source, taps, group_step: 0 }],
                weights: vec![rows.into()],
                bias: vec![bias],
                act: Act::None,
            }),
        };
        let half = Matrix::from_fn(1, 2, |_, _| 0.5);
        let last = Matrix::from_fn(1, 2, |_, tap| if tap == 0 { 2.0 } else { -6.0 });
        DotGraph {
            inputs: vec![InputPort { name: "x".into(), len: 4 }],
            nodes: vec![
                node("mean", 2, Source::Input, table(2, &[0, 1, 1, 3]), half, 0.25),
                node("sum", 1, Source::Node(0), table(2, &[0, 1]), last, 1.0),
            ],
            outputs: vec![OutputPort { name: "sum".into(), node: 1, order: None }],
            ..DotGraph::default()
        }
    }

    #[test]
    fn a_merged_sum_is_the_same() {
        let (apart, (one, remarks)) = (graph(), merged(&graph(), 3));
        assert_eq!(remarks.len(), 1);
        assert!(one.readers(0).is_empty() && one.nodes[1].taps() == 3, "{one}");
        let value = |graph: &DotGraph, x: [f32; 4]| {
            let mut last = 0.0;
            DotEngine::new(graph).run(&x, 1, |number, values| {
                if number == 1 {
                    last = values.values[0]
                }
            });
            last
        };
        for x in [[0.0; 4], [1.0, 2.0, 4.0, 8.0], [-3.0, 5.0, 7.0, 0.5]] {
            assert!((value(&apart, x) - value(&one, x)).abs() < 1e-5, "{x:?}");
        }
        assert_eq!(merged(&graph(), 2).0, graph(), "too many elements");
    }
}
