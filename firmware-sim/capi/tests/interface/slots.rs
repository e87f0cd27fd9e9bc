//! Updates of slots in flash that keeps its rules: whole units, written once after erasing, whole blocks erased.

use super::*;
use spandrel_c::slots::*;

const HALF: u32 = 4 * SPANDREL_FLASH_BLOCK as u32;
const START: u32 = SPANDREL_FLASH_BLOCK as u32;
const SLOTS: spandrel_slots = spandrel_slots { start: START, half: HALF };

/// Flash, and the number of writes after which the power is gone: 0 is what each callback returns up to then, 55 afterwards.
struct Chips {
    bytes: Vec<u8>,
    writes_left: u32,
    writes: u32,
}

fn chips(context: *mut c_void) -> &'static mut Chips {
    // SAFETY: the context is the flash that the test keeps for as long as it is used.
    unsafe { &mut *context.cast::<Chips>() }
}

fn whole(of: usize, unit: usize) {
    assert!(of.is_multiple_of(unit), "{of} is no multiple of {unit}");
}

extern "C" fn flash_read(context: *mut c_void, address: u32, bytes: *mut u8, length: usize) -> u32 {
    whole(address as usize, SPANDREL_FLASH_UNIT);
    whole(length, SPANDREL_FLASH_UNIT);
    // SAFETY: the library has as many bytes as it says.
    let bytes = unsafe { std::slice::from_raw_parts_mut(bytes, length) };
    bytes.copy_from_slice(&chips(context).bytes[address as usize..][..length]);
    0
}

extern "C" fn flash_write(context: *mut c_void, address: u32, bytes: *const u8, length: usize) -> u32 {
    whole(address as usize, SPANDREL_FLASH_UNIT);
    whole(length, SPANDREL_FLASH_UNIT);
    let own = chips(context);
    // SAFETY: as above.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length) };
    let to = &mut own.bytes[address as usize..][..length];
    assert!(to.iter().all(|byte| *byte == 0xff), "written twice");
    own.writes += 1;
    if own.writes_left == 0 {
        return 55;
    }
    own.writes_left -= 1;
    to.copy_from_slice(bytes);
    0
}

extern "C" fn flash_erase(context: *mut c_void, from: u32, to: u32) -> u32 {
    whole(from as usize, SPANDREL_FLASH_BLOCK);
    whole(to as usize, SPANDREL_FLASH_BLOCK);
    chips(context).bytes[from as usize..to as usize].fill(0xff);
    0
}

fn blank() -> Chips {
    // What lies beside the slots stays.
    Chips { bytes: vec![0x5a; (START + 2 * HALF + START) as usize], writes_left: u32::MAX, writes: 0 }
}

fn flash(of: &mut Chips) -> spandrel_flash {
    let capacity = of.bytes.len() as u32;
    let context = std::ptr::from_mut(of).cast();
    let (read, write, erase) = (Some(flash_read as _), Some(flash_write as _), Some(flash_erase as _));
    spandrel_flash { context, capacity, read, write, erase }
}

fn active(flash: &spandrel_flash) -> spandrel_active {
    let mut active = spandrel_active { slot: 9, sequence: 9, offset: 9, bytes: 9, digest: [9; 32] };
    // SAFETY: everything passed is there.
    assert_eq!(unsafe { spandrel_slots_active(flash, &SLOTS, &mut active, null_mut()) }, SPANDREL_OK);
    active
}

fn update(flash: &spandrel_flash, policy: &spandrel_policy, image: &[u8]) -> (u32, spandrel_error, u64) {
    let ((memory, words), mut update) = (lend::<spandrel_update>(), null_mut());
    let (mut error, mut status, mut position) = (no_error(), SPANDREL_MORE, 0);
    // SAFETY: everything passed is there and stays.
    unsafe {
        let opened = spandrel_update_open(memory, words, policy, flash, &SLOTS, &mut update, null_mut());
        assert_eq!(opened, SPANDREL_OK);
        for part in image.chunks(33) {
            assert_eq!(status, SPANDREL_MORE);
            status = spandrel_update_push(update, part.as_ptr(), part.len(), &mut error);
            if status != SPANDREL_MORE {
                break;
            }
        }
        assert_eq!(spandrel_update_position(update, &mut position), SPANDREL_OK);
    }
    (status, error, position)
}

