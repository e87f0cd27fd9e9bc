//! Spiking networks that do not fit are refused by name; bounds say which registers may be left.

use spandrel::diagnostic::Diagnostics;
use spandrel::spiking::{
    Code, Input, Neuron, Output, Population, Projection, Read, Source, SpikingNetwork, Synapses, Values,
    emit, reach, split,
};
use spandrel_core::image::Image;
use spandrel_core::spiking::Fire;
use spandrel_hwdesc::builtin;

fn text(errors: Diagnostics) -> String {
    errors.to_string()
}

/// Bounds are proofs: where a simulation leaves a register, they must have said that it may. And where all that may arrive does
/// arrive, a neuron that never fires leaves its register exactly when they say so.
#[test]
fn bounds_of_registers() {
    let image = |threshold: i32, weight: i32, leak: i32, ticks: u32, window: u32| {
        let chip = builtin("tianji").expect("it is built in");
        let chip =
            chip.with(&[("spiking.potential_bits", "12"), ("spiking.threshold_bits", "11")]).expect("a chip");
        let mut network = chain();
        let mut neuron = Neuron::of(chip.spiking().expect("a spiking chip"));
        (neuron.threshold, neuron.leak) = (Values::All(threshold), Values::All(leak));
        network.populations.truncate(1);
        network.projections.truncate(1);
        network.projections[0].synapses = Synapses::Dense(vec![weight; 12]);
        network.populations[0].neuron = neuron;
        network.populations[0].window = window;
        network.outputs[0].population = 0;
        network.ticks = ticks;
        network.input.code = Code::Raster { spikes: 1, steps: ticks };
        emit(&network.check(&chip).unwrap_or_else(|e| panic!("{}", text(e))), "").expect("an image")
    };
    let told = |bytes: &[u8]| {
        let found = reach(&Image::parse(bytes).expect("an image"))[0].expect("a spiking core");
        (found.above, found.below)
    };
    // 4 axons of -100, 12 bits: -2048 holds 5 ticks of -400, and not 6.
    assert_eq!(told(&image(2000, -100, 0, 9, 5)), (0, 0));
    assert_eq!(told(&image(2000, -100, 0, 9, 6)), (0, 3));
    // Without an end of the window nothing holds an inhibited neuron but its register.
    assert_eq!(told(&image(2000, -100, 0, 9, 0)), (0, 3));
    assert_eq!(told(&image(2000, 0, 0, 9, 0)), (0, 0));
    assert_eq!(told(&image(2000, 0, -1, 9, 0)), (0, 3));
    // Up there is the threshold: 2047 holds what 1647 and 400 make, and 1648 is one more than it takes.
    assert_eq!(told(&image(1648, 100, 0, 9, 0)), (0, 0));
    assert_eq!(told(&image(1649, 100, 0, 9, 0)), (3, 0));
}

