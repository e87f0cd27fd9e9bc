//! The exports, called as C calls them: with pointers, on lent words, in every order that makes no sense as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod asking;
mod slots;

use ed25519_dalek::{Signer, SigningKey};
use spandrel_c::{bus::*, check::*, image::*, load::*, policy::*, raw::Object, run::*, status::*};
use spandrel_core::image::{Header, Image, prepare_signed, put_signature};
use spandrel_tests::{images::mlp, run};
use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

fn image_bytes() -> &'static [u8] {
    let mut builder = mlp::image();
    builder.record_networks(&[&mlp::SAMPLES[0], &mlp::SAMPLES[1]]);
    Vec::leak(builder.build())
}

fn lend<O: Object>() -> (*mut u64, usize) {
    (vec![0xa5a5_a5a5_a5a5_a5a5_u64; O::WORDS].leak().as_mut_ptr(), O::WORDS)
}

fn no_error() -> spandrel_error {
    spandrel_error::new(0, "", "")
}

fn rule(error: &spandrel_error) -> &str {
    // SAFETY: the library ends its texts with NUL.
    unsafe { CStr::from_ptr(error.rule.as_ptr()) }.to_str().unwrap()
}

fn open(bytes: &'static [u8]) -> (u32, *mut spandrel_image, spandrel_error) {
    let ((memory, words), mut image, mut error) = (lend::<spandrel_image>(), null_mut(), no_error());
    // SAFETY: everything passed is there and stays.
    let status =
        unsafe { spandrel_image_open(memory, words, bytes.as_ptr(), bytes.len(), &mut image, &mut error) };
    (status, image, error)
}

fn ram(image: *const spandrel_image) -> (*mut u32, usize) {
    // SAFETY: all zeros are a value of this structure of numbers.
    let mut facts: spandrel_facts = unsafe { std::mem::zeroed() };
    // SAFETY: an open image.
    assert_eq!(unsafe { spandrel_image_facts(image, &mut facts) }, SPANDREL_OK);
    (vec![7_u32; facts.ram_words as usize].leak().as_mut_ptr(), facts.ram_words as usize)
}

/// A chip that is memory.
#[derive(Default)]
struct Memory {
    bytes: Vec<u8>,
    held: bool,
    fails: bool,
    again: Option<*mut spandrel_loader>,
    answered: u32,
}

fn chip(context: *mut c_void) -> &'static mut Memory {
    // SAFETY: the context is the chip that the test keeps for as long as the bus is used.
    unsafe { &mut *context.cast::<Memory>() }
}

extern "C" fn hold(context: *mut c_void) -> u32 {
    chip(context).held = true;
    0
}
extern "C" fn release(context: *mut c_void) -> u32 {
    chip(context).held = false;
    0
}
extern "C" fn write(context: *mut c_void, address: u32, bytes: *const u8, length: usize) -> u32 {
    let own = chip(context);
    if let Some(loader) = own.again {
        // SAFETY: an open loader, which is in use.
        own.answered = unsafe { spandrel_loader_push(loader, bytes, length, null_mut()) };
    }
    // SAFETY: the library passes as many bytes as it says.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length) };
    assert!(own.held, "written while it runs");
    own.bytes[address as usize..][..length].copy_from_slice(bytes);
    if own.fails { 77 } else { 0 }
}
extern "C" fn read(context: *mut c_void, address: u32, bytes: *mut u8, length: usize) -> u32 {
    // SAFETY: as for writing.
    let bytes = unsafe { std::slice::from_raw_parts_mut(bytes, length) };
    bytes.copy_from_slice(&chip(context).bytes[address as usize..][..length]);
    0
}

fn bus(chip: &mut Memory) -> spandrel_bus {
    chip.bytes = vec![0; 0x1_0000];
    let context = std::ptr::from_mut(chip).cast();
    spandrel_bus { context, hold: Some(hold), release: Some(release), write: Some(write), read: Some(read) }
}

