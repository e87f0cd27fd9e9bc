//! TABLES: arrays of i32, as a list (see [`super::list`]) whose records are the entries.
//!
//! Index tables, activation tables, codebooks and encoder tables all live here.

use super::list::List;
use crate::bytes::Fields;

/// The table that a reference field of 0xFFFF_FFFF names: none.
pub const NO_TABLE: u32 = u32::MAX;

/// All tables of an image.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a>(pub(crate) List<'a>);

impl<'a> Tables<'a> {
    /// Number of tables.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.0.count()
    }

    /// Table `index`.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<Table<'a>> {
        self.0.get(index).map(Table)
    }
}

/// One table.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(&'a [u8]);

impl Table<'_> {
    /// Number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len() / 4
    }

    /// Whether the table has no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entry `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<i32> {
        self.0.i32_at(index.checked_mul(4)?)
    }

    /// The entry for `key` when entry 0 stands for `lo`: keys outside take the nearest end.
    #[must_use]
    pub fn lookup(&self, key: i32, lo: i32) -> Option<i32> {
        let last = (self.len() as i64).checked_sub(1)?;
        let index = (i64::from(key) - i64::from(lo)).clamp(0, last.max(0));
        self.get(usize::try_from(index).ok()?)
    }
}
