//! C7 of spiking networks: the class that an image gives each sample beside the one that the network's own dynamics give.

use spandrel_core::image::Image;
use spandrel_core::machine::OutputDigest;

use super::activity;
use super::compile::{decide, is_whole};
use super::rasters::Rasters;
use super::read_nir;
use crate::compile::Request;
use crate::diagnostic::{Diagnostic, Result};
use crate::evaluate::{Evaluation, class_of};

/// Runs `image` and the network of `request.model` on all of `request.samples`.
///
/// # Errors
/// Model and samples can not be read, or do not fit the image; SP0401 for whole numbers (`.net`), which have no dynamics of their own.
pub fn agreement(image: &Image<'_>, request: &Request) -> Result<Evaluation> {
    if is_whole(&request.model) {
        let place = request.model.display().to_string();
        let rule = "the network is whole numbers already, and the image holds them";
        let way_out = "ask for C3, which compares them";
        return Err(Diagnostic::error("SP0401", place, rule, way_out).into());
    }
    let graph = read_nir(&request.model)?;
    let options = &request.options.spiking;
    let scheme = options.scheme(graph.has_time())?;
    let shape = graph.nodes()[graph.input()].shape.clone();
    let samples =
        Rasters::read(&request.samples, request.labels.as_deref(), &shape, options.events, usize::MAX)?;
    let counts = activity::run(image, &samples)?;
    let classes: Vec<u32> = counts.iter().map(|codes| class_of(codes)).collect();
    let golden = decide(&graph, &scheme, &samples)?;
    let mut found = Evaluation { samples: classes.len(), agreeing: Some(0), ..Evaluation::default() };
    if samples.labels.is_some() {
        (found.correct, found.golden_correct) = (Some(0), Some(0));
        (found.gained, found.lost) = (Some(0), Some(0));
    }
    let mut digest = OutputDigest::new();
    for (index, (codes, (&class, &decided))) in counts.iter().zip(classes.iter().zip(&golden)).enumerate() {
        codes.iter().for_each(|&code| digest.add(0, code as i32));
        let label = samples.labels.as_ref().map(|labels| labels[index]);
        found.decided(class, Some(decided), label);
    }
    found.output_digest = digest.digest();
    Ok(found)
}
