//! Where the multipliers and block RAMs of the accelerator lie on an LFE5U-85F.
//!
//! A placer that is free to choose scatters them, and the wires between them fill the part: n8 could not be routed so. The
//! machine is N lanes beside each other, lane 0 on the left, and the data goes down: the rows below alternate between the
//! array and SPAD, then ACC, the lanes' multipliers, their FIFOs and the rest of the memories, and the parameters. All other
//! cells find their place between them by themselves.

pub mod picture;

use super::Error;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use systole_isa::HwConfig;

/// Cells by name, and the site where each belongs.
pub(super) type Floorplan = BTreeMap<String, String>;

/// Columns of the groups of four blocks; multipliers and block RAMs have the same.
const GROUPS: [u32; 13] = [4, 13, 22, 31, 40, 49, 58, 69, 78, 87, 96, 105, 114];
/// Blocks in a row.
const SITES: usize = 4 * GROUPS.len();

/// A kind of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Multiplier,
    Memory,
}
use Kind::{Memory, Multiplier};

impl Kind {
    /// The site number `index` of row `y`, as nextpnr calls it.
    fn bel(self, y: u32, index: usize) -> String {
        let (x, block) = (GROUPS[index / 4], index as u32 % 4);
        match self {
            Memory => format!("X{}/Y{y}/EBR{block}", x + 2 * block),
            // A group of four lies on tiles 0, 1, 4 and 5 of nine.
            Multiplier => format!("X{}/Y{y}/MULT18_{}", x + [0, 1, 4, 5][block as usize], [0, 1, 4, 5][block as usize]),
        }
    }
}

/// A block and where it wants to be.
#[derive(Debug)]
struct Wish {
    cell: String,
    kind: Kind,
    /// Row of the part.
    y: u32,
    /// Distance from the left, in hundredths of a lane.
    at: usize,
}

/// Writes the design that Yosys made once more, each block of the plan with its site.
///
/// # Errors
/// [`Error::Io`] for the files, [`Error::Floorplan`] when the design has no cell of a name.
pub(super) fn apply(plan: &Floorplan, from: &Path, to: &Path) -> Result<(), Error> {
    let reader = BufReader::new(File::open(from).map_err(Error::io(from))?);
    let mut writer = BufWriter::new(File::create(to).map_err(Error::io(to))?);
    let mut left: BTreeMap<&str, &str> = plan.iter().map(|(cell, bel)| (cell.as_str(), bel.as_str())).collect();
    // Yosys writes a name and a brace, and the attributes some lines below.
    let (mut site, mut inside) = (None, false);
    for line in reader.lines() {
        let line = line.map_err(Error::io(from))?;
        if inside && let Some(bel) = site.take() {
            let comma = if line.trim_start().starts_with('}') { "" } else { "," };
            writeln!(writer, "\"BEL\": \"{bel}\"{comma}").map_err(Error::io(to))?;
        }
        inside = line.trim() == "\"attributes\": {";
        if let Some(name) = line.trim().strip_prefix('"').and_then(|t| t.strip_suffix("\": {")) {
            site = left.remove(name).or(site);
        }
        writeln!(writer, "{line}").map_err(Error::io(to))?;
    }
    writer.flush().map_err(Error::io(to))?;
    match left.first_key_value() {
        Some((cell, _)) => Err(Error::Floorplan { cell: (*cell).to_owned(), missing: left.len() }),
        None => Ok(()),
    }
}

/// Every block with its site; none for a configuration that does not fit.
pub(super) fn plan(config: &HwConfig) -> Floorplan {
    if config.n != 8 {
        return Floorplan::new();
    }
    let mut wishes = wishes(config);
    wishes.sort_by_key(|w| (w.kind, w.y, w.at));
    let whole = 100 * config.n as usize;
    let mut places = Floorplan::new();
    for row in wishes.chunk_by(|a, b| (a.kind, a.y) == (b.kind, b.y)) {
        // Each as near to its wish as the order from left to right lets it.
        let mut sites: Vec<usize> = Vec::new();
        for wish in row {
            let next = sites.last().map_or(0, |last| last + 1);
            sites.push((wish.at * SITES / whole).max(next));
        }
        let mut limit = SITES - 1;
        for site in sites.iter_mut().rev() {
            *site = limit.min(*site);
            limit = site.saturating_sub(1);
        }
        places.extend(row.iter().zip(sites).map(|(w, site)| (w.cell.clone(), w.kind.bel(w.y, site))));
    }
    places
}

