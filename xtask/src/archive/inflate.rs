//! Unpacking of "deflate" data (RFC 1951).

use crate::process::Result;

/// Bits of a stream, the lowest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn one(&mut self) -> Result<usize> {
        let byte = self.bytes.get(self.at / 8).ok_or("the packed data are cut short")?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Ok(usize::from(bit))
    }

    fn take(&mut self, count: usize) -> Result<usize> {
        (0..count).try_fold(0, |value, at| Ok(value | self.one()? << at))
    }
}

/// A prefix code: how many codes of each length there are, and the symbols in the order of their codes.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut counts = [0; 16];
        lengths.iter().filter(|length| **length > 0).for_each(|length| counts[*length] += 1);
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|at| lengths[*at] > 0).collect();
        symbols.sort_by_key(|at| (lengths[*at], *at));
        Self { counts, symbols }
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Result<usize> {
        let (mut code, mut first, mut index) = (0usize, 0usize, 0usize);
        for count in &self.counts[1..] {
            code |= bits.one()?;
            if code < first + count {
                // A code below the first of its length can not come up: every shorter one was passed.
                return Ok(self.symbols[index + code - first]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err("a code that stands for nothing".into())
    }
}

/// Order in which the lengths of the code for lengths are written.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Base and extra bits of the lengths 257..=285.
fn length_of(symbol: usize) -> (usize, usize) {
    match symbol {
        0..=7 => (3 + symbol, 0),
        28 => (258, 0),
        _ => {
            let extra = symbol / 4 - 1;
            (3 + ((4 + symbol % 4) << extra), extra)
        }
    }
}

/// Base and extra bits of the distances.
fn distance_of(symbol: usize) -> (usize, usize) {
    match symbol {
        0..=3 => (1 + symbol, 0),
        _ => {
            let extra = symbol / 2 - 1;
            (1 + ((2 + symbol % 2) << extra), extra)
        }
    }
}

fn codes(bits: &mut Bits<'_>) -> Result<(Code, Code)> {
    let (literals, distances, lengths) = (257 + bits.take(5)?, 1 + bits.take(5)?, 4 + bits.take(4)?);
    let mut own = [0; 19];
    for &at in &ORDER[..lengths] {
        own[at] = bits.take(3)?;
    }
    let code = Code::new(&own);
    let mut all: Vec<usize> = Vec::new();
    while all.len() < literals + distances {
        let (value, times) = match code.symbol(bits)? {
            16 => (*all.last().ok_or("nothing to repeat")?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length, 1),
        };
        all.extend(std::iter::repeat_n(value, times));
    }
    Ok((Code::new(&all[..literals]), Code::new(&all[literals..])))
}

/// The unpacked bytes, which must be `size`.
pub(super) fn inflate(packed: &[u8], size: usize) -> Result<Vec<u8>> {
    let mut bits = Bits { bytes: packed, at: 0 };
    let mut out: Vec<u8> = Vec::new();
    loop {
        let last = bits.one()? == 1;
        let (literals, distances) = match bits.take(2)? {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let length = bits.take(16)?;
                bits.take(16)?;
                for _ in 0..length {
                    out.push(bits.take(8)? as u8);
                }
                if last {
                    break;
                }
                continue;
            }
            1 => {
                let fixed = |at: usize| match at {
                    0..=143 => 8,
                    144..=255 => 9,
                    256..=279 => 7,
                    _ => 8,
                };
                (Code::new(&(0..288).map(fixed).collect::<Vec<_>>()), Code::new(&[5; 30]))
            }
            2 => codes(&mut bits)?,
            _ => return Err("a block of no known kind".into()),
        };
        loop {
            match literals.symbol(&mut bits)? {
                256 => break,
                literal if literal < 256 => out.push(literal as u8),
                symbol => {
                    let (base, extra) = length_of(symbol - 257);
                    let length = base + bits.take(extra)?;
                    let (base, extra) = distance_of(distances.symbol(&mut bits)?);
                    let distance = base + bits.take(extra)?;
                    let from = out.len().checked_sub(distance).ok_or("a distance before the beginning")?;
                    (from..from + length).for_each(|at| out.push(out[at]));
                }
            }
            if out.len() > size {
                return Err("more data than the archive states".into());
            }
        }
        if last {
            break;
        }
    }
    if out.len() == size { Ok(out) } else { Err("fewer data than the archive states".into()) }
}

#[cfg(test)]
mod tests {
    use super::inflate;

    #[test]
    fn packed_text_comes_out() {
        // zlib's raw deflate of "abcabcabcabc": a fixed block with one repetition.
        assert_eq!(inflate(&[0x4b, 0x4c, 0x4a, 0x4e, 0x84, 0x21, 0x00], 12).unwrap(), b"abcabcabcabc");
        // A stored block.
        assert_eq!(inflate(&[1, 2, 0, 0xfd, 0xff, b'h', b'i'], 2).unwrap(), b"hi");
        assert!(inflate(&[0x4b, 0x4c], 12).is_err());
        assert!(inflate(&[1, 2, 0, 0xfd, 0xff, b'h', b'i'], 3).is_err());
        assert!(inflate(&[7], 0).is_err());
    }
}
