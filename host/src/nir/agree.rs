//! C7 of spiking networks: the class that an image gives each sample beside the one that the network's own dynamics give.

use spandrel_core::image::Image;

use super::activity;
use super::compile::decide;
use super::rasters::Rasters;
use super::read_nir;
use crate::compile::Request;
use crate::diagnostic::{Diagnostic, Result};
use crate::evaluate::class_of;

/// How many samples were decided how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Samples.
    pub samples: usize,
    /// Samples on which both choose the same class.
    pub agreeing: usize,
    /// Samples whose label the image chooses, and those whose label the network chooses; absent without labels.
    pub correct: Option<(usize, usize)>,
}

/// Runs `image` and the network of `request.model` on all of `request.samples`.
///
/// # Errors
/// Model and samples can not be read, or do not fit the image; SP0401 for whole numbers (`.net`), which have no dynamics of their own.
pub fn agreement(image: &Image<'_>, request: &Request) -> Result<Agreement> {
    let place = request.model.display().to_string();
    if request.model.extension().is_some_and(|ending| ending == "net") {
        let rule = "the network is whole numbers already, and the image holds them";
        let way_out = "ask for C3, which compares them";
        return Err(Diagnostic::error("SP0401", place, rule, way_out).into());
    }
    let graph = read_nir(&request.model)?;
    let options = &request.options.spiking;
    let scheme = options.scheme(graph.has_time()).ok_or_else(|| {
        let rule = format!("there is no discretisation `{}`", options.scheme);
        Diagnostic::error("SP0134", "spiking.scheme", rule, "spandrel compile --help lists them")
    })?;
    let shape = graph.nodes()[graph.input()].shape.clone();
    let samples =
        Rasters::read(&request.samples, request.labels.as_deref(), &shape, options.events, usize::MAX)?;
    let counts = activity::run(image, &samples)?;
    let classes: Vec<u32> = counts.iter().map(|codes| class_of(codes)).collect();
    let golden = decide(&graph, &scheme, &samples)?;
    let same = |a: &[u32], b: &[u32]| a.iter().zip(b).filter(|(a, b)| a == b).count();
    let correct = samples.labels.as_ref().map(|labels| (same(&classes, labels), same(&golden, labels)));
    Ok(Agreement { samples: classes.len(), agreeing: same(&classes, &golden), correct })
}
