//! A function that the chip lacks in terms of one that it has: tanh(z) = 2 sigmoid(2 z) - 1.
//!
//! The factors and the summand become part of the weights and biases around it, so nothing is approximated, where clipped ReLUs
//! would be.

use std::sync::Arc;

use crate::dots::{Act, Body, DotGraph, Source, Step};
use crate::graph::Function;
use crate::target::Target;

/// `dot` with sigmoids for hyperbolic tangents, where `target` has the one and not the other; `None` when nothing changes.
///
/// A node stays as it is when it is an output, when a maximum is taken of it, or when something outside of it is read: that counts 0,
/// and no sigmoid is 0 there.
#[must_use]
pub fn native(dot: &DotGraph, target: &Target) -> Option<DotGraph> {
    let has = |function| target.has(&Act::of(function));
    if !has(Function::Sigmoid) || has(Function::Tanh) {
        return None;
    }
    let tanh = Act::of(Function::Tanh);
    let plain = |number: &usize| {
        let Body::Dot(own) = &dot.nodes[*number].body else { return false };
        let reads_well = |&reader: &usize| {
            let node = &dot.nodes[reader];
            let own = |read: &&crate::dots::Read| read.source == Source::Node(*number);
            matches!(node.body, Body::Dot(_))
                && node.body.reads().iter().filter(own).all(|read| !read.taps.pads(&node.grid))
        };
        own.act == tanh
            && dot.outputs.iter().all(|port| port.node != *number)
            && dot.readers(*number).iter().all(reads_well)
    };
    let found: Vec<usize> = (0..dot.nodes.len()).filter(plain).collect();
    if found.is_empty() {
        return None;
    }
    let mut out = dot.clone();
    for &number in &found {
        if let Body::Dot(own) = &mut out.nodes[number].body {
            own.act = Act::Curve([Step::Map(Function::Sigmoid)].into());
            own.bias.iter_mut().for_each(|b| *b *= 2.0);
            own.weights
                .iter_mut()
                .for_each(|w| Arc::make_mut(w).data_mut().iter_mut().for_each(|w| *w *= 2.0));
        }
        for reader in dot.readers(number) {
            let Body::Dot(own) = &mut out.nodes[reader].body else { continue };
            let mut first = 0;
            for read in &own.reads {
                let columns = first..first + read.taps.len();
                first = columns.end;
                if read.source != Source::Node(number) {
                    continue;
                }
                for (group, weights) in own.weights.iter_mut().enumerate() {
                    let weights = Arc::make_mut(weights);
                    let rows = weights.rows();
                    for row in 0..rows {
                        for column in columns.clone() {
                            let w = weights.at_mut(row, column);
                            own.bias[group * rows + row] -= *w;
                            *w *= 2.0;
                        }
                    }
                }
            }
        }
    }
    out.rewrites.push(format!("{} hyperbolic tangents by sigmoids, which the chip has", found.len()));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips;
    use crate::dots::{Dot, DotEngine, DotNode, InputPort, OutputPort, Read, Taps, Window};
    use crate::graph::Tensor2;
    use crate::numeric::Matrix;

    fn node(name: &str, source: Source, act: Act, seed: f64) -> DotNode {
        let read = Read { source, taps: Taps::Window(Window::run(3, 0, 3)), group_step: 0 };
        let weights = Matrix::from_fn(3, 3, |r, c| libm::sin(seed + (3 * r + c) as f64));
        let dot = Dot { reads: vec![read], weights: vec![weights.into()], bias: vec![0.1, -0.2, 0.3], act };
        DotNode { name: name.into(), grid: Vec::new(), channels: 3, body: Body::Dot(dot) }
    }

    #[test]
    fn a_tangent_becomes_a_sigmoid_exactly_and_only_where_that_is_one() {
        let port = |node| OutputPort { name: format!("y{node}"), node, order: None };
        let tanh = || Act::of(Function::Tanh);
        let dot = DotGraph {
            inputs: vec![InputPort { name: "x".into(), len: 3 }],
            nodes: vec![
                node("a", Source::Input, tanh(), 1.0),
                node("b", Source::Node(0), tanh(), 2.0),
                node("c", Source::Node(0), Act::None, 3.0),
            ],
            outputs: vec![port(1), port(2)],
            ..DotGraph::default()
        };
        let target = |name| Target::new(chips::find(name).unwrap()).unwrap();
        let made = native(&dot, &target("prime")).unwrap();
        let acts: Vec<bool> =
            made.nodes.iter().map(|n| matches!(&n.body, Body::Dot(d) if d.act.is_sigmoid())).collect();
        assert_eq!(acts, [true, false, false]);
        let x = Tensor2::new(2, 3, vec![0.3, -1.0, 2.0, 0.0, 0.7, -0.4]).unwrap();
        let (want, have) = (DotEngine::new(&dot).outputs(&x), DotEngine::new(&made).outputs(&x));
        for (want, have) in want.iter().zip(&have) {
            assert!(want.data().iter().zip(have.data()).all(|(a, b)| (a - b).abs() < 1e-6));
        }
        // A chip with tables has the tangent.
        assert!(native(&dot, &target("tpu")).is_none());
    }
}
