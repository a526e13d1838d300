//! Runs one proof with SymbiYosys in a directory of its own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;
use systole_bitgen::bitstream::tools::Tool;
use systole_isa::HwConfig;

/// How far a proof reaches.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// For all time, by induction over this many cycles.
    Induction(u32),
    /// For this many cycles after reset.
    Bound(u32),
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Induction(depth) => write!(f, "induction, depth {depth}"),
            Self::Bound(depth) => write!(f, "bounded, {depth} cycles"),
        }
    }
}

/// A wrong version of the RTL.
#[derive(Debug)]
pub struct Fault {
    /// Below `rtl/`.
    pub file: &'static str,
    /// Text that occurs there once.
    pub right: &'static str,
    /// What stands there instead.
    pub wrong: &'static str,
}

/// A harness and the modules it proves.
#[derive(Debug)]
pub struct Proof {
    /// Module and file under `formal/`.
    pub top: &'static str,
    /// Files below `rtl/`.
    pub sources: &'static [&'static str],
    /// Proven for each: what depends on the bus for all of them.
    pub configs: &'static [&'static HwConfig],
    /// Reach.
    pub mode: Mode,
    /// Must fail with each of them.
    pub faults: &'static [Fault],
}

/// What SymbiYosys says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Proven.
    Pass,
    /// A counterexample from reset.
    Fail,
    /// The induction fails or the tool broke.
    Unknown,
}

/// Verdict, time and what was printed.
pub struct Outcome {
    pub verdict: Verdict,
    pub seconds: f64,
    pub log: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file below `rtl/`.
pub fn rtl(file: &str) -> String {
    let path = root().join("rtl").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The file with the fault in it.
pub fn planted(fault: &Fault) -> String {
    let text = rtl(fault.file);
    assert_eq!(text.matches(fault.right).count(), 1, "{}: `{}` must occur once", fault.file, fault.right);
    text.replace(fault.right, fault.wrong)
}

/// Without concurrent assertions, which the front end does not read.
fn without_assertions(text: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside |= line.trim_start().starts_with("assert property");
        if !inside {
            kept.push_str(line);
        }
        kept.push('\n');
        inside &= !line.trim_end().ends_with(';');
    }
    kept
}

/// How far from reset a planted fault is looked for, where the proof itself is by induction.
const SEARCH: u32 = 16;

fn script(proof: &Proof, files: &[String], faulty: bool) -> String {
    let (mode, depth) = match proof.mode {
        // A failing induction says little: a fault must show in a run from reset.
        Mode::Induction(_) if faulty => ("bmc", SEARCH),
        Mode::Induction(depth) => ("prove", depth),
        Mode::Bound(depth) => ("bmc", depth),
    };
    let top = proof.top;
    format!(
        "[options]\nmode {mode}\ndepth {depth}\n[engines]\nsmtbmc yices\n[script]\n\
         read_slang --threads 1 --top {top} {}\nprep -top {top}\nasync2sync\n[files]\n{}\n",
        files.join(" "),
        files.join("\n")
    )
}

/// Runs a proof, on the RTL of a configuration as it is or with a fault in it.
pub fn run(proof: &Proof, config: &HwConfig, fault: Option<&Fault>) -> Outcome {
    let fault_name = fault.map_or_else(String::new, |f| {
        format!("_{}", proof.faults.iter().position(|g| std::ptr::eq(f, g)).unwrap_or(0))
    });
    let name = format!("{}_{}{fault_name}", proof.top, config.name);
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("formal").join(name);
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("the target directory can be written");
    let package = format!("generated/{}/systole_cfg_pkg.sv", config.name);
    let packages = ["generated/systole_pkg.sv", &package];
    let mut files = Vec::new();
    for file in packages.iter().chain(proof.sources).copied() {
        let text = match fault {
            Some(fault) if fault.file == file => planted(fault),
            _ => rtl(file),
        };
        let name = file.rsplit('/').next().expect("not empty").to_owned();
        std::fs::write(directory.join(&name), without_assertions(&text)).expect("can be written");
        files.push(name);
    }
    let harness = format!("{}.sv", proof.top);
    std::fs::copy(root().join("formal").join(&harness), directory.join(&harness)).expect("the harness is there");
    files.push(harness);
    std::fs::write(directory.join("proof.sby"), script(proof, &files, fault.is_some())).expect("can be written");

    let tool = |tool: Tool| tool.find().unwrap_or_else(|e| panic!("{e}"));
    let mut command = Tool::Sby.command().unwrap_or_else(|e| panic!("{e}"));
    tool(Tool::Yices);
    let start = Instant::now();
    let output = command
        .current_dir(&directory)
        .arg("--yosys")
        .arg(tool(Tool::Yosys))
        .arg("--smtbmc")
        .arg(tool(Tool::Smtbmc))
        .arg("--witness")
        .arg(tool(Tool::Witness))
        .args(["-f", "proof.sby"])
        .output()
        .expect("SymbiYosys starts");
    let log = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let verdict = match output.status.code() {
        Some(0) => Verdict::Pass,
        Some(2) => Verdict::Fail,
        _ => Verdict::Unknown,
    };
    Outcome { verdict, seconds: start.elapsed().as_secs_f64(), log }
}
