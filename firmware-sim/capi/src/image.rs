//! An image in flash: checked once, then read where it lies.

use crate::policy::spandrel_policy;
use crate::raw::{self, Object};
use crate::status::{self, SPANDREL_BAD_IMAGE, SPANDREL_OK, SPANDREL_OUT_OF_RANGE, fail, spandrel_error};
use core::ffi::c_char;
use spandrel_core::image::Image;

/// An image that was checked.
pub struct spandrel_image {
    _opaque: [u8; 0],
}

/// Words of 64 bits that an image object needs at most.
pub const SPANDREL_IMAGE_WORDS: usize = 96;

impl Object for spandrel_image {
    type Inner = Image<'static>;
    const MAGIC: u32 = 0x474d_4953;
    const WORDS: usize = SPANDREL_IMAGE_WORDS;
}
const _: () = raw::fits::<spandrel_image>();

/// What an image says of itself.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_facts {
    /// Length in bytes.
    pub bytes: u64,
    /// Work units of one inference: the sum of the budgets of its steps.
    pub work: u64,
    /// 32-bit words that running it needs.
    pub ram_words: u32,
    /// 32-bit words that asking a chip for its answers needs: the most inputs of a vector.
    pub ask_words: u32,
    /// Inputs.
    pub inputs: u32,
    /// Decoders: readings of its outputs.
    pub decoders: u32,
    /// Vectors of known answers.
    pub vectors: u32,
    /// Revision of the chip that it was compiled for.
    pub chip_revision: u32,
    /// Rollback counter.
    pub rollback: u32,
    /// 1 if it is signed; whether by the right key, only the policy tells.
    pub is_signed: u32,
    /// Name of the chip; ends with NUL.
    pub chip: [c_char; 28],
    /// SHA-256 of everything before the seal.
    pub digest: [u8; 32],
}

/// What an input takes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_input {
    /// Raw values of a sample.
    pub length: u32,
    /// The least raw value.
    pub least: i32,
    /// The largest one.
    pub most: i32,
}

/// The version of this library: major, minor and patch in a byte each, from the third byte down.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_version() -> u32 {
    let part = |text: &str| text.bytes().fold(0, |sum: u32, digit| sum * 10 + u32::from(digit & 15)) & 0xff;
    let [major, minor, patch] =
        [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")]
            .map(part);
    major << 16 | minor << 8 | patch
}

/// The exact number of 64-bit words that an image object needs on this target.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_image_words() -> usize {
    raw::words::<spandrel_image>()
}

/// How long the image at the start of `bytes` is, from its header alone; nothing else is checked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_image_length(
    bytes: *const u8,
    length: usize,
    image_bytes: *mut u64,
) -> u32 {
    // SAFETY: the header of spandrel.h has C promise what these functions ask for.
    let outcome = unsafe {
        raw::slice(bytes, length).and_then(|bytes| {
            let header = spandrel_core::load::peek(bytes);
            header.map_or_else(
                || fail(SPANDREL_BAD_IMAGE),
                |header| raw::write(image_bytes, header.total_bytes),
            )
        })
    };
    outcome.unwrap_or_else(|error| error.status)
}

/// Checks the one whole image that `bytes` are, and opens it in `words` lent words. The bytes are read where they lie from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_image_open(
    memory: *mut u64,
    words: usize,
    bytes: *const u8,
    length: usize,
    image: *mut *mut spandrel_image,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::slice(bytes, length)
            .and_then(|bytes| Image::parse(bytes).map_err(|error| status::image(&error)))
            .and_then(|parsed| raw::place(memory, words, image, parsed))
            .map(|()| SPANDREL_OK);
        raw::finish(outcome, error)
    }
}

/// Whether the policy takes the image: chip, revision, limits, length, signature, counter. For images that run from flash; a loader
/// asks by itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_image_accept(
    image: *const spandrel_image,
    policy: *const spandrel_policy,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::shared(image).and_then(|image| {
            let policy = raw::read(policy)?;
            let policy = policy.checked(raw::read_name(policy.chip)?, raw::read_key(policy.key)?);
            let limits = image.chip().map_err(|error| status::image(&error))?;
            let decided = policy.header(image.header()).and_then(|()| policy.limits(&limits));
            let decided = decided.and_then(|()| policy.signature(image.digest(), image.signature()));
            decided.map(|()| SPANDREL_OK).map_err(|refusal| status::refused(&refusal))
        });
        raw::finish(outcome, error)
    }
}

/// What the image says of itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_image_facts(
    image: *const spandrel_image,
    facts: *mut spandrel_facts,
) -> u32 {
    // SAFETY: as above.
    let outcome = unsafe { raw::shared(image).and_then(|image| raw::write(facts, self::facts(image))) };
    outcome.unwrap_or_else(|error| error.status)
}

fn facts(image: &Image<'_>) -> spandrel_facts {
    let header = image.header();
    let count = |there: &dyn Fn(u32) -> bool| (0..u32::MAX).take_while(|at| there(*at)).count() as u32;
    let mut chip = [0; 28];
    for (to, from) in chip.iter_mut().zip(header.chip) {
        *to = from as c_char;
    }
    spandrel_facts {
        bytes: header.total_bytes,
        work: image.work(),
        ram_words: header.ram_words,
        ask_words: crate::port::most_inputs(image),
        inputs: count(&|at| image.encoder(at).is_some()),
        decoders: count(&|at| image.decoder(at).is_some()),
        vectors: image.vector_count(),
        chip_revision: header.chip_revision,
        rollback: header.rollback,
        is_signed: u32::from(image.signature().is_some()),
        chip,
        digest: *image.digest(),
    }
}

/// What input `index`, from 0, takes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_image_input(
    image: *const spandrel_image,
    index: u32,
    input: *mut spandrel_input,
) -> u32 {
    // SAFETY: as above.
    let outcome = unsafe {
        raw::shared(image).and_then(|image| {
            let Some(encoder) = image.encoder(index) else { return fail(SPANDREL_OUT_OF_RANGE) };
            let (least, most) = (encoder.raw.saturate(i32::MIN), encoder.raw.saturate(i32::MAX));
            raw::write(input, spandrel_input { length: encoder.length, least, most })
        })
    };
    outcome.unwrap_or_else(|error| error.status)
}

/// The class that `count` emitted codes stand for, read with decoder `decoder`; the codes are those of the decoder's output.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_image_class(
    image: *const spandrel_image,
    decoder: u32,
    codes: *const i32,
    count: usize,
    found: *mut u32,
) -> u32 {
    // SAFETY: as above.
    let outcome = unsafe {
        raw::shared(image).and_then(|image| {
            let codes = raw::slice(codes, count)?;
            let class = image.decoder(decoder).and_then(|decoder| decoder.class(image.tables(), codes));
            class.map_or_else(|| fail(SPANDREL_OUT_OF_RANGE), |class| raw::write(found, class))
        })
    };
    outcome.unwrap_or_else(|error| error.status)
}
