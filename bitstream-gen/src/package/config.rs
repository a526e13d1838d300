//! One package per named configuration, all called `systole_cfg_pkg`: a build adds exactly one directory.

use super::banner;
use std::fmt::Write as _;
use systole_isa::HwConfig;

const fn address_bits(words: u32) -> u32 {
    words.next_power_of_two().trailing_zeros()
}

/// The text of a configuration's `systole_cfg_pkg.sv`.
pub fn package(c: &HwConfig) -> String {
    let mut out = banner(&format!(
        "Configuration {}: {} x {} array, {} KiB SPAD, {} KiB ACC, {}-bit bus.",
        c.name,
        c.n,
        c.n,
        c.spad_bytes() / 1024,
        c.acc_bytes() / 1024,
        c.bus_bytes * 8
    ));
    out += "package systole_cfg_pkg;\n\n";
    let array = c.n | c.bus_bytes << 8 | c.queue_depth << 16;
    let rows = c.param_words | c.row_entries << 16;
    let values = [
        ("ConfigId", c.id, "CONFIG_ID"),
        ("ConfigArray", array, "CONFIG_ARRAY"),
        ("ConfigParamRow", rows, "CONFIG_PARAM_ROW"),
        ("N", c.n, "side of the array, vector lanes"),
        ("BusBytes", c.bus_bytes, "bytes of the AXI data bus"),
        ("SpadWords", c.spad_words, "SPAD words of N bytes"),
        ("SpadBanks", c.spad_banks, "SPAD banks, selected by the upper address bits"),
        ("AccWords", c.acc_words, "ACC words of N INT32"),
        ("AccBanks", c.acc_banks, "ACC banks, selected by the upper address bits"),
        ("ParamWords", c.param_words, "PARAM words of N records"),
        ("RowEntries", c.row_entries, "ROW entries"),
        ("QueueDepth", c.queue_depth, "instructions in each unit's queue"),
        ("LaneBits", c.n.trailing_zeros(), "bits of a lane number"),
        ("SpadAw", address_bits(c.spad_words), "bits of a SPAD address"),
        ("AccAw", address_bits(c.acc_words), "bits of an ACC address"),
        ("ParamAw", address_bits(c.param_words), "bits of a PARAM address"),
        ("RowAw", address_bits(c.row_entries), "bits of a ROW address"),
    ];
    for (name, value, note) in values {
        let _ = writeln!(out, "  localparam int unsigned {name} = {value};  // {note}");
    }
    out += "\nendpackage\n";
    out
}
