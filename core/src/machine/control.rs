//! The machine's own registers within the lent words.
//!
//! | word | holds |
//! |---|---|
//! | 0 | status |
//! | 1 | program counter |
//! | 2 | cursor: elements, columns or edges of the current instruction already done |
//! | 3, 4 | invocations since the first sample |
//! | 5, 6 | ticks since the first sample |
//! | 7, 8 | samples begun |
//! | 9 | first word of the image digest |
//! | 10..18 | loop registers |
//! | 18..32 | reserved, 0 |

use crate::image::LOOP_REGISTERS;

/// What the machine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Status {
    /// Waits for a sample.
    Idle,
    /// Within a sample.
    Running,
    /// A sample is done; outputs can be read.
    Done,
    /// Stopped by a fault until the next reset.
    Faulted,
}

impl Status {
    const fn code(self) -> u32 {
        match self {
            Self::Idle => 0,
            Self::Running => 1,
            Self::Done => 2,
            Self::Faulted => 3,
        }
    }

    const fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::Idle,
            1 => Self::Running,
            2 => Self::Done,
            3 => Self::Faulted,
            _ => return None,
        })
    }
}

/// A copy of the control words, loaded at the start of a step and stored at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) status: Status,
    pub(crate) pc: u32,
    pub(crate) cursor: u32,
    pub(crate) invocations: u64,
    pub(crate) ticks: u64,
    pub(crate) samples: u64,
    pub(crate) image: u32,
    pub(crate) registers: [u32; LOOP_REGISTERS],
}

fn pair(words: &[u32], at: usize) -> Option<u64> {
    Some(u64::from(*words.get(at)?) | u64::from(*words.get(at + 1)?) << 32)
}

impl Control {
    pub(crate) const fn new(image: u32) -> Self {
        Self {
            status: Status::Idle,
            pc: 0,
            cursor: 0,
            invocations: 0,
            ticks: 0,
            samples: 0,
            image,
            registers: [0; LOOP_REGISTERS],
        }
    }

    pub(crate) fn load(words: &[u32]) -> Option<Self> {
        let mut registers = [0; LOOP_REGISTERS];
        registers.copy_from_slice(words.get(10..18)?);
        Some(Self {
            status: Status::from_code(*words.first()?)?,
            pc: *words.get(1)?,
            cursor: *words.get(2)?,
            invocations: pair(words, 3)?,
            ticks: pair(words, 5)?,
            samples: pair(words, 7)?,
            image: *words.get(9)?,
            registers,
        })
    }

    pub(crate) fn store(&self, words: &mut [u32]) {
        let head = [
            self.status.code(),
            self.pc,
            self.cursor,
            self.invocations as u32,
            (self.invocations >> 32) as u32,
            self.ticks as u32,
            (self.ticks >> 32) as u32,
            self.samples as u32,
            (self.samples >> 32) as u32,
            self.image,
        ];
        for (word, value) in words.iter_mut().zip(head.iter().chain(&self.registers)) {
            *word = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Control, Status};
    use crate::image::CONTROL_WORDS;

    #[test]
    fn what_is_stored_comes_back_with_all_its_bits() {
        let own = Control {
            status: Status::Running,
            pc: 0x8000_0001,
            cursor: 2,
            invocations: 0x0123_4567_89ab_cdef,
            ticks: 0xfedc_ba98_7654_3210,
            samples: u64::MAX - 1,
            image: 77,
            registers: [1, 2, 3, 4, 5, 6, 7, u32::MAX],
        };
        let mut words = [0; CONTROL_WORDS as usize];
        own.store(&mut words);
        assert_eq!(Control::load(&words), Some(own));
        assert_eq!(Control::load(&words[..17]), None);
    }
}
