//! The page on the command line, docs/cli.md: its end is what `--help` says, its table what the commands write.

use std::fmt::Write;

use clap::Command;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
/// What follows is generated.
const COMMANDS: &str = "## Commands\n";
const RENEW: &str = "SYSTOLE_DOCS=write cargo test -p systole-cli --bin systole page";

/// The part of the page that is generated.
fn commands() -> String {
    let mut root = super::command().term_width(100);
    root.build();
    let mut text = format!("{COMMANDS}\nWhat follows is generated: `{RENEW}`.\n");
    section(&root, "systole", &mut text);
    text
}

fn section(command: &Command, name: &str, text: &mut String) {
    // Said once, at the top.
    let below = name != "systole";
    let mut shown = command.clone().mut_args(|a| if below && a.is_global_set() { a.hide(true) } else { a });
    let help = shown.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    writeln!(text, "\n### {name}\n\n```text\n{}\n```", help.join("\n").trim_end()).expect("a string takes all");
    for below in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        section(below, &format!("{name} {}", below.get_name()), text);
    }
}

#[test]
fn the_page_has_every_command_as_its_help_has_it() {
    let page = std::fs::read_to_string(PAGE).expect("there is a page");
    let (written, _) = page.split_once(COMMANDS).expect("the heading of the commands");
    let now = format!("{written}{}", commands());
    if std::env::var_os("SYSTOLE_DOCS").is_some_and(|v| v == "write") {
        std::fs::write(PAGE, now).expect("writable");
        return;
    }
    for (committed, now) in page.lines().zip(now.lines()) {
        assert_eq!(committed, now, "{RENEW}");
    }
    assert_eq!(page.lines().count(), now.lines().count(), "{RENEW}");
}

#[test]
fn the_page_names_every_command() {
    let text = commands();
    for name in ["run", "quantize", "virtual-board test", "bitstream build", "rtl lint", "man"] {
        assert!(text.contains(&format!("\n### systole {name}\n")), "{name}");
    }
    assert!(!text.contains("### systole virtual-board guest"), "hidden");
    assert_eq!(text.matches("--verbose...").count(), 1);
}
