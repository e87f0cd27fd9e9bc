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
                return Value { from: From::Input, factors: vec![1.0], copies: 1 };
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
            return Value { from: From::Input, factors: vec![1.0], copies: 1 };
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
                    (positions, channels),
                    &[(1.0, b), (-1.0, a)],
                    false,
                );
                let over = (over, elements.clone());
                let name =
                    if players.len() == 2 { node.name.clone() } else { format!("{}:max{round}", node.name) };
                let most = self.combine(name, (positions, channels), &[(1.0, a), (1.0, &over)], signed);
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
        self.combine(format!("{}:copy", node.name), (positions, channels), &[(1.0, &one)], signed)
    }

    /// A layer that adds up values channel by channel.
    fn combine(
        &mut self,
        name: String,
        (positions, channels): (usize, usize),
        terms: &[(f64, &(Value, Vec<u32>))],
        signed: bool,
    ) -> Value {
        // Copies of the values play apart, each in its own unit; those of different sources are added up first.
        let first = terms.first().map_or(1, |(_, (value, _))| value.copies);
        let copies = if terms.iter().all(|(_, (value, _))| value.copies == first) { first } else { 1 };
        let signs: &[f64] = if signed { &[1.0, -1.0] } else { &[1.0] };
        // A sum of counts has been rounded as its first one; in a difference that is gone.
        let rounded = terms.iter().all(|(factor, (value, _))| *factor > 0.0 && value.factors.len() == copies);
        let variants: Vec<Variant> = Variant::staggered(copies, 0.0)
            .into_iter()
            .flat_map(|copy| {
                let share = if rounded && !signed { copy.share } else { Variant::PLUS.share };
                signs.iter().map(move |sign| Variant { sign: *sign, share, stretch: 1.0 })
            })
            .collect();
        let factors: Vec<f64> =
            signs.iter().map(|sign| sign / copies as f64).collect::<Vec<_>>().repeat(copies);
        let own = |value: &Value| value.factors.len() / copies;
        let from: Vec<From> = terms.iter().flat_map(|(_, (value, _))| vec![value.from; own(value)]).collect();
        let (mut taps, mut weights) =
            (Vec::with_capacity(positions * channels * copies * from.len()), Vec::new());
        for channel in 0..channels {
            for copy in 0..copies {
                for position in 0..positions {
                    for (_, (value, elements)) in terms {
                        let (width, own) = (value.factors.len() as u32, own(value));
                        let element = elements[position * channels + channel];
                        let first = element * width + (copy * own) as u32;
                        taps.extend((first..).take(own));
                    }
                }
                for (factor, (value, _)) in terms {
                    for of in &value.factors[copy * own(value)..][..own(value)] {
                        weights.extend(signs.iter().map(|sign| sign * factor * of * copies as f64));
                    }
                }
            }
        }
        let outputs = signs.len();
        let layer = Layer {
            name,
            role: Role::Maximum,
            positions,
            groups: channels * copies,
            outputs,
            variants,
            from,
            taps,
            weights,
            bias: vec![0.0; positions * channels * copies * outputs],
            follows: true,
            told: false,
        };
        Value { from: From::Layer(self.push(layer)), factors, copies }
    }
}
