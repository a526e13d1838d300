//! [`Ranges`]: which addresses are free and which are taken. Arithmetic alone; nothing is mapped here.

use std::collections::BTreeMap;

/// An allocator of addresses.
///
/// It looks for room behind what it gave last, and begins again at the lowest address when there is none, so that an
/// address that was given back stays unused for as long as possible: who still uses it is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    /// First address and end of what is free. No two touch.
    free: BTreeMap<u64, u64>,
    /// Address and length of what is taken.
    taken: BTreeMap<u64, u64>,
    next: u64,
}

impl Ranges {
    /// Adds free addresses. They must be new to it; what wraps around the end is cut off.
    pub fn add(&mut self, address: u64, bytes: u64) {
        self.insert(address, address.saturating_add(bytes));
    }

    /// Takes `bytes` addresses, at least one, beginning at a multiple of `align`, a power of two.
    pub fn allocate(&mut self, bytes: u64, align: u64) -> Option<u64> {
        let bytes = bytes.max(1);
        let (start, end, at) = self.fit(self.next, bytes, align).or_else(|| self.fit(0, bytes, align))?;
        self.free.remove(&start);
        self.insert(start, at);
        self.insert(at + bytes, end);
        self.taken.insert(at, bytes);
        self.next = at + bytes;
        Some(at)
    }

    /// Gives back what begins at `address`; its length.
    pub fn release(&mut self, address: u64) -> Option<u64> {
        let bytes = self.taken.remove(&address)?;
        self.insert(address, address + bytes);
        Some(bytes)
    }

    /// Whether the range is inside one allocation.
    pub fn contains(&self, address: u64, bytes: u64) -> bool {
        let Some((start, length)) = self.taken.range(..=address).next_back() else { return false };
        address.checked_add(bytes).is_some_and(|end| end <= start + length)
    }

    /// Free addresses, in all.
    pub fn available(&self) -> u64 {
        self.free.iter().map(|(start, end)| end - start).sum()
    }

    /// The first free range with room at or above `from`, and the address in it.
    fn fit(&self, from: u64, bytes: u64, align: u64) -> Option<(u64, u64, u64)> {
        self.free.iter().find_map(|(&start, &end)| {
            let at = start.max(from).checked_next_multiple_of(align)?;
            (at.checked_add(bytes)? <= end).then_some((start, end, at))
        })
    }

    /// Makes addresses free, together with their neighbours.
    fn insert(&mut self, mut start: u64, mut end: u64) {
        if start >= end {
            return;
        }
        if let Some((&before, &touching)) = self.free.range(..start).next_back()
            && touching == start
        {
            self.free.remove(&before);
            start = before;
        }
        if let Some(behind) = self.free.remove(&end) {
            end = behind;
        }
        self.free.insert(start, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(ranges: &[(u64, u64)]) -> Ranges {
        let mut all = Ranges::default();
        ranges.iter().for_each(|(address, bytes)| all.add(*address, *bytes));
        all
    }

    #[test]
    fn neighbours_join() {
        let mut ranges = of(&[(4096, 4096), (0, 4096)]);
        assert_eq!(ranges.allocate(8192, 4096), Some(0));
        assert_eq!(ranges.available(), 0);
        assert_eq!(ranges.release(0), Some(8192));
        assert_eq!(ranges.release(0), None);
        assert_eq!(ranges.available(), 8192);
    }

    #[test]
    fn an_address_rests_before_it_is_used_again() {
        let mut ranges = of(&[(0, 256)]);
        assert_eq!(ranges.allocate(64, 64), Some(0));
        ranges.release(0);
        assert_eq!(ranges.allocate(64, 64), Some(64));
        assert_eq!(ranges.allocate(128, 64), Some(128));
        assert_eq!(ranges.allocate(64, 64), Some(0), "once around");
        assert_eq!(ranges.allocate(1, 64), None);
    }

    #[test]
    fn the_end_of_the_address_space_is_no_trap() {
        let mut ranges = of(&[(u64::MAX - 127, 4096)]);
        assert_eq!(ranges.allocate(64, 64), Some(u64::MAX - 127));
        assert_eq!(ranges.allocate(64, 64), None, "the last byte has no end that 64 bits hold");
        assert_eq!(ranges.allocate(u64::MAX, 64), None);
        assert!(!ranges.contains(u64::MAX, 2));
        assert!(ranges.contains(u64::MAX - 64, 0) && !ranges.contains(u64::MAX - 64, 1 << 63));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Allocate(u64, u32),
        Release(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..9000u64, 0..17u32).prop_map(|(b, a)| Step::Allocate(b, a)),
            any::<usize>().prop_map(Step::Release)
        ]
    }

    proptest! {
        #[test]
        fn what_is_taken_lies_inside_and_apart(steps in prop::collection::vec(step(), 1..80)) {
            // Two ranges that do not touch, the first at an odd address.
            let whole = [(0x1_0000_1001, 0x9000), (0x1_0001_0000, 0x20000)];
            let mut ranges = of(&whole);
            let total = ranges.available();
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for step in steps {
                match step {
                    Step::Allocate(bytes, bits) => {
                        let Some(at) = ranges.allocate(bytes, 1 << bits) else { continue };
                        let bytes = bytes.max(1);
                        prop_assert!(at.is_multiple_of(1 << bits));
                        prop_assert!(whole.iter().any(|(start, length)| *start <= at && at + bytes <= start + length));
                        prop_assert!(taken.iter().all(|(other, length)| at + bytes <= *other || other + length <= at));
                        prop_assert!(ranges.contains(at, bytes) && ranges.contains(at + bytes - 1, 1));
                        prop_assert!(!ranges.contains(at, bytes + 1));
                        taken.push((at, bytes));
                    }
                    Step::Release(index) if !taken.is_empty() => {
                        let (at, bytes) = taken.swap_remove(index % taken.len());
                        prop_assert_eq!(ranges.release(at), Some(bytes));
                        prop_assert!(!ranges.contains(at, 1));
                    }
                    Step::Release(_) => prop_assert_eq!(ranges.release(0), None),
                }
                prop_assert_eq!(ranges.available() + taken.iter().map(|(_, bytes)| bytes).sum::<u64>(), total);
            }
            taken.iter().for_each(|(at, _)| { ranges.release(*at); });
            ranges.next = 0;
            prop_assert_eq!(ranges, of(&whole), "all joins again");
        }
    }
}
