//! `spandrel inspect --emit`: an image as firmware builds take it in.

use std::fmt::Write as _;
use std::path::Path;

use spandrel_core::image::Image;

use crate::engine::emissions;
use crate::report::hex;

/// How the image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// A C header: `NAME_image`, aligned to 8 bytes, the words of memory that it needs, and how many codes a sample gives
    CArray,
    /// The image's bytes
    Bin,
}

/// The bytes to write. Names in C come from the file's: letters, digits, and `_` for everything else.
pub(super) fn bytes(form: Form, path: &Path, bytes: &[u8], image: &Image<'_>) -> Vec<u8> {
    match form {
        Form::Bin => bytes.to_vec(),
        Form::CArray => c_array(&name(path), bytes, image).into_bytes(),
    }
}

fn name(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("net_{name}") }
}

fn c_array(name: &str, bytes: &[u8], image: &Image<'_>) -> String {
    let upper = name.to_ascii_uppercase();
    let mut text = format!(
        "/* Image {} for the chip {}, revision {}; made by `spandrel inspect --emit c-array`. */\n\
         #ifndef {upper}_IMAGE_H\n#define {upper}_IMAGE_H\n\n#include <stdint.h>\n\n\
         /* 32-bit words that running it needs. */\n#define {upper}_RAM_WORDS {}\n\n\
         /* 32-bit words that asking a chip for its known answers needs. */\n#define {upper}_ASK_WORDS {}\n\n\
         /* Codes that a sample gives. */\n#define {upper}_CODES {}\n\n\
         static const uint8_t {name}_image[{}] __attribute__((aligned(8))) = {{",
        hex(image.digest()),
        image.header().chip_name(),
        image.header().chip_revision,
        image.header().ram_words,
        most_inputs(image),
        emissions(image),
        bytes.len(),
    );
    for (at, byte) in bytes.iter().enumerate() {
        let _ = write!(text, "{}0x{byte:02x},", if at % 16 == 0 { "\n    " } else { " " });
    }
    text + "\n};\n\n#endif\n"
}

/// The most inputs of a known answer.
fn most_inputs(image: &Image<'_>) -> u32 {
    let vectors = (0..image.vector_count()).filter_map(|index| image.vector(index));
    vectors.map(|vector| vector.inputs.len()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::name;
    use std::path::Path;

    #[test]
    fn names_are_those_of_c() {
        for (path, expected) in
            [("out/digits.spandrel", "digits"), ("a-b c.img", "a_b_c"), ("9.x", "net_9"), ("é", "net__")]
        {
            assert_eq!(name(Path::new(path)), expected, "{path}");
        }
    }
}
