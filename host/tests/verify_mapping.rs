//! Claim C4 on networks of windows: the program that was mapped passes, and whatever is damaged in it is found and placed.

mod pipeline_common;

use std::sync::OnceLock;

use pipeline_common::cases::Draw;
use pipeline_common::stages::{self, Staged};
use pipeline_common::windows;
use spandrel::dots::{Body, DotGraph};
use spandrel::emit::write_image;
use spandrel::map::Program;
use spandrel::target::Target;
use spandrel::tune::{self, InputMap};
use spandrel::verify::{Evidence, MappingEvidence, check_mapping, check_mapping_within};
use spandrel_core::image::{Combine, Image, Instruction};

struct Made {
    dot: DotGraph,
    staged: Staged,
    target: Target,
}

/// A padded convolution over three arrays, a pooling, a depthwise convolution, a residual sum, a dense layer.
fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut draw = Draw::new(4);
        let dot = windows::residual(&mut draw);
        let chip = pipeline_common::cases::chip(&[("crossbar.rows", "32".to_owned())]);
        let target = Target::new(chip).unwrap();
        let len = dot.input_len();
        // The picture is centred, so that padding must be told.
        let map = InputMap { scale: vec![1.0 / 255.0; len], offset: vec![-0.5; len] };
        let raw = stages::raw(&mut draw, 12, len);
        let staged = stages::run(&dot, &raw, &map, &target, &["tune=nearest", "encode.signals=2"])
            .unwrap_or_else(|error| panic!("{error}"));
        Made { dot, staged, target }
    })
}

fn checked(change: impl Fn(&mut Program), lines: Option<u64>) -> MappingEvidence {
    let Made { staged, target, .. } = made();
    let mut program = staged.program.clone();
    change(&mut program);
    let bytes = write_image(&program, &[], "", target).unwrap_or_else(|error| panic!("{error}"));
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}"));
    match lines {
        Some(lines) => check_mapping_within(&staged.coded, &image, lines),
        None => check_mapping(&staged.coded, &image),
    }
}

/// The first instruction from `from` on that is `wanted`.
fn find(program: &Program, from: usize, wanted: impl Fn(&Instruction) -> bool) -> usize {
    from + program.instructions[from..].iter().position(wanted).expect("there is one")
}

fn gather(instruction: &Instruction) -> bool {
    matches!(instruction, Instruction::Gather { .. })
}

fn access_of(instruction: &Instruction) -> u32 {
    match instruction {
        Instruction::Gather { access, .. }
        | Instruction::Scatter { access, .. }
        | Instruction::Add { access, .. }
        | Instruction::Emit { access, .. } => *access,
        other => panic!("{other:?} has no pattern"),
    }
}

/// Gives an instruction a pattern of its own, changed.
fn with_pattern(program: &mut Program, at: usize, change: impl Fn(&mut spandrel_core::image::Access)) {
    let mut pattern = program.accesses[access_of(&program.instructions[at]) as usize].clone();
    change(&mut pattern);
    program.accesses.push(pattern);
    let number = program.accesses.len() as u32 - 1;
    match &mut program.instructions[at] {
        Instruction::Gather { access, .. }
        | Instruction::Scatter { access, .. }
        | Instruction::Add { access, .. }
        | Instruction::Emit { access, .. } => *access = number,
        other => panic!("{other:?}"),
    }
}

/// Takes an instruction away; the loops around others stay whole.
fn without(program: &mut Program, at: usize) {
    program.instructions.remove(at);
    for instruction in &mut program.instructions {
        if let Instruction::End { start, .. } = instruction
            && *start as usize > at
        {
            *start -= 1;
        }
    }
}

fn located(what: &str, evidence: &Evidence, node: &str) {
    println!("{what}: {}", evidence.failures.first().map_or(String::new(), ToString::to_string));
    assert!(evidence.wrong > 0, "{what} is not found");
    let failure = &evidence.failures[0];
    assert_eq!(failure.node.as_deref(), Some(node), "{what}: {failure}");
}

