//! SIGINT and SIGTERM: boards are stopped and cut off from memory, what is there is written, no child is left.

mod support;

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::{Ended, command, json_lines, systole, tiny};
use systole_isa::config::N8;
use systole_isa::pci;
use systole_isa::register::{self, MAGIC_VALUE, Register};

const CARD: &str = "sys/bus/pci/devices/0000:00:04.0";
/// Its own memory keeps huge pages, which files cannot play, out of it.
const DEVICE: &str = "pci:0000:00:04.0,dma=local";
const LOCAL_BYTES: u64 = 64 << 20;
/// In the command register.
const BUS_MASTER: u8 = 4;
/// In STATUS.
const BUSY: u32 = 1;
/// Nothing here takes so long; a busy computer may.
const PATIENCE: Duration = Duration::from_secs(60);

/// A machine with one card, made of files: it answers, and completes nothing.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(machine.path("")).unwrap();
        let resource = format!(
            "0x00000000febf0000 0x00000000febf0fff 0x0000000000040200\n{}0x0000000800000000 {:#018x} 0x000000000014220c\n",
            "0x0000000000000000 0x0000000000000000 0x0000000000000000\n",
            0x8_0000_0000 + LOCAL_BYTES - 1
        );
        let texts = [("vendor", "0x1234\n"), ("device", "0x5953\n"), ("class", "0x120000\n"), ("enable", "0\n")];
        for (name, text) in texts.into_iter().chain([("resource", &*resource)]) {
            std::fs::write(machine.path(name), text).unwrap();
        }
        for (name, id) in [("subsystem_vendor", pci::SUBSYSTEM_VENDOR_ID), ("subsystem_device", pci::SUBSYSTEM_ID)] {
            std::fs::write(machine.path(name), format!("{id:#06x}\n")).unwrap();
        }
        std::fs::write(machine.path("config"), [0; 64]).unwrap();
        File::create(machine.path("resource0")).unwrap().set_len(4096).unwrap();
        File::create(machine.path("resource2")).unwrap().set_len(LOCAL_BYTES).unwrap();
        machine.set(register::MAGIC, MAGIC_VALUE);
        machine.set(register::ABI_HASH_LO, systole_isa::ABI_HASH as u32);
        machine.set(register::ABI_HASH_HI, (systole_isa::ABI_HASH >> 32) as u32);
        machine.set(register::CONFIG_ID, N8.id);
        machine.set(register::CONFIG_ARRAY, N8.n | N8.bus_bytes << 8 | N8.queue_depth << 16);
        machine.set(register::CONFIG_SPAD, N8.spad_words);
        machine.set(register::CONFIG_ACC, N8.acc_words);
        machine.set(register::CONFIG_PARAM_ROW, N8.param_words | N8.row_entries << 16);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(CARD).join(name)
    }

    fn set<K>(&self, register: Register<K>, value: u32) {
        let window = OpenOptions::new().write(true).open(self.path("resource0")).unwrap();
        window.write_all_at(&value.to_le_bytes(), register.offset.into()).unwrap();
    }

    fn get<K>(&self, register: Register<K>) -> u32 {
        let mut bytes = [0; 4];
        File::open(self.path("resource0")).unwrap().read_exact_at(&mut bytes, register.offset.into()).unwrap();
        u32::from_le_bytes(bytes)
    }

    fn is_bus_master(&self) -> bool {
        std::fs::read(self.path("config")).unwrap()[4] & BUS_MASTER != 0
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let mut command = command();
        command.args(arguments).env("SYSTOLE_SYSROOT", self.0.path()).env("SYSTOLE_CACHE", self.0.path().join("cache"));
        start(&mut command)
    }

    /// It was stopped, may not use memory, and is switched off.
    #[track_caller]
    fn assert_given_back(&self) {
        assert!(!self.is_bus_master(), "it may still use memory");
        assert_eq!((self.get(register::CONTROL), self.get(register::IRQ_ENABLE)), (0, 0));
        assert_eq!(std::fs::read_to_string(self.path("enable")).unwrap(), "0");
    }
}

struct Running(Child);

