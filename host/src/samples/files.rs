//! Array files by their content: npz, npy, idx, each also gzip-compressed; and the writers.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::array::Array;
use super::input::{Input, MAX_DECOMPRESSED};
use super::{idx, npy};
use crate::diagnostic::{Diagnostic, Result};

/// What kind of file the first bytes announce.
enum Kind {
    Npz,
    Npy,
    Gzip,
    Idx,
}

fn kind(head: &[u8]) -> Option<Kind> {
    match head {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Kind::Npz),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some(Kind::Npy),
        [0x1f, 0x8b, ..] => Some(Kind::Gzip),
        [0, 0, ..] => Some(Kind::Idx),
        _ => None,
    }
}

fn unknown(place: &str, head: &[u8]) -> Diagnostic {
    let rule = match head {
        [] => "the file is empty".to_owned(),
        _ => format!("the file is none of npz, npy, idx and idx.gz: it begins with the bytes {head:02x?}"),
    };
    let way_out =
        "save the samples with numpy.savez_compressed(path, x=samples, y=labels), or give idx files";
    Diagnostic::error("SP0201", place, rule, way_out)
}

/// Reads from the array file `path` the first array whose name is in `wanted`; files that hold a single unnamed array
/// (npy, idx) give that. `None` when an npz file has none of them.
///
/// # Errors
/// SP0001 and SP0201 to SP0211: the file can not be read, is of no known kind, damaged, or too large.
pub(crate) fn read_array(path: &Path, wanted: &[&str]) -> Result<Found> {
    let file = File::open(path).map_err(|e| Diagnostic::read(path, &e))?;
    read_stream(BufReader::new(file), path, wanted)
}

/// As [`read_array`], from `stream`; `path` stands for it in the errors.
pub(crate) fn read_stream(mut stream: impl BufRead + Seek, path: &Path, wanted: &[&str]) -> Result<Found> {
    let place = path.display().to_string();
    let mut head = Vec::new();
    stream.by_ref().take(6).read_to_end(&mut head).map_err(|e| Diagnostic::read(path, &e))?;
    stream.rewind().map_err(|e| Diagnostic::read(path, &e))?;
    let mut input = Input { stream: &mut stream, place: &place, left: MAX_DECOMPRESSED };
    let array = match kind(&head) {
        Some(Kind::Npz) => return read_npz(stream, wanted, &place),
        Some(Kind::Npy) => npy::read(&mut input)?,
        Some(Kind::Idx) => idx::read(&mut input)?,
        Some(Kind::Gzip) => {
            let mut unpacked = BufReader::new(MultiGzDecoder::new(stream));
            let mut head = Vec::new();
            if let Err(e) = unpacked.by_ref().take(6).read_to_end(&mut head) {
                let way_out = "the file is incomplete or damaged: copy it again";
                let rule = format!("the file can not be decompressed ({e})");
                return Err(Diagnostic::error("SP0202", place, rule, way_out).into());
            }
            let mut whole = Cursor::new(head.clone()).chain(unpacked);
            let mut input = Input { stream: &mut whole, place: &place, left: MAX_DECOMPRESSED };
            match kind(&head) {
                Some(Kind::Npy) => npy::read(&mut input)?,
                Some(Kind::Idx) => idx::read(&mut input)?,
                _ => return Err(unknown(&format!("{place}, decompressed"), &head).into()),
            }
        }
        None => return Err(unknown(&place, &head).into()),
    };
    Ok(Found::Array(None, array))
}

/// Whether `path` is an npz file, judged by its first bytes.
pub(crate) fn is_npz(path: &Path) -> Result<bool> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(|e| Diagnostic::read(path, &e))?;
    file.take(6).read_to_end(&mut head).map_err(|e| Diagnostic::read(path, &e))?;
    Ok(begins_npz(&head))
}

/// Whether these are the first bytes of an npz file.
pub(crate) fn begins_npz(head: &[u8]) -> bool {
    matches!(kind(head), Some(Kind::Npz))
}