fn wishes(config: &HwConfig) -> Vec<Wish> {
    let n = config.n as usize;
    let mut wishes = Vec::new();
    let at_site = |site: usize| (site * 100 * n).div_ceil(SITES);
    let mut wish =
        |kind, y, at, cell: String| wishes.push(Wish { cell: format!("u_board.u_systole.u_core.{cell}"), kind, y, at });

    // A group of four multipliers has room for four clock enables: it takes two rows and two columns of the array, which
    // share an enable for each row. A pair of columns has two groups in either row of the part.
    for (k, column) in (0..n).flat_map(|k| (0..n).map(move |c| (k, c))) {
        let (pair, half) = (column / 2, k / 2 % 2);
        let group = ((4 * pair + 2 * half + 1) * GROUPS.len()) / (2 * n);
        let site = 4 * group + 2 * (k % 2) + column % 2;
        wish(
            Multiplier,
            if k < n / 2 { 10 } else { 34 },
            at_site(site),
            format!(
                "u_gemm.u_array.g_row[{k}].g_pair[{pair}].u_pe.u_mult.g_generic.g_column[{}].u_block.u_mult",
                column % 2
            ),
        );
    }
    for lane in 0..n {
        let at = 100 * lane;
        let own = format!("u_vector.g_lane[{lane}].u_lane");
        for slice in 0..3 {
            wish(Multiplier, 58, at + 20, format!("{own}.u_row_mult.g_slice[{slice}].u_block.u_mult"));
        }
        for slice in 0..2 {
            wish(Multiplier, 58, at + 50, format!("{own}.u_channel_mult.g_slice[{slice}].u_block.u_mult"));
            wish(Memory, 82, at + 50, format!("{own}.u_function.u_rom.mem.0.{slice}"));
        }
        wish(Multiplier, 58, at + 90, format!("{own}.u_function.u_mult.g_slice[0].u_block.u_mult"));
        // The squares meet in an adder tree: they fill the gaps between the array's groups around the middle.
        let site = [14, 15, 24, 25, 26, 27, 36, 37][lane];
        wish(
            Multiplier,
            34,
            at_site(site),
            format!("u_vector.u_statistic.g_lane[{lane}].u_square.g_slice[0].u_block.u_mult"),
        );
    }

    // A few blocks of each bank find no room in the row of the others.
    let banks = |name: &str, banks: u32| (0..banks).map(|b| format!("{name}.g_bank[{b}].u_ram")).collect::<Vec<_>>();
    let mut memory = |name: &str, y: u32, elsewhere: &[usize], width: usize, words: u32| {
        let blocks = blocks(width, words);
        for block in 0..blocks {
            let y = if elsewhere.contains(&block) { 70 } else { y };
            wish(Memory, y, (200 * block + 100) * n / (2 * blocks), format!("{name}.mem_q.0.{block}"));
        }
    };
    for bank in banks("u_spad", config.spad_banks) {
        memory(&bank, 22, &[2, 8, 13], 8 * n, config.spad_words / config.spad_banks);
    }
    for bank in banks("u_acc", config.acc_banks) {
        memory(&bank, 46, &[4, 11], 32 * n, config.acc_words / config.acc_banks);
    }
    memory("u_vector.u_aux.g_block.u_ram", 70, &[], 32 * n, 32);
    memory("u_vector.u_out.u_ram", 70, &[], 32 * n, 64);
    memory("u_vector.u_param", 82, &[], 54 * n, config.param_words);
    wishes
}

