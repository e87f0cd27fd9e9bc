//! Answers of the compiler, kept in files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{Result, announce};

/// A hash of bytes (FNV-1a, 64 bits): tells whether something has changed, not who changed it.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // Where one part ends.
        self.0 = (self.0 ^ bytes.len() as u64).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

/// What an answer depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(u64);

impl Key {
    /// Of a compiler, its arguments, and the content of files.
    pub(super) fn of(compiler: u64, arguments: &[String], files: &[PathBuf]) -> Result<Self> {
        let mut hash = Hash::new();
        hash.add(&compiler.to_le_bytes());
        // Files count by content, not by where they lie.
        let plain = arguments.iter().filter(|argument| !argument.contains('/'));
        plain.for_each(|argument| hash.add(argument.as_bytes()));
        for file in files {
            hash.add(&fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?);
        }
        Ok(Self(hash.0))
    }
}

/// A kept answer.
pub(super) struct Kept {
    /// Digest of the compiler that gave it.
    pub(super) compiler: String,
    /// The JSON object that it printed.
    pub(super) object: String,
}

/// The folder of answers, and the compiler that gives new ones.
pub(super) struct Keeper {
    folder: PathBuf,
    compiler: PathBuf,
    digest: u64,
}

impl Keeper {
    pub(super) fn new(folder: PathBuf, compiler: PathBuf, reading: bool) -> Result<Self> {
        let mut hash = Hash::new();
        if !reading {
            hash.add(&fs::read(&compiler).map_err(|error| format!("{}: {error}", compiler.display()))?);
        }
        Ok(Self { folder, compiler, digest: hash.0 })
    }

    /// Digest of the compiler.
    pub(super) fn compiler(&self) -> u64 {
        self.digest
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// The answer `name`: a line with key and compiler, a line with the object.
    pub(super) fn read(&self, name: &str) -> Option<Kept> {
        let text = fs::read_to_string(self.file(name)).ok()?;
        let (head, object) = text.split_once('\n')?;
        let (_, compiler) = head.split_once(' ')?;
        Some(Kept { compiler: compiler.to_owned(), object: object.trim().to_owned() })
    }

    /// Runs the compiler with `arguments` and keeps what it prints, unless the answer with this key is kept already.
    pub(super) fn make(&self, name: &str, key: Key, arguments: &[String]) -> Result<()> {
        let file = self.file(name);
        let head = format!("{:016x} {:016x}", key.0, self.digest);
        if fs::read_to_string(&file).is_ok_and(|text| text.lines().next() == Some(head.as_str())) {
            return Ok(());
        }
        announce(&format!("spandrel {}", arguments.join(" ")));
        let image = self.folder.join("last.spandrel");
        let object = answer(&self.compiler, arguments, &image)?;
        fs::write(&file, format!("{head}\n{object}\n"))
            .map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// The last line that the compiler prints: its JSON object.
fn answer(compiler: &Path, arguments: &[String], image: &Path) -> Result<String> {
    let output = Command::new(compiler)
        .args(arguments)
        .arg("-o")
        .arg(image)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} does not start: {error}", compiler.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default().to_owned();
    if last.starts_with('{') {
        return Ok(last);
    }
    // Killed, or a fault: what it said last is all there is.
    let errors = String::from_utf8_lossy(&output.stderr);
    let why = errors.lines().last().unwrap_or("it said nothing");
    let clean: String = why.chars().filter(|c| !matches!(c, '"' | '\\') && !c.is_control()).collect();
    Ok(format!(
        "{{\"error\":[{{\"code\":\"none\",\"place\":\"compiler\",\"rule\":\"ended without an answer ({}): {clean}\",\"way_out\":\"\"}}]}}",
        output.status
    ))
}

#[cfg(test)]
mod tests {
    use super::{Hash, Key};

    #[test]
    fn the_hash_is_the_published_one_and_parts_do_not_run_together() {
        // FNV-1a of "a" is af63dc4c8601ec8c; the length behind it is mixed in the same way.
        let mut hash = Hash::new();
        hash.add(b"a");
        assert_eq!(hash.0, (0xaf63_dc4c_8601_ec8c_u64 ^ 1).wrapping_mul(0x0000_0100_0000_01b3));
        let of = |parts: &[&str]| {
            let mut hash = Hash::new();
            parts.iter().for_each(|part| hash.add(part.as_bytes()));
            hash.0
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }

    #[test]
    fn a_key_changes_with_compiler_and_arguments_but_not_with_folders() {
        let key = |compiler, arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
            Key::of(compiler, &arguments, &[]).map(|key| key.0)
        };
        let first = key(1, &["compile", "/a/x.onnx", "--set", "tune=round"]);
        assert_eq!(first, key(1, &["compile", "/b/x.onnx", "--set", "tune=round"]));
        assert_ne!(first, key(2, &["compile", "/a/x.onnx", "--set", "tune=round"]));
        assert_ne!(first, key(1, &["compile", "/a/x.onnx", "--set", "tune=nearest"]));
    }
}
