//! The error budget on the digits networks: what lifting a limit changes, what it can not, and that nothing is left when all are lifted.

mod pipeline_common;

use pipeline_common::{digits, request};
use spandrel::budget::{Budget, Figures, LIMITS, Lift, Needs, Outcome, lift, lift_all, measure, text};
use spandrel::compile::compile;
use spandrel_hwdesc::builtin;

fn budget(chip: &str) -> Budget {
    let mut request = request(&digits("digits_mlp.onnx"), chip, &digits("train.npz"), 200, &[]);
    request.prepare.scale = Some(vec![1.0]);
    // On the calibration samples: values that they do not hold can leave the ranges that were chosen by them, which is none of the
    // chip's limits.
    let base = compile(&request, &mut ()).unwrap_or_else(|error| panic!("{chip}: {error}"));
    measure(&request, &base, &mut ()).unwrap_or_else(|error| panic!("{chip}: {error}"))
}

fn figures<'b>(budget: &'b Budget, limit: &str) -> Option<&'b Figures> {
    match &budget.rows.iter().find(|row| row.limit == limit)?.outcome {
        Outcome::Figures(figures) => Some(figures),
        _ => None,
    }
}

#[test]
fn nothing_is_left_when_all_limits_are_lifted() {
    for chip in ["prime", "tianji-ann", "tpu"] {
        let budget = budget(chip);
        println!("{chip}{}", text(&budget));
        let base = figures(&budget, "none").expect("the chip as it is");
        let all = figures(&budget, "all of these").unwrap_or_else(|| panic!("{chip}: {budget:?}"));
        // Less than 3 millionths of the signal's power: the decoder's coefficients of ten bits leave about one.
        let (before, after) = (base.decision_snr_db.unwrap(), all.decision_snr_db.unwrap());
        assert!(after > 55.0 && after > before, "{chip}: {before} dB, all lifted {after} dB");
        let share = all.share.expect("noise on the chip as it is");
        assert!(share > 0.5, "{chip}: {share}");
        assert_eq!(all.agreement, Some(1.0), "{chip}");
        // Every limit has its row: measured, or with the reason why not.
        for limit in LIMITS {
            let row = budget.rows.iter().find(|row| row.limit == limit).unwrap_or_else(|| panic!("{limit}"));
            match &row.outcome {
                Outcome::Figures(_) => assert!(!row.changes.is_empty(), "{chip} {limit}"),
                Outcome::NotLifted(why) => assert!(!why.is_empty(), "{chip} {limit}"),
                Outcome::Refused(refusal) => panic!("{chip} {limit}: {refusal:?}"),
            }
        }
    }
}

#[test]
fn what_binds_nobody_is_told_instead_of_lifted() {
    let needs = Needs { rows: 128, columns: 64 };
    for name in ["prime", "tianji-ann", "tpu"] {
        let chip = builtin(name).unwrap();
        assert!(matches!(lift("splitting", &chip, &needs, false, false), Lift::Not(_)), "{name}");
        let Lift::Changes(changes) =
            lift("splitting", &chip, &Needs { rows: 1024, columns: 512 }, false, false)
        else {
            panic!("{name}: more rows than the chip has must split");
        };
        assert!(
            changes.iter().any(|change| change.field.ends_with(".rows") && change.value == "1024"),
            "{name}"
        );
    }
    // What is as wide as its kind allows can not be lifted.
    let widest = [("mac.input_bits", "16"), ("mac.output_bits", "16"), ("mac.accumulator_bits", "48")];
    let wide = builtin("tianji-ann").unwrap().with(&widest).unwrap();
    assert!(matches!(lift("signal precision", &wide, &needs, false, false), Lift::Not(_)));
    assert!(matches!(lift_all(&wide, &needs, false, false), Lift::Changes(_)));
}
