//! What this process holds: file descriptors, mappings, resident memory.

use std::fs;

#[derive(Clone, Copy, Debug)]
pub struct Holdings {
    pub descriptors: usize,
    pub mappings: usize,
    pub resident_kib: usize,
}

impl Holdings {
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
        let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("Linux has it");
        Self {
            descriptors: fs::read_dir("/proc/self/fd").expect("Linux has it").count(),
            mappings: fs::read_to_string("/proc/self/maps").expect("Linux has it").lines().count(),
            resident_kib: resident.trim().trim_end_matches("kB").trim().parse().expect("a number of KiB"),
        }
    }
}
