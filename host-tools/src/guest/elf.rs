//! What of an executable the kernel loads, and who links it at its start.

use std::ops::Range;

/// Type of a program header: bytes to map.
const PT_LOAD: u32 = 1;
/// Type of a program header: the path of the dynamic linker.
const PT_INTERP: u32 = 3;
/// Bytes of the file header.
const HEADER: usize = 64;

/// An executable cut down to what is loaded: its debug information, many times larger, stands behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The file, complete for the kernel and the dynamic linker.
    pub bytes: Vec<u8>,
    /// Path of the dynamic linker, unless it is linked statically.
    pub interpreter: Option<String>,
}

/// Cuts an executable of 64 bits, little-endian; `None` if it is something else.
pub fn loaded(file: &[u8]) -> Option<Loaded> {
    if file.len() < HEADER || !file.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) = (word(file, 32)?, half(file, 54)?, half(file, 56)?);
    let mut end = HEADER;
    let mut interpreter = None;
    for index in 0..usize::from(count) {
        let header = table.checked_add(index.checked_mul(usize::from(size))?)?;
        let kind = u32::from_le_bytes(file.get(header..header.checked_add(4)?)?.try_into().ok()?);
        let range = range(word(file, header.checked_add(8)?)?, word(file, header.checked_add(32)?)?)?;
        match kind {
            PT_LOAD => end = end.max(range.end),
            PT_INTERP => {
                let path = file.get(range)?.strip_suffix(b"\0")?;
                interpreter = Some(String::from_utf8(path.to_vec()).ok()?);
            }
            _ => {}
        }
    }
    let mut bytes = file.get(..end)?.to_vec();
    // The section headers stood behind as well: their offset, and their number and the index of their names.
    bytes[40..48].fill(0);
    bytes[60..64].fill(0);
    Some(Loaded { bytes, interpreter })
}

fn range(start: usize, bytes: usize) -> Option<Range<usize>> {
    Some(start..start.checked_add(bytes)?)
}

fn word(file: &[u8], at: usize) -> Option<usize> {
    let bytes = file.get(at..at.checked_add(8)?)?;
    usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok()
}

fn half(file: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(file.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_is_cut_down_and_still_runs() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let cut = loaded(&file).unwrap();
        assert!(cut.bytes.len() < file.len() / 2, "{} of {} bytes", cut.bytes.len(), file.len());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cut");
        std::fs::write(&path, &cut.bytes).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&path, mode).unwrap();
        let listed = std::process::Command::new(&path).arg("--list").output().unwrap();
        assert!(listed.status.success(), "{listed:?}");
        if let Some(interpreter) = cut.interpreter {
            assert!(std::path::Path::new(&interpreter).exists(), "{interpreter}");
        }
    }

    #[test]
    fn what_is_none_or_broken_is_refused() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(loaded(b"#!/bin/sh\n"), None);
        assert_eq!(loaded(&file[..200]), None);
        for at in [33, 38, 39, 57] {
            let mut broken = file[..4096].to_vec();
            broken[at] = 0xff;
            assert_eq!(loaded(&broken), None, "byte {at}");
        }
    }
}
