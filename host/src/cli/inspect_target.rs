//! `spandrel inspect --target`: what an image takes on a microcontroller.

use serde_json::json;
use spandrel_core::image::Image;
use std::fmt::Write as _;

use super::{Done, print};
use crate::boards::{Needs, TARGETS, Target};
use crate::diagnostic::Result;

/// The target called `name`.
pub(super) fn target(name: &str) -> std::result::Result<&'static Target, String> {
    TARGETS.iter().find(|target| target.name == name).ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        format!("the targets are {}", names.join(", "))
    })
}

pub(super) fn inspect(image: &Image<'_>, target: &Target, json: bool) -> Result<Done> {
    let needs = Needs::of(image, target);
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:14} {value}");
    };
    let macs = needs.multiply_accumulates;
    let each = needs.inference as f64 / macs.max(1) as f64;
    line("target", format!("{}: {}", target.name, target.about));
    line(
        "flash",
        format!("{} bytes: image {}, firmware {}", needs.image + needs.firmware, needs.image, needs.firmware),
    );
    line(
        "ram",
        format!("{} bytes: machine {}, stack {}", needs.state + needs.stack, needs.state, needs.stack),
    );
    line(
        "inference",
        format!("{} instructions: {macs} multiply-accumulates, {each:.0} each", needs.inference),
    );
    line("verification", format!("{} instructions", needs.verification()));
    line("  image", format!("{} checking the image", needs.check));
    line("  cores", format!("{} known answers of configurations", needs.config_answers));
    line("  network", format!("{} known answers of the network", needs.network_answers));
    line(
        "fits",
        match needs.lacking {
            None => "yes".into(),
            Some((what, needed, room)) => format!("no: {what} of {needed} bytes, room for {room}"),
        },
    );
    print(&text);
    Done::passed(json.then(|| {
        json!({
            "target": target.name,
            "flash_bytes": { "image": needs.image, "firmware": needs.firmware },
            "ram_bytes": { "machine": needs.state, "stack": needs.stack },
            "multiply_accumulates": macs,
            "instructions": {
                "inference": needs.inference, "check": needs.check,
                "config_answers": needs.config_answers, "network_answers": needs.network_answers,
            },
            "lacking": needs.lacking.map(|(what, needed, room)| json!({ "what": what, "needed": needed, "available": room })),
        })
    }))
}
