//! The repository's tasks, for `cargo xtask TASK`. No dependencies: the first task starts in a moment on a fresh machine.
//!
//! 1. [`digits`]: the worked example, from the network to a verified image.
//! 2. [`mod@test`]: all tests of all packages, with [`setup`] before them.
//! 3. [`data`]: the measurements on networks that are not in this repository.
//! 4. [`networks`]: every network of the data folder on three chips, and the table of docs/networks.md.
//! 5. [`scale`]: time and memory, up to a network as large as VGG-16, and the table of docs/scale.md.
//! 6. [`sweeps`]: severe limits on two networks, and the tables of docs/sweeps.md.
//! 7. [`conformance`]: ONNX's own operator test vectors, and the table of docs/import.md.
//! 8. [`recordings`]: spiking networks beside recordings, and the tables of docs/spiking.md.
//! 9. [`rates`]: trained networks as spikes, and the tables of docs/spiking-ann.md.
//! 10. [`mod@fuzz`]: fuzz campaigns, and their log.
//! 11. [`mod@coverage`]: lines and branches of the core that tests run, and docs/coverage.md.
//! 12. [`faults`]: faults of chips on simulated boards, and the tables of docs/faults.md.
//! 13. [`mod@boards`]: the firmware on its emulated boards, and the tables of docs/boards.md.

mod archive;
mod boards;
mod conformance;
mod counts;
mod coverage;
mod data;
mod digits;
mod document;
mod faults;
mod fuzz;
mod json;
mod networks;
mod process;
mod rates;
mod recordings;
mod scale;
mod setup;
mod sweeps;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask TASK

  digits        compile the digits network for PRIME, print accuracy before and after, verify the image
  test [ARGS]   run all tests of all packages, firmware under QEMU included; installs target and QEMU if missing.
                ARGS go to `cargo test` of the main workspace
  setup         only install what the tests need
  data [DIR]    compile four MNIST networks, verify them, and print a table; DIR is the folder with datasets/ and
                onnx/ (default: SPANDREL_DATA, or ../shared/data)
  networks [ARGS]     compile every network of that folder for three chips, and write the table of docs/networks.md;
                rows are kept under out/networks/ and made again when what they depend on has changed.
                ARGS: --only NAME (names that contain it), --chips A,B, --table (only write what is kept),
                --spandrel FILE (a compiler that was built before)
  scale [ARGS]        measure time and memory of compiling, up to a generated network as large as VGG-16, and write docs/scale.md;
                rows are kept under out/scale/. ARGS go to the generated network's program: --image N, --base N, --dense N;
                --table alone only writes what is kept
  phases [ARGS]       compile a few of them in every phase of tuning, and write the table of docs/tuning.md; ARGS as above
  sweeps [GRID | --write]  sweep limits of two networks of that folder (or the grids whose names contain GRID, or none) and write the
                tables of docs/sweeps.md; cells are kept under docs/sweeps/ and not made again
  conformance [ARGS]  run ONNX's operator test vectors and write the table of docs/import.md; the vectors lie in
                conformance/ of the same folder. ARGS: --only TEXT, --json FILE
  recordings    set spiking networks beside what simulators and chips recorded of them, and write the tables of
                docs/spiking.md; the recordings lie in nir/ and datasets/ of the same folder
  rates [ARGS]  compile trained networks for spiking chips at several windows, and write the tables of docs/spiking-ann.md;
                answers are kept under out/rates/. ARGS: --only TEXT (of network, chip, window), --table (only write what is kept)
  fuzz [ARGS]   run the fuzz targets one after the other and add a line for each round to fuzz/campaign.csv and fuzz/LOG.md; corpora
                are kept under fuzz/corpus, so the next round goes on there. ARGS: --only TARGET, --seconds N (a round; 300),
                --until N (rounds until every target has N seconds in all), --shard PART/PARTS, --seed N, --timeout N (seconds
                after which an input hangs; 20), --sanitizer NAME, --no-log, --table (only write LOG.md)
  coverage [--table]  run the suites that exercise the core with a nightly compiler that counts lines and branches, and write the table of
                docs/coverage.md; --table only writes it, from the last report
  boards [--fit]  run example networks on the three emulated boards, and write the tables of docs/boards.md;
                --fit prints the costs for host/src/boards/target.rs instead
  faults [N SEED]     inject seeded faults into simulated boards, N of each class (300, seed 1), and write the tables of docs/faults.md
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match (task.as_str(), rest.as_slice()) {
        ("digits", []) => digits::digits(),
        ("test", rest) => test::test(rest),
        ("setup", []) => setup::setup(),
        ("data", []) => data::data(None),
        ("data", [folder]) => data::data(Some(folder)),
        ("networks", rest) => networks::networks(rest),
        ("scale", rest) => scale::scale(rest),
        ("phases", rest) => networks::phases(rest),
        ("sweeps", []) => sweeps::sweeps(Some("")),
        ("sweeps", [only]) if only == "--write" => sweeps::sweeps(None),
        ("sweeps", [only]) => sweeps::sweeps(Some(only)),
        ("conformance", rest) => conformance::conformance(rest),
        ("recordings", []) => recordings::recordings(),
        ("rates", rest) => rates::rates(rest),
        ("faults", rest) => faults::faults(rest),
        ("boards", rest) => boards::boards(rest),
        ("fuzz", rest) => fuzz::fuzz(rest),
        ("coverage", rest) => coverage::coverage(rest),
        ("help" | "--help" | "-h", _) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("xtask: {text}");
            ExitCode::FAILURE
        }
    }
}
