//! Address events: spikes as a list of places and times, and their rasters.

use crate::diagnostic::{Diagnostic, Result};

/// One spike of a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Time in microseconds.
    pub time: u32,
    /// 0 for darker, 1 for brighter.
    pub polarity: u8,
    /// Column.
    pub x: u8,
    /// Row.
    pub y: u8,
}

/// Events of the N-MNIST format (Orchard et al., 2015; files `.bin`, `.bs2`): five bytes each: x, y, then 24 bits with the most
/// significant first: polarity (1), time in microseconds (23).
///
/// # Errors
/// SP0202 where the length is no multiple of five.
pub fn parse_bs2(bytes: &[u8], place: &str) -> Result<Vec<Event>> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(5) {
        let rule = format!("{} bytes are not events of 5 bytes each", bytes.len());
        return Err(
            Diagnostic::error("SP0202", place, rule, "give a whole recording in the N-MNIST format").into()
        );
    }
    Ok(bytes
        .chunks_exact(5)
        .map(|b| Event {
            x: b[0],
            y: b[1],
            polarity: b[2] >> 7,
            time: u32::from(b[2] & 0x7f) << 16 | u32::from(b[3]) << 8 | u32::from(b[4]),
        })
        .collect())
}

/// The number of events of each place in each bin of `bin` microseconds: \[steps\]\[polarity, y, x\] row-major, with `height` rows
/// and `width` columns. Events outside, and those after the last step, are dropped.
pub fn raster(events: &[Event], bin: u32, steps: usize, [height, width]: [usize; 2]) -> Vec<Vec<u16>> {
    let mut raster = vec![vec![0_u16; 2 * height * width]; steps];
    for event in events {
        let (x, y) = (usize::from(event.x), usize::from(event.y));
        let step = (event.time / bin.max(1)) as usize;
        if x < width && y < height && step < steps {
            let at = (usize::from(event.polarity) * height + y) * width + x;
            raster[step][at] = raster[step][at].saturating_add(1);
        }
    }
    raster
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_bytes_are_an_event() {
        let events = parse_bs2(&[3, 7, 0x80 | 0x01, 0x02, 0x03, 33, 0, 0, 0, 9], "x").unwrap();
        assert_eq!(events[0], Event { time: 0x1_0203, polarity: 1, x: 3, y: 7 });
        assert_eq!(events[1], Event { time: 9, polarity: 0, x: 33, y: 0 });
        assert!(parse_bs2(&[0; 7], "x").unwrap_err().to_string().contains("SP0202"));
    }

    #[test]
    fn bins_count_and_drop() {
        let at = |time, x| Event { time, polarity: 1, x, y: 0 };
        let raster = raster(&[at(0, 1), at(999, 1), at(1000, 0), at(2000, 1), at(0, 2)], 1000, 2, [1, 2]);
        assert_eq!(raster, [vec![0, 0, 0, 2], vec![0, 0, 1, 0]]);
    }
}
