//! One resealed image for each rule of a spiking core's record.

use crate::breaks::Break;
use spandrel_core::{
    image::{Config, Subject, Tag},
    mac::Param,
    spiking::{Current, Reset, Spiking},
};
use spandrel_tests::images::{Answer, ImageBuilder, spiking, weights};

/// Patches the second configuration's record (currents, refractory counters) from `at`, and seals.
fn patched(at: usize, content: &[u8], rule: &'static str, field: &'static str) -> Break {
    let builder = spiking::image();
    let mut sections = builder.sections();
    let target = sections.iter_mut().find(|(tag, _)| *tag == Tag::CONFIGS).expect("there are configurations");
    target.1[64 + at..64 + at + content.len()].copy_from_slice(content);
    Break { rule, place: (Tag::CONFIGS, field), bytes: builder.assembled(&sections) }
}

/// Changes the second configuration, and what belongs to it.
fn changed(change: fn(&mut Spiking, &mut ImageBuilder), rule: &'static str, field: &'static str) -> Break {
    let mut builder = spiking::image();
    let Config::Spiking(mut core) = builder.configs[1] else { panic!("a spiking core") };
    change(&mut core, &mut builder);
    builder.configs[1] = Config::Spiking(core);
    Break { rule, place: (Tag::CONFIGS, field), bytes: builder.build() }
}

/// A known answer of configuration 1 in test mode.
fn answer(shift: Option<u8>, relu: Option<bool>, rule: &'static str, field: &'static str) -> Break {
    let mut builder = spiking::image();
    let subject = Subject::Config { config: 1, shift, relu };
    builder.answers.push(Answer { subject, inputs: vec![0; 3], answers: vec![0; 2] });
    Break { rule, place: (Tag::VECTORS, field), bytes: builder.build() }
}

/// A table of `entries` for a parameter of each neuron.
fn table(b: &mut ImageBuilder, entries: &[i32]) -> Param<i32> {
    Param::Column { table: b.table(entries) }
}

pub(crate) fn spiking_breaks() -> Vec<Break> {
    let range = "out-of-range";
    let least = (-(1i32 << 23)).to_le_bytes();
    vec![
        patched(3, &[1], "not-zero", "reserved"),
        patched(2, &[1 << 7 | 9], "not-zero", "reserved"),
        patched(23, &[1], "not-zero", "reserved"),
        // The reset value of a reset to zero, the floor of none, and their bits among the tables.
        patched(48, &[1], "not-zero", "reserved"),
        patched(56, &[1], "not-zero", "reserved"),
        patched(22, &[1 << 7 | 1 << 4], "not-zero", "reserved"),
        // A potential that wraps has no use for symmetric ends.
        patched(2, &[9 | 2 | 4], "not-zero", "reserved"),
        // Without a current its decay and its overflow are not there.
        patched(18, &[0], "not-zero", "reserved"),
        patched(16, &[3], "unknown-code", "reset"),
        patched(6, &[0x11], range, "rows"),
        patched(8, &[0], range, "columns"),
        patched(17, &[1], range, "potential_bits"),
        patched(17, &[33], range, "potential_bits"),
        patched(18, &[1], range, "current_bits"),
        patched(18, &[33], range, "current_bits"),
        patched(19, &[17], range, "decay_bits"),
        patched(20, &[17], range, "weight_shift"),
        patched(21, &[17], range, "threshold_shift"),
        patched(24, &[0], range, "spikes_in"),
        patched(26, &[0], range, "spikes_out"),
        patched(31, &[0x80], range, "window"),
        patched(31, &[0x7F], "", ""),
        patched(35, &[0x80], range, "threshold"),
        patched(40, &[5], range, "current_keep"),
        patched(40, &[4], "", ""),
        patched(44, &[5], range, "keep"),
        patched(52, &least, "", ""),
        patched(52, &(-(1i32 << 23) - 1).to_le_bytes(), range, "v_init"),
        patched(12, &[9], "dangling-reference", "blob"),
        patched(60, &[99], "dangling-reference", "refractory"),
        changed(|s, _| s.spikes_out = 2, "", ""),
        changed(|s, _| (s.spikes_out, s.threshold) = (2, Param::Core(0)), range, "threshold"),
        changed(|s, _| (s.threshold, s.threshold_shift) = (Param::Core(1 << 25), 6), range, "threshold"),
        changed(|s, _| s.reset = Reset::Value(Param::Core(1 << 23)), range, "reset_value"),
        changed(|s, _| s.floor = Some(Param::Core(-(1 << 23) - 1)), range, "floor"),
        changed(|s, _| s.refractory = Param::Core(65_536), range, "refractory"),
        // Without a counter there is nothing to collect during; nor without a current to collect in.
        changed(|s, _| s.refractory_collects = true, "", ""),
        changed(
            |s, _| (s.refractory, s.refractory_collects) = (Param::Core(0), true),
            range,
            "refractory_collects",
        ),
        changed(|s, _| (s.current, s.refractory_collects) = (None, true), range, "refractory_collects"),
        // Tables: one entry a neuron, each within the parameter's range.
        changed(|s, b| s.threshold = table(b, &[1, 2]), "", ""),
        changed(|s, b| s.threshold = table(b, &[1, 2, 3]), "length-mismatch", "threshold"),
        changed(|s, b| s.threshold = table(b, &[1, -1]), range, "threshold"),
        changed(|s, b| s.leak = table(b, &[1]), "length-mismatch", "leak"),
        changed(|s, b| s.keep = table(b, &[4, 5]), range, "keep"),
        changed(|s, b| s.v_init = table(b, &[0, 1 << 23]), range, "v_init"),
        changed(|s, b| s.floor = Some(table(b, &[-(1 << 23) - 1, 0])), range, "floor"),
        changed(|s, b| s.reset = Reset::Value(table(b, &[0, 1 << 23])), range, "reset_value"),
        changed(|s, b| s.refractory = table(b, &[0, -1]), range, "refractory"),
        changed(
            |s, b| {
                let keep = table(b, &[0, -1]);
                s.current = s.current.map(|current| Current { keep, ..current });
            },
            range,
            "current_keep",
        ),
        // 2^20 axons: weights of 11 bits sum to 2^30, shifted to 2^31, which 32 bits do not hold.
        overflow(11, 1, 1, "accumulator-overflow", "rows"),
        overflow(11, 0, 1, "", ""),
        overflow(11, 0, 2, "accumulator-overflow", "rows"),
        answer(None, None, "", ""),
        answer(Some(1), None, range, "shift"),
        answer(None, Some(true), range, "activation"),
    ]
}

/// A core of as many axons as a configuration may have and weights of `bits` bits.
fn overflow(bits: u8, weight_shift: u8, spikes_in: u16, rule: &'static str, field: &'static str) -> Break {
    let mut builder = spiking::image();
    // Sparse, so that it takes no room.
    let mut packed = weights::sparse_blocks(bits, 1, &[vec![1]]);
    packed.blob.rows = 1 << 20;
    let blob = builder.blob(packed);
    builder.spiking(Spiking { weight_shift, spikes_in, ..spiking::tianji(1 << 20, 1, blob, 5) });
    Break { rule, place: (Tag::CONFIGS, field), bytes: builder.build() }
}
