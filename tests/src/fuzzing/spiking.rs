//! Core = naive machine on a layer of spiking cores over several ticks.

use crate::{
    coverage::Coverage,
    generate::{Source, extreme, number, once_in, pick, spiking},
    images::{ImageBuilder, Pattern},
    naive::Naive,
    run,
};
use spandrel_core::{
    image::{Codec, Combine, Edge, Encoder, Image, Mapping, NO_TABLE, ResetTarget},
    spiking::Output,
};

/// A random layer of one or two spiking cores that feed themselves back: spikes of a raster and of the layer itself, `delay`
/// ticks ago, over a few ticks and two samples. What both machines show is the same, the state digest after every tick too.
///
/// # Panics
/// When they differ.
pub fn check_spiking(u: &mut Source<'_>, coverage: &mut Coverage) {
    let columns = number(u, 1, 6) as u32;
    let mut b = ImageBuilder::new("spiking layer");
    let core = spiking(u, &mut b, columns);
    // A second core over other axons: fan-in beyond one array, summed before the soma.
    let other = spiking(u, &mut b, columns);
    let second = (core.rows > 0 && other.rows > 0 && once_in(u, 2)).then_some(other);
    let (ticks, delay) = (number(u, 2, 9) as u32, number(u, 1, 3) as u16);
    let back = core.rows.min(columns);
    let fresh = core.rows - back + second.map_or(0, |core| core.rows);
    let length = (fresh * ticks).max(1);
    let dense = once_in(u, 2);
    let mut inputs: Vec<i32> = (0..length)
        .map(|_| match number(u, 0, if dense { 2 } else { 5 }) {
            0 => 1,
            1 if dense => extreme(u, i32::MIN.into(), i32::MAX.into()) as i32,
            _ => 0,
        })
        .collect();
    inputs.resize(length as usize, 0);
    let x = b.edge(Codec::I32, length);
    let codec =
        if core.output == Output::Potential { Codec::I32 } else { pick(u, &[Codec::Bit, Codec::I16]) };
    let y = b.edges.len() as u32;
    b.edges.push(Edge {
        length: columns,
        codec,
        clear_on_tick: once_in(u, 2),
        slots: delay + 1,
        reset: 0,
        ram_offset: 0,
    });
    let counts = b.edge(Codec::I32, columns);
    let params = b.table(&[1, 0, 0]);
    b.encoder(Encoder {
        raw: Codec::I32,
        mapping: Mapping::Affine { shift: 0 },
        signals: 1,
        length,
        edge: x,
        channels: 1,
        inner: 1,
        params,
        order: NO_TABLE,
        lo: i32::MIN,
        hi: i32::MAX,
    });
    let config = b.spiking(core);
    let second = second.map(|second| b.spiking(second));
    let fresh = fresh as i32;
    let keeps = once_in(u, 3);
    if !keeps {
        // Whatever was pending is dropped, and the window begins some ticks from now.
        b.reset(ResetTarget::Edge(y));
        let wait = if once_in(u, 2) { 0 } else { number(u, 0, 3) as i32 };
        b.reset(ResetTarget::State { first: 0, words: 1, value: -wait });
    }
    b.reset(ResetTarget::Edge(counts));
    b.repeat(0, ticks, |b| {
        let from =
            |first: i32, count: u32| Pattern::on(x).axis(length, 1, first).dim(0, count, 1).term(0, 0, fresh);
        let own = core.rows - back;
        if let Some(second) = second {
            b.gather(from(own as i32, other.rows), 0);
            b.invoke(second, false, false);
        }
        if own > 0 {
            b.gather(from(0, own), 0);
        }
        if back > 0 {
            b.gather(Pattern::run(y, columns, 0, back).age(delay), own);
        }
        b.invoke(config, second.is_some(), true);
        b.scatter(Combine::Set, Pattern::run(y, columns, 0, columns), 0);
        b.scatter(Combine::Add, Pattern::run(counts, columns, 0, columns), 0);
        b.tick();
    });
    b.emit(0, Pattern::run(counts, columns, 0, columns));

    let bytes = b.build();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {core:?}"));
    let samples: [&[i32]; 2] = [&inputs, &inputs];
    let seen = Naive::new(&b, coverage).run(&samples);
    let shown = if once_in(u, 2) {
        run::whole(&image, &samples)
    } else {
        run::sliced(&image, &samples, || 2 + number(u, 0, 99) as u64, || true)
    };
    coverage.hit_if(second.is_some(), "several spiking cores add");
    let wide = |values: &[(_, i32)]| values.iter().map(|(_, v)| i128::from(*v)).collect::<Vec<_>>();
    let outputs: Vec<_> = shown.outputs.iter().map(|(o, i, v)| (*o, *i, i128::from(*v))).collect();
    assert_eq!(wide(&shown.reads), seen.reads, "sums of {core:?}, inputs {inputs:?}");
    assert_eq!(wide(&shown.units), seen.units, "spikes of {core:?}, inputs {inputs:?}");
    assert_eq!(shown.ticks, seen.ticks, "digests after ticks of {core:?}, inputs {inputs:?}");
    assert_eq!(outputs, seen.outputs, "outputs of {core:?}, inputs {inputs:?}");
    assert_eq!(shown.digest, seen.digest, "digest of {core:?}, inputs {inputs:?}");
}
