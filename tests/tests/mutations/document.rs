//! docs/mutations.md: what the catalogue gives, and the part of it that hangs on the compiler of the firmware.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard};

use crate::kinds::Kind;
use crate::processor::{ANSWERED, SAMPLES, SEED, TRIED, Tried};
use crate::traced::version;
use crate::transformed::{Caught, Demand, UNNOTICED};
use crate::{PLACES, Row, SHARE};

/// The part that is not compared: other machine code has other faults.
const PROCESSOR: &str = "## In the target's processor\n";
const END: &str = "## No check can be left out\n";
/// Its line in the last table.
const LINE: &str = "| C5 |";

/// What was found of all but the processor's faults.
pub struct Found<'f> {
    pub rows: &'f [Row],
    pub registers: &'f [(String, BTreeSet<&'static str>)],
    pub demand: &'f Demand,
    pub transformed: &'f [Caught],
    /// Those that are caught, and all.
    pub faults: (usize, usize),
    pub alone: &'f BTreeMap<&'f str, Vec<&'f str>>,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/mutations.md")
}

/// One test at a time changes the document.
fn alone() -> MutexGuard<'static, ()> {
    static WRITING: Mutex<()> = Mutex::new(());
    WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn blessed() -> bool {
    std::env::var_os("SPANDREL_BLESS").is_some()
}

/// The processor's part of a document, and its line.
fn held(document: &str) -> (&str, &str) {
    let part = document
        .split_once(PROCESSOR)
        .and_then(|(_, rest)| rest.split_once(END))
        .map_or("", |(part, _)| part);
    let line = document.lines().find(|line| line.starts_with(LINE)).unwrap_or(LINE);
    (part, line)
}

/// Fails when the document is not what was found; the processor's part is taken as it is.
pub fn compare(found: &Found<'_>) {
    let _alone = alone();
    let before = std::fs::read_to_string(path()).unwrap_or_default();
    let text = document(found, held(&before));
    println!("{text}");
    if blessed() {
        std::fs::write(path(), &text).expect("a writable document");
    }
    let now = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(now == text, "docs/mutations.md is not what the catalogue gives: run with SPANDREL_BLESS=1");
}

/// Prints the processor's part, and writes it when asked to; the one that is held must be of all kinds of faults.
pub fn on_processor(tried: &[Tried]) {
    let _alone = alone();
    let (part, line) = processor(tried);
    println!("{part}\n{line}");
    let document = std::fs::read_to_string(path()).unwrap_or_default();
    let (old_part, old_line) = held(&document);
    if blessed() {
        let place =
            |mark: &str| document.find(mark).expect("a document that was written before: run once more");
        let (from, to) = (place(PROCESSOR) + PROCESSOR.len(), place(END));
        let text = [&document[..from], &part, &document[to..]].concat().replacen(old_line, &line, 1);
        std::fs::write(path(), text).expect("a writable document");
        return;
    }
    let missing: Vec<&str> =
        Kind::ALL.iter().map(|kind| kind.name()).filter(|name| !old_part.contains(*name)).collect();
    assert!(
        missing.is_empty(),
        "docs/mutations.md has no faults of these kinds: {missing:?}: run with SPANDREL_BLESS=1"
    );
}

fn list(claims: &BTreeSet<&str>) -> String {
    claims.iter().copied().collect::<Vec<_>>().join(", ")
}

fn document(found: &Found<'_>, (processor, line): (&str, &str)) -> String {
    let (caught, all) = found.faults;
    let mut text = format!(
        "# Faults on purpose\n\n{caught} of {all} faults of what runs or is made on the host are caught; the other {} are named with the reason. Faults of the \
         target's processor are [counted apart](#in-the-targets-processor). This\nfile is written by `tests/tests/mutations`, which fails when a fault is missed that is not named there.\n\n\
         ## In the parts\n\nA fault is put into a copy of one part; the other\nparts work as written. The cells name the claims whose check notices it, on small hand-assembled networks and some 64 samples, each from the\nreset state and all one after the other.\n\n",
        all - caught
    );
    text.push_str("| fault |");
    PLACES.iter().for_each(|(_, place)| write!(text, " in {place} |").expect("text"));
    text.push_str("\n|---|---|---|---|---|\n");
    for (name, cells) in found.rows {
        let cells: Vec<String> = cells.iter().map(list).collect();
        writeln!(text, "| {name} | {} |", cells.join(" | ")).expect("text");
    }
    text.push_str("\n| fault in the mapper (digits perceptron on `prime`) or in the chip's registers | caught by |\n|---|---|\n");
    for (name, claims) in found.registers {
        writeln!(text, "| {name} | {} |", list(claims)).expect("text");
    }
    transformation(&mut text, found.demand, found.transformed);
    write!(text, "\n{PROCESSOR}{processor}{END}\nWhat one claim alone catches:\n\n| without | faults | these get through |\n|---|---:|---|\n").expect("text");
    for claim in ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8"] {
        let Some(faults) = found.alone.get(claim) else {
            writeln!(text, "{line}").expect("text");
            continue;
        };
        let through = through(found.rows, faults);
        writeln!(text, "| {claim} | {} | {} |", faults.len(), through.join("; ")).expect("text");
    }
    text.push_str(
        "\nC8 stands here for known answers of whole networks and for shadowed inputs; read-back and single cores have tests of their own (`tests/tests/on_board.rs`). C7 is a\n\
         measurement: it fails only where an agreement is demanded (`--least-agreement`), and notices what moves more decisions than its samples leave open.\n",
    );
    text
}

