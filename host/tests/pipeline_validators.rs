//! Every stage's validator refuses what it is there to refuse: each product is spoilt in one place, and the refusal seen.

mod pipeline_common;

use std::sync::{Arc, OnceLock};

use pipeline_common::cases::Draw;
use pipeline_common::onnx::{Model, npy};
use pipeline_common::{compile_guarded, folder, request};
use spandrel::compile::Compiled;
use spandrel::diagnostic::Result;
use spandrel::dots::{Act, Body, Dot, DotGraph, Source, Taps};
use spandrel::emit::{check_codes, check_image};
use spandrel::encode::{self, EncodedGraph, Form, Segments};
use spandrel::engine::{RawBatch, RawData};
use spandrel::expand::{self, CoreOpGraph, OpLine, Real};
use spandrel::graph::{Batch, Function, Graph};
use spandrel::import::parse_onnx;
use spandrel::lower::{self, LowerOptions};
use spandrel::numeric::Matrix;
use spandrel::target::Target;
use spandrel::tune::{self, CodeMap, Coded, CodedAct, Periphery};
use spandrel::verify::check_mapping;
use spandrel_core::image::{Config, Image, Instruction};

const INPUTS: usize = 300;
const SAMPLES: usize = 64;

struct Made {
    graph: Graph,
    batch: Batch,
    raw: Vec<u8>,
    dot: DotGraph,
    compiled: Compiled,
    target: Target,
}

fn prime() -> Target {
    Target::new(spandrel_hwdesc::builtin("prime").unwrap()).unwrap()
}

/// A tall sigmoid (carrier and relay), two arrays wide, a native sigmoid, a ReLU, a signed sum.
fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut draw = Draw::new(3);
        let mut model = Model::new(INPUTS);
        let widths = [INPUTS, 140, 12, 9, 4];
        for (pair, act) in widths.windows(2).zip(["Sigmoid", "Sigmoid", "Relu", ""]) {
            let w: Vec<f32> = (0..pair[0] * pair[1]).map(|_| 0.3 * draw.signed()).collect();
            let b: Vec<f32> = (0..pair[1]).map(|_| draw.signed()).collect();
            model.dense(pair[0], &w, Some(&b), true);
            if !act.is_empty() {
                model.node(act, &[], &[]);
            }
        }
        let bytes = model.bytes(4);
        let raw: Vec<u8> = (0..SAMPLES * INPUTS).map(|_| draw.below(256) as u8).collect();
        let folder = folder("validators");
        let (net, x) = (folder.join("net.onnx"), folder.join("x.npy"));
        std::fs::write(&net, &bytes).unwrap();
        std::fs::write(&x, npy("|u1", &[SAMPLES, INPUTS], &raw)).unwrap();
        let request = request(&net, "prime", &x, SAMPLES, &[]);
        let compiled = compile_guarded(&request).unwrap().unwrap_or_else(|error| panic!("{error}"));
        let graph = parse_onnx(&bytes, "net").unwrap();
        let values = raw.iter().map(|&v| f32::from(v) / 255.0).collect();
        let batch = Batch::new(SAMPLES, INPUTS, values).unwrap();
        let dot = lower::lower(&graph, &LowerOptions::default()).unwrap();
        Made { graph, batch, raw, dot, compiled, target: prime() }
    })
}

/// Expects the refusal `code`, with a rule that holds `word`.
fn refused<T>(result: Result<T>, code: &str, word: &str) {
    let Err(found) = result else { panic!("{word:?}: accepted") };
    assert!(
        found.0.iter().any(|d| d.code == code && d.rule.contains(word)),
        "{word:?} is not among what is refused: {found}"
    );
}

/// Takes the last entry away.
fn cut<T>(list: &mut Vec<T>) {
    let _ = list.pop();
}