/// What [`read_array`] found.
pub(crate) enum Found {
    /// An array, with its name when the file names it.
    Array(Option<String>, Array),
    /// None of the wanted names; these are there.
    Others(Vec<String>),
}

fn read_npz(stream: impl Read + Seek, wanted: &[&str], place: &str) -> Result<Found> {
    let broken = |e: zip::result::ZipError| {
        let way_out = "the file is incomplete or damaged: make or copy it again";
        Diagnostic::error("SP0202", place, format!("the npz file can not be read ({e})"), way_out)
    };
    let mut archive = ZipArchive::new(stream).map_err(broken)?;
    let mut names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    names.sort();
    let entry = wanted.iter().find_map(|w| names.iter().find(|n| n.strip_suffix(".npy").unwrap_or(n) == *w));
    let Some(entry) = entry else {
        let names = names.iter().map(|n| n.strip_suffix(".npy").unwrap_or(n).to_owned());
        return Ok(Found::Others(names.collect()));
    };
    let name = entry.strip_suffix(".npy").unwrap_or(entry).to_owned();
    let place = format!("{place}: array {name:?}");
    let mut file = archive.by_name(entry).map_err(broken)?;
    if file.size() > MAX_DECOMPRESSED {
        let rule = format!("the array decompresses to {} bytes, more than the limit of 4 GiB", file.size());
        return Err(Diagnostic::error("SP0211", place, rule, "split the samples into smaller files").into());
    }
    let array = npy::read(&mut Input { stream: &mut file, place: &place, left: MAX_DECOMPRESSED })?;
    Ok(Found::Array(Some(name), array))
}

/// Reads the array `name` of an npz file, or the only array of an npy or idx file.
///
/// # Errors
/// SP0001 and SP0201 to SP0211; SP0203 names the arrays that are there.
pub fn read_named(path: &Path, name: &str) -> Result<Array> {
    match read_array(path, &[name])? {
        Found::Array(_, array) => Ok(array),
        Found::Others(present) => Err(missing(path, &[name], &present).into()),
    }
}

/// The error for an npz file without the wanted arrays.
pub(crate) fn missing(path: &Path, wanted: &[&str], present: &[String]) -> Diagnostic {
    let rule = format!("the file has no array named {}; it has {}", wanted.join(" or "), listed(present));
    let way_out = format!("save it with numpy.savez_compressed(path, {}=...)", wanted[0]);
    Diagnostic::error("SP0203", path.display().to_string(), rule, way_out)
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    match names.len() {
        0 => "none".to_owned(),
        n if n > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
        _ => names.join(", "),
    }
}

/// Writes `arrays`, named, as an uncompressed npz file: the same arrays give the same bytes. Nothing is left behind
/// when it fails.
///
/// # Errors
/// SP0002 when the file can not be written.
pub fn write_npz(path: &Path, arrays: &[(&str, &Array)]) -> Result<()> {
    let failed = |e: std::io::Error| Diagnostic::write(path, &e);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644);
    for (name, array) in arrays {
        let bytes = npy::write(array);
        let options = options.large_file(bytes.len() as u64 >= u64::from(u32::MAX));
        zip.start_file(format!("{name}.npy"), options).map_err(|e| failed(e.into()))?;
        zip.write_all(&bytes).map_err(failed)?;
    }
    let bytes = zip.finish().map_err(|e| failed(e.into()))?.into_inner();
    write_atomic(path, &bytes)
}

/// Writes `bytes` to `path` so that the file is there whole or not at all: into a file beside it, which is then
/// renamed, or removed when something fails.
///
/// # Errors
/// SP0002 when the file can not be written.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = part_of(path)?;
    let written = (|| {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    })();
    written.map_err(|e| {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&part);
        Diagnostic::write(path, &e).into()
    })
}

fn part_of(path: &Path) -> Result<PathBuf> {
    let Some(name) = path.file_name() else {
        let rule = "the path names no file";
        return Err(Diagnostic::error("SP0002", path.display().to_string(), rule, "give a file name").into());
    };
    let mut part = std::ffi::OsString::from(".");
    part.push(name);
    part.push(format!(".{}.part", std::process::id()));
    Ok(path.with_file_name(part))
}
