//! The whole core of n8 between the AXI masters and memories of cocotbext-axi, which know nothing of this project: registers,
//! byte strobes, programs that end well and badly, errors of the memory, back-pressure on every channel, aborts in the middle
//! of bursts.
//!
//! `cargo test -p systole-bitgen --test outside_judge -- --ignored --nocapture`
//!
//! The bench is `tb/outside_judge.py`. What it expects of registers, completions and memory comes from here: from the
//! declaration, and from the simulator.

#[path = "outside_judge/cocotb.rs"]
mod cocotb;
#[path = "outside_judge/scenarios.rs"]
mod scenarios;

use systole_bitgen::verilated::Mutation;

/// One for `registers`, one for `aborts`, two for each program.
const TESTS: usize = 2 + 2 * 6;

#[test]
#[ignore = "needs Verilator 5 and cocotb; the message of a failure says how to install them"]
fn the_core_stands_before_an_outside_judge() {
    let verdict = cocotb::run("sound", None, "");
    println!("{verdict:?}");
    assert_eq!((verdict.passed, verdict.failed.as_slice()), (TESTS, [].as_slice()));
}

/// Filling a cleared burst begins with the beat that waits, whose payload changes.
#[test]
#[ignore = "needs Verilator 5 and cocotb; the message of a failure says how to install them"]
fn the_judge_finds_a_beat_that_changes_while_it_waits() {
    let mutation = Mutation {
        path: "core/systole_axi_write.sv",
        from: "      wlast_o <= last;\n    end\n",
        to: "      wlast_o <= last;\n    end\n    if (fill_q) {wdata_o, wstrb_o} <= {wdata_i[client_q], BusBytes'(0)};\n",
    };
    let verdict = cocotb::run("flawed", Some(&mutation), "aborts");
    println!("{verdict:?}");
    let [failed] = verdict.failed.as_slice() else { panic!("{verdict:?}") };
    assert!(failed.contains("aborts") && failed.contains("w: [(") && failed.contains("while it waits"), "{failed}");
}
