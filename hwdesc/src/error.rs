//! Errors in a chip description: place, rule and way out, as data and as text.

use std::fmt;
use std::ops::Range;

/// Which family of rules was broken. The code is stable and appears in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The file can not be read.
    Io,
    /// The file is larger than [`MAX_BYTES`](crate::MAX_BYTES).
    Size,
    /// The text is not TOML.
    Syntax,
    /// A field of this name does not exist here.
    UnknownField,
    /// A required field is absent.
    Missing,
    /// The value has the wrong TOML type.
    Type,
    /// The value is not in the allowed range or set.
    Range,
    /// The value is fine alone and contradicts another field.
    Contradiction,
    /// A `[sources]` entry names no field of this description.
    Source,
    /// No built-in chip has this name.
    UnknownChip,
    /// More errors were found than are reported.
    TooMany,
}

impl Rule {
    /// The stable diagnostic code.
    pub fn code(self) -> &'static str {
        match self {
            Rule::Io => "chip/io",
            Rule::Size => "chip/size",
            Rule::Syntax => "chip/syntax",
            Rule::UnknownField => "chip/unknown-field",
            Rule::Missing => "chip/missing",
            Rule::Type => "chip/type",
            Rule::Range => "chip/range",
            Rule::Contradiction => "chip/contradiction",
            Rule::Source => "chip/source",
            Rule::UnknownChip => "chip/unknown-chip",
            Rule::TooMany => "chip/too-many",
        }
    }
}

/// Where in the source text: bytes, and the line and column of the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Byte range in the source text.
    pub bytes: Range<usize>,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescError {
    /// The family of the rule, which carries the diagnostic code.
    pub rule: Rule,
    /// File name as given by the caller.
    pub file: String,
    /// Dotted path of the field, such as `crossbar.dac_bits`; list items by
    /// number from 0. Empty when the whole file is meant.
    pub path: String,
    /// The value found, as written (shortened when long); `None` when absent.
    pub found: Option<String>,
    /// The rule that was broken, as a sentence.
    pub because: String,
    /// The allowed values or range.
    pub allowed: String,
    /// The way out.
    pub help: String,
    /// Place in the source, when the value has one. A missing field points to
    /// the table it should be in.
    pub place: Option<Place>,
}

impl fmt::Display for DescError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": error[{}]", self.rule.code())?;
        let found = self.found.as_deref();
        match (self.path.is_empty(), found) {
            (false, Some(found)) => write!(f, ": {} = {found}", self.path)?,
            (false, None) => write!(f, ": {} is absent", self.path)?,
            (true, Some(found)) => write!(f, ": {found}")?,
            (true, None) => {}
        }
        write!(f, "\n  rule:    {}", self.because)?;
        if !self.allowed.is_empty() {
            write!(f, "\n  allowed: {}", self.allowed)?;
        }
        if !self.help.is_empty() {
            write!(f, "\n  help:    {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for DescError {}

/// All errors as one text, a blank line between two of them.
pub fn render(errors: &[DescError]) -> String {
    errors.iter().map(|error| format!("{error}\n")).collect::<Vec<_>>().join("\n")
}

/// At most `limit` characters of `text`, an ellipsis marking a cut, without
/// control characters that could disturb a terminal.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for (count, ch) in text.chars().enumerate() {
        if count == limit {
            out.push('…');
            break;
        }
        out.push(if ch.is_control() { ' ' } else { ch });
    }
    out
}
