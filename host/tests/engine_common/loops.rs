//! Loops by chance, as compilers write them and as they should not: windows over borders, several reads a configuration, sums
//! added from part to part, maxima, index tables; iterations that overlap, that read what others wrote, or that carry
//! registers on.

use super::{
    Rng,
    build::Builder,
    random::{self, Made},
};
use spandrel_core::image::{
    Access, Axis, Codec, Combine, Dim, Edge, Instruction, NO_REGISTER, NO_TABLE, ResetTarget, Term,
};

/// Signals of a pixel, and pixels of a row and of a column.
#[derive(Clone, Copy)]
struct Plane {
    edge: u32,
    height: u32,
    width: u32,
    channels: u32,
}

struct Maker {
    rng: Rng,
    b: Builder,
    planes: Vec<Plane>,
}

/// An image whose program is made of loops.
pub(crate) fn image(seed: u64) -> Made {
    let mut rng = Rng(seed.wrapping_mul(0x2000_0003) ^ 0x100F);
    let mut b = Builder::default();
    let mut planes = Vec::new();
    for number in 0..rng.range(3, 5) {
        let (height, width) = (rng.range(1, 7) as u32, rng.range(1, 7) as u32);
        let channels = rng.range(1, 6) as u32;
        let codec = if number == 0 {
            Codec::U8
        } else {
            rng.pick(&[Codec::Bit, Codec::U8, Codec::I8, Codec::I16, Codec::I32])
        };
        let (lo, hi) = codec.range();
        let slots = if rng.chance(15) { 3 } else { 1 };
        let reset = if rng.chance(70) { 0 } else { rng.range(lo.into(), hi.into()) as i32 };
        let length = height * width * channels + u32::from(rng.chance(20));
        let edge = b.ring(Edge { length, codec, clear_on_tick: false, slots, reset, ram_offset: 0 });
        planes.push(Plane { edge, height, width, channels });
    }
    let length = b.edges[0].length;
    b.identity(Codec::U8, length, 0, (0, 255));
    for _ in 0..rng.range(1, 3) {
        let crossbar = random::crossbar(&mut rng, &mut b);
        b.config(crossbar);
    }
    let mut maker = Maker { rng, b, planes };
    for _ in 0..maker.rng.range(1, 4) {
        maker.layer();
    }
    let Maker { mut b, planes, .. } = maker;
    for plane in planes {
        let access = b.run(plane.edge, 0, b.edges[plane.edge as usize].length);
        b.program.push(Instruction::Emit { output: plane.edge as u16, access });
    }
    Made { builder: b, raw: Codec::U8, length: length as usize }
}

impl Maker {
    fn plane(&mut self) -> Plane {
        let planes = self.planes.clone();
        self.rng.pick(&planes)
    }

    /// A window of `plane` that loops over its pixels move.
    fn window(&mut self, plane: Plane, registers: &[u8], write: bool) -> u32 {
        let Plane { edge, height, width, channels } = plane;
        let rng = &mut self.rng;
        let mut access = Access::run(edge, 1, 0, 1);
        access.axes.clear();
        access.dims.clear();
        let origin = |rng: &mut Rng| if rng.chance(30) { rng.range(-2, 1) as i32 } else { 0 };
        let near = if write && rng.chance(80) { [0, 0] } else { [origin(rng), origin(rng)] };
        let axes = [(height, width * channels, near[0]), (width, channels, near[1]), (channels, 1, 0)];
        for (extent, pitch, origin) in axes {
            access.axes.push(Axis { extent, pitch, origin }).unwrap();
        }
        if rng.chance(15) {
            let reach = i64::from(channels) * if write && rng.chance(70) { 1 } else { 3 };
            let entries = (0..rng.range(1, 12)).map(|_| rng.range(-1, reach - 1) as i32).collect();
            access.table = self.b.table(entries);
        } else {
            let taps = |rng: &mut Rng| if write && rng.chance(90) { 1 } else { rng.range(1, 3) as u32 };
            let counts = [(0, taps(rng)), (1, taps(rng)), (2, channels)];
            for (axis, count) in counts {
                let step = if rng.chance(90) { 1 } else { rng.pick(&[-1, 0, 2]) };
                access.dims.push(Dim { count, step, axis }).unwrap();
            }
        }
        let rng = &mut self.rng;
        for (axis, register) in registers.iter().enumerate() {
            let coefficient = match rng.range(0, 19) {
                0 => 0,
                1 => -1,
                2..=5 if !write => 2,
                _ => 1,
            };
            let axis = if rng.chance(95) { axis.min(2) as u8 } else { rng.range(0, 2) as u8 };
            access.terms.push(Term { coefficient, register: *register, axis }).unwrap();
        }
        let (lo, hi) = self.b.edges[edge as usize].codec.range();
        access.pad = rng.range(i64::from(lo.max(-99)), i64::from(hi.min(99))) as i32;
        if !write && self.b.edges[edge as usize].slots > 1 {
            access.age = rng.range(0, 2) as u16;
        }
        debug_assert!(access.table == NO_TABLE || access.dims.is_empty());
        self.b.access(access)
    }

