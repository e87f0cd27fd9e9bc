//! Why an image is refused: the place, the rule it breaks, and the way out.

use super::tag::Tag;
use core::fmt;

/// Where in an image a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Place {
    /// The section; [`Tag::HEADER`] for the header and the directory, [`Tag::SEAL`] for the seal.
    pub section: Tag,
    /// Number of the record (edge, instruction, ...) within the section.
    pub record: u32,
    /// The field of the record.
    pub field: &'static str,
}

/// The rule that the bytes break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Rule {
    /// The bytes end before the field does.
    TooShort,
    /// The first eight bytes are not `SPANDREL`.
    BadMagic,
    /// The format's major version is another one.
    UnsupportedVersion(u16),
    /// The stated length is not the number of bytes at hand.
    LengthMismatch,
    /// The checksum over header and directory does not match.
    HeaderChecksum,
    /// The checksum over a section does not match.
    SectionChecksum,
    /// SHA-256 over everything before the seal does not match the seal.
    DigestMismatch,
    /// A signature kind this version can not check.
    SignatureNotBuilt(u16),
    /// A section marked critical that this version does not know.
    UnknownCriticalSection(Tag),
    /// A known section stands twice.
    DuplicateSection,
    /// A section that every image needs is not there.
    MissingSection,
    /// Sections must follow one another in order, without overlap and with less than 8 bytes between.
    SectionOrder,
    /// Bytes between sections, and reserved fields, must be zero.
    NotZero,
    /// A number outside its range.
    OutOfRange,
    /// A code that names nothing.
    UnknownCode(u32),
    /// A reference to a record that does not exist.
    DanglingReference(u32),
    /// Loops nest deeper than there are loop registers, or use a register twice.
    LoopRegister,
    /// A LOOP without END or an END without LOOP.
    LoopNesting,
    /// The program would run longer than can be counted.
    TooLong,
    /// The header's `ram_words` is not what edges, state and registers need.
    RamMismatch {
        /// Words that the header states.
        stated: u32,
        /// Words that the image needs.
        needed: u32,
    },
    /// An accumulator of the model could overflow for some input.
    AccumulatorOverflow,
    /// An access pattern can name an element beyond the end of its edge.
    BeyondEdge,
    /// Text that is not UTF-8.
    NotText,
}

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ImageError {
    /// Where.
    pub place: Place,
    /// Which rule.
    pub rule: Rule,
}

impl ImageError {
    /// A refusal at `record` of `section`.
    #[must_use]
    pub const fn new(section: Tag, record: u32, field: &'static str, rule: Rule) -> Self {
        Self { place: Place { section, record, field }, rule }
    }

    /// The rule's stable name, for logs and for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.rule {
            Rule::TooShort => "too-short",
            Rule::BadMagic => "bad-magic",
            Rule::UnsupportedVersion(_) => "unsupported-version",
            Rule::LengthMismatch => "length-mismatch",
            Rule::HeaderChecksum => "header-checksum",
            Rule::SectionChecksum => "section-checksum",
            Rule::DigestMismatch => "digest-mismatch",
            Rule::SignatureNotBuilt(_) => "signature-not-built",
            Rule::UnknownCriticalSection(_) => "unknown-critical-section",
            Rule::DuplicateSection => "duplicate-section",
            Rule::MissingSection => "missing-section",
            Rule::SectionOrder => "section-order",
            Rule::NotZero => "not-zero",
            Rule::OutOfRange => "out-of-range",
            Rule::UnknownCode(_) => "unknown-code",
            Rule::DanglingReference(_) => "dangling-reference",
            Rule::LoopRegister => "loop-register",
            Rule::LoopNesting => "loop-nesting",
            Rule::TooLong => "too-long",
            Rule::RamMismatch { .. } => "ram-mismatch",
            Rule::AccumulatorOverflow => "accumulator-overflow",
            Rule::BeyondEdge => "beyond-edge",
            Rule::NotText => "not-text",
        }
    }

    /// What the reader of the error can do about it.
    #[must_use]
    pub fn way_out(&self) -> &'static str {
        let frame = self.place.section == Tag::HEADER || self.place.section == Tag::SEAL;
        match self.rule {
            // Within a section whose checksum holds, a wrong length is the writer's doing.
            Rule::TooShort | Rule::LengthMismatch if !frame => {
                "the writer of this image broke the format: compile it again and report the writer's version"
            }
            Rule::TooShort
            | Rule::LengthMismatch
            | Rule::HeaderChecksum
            | Rule::SectionChecksum
            | Rule::DigestMismatch => {
                "the bytes were damaged or cut off on the way: transfer the image again"
            }
            Rule::BadMagic => "this is not a Spandrel image: pass the file that `spandrel compile -o` wrote",
            Rule::UnsupportedVersion(_) | Rule::UnknownCriticalSection(_) | Rule::UnknownCode(_) => {
                "compile the image with the version of Spandrel that this reader belongs to, or update the reader"
            }
            Rule::SignatureNotBuilt(_) => "use an unsigned image, or a reader that can check signatures",
            Rule::RamMismatch { .. }
            | Rule::DuplicateSection
            | Rule::MissingSection
            | Rule::SectionOrder
            | Rule::NotZero
            | Rule::OutOfRange
            | Rule::DanglingReference(_)
            | Rule::LoopRegister
            | Rule::LoopNesting
            | Rule::TooLong
            | Rule::BeyondEdge
            | Rule::NotText => {
                "the writer of this image broke the format: compile it again and report the writer's version"
            }
            Rule::AccumulatorOverflow => "use fewer rows, fewer bits, or a wider register",
        }
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { section, record, field } = self.place;
        write!(f, "section {section}, record {record}, {field}: {}", self.name())?;
        match self.rule {
            Rule::UnsupportedVersion(version) => write!(f, " ({version})"),
            Rule::SignatureNotBuilt(kind) => write!(f, " (kind {kind})"),
            Rule::UnknownCriticalSection(tag) => write!(f, " ({tag})"),
            Rule::UnknownCode(code) => write!(f, " ({code})"),
            Rule::DanglingReference(index) => write!(f, " ({index})"),
            Rule::RamMismatch { stated, needed } => write!(f, " (stated {stated}, needed {needed})"),
            _ => Ok(()),
        }
    }
}

impl core::error::Error for ImageError {}
