//! One invocation of a digital core for a block: exact sums as a product, then the core's own scalar rules on every lane.

use super::{
    cells::Cells,
    drive::{Lines, Scratch},
    memory::Registers,
    product::vectorised,
};
use spandrel_core::{
    arith::saturate_i32,
    image::Tables,
    mac::{self, Mac, Overflow, Param, Requant, input_floor, input_limit},
};

/// A digital core's configuration.
#[derive(Debug)]
pub(super) struct Digital {
    pub(super) mac: Mac,
}

/// The entry of column `column`, as a parameter of the whole core.
fn own<T>(param: Param<T>, tables: &Tables<'_>, column: u32, value: impl Fn(i32) -> T) -> Param<T> {
    match param {
        Param::Core(_) => param,
        Param::Column { table } => {
            let entry = tables.get(table).and_then(|table| table.get(column as usize));
            // The image's parser has shown that there is one.
            Param::Core(value(entry.unwrap_or(0)))
        }
    }
}

impl Digital {
    fn lines(&self) -> Lines {
        Lines {
            rows: self.mac.rows as usize,
            range: (input_floor(&self.mac), input_limit(&self.mac)),
            zero: self.mac.input_zero,
            bias_rows: 0,
            bias_code: 0,
            passes: 1,
            dac_bits: self.mac.input_bits,
        }
    }

    /// Bytes of scratch that a lane takes.
    pub(super) fn lane_bytes(&self) -> u64 {
        8 * (u64::from(self.mac.rows) + u64::from(self.mac.columns)) + 32
    }

    /// The configuration of column `column`: what tables hold for each column is put in.
    fn of_column(&self, tables: &Tables<'_>, column: u32) -> Mac {
        let requant = match self.mac.requant {
            Requant::None => Requant::None,
            Requant::Shift { shift, rounding } => {
                Requant::Shift { shift: own(shift, tables, column, |shift| shift as u8), rounding }
            }
            Requant::Multiplier { bits, multiplier, shift, rounding } => Requant::Multiplier {
                bits,
                multiplier: own(multiplier, tables, column, |multiplier| multiplier),
                shift: own(shift, tables, column, |shift| shift as u8),
                rounding,
            },
        };
        Mac { requant, ..self.mac }
    }

    /// Runs the configuration on input and sum registers; `each` sees every column's read and, when it is finished, output.
    pub(super) fn invoke(
        &self,
        (cells, tables): (Option<&Cells>, &Tables<'_>),
        registers: &mut Registers,
        scratch: &mut Scratch,
        (accumulate, finish): (bool, bool),
        mut each: impl FnMut(u32, &[i32], Option<&[i32]>),
    ) {
        let width = registers.width;
        let Scratch { bench, read, value, wide, .. } = scratch;
        let product = cells.map(|cells| bench.read_lines(cells, self.lines(), registers));
        read.resize(width, 0);
        value.resize(width, 0);
        wide.resize(width, 0);
        for column in 0..self.mac.columns {
            let at = column as usize * width;
            match product {
                None => wide.fill(0),
                Some(product) => product.part(at, width).wide(wide),
            }
            let bias = mac::bias(&self.mac, tables, column);
            vectorised(|()| self.biased(bias, wide, read), ());
            vectorised(|()| self.add(registers, column as usize, wide, accumulate), ());
            if finish {
                let mac = self.of_column(tables, column);
                vectorised(
                    |()| {
                        for (value, sum) in value.iter_mut().zip(wide.iter()) {
                            *value = mac::finish(&mac, tables, column, *sum);
                        }
                    },
                    (),
                );
                registers.pool(column as usize, self.mac.pool, value);
                each(column, read, Some(value));
            } else {
                each(column, read, None);
            }
        }
    }

    /// Adds the bias to the sums `wide`, and shows them in 32 bits.
    #[inline(always)]
    fn biased(&self, bias: i64, wide: &mut [i64], read: &mut [i32]) {
        for (read, wide) in read.iter_mut().zip(wide.iter_mut()) {
            *wide = match self.mac.overflow {
                Overflow::Saturate => wide.saturating_add(bias),
                Overflow::Wrap => wide.wrapping_add(bias),
            };
            *read = saturate_i32(*wide);
        }
    }

    /// Adds `wide` to the sum of `column`, or puts it there; `wide` is then the sum.
    #[inline(always)]
    fn add(&self, registers: &mut Registers, column: usize, wide: &mut [i64], accumulate: bool) {
        let width = wide.len();
        let (low, high) = registers.sums.split_at_mut(self.mac.columns as usize * width);
        let low = &mut low[column * width..][..width];
        if self.mac.wide() {
            let high = &mut high[column * width..][..width];
            for ((sum, low), high) in wide.iter_mut().zip(low).zip(high) {
                let before = if accumulate { i64::from(*high) << 32 | i64::from(*low as u32) } else { 0 };
                *sum = self.mac.add(before, *sum);
                (*low, *high) = (*sum as i32, (*sum >> 32) as i32);
            }
        } else {
            for (sum, low) in wide.iter_mut().zip(low) {
                *sum = self.mac.add(if accumulate { i64::from(*low) } else { 0 }, *sum);
                *low = *sum as i32;
            }
        }
    }
}
