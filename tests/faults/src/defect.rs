//! What a core with a fault computes, a second time: cell by cell and bit by bit, in wide integers, from the table of classes in
//! `spandrel::faults` alone. The compiler's fault simulator shares no arithmetic with it.

use spandrel::faults::{Defect, Fault};
use spandrel_core::{
    arith::Rounding,
    crossbar::{Crossbar, Polarity, Readout},
    image::{Blob, Config, Encoding},
    mac::{self, Mac, Param, Requant},
    spiking::Spiking,
};
use spandrel_oracle::{self as oracle, shift_right};
use spandrel_tests::{
    images::ImageBuilder,
    naive::{Defects, oracle_mac, oracle_neuron},
};

fn pow2(n: u32) -> i128 {
    2i128.pow(n)
}

/// Bit `bit` of `bytes`, the lowest of the first byte first.
fn bit_of(bytes: &[u8], bit: u64) -> bool {
    bytes[(bit / 8) as usize] >> (bit % 8) & 1 == 1
}

/// Where bit `number` of the field of `row` lies in a column.
fn place(blob: &Blob, row: u32, number: u8) -> u64 {
    if blob.encoding == Encoding::SignMagnitude && number == blob.bits {
        let magnitudes = (u64::from(blob.rows) * u64::from(blob.bits)).div_ceil(8);
        return magnitudes * 8 + u64::from(row);
    }
    u64::from(row) * u64::from(blob.bits) + u64::from(number)
}

/// The weights that `bytes` of a column stand for.
pub(crate) fn decoded(blob: &Blob, tables: &[Vec<i32>], column: usize, bytes: &[u8]) -> Vec<i128> {
    let row = |row: u32| {
        let field: i128 = (0..blob.bits)
            .filter(|bit| bit_of(bytes, place(blob, row, *bit)))
            .map(|bit| pow2(bit.into()))
            .sum();
        match blob.encoding {
            Encoding::Dense => oracle::wrap(field, blob.bits.into()),
            Encoding::SignMagnitude => {
                if bit_of(bytes, place(blob, row, blob.bits)) {
                    -field
                } else {
                    field
                }
            }
            Encoding::Codebook => {
                let book = if blob.flags == 1 { column << blob.bits } else { 0 };
                tables[blob.values as usize][book + field as usize].into()
            }
            Encoding::AxonTyped if field == 0 => 0,
            Encoding::AxonTyped => {
                let kind = tables[blob.types as usize][row as usize] as usize;
                tables[blob.values as usize][column * blob.type_count as usize + kind].into()
            }
            Encoding::SparseBlocks => panic!("sparse blocks have no stored bits of a row"),
        }
    };
    (0..blob.rows).map(row).collect()
}

/// One fault of a chip that holds `image`.
pub struct Broken<'b> {
    image: &'b ImageBuilder,
    fault: Fault,
    met: bool,
    late: i128,
}

impl<'b> Broken<'b> {
    /// A chip with `image` and `fault`, in its reset state.
    #[must_use]
    pub const fn new(image: &'b ImageBuilder, fault: Fault) -> Self {
        Self { image, fault, met: false, late: 0 }
    }

    /// Whether the column reads something else than it should, perhaps.
    fn concerned(&self, core: u32, unit: usize) -> bool {
        self.fault.config == core && self.fault.column().is_none_or(|column| column as usize == unit)
    }

    /// The weights of a column, with the fault of its memory if it is there.
    fn weights(&self, core: u32, unit: usize, blob: u32) -> Vec<i128> {
        let packed = &self.image.blobs[blob as usize];
        if packed.blob.encoding == Encoding::SparseBlocks {
            return packed.matrix[unit].iter().map(|weight| i128::from(*weight)).collect();
        }
        let stride = packed.blob.stride() as usize;
        let mut bytes = packed.bytes[unit * stride..][..stride].to_vec();
        let crossbar = matches!(self.image.configs[core as usize], Config::Crossbar(_));
        let change = match self.fault.defect {
            Defect::Bit { bit, .. } => Some((bit, !bit_of(&bytes, bit))),
            Defect::Cell { row, slice, high, .. } if !crossbar => {
                Some((place(&packed.blob, row, slice), high))
            }
            _ => None,
        };
        if let (Some((bit, set)), true) = (change, self.concerned(core, unit)) {
            let mask = 1u8 << (bit % 8);
            let byte = &mut bytes[(bit / 8) as usize];
            *byte = if set { *byte | mask } else { *byte & !mask };
        }
        decoded(&packed.blob, &self.image.tables, unit, &bytes)
    }

