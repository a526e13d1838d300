//! One program for each class of fault, with the words in which it is refused; and neighbours that must pass.

mod build;

use build::{INPUT, OUTPUT, gemm, load, map, program, region, row, store, sync};
use systole_driver::{Program, Refused, verify};
use systole_isa::instruction::{End, Format, Load, Map, Memory, Output, Stat, Store};
use systole_isa::{Instruction, SEMAPHORE_MAX};

fn refused(program: Program) -> String {
    verify(program).expect_err("the program must be refused").to_string()
}

fn accepted(program: Program) {
    if let Err(refusal) = verify(program) {
        panic!("{refusal}");
    }
}

/// load -> gemm -> vector -> store, each ordered by a semaphore.
fn pipeline() -> Vec<Instruction> {
    vec![
        sync(load(0, 9), 0, 1),
        sync(gemm(0, 1, 0), 1, 2),
        sync(map(0, 100, 1), 2, 4),
        sync(store(100, 1, 0), 4, 8),
        sync(Load { region: OUTPUT, ..load(9, 1) }, 8, 0),
    ]
}

#[test]
fn a_pipeline_passes() {
    accepted(program(&pipeline()));
    accepted(program(&[]));
}

#[test]
fn every_semaphore_of_the_pipeline_is_needed() {
    for missing in 0..4 {
        let mut code = pipeline();
        code.iter_mut().for_each(|i| {
            i.sync.wait &= !(1 << missing);
            i.sync.post &= !(1 << missing);
        });
        refused(program(&code));
    }
}

#[test]
fn foreign_contract() {
    let foreign = Program { abi_hash: 1, ..program(&[]) };
    let expected = format!(
        "the program is for contract 0x0000000000000001, but this systole has contract {:#018x}; compile the program again",
        systole_isa::ABI_HASH
    );
    assert_eq!(refused(foreign), expected);
}

#[test]
fn length_and_end() {
    let empty = Program { code: vec![], ..program(&[]) };
    assert_eq!(refused(empty), "the program has 0 instructions; 1 to 4194304 are supported, so split it");
    let endless = Program { code: vec![Instruction::new(row(0, 1)).encode()], ..program(&[]) };
    assert_eq!(
        refused(endless),
        "instruction 0 `row kind=scale frac=0 src=0 dst=0 rows=1 count=0 num=0 eps=0`: the last instruction is no end; append one"
    );
    assert_eq!(
        refused(program(&[Instruction::new(End {})])),
        "instruction 0 `end`: end stands before the last instruction (1); remove it or what follows"
    );
}

#[test]
fn undecodable_bytes() {
    let mut bad = program(&[]);
    bad.code.insert(0, [0; 32]);
    let zeros = "00".repeat(32);
    assert_eq!(refused(bad), format!("instruction 0 `{zeros}`: unknown opcode 0x00; compile the program again"));
}

#[test]
fn operands_and_bounds_on_chip() {
    assert_eq!(
        refused(program(&[sync(load(0, 0), 0, 0)])),
        "instruction 0 `load memory=spad format=i8 region=0 dst=0 dst_stride=1 offset=0 pitch=32 rows=0 cols=8`: rows and \
         cols must be 1 or more (illegal operand on `n8`, address 0x0); change the operands or compile for a larger \
         configuration"
    );
    assert_eq!(
        refused(program(&[sync(load(16383, 2), 0, 0)])),
        "instruction 0 `load memory=spad format=i8 region=0 dst=16383 dst_stride=1 offset=0 pitch=32 rows=2 cols=8`: \
         block lies behind the end of its memory (scratchpad bounds on `n8`, address 0x4000); change the operands or \
         compile for a larger configuration"
    );
    accepted(program(&[sync(load(16383, 1), 0, 0)]));
}

#[test]
fn regions() {
    assert_eq!(
        refused(program(&[sync(Load { offset: 4096, ..load(0, 1) }, 0, 0)])),
        "instruction 0 `load memory=spad format=i8 region=0 dst=0 dst_stride=1 offset=4096 pitch=32 rows=1 cols=8`: \
         reaches byte 4104 of region 0 `input`, which has 4096; declare it larger or move the block"
    );
    accepted(program(&[sync(Load { offset: 4064, cols: 32, ..load(0, 1) }, 0, 0)]));
    let into_input = sync(Store { region: INPUT, ..store(0, 1, 0) }, 1, 0);
    assert_eq!(
        refused(program(&[sync(load(0, 1), 0, 1), into_input])),
        "instruction 1 `store memory=spad format=i8 region=0 src=0 src_stride=1 offset=0 pitch=32 rows=1 cols=8 wait=0`: \
         stores into region 0 `input`, which is not writable; declare it writable or store elsewhere"
    );
    let mut odd = program(&[]);
    odd.regions[3] = region("odd", 33, false, false);
    assert_eq!(refused(odd), "region 3 `odd` has 33 bytes; make its size a multiple of 32");
    let mut vast = program(&[]);
    vast.regions[3] = region("vast", 1 << 30, true, false);
    assert_eq!(
        refused(vast),
        "the writable regions have 1073745920 bytes together, at most 1073741824 are supported; use a smaller batch"
    );
}

