//! When populations start: the longest path in delays from the input.

use super::network::{Source, SpikingNetwork};

/// Populations that can reach one another, each set in the order of its members, sets in topological order.
fn components(network: &SpikingNetwork) -> Vec<Vec<usize>> {
    let count = network.populations.len();
    let mut targets = vec![Vec::new(); count];
    let mut sources = vec![Vec::new(); count];
    for projection in &network.projections {
        if let Source::Population(from) = projection.from
            && from < count
            && projection.to < count
        {
            targets[from].push(projection.to);
            sources[projection.to].push(from);
        }
    }
    // Kosaraju's two walks, without recursion.
    let mut order = Vec::new();
    let mut seen = vec![false; count];
    for root in 0..count {
        let mut stack = if seen[root] { Vec::new() } else { vec![(root, 0)] };
        seen[root] = true;
        while let Some((node, next)) = stack.pop() {
            match targets[node].get(next) {
                None => order.push(node),
                Some(&target) => {
                    stack.push((node, next + 1));
                    if !seen[target] {
                        seen[target] = true;
                        stack.push((target, 0));
                    }
                }
            }
        }
    }
    let mut found = Vec::new();
    let mut taken = vec![false; count];
    for &root in order.iter().rev() {
        if taken[root] {
            continue;
        }
        taken[root] = true;
        let (mut members, mut stack) = (Vec::new(), vec![root]);
        while let Some(node) = stack.pop() {
            members.push(node);
            for &source in &sources[node] {
                if !taken[source] {
                    taken[source] = true;
                    stack.push(source);
                }
            }
        }
        members.sort_unstable();
        found.push(members);
    }
    found
}

/// The first tick of every population: what its `start` says, or the latest arrival of the first spikes of what projects to it.
/// Populations that can reach one another start together.
pub(super) fn starts(network: &SpikingNetwork) -> Vec<u32> {
    let mut starts = vec![0u32; network.populations.len()];
    for members in components(network) {
        let latest = arrivals(network, &members, &starts).map(|(_, tick)| tick).max().unwrap_or(0);
        for member in members {
            starts[member] = network.populations[member].start.unwrap_or(latest);
        }
    }
    starts
}

/// Projections that reach `members` from elsewhere, and when the first spikes arrive.
fn arrivals<'n>(
    network: &'n SpikingNetwork,
    members: &'n [usize],
    starts: &'n [u32],
) -> impl Iterator<Item = (usize, u32)> + 'n {
    network.projections.iter().enumerate().filter_map(move |(number, projection)| {
        let sent = match projection.from {
            Source::Input => 0,
            Source::Population(from) if members.contains(&from) => return None,
            Source::Population(from) => starts.get(from).copied()?,
        };
        members.contains(&projection.to).then(|| (number, sent.saturating_add(projection.delay.into())))
    })
}

/// Projections whose first spikes arrive before the population starts, and the ticks by which they do. Populations whose start is
/// given are left out.
pub(super) fn early(network: &SpikingNetwork, starts: &[u32]) -> Vec<(usize, u32)> {
    let mut found = Vec::new();
    for members in components(network) {
        for (number, arrival) in arrivals(network, &members, starts) {
            let to = network.projections[number].to;
            if network.populations[to].start.is_none() && arrival < starts[to] {
                found.push((number, starts[to] - arrival));
            }
        }
    }
    found.sort_unstable();
    found
}
