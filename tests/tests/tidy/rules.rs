//! The rules. Each takes files and gives what breaks it, as `path: what`, so that a rule can be tried on made-up files.

use crate::source::{File, code, has_word, paths};

/// Longest file.
pub const LINES: usize = 400;

/// Longer files, each with the reason and the length it must not pass.
pub const LONG: &[(&str, usize, &str)] = &[];

/// Files that may hold `unsafe`, each with the reason.
pub const UNSAFE: &[(&str, &str)] = &[
    ("firmware-sim/src/board/mod.rs", "registers, and the painted stack"),
    ("firmware-sim/src/board/an386.rs", "lends the board's memory"),
    ("firmware-sim/src/board/microbit.rs", "lends the board's memory, and its flash when it is written"),
    ("firmware-sim/src/board/virt.rs", "lends the board's memory"),
    ("firmware-sim/src/board/arm.rs", "semihosting, faults, linker symbols"),
    ("firmware-sim/src/board/riscv.rs", "semihosting, faults, linker symbols, paint for the stack"),
    ("firmware-sim/src/board/host.rs", "semihosting calls"),
    ("firmware-sim/src/board/log.rs", "the logger's interface"),
    ("firmware-sim/capi/src/raw.rs", "pointers from C become references"),
    ("firmware-sim/capi/src/image.rs", "exports to C"),
    ("firmware-sim/capi/src/run.rs", "exports to C"),
    ("firmware-sim/capi/src/load.rs", "exports to C"),
    ("firmware-sim/capi/src/check.rs", "exports to C"),
    ("firmware-sim/capi/src/port.rs", "exports to C"),
    ("firmware-sim/capi/src/ask.rs", "exports to C"),
    ("firmware-sim/capi/src/self_test.rs", "exports to C"),
    ("firmware-sim/capi/src/slots.rs", "exports to C"),
    ("firmware-sim/capi/tests/interface/main.rs", "calls the exports as C does"),
    ("firmware-sim/capi/tests/interface/asking.rs", "calls the exports as C does"),
    ("firmware-sim/capi/tests/interface/slots.rs", "calls the exports as C does"),
    (
        "host/src/engine/fast/product.rs",
        "the one call of the matrix product, whose only interface takes pointers",
    ),
];

/// Each file is short enough to be read at once.
pub fn length(file: &File, long: &[(&str, usize, &str)]) -> Vec<String> {
    let lines = file.text.lines().count();
    let limit = long.iter().find(|(path, ..)| *path == file.path).map_or(LINES, |(_, limit, _)| *limit);
    let broken = file.is_rust() && lines > limit;
    broken
        .then(|| format!("{}: {lines} lines, {limit} are allowed: split it by concept", file.path))
        .into_iter()
        .collect()
}

/// Each Rust file says first, at most after attributes, what it is about.
pub fn module_docs(file: &File) -> Vec<String> {
    let documented = file
        .text
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with("#!["))
        .is_some_and(|line| line.starts_with("//!"));
    let broken = file.is_rust() && !documented;
    broken
        .then(|| format!("{}: begins without `//!`: say what the module is about", file.path))
        .into_iter()
        .collect()
}

/// `unsafe` stands only where a reason is given.
pub fn no_unsafe(file: &File, allowed: &[(&str, &str)]) -> Vec<String> {
    let excepted = allowed.iter().any(|(path, _)| *path == file.path);
    if !file.is_rust() || excepted {
        return Vec::new();
    }
    let code = code(&file.text);
    let lines = code.lines().zip(1..).filter(|(line, _)| has_word(line, "unsafe"));
    lines
        .map(|(_, number)| format!("{}:{number}: unsafe code outside the files that may hold it", file.path))
        .collect()
}

/// Nothing is left for later in the text: what is absent is refused by name, or said in a document.
pub fn no_leftovers(file: &File) -> Vec<String> {
    // Put together, so that this file does not break its own rule.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let macros = [concat!("unimple", "mented!"), concat!("to", "do!"), concat!("db", "g!")];
    let code = code(&file.text);
    let mut found = Vec::new();
    for (number, (line, code)) in (1..).zip(file.text.lines().zip(code.lines())) {
        let mark = marks.iter().find(|mark| has_word(line, mark));
        let called = macros.iter().find(|name| file.is_rust() && code.contains(**name));
        found.extend(mark.or(called).map(|word| format!("{}:{number}: {word}", file.path)));
    }
    found
}

/// A layer: its files, what they may not name, and why.
pub struct Layer {
    /// What the paths of its files begin with.
    pub files: &'static str,
    /// Beginnings of paths.
    pub forbidden: &'static [&'static str],
    /// Why.
    pub reason: &'static str,
}