#[test]
fn updates_take_turns_and_the_later_whole_image_is_in_use() {
    let key = SigningKey::from_bytes(&[3; 32]);
    let public = key.verifying_key().to_bytes();
    let pinned = spandrel_policy { key: public.as_ptr(), ..any() };
    let (old, new) = (signed(image_bytes(), 5, &key), signed(image_bytes(), 6, &key));
    let mut own = blank();
    let flash = flash(&mut own);
    let none = active(&flash);
    assert_eq!((none.slot, none.bytes), (SPANDREL_NONE, 0));

    for (image, slot, sequence) in [(old, 0, 0), (new, 1, 1), (new, 0, 2)] {
        let (status, _, position) = update(&flash, &pinned, image);
        assert_eq!((status, position as usize), (SPANDREL_OK, image.len()));
        let now = active(&flash);
        let offset = START + slot * HALF + SPANDREL_FLASH_BLOCK as u32;
        assert_eq!((now.slot, now.sequence, now.offset), (slot, sequence, offset));
        assert_eq!(now.bytes as usize, image.len());
        assert_eq!(now.digest, *Image::parse(image).unwrap().digest());
        assert_eq!(&own.bytes[now.offset as usize..][..image.len()], image);
    }
    // The counter is that of the image in use; nothing was erased for an image that is refused.
    let before = own.bytes.clone();
    let (status, error, _) = update(&flash, &pinned, old);
    assert_eq!((status, rule(&error), error.expected), (SPANDREL_REFUSED, "rolled-back", 6));
    assert!(own.bytes == before);
    // Flash that aged: the other slot's image is in use again.
    let at = active(&flash).offset as usize + 100;
    own.bytes[at] ^= 1;
    assert_eq!((active(&flash).slot, active(&flash).sequence), (1, 1));
    assert!(own.bytes[..START as usize].iter().all(|byte| *byte == 0x5a));
    assert!(own.bytes[(START + 2 * HALF) as usize..].iter().all(|byte| *byte == 0x5a));
}

#[test]
fn whenever_the_power_fails_the_slot_in_use_stays() {
    let image = image_bytes();
    let mut own = blank();
    let flash = flash(&mut own);
    assert_eq!(update(&flash, &any(), image).0, SPANDREL_OK);
    let (writes, whole) = (own.writes, own.bytes.clone());
    assert!(writes as usize > image.len() / SPANDREL_FLASH_UNIT, "{writes}");
    for left in 0..writes {
        (own.bytes, own.writes_left) = (whole.clone(), left);
        let (status, error, _) = update(&flash, &any(), image);
        assert_eq!((status, error.found, rule(&error)), (SPANDREL_BUS, 55, "flash"), "{left}");
        assert_eq!((active(&flash).slot, active(&flash).sequence), (0, 0), "{left}");
    }
    (own.bytes, own.writes_left) = (whole, writes);
    assert_eq!(update(&flash, &any(), image).0, SPANDREL_OK);
    assert_eq!((active(&flash).slot, active(&flash).sequence), (1, 1));
}

#[test]
fn slots_that_make_no_sense_are_answered() {
    let mut own = blank();
    let flash = flash(&mut own);
    let mut told = spandrel_active { slot: 9, sequence: 9, offset: 9, bytes: 9, digest: [9; 32] };
    let ((memory, words), mut update, mut error) = (lend::<spandrel_update>(), null_mut(), no_error());
    // SAFETY: NULL, missing callbacks and wrong sizes are what the library looks at; the rest is there.
    unsafe {
        let mut ask = |flash: &spandrel_flash, slots: spandrel_slots| {
            spandrel_slots_active(flash, &slots, &mut told, &mut error)
        };
        for (start, half) in [(1, HALF), (START, HALF + 1), (START, START), (START, 0), (START, 1 << 31)] {
            assert_eq!(ask(&flash, spandrel_slots { start, half }), SPANDREL_OUT_OF_RANGE, "{start} {half}");
        }
        assert_eq!(ask(&spandrel_flash { capacity: 2 * HALF, ..flash }, SLOTS), SPANDREL_OUT_OF_RANGE);
        assert_eq!(ask(&spandrel_flash { read: None, ..flash }, SLOTS), SPANDREL_BAD_POINTER);
        assert_eq!(ask(&spandrel_flash { write: None, ..flash }, SLOTS), SPANDREL_BAD_POINTER);
        assert_eq!(ask(&spandrel_flash { erase: None, ..flash }, SLOTS), SPANDREL_BAD_POINTER);
        assert_eq!(spandrel_slots_active(null(), &SLOTS, &mut told, null_mut()), SPANDREL_BAD_POINTER);
        assert_eq!(spandrel_slots_active(&flash, &SLOTS, null_mut(), null_mut()), SPANDREL_BAD_POINTER);
        let mut open =
            |words| spandrel_update_open(memory, words, &any(), &flash, &SLOTS, &mut update, &mut error);
        assert_eq!(open(words.min(spandrel_update_words() - 1)), SPANDREL_TOO_SMALL);
        assert_eq!(open(words), SPANDREL_OK);
        assert_eq!(error.expected as usize, spandrel_update_words());
        // What is no image, and what comes after.
        let text = [7_u8; 200];
        let push = |error: *mut spandrel_error| spandrel_update_push(update, text.as_ptr(), 200, error);
        assert_eq!(push(&mut error), SPANDREL_BAD_IMAGE);
        assert_eq!(push(&mut error), SPANDREL_STOPPED);
    }
    assert!(own.bytes.iter().all(|byte| *byte == 0x5a), "nothing was erased");
}
