//! The firmware under QEMU: built, fed over its byte stream, its facts and its log read back.
//!
//! The ELF is run, never linked: what a test compares came out of the board.

mod session;

pub use session::{Sample, Session};

use crate::elf::Elf;
use spandrel_core::image::Image;
use std::{
    env, fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The target of the C library's tests, and of [`Board::M4`].
pub const TARGET: &str = "thumbv7em-none-eabi";
/// The emulator of the Cortex-M boards.
pub const QEMU: &str = "qemu-system-arm";
/// With this variable at 1 the firmware is neither built nor run.
pub const SKIP: &str = "SPANDREL_SKIP_QEMU";

/// QEMU's options for every board. With `-icount shift=0` an instruction takes one nanosecond of the board's
/// time, so that its timers count instructions, the same ones on every host.
const OPTIONS: &str = "-display none -monitor none -icount shift=0 \
    -semihosting-config enable=on,target=native -chardev stdio,id=stream,signal=off -serial chardev:stream";

/// An emulated board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Board {
    /// micro:bit: Cortex-M0, 256 KiB of flash, 16 KiB of RAM.
    M0,
    /// MPS2 with AN386: Cortex-M4, megabytes of memory.
    M4,
    /// QEMU's virt with one RV32 hart.
    Rv32,
}

impl Board {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::M0, Self::M4, Self::Rv32];

    /// Its name in tables and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::M0 => "cortex-m0",
            Self::M4 => "cortex-m4",
            Self::Rv32 => "rv32",
        }
    }

    /// The Rust target that its firmware is built for.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            Self::M0 => "thumbv6m-none-eabi",
            Self::M4 => TARGET,
            Self::Rv32 => "riscv32imac-unknown-none-elf",
        }
    }

    /// The emulator, Debian's package of it, and the options that choose the board.
    fn emulator(self) -> (&'static str, &'static str, &'static [&'static str]) {
        match self {
            Self::M0 => (QEMU, "qemu-system-arm", &["-machine", "microbit"]),
            Self::M4 => (QEMU, "qemu-system-arm", &["-machine", "mps2-an386"]),
            Self::Rv32 => ("qemu-system-riscv32", "qemu-system-misc", &["-machine", "virt", "-bios", "none"]),
        }
    }
}

/// The firmware's ELF for one board, and the program that reads its log.
#[derive(Debug)]
pub struct Firmware {
    board: Board,
    elf: PathBuf,
    reader: PathBuf,
}

/// How a run of the emulator ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// `None`: it was ended, since its time was over.
    pub status: Option<ExitStatus>,
    /// What the board sent: its log.
    pub sent: Vec<u8>,
    /// The board's facts, and what the emulator says itself.
    pub told: String,
}

/// The bytes of a session: the image, samples, and the frame that ends it.
#[must_use]
pub fn frames(image: &[u8], samples: &[Vec<u8>]) -> Vec<u8> {
    let parts = [image].into_iter().chain(samples.iter().map(Vec::as_slice)).chain([&[][..]]);
    parts.flat_map(|part| [&(part.len() as u32).to_le_bytes()[..], part].concat()).collect()
}

/// A sample's bytes for the stream: the raw values of input 0 in the encoder's raw type.
///
/// # Panics
/// When the image has no input.
#[must_use]
pub fn raw_bytes(image: &Image<'_>, raw: &[i32]) -> Vec<u8> {
    let width = image.encoder(0).expect("an image with an input").raw.bits() as usize / 8;
    raw.iter().flat_map(|value| value.to_le_bytes()[..width].to_vec()).collect()
}

fn tool(command: &mut Command, what: &str, install: &str) -> Result<Output, String> {
    command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{what} is missing: install it with `{install}`"),
        _ => format!("{what} can not be run: {error}"),
    })
}

/// Builds one package of the firmware's workspace, with its own target directory and without
/// the flags that the outer build may have been given for the host.
fn build(folder: &Path, package: &str, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder).args(["build", "--quiet", "--package", package, "--target-dir", "target"]);
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"] {
        command.env_remove(variable);
    }
    // It changes how the compiler cuts its work, and with that the machine code.
    command.env("CARGO_INCREMENTAL", "0");
    let output = tool(command.args(arguments), "cargo", "see https://rustup.rs")?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{package} does not build:\n{}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn prepare(board: Board) -> Result<Option<Firmware>, String> {
    if env::var(SKIP).is_ok_and(|value| value == "1") {
        return Ok(None);
    }
    let (program, package, _) = board.emulator();
    tool(Command::new(program).arg("--version"), program, &format!("apt-get install {package}"))?;
    let target_name = board.target();
    let libraries = tool(
        Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).args([
            "--print",
            "target-libdir",
            "--target",
            target_name,
        ]),
        "rustc",
        "see https://rustup.rs",
    )?;
    if !Path::new(String::from_utf8_lossy(&libraries.stdout).trim()).is_dir() {
        return Err(format!(
            "the target {target_name} is missing: install it with `rustup target add {target_name}`"
        ));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("firmware-sim");
    build(&folder, "spandrel-firmware", &["--release", "--target", target_name])?;
    build(&folder, "spandrel-log", &[])?;
    let target = folder.join("target");
    let exe = |name: &str| format!("{name}{}", env::consts::EXE_SUFFIX);
    Ok(Some(Firmware {
        board,
        elf: target.join(target_name).join("release/spandrel-firmware"),
        reader: target.join("debug").join(exe("spandrel-log")),
    }))
}

