//! What the tests need beside Rust itself: the firmware's targets, QEMU, and a C compiler for the board.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{Result, announce, exists, succeeds};

/// The targets of the firmware.
const TARGETS: [&str; 3] = ["thumbv6m-none-eabi", "thumbv7em-none-eabi", "riscv32imac-unknown-none-elf"];
/// Programs, what they are, and how distributions call their packages.
const PROGRAMS: [(&str, &str, &str); 3] = [
    (
        "emulator",
        "qemu-system-arm",
        "Debian and Ubuntu: `apt-get install qemu-system-arm`; Fedora: `dnf install qemu-system-arm`; \
         Arch: `pacman -S qemu-system-arm`; macOS: `brew install qemu`",
    ),
    (
        "emulator",
        "qemu-system-riscv32",
        "Debian and Ubuntu: `apt-get install qemu-system-misc`; Fedora: `dnf install qemu-system-riscv`; \
         Arch: `pacman -S qemu-system-riscv`; macOS: `brew install qemu`",
    ),
    (
        "compiler",
        "arm-none-eabi-gcc",
        "Debian and Ubuntu: `apt-get install gcc-arm-none-eabi`; Fedora: `dnf install arm-none-eabi-gcc-cs`; \
         Arch: `pacman -S arm-none-eabi-gcc`; macOS: `brew install arm-none-eabi-gcc`",
    ),
];
/// Debian's packages of programs that are not called like them.
const PACKAGES: [(&str, &str); 2] =
    [("arm-none-eabi-gcc", "gcc-arm-none-eabi"), ("qemu-system-riscv32", "qemu-system-misc")];

/// Installs what is missing.
///
/// # Errors
/// What could not be installed and how to do it by hand, all at once.
pub(crate) fn setup() -> Result<()> {
    let programs = PROGRAMS.map(|(what, program, packages)| install(what, program, packages));
    let found: Vec<String> =
        TARGETS.map(target).into_iter().chain(programs).filter_map(std::result::Result::err).collect();
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

fn target(name: &str) -> Result<()> {
    let way_out = format!("the Rust target {name} is missing: install it with `rustup target add {name}`");
    if has_target(name) {
        println!("target   {name}: here");
        return Ok(());
    }
    if !exists("rustup") {
        return Err(way_out);
    }
    announce(&format!("rustup target add {name}"));
    let done = succeeds(Command::new("rustup").args(["target", "add", name]).stdin(Stdio::null()));
    if done == Ok(true) && has_target(name) { Ok(()) } else { Err(way_out) }
}

/// Asks the compiler, not rustup, which not everyone uses.
fn has_target(name: &str) -> bool {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let output = rustc.args(["--print", "target-libdir", "--target", name]).stdin(Stdio::null()).output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn install(what: &str, program: &str, packages: &str) -> Result<()> {
    if exists(program) {
        println!("{what:8} {program}: here");
        return Ok(());
    }
    let way_out =
        |why: &str| Err(format!("{program} is missing and {why}: install it and try again ({packages})"));
    if !exists("apt-get") {
        return way_out("there is no apt-get");
    }
    if !is_root() {
        return way_out("only root may install packages");
    }
    let apt = |arguments: &[&str]| {
        announce(&format!("apt-get {}", arguments.join(" ")));
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        succeeds(&mut command).unwrap_or(false)
    };
    let package = PACKAGES.iter().find(|(of, _)| *of == program).map_or(program, |(_, package)| *package);
    let install = || apt(&["install", "-y", "--no-install-recommends", package]);
    // The lists of a fresh machine are empty or old: a second attempt with new ones.
    if (install() || (apt(&["update"]) && install())) && exists(program) {
        Ok(())
    } else {
        way_out("apt-get could not install it")
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
