//! NIR files from a source of bytes: HDF5 as its library writes it, with nodes, fields and edges that can be wrong.

use hdf5_pure::{FileBuilder, GroupBuilder};

use crate::generate::{Source, number, once_in, pick};

const KINDS: [&str; 21] = [
    "Input",
    "Output",
    "Affine",
    "Linear",
    "Scale",
    "Conv1d",
    "Conv2d",
    "SumPool2d",
    "AvgPool2d",
    "Flatten",
    "Delay",
    "Threshold",
    "I",
    "LI",
    "IF",
    "LIF",
    "CubaLI",
    "CubaLIF",
    "NIRGraph",
    "Sequence",
    "",
];

/// A number as files hold it, odd ones among them.
fn value(u: &mut Source<'_>) -> f64 {
    match number(u, 0, 11) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => -1e300,
        3 => 1e18,
        4 => 0.0,
        5 => -(number(u, 0, 20) as f64),
        _ => number(u, 0, 64) as f64 / 8.0,
    }
}

/// Numbers of a shape; now and then a shape of its own instead.
fn field(u: &mut Source<'_>, group: &mut GroupBuilder, name: &str, shape: &[u64], plain: Option<f64>) {
    if once_in(u, 24) {
        return;
    }
    let own: Vec<u64>;
    let shape = if once_in(u, 16) {
        own = (0..number(u, 0, 4)).map(|_| number(u, 0, 6) as u64).collect();
        &own[..]
    } else {
        shape
    };
    let count = shape.iter().product::<u64>() as usize;
    let odd = once_in(u, 10);
    let values: Vec<f64> = (0..count)
        .map(|_| match plain {
            Some(plain) if !odd => plain,
            _ => value(u),
        })
        .collect();
    group.create_dataset(name).with_f64_data(&values).with_shape(shape);
}

/// What a node needs to be read, for `len` values in and `next` out.
fn fields(u: &mut Source<'_>, group: &mut GroupBuilder, kind: &str, len: u64, next: u64) {
    let weight = once_in(u, 2).then_some(0.5);
    let mut one = |u: &mut Source<'_>, name: &str, plain: f64| field(u, group, name, &[len], Some(plain));
    match kind {
        "Input" | "Output" => field(u, group, "shape", &[1], Some(len as f64)),
        "Affine" => {
            field(u, group, "weight", &[next, len], weight);
            field(u, group, "bias", &[next], weight);
        }
        "Linear" => field(u, group, "weight", &[next, len], weight),
        "Scale" => one(u, "scale", 2.0),
        "Conv1d" => {
            field(u, group, "weight", &[next, 1, 2], weight);
            window(u, group, &[]);
            field(u, group, "bias", &[next], weight);
            field(u, group, "input_shape", &[], Some(len as f64));
        }
        "Conv2d" => {
            let groups = number(u, 1, 2) as u64;
            field(u, group, "weight", &[next, 1, 2, 2], weight);
            window(u, group, &[2]);
            field(u, group, "bias", &[next], weight);
            field(u, group, "input_shape", &[2], Some(len as f64));
            field(u, group, "groups", &[], Some(groups as f64));
        }
        "SumPool2d" | "AvgPool2d" => {
            for (name, plain) in [("kernel_size", 2.0), ("stride", 1.0), ("padding", 0.0)] {
                field(u, group, name, &[2], Some(plain));
            }
        }
        "Flatten" => {
            field(u, group, "input_type", &[3], Some(2.0));
            field(u, group, "start_dim", &[], Some(0.0));
            field(u, group, "end_dim", &[], Some(-1.0));
        }
        "Delay" => one(u, "delay", 0.001),
        "Threshold" => one(u, "threshold", 1.0),
        _ => {
            for (name, plain) in [
                ("r", 1.0),
                ("tau", 0.01),
                ("tau_mem", 0.01),
                ("tau_syn", 0.01),
                ("w_in", 1.0),
                ("v_leak", 0.0),
                ("v_threshold", 0.5),
                ("v_reset", 0.0),
            ] {
                one(u, name, plain);
            }
        }
    }
}

fn window(u: &mut Source<'_>, group: &mut GroupBuilder, shape: &[u64]) {
    field(u, group, "stride", shape, Some(1.0));
    field(u, group, "dilation", shape, Some(1.0));
    match number(u, 0, 3) {
        0 => drop(group.create_dataset("padding").with_vlen_strings(&["same"]).with_shape(&[])),
        1 => drop(group.create_dataset("padding").with_vlen_strings(&["valid"]).with_shape(&[])),
        _ => field(u, group, "padding", shape, Some(1.0)),
    }
}

/// A chain of nodes, sometimes with edges across, and a nested graph at times; `None` where the library refuses to write it.
fn graph(u: &mut Source<'_>, root: &mut GroupBuilder, depth: usize) {
    root.create_dataset("type").with_vlen_strings(&["NIRGraph"]).with_shape(&[]);
    let mut nodes = root.create_group("nodes");
    let inner = number(u, 1, 4) as usize;
    let mut len = number(u, 1, 5) as u64;
    let mut names = Vec::new();
    for at in 0..inner + 2 {
        let (name, kind) = match at {
            0 => ("input".to_owned(), "Input"),
            _ if at == inner + 1 => ("output".to_owned(), "Output"),
            _ => (format!("n{at}"), pick(u, &KINDS)),
        };
        let mut group = nodes.create_group(&name);
        let next = number(u, 1, 5) as u64;
        if kind == "NIRGraph" && depth < 3 {
            graph(u, &mut group, depth + 1);
        } else {
            if !once_in(u, 30) {
                group.create_dataset("type").with_vlen_strings(&[kind]).with_shape(&[]);
            }
            fields(u, &mut group, kind, len, next);
            if ["Affine", "Linear", "Conv2d", "Conv1d"].contains(&kind) {
                len = next;
            }
        }
        nodes.add_group(group.finish());
        names.push(name);
    }
    let mut edges: Vec<&str> = names.windows(2).flat_map(|pair| [&*pair[0], &*pair[1]]).collect();
    for _ in 0..number(u, 0, 5).saturating_sub(3) {
        edges.extend([&*names[number(u, 0, inner as i64 + 1) as usize], "n1"]);
    }
    let pairs = edges.len() as u64 / 2;
    root.create_dataset("edges").with_vlen_strings(&edges).with_shape(&[pairs, 2]);
    root.add_group(nodes.finish());
}

/// A file; `None` where the library refuses to write it.
pub(super) fn make(u: &mut Source<'_>) -> Option<Vec<u8>> {
    let mut builder = FileBuilder::new();
    let mut root = builder.create_group("node");
    graph(u, &mut root, 0);
    builder.add_group(root.finish());
    builder.finish().ok()
}
