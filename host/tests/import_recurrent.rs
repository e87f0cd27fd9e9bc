//! RNN, LSTM and GRU against loops over single numbers, in every direction, layout and variant.

mod common;

use common::{Model, attribute_float, attribute_int, attribute_text, attribute_texts, field, tensor};
use spandrel::graph::{Golden, NodeEngine, Tensor2};
use spandrel::import::parse_onnx;
use spandrel::numeric::Random;

const STEPS: usize = 5;
const INPUTS: usize = 3;
const HIDDEN: usize = 2;

/// One case.
#[derive(Clone)]
struct Case {
    operator: &'static str,
    direction: &'static str,
    batch: usize,
    layout: usize,
    lens: Option<Vec<usize>>,
    bias: bool,
    states: bool,
    peepholes: bool,
    clip: f32,
    special: bool,
    acts: Option<Vec<&'static str>>,
    /// Whether weights are inputs of the network, not constants.
    open: bool,
}

fn plain(operator: &'static str) -> Case {
    Case {
        operator,
        direction: "forward",
        batch: 2,
        layout: 0,
        lens: None,
        bias: true,
        states: false,
        peepholes: false,
        clip: 0.0,
        special: false,
        acts: None,
        open: false,
    }
}

/// All numbers of a case.
struct Numbers {
    x: Vec<f32>,
    w: Vec<f32>,
    r: Vec<f32>,
    b: Vec<f32>,
    h: Vec<f32>,
    c: Vec<f32>,
    p: Vec<f32>,
}

impl Case {
    fn gates(&self) -> usize {
        match self.operator {
            "RNN" => 1,
            "GRU" => 3,
            _ => 4,
        }
    }

    fn directions(&self) -> usize {
        if self.direction == "bidirectional" { 2 } else { 1 }
    }

