//! Known answers, computed by the core model itself.

use spandrel_core::image::{Codec, Image, Subject};
use spandrel_core::machine::{Address, Machine, Probe, Step};

use super::write::VectorData;
use crate::diagnostic::{Diagnostic, Result};
use crate::numeric::Random;
use crate::target::Target;

/// Known answers for an image that has none yet.
pub type Answers = Vec<VectorData>;

/// What the probe gathers of one sample.
#[derive(Default)]
struct Seen {
    emitted: Vec<i32>,
}

impl Probe for Seen {
    fn emit(&mut self, _: u16, _: u32, value: i32) {
        self.emitted.push(value);
    }
}

/// Reads of one configuration.
struct Reads(Vec<i32>);

impl Probe for Reads {
    fn read(&mut self, _: &Address, value: i32) {
        self.0.push(value);
    }
}

fn fault(rule: impl Into<String>) -> crate::diagnostic::Diagnostics {
    let way_out = "this is a fault of the compiler: report it with the model";
    Diagnostic::error("SP0310", "image", rule, way_out).into()
}

/// The most work of a sample whose answer is computed: beyond, the core model would take minutes.
const WORK_MAX: u64 = 1 << 32;

/// Known answers: for each of `samples` (raw values) the whole network, and for each configuration one read of random
/// codes, which drives every word line. An image whose samples take more than 2^32 work units gets no answers of the whole
/// network.
///
/// # Errors
/// SP0310 when the machine refuses the image or a sample.
pub fn answers(image: &Image<'_>, samples: &[Vec<i32>], seed: u64, target: &Target) -> Result<Answers> {
    let mut out = Answers::new();
    for number in 0..image.config_count() {
        let Some(config) = image.config(number) else { continue };
        let mut random = Random::new(seed, u64::from(number));
        let most = target.input_max as u64 + 1;
        let inputs: Vec<i32> = (0..config.rows()).map(|_| (random.next_u64() % most) as i32).collect();
        let spandrel_core::image::Config::Crossbar(crossbar) = config else { continue };
        let Some(blob) = image.blob(crossbar.blob) else { continue };
        let weights = image.weights();
        let mut reads = Reads(Vec::new());
        for unit in 0..crossbar.columns {
            let column = spandrel_core::blob::Column::new(blob, *image.tables(), &weights, unit);
            let value = spandrel_core::crossbar::read_column(&crossbar, &column, |row| inputs[row as usize])
                .map_err(|_| fault("a weight can not be read"))?;
            reads.0.push(value);
        }
        let codec = if reads.0.iter().all(|v| Codec::I8.saturate(*v) == *v) { Codec::I8 } else { Codec::I32 };
        out.push(VectorData {
            subject: Subject::Config { config: number, shift: None, relu: None },
            inputs: (if target.input_max <= 255 { Codec::U8 } else { Codec::I32 }, inputs),
            answers: (codec, reads.0),
        });
    }
    out.extend(network_answers(image, samples)?);
    Ok(out)
}

/// Known answers of the whole network for each of `samples` (raw values); none where a sample takes more than 2^32 work units.
///
/// # Errors
/// SP0310 when the machine refuses the image or a sample.
pub fn network_answers(image: &Image<'_>, samples: &[Vec<i32>]) -> Result<Answers> {
    let mut out = Answers::new();
    let Some(encoder) = image.encoder(0) else { return Err(fault("it has no input")) };
    if image.work() > WORK_MAX {
        return Ok(out);
    }
    let mut ram = vec![0; image.header().ram_words as usize];
    for raw in samples {
        let mut machine =
            Machine::new(image, image.weights(), &mut ram).map_err(|error| fault(error.to_string()))?;
        let mut seen = Seen::default();
        let step = machine.run(raw.iter().copied(), &mut seen).map_err(|error| fault(error.to_string()))?;
        if step != Step::SampleDone {
            return Err(fault("the machine stopped"));
        }
        let digest = machine.snapshot().digest();
        let codec =
            if seen.emitted.iter().all(|v| Codec::I16.saturate(*v) == *v) { Codec::I16 } else { Codec::I32 };
        out.push(VectorData {
            subject: Subject::Network { input: 0, digest },
            inputs: (encoder.raw, raw.clone()),
            answers: (codec, seen.emitted),
        });
    }
    Ok(out)
}