    fn dead(&self, core: u32, line: usize) -> bool {
        matches!(self.fault.defect, Defect::Axon { row } if row as usize == line) && self.fault.config == core
    }

    fn crossbar(&self, core: u32, unit: usize, own: &Crossbar, inputs: &[i128]) -> i128 {
        let base = pow2(own.cell_bits.into());
        let bits = u32::from(own.cell_bits) * u32::from(own.slices);
        let offset = if own.polarity == Polarity::Offset { pow2(bits - 1) } else { 0 };
        let (floor, top) = match own.polarity {
            Polarity::Offset => (-offset, offset - 1),
            Polarity::Differential => (1 - pow2(bits), pow2(bits) - 1),
        };
        let mut sent: Vec<i128> =
            inputs.iter().map(|x| (*x).clamp(0, pow2(own.input_bits.into()) - 1)).collect();
        sent.extend(vec![i128::from(own.bias_code); own.bias_rows as usize]);
        // Two arrays of cells, [row][slice]; an array of offset weights has no negative one.
        let (mut plus, mut minus) = (Vec::new(), Vec::new());
        for weight in self.weights(core, unit, own.blob) {
            let weight = weight.clamp(floor, top);
            let stored = if own.polarity == Polarity::Offset { weight + offset } else { weight };
            let cells = |held: i128| -> Vec<i128> {
                (0..u32::from(own.slices)).map(|slice| held / base.pow(slice) % base).collect()
            };
            plus.push(cells(stored.max(0)));
            minus.push(cells((-stored).max(0)));
        }
        if let (Defect::Cell { row, slice, negative, high, .. }, true) =
            (self.fault.defect, self.concerned(core, unit))
        {
            let array = if negative { &mut minus } else { &mut plus };
            array[row as usize][usize::from(slice)] = if high { base - 1 } else { 0 };
        }
        let dac = pow2(own.dac_bits.into());
        let mut read = 0;
        for pass in 0..u32::from(own.passes()) {
            for slice in 0..usize::from(own.slices) {
                let mut partial = 0;
                for (line, code) in sent.iter().enumerate() {
                    let driven = if self.dead(core, line) { 0 } else { code / dac.pow(pass) % dac };
                    partial += driven * (plus[line][slice] - minus[line][slice]);
                }
                let weight = pass * u32::from(own.dac_bits) + slice as u32 * u32::from(own.cell_bits);
                read += match own.readout {
                    Readout::Composed { shift, rounding } => {
                        let rounding = match rounding {
                            Rounding::Floor => oracle::Rounding::Floor,
                            Rounding::TowardZero => oracle::Rounding::TowardZero,
                        };
                        let top = pow2(own.output_bits.into()) - 1;
                        shift_right(partial * pow2(weight), shift.into(), rounding).clamp(-top, top)
                    }
                    Readout::Exact { adc_bits } => {
                        let top = pow2(adc_bits.into()) - 1;
                        partial.clamp(-top, top) * pow2(weight)
                    }
                };
            }
        }
        match own.readout {
            Readout::Composed { .. } => {
                let top = pow2(own.output_bits.into()) - 1;
                read.clamp(-top, top)
            }
            Readout::Exact { .. } => read - offset * sent.iter().sum::<i128>(),
        }
    }

    fn mac(&self, core: u32, unit: usize, own: &Mac, inputs: &[i128]) -> i128 {
        let model = oracle_mac(own, &self.image.tables, unit);
        oracle::mac_sum(&model, &self.arrived(core, inputs), &self.weights(core, unit, own.blob))
    }

