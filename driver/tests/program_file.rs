//! The program file: what is written comes back, the layout stays, and no bytes do harm.

mod build;

use build::{gemm, load, map, program, row, store, sync};
use proptest::prelude::*;
use systole_driver::{Program, ProgramError, RegionSpec, Tag};
use systole_isa::config::NAMED;
use systole_isa::{ABI_HASH, Unit};

fn example() -> Program {
    let mut tagged = sync(gemm(0, 1, 0), 1, 2);
    tagged.sync.tag = 2;
    let mut p = program(&[sync(load(0, 9), 0, 1), tagged, sync(map(0, 100, 1), 2, 4), sync(store(100, 1, 0), 4, 0)]);
    p.tags = vec![Tag { layer: None, op: "embed".into() }, Tag { layer: Some(3), op: "attention.scores".into() }];
    p
}

/// Recomputes the checksum after an edit, so that what lies behind it is reached.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 8;
    let hash =
        bytes[..end].iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    bytes[end..].copy_from_slice(&hash.to_le_bytes());
    bytes
}

fn refused(bytes: &[u8]) -> String {
    Program::from_bytes(bytes).unwrap_err().to_string()
}

#[test]
fn round_trip() {
    let program = example();
    assert_eq!(Program::from_bytes(&program.to_bytes()), Ok(program));
}

#[test]
fn version_1_has_this_layout() {
    let mut golden = b"SYSTPROG\x01\0\0\0".to_vec();
    golden.extend(ABI_HASH.to_le_bytes());
    golden.extend(b"\x02\0\0\0n8\x01\0\0\0\x01\0\0\0");
    golden.extend(b"\x05\0\0\0input\x00\x10\0\0\x02\x06\0\0\0output\x00\x10\0\0\x01");
    golden.extend([0; 6 * 9]);
    golden.extend(b"\x02\0\0\0\xff\xff\xff\xff\x05\0\0\0embed\x03\0\0\0\x10\0\0\0attention.scores");
    golden.extend(b"\x05\0\0\0");
    golden.extend(example().code.as_flattened());
    golden.extend([0; 8]);
    assert_eq!(example().to_bytes(), sealed(golden));
}

#[test]
fn messages_name_what_was_found_and_what_to_do() {
    let good = example().to_bytes();
    let edited = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(refused(b"\x7fELF"), "this is no program file; make one with `systole compile`");
    assert_eq!(refused(&edited(8, 2)), "the program file has format 2, supported is 1; compile the program again");
    assert!(refused(&edited(30, 9)).starts_with("the program file is damaged: checksum 0x"));
    assert!(refused(&good[..good.len() - 1]).starts_with("the program file is damaged"));
    let foreign = Program { abi_hash: 0x1234, ..example() };
    assert_eq!(
        refused(&foreign.to_bytes()),
        format!(
            "the program is for contract 0x0000000000001234, but this systole has contract {ABI_HASH:#018x}; compile the \
             program again"
        )
    );
    assert_eq!(
        refused(&sealed(edited(25, b'9'))),
        "the program is for configuration `n9`, known are n8, n16, n32; compile it for one of them"
    );
    assert_eq!(
        refused(&sealed(edited(24, 0xff))),
        "the text at offset 24 of the program file is not UTF-8; compile the program again"
    );
    assert_eq!(
        refused(&sealed(edited(23, 0xff))),
        format!(
            "the program file needs 4278190082 bytes at offset 24 and has {}; copy or compile it again",
            good.len() - 24 - 8
        )
    );
    assert_eq!(refused(&sealed(edited(47, 4))), "region 0 has the unknown flags 0x04; compile the program again");
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(refused(&sealed(longer)), "1 bytes follow the program's end; copy or compile it again");
}

#[test]
fn false_counts_allocate_nothing() {
    let good = example().to_bytes();
    let at = good.len() - 8 - 5 * 32 - 4;
    let with = |count: u32| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&count.to_le_bytes());
        Program::from_bytes(&sealed(bytes)).unwrap_err()
    };
    assert!(matches!(with(u32::MAX), ProgramError::TooMany { what: "instructions", .. }));
    assert!(matches!(with(1 << 22), ProgramError::Truncated { wanted: 0x800_0000, available: 160, .. }));
    assert!(matches!(with(4), ProgramError::Trailing { bytes: 32 }));
}

#[test]
fn statistics_count_work_by_tag() {
    let mut program = example();
    program.code.insert(0, sync(row(0, 7), 0, 0).encode());
    let statistics = program.statistics().unwrap();
    let total = &statistics.total;
    assert_eq!(Unit::ALL.iter().map(|u| total.of_unit(*u)).collect::<Vec<_>>(), [1, 1, 1, 2, 1]);
    assert_eq!((total.macs, total.bytes_loaded, total.bytes_stored, total.vector_elements), (64, 72, 8, 15));
    assert_eq!(statistics.by_tag.len(), 3);
    assert_eq!((statistics.by_tag[2].macs, statistics.by_tag[2].of_unit(Unit::Gemm)), (64, 1));
    assert_eq!((statistics.by_tag[0].macs, statistics.by_tag[0].bytes_loaded), (0, 72));
    program.tags.clear();
    assert_eq!(program.statistics().unwrap(), statistics, "a tag without an entry is counted all the same");
    program.code[0][0] = 0;
    assert!(program.statistics().is_err());
}

prop_compose! {
    fn spec()(name in ".{0,9}", size: u32, writable: bool, initialised: bool) -> RegionSpec {
        RegionSpec { name, size, writable, initialised }
    }
}

prop_compose! {
    fn any_program()(
        config in 0..NAMED.len(),
        tokens: u32,
        batch: u32,
        code in prop::collection::vec(any::<[u8; 32]>(), 0..9),
        regions in prop::array::uniform8(spec()),
        tags in prop::collection::vec((any::<Option<u16>>(), ".{0,9}"), 0..9),
    ) -> Program {
        let tags = tags.into_iter().map(|(layer, op)| Tag { layer, op }).collect();
        Program { config: NAMED[config], abi_hash: ABI_HASH, tokens, batch, code, regions, tags }
    }
}

proptest! {
    #[test]
    fn every_program_comes_back(program in any_program()) {
        prop_assert_eq!(Program::from_bytes(&program.to_bytes()), Ok(program));
    }

    #[test]
    fn damaged_files_do_no_harm(
        program in any_program(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = program.to_bytes();
        edits.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
        let _ = Program::from_bytes(&bytes[..length.index(bytes.len())]);
        if let Ok(read) = Program::from_bytes(&sealed(bytes.clone())) {
            prop_assert_eq!(read.to_bytes(), sealed(bytes), "a file has one form only");
            let _ = systole_driver::verify(read);
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes: Vec<u8>) {
        let _ = Program::from_bytes(&bytes);
        let _ = Program::from_bytes(&[b"SYSTPROG\x01\0\0\0".as_slice(), &bytes].concat());
    }
}