    fn push(&mut self, instruction: Instruction) {
        self.b.program.push(instruction);
    }

    /// LOOP ... END, directly inside one another or with something between.
    fn layer(&mut self) {
        let to = self.plane();
        let registers = self.rng.pick(&[[0u8, 1], [6, 3], [1, 0]]);
        let start = self.b.program.len() as u32;
        let trips = |own: u32, rng: &mut Rng| if rng.chance(85) { own } else { rng.range(1, 9) as u32 };
        let (rows, columns) = (trips(to.height, &mut self.rng), trips(to.width, &mut self.rng));
        self.push(Instruction::Loop { register: registers[0], trips: rows });
        if self.rng.chance(12) {
            let from = self.plane();
            let access = self.window(from, &registers[..1], false);
            self.push(Instruction::Gather { access, first: 0 });
        }
        let inner = self.b.program.len() as u32;
        self.push(Instruction::Loop { register: registers[1], trips: columns });
        for _ in 0..self.rng.range(1, 2) {
            match self.rng.range(0, 9) {
                0..=4 => self.products(&registers),
                5..=6 => self.maxima(to, &registers),
                7 => self.carried(&registers),
                8 => self.inner_loop(&registers),
                _ => self.oddity(&registers),
            }
            let access = self.window(to, &registers, true);
            let combine = if self.rng.chance(80) { Combine::Set } else { Combine::Add };
            self.push(Instruction::Scatter { combine, access, first: 0 });
        }
        self.push(Instruction::End { register: registers[1], start: inner });
        if self.rng.chance(12) {
            self.push(Instruction::Tick);
        }
        self.push(Instruction::End { register: registers[0], start });
    }

    fn invoke(&mut self, accumulate: bool, finish: bool) {
        let config = self.rng.range(0, self.b.configs.len() as i64 - 1) as u32;
        let register = NO_REGISTER;
        self.push(Instruction::Invoke { accumulate, finish, config, state: 0, register, stride: 0 });
    }

    /// {GATHER ... INVOKE} ..., the sums added up; what SCATTER takes is written beforehand.
    fn products(&mut self, registers: &[u8]) {
        if self.rng.chance(90) {
            self.push(Instruction::Reset(ResetTarget::Sums));
        }
        let most = self.b.configs.iter().map(|config| config.rows).max().unwrap_or(0);
        for part in 0..self.rng.range(1, 3) {
            let mut first = 0;
            while first < most {
                let from = self.plane();
                let access = self.window(from, registers, false);
                self.push(Instruction::Gather { access, first });
                first += self.b.elements(access);
                if self.rng.chance(4) {
                    break;
                }
            }
            let accumulate = part > 0 && self.rng.chance(80);
            let finish = self.rng.chance(60);
            self.invoke(accumulate, finish);
            if self.rng.chance(20) {
                // Another configuration on the same lines.
                self.invoke(true, true);
            }
        }
    }

    /// ADD set, ADD max ...; once in a while of the very edge that is written.
    fn maxima(&mut self, to: Plane, registers: &[u8]) {
        self.push(Instruction::Reset(ResetTarget::Sums));
        let from = if self.rng.chance(25) { to } else { self.plane() };
        for tap in 0..self.rng.range(1, 4) {
            let combine = match tap {
                0 => Combine::Set,
                _ if self.rng.chance(70) => Combine::Max,
                _ => Combine::Add,
            };
            let access = self.window(from, registers, false);
            self.push(Instruction::Add { combine, access, first: 0 });
        }
    }

    /// Sums that go on from iteration to iteration.
    fn carried(&mut self, registers: &[u8]) {
        let from = self.plane();
        let access = self.window(from, registers, false);
        let combine = self.rng.pick(&[Combine::Add, Combine::Max]);
        self.push(Instruction::Add { combine, access, first: 0 });
    }

    /// A loop within: sums of several windows, or rates.
    fn inner_loop(&mut self, registers: &[u8]) {
        self.push(Instruction::Reset(ResetTarget::Sums));
        let start = self.b.program.len() as u32;
        let trips = self.rng.range(1, 3) as u32;
        self.push(Instruction::Loop { register: 2, trips });
        let moved =
            if self.rng.chance(50) { vec![registers[0], registers[1], 2] } else { vec![2, registers[1]] };
        let from = self.plane();
        let access = self.window(from, &moved, false);
        if self.rng.chance(30) {
            let register = self.rng.pick(&moved);
            let window = self.rng.range(1, 90) as u32;
            self.push(Instruction::Rate { register, access, first: 3, window });
        } else {
            self.push(Instruction::Add { combine: Combine::Add, access, first: 0 });
        }
        self.push(Instruction::End { register: 2, start });
    }

    /// What no iteration may do while others run beside it.
    fn oddity(&mut self, registers: &[u8]) {
        match self.rng.range(0, 2) {
            0 => self.push(Instruction::Tick),
            1 => {
                let from = self.plane();
                let access = self.window(from, registers, false);
                self.push(Instruction::Emit { output: 77, access });
            }
            _ => {
                let edge = self.plane().edge;
                self.push(Instruction::Reset(ResetTarget::Edge(edge)));
            }
        }
    }
}
