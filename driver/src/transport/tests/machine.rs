//! A machine made of files: the kernel's tree with cards in it, and a VFIO that answers as the kernel does.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::io::Errno;
use systole_isa::ABI_HASH;
use systole_isa::register::{self, MAGIC_VALUE};

use super::super::Kernel;
use crate::memory::SharedMapping;
use crate::sys::{Calls, GROUP_VIABLE, IovaRange, MSIX, Region};

pub const CARD: &str = "0000:00:04.0";
/// Bytes of the card's own memory.
pub const LOCAL_BYTES: u64 = 0x10000;
/// Where regions are in the fake device file.
const LOCAL_AT: u64 = 0x10000;
const CONFIG_AT: u64 = 0x40000;
const DEVICE_BYTES: u64 = 0x41000;

/// What the fake kernel remembers and what it is to do.
#[derive(Debug)]
pub struct Vfio {
    device: PathBuf,
    pub log: Mutex<Vec<&'static str>>,
    /// Mapped addresses and lengths.
    pub mapped: Mutex<BTreeMap<u64, u64>>,
    /// A call that fails.
    pub fails: Mutex<Option<(&'static str, Errno)>>,
    pub viable: bool,
    /// The card reads as ones until it is reset.
    pub dead: bool,
    /// Interrupt kinds that the card has.
    pub kinds: Vec<u32>,
}

impl Vfio {
    fn enter(&self, call: &'static str) -> io::Result<()> {
        self.log.lock().unwrap().push(call);
        match *self.fails.lock().unwrap() {
            Some((failing, errno)) if failing == call => Err(errno.into()),
            _ => Ok(()),
        }
    }

    fn map(&self, call: &'static str, iova: u64, memory: &SharedMapping) -> io::Result<()> {
        self.enter(call)?;
        self.mapped.lock().unwrap().insert(iova, memory.size() as u64);
        Ok(())
    }

