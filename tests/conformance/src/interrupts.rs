//! The interrupt registers and the line.

use std::time::Duration;

use systole_isa::register;
use systole_isa::ring::{SUBMIT_INTERRUPT, Submission};

use crate::Target;
use crate::host::{Host, end};

/// Long enough for a line that is raised, short where it must stay low.
const LOW: Duration = Duration::from_millis(5);

fn raised(host: &mut Host, timeout: Duration) -> bool {
    host.device.wait_interrupt(timeout).expect("the interrupt can be waited for")
}

pub fn completion_interrupts_are_asked_for_and_enabled(target: &Target<'_>) {
    let mut host = target.host(16);
    let quiet = host.submission(1, &[end()]);
    let loud = Submission { flags: SUBMIT_INTERRUPT, ..quiet };
    host.write(register::IRQ_ENABLE, 3);
    host.submit(&quiet);
    host.take();
    host.settle();
    assert_eq!(host.read(register::IRQ_STATUS), 0, "not asked for");
    assert!(!raised(&mut host, LOW));
    host.write(register::IRQ_ENABLE, 2);
    host.submit(&loud);
    host.take();
    host.until("the completion is noted", |h| h.read(register::IRQ_STATUS) == 1);
    assert!(!raised(&mut host, LOW), "not enabled");
    host.write(register::IRQ_ENABLE, 1);
    assert!(raised(&mut host, Duration::from_secs(2)), "enabled while it is pending");
    host.write(register::IRQ_STATUS, 2);
    assert_eq!(host.read(register::IRQ_STATUS), 1, "ones clear, zeros do not");
    host.write(register::IRQ_STATUS, 1);
    assert_eq!(host.read(register::IRQ_STATUS), 0);
    assert!(!raised(&mut host, LOW));
    host.submit(&loud);
    assert!(raised(&mut host, Duration::from_secs(10)), "again");
}

pub fn fault_interrupts_come_with_every_fault(target: &Target<'_>) {
    let mut host = target.host(16);
    let quiet = host.submission(1, &[end()]);
    host.write(register::IRQ_ENABLE, 2);
    for round in 0..2 {
        host.submit(&Submission { abi_hash: 0, ..quiet });
        host.take();
        host.until("the fault is noted", |h| h.read(register::IRQ_STATUS) == 2);
        assert!(raised(&mut host, Duration::from_secs(2)), "round {round}");
        host.write(register::IRQ_STATUS, 2);
        assert_eq!(host.read(register::IRQ_STATUS), 0);
        assert!(!raised(&mut host, LOW), "round {round}");
    }
}
