//! COVERAGE: which share of a chip's possible faults the image's known answers show, found by fault simulation when the
//! image was made. Stands beside the program; the machine never reads it.
//!
//! Records of 48 bytes, ascending by class, then by way:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | class: 0 stuck cell, 1 flipped weight bit, 2 dead axon, 3 stuck output, 4 lost or late spike, 5 range register |
//! | 1 | 1 | way: 0 single cores in test mode, 1 the whole network, 2 both |
//! | 2 | 2 | reserved, 0 |
//! | 4 | 4 | reserved, 0 |
//! | 8 | 8 | faults of the class that the chip can have |
//! | 16 | 8 | how many of them were simulated: all, or a seeded sample |
//! | 24 | 8 | of those: proven to change nothing that this way can ever show |
//! | 32 | 8 | of those: shown by a known answer |
//! | 40 | 4 | lower end of the coverage in millionths, rounded down |
//! | 44 | 4 | its upper end, rounded up |
//!
//! Coverage is shown / (simulated - proven). Of all faults both ends are that share; of a sample they are the 95 % interval of
//! Clopper and Pearson.

use super::{
    error::{ImageError, Rule},
    list::fixed_record,
    tag::Tag,
    view::Image,
};
use crate::bytes::{Fields, Sink};

/// Bytes of a COVERAGE record.
pub const COVERAGE_BYTES: usize = 48;

/// A class of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultClass {
    /// A memory cell of a weight always holds its lowest or its highest level.
    StuckCell,
    /// A stored bit of a weight is the other one.
    WeightBit,
    /// Nothing arrives on an input line of a core.
    DeadAxon,
    /// An output of a core always gives the same.
    StuckOutput,
    /// A spike of a neuron is lost, or comes a tick late.
    Spike,
    /// A bit of the register that chooses the range of an output always reads the same.
    Range,
}

impl FaultClass {
    /// Every class, by its code.
    pub const ALL: [Self; 6] =
        [Self::StuckCell, Self::WeightBit, Self::DeadAxon, Self::StuckOutput, Self::Spike, Self::Range];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StuckCell => "stuck cell",
            Self::WeightBit => "flipped weight bit",
            Self::DeadAxon => "dead axon",
            Self::StuckOutput => "stuck output",
            Self::Spike => "lost or late spike",
            Self::Range => "range register",
        }
    }
}

/// By which known answers faults are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoverageWay {
    /// Answers of single cores.
    TestMode,
    /// Answers of the whole network.
    Network,
    /// Either.
    Both,
}

impl CoverageWay {
    /// Every way, by its code.
    pub const ALL: [Self; 3] = [Self::TestMode, Self::Network, Self::Both];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TestMode => "test mode",
            Self::Network => "normal path",
            Self::Both => "both",
        }
    }
}

/// What is covered of one class in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The class.
    pub class: FaultClass,
    /// The way.
    pub way: CoverageWay,
    /// Faults that the chip can have.
    pub all: u64,
    /// How many of them were simulated.
    pub simulated: u64,
    /// Of those, proven to change nothing that can ever show.
    pub undetectable: u64,
    /// Of those, shown by a known answer.
    pub detected: u64,
    /// Ends of the coverage, in millionths.
    pub ppm: (u32, u32),
}

impl Coverage {
    /// Reads record `record`.
    ///
    /// # Errors
    /// An unknown class or way, counts that contradict each other, reserved bytes in use.
    pub fn parse(bytes: &[u8], record: u32) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::COVERAGE, record, field, rule);
        let short = error("record", Rule::TooShort);
        let byte = |at| bytes.u8_at(at).ok_or(short);
        let long = |at| bytes.u64_at(at).ok_or(short);
        let unknown = |field, code| error(field, Rule::UnknownCode(u32::from(code)));
        let (class, way) = (byte(0)?, byte(1)?);
        if bytes.u16_at(2) != Some(0) || bytes.u32_at(4) != Some(0) {
            return Err(error("reserved", Rule::NotZero));
        }
        let own = Self {
            class: *FaultClass::ALL.get(usize::from(class)).ok_or(unknown("class", class))?,
            way: *CoverageWay::ALL.get(usize::from(way)).ok_or(unknown("way", way))?,
            all: long(8)?,
            simulated: long(16)?,
            undetectable: long(24)?,
            detected: long(32)?,
            ppm: (bytes.u32_at(40).ok_or(short)?, bytes.u32_at(44).ok_or(short)?),
        };
        let counted = own.undetectable.checked_add(own.detected);
        if own.simulated > own.all || counted.is_none_or(|counted| counted > own.simulated) {
            return Err(error("counts", Rule::OutOfRange));
        }
        if own.ppm.0 > own.ppm.1 || own.ppm.1 > 1_000_000 {
            return Err(error("interval", Rule::OutOfRange));
        }
        Ok(own)
    }

    /// Writes the record; the inverse of [`Coverage::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        // Both stand in their lists in the order of their codes.
        sink.put(&[self.class as u8, self.way as u8, 0, 0, 0, 0, 0, 0]);
        for count in [self.all, self.simulated, self.undetectable, self.detected] {
            sink.put_u64(count);
        }
        sink.put_u32(self.ppm.0);
        sink.put_u32(self.ppm.1);
    }

    /// Whether a sample was simulated, and not all.
    #[must_use]
    pub const fn sampled(&self) -> bool {
        self.simulated < self.all
    }
}

