//! Random layers: several arrays, or several digital cores, whose parts add up in one accumulator.

use super::{Source, array, array::periphery, codes, extreme, mac, number, once_in};
use crate::images::{ImageBuilder, Pattern};
use spandrel_core::{
    crossbar::Crossbar,
    image::{Codec, Combine},
    mac::{Mac, input_floor, input_limit},
};

/// A layer with a sample for it.
#[derive(Clone, Debug)]
pub struct Layer<Core> {
    /// The image.
    pub image: ImageBuilder,
    /// The cores in the order in which they are invoked; the last one finishes and pools.
    pub cores: Vec<Core>,
    /// The sample.
    pub inputs: Vec<i32>,
}

/// A layer of digital cores.
pub type MacLayer = Layer<Mac>;

/// Edges for `inputs` values and `outputs` codes, the first filled by an encoder that changes nothing.
fn ends(b: &mut ImageBuilder, inputs: u32, outputs: u32) -> (u32, u32) {
    let (x, y) = (b.edge(Codec::I32, inputs), b.edge(Codec::I32, outputs));
    b.plain_input(x, inputs);
    (x, y)
}

/// A layer split over one to four arrays.
pub fn layer(u: &mut Source<'_>) -> Layer<Crossbar> {
    let columns = number(u, 1, 8) as u32;
    let parts = number(u, 1, 4);
    let mut b = ImageBuilder::new("one layer");
    let (mut inputs, mut cores) = (Vec::new(), Vec::new());
    for _ in 0..parts {
        let mut array = array(u, columns);
        periphery(u, &mut array.crossbar, &mut b.tables);
        array.crossbar.blob = b.blob(array.packed);
        inputs.extend(codes(u, &array.crossbar));
        cores.push(array.crossbar);
    }
    let outputs = columns / u32::from(cores[cores.len() - 1].pool);
    let length = inputs.len() as u32;
    let (x, y) = ends(&mut b, length, outputs);
    let mut first = 0u32;
    for (part, crossbar) in cores.iter().enumerate() {
        let config = b.crossbar(*crossbar);
        b.gather(Pattern::run(x, length, first as i32, crossbar.rows), 0);
        b.invoke(config, part > 0, part + 1 == cores.len());
        first += crossbar.rows;
    }
    b.scatter(Combine::Set, Pattern::run(y, outputs, 0, outputs), 0);
    b.emit(0, Pattern::run(y, outputs, 0, outputs));
    Layer { image: b, cores, inputs }
}

/// A layer of one to three digital cores; `None` where cores without rows would share an accumulator of more than 32 bits, which
/// only arrays fill.
pub fn mac_layer(u: &mut Source<'_>) -> Option<MacLayer> {
    let columns = number(u, 1, 6) as u32;
    let mut b = ImageBuilder::new("digital layer");
    let first = mac(u, &mut b, columns);
    let mut cores = vec![first];
    for _ in 0..number(u, 0, 2) {
        // The same core over other rows: the accumulator is shared.
        let other = mac(u, &mut b, columns);
        if other.rows > 0 {
            cores.push(Mac { rows: other.rows, blob: other.blob, bias: other.bias, ..first });
        }
    }
    let wide = first.accumulator_bits > 32;
    if wide && cores.iter().any(|core| core.rows == 0) {
        return None;
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
    let all = inputs.len() as u32;
    let outputs = columns / u32::from(first.pool);
    let (x, y) = ends(&mut b, all, outputs);
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
    Some(Layer { image: b, cores, inputs })
}
