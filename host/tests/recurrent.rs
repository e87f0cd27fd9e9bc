//! Recurrent networks: a loop becomes one cell that is stepped. Against the golden model, against the unrolled form, through all
//! stages (C3, C4, C6, the tuner's codes), on all engines.

mod lower_common;
mod pipeline_common;

use std::sync::Arc;

use lower_common::{Numbers, samples};
use pipeline_common::{cases::Draw, stages};
use spandrel::chips;
use spandrel::dots::DotGraph;
use spandrel::encode::balanced;
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel::graph::{Binary, Builder, Function, Graph, Op, Scan, ScanResult, Select, Tensor, ValueId};
use spandrel::lower::{LoopForm, LowerOptions, check, lower};
use spandrel::target::Target;
use spandrel::tune::InputMap;
use spandrel::verify::{check_mapping, prove_no_wrap};
use spandrel_core::image::{Image, Instruction};

const STEPS: usize = 5;
const INPUTS: usize = 3;
const UNITS: usize = 4;

/// The body of a loop under construction.
struct Cell {
    b: Builder,
    numbers: Numbers,
}

impl Cell {
    fn new(states: usize, seed: u64) -> Self {
        let mut b = Builder::new("h", vec![UNITS]);
        for state in 1..states {
            b.add_input(&format!("state{state}"), vec![UNITS]).unwrap();
        }
        b.add_input("x", vec![INPUTS]).unwrap();
        Self { b, numbers: Numbers(seed) }
    }

    fn op(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        let name = op.name();
        self.b.node(name, op, inputs, name).unwrap_or_else(|e| panic!("{}", e.rule))
    }

    fn constant(&mut self, shape: &[usize]) -> ValueId {
        let data = self.numbers.many(shape.iter().product());
        self.b.constant("c", Tensor::new(shape.to_vec(), data).unwrap())
    }

    /// act(W x + U h + b)
    fn gate(&mut self, x: ValueId, h: ValueId, act: Function) -> ValueId {
        let (w, u, bias) =
            (self.constant(&[INPUTS, UNITS]), self.constant(&[UNITS, UNITS]), self.constant(&[UNITS]));
        let (a, b) = (self.op(Op::MatMul, &[x, w]), self.op(Op::MatMul, &[h, u]));
        let sum = self.op(Op::Binary(Binary::Add), &[a, b]);
        let sum = self.op(Op::Binary(Binary::Add), &[sum, bias]);
        self.op(Op::Map(act), &[sum])
    }

    fn times(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.op(Op::Binary(Binary::Mul), &[a, b])
    }

    fn plus(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.op(Op::Binary(Binary::Add), &[a, b])
    }
}

fn plain(seed: u64) -> (usize, Graph) {
    let mut cell = Cell::new(1, seed);
    let (h, x) = (cell.b.inputs()[0], cell.b.inputs()[1]);
    let next = cell.gate(x, h, Function::Tanh);
    (1, cell.b.finish_body(&[next, next]).unwrap())
}

fn lstm(seed: u64) -> (usize, Graph) {
    let mut cell = Cell::new(2, seed);
    let (h, c, x) = (cell.b.inputs()[0], cell.b.inputs()[1], cell.b.inputs()[2]);
    let [i, f, o] = [0; 3].map(|_| cell.gate(x, h, Function::Sigmoid));
    let g = cell.gate(x, h, Function::Tanh);
    let (kept, new) = (cell.times(f, c), cell.times(i, g));
    let c = cell.plus(kept, new);
    let squashed = cell.op(Op::Map(Function::Tanh), &[c]);
    let h = cell.times(o, squashed);
    (2, cell.b.finish_body(&[h, c, h]).unwrap())
}

fn gru(seed: u64) -> (usize, Graph) {
    let mut cell = Cell::new(1, seed);
    let (h, x) = (cell.b.inputs()[0], cell.b.inputs()[1]);
    let [z, r] = [0; 2].map(|_| cell.gate(x, h, Function::Sigmoid));
    let reset = cell.times(r, h);
    let n = cell.gate(x, reset, Function::Tanh);
    let away = cell.op(Op::Binary(Binary::Sub), &[h, n]);
    let kept = cell.times(z, away);
    let next = cell.plus(n, kept);
    (1, cell.b.finish_body(&[next, next]).unwrap())
}

