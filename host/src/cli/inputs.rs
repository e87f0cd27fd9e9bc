//! Options that tell how samples reach the model's inputs, and the sizes of its named dimensions.

use std::collections::BTreeMap;

use super::keep;
use crate::compile::{Prepare, Request};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::samples::Layout;
use crate::sequence::Feedback;

#[derive(clap::Args)]
pub(super) struct Inputs {
    /// Axes of the samples and of the model, such as nhwc:nchw [default: samples lie as the model's input does]. Of a single input
    /// of several: NAME=nhwc:nchw; so below
    #[arg(long, value_name = "[NAME=]FROM:TO")]
    layout: Vec<String>,
    /// The model sees (x * scale - mean) / std: one number, or one per channel with commas between
    /// [default: 1/255 for bytes, else 1]
    #[arg(long, value_name = "[NAME=]A,B,…", allow_hyphen_values = true)]
    scale: Vec<String>,
    /// See --scale [default: 0]
    #[arg(long, value_name = "[NAME=]A,B,…", allow_hyphen_values = true)]
    mean: Vec<String>,
    /// See --scale [default: 1]
    #[arg(long, value_name = "[NAME=]A,B,…", allow_hyphen_values = true)]
    std: Vec<String>,
    #[command(flatten)]
    dims: Dims,
    #[command(flatten)]
    sequences: Sequences,
}

#[derive(clap::Args)]
pub(super) struct Sequences {
    /// An output of the model that comes back as one of its inputs at the next sample; it begins at zero. Once for each
    #[arg(long, value_name = "OUT=IN")]
    state: Vec<String>,
    #[command(flatten)]
    length: Length,
}

#[derive(clap::Args)]
pub(super) struct Length {
    /// Samples of a sequence, where state is held between samples: it is reset before each sequence [default: all samples of a file
    /// are one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    sequence: Option<u32>,
}

impl Sequences {
    /// What is fed back; `None` when nothing is given.
    pub(super) fn states(&self, found: &mut Diagnostics) -> Option<Vec<Feedback>> {
        let states: Vec<Feedback> =
            self.state.iter().filter_map(|text| keep(text.parse::<Feedback>(), found)).collect();
        (!self.state.is_empty()).then_some(states)
    }

    /// Samples of a sequence, when they are given.
    pub(super) fn sequence(&self) -> Option<usize> {
        self.length.sequence()
    }
}

impl Length {
    /// Samples of a sequence, when they are given.
    pub(super) fn sequence(&self) -> Option<usize> {
        self.sequence.map(|samples| samples as usize)
    }
}

#[derive(clap::Args)]
pub(super) struct Dims {
    /// The size of a dimension that the model names instead of sizing it; once for each
    #[arg(long, value_name = "NAME=N")]
    dim: Vec<String>,
}

impl Dims {
    /// The sizes by name; `None` when none is given.
    pub(super) fn read(&self, found: &mut Diagnostics) -> Option<BTreeMap<String, usize>> {
        let mut dims = BTreeMap::new();
        for text in &self.dim {
            let split = text.rsplit_once('=').filter(|(name, _)| !name.trim().is_empty());
            let size = split.and_then(|(name, size)| {
                let size = size.trim().parse::<usize>().ok().filter(|size| *size >= 1)?;
                Some((name.trim().to_owned(), size))
            });
            match size {
                Some((name, size)) if dims.get(&name).is_none_or(|other| *other == size) => {
                    dims.insert(name, size);
                }
                Some((name, _)) => {
                    let rule = format!("the dimension {name:?} has two sizes");
                    found.push(Diagnostic::error("SP0004", format!("--dim {text}"), rule, "give it once"));
                }
                None => {
                    let rule = "it is not a name, =, and a size of 1 or more";
                    let way_out = "write the dimension's name as the model has it: --dim sequence=16";
                    found.push(Diagnostic::error("SP0004", format!("--dim {text}"), rule, way_out));
                }
            }
        }
        (!dims.is_empty()).then_some(dims)
    }
}

impl Inputs {
    /// Writes the options into `request`.
    pub(super) fn apply(&self, request: &mut Request, found: &mut Diagnostics) {
        request.dims = self.dims.read(found).unwrap_or_default();
        request.states = self.sequences.states(found).unwrap_or_default();
        request.sequence = self.sequences.sequence().unwrap_or(0);
        if request.sequence > 0 && self.sequences.state.is_empty() {
            let rule = "samples are no sequence where nothing is fed back";
            let way_out = "name what is fed back with --state OUT=IN, or leave it out";
            found.push(Diagnostic::error("SP0004", "--sequence", rule, way_out));
        }
        let Request { prepare, own, .. } = request;
        each("--layout", &self.layout, (prepare, own), found, |to, text, found| {
            put(&mut to.layout, keep(text.parse::<Layout>(), found))
        });
        for (option, texts, field) in [
            ("--scale", &self.scale, (|to| &mut to.scale) as fn(&mut Prepare) -> &mut Option<Vec<f64>>),
            ("--mean", &self.mean, |to| &mut to.mean),
            ("--std", &self.std, |to| &mut to.std),
        ] {
            each(option, texts, (prepare, own), found, |to, text, found| {
                put(field(to), numbers(option, text, found))
            });
        }
    }
}

