//! Faults that only the target's processor has: the image and the host are right, and one instruction of the firmware's machine code
//! is not, as from a wrong compiler or a bad cell of the flash.
//!
//! Faults are drawn among the instructions of the core that are executed, and of these among the ones that compute or decide
//! something else with the fault at least once, which a trace of the right firmware tells. A share of them must show in what the board
//! states, compared with the host's core (C5). Addresses hang on the toolchain, so none is kept: every run draws anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use spandrel::numeric::Random;
use spandrel_core::image::Image;
use spandrel_tests::{
    board::host,
    elf::Elf,
    qemu::{Ended, Firmware, frames, raw_bytes},
};

use crate::kinds::Kind;
use crate::scratch::Scratch;
use crate::thumb::Code;
use crate::traced::{executed, traced};

pub const SEED: u64 = 5;
/// Samples of each network, and those of them that its known answers hold.
pub const SAMPLES: usize = 4;
pub const ANSWERED: usize = 2;
/// Faults of each kind and place of which a trace is taken, and those that are tried.
const TRACED: usize = 24;
pub const TRIED: usize = 2;
/// The machine is compiled once for live samples and once for known answers; the first copy lies in this function of the firmware.
const LIVE: &str = "17spandrel_firmware7session7samples";
const CORE: &str = "13spandrel_core";
/// The least time that a run gets, and how many times as long as the right firmware it may take.
const LEAST: Duration = Duration::from_secs(10);
const TIMES: u32 = 10;

/// What C5 compares, and nothing else notices.
const DIGEST: &str = "another digest";

/// Where live samples are run.
const MACHINE: &str = "machine, for live samples";

/// Faults that do not show, and what becomes of what they change, followed in the machine code that rustc 1.95.0 makes.
#[rustfmt::skip]
const FOLLOWED: [(Kind, &str, &str, &str); 10] = [
    (Kind::Shift, "machine::digest::Snapshot::digest", "lsrs r0, r1", "upper bits that are cut off"),
    (Kind::Shift, "machine::invoke::tick", "lsr.w r6, r5, lr", "a half of a shift of 64 bits of which the other half is taken"),
    (Kind::Sum, MACHINE, "add.w r3, r3, #0x2b80", "a word put aside that these samples do not need"),
    (Kind::Carry, MACHINE, "adc r2, r8, #0", "a time, which is stated and not compared"),
    (Kind::Carry, "crossbar::compose::compose", "sbcs r1, r0", "a lower bound that no value passes"),
    (Kind::Sibling, MACHINE, "bls", "a word that is written once more"),
    (Kind::Sibling, "machine::run::Machine::new", "blt", "an edge that is reset once more, in front of every sample"),
    (Kind::Bound, MACHINE, "cmp r3, #0", "a time, which is stated and not compared"),
    (Kind::Widened, "blob::Column::read", "ldrb.w r3, [fp, r2]", "upper bits that are cut off"),
    (Kind::Product, MACHINE, "umlal r4, r5, r6, sb", "an upper word that is cut off"),
];

/// A network on the board.
struct Board {
    name: &'static str,
    /// Image and samples.
    stream: Vec<u8>,
    /// The image with known answers.
    answered: Vec<u8>,
    /// What the host's core says of the samples.
    expected: Vec<String>,
    limit: Duration,
}

/// An instruction with a fault.
struct Candidate {
    kind: Kind,
    live: bool,
    function: String,
    text: String,
    address: u32,
    code: Code,
    /// Networks by which it is executed, and later those in which the fault changes something.
    networks: Vec<usize>,
}

/// A fault that was tried.
pub struct Tried {
    pub kind: Kind,
    pub function: String,
    pub instruction: String,
    /// How it shows in C5.
    pub shown: Option<Shown>,
    /// Whether known answers on the board show it too.
    pub answers: bool,
}

/// How a fault shows, and on which network.
pub struct Shown {
    pub how: &'static str,
    pub network: &'static str,
}

impl Shown {
    /// Whether it shows in digests and classes alone.
    pub fn digest(&self) -> bool {
        self.how == DIGEST
    }
}

impl Tried {
    /// Why a fault does not show.
    pub fn reason(&self) -> &'static str {
        let own = |(kind, function, instruction, _): &&(Kind, &str, &str, &str)| {
            (*kind, *function, *instruction) == (self.kind, &*self.function, &*self.instruction)
        };
        FOLLOWED.iter().find(own).map_or("what it changes was not followed", |(.., reason)| reason)
    }
}

