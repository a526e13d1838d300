//! Whole programs against the scalar reference, byte for byte.

use systole_driver::{Program, RegionSpec, verify};
use systole_isa::access::{self, Space};
use systole_isa::instruction::{Format, Function, Gemm, Load, Map, Memory, Output, Row, RowKind, Stat, Store};
use systole_isa::ring::REGION_WRITE;
use systole_isa::{ABI_HASH, HwConfig, Instruction, Op, REGIONS, Sync, Unit};
use systole_sim::{Chip, Memory as Dram, Regions, reference};

use crate::Target;
use crate::host::{Host, INPUT, OUTPUT, encoded, end, fault};
use crate::random::Random;
use crate::regions::{load, store};

/// Words of each memory that a program fills before it reads them.
const WINDOW: [(Space, u32); 4] = [(Space::Spad, 128), (Space::Acc, 64), (Space::Param, 8), (Space::Row, 16)];
const BYTES: u32 = 1 << 16;
/// Offsets in the input.
const ACC_AT: u32 = 0x2000;
const PARAM_AT: u32 = 0x6000;

fn pick<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[random.below(all.len())]
}

fn flag(random: &mut Random) -> bool {
    random.below(2) == 1
}

/// An operation without regard to whether it is legal; about one in ten is.
fn draw(random: &mut Random, n: u32) -> Op {
    let word = |random: &mut Random, below: usize| random.below(below) as u16;
    let columns = |random: &mut Random| 1 + random.below(3 * n as usize) as u16;
    match random.below(5) {
        0 | 1 => Gemm {
            accumulate: flag(random),
            transpose_b: flag(random),
            a: word(random, 100),
            a_stride: word(random, 5),
            b: word(random, 100),
            b_stride: word(random, 5),
            c: word(random, 60),
            c_stride: word(random, 5),
            m: 1 + word(random, 12),
            k: columns(random),
            n: columns(random),
        }
        .into(),
        2 => {
            let kind = pick(random, RowKind::ALL);
            let rstd = kind == RowKind::Rstd;
            Row {
                kind,
                frac: random.bits() as i8,
                src: word(random, 16),
                dst: word(random, 16),
                rows: 1 + word(random, 8),
                count: if rstd { 1 + word(random, 4096) } else { 0 },
                num: if kind == RowKind::Recip { 1 + word(random, 65535) } else { 0 },
                eps: if rstd { random.bits() as u32 } else { 0 },
            }
            .into()
        }
        _ => map(random, columns),
    }
}

fn map(random: &mut Random, columns: impl Fn(&mut Random) -> u16) -> Op {
    let word = |random: &mut Random, below: usize| random.below(below) as u16;
    let (stat, output) = (pick(random, Stat::ALL), pick(random, Output::ALL));
    let (src_spad, channel) = (flag(random), flag(random));
    let add = !src_spad && flag(random);
    let (row_sub, row_scale) = (flag(random), flag(random));
    let (has_output, has_stat) = (output != Output::None, stat != Stat::None);
    let when = |used: bool, value: u16| if used { value } else { 0 };
    Map {
        src_spad,
        row_sub,
        row_scale,
        channel,
        broadcast: channel && flag(random),
        add,
        stat_init: has_stat && flag(random),
        src: word(random, 60),
        src_stride: word(random, 5),
        dst: when(has_output, word(random, 60)),
        dst_stride: when(has_output, word(random, 5)),
        aux: when(add, word(random, 60)),
        param: when(channel, word(random, 8)),
        rows: 1 + word(random, 12),
        cols: columns(random),
        row_in: when(row_sub || row_scale, word(random, 16)),
        row_out: when(has_stat, word(random, 16)),
        function: pick(random, Function::ALL),
        stat,
        output,
        out_shift: random.below(32) as u8,
    }
    .into()
}

/// A legal operation that stays inside the filled words.
fn legal(random: &mut Random, config: &HwConfig) -> Instruction {
    loop {
        let instruction = Instruction::new(draw(random, config.n));
        let Ok(accesses) = access::check(&instruction, config) else { continue };
        if accesses.blocks().all(|b| b.end() <= filled(b.space)) {
            return instruction;
        }
    }
}

fn filled(space: Space) -> u32 {
    WINDOW.iter().find(|(s, _)| *s == space).map_or(0, |(_, words)| *words)
}