    fn acts(&self) -> Vec<&'static str> {
        let usual: &[&str] = match self.operator {
            "RNN" => &["Tanh"],
            "GRU" => &["Sigmoid", "Tanh"],
            _ => &["Sigmoid", "Tanh", "Tanh"],
        };
        self.acts.clone().unwrap_or_else(|| usual.repeat(self.directions()))
    }

    fn numbers(&self) -> Numbers {
        let mut random = Random::new(3, 0);
        let mut list = |count: usize| (0..count).map(|_| random.unit() as f32 * 2.0 - 1.0).collect();
        let (d, g) = (self.directions(), self.gates());
        Numbers {
            x: list(STEPS * self.batch * INPUTS),
            w: list(d * g * HIDDEN * INPUTS),
            r: list(d * g * HIDDEN * HIDDEN),
            b: list(d * 2 * g * HIDDEN),
            h: list(d * self.batch * HIDDEN),
            c: list(d * self.batch * HIDDEN),
            p: list(d * 3 * HIDDEN),
        }
    }

    fn model(&self, numbers: &Numbers) -> Vec<u8> {
        let (d, g, n) = (self.directions() as i64, self.gates() as i64, HIDDEN as i64);
        let (batch, steps) = (self.batch as i64, STEPS as i64);
        let state = if self.layout == 1 { [batch, d, n] } else { [d, batch, n] };
        let x = if self.layout == 1 { [batch, steps, INPUTS as i64] } else { [steps, batch, INPUTS as i64] };
        let mut model = Model::new(14).input("x", &x);
        let give = |model: Model, name: &str, dims: &[i64], data: &[f32]| {
            if self.open { model.input(name, dims) } else { model.floats(name, dims, data) }
        };
        model = give(model, "w", &[d, g * n, INPUTS as i64], &numbers.w);
        model = give(model, "r", &[d, g * n, n], &numbers.r);
        if self.bias {
            model = give(model, "b", &[d, 2 * g * n], &numbers.b);
        }
        if let Some(lens) = &self.lens {
            let raw: Vec<u8> = lens.iter().flat_map(|&len| (len as i32).to_le_bytes()).collect();
            model = model.tensor(tensor("lens", &[batch], 6, &raw));
        }
        if self.states {
            model = give(model, "h", &state, &numbers.h);
            if self.operator == "LSTM" {
                model = give(model, "c", &state, &numbers.c);
            }
        }
        if self.peepholes {
            model = give(model, "p", &[d, 3 * n], &numbers.p);
        }
        let has = |name: &'static str, given: bool| if given { name } else { "" };
        let mut inputs =
            vec!["x", "w", "r", has("b", self.bias), has("lens", self.lens.is_some()), has("h", self.states)];
        if self.operator == "LSTM" {
            inputs.extend([has("c", self.states), has("p", self.peepholes)]);
        }
        let mut attributes = vec![
            attribute_text("direction", self.direction),
            attribute_int("hidden_size", n),
            attribute_int("layout", self.layout as i64),
        ];
        if self.clip > 0.0 {
            attributes.push(attribute_float("clip", self.clip));
        }
        if let Some(acts) = &self.acts {
            attributes.push(attribute_texts("activations", acts));
            // One value for each function that has the parameter, in order.
            let alphas = [common::float(7, 0.3), common::float(7, 0.4)].concat();
            let betas = common::float(7, 0.2);
            attributes.push([field(1, "activation_alpha"), alphas, common::int(20, 6)].concat());
            attributes.push([field(1, "activation_beta"), betas, common::int(20, 6)].concat());
        }
        if self.special {
            let name = if self.operator == "GRU" { "linear_before_reset" } else { "input_forget" };
            attributes.push(attribute_int(name, 1));
        }
        let outputs: &[&str] = if self.operator == "LSTM" { &["y", "yh", "yc"] } else { &["y", "yh"] };
        model = model.node(self.operator, "cell", &inputs, outputs, &attributes);
        outputs.iter().fold(model, |model, output| model.output(output)).bytes()
    }

    /// The outputs, number by number.
    fn expected(&self, numbers: &Numbers) -> [Vec<f64>; 3] {
        let (d, g, n, batch) = (self.directions(), self.gates(), HIDDEN, self.batch);
        let mut y = vec![0.0; STEPS * d * batch * n];
        let (mut yh, mut yc) = (vec![0.0; d * batch * n], vec![0.0; d * batch * n]);
        let acts = self.acts();
        let each = acts.len() / d;
        let mut alphas = [0.3f32, 0.4].into_iter();
        let mut betas = [0.2f32].into_iter();
        let acts: Vec<Act> =
            acts.iter().map(|name| Act::new(name, self.acts.is_some(), &mut alphas, &mut betas)).collect();
        let state = |of: &[f32], dir: usize, row: usize, k: usize| {
            let at = if self.layout == 1 { (row * d + dir) * n + k } else { (dir * batch + row) * n + k };
            if self.states { f64::from(of[at]) } else { 0.0 }
        };
        for dir in 0..d {
            let own = &acts[dir * each..][..each];
            let clip = |x: f64| {
                if self.clip > 0.0 { x.clamp(-f64::from(self.clip), f64::from(self.clip)) } else { x }
            };
            let act = |at: usize, x: f64| own[at].apply(clip(x));
            for row in 0..batch {
                let mut h: Vec<f64> = (0..n).map(|k| state(&numbers.h, dir, row, k)).collect();
                let mut c: Vec<f64> = (0..n).map(|k| state(&numbers.c, dir, row, k)).collect();
                let len = self.lens.as_ref().map_or(STEPS, |lens| lens[row]);
                let back = self.direction == "reverse" || dir == 1;
                for step in 0..len {
                    let step = if back { len - 1 - step } else { step };
                    let x = |i: usize| {
                        let at = if self.layout == 1 { row * STEPS + step } else { step * batch + row };
                        f64::from(numbers.x[at * INPUTS + i])
                    };
                    let wx = |gate: usize, k: usize| -> f64 {
                        let line = (dir * g + gate) * n + k;
                        (0..INPUTS).map(|i| f64::from(numbers.w[line * INPUTS + i]) * x(i)).sum()
                    };
                    let rh = |gate: usize, k: usize, h: &[f64]| -> f64 {
                        let line = (dir * g + gate) * n + k;
                        (0..n).map(|j| f64::from(numbers.r[line * n + j]) * h[j]).sum()
                    };
                    let bias = |second: usize, gate: usize, k: usize| {
                        let at = (dir * 2 * g + second * g + gate) * n + k;
                        if self.bias { f64::from(numbers.b[at]) } else { 0.0 }
                    };
                    let peep = |at: usize, k: usize, c: &[f64]| {
                        if self.peepholes { f64::from(numbers.p[(dir * 3 + at) * n + k]) * c[k] } else { 0.0 }
                    };
                    let old = h.clone();
                    let sum = |gate: usize, k: usize, h: &[f64]| {
                        wx(gate, k) + rh(gate, k, h) + bias(0, gate, k) + bias(1, gate, k)
                    };
                    match self.operator {
                        "RNN" => h = (0..n).map(|k| act(0, sum(0, k, &old))).collect(),
                        "GRU" => {
                            let r: Vec<f64> = (0..n).map(|k| act(0, sum(1, k, &old))).collect();
                            let reset: Vec<f64> = (0..n).map(|k| r[k] * old[k]).collect();
                            for k in 0..n {
                                let z = act(0, sum(0, k, &old));
                                let inner = if self.special {
                                    wx(2, k) + bias(0, 2, k) + r[k] * (rh(2, k, &old) + bias(1, 2, k))
                                } else {
                                    sum(2, k, &reset)
                                };
                                h[k] = (1.0 - z) * act(1, inner) + z * old[k];
                            }
                        }
                        _ => {
                            for k in 0..n {
                                let i = act(0, sum(0, k, &old) + peep(0, k, &c));
                                let f = if self.special {
                                    1.0 - i
                                } else {
                                    act(0, sum(2, k, &old) + peep(2, k, &c))
                                };
                                c[k] = f * c[k] + i * act(1, sum(3, k, &old));
                                h[k] = act(0, sum(1, k, &old) + peep(1, k, &c)) * act(2, c[k]);
                            }
                        }
                    }
                    for (k, &h) in h.iter().enumerate() {
                        let at = if self.layout == 1 {
                            ((row * STEPS + step) * d + dir) * n + k
                        } else {
                            ((step * d + dir) * batch + row) * n + k
                        };
                        y[at] = h;
                    }
                }
                for k in 0..n {
                    let at =
                        if self.layout == 1 { (row * d + dir) * n + k } else { (dir * batch + row) * n + k };
                    (yh[at], yc[at]) = (h[k], c[k]);
                }
            }
        }
        [y, yh, yc]
    }

    fn check(&self, what: &str) {
        let numbers = self.numbers();
        let graph = parse_onnx(&self.model(&numbers), what).unwrap_or_else(|found| panic!("{what}: {found}"));
        let mut input = numbers.x.clone();
        if self.open {
            input.extend(numbers.w.iter().chain(&numbers.r));
            input.extend(numbers.b.iter().filter(|_| self.bias));
            input.extend(numbers.h.iter().filter(|_| self.states));
            input.extend(numbers.c.iter().filter(|_| self.states && self.operator == "LSTM"));
            input.extend(numbers.p.iter().filter(|_| self.peepholes));
        }
        let input = Tensor2::new(1, input.len(), input).unwrap();
        let names: &[&str] = if self.operator == "LSTM" { &["y", "yh", "yc"] } else { &["y", "yh"] };
        let found =
            Golden::new(&graph).values(&input, names).unwrap_or_else(|found| panic!("{what}: {found}"));
        for ((name, found), wanted) in names.iter().zip(&found).zip(&self.expected(&numbers)) {
            assert_eq!(found.data().len(), wanted.len(), "{what} {name}");
            for (at, (found, wanted)) in found.data().iter().zip(wanted).enumerate() {
                assert!(
                    (f64::from(*found) - wanted).abs() < 1e-5,
                    "{what} {name}[{at}]: {found}, not {wanted}"
                );
            }
        }
    }
}

