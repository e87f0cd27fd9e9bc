//! A parsed image: borrowed sections whose every reference has been checked.

use super::{
    access::Access,
    aside::{ChipLimits, Origins, PLACE_BYTES, Placement, ROUTE_BYTES, Route},
    blob::{BLOB_BYTES, Blob},
    check,
    config::{CONFIG_BYTES, Config},
    decoder::{DECODER_BYTES, Decoder},
    directory::{ENTRY_BYTES, Entry, SECTION_VERSION},
    edge::{EDGE_BYTES, Edge},
    encoder::{ENCODER_BYTES, Encoder},
    error::{ImageError, Rule},
    header::{HEADER_BYTES, HEADER_CHECKED, Header},
    list::{List, fixed_record},
    plan::Plan,
    program::{INSTRUCTION_BYTES, Instruction},
    seal::{Digest32, Seal, Signature, crc32, sha256},
    table::Tables,
    tag::Tag,
    vector::Vector,
};
use crate::bytes::Fields;

/// Numbers of records, as counted while parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) edges: u32,
    pub(crate) blobs: u32,
    pub(crate) configs: u32,
    pub(crate) program: u32,
    pub(crate) encoders: u32,
    pub(crate) decoders: u32,
    pub(crate) places: u32,
    pub(crate) routes: u32,
}

/// A parsed image. Everything is read from the borrowed bytes when it is needed; nothing is copied.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    pub(crate) header: Header,
    pub(crate) digest: Digest32,
    pub(crate) signature: Option<Signature>,
    pub(crate) sections: [&'a [u8]; Tag::KNOWN.len()],
    pub(crate) tables: Tables<'a>,
    pub(crate) access: List<'a>,
    pub(crate) vectors: List<'a>,
    pub(crate) origins: List<'a>,
    pub(crate) counts: Counts,
    pub(crate) plan: Plan,
    pub(crate) work: u64,
}

