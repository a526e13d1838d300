//! Relocation and isolation: a program sees memory through its submission's region table only.

use systole_isa::REGIONS;
use systole_isa::instruction::{Format, Load, Memory, Store};
use systole_isa::ring::{REGION_WRITE, Region, Submission};

use crate::Target;
use crate::host::{Code, INPUT, OUTPUT, REGION_BYTES, encoded, end};

/// `rows` rows of `cols` bytes from the input to SPAD word `dst`.
pub fn load(dst: u16, rows: u16, cols: u16, n: u32) -> Load {
    let (memory, format, dst_stride) = (Memory::Spad, Format::I8, u32::from(cols).div_ceil(n) as u16);
    let pitch = u32::from(cols).next_multiple_of(32);
    Load { memory, format, region: INPUT, dst, dst_stride, offset: 0, pitch, rows, cols }
}

/// The same from SPAD to the output.
pub fn store(src: u16, rows: u16, cols: u16, n: u32) -> Store {
    let Load { memory, format, dst_stride: src_stride, offset, pitch, .. } = load(src, rows, cols, n);
    Store { memory, format, region: OUTPUT, src, src_stride, offset, pitch, rows, cols }
}

fn copy(n: u32) -> [Code; 3] {
    [encoded(load(0, 64, 64, n), 0, 1), encoded(store(0, 64, 64, n), 1, 0), end()]
}

pub fn submissions_see_their_own_regions_only(target: &Target<'_>) {
    let mut host = target.host(16);
    let code = copy(host.config.n);
    let program = host.submission(0, &code);
    let mut tables = Vec::new();
    for id in 0..6u8 {
        let input = host.region(REGION_BYTES, 0);
        host.copy_to(input.base, &vec![id + 1; REGION_BYTES as usize]);
        let output = host.region(REGION_BYTES, REGION_WRITE);
        let mut table = [Region::default(); REGIONS];
        (table[usize::from(INPUT)], table[usize::from(OUTPUT)]) = (input, output);
        let regions = host.table(&table);
        tables.push((regions, output));
    }
    // All are in flight together.
    for (id, (regions, _)) in tables.iter().enumerate() {
        host.submit(&Submission { id: id as u64, regions: *regions, ..program });
    }
    for (id, (_, output)) in tables.into_iter().enumerate() {
        assert_eq!((host.take().id, host.copy_from(output.base, 4096)), (id as u64, vec![id as u8 + 1; 4096]));
    }
}

pub fn nothing_outside_the_stored_bytes_changes(target: &Target<'_>) {
    let mut host = target.host(4);
    let n = host.config.n;
    let input = host.regions[usize::from(INPUT)];
    let output = host.regions[usize::from(OUTPUT)];
    let bytes: Vec<u8> = (0..REGION_BYTES).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    host.copy_to(input.base, &bytes);
    // Row lengths around every bus width, with gaps between the rows.
    for cols in [1u16, 7, 8, 9, 31, 32, 33, 63, 64, 65, 100] {
        host.copy_to(output.base, &[0x5a; REGION_BYTES as usize]);
        let pitch = 160;
        let load = Load { pitch, ..load(5, 20, cols, n) };
        let store = Store { pitch, offset: 64, ..store(5, 20, cols, n) };
        host.succeed(&[encoded(load, 0, 1), encoded(store, 1, 0), end()]);
        let mut expected = vec![0x5a; REGION_BYTES as usize];
        for row in 0..20 {
            let (from, to) = (row * 160, 64 + row * 160);
            expected[to..to + usize::from(cols)].copy_from_slice(&bytes[from..from + usize::from(cols)]);
        }
        assert!(host.bytes(OUTPUT) == expected, "{cols} columns");
        assert!(host.bytes(INPUT) == bytes);
    }
}
