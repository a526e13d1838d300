//! An initramfs: a cpio archive in the format `newc`, which the kernel unpacks (Documentation/driver-api/early-userspace/
//! buffer-format.rst of Linux).

use std::collections::BTreeSet;
use std::path::Path;

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;
/// Names and contents begin at multiples of it.
const ALIGNMENT: usize = 4;

/// An archive that grows.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    directories: BTreeSet<String>,
    entries: u32,
}

impl Archive {
    /// Adds a directory and those above it, unless they are there.
    pub fn directory(&mut self, path: &str) {
        let mut above = String::new();
        for name in path.split('/').filter(|n| !n.is_empty()) {
            if !above.is_empty() {
                above.push('/');
            }
            above.push_str(name);
            if self.directories.insert(above.clone()) {
                self.entry(&above, DIRECTORY, (0, 0), &[]);
            }
        }
    }

    /// Adds a file that everybody may read and run. `path` is absolute.
    pub fn file(&mut self, path: &str, content: &[u8]) {
        if let Some(parent) = Path::new(path).parent() {
            self.directory(&parent.to_string_lossy());
        }
        self.entry(path.trim_start_matches('/'), FILE, (0, 0), content);
    }

    /// Adds a character device.
    pub fn character_device(&mut self, path: &str, major: u32, minor: u32) {
        if let Some(parent) = Path::new(path).parent() {
            self.directory(&parent.to_string_lossy());
        }
        self.entry(path.trim_start_matches('/'), CHARACTER_DEVICE, (major, minor), &[]);
    }

    /// The archive with its trailer.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, (major, minor): (u32, u32), content: &[u8]) {
        self.entries += 1;
        let (size, name_size) = (content.len() as u32, name.len() as u32 + 1);
        // Inode, mode, user, group, links, time, size, device of the file, device it is, length of the name, checksum.
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, major, minor, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, mode, device, content.
    type Entry = (String, u32, (u32, u32), Vec<u8>);

    /// What a plain reader of the format finds.
    fn read(mut bytes: &[u8]) -> Vec<Entry> {
        let mut entries = Vec::new();
        loop {
            let (header, rest) = bytes.split_at(110);
            assert_eq!(&header[..6], b"070701");
            let field = |i: usize| {
                let digits = std::str::from_utf8(&header[6 + 8 * i..14 + 8 * i]).unwrap();
                u32::from_str_radix(digits, 16).unwrap()
            };
            let (size, name_size) = (field(6) as usize, field(11) as usize);
            let name = String::from_utf8(rest[..name_size - 1].to_vec()).unwrap();
            assert_eq!(rest[name_size - 1], 0);
            if name == "TRAILER!!!" {
                return entries;
            }
            let start = (110 + name_size).next_multiple_of(4) - 110;
            entries.push((name, field(1), (field(9), field(10)), rest[start..start + size].to_vec()));
            bytes = &rest[(110 + start + size).next_multiple_of(4) - 110..];
        }
    }

    #[test]
    fn a_reader_finds_what_was_written() {
        let mut archive = Archive::default();
        archive.character_device("/dev/console", 5, 1);
        archive.file("/lib/x/a.so", b"abc");
        archive.file("/lib/x/b", b"");
        archive.directory("proc");
        let entries = read(&archive.finish());
        let directory = |name: &str| (name.to_owned(), 0o040_755, (0, 0), Vec::new());
        let expected = vec![
            directory("dev"),
            ("dev/console".to_owned(), 0o020_600, (5, 1), Vec::new()),
            directory("lib"),
            directory("lib/x"),
            ("lib/x/a.so".to_owned(), 0o100_755, (0, 0), b"abc".to_vec()),
            ("lib/x/b".to_owned(), 0o100_755, (0, 0), Vec::new()),
            directory("proc"),
        ];
        assert_eq!(entries, expected);
    }
}
