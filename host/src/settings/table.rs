//! The table of all settings.

use super::{Setting, put, text};
use crate::nir::{DecayRounding, ResetRule, Scheme};

/// All settings, by key in ascending order.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "answers.faults",
        allowed: "off, or 1 to 10000000",
        help: "faults of each class that are simulated, to choose the known answers of cores and to state in the image what share of a chip's faults its answers show; of more faults than so many a sample is drawn; off: one answer for each core, of random codes, and no statement",
        get: |s| s.answers.faults.map_or_else(|| "off".into(), |n| text(&n)),
        set: |s, v| {
            s.answers.faults = if v == "off" {
                None
            } else {
                Some(v.parse().ok().filter(|n| (1..=10_000_000).contains(n))?)
            };
            Some(())
        },
    },
    Setting {
        key: "answers.vectors",
        allowed: "1 to 256",
        help: "known answers of a core at most, where answers.faults is not off",
        get: |s| text(&s.answers.vectors),
        set: |s, v| put(&mut s.answers.vectors, v, |n| (1..=256).contains(n)),
    },
    Setting {
        key: "encode.budget",
        allowed: "auto, a number of cores, or xF with F from 1",
        help: "cores that signals may take where encode.signals is auto: so many, or F times the least number; auto: up to four times, no more than the chips have, and only where it promises to help (crossbars)",
        get: |s| text(&s.encode.budget),
        set: |s, v| put(&mut s.encode.budget, v, |_| true),
    },
    Setting {
        key: "encode.carrier",
        allowed: "1 to 32",
        help: "signals that carry a sum to the array that applies the native sigmoid to it",
        get: |s| text(&s.encode.carrier_signals),
        set: |s, v| put(&mut s.encode.carrier_signals, v, |k| (1..=32).contains(k)),
    },
    Setting {
        key: "encode.input",
        allowed: "auto, or 1 to 8",
        help: "signals per input value, each carrying further bits until there are eight; auto: two where that takes no further array",
        get: |s| if s.encode.input_signals == 0 { "auto".into() } else { text(&s.encode.input_signals) },
        set: |s, v| {
            put(&mut s.encode.input_signals, if v == "auto" { "0" } else { v }, |k| (0..=8).contains(k))
        },
    },
    Setting {
        key: "encode.output",
        allowed: "auto, or 1 to 32",
        help: "signals per output value; auto: as many as there are free columns",
        get: |s| text(&s.encode.output_signals),
        set: |s, v| put(&mut s.encode.output_signals, v, |_| true),
    },
    Setting {
        key: "encode.parts",
        allowed: "auto, or 1 to 32",
        help: "signals that carry a partial sum where the chip adds none; auto: about a hundred levels, with at most three times the signals of a value, and more in columns that are there anyway",
        get: |s| if s.encode.part_signals == 0 { "auto".into() } else { text(&s.encode.part_signals) },
        set: |s, v| {
            put(&mut s.encode.part_signals, if v == "auto" { "0" } else { v }, |k| {
                (u16::from(v != "auto")..=32).contains(k)
            })
        },
    },
    Setting {
        key: "encode.signals",
        allowed: "auto, or 1 to 32",
        help: "signals per hidden value; auto: as many as encode.budget allows where they help most, and as fit without further arrays, the noisiest values first",
        get: |s| text(&s.encode.signals),
        set: |s, v| put(&mut s.encode.signals, v, |_| true),
    },
    Setting {
        key: "encode.state",
        allowed: "auto, or 1 to 32",
        help: "signals per sum that a loop hands from step to step; auto: up to four, where its readers have the rows",
        get: |s| text(&s.encode.state_signals),
        set: |s, v| put(&mut s.encode.state_signals, v, |_| true),
    },
    Setting {
        key: "expand.row_arrays",
        allowed: "1 to 64",
        help: "so many times the least number of arrays hold the rows of a sum that spans arrays",
        get: |s| text(&s.expand.row_arrays),
        set: |s, v| put(&mut s.expand.row_arrays, v, |k| (1..=64).contains(k)),
    },
    Setting {
        key: "expand.transmission",
        allowed: "on or off",
        help: "on chips without multicast whether cores copy signals that more cores read than an output reaches; off: as if all of them read one buffer",
        get: |s| if s.expand.transmission { "on".into() } else { "off".into() },
        set: |s, v| {
            s.expand.transmission = match v {
                "on" => true,
                "off" => false,
                _ => return None,
            };
            Some(())
        },
    },
    Setting {
        key: "loops",
        allowed: "cell, or unroll",
        help: "a loop over time: one cell that is stepped where that can be, or nodes of their own for each step",
        get: |s| text(&s.loops),
        set: |s, v| put(&mut s.loops, v, |_| true),
    },
    Setting {
        key: "rate.axons",
        allowed: "2 to 8",
        help: "of trained networks on spiking chips with typed axons and 1-bit synapses: axons of different types that bring a signal, the bits of its weights",
        get: |s| text(&s.rate.axons),
        set: |s, v| put(&mut s.rate.axons, v, |n| (2..=8).contains(n)),
    },
    Setting {
        key: "rate.copies",
        allowed: "auto, or 1 to 8",
        help: "of trained networks on spiking chips: neurons that carry a part of a sum together, at other thresholds; auto: four where the chip resets to zero, up to eight where channels are few, else one",
        get: |s| s.rate.copies.map_or_else(|| "auto".into(), |n| text(&n)),
        set: |s, v| {
            s.rate.copies =
                if v == "auto" { None } else { Some(v.parse().ok().filter(|n| (1..=8).contains(n))?) };
            Some(())
        },
    },
    Setting {
        key: "rate.passes",
        allowed: "0 to 100",
        help: "of trained networks on spiking chips: how often each layer's thresholds and offsets are corrected by simulated counts",
        get: |s| text(&s.rate.passes),
        set: |s, v| put(&mut s.rate.passes, v, |n| *n <= 100),
    },
    Setting {
        key: "rate.signals",
        allowed: "auto, or 1 to 8",
        help: "of trained networks on spiking chips: neurons that carry a value together, at other thresholds, as far as the axons of what reads it allow; auto: up to four where the chip resets to zero, and up to 4096 a layer, else one",
        get: |s| s.rate.signals.map_or_else(|| "auto".into(), |n| text(&n)),
        set: |s, v| {
            s.rate.signals =
                if v == "auto" { None } else { Some(v.parse().ok().filter(|n| (1..=8).contains(n))?) };
            Some(())
        },
    },
    Setting {
        key: "rate.window",
        allowed: "2 to 65536",
        help: "of trained networks on spiking chips: ticks in which the spikes of a value are counted; the more, the finer and the slower",
        get: |s| text(&s.rate.window),
        set: |s, v| put(&mut s.rate.window, v, |n| (2..=65_536).contains(n)),
    },
    Setting {
        key: "sigmoid",
        allowed: "auto, relay, or relu:K with K from 1 to 32",
        help: "a sigmoid whose sum spans arrays: relayed to a native one, or approximated by K clipped ReLUs; auto: the relay where the chip has a sigmoid",
        get: |s| text(&s.encode.sigmoid),
        set: |s, v| put(&mut s.encode.sigmoid, v, |_| true),
    },
    Setting {
        key: "spiking.bin",
        allowed: "1 to 1000000",
        help: "of recordings of event cameras: microseconds of a step",
        get: |s| text(&s.spiking.events.bin),
        set: |s, v| put(&mut s.spiking.events.bin, v, |k| (1..=1_000_000).contains(k)),
    },
    Setting {
        key: "spiking.decay",
        allowed: "nearest or down",
        help: "how decays become whole numbers: what remains rounded to the nearest, or the decay times (2^bits - 1) rounded down, as exporters to Loihi write it",
        get: |s| if s.spiking.decay == DecayRounding::Down { "down".into() } else { "nearest".into() },
        set: |s, v| {
            s.spiking.decay = match v {
                "down" => DecayRounding::Down,
                "nearest" => DecayRounding::Nearest,
                _ => return None,
            };
            Some(())
        },
    },
    Setting {
        key: "spiking.dt",
        allowed: "auto, or a number above 0",
        help: "length of a step in the file's unit of time; auto: 0.0001, or 1 for networks without time constants",
        get: |s| s.spiking.dt.map_or_else(|| "auto".into(), |dt| text(&dt)),
        set: |s, v| {
            s.spiking.dt = if v == "auto" {
                None
            } else {
                Some(v.parse().ok().filter(|dt: &f64| *dt > 0.0 && dt.is_finite())?)
            };
            Some(())
        },
    },
    Setting {
        key: "spiking.reset",
        allowed: "scheme, file, zero or subtract",
        help: "what a spike leaves behind: as the scheme says; as the file says; 0; the threshold less",
        get: |s| s.spiking.reset.map_or_else(|| "scheme".into(), |rule| text(&rule)),
        set: |s, v| {
            s.spiking.reset = if v == "scheme" { None } else { Some(v.parse::<ResetRule>().ok()?) };
            Some(())
        },
    },
    Setting {
        key: "spiking.scheme",
        allowed: "euler, exponential, exact, impulse, lava, sinabs or speck",
        help: "how the continuous dynamics of a NIR file become steps; docs/import.md says what each does and whom it follows",
        get: |s| s.spiking.scheme.clone(),
        set: |s, v| {
            Scheme::preset(v, 1.0)?;
            v.clone_into(&mut s.spiking.scheme);
            Some(())
        },
    },
    Setting {
        key: "spiking.steps",
        allowed: "1 to 65536",
        help: "of recordings of event cameras: steps of a sample",
        get: |s| text(&s.spiking.events.steps),
        set: |s, v| put(&mut s.spiking.events.steps, v, |k| (1..=65_536).contains(k)),
    },
    Setting {
        key: "spiking.threshold",
        allowed: "auto, or 1 to 131071",
        help: "the threshold's register in every population of a NIR file, which fixes the scale of its weights; auto: as precise as registers and samples allow",
        get: |s| s.spiking.threshold.map_or_else(|| "auto".into(), |t| text(&t)),
        set: |s, v| {
            s.spiking.threshold =
                if v == "auto" { None } else { Some(v.parse().ok().filter(|t| (1..=131_071).contains(t))?) };
            Some(())
        },
    },
    Setting {
        key: "tune",
        allowed: "nearest-one-scale, nearest, free, range, round, or full (the same as round)",
        help: "how far tuning goes, each phase on top of those before it: nearest whole numbers with one scale per layer; with a scale per column; weights refitted to what the predecessors really give; ranges that give up the largest values; rounding with error feedback and searched biases. Phases before the last end in nearest whole numbers",
        get: |s| text(&s.tune.rounding),
        set: |s, v| put(&mut s.tune.rounding, v, |_| true),
    },
    Setting {
        key: "tune.bias_rows",
        allowed: "1 to 64",
        help: "bias rows to use where they suffice",
        get: |s| text(&s.tune.bias_rows),
        set: |s, v| put(&mut s.tune.bias_rows, v, |k| (1..=64).contains(k)),
    },
    Setting {
        key: "tune.exact_passes",
        allowed: "0 to 1000",
        help: "exact passes of the bias search",
        get: |s| text(&s.tune.exact_passes),
        set: |s, v| put(&mut s.tune.exact_passes, v, |k| *k <= 1000),
    },
    Setting {
        key: "tune.integers",
        allowed: "model, or kernels",
        help: "results of networks that are integer already, on chips with multipliers: rounded once, as the model's operators say, or as the reference kernels of int8 frameworks do, convolutions twice",
        get: |s| text(&s.tune.integers),
        set: |s, v| put(&mut s.tune.integers, v, |_| true),
    },
    Setting {
        key: "tune.linear_passes",
        allowed: "0 to 1000",
        help: "linear passes of the bias search",
        get: |s| text(&s.tune.linear_passes),
        set: |s, v| put(&mut s.tune.linear_passes, v, |k| *k <= 1000),
    },
    Setting {
        key: "tune.margin",
        allowed: "0 to 100",
        help: "on classifiers: how many standard deviations below the winner an output may lie and still count; 0: all count",
        get: |s| text(&s.tune.margin),
        set: |s, v| put(&mut s.tune.margin, v, |x| (0.0..=100.0).contains(x)),
    },
    Setting {
        key: "tune.ridge",
        allowed: "0 to 1000",
        help: "how strongly weights that samples leave free are held to the trained ones; 0 leaves all weights as trained",
        get: |s| text(&s.tune.ridge),
        set: |s, v| put(&mut s.tune.ridge, v, |x| (0.0..=1000.0).contains(x)),
    },
    Setting {
        key: "tune.rows",
        allowed: "64 to 1000000",
        help: "a node with many positions is tuned on about so many of them, all samples together",
        get: |s| text(&s.tune.rows),
        set: |s, v| put(&mut s.tune.rows, v, |n| (64..=1_000_000).contains(n)),
    },
    Setting {
        key: "tune.seed",
        allowed: "0 to 18446744073709551615",
        help: "seed of the phases that dither copies",
        get: |s| text(&s.tune.seed),
        set: |s, v| put(&mut s.tune.seed, v, |_| true),
    },
    Setting {
        key: "tune.state",
        allowed: "off, or 0 to 100",
        help: "signal-to-noise ratio in dB that the state of a recurrent network must reach on the calibration samples; below it there is no image; off: any",
        get: |s| s.tune.state.map_or_else(|| "off".into(), |least| text(&least)),
        set: |s, v| {
            s.tune.state =
                if v == "off" { None } else { Some(v.parse().ok().filter(|x| (0.0..=100.0).contains(x))?) };
            Some(())
        },
    },
    Setting {
        key: "weights",
        allowed: "plain, fraction, codebook:N, or codebook:N:column, N from 2 to 256",
        help: "the set that weights come from: whole numbers, whole numbers divided by a threshold of each core, or a table of N of them for each core or for each column",
        get: |s| text(&s.tune.weights),
        set: |s, v| put(&mut s.tune.weights, v, |_| true),
    },
];