/// Faults in words: where all of one place are among them, these together.
fn through(rows: &[Row], faults: &[&str]) -> Vec<String> {
    let mut left = faults.to_vec();
    let mut through = Vec::new();
    for (place, whole) in PLACES {
        let own: Vec<String> = rows.iter().map(|(name, _)| format!("{name} ({place})")).collect();
        if own.iter().all(|name| left.contains(&name.as_str())) {
            left.retain(|name| !own.iter().any(|own| own == name));
            through.push(format!("every fault of the first table in {whole}"));
        }
    }
    through.extend(left.iter().map(|name| (*name).to_owned()));
    through
}

fn percent(share: f64) -> String {
    format!("{:.2} %", (share * 1e4).floor() / 100.0)
}

fn transformation(text: &mut String, demand: &Demand, transformed: &[Caught]) {
    let (calibration, right) = (&demand.calibration, &demand.right.measured);
    write!(
        text,
        "\n## In the transformation\n\nThe tuned core-op graph of the digits perceptron on `prime` is wrong here, or the calibration samples that tuning goes by. Mapping, C3 and C4 take this graph for the\n\
         truth, so program, image, oracle, engines and chip agree with each other: C1 to C4, C6 and C8 are run on every image, with the comparison of the tuner's codes that `compile` makes,\n\
         and none of them notices any of these. What is left is the golden network.\n\n\
         C7 demands that the lower end of the agreement's interval reach {} on the {} test samples. That is what the calibration samples show of the network without a fault: {} of {} have golden's class,\n\
         a lower end of {}, rounded down to whole per cent. No test sample has a part in it. Without a fault {} of {} test samples have golden's class, a lower end of {}, and the outputs a\n\
         signal-to-noise ratio of {} dB, which C7 tells and does not demand.\n\n\
         | fault | golden's class | lower end | outputs | caught by |\n|---|---:|---:|---:|---|\n",
        percent(demand.least),
        right.samples,
        calibration.agreeing,
        calibration.samples,
        percent(calibration.low),
        right.agreeing,
        right.samples,
        percent(right.low),
        right.decibels
    )
    .expect("text");
    for Caught { name, claims, measured } in transformed {
        let reason = UNNOTICED.iter().find(|(own, _)| own == name).map_or("", |(_, reason)| reason);
        let by = if claims.is_empty() { format!("nothing: {reason}") } else { list(claims) };
        let (share, low) = (format!("{} of {}", measured.agreeing, measured.samples), percent(measured.low));
        writeln!(text, "| {name} | {share} | {low} | {} dB | {by} |", measured.decibels).expect("text");
    }
}

fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = Command::new(rustc).arg("--version").output().expect("the compiler of the firmware");
    String::from_utf8_lossy(&told.stdout).split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The processor's part and its line.
fn processor(tried: &[Tried]) -> (String, String) {
    let shown: Vec<&Tried> = tried.iter().filter(|own| own.shown.is_some()).collect();
    let alone = shown.iter().filter(|own| !own.answers).count();
    let mut text = format!(
        "\nImage and host are right, and one instruction of the firmware for the Cortex-M4 is not, in a copy of its ELF: what a wrong compiler or a bad cell of the flash does. C1 to C4, C6 and C7 look at\n\
         image, program and network on the host, where no such fault is. C5 runs the networks above under QEMU, {SAMPLES} samples each, and compares classes and the digests of outputs and of the state after\n\
         every tick with the host's core. C8 asks a chip; where the processor is the chip itself, the known answers of an image run on it, and the last column says whether they show the fault (of\n\
         {ANSWERED} of these samples, on the network named). They can not where live samples take another way: the compiler makes a machine of its own for them.\n\n\
         Of each kind {TRIED} faults are drawn in the machine for live samples, and {TRIED} in other functions of the core that compute, each function as often as any other (seed {SEED}). Drawn is what is executed and, as\n\
         a trace of the right firmware tells, computes or decides something else with the fault at least once. Such a value can still be thrown away, and how often hangs on the machine code; the test\n\
         demands that {} % show. Addresses and draws hang on the compiler, so this part is not compared with what a run of the test finds. It was written with {} and QEMU {}: {} of {} show,\n\
         {alone} of them in C5 alone and the other {} in known answers too.\n\n\
         | fault | instruction | in | C5: shown by | known answers show it |\n|---|---|---|---|---|\n",
        100.0 * SHARE,
        compiler(),
        version(),
        shown.len(),
        tried.len(),
        shown.len() - alone
    );
    for own in tried {
        let by = match &own.shown {
            Some(shown) => format!("{} ({})", shown.how, shown.network),
            None => format!("nothing: {}", own.reason()),
        };
        let answers = if own.answers { "yes" } else { "no" };
        writeln!(
            text,
            "| {} | `{}` | {} | {by} | {answers} |",
            own.kind.name(),
            own.instruction,
            own.function
        )
        .expect("text");
    }
    text.push('\n');
    (text, format!("{LINE} {alone} | the faults in the target's processor that known answers do not show |"))
}
