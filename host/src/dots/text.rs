//! The dot graph as text, for dumps and tests.

use std::fmt;

use super::{Body, DotGraph, Read, Source, Taps};

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Input => f.write_str("input"),
            Source::One => f.write_str("one"),
            Source::Node(node) => write!(f, "%{node}"),
        }
    }
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.taps {
            Taps::Window(_) => "",
            Taps::Table { .. } => " by table",
        };
        write!(f, "{}[{}{kind}]", self.source, self.taps.len())
    }
}

impl fmt::Display for DotGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for port in &self.inputs {
            writeln!(f, "input {:?} [{}]", port.name, port.len)?;
        }
        for (number, node) in self.nodes.iter().enumerate() {
            let reads: Vec<String> = node.body.reads().iter().map(Read::to_string).collect();
            let what = match &node.body {
                Body::Dot(dot) => format!("dot {}", dot.act),
                Body::Max(_) => "max".to_owned(),
            };
            write!(f, "%{number} = {what} {} -> {:?} x {}", reads.join(" + "), node.grid, node.channels)?;
            if node.groups() > 1 {
                write!(f, " in {} groups", node.groups())?;
            }
            writeln!(f, " {:?}", node.name)?;
        }
        for port in &self.outputs {
            let how = if port.order.is_some() { " reordered" } else { "" };
            let decision = if self.decision { ", the largest decides" } else { "" };
            writeln!(f, "output {:?} = %{}{how}{decision}", port.name, port.node)?;
        }
        for approximation in &self.approximations {
            writeln!(
                f,
                "# {:?}: {}, within {:e}",
                approximation.node, approximation.what, approximation.bound
            )?;
        }
        for rewrite in &self.rewrites {
            writeln!(f, "# {rewrite}")?;
        }
        Ok(())
    }
}