/// Whether there was no value before; what could not be read changes nothing.
fn put<T>(to: &mut Option<T>, value: Option<T>) -> bool {
    let free = to.is_none();
    *to = value.or(to.take());
    free
}

fn numbers(option: &str, text: &str, found: &mut Diagnostics) -> Option<Vec<f64>> {
    let list: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    if list.is_none() {
        let rule = "it is not a number, or several with commas between";
        let way_out = "write one number, or one per channel: 0.5,0.5,0.4; of one input of several: NAME=0.5";
        found.push(Diagnostic::error("SP0004", format!("{option} {text}"), rule, way_out));
    }
    list
}

/// Calls `set` with every value of an option and where it belongs: to the input named before a `=`, or to all.
fn each(
    option: &str,
    texts: &[String],
    (all, own): (&mut Prepare, &mut BTreeMap<String, Prepare>),
    found: &mut Diagnostics,
    set: impl Fn(&mut Prepare, &str, &mut Diagnostics) -> bool,
) {
    for text in texts {
        let free = match text.rsplit_once('=') {
            Some((name, value)) => set(own.entry(name.to_owned()).or_default(), value, found),
            None => set(all, text, found),
        };
        if !free {
            let rule = "the option is given twice for the same input";
            let way_out = "give it once, or once for each input: NAME=VALUE";
            found.push(Diagnostic::error("SP0004", format!("{option} {text}"), rule, way_out));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(options: &[(&str, &str)]) -> (Request, Diagnostics) {
        let of = |option: &str| {
            options.iter().filter(|(o, _)| *o == option).map(|(_, v)| (*v).to_owned()).collect::<Vec<_>>()
        };
        let [layout, scale, mean, std, dim] = ["layout", "scale", "mean", "std", "dim"].map(of);
        let [state] = ["state"].map(of);
        let sequence = of("sequence").first().and_then(|n| n.parse().ok());
        let sequences = Sequences { state, length: Length { sequence } };
        let inputs = Inputs { layout, scale, mean, std, dims: Dims { dim }, sequences };
        let (mut request, mut found) = (Request::new("m", "c", "s"), Diagnostics::default());
        inputs.apply(&mut request, &mut found);
        (request, found)
    }

    #[test]
    fn options_belong_to_all_inputs_or_to_the_named_one() {
        let given = [
            ("scale", "0.5"),
            ("scale", "x:0=1,2"),
            ("mean", "-3"),
            ("layout", "x:0=nhc:nch"),
            ("dim", "a b=3"),
            ("dim", "t=1"),
            ("state", "h 1=h 0"),
            ("sequence", "4"),
        ];
        let (request, found) = inputs(&given);
        assert!(found.is_empty(), "{found}");
        let own = request.prepare("x:0");
        assert_eq!((own.scale, own.mean, own.std), (Some(vec![1.0, 2.0]), Some(vec![-3.0]), None));
        assert_eq!(own.layout.map(|layout| layout.to_string()).as_deref(), Some("nhc:nch"));
        assert_eq!(request.prepare("other").scale, Some(vec![0.5]));
        assert_eq!(request.states, [Feedback { output: "h 1".into(), input: "h 0".into() }]);
        assert_eq!(request.sequence, 4);
        assert_eq!(request.dims, [("a b".to_owned(), 3), ("t".to_owned(), 1)].into());
    }

    #[test]
    fn what_can_not_be_read_is_refused() {
        for given in [
            &[("dim", "n")][..],
            &[("dim", "=3")],
            &[("dim", "n=0")],
            &[("dim", "n=-1")],
            &[("dim", "n=1"), ("dim", "n=2")],
            &[("scale", "a")],
            &[("mean", "1,")],
            &[("std", "1"), ("std", "2")],
            &[("layout", "nhwc")],
            &[("state", "h")],
            &[("state", "=h")],
            &[("state", "h=")],
            &[("sequence", "3")],
            &[("layout", "x=nhc:nch"), ("layout", "x=nhc:nch")],
        ] {
            assert_eq!(inputs(given).1.0.len(), 1, "{given:?}");
        }
    }
}
