//! What is tried for a core-op: combinations of shift, sum shift, reach and gains.

use super::aims::{Golden, Reach, aim};
use super::digits::Digits;
use super::node::NodeBench;
use super::options::Rounding;
use crate::encode::Form;
use crate::expand::{CoreOp, Real};
use crate::numeric::{Matrix, parallel_map};
use crate::target::Target;

/// Parts are held to this share of a read's range on calibration, so that new data do not clip at once.
const PART_SHARE: f64 = 0.92;

/// Shares of the largest value that codes reach to.
const SHARES: [f64; 3] = [1.0, 0.8, 0.64];

/// Widths of pieces that stand for jumps, as multiples of their own.
const JUMPS: [f64; 4] = [0.5, 1.0, 2.0, 4.0];

/// One combination on trial.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) reach: Reach,
    pub(super) shift: u8,
    /// Gain of each of the op's elements.
    pub(super) gains: Vec<f64>,
    pub(super) bias_rows: usize,
    pub(super) error: f64,
}

impl NodeBench<'_> {
    /// Largest weight of an element's column; 0 for an element that reads nothing.
    fn largest_weight(&self, element: usize) -> f64 {
        self.map.weights.row(element).iter().fold(0.0, |m, w| m.max(w.abs()))
    }

    /// The gain at which the element's parts stay within a read's range on calibration: parts run further than their sum.
    fn part_limits(&self, op: &CoreOp<Real>) -> Vec<f64> {
        let share = 1.0 / op.parts.len() as f64;
        let elements = self.elements();
        let limit = f64::from(self.target.code_max) * PART_SHARE;
        parallel_map(elements.len(), |at| {
            let element = elements[at];
            let row = self.map.weights.row(element);
            let bias = self.map.bias[element] * share;
            let active =
                self.golden.active(self.form, element, Reach::new(6.0, 0, op.parts.len(), self.target));
            let mut furthest = 1e-9 * self.golden.magnitude;
            for &sample in &active {
                let codes = self.codes.row(sample as usize);
                for part in &op.parts {
                    let sum: f64 = part.iter().map(|&r| row[r as usize] * codes[r as usize]).sum();
                    furthest = furthest.max((sum + bias).abs());
                }
            }
            limit / furthest
        })
    }

    /// Reaches worth trying for a function with a bend at 0, that maps a reach of c to `codes` steps: `near` ones around the
    /// bend, and as far as the parts of the sum run: reads that clip while others do not are worse than coarse ones.
    fn reaches(&self, op: &CoreOp<Real>, near: [f64; 3], codes: f64) -> Vec<f64> {
        let far = self.part_limits(op).iter().map(|limit| codes / limit).fold(0.0, f64::max);
        let mut reaches = near.to_vec();
        if far > 1.5 * near[2] {
            reaches.extend([libm::sqrt(near[2] * far), far]);
        }
        reaches
    }

    /// All combinations worth trying for `op`. With `every_shift` all shifts of the chip, at gains so low that weights and
    /// biases fit: for sums that no combination near the best gain can hold.
    pub(super) fn trials(&self, op: &CoreOp<Real>, every_shift: bool) -> Vec<Trial> {
        let Target { weight_max, code_max, .. } = *self.target;
        let (weight_max, code_max) = (f64::from(weight_max), f64::from(code_max));
        let elements = self.elements();
        let largest: Vec<f64> = elements.iter().map(|&e| self.largest_weight(e)).collect();
        let form = self.form;
        if let Some((gains, reach)) = self.pin {
            let made =
                |shift| Trial { reach, shift, gains: gains.to_vec(), bias_rows: 0, error: f64::INFINITY };
            return self.shifts(true, gains, &largest).into_iter().map(made).collect();
        }
        let reaches: Vec<f64> = match (form, self.relay_reach) {
            (Form::Carrier { judged: Some(act) }, _) => {
                let reached = Reach::new(0.0, 0, op.parts.len(), self.target).top;
                // Of a sigmoid it is known where it bends.
                let far = self.golden.magnitude;
                let near = if act.is_sigmoid() { [6.0, 8.0, 10.0] } else { [far / 8.0, far / 3.0, far] };
                self.reaches(op, near, 0.5 * f64::from(reached))
            }
            // How steep a jump is made: values between are wrong, but so are reads that clip.
            (Form::Segments(segments), _) if segments.jumps => JUMPS.to_vec(),
            (Form::Table(_), Some(c)) => vec![c],
            (Form::Table(_), None) => self.reaches(op, [5.0, 6.0, 8.0], code_max),
            _ => vec![0.0],
        };
        let shifts_sum = !matches!(form, Form::Sum | Form::Max | Form::Table(_)) && op.parts.len() > 1;
        let plain = matches!(
            form,
            Form::Relu | Form::Clip(_) | Form::Sum | Form::Carrier { judged: None } | Form::Mirror { .. }
        );
        let limits = if plain { self.part_limits(op) } else { Vec::new() };
        // Values far out cost resolution everywhere else: where one array holds the sum, so that its reads clip as one, ranges
        // that give up the largest values are tried too.
        let one_array = op.parts.len() == 1 && self.options.rounding >= Rounding::Range;
        let shares: &[f64] =
            if one_array && matches!(form, Form::Relu | Form::Clip(_) | Form::Carrier { judged: None }) {
                &SHARES
            } else {
                &SHARES[..1]
            };
        let mut out = Vec::new();
        for (&c, &share) in reaches.iter().flat_map(|c| shares.iter().map(move |share| (c, share))) {
            let sum_shifts = if self.target.adc_bits.is_some() {
                let gains = self.wanted(&limits, Reach::new(c, 0, op.parts.len(), self.target), share);
                self.cuts(plain, every_shift, &gains, &largest)
            } else {
                let most = if shifts_sum { self.target.sum_shift_max.min(2) } else { 0 };
                (0..=most).collect()
            };
            for sum_shift in sum_shifts {
                let reach = Reach::new(c, sum_shift, op.parts.len(), self.target);
                let mut wanted = self.wanted(&limits, reach, share);
                let one_scale = self.options.rounding == Rounding::NearestOneScale;
                if *form == Form::Sum || one_scale && plain {
                    let least = wanted.iter().copied().fold(f64::INFINITY, f64::min);
                    wanted.fill(least);
                }
                let fixed = !plain;
                let shifts = if every_shift {
                    self.target.shifts.clone().collect()
                } else {
                    self.shifts(fixed, &wanted, &largest)
                };
                for shift in shifts {
                    let power = libm::exp2(f64::from(shift));
                    let mut gains: Vec<f64> = wanted.clone();
                    let mut reach = reach;
                    if !fixed {
                        gains.iter_mut().zip(&largest).for_each(|(g, w)| *g = g.min(weight_max / w / power));
                    }
                    if every_shift {
                        let Some(most) = self.held(op, &elements, &largest, reach, shift) else { continue };
                        gains.iter_mut().zip(&most).for_each(|(gain, most)| *gain = gain.min(*most));
                        // Where the reach makes the gain, all elements share both.
                        if fixed {
                            let least = gains.iter().copied().fold(f64::INFINITY, f64::min);
                            reach.c *= wanted[0] / least;
                            gains.fill(least);
                        }
                    }
                    if *form == Form::Sum || one_scale && plain {
                        let least = gains.iter().copied().fold(f64::INFINITY, f64::min);
                        gains.fill(least);
                    }
                    out.push(Trial { reach, shift, gains, bias_rows: 0, error: f64::INFINITY });
                }
            }
        }
        out
    }

    /// The gain of each element that uses the whole range of codes, whatever the weights allow; `limits` are those of
    /// [`NodeBench::part_limits`], and codes reach to `share` of the largest value.
    fn wanted(&self, limits: &[f64], reach: Reach, share: f64) -> Vec<f64> {
        let (top, reached) = (f64::from(self.target.input_max), f64::from(reach.top));
        let scale = libm::exp2(f64::from(reach.sum_shift));
        let golden = self.golden;
        let each = |full: &dyn Fn(usize) -> f64| -> Vec<f64> {
            self.elements()
                .iter()
                .zip(limits)
                .map(|(&e, &limit)| (full(e) * scale).min(limit) / share)
                .collect()
        };
        match self.form {
            Form::Relu => each(&|e| top / golden.range(e)),
            Form::Mirror { .. } => each(&|e| top / golden.mirrored_range(e)),
            Form::Clip(ramp) => each(&|e| reached / golden.clipped_range(e, ramp).1),
            Form::Sum | Form::Max => limits.to_vec(),
            Form::Carrier { judged: None } => each(&|e| reached / golden.carried_range(e).1),
            Form::Carrier { .. } => vec![0.5 * reached / reach.c * scale; self.copies.len()],
            Form::Table(_) => vec![f64::from(self.target.code_max) / reach.c; self.copies.len()],
            Form::Segments(segments) => {
                let steepest = segments.pieces.iter().map(|s| reached / (s.to - s.from)).fold(0.0, f64::max);
                let wider = if segments.jumps { reach.c } else { 1.0 };
                vec![steepest * scale / wider; self.copies.len()]
            }
        }
    }

    /// Sum shifts worth trying where reads are exact, so that this shift alone makes codes of sums: around the one at which weights
    /// and codes are both used to the full. `gains` are those of a shift of 0.
    fn cuts(&self, plain: bool, every: bool, gains: &[f64], largest: &[f64]) -> Vec<u8> {
        if matches!(self.form, Form::Sum | Form::Max | Form::Table(_)) {
            return vec![0];
        }
        // Codes reach to the end of their range as long as reads are longer.
        let most = self.target.sum_shift_max.min(16);
        let mut meeting = self.meeting(gains, largest);
        meeting.sort_by(f64::total_cmp);
        let Some(&first) = meeting.first().filter(|_| !every) else { return (0..=most).collect() };
        let (from, to) = if plain {
            let middle = libm::rint(meeting[meeting.len() / 2]).clamp(0.0, f64::from(most));
            (middle - 3.0, middle + 1.0)
        } else {
            let largest = libm::floor(first).clamp(0.0, f64::from(most));
            (largest - 2.0, largest)
        };
        (0..=most).filter(|&t| f64::from(t) >= from && f64::from(t) <= to).collect()
    }

    /// For each element with weights the power of two between its weights at its gain and the largest weight.
    fn meeting(&self, gains: &[f64], largest: &[f64]) -> Vec<f64> {
        let weight_max = f64::from(self.target.weight_max);
        gains
            .iter()
            .zip(largest)
            .filter(|(_, w)| **w > 0.0)
            .map(|(g, w)| libm::log2((weight_max + 0.5) / (g * w)))
            .collect()
    }

    /// The largest gain of each element at which its weights and its bias fit at `shift`; `None` where there is none.
    fn held(
        &self,
        op: &CoreOp<Real>,
        elements: &[usize],
        largest: &[f64],
        reach: Reach,
        shift: u8,
    ) -> Option<Vec<f64>> {
        // The gain of a segment is given by its width.
        if matches!(self.form, Form::Segments(_)) {
            return None;
        }
        let power = libm::exp2(f64::from(shift));
        let weight_max = f64::from(self.target.weight_max);
        let offset = match self.form {
            Form::Relu => libm::exp2(f64::from(reach.sum_shift)),
            Form::Carrier { .. } | Form::Clip(_) => {
                libm::exp2(f64::from(reach.sum_shift)) * (0.5 * f64::from(reach.top) + 1.0)
            }
            _ => 0.0,
        };
        let digits = Digits::new(&Matrix::zeros(0, 0), &[], self.target);
        let bench = self.bench(&digits, op, shift, self.target.bias_rows);
        let room = bench.steps(weight_max * self.target.bias_rows as f64) - offset;
        let gain = |(&element, w): (&usize, &f64)| {
            let bias = self.map.bias[element].abs();
            // Without weight and bias any gain does.
            (weight_max / power / w).min(room / bias).min(f64::MAX)
        };
        // A hair below, so that rounding can not ask for one more.
        (room > 0.0).then(|| elements.iter().zip(largest).map(gain).map(|gain| 0.999 * gain).collect())
    }

    /// Shifts around the one at which weights and codes are both used to the full, as far as the chip has them.
    fn shifts(&self, fixed: bool, gains: &[f64], largest: &[f64]) -> Vec<u8> {
        let (least, most) = (f64::from(*self.target.shifts.start()), f64::from(*self.target.shifts.end()));
        let mut meeting = self.meeting(gains, largest);
        meeting.sort_by(f64::total_cmp);
        let (from, to) = if meeting.is_empty() {
            // Only biases: any shift that can hold them.
            (least, most)
        } else if fixed {
            // The gain is given: a larger shift would not let the largest weight fit, a smaller one wastes its bits.
            let largest = libm::floor(meeting[0]).min(most);
            (largest - if self.relay_reach.is_some() { 5.0 } else { 2.0 }, largest)
        } else {
            let middle = libm::rint(meeting[meeting.len() / 2]).clamp(least, most);
            (middle - 3.0, middle + 2.0)
        };
        self.target.shifts.clone().filter(|&s| f64::from(s) >= from && f64::from(s) <= to).collect()
    }

    /// Bias rows that the trial needs; `None` when the chip has not got so many.
    pub(super) fn bias_rows(&self, op: &CoreOp<Real>, trial: &Trial, golden: &Golden<'_>) -> Option<usize> {
        let most = f64::from(self.target.weight_max);
        let mut needed = self.options.bias_rows.min(self.target.bias_rows);
        // Nominal biases depend on parts and shift alone, not on samples.
        let digits = Digits::new(&Matrix::zeros(0, 0), &[], self.target);
        let bench = self.bench(&digits, op, trial.shift, needed);
        for (at, &element) in self.elements().iter().enumerate() {
            let copies = usize::from(self.copies[element]);
            let aim = aim(golden, self.form, element, copies, trial.gains[at], trial.reach, self.target);
            for (gain, offset) in aim.gains.iter().zip(&aim.offsets) {
                let total = bench.nominal(self.map.bias[element] * gain + offset).abs();
                needed = needed.max(libm::ceil(total / most) as usize);
            }
        }
        (needed <= self.target.bias_rows).then_some(needed)
    }
}
