//! The named hardware configurations. What is not in [`NAMED`] is not supported.

/// Parameters of one accelerator build. Sizes are in words of the memory concerned (see [`crate::instruction`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HwConfig {
    /// Name on the command line and in files.
    pub name: &'static str,
    /// Value of the CONFIG_ID register.
    pub id: u32,
    /// Side of the systolic array, and number of vector lanes.
    pub n: u32,
    /// Data width of the AXI master in bytes.
    pub bus_bytes: u32,
    /// SPAD words of N bytes.
    pub spad_words: u32,
    /// SPAD banks, selected by the upper address bits.
    pub spad_banks: u32,
    /// ACC words of N INT32.
    pub acc_words: u32,
    /// ACC banks, selected by the upper address bits.
    pub acc_banks: u32,
    /// PARAM words of N records.
    pub param_words: u32,
    /// ROW entries.
    pub row_entries: u32,
    /// Instructions that fit into each unit's queue.
    pub queue_depth: u32,
}

const fn named(name: &'static str, id: u32, n: u32) -> HwConfig {
    HwConfig {
        name,
        id,
        n,
        bus_bytes: n,
        spad_words: 16384,
        spad_banks: 4,
        acc_words: 4096,
        acc_banks: 4,
        param_words: 512,
        row_entries: 512,
        queue_depth: 16,
    }
}

/// 8 x 8 array, 128 KiB SPAD, 128 KiB ACC, 64-bit bus: fits an ECP5-85F.
pub const N8: HwConfig = named("n8", 1, 8);
/// 16 x 16 array, 256 KiB SPAD, 256 KiB ACC, 128-bit bus: the array size of the survey's case study.
pub const N16: HwConfig = named("n16", 2, 16);
/// 32 x 32 array, 512 KiB SPAD, 512 KiB ACC, 256-bit bus: UltraScale+ class.
pub const N32: HwConfig = named("n32", 3, 32);

/// Every supported configuration.
pub const NAMED: [&HwConfig; 3] = [&N8, &N16, &N32];

impl HwConfig {
    /// The configuration called `name`.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        NAMED.into_iter().find(|c| c.name == name)
    }

    /// The configuration with this CONFIG_ID.
    pub fn by_id(id: u32) -> Option<&'static Self> {
        NAMED.into_iter().find(|c| c.id == id)
    }

    /// Words that a matrix row of `cols` elements occupies.
    pub const fn words(&self, cols: u32) -> u32 {
        cols.div_ceil(self.n)
    }

    /// SPAD size in bytes.
    pub const fn spad_bytes(&self) -> u32 {
        self.spad_words * self.n
    }

    /// ACC size in bytes.
    pub const fn acc_bytes(&self) -> u32 {
        self.acc_words * self.n * 4
    }
}

const fn is_sound(c: &HwConfig) -> bool {
    c.n.is_power_of_two()
        && c.bus_bytes == c.n
        && c.bus_bytes <= crate::DRAM_ALIGN
        && c.spad_words.is_power_of_two()
        && c.spad_words <= 1 << 16
        && c.acc_words.is_power_of_two()
        && c.acc_words <= 1 << 16
        && c.spad_banks.is_power_of_two()
        && c.acc_banks.is_power_of_two()
        && c.param_words <= 1 << 16
        && c.row_entries <= 1 << 16
}
const _: () = assert!(is_sound(&N8) && is_sound(&N16) && is_sound(&N32));
