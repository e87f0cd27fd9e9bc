//! The program of a loop over time: its steps around the nodes of its cell.

use super::build::{Fetched, NodeOps, close_loops, fetches, open_loops, regular, unrolled};
use super::program::Program;
use crate::diagnostic::Result;
use crate::expand::CoreOpGraph;
use crate::target::Target;
use crate::tune::Coded;

/// The instructions of a loop of `steps` steps over `works`. Every core is configured once and invoked in each step. Register 0 counts
/// the steps, as dimension 0 of the nodes' grids does.
///
/// # Errors
/// Those of nodes that are not regular.
pub(super) fn stepped(
    program: &mut Program,
    graph: &CoreOpGraph<Coded>,
    steps: usize,
    works: &[NodeOps<'_>],
    target: &Target,
) -> Result<()> {
    let fetched: Option<Vec<Fetched>> =
        works.iter().map(|own| fetches(program, graph, own, target)).collect();
    let Some(fetched) = fetched else {
        // Steps one by one: more instructions, the same cores.
        for step in 0..steps {
            for own in works {
                let positions = graph.encoded.dot.nodes[own.node].step(step);
                unrolled(program, graph, own, positions, target)?;
            }
        }
        return Ok(());
    };
    let starts = open_loops(program, &[steps], 0);
    for (own, fetched) in works.iter().zip(fetched) {
        regular(program, graph, own, fetched, 1);
    }
    close_loops(program, &starts);
    Ok(())
}