    fn unmap(&self, call: &'static str, iova: u64) -> io::Result<u64> {
        self.enter(call)?;
        self.mapped.lock().unwrap().remove(&iova).ok_or(Errno::NOENT.into())
    }
}

impl Calls for Vfio {
    fn api_version(&self, _: &File) -> io::Result<i32> {
        self.enter("VFIO_GET_API_VERSION").map(|()| 0)
    }
    fn group_status(&self, _: &File) -> io::Result<u32> {
        self.enter("VFIO_GROUP_GET_STATUS").map(|()| if self.viable { GROUP_VIABLE } else { 0 })
    }
    fn set_container(&self, _: &File, _: &File) -> io::Result<()> {
        self.enter("VFIO_GROUP_SET_CONTAINER")
    }
    fn set_iommu(&self, _: &File) -> io::Result<()> {
        self.enter("VFIO_SET_IOMMU")
    }
    fn group_device(&self, _: &File, address: &str) -> io::Result<File> {
        assert_eq!(address, CARD);
        self.enter("VFIO_GROUP_GET_DEVICE_FD")?;
        OpenOptions::new().read(true).write(true).open(&self.device)
    }
    fn container_ranges(&self, _: &File) -> io::Result<Vec<IovaRange>> {
        self.enter("VFIO_IOMMU_GET_INFO").map(|()| vec![(0, 0xfedf_ffff), (0xfef0_0000, (1 << 39) - 1)])
    }
    fn container_map(&self, _: &File, iova: u64, memory: &SharedMapping) -> io::Result<()> {
        self.map("VFIO_IOMMU_MAP_DMA", iova, memory)
    }
    fn container_unmap(&self, _: &File, iova: u64, _: u64) -> io::Result<u64> {
        self.unmap("VFIO_IOMMU_UNMAP_DMA", iova)
    }
    fn bind(&self, _: &File, _: &File) -> io::Result<()> {
        self.enter("VFIO_DEVICE_BIND_IOMMUFD")
    }
    fn allocate_space(&self, _: &File) -> io::Result<u32> {
        self.enter("IOMMU_IOAS_ALLOC").map(|()| 3)
    }
    fn attach(&self, _: &File, space: u32) -> io::Result<()> {
        assert_eq!(space, 3);
        self.enter("VFIO_DEVICE_ATTACH_IOMMUFD_PT")
    }
    fn space_ranges(&self, _: &File, _: u32) -> io::Result<Vec<IovaRange>> {
        self.enter("IOMMU_IOAS_IOVA_RANGES").map(|()| Vec::new())
    }
    fn space_map(&self, _: &File, space: u32, iova: u64, memory: &SharedMapping) -> io::Result<()> {
        assert_eq!(space, 3);
        self.map("IOMMU_IOAS_MAP", iova, memory)
    }
    fn space_unmap(&self, _: &File, _: u32, iova: u64, _: u64) -> io::Result<u64> {
        self.unmap("IOMMU_IOAS_UNMAP", iova)
    }
    fn region(&self, _: &File, index: u32) -> io::Result<Region> {
        self.enter("VFIO_DEVICE_GET_REGION_INFO")?;
        let region = |offset, bytes| Region { offset, bytes, mappable: true };
        Ok(match index {
            0 => region(0, 4096),
            2 => region(LOCAL_AT, LOCAL_BYTES),
            7 => Region { mappable: false, ..region(CONFIG_AT, 4096) },
            _ => Region::default(),
        })
    }
    fn interrupts(&self, _: &File, kind: u32) -> io::Result<u32> {
        self.enter("VFIO_DEVICE_GET_IRQ_INFO").map(|()| u32::from(self.kinds.contains(&kind)))
    }
    fn enable_interrupt(&self, _: &File, kind: u32, _: BorrowedFd<'_>) -> io::Result<()> {
        assert!(self.kinds.contains(&kind));
        self.enter("VFIO_DEVICE_SET_IRQS")
    }
    fn disable_interrupts(&self, _: &File, _: u32) -> io::Result<()> {
        self.enter("VFIO_DEVICE_SET_IRQS(off)")
    }
    fn unmask_interrupt(&self, _: &File, _: u32) -> io::Result<()> {
        self.enter("VFIO_DEVICE_SET_IRQS(unmask)")
    }
    fn reset(&self, _: &File) -> io::Result<()> {
        self.enter("VFIO_DEVICE_RESET")?;
        if self.dead {
            let file = OpenOptions::new().write(true).open(&self.device)?;
            file.write_all_at(&MAGIC_VALUE.to_le_bytes(), 0)?;
            file.write_all_at(&[0; 4096], CONFIG_AT)?;
        }
        Ok(())
    }
}

/// The machine. Its files go with it.
pub struct Machine {
    root: tempfile::TempDir,
    pub kernel: Kernel,
    pub vfio: Arc<Vfio>,
}

impl Machine {
    /// With one card of ours, which `driver` holds, without an IOMMU.
    pub fn with_card(driver: Option<&str>) -> Self {
        Self::new(driver, |_| {})
    }

    /// As [`Machine::with_card`], with a VFIO that `change` makes different.
    pub fn new(driver: Option<&str>, change: impl FnOnce(&mut Vfio)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut vfio = Vfio {
            device: root.path().join("dev/vfio/devices/vfio0"),
            log: Mutex::default(),
            mapped: Mutex::default(),
            fails: Mutex::default(),
            viable: true,
            dead: false,
            kinds: vec![MSIX],
        };
        change(&mut vfio);
        let vfio = Arc::new(vfio);
        let calls: Arc<dyn Calls> = vfio.clone();
        let kernel = Kernel { calls, ..Kernel::under(root.path()) };
        let machine = Self { root, kernel, vfio };
        machine.add(CARD, driver);
        let device = machine.file("dev/vfio/devices/vfio0", b"");
        device.set_len(DEVICE_BYTES).unwrap();
        device.write_all_at(&MAGIC_VALUE.to_le_bytes(), 0).unwrap();
        if machine.vfio.dead {
            device.write_all_at(&[0xff; 4096], 0).unwrap();
            device.write_all_at(&[0xff; 4096], CONFIG_AT).unwrap();
        }
        machine
    }