/// A chain of two populations behind a raster, on `loihi`.
fn chain() -> SpikingNetwork {
    let chip = builtin("loihi").expect("it is built in");
    let neuron = Neuron::of(chip.spiking().expect("a spiking chip"));
    let population = |name: &str, size: usize| Population {
        name: name.into(),
        size,
        picture: None,
        neuron: neuron.clone(),
        start: None,
        window: 0,
    };
    let dense = |count: usize| Synapses::Dense(vec![3; count]);
    SpikingNetwork {
        name: "chain".into(),
        input: Input { name: "x".into(), size: 4, code: Code::Raster { spikes: 1, steps: 10 } },
        populations: vec![population("hidden", 3), population("out", 2)],
        projections: vec![
            Projection { from: Source::Input, to: 0, synapses: dense(12), delay: 1 },
            Projection { from: Source::Population(0), to: 1, synapses: dense(6), delay: 1 },
        ],
        outputs: vec![Output { population: 1, read: Read::Counts }],
        ticks: 10,
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    type Change = fn(&mut SpikingNetwork);
    let cases: Vec<(&str, &str, Change)> = vec![
        ("SP0321", "weights: 11, expected 12", |n| n.projections[0].synapses = Synapses::Dense(vec![3; 11])),
        ("SP0321", "2 values of leak", |n| n.populations[0].neuron.leak = Values::Each(vec![1, 2])),
        ("SP0321", "beyond the last", |n| n.projections[1].from = Source::Population(7)),
        ("SP0321", "a synapse from 9", |n| n.projections[0].synapses = Synapses::Sparse(vec![(9, 0, 1)])),
        ("SP0321", "0 ticks", |n| n.ticks = 0),
        ("SP0321", "a raster of 10 ticks in a sample of 9", |n| n.ticks = 9),
        ("SP0321", "nothing leaves", |n| n.outputs.clear()),
        ("SP0321", "no such population", |n| n.outputs[0].population = 2),
        ("SP0321", "potentials leave", |n| n.outputs[0] = Output { population: 0, read: Read::Potentials }),
        ("SP0321", "a picture", |n| n.populations[0].picture = Some([1, 2, 2])),
        ("SP0322", "threshold 131072", |n| n.populations[0].neuron.threshold = Values::All(1 << 17)),
        ("SP0322", "leak -524289", |n| n.populations[0].neuron.leak = Values::All(-524_289)),
        ("SP0322", "keep 0", |n| n.populations[1].neuron.keep = Values::All(0)),
        ("SP0322", "current_keep 4096", |n| n.populations[1].neuron.current_keep = Some(Values::All(4096))),
        ("SP0322", "refractory 64", |n| n.populations[0].neuron.refractory = Values::All(64)),
        ("SP0322", "v_init 1", |n| n.populations[0].neuron.v_init = Values::All(1)),
        ("SP0322", "reset by subtraction", |n| n.populations[0].neuron.reset = None),
        ("SP0322", "reset to a value", |n| n.populations[0].neuron.reset = Some(Values::All(5))),
        ("SP0322", "a floor", |n| n.populations[0].neuron.floor = Some(Values::All(0))),
        ("SP0322", "2 spikes a tick", |n| n.populations[0].neuron.spikes_out = 2),
        ("SP0322", "fire is not", |n| n.populations[0].neuron.fire = Fire::AtThreshold),
        ("SP0322", "weight_shift is not", |n| n.populations[0].neuron.weight_shift = 14),
        ("SP0322", "weights of -129..=0", |n| n.projections[1].synapses = Synapses::Dense(vec![-129; 6])),
        ("SP0323", "delay of 0", |n| n.projections[1].delay = 0),
        ("SP0323", "delay of 63", |n| n.projections[0].delay = 63),
        ("SP0323", "arrive 2 ticks before", |n| {
            let own =
                Projection { from: Source::Input, to: 1, synapses: Synapses::Dense(vec![1; 8]), delay: 0 };
            n.projections.push(own);
        }),
        ("SP0323", "goes on after", |n| n.input.code = Code::Rate { window: 8 }),
    ];
    let chip = builtin("loihi").expect("it is built in");
    chain().check(&chip).unwrap_or_else(|errors| panic!("{}", text(errors)));
    let mut wrong = Vec::new();
    for (code, part, change) in cases {
        let mut network = chain();
        change(&mut network);
        let errors = network.check(&chip).map(drop).map_or_else(text, |()| "accepted".to_owned());
        if !errors.contains(code) || !errors.contains(part) {
            wrong.push(format!("{code} {part}: {errors}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let errors =
        text(chain().check(&builtin("prime").expect("it is built in")).map(drop).expect_err("a crossbar"));
    assert!(errors.contains("SP0401"), "{errors}");
    // More synapses than axons, more cores than the chip has.
    let narrow = chip.with(&[("spiking.axons", "3")]).expect("a chip");
    let network = chain();
    let errors =
        text(split(&network.check(&narrow).expect("a network")).map(drop).expect_err("four synapses"));
    assert!(errors.contains("SP0324") && errors.contains("4 synapses"), "{errors}");
    let small = chip
        .with(&[
            ("spiking.neurons", "1"),
            ("fabric.cores", "4"),
            ("fabric.mesh_width", "2"),
            ("fabric.mesh_height", "2"),
        ])
        .expect("a chip");
    let errors = text(split(&network.check(&small).expect("a network")).map(drop).expect_err("five cores"));
    assert!(errors.contains("SP0305") && errors.contains("5 cores"), "{errors}");
}
