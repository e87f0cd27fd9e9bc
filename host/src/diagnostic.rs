//! Errors that name the place, the rule that was broken and the way out.
//!
//! A function that can find several faults collects them in [`Diagnostics`] and returns all of them at once.
//! Every code is registered in [`CODES`]; `docs/errors.md` lists the same table and a test keeps both equal.

use std::fmt;
use std::io::IsTerminal;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

/// The result of everything in this crate that can refuse its input.
pub type Result<T> = std::result::Result<T, Diagnostics>;

/// Every diagnostic code with its meaning in one line, in ascending order.
///
/// A new code is added here and to `docs/errors.md`; a code is never reused for another meaning.
pub const CODES: &[(&str, &str)] = &[
    ("SP0001", "a file can not be read"),
    ("SP0002", "a file can not be written"),
    ("SP0003", "a file is larger than the reader accepts"),
    ("SP0004", "the command line is wrong"),
    ("SP0005", "there is no such setting"),
    ("SP0006", "a setting has a value that is not allowed"),
    ("SP0007", "there is no such field to vary"),
    ("SP0008", "a table of results belongs to another sweep"),
    ("SP0101", "the file is not an ONNX model"),
    ("SP0102", "the model's operator set version is not supported"),
    ("SP0103", "the model has no single input or no single output"),
    ("SP0104", "an operator is not supported"),
    ("SP0105", "an operator is used in a form that is not supported"),
    ("SP0106", "an attribute is not supported or has a wrong value"),
    ("SP0107", "a dimension is not fixed"),
    ("SP0108", "shapes do not fit together"),
    ("SP0109", "a tensor's declared shape and its data differ, or its element type is not supported"),
    ("SP0110", "a weight is not a finite number"),
    ("SP0111", "a value is used but never defined"),
    ("SP0112", "a value is used before it is defined, or the graph has a cycle"),
    ("SP0113", "a name is defined twice"),
    ("SP0114", "a tensor's data lies in another file that can not be used"),
    ("SP0115", "a tensor or the model is too large"),
    ("SP0120", "a name is not a value of the network"),
    ("SP0121", "a batch does not fit the network's input"),
    ("SP0130", "the file is not a NIR file or a lava-dl network"),
    ("SP0131", "a field of a node is missing or has a wrong form"),
    ("SP0132", "an edge or a node of a spiking network is not connected"),
    ("SP0133", "a type of node is not supported"),
    ("SP0134", "a discretisation does not fit the network"),
    ("SP0201", "the kind of a sample file is not known"),
    ("SP0202", "a sample file is damaged"),
    ("SP0203", "an array is missing from a sample file"),
    ("SP0204", "an array's element type or memory order is not supported"),
    ("SP0205", "there are no samples"),
    ("SP0206", "a sample does not fit the model's input"),
    ("SP0207", "labels and samples do not match"),
    ("SP0208", "a sample is not a finite number"),
    ("SP0209", "a layout is wrong"),
    ("SP0210", "a preprocessing parameter is wrong"),
    ("SP0211", "decompressed data exceeds its declared or permitted size"),
    ("SP0212", "the arrays of several inputs do not fit together"),
    ("SP0301", "a node can not become dot products and activations"),
    ("SP0302", "the reformed network does not compute what the model computes: a fault of the compiler"),
    ("SP0303", "a setting of the signals can not be met on this chip"),
    ("SP0304", "the encoded network is inconsistent: a fault of the compiler"),
    ("SP0305", "the network does not fit the chip"),
    ("SP0306", "the core-ops are inconsistent: a fault of the compiler"),
    ("SP0307", "a core-op can not be tuned"),
    ("SP0308", "the tuned core-ops are inconsistent: a fault of the compiler"),
    ("SP0309", "the image can not be written in its format"),
    ("SP0310", "the image does not hold the program: a fault of the compiler"),
    ("SP0311", "a claim that every image must meet does not hold"),
    ("SP0312", "the model's output is not a finite number on a calibration sample"),
    ("SP0321", "the parts of a spiking network do not fit together"),
    ("SP0322", "a parameter of a spiking network does not fit the chip's registers"),
    ("SP0323", "a delay or a window of a spiking network is not possible"),
    ("SP0324", "a neuron has more synapses than a core has axons"),
    ("SP0401", "the chip is not compiled for yet"),
    ("SP0411", "a chip description breaks a rule"),
    ("SP0412", "there is no such chip"),
    ("SP0601", "the image has no input"),
    ("SP0602", "samples do not have the length that the image's input takes"),
    ("SP0603", "the machine refuses a sample"),
    ("SP0604", "the machine stops within a sample"),
    ("SP0605", "running the image takes more memory than allowed"),
    ("SP0606", "the engine does not know the kind of a configuration"),
    ("SP0610", "the image is refused"),
    ("SP0611", "the image's notes are missing or can not be read"),
    ("SP0612", "the model is not the one that the image was compiled from"),
    ("SP0613", "samples are not of the element type that the image takes"),
    ("SP0614", "the image's outputs can not be decoded"),
    ("SP0615", "a key can not be used"),
    ("SP0616", "the image is signed already"),
    ("SP0701", "there is no such claim"),
    ("SP0702", "the samples are not those that the image was calibrated on"),
];

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
        for file in files.iter().filter(|f| !f.ends_with("diagnostic.rs")) {
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