const PROJECT: &[&str] = &[
    "spandrel",
    "spandrel_core",
    "spandrel_hwdesc",
    "spandrel_oracle",
    "spandrel_tests",
    "spandrel_firmware",
];

/// Who may not know whom.
pub const LAYERS: &[Layer] = &[
    Layer {
        files: "core/",
        forbidden: &["spandrel", "spandrel_hwdesc", "spandrel_oracle", "spandrel_tests", "serde", "std"],
        reason: "the core runs on the device and knows nobody",
    },
    Layer {
        files: "hwdesc/",
        forbidden: &["spandrel", "spandrel_core", "spandrel_oracle", "spandrel_tests"],
        reason: "chip descriptions know nobody",
    },
    Layer {
        files: "tests/oracle/src/",
        forbidden: PROJECT,
        reason: "the oracle shares no code with what it checks",
    },
    Layer {
        files: "firmware-sim/src/",
        forbidden: &["spandrel", "spandrel_hwdesc", "spandrel_oracle", "spandrel_tests"],
        reason: "the firmware links the core alone",
    },
    Layer {
        files: "firmware-sim/capi/src/",
        forbidden: &["spandrel", "spandrel_hwdesc", "spandrel_oracle", "spandrel_tests", "std"],
        reason: "the C interface links the core alone",
    },
    Layer {
        files: "tests/src/",
        forbidden: &["spandrel_firmware"],
        reason: "the firmware's ELF is run, never linked",
    },
    Layer {
        files: "tests/tests/",
        forbidden: &["spandrel_firmware"],
        reason: "the firmware's ELF is run, never linked",
    },
    Layer {
        files: "host/src/verify/",
        forbidden: &["crate::map", "crate::emit", "super::super"],
        reason: "the checker does not use what it checks",
    },
    Layer {
        files: "host/src/verify/mapping.rs",
        forbidden: &["crate::compile"],
        reason: "the checker does not use what it checks",
    },
    Layer { files: "host/src/graph/", forbidden: AFTER_GRAPH, reason: STAGES },
    Layer { files: "host/src/import/", forbidden: AFTER_GRAPH, reason: STAGES },
    Layer {
        files: "host/src/dots/",
        forbidden: &[
            "crate::import",
            "crate::lower",
            "crate::encode",
            "crate::expand",
            "crate::tune",
            "crate::map",
        ],
        reason: STAGES,
    },
    Layer {
        files: "host/src/lower/",
        forbidden: &[
            "crate::import",
            "crate::encode",
            "crate::expand",
            "crate::tune",
            "crate::map",
            "crate::emit",
            "crate::compile",
            "crate::cli",
        ],
        reason: STAGES,
    },
    Layer {
        files: "host/src/encode/",
        forbidden: &[
            "crate::import",
            "crate::expand",
            "crate::tune",
            "crate::map",
            "crate::emit",
            "crate::compile",
            "crate::cli",
        ],
        reason: STAGES,
    },
    Layer {
        files: "host/src/expand/",
        forbidden: &[
            "crate::import",
            "crate::tune",
            "crate::map",
            "crate::emit",
            "crate::compile",
            "crate::cli",
        ],
        reason: STAGES,
    },
    Layer {
        files: "host/src/tune/",
        forbidden: &["crate::import", "crate::map", "crate::emit", "crate::compile", "crate::cli"],
        reason: STAGES,
    },
    Layer {
        files: "host/src/map/",
        forbidden: &["crate::import", "crate::emit", "crate::compile", "crate::cli"],
        reason: STAGES,
    },
    Layer {
        files: "host/src/emit/",
        forbidden: &["crate::import", "crate::compile", "crate::cli"],
        reason: STAGES,
    },
    Layer {
        files: "host/src/engine/",
        forbidden: &[
            "crate::lower",
            "crate::encode",
            "crate::expand",
            "crate::tune",
            "crate::map",
            "crate::emit",
            "crate::compile",
            "crate::cli",
        ],
        reason: "engines know images, not how they were made",
    },
    Layer {
        files: "host/src/numeric/",
        forbidden: &["crate::graph", "crate::engine", "crate::tune", "matrixmultiply", "std::arch"],
        reason: "numbers in a fixed order, for everyone",
    },
];

const AFTER_GRAPH: &[&str] = &[
    "crate::lower",
    "crate::dots",
    "crate::encode",
    "crate::expand",
    "crate::tune",
    "crate::map",
    "crate::emit",
    "crate::compile",
    "crate::cli",
];
const STAGES: &str = "a stage knows those before it";

