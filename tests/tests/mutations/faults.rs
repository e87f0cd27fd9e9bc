//! The catalogue: what goes wrong, and on which network it shows.

use spandrel_core::{
    arith::Rounding,
    crossbar::{Activation, Crossbar, Readout},
    image::{Combine, Config, Instruction, ResetTarget},
    mac::{self, Mac, Overflow, Param, Requant},
    spiking::{Fire, Reset, Spiking},
};
use spandrel_tests::images::{ImageBuilder, conv, digital, mlp, recurrent, spiking};

/// A hand-assembled network.
pub struct Network {
    pub name: &'static str,
    pub image: ImageBuilder,
    pub samples: Vec<Vec<i32>>,
}

/// A fault.
pub struct Fault {
    pub name: &'static str,
    pub network: fn() -> Network,
    pub change: fn(&mut ImageBuilder),
}

fn conv() -> Network {
    Network { name: "conv", image: conv::image(), samples: vec![conv::SAMPLE.to_vec()] }
}

/// The convolution with codes below zero: where the least code is 0 a ReLU changes nothing.
fn signed() -> Network {
    let mut network = conv();
    crossbar(&mut network.image, 0).out_lo = -63;
    Network { name: "signed conv", ..network }
}

fn mlp() -> Network {
    Network { name: "mlp", image: mlp::image(), samples: mlp::SAMPLES.iter().map(|s| s.to_vec()).collect() }
}

fn recurrent() -> Network {
    let samples = recurrent::SAMPLES.iter().map(|s| s.to_vec()).collect();
    Network { name: "recurrent", image: recurrent::image(), samples }
}

fn digital() -> Network {
    let samples = digital::SAMPLES.iter().map(|s| s.to_vec()).collect();
    Network { name: "digital", image: digital::image(), samples }
}

fn spiking() -> Network {
    let samples = spiking::SAMPLES.iter().map(|s| s.to_vec()).collect();
    Network { name: "spiking", image: spiking::image(), samples }
}

pub fn networks() -> [fn() -> Network; 6] {
    [conv, signed, mlp, recurrent, digital, spiking]
}

fn crossbar(b: &mut ImageBuilder, number: usize) -> &mut Crossbar {
    match &mut b.configs[number] {
        Config::Crossbar(crossbar) => crossbar,
        other => panic!("no crossbar: {other:?}"),
    }
}

fn core(b: &mut ImageBuilder, number: usize) -> &mut Mac {
    match &mut b.configs[number] {
        Config::Mac(mac) => mac,
        other => panic!("no digital core: {other:?}"),
    }
}

fn neurons(b: &mut ImageBuilder, number: usize) -> &mut Spiking {
    match &mut b.configs[number] {
        Config::Spiking(spiking) => spiking,
        other => panic!("no spiking core: {other:?}"),
    }
}

/// The first instruction that `wanted` takes.
fn instruction(b: &mut ImageBuilder, wanted: impl Fn(&Instruction) -> bool) -> &mut Instruction {
    b.program.iter_mut().find(|instruction| wanted(instruction)).expect("there is one")
}

macro_rules! fault {
    ($name:literal, $network:ident, $change:expr) => {
        Fault { name: $name, network: $network, change: $change }
    };
}

