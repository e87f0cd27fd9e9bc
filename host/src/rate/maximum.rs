//! Maxima, of which neurons have none: a tournament of rectified differences.

use super::build::{Builder, Value};
use super::layer::{From, Layer, Role, Variant};
use crate::dots::{DotNode, PAD, Read};

impl Builder<'_> {
    /// A maximum as a tournament: max(a, b) = a + max(b - a, 0).
    pub(super) fn maximum(&mut self, number: usize, node: &DotNode, reads: &[Read]) -> Value {
        let (positions, channels) = (node.positions(), node.channels);
        let values: Vec<Option<Value>> = reads
            .iter()
            .flat_map(|read| std::iter::repeat_n(self.value(read.source), read.taps.len()))
            .collect();
        let steps: Vec<usize> =
            reads.iter().flat_map(|read| std::iter::repeat_n(read.group_step, read.taps.len())).collect();
        // Of each tap its elements, position by position and channel by channel.
        let mut players: Vec<(Value, Vec<u32>)> = Vec::new();
        for value in &values {
            let Some(value) = value else {
                self.refuse("SP0301", &node.name, "a maximum with a constant".into(), "write it as a ReLU");
                return Value { from: From::Input, factors: vec![1.0] };
            };
            players.push((value.clone(), Vec::with_capacity(positions * channels)));
        }
        let mut brought = Vec::new();
        let mut mixed = false;
        for position in 0..positions {
            brought.clear();
            node.bring(position, &mut brought);
            for channel in 0..channels {
                for tap in 0..brought.len() {
                    // In the place of what lies outside comes another one of the window.
                    let from = if brought[tap] == PAD {
                        brought.iter().position(|element| *element != PAD).unwrap_or(tap)
                    } else {
                        tap
                    };
                    mixed |= players[from].0.from != players[tap].0.from || brought[from] == PAD;
                    players[tap].1.push(brought[from].wrapping_add((channel * steps[from]) as u32));
                }
            }
        }
        if mixed || players.is_empty() {
            let rule = "a maximum over windows that lie outside of one of several sources".to_owned();
            self.refuse("SP0301", &node.name, rule, "pad with values that are there");
            return Value { from: From::Input, factors: vec![1.0] };
        }
        let steps = players.len() - 1;
        self.out.remarks.push(format!("{:?}: each maximum is made of {steps} times two neurons", node.name));
        let signed = self.survey[number].bottom() < 0.0;
        let elements: Vec<u32> = (0..(positions * channels) as u32).collect();
        let mut round = 0;
        while players.len() > 1 {
            let mut next = Vec::new();
            for pair in players.chunks(2) {
                let [a, b] = pair else {
                    next.extend(pair.iter().cloned());
                    continue;
                };
                round += 1;
                let over = self.combine(
                    format!("{}:over{round}", node.name),
                    (number, positions, channels),
                    &[(1.0, b), (-1.0, a)],
                    false,
                );
                let over = (over, elements.clone());
                let name =
                    if players.len() == 2 { node.name.clone() } else { format!("{}:max{round}", node.name) };
                let most =
                    self.combine(name, (number, positions, channels), &[(1.0, a), (1.0, &over)], signed);
                next.push((most, elements.clone()));
            }
            players = next;
        }
        // What is a maximum of a single element is that element.
        let (value, order) = players.swap_remove(0);
        let told = self.dot.outputs.iter().any(|port| port.node == number);
        if order == elements && !told {
            return value;
        }
        if told {
            let rule = "a maximum that is an output".to_owned();
            self.refuse("SP0301", &node.name, rule, "end the model in a sum");
        }
        let one = (value, order);
        self.combine(format!("{}:copy", node.name), (number, positions, channels), &[(1.0, &one)], signed)
    }

    /// A layer that adds up values channel by channel.
    fn combine(
        &mut self,
        name: String,
        (number, positions, channels): (usize, usize, usize),
        terms: &[(f64, &(Value, Vec<u32>))],
        signed: bool,
    ) -> Value {
        let (variants, factors) = if signed {
            self.copied(number, &[Variant::PLUS, Variant::MINUS], &[1.0, -1.0])
        } else {
            self.copied(number, &[Variant::PLUS], &[1.0])
        };
        let (mut from, mut one) = (Vec::new(), Vec::new());
        for (factor, (value, _)) in terms {
            for own in &value.factors {
                from.push(value.from);
                one.extend(variants.iter().map(|variant| variant.sign * factor * own));
            }
        }
        let mut taps = Vec::with_capacity(positions * channels * from.len());
        for channel in 0..channels {
            for position in 0..positions {
                for (_, (value, elements)) in terms {
                    let width = value.factors.len() as u32;
                    let element = elements[position * channels + channel];
                    taps.extend((0..width).map(|which| element * width + which));
                }
            }
        }
        let outputs = variants.len();
        let layer = Layer {
            name,
            role: Role::Maximum,
            positions,
            groups: channels,
            outputs,
            variants,
            from,
            taps,
            weights: one.repeat(channels),
            bias: vec![0.0; positions * channels * outputs],
            // Where a reset loses what two spikes of one tick bring too much, such a sum is tuned as any other.
            follows: self.limits.spread == 0.0,
            told: false,
        };
        Value { from: From::Layer(self.push(layer)), factors }
    }
}