fn start(command: &mut Command) -> Running {
    Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

impl Running {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }

    /// Waits until something holds while it runs.
    #[track_caller]
    fn until(&mut self, holds: impl Fn() -> bool) {
        let started = Instant::now();
        while !holds() {
            assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}");
            if let Some(status) = self.0.try_wait().unwrap() {
                let mut errors = String::new();
                self.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
                panic!("it ended early with {status}: {errors}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn end(mut self) -> Ended {
        let started = Instant::now();
        while self.0.try_wait().unwrap().is_none() && started.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
        // Too late if it is still there.
        let _ = self.0.kill();
        let output = self.0.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn end_by(self, signal: Signal) -> Ended {
        self.signal(signal);
        self.end()
    }
}

/// It ended in order and says so, as text or as JSON.
#[track_caller]
fn assert_interrupted(ended: &Ended, code: i32) {
    let json = format!("{{\"kind\":\"interrupted\",\"message\":\"interrupted\",\"exit_code\":{code}}}");
    assert!(ended.code == Some(code) && ended.stderr.lines().count() == 1, "{ended:?}");
    assert!(ended.stderr == "error: interrupted\n" || ended.stderr.contains(&json), "{}", ended.stderr);
}

#[test]
fn a_run_that_is_interrupted_gives_its_board_back_and_writes_trace_and_recording() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let machine = Machine::new();
        let at = |name: &str| machine.0.path().join(name).to_str().unwrap().to_owned();
        let (trace, record) = (at("run.json"), at("run.rec"));
        let mut run = machine.start(&[
            "run",
            "--device",
            DEVICE,
            "--text",
            "one cat",
            "--deadline",
            "600",
            "--trace",
            &trace,
            "--record",
            &record,
        ]);
        run.until(|| machine.get(register::SQ_TAIL) == 1);
        assert!(machine.is_bus_master() && machine.get(register::CONTROL) == 1);
        let ended = run.end_by(signal);
        assert_interrupted(&ended, code);
        machine.assert_given_back();
        let trace: Value = serde_json::from_slice(&std::fs::read(&trace).unwrap()).unwrap();
        assert!(trace["traceEvents"].as_array().unwrap().iter().any(|e| e["name"] == "submit"));
        let events = systole(["replay", "--events", &record]).ok();
        // The doorbell may be too long ago: this interrupt is always raised, so the host looks without a pause.
        assert!(events.contains("wait for the interrupt: raised"), "{events}");
    }
}

#[test]
fn every_wait_for_a_board_can_be_interrupted() {
    let waiting = |machine: &Machine| machine.get(register::CONTROL) == 0 && machine.is_bus_master();
    let running = |machine: &Machine| machine.get(register::SQ_TAIL) == 1;
    type Ready = fn(&Machine) -> bool;
    let commands: [(&[&str], u32, Ready); 3] = [
        (&["reset", "--level", "soft", "--wait", "600"], BUSY, waiting),
        (&["validate"], 0, running),
        (&["validate", "--quick", "--json"], 0, running),
    ];
    for (arguments, status, ready) in commands {
        let machine = Machine::new();
        machine.set(register::STATUS, status);
        let mut running = machine.start(&[arguments, &["--device", DEVICE]].concat());
        running.until(|| ready(&machine));
        let ended = running.end_by(Signal::SIGINT);
        // Between two items `validate` holds no board, and just ends.
        assert_eq!(ended.code, Some(130), "{arguments:?}: {ended:?}");
        machine.assert_given_back();
    }
}

#[test]
fn a_second_signal_ends_it_at_once_and_says_what_is_left() {
    let machine = Machine::new();
    let mut run = machine.start(&["run", "--device", DEVICE, "--text", "one cat", "--deadline", "600"]);
    run.until(|| machine.get(register::SQ_TAIL) == 1);
    // No reset helps, so that stopping it takes a second.
    machine.set(register::STATUS, BUSY);
    run.signal(Signal::SIGINT);
    let ended = run.end_by(Signal::SIGTERM);
    assert_eq!(ended.code, Some(143));
    let board = format!(
        "ended at once: the engine of {DEVICE} may still run and its bus mastering be on; `systole reset --device {DEVICE}` \
         ends both\n"
    );
    assert!(ended.stderr.contains(&board), "{}", ended.stderr);
    assert!(ended.stderr.contains("what the run had not written is lost"), "{}", ended.stderr);
    assert!(machine.is_bus_master(), "it says so");
    // As it is told.
    machine.set(register::STATUS, 0);
    machine.start(&["reset", "--device", DEVICE]).end().ok();
    machine.assert_given_back();
}

/// Whether every thread waits for something.
fn all_sleep(pid: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|task| task.unwrap().path());
    let stat = |task: PathBuf| std::fs::read_to_string(task.join("stat")).unwrap_or_default();
    let mut states = tasks.map(|task| stat(task).rsplit(')').next().unwrap_or_default().trim().starts_with('S'));
    states.all(|sleeps| sleeps)
}

#[test]
fn results_that_are_there_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("results.jsonl");
    std::fs::write(&file, "older").unwrap();
    let output = ["-o", file.to_str().unwrap()];
    for (json, options) in [(true, &["--json"][..]), (false, &[]), (false, &output)] {
        let mut command = command();
        command.args(["run", "--input", "-"]).args(options);
        let mut run =
            Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let mut input = run.0.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, b"one cat\n").unwrap();
        // It waits for another text, which does not come.
        let (pid, looks) = (run.0.id(), Cell::new(0));
        run.until(|| {
            looks.set(if all_sleep(pid) { looks.get() + 1 } else { 0 });
            looks.get() > 100
        });
        let ended = run.end_by(Signal::SIGINT);
        if options == output {
            assert_eq!(ended.code, Some(130));
            let part = directory.path().join("results.part.jsonl");
            assert_eq!(json_lines(&std::fs::read_to_string(&part).unwrap())[0]["text"], "one cat");
            assert!(ended.stderr.contains("results.part.jsonl has the results that were there"), "{}", ended.stderr);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "older");
        } else if json {
            assert_interrupted(&ended, 130);
            assert_eq!(json_lines(&ended.stdout)[0]["text"], "one cat");
        } else {
            assert_interrupted(&ended, 130);
            assert!(ended.stdout.contains("one cat"), "{}", ended.stdout);
        }
        drop(input);
    }
}

