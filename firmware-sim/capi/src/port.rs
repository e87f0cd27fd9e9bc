//! What a chip is asked over its test port, and the samples that it runs, as callbacks.

use crate::image::spandrel_image;
use crate::raw;
use crate::status::{self, SPANDREL_BAD_POINTER, SPANDREL_NONE, SPANDREL_OUT_OF_RANGE, fail, spandrel_error};
use core::ffi::c_void;
use spandrel_core::{
    crossbar::Readout,
    image::{Config, Image, Values},
    machine::{Fault, FaultKind},
    verify::{NetworkPort, TestMode, TestPort, in_test_mode, read_in_test_mode},
};

/// A question to one core: what a column reads, before sums and activation.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_question {
    /// The configuration.
    pub config: u32,
    /// The physical core that holds it; SPANDREL_NONE if the image places it nowhere.
    pub core: u32,
    /// The column.
    pub unit: u32,
    /// Test mode: the shift of the range register; SPANDREL_NONE: as configured.
    pub shift: u32,
    /// Test mode: 1 if what is read goes through a ReLU; 0 or SPANDREL_NONE: it is told as it was read.
    pub relu: u32,
    /// A code for each row; if there are more than rows, those behind drive the bias rows in place of the bias code.
    pub inputs: *const i32,
    /// How many codes.
    pub input_count: u32,
}

/// A chip that answers. Callbacks keep the rules of `spandrel_bus`: 0, or a number of their own that comes back in `error.found`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_port {
    /// Whatever the callbacks need.
    pub context: *mut c_void,
    /// Asks one core. The question and its inputs are there during the call only.
    pub read: Option<
        extern "C" fn(context: *mut c_void, question: *const spandrel_question, found: *mut i32) -> u32,
    >,
    /// Runs a sample, `count` raw values of input `input`, from the reset state. The chip keeps what it emits.
    pub run: Option<extern "C" fn(context: *mut c_void, input: u32, values: *const i32, count: usize) -> u32>,
    /// Signal `index` of those that the sample emitted, in their order. Behind the last one, set `there`, which is 1, to 0.
    pub emitted:
        Option<extern "C" fn(context: *mut c_void, index: u32, code: *mut i32, there: *mut u32) -> u32>,
}

/// A port whose callbacks are there, with words for a vector's inputs.
pub struct Port {
    calls: spandrel_port,
    image: &'static Image<'static>,
    ram: &'static mut [u32],
}

/// The most inputs that a vector of the image has.
#[must_use]
pub fn most_inputs(image: &Image<'_>) -> u32 {
    let lengths = (0..image.vector_count()).filter_map(|index| image.vector(index));
    lengths.map(|vector| vector.inputs.len()).max().unwrap_or(0)
}

impl Port {
    /// Takes the callbacks; `cores` and `networks` say which of them are needed.
    ///
    /// # Errors
    /// One is missing, or there are too few words.
    pub fn new(
        calls: spandrel_port,
        image: &'static Image<'static>,
        ram: &'static mut [u32],
        cores: bool,
        networks: bool,
    ) -> Result<Self, spandrel_error> {
        let sampled = calls.run.is_some() && calls.emitted.is_some();
        if (cores && calls.read.is_none()) || (networks && !sampled) {
            return fail(SPANDREL_BAD_POINTER);
        }
        let needed = most_inputs(image) as usize;
        if ram.len() < needed {
            return Err(status::too_small(needed, ram.len()));
        }
        Ok(Self { calls, image, ram })
    }

    /// Lays the values of a vector out for C; their number.
    fn lay(&mut self, values: &Values<'_>) -> u32 {
        for (index, to) in (0..values.len()).zip(self.ram.iter_mut()) {
            *to = values.get(index).unwrap_or(0).cast_unsigned();
        }
        // `new` has seen that no vector has more values than there are words.
        values.len().min(u32::try_from(self.ram.len()).unwrap_or(u32::MAX))
    }
}

