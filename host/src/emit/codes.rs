//! The tuner's codes against the machine's: what tuning believed each signal to be is what the image computes.
//!
//! Tuning reads arrays with code of its own, made for its search. A slip there would choose weights for a chip that does
//! not exist, and no other check would see it: the image would hold the program, and the program the tuned graph. So
//! the program is run once more on the calibration samples, with every node's value emitted, and every code compared.

use spandrel_core::image::{Access, Image, Instruction};

use super::write::write_image;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::engine::{ExactEngine, FastEngine, Options, RawBatch};
use crate::map::Program;
use crate::target::Target;
use crate::tune::CodeMap;

/// Samples that are run at once: what every node of so many samples emits must be held in memory.
const BLOCK: usize = 256;

/// Runs `program` on the calibration samples `batch` and compares every signal of every node with `codes` (a matrix a
/// node, one row a sample); returns how many were compared.
///
/// # Errors
/// SP0310 for the first sample of each node of which a signal differs.
pub fn check_codes(
    program: &Program,
    codes: &[CodeMap],
    batch: &RawBatch<'_>,
    target: &Target,
) -> Result<u64> {
    let way_out = "this is a fault of the compiler: report it with the model";
    let fault = |place: String, rule: String| Diagnostic::error("SP0310", place, rule, way_out);
    // Edge 0 is the input, edge n + 1 the value of node n.
    let mut shown = program.clone();
    let emitted = |instruction: &Instruction| match instruction {
        Instruction::Emit { access, .. } => {
            let access = &program.accesses[*access as usize];
            let table = program.tables.get(access.table as usize).map_or(0, Vec::len);
            access.elements(table).map_or(0, |n| n as usize)
        }
        _ => 0,
    };
    let first: usize = program.instructions.iter().map(emitted).sum();
    for (number, edge) in program.edges.iter().enumerate().skip(1).take(codes.len()) {
        let access = shown.accesses.len() as u32;
        shown.accesses.push(Access::run(number as u32, edge.length, 0, edge.length));
        shown.instructions.push(Instruction::Emit { output: 0, access });
    }
    let bytes = write_image(&shown, &[], "", target)?;
    let image = Image::parse(&bytes)
        .map_err(|error| fault("image".into(), format!("with all nodes emitted it is refused: {error}")))?;
    let mut fast;
    let mut core;
    let engine: &mut dyn ExactEngine = match FastEngine::new(&image, Options::default()) {
        Ok(engine) => {
            fast = engine;
            &mut fast
        }
        Err(_) => {
            core = crate::engine::CoreEngine::new(&image, Options::default())?;
            &mut core
        }
    };
    // Codes are levels above the base, but where sums leave as they are.
    let base = |node: usize| program.edges.get(node + 1).map_or(0, |edge| edge.reset);
    let mut found = Diagnostics::default();
    let mut wrong = vec![false; codes.len()];
    let mut compared = 0u64;
    let samples = codes.iter().map(CodeMap::samples).max().unwrap_or(0).min(batch.len());
    let block = (BLOCK / batch.sequence()).max(1) * batch.sequence();
    for from in (0..samples).step_by(block) {
        let block = batch.slice(from..(from + block).min(samples));
        let outputs = engine.run_batch(&block)?;
        for index in 0..block.len() {
            // The program's own emission comes first.
            let mut rest = &outputs.sample(index)[first..];
            for (node, codes) in codes.iter().enumerate() {
                let have;
                (have, rest) = rest.split_at(codes.width().min(rest.len()));
                let want = codes.row(from + index);
                compared += want.len() as u64;
                let signal =
                    (0..want.len()).find(|&at| have.get(at).map(|&code| code - base(node)) != Some(want[at]));
                if let (Some(signal), false) = (signal, wrong[node]) {
                    wrong[node] = true;
                    let rule = format!(
                        "tuning takes signal {signal} of sample {} for {}, the machine computes {:?}",
                        from + index,
                        want[signal],
                        have.get(signal)
                    );
                    found.push(fault(format!("image: encoded node {node}"), rule));
                }
            }
        }
    }
    found.into_result(compared)
}
