//! Power that fails at every byte of an update of a slot in flash.

use spandrel_core::{
    image::{Image, reseal},
    load::{Policy, Progress, slots::Slots},
};

use super::{Tally, each};
use crate::networks::Network;

#[path = "../../../../core/tests/loader_common/flash.rs"]
#[allow(missing_docs, unreachable_pub, reason = "the flash of the core's own tests")]
mod flash;

use flash::Flash;

fn update(slots: &mut Slots<Flash>, image: &[u8]) -> bool {
    let Ok(policy) = slots.policy(&Policy::any(1 << 24)) else { return false };
    let Ok(mut update) = slots.update(&policy) else { return false };
    // A board gives up at the first error.
    let mut ends = image.chunks(512).map(|part| update.push(part)).take_while(Result::is_ok);
    ends.any(|end| matches!(end, Ok(Progress::Loaded(_))))
}

/// The supply fails after each byte (or each `step`th) of an update of `network`'s image; found is a board that starts from a whole image, the old one or the
/// new one, and can be updated.
///
/// # Panics
/// When the first image can not be written.
#[must_use]
pub fn run(network: &Network, step: usize) -> Tally {
    let old = network.image.clone();
    let mut new = old.clone();
    // Another image: the last byte of its weights is another one.
    let image = Image::parse(&old).expect("an image");
    let end = image.weights().as_ptr() as usize - old.as_ptr() as usize + image.weights().len();
    new[end - 1] ^= 1;
    reseal(&mut new).expect("an image");
    let half = (old.len() + 2 * 256).next_multiple_of(256) as u32;
    let open = |flash: Flash| Slots::new(flash, 0, half).unwrap_or_else(|_| panic!("two slots"));
    let mut slots = open(Flash::new(2 * half as usize));
    assert!(update(&mut slots, &old), "the first image");
    let before = slots.into_flash();
    // Bytes that a whole update writes and erases.
    let all = {
        let mut slots = open(Flash { budget: Some(usize::MAX), ..before.clone() });
        assert!(update(&mut slots, &new), "the second image");
        usize::MAX - slots.into_flash().budget.expect("a budget")
    };
    let points: Vec<usize> = (0..=all).step_by(step).collect();
    let boots = each(
        &points,
        || (),
        |(), budget| {
            let mut slots = open(Flash { budget: Some(*budget), ..before.clone() });
            update(&mut slots, &new);
            let mut slots = open(Flash { budget: None, ..slots.into_flash() });
            let Ok(Some(active)) = slots.active() else { return false };
            let found = slots.flash().bytes[active.offset as usize..][..active.bytes as usize].to_vec();
            // And the board can be updated again.
            (found == old || found == new) && update(&mut slots, &new)
        },
    );
    let which = if step == 1 { "every byte".to_owned() } else { format!("each {step}th byte") };
    let mut own = Tally {
        name: format!("{}: power of the board fails, after {which} of an update in flash", network.name),
        injected: points.len() as u64,
        ..Tally::default()
    };
    own.detected = boots.iter().filter(|boots| **boots).count() as u64;
    own.seated = own.detected;
    (0..own.injected - own.detected).for_each(|_| own.miss("no bootable slot"));
    own
}