/// What a callback returned; a missing one has been refused before.
fn result(status: Option<u32>) -> Result<(), u32> {
    match status {
        Some(0) => Ok(()),
        Some(code) => Err(code),
        None => Err(SPANDREL_BAD_POINTER),
    }
}

impl TestPort for Port {
    type Error = u32;

    fn read(
        &mut self,
        config: u32,
        (shift, relu): TestMode,
        inputs: &Values<'_>,
        unit: u32,
    ) -> Result<i32, u32> {
        let input_count = self.lay(inputs);
        let question = spandrel_question {
            config,
            core: self.image.core_of(config).unwrap_or(SPANDREL_NONE),
            unit,
            shift: shift.map_or(SPANDREL_NONE, u32::from),
            relu: relu.map_or(SPANDREL_NONE, u32::from),
            inputs: self.ram.as_ptr().cast(),
            input_count,
        };
        let mut found = 0;
        result(self.calls.read.map(|call| call(self.calls.context, &raw const question, &raw mut found)))?;
        Ok(found)
    }
}

impl NetworkPort for Port {
    type Error = u32;

    fn run(&mut self, input: u32, inputs: &Values<'_>) -> Result<(), u32> {
        let count = self.lay(inputs) as usize;
        let values = self.ram.as_ptr().cast();
        result(self.calls.run.map(|call| call(self.calls.context, input, values, count)))
    }

    fn emitted(&mut self, index: u32) -> Result<Option<i32>, u32> {
        let (mut code, mut there) = (0, 1);
        let calls = &self.calls;
        result(calls.emitted.map(|call| call(calls.context, index, &raw mut code, &raw mut there)))?;
        Ok((there != 0).then_some(code))
    }
}

/// What the core models answer to a question: for a chip that is simulated, or a board that compares for itself. SPANDREL_OUT_OF_RANGE: the
/// image has no such configuration, column or test mode, or another number of inputs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_image_read(
    image: *const spandrel_image,
    question: *const spandrel_question,
    found: *mut i32,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: the head of spandrel.h has C promise what these functions ask for.
    unsafe {
        let outcome = raw::shared(image).and_then(|image| {
            let question = raw::read(question)?;
            let inputs = raw::slice(question.inputs, question.input_count as usize)?;
            raw::write(found, model(image, &question, inputs)?)
        });
        raw::finish(outcome, error)
    }
}

/// The rules are those that an image's own vectors are held to.
fn model(image: &Image<'_>, question: &spandrel_question, inputs: &[i32]) -> Result<i32, spandrel_error> {
    let Some(config) = image.config(question.config) else { return fail(SPANDREL_OUT_OF_RANGE) };
    let (lines, composed) = match config {
        Config::Crossbar(crossbar) => {
            let lines = crossbar.rows.saturating_add(crossbar.bias_rows);
            (lines, matches!(crossbar.readout, Readout::Composed { .. }))
        }
        _ => (config.rows(), false),
    };
    let shift = match u8::try_from(question.shift) {
        Ok(shift) if composed && shift <= 40 => Some(shift),
        _ if question.shift == SPANDREL_NONE => None,
        _ => return fail(SPANDREL_OUT_OF_RANGE),
    };
    let relu = match question.relu {
        0 | SPANDREL_NONE => false,
        1 => true,
        _ => return fail(SPANDREL_OUT_OF_RANGE),
    };
    let driven = [config.rows(), lines].contains(&question.input_count);
    if !driven || question.unit >= config.columns() {
        return fail(SPANDREL_OUT_OF_RANGE);
    }
    let config = in_test_mode(config, shift, question.input_count);
    let input = |row: u32| inputs.get(row as usize).copied().unwrap_or(0);
    match read_in_test_mode(image, &image.weights(), &config, question.unit, input) {
        Ok(value) if relu => Ok(value.max(0)),
        Ok(value) => Ok(value),
        Err(_) => Err(status::fault(&Fault { at: SPANDREL_NONE, kind: FaultKind::WeightStore })),
    }
}
