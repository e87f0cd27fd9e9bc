//! Where a program goes on from each instruction.

use spandrel_core::image::{Image, Instruction};

/// For each instruction the INVOKE that comes next, for each LOOP its END; the number of instructions where there is none.
pub(super) fn ahead(image: &Image<'_>) -> Vec<u32> {
    let count = image.instruction_count();
    let mut out = vec![count; count as usize];
    let mut next = count;
    for at in (0..count).rev() {
        match image.instruction(at) {
            // Its END has said where it ends.
            Some(Instruction::Loop { .. }) => {}
            Some(Instruction::End { start, .. }) if start < at => {
                out[start as usize] = at;
                out[at as usize] = next;
            }
            other => {
                out[at as usize] = next;
                if matches!(other, Some(Instruction::Invoke { .. })) {
                    next = at;
                }
            }
        }
    }
    out
}
