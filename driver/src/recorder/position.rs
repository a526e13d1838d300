//! How far host and device have come: registers and rings as the host's calls tell.

use std::collections::BTreeMap;

use systole_isa::register::{self, Access, by_offset};

use super::Action;

/// Registers and rings at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// What the host wrote last to registers that it may read and write, and what it read last from the identity
    /// registers, by offset.
    pub registers: BTreeMap<u32, u32>,
    /// Submissions since the last reset.
    pub submitted: u64,
    /// Completions since the last reset that the host has taken.
    pub completed: u64,
}

impl Position {
    /// Takes one action into account.
    pub(super) fn apply(&mut self, action: &Action) {
        match *action {
            Action::Read { offset, value } if offset < register::CONTROL.offset => {
                self.registers.insert(offset, value);
            }
            Action::Write { offset, value } => self.write(offset, value),
            Action::ResetLink => *self = Self::default(),
            _ => {}
        }
    }

    fn write(&mut self, offset: u32, value: u32) {
        if offset == register::RESET.offset && value & 1 == 1 {
            (self.submitted, self.completed) = (0, 0);
            self.registers.remove(&register::SQ_TAIL.offset);
            self.registers.remove(&register::CQ_HEAD.offset);
        }
        if by_offset(offset).is_none_or(|r| r.access != Access::ReadWrite) {
            return;
        }
        let steps = |size: Option<u32>| {
            let size = size.filter(|s| value < *s && self.register(offset) < *s)?;
            Some(u64::from((value + size - self.register(offset)) % size))
        };
        if offset == register::SQ_TAIL.offset {
            // A file may begin anywhere; slots and phases are the counts modulo powers of two, so that these may wrap.
            self.submitted = self.submitted.wrapping_add(steps(self.slots(register::SQ_SIZE.offset)).unwrap_or(0));
        } else if offset == register::CQ_HEAD.offset {
            self.completed = self.completed.wrapping_add(steps(self.slots(register::CQ_SIZE.offset)).unwrap_or(0));
        }
        self.registers.insert(offset, value);
    }

    /// The value of a register that the host may write: that after a reset unless it did.
    pub(super) fn register(&self, offset: u32) -> u32 {
        let reset = || by_offset(offset).and_then(|register| register.reset).unwrap_or(0);
        self.registers.get(&offset).copied().unwrap_or_else(reset)
    }

    pub(super) fn pair(&self, low: u32, high: u32) -> u64 {
        u64::from(self.register(high)) << 32 | u64::from(self.register(low))
    }

    /// A ring's size, if it has a legal one.
    pub(super) fn slots(&self, offset: u32) -> Option<u32> {
        Some(self.register(offset)).filter(|s| s.is_power_of_two() && (2..=32768).contains(s))
    }

    /// Whether a submission was not yet seen to complete.
    pub(super) fn in_flight(&self) -> bool {
        self.submitted != self.completed
    }

    /// Slot and phase of the completion that comes next.
    pub(super) fn next_completion(&self) -> Option<(u32, u16)> {
        let size = u64::from(self.slots(register::CQ_SIZE.offset)?);
        Some(((self.completed % size) as u32, 1 - (self.completed / size % 2) as u16))
    }

    /// What CQ_TAIL reads when everything submitted is done.
    pub(super) fn last_tail(&self) -> Option<u32> {
        self.slots(register::CQ_SIZE.offset).map(|size| (self.submitted % u64::from(size)) as u32)
    }

    /// CONFIG_ID, if the host has read it.
    pub fn config_id(&self) -> Option<u32> {
        self.registers.get(&register::CONFIG_ID.offset).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_that_was_not_written_has_its_value_after_reset() {
        let mut position = Position::default();
        assert_eq!(position.register(register::BUS_TIMEOUT.offset), 1 << 24);
        position.apply(&Action::Write { offset: register::BUS_TIMEOUT.offset, value: 7 });
        assert_eq!(position.register(register::BUS_TIMEOUT.offset), 7);
        position.apply(&Action::ResetLink);
        assert_eq!(position.register(register::BUS_TIMEOUT.offset), 1 << 24);
    }

    #[test]
    fn counts_of_a_file_may_begin_at_their_end() {
        let mut position = Position { submitted: u64::MAX, completed: u64::MAX, ..Position::default() };
        for (register, value) in
            [(register::SQ_SIZE, 8), (register::CQ_SIZE, 8), (register::SQ_TAIL, 2), (register::CQ_HEAD, 2)]
        {
            position.apply(&Action::Write { offset: register.offset, value });
        }
        assert_eq!((position.submitted, position.completed), (1, 1));
        assert_eq!(position.next_completion(), Some((1, 1)));
    }
}
