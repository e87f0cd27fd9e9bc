//! Columns of more word lines than are read at a time, and of every number around that: each kind of core reads what its weights and inputs
//! give, line by line.

use spandrel_core::{
    arith::Rounding,
    blob::{CHUNK_ROWS, Column},
    crossbar::{self, Readout},
    image::{Image, NO_BLOB, Tables},
    mac::{self, Bias},
    spiking::{self, spikes_of},
};
use spandrel_tests::images::{digital, mlp, prime, spiking as spiking_image, weights};

/// A weight for each line, none the same as that of its neighbours.
fn weight(row: usize) -> i32 {
    (row as i32 * 37 + 11) % 101 - 50
}

fn input(row: usize) -> i32 {
    (row as i32 * 29 + 5) % 64
}

/// Reads column 1 of `rows` lines with `read`; column 0 holds other weights.
fn second<R>(rows: usize, tables: &Tables<'_>, read: impl FnOnce(&Column<'_, &[u8]>) -> R) -> R {
    let own: Vec<i32> = (0..rows).map(weight).collect();
    let other = vec![63; rows];
    let packed = weights::dense(9, &[other, own]);
    let store: &[u8] = &packed.bytes;
    read(&Column::new(packed.blob, *tables, &store, 1))
}

const ROWS: [usize; 9] = [
    1,
    CHUNK_ROWS - 1,
    CHUNK_ROWS,
    CHUNK_ROWS + 1,
    CHUNK_ROWS + 7,
    2 * CHUNK_ROWS - 1,
    2 * CHUNK_ROWS,
    2 * CHUNK_ROWS + 1,
    5 * CHUNK_ROWS + 3,
];

#[test]
fn every_line_of_a_long_column_is_read_once() {
    let images = [digital::image().build(), spiking_image::image().build(), mlp::image().build()];
    let [digital, spikes, plain] = &images;
    let [digital, spikes, plain] =
        [digital, spikes, plain].map(|bytes| Image::parse(bytes).expect("a valid image"));
    let mac = (0..digital.config_count()).find_map(|number| match digital.config(number) {
        Some(spandrel_core::image::Config::Mac(mac)) => Some(mac),
        _ => None,
    });
    let core = (0..spikes.config_count()).find_map(|number| match spikes.config(number) {
        Some(spandrel_core::image::Config::Spiking(core)) if core.blob != NO_BLOB => Some(core),
        _ => None,
    });
    let (mac, core) = (mac.expect("a digital core"), core.expect("a spiking core"));
    for rows in ROWS {
        let code = |row: u32| input(row as usize);
        let sum: i64 = (0..rows).map(|row| i64::from(weight(row)) * i64::from(input(row))).sum();

        let own = mac::Mac { rows: rows as u32, input_zero: 0, bias: Bias::None, input_bits: 8, ..mac };
        let found = second(rows, digital.tables(), |column| {
            mac::read_column(&own, digital.tables(), column, 1, code).expect("weights")
        });
        assert_eq!(found, sum, "digital, {rows} rows");

        let own = spiking::Spiking { rows: rows as u32, weight_shift: 0, ..core };
        let spikes_in: i64 =
            (0..rows).map(|row| i64::from(weight(row)) * i64::from(spikes_of(&own, input(row) % 2))).sum();
        let found = second(rows, spikes.tables(), |column| {
            spiking::read_column(&own, column, |row| input(row as usize) % 2).expect("weights")
        });
        assert_eq!(i64::from(found), spikes_in, "spiking, {rows} rows");

        // An exact readout that nothing saturates; the last lines are bias rows.
        for bias_rows in [0, 1] {
            let mut own = prime(rows as u32 - bias_rows, bias_rows, 2, 0, 0);
            own.readout = Readout::Exact { adc_bits: 20 };
            own.bias_code = 21;
            let last = if bias_rows == 1 { weight(rows - 1) * (21 - input(rows - 1)) } else { 0 };
            let found = second(rows, plain.tables(), |column| {
                crossbar::read_column(&own, column, code).expect("weights")
            });
            assert_eq!(i64::from(found), sum + i64::from(last), "crossbar, {rows} rows");
            own.readout = Readout::Composed { shift: 0, rounding: Rounding::Floor };
            let clipped = second(rows, plain.tables(), |column| {
                crossbar::read_column(&own, column, code).expect("weights")
            });
            assert!(clipped.abs() <= 63, "{clipped}");
        }
    }
}
