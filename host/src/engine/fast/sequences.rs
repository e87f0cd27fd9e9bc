//! Sequences side by side: lane l of a block is a sequence, whose samples run one after the other.

use super::{program::Program, run::Workspace, watch::Record};
use crate::engine::{
    batch::{RawBatch, RawData},
    error::EngineError,
};

/// Runs `batch`, one block of whole sequences that begins at sample `first` of all.
pub(super) fn run(
    program: &Program<'_>,
    workspace: &mut Workspace,
    batch: &RawBatch<'_>,
    first: usize,
    record: &mut Record,
) -> Result<(), EngineError> {
    let sequence = batch.sequence();
    if sequence == 1 {
        record.begin(first, 1);
        return program.run(workspace, batch, true, record).map_err(|error| error.shifted(first));
    }
    let mut values: Vec<i32> = Vec::with_capacity(batch.len() / sequence * batch.length());
    for step in 0..sequence {
        values.clear();
        (step..batch.len()).step_by(sequence).for_each(|sample| values.extend(batch.sample(sample)));
        let lanes = RawBatch::new(RawData::I32(&values), batch.length())?;
        record.begin(first + step, sequence);
        program
            .run(workspace, &lanes, step == 0, record)
            .map_err(|error| error.in_lane(first + step, sequence))?;
    }
    Ok(())
}
