//! Numbered records of a program, each kept once.

use spandrel_core::image::Access;

use super::program::Program;

/// The number of a table with these entries, an equal one that is there already if there is one.
pub(super) fn table(program: &mut Program, entries: Vec<i32>) -> u32 {
    let known = program.tables.iter().position(|table| *table == entries);
    known.unwrap_or_else(|| {
        program.tables.push(entries);
        program.tables.len() - 1
    }) as u32
}

/// The number of a pattern, an equal one that is there already if there is one.
pub(super) fn access(program: &mut Program, access: Access) -> u32 {
    let known = program.accesses.iter().position(|other| *other == access);
    known.unwrap_or_else(|| {
        program.accesses.push(access);
        program.accesses.len() - 1
    }) as u32
}