/// As exporters write it: both gates from one product, cut apart.
fn joined(seed: u64) -> (usize, Graph) {
    let mut cell = Cell::new(1, seed);
    let (h, x) = (cell.b.inputs()[0], cell.b.inputs()[1]);
    let (w, u) = (cell.constant(&[INPUTS, 2 * UNITS]), cell.constant(&[UNITS, 2 * UNITS]));
    let (a, b) = (cell.op(Op::MatMul, &[x, w]), cell.op(Op::MatMul, &[h, u]));
    let sum = cell.plus(a, b);
    let gates = cell.op(Op::Map(Function::Sigmoid), &[sum]);
    let part = |start| Select::Slice { starts: vec![start], steps: vec![1], sizes: vec![UNITS] };
    let [r, z] = [0, UNITS].map(|start| cell.op(Op::Select(part(start)), &[gates]));
    let reset = cell.times(r, h);
    let n = cell.gate(x, reset, Function::Tanh);
    let away = cell.op(Op::Binary(Binary::Sub), &[h, n]);
    let kept = cell.times(z, away);
    let next = cell.plus(n, kept);
    (1, cell.b.finish_body(&[next, next]).unwrap())
}

/// A loop over the steps and a layer behind its last state; with `all` behind all steps.
fn network((states, body): (usize, Graph), all: bool, start: f32) -> Graph {
    let mut b = Builder::new("x", vec![STEPS, INPUTS]);
    let mut inputs: Vec<ValueId> = (0..states)
        .map(|_| b.constant("start", Tensor::new(vec![UNITS], vec![start; UNITS]).unwrap()))
        .collect();
    inputs.push(b.input());
    let result = if all { ScanResult::Stacked(0) } else { ScanResult::State(0) };
    let op = Op::Scan(Scan { body: Arc::new(body), states, sequences: 1, steps: STEPS, result });
    let out = b.node("loop", op, &inputs, "loop").unwrap();
    let data = Numbers(77).many(UNITS * 2);
    let w = b.constant("w", Tensor::new(vec![UNITS, 2], data).unwrap());
    let y = b.node("out", Op::MatMul, &[out, w], "y").unwrap();
    b.finish(&[y]).unwrap()
}

fn reformed(graph: &Graph, loops: LoopForm) -> DotGraph {
    let options = LowerOptions { loops, ..LowerOptions::default() };
    let dot = lower(graph, &options).unwrap_or_else(|e| panic!("{e}\n{graph}"));
    let text = dot.to_string();
    let made = check(dot, graph, &samples(graph, 3)).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert!(made.largest_difference() < 1e-4, "{}\n{text}", made.largest_difference());
    made.into_graph()
}

type Made = fn(u64) -> (usize, Graph);

const CELLS: [(&str, Made); 4] = [("plain", plain), ("lstm", lstm), ("gru", gru), ("joined", joined)];

#[test]
fn a_loop_is_one_cell_that_equals_golden_model_and_unrolled_form() {
    for (name, cell) in CELLS {
        for all in [false, true] {
            let graph = network(cell(11), all, 0.0);
            let (stepped, unrolled) = (reformed(&graph, LoopForm::Cell), reformed(&graph, LoopForm::Unroll));
            let [own] = stepped.loops.as_slice() else { panic!("{name}: no loop\n{stepped}") };
            assert_eq!(own.steps, STEPS);
            assert!(unrolled.loops.is_empty());
            assert!(!stepped.carried().is_empty(), "{name}");
            // Nodes for one step, not for all.
            assert!(own.nodes.len() * 2 < unrolled.nodes.len(), "{name}\n{stepped}");
            // Balanced products are the same function.
            let values = samples(&graph, 9);
            let Some(even) = balanced(&stepped, values.data()) else { continue };
            let made = check(even, &graph, &values).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(made.largest_difference() < 1e-4, "{name}");
        }
    }
}

/// What can not be stepped is unrolled, and the remark says why.
#[test]
fn states_that_do_not_begin_at_zero_are_unrolled() {
    let graph = network(plain(5), false, 0.25);
    let dot = reformed(&graph, LoopForm::Cell);
    assert!(dot.loops.is_empty());
    let told = |text: &String| text.contains("does not begin at zero");
    assert!(dot.rewrites.iter().any(told), "{:?}", dot.rewrites);
}

