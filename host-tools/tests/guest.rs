//! `systole virtual-board test`: a guest in which all pass, one in which not all do, and what is refused before any.
//!
//! `cargo test --workspace --test guest -- --ignored --nocapture` shows the tables.

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Ended, command, systole};

/// Cases of the conformance suite, and the built-in model.
const CASES: usize = systole_conformance::CASES.len() + 1;
/// All of them; behind an IOMMU there are two cases more, and one where the card writes to the host's memory without one.
const TRANSPORTS: [(&str, usize); 9] = [
    ("vfio", CASES + 2),
    ("vfio-card-memory", CASES),
    ("vfio-intx", CASES + 2),
    ("resource", CASES + 1),
    ("resource-card-memory", CASES),
    ("uio", CASES + 1),
    ("uio-maps", CASES + 1),
    ("mem", CASES),
    ("uio-platform", CASES),
];

/// Runs the command, which may download; shows what it prints.
fn run(arguments: &[&str]) -> Ended {
    run_with(arguments, &[])
}

/// The same with variables.
fn run_with(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = command();
    command.args(["virtual-board", "test"]).args(arguments).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let ended = Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
    println!("{}{}", ended.stdout, ended.stderr);
    ended
}

/// The numbers of passed and failed cases in the table.
fn counts(table: &str, transport: &str) -> (usize, usize) {
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(transport));
    let numbers: Vec<usize> = line.unwrap().split_whitespace().skip(1).take(2).map(|n| n.parse().unwrap()).collect();
    (numbers[0], numbers[1])
}

/// How a build below `tests/guest` ends before a guest was ever booted.
const NO_KERNEL: i32 = 3;

/// What a build below `tests/guest` prints, for the kernel that the command fetches.
fn built(name: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guest").join(name).join("build");
    let build = || Command::new(&script).output().unwrap();
    let mut output = build();
    if output.status.code() == Some(NO_KERNEL) {
        run(&["--transports", "resource"]).ok();
        output = build();
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
#[ignore = "needs QEMU, fetched by name"]
fn in_a_guest_every_case_passes_over_every_transport() {
    let table = run(&["--fixture", &built("zynq")]).ok();
    for (transport, cases) in TRANSPORTS {
        assert_eq!(counts(&table, transport), (cases, 0), "{transport}");
    }
    assert!(!table.contains("iommufd"), "this kernel has groups only; the other test is for the rest:\n{table}");
}

#[test]
#[ignore = "needs QEMU and the kernel's source, fetched by name"]
fn in_a_guest_every_case_passes_over_iommufd() {
    let variables = built("iommufd");
    let variables: Vec<_> = variables.lines().filter_map(|line| line.split_once('=')).collect();
    let over_vfio = &TRANSPORTS[..3];
    let names = over_vfio.iter().map(|(transport, _)| *transport).collect::<Vec<_>>().join(",");
    let table = run_with(&["--transports", &names], &variables).ok();
    for (transport, cases) in over_vfio {
        assert_eq!(counts(&table, transport), (*cases, 0), "{transport}");
    }
    assert_eq!(table.matches("vfio (iommufd)").count(), over_vfio.len(), "{table}");
}

#[test]
#[ignore = "needs QEMU, fetched by name"]
fn in_a_guest_a_card_that_misbehaves_is_found_out() {
    let ended = run(&["--transports", "resource", "--faults", "rate=1,kinds=bus-error", "--json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["passed"], false);
    let tally = &report["verdict"]["trials"]["resource"];
    let failed = tally["failed"].as_array().unwrap().len();
    let cases = CASES + 1;
    assert!(failed > 0 && tally["passed"].as_u64() == Some((cases - failed) as u64), "{tally}");
    let console = ended.stderr.split(['"', ' ']).find(|word| word.ends_with("console.log")).unwrap();
    assert!(ended.stderr.contains(&format!("{failed} of {cases} cases failed; QEMU ended with 35 instead of 33")));
    let directory = Path::new(console).parent().unwrap();
    assert!(std::fs::read_to_string(console).unwrap().contains("@systole {\"is\":\"closing\""));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn what_cannot_be_tried_is_refused() {
    let refused = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = command();
        command.args(["virtual-board", "test"]).args(arguments);
        for name in ["SYSTOLE_QEMU", "SYSTOLE_KERNEL", "SYSTOLE_MODULES", "SYSTOLE_DEBIAN"] {
            command.env_remove(name);
        }
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }.refused()
    };
    assert_eq!(
        refused(&["--transports", "vfio,mem"], &[]),
        "mem needs a module that shows the card as a part of the chip; name it with --fixture"
    );
    assert_eq!(refused(&[], &[("SYSTOLE_QEMU", "/no/qemu")]), "SYSTOLE_QEMU: there is no /no/qemu");
    assert_eq!(
        refused(&[], &[("SYSTOLE_KERNEL", "/dev/null")]),
        "set both SYSTOLE_KERNEL and SYSTOLE_MODULES, or none: modules fit one kernel only"
    );
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().to_str().unwrap();
    let error = refused(&[], &[("PATH", path), ("SYSTOLE_CACHE", path)]);
    assert_eq!(
        error,
        "there is no apt-get to fetch QEMU and a kernel with; install QEMU 10.1 or later with vfio-user-pci and set \
         SYSTOLE_QEMU to its qemu-system-x86_64, SYSTOLE_KERNEL to a kernel image, SYSTOLE_MODULES to its directory below \
         /lib/modules"
    );
    let all = [("SYSTOLE_QEMU", "/bin/true"), ("SYSTOLE_KERNEL", "/dev/null"), ("SYSTOLE_MODULES", path)];
    assert_eq!(refused(&[], &all), "/bin/true has no device vfio-user-pci; set SYSTOLE_QEMU to QEMU 10.1 or later");
}

#[test]
fn the_guests_part_runs_in_a_guest_only() {
    assert_eq!(
        systole(["virtual-board", "guest", "--transports", "vfio"]).refused(),
        "this is for the guest of `systole virtual-board test`, where it is the first process"
    );
    let unknown = systole(["virtual-board", "test", "--transports", "pci"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("no such transport; choose from vfio, vfio-card-memory"), "{}", unknown.stderr);
}
