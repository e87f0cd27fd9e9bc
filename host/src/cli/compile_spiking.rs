//! What `spandrel compile` prints of a spiking network.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::{Done, compile::write, print};
use crate::diagnostic::Result;
use crate::nir::{SpikingCompiled, SpikingReport};

/// Writes image and report, prints the summary.
pub(super) fn done(
    compiled: &SpikingCompiled,
    output: &Path,
    report_path: Option<&Path>,
    wants_json: bool,
) -> Result<Done> {
    let report = json!(compiled.report);
    write(&compiled.image, &report, output, report_path)?;
    print(&summary(&compiled.report, output, report_path));
    Done::passed(wants_json.then_some(report))
}

fn summary(report: &SpikingReport, output: &Path, report_path: Option<&Path>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:14} {value}");
    };
    let on = format!("on {} {} samples", report.samples, report.evaluated_on);
    if let Some(accuracy) = report.golden_accuracy {
        line(
            "before",
            format!(
                "accuracy {accuracy:.4} {on} (golden model, scheme {})",
                report.scheme.as_deref().unwrap_or("-")
            ),
        );
    }
    if let Some(accuracy) = report.ideal_accuracy {
        line("ideal", format!("accuracy {accuracy:.4} {on} (values rounded to {} levels)", report.steps + 1));
    }
    if let Some(accuracy) = report.accuracy {
        line("after", format!("accuracy {accuracy:.4} {on} (image)"));
    }
    if let (Some(agreement), Some((low, high))) = (report.agreement, report.agreement_interval) {
        line("agreement", format!("{agreement:.4} {on} (95 % {low:.4} to {high:.4})"));
    }
    line("time", format!("{} steps, {} ticks", report.steps, report.ticks));
    for p in &report.populations {
        let beside = match (p.golden_rate, p.differing) {
            (Some(_), None) => {
                p.snr_db.map_or(String::new(), |snr| format!(", {snr:.1} dB of signal to noise"))
            }
            (Some(rate), Some(differing)) => {
                format!(", golden {rate:.4}; {:.2} % of neurons and steps differ", differing * 100.0)
            }
            _ => String::new(),
        };
        line(
            &p.name,
            format!(
                "{} neurons on {} cores, {:.4} spikes a neuron and step{beside}; {:.0} spikes and {:.0} synaptic operations a sample",
                p.neurons, p.cores, p.rate, p.spikes, p.synaptic_operations
            ),
        );
    }
    for remark in &report.remarks {
        line("remark", remark.clone());
    }
    line("cores", report.cores.to_string());
    line(
        "image",
        format!("{} ({} bytes, {} bytes of memory)", output.display(), report.image_bytes, report.ram_bytes),
    );
    if let Some(path) = report_path {
        line("report", path.display().to_string());
    }
    line("digest", report.image_digest.clone());
    text
}
