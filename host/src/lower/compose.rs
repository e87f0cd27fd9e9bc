//! Two linear maps one behind the other become one where that takes no more products.

use crate::dots::{Act, Body, Dot, DotNode, Read, Source};
use crate::numeric::Matrix;

/// Merges nodes without a function into the only node that reads them, in place; `kept` must stay. Returns for every node
/// whether it is still needed.
pub(super) fn compose(nodes: &mut [DotNode], kept: &[usize]) -> Vec<bool> {
    let mut needed = vec![true; nodes.len()];
    // For every node the one that reads it; `None` when there are several reads of it.
    let mut users: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut count = vec![0; nodes.len()];
    for (user, node) in nodes.iter().enumerate() {
        for read in node.body.reads() {
            if let Source::Node(from) = read.source {
                users[from] = Some(user);
                count[from] += 1;
            }
        }
    }
    for at in (0..nodes.len()).rev() {
        let wanted = |&user: &usize| user > at && count[at] == 1 && !kept.contains(&at);
        let Some(user) = users[at].filter(wanted) else { continue };
        let (front, back) = nodes.split_at_mut(user);
        if let Some(merged) = merged(&front[at], &back[0], at) {
            back[0].body = Body::Dot(merged);
            needed[at] = false;
            // What it read is read by its user now.
            users.iter_mut().filter(|own| **own == Some(at)).for_each(|own| *own = Some(user));
        }
    }
    needed
}

/// The weights of `user` with those of `inner`, its operand number `number`, multiplied in.
fn merged(inner: &DotNode, user: &DotNode, number: usize) -> Option<Dot> {
    let (Body::Dot(first), Body::Dot(second)) = (&inner.body, &user.body) else { return None };
    let ([w1], [w2]) = (first.weights.as_slice(), second.weights.as_slice()) else { return None };
    (first.act == Act::None && inner.grid == user.grid).then_some(())?;
    let (mut column, mut read) = (0, None);
    for own in &second.reads {
        if own.source == Source::Node(number) {
            read = Some((column, own));
        }
        column += own.taps.len();
    }
    let (from, read) = read?;
    let channels = channels(read, user, inner.channels)?;
    let taps = channels.len();
    let apart = w2.rows() * taps + w1.rows() * w1.cols();
    (w2.rows() * w1.cols() <= apart).then_some(())?;
    let rest: Vec<usize> = (0..w2.cols()).filter(|c| !(from..from + taps).contains(c)).collect();
    let mut weights = Matrix::zeros(w2.rows(), rest.len() + w1.cols());
    let mut bias = second.bias.clone();
    for (row, bias) in bias.iter_mut().enumerate() {
        let out = weights.row_mut(row);
        out.iter_mut().zip(&rest).for_each(|(out, &c)| *out = w2.at(row, c));
        for (tap, &channel) in channels.iter().enumerate() {
            let factor = w2.at(row, from + tap);
            *bias += factor * first.bias[channel];
            out[rest.len()..].iter_mut().zip(w1.row(channel)).for_each(|(out, w)| *out += factor * w);
        }
    }
    let others = second.reads.iter().filter(|own| own.source != Source::Node(number));
    let reads = others.chain(&first.reads).cloned().collect();
    Some(Dot { reads, weights: vec![weights.into()], bias, act: second.act.clone() })
}

/// The channels that `read` brings at every position of its own; `None` when it brings others too.
fn channels(read: &Read, user: &DotNode, channels: usize) -> Option<Vec<usize>> {
    let mut elements = Vec::new();
    read.taps.bring(0, &user.indices(0), &mut elements);
    let own: Vec<usize> = elements.iter().map(|&e| e as usize).collect();
    own.iter().all(|&e| e < channels).then_some(())?;
    for position in 1..user.positions() {
        elements.clear();
        read.taps.bring(position, &user.indices(position), &mut elements);
        let same = elements.iter().zip(&own).all(|(&e, &c)| e as usize == position * channels + c);
        same.then_some(())?;
    }
    Some(own)
}
