//! Faults in single instructions: what they make of an instruction, and whether that computes or decides anything else.

use crate::thumb::{ADC, ADD, Code, IT, SBC, SMALL_ADC, SMALL_SBC, SUB, State};

/// Condition codes that have a sibling beside them, at which equality counts the other way: hs and hi, lo and ls, ge and gt, lt and le.
const SIBLINGS: [(u16, u16); 4] = [(2, 8), (3, 9), (10, 12), (11, 13)];
/// The program counter, in fields where it says that an operand is missing; the stack pointer.
const NONE: u16 = 15;
const STACK: u16 = 13;
/// What is wrong with an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Shift,
    Sum,
    Carry,
    Sibling,
    Inverted,
    Bound,
    Widened,
    Product,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Shift,
        Self::Sum,
        Self::Carry,
        Self::Sibling,
        Self::Inverted,
        Self::Bound,
        Self::Widened,
        Self::Product,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Shift => "shift with the sign for one without, or the reverse",
            Self::Sum => "difference for a sum, or the reverse",
            Self::Carry => "carry of a sum or difference of two words lost",
            Self::Sibling => "comparison that takes in equality for one that does not, or the reverse",
            Self::Inverted => "condition `eq` for `ne`, or the reverse",
            Self::Bound => "constant of a comparison one off",
            Self::Widened => "value widened with its sign for one without, or the reverse",
            Self::Product => "product subtracted for added, or of signed words for unsigned, or the reverse",
        }
    }

    /// The instruction with the fault, where it is one that can have it.
    pub fn alter(self, code: Code) -> Option<Code> {
        let [first, second, ..] = code.0;
        match self {
            Self::Shift => shift(code),
            Self::Sum => match code.arithmetic() {
                _ if matches!(first >> 10, 6 | 7) => Some(code.inverted(0x200, 0)),
                _ if matches!(first >> 11, 6 | 7) => Some(code.inverted(0x800, 0)),
                // Without a result it is a comparison, with the stack pointer for one the frame of a function.
                Some(ADD | SUB) if !matches!(second >> 8 & 15, STACK | NONE) => {
                    Some(code.inverted(ADD ^ SUB, 0))
                }
                _ => None,
            },
            Self::Carry => carry(code),
            // In front of an IT block it would mostly choose between equal values.
            Self::Sibling => {
                let (condition, at) = code.condition().filter(|(_, at)| *at != IT)?;
                let both = SIBLINGS.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]);
                both.into_iter().find(|(own, _)| *own == condition).map(|(_, other)| code.on(other, at))
            }
            Self::Inverted => {
                let (condition, at) = code.condition()?;
                // The conditions of a whole IT block hang on the one that it begins with.
                (condition < 2 && at != IT).then(|| code.on(condition ^ 1, at))
            }
            Self::Bound => (first >> 11 == 5).then(|| code.inverted(1, 0)),
            Self::Widened => match (first >> 9, first & 0xFE50) {
                (0x2B | 0x2E, _) => Some(code.inverted(0x0A00, 0)),
                (0x2D | 0x2F, _) => Some(code.inverted(0x0400, 0)),
                _ if first >> 8 == 0xB2 => Some(code.inverted(0x80, 0)),
                (_, 0xF810) if second >> 12 != NONE => Some(code.inverted(0x100, 0)),
                _ if matches!(first & 0xFFF0, 0xF340 | 0xF3C0) && second & 0x8000 == 0 => {
                    Some(code.inverted(0x80, 0))
                }
                _ => None,
            },
            Self::Product => match (first & 0xFFF0, second >> 4 & 15) {
                (0xFB00, 0 | 1) if second >> 12 != NONE => Some(code.inverted(0, 0x10)),
                (0xFB80 | 0xFBA0 | 0xFBC0 | 0xFBE0, 0) => Some(code.inverted(0x20, 0)),
                _ => None,
            },
        }
    }

    /// Whether the fault makes this execution of the instruction give another result or take another way; `after` is the state that the
    /// right instruction leaves.
    pub fn differs(self, code: Code, before: &State, after: Option<&State>) -> bool {
        let [first, second, ..] = code.0;
        let register = |number: u16| before.register(number);
        let negative = |number: u16| register(number) >> 31 == 1;
        if !before.executes() {
            return false;
        }
        match self {
            Self::Shift if !code.wide() && first >> 12 == 4 => {
                negative(first & 7) && register(first >> 3 & 7) & 0xFF != 0
            }
            Self::Shift if !code.wide() => negative(first >> 3 & 7),
            Self::Shift if first >> 8 == 0xEA => negative(second),
            Self::Shift => negative(first) && register(second) & 0xFF != 0,
            // x + y and x - y are the same where y + y is nothing.
            Self::Sum => match first >> 10 {
                _ if code.wide() && first >> 8 == 0xEB => before.shifted(second).wrapping_mul(2) != 0,
                _ if code.wide() => first >> 10 & 1 == 1 || second & 0x70FF != 0,
                6 => register(first >> 6 & 7).wrapping_mul(2) != 0,
                7 => first >> 6 & 7 != 0,
                _ => first & 0xFF != 0,
            },
            // The carry of a difference is set where nothing is borrowed.
            Self::Carry => {
                let adds = first & 0xFFC0 == SMALL_ADC || code.arithmetic() == Some(ADC);
                before.carry() == adds
            }
            Self::Sibling | Self::Inverted => {
                let ways = [Some(code), self.alter(code)].map(|code| code.and_then(Code::condition));
                let [right, wrong] =
                    ways.map(|way| way.is_some_and(|(own, _)| State::holds(own, before.flags())));
                right != wrong
            }
            Self::Bound => code.next().condition().is_some_and(|(condition, _)| {
                let [right, wrong] = [first, first ^ 1].map(|own| {
                    State::holds(condition, State::compared(register(first >> 8 & 7), u32::from(own & 0xFF)))
                });
                right != wrong
            }),
            Self::Widened => {
                let (target, bit) = match first >> 8 {
                    _ if !code.wide() && first >> 8 == 0xB2 => {
                        (first & 7, if first & 0x40 == 0 { 15 } else { 7 })
                    }
                    _ if !code.wide() => (first & 7, if matches!(first >> 9, 0x2D | 0x2F) { 15 } else { 7 }),
                    0xF8 | 0xF9 => (second >> 12, if first & 0x20 == 0 { 7 } else { 15 }),
                    _ => (second >> 8, second & 31),
                };
                after.is_some_and(|after| after.register(target) >> bit & 1 == 1)
            }
            Self::Product if first & 0xFFF0 == 0xFB00 => {
                register(first).wrapping_mul(register(second)).wrapping_mul(2) != 0
            }
            Self::Product => negative(first) || negative(second),
        }
    }
}