/// Block RAMs beside each other that a memory takes; Yosys cuts it from the lowest bits on.
const fn blocks(width: usize, words: u32) -> usize {
    width.div_ceil(match words {
        0..=512 => 36,
        513..=1024 => 18,
        1025..=2048 => 9,
        2049..=4096 => 4,
        4097..=8192 => 2,
        _ => 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use systole_isa::config::{N8, N16};

    #[test]
    fn every_block_has_a_site_of_its_own() {
        let places = plan(&N8);
        let sites: BTreeSet<_> = places.values().collect();
        assert_eq!(sites.len(), places.len());
        let multipliers = sites.iter().filter(|s| s.contains("MULT")).count();
        assert_eq!((multipliers, places.len() - multipliers), (64 + 56, 64 + 60 + 16 + 12 + 16));
    }

    #[test]
    fn a_group_of_multipliers_has_the_clock_enables_of_two_rows_at_most() {
        let mut rows: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (cell, bel) in plan(&N8) {
            let Some(row) = cell.split_once("g_row[").and_then(|(_, rest)| rest.split(']').next()) else { continue };
            let mut place = bel.split('/');
            let x: u32 = place.next().unwrap()[1..].parse().unwrap();
            let group = GROUPS.iter().rposition(|start| *start <= x);
            rows.entry((group, place.next().unwrap().to_owned())).or_default().insert(row.to_owned());
        }
        assert_eq!(rows.len(), 16);
        assert!(rows.values().all(|r| r.len() == 2), "{rows:?}");
    }

    #[test]
    fn lanes_lie_beside_each_other() {
        let x = |cell: &str| -> u32 {
            let (_, bel) = plan(&N8).into_iter().find(|(c, _)| c.ends_with(cell)).expect(cell);
            bel.split('/').next().unwrap()[1..].parse().unwrap()
        };
        for lane in 1..8 {
            let mult = |l: usize| x(&format!("g_lane[{l}].u_lane.u_function.u_mult.g_slice[0].u_block.u_mult"));
            assert!(mult(lane - 1) + 9 <= mult(lane));
        }
        assert!(x("u_acc.g_bank[0].u_ram.mem_q.0.14") > 100 && x("u_spad.g_bank[3].u_ram.mem_q.0.0") < 20);
    }

    #[test]
    fn a_configuration_that_does_not_fit_has_none() {
        assert_eq!(plan(&N16), Floorplan::new());
    }

    #[test]
    fn a_block_gets_its_site_and_a_missing_one_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("a.json"), directory.path().join("b.json"));
        let cell = |name: &str, attribute: &str| {
            format!("\"{name}\": {{\n\"parameters\": {{\n}},\n\"attributes\": {{\n{attribute}}}\n}}")
        };
        let (source, none) = ("\"src\": \"x\"\n", "");
        let cells = [cell("u[0].a", source), cell("u[1].a", source), cell("u[2].a", none)].join(",\n");
        std::fs::write(&from, format!("{{\n{cells}\n}}\n")).unwrap();
        let mut plan = Floorplan::from([
            ("u[1].a".to_owned(), "X4/Y10/MULT18_0".to_owned()),
            ("u[2].a".to_owned(), "X4/Y22/EBR0".to_owned()),
        ]);

        apply(&plan, &from, &to).unwrap();
        let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&to).unwrap()).unwrap();
        assert_eq!(json["u[0].a"]["attributes"], serde_json::json!({"src": "x"}));
        assert_eq!(json["u[1].a"]["attributes"], serde_json::json!({"BEL": "X4/Y10/MULT18_0", "src": "x"}));
        assert_eq!(json["u[2].a"]["attributes"], serde_json::json!({"BEL": "X4/Y22/EBR0"}));

        plan.insert("u[3].a".to_owned(), "X5/Y10/MULT18_1".to_owned());
        assert!(matches!(apply(&plan, &from, &to), Err(Error::Floorplan { cell, missing: 1 }) if cell == "u[3].a"));
    }
}
