//! The self-test of a chip: configuration, cores, network, and where the fault is.

use crate::bus::{Bus, Map, spandrel_bus, spandrel_window};
use crate::check::extent;
use crate::image::spandrel_image;
use crate::port::{Port, spandrel_port};
use crate::raw::{self, Object};
use crate::status::{self, SPANDREL_MORE, SPANDREL_OK, spandrel_error};
use spandrel_core::{
    image::Values,
    load::bus::ChipBus,
    verify::{Moment, NetworkPort, SelfTest, SelfTestStep, TestMode, TestPort},
};

/// A self-test.
pub struct spandrel_self_test {
    _opaque: [u8; 0],
}

/// Words of 64 bits that a self-test needs at most.
pub const SPANDREL_SELF_TEST_WORDS: usize = 40;

/// A test, and the chip.
pub struct Testing {
    test: SelfTest<'static, 'static>,
    chip: Chip,
    map: Map,
}

/// A chip that is written, read, and asked.
struct Chip {
    bus: Bus,
    port: Port,
}

impl Object for spandrel_self_test {
    type Inner = Testing;
    const MAGIC: u32 = 0x5453_5453;
    const WORDS: usize = SPANDREL_SELF_TEST_WORDS;
}
const _: () = raw::fits::<spandrel_self_test>();

impl ChipBus for Chip {
    type Error = u32;

    fn hold(&mut self) -> Result<(), u32> {
        self.bus.hold()
    }

    fn release(&mut self) -> Result<(), u32> {
        self.bus.release()
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), u32> {
        self.bus.write(address, bytes)
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), u32> {
        self.bus.read(address, bytes)
    }
}

impl TestPort for Chip {
    type Error = u32;

    fn read(&mut self, config: u32, mode: TestMode, inputs: &Values<'_>, unit: u32) -> Result<i32, u32> {
        TestPort::read(&mut self.port, config, mode, inputs, unit)
    }
}

impl NetworkPort for Chip {
    type Error = u32;

    fn run(&mut self, input: u32, inputs: &Values<'_>) -> Result<(), u32> {
        self.port.run(input, inputs)
    }

    fn emitted(&mut self, index: u32) -> Result<Option<i32>, u32> {
        self.port.emitted(index)
    }
}

/// The exact number of 64-bit words that a self-test needs on this target.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_self_test_words() -> usize {
    raw::words::<spandrel_self_test>()
}

/// A self-test that has not begun: it reads back (`pieces` and `seed` as for `spandrel_readback_open`), asks the cores, then the network
/// (`ram` as for `spandrel_cores_open`), until the first fault. With `just_loaded` not 0 a wrong byte is written once more, with the chip
/// held, to see whether it was transferred wrongly, and the chip stays held then; otherwise nothing is written. Bus and port are copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_self_test_open(
    memory: *mut u64,
    words: usize,
    image: *const spandrel_image,
    bus: *const spandrel_bus,
    windows: *const spandrel_window,
    window_count: usize,
    port: *const spandrel_port,
    ram: *mut u32,
    ram_words: usize,
    just_loaded: u32,
    pieces: u32,
    seed: u64,
    test: *mut *mut spandrel_self_test,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: the head of spandrel.h has C promise what these functions ask for.
    unsafe {
        let opened = raw::shared(image).and_then(|image| {
            let moment = if just_loaded == 0 { Moment::Running } else { Moment::Loaded };
            let port = Port::new(raw::read(port)?, image, raw::slice_mut(ram, ram_words)?, true, true)?;
            let chip = Chip { bus: Bus::new(raw::read(bus)?)?, port };
            let map = Map { windows: raw::slice(windows, window_count)? };
            let own = SelfTest::new(image, moment, extent(pieces, seed));
            raw::place(memory, words, test, Testing { test: own, chip, map })
        });
        raw::finish(opened.map(|()| SPANDREL_OK), error)
    }
}

/// Does about `budget` bytes or answers. SPANDREL_MORE: step again. SPANDREL_OK: nothing was found, and `compared` (unless NULL) has the
/// number of answers: 0 if the image has none, and only its configuration was read. SPANDREL_DIFFERS: a byte is wrong, SPANDREL_WRONG:
/// an answer is; `error.seat` says where the fault is. SPANDREL_BUS: a callback failed; the fault is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_self_test_step(
    test: *mut spandrel_self_test,
    budget: u32,
    compared: *mut u64,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(test, |own| match own.test.step(&mut own.chip, &mut own.map, budget) {
            SelfTestStep::Running => Ok(SPANDREL_MORE),
            SelfTestStep::Passed { answers, .. } => raw::tell(compared, answers),
            SelfTestStep::Failed(found) => Err(status::verdict(&found)),
            SelfTestStep::Bus(error) => Err(status::bus(&error)
                .way_out("the fault is on the bus, or a window is too small: mend it and test anew")),
        });
        raw::finish(outcome, error)
    }
}
