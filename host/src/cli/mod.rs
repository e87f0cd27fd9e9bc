//! The command `spandrel`: one module per verb. `docs/cli.md` is its manual.
//!
//! Exit codes: 0 done, 1 a check failed, 2 bad usage or input. Errors go to standard error; with `--json` the last line of
//! standard output is one JSON object, whatever happens.

mod chips;
mod compile;
mod compile_spiking;
mod diff;
mod emit;
mod executions;
mod image_file;
mod inputs;
mod inspect;
mod inspect_target;
mod json;
mod kept;
mod listing;
mod listing_mac;
mod listing_spiking;
mod locate;
mod output;
mod progress;
mod run;
mod sign;
mod sweep;
mod verify;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use serde_json::Value;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};

/// What a verb that came to its end found.
struct Done {
    /// Whether every check held.
    passed: bool,
    /// The JSON object, when one is asked for.
    json: Option<Value>,
}

impl Done {
    /// Nothing failed.
    fn passed(json: Option<Value>) -> Result<Self> {
        Ok(Self { passed: true, json })
    }
}

#[derive(Parser)]
#[command(
    name = "spandrel",
    version,
    about = "Compiles trained neural networks into verified images for neuromorphic and in-memory-computing chips",
    after_help = "Exit codes: 0 done, 1 a check failed, 2 bad usage or input."
)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Compile a network for a chip: an image, and a report of what it costs and loses
    Compile(Box<compile::Args>),
    /// Run an image on samples: accuracy, agreement with the model, digest of the outputs
    Run(run::Args),
    /// Compile a network over and over with other values of chip fields and settings: error against resources
    Sweep(Box<sweep::Args>),
    /// Check which claims hold for an image: the evidence, and every counter-example
    Verify(verify::Args),
    /// Compare two images, engines or recorded executions: the first tick, core, unit and value that differ
    Diff(diff::Args),
    /// Show what is in an image
    Inspect(inspect::Args),
    /// Make a pair of keys: one signs images, the other is pinned in firmware
    Keygen(sign::KeygenArgs),
    /// Sign an image, so that a board that pins the key takes it
    Sign(sign::SignArgs),
    /// List the built-in chips, or show one with the source of each value
    Chips(chips::Args),
}

/// The whole command: reads the arguments of the process, does the work, prints, and tells how it ended.
pub fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    // Known before parsing, so that wrong arguments are reported in the form that was asked for.
    let json = arguments.iter().take_while(|a| *a != "--").any(|a| a == "--json");
    let done = match Command::try_parse_from(&arguments) {
        Ok(command) => match command.verb {
            Verb::Compile(args) => compile::compile(&args),
            Verb::Run(args) => run::run(&args),
            Verb::Sweep(args) => sweep::sweep(&args),
            Verb::Verify(args) => verify::verify(&args),
            Verb::Diff(args) => diff::diff(&args),
            Verb::Keygen(args) => sign::keygen(&args),
            Verb::Sign(args) => sign::sign(&args),
            Verb::Inspect(args) => inspect::inspect(&args),
            Verb::Chips(args) => chips::chips(&args),
        },
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            print(&error.render().to_string());
            return ExitCode::SUCCESS;
        }
        Err(error) => Err(usage(&error)),
    };
    let (code, object) = match done {
        Ok(Done { passed, json }) => (u8::from(!passed), json),
        Err(found) => {
            found.eprint();
            (2, json.then(|| json::errors(&found)))
        }
    };
    if let Some(object) = object {
        print(&format!("{object}\n"));
    }
    ExitCode::from(code)
}

/// A share that a bound can be asked to reach: more than 0, less than 1.
fn share(text: &str) -> std::result::Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "a share between 0 and 1, such as 0.99".to_owned())
}

/// The value, or its errors among `found`.
fn keep<T>(result: Result<T>, found: &mut Diagnostics) -> Option<T> {
    result.map_err(|errors| found.extend(errors)).ok()
}

/// Prints on standard output. A reader that closes the pipe early ends the command without an outcry.
fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(2);
    }
}

/// What clap found wrong, in this project's form.
fn usage(error: &clap::Error) -> Diagnostics {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    let rule = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no verb is given".to_owned(),
        _ => paragraphs.next().unwrap_or_default(),
    };
    let rule = rule.strip_prefix("error: ").unwrap_or(&rule).to_owned();
    let tip = paragraphs.find_map(|p| p.strip_prefix("tip: ").map(str::to_owned));
    let way_out = match tip {
        Some(tip) => {
            format!("{tip}; `spandrel --help` lists the verbs, `spandrel VERB --help` their options")
        }
        None => "`spandrel --help` lists the verbs, `spandrel VERB --help` their options".to_owned(),
    };
    Diagnostic::error("SP0004", "command line", rule, way_out).into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Command::command().debug_assert();
    }
}
