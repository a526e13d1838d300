//! A program's contents, for people and as JSON.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use systole_driver::{Program, ProgramStatistics, Statistics};
use systole_isa::Unit;

use crate::output::{Output, plain};
use crate::view::heading;
use crate::view::table::{bar, table};
use crate::view::units::{bytes, grouped, scaled};

/// Everything `inspect` and `compile` report.
#[derive(Serialize)]
pub struct Summary<'a> {
    file: &'a str,
    bytes: u64,
    config: &'static str,
    abi_hash: String,
    tokens: u32,
    batch: u32,
    total: Work,
    regions: Vec<Region<'a>>,
    /// By layer and operation, in the order of their first appearance.
    operations: Vec<Operation<'a>>,
}

#[derive(Serialize)]
struct Region<'a> {
    index: usize,
    name: &'a str,
    bytes: u32,
    writable: bool,
    initialised: bool,
}

#[derive(Serialize)]
struct Operation<'a> {
    layer: Option<u16>,
    op: &'a str,
    #[serde(flatten)]
    work: Work,
}

/// [`Statistics`] by name.
#[derive(Serialize, Clone, Debug, Default)]
struct Work {
    instructions: BTreeMap<&'static str, u64>,
    macs: u64,
    bytes_loaded: u64,
    bytes_stored: u64,
    vector_elements: u64,
}

impl Work {
    fn new(s: &Statistics) -> Self {
        Self {
            instructions: Unit::ALL.iter().map(|&u| (u.name(), s.of_unit(u))).filter(|(_, n)| *n > 0).collect(),
            macs: s.macs,
            bytes_loaded: s.bytes_loaded,
            bytes_stored: s.bytes_stored,
            vector_elements: s.vector_elements,
        }
    }

    fn count(&self) -> u64 {
        self.instructions.values().sum()
    }

    /// A damaged or hostile program can have counts that no sum of which fits.
    fn add(&mut self, other: &Self) {
        for (unit, n) in &other.instructions {
            *self.instructions.entry(unit).or_default() += n;
        }
        self.macs = self.macs.saturating_add(other.macs);
        self.bytes_loaded = self.bytes_loaded.saturating_add(other.bytes_loaded);
        self.bytes_stored = self.bytes_stored.saturating_add(other.bytes_stored);
        self.vector_elements = self.vector_elements.saturating_add(other.vector_elements);
    }
}

/// An operation's name for people: `layer 3 ffn.up`.
pub fn label(layer: Option<u16>, op: &str) -> String {
    layer.map_or_else(|| op.to_owned(), |layer| format!("layer {layer} {op}"))
}

impl<'a> Summary<'a> {
    /// Summarises a program that is `bytes` long as a file.
    pub fn new(file: &'a str, bytes: u64, program: &'a Program, statistics: &ProgramStatistics) -> Self {
        let tag = |index: usize| index.checked_sub(1).and_then(|t| program.tags.get(t));
        let operations = statistics.by_tag.iter().enumerate().map(|(index, s)| Operation {
            layer: tag(index).and_then(|t| t.layer),
            op: tag(index).map_or("untagged", |t| &t.op),
            work: Work::new(s),
        });
        let used = program.regions.iter().enumerate().filter(|(_, r)| r.size > 0);
        Self {
            file,
            bytes,
            config: program.config.name,
            abi_hash: format!("{:#018x}", program.abi_hash),
            tokens: program.tokens,
            batch: program.batch,
            total: Work::new(&statistics.total),
            regions: used
                .map(|(index, r)| Region {
                    index,
                    name: &r.name,
                    bytes: r.size,
                    writable: r.writable,
                    initialised: r.initialised,
                })
                .collect(),
            operations: operations.filter(|o| o.work.count() > 0).collect(),
        }
    }

    /// One line about the whole.
    pub fn headline(&self) -> String {
        let Self { config, tokens, batch, total, .. } = self;
        format!(
            "{}  {} for {config}, {tokens} tokens x {batch}: {} instructions, {} MACs, {} loaded, {} stored",
            heading(&plain(self.file)),
            bytes(self.bytes),
            grouped(total.count()),
            scaled(total.macs),
            bytes(total.bytes_loaded),
            bytes(total.bytes_stored),
        )
    }

    /// Writes the report, by layer or summed over the layers.
    pub fn show(&self, out: &mut Output, by_layer: bool) -> std::io::Result<()> {
        out.line(self.headline())?;
        out.line(format_args!("contract {}\n", self.abi_hash))?;
        let mut regions = table(&[">region", "name", ">size", "access"]);
        for r in &self.regions {
            let access = match (r.initialised, r.writable) {
                (true, true) => "filled by the host, read and written",
                (true, false) => "filled by the host, read",
                (false, true) => "written by the program",
                (false, false) => "unused",
            };
            regions.add_row([r.index.to_string(), plain(r.name).into_owned(), bytes(r.bytes.into()), access.into()]);
        }
        out.line(regions.trim_fmt())?;
        out.line("")?;
        self.show_operations(out, by_layer)
    }

    fn show_operations(&self, out: &mut Output, by_layer: bool) -> std::io::Result<()> {
        let mut rows: Vec<(String, Work)> = Vec::new();
        let mut known = HashMap::new();
        // END belongs to no unit, and to no operation of the model.
        let of_units =
            self.operations.iter().filter(|o| o.work.instructions.keys().any(|u| *u != Unit::Control.name()));
        for Operation { layer, op, work } in of_units {
            let name = if by_layer { label(*layer, op) } else { (*op).to_owned() };
            let row = *known.entry(name.clone()).or_insert_with(|| {
                rows.push((name, Work::default()));
                rows.len() - 1
            });
            rows[row].1.add(work);
        }
        rows.push(("total".to_owned(), self.total.clone()));
        let mut table = table(&[
            "operation",
            ">load",
            ">gemm",
            ">vector",
            ">store",
            ">MACs",
            ">loaded",
            ">stored",
            "share of MACs",
        ]);
        for (name, work) in &rows {
            let unit = |unit: Unit| grouped(work.instructions.get(unit.name()).copied().unwrap_or(0));
            let [load, gemm, vector, store] = Unit::QUEUED.map(unit);
            let share =
                if name == "total" { String::new() } else { bar(work.macs as f64 / self.total.macs as f64, 16) };
            let (macs, loaded, stored) = (scaled(work.macs), bytes(work.bytes_loaded), bytes(work.bytes_stored));
            table.add_row([plain(name).into_owned(), load, gemm, vector, store, macs, loaded, stored, share]);
        }
        out.line(table.trim_fmt())
    }
}