#[test]
fn reform_refuses() {
    let Made { graph, batch, dot, .. } = made();
    lower::check(dot.clone(), graph, batch).unwrap();
    let spoil = |word: &str, change: &dyn Fn(&mut DotGraph)| {
        let mut dot = dot.clone();
        change(&mut dot);
        refused(lower::check(dot, graph, batch), "SP0302", word);
    };
    fn body(dot: &mut DotGraph, node: usize) -> &mut Dot {
        let Body::Dot(body) = &mut dot.nodes[node].body else { panic!("a sum") };
        body
    }
    let reach = |dot: &mut DotGraph, by: usize| {
        let Taps::Window(window) = &mut body(dot, 2).reads[0].taps else { panic!("a window") };
        window.first += by;
    };
    spoil("computed later", &|dot| body(dot, 1).reads[0].source = Source::Node(1));
    spoil("weights do not fit", &|dot| body(dot, 1).weights[0] = Matrix::zeros(12, 139).into());
    spoil("weights do not fit", &|dot| cut(&mut body(dot, 2).bias));
    spoil("its name is taken", &|dot| dot.nodes[1].name = dot.nodes[0].name.clone());
    spoil("reaches element", &|dot| reach(dot, 1));
    spoil("it is no node's value", &|dot| dot.outputs[0].node = 9);
    spoil("not a finite number", &|dot| *Arc::make_mut(&mut body(dot, 0).weights[0]).at_mut(0, 0) = f64::NAN);
    spoil("differs from the golden model", &|dot| {
        *Arc::make_mut(&mut body(dot, 0).weights[0]).at_mut(139, 299) += 5.0
    });
    spoil("differs from the golden model", &|dot| body(dot, 3).bias[3] += 0.1);
    spoil("differs from the golden model", &|dot| body(dot, 1).act = Act::Relu);
    spoil("differs from the golden model", &|dot| body(dot, 3).bias[0] = f64::NAN);
    spoil("differs from the golden model", &|dot| body(dot, 3).bias[3] = f64::INFINITY);
}

#[test]
fn encode_refuses() {
    let Made { compiled, target, .. } = made();
    let good = &compiled.coded.encoded;
    encode::check(good.clone(), target).unwrap();
    let names: Vec<&str> = good.nodes.iter().map(|node| node.form.name()).collect();
    assert_eq!(names, ["carrier", "table", "table", "relu", "sum"]);
    let spoil = |word: &str, change: &dyn Fn(&mut EncodedGraph)| {
        let mut graph = good.clone();
        change(&mut graph);
        refused(encode::check(graph, target), "SP0304", word);
    };
    spoil("not computed yet", &|graph| graph.dot.nodes[1].body.reads_mut()[0].source = Source::Node(3));
    spoil("no signal", &|graph| graph.nodes[3].copies[2] = 0);
    spoil("no signal", &|graph| cut(&mut graph.nodes[3].copies));
    spoil("the form sum is not legal", &|graph| graph.nodes[3].form = Form::Sum);
    let sigmoid = || Act::of(Function::Sigmoid);
    spoil("whole sum in one array", &|graph| {
        graph.nodes[0].form = Form::Table(sigmoid());
        let Body::Dot(dot) = &mut graph.dot.nodes[0].body else { panic!("a sum") };
        dot.act = sigmoid();
    });
    // A table of another function than the node's.
    spoil("the form table is not legal", &|graph| graph.nodes[3].form = Form::Table(sigmoid()));
    // Three signals for each value, but one column.
    spoil("the form segments is not legal", &|graph| {
        graph.nodes[2].form = Form::Segments(Segments::new(&sigmoid(), 3, (-8.0, 8.0)));
    });
    spoil("the form max is not legal", &|graph| graph.nodes[3].form = Form::Max);
    spoil("computed by no node", &|graph| drop(graph.nodes.pop()));
    let mut without = target.clone();
    without.sigmoid = false;
    refused(encode::check(good.clone(), &without), "SP0304", "the form table is not legal");
}

fn real(graph: &CoreOpGraph<Coded>) -> CoreOpGraph<Real> {
    let ops = graph.ops.iter().map(|op| op.with(Real));
    CoreOpGraph { encoded: graph.encoded.clone(), ops: ops.collect() }
}

