//! Spiking networks on chips: what images give is what a simulation of the network gives, neuron by neuron, whatever the cores.

use spandrel::diagnostic::Diagnostics;
use spandrel::emit::check_image;
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, Outputs, RawBatch, RawData};
use spandrel::spiking::{
    Code, Convolution, Input, Neuron, Output, Population, Projection, Read, Source, SpikingNetwork, Synapses,
    Values, emit, program, split,
};
use spandrel_core::image::Image;
use spandrel_core::mac::Overflow;
use spandrel_core::spiking::{Fire, Limit};
use spandrel_hwdesc::{Chip, builtin};
use spandrel_oracle as oracle;

/// The same numbers for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        ((self.0 >> 33) as usize) % below.max(1)
    }

    fn between(&mut self, lo: i32, hi: i32) -> i32 {
        lo + self.next((hi - lo + 1) as usize) as i32
    }

    fn once_in(&mut self, of: usize) -> bool {
        self.next(of) == 0
    }

    fn values(&mut self, count: usize, lo: i32, hi: i32) -> Values {
        if self.once_in(2) {
            return Values::All(self.between(lo, hi));
        }
        Values::Each((0..count).map(|_| self.between(lo, hi)).collect())
    }
}

/// A neuron in the oracle's words.
fn model(population: &Population, neuron: usize, spikes_in: i128) -> oracle::Neuron {
    let own = &population.neuron;
    let of = 1i128 << own.decay_bits;
    let value = |values: &Values| i128::from(values.get(neuron));
    oracle::Neuron {
        spikes_in,
        weight_unit: 1 << own.weight_shift,
        current: own.current_keep.as_ref().map(|keep| {
            let ends = match own.current_register.1 {
                Overflow::Wrap => oracle::Ends::Wrap,
                Overflow::Saturate => oracle::Ends::Clip,
            };
            let register = oracle::Register { bits: own.current_register.0.into(), ends };
            (oracle::Decay { keep: value(keep), of }, register)
        }),
        decay: oracle::Decay { keep: value(&own.keep), of },
        leak: value(&own.leak),
        floor: own.floor.as_ref().map(value),
        potential: oracle::Register {
            bits: own.potential_register.0.into(),
            ends: match own.potential_register.1 {
                Limit::Wrap => oracle::Ends::Wrap,
                Limit::TwosComplement => oracle::Ends::Clip,
                Limit::Symmetric => oracle::Ends::ClipEvenly,
            },
        },
        threshold: value(&own.threshold) << own.threshold_shift,
        above: own.fire == Fire::AboveThreshold,
        reset: own.reset.as_ref().map_or(oracle::SpikeReset::By, |to| oracle::SpikeReset::To(value(to))),
        spikes_out: own.spikes_out.into(),
        refractory: value(&own.refractory),
        refractory_collects: own.refractory_collects && own.current_keep.is_some(),
        v_init: value(&own.v_init),
        window: (population.window > 0).then(|| population.window.into()),
    }
}

/// [tick][population][neuron]: spikes sent, and potentials.
type Trace = Vec<Vec<Vec<(i128, i128)>>>;

/// The network without cores: every neuron sums over all projections.
fn simulate(network: &SpikingNetwork, starts: &[u32], sample: &[i32]) -> Trace {
    let mut trace: Trace = Vec::new();
    let mut somas: Vec<Vec<oracle::Soma>> =
        network.populations.iter().map(|own| vec![oracle::Soma::default(); own.size]).collect();
    let rows: Vec<Vec<Vec<(u32, i32)>>> = network
        .projections
        .iter()
        .map(|own| own.synapses.rows(network.size(own.from), network.size(Source::Population(own.to))))
        .collect();
    for tick in 0..network.ticks as usize {
        let mut sent = Vec::new();
        for (number, population) in network.populations.iter().enumerate() {
            let mut told = Vec::new();
            for neuron in 0..population.size {
                let own = model(population, neuron, 255);
                let mut sum = 0i128;
                for (projection, rows) in network.projections.iter().zip(&rows) {
                    let Some(then) = tick.checked_sub(projection.delay.into()) else { continue };
                    if projection.to != number {
                        continue;
                    }
                    for (source, weight) in &rows[neuron] {
                        let source = *source as usize;
                        let spikes = match (projection.from, network.input.code) {
                            (Source::Population(from), _) => trace[then][from][source].0,
                            (_, Code::Raster { steps, .. }) if then >= steps as usize => 0,
                            (_, Code::Raster { .. }) => sample[then * network.input.size + source].into(),
                            (_, Code::Rate { window }) => {
                                oracle::rate_code(sample[source].into(), then as i128, window.into()).into()
                            }
                        };
                        sum += oracle::synapses(&own, &[spikes], &[i128::from(*weight)]);
                    }
                }
                let clock = tick as i128 - i128::from(starts[number]);
                let (after, spikes) = oracle::tick(&own, clock, somas[number][neuron], sum);
                somas[number][neuron] = after;
                told.push((spikes, after.v));
            }
            sent.push(told);
        }
        trace.push(sent);
    }
    trace
}

