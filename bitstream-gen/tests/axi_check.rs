//! Must-fail tests of the rules by which the harness watches the bus in every run of the Verilated RTL.
//!
//! `cargo test -p systole-bitgen --test axi_check -- --ignored`

use std::path::Path;
use std::process::Command;

#[test]
#[ignore = "needs a C++ compiler"]
fn every_rule_of_the_bus_is_missed_when_it_is_broken() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axi_check");
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let built = Command::new(&compiler)
        .args(["-std=c++17", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(root.join("src/verilated/harness"))
        .arg(root.join("tb/axi_check.cc"))
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap_or_else(|e| panic!("{compiler}: {e}; apt-get install g++"));
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let ran = Command::new(&program).output().expect("what was built runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}
