//! What the judge is told: the registers as declared, and programs with the memory before and after, as the simulator has it.

use std::collections::BTreeMap;
use std::mem::offset_of;

use serde_json::{Value, json};
use systole_conformance::host::{Code, Host, INPUT, OUTPUT, encoded, end, fault};
use systole_isa::config::N8;
use systole_isa::instruction::{Format, Gemm, Load, Memory, Store};
use systole_isa::register::REGISTERS;
use systole_isa::ring::{Completion, REGION_WRITE, Region};
use systole_isa::{Cause, INSTRUCTION_BYTES, REGIONS};
use systole_sim::Simulator;

/// Bytes of the input and of the output.
const REGION: u32 = 16 << 10;
/// An address without memory.
const NOWHERE: u64 = 0x00ff_fff0_0000_0000;

/// Rows of `cols` bytes between the input and SPAD.
fn load(dst: u16, rows: u16, cols: u16) -> Load {
    let (dst_stride, pitch) = (cols.div_ceil(N8.n as u16), u32::from(cols).next_multiple_of(32));
    Load { memory: Memory::Spad, format: Format::I8, region: INPUT, dst, dst_stride, offset: 0, pitch, rows, cols }
}

fn store(src: u16, rows: u16, cols: u16) -> Store {
    let Load { memory, format, dst_stride: src_stride, offset, pitch, .. } = load(src, rows, cols);
    Store { memory, format, region: OUTPUT, src, src_stride, offset, pitch, rows, cols }
}

/// Rows whose ends fill no beat, to SPAD and back, and as 16 bits from ACC behind them.
fn round_trip() -> Vec<Code> {
    let wide = Load { memory: Memory::Acc, format: Format::I32, dst_stride: 2, ..load(0, 5, 13) };
    let wide = Load { offset: 4096, pitch: 64, ..wide };
    let narrow = Store { memory: Memory::Acc, format: Format::I16, src_stride: 2, ..store(0, 5, 13) };
    vec![
        encoded(load(0, 11, 77), 0, 1),
        encoded(store(0, 11, 77), 1, 0),
        encoded(wide, 0, 1),
        encoded(Store { offset: 8192, pitch: 32, ..narrow }, 1, 0),
        end(),
    ]
}

/// 24 x 40 by 40 x 16, both from memory, the INT32 sums to memory.
fn product() -> Vec<Code> {
    let (m, k, n) = (24, 40, 16);
    let gemm = Gemm {
        accumulate: false,
        transpose_b: false,
        a: 0,
        a_stride: 5,
        b: 8192,
        b_stride: 2,
        c: 0,
        c_stride: 2,
        m,
        k,
        n,
    };
    let sums = Store { memory: Memory::Acc, format: Format::I32, pitch: 64, src_stride: 2, ..store(0, m, n) };
    vec![
        encoded(load(0, m, k), 0, 0),
        encoded(Load { offset: 8192, ..load(8192, k, n) }, 0, 1),
        encoded(gemm, 1, 2),
        encoded(sums, 2, 0),
        end(),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs a program on the simulator, with a region table that `table` may change; memory before and after.
fn scenario(name: &str, code: &[Code], cause: Cause, table: impl FnOnce(&mut [Region; REGIONS])) -> Value {
    let mut host = Host::new(Box::new(Simulator::new(&N8)), 4, std::time::Duration::from_secs(60));
    let (input, output) = (host.region(REGION, 0), host.region(REGION, REGION_WRITE));
    let bytes: Vec<u8> = (0..REGION).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    host.copy_to(input.base, &bytes);
    host.copy_to(output.base, &vec![0x5a; REGION as usize]);
    (host.regions[usize::from(INPUT)], host.regions[usize::from(OUTPUT)]) = (input, output);
    table(&mut host.regions);
    let submission = host.submission(0x1234_5678_9abc, code);
    let (sq, cq, slots) = (host.sq, host.cq, host.slots);

    let blocks = [
        (sq, 64 * slots as usize),
        (cq, 32 * slots as usize),
        (input.base, REGION as usize),
        (output.base, REGION as usize),
        (submission.program, code.len() * INSTRUCTION_BYTES),
        (submission.regions, size_of::<[Region; REGIONS]>()),
    ];
    let mut image = |(at, bytes): (u64, usize)| (at.to_string(), hex(&host.copy_from(at, bytes)));
    let mut before: BTreeMap<_, _> = blocks.into_iter().map(&mut image).collect();
    before.insert(sq.to_string(), hex(&[bytemuck::bytes_of(&submission), &[0; 192]].concat()));
    host.submit(&submission);
    let completion = host.take();
    assert_eq!(fault(&completion).map_or(Cause::None, |f| f.cause), cause, "{name}");
    // The simulator has no cycles.
    let counted = offset_of!(Completion, cycles);
    let mut image = |at: u64, bytes| (at.to_string(), hex(&host.copy_from(at, bytes)));
    let after = BTreeMap::from([image(cq, counted), image(output.base, REGION as usize)]);
    let set_up = [
        ("SQ_BASE_LO", sq as u32),
        ("SQ_BASE_HI", (sq >> 32) as u32),
        ("CQ_BASE_LO", cq as u32),
        ("CQ_BASE_HI", (cq >> 32) as u32),
        ("SQ_SIZE", slots),
        ("CQ_SIZE", slots),
        ("CONTROL", 1),
    ];
    assert!(set_up.iter().all(|(name, _)| REGISTERS.iter().any(|r| r.name == *name)));
    json!({
        "name": name, "before": before, "after": after, "set_up": set_up, "nowhere": cause == Cause::Bus,
    })
}

/// Everything that the judge reads.
pub fn all() -> Value {
    let registers: BTreeMap<_, _> = REGISTERS
        .iter()
        .map(|r| (r.name, json!({ "offset": r.offset, "access": r.access.name(), "reset": r.reset })))
        .collect();
    let long = vec![encoded(load(0, 16, 1024), 0, 1), encoded(store(0, 16, 1024), 1, 0), end()];
    let outside = vec![encoded(Load { offset: REGION, ..load(0, 1, 8) }, 0, 0), end()];
    let same = |_: &mut [Region; REGIONS]| {};
    let scenarios = [
        scenario("round_trip", &round_trip(), Cause::None, same),
        scenario("product", &product(), Cause::None, same),
        scenario("outside_its_region", &outside, Cause::RegionBounds, same),
        scenario("no_memory_to_load", &round_trip(), Cause::Bus, |table| table[usize::from(INPUT)].base = NOWHERE),
        scenario("no_memory_to_store", &round_trip(), Cause::Bus, |table| table[usize::from(OUTPUT)].base = NOWHERE),
        scenario("long_store", &long, Cause::None, same),
    ];
    json!({ "registers": registers, "scenarios": scenarios, "long_store": "long_store", "round_trip": "round_trip" })
}
