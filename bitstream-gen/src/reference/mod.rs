//! `docs/isa.md` and `docs/registers.md`: prose from templates, tables from the declaration.

mod tables;

use systole_isa::config::NAMED;
use systole_isa::{ABI_HASH, Cause, DRAM_ALIGN, PARAM_BYTES, REGIONS, SEMAPHORE_MAX, SEMAPHORES};

const ISA: &str = include_str!("isa.md");
const REGISTERS: &str = include_str!("registers.md");

/// Replaces every `{{name}}`. A name that the template lacks, or one that stays, is a mistake of this crate.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        let mark = format!("{{{{{name}}}}}");
        assert!(text.contains(&mark), "the template has no place for {name}");
        text = text.replace(&mark, value.trim_end());
    }
    assert!(!text.contains("{{"), "the template has a place that nothing fills");
    text
}

/// The text of `docs/isa.md`.
pub fn isa() -> String {
    fill(
        ISA,
        &[
            ("regenerate", crate::REGENERATE.to_owned()),
            ("abi_hash", format!("{ABI_HASH:#018x}")),
            ("align", DRAM_ALIGN.to_string()),
            ("semaphores", SEMAPHORES.to_string()),
            ("semaphore_max", SEMAPHORE_MAX.to_string()),
            ("regions", REGIONS.to_string()),
            ("param_bytes", PARAM_BYTES.to_string()),
            ("configs", tables::configs(&NAMED)),
            ("opcodes", tables::opcodes()),
            ("operations", tables::operations()),
            ("enums", tables::enumerations()),
            ("causes", tables::codes(Cause::CODES)),
        ],
    )
}

/// The text of `docs/registers.md`.
pub fn registers() -> String {
    fill(
        REGISTERS,
        &[
            ("regenerate", crate::REGENERATE.to_owned()),
            ("registers", tables::registers()),
            ("layouts", tables::layouts()),
            ("regions", REGIONS.to_string()),
            ("align", DRAM_ALIGN.to_string()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "no place for b")]
    fn an_unused_value_is_noticed() {
        fill("{{a}}", &[("a", String::new()), ("b", String::new())]);
    }

    #[test]
    #[should_panic(expected = "nothing fills")]
    fn an_unfilled_place_is_noticed() {
        fill("{{a}} {{b}}", &[("a", String::new())]);
    }
}
