//! What generated cases met. A property that holds because its generator never saturates proves
//! nothing, so every suite demands the cases it was written for.

use std::collections::BTreeMap;

/// Counts of named events.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// Nothing met yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// `event` has happened.
    pub fn hit(&mut self, event: &'static str) {
        *self.0.entry(event).or_default() += 1;
    }

    /// `event` has happened if `when`.
    pub fn hit_if(&mut self, when: bool, event: &'static str) {
        if when {
            self.hit(event);
        }
    }

    /// How often `event` has happened.
    #[must_use]
    pub fn count(&self, event: &str) -> u64 {
        self.0.get(event).copied().unwrap_or(0)
    }

    /// Prints all counts and insists that each of `events` has happened `least` times.
    ///
    /// # Panics
    /// When one has not.
    pub fn demand(&self, least: u64, events: &[&str]) {
        for (event, count) in &self.0 {
            println!("{count:>9}  {event}");
        }
        let missing: Vec<_> = events.iter().filter(|event| self.count(event) < least).collect();
        assert!(missing.is_empty(), "met fewer than {least} times: {missing:?}");
    }
}
