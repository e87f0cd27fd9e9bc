//! What single instructions do to the names.

use spandrel_core::image::{Combine, HOST};

use super::{Chain, Follow};
use crate::verify::{
    cores::Way,
    held,
    maxima::Found,
    names::{Name, ONE, PADDED, PADDED_WRONG, SPECIAL, UNFINISHED},
    patterns::{self, OUTSIDE},
    report::Failure,
};

impl Follow<'_, '_> {
    pub(super) fn scatter(&mut self, at: u32, combine: Combine, access: u32, first: usize) -> Option<()> {
        let access = self.image.access(access)?;
        let mut signals = std::mem::take(&mut self.signals);
        patterns::named(self.image, &access, &self.registers, &mut signals)?;
        let sums = self.sums.get(first..first.checked_add(signals.len())?)?;
        let slot = self.edges.get_mut(access.edge as usize)?.get_mut(usize::from(access.age))?;
        let mut wrong = None;
        for (number, (&name, &signal)) in sums.iter().zip(&signals).enumerate() {
            if (name >= SPECIAL && name != ONE) || combine != Combine::Set {
                wrong.get_or_insert((first + number, name));
            }
            if signal != OUTSIDE {
                slot[signal as usize] = name;
            }
        }
        self.signals = signals;
        if let Some((register, name)) = wrong {
            let found = self.names.describe(name);
            let what = format!("sum register {register} that instruction {at} scatters");
            self.fail(&what, "a finished signal, set", found);
        }
        Some(())
    }

    /// The configuration that finished a signal.
    pub(super) fn producer(&self, name: Name) -> u32 {
        match self.names.split(name) {
            Some((source @ 1.., signal)) => {
                let own = &self.producers[source - 1];
                own[signal as usize % own.len()]
            }
            _ => HOST,
        }
    }

    pub(super) fn invoke(&mut self, at: u32, config: u32, accumulate: bool, finish: bool) -> Option<()> {
        self.maxima.forget();
        self.out.invoked += 1;
        let looks = self.looks(config);
        let columns = self.image.config(config)?.columns() as usize;
        let known = self.cores.known(config);
        if !known {
            let lines = self.lines.get(..self.image.config(config)?.rows() as usize)?;
            self.cores.recognise(
                config,
                self.image,
                self.graph,
                &self.names,
                &mut self.wanted,
                lines,
                &mut self.out,
            );
        }
        let next = self.cores.next(config);
        let chain = self.chain.take();
        let Some((op, part, position)) = next else {
            self.sums.get_mut(..columns)?.fill(UNFINISHED);
            return Some(());
        };
        self.cores.count(config);
        let own = &self.graph.ops[op];
        let (node, width) = (own.node, self.graph.encoded.nodes[own.node].width());
        if position >= self.graph.encoded.dot.nodes[node].positions() {
            let failure = Failure::new("the invocations of an array", "one a position", "more");
            self.fail_at(config, position, failure);
            return Some(());
        }
        if looks {
            self.deliver(config, op, part, position)?;
        }
        let mut parts = match (accumulate, chain) {
            (false, _) => vec![false; own.parts.len()],
            (true, Some(chain)) if chain.op == op && chain.position == position => chain.parts,
            (true, chain) => {
                let found = chain.map_or("no open sum".to_owned(), |chain| {
                    format!("a sum of core-op {} at position {}", chain.op, chain.position)
                });
                let what = format!("the sum that instruction {at} adds to");
                self.fail_at(config, position, Failure::new(what, format!("a part of core-op {op}"), found));
                vec![false; own.parts.len()]
            }
        };
        if std::mem::replace(&mut parts[part], true) {
            let what = format!("array {part} of core-op {op}");
            self.fail_at(config, position, Failure::new(what, "summed once", "summed twice"));
        }
        let whole = parts.iter().all(|part| *part);
        if finish && !whole {
            let missing = parts.iter().filter(|part| !**part).count();
            let failure = Failure::new("the arrays missing in a finished sum", 0, missing);
            self.fail_at(config, position, failure);
        }
        let sums = self.sums.get_mut(..columns)?;
        if finish && whole {
            let first = self.names.first(node + 1) + (position * width + own.first_signal) as u32;
            sums.iter_mut().zip(first..).for_each(|(sum, name)| *sum = name);
            if position == 0 {
                self.producers[node].get_mut(own.first_signal..own.first_signal + columns)?.fill(config);
            }
        } else {
            sums.fill(UNFINISHED);
            self.chain = (!finish).then_some(Chain { op, position, parts });
        }
        Some(())
    }