const WINDOWS: [spandrel_window; 2] = [
    spandrel_window { section: *b"CONFIGS\0", address: 0, room: 0x1000 },
    spandrel_window { section: *b"WEIGHTS\0", address: 0x1000, room: 0x1000 },
];

fn any() -> spandrel_policy {
    spandrel_policy {
        chip: null(),
        revision_least: 0,
        revision_most: 0,
        kind: 0,
        rows: 0,
        columns: 0,
        cores: 0,
        key: null(),
        rollback: 0,
        room: 1 << 20,
    }
}

fn loader(policy: &spandrel_policy, bus: &spandrel_bus) -> *mut spandrel_loader {
    let ((memory, words), mut loader) = (lend::<spandrel_loader>(), null_mut());
    // SAFETY: everything passed is there; the windows stay.
    let status = unsafe {
        spandrel_loader_open(memory, words, policy, bus, WINDOWS.as_ptr(), 2, &mut loader, null_mut())
    };
    assert_eq!(status, SPANDREL_OK);
    loader
}

fn push(loader: *mut spandrel_loader, bytes: &[u8]) -> (u32, spandrel_error) {
    let (mut error, mut status) = (no_error(), SPANDREL_MORE);
    for part in bytes.chunks(33) {
        // SAFETY: an open loader, and bytes that are there.
        status = unsafe { spandrel_loader_push(loader, part.as_ptr(), part.len(), &mut error) };
        if status != SPANDREL_MORE {
            break;
        }
    }
    (status, error)
}

fn signed(image: &[u8], rollback: u32, key: &SigningKey) -> &'static [u8] {
    let mut out = vec![0; image.len() + 64];
    let (length, digest) = prepare_signed(image, rollback, &mut out).unwrap();
    out.truncate(length);
    put_signature(&mut out, &key.sign(&digest).to_bytes()).unwrap();
    Vec::leak(out)
}

fn read_back(image: *const spandrel_image, bus: &spandrel_bus) -> (u32, spandrel_error) {
    let ((words, lent), mut check, mut error) = (lend::<spandrel_readback>(), null_mut(), no_error());
    // SAFETY: everything passed is there and stays.
    unsafe {
        let windows = WINDOWS.as_ptr();
        let status =
            spandrel_readback_open(words, lent, image, bus, windows, 2, 0, 0, &mut check, &mut error);
        assert_eq!(status, SPANDREL_OK);
        loop {
            let status = spandrel_readback_step(check, 32, &mut error);
            if status != SPANDREL_MORE {
                return (status, error);
            }
        }
    }
}

