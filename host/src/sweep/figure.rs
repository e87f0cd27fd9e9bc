//! The table of a sweep as a plot (SVG): agreement with the golden model against cores, a mark a cell.
//!
//! A line joins the cells that differ in the last varied item alone. The vertical axis counts nines: equal steps from 90 % to 99 %
//! to 99.9 %. Where nothing agrees, since the network has no classes, it is the worst node's signal-to-noise ratio.

use std::collections::BTreeMap;
use std::fmt::Display;

use plotters::coord::ranged1d::{AsRangedCoord, DefaultFormatting, KeyPointHint, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::{Figures, Table};
use crate::diagnostic::{Diagnostic, Result};

/// Width and height of the drawing in pixels, before the legend's width.
const SIZE: (u32, u32) = (760, 520);

/// Height of a line of the legend.
const LINE: i32 = 16;

/// Shares at which the axis may have a mark.
const SHARES: [f64; 13] = [0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999];

/// A line: its name and its points, each with the value of the last varied item.
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

/// The drawing. The same table gives the same text.
///
/// # Errors
/// SP0002 when the drawing library fails, which it has no reason to.
pub fn svg(table: &Table) -> Result<String> {
    let mut text = String::new();
    draw(table, &mut text).map_err(|error| {
        let rule = format!("the plot can not be drawn: {error}");
        Diagnostic::error("SP0002", "--svg", rule, "leave the option out: the table holds all figures")
    })?;
    Ok(text)
}

/// The nines of a share of `samples`: 1 for 90 %, 2 for 99 %. Of no disagreement at all half a sample is left.
fn nines(share: f64, samples: usize) -> f64 {
    -libm::log10((1.0 - share).max(0.5 / samples.max(1) as f64))
}

fn draw(table: &Table, text: &mut String) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let figures: Vec<&Figures> = table.cells.iter().filter_map(|cell| cell.figures()).collect();
    let shares = figures.iter().any(|f| f.agreement.is_some());
    let height = |f: &Figures| match shares {
        true => f.agreement.map(|share| nines(share, f.samples)),
        false => f.worst_snr_db,
    };
    let series = series(table, &height);
    let longest = series.iter().map(|s| s.name.chars().count()).max().unwrap_or(0) as u32;
    let tall = (series.len() as u32 + 3) * LINE as u32;
    let size = (SIZE.0 + 60 + longest * 8, SIZE.1.max(tall));
    let root = SVGBackend::with_string(text, size).into_drawing_area();
    root.fill(&WHITE)?;
    let (chart, legend) = root.split_horizontally(SIZE.0);
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)))
    };
    let points = || series.iter().flat_map(|s| &s.points);
    let (left, right) = ends(&mut points().map(|p| p.0));
    let (bottom, top) = ends(&mut points().map(|p| p.1));
    let (left, right, bottom, top) = match points().next() {
        Some(_) => (left, right, bottom - 0.1, top + 0.1),
        None => (1.0, 1.0, 0.0, 1.0),
    };
    let refused = table.cells.len() - figures.len();
    let mut title =
        format!("{} on {}: {} cells", table.sweep.model.file, table.sweep.chip.file, table.cells.len());
    if refused > 0 {
        title.push_str(&format!(", {refused} refused"));
    }
    let marks: Vec<f64> = match shares {
        true => SHARES.iter().map(|&share| nines(share, usize::MAX)).collect(),
        false => (-10..=20).map(|ten| f64::from(ten) * 10.0).collect(),
    };
    let y = Axis {
        range: bottom..top,
        marks: marks.into_iter().filter(|mark| (bottom..=top).contains(mark)).collect(),
        shares,
    };
    if right > 8.0 * left {
        let x = (left * 0.85..right * 1.2).log_scale();
        plot(&chart, &title, x, y, &series)?;
    } else {
        let room = ((right - left) * 0.05).max(0.5);
        plot(&chart, &title, left - room..right + room, y, &series)?;
    }
    let style = ("sans-serif", 12).into_font();
    if let Some((last, _)) = table.vary.split_last() {
        let text = format!("along each line: {}", last.name());
        legend.draw(&Text::new(text, (4, LINE), style.clone()))?;
    }
    for (at, series) in series.iter().enumerate() {
        let y = (at as i32 + 2) * LINE + LINE / 2;
        legend.draw(&Circle::new((10, y + 5), 4, Palette99::pick(at).filled()))?;
        legend.draw(&Text::new(series.name.clone(), (20, y), style.clone()))?;
    }
    root.present()?;
    Ok(())
}

/// The lines in the order of the table.
fn series(table: &Table, height: &dyn Fn(&Figures) -> Option<f64>) -> Vec<Series> {
    let mut places = BTreeMap::new();
    let mut all: Vec<Series> = Vec::new();
    for cell in &table.cells {
        let Some((figures, y)) = cell.figures().and_then(|f| Some((f, height(f)?))) else { continue };
        let Some((_, before)) = cell.values.split_last() else { continue };
        let at = *places.entry(before.to_vec()).or_insert_with(|| {
            let named = table.vary.iter().zip(before);
            let names: Vec<String> =
                named.map(|(vary, value)| format!("{} = {value}", vary.name())).collect();
            all.push(Series { name: names.join(", "), points: Vec::new() });
            all.len() - 1
        });
        all[at].points.push((figures.cores as f64, y));
    }
    all
}

/// The vertical axis: linear, with marks at given places.
#[derive(Clone)]
struct Axis {
    range: std::ops::Range<f64>,
    marks: Vec<f64>,
    shares: bool,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let part = (value - self.range.start) / (self.range.end - self.range.start);
        limit.0 + libm::round(part * f64::from(limit.1 - limit.0)) as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.range.clone()
    }
}

fn plot<DB, X>(
    area: &DrawingArea<DB, plotters::coord::Shift>,
    title: &str,
    x: X,
    y: Axis,
    series: &[Series],
) -> std::result::Result<(), Box<dyn std::error::Error>>
where
    DB: DrawingBackend,
    DB::ErrorType: 'static,
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
{
    let shares = y.shares;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 15))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    // 10^-nines disagree.
    let label = |value: &f64| -> Box<dyn Display> {
        match shares {
            true => {
                let text = format!("{:.2}", 100.0 * (1.0 - libm::exp10(-value)));
                Box::new(format!("{} %", text.trim_end_matches('0').trim_end_matches('.')))
            }
            false => Box::new(format!("{value:.0} dB")),
        }
    };
    chart
        .configure_mesh()
        .x_desc("cores")
        .y_desc(if shares { "agreement with the golden model" } else { "worst node's signal-to-noise ratio" })
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| label(value).to_string())
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (at, series) in series.iter().enumerate() {
        let colour = Palette99::pick(at);
        chart.draw_series([PathElement::new(series.points.clone(), &colour)])?;
        chart.draw_series(series.points.iter().map(|&point| Circle::new(point, 4, colour.filled())))?;
    }
    Ok(())
}