#[test]
fn expand_refuses() {
    let Made { compiled, target, .. } = made();
    let good = real(&compiled.coded);
    expand::check(good.clone(), target).unwrap();
    let relay =
        good.ops.iter().position(|op| good.encoded.dot.nodes[op.node].name.ends_with(":relay")).unwrap();
    assert_eq!(good.ops[0].parts.len(), 2);
    let spoil = |word: &str, change: &dyn Fn(&mut CoreOpGraph<Real>)| {
        let mut graph = good.clone();
        change(&mut graph);
        refused(expand::check(graph, target), "SP0306", word);
    };
    spoil("another signal than its own", &|graph| graph.ops[0].columns.swap(3, 4));
    spoil("another signal than its own", &|graph| graph.ops[1].first_signal += 1);
    spoil("another signal than its own", &|graph| graph.ops[0].columns[0].channel = 9999);
    spoil("another signal than its own", &|graph| graph.ops[0].columns[0].copy = 1);
    spoil("not computed, or computed twice", &|graph| drop(graph.ops.remove(1)));
    spoil("not computed, or computed twice", &|graph| graph.ops.push(graph.ops[1].clone()));
    spoil("not computed, or computed twice", &|graph| cut(&mut graph.ops[1].columns));
    spoil("no word line", &|graph| cut(&mut graph.ops[0].parts[0]));
    spoil("no word line", &|graph| graph.ops[0].parts[1][0] = graph.ops[0].parts[1][1]);
    spoil("no word line", &|graph| graph.ops[0].parts[1][0] = 300);
    spoil("no word line", &|graph| cut(&mut graph.ops[relay].parts[0]));
    spoil("no word line", &|graph| {
        let foreign = graph.ops[relay].parts[0].len() as u32;
        graph.ops[relay].parts[0][0] = foreign;
    });
    let lines = |change: fn(&mut Vec<OpLine>)| {
        move |graph: &mut CoreOpGraph<Real>| {
            let mut lines = graph.ops[relay].lines.to_vec();
            change(&mut lines);
            graph.ops[relay].lines = lines.into();
        }
    };
    spoil("not those of its groups", &lines(|lines| lines.swap(0, 1)));
    spoil("not those of its groups", &lines(|lines| lines[0].line.copy += 1));
    spoil("not those of its groups", &lines(|lines| lines[0].line.element += 1));
    spoil("not those of its groups", &lines(|lines| lines[0].group += 1));
    spoil("not those of its groups", &lines(cut));
    spoil("not got", &|graph| graph.ops[0].groups = 1..1);
    spoil("no array", &|graph| graph.ops[0].parts.clear());
    spoil("not there", &|graph| graph.ops[0].node = 17);
    let small = |change: &dyn Fn(&mut Target), word: &str| {
        let mut target = target.clone();
        change(&mut target);
        refused(expand::check(good.clone(), &target), "SP0306", word);
    };
    small(&|target| target.rows = 149, "too small");
    small(&|target| target.columns = 127, "too small");
    small(&|target| target.max_parts = 1, "more than the adder holds");
}

fn bias(coded: &mut Coded) -> &mut Vec<Vec<i16>> {
    let Periphery::Composed { bias, .. } = &mut coded.periphery else { panic!("a crossbar") };
    bias
}

/// Lets shift and sum shift be changed.
fn with_shifts(coded: &mut Coded, change: impl Fn(&mut u8, &mut u8)) {
    let Periphery::Composed { shift, sum_shift, .. } = &mut coded.periphery else { panic!("a crossbar") };
    change(shift, sum_shift);
}

#[test]
fn tune_refuses() {
    let Made { compiled, target, .. } = made();
    tune::check(compiled.coded.clone(), target).unwrap();
    let spoil = |word: &str, change: &dyn Fn(&mut CoreOpGraph<Coded>)| {
        let mut graph = compiled.coded.clone();
        change(&mut graph);
        refused(tune::check(graph, target), "SP0308", word);
    };
    let last = compiled.coded.ops.len() - 1;
    let table =
        compiled.coded.ops.iter().position(|op| matches!(op.payload.act, CodedAct::Table(_))).unwrap();
    spoil("larger than the cells", &|graph| graph.ops[0].payload.weights[1][7] = 256);
    spoil("larger than the cells", &|graph| graph.ops[0].payload.weights[1][7] = i16::MIN);
    spoil("larger than the cells", &|graph| bias(&mut graph.ops[1].payload)[0][0] = -256);
    spoil("outside the chip's range", &|graph| with_shifts(&mut graph.ops[0].payload, |s, _| *s = 17));
    spoil("outside the chip's range", &|graph| with_shifts(&mut graph.ops[0].payload, |_, s| *s = 16));
    spoil("more bias rows", &|graph| {
        let Periphery::Composed { bias_rows, .. } = &mut graph.ops[0].payload.periphery else {
            panic!("a crossbar")
        };
        *bias_rows = 9;
    });
    spoil("no weight for some row", &|graph| cut(&mut graph.ops[0].payload.weights[0]));
    spoil("no weight for some row", &|graph| drop(graph.ops[0].payload.weights.pop()));
    spoil("no weight for some row", &|graph| cut(&mut bias(&mut graph.ops[0].payload)[0]));
    spoil("has no meaning", &|graph| cut(&mut graph.ops[last].payload.coefficients));
    spoil("has no meaning", &|graph| graph.ops[last].payload.zeros.push(0.0));
    spoil("not the node's function", &|graph| graph.ops[last].payload.act = CodedAct::Relu);
    spoil("not the node's function", &|graph| graph.ops[table].payload.act = CodedAct::Relu);
    spoil("not the node's function", &|graph| graph.ops[0].payload.act = CodedAct::None);
    let entry = |value: i32| {
        move |graph: &mut CoreOpGraph<Coded>| {
            if let CodedAct::Table(entries) = &mut graph.ops[table].payload.act {
                entries[5] = value;
            }
        }
    };
    spoil("table does not fit", &entry(64));
    spoil("table does not fit", &entry(-1));
    spoil("table does not fit", &|graph| {
        if let CodedAct::Table(entries) = &mut graph.ops[table].payload.act {
            entries.pop();
        }
    });
}