/// What the outputs of `network` must hold.
fn expected(network: &SpikingNetwork, trace: &Trace) -> Vec<i32> {
    let mut codes = Vec::new();
    for output in &network.outputs {
        let ticks = || trace.iter().map(|tick| &tick[output.population]);
        match output.read {
            Read::Counts => codes.extend(
                (0..network.populations[output.population].size)
                    .map(|neuron| ticks().map(|tick| tick[neuron].0).sum::<i128>() as i32),
            ),
            Read::Raster => codes.extend(ticks().flatten().map(|(spikes, _)| *spikes as i32)),
            Read::Potentials => {
                codes.extend(ticks().next_back().into_iter().flatten().map(|(_, v)| *v as i32))
            }
            Read::PotentialRaster => codes.extend(ticks().flatten().map(|(_, v)| *v as i32)),
        }
    }
    codes
}

fn text(errors: Diagnostics) -> String {
    errors.to_string()
}

/// Both engines on `samples`.
fn run(bytes: &[u8], samples: &[Vec<i32>]) -> Outputs {
    let image = Image::parse(bytes).unwrap_or_else(|error| panic!("{error}"));
    let raw = samples.concat();
    let batch = RawBatch::new(RawData::I32(&raw), samples[0].len()).expect("whole samples");
    let one = Options::with_threads(1);
    let core = CoreEngine::new(&image, one).expect("an engine").run_batch(&batch).expect("a run");
    let fast = FastEngine::new(&image, one).expect("an engine").run_batch(&batch).expect("a run");
    assert_eq!(core, fast);
    core
}

fn synapses(r: &mut Random, chip: &Chip, sources: usize, targets: usize) -> Synapses {
    let (lo, hi) = chip.weights()[0].range();
    let (lo, hi) = (lo.max(-128) as i32, hi.min(127) as i32);
    if chip.name() == "truenorth" {
        // The same values for every projection: a type stands for one weight of a neuron.
        let values = (0..targets * 4)
            .map(|at| [90, -60, 255, -256][at % 4] + (at / 4) as i32 % 3 - 2)
            .map(|v| v.clamp(-256, 255));
        return Synapses::Typed {
            types: (0..sources).map(|_| r.next(4) as u8).collect(),
            kinds: 4,
            values: values.collect(),
            bits: (0..sources * targets).map(|_| r.once_in(2)).collect(),
        };
    }
    match r.next(3) {
        0 if sources == targets => Synapses::Diagonal((0..sources).map(|_| r.between(lo, hi)).collect()),
        1 => Synapses::Sparse(
            (0..sources * 2)
                .map(|_| (r.next(sources) as u32, r.next(targets) as u32, r.between(lo / 4, hi / 4)))
                .collect(),
        ),
        _ => Synapses::Dense((0..sources * targets).map(|_| r.between(lo, hi)).collect()),
    }
}

/// A random network for `chip`, with feedback.
fn random(r: &mut Random, chip: &Chip) -> SpikingNetwork {
    let spiking = chip.spiking().expect("a spiking chip");
    let rate = r.once_in(2);
    let window = r.between(3, 12) as u32;
    let input = Input {
        name: "x".into(),
        size: r.between(1, 6) as usize,
        code: if rate {
            Code::Rate { window }
        } else {
            Code::Raster { spikes: r.between(1, 3) as u8, steps: window + r.between(0, 9) as u32 }
        },
    };
    let decays = spiking.potential_decay.is_some();
    let populations: Vec<Population> = (0..r.between(1, 4))
        .map(|number| {
            let size = r.between(1, 9) as usize;
            let mut neuron = Neuron::of(spiking);
            neuron.threshold = r.values(size, 1, 400);
            neuron.leak = r.values(size, -9, 9);
            if decays {
                neuron.keep = r.values(size, 3000, 4096);
                neuron.current_keep = (!r.once_in(3)).then(|| r.values(size, 0, 4095));
                neuron.refractory = r.values(size, 0, 2);
                neuron.refractory_collects = r.once_in(2);
            }
            if chip.name() == "truenorth" {
                neuron.floor = r.once_in(2).then(|| r.values(size, -90, 0));
                neuron.v_init = r.values(size, -30, 30);
                neuron.reset = [None, Some(Values::All(0)), Some(r.values(size, -20, 20))][r.next(3)].clone();
            }
            let start = r.once_in(3).then(|| r.between(0, 3) as u32);
            Population {
                name: format!("p{number}"),
                size,
                picture: (size == 8).then_some([2, 2, 2]),
                neuron,
                start,
                window: if rate { window } else { 0 },
            }
        })
        .collect();
    let mut network = SpikingNetwork {
        name: "random".into(),
        input,
        populations,
        projections: Vec::new(),
        outputs: Vec::new(),
        ticks: window + 9,
    };
    let count = network.populations.len();
    for to in 0..count {
        let froms = [Source::Input, Source::Population(r.next(count)), Source::Population(r.next(count))];
        let mut froms = froms[..r.between(1, 3) as usize].to_vec();
        froms.sort();
        froms.dedup();
        for from in froms {
            let delay = r.between(i32::from(from != Source::Input), 3) as u16;
            let synapses = synapses(r, chip, network.size(from), network.populations[to].size);
            network.projections.push(Projection { from, to, synapses, delay });
        }
    }
    for population in 0..count {
        let sends = network.projections.iter().any(|own| own.from == Source::Population(population));
        let reads: &[Read] = if !sends && r.once_in(2) {
            &[Read::Potentials, Read::PotentialRaster]
        } else {
            &[Read::Counts, Read::Raster]
        };
        network.outputs.extend(reads.iter().map(|read| Output { population, read: *read }));
    }
    network.align();
    network
}

