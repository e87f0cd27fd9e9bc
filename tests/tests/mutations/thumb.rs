//! Instructions of Thumb-2, as far as faults are put into them: their fields, and the processor in front of them.

/// Always.
const ALWAYS: u16 = 14;
/// Where the condition of an IT block stands.
pub const IT: u32 = 4;
/// What a sum of 32 bits does, in bits 5 to 7 of its first halfword.
pub const ADD: u16 = 0x00;
pub const ADC: u16 = 0x40;
pub const SBC: u16 = 0x60;
pub const SUB: u16 = 0xA0;
/// Sums of 16 bits that take in a carry.
pub const SMALL_ADC: u16 = 0x4140;
pub const SMALL_SBC: u16 = 0x4180;

/// The halfwords from an address on: an instruction, and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub [u16; 4]);

/// The processor in front of an instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub registers: [u32; 16],
    pub xpsr: u32,
}

impl Code {
    /// Whether the instruction takes two halfwords.
    pub fn wide(self) -> bool {
        self.0[0] >= 0xE800
    }

    /// Its bytes.
    pub fn size(self) -> u32 {
        if self.wide() { 4 } else { 2 }
    }

    /// The halfwords of the instruction alone.
    pub fn own(&self) -> &[u16] {
        &self.0[..self.size() as usize / 2]
    }

    /// What follows the instruction.
    pub fn next(self) -> Self {
        let [_, second, third, fourth] = self.0;
        if self.wide() { Self([third, fourth, 0, 0]) } else { Self([second, third, fourth, 0]) }
    }

    /// The condition of a branch or of an IT block, and in which halfword and at which bit it stands.
    pub fn condition(self) -> Option<(u16, u32)> {
        let [first, second, ..] = self.0;
        let at = if first & 0xF000 == 0xD000 {
            8
        } else if first & 0xFF00 == 0xBF00 && first & 15 != 0 {
            IT
        } else if first & 0xF800 == 0xF000 && second & 0xD000 == 0x8000 {
            6
        } else {
            return None;
        };
        let condition = first >> at & 15;
        (condition < ALWAYS).then_some((condition, at))
    }

    /// What a sum of 32 bits does: of two registers, or of one and a constant.
    pub fn arithmetic(self) -> Option<u16> {
        let [first, second, ..] = self.0;
        let sums = first & 0xFF00 == 0xEB00 || first & 0xFB00 == 0xF100 && second & 0x8000 == 0;
        sums.then_some(first & 0xE0)
    }

    /// With another condition.
    pub fn on(self, condition: u16, at: u32) -> Self {
        let [first, rest @ ..] = self.0;
        let [second, third, fourth] = rest;
        Self([first & !(15 << at) | condition << at, second, third, fourth])
    }

    /// With bits of its halfwords inverted.
    pub fn inverted(self, first: u16, second: u16) -> Self {
        let [a, b, c, d] = self.0;
        Self([a ^ first, b ^ second, c, d])
    }
}

impl State {
    pub fn register(&self, number: u16) -> u32 {
        self.registers[usize::from(number & 15)]
    }

    pub fn carry(&self) -> bool {
        self.xpsr >> 29 & 1 == 1
    }

    /// Whether a condition holds with the flags N, Z, C and V.
    pub fn holds(condition: u16, [n, z, c, v]: [bool; 4]) -> bool {
        let plain = match condition >> 1 {
            0 => z,
            1 => c,
            2 => n,
            3 => v,
            4 => c && !z,
            5 => n == v,
            6 => n == v && !z,
            _ => return true,
        };
        plain != (condition & 1 == 1)
    }

    pub fn flags(&self) -> [bool; 4] {
        [31, 30, 29, 28].map(|bit| self.xpsr >> bit & 1 == 1)
    }

    /// The flags of a comparison with `bound`.
    pub fn compared(value: u32, bound: u32) -> [bool; 4] {
        let (less, borrowed) = value.overflowing_sub(bound);
        let (_, over) = (value as i32).overflowing_sub(bound as i32);
        [(less as i32) < 0, less == 0, !borrowed, over]
    }

    /// Whether the instruction is executed: in an IT block its condition must hold.
    pub fn executes(&self) -> bool {
        let block = self.xpsr >> 10 & 0x3F;
        let block = block << 2 | self.xpsr >> 25 & 3;
        block & 15 == 0 || Self::holds((block >> 4 & 15) as u16, self.flags())
    }

    /// The second operand of a sum of 32 bits: a register, shifted.
    pub fn shifted(&self, second: u16) -> u32 {
        let value = self.register(second);
        let amount = u32::from(second >> 10 & 0x1C | second >> 6 & 3);
        match (second >> 4 & 3, amount) {
            (0, amount) => value << amount,
            (1, 0) => 0,
            (1, amount) => value >> amount,
            (2, 0) => ((value as i32) >> 31) as u32,
            (2, amount) => ((value as i32) >> amount) as u32,
            (_, amount) => value.rotate_right(amount.max(1)),
        }
    }
}
