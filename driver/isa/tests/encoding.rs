//! The codec: round trips over random instructions, and a decoder that survives any bytes.

use proptest::prelude::*;
use systole_isa::instruction::*;
use systole_isa::{DecodeError, Instruction, Op, Sync, access, config, rules};

fn any_of<T: Copy + std::fmt::Debug>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

prop_compose! {
    fn transfer()(memory in any_of(Memory::ALL), format in any_of(Format::ALL), region: u8, on_chip: [u16; 2],
                  offset: u32, pitch: u32, rows: u16, cols: u16, store: bool) -> Op {
        let [at, stride] = on_chip;
        if store {
            Store { memory, format, region, src: at, src_stride: stride, offset, pitch, rows, cols }.into()
        } else {
            Load { memory, format, region, dst: at, dst_stride: stride, offset, pitch, rows, cols }.into()
        }
    }
}

prop_compose! {
    fn gemm()(accumulate: bool, transpose_b: bool, w: [u16; 9]) -> Op {
        let [a, a_stride, b, b_stride, c, c_stride, m, k, n] = w;
        Gemm { accumulate, transpose_b, a, a_stride, b, b_stride, c, c_stride, m, k, n }.into()
    }
}

prop_compose! {
    fn map()(f: [bool; 7], w: [u16; 10], function in any_of(Function::ALL), stat in any_of(Stat::ALL),
             output in any_of(Output::ALL), out_shift: u8) -> Op {
        let [src, src_stride, dst, dst_stride, aux, param, rows, cols, row_in, row_out] = w;
        let [src_spad, row_sub, row_scale, channel, broadcast, add, stat_init] = f;
        Map { src_spad, row_sub, row_scale, channel, broadcast, add, stat_init, src, src_stride, dst, dst_stride, aux,
              param, rows, cols, row_in, row_out, function, stat, output, out_shift }.into()
    }
}

prop_compose! {
    fn row()(kind in any_of(RowKind::ALL), frac: i8, w: [u16; 5], eps: u32) -> Op {
        let [src, dst, rows, count, num] = w;
        Row { kind, frac, src, dst, rows, count, num, eps }.into()
    }
}

fn instruction() -> impl Strategy<Value = Instruction> {
    let op = prop_oneof![Just(Op::from(End {})), transfer(), gemm(), map(), row()];
    (op, any::<[u16; 3]>()).prop_map(|(op, [tag, wait, post])| Instruction { sync: Sync { tag, wait, post }, op })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn encode_then_decode_is_the_identity(i in instruction()) {
        prop_assert_eq!(Instruction::decode(&i.encode()), Ok(i));
    }

    #[test]
    fn any_bytes_decode_to_themselves_or_to_an_error(mut bytes: [u8; 32], opcode in any_of(&[1u8, 0x10, 0x20, 0x30, 0x31, 0x40, 0xff])) {
        bytes[0] = opcode;
        if let Ok(i) = Instruction::decode(&bytes) {
            prop_assert_eq!(i.encode(), bytes);
        }
    }

    #[test]
    fn checks_never_panic_and_agree_with_the_listed_blocks(i in instruction()) {
        for config in config::NAMED {
            match access::check(&i, config) {
                Ok(accesses) => {
                    prop_assert!(rules::check(&i).is_ok());
                    for b in accesses.blocks() {
                        prop_assert!(b.end() <= b.space.words(config));
                    }
                }
                Err(refusal) => prop_assert!(!refusal.rule.is_empty()),
            }
        }
    }
}

#[test]
fn empty_memory_is_no_program() {
    assert_eq!(Instruction::decode(&[0; 32]), Err(DecodeError::UnknownOpcode { opcode: 0 }));
}

#[test]
fn every_reserved_feature_is_refused_by_name() {
    let mut refused = Vec::new();
    for op in OPERATIONS {
        let bytes = |at: usize, value: u8| {
            let mut b = [0u8; 32];
            b[0] = op.opcode;
            b[at] |= value;
            Instruction::decode(&b)
        };
        let flags = op.flags.iter().filter(|f| f.doc.is_none()).map(|f| (f.name, bytes(1, 1 << f.bit)));
        let codes = op
            .fields
            .iter()
            .flat_map(|f| f.codes.iter().filter(|c| c.doc.is_none()).map(|c| (c.name, bytes(f.offset, c.code))));
        for (feature, result) in flags.chain(codes) {
            assert_eq!(result, Err(DecodeError::Unimplemented { feature }));
            refused.push(feature);
        }
    }
    for feature in ["causal mask", "4-bit weight expansion", "unsigned left operand", "row memory transfer"] {
        assert!(refused.contains(&feature), "{feature} is not reserved");
    }
}

#[test]
fn stray_bits_are_named() {
    let mut bytes = Instruction::new(End {}).encode();
    bytes[31] = 1;
    assert_eq!(Instruction::decode(&bytes), Err(DecodeError::ReservedBits { byte: 31 }));
}

#[test]
fn the_disassembly_shows_operands_flags_and_semaphores() {
    let op = Gemm {
        accumulate: true,
        transpose_b: false,
        a: 1,
        a_stride: 2,
        b: 3,
        b_stride: 4,
        c: 5,
        c_stride: 6,
        m: 7,
        k: 8,
        n: 9,
    };
    let i = Instruction { sync: Sync { tag: 11, wait: 0b101, post: 0b10 }, op: op.into() };
    assert_eq!(
        i.to_string(),
        "gemm a=1 a_stride=2 b=3 b_stride=4 c=5 c_stride=6 m=7 k=8 n=9 +accumulate wait=0,2 post=1 tag=11"
    );
}
