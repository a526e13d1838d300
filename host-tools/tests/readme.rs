//! The transcripts of README.md are what the command prints.
//!
//! In a `console` block, a line `$ ...` is run by the shell and the lines up to the next one are its output. Times differ from
//! run to run and are masked. `SYSTOLE_README=write cargo test -p systole-cli --test readme` writes the outputs anew.

mod support;

use std::path::Path;
use std::process::Command;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// Runs a line of the shell in which `systole` is the built command.
fn shell(line: &str, directory: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_systole")).parent().expect("it lies in a directory");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(binary.to_owned()).chain(std::env::split_paths(&path));
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(directory)
        .env("PATH", std::env::join_paths(paths).expect("no colon in the path"))
        .env_remove("RUST_LOG")
        .env("NO_COLOR", "1")
        .output()
        .expect("there is a shell");
    assert!(output.stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
}

/// The page with every transcript as it is now.
fn rewritten(page: &str) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (mut out, mut inside) = (Vec::new(), false);
    for line in page.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ => {}
        }
        match line.strip_prefix("$ ") {
            Some(command) if inside => {
                out.push(line.to_owned());
                out.extend(shell(command, directory.path()).lines().map(|l| l.trim_end().to_owned()));
            }
            _ if inside && line != "```console" => {}
            _ => out.push(line.to_owned()),
        }
    }
    out.join("\n") + "\n"
}

/// `tokens in 7.5 ms:` with the time masked.
fn without_time(page: &str) -> String {
    let mask = |line: &str| match (line.find(" tokens in "), line.find(" submissions")) {
        (Some(start), Some(end)) if start < end => format!("{} tokens in TIME{}", &line[..start], &line[end..]),
        _ => line.to_owned(),
    };
    page.lines().map(mask).collect::<Vec<_>>().join("\n")
}

#[test]
fn transcripts_are_current() {
    let page = std::fs::read_to_string(README).expect("there is a README");
    let now = rewritten(&page);
    if std::env::var_os("SYSTOLE_README").is_some_and(|v| v == "write") {
        std::fs::write(README, now).expect("writable");
        return;
    }
    for (committed, now) in without_time(&page).lines().zip(without_time(&now).lines()) {
        assert_eq!(committed, now, "run SYSTOLE_README=write cargo test -p systole-cli --test readme");
    }
    assert_eq!(page.lines().count(), now.lines().count());
}

#[test]
fn the_comparison_notices_a_difference() {
    let page = "text\n```console\n$ echo one; echo 2 tokens in 3 ms: 4 submissions\nold\n```\n$ echo outside\n";
    let now = "text\n```console\n$ echo one; echo 2 tokens in 3 ms: 4 submissions\none\n2 tokens in 3 ms: 4 submissions\n```\n$ echo outside\n";
    assert_eq!(rewritten(page), now);
    assert_ne!(without_time(page), without_time(now));
    assert_eq!(without_time("1 tokens in 9 s: 1 submissions"), "1 tokens in TIME submissions");
}
