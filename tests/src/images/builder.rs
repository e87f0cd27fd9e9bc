//! The builder.

use super::{pattern::Pattern, weights::Packed};
use crate::run;
use spandrel_core::{
    crossbar::Crossbar,
    image::{
        Access, ChipLimits, Codec, Combine, Config, Decoder, Digest32, Edge, Encoder, Image, Instruction,
        NO_REGISTER, NO_TABLE, Placement, ResetTarget, Route, Subject, Tag, Values, Vector, assemble,
        assembled_len, emit_list,
    },
    mac::Mac,
    spiking::Spiking,
};

/// Sections in the order in which they will be written.
pub type Sections = Vec<(Tag, Vec<u8>)>;

/// A known answer, owned.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What it belongs to.
    pub subject: Subject,
    /// What goes in, as i32.
    pub inputs: Vec<i32>,
    /// What must come out, as i32.
    pub answers: Vec<i32>,
}

/// An image under construction. Every method that adds a record returns its number. Records
/// are not checked: wrong ones are wanted as well.
#[derive(Clone, Debug)]
pub struct ImageBuilder {
    /// Chip name.
    pub chip: String,
    /// The CHIP section.
    pub limits: ChipLimits,
    /// Edges; `ram_offset` is worked out by [`ImageBuilder::build`].
    pub edges: Vec<Edge>,
    /// Tables.
    pub tables: Vec<Vec<i32>>,
    /// Access patterns.
    pub accesses: Vec<Access>,
    /// Packed weights; offsets are worked out.
    pub blobs: Vec<Packed>,
    /// Configurations.
    pub configs: Vec<Config>,
    /// Instructions.
    pub program: Vec<Instruction>,
    /// Encoders.
    pub encoders: Vec<Encoder>,
    /// Decoders.
    pub decoders: Vec<Decoder>,
    /// Known answers.
    pub answers: Vec<Answer>,
    /// Placements.
    pub places: Vec<Placement>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Records of ORIGIN, as bytes.
    pub origins: Vec<Vec<u8>>,
    /// Notes.
    pub notes: String,
}

fn add<T>(records: &mut Vec<T>, record: T) -> u32 {
    records.push(record);
    records.len() as u32 - 1
}

fn emitted<T>(records: &[T], emit: impl Fn(&T, &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        emit(record, &mut bytes);
    }
    bytes
}

fn list(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !records.is_empty() {
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        emit_list(&records, &mut |part: &[u8]| bytes.extend_from_slice(part));
    }
    bytes
}

impl ImageBuilder {
    /// An empty image for `chip`, whose limits are PRIME's: 256 inputs and outputs, 64 cores.
    #[must_use]
    pub fn new(chip: &str) -> Self {
        Self {
            chip: chip.into(),
            limits: ChipLimits { kind: 1, rows: 256, columns: 256, cores: 64 },
            edges: Vec::new(),
            tables: Vec::new(),
            accesses: Vec::new(),
            blobs: Vec::new(),
            configs: Vec::new(),
            program: Vec::new(),
            encoders: Vec::new(),
            decoders: Vec::new(),
            answers: Vec::new(),
            places: Vec::new(),
            routes: Vec::new(),
            origins: Vec::new(),
            notes: String::new(),
        }
    }

    /// A plain buffer of `length` signals, reset code 0.
    pub fn edge(&mut self, codec: Codec, length: u32) -> u32 {
        self.ring(codec, length, 1, 0)
    }

    /// A ring of `slots` slots.
    pub fn ring(&mut self, codec: Codec, length: u32, slots: u16, reset: i32) -> u32 {
        add(&mut self.edges, Edge { length, codec, clear_on_tick: false, slots, reset, ram_offset: 0 })
    }

    /// A table.
    pub fn table(&mut self, entries: &[i32]) -> u32 {
        add(&mut self.tables, entries.to_vec())
    }

    /// An access pattern.
    pub fn access(&mut self, pattern: Pattern) -> u32 {
        add(&mut self.accesses, pattern.access())
    }

    /// Weights, with the tables they need.
    pub fn blob(&mut self, mut packed: Packed) -> u32 {
        if let Some(values) = &packed.values {
            packed.blob.values = add(&mut self.tables, values.clone());
        }
        if let Some(types) = &packed.types {
            packed.blob.types = add(&mut self.tables, types.clone());
        }
        add(&mut self.blobs, packed)
    }

