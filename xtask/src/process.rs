//! Programs that the tasks call.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a task gives: nothing, or what went wrong and the way out.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that runs this task, in the repository's root, without a standard input to wait for.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// A call of the command `spandrel`, built first when it is not up to date.
pub(crate) fn spandrel(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .args(["run", "--release", "--quiet", "--package", "spandrel", "--bin", "spandrel", "--"])
        .args(arguments);
    command
}

/// Shows what is called, as one could type it.
pub(crate) fn announce(text: &str) {
    println!("\n$ {text}");
    let _ = io::stdout().flush();
}

/// Runs a program to its end; `Ok(false)` when it reports failure.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().map_err(|error| unstartable(command, &error))?;
    Ok(status.success())
}

/// Runs a program whose failure ends the task.
pub(crate) fn demand(command: &mut Command, what: &str) -> Result<()> {
    if succeeds(command)? { Ok(()) } else { Err(format!("{what} failed")) }
}

/// Whether a program is there, asked with `--version`.
pub(crate) fn exists(program: &str) -> bool {
    quiet(Command::new(program).arg("--version"))
}

/// Runs a program without its output; whether it reports success.
pub(crate) fn quiet(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// `cargo TOOL` of the nightly toolchain, in the repository's root.
pub(crate) fn nightly(tool: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", tool]).current_dir(root()).stdin(Stdio::null());
    // The stable toolchain that runs this task must not reach the nightly one.
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "CARGO_MANIFEST_DIR"] {
        command.env_remove(name);
    }
    command
}

/// Installs the nightly toolchain where there is none; one that is there stays as it is, since installing it again would bring it up to
/// date.
pub(crate) fn nightly_ready() -> Result<()> {
    if !exists("rustup") {
        return Err("rustup is missing: this needs a nightly toolchain beside the stable one".into());
    }
    if quiet(Command::new("rustup").args(["run", "nightly", "rustc", "--version"])) {
        return Ok(());
    }
    let words = ["toolchain", "install", "nightly", "--profile", "minimal"];
    announce(&format!("rustup {}", words.join(" ")));
    let way_out = format!("there is no nightly toolchain: `rustup {}`", words.join(" "));
    if succeeds(Command::new("rustup").args(words))? { Ok(()) } else { Err(way_out) }
}

/// Runs a program, shows its standard output as it comes, and hands each line to `line`.
pub(crate) fn watch(command: &mut Command, line: impl FnMut(&str)) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| unstartable(command, &error))?;
    pass_on(child.stdout.take().ok_or("no pipe")?, io::stdout().lock(), line)?;
    ended(child)
}

/// As [`watch`], of standard error.
pub(crate) fn watch_errors(command: &mut Command, line: impl FnMut(&str)) -> Result<bool> {
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| unstartable(command, &error))?;
    pass_on(child.stderr.take().ok_or("no pipe")?, io::stderr().lock(), line)?;
    ended(child)
}

/// Writes what comes through `pipe` to `out`, and hands each line to `line`.
fn pass_on(pipe: impl Read, mut out: impl Write, mut line: impl FnMut(&str)) -> Result<()> {
    let (mut pipe, mut bytes) = (BufReader::new(pipe), Vec::new());
    // Bytes, since a test may print anything.
    while pipe.read_until(b'\n', &mut bytes).map_err(|error| error.to_string())? > 0 {
        let _ = out.write_all(&bytes).and_then(|()| out.flush());
        line(String::from_utf8_lossy(&bytes).trim_end());
        bytes.clear();
    }
    Ok(())
}

fn ended(mut child: Child) -> Result<bool> {
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok(status.success())
}

/// Runs a program and gives the last line of its standard output, whatever its exit code.
pub(crate) fn last_line(command: &mut Command) -> Result<(bool, String)> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| unstartable(command, &error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok((output.status.success(), text.lines().last().unwrap_or_default().to_owned()))
}

fn unstartable(command: &Command, error: &io::Error) -> String {
    format!("{} can not be started: {error}", command.get_program().display())
}
