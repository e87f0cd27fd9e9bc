//! Activations, and the order of the steps after a sum.

use serde::Serialize;

use crate::raw::Table;
use crate::units::Bits;

/// A function a core can apply to a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// max(z, 0).
    Relu,
    /// Clamp to any range inside the output range.
    Clamp,
    /// Native sigmoid: a table over the signed code of one array.
    Sigmoid {
        /// Legal only when one array holds the whole sum.
        single_array_only: bool,
    },
    /// Freely loadable lookup table over the signed code before it.
    Table {
        /// Number of entries. It follows from the signal width, so a text need not state it and the canonical text does not:
        /// it follows when the width changes.
        #[serde(skip)]
        entries: u32,
    },
    /// Slope and intercept per segment.
    PiecewiseLinear {
        /// Number of segments.
        segments: u32,
        /// Width of a slope, sign included.
        slope_bits: Bits,
        /// Width of an intercept, sign included.
        intercept_bits: Bits,
        /// Right shift of slope times input.
        product_shift: u32,
    },
    /// Largest of a group of outputs.
    MaxPool {
        /// Outputs per group.
        group: u32,
    },
}

impl Activation {
    /// `entries` says how many entries a lookup table must have for the signal
    /// width of this chip, and why; `None` when that is not known because of
    /// another error.
    pub(crate) fn read_list(
        table: &mut Table<'_, '_>,
        entries: Option<(u32, String)>,
    ) -> Option<Vec<Activation>> {
        let (_, items) = table.list("activations", false)?;
        let before = items.len();
        let read: Vec<_> =
            items.into_iter().filter_map(|item| Activation::read(item, entries.as_ref())).collect();
        (read.len() == before).then_some(read)
    }

    fn read(mut table: Table<'_, '_>, wanted: Option<&(u32, String)>) -> Option<Activation> {
        #[derive(Clone, Copy)]
        enum Kind {
            Relu,
            Clamp,
            Sigmoid,
            Table,
            PiecewiseLinear,
            MaxPool,
        }
        let kind = table.choice(
            "kind",
            &[
                ("relu", Kind::Relu),
                ("clamp", Kind::Clamp),
                ("sigmoid", Kind::Sigmoid),
                ("table", Kind::Table),
                ("piecewise_linear", Kind::PiecewiseLinear),
                ("max_pool", Kind::MaxPool),
            ],
            None,
        );
        let Some(kind) = kind else {
            table.abandon();
            return None;
        };
        let read = match kind.value {
            Kind::Relu => Some(Activation::Relu),
            Kind::Clamp => Some(Activation::Clamp),
            Kind::Sigmoid => table
                .flag("single_array_only", None)
                .map(|only| Activation::Sigmoid { single_array_only: only.value }),
            Kind::Table => {
                let entries = table.int_opt("entries", 2..=131_071);
                if let (Some(Some(entries)), Some((wanted, why))) = (&entries, wanted)
                    && entries.value != *wanted
                {
                    let help = format!("remove it or set it to {wanted}, or change the signal width");
                    table.doc.contradiction(entries, why, &wanted.to_string(), &help);
                }
                // Without a known width there is an error elsewhere.
                wanted
                    .filter(|_| entries.is_some())
                    .map(|(entries, _)| Activation::Table { entries: *entries })
            }
            Kind::PiecewiseLinear => {
                let segments = table.int("segments", 2..=256);
                let slope = table.int("slope_bits", 2..=32);
                let intercept = table.int("intercept_bits", 2..=32);
                let shift = table.int("product_shift", 0..=48);
                segments.zip(slope).zip(intercept.zip(shift)).map(
                    |((segments, slope), (intercept, shift))| Activation::PiecewiseLinear {
                        segments: segments.value,
                        slope_bits: Bits::new(slope.value),
                        intercept_bits: Bits::new(intercept.value),
                        product_shift: shift.value,
                    },
                )
            }
            Kind::MaxPool => {
                table.int("group", 2..=65536).map(|group| Activation::MaxPool { group: group.value })
            }
        };
        table.finish();
        read
    }
}

/// A step between the sum and the signal that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The sum is brought to the width of a signal (shift, or multiply and shift).
    Requantise,
    /// The activation function.
    Activation,
    /// Pooling over a group of outputs.
    Pool,
}

/// Reads `order`: requantise and activation once each, pool exactly when
/// the chip can pool.
pub(crate) fn read_order(table: &mut Table<'_, '_>, activations: Option<&[Activation]>) -> Option<Vec<Step>> {
    let words = [("requantise", Step::Requantise), ("activation", Step::Activation), ("pool", Step::Pool)];
    let order = table.choices("order", &words)?;
    if !(order.value.contains(&Step::Requantise) && order.value.contains(&Step::Activation)) {
        let because = "the order must name both \"requantise\" and \"activation\"";
        table.doc.range(&order, because, "each of the two once, and \"pool\"", "name both steps");
    }
    let pools = activations?.iter().any(|a| matches!(a, Activation::MaxPool { .. }));
    if pools != order.value.contains(&Step::Pool) {
        let because = "\"pool\" must be in the order exactly when an activation of kind \"max_pool\" exists";
        let allowed = if pools { "an order with \"pool\"" } else { "an order without \"pool\"" };
        table.doc.contradiction(&order, because, allowed, "change the order or the list of activations");
    }
    Some(order.value)
}