#[test]
fn the_mapped_program_passes_and_says_what_was_looked_at() {
    let Made { dot, staged, .. } = made();
    let found = checked(|_| (), None);
    println!("{}", found.evidence.text);
    assert!(found.evidence.holds(), "{:?}", found.evidence.failures);
    let graph = &staged.coded;
    let weights: usize =
        graph.ops.iter().map(|op| op.payload.weights.iter().map(Vec::len).sum::<usize>()).sum();
    assert!(found.weights as usize > weights && found.arrays == graph.arrays());
    let positions = |node: usize| graph.encoded.dot.nodes[node].positions() as u64;
    let lines: u64 = graph.ops.iter().map(|op| positions(op.node) * op.lines.len() as u64).sum();
    assert_eq!(found.delivered, lines);
    assert_eq!(found.looked_at, found.invoked);
    assert!(graph.ops.iter().any(|op| op.parts.len() > 2), "no sum over several arrays");
    assert!(dot.nodes.iter().any(|node| matches!(node.body, Body::Max(_))));
    assert!(graph.encoded.nodes.iter().any(|node| !node.inside.is_empty()), "no padding is told");

    // With a small budget the borders and a share of the rest are looked at, and it is said.
    let some = checked(|_| (), Some(lines / 8));
    println!("{}", some.evidence.text);
    assert!(some.evidence.holds(), "{:?}", some.evidence.failures);
    assert_eq!((some.invoked, some.weights), (found.invoked, found.weights));
    assert!(some.looked_at < found.invoked && some.delivered < lines);
    assert!(some.evidence.cases < found.evidence.cases);
    assert!(some.evidence.text.contains(&format!("at {} of {} invocations", some.looked_at, some.invoked)));
}

#[test]
fn damage_in_a_loop_is_found_and_placed() {
    let first = |program: &Program| find(program, 0, gather);
    for lines in [None, Some(1)] {
        let damage = |what: &str, node: &str, change: &dyn Fn(&mut Program)| {
            let found = checked(change, lines).evidence;
            located(what, &found, node);
            found.failures[0].clone()
        };
        let swapped = damage("two gathers swapped", "conv", &|program| {
            let one = first(program);
            let other = find(program, one + 1, gather);
            let (a, b) = (access_of(&program.instructions[one]), access_of(&program.instructions[other]));
            for (at, access) in [(one, b), (other, a)] {
                if let Instruction::Gather { access: own, .. } = &mut program.instructions[at] {
                    *own = access;
                }
            }
        });
        assert_eq!((swapped.core, swapped.position), (Some(0), Some(0)));
        assert!(swapped.row.is_some());
        let shifted = damage("an origin shifted", "conv", &|program| {
            let at = first(program);
            with_pattern(program, at, |pattern| pattern.axes[1].origin += 1);
        });
        // Two rows of padding lie above: the first line of the picture is met in the third row of the grid.
        assert_eq!((shifted.core, shifted.position), (Some(0), Some(16)));
        // The right border alone: an axis that ends one pixel later, where the next row begins.
        let padded = damage("a wrong pad axis", "conv", &|program| {
            let from = first(program);
            let far = find(program, from, |i| {
                gather(i) && {
                    let pattern = &program.accesses[access_of(i) as usize];
                    pattern.axes.len() > 1 && pattern.axes[1].origin > 0
                }
            });
            with_pattern(program, far, |pattern| {
                pattern.axes[1].extent += 1;
                // So that the pattern stays within the edge.
                pattern.axes[0].extent -= 1;
            });
        });
        assert!(padded.position > Some(0), "{padded}");
        damage("another pad code", "conv", &|program| {
            let at = first(program);
            with_pattern(program, at, |pattern| pattern.pad = 1);
        });
        damage("a stride", "conv", &|program| {
            let at = first(program);
            with_pattern(program, at, |pattern| pattern.terms[0].coefficient += 1);
        });
        let part = damage("a part dropped", "conv", &|program| {
            let at = find(program, 0, |i| {
                matches!(i, Instruction::Invoke { accumulate: true, finish: false, .. })
            });
            without(program, at);
        });
        assert_eq!(part.position, Some(0));
        damage("a part summed twice", "conv", &|program| {
            let at = find(program, 0, |i| {
                matches!(i, Instruction::Invoke { accumulate: true, finish: false, .. })
            });
            let again = program.instructions[at];
            let before = find(program, at + 1, |i| matches!(i, Instruction::Invoke { .. }));
            program.instructions[before] = again;
        });
        let weight = damage("a weight", "conv", &|program| {
            let rows = program.blobs[1].rows;
            let weight = &mut program.blobs[1].weights[3 * rows + 5];
            *weight = if *weight == 7 { 8 } else { 7 };
        });
        assert_eq!((weight.core, weight.unit, weight.row), (Some(1), Some(3), Some(5)));
        damage("a tap of a maximum", "pool", &|program| {
            let at = find(program, 0, |i| matches!(i, Instruction::Add { combine: Combine::Max, .. }));
            without(program, at);
        });
        damage("a maximum elsewhere", "pool", &|program| {
            let at = find(program, 0, |i| matches!(i, Instruction::Add { combine: Combine::Max, .. }));
            with_pattern(program, at, |pattern| pattern.axes[0].origin -= 1);
        });
        // Whoever reads what is not computed is the first to notice.
        damage("a loop too short", "pool", &|program| {
            let Instruction::Loop { trips, .. } = &mut program.instructions[0] else { panic!("a loop") };
            *trips -= 1;
        });
    }
}