/// Faults of arithmetic, program, weights and timing.
#[rustfmt::skip]
pub fn faults() -> Vec<Fault> {
    vec![
        fault!("shift of the readout off by one", conv, |b| {
            if let Readout::Composed { shift, .. } = &mut crossbar(b, 0).readout { *shift += 1; }
        }),
        fault!("floor for truncation", recurrent, |b| {
            if let Readout::Composed { rounding, .. } = &mut crossbar(b, 0).readout { *rounding = Rounding::Floor; }
        }),
        fault!("truncation for floor", conv, |b| {
            if let Readout::Composed { rounding, .. } = &mut crossbar(b, 0).readout { *rounding = Rounding::TowardZero; }
        }),
        fault!("nibbles of a weight swapped", recurrent, |b| b.blobs[0].bytes[0] = b.blobs[0].bytes[0].rotate_left(4)),
        fault!("one weight off by one", conv, |b| b.blobs[0].bytes[0] ^= 1),
        fault!("shift of the sum left out", mlp, |b| crossbar(b, 1).sum_shift = 0),
        fault!("bias rows driven with one less", mlp, |b| crossbar(b, 1).bias_code -= 1),
        fault!("activation left out", signed, |b| crossbar(b, 0).activation = Activation::None),
        fault!("greatest output one too low", conv, |b| crossbar(b, 0).out_hi -= 1),
        fault!("a partial sum dropped", mlp, |b| {
            let found = instruction(b, |i| matches!(i, Instruction::Invoke { accumulate: true, .. }));
            if let Instruction::Invoke { accumulate, .. } = found { *accumulate = false; }
        }),
        fault!("wrong padding", conv, |b| b.accesses[0].pad = 0),
        fault!("stride of a window one too short", conv, |b| b.accesses[0].terms[0].coefficient -= 1),
        fault!("window one column off", conv, |b| b.accesses[0].axes[1].origin += 1),
        fault!("a signal of the neighbour", mlp, |b| b.accesses[1].axes[0].origin -= 1),
        fault!("input scaled with another shift", mlp, |b| {
            if let spandrel_core::image::Mapping::Affine { shift } = &mut b.encoders[0].mapping { *shift += 1; }
        }),
        fault!("stale buffer: the tick left out", recurrent, |b| {
            *instruction(b, |i| matches!(i, Instruction::Tick)) = Instruction::Reset(ResetTarget::Sums);
        }),
        fault!("a delay lost", recurrent, |b| b.accesses[1].age = 0),
        fault!("a delay one tick late", spiking, |b| {
            let hidden = b.edges.iter().position(|edge| edge.slots == 2).expect("a ring") as u32;
            b.edges[hidden as usize].slots = 3;
            b.accesses.iter_mut().filter(|a| a.edge == hidden && a.age == 1).for_each(|a| a.age = 2);
        }),
        fault!("one step of a loop missing", recurrent, |b| {
            if let Instruction::Loop { trips, .. } = instruction(b, |i| matches!(i, Instruction::Loop { .. })) { *trips -= 1; }
        }),
        fault!("stale buffer: counts kept from the sample before", spiking, |b| {
            let counts = b.edges.len() as u32 - 1;
            let wanted = |i: &Instruction| matches!(i, Instruction::Reset(ResetTarget::Edge(edge)) if *edge == counts);
            *instruction(b, wanted) = Instruction::Reset(ResetTarget::Sums);
        }),
        fault!("spikes overwrite counts instead of adding", spiking, |b| {
            let wanted = |i: &Instruction| matches!(i, Instruction::Scatter { combine: Combine::Add, .. });
            if let Instruction::Scatter { combine, .. } = instruction(b, wanted) { *combine = Combine::Set; }
        }),
        fault!("dropped carry: the upper word of a bias", digital, |b| {
            let table = b.tables.iter_mut().find(|table| table.len() == 6).expect("biases of two words");
            table[0] = 0;
        }),
        fault!("zero point of the inputs forgotten", digital, |b| core(b, 0).input_zero = 0),
        fault!("zero point of the outputs one off", digital, |b| core(b, 0).output_zero += 1),
        fault!("multiplier rounded down", digital, |b| {
            if let Requant::Multiplier { rounding, .. } = &mut core(b, 0).requant { *rounding = mac::Rounding::Floor; }
        }),
        fault!("pooling left out", digital, |b| core(b, 0).pool = 1),
        fault!("signs of the inputs ignored", digital, |b| {
            core(b, 1).input_signed = false;
            core(b, 1).input_zero = 0;
        }),
        fault!("threshold exceeded where it should be met", spiking, |b| neurons(b, 0).fire = Fire::AboveThreshold),
        fault!("reset to zero where the threshold should be subtracted", spiking, |b| neurons(b, 0).reset = Reset::Zero),
        fault!("reset before the threshold: no neuron gets past it", spiking, |b| neurons(b, 0).threshold = Param::Core(i32::from(i16::MAX))),
        fault!("decay of a potential off by one", spiking, |b| neurons(b, 1).keep = Param::Core(4)),
        fault!("refractory time forgotten", spiking, |b| neurons(b, 1).refractory = Param::Core(0)),
        fault!("leak forgotten", spiking, |b| neurons(b, 0).leak = Param::Core(0)),
        fault!("window one tick too short", spiking, |b| neurons(b, 0).window -= 1),
    ]
}

/// Registers too narrow for what their core adds: everything agrees on the wrong answer, and only the proof objects.
pub fn narrow() -> Vec<Fault> {
    vec![
        fault!("an adder of 4 bits behind a converter of 6", mlp, |b| crossbar(b, 2).adder_bits = 4),
        fault!("a wrapping accumulator of 33 bits for sums of 34", digital, |b| {
            for number in [1, 2] {
                core(b, number).accumulator_bits = 33;
                core(b, number).overflow = Overflow::Wrap;
            }
        }),
    ]
}
