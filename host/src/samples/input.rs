//! Reading with limits: what a header claims is never allocated before the bytes are there.

use std::io::Read;

use crate::diagnostic::Diagnostic;

/// The longest decompressed array that is read: 4 GiB.
pub const MAX_DECOMPRESSED: u64 = 1 << 32;

/// A stream with the name of what it holds and how many more bytes it may yield.
pub(crate) struct Input<'a> {
    pub(crate) stream: &'a mut dyn Read,
    pub(crate) place: &'a str,
    pub(crate) left: u64,
}

impl Input<'_> {
    pub(crate) fn damaged(&self, rule: impl Into<String>) -> Diagnostic {
        Diagnostic::error(
            "SP0202",
            self.place,
            rule,
            "the file is incomplete or damaged: make or copy it again",
        )
    }

    /// Exactly `N` bytes.
    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Diagnostic> {
        let mut bytes = [0; N];
        self.left = self.left.saturating_sub(N as u64);
        match self.stream.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(e) => Err(self.damaged(format!("the header ends too early ({e})"))),
        }
    }

    /// Exactly `length` bytes; memory grows with what is really there.
    pub(crate) fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Diagnostic> {
        if length > self.left {
            let rule = format!("the array needs {length} bytes, more than the limit of 4 GiB");
            return Err(Diagnostic::error(
                "SP0211",
                self.place,
                rule,
                "split the samples into smaller files",
            ));
        }
        self.left -= length;
        let mut bytes = Vec::new();
        match self.stream.take(length).read_to_end(&mut bytes) {
            Ok(read) if read as u64 == length => Ok(bytes),
            Ok(read) => Err(self.damaged(format!("the data ends after {read} of {length} bytes"))),
            Err(e) => Err(self.damaged(format!("the data can not be read ({e})"))),
        }
    }

    /// Nothing may follow.
    pub(crate) fn end(&mut self) -> Result<(), Diagnostic> {
        match self.stream.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => {
                let rule = "there are more bytes than the header's shape needs";
                Err(Diagnostic::error(
                    "SP0211",
                    self.place,
                    rule,
                    "the file is damaged: make or copy it again",
                ))
            }
            Err(e) => Err(self.damaged(format!("the data can not be read ({e})"))),
        }
    }
}

/// The number of bytes of `shape` with elements of `width` bytes; an error when it does not fit 64 bits.
pub(crate) fn byte_count(shape: &[usize], width: usize, place: &str) -> Result<u64, Diagnostic> {
    if shape.contains(&0) {
        return Ok(0);
    }
    let product = shape.iter().try_fold(width as u64, |product, &d| product.checked_mul(d as u64));
    product.ok_or_else(|| {
        let rule = format!("the shape {shape:?} has more elements than any memory holds");
        Diagnostic::error("SP0202", place, rule, "the file is damaged: make or copy it again")
    })
}