    /// Adds a card.
    pub fn add(&self, address: &str, driver: Option<&str>) {
        let path = format!("sys/bus/pci/devices/{address}");
        let resource = "0x00000000fea00000 0x00000000fea00fff 0x0000000000040200\n\
                        0x0000000000000000 0x0000000000000000 0x0000000000000000\n\
                        0x0000000800000000 0x000000080000ffff 0x000000000014220c\n";
        for (name, text) in [
            ("vendor", "0x1234\n"),
            ("device", "0x5953\n"),
            ("subsystem_vendor", "0x1234\n"),
            ("subsystem_device", "0x5953\n"),
            ("class", "0x120000\n"),
            ("resource", resource),
            ("reset", ""),
            ("enable", "0\n"),
        ] {
            self.file(&format!("{path}/{name}"), text.as_bytes());
        }
        self.file(&format!("{path}/config"), &[0; 64]);
        self.file(&format!("{path}/resource0"), &MAGIC_VALUE.to_le_bytes()).set_len(4096).unwrap();
        self.file(&format!("{path}/resource2"), b"").set_len(LOCAL_BYTES).unwrap();
        self.link(&format!("{path}/subsystem"), "bus/pci");
        if let Some(driver) = driver {
            self.link(&format!("{path}/driver"), &format!("bus/pci/drivers/{driver}"));
        }
    }

    /// Puts a card into IOMMU group 7, of this type.
    pub fn group(&self, address: &str, kind: &str) {
        self.group_type(kind);
        self.link(&format!("sys/bus/pci/devices/{address}/iommu_group"), "kernel/iommu_groups/7");
        self.link(&format!("sys/kernel/iommu_groups/7/devices/{address}"), &format!("bus/pci/devices/{address}"));
        self.file("dev/vfio/vfio", b"");
        self.file("dev/vfio/7", b"");
    }

    /// Changes the type of group 7.
    pub fn group_type(&self, kind: &str) {
        self.file("sys/kernel/iommu_groups/7/type", kind.as_bytes());
    }

    /// Offers iommufd.
    pub fn iommufd(&self) {
        self.file("dev/iommu", b"");
        self.file(&format!("sys/bus/pci/devices/{CARD}/vfio-dev/vfio0/dev"), b"511:0\n");
    }

    /// Adds a UIO device of the chip with a map that has its registers at 0x100, or one for the card.
    pub fn uio(&self, of_card: bool) {
        // A file is always readable, as if interrupts came without end.
        self.file("dev/uio0", &[0; 4096]).set_len(1 << 20).unwrap();
        if of_card {
            self.link("sys/class/uio/uio0/device", &format!("bus/pci/devices/{CARD}"));
            self.file(&format!("sys/bus/pci/devices/{CARD}/uio/uio0/name"), b"");
            return;
        }
        self.file("sys/class/uio/uio0/name", b"systole\n");
        for (map, address, size, offset) in [(0, "0x80000000", "0x100", "0x0"), (1, "0x40000100", "0x1000", "0x100")] {
            for (name, text) in [("addr", address), ("size", size), ("offset", offset)] {
                self.file(&format!("sys/class/uio/uio0/maps/map{map}/{name}"), text.as_bytes());
            }
        }
        let page = super::super::kernel::page_size();
        self.identify("dev/uio0", page + 0x100);
    }

    /// Puts the registers by which a part of the chip says who it is into a file.
    pub fn identify(&self, path: &str, at: u64) {
        self.write(path, at + u64::from(register::MAGIC.offset), &MAGIC_VALUE.to_le_bytes());
        self.write(path, at + u64::from(register::ABI_HASH_LO.offset), &ABI_HASH.to_le_bytes());
    }