#[test]
fn images_give_what_the_network_gives() {
    let (mut split_up, mut spikes) = (0, 0i64);
    for (chip, seeds) in [("loihi", 120), ("tianji", 60), ("tianji-subtract", 60), ("truenorth", 120)] {
        // Small cores, so that populations are cut, and room for delays.
        let chip = builtin(chip).expect("it is built in");
        let chip = chip
            .with(&[("spiking.axons", "24"), ("spiking.neurons", "4"), ("spiking.delay_max", "60")])
            .unwrap_or_else(|errors| panic!("{}", spandrel_hwdesc::render(&errors)));
        for seed in 0..seeds {
            let mut r = Random(seed);
            let network = random(&mut r, &chip);
            let what = format!("{} seed {seed}:\n{network}", chip.name());
            let checked = network.check(&chip).unwrap_or_else(|errors| panic!("{what}{}", text(errors)));
            let bytes = emit(&checked, "").unwrap_or_else(|errors| panic!("{what}{}", text(errors)));
            let made = program(&checked).expect("a program");
            assert!(check_image(&made.program, &bytes).unwrap_or_else(|e| panic!("{what}{}", text(e))) > 0);
            split_up += u32::from(made.cores.len() > network.populations.len());
            let most = match network.input.code {
                Code::Raster { spikes, .. } => i32::from(spikes),
                Code::Rate { window } => window as i32,
            };
            let samples: Vec<Vec<i32>> =
                (0..3).map(|_| (0..network.sample_length()).map(|_| r.between(0, most)).collect()).collect();
            let outputs = run(&bytes, &samples);
            for (sample, raw) in samples.iter().enumerate() {
                let trace = simulate(&network, &checked.starts(), raw);
                let wanted = expected(&network, &trace);
                assert_eq!(outputs.sample(sample), wanted, "sample {sample} of {what}");
                spikes += trace.iter().flatten().flatten().map(|(spikes, _)| *spikes as i64).sum::<i64>();
            }
        }
    }
    assert!(split_up > 100 && spikes > 20_000, "{split_up} networks on more cores, {spikes} spikes");
}

#[test]
fn pictures_are_cut_by_neighbourhood() {
    let chip = builtin("tianji").expect("it is built in");
    let mut neuron = Neuron::of(chip.spiking().expect("a spiking chip"));
    neuron.threshold = Values::All(20);
    let convolution = Convolution {
        from: [2, 16, 16],
        to: [8, 16, 16],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        groups: 1,
        weights: (0..8 * 2 * 9).map(|at| at * 37 % 41 - 20).collect(),
    };
    let network = SpikingNetwork {
        name: "convolution".into(),
        input: Input { name: "x".into(), size: 512, code: Code::Rate { window: 8 } },
        populations: vec![Population {
            name: "conv".into(),
            size: 2048,
            picture: Some([8, 16, 16]),
            neuron,
            start: None,
            window: 8,
        }],
        projections: vec![Projection {
            from: Source::Input,
            to: 0,
            synapses: Synapses::Convolution(convolution),
            delay: 0,
        }],
        outputs: vec![Output { population: 0, read: Read::Counts }],
        ticks: 8,
    };
    let checked = network.check(&chip).unwrap_or_else(|errors| panic!("{}", text(errors)));
    let cores = split(&checked).unwrap_or_else(|errors| panic!("{}", text(errors)));
    // 2048 neurons are 8 cores of 256 at best: two rows of 16 pixels, 8 channels each, see 4 rows of 2 channels.
    assert_eq!(cores.len(), 8);
    assert!(cores.iter().all(|core| core.axons.len() <= 4 * 16 * 2));
    let sample: Vec<i32> = (0..512).map(|at| at * 31 % 9).collect();
    let bytes = emit(&checked, "").unwrap_or_else(|errors| panic!("{}", text(errors)));
    let outputs = run(&bytes, std::slice::from_ref(&sample));
    assert_eq!(outputs.sample(0), expected(&network, &simulate(&network, &[0], &sample)));
}