#[test]
fn an_image_is_checked_answered_and_run() {
    let bytes = image_bytes();
    let (status, image, _) = open(bytes);
    assert_eq!(status, SPANDREL_OK);
    let (ram, ram_words) = ram(image);

    let ((memory, words), mut answers) = (lend::<spandrel_answers>(), null_mut());
    // SAFETY: everything passed is there and stays; so below.
    let opened =
        unsafe { spandrel_answers_open(memory, words, image, ram, ram_words, &mut answers, null_mut()) };
    assert_eq!(opened, SPANDREL_OK);
    let mut slices = 1;
    // SAFETY: an open check.
    while unsafe { spandrel_answers_step(answers, 5, null_mut()) } == SPANDREL_MORE {
        slices += 1;
        assert!(slices < 10_000);
    }
    // SAFETY: as above.
    assert_eq!(unsafe { spandrel_answers_step(answers, 5, null_mut()) }, SPANDREL_OK);
    assert!(slices > 10, "{slices}");

    let ((memory, words), mut machine) = (lend::<spandrel_run>(), null_mut());
    // SAFETY: as above.
    let opened = unsafe { spandrel_run_open(memory, words, image, ram, ram_words, &mut machine, null_mut()) };
    assert_eq!(opened, SPANDREL_OK);
    for (sample, expected) in mlp::SAMPLES.iter().zip(mlp::OUTPUTS) {
        let (mut codes, mut numbers) = ([0_i32; 2], [9_u16; 2]);
        let mut outputs = spandrel_outputs {
            codes: codes.as_mut_ptr(),
            numbers: numbers.as_mut_ptr(),
            capacity: 2,
            count: 0,
            lost: 0,
        };
        let (mut digest, mut emitted) = ([0_u8; 32], [0_u8; 32]);
        let mut status = SPANDREL_MORE;
        // SAFETY: as above.
        unsafe {
            assert_eq!(spandrel_run_reset(machine), SPANDREL_OK);
            assert_eq!(spandrel_run_feed(machine, 0, 0, sample.as_ptr(), 6, null_mut()), SPANDREL_OK);
            assert_eq!(spandrel_run_start(machine, null_mut()), SPANDREL_OK);
            assert_eq!(spandrel_run_start(machine, null_mut()), SPANDREL_BUSY);
            while status == SPANDREL_MORE {
                status = spandrel_run_step(machine, 7, &mut outputs, null_mut());
            }
            assert_eq!(spandrel_run_state_digest(machine, digest.as_mut_ptr()), SPANDREL_OK);
            assert_eq!(spandrel_run_output_digest(machine, emitted.as_mut_ptr()), SPANDREL_OK);
        }
        assert_eq!((status, outputs.count, outputs.lost), (SPANDREL_OK, 2, 0));
        assert_eq!(codes, expected);
        let parsed = Image::parse(bytes).unwrap();
        let mut words = run::memory(&parsed);
        let mut own = spandrel_core::machine::Machine::new(&parsed, parsed.weights(), &mut words).unwrap();
        let mut probe = spandrel_core::machine::OutputDigest::new();
        own.run(*sample, &mut probe).unwrap();
        assert_eq!((digest, emitted), (own.snapshot().digest(), probe.digest()));
    }
}

#[test]
fn a_chip_is_loaded_read_back_and_its_damage_named() {
    let bytes = image_bytes();
    let (_, image, _) = open(bytes);
    let mut memory = Memory::default();
    let bus = bus(&mut memory);
    let own = loader(&any(), &bus);
    memory.again = Some(own);
    assert_eq!(push(own, bytes).0, SPANDREL_OK);
    assert_eq!(memory.answered, SPANDREL_BUSY, "a callback that comes back is refused");
    assert!(!memory.held);
    let read_back = || read_back(image, &bus);
    assert_eq!(read_back().0, SPANDREL_OK);
    memory.bytes[0x1003] ^= 0x10;
    let (status, error) = read_back();
    assert_eq!((status, error.offset, error.config), (SPANDREL_DIFFERS, 3, 0));
    assert_eq!(error.expected ^ error.found, 0x10);
    // A failing bus: its own number comes back, and the chip is held.
    memory.again = None;
    memory.fails = true;
    let (status, error) = push(loader(&any(), &bus), bytes);
    assert_eq!((status, error.found, memory.held), (SPANDREL_BUS, 77, true));
}

#[test]
fn damaged_unsigned_and_rolled_back_images_are_refused() {
    let bytes = image_bytes();
    let key = SigningKey::from_bytes(&[3; 32]);
    let public = key.verifying_key().to_bytes();
    let pinned = spandrel_policy { key: public.as_ptr(), rollback: 5, ..any() };
    let mut memory = Memory::default();
    let bus = bus(&mut memory);
    let other = SigningKey::from_bytes(&[4; 32]);
    let mut damaged = signed(bytes, 5, &key).to_vec();
    let at = Header::parse(&damaged).unwrap().seal_offset as usize - 1;
    damaged[at] ^= 1;
    let cases: [(&[u8], u32, &str); 5] = [
        (signed(bytes, 5, &key), SPANDREL_OK, ""),
        (bytes, SPANDREL_REFUSED, "unsigned"),
        (signed(bytes, 4, &key), SPANDREL_REFUSED, "rolled-back"),
        (signed(bytes, 5, &other), SPANDREL_REFUSED, "wrong-signature"),
        (&damaged, SPANDREL_BAD_IMAGE, "section-checksum"),
    ];
    for (image, expected, name) in cases {
        let own = loader(&pinned, &bus);
        let (status, error) = push(own, image);
        assert_eq!((status, rule(&error)), (expected, name));
        if expected != SPANDREL_OK {
            assert!(error.way_out_length > 10);
            assert_eq!(push(own, image).0, SPANDREL_STOPPED);
        }
        // In flash as through the loader.
        let (status, image, error) = open(Vec::leak(image.to_vec()));
        if status != SPANDREL_OK {
            assert_eq!((status, rule(&error)), (expected, name));
            continue;
        }
        let mut error = no_error();
        // SAFETY: an open image and a policy.
        assert_eq!(unsafe { spandrel_image_accept(image, &pinned, &mut error) }, expected);
        assert_eq!(rule(&error), name);
    }
}