impl Firmware {
    /// The firmware of the Cortex-M4: [`Firmware::on`] [`Board::M4`].
    ///
    /// # Errors
    /// As [`Firmware::on`].
    pub fn ready() -> Result<Option<&'static Self>, String> {
        Self::on(Board::M4)
    }

    /// The firmware of a board, built once per process; `None`, with a notice, when [`SKIP`] is 1.
    ///
    /// # Errors
    /// What is missing and how to install it, or why the firmware does not build.
    pub fn on(board: Board) -> Result<Option<&'static Self>, String> {
        static READY: [OnceLock<Result<Option<Firmware>, String>>; 3] = [const { OnceLock::new() }; 3];
        let ready = READY[board as usize].get_or_init(|| prepare(board)).as_ref().map_err(Clone::clone)?;
        if ready.is_none() {
            // Not with a macro, whose output a passing test would swallow.
            let _ = writeln!(io::stderr(), "NOT RUN: {SKIP}=1, so the firmware was not tried under QEMU");
        }
        Ok(ready.as_ref())
    }

    /// The board that it is built for.
    #[must_use]
    pub fn board(&self) -> Board {
        self.board
    }

    /// The firmware's ELF file.
    #[must_use]
    pub fn elf(&self) -> &Path {
        &self.elf
    }

    /// Bytes of the ELF that are loaded: code, constants, vectors and initial values.
    ///
    /// # Errors
    /// The file can not be read, or is no ELF of 32 bits.
    pub fn flash_bytes(&self) -> Result<u64, String> {
        Ok(Elf::read(&self.elf)?.loaded_bytes())
    }

    /// A session with an image and samples (see [`raw_bytes`]).
    ///
    /// # Errors
    /// QEMU could not be run, or did not come to an end in time.
    pub fn run(&self, image: &[u8], samples: &[Vec<u8>]) -> Result<Session, String> {
        self.send(&frames(image, samples))
    }

    /// A session with any bytes on the stream.
    ///
    /// # Errors
    /// As [`Firmware::run`].
    pub fn send(&self, stream: &[u8]) -> Result<Session, String> {
        static SESSIONS: AtomicU32 = AtomicU32::new(0);
        let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
        let log = env::temp_dir().join(format!("spandrel-{}-{number}.defmt", std::process::id()));
        let session = self.session(stream, &log);
        let _ = fs::remove_file(&log);
        session
    }

    fn session(&self, stream: &[u8], log: &Path) -> Result<Session, String> {
        let (program, ..) = self.board.emulator();
        // The Cortex-M4's emulated UART takes some 75,000 bytes a second.
        let limit = Duration::from_secs(120) + Duration::from_millis(stream.len() as u64 / 10);
        let ended = self.emulate(&self.elf, stream, &[], limit)?;
        let told = &ended.told;
        if ended.status.is_none() {
            return Err(format!("no verdict within {limit:?}; until then:\n{told}"));
        }
        if told.lines().any(|line| line.starts_with(program)) {
            return Err(format!("{program} complains:\n{told}"));
        }
        fs::write(log, &ended.sent).map_err(|error| format!("{}: {error}", log.display()))?;
        let facts = told.lines().map(str::to_owned).collect();
        Ok(Session { exit: ended.status.and_then(|status| status.code()), facts, log: self.decode(log)? })
    }

    /// Runs `elf`, which can be another one than the firmware's, with further options of the emulator, and ends it after `limit`.
    /// However the run ends is no error.
    ///
    /// # Errors
    /// The emulator can not be started.
    pub fn emulate(
        &self,
        elf: &Path,
        stream: &[u8],
        options: &[&str],
        limit: Duration,
    ) -> Result<Ended, String> {
        let (program, _, machine) = self.board.emulator();
        let mut child = Command::new(program)
            .args(machine)
            .args(OPTIONS.split_whitespace())
            .args(options)
            .arg("-kernel")
            .arg(elf)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{program} can not be started: {error}"))?;
        let mut stdin = child.stdin.take().ok_or("no pipe to the emulator")?;
        let bytes = stream.to_vec();
        // A firmware that has seen enough ends, and the pipe with it: not an error of the sender.
        let sender = thread::spawn(move || {
            let _ = stdin.write_all(&bytes);
            // Kept open till the end: the firmware must not depend on the sender's hanging up.
            stdin
        });
        let stdout = reader(child.stdout.take());
        let stderr = reader(child.stderr.take());
        let start = Instant::now();
        let status = loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break Some(status),
                None if start.elapsed() > limit => break None,
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(sender.join());
        // The log comes out of the UART, facts out of semihosting; QEMU speaks where the facts do.
        let told = String::from_utf8_lossy(&join(stderr)).into_owned();
        Ok(Ended { status, sent: join(stdout), told })
    }

    /// The log's bytes as text.
    fn decode(&self, log: &Path) -> Result<String, String> {
        let output = Command::new(&self.reader)
            .args([&self.elf, log])
            .output()
            .map_err(|error| format!("the log reader can not be run: {error}"))?;
        if !output.status.success() {
            return Err(format!("the log is damaged: {}", String::from_utf8_lossy(&output.stderr)));
        }
        String::from_utf8(output.stdout).map_err(|error| error.to_string())
    }
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> Option<thread::JoinHandle<Vec<u8>>> {
    pipe.map(|mut pipe| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes);
            bytes
        })
    })
}

fn join(reader: Option<thread::JoinHandle<Vec<u8>>>) -> Vec<u8> {
    reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
}
