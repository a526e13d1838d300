//! The committed files are the generated ones.

use std::path::Path;
use systole_bitgen::{REGENERATE, generated_files, package, reference};

#[test]
fn committed_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, text) in generated_files() {
        let committed = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
        // Not assert_eq: two whole files in a message help nobody.
        let line = committed.lines().zip(text.lines()).position(|(a, b)| a != b);
        assert!(
            committed == text,
            "{} is stale, first difference near line {}; run `{REGENERATE}` and commit the result",
            path.display(),
            line.unwrap_or_else(|| committed.lines().count().min(text.lines().count())) + 1,
        );
    }
}

#[test]
fn every_register_and_operation_reaches_both_outputs() {
    let (rtl, isa, registers) = (package::contract(), reference::isa(), reference::registers());
    for r in systole_isa::register::REGISTERS {
        assert!(registers.contains(&format!("| `{}` |", r.name)), "{} is missing in registers.md", r.name);
        assert!(rtl.contains(&format!("12'h{:03x}", r.offset)), "{} is missing in the package", r.name);
    }
    for op in systole_isa::instruction::OPERATIONS {
        assert!(isa.contains(&format!("### {} ", op.mnemonic.to_uppercase())), "{} is missing in isa.md", op.name);
        assert!(rtl.contains(&format!("}} inst_{}_t;", op.mnemonic)), "{} is missing in the package", op.name);
    }
    for code in systole_isa::Cause::CODES {
        assert!(isa.contains(code.name), "{} is missing in isa.md", code.name);
    }
}

#[test]
fn lines_of_rtl_keep_the_column_limit() {
    for (path, text) in generated_files() {
        if path.extension().is_some_and(|e| e == "sv") {
            for (i, line) in text.lines().enumerate() {
                assert!(line.len() <= 120, "{}:{} has {} columns", path.display(), i + 1, line.len());
                assert_eq!(line, line.trim_end(), "{}:{} ends in white space", path.display(), i + 1);
            }
        }
    }
}
