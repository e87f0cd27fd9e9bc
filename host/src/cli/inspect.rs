//! `spandrel inspect`: what is in an image.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use spandrel_core::image::{
    Coverage, ENTRY_BYTES, Entry, HEADER_BYTES, Image, Subject, VERSION_MAJOR, VERSION_MINOR,
};

use super::{Done, emit, image_file, inspect_target, listing, output, print};
use crate::boards::Target;
use crate::diagnostic::Result;
use crate::faults;
use crate::notes::{InputNotes, Notes};
use crate::report::hex;
use crate::samples::write_atomic;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The image
    image: PathBuf,
    /// Write the image for a firmware: a C header, or its bytes
    #[arg(long, value_enum, requires = "output")]
    emit: Option<emit::Form>,
    /// Where `--emit` writes
    #[arg(short, long, value_name = "FILE", requires = "emit")]
    output: Option<PathBuf>,
    /// What the image takes on a microcontroller: cortex-m0, cortex-m4 or rv32
    #[arg(long, value_name = "TARGET", conflicts_with = "emit", value_parser = inspect_target::target)]
    target: Option<&'static Target>,
    /// One JSON object as the last line of standard output
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(args: &Args) -> Result<Done> {
    let bytes = image_file::read(&args.image)?;
    let image = image_file::parse(&bytes, &args.image)?;
    let notes = Notes::of(&image, "image").ok();
    if let (Some(form), Some(to)) = (args.emit, &args.output) {
        output::check(to, [&args.image])?;
        write_atomic(to, &emit::bytes(form, &args.image, &bytes, &image))?;
        print(&format!("{:14} {}\n", "written", to.display()));
        return Done::passed(args.json.then(|| object(&bytes, &image, notes.as_ref())));
    }
    if let Some(target) = args.target {
        return inspect_target::inspect(&image, target, args.json);
    }
    print(&text(&bytes, &image, notes.as_ref()));
    Done::passed(args.json.then(|| object(&bytes, &image, notes.as_ref())))
}

/// The image as text: what `inspect` prints and `compile --dump image` shows.
pub(super) fn text(bytes: &[u8], image: &Image<'_>, notes: Option<&Notes>) -> String {
    let header = image.header();
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:14} {value}");
    };
    line("format", format!("{VERSION_MAJOR}.{}", minor(bytes)));
    line("digest", hex(image.digest()));
    if image.signature().is_some() {
        line("signed", format!("Ed25519, rollback counter {}", header.rollback));
    }
    line("bytes", header.total_bytes.to_string());
    line("chip", format!("{} revision {}", header.chip_name(), header.chip_revision));
    if let Ok(chip) = image.chip() {
        line("core", format!("{} inputs, {} outputs, {} cores", chip.rows, chip.columns, chip.cores));
    }
    line("ram_words", format!("{} ({} bytes)", header.ram_words, u64::from(header.ram_words) * 4));
    line("work", format!("{} a sample (signals moved and cells read)", image.work()));
    let (networks, configs) = vectors(image);
    line("vectors", format!("{networks} of the network, {configs} of configurations"));
    for own in (0..image.coverage_count()).filter_map(|at| image.coverage(at)) {
        line("coverage", coverage(&own));
    }
    line("placed", format!("{} configurations, {} routes", image.placement_count(), image.route_count()));
    if let Some(notes) = notes {
        line("model", format!("{} sha256 {}", notes.model.file, notes.model.sha256));
        line("samples", format!("{} of sha256 {}", notes.samples.calibration_count, notes.samples.sha256));
        for input in &notes.inputs {
            line("input", input_line(input));
        }
        for output in &notes.outputs {
            line("output", format!("{:?} of {:?}", output.name, output.shape));
        }
        line("compiled by", format!("spandrel {}", notes.spandrel));
        for (key, value) in &notes.settings {
            line("setting", format!("{key}={value}"));
        }
    } else if !image.notes().is_empty() {
        line("notes", format!("{} bytes of another version", image.notes().len()));
    }
    text.push_str("\nsections\n");
    for entry in sections(bytes, image) {
        let critical = if entry.critical() { "critical" } else { "" };
        let section =
            format!("{:10} {:>10} bytes at {:>8}  {critical}", entry.tag.text(), entry.length, entry.offset);
        let _ = writeln!(text, "  {}", section.trim_end());
    }
    for (name, part) in [
        ("inputs and outputs", listing::ends(image)),
        ("edges", listing::edges(image)),
        ("configurations", listing::configs(image)),
        ("program", listing::program(image)),
    ] {
        let _ = write!(text, "\n{name}\n{part}");
    }
    text
}

