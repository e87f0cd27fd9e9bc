//! The text form of a spiking core's configuration.

use std::fmt::Write as _;

use spandrel_core::image::Blob;
use spandrel_core::mac::{Overflow, Param};
use spandrel_core::spiking::{Fire, Limit, Output, Reset, Spiking};

use super::listing_mac::{held, param};

/// One line; `blob` holds the weights.
pub(super) fn spiking_line(s: &Spiking, blob: Option<&Blob>) -> String {
    let mut text = format!("spiking {} axons x {} neurons", s.rows, s.columns);
    if s.rows > 0 {
        let weights = blob.map_or(String::new(), held);
        let _ = write!(text, ", b{}{weights}", s.blob);
    }
    if s.weight_shift > 0 {
        let _ = write!(text, " x 2^{}", s.weight_shift);
    }
    if s.spikes_in > 1 {
        let _ = write!(text, ", up to {} spikes an axon", s.spikes_in);
    }
    let whole = 1i32 << s.decay_bits;
    if let Some(current) = s.current {
        let overflow = if current.overflow == Overflow::Wrap { "wrapping" } else { "saturating" };
        let keep = param(&current.keep);
        let _ = write!(text, ", {overflow} {}-bit current keeps {keep} of {whole}", current.bits);
    }
    let limit = match s.limit {
        Limit::Wrap => "wrapping",
        Limit::TwosComplement => "saturating",
        Limit::Symmetric => "symmetric",
    };
    let _ = write!(text, ", {limit} {}-bit potential", s.potential_bits);
    if s.keep != Param::Core(whole) {
        let _ = write!(text, " keeps {} of {whole}", param(&s.keep));
    }
    for (name, own) in [("leak", s.leak), ("from", s.v_init)] {
        if own != Param::Core(0) {
            let _ = write!(text, ", {name} {}", param(&own));
        }
    }
    if let Some(floor) = &s.floor {
        let _ = write!(text, ", floor {}", param(floor));
    }
    let fire = if s.fire == Fire::AboveThreshold { "above" } else { "at" };
    let _ = write!(text, ", fires {fire} {}", param(&s.threshold));
    if s.threshold_shift > 0 {
        let _ = write!(text, " x 2^{}", s.threshold_shift);
    }
    if s.spikes_out > 1 {
        let _ = write!(text, " up to {} times", s.spikes_out);
    }
    match &s.reset {
        Reset::Zero => text.push_str(", reset to 0"),
        Reset::Value(value) => {
            let _ = write!(text, ", reset to {}", param(value));
        }
        Reset::Subtract => text.push_str(", reset by subtraction"),
    }
    if s.counts_refractory() {
        let collects = if s.refractory_collects { ", collecting" } else { "" };
        let _ = write!(text, ", refractory {}{collects}", param(&s.refractory));
    }
    if s.window > 0 {
        let _ = write!(text, ", window {}", s.window);
    }
    if s.output == Output::Potential {
        text.push_str(", potentials leave");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::spiking_line;
    use spandrel_core::image::NO_BLOB;
    use spandrel_core::mac::{Overflow, Param};
    use spandrel_core::spiking::{Current, Fire, Limit, Output, Reset, Spiking};

    #[test]
    fn everything_that_matters_is_told() {
        let plain = Spiking {
            rows: 0,
            columns: 4,
            blob: NO_BLOB,
            spikes_in: 1,
            weight_shift: 0,
            current: None,
            decay_bits: 0,
            keep: Param::Core(1),
            leak: Param::Core(0),
            floor: None,
            potential_bits: 24,
            limit: Limit::TwosComplement,
            fire: Fire::AtThreshold,
            threshold: Param::Core(100),
            threshold_shift: 0,
            reset: Reset::Zero,
            spikes_out: 1,
            refractory: Param::Core(0),
            refractory_collects: false,
            v_init: Param::Core(0),
            window: 0,
            output: Output::Spikes,
        };
        assert_eq!(
            spiking_line(&plain, None),
            "spiking 0 axons x 4 neurons, saturating 24-bit potential, fires at 100, reset to 0"
        );
        let full = Spiking {
            rows: 3,
            blob: 7,
            spikes_in: 2,
            weight_shift: 6,
            current: Some(Current { keep: Param::Core(9), bits: 20, overflow: Overflow::Wrap }),
            decay_bits: 12,
            keep: Param::Column { table: 3 },
            leak: Param::Core(-5),
            floor: Some(Param::Core(-8)),
            limit: Limit::Symmetric,
            fire: Fire::AboveThreshold,
            threshold: Param::Column { table: 4 },
            threshold_shift: 6,
            reset: Reset::Value(Param::Core(1)),
            spikes_out: 3,
            refractory: Param::Core(2),
            refractory_collects: true,
            v_init: Param::Core(6),
            window: 11,
            output: Output::Potential,
            ..plain
        };
        assert_eq!(
            spiking_line(&full, None),
            "spiking 3 axons x 4 neurons, b7 x 2^6, up to 2 spikes an axon, wrapping 20-bit current keeps 9 of 4096, \
             symmetric 24-bit potential keeps t3 of 4096, leak -5, from 6, floor -8, fires above t4 x 2^6 up to 3 times, \
             reset to 1, refractory 2, collecting, window 11, potentials leave"
        );
    }
}
