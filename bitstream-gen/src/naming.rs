//! Names of the contract in the spelling of the lowRISC style guide.

use systole_isa::instruction::Code;

/// Words of `RowKind`, `SQ_BASE_LO`, `spad.i8` or `4-bit weight`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut after_lower = false;
    let mut fresh = true;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            fresh = true;
            continue;
        }
        if fresh || (c.is_ascii_uppercase() && after_lower) {
            out.push(String::new());
        }
        if let Some(word) = out.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
        (fresh, after_lower) = (false, c.is_ascii_lowercase());
    }
    out
}

/// `RowKind` for `row_kind`, `SpadI8` for `spad.i8`.
pub fn camel(name: &str) -> String {
    let capital = |w: String| w[..1].to_ascii_uppercase() + &w[1..];
    words(name).into_iter().map(capital).collect()
}

/// `row_kind` for `RowKind`.
pub fn snake(name: &str) -> String {
    words(name).join("_")
}

/// A member's name; SystemVerilog's keywords among the contract's names get a suffix.
pub fn member(name: &str) -> String {
    match name {
        "function" | "output" => format!("{name}_code"),
        "program" => "program_base".to_owned(),
        "end" => "end_cycle".to_owned(),
        _ => snake(name),
    }
}

/// An enumeration's label: `CauseSpadBounds`.
pub fn label(type_name: &str, code: &Code) -> String {
    camel(type_name) + &camel(code.name)
}

/// A doc string as comment lines of at most 100 columns.
pub fn comment(doc: &str, indent: &str, lead: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in doc.split_whitespace() {
        if !line.is_empty() && indent.len() + lead.len() + line.len() + word.len() + 2 > 100 {
            out += &format!("{indent}{lead} {line}\n");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    if !line.is_empty() {
        out += &format!("{indent}{lead} {line}\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_style_guide() {
        assert_eq!(camel("SQ_BASE_LO"), "SqBaseLo");
        assert_eq!(camel("spad.i8"), "SpadI8");
        assert_eq!(snake("RowKind"), "row_kind");
        assert_eq!(snake("TraceRecord"), "trace_record");
        assert_eq!(member("output"), "output_code");
        assert_eq!(comment("a b", "  ", "//"), "  // a b\n");
    }
}
