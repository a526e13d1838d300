//! Positions in the submission and completion rings.

/// Slots of both rings. Runs do not overlap, so two would do; more let the host write one while the device reads another.
pub(crate) const SLOTS: u32 = 16;

/// A position in a ring of [`SLOTS`] slots, and the phase bit of the present turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    index: u32,
    phase: u16,
}

impl Cursor {
    /// Slot 0 of the first turn.
    pub const START: Self = Self { index: 0, phase: 1 };

    /// The slot.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// What the device writes into entries of this turn: 1, then 0, then 1.
    pub const fn phase(self) -> u16 {
        self.phase
    }

    /// The next slot.
    pub const fn next(self) -> Self {
        if self.index + 1 < SLOTS {
            Self { index: self.index + 1, ..self }
        } else {
            Self { index: 0, phase: self.phase ^ 1 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phase_flips_on_every_turn_and_only_then() {
        let mut cursor = Cursor::START;
        for count in 0..5 * SLOTS {
            assert_eq!(cursor.index(), count % SLOTS);
            assert_eq!(u32::from(cursor.phase()), 1 - count / SLOTS % 2);
            cursor = cursor.next();
        }
    }
}
