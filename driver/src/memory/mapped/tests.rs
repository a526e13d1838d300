//! An IOMMU that counts.

use std::sync::Mutex;

use super::*;

const PAGES: [u64; 3] = [4 << 10, 16 << 10, 64 << 10];

#[derive(Default)]
struct Counting {
    ranges: Vec<IovaRange>,
    mapped: Mutex<BTreeMap<u64, u64>>,
    /// How often anything was mapped.
    calls: Mutex<u32>,
    /// Mappings that succeed before ENOMEM.
    room: Option<usize>,
}

impl AddressSpace for Counting {
    fn calls(&self) -> [&'static str; 2] {
        ["VFIO_IOMMU_GET_INFO", "VFIO_IOMMU_MAP_DMA"]
    }

    fn ranges(&self) -> io::Result<Vec<IovaRange>> {
        Ok(self.ranges.clone())
    }

    fn map(&self, iova: u64, memory: &SharedMapping) -> io::Result<()> {
        let (mut mapped, bytes) = (self.mapped.lock().unwrap(), memory.size() as u64);
        if self.room.is_some_and(|room| mapped.len() >= room) {
            return Err(rustix::io::Errno::NOMEM.into());
        }
        let apart = mapped.iter().all(|(other, length)| iova + bytes < *other || other + length < iova);
        assert!(apart, "{iova:#x} touches another mapping");
        mapped.insert(iova, bytes);
        *self.calls.lock().unwrap() += 1;
        Ok(())
    }

    fn unmap(&self, iova: u64, bytes: u64) -> io::Result<u64> {
        let found = self.mapped.lock().unwrap().remove(&iova);
        assert_eq!(found, Some(bytes));
        Ok(bytes)
    }
}

#[test]
fn pieces_are_whole_pages_with_a_page_between() {
    for page in PAGES {
        let space = Arc::new(Counting::default());
        let mut memory = Mapped::new(space.clone(), page).unwrap();
        let sizes = [0, 1, page - 1, page, page + 1, 3 * page];
        let addresses = sizes.map(|bytes| memory.allocate(bytes).unwrap());
        for (address, bytes) in addresses.iter().zip(sizes) {
            assert!(address.is_multiple_of(page) && *address >= ABOVE);
            let length = bytes.max(1).next_multiple_of(page);
            assert_eq!(space.mapped.lock().unwrap()[address], length);
            let mut copy = vec![1; length as usize];
            memory.copy_from(*address, &mut copy).unwrap();
            assert!(copy.iter().all(|b| *b == 0));
            memory.copy_to(address + length - 1, &[1]).unwrap();
            assert!(memory.copy_to(address + length - 1, &[1, 2]).is_err());
            assert!(memory.copy_to(address + length, &[1]).is_err());
        }
        assert!(memory.copy_to(addresses[0] - 1, &[1]).is_err());
        memory.release(addresses[2]).unwrap();
        assert!(memory.release(addresses[2]).is_err() && memory.copy_to(addresses[2], &[1]).is_err());
        assert!(!addresses.contains(&memory.allocate(1).unwrap()), "an address is not used again at once");
        drop(memory);
        assert!(space.mapped.lock().unwrap().is_empty(), "dropping unmaps everything");
        assert_eq!(*space.calls.lock().unwrap(), 7);
    }
}

#[test]
fn a_refused_mapping_says_which_limit_and_leaks_nothing() {
    let space = Arc::new(Counting { room: Some(1), ..Counting::default() });
    let mut memory = Mapped::new(space.clone(), 4096).unwrap();
    let before = memory.ranges.available();
    let first = memory.allocate(10).unwrap();
    let error = memory.allocate(8192).unwrap_err().to_string();
    assert!(error.starts_with("VFIO_IOMMU_MAP_DMA on 8192 bytes at I/O address 0x1"), "{error}");
    assert!(error.contains("`ulimit -l`") && error.contains("os error 12"), "{error}");
    memory.release(first).unwrap();
    assert_eq!(memory.ranges.available(), before);
    assert!(space.mapped.lock().unwrap().is_empty());
}

#[test]
fn addresses_come_from_what_the_kernel_allows() {
    for page in PAGES {
        let holes = [(0, 0xfedf_ffff), (0xfef0_0000, (1 << 39) - 1)];
        assert_eq!(usable(&holes, page), [(ABOVE, 1 << 39)], "above 4 GiB only");
        assert_eq!(usable(&[], page), [(ABOVE, 1 << 39)], "what every IOMMU has");
        assert_eq!(usable(&[(0, 0xffff_ffff)], page), [(page, 1 << 32)], "32 bits, without address 0");
        let odd = [(ABOVE + 1, ABOVE + 3 * page - 2), (1 << 40, (1 << 40) + page - 2)];
        assert_eq!(usable(&odd, page), [(ABOVE + page, ABOVE + 2 * page)], "whole pages only");
        assert_eq!(usable(&[(0, u64::MAX)], page), [(ABOVE, u64::MAX / page * page)], "all 64 bits");
    }
    let space = Arc::new(Counting { ranges: vec![(0, 3 * 4096 - 1)], ..Counting::default() });
    let mut memory = Mapped::new(space, 4096).unwrap();
    assert_eq!(memory.allocate(1).unwrap(), 4096);
    assert!(matches!(memory.allocate(1), Err(DeviceError::OutOfMemory { requested: 1, available: 0 })));
    assert!(matches!(memory.allocate(u64::MAX), Err(DeviceError::OutOfMemory { .. })));
}
