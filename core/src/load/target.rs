//! Where a loader puts what arrives.

use crate::image::{ChipLimits, Digest32, Entry, Header};

/// A chip behind a bus, or a slot in flash. The loader calls these in this order, and only in this order:
///
/// ```text
/// begin   (section write*)*   commit        all of it was whole and is accepted
/// begin   (section write*)*   abandon       something was not
/// ```
///
/// Before `begin` the header and the limits of the chip have been accepted: nothing is written for an image that this board
/// would refuse anyway. Between `begin` and `commit` the target must not run: a chip is held in reset, a slot is not marked.
pub trait Target {
    /// Why the target could not do what it was told.
    type Error;

    /// An acceptable image comes: stop what runs and make ready.
    ///
    /// # Errors
    /// The target can not be made ready.
    fn begin(&mut self, header: &Header, limits: &ChipLimits) -> Result<(), Self::Error>;

    /// A section begins. `CHIP`, the first, has been read already and comes again here.
    ///
    /// # Errors
    /// The target has no place for it.
    fn section(&mut self, entry: &SectionAt) -> Result<(), Self::Error>;

    /// `bytes` of the section that began last, from `offset` within it. Their checksum has not been compared yet.
    ///
    /// # Errors
    /// The write failed.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Everything was whole and is accepted: the target may run.
    ///
    /// # Errors
    /// The target did not take what was written.
    fn commit(&mut self, digest: &Digest32) -> Result<(), Self::Error>;

    /// The image is given up: nothing of it may run. Called once, also when `begin`, `section`, `write` or `commit` failed.
    fn abandon(&mut self);
}

/// A section as the loader meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionAt {
    /// Its place in the directory.
    pub index: u32,
    /// Its entry; `tag.known()` is `None` for a section that may be skipped.
    pub entry: Entry,
}
