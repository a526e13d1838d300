//! Opening and giving back boards leaves nothing behind. One test, so that nobody else opens files in this process.

use std::fs;
use std::path::Path;

use systole_driver::transport::{Kernel, Options, open_on};
use systole_isa::pci::{CLASS, DEVICE_ID, SUBSYSTEM_ID, SUBSYSTEM_VENDOR_ID, VENDOR_ID};
use systole_isa::register::MAGIC_VALUE;

/// A machine with one card that no driver holds.
fn lay_out(root: &Path) -> Kernel {
    let card = root.join("sys/bus/pci/devices/0000:00:04.0");
    fs::create_dir_all(&card).unwrap();
    let resource = "0xfea00000 0xfea00fff 0x40200\n0x0 0x0 0x0\n0x800000000 0x80000ffff 0x14220c\n";
    for (name, text) in [("resource", resource), ("enable", "0"), ("reset", "")] {
        fs::write(card.join(name), text).unwrap();
    }
    let ids = [
        ("vendor", VENDOR_ID),
        ("device", DEVICE_ID),
        ("subsystem_vendor", SUBSYSTEM_VENDOR_ID),
        ("subsystem_device", SUBSYSTEM_ID),
    ];
    for (name, id) in ids {
        fs::write(card.join(name), format!("{id:#06x}\n")).unwrap();
    }
    fs::write(card.join("class"), format!("{CLASS:#08x}\n")).unwrap();
    for (name, bytes) in [("config", 64), ("resource0", 4096), ("resource2", 65536)] {
        fs::write(card.join(name), vec![0; bytes]).unwrap();
    }
    let mut registers = vec![0; 4096];
    registers[..4].copy_from_slice(&MAGIC_VALUE.to_le_bytes());
    fs::write(card.join("resource0"), registers).unwrap();
    Kernel::under(root)
}

fn count(path: &str) -> usize {
    match fs::read_dir(path) {
        Ok(entries) => entries.count(),
        Err(_) => fs::read_to_string(path).unwrap().lines().filter(|line| line.contains("resource")).count(),
    }
}

#[test]
fn neither_descriptors_nor_mappings_nor_locks_are_left() {
    let root = tempfile::tempdir().unwrap();
    let kernel = lay_out(root.path());
    let (good, bad) = ("pci:0000:00:04.0".parse().unwrap(), "pci:0000:00:04.0,dma=host".parse().unwrap());
    let mut before = None;
    for _ in 0..100 {
        let mut device = open_on(&kernel, &good, Options::default()).unwrap();
        device.allocate(1000).unwrap();
        assert!(open_on(&kernel, &good, Options::default()).is_err(), "it is in use");
        assert_eq!(count("/proc/self/maps"), 2, "registers and memory");
        drop(device);
        assert!(open_on(&kernel, &bad, Options::default()).is_err(), "no huge pages");
        let now = (count("/proc/self/fd"), count("/proc/self/maps"));
        assert_eq!(*before.get_or_insert(now), now);
    }
    assert_eq!(before.map(|(_, maps)| maps), Some(0));
}
