//! Where a value comes from: a mark for the literature, and a note.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::raw::Table;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// `P`: the PRIME paper (Chi et al., ISCA 2016).
    Prime,
    /// `N`: the NEUTRAMS research code (Ji et al., 2016).
    Neutrams,
    /// `B`: the seed paper (Ji et al., ASPLOS 2018).
    Bridge,
    /// `L`: Intel's published Lava and Loihi fixed-point rules.
    Loihi,
    /// `T`: Merolla et al., Science 2014, and the TrueNorth papers.
    TrueNorth,
    /// `our choice`: the literature is silent; chosen, documented and tested here.
    OurChoice,
    /// `other`: what the note names; a note is required.
    Other,
}

impl Mark {
    const ALL: [(&'static str, Mark); 7] = [
        ("P", Mark::Prime),
        ("N", Mark::Neutrams),
        ("B", Mark::Bridge),
        ("L", Mark::Loihi),
        ("T", Mark::TrueNorth),
        ("our choice", Mark::OurChoice),
        ("other", Mark::Other),
    ];

    /// The mark as it is written.
    pub fn as_str(self) -> &'static str {
        Mark::ALL.iter().find(|(_, mark)| *mark == self).map_or("", |(word, _)| word)
    }
}

/// Source of one value: written `MARK` or `MARK: note`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// Which source.
    pub mark: Mark,
    /// Anything to add; empty when nothing is.
    pub note: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mark.as_str())?;
        if self.note.is_empty() { Ok(()) } else { write!(f, ": {}", self.note) }
    }
}

impl Serialize for Source {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads `[sources]`; must come after every other table was read, so that all
/// existing paths are known.
pub(crate) fn read_sources(table: &Table<'_, '_>) -> Option<BTreeMap<String, Source>> {
    let doc = table.doc;
    let mut sources = BTreeMap::new();
    for (path, field) in table.all_texts() {
        if doc.is_full() {
            return None;
        }
        let (word, note) = match field.value.split_once(':') {
            Some((word, note)) => (word.trim(), note.trim()),
            None => (field.value.trim(), ""),
        };
        let Some((_, mark)) = Mark::ALL.iter().find(|(known, _)| *known == word) else {
            let because = "a source is a mark, or a mark, a colon and a note";
            let allowed = "P, N, B, L, T, our choice, other";
            doc.source(&field, because, allowed, "use \"other: …\" for a source that has no mark");
            continue;
        };
        if *mark == Mark::Other && note.is_empty() {
            let because = "the mark \"other\" needs a note that names the source";
            doc.source(&field, because, "\"other: name of the source\"", "name the source after a colon");
        }
        if !doc.may_have_path(&path) {
            let help = match doc.nearest_path(&path) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "remove it, or correct the path".to_string(),
            };
            let because = "a source must name a field this description has";
            doc.source(&field, because, "a dotted path such as \"crossbar.rows\"", &help);
        }
        sources.insert(path, Source { mark: *mark, note: note.to_string() });
    }
    Some(sources)
}
