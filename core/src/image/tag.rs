//! Section tags: eight ASCII bytes, padded with zeros.

use core::fmt;

/// What a section holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub [u8; 8]);

impl Tag {
    /// Stands for the header and the directory in errors; never in a directory.
    pub const HEADER: Self = Self(*b"HEADER\0\0");
    /// Stands for the seal in errors; never in a directory.
    pub const SEAL: Self = Self(*b"SEAL\0\0\0\0");
    /// Identity and limits of the chip.
    pub const CHIP: Self = Self(*b"CHIP\0\0\0\0");
    /// Signal buffers.
    pub const EDGES: Self = Self(*b"EDGES\0\0\0");
    /// Integer tables.
    pub const TABLES: Self = Self(*b"TABLES\0\0");
    /// Access patterns of gathers and scatters.
    pub const ACCESS: Self = Self(*b"ACCESS\0\0");
    /// Directory of the weights.
    pub const BLOBS: Self = Self(*b"BLOBS\0\0\0");
    /// Core configurations.
    pub const CONFIGS: Self = Self(*b"CONFIGS\0");
    /// Instructions.
    pub const PROGRAM: Self = Self(*b"PROGRAM\0");
    /// Input encoders.
    pub const ENCODERS: Self = Self(*b"ENCODERS");
    /// Output decoders.
    pub const DECODERS: Self = Self(*b"DECODERS");
    /// Known answers.
    pub const VECTORS: Self = Self(*b"VECTORS\0");
    /// Which share of a chip's faults the known answers show.
    pub const COVERAGE: Self = Self(*b"COVERAGE");
    /// Which physical core holds which configuration.
    pub const PLACES: Self = Self(*b"PLACES\0\0");
    /// How signals travel between cores.
    pub const ROUTES: Self = Self(*b"ROUTES\0\0");
    /// From core and unit back to node and element.
    pub const ORIGIN: Self = Self(*b"ORIGIN\0\0");
    /// The compiler's notes, as TOML text.
    pub const NOTES: Self = Self(*b"NOTES\0\0\0");
    /// The weights themselves; when present, the last section.
    pub const WEIGHTS: Self = Self(*b"WEIGHTS\0");

    /// Every section that this version knows, in the order in which images are written.
    pub const KNOWN: [Self; 16] = [
        Self::CHIP,
        Self::EDGES,
        Self::TABLES,
        Self::ACCESS,
        Self::BLOBS,
        Self::CONFIGS,
        Self::PROGRAM,
        Self::ENCODERS,
        Self::DECODERS,
        Self::VECTORS,
        Self::COVERAGE,
        Self::PLACES,
        Self::ROUTES,
        Self::ORIGIN,
        Self::NOTES,
        Self::WEIGHTS,
    ];

    /// Position in [`Tag::KNOWN`], `None` for a tag this version does not know.
    #[must_use]
    pub fn known(self) -> Option<usize> {
        Self::KNOWN.iter().position(|tag| *tag == self)
    }

    /// Whether the machine needs the section: readers that do not know it must refuse the image.
    #[must_use]
    pub fn critical(self) -> bool {
        let aside = matches!(self, Self::PLACES | Self::ROUTES | Self::ORIGIN | Self::NOTES);
        !aside && !matches!(self, Self::VECTORS | Self::COVERAGE)
    }

    /// The printable part.
    #[must_use]
    pub fn text(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(8);
        let text = self.0.get(..length).unwrap_or(&[]);
        if text.iter().all(u8::is_ascii_graphic) { core::str::from_utf8(text).unwrap_or("?") } else { "?" }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.text())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Tag {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.text());
    }
}
