//! What the contract says about a device as its host sees it, as one suite for every executor.
//!
//! 1. [`Target`] says how to open a device, and what cannot be tried on it.
//! 2. [`suite`] runs all of [`CASES`] and names those that fail; [`outcomes`] gives them one by one.
//!
//! A case opens a device of its own, which must be as after power-up or programming. Cases assume neither that a
//! submission runs during the doorbell's write, as on the simulator, nor that it takes time, as on hardware: they wait,
//! but never for ever. Memory of a device is opaque, so cases allocate what they use.

mod compute;
mod faults;
pub mod hangs;
pub mod host;
mod identity;
mod interrupts;
pub mod random;
mod regions;
mod rings;
pub mod trace;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use systole_driver::Device;

use host::Host;

/// An executor under test.
pub struct Target<'a> {
    open: &'a dyn Fn() -> Box<dyn Device + Send>,
    /// Accesses to memory that does not exist may be provoked.
    bus_errors: bool,
    /// Longest wait for anything the device should do.
    patience: Duration,
}

impl<'a> Target<'a> {
    /// An executor where everything may be tried, and that does what it should within ten seconds.
    pub fn new(open: &'a dyn Fn() -> Box<dyn Device + Send>) -> Self {
        Self { open, bus_errors: true, patience: Duration::from_secs(10) }
    }

    /// For a board, where an address that is not device memory may hang the bus: leaves out cases that provoke it.
    #[must_use]
    pub fn without_bus_errors(self) -> Self {
        Self { bus_errors: false, ..self }
    }

    /// For a slow executor.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    fn device(&self) -> Box<dyn Device + Send> {
        (self.open)()
    }

    /// A device with rings of `slots` slots, enabled.
    fn host(&self, slots: u32) -> Host {
        Host::new(self.device(), slots, self.patience)
    }
}

/// A case of the suite.
pub struct Case {
    /// What holds if it passes.
    pub name: &'static str,
    run: fn(&Target<'_>),
    needs_bus_errors: bool,
}

// Cases in brackets provoke bus errors.
macro_rules! cases {
    ($($module:ident { $($name:ident)+ } $([$($erring:ident)+])?)+) => {
        /// Every case.
        pub const CASES: &[Case] = &[ $(
            $( Case { name: stringify!($name), run: $module::$name, needs_bus_errors: false }, )+
            $( $( Case { name: stringify!($erring), run: $module::$erring, needs_bus_errors: true }, )+ )?
        )+ ];
    };
}
cases! {
    identity {
        identity_describes_a_named_configuration
        registers_have_their_reset_values
        read_only_registers_ignore_writes
        read_write_registers_keep_what_is_written
        command_registers_read_zero
        offsets_without_register_read_zero
        offsets_outside_the_window_are_refused
        the_engine_opens_it
        the_cycle_counter_runs
        memory_is_zeroed_aligned_and_kept
    }
    rings {
        a_submission_completes_with_its_id_and_count
        rings_wrap_and_the_phase_flips
        a_disabled_engine_takes_nothing
        submissions_back_to_back_complete_in_order
        a_full_completion_ring_holds_the_engine
        rings_may_differ_in_size
        malformed_rings_halt_the_engine_until_reset
        reset_clears_what_it_should
        reset_in_flight_leaves_a_usable_engine
    } [rings_without_memory_halt_the_engine]
    faults {
        what_is_no_instruction_is_illegal
        reserved_features_are_unimplemented
        broken_operand_rules_are_illegal
        words_behind_a_memory_are_out_of_bounds
        end_stands_last_and_only_there
        regions_bound_every_access
        regions_must_be_well_formed
        a_post_above_the_maximum_overflows
        deadlock_names_the_oldest_waiting_instruction
        bad_submissions_complete_with_their_fault
        the_watchdog_bites_where_there_is_timing
        the_first_fault_stays_latched_until_reset
    } [memory_that_is_not_there_is_a_bus_error]
    interrupts {
        completion_interrupts_are_asked_for_and_enabled
        fault_interrupts_come_with_every_fault
    }
    regions {
        submissions_see_their_own_regions_only
        nothing_outside_the_stored_bytes_changes
    }
    trace {
        tagged_instructions_leave_records
        a_full_trace_buffer_stops_recording
    }
    compute {
        every_operation_computes_what_the_reference_computes
        semaphores_order_the_units
    }
}

/// How a case ended; the error is what it found.
pub type Outcome = (&'static str, Result<(), String>);

/// Runs the cases one after the other, each when the iterator gets to it. A case left out because it provokes bus errors
/// does not come up.
pub fn outcomes<'a>(target: &'a Target<'_>) -> impl Iterator<Item = Outcome> + 'a {
    let tried = CASES.iter().filter(|case| target.bus_errors || !case.needs_bus_errors);
    tried.map(|case| {
        let ended = catch_unwind(AssertUnwindSafe(|| (case.run)(target)));
        (case.name, ended.map_err(|panic| text(&*panic)))
    })
}

/// What a panic says.
fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without text").to_owned()
}

/// Runs every case on an executor.
///
/// # Panics
/// If any fails, naming all that do; what each found is on stderr by then.
pub fn suite(target: &Target<'_>) {
    let (mut tried, mut failed) = (0, Vec::new());
    for (name, outcome) in outcomes(target) {
        tried += 1;
        failed.extend(outcome.is_err().then_some(name));
    }
    assert!(failed.is_empty(), "{} of {tried} cases fail: {}", failed.len(), failed.join(", "));
}
