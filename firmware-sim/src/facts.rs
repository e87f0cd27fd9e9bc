//! Facts: what a program reads of a session, one line each on semihosting's standard output.
//! README.md lists them. What a person reads goes over defmt.

use crate::board;
use core::fmt;

/// A number of bytes in hexadecimal.
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A name without blanks, so that it stays one word of its line.
pub struct Word<'a>(pub &'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("-");
        }
        self.0.split(' ').enumerate().try_for_each(|(index, part)| {
            if index > 0 {
                f.write_str("-")?;
            }
            f.write_str(part)
        })
    }
}

/// A class, or `-` where the image has no decoder that names one.
pub struct Class(pub Option<u32>);

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(class) => write!(f, "{class}"),
            None => f.write_str("-"),
        }
    }
}

/// States `fact`.
pub fn state(fact: fmt::Arguments<'_>) {
    board::line(fact);
}