    /// A configuration.
    pub fn crossbar(&mut self, crossbar: Crossbar) -> u32 {
        add(&mut self.configs, Config::Crossbar(crossbar))
    }

    /// A configuration of a digital core.
    pub fn mac(&mut self, mac: Mac) -> u32 {
        add(&mut self.configs, Config::Mac(mac))
    }

    /// A configuration of a spiking core.
    pub fn spiking(&mut self, spiking: Spiking) -> u32 {
        add(&mut self.configs, Config::Spiking(spiking))
    }

    /// INVOKE a configuration with the state that begins at word `state`, setting and finishing its sums.
    pub fn invoke_state(&mut self, config: u32, state: u32) {
        self.program.push(Instruction::Invoke {
            accumulate: false,
            finish: true,
            config,
            state,
            register: NO_REGISTER,
            stride: 0,
        });
    }

    /// An encoder that clips u8 values to `lo..=hi` after `raw * multiplier / 2^shift`, the same for
    /// all `length` elements of `edge`.
    pub fn scale_input(&mut self, edge: u32, length: u32, multiplier: i32, shift: u8, hi: i32) -> u32 {
        let params = self.table(&[multiplier, 0, 0]);
        let mapping = spandrel_core::image::Mapping::Affine { shift };
        let (channels, inner, order) = (1, 1, NO_TABLE);
        let raw = Codec::U8;
        add(
            &mut self.encoders,
            Encoder { raw, mapping, signals: 1, length, edge, channels, inner, params, order, lo: 0, hi },
        )
    }

    /// An encoder of one signal a value that changes nothing, for 32-bit values.
    pub fn plain_input(&mut self, edge: u32, length: u32) -> u32 {
        let params = self.table(&[1, 0, 0]);
        let mapping = spandrel_core::image::Mapping::Affine { shift: 0 };
        self.encoder(Encoder {
            raw: Codec::I32,
            mapping,
            signals: 1,
            length,
            edge,
            channels: 1,
            inner: 1,
            params,
            order: NO_TABLE,
            lo: i32::MIN,
            hi: i32::MAX,
        })
    }

    /// Any encoder.
    pub fn encoder(&mut self, encoder: Encoder) -> u32 {
        add(&mut self.encoders, encoder)
    }

    /// Any decoder.
    pub fn decoder(&mut self, decoder: Decoder) -> u32 {
        add(&mut self.decoders, decoder)
    }

    /// LOOP `register` `trips` ... END.
    pub fn repeat(&mut self, register: u8, trips: u32, body: impl FnOnce(&mut Self)) {
        let start = add(&mut self.program, Instruction::Loop { register, trips });
        body(self);
        self.program.push(Instruction::End { register, start });
    }

    /// GATHER into input registers from `first`.
    pub fn gather(&mut self, pattern: Pattern, first: u32) {
        let access = self.access(pattern);
        self.program.push(Instruction::Gather { access, first });
    }

    /// INVOKE without state: set or accumulate, and finish or not.
    pub fn invoke(&mut self, config: u32, accumulate: bool, finish: bool) {
        let (state, register, stride) = (0, NO_REGISTER, 0);
        self.program.push(Instruction::Invoke { accumulate, finish, config, state, register, stride });
    }

    /// SCATTER sum registers from `first`.
    pub fn scatter(&mut self, combine: Combine, pattern: Pattern, first: u32) {
        let access = self.access(pattern);
        self.program.push(Instruction::Scatter { combine, access, first });
    }

    /// ADD signals to sum registers from `first`.
    pub fn add(&mut self, combine: Combine, pattern: Pattern, first: u32) {
        let access = self.access(pattern);
        self.program.push(Instruction::Add { combine, access, first });
    }

    /// RATE spikes into sum registers from `first`.
    pub fn rate(&mut self, register: u8, window: u32, pattern: Pattern, first: u32) {
        let access = self.access(pattern);
        self.program.push(Instruction::Rate { register, access, first, window });
    }

    /// TICK.
    pub fn tick(&mut self) {
        self.program.push(Instruction::Tick);
    }

    /// RESET.
    pub fn reset(&mut self, target: ResetTarget) {
        self.program.push(Instruction::Reset(target));
    }

    /// EMIT.
    pub fn emit(&mut self, output: u16, pattern: Pattern) {
        let access = self.access(pattern);
        self.program.push(Instruction::Emit { output, access });
    }

