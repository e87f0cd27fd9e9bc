//! Files of the repository, and Rust text without comments and literals.

use std::fs;
use std::path::{Path, PathBuf};

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// Path from the repository's root, with slashes.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl File {
    /// A file that does not exist, for trying a rule.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Whether it holds Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Folders that hold what tools made.
const MADE: [&str; 7] = ["target", ".git", "out", "artifacts", "corpus", "coverage", "__pycache__"];

/// All text files of the repository, by path.
pub fn files() -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), "", &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("the repository can be read") {
        let entry = entry.expect("the repository can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            if !MADE.contains(&name.as_str()) {
                walk(&entry.path(), &format!("{path}/"), found);
            }
        } else if [".rs", ".toml", ".md", ".py", "/run"].iter().any(|end| path.ends_with(end)) {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
            found.push(File { path, text });
        }
    }
}

/// Rust text in which comments and the insides of literals are blanks; lines stay where they are.
pub fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none does.
fn literal(chars: &[char], at: usize) -> usize {
    let is = |at: usize, text: &str| text.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    let find = |from: usize, text: &str| (from..chars.len()).find(|i| is(*i, text));
    if is(at, "//") {
        return find(at, "\n").unwrap_or(chars.len());
    }
    if is(at, "/*") {
        let (mut depth, mut at) = (1, at + 2);
        while depth > 0 && at < chars.len() {
            let step = if is(at, "/*") { 1 } else { -i32::from(is(at, "*/")) };
            depth += step;
            at += if step == 0 { 1 } else { 2 };
        }
        return at.min(chars.len());
    }
    let inside_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    if is(at, "r") && (!inside_word || chars[at - 1] == 'b') {
        let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
        if is(at + 1 + hashes, "\"") {
            let close = format!("\"{}", "#".repeat(hashes));
            return find(at + 2 + hashes, &close).map_or(chars.len(), |end| end + close.len());
        }
    }
    if is(at, "\"") {
        let mut at = at + 1;
        while at < chars.len() && chars[at] != '"' {
            at += if chars[at] == '\\' { 2 } else { 1 };
        }
        return (at + 1).min(chars.len());
    }
    // A character, not a lifetime.
    if is(at, "'\\") {
        return find(at + 3, "'").map_or(chars.len(), |end| end + 1);
    }
    if is(at, "'") && chars.get(at + 2) == Some(&'\'') {
        return at + 3;
    }
    at
}

/// Whether `word` stands in `text` with no letter, digit or underscore beside it.
pub fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(part)
            && !text[at + word.len()..].chars().next().is_some_and(part)
    })
}

/// The paths that `use` declarations bring in, and all other paths, as `a::b`: groups are taken apart.
pub fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for statement in code.split(';') {
        let start =
            statement.rfind("use ").filter(|at| !statement[..*at].ends_with(|c: char| c.is_alphanumeric()));
        if let Some(start) = start {
            expand("", statement[start + 4..].trim(), &mut found);
        }
    }
    let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    found.extend(words.filter(|word| word.contains("::")).map(str::to_owned));
    found
}

/// Takes a tree such as `a::{b, c::{d, e}}` apart.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let Some((head, group)) = tree.split_once('{') else {
        found.push(format!("{prefix}{}", tree.trim()));
        return;
    };
    let inner = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inner[start..at].trim();
                if !part.is_empty() {
                    expand(&format!("{prefix}{}", head.trim()), part, found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}
