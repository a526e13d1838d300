//! Device memory as the host wrote it: allocations, and the pages in them that were touched.

use std::collections::BTreeMap;

/// Bytes of a page.
const PAGE: u64 = 4096;

/// One allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Its size.
    pub bytes: u64,
    /// Pages that the host wrote to, by number; the last may be shorter. What is in none is zero.
    pub(super) pages: BTreeMap<u64, Vec<u8>>,
}

impl Block {
    /// Bytes of the page with this number: fewer than [`PAGE`] at the end of the allocation, 0 beyond.
    pub(super) fn page_bytes(&self, page: u64) -> usize {
        page.checked_mul(PAGE).map_or(0, |start| self.bytes.saturating_sub(start).min(PAGE) as usize)
    }

    /// The written pages, each with its offset in the allocation.
    pub fn pages(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.pages.iter().map(|(page, bytes)| (page * PAGE, &bytes[..]))
    }
}

/// Allocations by bus address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    pub(super) blocks: BTreeMap<u64, Block>,
    /// Bytes of all pages.
    held: u64,
}

impl Image {
    /// The allocations.
    pub fn blocks(&self) -> impl Iterator<Item = (u64, &Block)> {
        self.blocks.iter().map(|(address, block)| (*address, block))
    }

    /// Bytes of memory that the pages take.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    pub(super) fn allocate(&mut self, address: u64, bytes: u64) {
        self.insert(address, Block { bytes, pages: BTreeMap::new() });
    }

    pub(super) fn insert(&mut self, address: u64, block: Block) {
        self.release(address);
        self.held += held(&block);
        self.blocks.insert(address, block);
    }

    pub(super) fn release(&mut self, address: u64) {
        self.held -= self.blocks.remove(&address).as_ref().map_or(0, held);
    }

    /// Writes bytes; what lies outside the allocation is ignored, since the device has refused it.
    pub(super) fn write(&mut self, address: u64, bytes: &[u8]) {
        let Some((base, block)) = self.blocks.range_mut(..=address).next_back() else { return };
        let (mut at, mut left) = (address - base, bytes);
        while !left.is_empty() {
            let size = block.page_bytes(at / PAGE);
            let start = (at % PAGE) as usize;
            if start >= size {
                return;
            }
            let page = block.pages.entry(at / PAGE).or_insert_with(|| {
                self.held += size as u64;
                vec![0; size]
            });
            let (now, later) = left.split_at(left.len().min(size - start));
            page[start..start + now.len()].copy_from_slice(now);
            at += now.len() as u64;
            left = later;
        }
    }

    /// Reads bytes as the host wrote them; zeros where it did not.
    pub(super) fn read(&self, address: u64, bytes: &mut [u8]) {
        bytes.fill(0);
        let Some((base, block)) = self.blocks.range(..=address).next_back() else { return };
        let start = address - base;
        let end = start.saturating_add(bytes.len() as u64);
        for (page, from) in block.pages.range(start / PAGE..=end / PAGE) {
            for (at, byte) in (page * PAGE..).zip(from).filter(|(at, _)| (start..end).contains(at)) {
                bytes[(at - start) as usize] = *byte;
            }
        }
    }

    /// Forgets what was written, not what is allocated.
    pub(super) fn clear(&mut self) {
        self.blocks.values_mut().for_each(|b| b.pages.clear());
        self.held = 0;
    }
}

fn held(block: &Block) -> u64 {
    block.pages.values().map(|p| p.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(image: &Image, address: u64) -> Vec<u8> {
        let block = &image.blocks[&address];
        let mut all = vec![0; block.bytes as usize];
        for (offset, bytes) in block.pages() {
            all[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        all
    }

    #[test]
    fn writes_across_pages_are_kept_and_counted() {
        let mut image = Image::default();
        image.allocate(0x1000, 10_000);
        let bytes: Vec<u8> = (0..5000).map(|i| i as u8 | 1).collect();
        image.write(0x1000 + 4000, &bytes);
        let mut expected = vec![0; 10_000];
        expected[4000..9000].copy_from_slice(&bytes);
        assert_eq!(flat(&image, 0x1000), expected);
        assert_eq!(image.held(), 10_000, "three pages, the last of them short");
        let mut part = vec![1; 5002];
        image.read(0x1000 + 3999, &mut part);
        assert_eq!(part, expected[3999..9001]);
        image.release(0x1000);
        assert_eq!(image, Image::default());
    }

    #[test]
    fn what_is_outside_is_ignored() {
        let mut image = Image::default();
        image.allocate(0x1000, 100);
        image.write(0x1000 + 90, &[1; 20]);
        image.write(0xfff, &[1; 20]);
        image.write(u64::MAX, &[1; 20]);
        assert_eq!((&flat(&image, 0x1000)[90..], image.held()), (&[1; 10][..], 100));
    }
}