#[test]
fn what_holds_nothing_just_ends() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("board.socket");
    let mut serve = start(command().args(["virtual-board", "--socket"]).arg(&socket));
    serve.until(|| socket.exists());
    assert_eq!(serve.end_by(Signal::SIGTERM).code, Some(143));
    assert!(!socket.exists());

    let output = directory.path().join("tiny.systole");
    // A pipe without a writer, so that it is certainly not done.
    let texts = directory.path().join("texts");
    assert!(Command::new("mkfifo").arg(&texts).status().unwrap().success());
    let mut quantize =
        start(command().arg("quantize").arg(tiny()).arg("-o").arg(&output).arg("--calibration").arg(&texts));
    let watched = PathBuf::from(format!("/proc/{}/task", quantize.0.id()));
    quantize.until(|| std::fs::read_dir(&watched).is_ok_and(|tasks| tasks.count() > 1));
    let ended = quantize.end_by(Signal::SIGINT);
    assert_eq!((ended.code, &*ended.stderr), (Some(130), ""));
    assert!(!output.exists());
}

/// A program that notes its number and that of a child, and does not end.
fn sleeper(path: &Path, notes: &Path, before: &str) {
    let script =
        format!("#!/bin/sh\n{before}\nsleep 600 &\necho $$ $! > {0}.new && mv {0}.new {0}\nwait\n", notes.display());
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Whether processes are there, but for those that have ended and that nobody has waited for.
fn alive(notes: &str) -> Vec<bool> {
    let state = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let lives = |stat: String| !stat.rsplit(')').next().unwrap().trim().starts_with('Z');
    notes.split_whitespace().map(|pid| state(pid).is_some_and(lives)).collect()
}

#[track_caller]
fn assert_gone(notes: &str) {
    let started = Instant::now();
    while alive(notes).contains(&true) {
        assert!(started.elapsed() < PATIENCE, "{notes}: {:?}", alive(notes));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn no_compiler_outlives_the_command() {
    for (signal, code) in [(Signal::SIGINT, Some(130)), (Signal::SIGTERM, Some(143)), (Signal::SIGKILL, None)] {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("include")).unwrap();
        std::fs::write(at("include/verilated.cpp"), "").unwrap();
        let root = format!("case $1 in --getenv) echo {}; exit;; esac", directory.path().display());
        sleeper(&at("verilator"), &at("notes"), &root);
        let mut command = command();
        command.env("SYSTOLE_VERILATOR", at("verilator")).env("SYSTOLE_CACHE", at("cache"));
        let mut run = start(command.args(["run", "--device", "rtl:n8", "--text", "a"]));
        run.until(|| at("notes").exists());
        let notes = std::fs::read_to_string(at("notes")).unwrap();
        assert_eq!(alive(&notes), [true, true]);
        assert_eq!(run.end_by(signal).code, code);
        let (leader, child) = notes.trim().split_once(' ').unwrap();
        assert_gone(leader);
        if signal == Signal::SIGKILL {
            // The kernel ends the program, and nobody what it started.
            kill(Pid::from_raw(child.parse().unwrap()), Signal::SIGKILL).unwrap();
        } else {
            assert_gone(child);
        }
    }
}

#[test]
fn an_interrupted_guest_leaves_neither_qemu_nor_cards() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::create_dir_all(at("modules/kernel/drivers/uio")).unwrap();
    std::fs::write(at("modules/kernel/drivers/uio/uio.ko"), "").unwrap();
    std::fs::create_dir(at("tmp")).unwrap();
    sleeper(&at("qemu"), &at("notes"), "case \"$*\" in \"-device help\") echo 'name \"vfio-user-pci\"'; exit;; esac");
    let mut command = command();
    command.env("SYSTOLE_QEMU", at("qemu")).env("SYSTOLE_KERNEL", "/dev/null").env("SYSTOLE_MODULES", at("modules"));
    let mut test = start(command.env("TMPDIR", at("tmp")).args(["virtual-board", "test", "--transports", "uio"]));
    test.until(|| at("notes").exists());
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", test.0.id())).unwrap();
    let notes = std::fs::read_to_string(at("notes")).unwrap() + &children;
    assert!(alive(&notes).len() >= 4 && !alive(&notes).contains(&false), "QEMU, its child and a card: {notes}");
    let ended = test.end_by(Signal::SIGINT);
    assert_interrupted(&ended, 130);
    assert_gone(&notes);
    assert_eq!(std::fs::read_dir(at("tmp")).unwrap().count(), 0, "nor files");
}
