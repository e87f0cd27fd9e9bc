//! The campaign: seeded faults of every class on the boards of several networks, and what the checks make of them.

pub mod cores;
pub mod power;
pub mod wires;

use std::thread;

/// What came of the faults of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What the table calls it.
    pub name: String,
    /// Faults injected.
    pub injected: u64,
    /// Found.
    pub detected: u64,
    /// Faults of cores that the compiler's simulator shows and the board does not, or the other way round, in either way.
    pub differs: u64,
    /// Found, and the right configuration named; `None` where there is none to name.
    pub located: Option<u64>,
    /// Found, and put in the right place: transfer, configuration or computation.
    pub seated: u64,
    /// Why the others were not, and how many of them for each reason.
    pub missed: Vec<(&'static str, u64)>,
}

impl Tally {
    /// Adds `one` more for the reason `why`.
    pub fn miss(&mut self, why: &'static str) {
        match self.missed.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, count)) => *count += 1,
            None => self.missed.push((why, 1)),
        }
    }
}

/// `work` on each of `items`, on the processors at hand, in their order.
pub(crate) fn each<T: Sync, R: Send, S>(
    items: &[T],
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let run = |part: &[T]| {
            let mut state = start();
            part.iter().map(|item| work(&mut state, item)).collect::<Vec<R>>()
        };
        let handles: Vec<_> = items.chunks(share).map(|part| scope.spawn(move || run(part))).collect();
        handles.into_iter().flat_map(|handle| handle.join().expect("a thread that ends")).collect()
    })
}

/// `most` different numbers below `all`, drawn; all of them where there are no more.
pub(crate) fn draw(all: u64, most: u64, seed: u64) -> Vec<u64> {
    let mut random = spandrel::numeric::Random::new(seed, all);
    if all <= most {
        return (0..all).collect();
    }
    let mut drawn = std::collections::BTreeSet::new();
    while (drawn.len() as u64) < most {
        drawn.insert(random.next_u64() % all);
    }
    drawn.into_iter().collect()
}
