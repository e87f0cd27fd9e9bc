//! Places to write to, looked at before minutes of work are lost to them.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Result};

/// Refuses a `path` that can not be written to, or that is one of `inputs`.
///
/// # Errors
/// SP0002, SP0004.
pub(super) fn check<'a>(path: &Path, inputs: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
    let failed = |error: Error| Err(Diagnostic::write(path, &error).into());
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return failed(ErrorKind::IsADirectory.into()),
    };
    match std::fs::metadata(folder) {
        Err(error) => return failed(error),
        Ok(folder) if !folder.is_dir() => return failed(ErrorKind::NotADirectory.into()),
        Ok(folder) if folder.permissions().readonly() => return failed(ErrorKind::PermissionDenied.into()),
        Ok(_) => {}
    }
    // Files are renamed into place, which would replace a device such as /dev/null by a file.
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => return failed(ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() => return failed(Error::other("a device or pipe is in its place")),
        _ => {}
    }
    let same = |input: &PathBuf| match (input.canonicalize(), path.canonicalize()) {
        (Ok(input), Ok(path)) => input == path,
        _ => false,
    };
    if inputs.into_iter().any(same) {
        let rule = "the file is read and would be overwritten";
        let way_out = "name another file to write to";
        return Err(Diagnostic::error("SP0004", path.display().to_string(), rule, way_out).into());
    }
    Ok(())
}
