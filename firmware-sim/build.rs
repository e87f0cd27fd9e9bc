//! Chooses the board by the target, puts its memory map where the linker finds it and names the linker scripts.
//!
//! As build script and not as `.cargo/config.toml`, so that it holds whatever directory
//! cargo is called from and whatever RUSTFLAGS it is called with.

use std::{env, error::Error, fs, path::PathBuf};

/// Target, board, and what its linker is told.
const BOARDS: [(&str, &str, &[&str]); 3] = [
    ("thumbv6m-none-eabi", "microbit", &["--nmagic", "-Tlink.x", "-Tdefmt.x"]),
    ("thumbv7em-none-eabi", "mps2-an386", &["--nmagic", "-Tlink.x", "-Tdefmt.x"]),
    ("riscv32imac-unknown-none-elf", "virt", &["--nmagic", "-Tmemory.x", "-Tlink.x", "-Tdefmt.x"]),
];

fn main() -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = BOARDS.iter().map(|(_, board, _)| format!("{board:?}")).collect();
    println!("cargo::rustc-check-cfg=cfg(board, values({}))", names.join(", "));
    let target = env::var("TARGET")?;
    let Some((_, board, arguments)) = BOARDS.iter().find(|(of, ..)| *of == target) else {
        let known: Vec<&str> = BOARDS.iter().map(|(target, ..)| *target).collect();
        return Err(format!(
            "no board for the target {target}: pass --target with one of {}",
            known.join(", ")
        )
        .into());
    };
    println!("cargo::rustc-cfg=board={board:?}");
    println!("cargo::rerun-if-changed=boards");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::copy(format!("boards/{board}.x"), out.join("memory.x"))?;
    println!("cargo::rustc-link-search={}", out.display());
    // defmt drops everything below `error` unless told otherwise.
    println!("cargo::rerun-if-env-changed=DEFMT_LOG");
    println!("cargo::rustc-env=DEFMT_LOG={}", env::var("DEFMT_LOG").unwrap_or_else(|_| "info".into()));
    for argument in *arguments {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    Ok(())
}