    /// Compares what drives the word lines of an array with what its core-op wants at a position.
    fn deliver(&mut self, config: u32, op: usize, part: usize, position: usize) -> Option<()> {
        let wanted = self.wanted.at(&self.names, op, position);
        let rows = &self.graph.ops[op].parts[part];
        let lines = self.lines.get(..rows.len())?;
        let pad = self.base + held::zero(&self.graph.ops[op].payload);
        let mut wrong = 0usize;
        let mut first = None;
        for (row, (&line, &found)) in rows.iter().zip(lines).enumerate() {
            let expected = wanted[line as usize];
            let zero = self.line_pads[row] == pad;
            let found = if found == PADDED && !zero { PADDED_WRONG } else { found };
            if expected != found {
                wrong += 1;
                first.get_or_insert((row, expected, found));
            }
        }
        if self.graph.encoded.targets.is_some() {
            let signals = lines.iter().filter_map(|&name| self.names.split(name));
            let width = |source: usize| self.graph.encoded.nodes[source - 1].width() as u32;
            self.reached.see(config, signals.filter(|(s, _)| *s > 0).map(|(s, at)| (s, at % width(s))));
        }
        self.out.looked_at += 1;
        self.out.delivered += rows.len() as u64;
        if let Some((row, expected, found)) = first {
            let what = match wrong {
                1 => "the signal on a word line".to_owned(),
                more => format!("the first of {more} wrong signals on word lines"),
            };
            let failure = Failure::new(what, self.names.describe(expected), self.names.describe(found));
            self.fail_at(config, position, Failure { row: Some(row as u32), ..failure });
            return Some(());
        }
        if self.cores.unrouted(config) {
            let way = |(&name, &edge): (&Name, &u32)| match self.names.split(name) {
                Some((source, _)) => Way::Over { source, edge, from: self.producer(name) },
                None if name == ONE => Way::Constant,
                None => Way::Unseen,
            };
            let ways: Vec<Way> = lines.iter().zip(&self.line_edges).map(way).collect();
            self.cores.route(config, &ways);
        }
        Some(())
    }

    /// What a chain of ADDs has made of sum registers.
    pub(super) fn maximum(&mut self, at: u32, found: Found) -> Option<()> {
        let Found { first, width, node, position, wrong, compared } = found;
        self.out.evidence.cases += compared;
        let Some(node) = node else {
            let what = format!("the maximum that instruction {at} scatters");
            let text = wrong.map_or("another one".to_owned(), |(_, _, found)| self.names.describe(found));
            self.fail(&what, "a window of the graph, each once", text);
            return Some(());
        };
        if let Some((unit, expected, found)) = wrong {
            let failure = Failure::new(
                format!("what the maximum that instruction {at} scatters compares"),
                self.names.describe(expected),
                self.names.describe(found),
            );
            self.out.evidence.fail(Failure {
                node: Some(self.graph.encoded.dot.nodes[node].name.clone()),
                unit: Some(unit as u32),
                position: Some(position as u64),
                ..failure
            });
        }
        let name = self.names.first(node + 1) + (position * width) as u32;
        self.sums.get_mut(first..first + width)?.iter_mut().zip(name..).for_each(|(sum, name)| *sum = name);
        if position == 0 {
            self.producers[node] =
                self.maxima.inputs(node, &self.names).iter().map(|&n| self.producer(n)).collect();
        }
        Some(())
    }
}
