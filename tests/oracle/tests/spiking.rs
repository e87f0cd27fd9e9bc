//! Worked examples of the spiking oracle.

use spandrel_oracle::{
    Decay, Ends, Neuron, Register, Soma, SpikeReset, check_neuron, rate_code, synapses, tick,
};

/// V += W x + L, at the threshold, to zero.
fn tianji() -> Neuron {
    Neuron {
        spikes_in: 1,
        weight_unit: 1,
        current: None,
        decay: Decay { keep: 1, of: 1 },
        leak: 0,
        floor: None,
        potential: Register { bits: 24, ends: Ends::Clip },
        threshold: 100,
        above: false,
        reset: SpikeReset::To(0),
        spikes_out: 1,
        refractory: 0,
        refractory_collects: false,
        v_init: 0,
        window: None,
    }
}

#[test]
fn registers_and_decays() {
    let hold = |ends, value| Register { bits: 8, ends }.hold(value);
    assert_eq!([127, 128, -128, -129].map(|v| hold(Ends::Wrap, v)), [127, -128, -128, 127]);
    assert_eq!([127, 128, -128, -129].map(|v| hold(Ends::Clip, v)), [127, 127, -128, -128]);
    assert_eq!([127, 128, -128, -129].map(|v| hold(Ends::ClipEvenly, v)), [127, 127, -127, -127]);
    let decay = Decay { keep: 3686, of: 4096 };
    assert_eq!([1000, -1000, 1, -1].map(|v| decay.of(v)), [899, -899, 0, 0]);
}

#[test]
fn sums() {
    let neuron = Neuron { spikes_in: 3, weight_unit: 64, ..tianji() };
    assert_eq!(synapses(&neuron, &[-1, 0, 2, 9], &[100, 100, 5, -7]), 64 * (10 - 21));
}

#[test]
fn ticks() {
    let run = |neuron: &Neuron, v, sum| {
        let (soma, spikes) = tick(neuron, 1, Soma { v, u: 0, rest: 0 }, sum);
        (soma.v, spikes)
    };
    let t = tianji();
    assert_eq!(run(&t, 60, 39), (99, 0));
    assert_eq!(run(&t, 60, 40), (0, 1));
    assert_eq!(run(&Neuron { above: true, ..t.clone() }, 60, 40), (100, 0));
    assert_eq!(run(&Neuron { reset: SpikeReset::By, ..t.clone() }, 60, 290), (250, 1));
    assert_eq!(run(&Neuron { reset: SpikeReset::By, spikes_out: 9, ..t.clone() }, 60, 290), (50, 3));
    assert_eq!(run(&Neuron { floor: Some(-5), ..t.clone() }, 0, -9), (-5, 0));
    assert_eq!(run(&Neuron { leak: -2, ..t.clone() }, 60, 41), (99, 0));
    let window = Neuron { window: Some(2), v_init: 99, ..t.clone() };
    let at = |clock| tick(&window, clock, Soma { v: 5, u: 0, rest: 0 }, 1);
    assert_eq!([-1, 0, 1, 2].map(|clock| at(clock).0.v), [5, 0, 6, 5]);
    assert_eq!([-1, 0, 1, 2].map(|clock| at(clock).1), [0, 1, 0, 0]);
}

#[test]
fn a_neuron_rests() {
    let neuron = Neuron { refractory: 2, ..tianji() };
    let mut soma = Soma::default();
    let mut spikes = Vec::new();
    for _ in 0..7 {
        let (next, sent) = tick(&neuron, 1, soma, 120);
        soma = next;
        spikes.push(sent);
    }
    assert_eq!(spikes, [1, 0, 0, 1, 0, 0, 1]);
}

#[test]
fn rates() {
    let spikes = |code| (0..8).filter(|t| rate_code(code, *t, 8)).collect::<Vec<_>>();
    assert_eq!(spikes(3), [2, 5, 7]);
    assert_eq!(spikes(0), []);
    assert_eq!(spikes(8).len(), 8);
}

#[test]
fn wrong_parameters_are_named() {
    let wrong = Neuron { threshold: 0, spikes_out: 2, decay: Decay { keep: 9, of: 4 }, ..tianji() };
    let error = check_neuron(&wrong).unwrap_err().to_string();
    assert!(error.contains("threshold is 0") && error.contains("what a decay leaves is 9"), "{error}");
}