#[test]
fn calls_that_make_no_sense_are_answered() {
    let bytes = image_bytes();
    let (_, image, _) = open(bytes);
    let (ram, ram_words) = ram(image);
    let ((memory, words), mut machine, mut error) = (lend::<spandrel_run>(), null_mut(), no_error());
    // SAFETY: NULL, short memory and the wrong kind of object are what the library looks at; the rest is there.
    unsafe {
        assert_eq!(spandrel_image_facts(null(), null_mut()), SPANDREL_BAD_POINTER);
        assert_eq!(spandrel_image_facts(image, null_mut()), SPANDREL_BAD_POINTER);
        let open = |words, ram_words, error: *mut spandrel_error, to: *mut *mut spandrel_run| {
            spandrel_run_open(memory, words, image, ram, ram_words, to, error)
        };
        assert_eq!(open(1, ram_words, &mut error, &mut machine), SPANDREL_TOO_SMALL);
        assert_eq!(error.expected as usize, spandrel_run_words());
        assert_eq!(open(words, ram_words - 1, &mut error, &mut machine), SPANDREL_TOO_SMALL);
        assert_eq!(error.expected as usize, ram_words);
        assert_eq!(open(words, ram_words, null_mut(), null_mut()), SPANDREL_BAD_POINTER);
        assert_eq!(spandrel_run_reset(memory.cast()), SPANDREL_BAD_OBJECT);
        assert_eq!(spandrel_run_reset(image.cast()), SPANDREL_BAD_OBJECT);
        assert_eq!(open(words, ram_words, null_mut(), &mut machine), SPANDREL_OK);
        let raw = [256_i32];
        assert_eq!(spandrel_run_feed(machine, 9, 0, raw.as_ptr(), 1, &mut error), SPANDREL_OUT_OF_RANGE);
        assert_eq!(spandrel_run_feed(machine, 0, 0, raw.as_ptr(), 1, &mut error), SPANDREL_BAD_SAMPLE);
        assert_eq!(rule(&error), "raw-out-of-range");
        assert_eq!(spandrel_run_feed(machine, 0, 0, null(), 1, null_mut()), SPANDREL_BAD_POINTER);
        assert_eq!(spandrel_run_step(machine, 1, null_mut(), null_mut()), SPANDREL_BAD_POINTER);
        let mut length = 0;
        assert_eq!(spandrel_image_length(bytes.as_ptr(), 80, &mut length), SPANDREL_OK);
        assert_eq!(length as usize, bytes.len());
        assert_eq!(spandrel_image_length(bytes.as_ptr(), 79, &mut length), SPANDREL_BAD_IMAGE);
        let bus = spandrel_bus { context: null_mut(), hold: None, release: None, write: None, read: None };
        let (memory, words) = lend::<spandrel_loader>();
        let mut loader = null_mut();
        let status = spandrel_loader_open(memory, words, &any(), &bus, null(), 0, &mut loader, &mut error);
        assert_eq!((status, rule(&error)), (SPANDREL_BAD_POINTER, "bad-pointer"));
    }
    assert_eq!(spandrel_version(), 0x0100);
}