/// A change of every kind of record of the program is found in the image.
#[test]
fn emission_refuses() {
    let Compiled { program, image, .. } = &made().compiled;
    assert!(check_image(program, image).unwrap() > 10_000);
    type Change = fn(&mut spandrel::map::Program);
    let spoil = |word: &str, change: Change| {
        let mut program = program.clone();
        change(&mut program);
        refused(check_image(&program, image), "SP0310", word);
    };
    spoil("edge", |program| program.edges[1].length -= 1);
    spoil("access pattern", |program| drop(program.accesses.pop()));
    spoil("configuration", |program| {
        let Config::Crossbar(crossbar) = &mut program.configs[2] else { panic!("a crossbar") };
        crossbar.sum_shift += 1;
    });
    spoil("instruction", |program| program.instructions.swap(0, 1));
    spoil("instruction", |program| program.instructions.push(Instruction::Gather { access: 0, first: 0 }));
    spoil("encoder", |program| program.encoders[0].hi = 62);
    spoil("decoder", |program| program.decoders[0].scale += fixed::types::I32F32::DELTA);
    spoil("placement", |program| program.placements[3].core += 1);
    spoil("route", |program| program.routes[0].signals += 1);
    spoil("table", |program| program.tables[0][0] += 1);
    spoil("weights 0, column 1", |program| {
        let rows = program.blobs[0].rows;
        program.blobs[0].weights[rows + 3] ^= 1;
    });
    spoil("weights", |program| drop(program.blobs[1].weights.drain(..1)));
    spoil("weights 2, column 0", |program| program.blobs[2].rows -= 1);
    spoil("provenance", |program| program.origins[1].node.push('x'));
    let mut cut = image.clone();
    cut.truncate(image.len() - 1);
    refused(check_image(program, &cut), "SP0310", "refused");
}

/// The machine's codes are compared with the tuner's, node by node.
#[test]
fn codes_of_another_machine_are_refused() {
    let Made { compiled, target, raw, .. } = made();
    let batch = RawBatch::new(RawData::U8(raw), INPUTS).unwrap();
    // The codes that the program gives, taken from refusals: every signal of every node is compared, so wrong ones name
    // the right ones.
    let nodes = &compiled.coded.encoded.nodes;
    let width = |number: usize| compiled.coded.encoded.signals(Source::Node(number));
    let none: Vec<CodeMap> = (0..nodes.len())
        .map(|number| CodeMap::new(width(number), vec![1 << 30; SAMPLES * width(number)]))
        .collect();
    let Err(found) = check_codes(&compiled.program, &none, &batch, target) else { panic!("accepted") };
    assert_eq!(found.0.len(), nodes.len(), "{found}");
    for (number, diagnostic) in found.0.iter().enumerate() {
        assert_eq!(diagnostic.code, "SP0310");
        assert!(diagnostic.place.contains(&format!("node {number}")), "{found}");
        assert!(diagnostic.rule.contains("signal 0 of sample 0"), "{found}");
    }
}

#[test]
fn mapping_refuses() {
    let Compiled { coded, image, .. } = &made().compiled;
    let image = Image::parse(image).unwrap();
    assert!(check_mapping(coded, &image).evidence.holds());
    let spoil = |what: &str, change: &dyn Fn(&mut CoreOpGraph<Coded>)| {
        let mut graph = coded.clone();
        change(&mut graph);
        let evidence = check_mapping(&graph, &image).evidence;
        assert!(!evidence.holds() && !evidence.failures.is_empty(), "{what}: {}", evidence.text);
    };
    let last = coded.ops.len() - 1;
    spoil("a weight", &|graph| graph.ops[0].payload.weights[1][7] ^= 1);
    spoil("a bias", &|graph| bias(&mut graph.ops[1].payload)[0][0] ^= 1);
    spoil("a shift", &|graph| with_shifts(&mut graph.ops[0].payload, |s, _| *s ^= 1));
    spoil("a sum shift", &|graph| with_shifts(&mut graph.ops[0].payload, |_, s| *s ^= 1));
    spoil("two rows", &|graph| graph.ops[0].parts[0].swap(0, 1));
    spoil("two arrays", &|graph| graph.ops[0].parts.swap(0, 1));
    spoil("where an op writes", &|graph| graph.ops[1].first_signal -= 1);
    spoil("an op", &|graph| drop(graph.ops.pop()));
    spoil("the function", &|graph| graph.ops[last].payload.act = CodedAct::Relu);
    spoil("a table", &|graph| {
        for op in &mut graph.ops {
            if let CodedAct::Table(entries) = &mut op.payload.act {
                entries[60] ^= 1;
            }
        }
    });
}