/// Fills the windows from the input.
fn prologue(config: &HwConfig) -> Vec<Instruction> {
    let n = config.n as u16;
    let spad = load(0, 128, n, config.n);
    let acc = Load {
        memory: Memory::Acc,
        format: Format::I32,
        offset: ACC_AT,
        pitch: 4 * config.n,
        ..load(0, 64, n, config.n)
    };
    let param = Load {
        memory: Memory::Param,
        format: Format::Record,
        offset: PARAM_AT,
        pitch: 8 * config.n,
        ..load(0, 8, n, config.n)
    };
    let statistic = Map {
        src_spad: false,
        row_sub: false,
        row_scale: false,
        channel: false,
        broadcast: false,
        add: false,
        stat_init: true,
        src: 0,
        src_stride: 1,
        dst: 0,
        dst_stride: 0,
        aux: 0,
        param: 0,
        rows: 16,
        cols: n,
        row_in: 0,
        row_out: 0,
        function: Function::None,
        stat: Stat::AbsMax,
        output: Output::None,
        out_shift: 0,
    };
    [spad.into(), acc.into(), param.into(), statistic.into()].map(|op: Op| Instruction::new(op)).into()
}

/// Stores the windows to the output.
fn epilogue(config: &HwConfig) -> Vec<Instruction> {
    let n = config.n as u16;
    let spad = store(0, 128, n, config.n);
    let acc = Store {
        memory: Memory::Acc,
        format: Format::I32,
        offset: ACC_AT,
        pitch: 4 * config.n,
        ..store(0, 64, n, config.n)
    };
    let narrow = Store { format: Format::I16, offset: PARAM_AT, ..acc };
    [spad.into(), acc.into(), narrow.into()].map(|op: Op| Instruction::new(op)).into()
}

/// Has every instruction wait for the one before it.
fn chain(code: &mut [Instruction]) {
    // Units have one semaphore for each pair, as the verifier wants it.
    let semaphore = |from: Unit, to: Unit| 1u16 << ((from as u16 - 1) * 4 + to as u16 - 1);
    for index in 1..code.len() {
        let (from, to) = (code[index - 1].op.unit(), code[index].op.unit());
        if from != to {
            code[index - 1].sync.post |= semaphore(from, to);
            code[index].sync.wait |= semaphore(from, to);
        }
    }
}

/// Bytes of the input: all magnitudes, records with legal shifts.
fn input(random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..BYTES).map(|_| random.bits() as u8).collect();
    for value in bytes[ACC_AT as usize..PARAM_AT as usize].chunks_exact_mut(4) {
        let bits = random.bits();
        value.copy_from_slice(&((bits as i32) >> (bits >> 59)).to_le_bytes());
    }
    for record in bytes[PARAM_AT as usize..].chunks_exact_mut(8) {
        let bits = random.bits();
        record[..4].copy_from_slice(&((bits as i32) >> (bits >> 59)).to_le_bytes());
        record[6] = random.below(40) as u8;
        record[7] = 0;
    }
    bytes
}

/// The output according to the reference, which executes one instruction after the other.
fn expected(config: &'static HwConfig, code: &[Instruction], input: &[u8]) -> Vec<u8> {
    let (mut chip, mut dram, mut regions) = (Chip::new(config), Dram::default(), Regions::default());
    for (region, flags) in [(INPUT, 0), (OUTPUT, REGION_WRITE)] {
        let base = dram.allocate(BYTES.into()).expect("room for a region");
        regions.0[usize::from(region)] = systole_isa::ring::Region { base, size: BYTES, flags };
    }
    dram.copy_to(regions.0[0].base, input).expect("just allocated");
    for instruction in code {
        reference::execute(instruction, &mut chip, &mut dram, &regions).expect("a legal instruction");
    }
    let mut output = vec![0; BYTES as usize];
    dram.copy_from(regions.0[1].base, &mut output).expect("just allocated");
    output
}

/// A host with regions of [`BYTES`].
fn host(target: &Target<'_>, input: &[u8]) -> Host {
    let mut host = target.host(4);
    host.regions[usize::from(INPUT)] = host.region(BYTES, 0);
    host.regions[usize::from(OUTPUT)] = host.region(BYTES, REGION_WRITE);
    let base = host.regions[usize::from(INPUT)].base;
    host.copy_to(base, input);
    host
}

