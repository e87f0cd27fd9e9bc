//! Layers on cores: which neurons share a core, how often each signal is needed, and who makes the copies.
//!
//! A neuron reaches one axon of one core where the chip has no multicast. A signal that several cores read comes from as many
//! neurons: copies on the same core, which see the same axons and do the same, or relays, which repeat what arrives and take a tick
//! more. A layer that reads far back gets relays too, so that all of its spikes arrive in step.

use std::collections::{BTreeMap, BTreeSet};

use super::layer::From;

/// A signal: its source and number.
pub type Signal = (From, u32);

/// What is to be placed.
#[derive(Clone, Debug)]
pub struct Item {
    /// Whose neurons these are; relays repeat the signals of a source.
    pub what: What,
    /// The signals that each neuron listens to, each once, and the axons that each takes.
    pub listens: Vec<Vec<(Signal, u8)>>,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Layer number so.
    Layer(usize),
    /// Relays of what a source sends, which are there to keep step or to make copies.
    Relay(From),
}

/// A core's share of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Core {
    /// Neurons, each as often as it has copies here.
    pub neurons: Vec<u32>,
    /// Signals and the axons that each takes.
    pub axons: BTreeMap<Signal, u8>,
}

/// An item on cores.
#[derive(Clone, Debug)]
pub struct Placed {
    /// What it is.
    pub what: What,
    /// Its cores.
    pub cores: Vec<Core>,
}

/// Limits of cores and fan-out.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Axons of a core.
    pub axons: usize,
    /// Neurons of a core.
    pub neurons: usize,
    /// Axons that a neuron reaches; `None`: any number.
    pub targets: Option<usize>,
}

/// Puts the neurons of `item` on cores, each `copies` times; none where that is 0.
fn fill(item: &Item, copies: &[u32], room: Room) -> Vec<Core> {
    let mut cores = Vec::new();
    let mut core = Core::default();
    let mut taken = 0usize;
    for (neuron, listens) in item.listens.iter().enumerate() {
        let mut left = copies[neuron] as usize;
        while left > 0 {
            let more: usize = listens
                .iter()
                .filter(|(signal, _)| !core.axons.contains_key(signal))
                .map(|(_, n)| usize::from(*n))
                .sum();
            // All copies on one core, so that its axons serve all of them; unless no core holds so many.
            let fits =
                core.neurons.len() + left.min(room.neurons) <= room.neurons && taken + more <= room.axons;
            if !core.neurons.is_empty() && !fits {
                cores.push(std::mem::take(&mut core));
                taken = 0;
                continue;
            }
            let now = left.min(room.neurons - core.neurons.len());
            core.neurons.extend(std::iter::repeat_n(neuron as u32, now));
            core.axons.extend(listens.iter().copied());
            taken += more;
            left -= now;
        }
    }
    if !core.neurons.is_empty() {
        cores.push(core);
    }
    cores
}

/// Relays of `signals`, on one axon each.
fn relays(from: From, through: From, size: usize) -> Item {
    let listens = (0..size as u32).map(|signal| vec![((through, signal), 1)]).collect();
    Item { what: What::Relay(from), listens }
}

/// Every stage of the network on cores: stage s listens to stage s - 1, the first one to the input. Signals are named by their first
/// source: a relay of layer 3 is read as layer 3.
///
/// `depth` is the stage of each layer, counted from 1, `size` the signals of a source, `told` says which layers leave the network.
pub fn place(
    items: &[Item],
    depth: &[usize],
    size: impl Fn(From) -> usize,
    told: impl Fn(usize) -> bool,
    room: Room,
) -> Vec<Vec<Placed>> {
    let last = depth.iter().copied().max().unwrap_or(0);
    // Until which stage each source is listened to.
    let mut until: BTreeMap<From, usize> = BTreeMap::new();
    for (number, item) in items.iter().enumerate() {
        let froms: BTreeSet<From> = item.listens.iter().flatten().map(|((from, _), _)| *from).collect();
        for from in froms {
            let own = until.entry(from).or_default();
            *own = (*own).max(depth[number]);
        }
    }
    let stage_of = |from: From| match from {
        From::Input => 0,
        From::Layer(number) => depth[number],
    };
    // Copies that the stage behind needs of each signal.
    let mut demand: BTreeMap<From, Vec<u32>> = BTreeMap::new();
    let mut stages: Vec<Vec<Placed>> = Vec::new();
    for stage in (1..=last).rev() {
        let mut own: Vec<Item> = items
            .iter()
            .zip(depth)
            .filter(|(_, depth)| **depth == stage)
            .map(|(item, _)| item.clone())
            .collect();
        for (&from, &end) in &until {
            if stage_of(from) < stage && stage < end {
                own.push(relays(from, from, size(from)));
            }
        }
        let source = |item: &Item| match item.what {
            What::Layer(number) => From::Layer(number),
            What::Relay(from) => from,
        };
        let wanted = |item: &Item, most: u32| -> Vec<u32> {
            let keep = u32::from(matches!(item.what, What::Layer(number) if told(number)));
            let needed = demand.get(&source(item));
            let of = |n: usize| needed.map_or(0, |needed| needed[n]).max(keep).min(most);
            (0..item.listens.len()).map(of).collect()
        };
        let mut placed: Vec<Placed> = Vec::new();
        let mut plain: Vec<Placed> = Vec::new();
        let mut behind: Vec<Placed> = Vec::new();
        for item in &own {
            let copies = wanted(item, if room.targets.is_some() { u32::MAX } else { 1 });
            placed.push(Placed { what: item.what, cores: fill(item, &copies, room) });
            if room.targets.is_some() && copies.iter().any(|n| *n > 1) {
                let relay = relays(source(item), source(item), item.listens.len());
                let relay = Placed { what: relay.what, cores: fill(&relay, &copies, room) };
                let copies = reads(std::slice::from_ref(&relay), size(source(item)), source(item), room);
                plain.push(Placed { what: item.what, cores: fill(item, &copies, room) });
                behind.push(relay);
            } else {
                let relay = relays(source(item), source(item), item.listens.len());
                let ones = wanted(item, 1);
                plain.push(Placed { what: item.what, cores: fill(item, &ones, room) });
                behind.push(Placed { what: relay.what, cores: fill(&relay, &copies, room) });
            }
        }
        let cores = |list: &[Placed]| list.iter().map(|own| own.cores.len()).sum::<usize>();
        let relayed = stage < last && cores(&placed) > cores(&plain) + cores(&behind);
        if relayed {
            // What leaves the network in this stage needs no relay.
            behind.retain(|own| !own.cores.is_empty());
            stages.push(behind);
            placed = plain;
        }
        demand.clear();
        for item in &own {
            for from in item.listens.iter().flatten().map(|((from, _), _)| *from) {
                demand.entry(from).or_default();
            }
        }
        let froms: Vec<From> = demand.keys().copied().collect();
        for from in froms {
            demand.insert(from, reads(&placed, size(from), from, room));
        }
        stages.push(placed);
    }
    stages.reverse();
    stages
}

/// How many copies of each signal of a source the cores of `placed` need.
fn reads(placed: &[Placed], size: usize, from: From, room: Room) -> Vec<u32> {
    let mut axons = vec![0usize; size];
    for core in placed.iter().flat_map(|own| &own.cores) {
        for ((own, signal), n) in &core.axons {
            if *own == from {
                axons[*signal as usize] += usize::from(*n);
            }
        }
    }
    let copies = |n: &usize| match room.targets {
        Some(targets) => n.div_ceil(targets) as u32,
        None => u32::from(*n > 0),
    };
    axons.iter().map(copies).collect()
}
