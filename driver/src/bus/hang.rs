//! A bus that stops answering, for tests of what a device does then.

/// The channel of the bus, by its AXI name, on which nothing moves any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusChannel {
    /// Addresses of reads are not taken.
    Ar,
    /// Data of reads do not come.
    R,
    /// Addresses of writes are not taken.
    Aw,
    /// Data of writes are not taken.
    W,
    /// Writes are not acknowledged.
    B,
}

impl BusChannel {
    /// Every channel.
    pub const ALL: [Self; 5] = [Self::Ar, Self::R, Self::Aw, Self::W, Self::B];

    /// Whether it is one of the two of reads.
    pub const fn reads(self) -> bool {
        matches!(self, Self::Ar | Self::R)
    }
}

/// When a channel stops, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusHang {
    /// The channel that stops.
    pub channel: BusChannel,
    /// Bursts of this channel that pass before. A submission reads its slot, its region table, and from then on program
    /// and data; the last that it writes is its completion.
    pub after: u32,
    /// Cycles from the first transfer that is held back until the channel works again, this time for good; on a device
    /// without timing register accesses of the host. `None` is never, unless the link is reset.
    pub late: Option<u64>,
}