    /// Makes a card one of somebody else: an NVMe drive.
    pub fn estrange(&self, address: &str) {
        for (name, text) in [
            ("vendor", "0x144d\n"),
            ("device", "0xa80a\n"),
            ("subsystem_vendor", "0x144d\n"),
            ("subsystem_device", "0xa801\n"),
            ("class", "0x010802\n"),
        ] {
            self.file(&format!("sys/bus/pci/devices/{address}/{name}"), text.as_bytes());
        }
    }

    /// Every file, directory and link: what it holds, and when it and its metadata were last changed.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, (Vec<u8>, [i64; 4])> {
        let mut all = BTreeMap::new();
        let mut directories = vec![self.root.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
                let data = path.symlink_metadata().unwrap();
                let times = [data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec()];
                let mut bytes = Vec::new();
                if data.is_dir() {
                    directories.push(path.clone());
                } else if data.is_file() {
                    // Of a long file with a window near its end no more than that: it is nearly all hole.
                    let mut file = File::open(&path).unwrap();
                    file.seek(SeekFrom::Start(data.len().saturating_sub(1 << 20))).unwrap();
                    file.read_to_end(&mut bytes).unwrap();
                }
                all.insert(path, (bytes, times));
            }
        }
        all
    }

    /// Adds `/dev/mem` with a part of the chip at this address.
    pub fn memory(&self, base: u64) {
        self.file("dev/mem", b"").set_len(base + 0x2000).unwrap();
        self.identify("dev/mem", base);
    }

    /// Adds a coherent u-dma-buf of 64 KiB.
    pub fn dma_buffer(&self) {
        for (name, text) in [("phys_addr", "0x70000000"), ("size", "65536"), ("dma_coherent", "1")] {
            self.file(&format!("sys/class/u-dma-buf/udmabuf0/{name}"), text.as_bytes());
        }
        self.file("dev/udmabuf0", b"").set_len(65536).unwrap();
    }

    /// Makes a file.
    pub fn file(&self, path: &str, bytes: &[u8]) -> File {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        OpenOptions::new().read(true).write(true).open(path).unwrap()
    }

    /// Makes a file one that nobody may open, not even root: a directory.
    pub fn closed(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
        fs::create_dir(self.path(path)).unwrap();
    }

    /// Makes a link to something in `/sys`.
    fn link(&self, path: &str, target: &str) {
        let (path, target) = (self.path(path), self.kernel.sys.join(target));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::create_dir_all(&target).unwrap();
        symlink(target, path).unwrap();
    }

    /// Overwrites bytes of a file.
    pub fn write(&self, path: &str, offset: u64, bytes: &[u8]) {
        OpenOptions::new().write(true).open(self.path(path)).unwrap().write_all_at(bytes, offset).unwrap();
    }

    /// The text of a file of the card.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("sys/bus/pci/devices/{CARD}/{name}"))).unwrap()
    }

    /// A little-endian number in a file.
    fn u32(&self, path: &str, offset: u64) -> u32 {
        let mut bytes = [0; 4];
        File::open(self.path(path)).unwrap().read_exact_at(&mut bytes, offset).unwrap();
        u32::from_le_bytes(bytes)
    }

    /// The card's command register as sysfs shows it, and as VFIO does.
    pub fn commands(&self) -> (u32, u32) {
        let sysfs = self.u32(&format!("sys/bus/pci/devices/{CARD}/config"), 4);
        (sysfs, self.u32("dev/vfio/devices/vfio0", CONFIG_AT + 4))
    }

    /// Sets a register behind the driver's back, in every way to the card.
    pub fn set(&self, register: register::Register<impl register::kind::Readable>, value: u32) {
        for path in [&format!("sys/bus/pci/devices/{CARD}/resource0"), "dev/vfio/devices/vfio0"] {
            self.write(path, register.offset.into(), &value.to_le_bytes());
        }
    }

    /// One of the machine's files.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// A text without this directory's name.
    pub fn plain(&self, text: impl ToString) -> String {
        text.to_string().replace(&Path::new(self.root.path()).display().to_string(), "")
    }
}
