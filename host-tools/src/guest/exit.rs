//! How the guest ends: a write to QEMU's debug-exit port, which makes QEMU exit with twice the value and one.

#![allow(unsafe_code, reason = "I/O ports")]

use std::io;

use super::emulator::EXIT_PORT;

/// QEMU's exit status if everything passed.
pub const PASSED: i32 = status(VALUE_PASSED);
const VALUE_PASSED: u32 = 16;
const VALUE_FAILED: u32 = 17;

const fn status(value: u32) -> i32 {
    (value << 1 | 1) as i32
}

/// Ends the machine; returns only if it cannot.
pub fn exit(passed: bool) -> io::Error {
    // What was printed stands in the terminal's buffer.
    let _ = rustix::termios::tcdrain(io::stdout());
    write_port(EXIT_PORT, if passed { VALUE_PASSED } else { VALUE_FAILED })
}

#[cfg(target_arch = "x86_64")]
fn write_port(port: u16, value: u32) -> io::Error {
    // SAFETY: changes which ports this thread may use, no memory.
    if unsafe { libc::ioperm(port.into(), size_of::<u32>() as u64, 1) } != 0 {
        return io::Error::last_os_error();
    }
    // SAFETY: the port is QEMU's, asked for on its command line; this process is the guest's first, so it is no other
    // machine's. It ends this machine and touches no memory of this program.
    unsafe {
        std::arch::asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack, preserves_flags));
    }
    io::Error::other("QEMU has no device isa-debug-exit")
}

#[cfg(not(target_arch = "x86_64"))]
fn write_port(_port: u16, _value: u32) -> io::Error {
    io::Error::from(io::ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests {
    #[test]
    fn statuses_differ_from_those_of_a_qemu_that_fails() {
        assert_eq!((super::PASSED, super::status(super::VALUE_FAILED)), (33, 35));
    }
}
