//! Placements, routes and the chip's limits.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_core::image::{HOST, Image};

use super::report::{Evidence, Failure};

/// Compares placements with the chip's limits, and the routes with those that the program needs: (edge, from, to) and
/// how many signals.
pub(super) fn check(image: &Image<'_>, needed: &BTreeMap<(u32, u32, u32), u32>, evidence: &mut Evidence) {
    let Ok(limits) = image.chip() else {
        evidence.fail(Failure::new("the chip's limits", "readable", "not readable"));
        return;
    };
    for core in 0..image.config_count() {
        let Some(config) = image.config(core) else { continue };
        let sides =
            [("word lines", config.rows(), limits.rows), ("columns", config.columns(), limits.columns)];
        for (what, used, most) in sides {
            if used > most {
                let failure = Failure::new(what, format!("at most {most}"), used);
                evidence.fail(failure.at(image, core, None));
            }
        }
    }
    let mut placed = BTreeSet::new();
    let mut taken = BTreeMap::new();
    for number in 0..image.placement_count() {
        let Some(place) = image.placement(number) else { continue };
        if !placed.insert(place.config) {
            let failure = Failure::new("the placements of a configuration", 1, "several");
            evidence.fail(failure.at(image, place.config, None));
        }
        if place.core >= limits.cores {
            let failure = Failure::new("the core", format!("below {}", limits.cores), place.core);
            evidence.fail(failure.at(image, place.config, None));
        }
        if let Some(other) = taken.insert((place.chip, place.core, place.phase), place.config) {
            let what = format!("core {} of chip {} in phase {}", place.core, place.chip, place.phase);
            let failure = Failure::new(what, format!("configuration {other} alone"), "this one too");
            evidence.fail(failure.at(image, place.config, None));
        }
    }
    for core in 0..image.config_count() {
        if !placed.contains(&core) {
            let failure = Failure::new("the placements of a configuration", 1, 0);
            evidence.fail(failure.at(image, core, None));
        }
    }
    routes(image, needed, evidence);
}

fn routes(image: &Image<'_>, needed: &BTreeMap<(u32, u32, u32), u32>, evidence: &mut Evidence) {
    let mut listed: BTreeMap<(u32, u32, u32), u32> = BTreeMap::new();
    for number in 0..image.route_count() {
        if let Some(route) = image.route(number) {
            *listed.entry((route.edge, route.from, route.to)).or_default() += route.signals;
        }
    }
    let name = |core: u32| if core == HOST { "the host".to_owned() } else { format!("core {core}") };
    let all: BTreeSet<_> = needed.keys().chain(listed.keys()).copied().collect();
    for route in all {
        evidence.cases += 1;
        let (wanted, found) = (needed.get(&route).unwrap_or(&0), listed.get(&route).unwrap_or(&0));
        if wanted != found {
            let (edge, from, to) = route;
            let what = format!("the signals routed over edge {edge} from {} to {}", name(from), name(to));
            evidence.fail(Failure::new(what, wanted, found));
        }
    }
}