/// A state read at its own step, or a node that reads ahead of time, is no loop: the validator sees it.
#[test]
fn a_cell_that_reads_ahead_is_refused() {
    use spandrel::dots::{Source, Taps};
    let graph = network(plain(7), false, 0.0);
    let mut dot = reformed(&graph, LoopForm::Cell);
    let at = dot.carried()[0];
    for read in dot.nodes[at].body.reads_mut() {
        if let (Source::Node(_), Taps::Window(window)) = (read.source, &mut read.taps) {
            window.axes.iter_mut().for_each(|axis| axis.origin = axis.origin.max(0));
        }
    }
    let found = check(dot, &graph, &samples(&graph, 3)).expect_err("a fault");
    assert!(found.to_string().contains("SP0302") && found.to_string().contains("computed later"), "{found}");
}

fn through(name: &str, graph: &Graph, chip: &str, set: &[&str], least: f64) {
    let target = Target::new(chips::find(chip).unwrap()).unwrap();
    let len = STEPS * INPUTS;
    let map = InputMap { scale: vec![2.0 / 255.0; len], offset: vec![-1.0; len] };
    let mut draw = Draw::new(3);
    let (raw, other) = (stages::raw(&mut draw, 96, len), stages::raw(&mut draw, 40, len));
    let dot = reformed(graph, LoopForm::Cell);
    let dot = balanced(&dot, &stages::values(&raw, &map)).unwrap_or(dot);
    let made = stages::run(&dot, &raw, &map, &target, set).unwrap_or_else(|e| panic!("{name} {chip}: {e}"));
    assert!(made.compared.0 > 0 && made.compared.1 > 0);
    let image = Image::parse(&made.image).unwrap();
    for evidence in [check_mapping(&made.coded, &image).evidence, prove_no_wrap(&image).evidence] {
        assert!(evidence.holds(), "{name} {chip}: {} {:?}", evidence.text, evidence.failures.first());
    }
    // The steps are a loop of the program.
    let steps = |at| matches!(image.instruction(at), Some(Instruction::Loop { trips: 5, .. }));
    assert!((0..image.instruction_count()).any(steps), "{name} {chip}: {}", made.program);
    let batch = RawBatch::new(RawData::U8(&other), len).unwrap();
    let one = Options::with_threads(1);
    let core = CoreEngine::new(&image, one).unwrap().run_batch(&batch).unwrap();
    let fast = FastEngine::new(&image, one).unwrap().run_batch(&batch).unwrap();
    assert_eq!(core, fast, "{name} {chip}");
    let snr = stages::snr(&dot, &made.image, &other, &map);
    println!("{name} {chip} {set:?}: {snr:?} dB, {} configurations", made.program.configs.len());
    assert!(snr[0] > least, "{name} {chip} {set:?}: {snr:?} {:?}", made.errors);
}

#[test]
fn cells_go_through_all_stages() {
    for (name, cell) in CELLS {
        let graph = network(cell(11), false, 0.0);
        through(name, &graph, "tpu", &[], 20.0);
        through(name, &graph, "tpu", &["encode.signals=3"], 20.0);
        through(name, &graph, "tianji-ann", &[], 18.0);
        through(name, &graph, "prime", &[], 8.0);
    }
    // All steps leave the loop.
    through("lstm, all steps", &network(lstm(13), true, 0.0), "tpu", &[], 20.0);
}

/// Reads that no pattern of the format describes: the steps are written out, the cores stay those of one cell.
#[test]
fn an_irregular_cell_keeps_its_cores() {
    let mut cell = Cell::new(1, 21);
    let (h, x) = (cell.b.inputs()[0], cell.b.inputs()[1]);
    let order: Arc<[u32]> = [2u32, 0, 3, 1].into();
    let mixed = cell.op(Op::Select(Select::Order { order, fill: 0.0, shape: vec![UNITS] }), &[h]);
    let twice = cell.times(mixed, h);
    let next = cell.gate(x, twice, Function::Tanh);
    let graph = network((1, cell.b.finish_body(&[next, next]).unwrap()), false, 0.0);
    let dot = reformed(&graph, LoopForm::Cell);
    assert_eq!(dot.loops.len(), 1);
    let target = Target::new(chips::find("tpu").unwrap()).unwrap();
    let len = STEPS * INPUTS;
    let map = InputMap { scale: vec![2.0 / 255.0; len], offset: vec![-1.0; len] };
    let raw = stages::raw(&mut Draw::new(5), 64, len);
    let made = stages::run(&dot, &raw, &map, &target, &[]).unwrap_or_else(|e| panic!("{e}"));
    assert!(made.program.configs.len() < 12, "{}", made.program);
}