#[test]
fn shared_semaphores() {
    let post = [sync(load(0, 1), 0, 1), sync(row(0, 1), 0, 1)];
    assert_eq!(
        refused(program(&post)),
        "instruction 1 `row kind=scale frac=0 src=0 dst=0 rows=1 count=0 num=0 eps=0 post=0`: unit vector posts semaphore \
         0, but so does unit load at instruction 0; use one semaphore for each pair of units"
    );
    let wait = [sync(load(0, 9), 0, 1), sync(gemm(0, 1, 0), 1, 0), sync(store(0, 1, 0), 1, 0)];
    assert!(
        refused(program(&wait)).contains("unit store waits for semaphore 0, but so does unit gemm at instruction 1")
    );
}

#[test]
fn deadlock() {
    assert_eq!(
        refused(program(&[sync(load(0, 1), 1, 2), sync(store(0, 1, 0), 2, 1)])),
        "deadlock: load waits for semaphore 0 at instruction 0 `load memory=spad format=i8 region=0 dst=0 dst_stride=1 \
         offset=0 pitch=32 rows=1 cols=8 wait=0 post=1`; store waits for semaphore 1 at instruction 1 `store memory=spad \
         format=i8 region=1 src=0 src_stride=1 offset=0 pitch=32 rows=1 cols=8 wait=1 post=0`; post these semaphores \
         from instructions that come earlier"
    );
}

#[test]
fn deadlock_by_a_full_queue() {
    // The load waits for a post behind `between` other loads in program order.
    let behind = |between: usize| {
        let mut code = vec![sync(load(0, 1), 1, 0)];
        code.extend(vec![sync(load(1, 1), 0, 0); between]);
        code.push(sync(
            Map { output: Output::None, stat: Stat::Max, stat_init: true, dst: 0, dst_stride: 0, ..map(0, 0, 1) },
            2,
            1,
        ));
        code.insert(0, sync(Load { memory: Memory::Acc, format: Format::I32, ..load(0, 1) }, 0, 2));
        program(&code)
    };
    accepted(behind(15));
    assert_eq!(
        refused(behind(16)),
        "deadlock: load waits for semaphore 0 at instruction 1 `load memory=spad format=i8 region=0 dst=0 dst_stride=1 \
         offset=0 pitch=32 rows=1 cols=8 wait=0`; instruction 17 does not fit into the queue of load (16 instructions); \
         post these semaphores from instructions that come earlier"
    );
}

#[test]
fn semaphore_overflow() {
    let max = SEMAPHORE_MAX as usize;
    let unmatched = |posts| {
        let mut code = vec![sync(load(1, 1), 0, 1); posts];
        code[0] = sync(load(0, 1), 0, 1);
        code
    };
    accepted(program(&unmatched(max)));
    assert!(refused(program(&unmatched(max + 1))).ends_with(
        "can lift semaphore 0 to 65536, above its maximum of 65535; post less often or let this unit wait for the other"
    ));
    // Waits that may come late do not help; waits that are acknowledged do.
    let mut late: Vec<_> = unmatched(max).into_iter().flat_map(|post| [post, sync(store(0, 1, 0), 1, 0)]).collect();
    late.push(sync(load(1, 1), 0, 1));
    assert!(refused(program(&late)).contains("can lift semaphore 0 to 65536"));
    let mut paced: Vec<_> = unmatched(max).into_iter().flat_map(|post| [post, sync(store(0, 1, 0), 1, 2)]).collect();
    paced.push(sync(load(1, 1), 2, 1));
    accepted(program(&paced));
}

