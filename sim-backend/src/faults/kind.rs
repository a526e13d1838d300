//! What can go wrong, by name, and how often it did.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! kinds {
    ($( $(#[doc = $doc:literal])+ $Kind:ident $name:literal; )+) => {
        /// A fault. Each begins with a doorbell: the host's write of SQ_TAIL.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum FaultKind { $( $(#[doc = $doc])+ $Kind, )+ }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$Kind),+];

            /// Its name in a plan.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Kind => $name,)+ }
            }

            /// What happens.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$Kind => concat!($($doc),+),)+ }
            }
        }
    };
}

kinds! {
    /// The next register reads, one to four, give all ones.
    Ones "ones";
    /// The doorbell is lost, and reads give all ones until the link is reset.
    LinkDown "link-down";
    /// The device is pulled out: as `link-down`, and no reset helps.
    Unplug "unplug";
    /// The submission takes its time, and its interrupt never comes.
    LostInterrupt "lost-interrupt";
    /// The interrupt comes at once, the completion later.
    EarlyInterrupt "early-interrupt";
    /// The interrupt comes again, while the next submission runs.
    DuplicateInterrupt "duplicate-interrupt";
    /// Nothing happens, and STATUS says busy until a reset.
    StuckBusy "stuck-busy";
    /// The submission takes up to twice the plan's delay, unless the host disables the engine earlier.
    SlowCompletion "slow-completion";
    /// One bit of the completion entry is wrong, anywhere but in its cycle count.
    CorruptCompletion "corrupt-completion";
    /// The doorbell is lost, and the ABI hash is another one until the link is reset: a stale bitstream was loaded.
    StaleAbi "stale-abi";
    /// The host's next copy to or from device memory fails.
    CopyError "copy-error";
    /// The device's reads of the program meet a bus error.
    BusError "bus-error";
    /// The bus answers no read: the device halts with `bus hung`, and no reset but the link's helps.
    HungReads "hung-reads";
    /// The bus acknowledges no write: as `hung-reads`, but the submission has run, and only its completion is missing.
    HungWrites "hung-writes";
    /// As `hung-reads`, but the answers come late, after the plan's delay, and then a soft reset helps.
    LateReads "late-reads";
    /// Before the submission runs, one bit flips in what the device reads: submission, region table, program or a region.
    BitFlip "bit-flip";
    /// As `bit-flip`, when the submission has completed and the host has read nothing yet.
    LateBitFlip "late-bit-flip";
    /// Something else resets the engine; the submission is lost.
    Reset "reset";
}

impl std::fmt::Display for FaultKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// How often each kind has struck. Whoever shares it may read it while the device is in use.
#[derive(Debug, Default)]
pub struct FaultCounts([AtomicU64; FaultKind::ALL.len()]);

impl FaultCounts {
    pub(super) fn add(&self, kind: FaultKind) {
        self.0[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Of one kind.
    pub fn of(&self, kind: FaultKind) -> u64 {
        self.0[kind as usize].load(Ordering::Relaxed)
    }

    /// Of all kinds together.
    pub fn total(&self) -> u64 {
        FaultKind::ALL.iter().map(|k| self.of(*k)).sum()
    }
}