/// Layers are kept. Tests inside a core file may use `std`.
pub fn layers(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    let used = if file.is_rust() { paths(&code(&file.text)) } else { Vec::new() };
    for layer in LAYERS.iter().filter(|layer| file.path.starts_with(layer.files)) {
        for forbidden in layer.forbidden {
            let under = format!("{forbidden}::");
            let hit = used
                .iter()
                .find(|path| *path == forbidden || path.trim_start_matches("::").starts_with(&under));
            found.extend(hit.map(|path| format!("{}: {path}: {}", file.path, layer.reason)));
        }
    }
    found
}

/// What each package may depend on, of this project's packages.
pub const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("core/Cargo.toml", &[]),
    ("hwdesc/Cargo.toml", &[]),
    ("tests/conformance/Cargo.toml", &["spandrel", "spandrel-hwdesc"]),
    ("tests/faults/Cargo.toml", &["spandrel", "spandrel-core", "spandrel-oracle", "spandrel-tests"]),
    ("tests/oracle/Cargo.toml", &[]),
    ("tests/recordings/Cargo.toml", &["spandrel", "spandrel-core", "spandrel-hwdesc"]),
    ("tests/scale/Cargo.toml", &["spandrel", "spandrel-core"]),
    ("host/Cargo.toml", &["spandrel-core", "spandrel-hwdesc", "spandrel-oracle"]),
    ("tests/Cargo.toml", &["spandrel", "spandrel-core", "spandrel-hwdesc", "spandrel-oracle"]),
    ("tests/solver/Cargo.toml", &["spandrel-core"]),
    ("tests/tract/Cargo.toml", &["spandrel", "spandrel-core"]),
    ("fuzz/Cargo.toml", &["spandrel-tests"]),
    ("firmware-sim/Cargo.toml", &["spandrel-core"]),
    ("firmware-sim/capi/Cargo.toml", &["spandrel-core", "spandrel-tests"]),
    ("firmware-sim/log/Cargo.toml", &[]),
    ("xtask/Cargo.toml", &[]),
];

/// The layers again, where dependencies are declared.
pub fn dependencies(file: &File, allowed: &[(&str, &[&str])]) -> Vec<String> {
    if !file.path.ends_with("/Cargo.toml") {
        return Vec::new();
    }
    let Some((_, allowed)) = allowed.iter().find(|(path, _)| *path == file.path) else {
        return vec![format!("{}: a package whose dependencies no rule names", file.path)];
    };
    let mut found = Vec::new();
    let mut inside = false;
    for (line, number) in file.text.lines().zip(1..) {
        let table = line.trim_start().strip_prefix('[').map(|table| table.trim_end_matches(']'));
        let name = match table {
            Some(table) => {
                inside = table.ends_with("dependencies");
                table.rsplit_once("dependencies.").map(|(_, name)| name)
            }
            None if inside => line.split(['.', '=', ' ']).next(),
            None => None,
        };
        if name.is_some_and(|name| name.starts_with("spandrel") && !allowed.contains(&name)) {
            found.push(format!("{}:{number}: {}: may depend on {allowed:?}", file.path, line.trim()));
        }
    }
    found
}

/// Relative links of documents lead to files.
pub fn links(file: &File, exists: impl Fn(&str) -> bool) -> Vec<String> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let folder = file.path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let targets = file.text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let local =
        targets.filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' '));
    let broken = local.filter(|target| !exists(&format!("{folder}{target}")));
    broken.map(|target| format!("{}: the link to {target} leads nowhere", file.path)).collect()
}

/// The document of the image format describes every section.
pub fn sections(tags: &[&str], document: &str) -> Vec<String> {
    let missing = tags.iter().filter(|tag| !has_word(document, tag));
    missing.map(|tag| format!("docs/image-format.md: section {tag} is not described")).collect()
}

/// Every workspace is tested by the one command.
pub fn workspaces(files: &[File]) -> Vec<String> {
    let task =
        files.iter().find(|file| file.path == "xtask/src/test.rs").map_or("", |file| file.text.as_str());
    let own =
        files.iter().filter(|file| file.path.ends_with("/Cargo.toml") && file.text.contains("[workspace]"));
    // .ci/run runs these: the fuzz targets need nightly (their bodies are tested within the main workspace), the proofs libz3.
    let elsewhere = ["fuzz/Cargo.toml", "tests/solver/Cargo.toml"];
    let missing = own.filter(|file| !elsewhere.contains(&file.path.as_str()) && !task.contains(&file.path));
    missing.map(|file| format!("{}: a workspace that `cargo xtask test` does not test", file.path)).collect()
}