impl<'a> Image<'a> {
    /// Parses and checks `bytes`, which must be one whole image.
    ///
    /// Never panics, reads nothing outside `bytes`, and does an amount of work bounded by their length.
    ///
    /// # Errors
    /// The first rule that the bytes break, with its place.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let (header, sections, seal) = frame(bytes)?;
        let mut image = Self {
            header,
            digest: seal.digest,
            signature: seal.signature,
            sections,
            tables: Tables(List::empty()),
            access: List::empty(),
            vectors: List::empty(),
            origins: List::empty(),
            counts: Counts::default(),
            plan: Plan::default(),
            work: 0,
        };
        image.tables = Tables(List::parse(Tag::TABLES, image.section(Tag::TABLES))?);
        image.access = List::parse(Tag::ACCESS, image.section(Tag::ACCESS))?;
        image.vectors = List::parse(Tag::VECTORS, image.section(Tag::VECTORS))?;
        image.origins = List::parse(Tag::ORIGIN, image.section(Tag::ORIGIN))?;
        check::all(&mut image)?;
        Ok(image)
    }

    /// The bytes of a known section; empty when the image has none.
    #[must_use]
    pub fn section(&self, tag: Tag) -> &'a [u8] {
        tag.known().and_then(|index| self.sections.get(index)).copied().unwrap_or(&[])
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// SHA-256 over everything before the seal.
    #[must_use]
    pub const fn digest(&self) -> &Digest32 {
        &self.digest
    }

    /// The signature over the digest, if there is one; parsing does not check it, [`crate::load::Policy`] does.
    #[must_use]
    pub const fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }

    /// Layout of the memory that the machine must be lent.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Work units of one sample: signals moved plus cells read (see [`crate::machine`]).
    #[must_use]
    pub const fn work(&self) -> u64 {
        self.work
    }

    /// The chip's limits.
    ///
    /// # Errors
    /// Never after parsing.
    pub fn chip(&self) -> Result<ChipLimits, ImageError> {
        ChipLimits::parse(self.section(Tag::CHIP))
    }

    /// All tables.
    #[must_use]
    pub const fn tables(&self) -> &Tables<'a> {
        &self.tables
    }

    /// Number of edges.
    #[must_use]
    pub const fn edge_count(&self) -> u32 {
        self.counts.edges
    }

    /// Edge `index`.
    #[must_use]
    pub fn edge(&self, index: u32) -> Option<Edge> {
        Edge::parse(fixed_record(self.section(Tag::EDGES), index, EDGE_BYTES)?, index).ok()
    }

    /// Number of access patterns.
    #[must_use]
    pub const fn access_count(&self) -> u32 {
        self.access.count()
    }

    /// Access pattern `index`.
    #[must_use]
    pub fn access(&self, index: u32) -> Option<Access> {
        Access::parse(self.access.get(index)?, index).ok()
    }

    /// Number of elements that access pattern `access` names.
    #[must_use]
    pub fn elements(&self, access: &Access) -> Option<u32> {
        access.elements(self.tables.get(access.table).map_or(0, |table| table.len()))
    }

    /// Number of blobs.
    #[must_use]
    pub const fn blob_count(&self) -> u32 {
        self.counts.blobs
    }

    /// Blob `index`.
    #[must_use]
    pub fn blob(&self, index: u32) -> Option<Blob> {
        Blob::parse(fixed_record(self.section(Tag::BLOBS), index, BLOB_BYTES)?, index).ok()
    }

    /// Number of configurations.
    #[must_use]
    pub const fn config_count(&self) -> u32 {
        self.counts.configs
    }

    /// Configuration `index`.
    #[must_use]
    pub fn config(&self, index: u32) -> Option<Config> {
        Config::parse(fixed_record(self.section(Tag::CONFIGS), index, CONFIG_BYTES)?, index).ok()
    }

    /// Number of instructions.
    #[must_use]
    pub const fn instruction_count(&self) -> u32 {
        self.counts.program
    }

    /// Instruction `index`.
    #[must_use]
    pub fn instruction(&self, index: u32) -> Option<Instruction> {
        let bytes = fixed_record(self.section(Tag::PROGRAM), index, INSTRUCTION_BYTES)?;
        Instruction::parse(bytes, index).ok()
    }

    /// Number of inputs.
    #[must_use]
    pub const fn input_count(&self) -> u32 {
        self.counts.encoders
    }

    /// Encoder of input `index`.
    #[must_use]
    pub fn encoder(&self, index: u32) -> Option<Encoder> {
        Encoder::parse(fixed_record(self.section(Tag::ENCODERS), index, ENCODER_BYTES)?, index).ok()
    }

    /// Number of decoders.
    #[must_use]
    pub const fn decoder_count(&self) -> u32 {
        self.counts.decoders
    }

    /// Decoder `index`.
    #[must_use]
    pub fn decoder(&self, index: u32) -> Option<Decoder> {
        Decoder::parse(fixed_record(self.section(Tag::DECODERS), index, DECODER_BYTES)?, index).ok()
    }

    /// Number of known answers.
    #[must_use]
    pub const fn vector_count(&self) -> u32 {
        self.vectors.count()
    }

    /// Known answer `index`.
    #[must_use]
    pub fn vector(&self, index: u32) -> Option<Vector<'a>> {
        Vector::parse(self.vectors.get(index)?, index).ok()
    }

    /// Number of placements.
    #[must_use]
    pub const fn placement_count(&self) -> u32 {
        self.counts.places
    }

    /// Placement `index`.
    #[must_use]
    pub fn placement(&self, index: u32) -> Option<Placement> {
        Placement::parse(fixed_record(self.section(Tag::PLACES), index, PLACE_BYTES)?)
    }

    /// The first physical core that holds configuration `config`.
    #[must_use]
    pub fn core_of(&self, config: u32) -> Option<u32> {
        let mut places = (0..self.placement_count()).filter_map(|index| self.placement(index));
        places.find(|place| place.config == config).map(|place| place.core)
    }

    /// Number of routes.
    #[must_use]
    pub const fn route_count(&self) -> u32 {
        self.counts.routes
    }

    /// Route `index`.
    #[must_use]
    pub fn route(&self, index: u32) -> Option<Route> {
        Route::parse(fixed_record(self.section(Tag::ROUTES), index, ROUTE_BYTES)?)
    }

    /// Provenance.
    #[must_use]
    pub const fn origins(&self) -> Origins<'a> {
        Origins(self.origins)
    }

    /// The compiler's notes; empty when there are none.
    #[must_use]
    pub fn notes(&self) -> &'a str {
        core::str::from_utf8(self.section(Tag::NOTES)).unwrap_or("")
    }

    /// All weights.
    #[must_use]
    pub fn weights(&self) -> &'a [u8] {
        self.section(Tag::WEIGHTS)
    }
}