/// Of a class of faults, in one way.
fn coverage(own: &Coverage) -> String {
    let what = format!("{}, {}: ", own.class.name(), own.way.name());
    let able = own.simulated - own.undetectable;
    let of =
        if own.sampled() { format!("{} drawn of {}", own.simulated, own.all) } else { own.all.to_string() };
    let never = format!("of {of} faults {} can never show", own.undetectable);
    let Some(share) = faults::ratio(own) else { return format!("{what}nothing can show ({never})") };
    let (lo, hi) = (f64::from(own.ppm.0) / 1e4, f64::from(own.ppm.1) / 1e4);
    let ends = if own.sampled() { format!(" (95 % {lo:.2} to {hi:.2})") } else { String::new() };
    format!("{what}{:.2} %{ends}, {} of {able} ({never})", share * 100.0, own.detected)
}

/// The minor version stands in bytes 10 and 11; readers accept any, so the header does not keep it.
fn minor(bytes: &[u8]) -> u16 {
    match bytes {
        [_, _, _, _, _, _, _, _, _, _, low, high, ..] => u16::from_le_bytes([*low, *high]),
        _ => VERSION_MINOR,
    }
}

fn input_line(input: &InputNotes) -> String {
    let mut text = format!("{:?}, samples of {:?}", input.name, input.shape);
    if let Some(layout) = &input.layout {
        let _ = write!(text, ", layout {layout}");
    }
    let _ = write!(text, ", (x * {:?} - {:?}) / {:?}", input.scale, input.mean, input.std);
    if let Some(scale) = input.raw_scale {
        let _ = write!(text, ", raw step {scale}");
    }
    text
}

fn sections(bytes: &[u8], image: &Image<'_>) -> Vec<Entry> {
    let directory = bytes.get(HEADER_BYTES..).unwrap_or(&[]);
    (0..image.header().sections as usize).filter_map(|n| Entry::parse(directory, n * ENTRY_BYTES)).collect()
}

/// Known answers of the network, and of configurations.
fn vectors(image: &Image<'_>) -> (usize, usize) {
    let subjects = (0..image.vector_count()).filter_map(|n| image.vector(n)).map(|v| v.subject);
    let (networks, configs): (Vec<_>, Vec<_>) = subjects.partition(|s| matches!(s, Subject::Network { .. }));
    (networks.len(), configs.len())
}

fn object(bytes: &[u8], image: &Image<'_>, notes: Option<&Notes>) -> Value {
    let header = image.header();
    let entries: Vec<Value> = sections(bytes, image)
        .iter()
        .map(|e| {
            json!({
                "tag": e.tag.text(), "version": e.version, "critical": e.critical(),
                "offset": e.offset, "length": e.length, "crc32": format!("{:08x}", e.checksum),
            })
        })
        .collect();
    let edges: Vec<Value> = (0..image.edge_count())
        .filter_map(|n| image.edge(n))
        .map(|e| {
            json!({
                "length": e.length, "codec": listing::codec(e.codec), "slots": e.slots,
                "reset": e.reset, "clear_on_tick": e.clear_on_tick, "ram_offset": e.ram_offset,
            })
        })
        .collect();
    let coverages: Vec<Value> = (0..image.coverage_count())
        .filter_map(|n| image.coverage(n))
        .map(|own| {
            json!({
                "class": own.class.name(), "way": own.way.name(), "all": own.all, "simulated": own.simulated,
                "never": own.undetectable, "shown": own.detected, "coverage": faults::ratio(&own),
                "low": f64::from(own.ppm.0) / 1e6, "high": f64::from(own.ppm.1) / 1e6,
            })
        })
        .collect();
    let lines = |text: String| -> Vec<String> { text.lines().map(|l| l.trim().to_owned()).collect() };
    let (networks, configs) = vectors(image);
    let chip = image.chip().ok();
    json!({
        "format": format!("{VERSION_MAJOR}.{}", minor(bytes)),
        "image_digest": hex(image.digest()),
        "image_bytes": header.total_bytes,
        "chip": header.chip_name(),
        "chip_revision": header.chip_revision,
        "signed": image.signature().is_some(),
        "rollback": header.rollback,
        "core": chip.map(|c| json!({ "inputs": c.rows, "outputs": c.columns, "cores": c.cores })),
        "ram_words": header.ram_words,
        "ram_bytes": u64::from(header.ram_words) * 4,
        "work": image.work(),
        "cores": image.placement_count(),
        "routes": image.route_count(),
        "vectors": { "network": networks, "configuration": configs },
        "coverage": coverages,
        "sections": entries,
        "edges": edges,
        "ends": lines(listing::ends(image)),
        "configurations": lines(listing::configs(image)),
        "program": lines(listing::program(image)),
        "notes": notes.map(|notes| json!(notes)),
    })
}
