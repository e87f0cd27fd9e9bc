//! Numbered records of a program, each kept once, and the layout of its memory.

use spandrel_core::image::{Access, Plan};

use super::program::Program;
use crate::diagnostic::{Diagnostic, Result};

/// The number of a table with these entries, an equal one that is there already if there is one.
pub(crate) fn table(program: &mut Program, entries: Vec<i32>) -> u32 {
    let known = program.tables.iter().position(|table| *table == entries);
    known.unwrap_or_else(|| {
        program.tables.push(entries);
        program.tables.len() - 1
    }) as u32
}

/// The table of an encoder's order. `order` gives for every element the raw value it comes from; the image goes the other way,
/// from the raw value to the element.
pub(crate) fn inverted(program: &mut Program, order: &[u32]) -> u32 {
    let mut elements = vec![0i32; order.len()];
    for (element, &raw) in order.iter().enumerate() {
        elements[raw as usize] = element as i32;
    }
    table(program, elements)
}

/// The number of a pattern, an equal one that is there already if there is one.
pub(crate) fn access(program: &mut Program, access: Access) -> u32 {
    let known = program.accesses.iter().position(|other| *other == access);
    known.unwrap_or_else(|| {
        program.accesses.push(access);
        program.accesses.len() - 1
    }) as u32
}

/// Places the edges behind so many input registers, sum registers and words of state.
///
/// # Errors
/// SP0309 when the memory does not fit 32-bit addresses.
pub(crate) fn lay_out(program: &mut Program, inputs: u32, sums: u32, state: u32) -> Result<()> {
    let too_large = || {
        let way_out = "compile a smaller network, or several images";
        Diagnostic::error("SP0309", "program", "its memory does not fit 32-bit addresses", way_out)
    };
    let mut plan = Plan { inputs, sums, state, edges: 0 };
    let first = plan.edges_at().ok_or_else(too_large)?;
    let mut at = first;
    for edge in &mut program.edges {
        edge.ram_offset = at;
        at = edge.words().and_then(|words| at.checked_add(words)).ok_or_else(too_large)?;
    }
    plan.edges = at - first;
    program.ram_words = plan.words().ok_or_else(too_large)?;
    Ok(())
}
