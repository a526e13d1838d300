//! How the card's interrupt line becomes events of the host: INTx, which has a level, or one MSI-X vector, which has edges.
//!
//! As with VFIO, it is the host that decides which: by giving an event descriptor for the one or the other. MSI-X goes
//! first where there are both.

use std::fs::File;
use std::io::Write;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The line and where it leads.
#[derive(Debug, Default)]
pub(super) struct Interrupts {
    line: bool,
    intx: Option<File>,
    /// INTx was signalled and not unmasked since, or masked by the host.
    intx_masked: bool,
    /// By the command register.
    intx_disabled: bool,
    vector: Option<File>,
}

impl Interrupts {
    /// Takes the line's level; to be called after everything that may have changed it.
    pub fn set_line(&mut self, line: bool) {
        let rises = line && !self.line;
        self.line = line;
        if rises && self.vector.is_some() {
            self.fire_vector();
        }
        self.assert_intx();
    }

    /// INTx is asserted, as the status register shows it.
    pub fn intx_asserted(&self) -> bool {
        self.line && self.vector.is_none()
    }

    /// Takes the command register's bit.
    pub fn disable_intx(&mut self, disabled: bool) {
        self.intx_disabled = disabled;
        self.assert_intx();
    }

    /// Sets or takes away what is signalled on INTx.
    pub fn set_intx(&mut self, event: Option<File>) {
        self.intx = event;
        self.intx_masked = false;
        self.assert_intx();
    }

    /// Holds INTx back or lets it go. Unmasked while the line is still raised, it is signalled again.
    pub fn mask_intx(&mut self, masked: bool) {
        self.intx_masked = masked;
        self.assert_intx();
    }

    /// Sets or takes away what is signalled by the vector. An edge that came before is not lost.
    pub fn set_vector(&mut self, event: Option<File>) {
        self.vector = event;
        if self.line {
            self.fire_vector();
        }
    }

    /// Signals INTx whatever the line says.
    pub fn fire_intx(&self) {
        self.intx.as_ref().inspect(|event| signal(event));
    }

    /// Signals the vector whatever the line says.
    pub fn fire_vector(&self) {
        self.vector.as_ref().inspect(|event| signal(event));
    }

    /// Signals INTx if the line is raised and nothing is in the way. It is masked from then on: the host unmasks it
    /// when it has served the card.
    fn assert_intx(&mut self) {
        if self.intx_asserted() && self.intx.is_some() && !self.intx_masked && !self.intx_disabled {
            self.fire_intx();
            self.intx_masked = true;
        }
    }
}

/// Adds one to an event descriptor's count. A descriptor of the host's that would block, or is none, is left alone: it
/// harms only the host.
fn signal(mut event: &File) {
    const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(event, PollFlags::OUT)], Some(&NOW));
    let written = match ready {
        Ok(1) => event.write_all(&1u64.to_ne_bytes()).map_err(|e| e.to_string()),
        Ok(_) => Err("it is full".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    match written {
        Ok(()) => tracing::trace!("interrupt signalled"),
        Err(error) => tracing::warn!(%error, "an interrupt could not be signalled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};
    use std::io::Read;

    struct Events(File);

    impl Events {
        fn new() -> (Self, Option<File>) {
            let event = File::from(eventfd(0, EventfdFlags::NONBLOCK).unwrap());
            let copy = event.try_clone().unwrap();
            (Self(event), Some(copy))
        }

        /// Signals since the last look.
        fn take(&mut self) -> u64 {
            let mut count = [0; 8];
            self.0.read(&mut count).map_or(0, |_| u64::from_ne_bytes(count))
        }
    }

    #[test]
    fn the_vector_fires_on_edges() {
        let (mut events, event) = Events::new();
        let mut interrupts = Interrupts::default();
        interrupts.set_vector(event);
        for (line, fired) in [(false, 0), (true, 1), (true, 0), (false, 0), (true, 1)] {
            interrupts.set_line(line);
            assert_eq!(events.take(), fired);
        }
        assert!(!interrupts.intx_asserted());
        let (mut later, event) = Events::new();
        interrupts.set_vector(event);
        assert_eq!((later.take(), events.take()), (1, 0), "the edge came before the vector");
    }

    #[test]
    fn intx_is_signalled_once_until_it_is_unmasked() {
        let (mut events, event) = Events::new();
        let mut interrupts = Interrupts::default();
        interrupts.set_intx(event);
        interrupts.set_line(true);
        interrupts.set_line(false);
        interrupts.set_line(true);
        assert_eq!(events.take(), 1);
        assert!(interrupts.intx_asserted());
        interrupts.mask_intx(false);
        assert_eq!(events.take(), 1, "still raised");
        interrupts.set_line(false);
        interrupts.mask_intx(false);
        assert_eq!(events.take(), 0);
        interrupts.disable_intx(true);
        interrupts.set_line(true);
        assert_eq!(events.take(), 0);
        interrupts.disable_intx(false);
        assert_eq!(events.take(), 1);
    }

    #[test]
    fn a_full_or_closed_event_does_not_block() {
        let event = File::from(eventfd(0, EventfdFlags::empty()).unwrap());
        (&event).write_all(&(u64::MAX - 1).to_ne_bytes()).unwrap();
        signal(&event);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        signal(&File::from(std::os::fd::OwnedFd::from(writer)));
    }
}
