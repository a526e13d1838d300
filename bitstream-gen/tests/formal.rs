//! Proofs with SymbiYosys: FIFO, semaphores, bursts, AXI masters, region check, engine. Each proof is also run on copies of
//! the RTL with a planted fault, and must fail there. What depends on the width of the bus is proven for each
//! configuration's.
//!
//! `cargo test -p systole-bitgen --test formal -- --ignored --nocapture`
//!
//! `Induction` holds for all time; `Bound` for that many cycles from reset. The harnesses under `formal/` say what is
//! assumed of the environment. They restate the assertions inside the RTL, which the front end does not read.

#[path = "formal/runner.rs"]
mod runner;

use runner::{Fault, Mode, Proof, Verdict};
use systole_isa::config::{N8, NAMED};

const fn fault(file: &'static str, right: &'static str, wrong: &'static str) -> Fault {
    Fault { file, right, wrong }
}

const FIFO: Proof = Proof {
    top: "fv_fifo",
    sources: &["prim/prim_fifo.sv"],
    configs: &[&N8],
    mode: Mode::Induction(3),
    faults: &[
        fault("prim/prim_fifo.sv", "assign wready_o = !level_q[Aw];", "assign wready_o = 1'b1;"),
        fault("prim/prim_fifo.sv", "if (pop) rptr_q <= rptr_q + 1'b1;", "if (rready_i) rptr_q <= rptr_q + 1'b1;"),
    ],
};

const SEMAPHORES: Proof = Proof {
    top: "fv_semaphores",
    sources: &["core/systole_semaphores.sv"],
    configs: &[&N8],
    mode: Mode::Induction(2),
    faults: &[
        // A post and a take in the same cycle: one of them is lost.
        fault("core/systole_semaphores.sv", "nonzero_q[s] <= count_d[s] != '0;", "nonzero_q[s] <= count_q[s] != '0;"),
        // Two units take the same count.
        fault("core/systole_semaphores.sv", "grant_o    = '0;\n        grant_o[u] = 1'b1;", "grant_o[u] = 1'b1;"),
    ],
};

const BURSTS: Proof = Proof {
    top: "fv_bursts",
    sources: &["core/systole_bursts.sv"],
    configs: &NAMED,
    mode: Mode::Induction(3),
    faults: &[
        fault("core/systole_bursts.sv", "if (room < beats) beats = room;", ""),
        fault("core/systole_bursts.sv", "offer_q <= !offer_q || !ready_i;", "offer_q <= !offer_q;"),
    ],
};

const AXI_READ: Proof = Proof {
    top: "fv_axi_read",
    sources: &["prim/prim_fifo.sv", "core/systole_axi_read.sv"],
    configs: &NAMED,
    mode: Mode::Induction(3),
    faults: &[
        fault("core/systole_axi_read.sv", "any && (!arvalid_q || arready_i) && owner_ready", "any && owner_ready"),
        fault("core/systole_axi_read.sv", "(rvalid_i && rready_o && rlast_i)", "(rvalid_i && rready_o)"),
    ],
};

const AXI_WRITE: Proof = Proof {
    top: "fv_axi_write",
    sources: &["prim/prim_fifo.sv", "core/systole_axi_write.sv"],
    configs: &NAMED,
    mode: Mode::Induction(3),
    faults: &[
        fault("core/systole_axi_write.sv", "assign last      = left_q == '0;", "assign last      = left_q == 8'd1;"),
        fault("core/systole_axi_write.sv", "else if (awready_i) awvalid_q <= 1'b0;", "else awvalid_q <= 1'b0;"),
        // Filling begins with the beat that waits, whose payload changes.
        fault(
            "core/systole_axi_write.sv",
            "      wlast_o <= last;\n    end\n",
            "      wlast_o <= last;\n    end\n    if (fill_q) {wdata_o, wstrb_o} <= {wdata_i[client_q], BusBytes'(0)};\n",
        ),
        // The strobes of a beat are lost; a beat is.
        fault("core/systole_axi_write.sv", "wstrb_o <= fill_q ? '0 : wstrb_i[client_q];", "wstrb_o <= '0;"),
        fault("core/systole_axi_write.sv", "!fill_q && room;", "!fill_q;"),
    ],
};

const REGION_CHECK: Proof = Proof {
    top: "fv_region_check",
    sources: &["core/systole_region_check.sv"],
    configs: &[&N8],
    mode: Mode::Bound(23),
    faults: &[
        // The last row is forgotten.
        fault("core/systole_region_check.sv", "bits_q    <= rows_i - 16'd1;", "bits_q    <= rows_i - 16'd2;"),
        fault("core/systole_region_check.sv", "|| wraps_q;", ";"),
        fault("core/systole_region_check.sv", "if (write_i && !region_i", "if (!region_i"),
    ],
};

const ENGINE: Proof = Proof {
    top: "fv_engine",
    sources: &["core/systole_bursts.sv", "core/systole_engine.sv"],
    configs: &[&N8],
    mode: Mode::Induction(3),
    faults: &[
        // A wait that is not counted, one that ends as its time does, and a reset that does not wait for the bus.
        fault("core/systole_engine.sv", "waits_on && wait_left_q == '0;", "waits_on && wait_left_q == '1;"),
        fault(
            "core/systole_engine.sv",
            "hung     = timeout_q && waits_on && !answered;",
            "hung     = timeout_q && !answered;",
        ),
        fault("core/systole_engine.sv", "StDrain:       if (bus_idle_i)", "StDrain:       if (bus_idle_i || reset_q)"),
    ],
};

const PROOFS: [&Proof; 7] = [&FIFO, &SEMAPHORES, &BURSTS, &AXI_READ, &AXI_WRITE, &REGION_CHECK, &ENGINE];

fn proven(proof: &Proof) {
    for config in proof.configs {
        let outcome = runner::run(proof, config, None);
        let (top, mode, name) = (proof.top, proof.mode, config.name);
        println!("{top} of {name}: {mode}: {:?} in {:.1} s", outcome.verdict, outcome.seconds);
        assert_eq!(outcome.verdict, Verdict::Pass, "{top} of {name}: {}", outcome.log);
    }
}

fn faults_are_found(proof: &Proof) {
    for fault in proof.faults {
        let outcome = runner::run(proof, proof.configs[0], Some(fault));
        println!("{}: `{}` planted: {:?} in {:.1} s", proof.top, fault.wrong, outcome.verdict, outcome.seconds);
        assert_eq!(outcome.verdict, Verdict::Fail, "{}: {:?} went unnoticed\n{}", proof.top, fault, outcome.log);
    }
}

macro_rules! proofs {
    ($($module:ident: $proof:ident),+) => {$(
        mod $module {
            #[test]
            #[ignore = "needs SymbiYosys and yices; the message of a failure says how to install them"]
            fn is_proven() {
                super::proven(&super::$proof);
            }

            #[test]
            #[ignore = "needs SymbiYosys and yices; the message of a failure says how to install them"]
            fn planted_faults_are_found() {
                super::faults_are_found(&super::$proof);
            }
        }
    )+};
}

proofs!(fifo: FIFO, semaphores: SEMAPHORES, bursts: BURSTS, axi_read: AXI_READ, axi_write: AXI_WRITE, region_check: REGION_CHECK, engine: ENGINE);

/// A fault that is no longer in the text would prove nothing.
#[test]
fn every_fault_can_be_planted() {
    for proof in PROOFS {
        for fault in proof.faults {
            assert_ne!(runner::planted(fault), runner::rtl(fault.file));
        }
    }
}
