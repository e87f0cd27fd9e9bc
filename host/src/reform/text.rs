//! The text form.

use std::fmt;

use super::dot::{DotGraph, DotSource};

impl fmt::Display for DotGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "dot-graph input {:?} [{}] output {:?}", self.input, self.input_len, self.output)?;
        for (number, node) in self.nodes.iter().enumerate() {
            let source = match node.source {
                DotSource::Input => "input".to_owned(),
                DotSource::Node(from) => format!("%{from}"),
            };
            let largest = node.weights.data().iter().fold(0.0f64, |m, w| m.max(w.abs()));
            writeln!(
                f,
                "%{number} = dot {source} [{} -> {}] act={} max|w|={largest:.6} {:?}",
                node.weights.cols(),
                node.outputs(),
                node.act.name(),
                node.name
            )?;
        }
        for rewrite in &self.rewrites {
            writeln!(f, "# {rewrite}")?;
        }
        Ok(())
    }
}
