//! Every network of the data folder on several chips: the table of docs/networks.md.
//!
//! Each figure comes from one run of `spandrel compile`, whose answer is kept under `out/networks/` with a key over compiler,
//! network, samples and arguments: an interrupted task goes on where it stopped, and a row is made again when anything it depends on
//! has changed.

mod answer;
mod catalogue;
mod kept;
mod phases;
mod speech;
mod table;

pub(crate) use phases::phases;

use std::fs;
use std::path::{Path, PathBuf};

use crate::data::locate;
use crate::document;
use crate::process::{Result, cargo, demand, root};
use catalogue::{NETWORKS, Network};
use kept::{Keeper, Key};

/// Chips, in the table's order.
const CHIPS: [&str; 3] = ["prime", "tianji-ann", "tpu"];

/// A column of the table: what it is called, and the settings.
const WAYS: [(&str, &[&str]); 2] = [
    ("nearest", &["tune=nearest", "tune.state=off", "encode.signals=1", "encode.output=1", "encode.input=1"]),
    ("full", &["tune=round"]),
];

/// The way that measures all samples of a file, those that calibrated too: for the golden accuracy alone.
const WHOLE: &str = "whole";

/// What the task is asked for.
struct Asked {
    /// Networks whose names contain it.
    only: Option<String>,
    chips: Vec<String>,
    /// Compile nothing; write the table of what is kept, whatever compiler made it.
    table: bool,
    /// A compiler that was built before, instead of the one of this tree.
    compiler: Option<PathBuf>,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self> {
        let chips = CHIPS.map(str::to_owned).to_vec();
        let mut asked = Self { only: None, chips, table: false, compiler: None };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().cloned().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--only" => asked.only = Some(value()?),
                "--chips" => asked.chips = value()?.split(',').map(str::to_owned).collect(),
                "--table" => asked.table = true,
                "--spandrel" => asked.compiler = Some(PathBuf::from(value()?)),
                name if !name.starts_with('-') && asked.only.is_none() => asked.only = Some(name.to_owned()),
                _ => return Err(format!("networks: {argument:?} is not understood")),
            }
        }
        match asked.chips.iter().find(|chip| !CHIPS.contains(&chip.as_str())) {
            Some(chip) => Err(format!("--chips {chip}: the table has {}", CHIPS.join(", "))),
            None => Ok(asked),
        }
    }

    fn wants(&self, network: &Network, chip: &str) -> bool {
        let named = self.only.as_ref().is_none_or(|only| network.name.contains(only.as_str()));
        !self.table && named && self.chips.iter().any(|asked| asked == chip)
    }
}

/// Compiles all networks for all chips, and writes docs/networks.md after every one. Arguments: `[--only] NAME`, `--chips A,B`,
/// `--table`, `--spandrel FILE`.
///
/// # Errors
/// The data are not there, or the document can not be written. A refused network is a row, not an error.
pub(crate) fn networks(arguments: &[String]) -> Result<()> {
    let asked = Asked::read(arguments)?;
    let folder = locate(None)?;
    let keeper = keeper(&asked)?;
    if !asked.table {
        catalogue::prepare(&folder)?;
    }
    for network in &NETWORKS {
        for chip in CHIPS {
            if asked.wants(network, chip) {
                for (way, settings) in WAYS {
                    compile(&keeper, &folder, network, chip, way, settings)?;
                }
                // The index states the accuracy of all recordings.
                if network.samples == catalogue::Samples::Keywords && chip == CHIPS[2] {
                    compile(&keeper, &folder, network, chip, WHOLE, WAYS[0].1)?;
                }
                write(&keeper)?;
            }
        }
    }
    write(&keeper)
}

/// The answer to compiling the network `name` for `chip` with all defaults.
///
/// # Errors
/// There is no such network, or the compiler has not been built.
pub(crate) fn by_default(folder: &Path, name: &str, chip: &str) -> Result<String> {
    let keep = root().join("out/networks");
    fs::create_dir_all(&keep).map_err(|error| format!("{} can not be made: {error}", keep.display()))?;
    let keeper = Keeper::new(keep, built(), false)?;
    let network = NETWORKS.iter().find(|network| network.name == name);
    let network = network.ok_or_else(|| format!("no network {name}"))?;
    compile(&keeper, folder, network, chip, "default", &[])?;
    let kept = keeper.read(&format!("{name}.{chip}.default"));
    kept.map(|kept| kept.object).ok_or_else(|| format!("no answer for {name}"))
}

/// The folder of answers with the compiler that was asked for, built first if need be.
fn keeper(asked: &Asked) -> Result<Keeper> {
    let keep = root().join("out/networks");
    fs::create_dir_all(&keep).map_err(|error| format!("{} can not be made: {error}", keep.display()))?;
    let compiler = match &asked.compiler {
        Some(path) => path.clone(),
        None if asked.table => PathBuf::new(),
        None => {
            demand(cargo().args(["build", "--release", "--package", "spandrel"]), "building")?;
            built()
        }
    };
    Keeper::new(keep, compiler, asked.table)
}

/// The compiler that cargo builds.
pub(crate) fn built() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release/spandrel")
}

/// Makes one answer, unless it is there and nothing that it depends on has changed.
fn compile(
    keeper: &Keeper,
    folder: &Path,
    network: &Network,
    chip: &str,
    way: &str,
    settings: &[&str],
) -> Result<()> {
    let name = format!("{}.{chip}.{way}", network.name);
    let arguments = network.arguments(folder, chip, settings, way == WHOLE);
    let files = network.files(folder);
    let key = Key::of(keeper.compiler(), &arguments, &files)?;
    keeper.make(&name, key, &arguments)
}

const BEGIN: &str = "<!-- generated by cargo xtask networks -->";

/// The table of all that is kept, into the document. Rows of which nothing is kept here stay as the document has them.
fn write(keeper: &Keeper) -> Result<()> {
    let old = fs::read_to_string(root().join("docs/networks.md")).unwrap_or_default();
    let mut text = table::head();
    let mut made = Vec::new();
    for network in &NETWORKS {
        for chip in CHIPS {
            let [nearest, full] = WAYS.map(|(way, _)| keeper.read(&format!("{}.{chip}.{way}", network.name)));
            made.extend([&nearest, &full].into_iter().flatten().map(|kept| kept.compiler.clone()));
            let row = table::row(network, chip, nearest.as_ref(), full.as_ref());
            let known = nearest.is_some() || full.is_some();
            text.push_str(&if known { row } else { table::as_before(&old, row, 3) });
        }
    }
    text.push_str(&table::stated(keeper, &CHIPS, &old));
    text.push_str(&table::compilers(&made));
    document::replace("docs/networks.md", BEGIN, &format!("\n{text}"))
}
