//! A small run of the campaign: every kind of fault, fewer of each.

use spandrel_faults::{
    campaign::{cores, power, wires},
    networks::assembled,
};

#[test]
fn stated_coverage_lies_within_what_a_campaign_sees() {
    for network in assembled() {
        let (tallies, beside) = cores::run(&network, 60, 2);
        assert!(tallies.iter().map(|own| own.injected).sum::<u64>() > 60, "{}", network.name);
        for own in &tallies {
            let explained: u64 = own.missed.iter().map(|(_, count)| count).sum();
            assert_eq!(own.detected + explained, own.injected, "{own:?}");
        }
        for own in beside {
            assert!(own.within(), "{}: {own:?}", network.name);
        }
    }
}

#[test]
fn faults_of_the_bus_and_of_memory_are_found_and_put_in_their_place() {
    for network in assembled() {
        for own in wires::run(&network, 40, 3) {
            println!("{own:?}");
            let sampled = own.name.ends_with(wires::SAMPLED);
            let worn = own.name.contains("takes nothing");
            if !sampled && !worn {
                assert_eq!(own.detected, own.injected, "{own:?}");
            }
            assert_eq!(own.seated, own.detected, "{own:?}");
            assert_eq!(own.located.unwrap_or(own.detected), own.detected, "{own:?}");
        }
    }
}

/// Every byte takes minutes: `cargo xtask faults` does it, and the core's own tests do with a smaller image.
#[test]
fn power_may_fail_anywhere_in_an_update_of_an_image_with_answers() {
    let own = power::run(&assembled()[0], 61);
    assert!(own.injected > 100 && own.detected == own.injected, "{own:?}");
}
