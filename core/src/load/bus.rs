//! A chip behind a bus.
//!
//! A real chip does not read images: it has configuration registers at addresses. What goes where is a [`ConfigMap`], written
//! for each chip; [`Windows`] is the worked example: a chip with a memory window for every section that it uses. The bus itself
//! is a [`ChipBus`]; [`super::spi::SpiBus`] puts one on any `embedded-hal` SPI device.
//!
//! [`ChipTarget`] ties both to the loader: the chip is held before the first write and released only when the image was whole
//! and accepted, so a half-configured chip never runs. A chip that loses power wakes up held, or its board holds it.

use super::target::{SectionAt, Target};
use crate::image::{ChipLimits, Digest32, Header, Tag};

/// What a chip's bus can do. Addresses are the chip's own.
pub trait ChipBus {
    /// Why a transfer failed.
    type Error;

    /// Holds the cores: nothing runs until [`ChipBus::release`]. What runs is broken off.
    ///
    /// # Errors
    /// The transfer failed.
    fn hold(&mut self) -> Result<(), Self::Error>;

    /// Lets the cores run from their reset state.
    ///
    /// # Errors
    /// The transfer failed.
    fn release(&mut self) -> Result<(), Self::Error>;

    /// Writes configuration.
    ///
    /// # Errors
    /// The transfer failed.
    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Reads configuration back.
    ///
    /// # Errors
    /// The transfer failed.
    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Self::Error>;
}

/// Where a chip keeps what an image holds.
pub trait ConfigMap {
    /// An image comes; the map may look at its header.
    fn begin(&mut self, header: &Header) {
        let _ = header;
    }

    /// Whether the chip keeps sections `tag`; what it does not keep is checked and dropped.
    fn holds(&self, tag: Tag) -> bool;

    /// Section `section`, which the chip keeps, begins.
    ///
    /// # Errors
    /// There is no room for it.
    fn section(&mut self, section: &SectionAt) -> Result<(), Tag> {
        let _ = section;
        Ok(())
    }

    /// Writes `bytes`, which stand at `offset` of section `tag`, in as many transfers as the chip needs.
    ///
    /// # Errors
    /// A transfer failed, or there is no room.
    fn write<B: ChipBus>(
        &mut self,
        bus: &mut B,
        tag: Tag,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), BusError<B::Error>>;

    /// Reads back what [`ConfigMap::write`] wrote, to the same places.
    ///
    /// # Errors
    /// As for writing.
    fn read<B: ChipBus>(
        &self,
        bus: &mut B,
        tag: Tag,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<(), BusError<B::Error>>;
}

/// Why a chip could not be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusError<E> {
    /// A transfer failed.
    Bus(E),
    /// The chip has no room for so much of the section.
    NoRoom(Tag),
}

/// A chip as a target of the loader.
pub struct ChipTarget<B, M> {
    /// The bus.
    pub bus: B,
    /// Where things go.
    pub map: M,
    taking: Option<Tag>,
}

impl<B: ChipBus, M: ConfigMap> ChipTarget<B, M> {
    /// A chip on `bus`.
    pub const fn new(bus: B, map: M) -> Self {
        Self { bus, map, taking: None }
    }
}

impl<B: ChipBus, M: ConfigMap> Target for ChipTarget<B, M> {
    type Error = BusError<B::Error>;

    fn begin(&mut self, header: &Header, _: &ChipLimits) -> Result<(), Self::Error> {
        self.bus.hold().map_err(BusError::Bus)?;
        self.map.begin(header);
        Ok(())
    }

    fn section(&mut self, section: &SectionAt) -> Result<(), Self::Error> {
        self.taking = Some(section.entry.tag).filter(|tag| self.map.holds(*tag));
        self.taking.map_or(Ok(()), |_| self.map.section(section).map_err(BusError::NoRoom))
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        self.taking.map_or(Ok(()), |tag| self.map.write(&mut self.bus, tag, offset, bytes))
    }

    fn commit(&mut self, _: &Digest32) -> Result<(), Self::Error> {
        self.bus.release().map_err(BusError::Bus)
    }

    fn abandon(&mut self) {
        // Held already unless the bus failed; once more does no harm, and there is nobody to tell.
        let _ = self.bus.hold();
    }
}

/// A window of a chip's memory, in which one section lies.
pub trait Window {
    /// The section.
    fn section(&self) -> Tag;
    /// Its first address.
    fn address(&self) -> u32;
    /// Its room in bytes.
    fn room(&self) -> u32;
}

/// Section, first address, room in bytes.
impl Window for (Tag, u32, u32) {
    fn section(&self) -> Tag {
        self.0
    }

    fn address(&self) -> u32 {
        self.1
    }

    fn room(&self) -> u32 {
        self.2
    }
}

/// The worked example: a chip with one memory window for each section that the machine needs, bytes in the image's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows<'a, W = (Tag, u32, u32)> {
    /// The windows.
    pub windows: &'a [W],
}

impl<W: Window> Windows<'_, W> {
    fn address<E>(&self, tag: Tag, offset: u64, length: usize) -> Result<u32, BusError<E>> {
        let end = offset.checked_add(length as u64);
        self.windows
            .iter()
            .find(|own| own.section() == tag && end.is_some_and(|end| end <= u64::from(own.room())))
            .and_then(|own| own.address().checked_add(u32::try_from(offset).ok()?))
            .ok_or(BusError::NoRoom(tag))
    }
}

impl<W: Window> ConfigMap for Windows<'_, W> {
    fn holds(&self, tag: Tag) -> bool {
        self.windows.iter().any(|own| own.section() == tag)
    }

    fn write<B: ChipBus>(
        &mut self,
        bus: &mut B,
        tag: Tag,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), BusError<B::Error>> {
        let address = self.address(tag, offset, bytes.len())?;
        bus.write(address, bytes).map_err(BusError::Bus)
    }

    fn read<B: ChipBus>(
        &self,
        bus: &mut B,
        tag: Tag,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<(), BusError<B::Error>> {
        let address = self.address(tag, offset, bytes.len())?;
        bus.read(address, bytes).map_err(BusError::Bus)
    }
}