fn shift(code: Code) -> Option<Code> {
    let [first, second, ..] = code.0;
    match first & 0xFFE0 {
        _ if matches!(first >> 11, 1 | 2) => Some(code.inverted(0x1800, 0)),
        _ if matches!(first & 0xFFC0, 0x40C0 | 0x4100) => Some(code.inverted(0x40C0 ^ 0x4100, 0)),
        0xEA40 if first & 15 == NONE && matches!(second >> 4 & 3, 1 | 2) => Some(code.inverted(0, 0x30)),
        0xFA20 | 0xFA40 if second & 0xF0F0 == 0xF000 => Some(code.inverted(0x60, 0)),
        _ => None,
    }
}

fn carry(code: Code) -> Option<Code> {
    let [first, second, third, fourth] = code.0;
    let (one, other) = (first & 7, first >> 3 & 7);
    // Of 16 bits the forms without a carry name their operands elsewhere.
    let small = |form: u16| Some(Code([form | other << 6 | one << 3 | one, second, third, fourth]));
    match (first & 0xFFC0, code.arithmetic()) {
        (SMALL_ADC, _) => small(0x1800),
        (SMALL_SBC, _) => small(0x1A00),
        (_, Some(ADC)) => Some(code.inverted(ADC ^ ADD, 0)),
        (_, Some(SBC)) => Some(code.inverted(SBC ^ SUB, 0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;
    use crate::thumb::{Code, State};

    fn code(first: u16, second: u16) -> Code {
        Code([first, second, 0, 0])
    }

    /// Pairs as the GNU assembler writes them; of each the second is the first with the fault.
    #[test]
    fn faults_are_other_instructions() {
        let pairs: [(Kind, [u16; 2], [u16; 2]); 24] = [
            (Kind::Shift, [0x08d1, 0], [0x10d1, 0]),             // lsrs r1, r2, #3
            (Kind::Shift, [0x40d1, 0], [0x4111, 0]),             // lsrs r1, r2
            (Kind::Shift, [0xea4f, 0x08d9], [0xea4f, 0x08e9]),   // lsr.w r8, r9, #3
            (Kind::Shift, [0xfa29, 0xf80a], [0xfa49, 0xf80a]),   // lsr.w r8, r9, r10
            (Kind::Sum, [0x18d1, 0], [0x1ad1, 0]),               // adds r1, r2, r3
            (Kind::Sum, [0x1cd1, 0], [0x1ed1, 0]),               // adds r1, r2, #3
            (Kind::Sum, [0x31c8, 0], [0x39c8, 0]),               // adds r1, #200
            (Kind::Sum, [0xeb09, 0x088a], [0xeba9, 0x088a]),     // add.w r8, r9, r10, lsl #2
            (Kind::Sum, [0xf519, 0x7880], [0xf5b9, 0x7880]),     // adds.w r8, r9, #256
            (Kind::Carry, [0x4151, 0], [0x1889, 0]),             // adcs r1, r2
            (Kind::Carry, [0x4191, 0], [0x1a89, 0]),             // sbcs r1, r2
            (Kind::Carry, [0xeb59, 0x080a], [0xeb19, 0x080a]),   // adcs.w r8, r9, r10
            (Kind::Carry, [0xeb79, 0x080a], [0xebb9, 0x080a]),   // sbcs.w r8, r9, r10
            (Kind::Carry, [0xf149, 0x0801], [0xf109, 0x0801]),   // adc.w r8, r9, #1
            (Kind::Carry, [0xf169, 0x0801], [0xf1a9, 0x0801]),   // sbc.w r8, r9, #1
            (Kind::Sibling, [0xdafe, 0], [0xdcfe, 0]),           // bge.n
            (Kind::Inverted, [0xd0fe, 0], [0xd1fe, 0]),          // beq.n
            (Kind::Bound, [0x2b07, 0], [0x2b06, 0]),             // cmp r3, #7
            (Kind::Widened, [0x56d1, 0], [0x5cd1, 0]),           // ldrsb r1, [r2, r3]
            (Kind::Widened, [0x5ed1, 0], [0x5ad1, 0]),           // ldrsh r1, [r2, r3]
            (Kind::Widened, [0xf939, 0x8b02], [0xf839, 0x8b02]), // ldrsh.w r8, [r9], #2
            (Kind::Widened, [0xf349, 0x1804], [0xf3c9, 0x1804]), // sbfx r8, r9, #4, #5
            (Kind::Product, [0xfb09, 0xb80a], [0xfb09, 0xb81a]), // mla r8, r9, r10, r11
            (Kind::Product, [0xfb8a, 0x890b], [0xfbaa, 0x890b]), // smull r8, r9, r10, r11
        ];
        for (kind, right, wrong) in pairs {
            let altered = kind.alter(code(right[0], right[1]));
            assert_eq!(altered, Some(code(wrong[0], wrong[1])), "{kind:?} of {right:04x?}");
            // A lost carry can not be lost twice; all others lead back.
            let back = kind.alter(code(wrong[0], wrong[1]));
            assert_eq!(back.is_none(), kind == Kind::Carry, "{kind:?} of {wrong:04x?}");
            let others = Kind::ALL.iter().filter(|other| other.alter(code(right[0], right[1])).is_some());
            assert_eq!(others.count(), 1, "{right:04x?}");
        }
        // A comparison, a call, the frame of a function, a product alone, no operation, an IT block.
        for [first, second] in
            [[0xf5b1, 0x7f80], [0xf7ff, 0xfdfe], [0xebad, 0x0d01], [0xfb09, 0xf80a], [0xbf00, 0], [0xbfa8, 0]]
        {
            assert!(Kind::ALL.iter().all(|kind| kind.alter(code(first, second)).is_none()), "{first:04x}");
        }
    }

    fn state(registers: &[(usize, u32)], xpsr: u32) -> State {
        let mut state = State { xpsr, ..State::default() };
        registers.iter().for_each(|(number, value)| state.registers[*number] = *value);
        state
    }

    #[test]
    fn what_changes_nothing_is_known() {
        let n = 1 << 31;
        let (z, c, v) = (1 << 30, 1 << 29, 1 << 28);
        let cases: [(Kind, Code, State, bool); 17] = [
            (Kind::Shift, code(0x08d1, 0), state(&[(2, 5)], 0), false),
            (Kind::Shift, code(0x08d1, 0), state(&[(2, n)], 0), true),
            (Kind::Shift, code(0xfa29, 0xf80a), state(&[(9, n), (10, 256)], 0), false),
            (Kind::Sum, code(0x18d1, 0), state(&[(3, 0)], 0), false),
            (Kind::Sum, code(0xeb09, 0x088a), state(&[(10, 1)], 0), true),
            // r10, lsl #2 is nothing.
            (Kind::Sum, code(0xeb09, 0x088a), state(&[(10, 1 << 30)], 0), false),
            (Kind::Carry, code(0x4151, 0), state(&[], c), true),
            (Kind::Carry, code(0x4191, 0), state(&[], c), false),
            // ge and gt differ where the operands are equal.
            (Kind::Sibling, code(0xdafe, 0), state(&[], z | c), true),
            (Kind::Sibling, code(0xdafe, 0), state(&[], n | v), false),
            (Kind::Sibling, code(0xdafe, 0), state(&[], n), false),
            // cmp r3, #7 and bhi: 7 is not above 7, but above 6.
            (Kind::Bound, Code([0x2b07, 0xd800, 0, 0]), state(&[(3, 7)], 0), true),
            (Kind::Bound, Code([0x2b07, 0xd800, 0, 0]), state(&[(3, 8)], 0), false),
            (Kind::Product, code(0xfb09, 0xb80a), state(&[(9, 3), (10, 0)], 0), false),
            (Kind::Product, code(0xfb8a, 0x890b), state(&[(10, 3), (11, n)], 0), true),
            // In an IT block whose condition, eq, does not hold; and does.
            (Kind::Shift, code(0x08d1, 0), state(&[(2, n)], 2 << 10), false),
            (Kind::Shift, code(0x08d1, 0), state(&[(2, n)], 2 << 10 | z), true),
        ];
        for (number, (kind, code, before, expected)) in cases.into_iter().enumerate() {
            assert_eq!(kind.differs(code, &before, None), expected, "case {number}: {kind:?}");
        }
        let widened =
            |value| Kind::Widened.differs(code(0x56d1, 0), &State::default(), Some(&state(&[(1, value)], 0)));
        assert!(widened(0x80) && !widened(0x7F));
    }
}
