//! `docs/unsafe.md` lists every unsafe block with its reason, and is what the sources say.
//!
//! `SYSTOLE_UNSAFE=write cargo test -p systole-tests --test unsafe_list` writes it anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};

const HEAD: &str = "\
# Unsafe code

Every `unsafe` block of the project with the reason why it is sound, taken from the sources by a test that fails when this
page is stale. Crates not named here forbid unsafe code. The lints `unsafe_op_in_unsafe_fn`, `undocumented_unsafe_blocks`
and `multiple_unsafe_ops_per_block` are errors, so each block does one thing and says why it may.
";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the tests lie in the repository")
}

/// The Rust files below a directory, sorted; build products are none.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(directory).expect("a directory of the repository");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() && !matches!(name, "target" | "corpus" | "artifacts") && !name.starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// What is unsafe in a file: the item and its reason.
fn blocks(text: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let (mut item, mut found) = (String::new(), Vec::new());
    for (i, line) in lines.iter().enumerate() {
        if let Some(name) = item_name(line) {
            item = name;
        }
        let code = line.split("//").next().unwrap_or_default();
        if code.contains("unsafe {") || code.starts_with("unsafe impl") {
            found.push((item.clone(), reason(&lines[..i])));
        }
    }
    found
}

/// The function or implementation that a line begins.
fn item_name(line: &str) -> Option<String> {
    let signature = line.strip_prefix("unsafe impl").map(|rest| format!("impl{rest}"));
    let function = line.split_once("fn ").filter(|(before, _)| {
        before.split_whitespace().all(|w| matches!(w, "pub" | "const" | "extern" | "\"C\"") || w.starts_with("pub("))
    });
    let name = |rest: &str| rest.split(['(', '<']).next().unwrap_or_default().to_owned();
    function.map(|(_, rest)| name(rest)).or(signature.map(|s| s.trim_end_matches("{}").trim().to_owned()))
}

/// The SAFETY comment above: the last one within the statement, whose first line may lie some lines up.
fn reason(above: &[&str]) -> String {
    let Some(start) = above.iter().rposition(|line| line.starts_with("// SAFETY:")) else { return String::new() };
    let comment = above[start..].iter().take_while(|line| line.starts_with("//"));
    let words = comment.map(|line| line.trim_start_matches('/').trim()).collect::<Vec<_>>().join(" ");
    words.trim_start_matches("SAFETY:").trim().to_owned()
}

fn page() -> String {
    let root = repository();
    let mut files = Vec::new();
    for part in ["bitstream-gen", "driver", "host-tools", "runtime", "sim-backend", "tests"] {
        sources(&root.join(part), &mut files);
    }
    let mut out = HEAD.to_owned();
    for file in files.iter().filter(|f| !f.ends_with("tests/unsafe_list.rs")) {
        let text = std::fs::read_to_string(file).expect("a source is UTF-8");
        let found = blocks(&text);
        if !found.is_empty() {
            let name = file.strip_prefix(&root).expect("below the root").display();
            write!(out, "\n## {name}\n\n").expect("into a string");
            for (item, reason) in found {
                assert!(!reason.is_empty(), "{name}: `{item}` has an unsafe block without a SAFETY comment");
                writeln!(out, "- `{item}`: {reason}").expect("into a string");
            }
        }
    }
    out
}

#[test]
fn the_list_is_what_the_sources_say() {
    let (path, page) = (repository().join("docs/unsafe.md"), page());
    if std::env::var_os("SYSTOLE_UNSAFE").is_some_and(|v| v == "write") {
        std::fs::write(&path, &page).expect("docs can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/unsafe.md is stale; write it with SYSTOLE_UNSAFE=write");
}

#[test]
fn blocks_are_found_with_their_reasons() {
    let text = "
        pub fn peek(at: *const u8) -> u8 {
            // SAFETY: the caller's pointer
            // is valid.
            let value = unsafe { at.read() };
            value // no unsafe { here }
        }
        // SAFETY: no thread's own.
        unsafe impl Send for Handle {}
    ";
    let peek = ("peek".to_owned(), "the caller's pointer is valid.".to_owned());
    let handle = ("impl Send for Handle".to_owned(), "no thread's own.".to_owned());
    assert_eq!(blocks(text), [peek, handle]);
    assert_eq!(blocks("fn f() { unsafe { g() } }"), [("f".to_owned(), String::new())]);
}
