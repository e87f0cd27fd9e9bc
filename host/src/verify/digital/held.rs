//! C4 on digital cores: biases, requantisation, activation and ranges of a configuration against those of the core-op, and
//! against the chip that the image's notes describe.
//!
//! The core-op counts in levels from 0, the image in codes: a code is a level above the base, the least code of a signal.

use spandrel_core::image::{Config, Image};
use spandrel_core::mac::{Activation, Mac, Overflow, Requant, Rounding};
use spandrel_hwdesc as hw;

use super::{Digital, entries};
use crate::notes::Notes;
use crate::tune::{Coded, CodedAct, Periphery, Requantised};
use crate::verify::report::Failure;

/// What all digital cores of an image have in common.
#[derive(Clone, Debug, Default)]
pub(in crate::verify) struct Common {
    /// Code of level 0.
    pub base: i32,
    /// The chip, when the notes describe one of digital cores.
    chip: Option<hw::Mac>,
    /// What the evidence should say of all this.
    pub remark: &'static str,
}

impl Common {
    /// The base is the least code that the encoder makes; crossbars count from 0.
    pub(in crate::verify) fn of(image: &Image<'_>) -> Self {
        let digital =
            (0..image.config_count()).any(|core| matches!(image.config(core), Some(Config::Mac(_))));
        if !digital {
            return Self::default();
        }
        let base = image.encoder(0).map_or(0, |encoder| encoder.lo);
        let chip = Notes::of(image, "").ok().and_then(|notes| hw::parse(&notes.chip, "notes").ok());
        let chip = chip.and_then(|chip| chip.mac().cloned());
        let remark = match chip {
            Some(_) => "; widths and roundings are those of the chip in the notes",
            None => "; no chip in the notes to compare widths and roundings with",
        };
        Self { base, chip, remark }
    }

    /// Whether the base is the one that the chip's signals have.
    pub(in crate::verify) fn check(&self) -> Option<Failure> {
        let chip = self.chip.as_ref()?;
        let zero_points = chip.input_zero_point && chip.output_zero_point;
        let base = if chip.input_signed && zero_points { -(1i64 << (chip.input_bits.get() - 1)) } else { 0 };
        (base != i64::from(self.base)).then(|| Failure::new("the least code of a signal", base, self.base))
    }
}

/// Collects differences.
struct Found(Vec<Failure>);

impl Found {
    fn same(&mut self, what: &str, expected: impl ToString, found: impl ToString) {
        let (expected, found) = (expected.to_string(), found.to_string());
        if expected != found {
            self.0.push(Failure::new(what, expected, found));
        }
    }

    /// Values of columns.
    fn columns<T: PartialEq + ToString>(&mut self, what: &str, pairs: impl Iterator<Item = (T, T)>) {
        for (unit, (expected, found)) in (0u32..).zip(pairs) {
            if expected != found {
                let failure = Failure::new(what, expected.to_string(), found.to_string());
                self.0.push(Failure { unit: Some(unit), ..failure });
            }
        }
    }
}

/// What of configuration `core`, which holds part `part` of a core-op, differs from the core-op's.
pub(in crate::verify) fn periphery(
    image: &Image<'_>,
    core: &Digital,
    coded: &Coded,
    part: usize,
    common: &Common,
) -> Vec<Failure> {
    let mut found = Found(Vec::new());
    let Periphery::Digital(own) = &coded.periphery else {
        found.same("the kind of core", "crossbar", "digital");
        return found.0;
    };
    // The bias enters once, with the first part.
    let bias = |column: usize| if part == 0 { own.bias.get(column).copied().unwrap_or(0) } else { 0 };
    found.columns("the bias", core.biases.iter().enumerate().map(|(at, found)| (bias(at), *found)));
    requantisation(core, coded, own, &mut found);
    activation(image, core, coded, common, &mut found);
    let mac = &core.mac;
    let (output_lo, output_hi) = match coded.act {
        CodedAct::None => (i64::from(i32::MIN), i64::from(i32::MAX)),
        CodedAct::Clamp { lo, hi, .. } => {
            (i64::from(common.base) + i64::from(lo), i64::from(common.base) + i64::from(hi))
        }
        // The codes that can be read: from level 0 to the greatest code of an input.
        _ => (i64::from(common.base), core.input_range().1),
    };
    found.same("the least output", output_lo, mac.out_lo);
    found.same("the greatest output", output_hi, mac.out_hi);
    found.same("the outputs of which one is kept", 1, mac.pool);
    found.same("the input code that stands for zero", common.base + own.zero, mac.input_zero);
    let zero = match coded.act {
        CodedAct::Relu => common.base,
        CodedAct::Clamp { zero, .. } => common.base + zero,
        _ => 0,
    };
    found.same("the output zero point", zero, mac.output_zero);
    if let Some(chip) = &common.chip {
        described(mac, chip, &mut found);
    }
    found.0
}

