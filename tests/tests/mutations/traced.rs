//! What the emulator tells of a run: which instructions were executed, and the processor in front of some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use spandrel_tests::qemu::{Ended, Firmware, QEMU};

use crate::scratch::Scratch;
use crate::thumb::State;

/// Time for a run that writes what it does.
const LIMIT: Duration = Duration::from_secs(120);

/// The emulator's version, in its own words.
pub fn version() -> String {
    let told = Command::new(QEMU).arg("--version").output().expect("the emulator that runs the firmware");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let words = told.split_whitespace().skip_while(|word| *word != "version");
    words.take(2).last().unwrap_or("of no known version").to_owned()
}

/// The options for an emulator that looks up after every instruction, which 8.1 renamed.
fn stepping(version: &str) -> &'static [&'static str] {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let own: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if own >= (8, 1) { &["-accel", "tcg,one-insn-per-tb=on"] } else { &["-singlestep"] }
}

fn logged(firmware: &Firmware, stream: &[u8], options: &[&str]) -> (Ended, String) {
    let log = Scratch::new("qemu.log");
    let path = log.0.display().to_string();
    let options: Vec<&str> = options.iter().copied().chain(["-D", &path]).collect();
    let ended = firmware.emulate(firmware.elf(), stream, &options, LIMIT).expect("the emulator");
    let text = std::fs::read_to_string(&log.0).expect("what the emulator wrote");
    (ended, text)
}

/// The instructions that a run executes, by address, as the emulator writes them: it lists the blocks that it translates, and
/// translates a block when it is reached.
pub fn executed(firmware: &Firmware, stream: &[u8]) -> (Ended, BTreeMap<u32, String>) {
    let (ended, text) = logged(firmware, stream, &["-d", "in_asm"]);
    let listed = text.lines().filter_map(|line| {
        let (address, rest) = line.strip_prefix("0x")?.split_once(':')?;
        let words = rest.split_whitespace();
        // Halfwords come first, as four digits each.
        let halfword = |word: &&str| word.len() == 4 && word.bytes().all(|b| b.is_ascii_hexdigit());
        let text: Vec<&str> = words.skip_while(halfword).collect();
        // Where a branch leads hangs on where its function lies.
        let text = if text.iter().any(|word| word.starts_with("#0x")) && text.first()?.starts_with('b') {
            text.first()?.trim_end_matches(".w").to_owned()
        } else {
            text.join(" ")
        };
        Some((u32::from_str_radix(address, 16).ok()?, text))
    });
    let listed: BTreeMap<u32, String> = listed.collect();
    assert!(!listed.is_empty(), "{QEMU} lists no instructions: take one that is built with a disassembler");
    (ended, listed)
}

/// Calls `seen` with the processor in front of every execution of an instruction at `addresses`, each with the size of its instruction,
/// and behind it where the run goes on there.
pub fn traced(
    firmware: &Firmware,
    stream: &[u8],
    addresses: &BTreeSet<(u32, u32)>,
    seen: &mut dyn FnMut(u32, &State, Option<&State>),
) {
    if addresses.is_empty() {
        return;
    }
    let ranges: Vec<String> =
        addresses.iter().map(|(at, size)| format!("{at:#x}..{:#x}", at + size + 1)).collect();
    let sizes: BTreeMap<u32, u32> = addresses.iter().copied().collect();
    let ranges = ranges.join(",");
    let options = [stepping(&version()), &["-d", "cpu,nochain", "-dfilter", &ranges]].concat();
    let (_, text) = logged(firmware, stream, &options);
    let mut before: Option<(u32, State)> = None;
    let mut now = State::default();
    for line in text.lines() {
        let words = line.split_whitespace().filter_map(|word| word.split_once('='));
        for (name, value) in words {
            let value = u32::from_str_radix(value, 16).unwrap_or(0);
            let number = name.strip_prefix('R').and_then(|number| number.parse::<usize>().ok());
            if let Some(register) = number.and_then(|number| now.registers.get_mut(number)) {
                *register = value;
            } else if name == "XPSR" {
                now.xpsr = value;
                let at = now.registers[15];
                if let Some((own, before)) = &before {
                    let behind = own + sizes[own] == at;
                    seen(*own, before, behind.then_some(&now));
                }
                before = sizes.contains_key(&at).then(|| (at, now.clone()));
            }
        }
    }
    if let Some((own, before)) = &before {
        seen(*own, before, None);
    }
}
