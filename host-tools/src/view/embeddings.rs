//! What `run` shows people: the texts, how alike they are, and what it took.

use std::io::Result;
use std::time::Duration;

use crate::cmd::run::check::Check;
use crate::cmd::run::writer::{Answer, Entry};
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

/// What a run was and took.
pub struct Summary {
    /// The executor.
    pub device: String,
    /// The model, described.
    pub model: String,
    /// The session's counts.
    pub report: systole_runtime::Report,
    /// Time in the session: compiling, running and reading back.
    pub elapsed: Duration,
}

/// What is shown of the texts; memory does not grow with their number.
#[derive(Default)]
pub struct Report {
    /// The first [`COMPARED`].
    rows: Vec<Row>,
    /// All.
    texts: u64,
    refused: u64,
}

struct Row {
    text: String,
    /// Absent if the text was refused.
    answer: Option<Answer>,
}

impl Report {
    /// Takes note of a result.
    pub fn add(&mut self, Entry { text, outcome, .. }: Entry) {
        self.texts += 1;
        self.refused += u64::from(outcome.is_err());
        if self.rows.len() < COMPARED {
            self.rows.push(Row { text: text.unwrap_or_default(), answer: outcome.ok() });
        }
    }

    /// Writes the whole report, with the verdicts of checks; nothing if there is no result.
    pub fn show(&self, out: &mut Output, summary: &Summary, checks: &[Check], demo: bool) -> Result<()> {
        if self.refused == self.texts {
            return Ok(());
        }
        out.line(format_args!("{}  {}\n", heading("systole"), summary.model))?;
        self.texts(out)?;
        checks.iter().try_for_each(|check| checked(out, check))?;
        if self.texts - self.refused > 1 {
            self.similarities(out)?;
        }
        totals(out, summary)?;
        if demo {
            let hint = "these were examples; yours: systole run --text \"...\" --text \"...\", and systole run --help for more";
            out.line(dim(hint))?;
        }
        Ok(())
    }

    fn texts(&self, out: &mut Output) -> Result<()> {
        let checked = self.rows.iter().any(|r| r.answer.as_ref().is_some_and(|a| a.cosine.is_some()));
        let dimensions = self.rows.iter().find_map(|r| Some(r.answer.as_ref()?.embedding.len())).unwrap_or(0);
        let first = format!(">embedding ({dimensions})");
        let mut columns = vec![">#", "text", ">tokens", &first];
        if checked {
            columns.push(">cos fp32");
        }
        let mut table = table(&columns);
        let room = width().saturating_sub(if checked { 62 } else { 50 }).max(16);
        for (index, row) in self.rows.iter().take(ROWS).enumerate() {
            let mut cells = vec![(index + 1).to_string(), excerpt(&row.text, room)];
            match &row.answer {
                Some(answer) => {
                    cells.extend([answer.tokens.to_string(), beginning(&answer.embedding)]);
                    cells.extend(answer.cosine.map(|c| format!("{c:.5}")));
                }
                None => cells.extend([String::new(), "refused".to_owned()]),
            }
            table.add_row(cells);
        }
        out.line(table.trim_fmt())?;
        let hidden = self.texts.saturating_sub(ROWS as u64);
        if hidden > 0 {
            out.line(dim(&format!("and {hidden} more; --json gives them all")))?;
        }
        Ok(())
    }

    fn similarities(&self, out: &mut Output) -> Result<()> {
        // A text that was refused is like nothing, as one whose vector is zero.
        let vector = |row: &Row| row.answer.as_ref().map_or_else(Vec::new, |a| a.embedding.clone());
        let vectors: Vec<Vec<f32>> = self.rows.iter().map(vector).collect();
        let shown = vectors.len().min(MATRIX);
        out.line(format_args!("\n{}", heading("similarity (cosine in %)")))?;
        for line in matrix(&vectors[..shown], console::colors_enabled()) {
            out.line(line.trim_end())?;
        }
        let nearest = pairs(&vectors);
        let limited =
            if self.texts > COMPARED as u64 { format!(" (of the first {COMPARED} texts)") } else { String::new() };
        out.line(format_args!("\n{}", heading(&format!("nearest pairs{limited}"))))?;
        let room = (width().saturating_sub(16) / 2).max(16);
        for pair in nearest.iter().take(NEAREST) {
            let [a, b] = [pair.first, pair.second].map(|i| excerpt(&self.rows[i].text, room));
            out.line(format_args!("{:6.3}  {a}  ~  {b}", pair.cosine))?;
        }
        Ok(())
    }
}

fn beginning(embedding: &[f32]) -> String {
    let values: Vec<String> = embedding.iter().take(DIMENSIONS).map(|v| format!("{v:7.3}")).collect();
    let more = if embedding.len() > DIMENSIONS { " …" } else { "" };
    format!("{}{more}", values.join(" "))
}

/// Writes what became of results that went elsewhere.
pub fn brief(out: &mut Output, summary: &Summary, checks: &[Check]) -> Result<()> {
    checks.iter().try_for_each(|check| checked(out, check))?;
    totals(out, summary)
}

fn checked(out: &mut Output, check: &Check) -> Result<()> {
    let outcome = |failed| if failed == 0 { heading("passed") } else { alarm(&format!("{failed} FAILED")) };
    match check {
        Check::Fp32 { failed, bound, mean_cosine: mean, lowest_cosine: lowest, .. } => out.line(format_args!(
            "\ncheck against fp32: mean cosine {mean:.5}, lowest {lowest:.5}, bound {bound}: {}",
            outcome(*failed)
        )),
        Check::Sim { passed, texts } => out.line(format_args!(
            "\ncheck against sim: {} texts equal to the last bit: {}",
            texts.unwrap_or(0),
            outcome(usize::from(!passed))
        )),
    }
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
