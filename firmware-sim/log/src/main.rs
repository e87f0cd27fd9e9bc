//! `spandrel-log ELF LOG`: turns the bytes that the firmware sent over its log channel into
//! lines of text, with the format strings that stand in the ELF.
//!
//! Exit code 0: every byte was understood; 1: some were not (the other lines are printed all
//! the same); 2: a file can not be read or is not an ELF with a log table.

use defmt_decoder::{DecodeError, Table};
use std::{env, error::Error, fs, process::ExitCode};

fn print(elf: &str, log: &str) -> Result<bool, Box<dyn Error>> {
    let read = |path: &str| fs::read(path).map_err(|error| format!("{path}: {error}"));
    let (elf_bytes, log_bytes) = (read(elf)?, read(log)?);
    let table = Table::parse(&elf_bytes)?
        .ok_or_else(|| format!("{elf}: holds no log table; pass the firmware's ELF, not stripped"))?;
    let mut stream = table.new_stream_decoder();
    stream.received(&log_bytes);
    let mut whole = true;
    loop {
        match stream.decode() {
            Ok(frame) => {
                let time = frame.display_timestamp().map(|time| time.to_string()).unwrap_or_default();
                let level = frame.level().map_or("-", |level| level.as_str());
                println!("{time:>12} {level:5} {}", frame.display_message());
            }
            Err(DecodeError::UnexpectedEof) => return Ok(whole),
            Err(DecodeError::Malformed) => {
                whole = false;
                eprintln!("{log}: a record is damaged");
                if !table.encoding().can_recover() {
                    return Ok(whole);
                }
            }
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [elf, log] = arguments.as_slice() else {
        eprintln!("usage: spandrel-log ELF LOG");
        return ExitCode::from(2);
    };
    match print(elf, log) {
        Ok(whole) => ExitCode::from(u8::from(!whole)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