    /// All sections that are not empty, and CHIP, EDGES and PROGRAM always.
    #[must_use]
    pub fn sections(&self) -> Sections {
        let mut weights = Vec::new();
        let mut blobs = Vec::new();
        for packed in &self.blobs {
            let mut blob = packed.blob;
            blob.offset = weights.len() as u64;
            weights.extend(&packed.bytes);
            blob.emit(&mut |part: &[u8]| blobs.extend_from_slice(part));
        }
        let (edges, _) = self.placed_edges();
        let mut chip = Vec::new();
        self.limits.emit(&mut |part: &[u8]| chip.extend_from_slice(part));
        macro_rules! records {
            ($records:expr) => {
                emitted($records, |record, bytes| {
                    record.emit(&mut |part: &[u8]| bytes.extend_from_slice(part))
                })
            };
        }
        let accesses: Vec<Vec<u8>> =
            self.accesses.iter().map(|access| records!(std::slice::from_ref(access))).collect();
        let tables: Vec<Vec<u8>> =
            self.tables.iter().map(|table| table.iter().flat_map(|e| e.to_le_bytes()).collect()).collect();
        let answers: Vec<Vec<u8>> = self.answers.iter().map(answer_bytes).collect();
        let all = [
            (Tag::CHIP, chip),
            (Tag::EDGES, records!(&edges)),
            (Tag::TABLES, list(&tables)),
            (Tag::ACCESS, list(&accesses)),
            (Tag::BLOBS, blobs),
            (Tag::CONFIGS, records!(&self.configs)),
            (Tag::PROGRAM, records!(&self.program)),
            (Tag::ENCODERS, records!(&self.encoders)),
            (Tag::DECODERS, records!(&self.decoders)),
            (Tag::VECTORS, list(&answers)),
            (Tag::PLACES, records!(&self.places)),
            (Tag::ROUTES, records!(&self.routes)),
            (Tag::ORIGIN, list(&self.origins)),
            (Tag::NOTES, self.notes.clone().into_bytes()),
            (Tag::WEIGHTS, weights),
        ];
        let needed = |tag: Tag| [Tag::CHIP, Tag::EDGES, Tag::PROGRAM].contains(&tag);
        all.into_iter().filter(|(tag, bytes)| needed(*tag) || !bytes.is_empty()).collect()
    }

    /// The image made of `sections` with this builder's header.
    ///
    /// # Panics
    /// When the chip's name does not fit.
    #[must_use]
    pub fn assembled(&self, sections: &Sections) -> Vec<u8> {
        assembled(&self.chip, self.placed_edges().1, sections)
    }

    /// The whole image.
    ///
    /// # Panics
    /// When the chip's name does not fit.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        self.assembled(&self.sections())
    }

    /// Runs `samples` one by one from the reset state on the image as it is and adds what comes
    /// out as known answers, so that later checks catch any change.
    ///
    /// # Panics
    /// When the image is refused or faults.
    pub fn record_networks(&mut self, samples: &[&[i32]]) {
        let bytes = self.build();
        let image = Image::parse(&bytes).expect("the image must be valid");
        for sample in samples {
            let shown = run::whole(&image, &[sample]);
            let digest: Digest32 = shown.digest;
            let answers = shown.outputs.iter().map(|(_, _, value)| *value).collect();
            let subject = Subject::Network { input: 0, digest };
            self.answers.push(Answer { subject, inputs: sample.to_vec(), answers });
        }
    }
}

/// The image made of `sections`.
///
/// # Panics
/// When the chip's name does not fit.
#[must_use]
pub fn assembled(chip: &str, ram_words: u32, sections: &Sections) -> Vec<u8> {
    let sections: Vec<(Tag, &[u8])> = sections.iter().map(|(tag, bytes)| (*tag, bytes.as_slice())).collect();
    let mut out = vec![0; assembled_len(&sections)];
    assemble(chip, 0, ram_words, &sections, &mut out).expect("the chip's name must fit");
    out
}

fn answer_bytes(answer: &Answer) -> Vec<u8> {
    let bytes = |values: &[i32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let (inputs, answers) = (bytes(&answer.inputs), bytes(&answer.answers));
    let values = |bytes, count: usize| {
        Values::new(Codec::I32, bytes, count as u32).expect("the bytes were made for so many values")
    };
    let vector = Vector {
        subject: answer.subject,
        inputs: values(&inputs, answer.inputs.len()),
        answers: values(&answers, answer.answers.len()),
    };
    let mut out = Vec::new();
    vector.emit(&mut |part: &[u8]| out.extend_from_slice(part));
    out
}
