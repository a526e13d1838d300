//! `systole man`, and what docs/cli.md says of the JSON.

mod support;

use std::collections::BTreeSet;

use support::{command, json_lines, systole, tiny};

const PAGE: &str = include_str!("../../docs/cli.md");

#[test]
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man1");
    let written = systole(["man", "--out", pages.to_str().unwrap()]).ok();
    let listed: BTreeSet<String> = written.lines().map(str::to_owned).collect();
    let there: BTreeSet<String> =
        std::fs::read_dir(&pages).unwrap().map(|e| e.unwrap().path().to_str().unwrap().to_owned()).collect();
    assert_eq!(listed, there);
    let page = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap();
    for name in ["systole.1", "systole-run.1", "systole-virtual-board-test.1", "systole-man.1"] {
        assert!(page(name).contains(".TH "), "{name}");
    }
    assert!(!pages.join("systole-virtual-board-guest.1").exists(), "hidden");
    let run = page("systole-run.1");
    assert!(run.contains("\\-\\-truncate") && run.contains("Examples:"), "{run}");
    assert_eq!(systole(["man", "run"]).ok().trim_end(), run.trim_end());
    assert!(systole(["man", "virtual-board", "test"]).ok().contains("\\-\\-transports"));
    assert_eq!(
        systole(["man", "fly"]).refused(),
        "there is no command fly of systole; `systole --help` lists what there is"
    );
}

/// The keys that the page gives for a command's objects.
fn documented(command: &str) -> BTreeSet<String> {
    let begin = format!("| `{command}` |");
    let row = PAGE.lines().find(|l| l.starts_with(&begin)).unwrap_or_else(|| panic!("no row for {command}"));
    let keys = row.trim_end_matches(" |").rsplit('|').next().unwrap();
    keys.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_gives_the_keys_of_the_json() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (npy, model, program, recording) = (at("a.npy"), at("a.systole"), at("a.prog"), at("a.rec"));
    let tiny = tiny();
    let tiny = tiny.to_str().unwrap();
    for (row, arguments) in [
        ("run -o FILE", &["run", "--text", "a", "-o", &npy, "--record", &recording][..]),
        ("quantize", &["quantize", tiny, "-o", &model]),
        ("compile", &["compile", "--tokens", "8", "-o", &program]),
        ("inspect PROGRAM", &["inspect", &program]),
        ("inspect MODEL", &["inspect", &model]),
        ("cache list", &["cache", "list"]),
        ("cache clear", &["cache", "clear"]),
        ("peek", &["peek", "MAGIC"]),
        ("poke", &["poke", "WATCHDOG", "1"]),
        ("doctor", &["doctor"]),
        ("validate", &["validate", "--quick"]),
        ("top", &["top", "--once"]),
        ("replay", &["replay", &recording]),
    ] {
        let ended = command().args(arguments).arg("--json").env("SYSTOLE_CACHE", at("cache")).output().unwrap();
        let objects = json_lines(std::str::from_utf8(&ended.stdout).unwrap());
        assert!(!objects.is_empty(), "{row}: {ended:?}");
        for object in &objects {
            let mut found: BTreeSet<String> = object.as_object().unwrap().keys().cloned().collect();
            assert!(found.remove("schema"));
            assert_eq!(found, documented(row), "docs/cli.md, row {row}");
        }
    }
    let run = &json_lines(&systole(["run", "--text", "a", "--json"]).ok())[0];
    let documented = documented("run");
    let found: Vec<&String> = run.as_object().unwrap().keys().filter(|k| *k != "schema").collect();
    assert!(found.iter().all(|k| documented.contains(*k)), "{found:?}");
}
