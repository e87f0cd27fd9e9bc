//! An ELF of 32 bits, as far as tests look into it: what is loaded, its functions, and the bytes behind an address.

use std::{fs, path::Path};

/// Bytes of a header of the program and of a section, and of a symbol.
const PROGRAM: usize = 32;
const SECTION: usize = 40;
const SYMBOL: usize = 16;
/// Kinds: a program header whose bytes are loaded, a section of symbols, a symbol of a function.
const LOADED: u32 = 1;
const SYMBOLS: u32 = 2;
const FUNCTION: u8 = 2;

/// The bytes of an ELF.
#[derive(Clone, Debug)]
pub struct Elf {
    bytes: Vec<u8>,
}

/// A function, as its symbol tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The symbol, mangled.
    pub symbol: String,
    /// Where it begins; the bit that says Thumb is cleared.
    pub address: u32,
    /// Its bytes.
    pub size: u32,
}

impl Elf {
    /// Reads a file.
    ///
    /// # Errors
    /// It can not be read, or is no little-endian ELF of 32 bits.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        if bytes.starts_with(b"\x7fELF\x01\x01") {
            Ok(Self { bytes })
        } else {
            Err(format!("{} is no ELF of 32 bits", path.display()))
        }
    }

    /// All bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The word at an offset of the file; 0 outside.
    fn word(&self, at: usize) -> u32 {
        let four = self.bytes.get(at..at.saturating_add(4)).and_then(|four| four.try_into().ok());
        four.map_or(0, u32::from_le_bytes)
    }

    fn half(&self, at: usize) -> usize {
        self.word(at) as usize & 0xFFFF
    }

    /// Of each part that is loaded: its address, offset in the file, and bytes.
    fn loaded(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        let headers = (0..self.half(44)).map(|number| self.word(28) as usize + number * PROGRAM);
        headers
            .filter(|at| self.word(*at) == LOADED)
            .map(|at| (self.word(at + 8), self.word(at + 4), self.word(at + 16)))
    }

    /// Bytes that are loaded: code, constants, vectors and initial values.
    #[must_use]
    pub fn loaded_bytes(&self) -> u64 {
        self.loaded().map(|(_, _, size)| u64::from(size)).sum()
    }

    /// The offset in the file of what is loaded to `address`.
    #[must_use]
    pub fn offset(&self, address: u32) -> Option<usize> {
        self.loaded().find_map(|(first, offset, size)| {
            let inside = address.checked_sub(first).filter(|inside| *inside < size)?;
            Some((offset + inside) as usize)
        })
    }

    /// The halfword that is loaded to `address`.
    #[must_use]
    pub fn halfword(&self, address: u32) -> Option<u16> {
        let at = self.offset(address)?;
        self.bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map(u16::from_le_bytes)
    }

    /// The functions of the symbol table, by address.
    #[must_use]
    pub fn functions(&self) -> Vec<Function> {
        let section = |number: usize| self.word(32) as usize + number * SECTION;
        let tables = (0..self.half(48)).map(section).filter(|at| self.word(at + 4) == SYMBOLS);
        let mut found: Vec<Function> =
            tables.flat_map(|at| self.table(at, section(self.word(at + 24) as usize))).collect();
        found.sort_by(|a, b| (a.address, &a.symbol).cmp(&(b.address, &b.symbol)));
        found
    }

    /// The functions of one table of symbols; `names` is the section that holds their names.
    fn table(&self, section: usize, names: usize) -> Vec<Function> {
        let (first, bytes) = (self.word(section + 16) as usize, self.word(section + 20) as usize);
        let symbols = (0..bytes / SYMBOL).map(|number| first + number * SYMBOL);
        let functions =
            symbols.filter(|at| self.bytes.get(at + 12).is_some_and(|info| info & 15 == FUNCTION));
        let named = functions.filter_map(|at| {
            let name = self.bytes.get(self.word(names + 16) as usize + self.word(at) as usize..)?;
            let symbol = name.split(|byte| *byte == 0).next()?;
            let symbol = String::from_utf8_lossy(symbol).into_owned();
            Some(Function { symbol, address: self.word(at + 4) & !1, size: self.word(at + 8) })
        });
        named.filter(|function| function.size > 0).collect()
    }

    /// The file with `halfwords` at `address`; `None` where nothing is loaded.
    #[must_use]
    pub fn patched(&self, address: u32, halfwords: &[u16]) -> Option<Vec<u8>> {
        let at = self.offset(address)?;
        let mut bytes = self.bytes.clone();
        let own = bytes.get_mut(at..at + 2 * halfwords.len())?;
        own.copy_from_slice(&halfwords.iter().flat_map(|half| half.to_le_bytes()).collect::<Vec<u8>>());
        Some(bytes)
    }
}
