//! Errors that name the place, the rule that was broken and the way out.
//!
//! A function that can find several faults collects them in [`Diagnostics`] and returns all of them at once.
//! Every code is registered in [`CODES`]; `docs/errors.md` lists the same table and a test keeps both equal.

mod codes;

use std::fmt;
use std::io::IsTerminal;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

pub use codes::CODES;

/// The result of everything in this crate that can refuse its input.
pub type Result<T> = std::result::Result<T, Diagnostics>;

/// How grave a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The work goes on, the result may not be what was meant.
    Warning,
    /// The work stops.
    Error,
}

/// A piece of text that a diagnostic points into, such as a chip description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The whole text.
    pub text: String,
    /// The byte range meant; it is cut to the text when it reaches outside.
    pub span: Range<usize>,
}

/// One fault: where it is, which rule it breaks, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The registered code, such as `SP0101`.
    pub code: &'static str,
    /// Whether the work can go on.
    pub severity: Severity,
    /// File, node, array or field, the widest first: `net.onnx: node "fc1"`.
    pub place: String,
    /// The rule that is broken, with the offending value.
    pub rule: String,
    /// What the user can do.
    pub way_out: String,
    /// The text the place lies in, when it is a text.
    pub source: Option<Box<Source>>,
}

impl Diagnostic {
    /// An error with the given code, place, rule and way out.
    pub fn error(
        code: &'static str,
        place: impl Into<String>,
        rule: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        let severity = Severity::Error;
        Self { code, severity, place: place.into(), rule: rule.into(), way_out: way_out.into(), source: None }
    }

    /// A warning with the given code, place, rule and way out.
    pub fn warning(
        code: &'static str,
        place: impl Into<String>,
        rule: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, rule, way_out) }
    }

    /// The same diagnostic pointing at the bytes `span` of `text`.
    #[must_use]
    pub fn with_source(mut self, text: impl Into<String>, span: Range<usize>) -> Self {
        self.source = Some(Box::new(Source { text: text.into(), span }));
        self
    }

    /// The error of reading `path` (code SP0001).
    pub fn read(path: &Path, error: &std::io::Error) -> Self {
        let way_out = match error.kind() {
            std::io::ErrorKind::NotFound => "check the path for typing errors",
            std::io::ErrorKind::PermissionDenied => "make the file readable",
            _ => "check that the path names a readable file",
        };
        Self::error(
            "SP0001",
            path.display().to_string(),
            format!("the file can not be read: {error}"),
            way_out,
        )
    }

    /// The error of writing `path` (code SP0002).
    pub fn write(path: &Path, error: &std::io::Error) -> Self {
        let way_out = "check that the folder exists, is writable and has room";
        let rule = format!("the file can not be written: {error}");
        Self::error("SP0002", path.display().to_string(), rule, way_out)
    }

    /// The text shown to the user: ends without a line break.
    pub fn render(&self, styled: bool) -> String {
        let level = match self.severity {
            Severity::Warning => Level::WARNING,
            Severity::Error => Level::ERROR,
        };
        let place = printable(&self.place);
        let title = level.primary_title(printable(&self.rule)).id(self.code);
        let mut group = match &self.source {
            Some(source) => title.element(
                Snippet::source(source.text.as_str())
                    .path(place)
                    .annotation(AnnotationKind::Primary.span(clamp(&source.text, &source.span))),
            ),
            None => title.element(Origin::path(place)),
        };
        if !self.way_out.is_empty() {
            group = group.element(Level::HELP.message(printable(&self.way_out)));
        }
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }
}

