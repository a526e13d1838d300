//! u-dma-buf: contiguous memory from a kernel module that many FPGA distributions ship
//! (<https://github.com/ikwzm/udmabuf>), with its physical address in sysfs.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Coherent, DmaBuffer, DmaMemory, Physical, Pool, SharedMapping, Sharing};
use crate::DeviceError;
use crate::transport::kernel::{self, Kernel};

/// The class's present name and the one before version 4.
const CLASSES: [&str; 2] = ["class/u-dma-buf", "class/udmabuf"];
/// Caches are written back and emptied by whole lines; none is longer.
const LINE: u64 = 128;

/// The kernel moves what a cache holds, when it is told to.
#[derive(Debug)]
pub(crate) struct Synced {
    offset: File,
    bytes: File,
    for_device: File,
    for_host: File,
    size: u64,
}

impl Synced {
    fn open(directory: &Path, size: u64) -> io::Result<Self> {
        let open = |name: &str| OpenOptions::new().write(true).open(directory.join(name));
        // In both directions, since a line may hold what the host wrote and what the device wrote.
        open("sync_direction")?.write_all_at(b"0\n", 0)?;
        Ok(Self {
            offset: open("sync_offset")?,
            bytes: open("sync_size")?,
            for_device: open("sync_for_device")?,
            for_host: open("sync_for_cpu")?,
            size,
        })
    }

    fn sync(&self, owner: &File, offset: u64, bytes: u64) -> io::Result<()> {
        let (offset, bytes) = lines(offset, bytes, self.size);
        if bytes == 0 {
            return Ok(());
        }
        self.offset.write_all_at(format!("{offset:#012x}\n").as_bytes(), 0)?;
        self.bytes.write_all_at(format!("{bytes:#012x}\n").as_bytes(), 0)?;
        owner.write_all_at(b"1\n", 0)
    }
}

impl Sharing for Synced {
    fn to_device(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.sync(&self.for_device, offset, bytes)
    }

    fn to_host(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.sync(&self.for_host, offset, bytes)
    }
}

/// The whole cache lines of a range, inside `size` bytes.
fn lines(offset: u64, bytes: u64, size: u64) -> (u64, u64) {
    let first = offset / LINE * LINE;
    let end = offset.saturating_add(bytes).div_ceil(LINE).saturating_mul(LINE).min(size);
    if bytes == 0 { (first, 0) } else { (first, end.saturating_sub(first)) }
}

/// The names of all that there are.
pub(crate) fn names(kernel: &Kernel) -> Vec<String> {
    CLASSES.iter().flat_map(|class| kernel::entries(&kernel.sys.join(class))).collect()
}

