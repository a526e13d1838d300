//! Errors in the SystemVerilog itself: lockstep finds them, and names the instruction.

use systole_bitgen::verilated::Mutation;
use systole_isa::Op;
use systole_isa::config::N8;
use systole_isa::instruction::{Memory, Output, Stat};
use systole_tests::lockstep::{Difference, Failure, Mode};

use super::flawed::{first_failure, replays, weight};

/// What lockstep makes of a design with an error.
fn found(mutation: Mutation, judge: impl FnOnce(&Failure)) {
    super::on_mutant(&N8, Some(mutation), |target| {
        let (_, failure) = first_failure(target, &N8, 400);
        println!("{}\n", failure.smallest.report);
        judge(&failure);
        replays(target, &failure);
    });
}

#[test]
#[ignore = "needs Verilator 5"]
fn a_missing_saturation_is_found() {
    let mutation = Mutation {
        path: "core/systole_round_shift.sv",
        from: "saturates = sum_q[Kept-1:17] != {(Kept - 17){sum_q[Kept-1]}};",
        to: "saturates = sum_q[Kept-1:18] != {(Kept - 18){sum_q[Kept-1]}};",
    };
    found(mutation, |failure| {
        let Op::Map(map) = failure.smallest.instruction.op else { panic!("{}", failure.smallest.report) };
        assert_eq!(
            (failure.case.code.len(), map.output, map.rows),
            (1, Output::Acc18, 1),
            "{}",
            failure.smallest.report
        );
        // One element, which is in some lane of its word.
        assert!(map.cols <= 8 && weight(&failure.case) <= 8, "{}", failure.smallest.report);
    });
}

#[test]
#[ignore = "needs Verilator 5"]
fn a_magnitude_without_its_extreme_is_found() {
    let mutation =
        Mutation { path: "core/systole_statistic.sv", from: "(y == 32'sh8000_0000) ? 32'sh7fff_ffff : -y", to: "-y" };
    found(mutation, |failure| {
        let Op::Map(map) = failure.smallest.instruction.op else { panic!("{}", failure.smallest.report) };
        assert_eq!((failure.case.code.len(), map.stat, map.rows), (1, Stat::AbsMax, 1), "{}", failure.smallest.report);
        assert!(map.cols <= 8 && weight(&failure.case) <= 8, "{}", failure.smallest.report);
    });
}

#[test]
#[ignore = "needs Verilator 5"]
fn a_start_with_one_of_two_semaphores_is_found() {
    let mutation = Mutation {
        path: "core/systole_semaphores.sv",
        from: "met_o[u] = (wait_mask_i[u] & ~nonzero_q) == '0;",
        to: "met_o[u] = wait_mask_i[u] == '0 || (wait_mask_i[u] & nonzero_q) != '0;",
    };
    found(mutation, |failure| {
        // Alone every instruction is right; together, the design's own assertion is what notices first.
        assert_eq!(failure.first.mode, Mode::Whole);
        let Difference::Broken(text) = &failure.smallest.difference else { panic!("{}", failure.smallest.report) };
        assert!(text.contains("systole_semaphores.sv"), "{text}");
        assert_eq!(failure.smallest.instruction.sync.wait.count_ones(), 2, "{}", failure.smallest.report);
        assert!(failure.case.code.len() <= 3, "{}", failure.smallest.report);
    });
}

/// STORE reads ACC through the port of VECTOR's addend.
#[test]
#[ignore = "needs Verilator 5"]
fn a_word_of_the_shared_port_that_goes_to_both_is_found() {
    let mutation = Mutation {
        path: "core/systole_core.sv",
        from: ".aux_rvalid_i (acc_rvalid[AccShared] && !stored_q[2]),",
        to: ".aux_rvalid_i (acc_rvalid[AccShared]),",
    };
    found(mutation, |failure| {
        // It takes a STORE from ACC beside or before a MAP.
        assert_eq!(failure.first.mode, Mode::Whole);
        let from_acc = |op: &Op| matches!(op, Op::Store(s) if s.memory == Memory::Acc);
        assert!(failure.case.code.iter().any(|i| from_acc(&i.op)), "{}", failure.smallest.report);
        assert!(failure.case.code.len() <= 4, "{}", failure.smallest.report);
    });
}