    fn spiking(&self, core: u32, unit: usize, own: &Spiking, inputs: &[i128]) -> i128 {
        let model = oracle_neuron(own, &self.image.tables, unit);
        let sum = oracle::synapses(&model, &self.arrived(core, inputs), &self.weights(core, unit, own.blob));
        oracle::wrap(sum, 32)
    }

    fn arrived(&self, core: u32, inputs: &[i128]) -> Vec<i128> {
        let line = |(line, code): (usize, &i128)| if self.dead(core, line) { 0 } else { *code };
        inputs.iter().enumerate().map(line).collect()
    }
}

/// The largest read.
fn largest(config: &Config) -> i128 {
    match config {
        Config::Crossbar(own) => match own.readout {
            Readout::Composed { .. } => pow2(own.output_bits.into()) - 1,
            Readout::Exact { adc_bits } => {
                let mut sum = 0;
                for pass in 0..u32::from(own.passes()) {
                    for slice in 0..u32::from(own.slices) {
                        sum += (pow2(adc_bits.into()) - 1)
                            * pow2(pass * u32::from(own.dac_bits) + slice * u32::from(own.cell_bits));
                    }
                }
                sum.min(i32::MAX.into())
            }
        },
        Config::Mac(own) => pow2(u32::from(own.accumulator_bits) - 1) - 1,
        _ => panic!("a neuron's read is not its output"),
    }
}

impl Defects for Broken<'_> {
    fn configured(&self, core: u32, unit: usize, config: Config) -> Config {
        let Defect::Range { bit, high, .. } = self.fault.defect else { return config };
        if !self.concerned(core, unit) {
            return config;
        }
        let read = |written: u8, most: u8| {
            let has = written / 2u8.pow(bit.into()) % 2 == 1;
            let read = match (has, high) {
                (false, true) => written + 2u8.pow(bit.into()),
                (true, false) => written - 2u8.pow(bit.into()),
                _ => written,
            };
            read.min(most)
        };
        let column = |shift: Param<u8>, most: u8| match shift {
            Param::Core(shift) => Param::Core(read(shift, most)),
            Param::Column { table } => Param::Core(read(self.image.tables[table as usize][unit] as u8, most)),
        };
        let mut config = config;
        match &mut config {
            Config::Crossbar(own) => {
                if let Readout::Composed { shift, .. } = &mut own.readout {
                    *shift = read(*shift, 40);
                }
            }
            Config::Mac(own) => match &mut own.requant {
                Requant::None => {}
                Requant::Shift { shift, .. } => *shift = column(*shift, 63),
                Requant::Multiplier { shift, rounding, .. } => {
                    *shift = column(*shift, if *rounding == mac::Rounding::Gemmlowp { 62 } else { 63 });
                }
            },
            Config::Spiking(own) => own.weight_shift = read(own.weight_shift, 16),
            _ => panic!("a kind of core without a model"),
        }
        config
    }

    fn read(&self, core: u32, unit: usize, config: &Config, inputs: &[i128]) -> Option<i128> {
        if !self.concerned(core, unit) {
            return None;
        }
        if let (Defect::Output { high, .. }, Config::Crossbar(_) | Config::Mac(_)) =
            (self.fault.defect, config)
        {
            return Some(if high { largest(config) } else { 0 });
        }
        match config {
            Config::Crossbar(own) => Some(self.crossbar(core, unit, own, inputs)),
            Config::Mac(own) => Some(self.mac(core, unit, own, inputs)),
            Config::Spiking(own) => Some(self.spiking(core, unit, own, inputs)),
            _ => None,
        }
    }

    fn sent(&mut self, core: u32, unit: usize, value: i128) -> i128 {
        if !self.concerned(core, unit) {
            return value;
        }
        match (self.fault.defect, self.image.configs[core as usize]) {
            (Defect::Output { high, .. }, Config::Spiking(own)) => {
                if high {
                    own.spikes_out.into()
                } else {
                    0
                }
            }
            (Defect::Spike { late, .. }, _) => {
                let waiting = std::mem::take(&mut self.late);
                if value > 0 && !self.met {
                    self.met = true;
                    self.late = if late { value } else { 0 };
                    waiting
                } else {
                    value + waiting
                }
            }
            _ => value,
        }
    }
}
