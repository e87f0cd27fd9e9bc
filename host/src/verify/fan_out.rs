//! How many cores a signal reaches, on chips without multicast.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Evidence, Failure};
use crate::expand::CoreOpGraph;
use crate::tune::Coded;

/// The configurations that a signal was seen to drive. Positions of a grid are the same signal at other times.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// By source (node + 1) and signal of a position.
    seen: BTreeMap<(usize, u32), BTreeSet<u32>>,
}

impl Reached {
    /// `signals` drive word lines of `config`.
    pub(super) fn see(&mut self, config: u32, signals: impl Iterator<Item = (usize, u32)>) {
        for signal in signals {
            self.seen.entry(signal).or_default().insert(config);
        }
    }

    /// No signal reaches more cores than the chip's units have targets.
    pub(super) fn finish(&self, graph: &CoreOpGraph<Coded>, evidence: &mut Evidence) {
        let Some(targets) = graph.encoded.targets else { return };
        for ((source, signal), configs) in &self.seen {
            evidence.cases += 1;
            if configs.len() > targets as usize {
                let what = format!("the cores that signal {signal} of a position reaches");
                let node = graph.encoded.dot.nodes.get(source - 1).map(|node| node.name.clone());
                let failure = Failure::new(what, format!("at most {targets}"), configs.len());
                evidence.fail(Failure { node, ..failure });
            }
        }
    }
}