fn requantisation(core: &Digital, coded: &Coded, own: &Requantised, found: &mut Found) {
    let name = |none: bool, multiplies: bool| match (none, multiplies) {
        (true, _) => "none",
        (_, true) => "multiplier and shift",
        (_, false) => "shift",
    };
    let wanted = name(coded.act == CodedAct::None, !own.multipliers.is_empty());
    let held = match core.mac.requant {
        Requant::None => name(true, false),
        Requant::Shift { .. } => name(false, false),
        Requant::Multiplier { .. } => name(false, true),
    };
    found.same("the requantisation", wanted, held);
    if wanted != held {
        return;
    }
    let shifts = core.shifts.iter().enumerate();
    found.columns("the shift", shifts.map(|(at, shift)| (u32::from(own.shift(at)), *shift)));
    let multipliers = core.multipliers.iter().enumerate();
    let multiplier = |at: usize| own.multiplier(at).map_or(0, i128::from);
    found.columns("the multiplier", multipliers.map(|(at, found)| (multiplier(at), *found)));
}

fn activation(image: &Image<'_>, core: &Digital, coded: &Coded, common: &Common, found: &mut Found) {
    let held = |table: u32| entries(image, table).unwrap_or_default();
    let mut list = |what: &str, expected: Vec<i64>, held: Vec<i32>| {
        found.same(&format!("the number of words of {what}"), expected.len(), held.len());
        for (at, (expected, word)) in expected.into_iter().zip(held).enumerate() {
            found.same(&format!("word {at} of {what}"), expected, word);
        }
    };
    let base = i64::from(common.base);
    match (&coded.act, core.mac.activation) {
        (CodedAct::None | CodedAct::Relu | CodedAct::Clamp { .. }, Activation::Clamp) => {}
        (CodedAct::Table(levels), Activation::Table { table, .. }) => {
            let codes = levels.iter().map(|level| i64::from(*level) + base).collect();
            list("the table of the activation", codes, held(table));
        }
        (CodedAct::Pieces(pieces), Activation::PiecewiseLinear { table, .. }) => {
            let words = pieces.iter().flat_map(|&(slope, level)| [i64::from(slope), i64::from(level) + base]);
            list("the linear pieces of the activation", words.collect(), held(table));
        }
        (wanted, other) => {
            let name = match other {
                Activation::Clamp => "clamp",
                Activation::Table { .. } => "table",
                Activation::PiecewiseLinear { .. } => "pieces",
            };
            found.same("the activation", wanted.name(), name);
        }
    }
    if let Activation::Table { bits, .. } | Activation::PiecewiseLinear { bits, .. } = core.mac.activation {
        found.same("the bits in front of the activation", core.mac.input_bits, bits);
    }
}

const fn rounding(named: hw::Rounding) -> Rounding {
    match named {
        hw::Rounding::Floor => Rounding::Floor,
        hw::Rounding::HalfUp => Rounding::HalfUp,
        hw::Rounding::HalfEven => Rounding::HalfEven,
        hw::Rounding::TowardZero => Rounding::TowardZero,
        hw::Rounding::Gemmlowp => Rounding::Gemmlowp,
    }
}

/// What the chip gives every core.
fn described(mac: &Mac, chip: &hw::Mac, found: &mut Found) {
    found.same("the bits of an input", chip.input_bits.get(), mac.input_bits);
    found.same("whether inputs are signed", chip.input_signed, mac.input_signed);
    found.same("the bits of the accumulator", chip.accumulator_bits.get(), mac.accumulator_bits);
    let overflow = match chip.overflow {
        hw::Overflow::Saturate => Overflow::Saturate,
        hw::Overflow::Wrap => Overflow::Wrap,
    };
    found.same("what a full accumulator does", format!("{overflow:?}"), format!("{:?}", mac.overflow));
    if let Requant::Shift { rounding: held, .. } | Requant::Multiplier { rounding: held, .. } = mac.requant {
        let wanted = rounding(chip.rounding);
        found.same("the rounding", format!("{wanted:?}"), format!("{held:?}"));
    }
    if let (Requant::Multiplier { bits, .. }, Some(wanted)) = (mac.requant, chip.multiplier_bits) {
        found.same("the bits of a multiplier", wanted.get(), bits);
    }
    if let Activation::PiecewiseLinear { product_shift, .. } = mac.activation {
        let wanted = chip.activations.iter().find_map(|activation| match activation {
            hw::Activation::PiecewiseLinear { product_shift, .. } => Some(*product_shift),
            _ => None,
        });
        found.same(
            "the product shift",
            wanted.map_or("none".into(), |shift| shift.to_string()),
            product_shift,
        );
    }
}
