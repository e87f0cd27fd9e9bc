//! C1 and C6 on spiking cores: synapses and somas of every neuron against the oracle, and registers that no spikes can take past
//! their ends.

use spandrel_core::{
    blob::Column,
    image::{Config, Image},
    mac::{Overflow, Param},
    spiking::{Cell, Limit, Spiking, read_column, soma},
};
use spandrel_oracle as oracle;

use super::{
    decode,
    oracle_terms::oracle_neuron,
    parallel::map,
    report::{Evidence, Failure},
    stimuli::{Chance, codes},
    wrap::Proof,
};
use crate::spiking::reach;

/// Synapses that the oracle may add up for the vectors of all cores, so that the time is bounded on large images.
const SYNAPSES: u64 = 1 << 25;
/// The least number of vectors of a core: all extremes and a few by chance.
const VECTORS_LEAST: u64 = 10;
/// Ticks through which a neuron is followed from each state.
const TICKS: i64 = 4;

/// A spiking core with its weights `[neuron][axon]`, decoded a second time.
#[derive(Clone, Debug)]
pub(super) struct SpikingCore {
    spiking: Spiking,
    weights: Vec<Vec<i32>>,
}

/// The cores of an image all of whose configurations are spiking ones. `None` for other images, `Err` with the first core that can not
/// be decoded.
pub(super) fn cores(image: &Image<'_>) -> Option<Result<Vec<SpikingCore>, u32>> {
    let configs: Vec<Spiking> = (0..image.config_count())
        .map(|number| match image.config(number) {
            Some(Config::Spiking(spiking)) => Some(spiking),
            _ => None,
        })
        .collect::<Option<_>>()?;
    if configs.is_empty() {
        return None;
    }
    let made = (0u32..).zip(configs).map(|(number, spiking)| {
        let weights = weights(image, &spiking).ok_or(number)?;
        Ok(SpikingCore { spiking, weights })
    });
    Some(made.collect())
}

/// The weights `[neuron][axon]` of a core; `None` where they do not reach.
pub(super) fn weights(image: &Image<'_>, spiking: &Spiking) -> Option<Vec<Vec<i32>>> {
    if spiking.rows == 0 {
        return Some(vec![Vec::new(); spiking.columns as usize]);
    }
    let weights = decode::weights(image, spiking.blob)?;
    let whole = weights.len() == spiking.columns as usize
        && weights.iter().all(|axons| axons.len() == spiking.rows as usize);
    whole.then_some(weights)
}

/// Neuron `neuron` of a core of `image` in the oracle's terms.
fn described(image: &Image<'_>, spiking: &Spiking, neuron: u32) -> oracle::Neuron {
    oracle_neuron(spiking, |param| match param {
        Param::Core(value) => i128::from(value),
        Param::Column { table } => {
            let entry = image.tables().get(table).and_then(|table| table.get(neuron as usize));
            i128::from(entry.unwrap_or(0))
        }
    })
}

/// What the core model adds up for neuron `unit`.
fn model_sum(image: &Image<'_>, spiking: &Spiking, inputs: &[i32], unit: u32) -> Option<i32> {
    let Some(blob) = image.blob(spiking.blob) else { return Some(0) };
    let store = image.weights();
    let column = Column::new(blob, *image.tables(), &store, unit);
    read_column(spiking, &column, |row| inputs.get(row as usize).copied().unwrap_or(0)).ok()
}

/// A state: at rest, near the threshold, at the ends of the registers, by chance, and words that no neuron leaves behind.
fn cell(vector: u64, spiking: &Spiking, neuron: &oracle::Neuron, chance: &mut Chance) -> Cell {
    let (least, most) = (spiking.least(), spiking.most());
    let threshold = i64::try_from(neuron.threshold).unwrap_or(most).min(most);
    let potential = match vector % 6 {
        0 => 0,
        1 => threshold.saturating_add(chance.within(-2, 1)),
        2 => [least, most][(chance.next() % 2) as usize],
        3 => chance.within(-2 * threshold.max(1), 2 * threshold.max(1)),
        4 => chance.within(least, most),
        _ => i64::from(chance.next() as i32),
    };
    let current =
        if vector.is_multiple_of(2) { chance.within(-4096, 4096) } else { chance.next() as i32 as i64 };
    let refractory = if vector % 3 == 2 { chance.within(-1, 3) } else { 0 };
    let word = |value: i64| value.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    Cell { potential: word(potential), current: word(current), refractory: word(refractory) }
}

/// The clock of a vector: before the window, at its first ticks, at its end, and anywhere.
fn clock(vector: u64, spiking: &Spiking, chance: &mut Chance) -> i32 {
    let end = if spiking.window == 0 { i32::MAX - 8 } else { spiking.window as i32 };
    match vector % 8 {
        0 => 0,
        1 => -2,
        2 => end.saturating_sub(2),
        3 => chance.next() as i32,
        _ => chance.within(0, i64::from(end)) as i32,
    }
}