#[test]
fn unwritten_words() {
    let cases = [
        (
            vec![sync(load(1, 8), 0, 1), sync(gemm(0, 1, 0), 1, 0)],
            "reads spad word 0, which nothing has written before; write it first",
        ),
        (vec![sync(map(7, 0, 1), 0, 0)], "reads acc word 7, which"),
        (vec![sync(row(3, 2), 0, 0)], "reads row entry 3, which"),
        (
            vec![
                sync(Load { memory: Memory::Acc, format: Format::I32, ..load(0, 1) }, 0, 1),
                sync(Map { channel: true, param: 5, ..map(0, 0, 1) }, 1, 0),
            ],
            "reads param word 5, which",
        ),
        (vec![sync(store(0, 1, 0), 0, 0)], "reads spad word 0, which"),
    ];
    for (code, expected) in cases {
        let message = refused(program(&code));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn continued_statistics_need_a_beginning() {
    let statistic = |stat_init| {
        let values = Load { memory: Memory::Acc, format: Format::I32, ..load(0, 1) };
        let map = Map { stat: Stat::Max, stat_init, output: Output::None, dst_stride: 0, ..map(0, 0, 1) };
        program(&[sync(values, 0, 1), sync(map, 1, 0)])
    };
    accepted(statistic(true));
    assert!(refused(statistic(false)).contains("reads row entry 0, which nothing"));
}

#[test]
fn unwritten_dram() {
    let from = |region| sync(Load { region, ..load(0, 1) }, 0, 0);
    assert!(refused(program(&[from(OUTPUT)])).contains("reads byte 0 of region 1 `output`, which nothing"));
    let mut initialised = program(&[from(OUTPUT)]);
    initialised.regions[1].initialised = true;
    accepted(initialised);
    let mut never = program(&[from(2)]);
    never.regions[2] = region("never", 64, false, false);
    assert!(refused(never).contains("reads byte 0 of region 2 `never`, which nothing"));
}

#[test]
fn a_store_fills_exactly_its_bytes() {
    let round_trip = |cols, pitch| {
        let stored = sync(store(0, 2, 0), 1, 2);
        let back = Load { region: OUTPUT, cols, pitch, dst: 100, dst_stride: 8, ..load(0, 2) };
        program(&[sync(load(0, 2), 0, 1), stored, sync(back, 2, 0)])
    };
    accepted(round_trip(8, 32));
    accepted(round_trip(8, 0));
    assert!(refused(round_trip(9, 32)).contains("reads byte 8 of region 1 `output`"));
    assert!(refused(round_trip(8, 64)).contains("reads byte 64 of region 1 `output`"));
    assert!(refused(round_trip(40, 32)).contains("reads byte 8 of region 1 `output`"));
}

#[test]
fn races_on_chip() {
    let unordered = [sync(load(0, 9), 0, 1), sync(gemm(0, 1, 0), 1, 0), sync(load(4, 1), 0, 0)];
    // The verifier's own order runs ahead with the loads, so it meets the read second.
    assert_eq!(
        refused(program(&unordered)),
        "instruction 1 `gemm a=0 a_stride=1 b=1 b_stride=1 c=0 c_stride=1 m=1 k=8 n=8 wait=0`: reads spad word 4 in no fixed \
         order with instruction 2 `load memory=spad format=i8 region=0 dst=4 dst_stride=1 offset=0 pitch=32 rows=1 \
         cols=8`, which writes it; let one wait for a semaphore that the other posts"
    );
    accepted(program(&[sync(load(0, 9), 0, 1), sync(gemm(0, 1, 0), 1, 2), sync(load(4, 1), 2, 0)]));
    let two_writers = [
        sync(Load { memory: Memory::Acc, format: Format::I32, ..load(0, 1) }, 0, 1),
        sync(map(0, 0, 1), 1, 0),
        sync(load(0, 1), 0, 0),
    ];
    assert!(refused(program(&two_writers)).contains("writes spad word 0 in no fixed order with instruction 2"));
    let apart = [sync(load(0, 9), 0, 1), sync(gemm(0, 1, 0), 1, 0), sync(load(9, 1), 0, 0)];
    accepted(program(&apart));
}

#[test]
fn order_is_transitive() {
    let chain = |last_wait| {
        program(&[
            sync(load(0, 9), 0, 1),
            sync(gemm(0, 1, 0), 1, 2),
            sync(map(0, 100, 1), 2, 4),
            sync(load(0, 9), last_wait, 0),
        ])
    };
    accepted(chain(4));
    assert!(matches!(verify(chain(0)), Err(Refused::Instruction { .. })));
}

#[test]
fn strided_blocks_race_only_where_they_meet() {
    // Columns of words 0, 2, 4 .. against 1, 3, 5 ..
    let interleaved = |dst| {
        let even = Load { dst_stride: 2, ..load(0, 4) };
        let odd = Load { dst_stride: 2, ..load(dst, 4) };
        program(&[sync(even, 0, 1), sync(Store { src_stride: 2, ..store(0, 4, 0) }, 1, 0), sync(odd, 0, 0)])
    };
    accepted(interleaved(1));
    assert!(refused(interleaved(2)).contains("reads spad word 2 in no fixed order with instruction 2"));
}

#[test]
fn races_in_dram() {
    let reads_back = |post, wait| {
        let mut p = program(&[
            sync(load(0, 1), 0, 1),
            sync(store(0, 1, 64), 1, post),
            sync(Load { region: OUTPUT, offset: 64, ..load(1, 1) }, wait, 0),
        ]);
        p.regions[1].initialised = true;
        p
    };
    accepted(reads_back(2, 2));
    let message = refused(reads_back(0, 0));
    assert!(message.contains("writes byte 64 of region 1 `output` in no fixed order with instruction 2"), "{message}");
}

#[test]
fn blocks_with_stride_zero_cost_no_more_than_their_words() {
    let mut code = vec![sync(load(0, 128), 0, 1)];
    let wide = systole_isa::instruction::Gemm { m: 4096, k: 8, n: 8, a_stride: 0, ..gemm(0, 1, 0) };
    code.push(sync(wide, 1, 0));
    code.extend(vec![Instruction::new(wide); 1000]);
    accepted(program(&code));
}
