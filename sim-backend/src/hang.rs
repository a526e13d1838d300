//! A bus that stops answering, as far as a device without timing can show it.

use systole_driver::bus::BusHang;

/// The bus between the engine and memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bus {
    hang: Option<BusHang>,
    /// Bursts that have passed the channel that hangs.
    passed: u32,
    /// What was not answered, once there is something.
    owed: Option<Owed>,
}

#[derive(Clone, Copy, Debug)]
struct Owed {
    /// Register accesses until it is answered; `None` is never.
    left: Option<u64>,
    /// The host asked for a reset meanwhile.
    reset: bool,
}

/// What the end of a hang leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The engine stays halted.
    Halt,
    /// The reset that was kept takes effect.
    Reset,
}

impl Bus {
    /// A bus that will hang.
    pub const fn hanging(hang: BusHang) -> Self {
        Self { hang: Some(hang), passed: 0, owed: None }
    }

    /// Whether the engine's next burst is answered, a read or else a write.
    pub fn answers(&mut self, read: bool) -> bool {
        let Some(hang) = self.hang.filter(|hang| hang.channel.reads() == read) else { return true };
        if self.passed < hang.after {
            self.passed += 1;
            return true;
        }
        self.owed = Some(Owed { left: hang.late, reset: false });
        false
    }

    /// Keeps a reset while an answer is owed; false if none is.
    pub fn keep_reset(&mut self) -> bool {
        self.owed.as_mut().is_some_and(|owed| {
            owed.reset = true;
            true
        })
    }

    /// Lets the time of one register access pass.
    pub fn pass(&mut self) -> Option<Answered> {
        let owed = self.owed.as_mut()?;
        let left = owed.left.as_mut()?;
        *left = left.saturating_sub(1);
        if *left > 0 {
            return None;
        }
        let answered = if owed.reset { Answered::Reset } else { Answered::Halt };
        *self = Self::default();
        Some(answered)
    }
}
