//! Costs that fit the measurements: the non-negative ones with the smallest sum of squared relative errors.

use super::Measured;
use crate::qemu::Board;
use spandrel::boards::{CHECK_COSTS, COSTS, TARGETS, Target};
use std::fmt::Write as _;

/// Sweeps over all costs; the sum of squares moves by less than a millionth long before.
const SWEEPS: usize = 20_000;

/// The target of `board` with the memory that was measured and the costs that fit best, to a tenth of an instruction.
#[must_use]
pub fn fitted(measured: &[Measured], board: Board) -> Target {
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    let mut target = *TARGETS.iter().find(|target| target.name == board.name()).unwrap_or(&TARGETS[0]);
    target.stack = 0;
    for one in measured.iter().filter(|one| one.board == board) {
        target.firmware = one.firmware;
        let Ok(took) = &one.took else { continue };
        target.stack = target.stack.max(took.stack);
        if !one.fitted {
            continue;
        }
        let (inference, answers, check) = one.counts();
        rows.push((inference.0.to_vec(), took.inference));
        rows.push((answers.0.to_vec(), took.answers));
        checks.push((check.0.to_vec(), took.check));
    }
    let tenth = |cost: f64| (cost * 10.0).round() / 10.0;
    target.costs.iter_mut().zip(non_negative(&rows, COSTS.len())).for_each(|(to, cost)| *to = tenth(cost));
    let checks = non_negative(&checks, CHECK_COSTS.len());
    target.check_costs.iter_mut().zip(checks).for_each(|(to, cost)| *to = tenth(cost));
    target
}

/// Costs for every board, as text for host/src/boards/target.rs.
#[must_use]
pub fn fit(measured: &[Measured]) -> String {
    let mut text = String::new();
    for board in Board::ALL {
        let target = fitted(measured, board);
        let _ = writeln!(text, "        name: {:?},", target.name);
        let _ = writeln!(text, "        firmware: {},\n        stack: {},", target.firmware, target.stack);
        let _ = writeln!(text, "        costs: {:?},", target.costs);
        let _ = writeln!(text, "        check_costs: {:?},", target.check_costs);
    }
    text
}

/// Coordinate descent on rows of counts and what they took, each row divided by what it took.
fn non_negative(rows: &[(Vec<u64>, f64)], width: usize) -> Vec<f64> {
    let scaled: Vec<Vec<f64>> = rows
        .iter()
        .map(|(counts, took)| counts.iter().map(|count| *count as f64 / took.max(1.0)).collect())
        .collect();
    let mut costs = vec![0.0; width];
    let mut rest = vec![1.0; scaled.len()];
    for _ in 0..SWEEPS {
        for at in 0..width {
            let column = || scaled.iter().map(|row| row[at]);
            let square: f64 = column().map(|count| count * count).sum();
            if square == 0.0 {
                continue;
            }
            let slope: f64 = column().zip(&rest).map(|(count, rest)| count * rest).sum();
            let next = f64::max(0.0, costs[at] + slope / square);
            let step = next - costs[at];
            rest.iter_mut().zip(column()).for_each(|(rest, count)| *rest -= step * count);
            costs[at] = next;
        }
    }
    costs
}

#[cfg(test)]
mod tests {
    use super::non_negative;

    #[test]
    fn costs_that_are_there_are_found() {
        let costs = [3.0, 70.0, 0.0];
        let counts = [[1000, 5, 7], [10, 90, 1], [300, 40, 900], [1, 1, 30]];
        let rows = counts.map(|row: [u64; 3]| {
            (row.to_vec(), row.iter().zip(costs).map(|(count, cost)| *count as f64 * cost).sum())
        });
        for (found, cost) in non_negative(&rows, 3).into_iter().zip(costs) {
            assert!((found - cost).abs() < 0.01, "{found} for {cost}");
        }
    }
}
