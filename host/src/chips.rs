//! Chips by name or file, their errors as diagnostics.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use spandrel_hwdesc::{Chip, DescError, MAX_BYTES, Rule, builtin_text};

use crate::diagnostic::{Diagnostic, Diagnostics, Result};

/// The built-in chip of this name, or the chip that the file of this name (it ends in `.toml` or has a folder) describes.
///
/// # Errors
/// SP0412 for an unknown name; SP0001, SP0003 and, all at once, SP0411 for a file.
pub fn find(name_or_path: &str) -> Result<Chip> {
    spandrel_hwdesc::find(name_or_path).map_err(|errors| {
        // The description is read a second time only to show the places at fault in it.
        let text = builtin_text(name_or_path).map(str::to_owned).or_else(|| text(Path::new(name_or_path)));
        diagnostics(&errors, text.as_deref(), name_or_path)
    })
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_BYTES as u64).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The errors of a chip description as diagnostics, each pointing into `text` where it can.
pub fn diagnostics(errors: &[DescError], text: Option<&str>, name: &str) -> Diagnostics {
    errors.iter().map(|error| diagnostic(error, text, name)).collect()
}

fn diagnostic(error: &DescError, text: Option<&str>, name: &str) -> Diagnostic {
    let code = match error.rule {
        Rule::Io => "SP0001",
        Rule::Size => "SP0003",
        Rule::UnknownChip => "SP0412",
        _ => "SP0411",
    };
    let place = if error.rule == Rule::UnknownChip { format!("--chip {name}") } else { error.file.clone() };
    let found = error.found.as_deref();
    let mut rule = match (error.path.as_str(), found) {
        ("", None) => error.because.clone(),
        ("", Some(found)) => format!("{}: {found}", error.because),
        (path, None) => format!("{path} is absent: {}", error.because),
        (path, Some(found)) => format!("{path} = {found}: {}", error.because),
    };
    if !error.allowed.is_empty() {
        rule.push_str(&format!(" (allowed: {})", error.allowed));
    }
    let way_out = if error.help.is_empty() { "see docs/chip-description.md" } else { &error.help };
    let diagnostic = Diagnostic::error(code, place, rule, way_out);
    match (text, &error.place) {
        (Some(text), Some(place)) => diagnostic.with_source(text, place.bytes.clone()),
        _ => diagnostic,
    }
}
