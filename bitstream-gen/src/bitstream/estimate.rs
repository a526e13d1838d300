//! Resources on Xilinx UltraScale+, from synthesis alone: nothing is placed, so there is no timing, and Vivado's own
//! synthesis will give other numbers.

use super::inputs::design;
use super::tools::Tool;
use super::{Error, flow};
use crate::rtl;
use serde::Serialize;
use std::path::Path;
use systole_isa::HwConfig;

/// Cells of `systole_top` as Yosys maps them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Configuration.
    pub config: &'static str,
    /// Whether two INT8 products share a DSP48E2.
    pub packed: bool,
    /// Always "Yosys synth_xilinx -family xcup, synthesis only".
    pub method: &'static str,
    /// LUT1 to LUT6.
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// CARRY8 and its older kin.
    pub carry: u64,
    /// DSP48E2.
    pub dsp: u64,
    /// Block RAM in halves of 36 Kbit.
    pub bram18: u64,
    /// UltraRAM.
    pub uram: u64,
    /// Distributed RAM cells.
    pub lutram: u64,
}

/// Synthesizes a configuration for UltraScale+ and counts. Minutes for `n16`, more for `n32`. `packed` puts two INT8 products
/// on one DSP48E2, as the wrapper for UltraScale+ does.
///
/// # Errors
/// [`Error::ToolMissing`] or [`Error::Tool`].
pub fn estimate(config: &'static HwConfig, packed: bool, work: &Path) -> Result<Estimate, Error> {
    std::fs::create_dir_all(work).map_err(Error::io(work))?;
    let files = design(config);
    for (name, text) in &files {
        std::fs::write(work.join(name), text).map_err(Error::io(work.join(name)))?;
    }
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    let script = format!(
        "read_slang --threads 1 --top {top} --ignore-assertions -G Packed={} {}\nsynth_xilinx -family xcup -flatten -top {top}\n\
         tee -q -o cells.json stat -json\n",
        u8::from(packed),
        names.join(" "),
        top = rtl::TOP
    );
    std::fs::write(work.join("estimate.ys"), script).map_err(Error::io(work))?;
    flow::step(Tool::Yosys, work, "estimate.log", |c| c.args(["-q", "-s", "estimate.ys"]))?;
    let path = work.join("cells.json");
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
    count(config.name, packed, &path, &text)
}

fn count(config: &'static str, packed: bool, path: &Path, text: &str) -> Result<Estimate, Error> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|source| Error::Manifest { path: path.to_owned(), source })?;
    let cells = value["design"]["num_cells_by_type"]
        .as_object()
        .ok_or_else(|| Error::Report { path: path.to_owned(), what: "no cell counts" })?;
    let sum = |wanted: &dyn Fn(&str) -> bool| {
        cells.iter().filter(|(cell, _)| wanted(cell)).filter_map(|(_, n)| n.as_u64()).sum::<u64>()
    };
    Ok(Estimate {
        config,
        packed,
        method: "Yosys synth_xilinx -family xcup, synthesis only",
        lut: sum(&|c| c.len() == 4 && c.starts_with("LUT")),
        ff: sum(&|c| c.starts_with("FD")),
        carry: sum(&|c| c.starts_with("CARRY")),
        dsp: sum(&|c| c.starts_with("DSP48")),
        bram18: sum(&|c| c.starts_with("RAMB18")) + 2 * sum(&|c| c.starts_with("RAMB36")),
        uram: sum(&|c| c.starts_with("URAM")),
        lutram: sum(&|c| c.starts_with("RAM") && !c.starts_with("RAMB")) + sum(&|c| c.starts_with("SRL")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_sorted_into_resources() {
        let text = r#"{"design": {"num_cells_by_type": {"LUT6": 3, "LUT2": 1, "FDRE": 5, "FDCE": 2, "DSP48E2": 64,
            "RAMB36E2": 2, "RAMB18E2": 1, "RAM32M16": 7, "SRL16E": 1, "CARRY8": 4, "MUXF7": 9}}}"#;
        let e = count("n8", true, Path::new("cells.json"), text).unwrap();
        assert_eq!((e.lut, e.ff, e.carry, e.dsp, e.bram18, e.uram, e.lutram), (4, 7, 4, 64, 5, 0, 8));
        assert!(count("n8", true, Path::new("cells.json"), "{}").is_err());
    }
}