/// The readable path of a function of the core that computes; `None` of any other. What checks an image before it runs is left out: a
/// fault there refuses a right image or accepts a wrong one, and a right one that is accepted shows nothing.
fn path(symbol: &str) -> Option<String> {
    if symbol.contains(LIVE) {
        return Some(MACHINE.into());
    }
    let mut rest = symbol.split_once(CORE)?.1;
    let mut names = Vec::new();
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Ok(length) = rest[..digits].parse::<usize>() else { break };
        let name = rest.get(digits..digits + length)?;
        rest = &rest[digits + length..];
        // What ends a symbol of the older scheme is a hash.
        if !(length == 17 && name.starts_with('h')) {
            names.push(name.replace("$LT$W$GT$", "").trim_end_matches(['<', '>']).to_owned());
        }
    }
    let checks = names.iter().any(|name| name.starts_with("check"));
    (!names.is_empty() && !checks).then(|| names.join("::"))
}

/// Facts that do not hang on the board's clock, of ticks and samples.
fn stated(told: &str) -> Vec<String> {
    let own = |line: &&str| line.starts_with("tick ") || line.starts_with("sample ");
    let lines = told.lines().filter(own);
    lines.map(|line| line.split(" instructions ").next().unwrap_or(line).trim_end().to_owned()).collect()
}

impl Board {
    fn new(network: &crate::Network) -> Self {
        let samples: Vec<Vec<i32>> = crate::samples(network).into_iter().take(SAMPLES).collect();
        let bytes = network.image.build();
        let image = Image::parse(&bytes).expect("legal");
        let mut expected = Vec::new();
        for (number, raw) in samples.iter().enumerate() {
            let (class, output, state, ticks) = host(&image, raw);
            let class = class.map_or("-".into(), |class| class.to_string());
            for (tick, own) in ticks.iter().enumerate() {
                expected.push(format!("tick {tick} of {number} state {own}"));
            }
            expected.push(format!("sample {number} class {class} output {output} state {state}"));
        }
        let mut answered = network.image.clone();
        answered.record_networks(&samples.iter().take(ANSWERED).map(Vec::as_slice).collect::<Vec<_>>());
        let raw: Vec<Vec<u8>> = samples.iter().map(|raw| raw_bytes(&image, raw)).collect();
        let (stream, answered) = (frames(&bytes, &raw), frames(&answered.build(), &[]));
        Self { name: network.name, stream, answered, expected, limit: LEAST }
    }

    /// C5: how what a board stated differs from what the host's core says; `None`: it does not.
    fn differs(&self, ended: &Ended) -> Option<&'static str> {
        let begins = |word: &str| ended.told.lines().any(|line| line.starts_with(word));
        match ended.status.map(|status| status.code()) {
            None => Some("no end"),
            Some(Some(0)) => (stated(&ended.told) != self.expected).then_some(DIGEST),
            Some(_) if begins("refused ") => Some("the image refused"),
            Some(_) if begins("fault ") || begins("run-error ") => Some("the machine stops"),
            Some(_) => Some("the firmware breaks off"),
        }
    }

    /// C8: whether known answers on the board show a fault.
    fn answers(&self, firmware: &Firmware, elf: &Scratch) -> bool {
        let ended = firmware.emulate(&elf.0, &self.answered, &[], self.limit).expect("the emulator");
        ended.status.and_then(|status| status.code()) != Some(0)
    }
}

/// What can be drawn: every fault of every instruction of the core that a network executes.
fn candidates(firmware: &Firmware, elf: &Elf, boards: &mut [Board]) -> Vec<Candidate> {
    let functions = elf.functions();
    let mut found: BTreeMap<(u32, Kind), Candidate> = BTreeMap::new();
    for (number, board) in boards.iter_mut().enumerate() {
        let start = Instant::now();
        let (ended, listed) = executed(firmware, &board.stream);
        board.limit = LEAST.max(start.elapsed() * TIMES);
        assert_eq!(board.differs(&ended), None, "{}: the right firmware:\n{}", board.name, ended.told);
        for function in &functions {
            let Some(path) = path(&function.symbol) else { continue };
            for (&address, text) in listed.range(function.address..function.address + function.size) {
                let half = |at: u32| elf.halfword(address + 2 * at).unwrap_or(0);
                let code = Code([half(0), half(1), half(2), half(3)]);
                for kind in Kind::ALL.into_iter().filter(|kind| kind.alter(code).is_some()) {
                    let own = found.entry((address, kind)).or_insert_with(|| Candidate {
                        kind,
                        live: function.symbol.contains(LIVE),
                        function: path.clone(),
                        text: text.clone(),
                        address,
                        code,
                        networks: Vec::new(),
                    });
                    own.networks.push(number);
                }
            }
        }
    }
    found.into_values().collect()
}

