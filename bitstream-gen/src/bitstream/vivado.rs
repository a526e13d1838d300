//! A Vivado project as a Tcl script: the accelerator beside the processing system of a Zynq or Zynq UltraScale+.
//!
//! AXI4-Lite registers on a general-purpose port, the AXI4 master on a high-performance port with the whole low DRAM, the
//! interrupt on the first fabric input. The script is generated text; it has been tested as text only, since Vivado
//! cannot be had where this project is built.

use super::{Error, inputs::design};
use crate::rtl;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use systole_isa::{ABI_HASH, HwConfig};

/// A family of parts with a hard processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Zynq-7000.
    Zynq7,
    /// Zynq UltraScale+.
    ZynqUltrascale,
}

/// A board's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name on the command line.
    pub name: &'static str,
    /// Part as Vivado names it.
    pub part: &'static str,
    /// Family.
    pub family: Family,
    /// Clock of the accelerator in MHz, to begin with.
    pub clock_mhz: u32,
}

/// Parts with a script.
pub const DEVICES: [Device; 3] = [
    Device { name: "pynq-z2", part: "xc7z020clg400-1", family: Family::Zynq7, clock_mhz: 100 },
    Device { name: "zcu104", part: "xczu7ev-ffvc1156-2-e", family: Family::ZynqUltrascale, clock_mhz: 200 },
    Device { name: "kv260", part: "xck26-sfvc784-2LV-c", family: Family::ZynqUltrascale, clock_mhz: 200 },
];

impl Device {
    /// The device called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownTarget`] with the names there are.
    pub fn by_name(name: &str) -> Result<Self, Error> {
        DEVICES
            .into_iter()
            .find(|d| d.name == name)
            .ok_or_else(|| Error::UnknownTarget { name: name.to_owned(), known: DEVICES.map(|d| d.name).join(", ") })
    }
}

/// Writes the sources, a Verilog wrapper with the interfaces' names, and `project.tcl`; returns the script's path.
///
/// # Errors
/// [`Error::Io`].
pub fn emit(config: &'static HwConfig, device: Device, directory: &Path) -> Result<PathBuf, Error> {
    let sources = directory.join("rtl");
    std::fs::create_dir_all(&sources).map_err(Error::io(&sources))?;
    let files = design(config);
    for (name, text) in &files {
        std::fs::write(sources.join(name), text).map_err(Error::io(sources.join(name)))?;
    }
    let wrapper = sources.join("systole_vivado.v");
    std::fs::write(&wrapper, self::wrapper(config, device.family)).map_err(Error::io(&wrapper))?;
    let path = directory.join("project.tcl");
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    std::fs::write(&path, script(config, device, &names)).map_err(Error::io(&path))?;
    Ok(path)
}

/// Port of the wrapper: AXI name, our name, direction, width in bits.
type Port = (&'static str, &'static str, bool, u32);

fn ports(config: &HwConfig) -> (Vec<Port>, Vec<Port>) {
    let (data, strobe) = (config.bus_bytes * 8, config.bus_bytes);
    const IN: bool = false;
    const OUT: bool = true;
    let lite = vec![
        ("awvalid", "s_awvalid_i", IN, 1),
        ("awready", "s_awready_o", OUT, 1),
        ("awaddr", "s_awaddr_i", IN, 12),
        ("wvalid", "s_wvalid_i", IN, 1),
        ("wready", "s_wready_o", OUT, 1),
        ("wdata", "s_wdata_i", IN, 32),
        ("wstrb", "s_wstrb_i", IN, 4),
        ("bvalid", "s_bvalid_o", OUT, 1),
        ("bready", "s_bready_i", IN, 1),
        ("bresp", "s_bresp_o", OUT, 2),
        ("arvalid", "s_arvalid_i", IN, 1),
        ("arready", "s_arready_o", OUT, 1),
        ("araddr", "s_araddr_i", IN, 12),
        ("rvalid", "s_rvalid_o", OUT, 1),
        ("rready", "s_rready_i", IN, 1),
        ("rdata", "s_rdata_o", OUT, 32),
        ("rresp", "s_rresp_o", OUT, 2),
    ];
    let master = vec![
        ("arvalid", "m_arvalid_o", OUT, 1),
        ("arready", "m_arready_i", IN, 1),
        ("araddr", "m_araddr_o", OUT, 64),
        ("arlen", "m_arlen_o", OUT, 8),
        ("arsize", "m_arsize_o", OUT, 3),
        ("arburst", "m_arburst_o", OUT, 2),
        ("rvalid", "m_rvalid_i", IN, 1),
        ("rready", "m_rready_o", OUT, 1),
        ("rdata", "m_rdata_i", IN, data),
        ("rresp", "m_rresp_i", IN, 2),
        ("rlast", "m_rlast_i", IN, 1),
        ("awvalid", "m_awvalid_o", OUT, 1),
        ("awready", "m_awready_i", IN, 1),
        ("awaddr", "m_awaddr_o", OUT, 64),
        ("awlen", "m_awlen_o", OUT, 8),
        ("awsize", "m_awsize_o", OUT, 3),
        ("awburst", "m_awburst_o", OUT, 2),
        ("wvalid", "m_wvalid_o", OUT, 1),
        ("wready", "m_wready_i", IN, 1),
        ("wdata", "m_wdata_o", OUT, data),
        ("wstrb", "m_wstrb_o", OUT, strobe),
        ("wlast", "m_wlast_o", OUT, 1),
        ("bvalid", "m_bvalid_i", IN, 1),
        ("bready", "m_bready_o", OUT, 1),
        ("bresp", "m_bresp_i", IN, 2),
    ];
    (lite, master)
}

