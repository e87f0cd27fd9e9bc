//! No way to a panic in the linked static library: every export of spandrel.h is linked for a Cortex-M4, release profile, and the
//! binary is disassembled. Nothing in it, the crates below included, may call or jump to `core::panicking`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use spandrel_tests::qemu;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

fn output(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| {
        panic!("{name}: {error}: install it with `apt-get install gcc-arm-none-eabi`")
    });
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Functions with an instruction that leads to `core::panicking`, except those of `core::panicking` itself.
fn callers(disassembly: &str) -> Vec<String> {
    let (mut found, mut function) = (Vec::new(), "");
    for line in disassembly.lines() {
        if let Some(name) = line.strip_suffix(">:").and_then(|line| line.split_once('<')) {
            function = name.1;
        } else if line.contains("panicking") && !function.contains("panicking") {
            found.push(function.to_owned());
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn no_export_has_a_way_to_a_panic() {
    if std::env::var(qemu::SKIP).is_ok_and(|value| value == "1") {
        let _ = writeln!(std::io::stderr(), "NOT RUN: {}=1, so the C library was not linked", qemu::SKIP);
        return;
    }
    let capi = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = capi.parent().unwrap();
    let build = ["build", "--quiet", "--release", "--package", "spandrel-c", "--target", qemu::TARGET];
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace).args(build).args(["--target-dir", "target"]).env_remove("RUSTFLAGS");
    output(&mut cargo);

    let header = std::fs::read_to_string(capi.join("spandrel.h")).unwrap();
    let declared = header
        .lines()
        .filter(|line| line.starts_with("uint32_t spandrel_") || line.starts_with("size_t spandrel_"));
    let exports: Vec<&str> = declared.map(|line| line.split(['(', ' ']).nth(1).unwrap()).collect();
    assert!(exports.len() > 20 && exports.contains(&"spandrel_loader_push"), "{exports:?}");

    let elf = std::env::temp_dir().join(format!("spandrel-panics-{}.elf", std::process::id()));
    let library = workspace.join("target").join(qemu::TARGET).join("release/libspandrel_c.a");
    let mut gcc = Command::new("arm-none-eabi-gcc");
    gcc.args(["-mcpu=cortex-m4", "-mthumb", "-nostdlib", "-Wl,--gc-sections", "-Wl,-e,spandrel_version"]);
    gcc.args(exports.iter().map(|name| format!("-Wl,--undefined={name}")));
    output(gcc.arg(library).arg("-lgcc").arg("-o").arg(&elf));
    let disassembly = output(Command::new("arm-none-eabi-objdump").args(["-d", "-C"]).arg(&elf));
    // Functions that came to the same code share a place, and the disassembly names one of them.
    let symbols = output(Command::new("arm-none-eabi-objdump").arg("-t").arg(&elf));
    let _ = std::fs::remove_file(&elf);
    for name in exports {
        let linked =
            symbols.lines().any(|line| line.contains(" F .text") && line.ends_with(&format!(" {name}")));
        assert!(linked, "{name} was not linked");
    }
    assert_eq!(callers(&disassembly), Vec::<String>::new(), "\nfunctions that can panic");
}

#[test]
fn a_call_and_a_jump_are_seen() {
    let text = "00000010 <safe::one>:\n  10: 4770 bx lr\n\n00000020 <bad::call>:\n  20: f7ff bl 40 <core::panicking::panic_fmt>\n\
                00000030 <bad::jump>:\n  30: e7fe b.n 40 <core::panicking::panic>\n\
                00000040 <core::panicking::panic>:\n  40: e7fe bl 50 <core::panicking::panic_fmt>\n";
    assert_eq!(callers(text), ["bad::call", "bad::jump"]);
}
