//! INVOKE, for every kind of core.

use super::{I32, Naive, oracle_adder, oracle_mac, oracle_reads};
use spandrel_core::{
    crossbar::Crossbar,
    image::Config,
    mac::{Activation, Bias, Mac, Overflow, Param, Requant, Rounding},
};
use spandrel_oracle as oracle;

const I64: (i128, i128) = (-(1 << 63), (1 << 63) - 1);

impl Naive<'_> {
    pub(super) fn invoke(&mut self, config: u32, accumulate: bool, finish: bool, state: usize) {
        self.met.hit(if accumulate { "an accumulating invocation" } else { "a setting invocation" });
        // Of digital cores each column may have registers of its own; the others have one.
        match self.registers_of(config, 0) {
            Config::Crossbar(crossbar) => self.crossbar(config, &crossbar, accumulate, finish),
            Config::Mac(mac) => self.mac(config, &mac, accumulate, finish),
            Config::Spiking(spiking) => self.spiking((config, &spiking), accumulate, finish, state),
            _ => panic!("a kind without a naive model"),
        }
    }

    fn crossbar(&mut self, number: u32, crossbar: &Crossbar, accumulate: bool, finish: bool) {
        let columns = crossbar.columns as usize;
        self.met.hit_if(crossbar.blob == u32::MAX && finish, "a configuration without an array");
        self.met.hit_if(finish && crossbar.pool > 1, "pooling");
        let reads: Vec<i128> = match self.image.blobs.get(crossbar.blob as usize) {
            Some(packed) => oracle_reads(crossbar, &self.inputs[..crossbar.rows as usize], &packed.matrix)
                .iter()
                .map(|read| read.value)
                .collect(),
            None => vec![0; columns],
        };
        let config = Config::Crossbar(*crossbar);
        let broken = reads.iter().enumerate().map(|(unit, read)| self.read_of(number, unit, &config, *read));
        let reads: Vec<i128> = broken.collect();
        self.seen.reads.extend(&reads);
        for (sum, read) in self.sums.iter_mut().zip(&reads) {
            *sum = if accumulate { (*sum + read).clamp(I32.0, I32.1) } else { *read };
        }
        if finish {
            let adder = oracle_adder(crossbar, &self.image.tables);
            let codes: Vec<i128> =
                self.sums[..columns].iter().map(|sum| oracle::finish(&adder, &[*sum])).collect();
            let pooled = oracle::max_pool(&codes, usize::from(crossbar.pool));
            self.sums[..pooled.len()].copy_from_slice(&pooled);
            self.seen.units.extend(codes);
        }
    }

    fn mac(&mut self, number: u32, mac: &Mac, accumulate: bool, finish: bool) {
        let (columns, rows) = (mac.columns as usize, mac.rows as usize);
        self.note(mac, finish);
        let (wide, wraps) = (mac.accumulator_bits > 32, mac.overflow == Overflow::Wrap);
        let mut codes = Vec::new();
        for column in 0..columns {
            let Config::Mac(own) = self.registers_of(number, column) else { panic!("a digital core") };
            let core = oracle_mac(&own, &self.image.tables, column);
            let weights: Vec<i128> = match self.image.blobs.get(mac.blob as usize) {
                Some(packed) => packed.matrix[column].iter().map(|weight| i128::from(*weight)).collect(),
                None => Vec::new(),
            };
            let read = oracle::mac_sum(&core, &self.inputs[..rows], &weights);
            let read = self.read_of(number, column, &Config::Mac(own), read);
            // A saturating read saturates at 64 bits; a wrapping one wraps, as whatever follows it does.
            let read = if wraps { oracle::wrap(read, 64) } else { read.clamp(I64.0, I64.1) };
            self.seen.reads.push(read.clamp(I32.0, I32.1));
            // The low word of a wide sum has no sign.
            let (low, high) = (self.sums[column], if wide { self.sums[columns + column] } else { 0 });
            let held = if wide { high * (1 << 32) + low.rem_euclid(1 << 32) } else { low };
            let sum = if accumulate { held + read } else { read };
            let (lo, hi) = if wide { I64 } else { I32 };
            let exact = sum;
            let sum = if wraps { oracle::wrap(sum, mac.accumulator_bits.into()) } else { sum.clamp(lo, hi) };
            self.met.hit_if(wraps && sum != exact, "an accumulator wraps");
            self.sums[column] = if wide { oracle::wrap(sum, 32) } else { sum };
            if wide {
                self.sums[columns + column] = sum.div_euclid(1 << 32);
                self.met.hit_if(sum < I32.0 || sum > I32.1, "a sum of more than 32 bits");
                self.met.hit_if(accumulate && held != low, "a wide sum accumulates");
            }
            if finish {
                let code = oracle::mac_finish(&core, sum);
                self.note_code(mac, &core, sum, code);
                codes.push(code);
            }
        }
        let pooled = oracle::max_pool(&codes, usize::from(mac.pool));
        self.sums[..pooled.len()].copy_from_slice(&pooled);
        self.seen.units.extend(codes);
    }

    /// Notes what a configuration is like.
    fn note(&mut self, mac: &Mac, finish: bool) {
        let met = &mut self.met;
        let (lo, hi) = if mac.input_signed {
            (-(1i128 << (mac.input_bits - 1)), (1i128 << (mac.input_bits - 1)) - 1)
        } else {
            (0, (1i128 << mac.input_bits) - 1)
        };
        let inputs = &self.inputs[..mac.rows as usize];
        met.hit_if(
            inputs.iter().any(|code| *code < lo || *code > hi),
            "an input of a digital core saturates",
        );
        met.hit_if(mac.input_zero != 0, "an input zero point");
        met.hit_if(matches!(mac.bias, Bias::Words { .. }), "biases of one word");
        met.hit_if(matches!(mac.bias, Bias::Pairs { .. }), "biases of two words");
        if !finish {
            return;
        }
        met.hit_if(mac.rows == 0, "a digital core without weights");
        met.hit_if(mac.pool > 1, "a digital core pools");
        met.hit_if(mac.output_zero != 0, "an output zero point");
        met.hit(match mac.activation {
            Activation::Clamp => "a clamp",
            Activation::Table { .. } => "a table of a digital core",
            Activation::PiecewiseLinear { .. } => "linear pieces",
        });
        let (shift, rounding) = match mac.requant {
            Requant::None => return met.hit("no requantisation"),
            Requant::Shift { shift, rounding } => (shift, rounding),
            Requant::Multiplier { multiplier, shift, rounding, .. } => {
                met.hit_if(matches!(multiplier, Param::Column { .. }), "a multiplier of each column");
                (shift, rounding)
            }
        };
        met.hit_if(matches!(shift, Param::Column { .. }), "a shift of each column");
        met.hit_if(matches!(mac.requant, Requant::Shift { .. }), "requantisation by shift");
        met.hit(match rounding {
            Rounding::TowardZero => "rounding toward zero",
            Rounding::Floor => "rounding down",
            Rounding::HalfUp => "rounding half up",
            Rounding::HalfEven => "rounding half to even",
            Rounding::Gemmlowp => "gemmlowp's rounding",
        });
    }

    /// Notes what a column met, by asking the oracle for its neighbours.
    fn note_code(&mut self, mac: &Mac, core: &oracle::Mac, sum: i128, code: i128) {
        let met = &mut self.met;
        let half = 1i128 << (mac.accumulator_bits - 1);
        let beyond = sum < -half || sum >= half;
        met.hit_if(beyond && mac.overflow == Overflow::Saturate, "an accumulator saturates");
        met.hit_if(code == core.out_lo, "a code at the lower end");
        met.hit_if(code == core.out_hi, "a code at the upper end");
        met.hit_if(code > core.out_lo && code < core.out_hi, "a code between the ends");
        match core.requant {
            oracle::Requant::Multiplier { multiplier, shift, rounding: oracle::MacRounding::Gemmlowp } => {
                let acc = sum.clamp(-half, half - 1);
                let once = oracle::round_fraction(acc * multiplier, shift, oracle::MacRounding::HalfUp);
                met.hit_if(shift < 31, "gemmlowp shifts left");
                met.hit_if(
                    shift > 31 && oracle::gemmlowp(acc, multiplier, shift) != once,
                    "two roundings show",
                );
            }
            oracle::Requant::Shift { shift, .. } if shift > 0 => {
                let rest = sum.rem_euclid(1 << shift);
                met.hit_if(rest == 1 << (shift - 1), "a tie in rounding");
                met.hit_if(sum < 0 && rest != 0, "an inexact negative quotient");
            }
            _ => {}
        }
    }
}
