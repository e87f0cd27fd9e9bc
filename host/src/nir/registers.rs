//! What a spiking chip's registers hold, as far as scaling a network depends on it.

use spandrel_hwdesc::{Chip, Encoding, Spiking};

use crate::diagnostic::{Diagnostic, Result};
use crate::spiking::Neuron;

/// The chip's limits.
#[derive(Clone, Debug)]
pub(super) struct Registers<'c> {
    pub(super) chip: &'c Chip,
    pub(super) spiking: &'c Spiking,
    /// The largest magnitude of a weight, and the shifts that may follow.
    pub(super) weight: i64,
    pub(super) shifts: std::ops::RangeInclusive<u8>,
    /// The largest threshold, before its shift.
    pub(super) threshold: i64,
    /// The largest leak.
    pub(super) leak: i64,
    /// The largest potential and current.
    pub(super) potential: i64,
    pub(super) current: i64,
    /// The chip's neuron, to be filled in.
    pub(super) neuron: Neuron,
}

impl<'c> Registers<'c> {
    /// Of `chip`.
    ///
    /// # Errors
    /// SP0401 for a chip without neurons, or whose synapses hold no weights of their own.
    pub(super) fn new(chip: &'c Chip) -> Result<Self> {
        let place = |field: &str| format!("chip {:?}: {field}", chip.name());
        let Some(spiking) = chip.spiking() else {
            let rule = format!("cores of kind {} hold no neurons", chip.kind().name());
            let way_out = "choose a chip of kind spiking, such as loihi or tianji";
            return Err(Diagnostic::error("SP0401", place("kind"), rule, way_out).into());
        };
        let whole = chip.weights().iter().find(|encoding| {
            matches!(encoding, Encoding::DynamicFixedPoint { .. } | Encoding::Fraction { .. })
        });
        let Some(encoding) = whole else {
            let rule = "spiking networks with weights of their own need synapses that hold whole numbers; this chip's are typed";
            let way_out =
                "choose loihi or tianji, or convert a trained network of rates (ONNX) for this chip";
            return Err(Diagnostic::error("SP0401", place("weights"), rule, way_out).into());
        };
        let (least, most) = encoding.range();
        let own = i64::from(spiking.weight_shift);
        let (lo, hi) = match encoding {
            Encoding::DynamicFixedPoint { point_min: Some(least), point_max: Some(most), .. } => {
                (i64::from(*least), i64::from(*most))
            }
            _ => (0, 0),
        };
        let shift = |shift: i64| u8::try_from(shift.clamp(0, 16)).unwrap_or(0);
        let half = |bits: u32| if bits == 0 { 0 } else { (1_i64 << (bits - 1)) - 1 };
        let neuron = Neuron::of(spiking);
        let room = i64::from(i32::MAX >> neuron.threshold_shift);
        Ok(Self {
            chip,
            spiking,
            weight: most.min(-least),
            shifts: shift(own - hi)..=shift(own - lo),
            threshold: ((1_i64 << spiking.threshold_bits.get()) - 1).min(room),
            leak: half(spiking.leak_bits.get()),
            potential: half(spiking.potential_bits.get()),
            current: spiking.current_bits.map_or(i64::from(i32::MAX), |bits| half(bits.get())),
            neuron,
        })
    }
}
