//! How a model is built, and what surrounds it.

use std::ops::Range;
use std::path::PathBuf;

use systole_driver::bus::BusHang;

/// Choices for [`super::open`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The memory behind the bus.
    pub memory: MemoryTiming,
    /// A channel of its bus that stops.
    pub hang: Option<BusHang>,
    /// Of back-pressure, and of what is in the flip-flops and memories before the reset.
    pub seed: u64,
    /// Check the design's assertions, and begin with random contents: for tests, about half as fast.
    pub checked: bool,
    /// Record a waveform.
    pub waveform: Option<Waveform>,
    /// Build a design with an error.
    pub mutation: Option<Mutation>,
    /// Bytes of device memory.
    pub memory_limit: u64,
}

impl Default for Options {
    /// A fast model with a fast memory.
    fn default() -> Self {
        Self {
            memory: MemoryTiming::default(),
            hang: None,
            seed: 1,
            checked: false,
            waveform: None,
            mutation: None,
            memory_limit: super::memory::DEFAULT_LIMIT,
        }
    }
}

/// How the memory behind the bus behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryTiming {
    /// Cycles from a request to its first beat, and from a write's last beat to its response.
    pub latency: u32,
    /// Bursts in each direction that are accepted before the first is answered, 1 or more.
    pub outstanding: u32,
    /// Thousandths of a byte a cycle, reads and writes together; `None` leaves the bus as the only limit.
    pub milli_bytes_per_cycle: Option<u32>,
    /// Percent of cycles in which a ready, or a valid that would begin, is withheld at random; below 100.
    pub back_pressure: u32,
}

impl Default for MemoryTiming {
    /// 40 cycles of latency, 16 bursts, no other limit: DDR behind an interconnect at 100 to 200 MHz.
    fn default() -> Self {
        Self { latency: 40, outstanding: 16, milli_bytes_per_cycle: None, back_pressure: 0 }
    }
}

/// A waveform file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waveform {
    /// Where to.
    pub path: PathBuf,
    /// In which format.
    pub format: WaveformFormat,
    /// Which cycles; the reset ends with cycle 4.
    pub cycles: Range<u64>,
}

/// A deliberate error in the design, which shows whether a test notices it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// File of [`crate::rtl::FILES`].
    pub path: &'static str,
    /// What stands in it, once.
    pub from: &'static str,
    /// What is put in its place.
    pub to: &'static str,
}

/// Formats of a waveform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveformFormat {
    /// Value change dump, which every viewer reads.
    Vcd,
    /// The compressed format of GTKWave and Surfer; needs the headers of lz4 and zlib.
    Fst,
}

/// What distinguishes built models of one configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Build {
    pub checked: bool,
    pub waveform: Option<WaveformFormat>,
    pub mutation: Option<Mutation>,
}

impl Options {
    pub(super) fn build(&self) -> Build {
        Build { checked: self.checked, waveform: self.waveform.as_ref().map(|w| w.format), mutation: self.mutation }
    }
}