/// All of one as memory.
///
/// # Errors
/// There is none of that name, or it cannot be opened and mapped.
pub(crate) fn open(kernel: &Kernel, name: &str) -> Result<Box<dyn DmaMemory>, DeviceError> {
    let directory = CLASSES.iter().map(|class| kernel.sys.join(class).join(name)).find(|path| path.is_dir());
    let directory = directory.unwrap_or_else(|| kernel.sys.join(CLASSES[0]).join(name));
    let system = |call, path: &Path| {
        let target = path.display().to_string();
        move |source| DeviceError::System { call, target, source }
    };
    let number = |attribute: &str| {
        let path = directory.join(attribute);
        kernel::number(&path).map_err(system("read", &path))
    };
    let (address, size) = (number("phys_addr")?, number("size")?);
    let device = kernel.dev.join(name);
    let file = OpenOptions::new().read(true).write(true).open(&device).map_err(system("open", &device))?;
    let bytes = usize::try_from(size).map_err(io::Error::other);
    let mapping = bytes.and_then(|bytes| SharedMapping::of_file(&file, 0, bytes)).map_err(system("mmap", &device))?;
    // Versions without the file have no coherent mode.
    if number("dma_coherent").is_ok_and(|coherent| coherent != 0) {
        return Ok(Box::new(Pool::new(Some(DmaBuffer::new(mapping, address, Coherent, Physical)))));
    }
    let synced = Synced::open(&directory, size).map_err(system("open", &directory.join("sync_*")))?;
    Ok(Box::new(Pool::new(Some(DmaBuffer::new(mapping, address, synced, Physical)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn ranges_grow_to_whole_lines_inside_the_buffer() {
        assert_eq!(lines(0, 128, 4096), (0, 128));
        assert_eq!(lines(127, 2, 4096), (0, 256));
        assert_eq!(lines(4000, 96, 4096), (3968, 128));
        assert_eq!(lines(100, 0, 4096), (0, 0));
        assert_eq!(lines(64, 32, 100), (0, 100));
        assert_eq!(lines(u64::MAX, 9, 4096).1, 0);
    }

    /// A buffer of 64 KiB under a root of its own.
    fn lay_out(kernel: &Kernel, coherent: &str) -> std::path::PathBuf {
        let class = kernel.sys.join("class/u-dma-buf/udmabuf0");
        fs::create_dir_all(&class).unwrap();
        fs::create_dir_all(&kernel.dev).unwrap();
        for (name, text) in [("phys_addr", "0x70000000\n"), ("size", "65536\n"), ("dma_coherent", coherent)] {
            fs::write(class.join(name), text).unwrap();
        }
        for name in ["sync_direction", "sync_offset", "sync_size", "sync_for_device", "sync_for_cpu"] {
            fs::write(class.join(name), "").unwrap();
        }
        File::create(kernel.dev.join("udmabuf0")).unwrap().set_len(65536).unwrap();
        class
    }

    #[test]
    fn what_is_not_coherent_is_synced_around_every_copy() {
        let root = tempfile::tempdir().unwrap();
        let kernel = Kernel::under(root.path());
        let class = lay_out(&kernel, "0\n");
        let mut memory = open(&kernel, &names(&kernel)[0]).unwrap();
        let address = memory.allocate(1000).unwrap();
        assert_eq!(address, 0x7000_0000);
        let text = |name: &str| fs::read_to_string(class.join(name)).unwrap();
        let clear =
            || fs::write(class.join("sync_for_device"), "").and(fs::write(class.join("sync_for_cpu"), "")).unwrap();
        clear();
        memory.copy_to(address + 200, &[1, 2, 3]).unwrap();
        let range = ("0x0000000080\n".to_owned(), "0x0000000080\n".to_owned());
        assert_eq!((text("sync_offset"), text("sync_size")), range);
        assert_eq!((text("sync_for_cpu"), text("sync_for_device")), ("1\n".to_owned(), "1\n".to_owned()));
        clear();
        memory.copy_from(address + 100, &mut [0; 600]).unwrap();
        assert_eq!(
            (text("sync_offset"), text("sync_size")),
            ("0x0000000000\n".to_owned(), "0x0000000300\n".to_owned())
        );
        assert_eq!((text("sync_for_cpu"), text("sync_for_device")), ("1\n".to_owned(), String::new()));
        assert_eq!(text("sync_direction"), "0\n");
        assert_eq!(fs::read(kernel.dev.join("udmabuf0")).unwrap()[199..204], [0, 1, 2, 3, 0]);
        assert!(matches!(memory.allocate(65536), Err(DeviceError::OutOfMemory { available: 64512, .. })));
    }

    #[test]
    fn what_is_coherent_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let kernel = Kernel::under(root.path());
        let class = lay_out(&kernel, "1\n");
        let mut memory = open(&kernel, "udmabuf0").unwrap();
        let address = memory.allocate(1000).unwrap();
        memory.copy_to(address, &[1; 1000]).unwrap();
        assert_eq!(fs::read_to_string(class.join("sync_for_device")).unwrap(), "");
    }

    #[test]
    fn a_missing_buffer_is_named() {
        let root = tempfile::tempdir().unwrap();
        let error = open(&Kernel::under(root.path()), "udmabuf7").err().unwrap().to_string();
        assert!(error.starts_with("read on ") && error.contains("sys/class/u-dma-buf/udmabuf7/phys_addr: "), "{error}");
    }
}
