//! The streaming loader: an image comes in pieces of any size, and is checked as it passes by.
//!
//! The loader holds the header, 12 bytes a section and two running checksums, never the image: see [`Loader`] for its size. A
//! transfer that breaks is taken up again at [`Loader::position`]; bytes before it are not wanted again.

use super::{
    outcome::{LoadError, Progress},
    policy::{FIRST, Policy, Refusal, SECTION_RULES},
    target::{SectionAt, Target},
};
use crate::{
    bytes::Fields,
    image::{
        CRC32, ChipLimits, Digest32, ENTRY_BYTES, Entry, HEADER_BYTES, Header, ImageError, Rule,
        SECTION_VERSION, SIGNED_SEAL_BYTES, Seal, Tag,
    },
};
use heapless::Vec;
use sha2::{Digest, Sha256};

/// The most sections that the loader keeps track of: all that are known, and a few that it may skip.
pub const LOADER_SECTIONS: usize = 20;
/// Bytes of a CHIP section.
const CHIP_BYTES: usize = 32;
/// What stands in the buffer at most: a signed seal.
const BUFFER: usize = SIGNED_SEAL_BYTES;
const _: () = assert!(BUFFER >= HEADER_BYTES && BUFFER >= ENTRY_BYTES && BUFFER >= CHIP_BYTES);

/// What is remembered of a directory entry.
#[derive(Clone, Copy, Debug)]
struct Pending {
    length: u32,
    checksum: u32,
    /// Position in [`Tag::KNOWN`], or `SKIPPED`.
    known: u8,
}

const SKIPPED: u8 = u8::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    Directory,
    /// Zeros in front of section so.
    Gap(usize),
    /// So many bytes of section so have come.
    Section(usize, u64),
    /// Zeros in front of the seal.
    LastGap,
    Seal,
    Done,
    Stopped,
}

/// Loads one image into `target`: 696 bytes on a Cortex-M4, a target of four callbacks
/// and a table included.
pub struct Loader<'p, T: Target> {
    policy: Policy<'p>,
    target: T,
    state: State,
    begun: bool,
    position: u64,
    /// What has come of the record that is being read.
    buffer: Vec<u8, BUFFER>,
    header: Option<Header>,
    sections: Vec<Pending, LOADER_SECTIONS>,
    /// CRC-32 of the header and directory, then of each section.
    crc: crc::Digest<'static, u32>,
    hash: Sha256,
}

impl<'p, T: Target> Loader<'p, T> {
    /// A loader that has seen nothing yet. The target is not touched before the image is acceptable as far as its header and
    /// limits tell.
    pub fn new(policy: &Policy<'p>, target: T) -> Self {
        Self {
            policy: *policy,
            target,
            state: State::Header,
            begun: false,
            position: 0,
            buffer: Vec::new(),
            header: None,
            sections: Vec::new(),
            crc: CRC32.digest(),
            hash: Sha256::new(),
        }
    }

    /// The number of bytes taken: where a broken transfer goes on.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The header, once it has come and is accepted.
    #[must_use]
    pub const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The target.
    pub const fn target(&mut self) -> &mut T {
        &mut self.target
    }

    /// Gives the target back; an image that is not complete is abandoned.
    pub fn finish(mut self) -> T {
        self.stop();
        self.target
    }