/// An activation function by its formula.
struct Act(String, f64, f64);

impl Act {
    /// With parameters from the lists, where they are given and the function has them.
    fn new(
        name: &str,
        given: bool,
        alphas: &mut impl Iterator<Item = f32>,
        betas: &mut impl Iterator<Item = f32>,
    ) -> Self {
        let (alpha, beta) = match name {
            "Affine" => (Some(1.0), Some(0.0)),
            "ScaledTanh" => (Some(1.0), Some(1.0)),
            "HardSigmoid" => (Some(0.2), Some(0.5)),
            "LeakyRelu" => (Some(0.01), None),
            "ThresholdedRelu" | "Elu" => (Some(1.0), None),
            _ => (None, None),
        };
        let take = |usual: Option<f32>, list: &mut dyn Iterator<Item = f32>| {
            usual.map_or(0.0, |usual| f64::from(if given { list.next().unwrap_or(usual) } else { usual }))
        };
        Self(name.to_owned(), take(alpha, alphas), take(beta, betas))
    }

    fn apply(&self, x: f64) -> f64 {
        let (alpha, beta) = (self.1, self.2);
        match self.0.as_str() {
            "Affine" => alpha * x + beta,
            "ScaledTanh" => alpha * (beta * x).tanh(),
            "HardSigmoid" => (alpha * x + beta).clamp(0.0, 1.0),
            "LeakyRelu" if x < 0.0 => alpha * x,
            "Elu" if x < 0.0 => alpha * (x.exp() - 1.0),
            "ThresholdedRelu" if x <= alpha => 0.0,
            "LeakyRelu" | "Elu" | "ThresholdedRelu" => x,
            "Relu" => x.max(0.0),
            "Softsign" => x / (1.0 + x.abs()),
            "Softplus" => (1.0 + x.exp()).ln(),
            "Tanh" => x.tanh(),
            "Sigmoid" => 1.0 / (1.0 + (-x).exp()),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn every_variant_is_what_its_formula_says() {
    for operator in ["RNN", "LSTM", "GRU"] {
        for direction in ["forward", "reverse", "bidirectional"] {
            let base = Case { direction, ..plain(operator) };
            base.check(&format!("{operator} {direction}"));
            let peepholes = operator == "LSTM";
            for (what, case) in [
                ("no bias", Case { bias: false, ..base.clone() }),
                ("states", Case { states: true, peepholes, ..base.clone() }),
                ("layout", Case { layout: 1, states: true, ..base.clone() }),
                ("short", Case { lens: Some(vec![3, 3]), states: true, ..base.clone() }),
                ("uneven", Case { lens: Some(vec![2, 4]), states: true, ..base.clone() }),
                ("one is empty", Case { lens: Some(vec![0, 5]), states: true, ..base.clone() }),
                ("uneven layout", Case { lens: Some(vec![5, 1]), layout: 1, states: true, ..base.clone() }),
                ("clip", Case { clip: 0.4, ..base.clone() }),
                ("special", Case { special: operator != "RNN", states: true, ..base.clone() }),
                ("open", Case { open: true, states: true, peepholes, ..base.clone() }),
                ("open and uneven", Case { open: true, lens: Some(vec![4, 2]), ..base.clone() }),
            ] {
                case.check(&format!("{operator} {direction} {what}"));
            }
        }
    }
}

#[test]
fn activation_functions_take_their_parameters_in_order() {
    let lists: [(&str, &[&str]); 8] = [
        ("RNN", &["Affine"]),
        ("RNN", &["ScaledTanh"]),
        ("RNN", &["Softplus"]),
        ("GRU", &["HardSigmoid", "LeakyRelu"]),
        ("GRU", &["Relu", "Elu"]),
        ("LSTM", &["HardSigmoid", "Softsign", "ThresholdedRelu"]),
        ("LSTM", &["Sigmoid", "Elu", "Affine"]),
        ("LSTM", &["HardSigmoid", "ScaledTanh", "Tanh"]),
    ];
    for (operator, acts) in lists {
        Case { acts: Some(acts.to_vec()), ..plain(operator) }.check(&format!("{operator} {acts:?}"));
    }
    let both = vec!["LeakyRelu", "Affine"];
    Case { acts: Some(both), direction: "bidirectional", ..plain("RNN") }.check("both");
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |case: &Case, code: &str, says: &str| {
        let found = parse_onnx(&case.model(&case.numbers()), "m").expect_err(says);
        assert!(found.0[0].code == code && found.to_string().contains(says), "{found}");
    };
    refused(&Case { direction: "sideways", ..plain("RNN") }, "SP0106", "sideways");
    refused(&Case { acts: Some(vec!["Tanh"]), ..plain("GRU") }, "SP0106", "2 are needed");
    refused(&Case { acts: Some(vec!["Swish"]), ..plain("RNN") }, "SP0106", "Swish");
    refused(&Case { lens: Some(vec![6, 1]), ..plain("RNN") }, "SP0108", "up to 5");
    refused(&Case { lens: Some(vec![0, 0]), ..plain("RNN") }, "SP0108", "up to 5");
}
