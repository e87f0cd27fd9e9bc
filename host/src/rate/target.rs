//! What a spiking chip offers to rate codes.

use spandrel_hwdesc::{Chip, Encoding, Limit, Setting};

use super::build::Limits;
use super::options::RateOptions;
use super::pack::Room;
use super::simulate::Soma;
use super::tune::Registers;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};

/// Neurons that carry a part of a sum together where a chip resets to zero.
const PARTS: usize = 4;
/// Neurons that carry another value together there.
const SIGNALS: usize = 4;

/// Neurons of a layer at most that has such copies unless they are asked for.
const COPIED: usize = 4096;

/// What of a chip is used.
pub(super) struct Target {
    pub(super) limits: Limits,
    pub(super) room: Room,
    pub(super) registers: Registers,
}

/// What the chip offers, or every reason why rate codes can not be compiled for it.
pub(super) fn target(chip: &Chip, options: &RateOptions, relays: bool) -> Result<Target> {
    let window = options.window;
    let mut found = Diagnostics::default();
    let mut refuse = |code: &'static str, field: &str, rule: String, way_out: &str| {
        found.push(Diagnostic::error(code, format!("chip {:?}: {field}", chip.name()), rule, way_out));
    };
    let Some(spiking) = chip.spiking() else {
        let rule = format!("cores of kind {} hold no neurons", chip.kind().name());
        refuse("SP0401", "kind", rule, "choose a chip of kind spiking, such as tianji");
        return Err(found);
    };
    let longest = 1u64 << spiking.window_bits_max.get();
    if u64::from(window) > longest {
        let rule = format!("a window of {window} ticks; this chip counts in windows of at most {longest}");
        refuse("SP0303", "spiking.window_bits_max", rule, "use a smaller rate.window");
    }
    let weight = chip.weights().iter().find_map(|encoding| match encoding {
        Encoding::DynamicFixedPoint { bits, .. } | Encoding::Fraction { bits, .. } => {
            Some((None, (1i32 << (bits.get() - 1)) - 1))
        }
        Encoding::AxonTyped { types, value_bits } => {
            let axons = u32::from(options.axons).min(*types);
            (axons >= 2).then(|| (Some(axons as u8), (1i32 << (value_bits.get() - 1)) - 1))
        }
        _ => None,
    });
    let (bits_of, weight) = weight.unwrap_or_else(|| {
        let rule = "rate codes are compiled for weights of their own at every synapse, or two and more types of axons";
        refuse("SP0401", "weights", rule.into(), "choose tianji, tianji-subtract or truenorth");
        (None, 1)
    });
    if spiking.weight_shift != 0 || spiking.threshold_shift != 0 {
        let rule = "rate codes are not compiled for shifted weights and thresholds yet";
        refuse("SP0401", "spiking.weight_shift", rule.into(), "choose tianji, tianji-subtract or truenorth");
    }
    if spiking.potential_bits.get() > 30 || spiking.potential_overflow != spandrel_hwdesc::Overflow::Saturate
    {
        let rule = "rate codes are compiled for potentials of at most 30 bits that saturate";
        refuse(
            "SP0401",
            "spiking.potential_bits",
            rule.into(),
            "choose tianji, tianji-subtract or truenorth",
        );
    }
    if spiking.current_decay.is_some() {
        let rule = "rate codes are not compiled for currents that remember yet";
        refuse("SP0401", "spiking.current_decay", rule.into(), "choose tianji, tianji-subtract or truenorth");
    }
    let half = 1i32 << (spiking.potential_bits.get().min(30) - 1);
    let symmetric = spiking.potential_limits == spandrel_hwdesc::Limits::Symmetric;
    let axons = spiking.axons.get() as usize;
    let neurons = spiking.neurons.get() as usize;
    let subtract = spiking.reset.contains(&spandrel_hwdesc::Reset::Subtract);
    let auto = |most: usize| if subtract { 1 } else { most };
    let copies = (options.copies.unwrap_or(auto(PARTS)), options.signals.unwrap_or(auto(SIGNALS)));
    let fan_out = chip.fan_out();
    let bits = |bits: u32| (1i64 << bits.min(30)) as i32;
    found.into_result(Target {
        limits: Limits {
            taps: (axons / usize::from(bits_of.unwrap_or(1))).max(1),
            alike: axons,
            columns: neurons,
            copies,
            neurons: if options.signals.is_some() { usize::MAX } else { COPIED },
            spread: if subtract { 0.0 } else { 1.0 },
        },
        room: Room {
            axons,
            neurons,
            targets: match fan_out.targets {
                Limit::AtMost(most) if relays && !fan_out.multicast => Some(most as usize),
                _ => None,
            },
        },
        registers: Registers {
            weight,
            axons: bits_of,
            threshold: (bits(spiking.threshold_bits.get()) - 1).min(half - 1),
            leak: if spiking.leak_bits.get() == 0 { 0 } else { bits(spiking.leak_bits.get() - 1) - 1 },
            start: spiking.v_init == Setting::Configurable,
            soma: Soma {
                least: -half + i32::from(symmetric),
                most: half - 1,
                subtract,
                above: spiking.fire == spandrel_hwdesc::Fire::AboveThreshold,
            },
        },
    })
}
