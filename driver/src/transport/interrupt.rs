//! Sleeping until something happens.
//!
//! An [`Interrupt`] only ends a sleep. Whether the line is raised is read from the device before and after it, so a lost,
//! late, doubled or invented interrupt costs time at worst.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::config::{Config, INTX_DISABLE};
use crate::sys::{Calls, INTX, MSI, MSIX};

/// Time between two looks where there is no interrupt.
const LOOK: Duration = Duration::from_micros(100);

/// What ends a sleep.
pub(super) trait Interrupt: Send {
    /// Sleeps until an interrupt comes, or came since the last call, at most `timeout`. It may end earlier.
    fn wait(&mut self, timeout: Duration) -> io::Result<()>;
}

/// None: the device is looked at now and then.
#[derive(Debug)]
pub(super) struct Polling;

impl Interrupt for Polling {
    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        std::thread::sleep(timeout.min(LOOK));
        Ok(())
    }
}

/// Whether a descriptor becomes readable in time. A signal ends the sleep, too.
fn readable(file: impl AsFd, timeout: Duration) -> io::Result<bool> {
    let timeout =
        Timespec { tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: timeout.subsec_nanos().into() };
    let mut files = [PollFd::new(&file, PollFlags::IN)];
    match poll(&mut files, Some(&timeout)) {
        Ok(count) => Ok(count > 0 && files[0].revents().contains(PollFlags::IN)),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// An eventfd that VFIO signals.
pub(super) struct VfioInterrupt {
    calls: Arc<dyn Calls>,
    device: Arc<File>,
    kind: u32,
    event: OwnedFd,
    /// The kernel masked the pin when it came.
    masked: bool,
}

impl VfioInterrupt {
    /// The best kind that the device has: MSI-X, MSI, the pin. `None` if it has none.
    pub fn enable(calls: Arc<dyn Calls>, device: Arc<File>) -> io::Result<Option<Self>> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        for kind in [MSIX, MSI, INTX] {
            if calls.interrupts(&device, kind).is_ok_and(|count| count > 0) {
                match calls.enable_interrupt(&device, kind, event.as_fd()) {
                    Ok(()) => return Ok(Some(Self { calls, device, kind, event, masked: false })),
                    Err(error) => tracing::warn!(kind, %error, "VFIO_DEVICE_SET_IRQS failed; trying another kind"),
                }
            }
        }
        Ok(None)
    }
}

impl Interrupt for VfioInterrupt {
    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        if self.masked {
            // If the line is still raised, the kernel signals again at once.
            self.calls.unmask_interrupt(&self.device, self.kind)?;
            self.masked = false;
        }
        if readable(&self.event, timeout)? {
            let mut count = [0; 8];
            match rustix::io::read(&self.event, &mut count) {
                Ok(_) => self.masked = self.kind == INTX,
                Err(rustix::io::Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Drop for VfioInterrupt {
    fn drop(&mut self) {
        if let Err(error) = self.calls.disable_interrupts(&self.device, self.kind) {
            tracing::warn!(%error, "interrupts could not be switched off");
        }
    }
}

/// How an interrupt that came is let come again.
#[derive(Debug)]
pub(super) enum Rearm {
    /// By writing to the UIO device: its driver has `irqcontrol`.
    Control,
    /// Through the command register, where `uio_pci_generic` disables the pin.
    Command(Config),
    /// It needs nothing.
    Nothing,
}

/// A UIO device.
#[derive(Debug)]
pub(super) struct UioInterrupt {
    file: File,
    rearm: Rearm,
    armed: bool,
}

impl UioInterrupt {
    /// Of an open UIO device.
    pub fn new(file: File, rearm: Rearm) -> Self {
        Self { file, rearm, armed: false }
    }

    fn arm(&mut self) -> io::Result<()> {
        match &self.rearm {
            Rearm::Command(config) => config.command(0, INTX_DISABLE),
            Rearm::Nothing => Ok(()),
            Rearm::Control => match self.file.write(&1u32.to_ne_bytes()) {
                Ok(_) => Ok(()),
                // The driver has no irqcontrol and so needs none.
                Err(error) if is_unimplemented(&error) => {
                    self.rearm = Rearm::Nothing;
                    Ok(())
                }
                Err(error) => Err(error),
            },
        }
    }
}

/// `uio_write` answers ENOSYS without irqcontrol, and EIO without an interrupt (`drivers/uio/uio.c`).
fn is_unimplemented(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::NOSYS, Errno::IO].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

impl Interrupt for UioInterrupt {
    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        if !self.armed {
            self.arm()?;
            self.armed = true;
        }
        if readable(&self.file, timeout)? {
            // The number of interrupts so far.
            self.file.read_exact(&mut [0; 4])?;
            self.armed = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    /// A UIO device that a test plays, and the test's end.
    fn pair(rearm: Rearm) -> (UioInterrupt, UnixStream) {
        let (device, test) = UnixStream::pair().unwrap();
        test.set_nonblocking(true).unwrap();
        (UioInterrupt::new(OwnedFd::from(device).into(), rearm), test)
    }

    fn commands(test: &mut UnixStream) -> usize {
        let mut bytes = [0; 64];
        test.read(&mut bytes).unwrap_or(0) / 4
    }

    #[test]
    fn an_interrupt_is_let_come_again_before_the_next_sleep_only() {
        let (mut uio, mut test) = pair(Rearm::Control);
        uio.wait(Duration::ZERO).unwrap();
        assert_eq!(commands(&mut test), 1, "armed at first");
        uio.wait(Duration::ZERO).unwrap();
        assert_eq!(commands(&mut test), 0, "it has not come");
        test.write_all(&7u32.to_ne_bytes()).unwrap();
        let started = Instant::now();
        uio.wait(Duration::from_secs(60)).unwrap();
        assert!(started.elapsed() < Duration::from_secs(30), "what came before ends the sleep");
        assert_eq!(commands(&mut test), 0, "the line may still be raised");
        uio.wait(Duration::ZERO).unwrap();
        assert_eq!(commands(&mut test), 1);
    }

    #[test]
    fn the_pin_is_enabled_in_the_command_register() {
        use std::os::unix::fs::FileExt;
        let file = Arc::new(tempfile::tempfile().unwrap());
        file.write_all_at(&[0, 0, 0, 0, 6, 4, 0, 0], 0).unwrap();
        let (mut uio, mut test) = pair(Rearm::Command(Config::new(Arc::clone(&file), 0)));
        uio.wait(Duration::ZERO).unwrap();
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(bytes, [0, 0, 0, 0, 6, 0, 0, 0]);
        assert_eq!(commands(&mut test), 0);
    }

    #[test]
    fn a_sleep_ends_in_time() {
        let (mut uio, _test) = pair(Rearm::Nothing);
        let started = Instant::now();
        uio.wait(Duration::from_millis(20)).unwrap();
        assert!(started.elapsed() >= Duration::from_millis(20));
        Polling.wait(Duration::from_secs(60)).unwrap();
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
