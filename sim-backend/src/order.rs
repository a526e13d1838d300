//! Which of several units that could proceed does so next.

/// The choice among ready units. The contract leaves it open, and a verified program gives the same result under all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interleaving {
    /// The instruction that was fetched first.
    #[default]
    FetchOrder,
    /// Any, drawn from this seed. The sequence continues from submission to submission.
    Random {
        /// The seed.
        seed: u64,
    },
}

/// How far fetch may run ahead of the units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queues {
    /// [`systole_isa::HwConfig::queue_depth`] instructions a unit; a full queue holds up fetch.
    #[default]
    Hardware,
    /// Without limit: with a random interleaving every order that the semaphores permit can occur.
    Unbounded,
}

/// The state of an [`Interleaving`].
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Fetch,
    Random(u64),
}

impl From<Interleaving> for Order {
    fn from(interleaving: Interleaving) -> Self {
        match interleaving {
            Interleaving::FetchOrder => Self::Fetch,
            Interleaving::Random { seed } => Self::Random(seed),
        }
    }
}

impl Order {
    /// Picks one of the ready queues, given the index of each one's first instruction.
    pub fn pick(&mut self, ready: &[(usize, u32)]) -> Option<usize> {
        match self {
            Self::Fetch => ready.iter().min_by_key(|(_, index)| *index).map(|(queue, _)| *queue),
            Self::Random(state) => {
                let drawn = splitmix64(state) % ready.len().max(1) as u64;
                ready.get(drawn as usize).map(|(queue, _)| *queue)
            }
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
