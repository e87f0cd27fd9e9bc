//! C1 on digital cores: the sums and the finished codes of every column, against the oracle.

use spandrel_core::{
    blob::Column,
    image::Image,
    mac::{finish, read_column},
};

use super::Digital;
use crate::verify::{
    report::{Evidence, Failure},
    stimuli::{Chance, codes},
};

/// What the core model reads on column `unit`.
fn model(image: &Image<'_>, core: &Digital, inputs: &[i32], unit: u32) -> Option<i64> {
    let Some(blob) = image.blob(core.mac.blob) else {
        return Some(spandrel_core::mac::bias(&core.mac, image.tables(), unit));
    };
    let store = image.weights();
    let column = Column::new(blob, *image.tables(), &store, unit);
    let input = |row: u32| inputs.get(row as usize).copied().unwrap_or(0);
    read_column(&core.mac, image.tables(), &column, unit, input).ok()
}

/// Compares all columns of configuration `number` for the codes `inputs`; returns the oracle's reads.
pub(in crate::verify) fn compare(
    image: &Image<'_>,
    number: u32,
    core: &Digital,
    inputs: &[i32],
    vector: u64,
    evidence: &mut Evidence,
) -> Vec<i64> {
    let reads = core.reads(inputs);
    for (unit, expected) in (0u32..).zip(&reads) {
        let found = model(image, core, inputs, unit);
        evidence.cases += 1;
        evidence.transcript.number(*expected);
        if found != Some(*expected) {
            let found = found.map_or("a weight store fault".to_owned(), |found| found.to_string());
            let what = format!("the sum for vector {vector}");
            evidence.fail(Failure::new(what, expected, found).at(image, number, Some(unit)));
        }
    }
    reads
}

/// Compares the codes of the sums `sums`, one a column.
fn finished(image: &Image<'_>, number: u32, core: &Digital, sums: &[i64], evidence: &mut Evidence) {
    for (unit, (expected, sum)) in (0u32..).zip(core.finished(sums).into_iter().zip(sums)) {
        let found = finish(&core.mac, image.tables(), unit, *sum);
        evidence.cases += 1;
        evidence.transcript.number(*sum);
        evidence.transcript.number(i64::from(found));
        if i128::from(found) != expected {
            let what = format!("the output for the sum {sum}");
            evidence.fail(Failure::new(what, expected, found).at(image, number, Some(unit)));
        }
    }
}

/// A code vector: `codes` spread over the inputs' range, its silent lines at the least code or at the one that stands for
/// zero, by turns.
fn inputs(vector: u64, core: &Digital, chance: &mut Chance) -> Vec<i32> {
    let (lo, hi) = core.input_range();
    let silent = if vector.is_multiple_of(2) { lo as i32 } else { core.mac.input_zero };
    let mut all = codes(vector, core.mac.rows as usize, (hi - lo) as i32, chance);
    for code in &mut all {
        *code = if *code == 0 { silent } else { *code + lo as i32 };
    }
    if vector % 8 == 7 {
        // Edges can be wider than inputs, which saturate.
        all.iter_mut().step_by(5).for_each(|code| *code = chance.next() as i32);
    }
    all
}

/// `vectors` code vectors through configuration `number`, the sums they give, and sums by chance of every size.
pub(in crate::verify) fn check(
    image: &Image<'_>,
    number: u32,
    core: &Digital,
    (vectors, seed): (u64, u64),
) -> Evidence {
    let mut evidence = Evidence::default();
    let mut chance = Chance::new(seed, u64::from(number) + 1);
    let columns = core.weights.len();
    let register = |sum: i128| core.added(0, sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64);
    for vector in 0..vectors {
        let inputs = inputs(vector, core, &mut chance);
        let sums = compare(image, number, core, &inputs, vector, &mut evidence);
        let sums: Vec<i64> = sums.into_iter().map(|sum| core.added(0, sum)).collect();
        finished(image, number, core, &sums, &mut evidence);
        let by_chance: Vec<i64> = (0..columns)
            .map(|_| {
                let end = 1i128 << chance.within(0, i64::from(core.mac.accumulator_bits));
                register(i128::from(chance.next() as i64).rem_euclid(2 * end) - end)
            })
            .collect();
        finished(image, number, core, &by_chance, &mut evidence);
    }
    let end = 1i128 << (core.mac.accumulator_bits - 1);
    for sum in [0, 1, -1, end - 1, end, -end, -end - 1, i128::from(i32::MAX) + 1, i128::from(i64::MIN)] {
        finished(image, number, core, &vec![register(sum); columns], &mut evidence);
    }
    evidence
}