fn agrees(host: &mut Host, code: &[Instruction], input: &[u8]) {
    let wanted = expected(host.config, code, input);
    let base = host.regions[usize::from(OUTPUT)].base;
    host.copy_to(base, &vec![0; BYTES as usize]);
    let mut bytes: Vec<_> = code.iter().map(Instruction::encode).collect();
    bytes.push(end());
    let completion = host.run(&bytes);
    let text = || code.iter().map(|i| format!("\n  {i}")).collect::<String>();
    assert_eq!(fault(&completion), None, "{}", text());
    let found = host.bytes(OUTPUT);
    if let Some(at) = found.iter().zip(&wanted).position(|(a, b)| a != b) {
        panic!("byte {at:#x} is {:#04x} instead of {:#04x} after{}", found[at], wanted[at], text());
    }
}

pub fn every_operation_computes_what_the_reference_computes(target: &Target<'_>) {
    let mut random = Random(20);
    let bytes = input(&mut random);
    let mut host = host(target, &bytes);
    for _ in 0..60 {
        let mut code = prologue(host.config);
        code.extend((0..8).map(|_| legal(&mut random, host.config)));
        code.extend(epilogue(host.config));
        chain(&mut code);
        agrees(&mut host, &code, &bytes);
    }
}

/// A stream of tiles through all four units, with buffers used in turn.
fn stream(config: &HwConfig, tiles: u16) -> Vec<Instruction> {
    let n = config.n as u16;
    let mut code = vec![Instruction::new(load(0, n, n, config.n))];
    for tile in 0..tiles {
        let side = tile % 2;
        let again = |bit: u16| if tile < 2 { 0 } else { bit };
        let mut push = |op: Op, wait: u16, post: u16| code.push(Instruction { sync: Sync { tag: 0, wait, post }, op });
        let (a, c, out) = (64 * (1 + side), 64 * side, 256 + 64 * side);
        let offset = u32::from(tile) * 32;
        push(Load { offset, ..load(a, 48, n, config.n) }.into(), again(1 << 1), 1 << 0);
        let gemm = Gemm {
            accumulate: false,
            transpose_b: true,
            a,
            a_stride: 1,
            b: 0,
            b_stride: 1,
            c,
            c_stride: 1,
            m: 48,
            k: n,
            n,
        };
        push(gemm.into(), 1 << 0 | again(1 << 3), 1 << 1 | 1 << 2);
        let map = Map {
            src_spad: false,
            row_sub: false,
            row_scale: false,
            channel: false,
            broadcast: false,
            add: false,
            stat_init: false,
            src: c,
            src_stride: 1,
            dst: out,
            dst_stride: 1,
            aux: 0,
            param: 0,
            rows: 48,
            cols: n,
            row_in: 0,
            row_out: 0,
            function: Function::Relu,
            stat: Stat::None,
            output: Output::Spad8,
            out_shift: 9,
        };
        push(map.into(), 1 << 2 | again(1 << 5), 1 << 3 | 1 << 4);
        let offset = u32::from(tile) * 48 * 32;
        push(Store { offset, ..store(out, 48, n, config.n) }.into(), 1 << 4, 1 << 5);
    }
    code
}

pub fn semaphores_order_the_units(target: &Target<'_>) {
    let bytes = input(&mut Random(21));
    let mut host = host(target, &bytes);
    let code = stream(host.config, 40);
    let spec = |name: &str, writable, initialised| RegionSpec { name: name.into(), size: BYTES, writable, initialised };
    let mut regions: [RegionSpec; REGIONS] = Default::default();
    (regions[0], regions[1]) = (spec("input", false, true), spec("output", true, false));
    let mut encoded: Vec<_> = code.iter().map(|i| encoded(i.op, i.sync.wait, i.sync.post)).collect();
    encoded.push(end());
    let (config, tags) = (host.config, Vec::new());
    verify(Program { config, abi_hash: ABI_HASH, tokens: 1, batch: 1, code: encoded, regions, tags })
        .expect("the stream has neither race nor deadlock");
    for _ in 0..3 {
        agrees(&mut host, &code, &bytes);
    }
}