type Frame<'a> = (Header, [&'a [u8]; Tag::KNOWN.len()], Seal);

/// Header, directory, sections and seal: everything that needs no knowledge of the sections' content.
fn frame(bytes: &[u8]) -> Result<Frame<'_>, ImageError> {
    let error = |record, field, rule| ImageError::new(Tag::HEADER, record, field, rule);
    let header = Header::parse(bytes)?;
    let length = bytes.len() as u64;
    if header.total_bytes != length {
        return Err(error(0, "total_bytes", Rule::LengthMismatch));
    }
    // At most 64 entries: no overflow.
    let directory_bytes = ENTRY_BYTES * header.sections as usize;
    let directory =
        bytes.slice_at(HEADER_BYTES, directory_bytes).ok_or(error(0, "directory", Rule::TooShort))?;
    let checked = bytes.slice_at(0, HEADER_CHECKED).ok_or(error(0, "header", Rule::TooShort))?;
    if crc32(&[checked, directory]) != header.checksum {
        return Err(error(0, "checksum", Rule::HeaderChecksum));
    }
    let seal_at = usize::try_from(header.seal_offset)
        .ok()
        .filter(|at| *at <= bytes.len() && at.is_multiple_of(8))
        .ok_or(error(0, "seal_offset", Rule::OutOfRange))?;
    let seal = Seal::parse(bytes.get(seal_at..).unwrap_or(&[]))?;

    let mut sections: [&[u8]; Tag::KNOWN.len()] = [&[]; Tag::KNOWN.len()];
    let mut present = [false; Tag::KNOWN.len()];
    let mut end = HEADER_BYTES + directory_bytes;
    for index in 0..header.sections {
        let at = ENTRY_BYTES * index as usize;
        let entry = Entry::parse(directory, at).ok_or(error(index, "entry", Rule::TooShort))?;
        let section = |rule| ImageError::new(entry.tag, 0, "section", rule);
        let start = usize::try_from(entry.offset)
            .ok()
            .filter(|start| *start == end.next_multiple_of(8))
            .ok_or(section(Rule::SectionOrder))?;
        let content = usize::try_from(entry.length)
            .ok()
            .and_then(|length| bytes.slice_at(start, length))
            .filter(|content| start + content.len() <= seal_at)
            .ok_or(section(Rule::SectionOrder))?;
        if bytes.get(end..start).is_none_or(|gap| gap.iter().any(|byte| *byte != 0)) {
            return Err(section(Rule::NotZero));
        }
        end = start + content.len();
        if crc32(&[content]) != entry.checksum {
            return Err(section(Rule::SectionChecksum));
        }
        if entry.flags > 1 {
            return Err(section(Rule::NotZero));
        }
        let Some(known) = entry.tag.known() else {
            if entry.critical() {
                return Err(section(Rule::UnknownCriticalSection(entry.tag)));
            }
            continue;
        };
        if entry.version != SECTION_VERSION {
            return Err(section(Rule::UnsupportedVersion(entry.version)));
        }
        if let (Some(slot), Some(seen)) = (sections.get_mut(known), present.get_mut(known)) {
            if *seen {
                return Err(section(Rule::DuplicateSection));
            }
            *seen = true;
            *slot = content;
        }
    }
    if bytes.get(end..seal_at).is_none_or(|gap| gap.len() >= 8 || gap.iter().any(|byte| *byte != 0)) {
        return Err(ImageError::new(Tag::SEAL, 0, "seal_offset", Rule::SectionOrder));
    }
    if sha256(bytes.get(..seal_at).unwrap_or(&[])) != seal.digest {
        return Err(ImageError::new(Tag::SEAL, 0, "digest", Rule::DigestMismatch));
    }
    for tag in [Tag::CHIP, Tag::EDGES, Tag::PROGRAM] {
        if !tag.known().and_then(|index| present.get(index)).copied().unwrap_or(false) {
            return Err(ImageError::new(tag, 0, "section", Rule::MissingSection));
        }
    }
    Ok((header, sections, seal))
}