/// Follows neuron `unit` for some ticks on both sides.
fn follow(
    (image, core, unit): (&Image<'_>, u32, u32),
    spiking: &Spiking,
    (mut clock, mut cell): (i32, Cell),
    sum: i32,
    neuron: &oracle::Neuron,
    (vector, evidence): (u64, &mut Evidence),
) {
    let soma_of = |cell: &Cell| oracle::Soma {
        v: cell.potential.into(),
        u: cell.current.into(),
        rest: cell.refractory.into(),
    };
    let mut wanted = soma_of(&cell);
    for tick in 0..TICKS {
        let ticked = soma(spiking, image.tables(), unit, clock, cell, sum);
        let (next, spikes) = oracle::tick(neuron, clock.into(), wanted, sum.into());
        (cell, wanted) = (ticked.cell, next);
        evidence.cases += 1;
        [cell.potential, ticked.spikes].iter().for_each(|word| evidence.transcript.number(i64::from(*word)));
        let found = soma_of(&cell);
        if found != wanted || i128::from(ticked.spikes) != spikes {
            let text = |soma: &oracle::Soma, spikes: i128| {
                format!(
                    "potential {}, current {}, {} ticks of rest, {spikes} spikes",
                    soma.v, soma.u, soma.rest
                )
            };
            let what = format!("the neuron after tick {tick} of vector {vector} (clock {clock}, sum {sum})");
            let failure = Failure::new(what, text(&wanted, spikes), text(&found, ticked.spikes.into()));
            evidence.fail(failure.at(image, core, Some(unit)));
            return;
        }
        clock = clock.saturating_add(1);
    }
}

/// Runs C1 on spiking cores: `cases` vectors for every core, fewer on large ones.
pub(super) fn check(image: &Image<'_>, cores: &[SpikingCore], cases: u64, seed: u64) -> Evidence {
    let round: u64 =
        cores.iter().map(|own| u64::from(own.spiking.rows.max(1)) * own.weights.len() as u64).sum();
    let vectors = cases.min((SYNAPSES / round.max(1)).max(VECTORS_LEAST));
    let parts = map(cores.len(), |number| {
        let (core, SpikingCore { spiking, weights }) = (number as u32, &cores[number]);
        let mut evidence = Evidence::default();
        let mut chance = Chance::new(seed, u64::from(core) + 1);
        let neurons: Vec<oracle::Neuron> =
            (0..spiking.columns).map(|unit| described(image, spiking, unit)).collect();
        for vector in 0..vectors {
            let mut inputs = codes(vector, spiking.rows as usize, spiking.spikes_in.into(), &mut chance);
            if vector % 8 == 7 {
                // Registers can hold more than an axon brings, and less than nothing.
                inputs.iter_mut().step_by(5).for_each(|input| *input = chance.next() as i32);
            }
            let spikes: Vec<i128> = inputs.iter().copied().map(i128::from).collect();
            for (unit, (neuron, axons)) in (0u32..).zip(neurons.iter().zip(weights)) {
                let axons: Vec<i128> = axons.iter().copied().map(i128::from).collect();
                let expected = oracle::synapses(neuron, &spikes, &axons);
                let found = model_sum(image, spiking, &inputs, unit);
                evidence.cases += 1;
                evidence.transcript.number(expected as i64);
                let Some(sum) = found.filter(|sum| i128::from(*sum) == expected) else {
                    let found = found.map_or("a weight store fault".to_owned(), |found| found.to_string());
                    let failure = Failure::new(format!("the sum for vector {vector}"), expected, found);
                    evidence.fail(failure.at(image, core, Some(unit)));
                    continue;
                };
                let from = (clock(vector, spiking, &mut chance), cell(vector, spiking, neuron, &mut chance));
                follow((image, core, unit), spiking, from, sum, neuron, (vector, &mut evidence));
            }
        }
        evidence
    });
    let mut evidence = Evidence::default();
    parts.into_iter().for_each(|part| evidence.join(part));
    let neurons: usize = cores.iter().map(|own| own.weights.len()).sum();
    evidence.text = format!(
        "{} spiking cores of {neurons} neurons in all: {vectors} vectors of extreme and random spikes a core (seed {seed}), each sum and {TICKS} ticks \
         of each neuron from states and clocks of every kind, against the oracle in wide integers; programs are followed by C2",
        cores.len(),
    );
    evidence
}

/// C6 on spiking cores: no current or potential that wraps can leave its register, whatever spikes arrive. Where the rule is
/// saturation, the text tells whether that can be reached.
pub(super) fn prove(image: &Image<'_>, cores: &[SpikingCore]) -> Proof {
    let mut proof = Proof::default();
    let (mut neurons, mut clipping) = (0usize, 0usize);
    for (core, (own, reach)) in (0u32..).zip(cores.iter().zip(reach(image))) {
        let Some(reach) = reach else {
            proof.evidence.fail(decode::refusal(image, core));
            continue;
        };
        neurons += reach.neurons;
        proof.evidence.cases += reach.neurons as u64;
        let wrapping = own.spiking.current.is_some_and(|current| current.overflow == Overflow::Wrap);
        let potentials = reach.above + reach.below;
        let bound = [
            ("current", wrapping, reach.currents),
            ("potential", own.spiking.limit == Limit::Wrap, potentials),
        ];
        for (what, wraps, count) in bound {
            proof.evidence.transcript.number(count as i64);
            if !wraps {
                clipping += count;
            } else if count > 0 {
                let what = format!("the range of a {what}");
                let found = format!("{count} of {} may leave it for some spikes", reach.neurons);
                proof.evidence.fail(Failure::new(what, "within its register", found).at(image, core, None));
            }
        }
    }
    proof.evidence.text = format!(
        "intervals of every current and potential of {neurons} neurons, tick by tick, over the weights of the image; \
         {clipping} ends of registers that saturate may be reached, no sum can leave 32 bits"
    );
    proof
}
