//! A small run of the campaign: every kind of fault, fewer of each.

use spandrel_faults::{
    campaign::{cores, power, wires},
    networks::{assembled, perceptron},
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
        for own in &tallies {
            assert_eq!(own.differs, 0, "the simulator and the board: {own:?}");
        }
        for own in beside {
            assert!(own.within(0.95), "{}: {own:?}", network.name);
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

/// The image as it is compiled: every byte that an update erases or writes is one after which the board must start.
#[test]
fn power_may_fail_after_every_byte_of_an_update_of_a_compiled_image() {
    let own = power::run(&perceptron("digits on isaac", "isaac"), 1);
    assert!(own.injected > 20_000 && own.detected == own.injected, "{own:?}");
}
