//! A chip is asked for the image's known answers, in slices: core by core, and for whole samples.

use crate::image::spandrel_image;
use crate::port::{Port, spandrel_port};
use crate::raw::{self, Object};
use crate::status::{self, SPANDREL_MORE, SPANDREL_OK, spandrel_error};
use spandrel_core::{
    load::bus::BusError,
    verify::{AnswersStep, CoreAnswers, MismatchKind, NetworkAnswers, NetworkStep},
};

/// A check of a chip's cores, one at a time.
pub struct spandrel_cores {
    _opaque: [u8; 0],
}

/// Words of 64 bits that a check of cores needs at most.
pub const SPANDREL_CORES_WORDS: usize = 24;

/// A check, and the chip's port.
pub struct Cores {
    check: CoreAnswers<'static, 'static>,
    port: Port,
}

impl Object for spandrel_cores {
    type Inner = Cores;
    const MAGIC: u32 = 0x524f_4353;
    const WORDS: usize = SPANDREL_CORES_WORDS;
}
const _: () = raw::fits::<spandrel_cores>();

/// A check of what a chip's cores give together.
pub struct spandrel_network {
    _opaque: [u8; 0],
}

/// Words of 64 bits that a check of the network needs at most.
pub const SPANDREL_NETWORK_WORDS: usize = 24;

/// A check, and the chip's port.
pub struct Network {
    check: NetworkAnswers<'static, 'static>,
    port: Port,
}

impl Object for spandrel_network {
    type Inner = Network;
    const MAGIC: u32 = 0x5457_4e53;
    const WORDS: usize = SPANDREL_NETWORK_WORDS;
}
const _: () = raw::fits::<spandrel_network>();

/// The exact number of 64-bit words that a check of cores needs on this target.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_cores_words() -> usize {
    raw::words::<spandrel_cores>()
}

/// A check of a chip's cores, which has not begun: each is asked, over `read` of the port, for its known answers, in test mode where the
/// image wants it. Inputs are laid out in `ram`, for which `ask_words` of `spandrel_facts` are enough. The port is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_cores_open(
    memory: *mut u64,
    words: usize,
    image: *const spandrel_image,
    port: *const spandrel_port,
    ram: *mut u32,
    ram_words: usize,
    cores: *mut *mut spandrel_cores,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: the head of spandrel.h has C promise what these functions ask for.
    unsafe {
        let opened = raw::shared(image).and_then(|image| {
            let port = Port::new(raw::read(port)?, image, raw::slice_mut(ram, ram_words)?, true, false)?;
            raw::place(memory, words, cores, Cores { check: CoreAnswers::new(image), port })
        });
        raw::finish(opened.map(|()| SPANDREL_OK), error)
    }
}

/// Asks for about `budget` values, at least one. SPANDREL_MORE: step again. SPANDREL_OK: all answers are right, and `compared` (unless
/// NULL) has their number: 0 if the image has none. SPANDREL_WRONG: `error` names vector, configuration, core, column, and both values.
/// SPANDREL_BUS: a callback failed. After the last two a further step asks for that value again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_cores_step(
    cores: *mut spandrel_cores,
    budget: u32,
    compared: *mut u64,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(cores, |own| match own.check.step(&mut own.port, budget) {
            AnswersStep::Running => Ok(SPANDREL_MORE),
            AnswersStep::Same(values) => raw::tell(compared, values),
            AnswersStep::Wrong(found) => {
                let core = match found.kind {
                    MismatchKind::Unit { core: config, .. } => own.check.image().core_of(config),
                    _ => None,
                };
                Err(status::answer(&found, core))
            }
            AnswersStep::Failed(code) => Err(failed(code)),
        });
        raw::finish(outcome, error)
    }
}

/// The exact number of 64-bit words that a check of the network needs on this target.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_network_words() -> usize {
    raw::words::<spandrel_network>()
}

/// A check of the whole network on a chip, which has not begun: over `run` and `emitted` of the port it runs the samples of the image's
/// known answers. `ram` as for `spandrel_cores_open`. The port is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_network_open(
    memory: *mut u64,
    words: usize,
    image: *const spandrel_image,
    port: *const spandrel_port,
    ram: *mut u32,
    ram_words: usize,
    network: *mut *mut spandrel_network,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let opened = raw::shared(image).and_then(|image| {
            let port = Port::new(raw::read(port)?, image, raw::slice_mut(ram, ram_words)?, false, true)?;
            raw::place(memory, words, network, Network { check: NetworkAnswers::new(image), port })
        });
        raw::finish(opened.map(|()| SPANDREL_OK), error)
    }
}

/// As `spandrel_cores_step`; running a sample counts as one value. SPANDREL_WRONG: `error` names vector and emitted signal (`unit`),
/// and both values; or, as rule `wrong-count`, how many signals there should be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_network_step(
    network: *mut spandrel_network,
    budget: u32,
    compared: *mut u64,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(network, |own| match own.check.step(&mut own.port, budget) {
            NetworkStep::Running => Ok(SPANDREL_MORE),
            NetworkStep::Same(values) => raw::tell(compared, values),
            NetworkStep::Wrong(found) => Err(status::answer(&found, None)),
            NetworkStep::Failed(code) => Err(failed(code)),
        });
        raw::finish(outcome, error)
    }
}

/// A callback of the port that failed.
fn failed(code: u32) -> spandrel_error {
    status::bus(&BusError::Bus(code))
        .way_out("`found` is what the callback returned: mend the bus and step again")
}
