//! Reading image files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use spandrel_core::image::{Image, ImageError};

use crate::diagnostic::{Diagnostic, Result};

/// The longest image that is read: 4 GiB.
const MAX_BYTES: u64 = 1 << 32;

/// The bytes of the file `path`.
///
/// # Errors
/// SP0001, SP0003.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Diagnostic::read(path, &error);
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        let rule = "the file is longer than 4 GiB";
        let way_out = "give an image that `spandrel compile` wrote";
        return Err(Diagnostic::error("SP0003", path.display().to_string(), rule, way_out).into());
    }
    Ok(bytes)
}

/// The image in `bytes`, which came from `path`.
///
/// # Errors
/// SP0610 with the rule of the format that is broken.
pub(super) fn parse<'a>(bytes: &'a [u8], path: &Path) -> Result<Image<'a>> {
    Image::parse(bytes).map_err(|error| refused(&error, path).into())
}

fn refused(error: &ImageError, path: &Path) -> Diagnostic {
    Diagnostic::error(
        "SP0610",
        path.display().to_string(),
        format!("the image is refused: {error}"),
        error.way_out(),
    )
}