/// Block designs take modules in plain Verilog only, and know AXI by the names of ports.
fn wrapper(config: &HwConfig, family: Family) -> String {
    let (lite, master) = ports(config);
    let mut declarations = String::new();
    let mut connections = String::new();
    // Multipliers of UltraScale+ are 27 bits wide, enough for two INT8 products; those of the 7 series 25.
    let packed = u8::from(family == Family::ZynqUltrascale);
    for (prefix, group) in [("s_axi", lite), ("m_axi", master)] {
        for (axi, own, output, bits) in group {
            let direction = if output { "output" } else { "input " };
            let _ = write!(declarations, ",\n  {direction} wire [{}:0] {prefix}_{axi}", bits - 1);
            let _ = write!(connections, ",\n    .{own}({prefix}_{axi})");
        }
    }
    format!(
        "// Generated. {top} under the names by which block designs know AXI interfaces.\n\
         module systole_vivado #(\n  parameter [31:0] BUILD_ID = 32'd1\n) (\n\
         \x20 (* X_INTERFACE_PARAMETER = \"ASSOCIATED_BUSIF s_axi:m_axi, ASSOCIATED_RESET aresetn\" *)\n\
         \x20 input  wire aclk,\n  input  wire aresetn,\n\
         \x20 (* X_INTERFACE_INFO = \"xilinx.com:signal:interrupt:1.0 irq INTERRUPT\" *)\n\
         \x20 (* X_INTERFACE_PARAMETER = \"SENSITIVITY LEVEL_HIGH\" *)\n\
         \x20 output wire irq{declarations}\n);\n\n\
         \x20 {top} #(\n    .BuildId(BUILD_ID),\n    .Packed(1'b{packed})\n  ) u_systole (\n    .clk_i(aclk),\n    .rst_ni(aresetn),\n    .irq_o(irq){connections}\n  );\n\n\
         endmodule\n",
        top = rtl::TOP
    )
}

