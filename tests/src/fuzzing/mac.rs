//! Core = naive machine on a layer of digital cores.

use crate::{
    coverage::Coverage,
    generate::{Source, extreme, mac, number, once_in},
    images::{ImageBuilder, Pattern},
    naive::Naive,
    run,
};
use spandrel_core::{
    image::{Codec, Combine, Encoder, Image, Mapping, NO_TABLE},
    mac::{input_floor, input_limit},
};

/// A random layer of one to three digital cores that add in one accumulator; the last one finishes and pools. What both
/// machines show is the same.
///
/// # Panics
/// When they differ.
pub fn check_mac(u: &mut Source<'_>, coverage: &mut Coverage) {
    let columns = number(u, 1, 6) as u32;
    let mut b = ImageBuilder::new("digital layer");
    let first = mac(u, &mut b, columns);
    let mut cores = vec![first];
    for _ in 0..number(u, 0, 2) {
        // The same core over other rows: the accumulator is shared.
        let other = mac(u, &mut b, columns);
        if other.rows > 0 {
            cores.push(spandrel_core::mac::Mac {
                rows: other.rows,
                blob: other.blob,
                bias: other.bias,
                ..first
            });
        }
    }
    let wide = first.accumulator_bits > 32;
    if wide && cores.iter().any(|core| core.rows == 0) {
        return;
    }
    let mut inputs = Vec::new();
    for core in &cores {
        let mode = number(u, 0, 3);
        let (lo, hi) = (i64::from(input_floor(core)), i64::from(input_limit(core)));
        inputs.extend((0..core.rows).map(|_| match mode {
            0 => hi as i32,
            1 if once_in(u, 4) => extreme(u, i32::MIN.into(), i32::MAX.into()) as i32,
            _ => extreme(u, lo, hi) as i32,
        }));
    }
    // Without rows the sums are what ADD brings, a value a column.
    let given: Vec<i32> = (0..columns).map(|_| extreme(u, -40_000, 40_000) as i32).collect();
    let length = inputs.len() as u32;
    inputs.extend(given);
    let outputs = columns / u32::from(first.pool);
    let x = b.edge(Codec::I32, inputs.len() as u32);
    let y = b.edge(Codec::I32, outputs);
    let params = b.table(&[1, 0, 0]);
    b.encoder(Encoder {
        raw: Codec::I32,
        mapping: Mapping::Affine { shift: 0 },
        signals: 1,
        length: inputs.len() as u32,
        edge: x,
        channels: 1,
        inner: 1,
        params,
        order: NO_TABLE,
        lo: i32::MIN,
        hi: i32::MAX,
    });
    let all = inputs.len() as u32;
    let adds = !wide && (first.rows == 0 || once_in(u, 3));
    if adds {
        b.add(Combine::Set, Pattern::run(x, all, length as i32, columns), 0);
    }
    let mut at = 0;
    for (number, core) in cores.iter().enumerate() {
        let config = b.mac(*core);
        if core.rows > 0 {
            b.gather(Pattern::run(x, all, at, core.rows), 0);
        }
        b.invoke(config, adds || number > 0, number + 1 == cores.len());
        at += core.rows as i32;
    }
    b.scatter(Combine::Set, Pattern::run(y, outputs, 0, outputs), 0);
    b.emit(0, Pattern::run(y, outputs, 0, outputs));

    let bytes = b.build();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {cores:?}"));
    let seen = Naive::new(&b, coverage).run(&[&inputs]);
    let shown = if once_in(u, 2) {
        run::whole(&image, &[&inputs])
    } else {
        run::sliced(&image, &[&inputs], || 2 + number(u, 0, 99) as u64, || true)
    };
    coverage.hit_if(cores.len() > 1, "several digital cores add");
    let wide = |values: &[(_, i32)]| values.iter().map(|(_, v)| i128::from(*v)).collect::<Vec<_>>();
    let outputs: Vec<_> = shown.outputs.iter().map(|(o, i, v)| (*o, *i, i128::from(*v))).collect();
    assert_eq!(wide(&shown.reads), seen.reads, "reads of {cores:?}, inputs {inputs:?}");
    assert_eq!(
        wide(&shown.units),
        seen.units,
        "codes of {cores:?}, inputs {inputs:?}, reads {:?}",
        seen.reads
    );
    assert_eq!(outputs, seen.outputs, "outputs of {cores:?}, inputs {inputs:?}");
    assert_eq!(shown.digest, seen.digest, "digest of {cores:?}, inputs {inputs:?}");
}