    /// Takes the next bytes, however many. After the last one the image is loaded; bytes behind it are not looked at.
    ///
    /// # Errors
    /// The first rule broken; the target has been told to abandon the image then, and the loader takes no more.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Progress, LoadError<T::Error>> {
        if self.state == State::Stopped {
            return Err(LoadError::Stopped);
        }
        loop {
            if self.state == State::Done {
                // The seal is still in the buffer.
                let mut digest = [0u8; 32];
                digest.copy_from_slice(self.buffer.get(..32).unwrap_or(&[0; 32]));
                return Ok(Progress::Loaded(digest));
            }
            match self.advance(&mut bytes) {
                Ok(true) => {}
                Ok(false) => return Ok(Progress::Wanted),
                Err(error) => {
                    self.stop();
                    return Err(error);
                }
            }
        }
    }

    /// Gives up an image that is not complete: the target abandons it, and the loader takes no more. A loaded image stays.
    pub fn stop(&mut self) {
        if self.begun && self.state != State::Done && self.state != State::Stopped {
            self.target.abandon();
        }
        if self.state != State::Done {
            self.state = State::Stopped;
        }
    }

    /// One step of the state machine; whether there may be another without further bytes.
    fn advance(&mut self, bytes: &mut &[u8]) -> Result<bool, LoadError<T::Error>> {
        match self.state {
            State::Header => {
                if !self.fill(bytes, HEADER_BYTES) {
                    return Ok(false);
                }
                self.header_came()?;
            }
            State::Directory => {
                let count = self.header.map_or(0, |header| header.sections as usize);
                if self.sections.len() < count {
                    if !self.fill(bytes, ENTRY_BYTES) {
                        return Ok(false);
                    }
                    self.entry_came()?;
                } else {
                    self.directory_came()?;
                }
            }
            State::Gap(index) => {
                if !self.zeros(bytes)? {
                    return Ok(false);
                }
                self.crc = CRC32.digest();
                self.state = State::Section(index, 0);
                if index > 0 {
                    self.announce(index)?;
                }
            }
            State::Section(index, done) => return self.section(bytes, index, done),
            State::LastGap => {
                if !self.zeros(bytes)? {
                    return Ok(false);
                }
                if self.header.map(|header| header.seal_offset) != Some(self.position) {
                    return Err(seal("seal_offset", Rule::SectionOrder));
                }
                self.state = State::Seal;
            }
            State::Seal => {
                let length =
                    self.header.map_or(0, |header| header.total_bytes.saturating_sub(header.seal_offset));
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if length > BUFFER {
                    return Err(seal("length", Rule::LengthMismatch));
                }
                if !self.fill(bytes, length) {
                    return Ok(false);
                }
                self.seal_came()?;
            }
            State::Done | State::Stopped => return Ok(false),
        }
        Ok(true)
    }

    /// Takes bytes until the buffer holds `length`; whether it does.
    fn fill(&mut self, bytes: &mut &[u8], length: usize) -> bool {
        let (now, later) = bytes.split_at(bytes.len().min(length.saturating_sub(self.buffer.len())));
        // It fits: no record is longer than the buffer.
        let _ = self.buffer.extend_from_slice(now);
        self.position += now.len() as u64;
        *bytes = later;
        self.buffer.len() >= length
    }

    fn header_came(&mut self) -> Result<(), LoadError<T::Error>> {
        let header = Header::parse(&self.buffer).map_err(LoadError::Image)?;
        self.policy.header(&header).map_err(LoadError::Refused)?;
        if header.sections as usize > LOADER_SECTIONS {
            return Err(LoadError::Refused(Refusal::TooManySections(header.sections)));
        }
        self.crc.update(self.buffer.get(..HEADER_BYTES - 4).unwrap_or(&[]));
        self.hash.update(&self.buffer);
        self.buffer.clear();
        self.header = Some(header);
        self.state = State::Directory;
        Ok(())
    }

    fn entry_came(&mut self) -> Result<(), LoadError<T::Error>> {
        let index = self.sections.len() as u32;
        let short = ImageError::new(Tag::HEADER, index, "entry", Rule::TooShort);
        let entry = Entry::parse(&self.buffer, 0).ok_or(LoadError::Image(short))?;
        let error = |rule| LoadError::Image(ImageError::new(entry.tag, 0, "section", rule));
        let [order, twice, _] = SECTION_RULES;
        let known = entry.tag.known();
        let length = u32::try_from(entry.length).map_err(|_| error(order))?;
        if entry.flags > 1 {
            return Err(error(Rule::NotZero));
        }
        if known.is_none() && entry.critical() {
            return Err(error(Rule::UnknownCriticalSection(entry.tag)));
        }
        if known.is_some() && entry.version != SECTION_VERSION {
            return Err(error(Rule::UnsupportedVersion(entry.version)));
        }
        if index == 0 && (entry.tag != FIRST || entry.length != CHIP_BYTES as u64) {
            return Err(LoadError::Refused(Refusal::NoLimits));
        }
        let known = known.and_then(|at| u8::try_from(at).ok()).unwrap_or(SKIPPED);
        if known != SKIPPED && self.sections.iter().any(|section| section.known == known) {
            return Err(error(twice));
        }
        if self.expected_offset(self.sections.len()) != entry.offset {
            return Err(error(order));
        }
        // There is room: the header's count was compared.
        let _ = self.sections.push(Pending { length, checksum: entry.checksum, known });
        self.crc.update(&self.buffer);
        self.hash.update(&self.buffer);
        self.buffer.clear();
        Ok(())
    }

    /// Where section `index` begins, given those before it.
    fn expected_offset(&self, index: usize) -> u64 {
        let sections = self.header.map_or(0, |header| u64::from(header.sections));
        let first = HEADER_BYTES as u64 + ENTRY_BYTES as u64 * sections;
        let end = |at: u64, section: &Pending| at.next_multiple_of(8) + u64::from(section.length);
        self.sections.iter().take(index).fold(first, end).next_multiple_of(8)
    }

    fn directory_came(&mut self) -> Result<(), LoadError<T::Error>> {
        let error = |field, rule| LoadError::Image(ImageError::new(Tag::HEADER, 0, field, rule));
        let header = self.header.ok_or(error("header", Rule::TooShort))?;
        let found = core::mem::replace(&mut self.crc, CRC32.digest()).finalize();
        if found != header.checksum {
            return Err(error("checksum", Rule::HeaderChecksum));
        }
        let [order, _, missing] = SECTION_RULES;
        if self.expected_offset(self.sections.len()) != header.seal_offset {
            return Err(seal("seal_offset", order));
        }
        for tag in [Tag::CHIP, Tag::EDGES, Tag::PROGRAM] {
            let known = tag.known().and_then(|at| u8::try_from(at).ok());
            if !self.sections.iter().any(|section| Some(section.known) == known) {
                return Err(LoadError::Image(ImageError::new(tag, 0, "section", missing)));
            }
        }
        self.state = State::Gap(0);
        Ok(())
    }

    /// Takes the zeros up to the next multiple of 8; whether all have come.
    fn zeros(&mut self, bytes: &mut &[u8]) -> Result<bool, LoadError<T::Error>> {
        while !self.position.is_multiple_of(8) {
            let Some((byte, later)) = bytes.split_first() else { return Ok(false) };
            if *byte != 0 {
                return Err(LoadError::Image(ImageError::new(Tag::HEADER, 0, "gap", Rule::NotZero)));
            }
            self.hash.update([0]);
            self.position += 1;
            *bytes = later;
        }
        Ok(true)
    }

    fn entry(&self, index: usize) -> Option<SectionAt> {
        let pending = self.sections.get(index)?;
        let tag = Tag::KNOWN.get(usize::from(pending.known)).copied().unwrap_or(Tag([0; 8]));
        let entry = Entry {
            tag,
            version: SECTION_VERSION,
            flags: u16::from(tag.known().is_some() && tag.critical()),
            checksum: pending.checksum,
            offset: self.expected_offset(index),
            length: u64::from(pending.length),
        };
        Some(SectionAt { index: index as u32, entry })
    }

    fn announce(&mut self, index: usize) -> Result<(), LoadError<T::Error>> {
        if let Some(section) = self.entry(index) {
            self.target.section(&section).map_err(LoadError::Target)?;
        }
        Ok(())
    }

    fn section(&mut self, bytes: &mut &[u8], index: usize, done: u64) -> Result<bool, LoadError<T::Error>> {
        let Some(pending) = self.sections.get(index).copied() else { return Ok(false) };
        let left = u64::from(pending.length) - done;
        if left > 0 {
            if bytes.is_empty() {
                return Ok(false);
            }
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(take);
            self.crc.update(now);
            self.hash.update(now);
            self.position += take as u64;
            *bytes = later;
            self.state = State::Section(index, done + take as u64);
            if index == 0 {
                let _ = self.buffer.extend_from_slice(now);
            } else {
                self.target.write(done, now).map_err(LoadError::Target)?;
            }
            return Ok(true);
        }
        let found = core::mem::replace(&mut self.crc, CRC32.digest()).finalize();
        if found != pending.checksum {
            let tag = self.entry(index).map_or(Tag::HEADER, |section| section.entry.tag);
            return Err(LoadError::Image(ImageError::new(tag, 0, "section", Rule::SectionChecksum)));
        }
        if index == 0 {
            self.limits_came()?;
        }
        self.state = if index + 1 < self.sections.len() { State::Gap(index + 1) } else { State::LastGap };
        Ok(true)
    }

    /// The limits decide, and only then the target is touched.
    fn limits_came(&mut self) -> Result<(), LoadError<T::Error>> {
        let limits = ChipLimits::parse(&self.buffer).map_err(LoadError::Image)?;
        self.policy.limits(&limits).map_err(LoadError::Refused)?;
        let Some(header) = self.header else { return Ok(()) };
        self.begun = true;
        self.target.begin(&header, &limits).map_err(LoadError::Target)?;
        self.announce(0)?;
        let chip = core::mem::take(&mut self.buffer);
        self.target.write(0, &chip).map_err(LoadError::Target)
    }

    fn seal_came(&mut self) -> Result<(), LoadError<T::Error>> {
        let stated = Seal::parse(&self.buffer).map_err(LoadError::Image)?;
        let digest: Digest32 = core::mem::take(&mut self.hash).finalize().into();
        if digest != stated.digest {
            return Err(seal("digest", Rule::DigestMismatch));
        }
        self.policy.signature(&digest, stated.signature.as_ref()).map_err(LoadError::Refused)?;
        self.target.commit(&digest).map_err(LoadError::Target)?;
        self.state = State::Done;
        Ok(())
    }
}

fn seal<E>(field: &'static str, rule: Rule) -> LoadError<E> {
    LoadError::Image(ImageError::new(Tag::SEAL, 0, field, rule))
}

/// Reads the header of the image at the start of `bytes` without checking the rest: what a boot loader needs to know how long
/// an image in flash is.
#[must_use]
pub fn peek(bytes: &[u8]) -> Option<Header> {
    Header::parse(bytes.slice_at(0, HEADER_BYTES)?).ok()
}