/// Names come from files; a control character in one must not reach a terminal.
fn printable(text: &str) -> String {
    const LONGEST: usize = 2_000;
    let mut out = String::with_capacity(text.len().min(LONGEST));
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            out.push_str(" ...");
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// `span` cut to `text` and widened to character boundaries.
fn clamp(text: &str, span: &Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// Several diagnostics: the error type of this crate.
///
/// ```
/// use spandrel::diagnostic::{Diagnostic, Diagnostics};
/// let mut found = Diagnostics::default();
/// found.push(Diagnostic::error("SP0205", "empty.npz: array x", "there are no samples", "give at least one"));
/// assert!(found.to_string().contains("SP0205"));
/// assert!(found.into_result(()).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one more.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Diagnostics) {
        self.0.extend(other.0);
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// `value` when there is no error among them (warnings are dropped), else all of them.
    pub fn into_result<T>(self, value: T) -> Result<T> {
        if self.has_errors() { Err(self) } else { Ok(value) }
    }

    /// The same diagnostics, each place preceded by `outer` and a colon.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        for diagnostic in &mut self.0 {
            diagnostic.place = match diagnostic.place.as_str() {
                "" => outer.to_owned(),
                inner => format!("{outer}: {inner}"),
            };
        }
        self
    }

    /// All of them as text, an empty line between two; ends without a line break.
    pub fn render(&self, styled: bool) -> String {
        let parts: Vec<String> = self.0.iter().map(|d| d.render(styled)).collect();
        parts.join("\n\n")
    }

    /// Prints all of them on standard error, in colour when that is a terminal.
    pub fn eprint(&self) {
        eprintln!("{}", self.render(std::io::stderr().is_terminal()));
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// The registered meaning of `code`.
pub fn meaning(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
}

/// The text of `docs/errors.md`.
pub fn codes_as_markdown() -> String {
    let mut text = String::from(
        "# Diagnostic codes\n\nEvery error names its place, the rule that is broken and the way out. \
         The code is stable: it never changes its meaning.\n\n| code | meaning |\n|---|---|\n",
    );
    for (code, meaning) in CODES {
        text.push_str(&format!("| {code} | {meaning} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("readable folder") {
            let path = entry.expect("readable entry").path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }

    #[test]
    fn codes_are_unique_and_ascending() {
        for pair in CODES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} does not precede {}", pair[0].0, pair[1].0);
        }
    }

    #[test]
    fn codes_used_and_codes_registered_are_the_same() {
        let mut files = Vec::new();
        sources(&root().join("src"), &mut files);
        let mut used = BTreeSet::new();
        for file in
            files.iter().filter(|f| !f.ends_with("diagnostic.rs") && !f.ends_with("diagnostic/codes.rs"))
        {
            let text = std::fs::read_to_string(file).expect("readable source");
            for (at, _) in text.match_indices("\"SP") {
                let code: String = text[at + 1..].chars().take_while(|c| *c != '"').collect();
                if code.len() == 6 && code[2..].bytes().all(|b| b.is_ascii_digit()) {
                    assert!(meaning(&code).is_some(), "{}: {code} is not registered", file.display());
                    used.insert(code);
                }
            }
        }
        used.extend(["SP0001".to_owned(), "SP0002".to_owned()]);
        let idle: Vec<_> = CODES.iter().filter(|(code, _)| !used.contains(*code)).collect();
        assert!(idle.is_empty(), "registered but never used: {idle:?}");
    }

    /// `SPANDREL_BLESS=1` rewrites the document instead of comparing.
    #[test]
    fn the_document_lists_all_codes() {
        let path = root().join("../docs/errors.md");
        if std::env::var_os("SPANDREL_BLESS").is_some() {
            std::fs::write(&path, codes_as_markdown()).expect("writable document");
        }
        assert_eq!(std::fs::read_to_string(&path).expect("docs/errors.md"), codes_as_markdown());
    }

    #[test]
    fn a_diagnostic_renders_place_rule_and_way_out() {
        let d = Diagnostic::error("SP0104", "net.onnx: node \"a\nb\"", "Foo is not supported", "use Relu");
        assert_eq!(
            d.render(false),
            "error[SP0104]: Foo is not supported\n--> net.onnx: node \"a\\nb\"\n = help: use Relu"
        );
    }

    #[test]
    fn a_span_outside_its_text_is_cut() {
        let d = Diagnostic::error("SP0104", "chip.toml", "wrong", "right").with_source("a = ü\n", 5..99);
        assert!(d.render(false).contains("a = ü"));
    }
}
