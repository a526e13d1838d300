//! What `run` shows people: the texts, how alike they are, and what it took.

use std::io::Result;
use std::time::Duration;

use systole_runtime::Report;

use crate::cmd::run::check::Verdict;
use crate::output::Output;
use crate::view::similarity::{matrix, pairs};
use crate::view::table::table;
use crate::view::units::{bytes, duration, grouped, scaled};
use crate::view::{alarm, dim, excerpt, heading, width};

/// Most texts in the table.
const ROWS: usize = 20;
/// Most texts in the matrix.
const MATRIX: usize = 16;
/// Most texts that are compared with each other; the number of pairs is its square.
const COMPARED: usize = 1000;
/// Pairs that are named.
const NEAREST: usize = 4;
/// Elements of an embedding that are shown.
const DIMENSIONS: usize = 4;

/// A text and its result.
pub struct Row {
    /// The text.
    pub text: String,
    /// Its length in tokens.
    pub tokens: usize,
    /// Its vector.
    pub embedding: Vec<f32>,
    /// Cosine to the reference, if that was asked for.
    pub cosine: Option<f64>,
}

/// What a run was and took.
pub struct Summary {
    /// The executor.
    pub device: String,
    /// The model, described.
    pub model: String,
    /// The session's counts.
    pub report: Report,
    /// Time in the session: compiling, running and reading back.
    pub elapsed: Duration,
}

/// Writes the whole report, with the verdict of a check if there was one.
pub fn show(out: &mut Output, rows: &[Row], summary: &Summary, check: Option<&Verdict>, demo: bool) -> Result<()> {
    out.line(format_args!("{}  {}\n", heading("systole"), summary.model))?;
    texts(out, rows, check.is_some())?;
    if let Some(verdict) = check {
        checked(out, verdict)?;
    }
    if rows.len() > 1 {
        let vectors: Vec<Vec<f32>> = rows.iter().take(COMPARED).map(|r| r.embedding.clone()).collect();
        similarities(out, rows, &vectors)?;
    }
    totals(out, summary)?;
    if demo {
        let hint =
            "these were examples; yours: systole run --text \"...\" --text \"...\", and systole run --help for more";
        out.line(dim(hint))?;
    }
    Ok(())
}

fn texts(out: &mut Output, rows: &[Row], checked: bool) -> Result<()> {
    let dimensions = rows.first().map_or(0, |r| r.embedding.len());
    let first = format!(">embedding ({dimensions})");
    let mut columns = vec![">#", "text", ">tokens", &first];
    if checked {
        columns.push(">cos fp32");
    }
    let mut table = table(&columns);
    let room = width().saturating_sub(if checked { 62 } else { 50 }).max(16);
    for (index, row) in rows.iter().take(ROWS).enumerate() {
        let values: Vec<String> = row.embedding.iter().take(DIMENSIONS).map(|v| format!("{v:7.3}")).collect();
        let more = if row.embedding.len() > DIMENSIONS { " …" } else { "" };
        let mut cells = vec![
            (index + 1).to_string(),
            excerpt(&row.text, room),
            row.tokens.to_string(),
            format!("{}{more}", values.join(" ")),
        ];
        cells.extend(row.cosine.map(|c| format!("{c:.5}")));
        table.add_row(cells);
    }
    out.line(table.trim_fmt())?;
    if rows.len() > ROWS {
        out.line(dim(&format!("and {} more; --json gives them all", rows.len() - ROWS)))?;
    }
    Ok(())
}

fn checked(out: &mut Output, verdict: &Verdict) -> Result<()> {
    let Verdict { bound, failed, lowest, .. } = verdict;
    let outcome = if *failed == 0 { heading("passed") } else { alarm(&format!("{failed} FAILED")) };
    let mean = verdict.mean();
    out.line(format_args!("\ncheck against fp32: mean cosine {mean:.5}, lowest {lowest:.5}, bound {bound}: {outcome}"))
}

fn similarities(out: &mut Output, rows: &[Row], vectors: &[Vec<f32>]) -> Result<()> {
    let shown = vectors.len().min(MATRIX);
    out.line(format_args!("\n{}", heading("similarity (cosine in %)")))?;
    for line in matrix(&vectors[..shown], console::colors_enabled()) {
        out.line(line.trim_end())?;
    }
    let nearest = pairs(vectors);
    let limited = if rows.len() > COMPARED { format!(" (of the first {COMPARED} texts)") } else { String::new() };
    out.line(format_args!("\n{}", heading(&format!("nearest pairs{limited}"))))?;
    let room = (width().saturating_sub(16) / 2).max(16);
    for pair in nearest.iter().take(NEAREST) {
        let [a, b] = [pair.first, pair.second].map(|i| excerpt(&rows[i].text, room));
        out.line(format_args!("{:6.3}  {a}  ~  {b}", pair.cosine))?;
    }
    Ok(())
}

fn totals(out: &mut Output, summary: &Summary) -> Result<()> {
    let Summary { device, report, elapsed, .. } = summary;
    let cycles = report.cycles.map_or_else(String::new, |c| format!(", {} cycles", grouped(c)));
    out.line(format_args!(
        "\n{}  {} texts, {} tokens in {}: {} submissions, {} instructions, {} MACs, {} moved{cycles}",
        heading(device),
        grouped(report.sequences),
        grouped(report.tokens),
        duration(*elapsed),
        grouped(report.submissions),
        grouped(report.instructions),
        scaled(report.macs),
        bytes(report.bytes),
    ))
}
