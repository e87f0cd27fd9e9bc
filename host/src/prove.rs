//! What is proved of every image before it leaves the compiler.

use spandrel_core::image::Image;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::expand::CoreOpGraph;
use crate::report::ClaimEvidence;
use crate::tune::Coded;
use crate::verify;

/// The claims that hold for every image that leaves this compiler, with their evidence.
///
/// # Errors
/// SP0311: a claim does not hold.
pub(crate) fn prove(image: &[u8], coded: &CoreOpGraph<Coded>, compared: u64) -> Result<Vec<ClaimEvidence>> {
    let image = parse(image)?;
    let mapping = verify::check_mapping(coded, &image).evidence;
    let wrap = verify::prove_no_wrap(&image).evidence;
    let mut found = Diagnostics::default();
    let digital = matches!(image.config(0), Some(spandrel_core::image::Config::Mac(_)));
    let wider = if digital {
        "widen the chip's accumulator (mac.accumulator_bits), or let it saturate (mac.overflow)"
    } else {
        "widen the chip's adder (crossbar.adder_bits) or use shorter arrays (crossbar.rows)"
    };
    for (claim, evidence, way_out) in
        [("C4", &mapping, "this is a fault of the compiler: report it with the model"), ("C6", &wrap, wider)]
    {
        for failure in &evidence.failures {
            found.push(Diagnostic::error("SP0311", format!("claim {claim}"), failure.to_string(), way_out));
        }
        if evidence.failures.is_empty() && !evidence.holds() {
            found.push(Diagnostic::error(
                "SP0311",
                format!("claim {claim}"),
                "nothing was compared",
                way_out,
            ));
        }
    }
    let text =
        "every record and every weight of the image, decoded, against the program that was mapped".to_owned();
    let claim = |id: &str, cases, evidence| ClaimEvidence { id: id.to_owned(), cases, evidence };
    found.into_result(vec![
        claim("C3", compared, text),
        claim("C4", mapping.cases, mapping.text),
        claim("C6", wrap.cases, wrap.text),
    ])
}

/// A fresh image, decoded.
///
/// # Errors
/// SP0310: the compiler wrote what it can not read.
pub(crate) fn parse(bytes: &[u8]) -> Result<Image<'_>> {
    let way_out = "this is a fault of the compiler: report it with the model";
    Ok(Image::parse(bytes)
        .map_err(|error| Diagnostic::error("SP0310", "image", error.to_string(), way_out))?)
}