/// At most `count` of `all` that `wanted` takes, in an order by chance in which every function comes as often as any other.
fn drawn(
    all: &[Candidate],
    wanted: impl Fn(&Candidate) -> bool,
    count: usize,
    random: &mut Random,
) -> Vec<usize> {
    let mut functions: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, candidate) in all.iter().enumerate().filter(|(_, candidate)| wanted(candidate)) {
        functions.entry(&candidate.function).or_default().push(number);
    }
    let mut functions: Vec<Vec<usize>> = functions.into_values().collect();
    let mut below = |most: usize| (random.next_u64() % most as u64) as usize;
    let mut out = Vec::new();
    while out.len() < count && !functions.is_empty() {
        let function = below(functions.len());
        let own = below(functions[function].len());
        out.push(functions[function].swap_remove(own));
        if functions[function].is_empty() {
            functions.swap_remove(function);
        }
    }
    out
}

/// Of the candidates `numbers` the networks in which the fault changes something.
fn changing(firmware: &Firmware, boards: &[Board], all: &mut [Candidate], numbers: &[usize]) {
    let mut changed: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (network, board) in boards.iter().enumerate() {
        let own: Vec<usize> =
            numbers.iter().copied().filter(|number| all[*number].networks.contains(&network)).collect();
        let mut at: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        own.iter().for_each(|number| at.entry(all[*number].address).or_default().push(*number));
        let addresses: BTreeSet<(u32, u32)> =
            own.iter().map(|number| (all[*number].address, all[*number].code.size())).collect();
        let mut different = BTreeSet::new();
        traced(firmware, &board.stream, &addresses, &mut |address, before, after| {
            for number in &at[&address] {
                let candidate = &all[*number];
                if !different.contains(number) && candidate.kind.differs(candidate.code, before, after) {
                    different.insert(*number);
                }
            }
        });
        different.into_iter().for_each(|number| changed.entry(number).or_default().push(network));
    }
    for number in numbers {
        all[*number].networks = changed.remove(number).unwrap_or_default();
    }
}

fn tried(firmware: &Firmware, elf: &Elf, boards: &[Board], candidate: &Candidate) -> Tried {
    let wrong = candidate.kind.alter(candidate.code).expect("a fault that was drawn");
    let file = Scratch::new("firmware.elf");
    let bytes = elf.patched(candidate.address, wrong.own()).expect("an instruction that is loaded");
    assert!(bytes != elf.bytes(), "the fault is none: {}", candidate.text);
    std::fs::write(&file.0, bytes).expect("a temporary file");
    let networks = || candidate.networks.iter().map(|number| &boards[*number]);
    let shown = networks().find_map(|board| {
        let ended = firmware.emulate(&file.0, &board.stream, &[], board.limit).expect("the emulator");
        board.differs(&ended).map(|how| (board, how))
    });
    // Known answers are asked on the network on which the fault shows, or on the first one where it does not.
    let asked = shown.map(|(board, _)| board).or_else(|| networks().next());
    let answers = asked.is_some_and(|board| board.answers(firmware, &file));
    Tried {
        kind: candidate.kind,
        function: candidate.function.clone(),
        instruction: candidate.text.clone(),
        shown: shown.map(|(board, how)| Shown { how, network: board.name }),
        answers,
    }
}

/// Draws faults and tries them; `None`, with a notice, where the firmware is not to be run.
pub fn campaign() -> Option<Vec<Tried>> {
    let firmware = Firmware::ready().unwrap_or_else(|reason| panic!("{reason}"))?;
    let elf = Elf::read(firmware.elf()).unwrap_or_else(|reason| panic!("{reason}"));
    let mut boards: Vec<Board> =
        crate::faults::networks().iter().map(|network| Board::new(&network())).collect();
    let mut all = candidates(firmware, &elf, &mut boards);
    // By names, so that where functions lie does not change what is drawn.
    all.sort_by(|a, b| (&a.function, a.kind, a.address).cmp(&(&b.function, b.kind, b.address)));
    let mut random = Random::new(SEED, 0);
    let mut places = Vec::new();
    for kind in Kind::ALL {
        for live in [true, false] {
            let wanted = |candidate: &Candidate| candidate.kind == kind && candidate.live == live;
            places.push(drawn(&all, wanted, TRACED, &mut random));
        }
    }
    changing(firmware, &boards, &mut all, &places.concat());
    let chosen = places
        .iter()
        .flat_map(|place| place.iter().filter(|number| !all[**number].networks.is_empty()).take(TRIED));
    Some(chosen.map(|number| tried(firmware, &elf, &boards, &all[*number])).collect())
}
