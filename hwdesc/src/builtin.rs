//! The chips that come with the project, and chips from files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::chip::Chip;
use crate::error::{DescError, Rule, shorten};
use crate::parse::{MAX_BYTES, parse, too_large};
use crate::raw::nearest;

/// The one place that lists the built-in chips.
const TEXTS: [(&str, &str); 9] = [
    ("prime", include_str!("../chips/prime.toml")),
    ("isaac", include_str!("../chips/isaac.toml")),
    ("tianji-ann", include_str!("../chips/tianji-ann.toml")),
    ("diannao", include_str!("../chips/diannao.toml")),
    ("tpu", include_str!("../chips/tpu.toml")),
    ("tianji", include_str!("../chips/tianji.toml")),
    ("tianji-subtract", include_str!("../chips/tianji-subtract.toml")),
    ("truenorth", include_str!("../chips/truenorth.toml")),
    ("loihi", include_str!("../chips/loihi.toml")),
];

const NAMES: [&str; TEXTS.len()] = {
    let mut names = [""; TEXTS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = TEXTS[at].0;
        at += 1;
    }
    names
};

/// Names of the built-in chips.
pub fn builtin_names() -> &'static [&'static str] {
    &NAMES
}

/// The description of a built-in chip as it was written, comments included.
pub fn builtin_text(name: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// A built-in chip.
pub fn builtin(name: &str) -> Option<Chip> {
    // The tests parse every built-in text, so none is lost here.
    parse(builtin_text(name)?, name).ok()
}

/// Reads a chip description from a file of at most [`MAX_BYTES`] bytes.
///
/// # Errors
/// As [`parse`], and a file that can not be read or is not UTF-8.
pub fn load(path: &Path) -> Result<Chip, Vec<DescError>> {
    let file = path.display().to_string();
    let io = |message: String, help: &str| {
        vec![DescError {
            rule: Rule::Io,
            file: file.clone(),
            path: String::new(),
            found: Some(message),
            because: "the chip description must be a readable UTF-8 file".to_string(),
            allowed: String::new(),
            help: help.to_string(),
            place: None,
        }]
    };
    let handle = File::open(path).map_err(|e| io(e.to_string(), "check the path"))?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large from one that fits.
    let most = MAX_BYTES as u64 + 1;
    handle.take(most).read_to_end(&mut bytes).map_err(|e| io(e.to_string(), "check the path"))?;
    if bytes.len() > MAX_BYTES {
        let size = std::fs::metadata(path).map_or(most, |m| m.len().max(most));
        return Err(vec![too_large(&file, size)]);
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        io(format!("byte {} is not UTF-8", e.utf8_error().valid_up_to()), "is it a text file?")
    })?;
    parse(&text, &file)
}

/// A chip by built-in name, or by path when the argument ends in `.toml` or
/// holds a path separator.
///
/// # Errors
/// As [`load`], or a name that no built-in chip has.
pub fn find(name_or_path: &str) -> Result<Chip, Vec<DescError>> {
    if let Some(text) = builtin_text(name_or_path) {
        return parse(text, name_or_path);
    }
    if name_or_path.ends_with(".toml") || name_or_path.contains(['/', '\\']) {
        return load(Path::new(name_or_path));
    }
    let help = match nearest(name_or_path, NAMES.iter().copied()) {
        Some(near) => {
            format!("did you mean `{near}`? A description of your own is a path that ends in .toml")
        }
        None => "a description of your own is a path that ends in .toml".to_string(),
    };
    Err(vec![DescError {
        rule: Rule::UnknownChip,
        file: "chip".to_string(),
        path: String::new(),
        found: Some(format!("\"{}\"", shorten(name_or_path, 60))),
        because: "no built-in chip has this name".to_string(),
        allowed: NAMES.join(", "),
        help,
        place: None,
    }])
}