#[test]
fn results_in_wrong_places_are_found() {
    for lines in [None, Some(1)] {
        // A result one pixel further on: whoever reads it first finds it missing, or another in its place.
        let found = checked(
            |program| {
                let at = find(program, 0, |i| matches!(i, Instruction::Scatter { .. }));
                with_pattern(program, at, |pattern| pattern.axes[0].origin += 1);
            },
            lines,
        );
        println!("{}", found.evidence.failures[0]);
        assert!(found.evidence.wrong > 0);
        // An output's signals in another order.
        let found = checked(
            |program| {
                let at = find(program, 0, |i| matches!(i, Instruction::Emit { .. }));
                // A pattern of its own: where results are kept stays as it was.
                with_pattern(program, at, |pattern| {
                    pattern.dims[0].step = -1;
                    pattern.axes[0].origin = pattern.dims[0].count as i32 - 1;
                });
            },
            lines,
        );
        assert!(
            found.evidence.failures.iter().any(|f| f.what.contains("emitted for value")),
            "{:?}",
            found.evidence.failures
        );
        let found = checked(|program| program.routes[3].signals += 1, lines);
        assert!(
            found.evidence.failures.iter().any(|f| f.what.contains("routed")),
            "{:?}",
            found.evidence.failures
        );
    }
}

/// Each position wants its own signals: a graph that reads one pixel further on is another graph.
#[test]
fn another_graph_is_told_apart() {
    let Made { staged, .. } = made();
    let image = Image::parse(&staged.image).unwrap();
    for node in 0..staged.coded.encoded.dot.nodes.len() {
        let mut graph = staged.coded.clone();
        let name = graph.encoded.dot.nodes[node].name.clone();
        let Some(spandrel::dots::Taps::Window(window)) =
            graph.encoded.dot.nodes[node].body.reads_mut().first_mut().map(|read| &mut read.taps)
        else {
            continue;
        };
        let axis = window.axes.len() - 1;
        let moved = &mut window.axes[if axis > 0 { axis - 1 } else { 0 }];
        moved.origin += 1;
        located(&format!("{name} moved"), &check_mapping(&graph, &image).evidence, &name);
    }
}

/// A column of one group with a weight on a line of another is no core-op of this graph.
#[test]
fn weights_between_groups_are_refused() {
    let Made { staged, target, .. } = made();
    let mut graph = staged.coded.clone();
    tune::check(graph.clone(), target).unwrap();
    let op = graph.ops.iter_mut().find(|op| op.groups.len() > 1).expect("a core-op of several groups");
    let part = &op.parts[0];
    let foreign = part.iter().position(|&line| op.lines[line as usize].group as usize != op.groups.start);
    op.payload.weights[0][foreign.expect("a line of another group")] = 1;
    let Err(found) = tune::check(graph, target) else { panic!("accepted") };
    assert!(found.0.iter().any(|d| d.rule.contains("another group")), "{found}");
}