fn script(config: &HwConfig, device: Device, files: &[&str]) -> String {
    let Device { part, clock_mhz, .. } = device;
    let files: String = files.iter().map(|f| format!("  $here/rtl/{f} \\\n")).collect();
    let (cell, vlnv, general, memory, clock, reset, interrupt, properties) = match device.family {
        Family::Zynq7 => (
            "processing_system7",
            "xilinx.com:ip:processing_system7",
            "M_AXI_GP0",
            "S_AXI_HP0",
            "FCLK_CLK0",
            "FCLK_RESET0_N",
            "IRQ_F2P",
            format!(
                "CONFIG.PCW_USE_S_AXI_HP0 1 CONFIG.PCW_S_AXI_HP0_DATA_WIDTH 64 CONFIG.PCW_USE_FABRIC_INTERRUPT 1 \
                 CONFIG.PCW_IRQ_F2P_INTR 1 CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ {clock_mhz}"
            ),
        ),
        Family::ZynqUltrascale => (
            "zynq_ultra_ps_e",
            "xilinx.com:ip:zynq_ultra_ps_e",
            "M_AXI_HPM0_FPD",
            "S_AXI_HP0_FPD",
            "pl_clk0",
            "pl_resetn0",
            "pl_ps_irq0",
            format!(
                "CONFIG.PSU__USE__M_AXI_GP0 1 CONFIG.PSU__USE__M_AXI_GP1 0 CONFIG.PSU__USE__S_AXI_GP2 1 \
                 CONFIG.PSU__SAXIGP2__DATA_WIDTH 128 CONFIG.PSU__USE__IRQ0 1 \
                 CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ {clock_mhz}"
            ),
        ),
    };
    format!(
        "# Generated for configuration {config}, contract {abi:016x}. Run: vivado -mode batch -source project.tcl\n\
         # Never run by those who generate it: expect to adapt it to the version of Vivado and to the board's presets.\n\
         set here [file dirname [file normalize [info script]]]\n\
         create_project systole_{config} $here/project -part {part} -force\n\
         add_files -norecurse [list \\\n{files}  $here/rtl/systole_vivado.v \\\n]\n\
         set_property file_type SystemVerilog [get_files *.sv]\n\
         update_compile_order -fileset sources_1\n\n\
         create_bd_design design_1\n\
         create_bd_cell -type ip -vlnv {vlnv} ps\n\
         # With board files installed, give the processing system the board's preset here.\n\
         set_property -dict [list {properties}] [get_bd_cells ps]\n\
         create_bd_cell -type module -reference systole_vivado systole\n\n\
         apply_bd_automation -rule xilinx.com:bd_rule:{cell} -config {{make_external \"FIXED_IO, DDR\"}} [get_bd_cells ps]\n\
         apply_bd_automation -rule xilinx.com:bd_rule:axi4 \\\n  -config {{Master /ps/{general} Slave /systole/s_axi Clk_master /ps/{clock} Clk_slave /ps/{clock}}} \\\n  [get_bd_intf_pins systole/s_axi]\n\
         apply_bd_automation -rule xilinx.com:bd_rule:axi4 \\\n  -config {{Master /systole/m_axi Slave /ps/{memory} Clk_master /ps/{clock} Clk_slave /ps/{clock}}} \\\n  [get_bd_intf_pins ps/{memory}]\n\
         connect_bd_net [get_bd_pins systole/irq] [get_bd_pins ps/{interrupt}]\n\
         # {reset} reaches aresetn through the reset block that the automation adds.\n\
         set_property offset 0xA0000000 [get_bd_addr_segs -of_objects [get_bd_addr_spaces ps/*] -filter {{NAME =~ *systole*}}]\n\
         set_property range 4K [get_bd_addr_segs -of_objects [get_bd_addr_spaces ps/*] -filter {{NAME =~ *systole*}}]\n\
         validate_bd_design\nsave_bd_design\n\n\
         make_wrapper -files [get_files design_1.bd] -top -import\n\
         set_property top design_1_wrapper [current_fileset]\n\
         launch_runs impl_1 -to_step write_bitstream -jobs 2\n\
         wait_on_run impl_1\n\
         open_run impl_1\n\
         report_utilization -file $here/utilisation.rpt\n\
         report_timing_summary -file $here/timing.rpt\n\
         if {{[get_property SLACK [get_timing_paths]] < 0}} {{ error \"timing is not met: see timing.rpt\" }}\n\
         write_hw_platform -fixed -include_bit -file $here/systole_{config}.xsa -force\n",
        config = config.name,
        abi = ABI_HASH,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_isa::config::{N8, NAMED};

    /// Every port of the wrapper is one of `systole_top`, and every one of `systole_top` is connected.
    #[test]
    fn the_wrapper_connects_every_port() {
        let top = rtl::FILES.iter().find(|f| f.path.ends_with("/systole_top.sv")).unwrap().text;
        let header = &top[..top.find(");").unwrap()];
        let declared: Vec<_> = header
            .lines()
            .map(str::trim)
            .filter(|l| l.starts_with("input") || l.starts_with("output"))
            .filter_map(|l| l.trim_end_matches(',').split_whitespace().last())
            .collect();
        assert!(declared.len() > 40, "{declared:?}");
        for config in NAMED {
            let text = wrapper(config, Family::ZynqUltrascale);
            for port in &declared {
                assert_eq!(text.matches(&format!(".{port}(")).count(), 1, "{port}");
            }
            assert_eq!(text.matches("    .").count(), declared.len() + 2, "ports and two parameters");
            assert!(text.contains(".Packed(1'b1)") && wrapper(config, Family::Zynq7).contains(".Packed(1'b0)"));
            assert!(text.contains(&format!("[{}:0] m_axi_rdata", config.bus_bytes * 8 - 1)));
        }
    }

    #[test]
    fn the_script_has_registers_memory_and_interrupt() {
        for device in DEVICES {
            let text = script(&N8, device, &["systole_pkg.sv", "systole_top.sv"]);
            for wanted in ["/systole/s_axi", "/systole/m_axi", "systole/irq", device.part, "$here/rtl/systole_top.sv"] {
                assert!(text.contains(wanted), "{}: {wanted}", device.name);
            }
            let (open, close) = (text.matches(['{', '[']).count(), text.matches(['}', ']']).count());
            assert_eq!(open, close, "{}", device.name);
            assert!(text.contains(&format!("{ABI_HASH:016x}")));
        }
    }
}