/// Each record, and their order.
pub(super) fn check(bytes: &[u8], count: u32) -> Result<(), ImageError> {
    let mut before = None;
    for record in 0..count {
        let own = Coverage::parse(fixed_record(bytes, record, COVERAGE_BYTES).unwrap_or(&[]), record)?;
        let key = Some((own.class, own.way));
        if before >= key {
            return Err(ImageError::new(Tag::COVERAGE, record, "class", Rule::OutOfRange));
        }
        before = key;
    }
    Ok(())
}

impl Image<'_> {
    /// Number of coverage records.
    #[must_use]
    pub fn coverage_count(&self) -> u32 {
        // Parsing has shown that the section is whole records, at most 18.
        (self.section(Tag::COVERAGE).len() / COVERAGE_BYTES) as u32
    }

    /// Coverage record `index`.
    #[must_use]
    pub fn coverage(&self, index: u32) -> Option<Coverage> {
        Coverage::parse(fixed_record(self.section(Tag::COVERAGE), index, COVERAGE_BYTES)?, index).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{COVERAGE_BYTES, Coverage, CoverageWay, FaultClass, check};
    use crate::image::Rule;

    const ONE: Coverage = Coverage {
        class: FaultClass::Spike,
        way: CoverageWay::Network,
        all: 1000,
        simulated: 100,
        undetectable: 20,
        detected: 60,
        ppm: (640_000, 840_000),
    };

    fn bytes(record: &Coverage) -> [u8; COVERAGE_BYTES] {
        let (mut out, mut at) = ([0; COVERAGE_BYTES], 0);
        record.emit(&mut |part: &[u8]| {
            out[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        });
        assert_eq!(at, COVERAGE_BYTES);
        out
    }

    #[test]
    fn records_come_back_as_they_were_written() {
        for class in FaultClass::ALL {
            for way in CoverageWay::ALL {
                let own = Coverage { class, way, ..ONE };
                assert_eq!(Coverage::parse(&bytes(&own), 0), Ok(own));
            }
        }
    }

    #[test]
    fn counts_and_interval_may_reach_their_ends() {
        let whole = Coverage { simulated: 1000, detected: 980, ppm: (1_000_000, 1_000_000), ..ONE };
        let nothing = Coverage { all: 0, simulated: 0, undetectable: 0, detected: 0, ppm: (0, 0), ..ONE };
        for own in [whole, nothing] {
            assert_eq!(Coverage::parse(&bytes(&own), 0), Ok(own));
        }
        assert!(!whole.sampled() && ONE.sampled());
    }

    #[test]
    fn records_that_contradict_themselves_are_refused() {
        let rule = |own: &Coverage| Coverage::parse(&bytes(own), 3).map_err(|error| error.rule);
        assert_eq!(rule(&Coverage { simulated: 1001, ..ONE }), Err(Rule::OutOfRange));
        assert_eq!(rule(&Coverage { detected: 81, ..ONE }), Err(Rule::OutOfRange));
        assert_eq!(rule(&Coverage { undetectable: u64::MAX, ..ONE }), Err(Rule::OutOfRange));
        assert_eq!(rule(&Coverage { ppm: (2, 1), ..ONE }), Err(Rule::OutOfRange));
        assert_eq!(rule(&Coverage { ppm: (0, 1_000_001), ..ONE }), Err(Rule::OutOfRange));
        let mut coded = bytes(&ONE);
        coded[0] = 6;
        assert_eq!(Coverage::parse(&coded, 0).map_err(|e| e.rule), Err(Rule::UnknownCode(6)));
        (coded[0], coded[5]) = (0, 1);
        assert_eq!(Coverage::parse(&coded, 0).map_err(|e| e.rule), Err(Rule::NotZero));
        let twice = [bytes(&ONE), bytes(&ONE)].concat();
        assert_eq!(check(&twice, 2).map_err(|error| error.rule), Err(Rule::OutOfRange));
    }
}
