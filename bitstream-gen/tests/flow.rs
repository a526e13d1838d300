//! The way to a bundle with the real tools, on a design small enough for a test: the serial host link with its memory.
//!
//! `cargo test -p systole-bitgen --test flow -- --ignored`

use std::path::PathBuf;
use systole_bitgen::bitstream::tools::Tool;
use systole_bitgen::bitstream::{Bundle, ECP5_85K, Error, Inputs, Target, build_in};
use systole_bitgen::rtl;
use systole_isa::config::N8;

static ECHO: Target = Target { top: "echo_top", clock_mhz: 40, reference: 5, feedback: 8, divide: 15, ..ECP5_85K };

fn inputs() -> Inputs {
    let wanted = [
        "generated/n8/systole_cfg_pkg.sv",
        "prim/prim_fifo.sv",
        "prim/prim_ram_1r1w.sv",
        "board/systole_block_memory.sv",
        "board/systole_uart.sv",
        "board/systole_uart_bridge.sv",
        "board/ecp5/EHXPLLL.sv",
        "board/ecp5/prim_pll_ecp5.sv",
    ];
    let file = |path: &str| rtl::FILES.iter().find(|f| f.path == path).unwrap_or_else(|| panic!("no {path}")).text;
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let mut sources: Vec<_> = wanted.iter().map(|path| (name(path), file(path).to_owned())).collect();
    sources.push(("echo_top.sv".to_owned(), include_str!("flow/echo_top.sv").to_owned()));
    Inputs::with_sources(&N8, &ECHO, sources).expect("the tools are installed")
}

/// Every set of constant zeros on a carry cell, with three tables, with D constant and not: what the target makes of the
/// cells equals them.
const CARRIES: &str = "\
read_verilog -lib +/ecp5/cells_bb.v
read_verilog -lib +/ecp5/cells_sim.v
read_verilog carries.v
hierarchy -top top
copy top gate
rename top gold
techmap -map cells.v gate
select -assert-none gate/c63 gate/r:INIT0=16'h96AA %i
techmap -map +/ecp5/cells_sim.v
proc
opt_clean
miter -equiv -make_outputs gold gate miter
flatten miter
sat -verify -prove trigger 0 miter
";

fn carries() -> String {
    let mut cells = String::new();
    for (number, init) in (0..192).map(|n| (n, ["96AA", "1234", "CAFE"][n / 64])) {
        let pin = |name: &str, index: usize| match number >> index & 1 {
            1 => format!(".{name}(1'b0)"),
            _ => format!(".{name}(x[{index}])"),
        };
        let pins = ["A0", "B0", "C0", "A1", "B1", "C1"].iter().enumerate().map(|(index, name)| pin(name, index));
        let d = |half: usize| if number % (half + 2) == 0 { format!("x[{}]", 6 + half) } else { "1'b1".to_owned() };
        cells += &format!(
            "CCU2C #(.INIT0(16'h{init}), .INIT1(16'h{init}), .INJECT1_0(\"NO\"), .INJECT1_1(\"NO\")) c{number} (.CIN(cin), \
             {}, .D0({}), .D1({}), .S0(y[{}]), .S1(y[{}]), .COUT(y[{}]));\n",
            pins.collect::<Vec<_>>().join(", "),
            d(0),
            d(1),
            3 * number,
            3 * number + 1,
            3 * number + 2,
        );
    }
    format!("module top (input cin, input [7:0] x, output [575:0] y);\n{cells}endmodule\n")
}

/// Does Yosys prove it?
fn proves(name: &str, cells: &str) -> bool {
    let directory = directory(name);
    std::fs::create_dir_all(&directory).unwrap();
    for (file, text) in [("carries.v", carries().as_str()), ("cells.v", cells), ("proof.ys", CARRIES)] {
        std::fs::write(directory.join(file), text).unwrap();
    }
    let mut yosys = Tool::Yosys.command().unwrap();
    let output = yosys.args(["-q", "-s", "proof.ys"]).current_dir(&directory).output().unwrap();
    std::fs::remove_dir_all(directory).unwrap();
    output.status.success()
}

#[test]
#[ignore = "needs Yosys"]
fn carry_cells_without_zeros_are_the_same() {
    assert!(proves("carry", ECP5_85K.cells));
    let wrong = ECP5_85K.cells.replace("(free & 16'h0f00) << 4", "(free & 16'h0f00) << 3");
    assert_ne!(wrong, ECP5_85K.cells);
    assert!(!proves("wrong-carry", &wrong));
}

/// A directory of its own, empty.
fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("systole-flow-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
#[ignore = "needs Yosys, nextpnr and ecppack"]
fn the_flow_ends_in_a_bundle_that_verifies_and_can_be_had_again() {
    let (first, second) = (directory("first"), directory("second"));
    let mut inputs = inputs();
    inputs.floorplan.insert("u_memory.g_lane[3].u_ram.mem_q.0.0".to_owned(), "X96/Y70/EBR0".to_owned());

    let bundle = build_in(&first, &inputs).unwrap_or_else(|e| panic!("{e}"));
    bundle.verify(&ECHO).unwrap();
    let m = &bundle.manifest;
    assert_eq!(m.key, inputs.key());
    assert!(bundle.directory.ends_with(format!("n8-ecp5-85k-{}", &m.key[..16])), "{:?}", bundle.directory);
    assert!(m.utilisation.lut.used > 100 && m.utilisation.ff.used > 100 && m.utilisation.dp16kd.used > 0, "{m:?}");
    let timing = m.timing.expect("the clock is constrained");
    assert!((timing.clock_mhz - 40.0).abs() < 0.1 && timing.fmax_mhz > 40.0, "{timing:?}");
    assert_eq!(Bundle::open(&bundle.directory).unwrap(), bundle);
    for file in ["echo_top.sv", "synthesis.ys", "pins.lpf", "report.json", "place-and-route.log"] {
        assert!(bundle.directory.join(file).is_file(), "{file}");
    }

    // Again from the same inputs: nothing is run, which is seen by the file.
    let written = std::fs::metadata(bundle.bitstream()).unwrap().modified().unwrap();
    assert_eq!(build_in(&first, &inputs).unwrap(), bundle);
    assert_eq!(std::fs::metadata(bundle.bitstream()).unwrap().modified().unwrap(), written);

    // Elsewhere: the same bits.
    let other = build_in(&second, &inputs).unwrap();
    assert_eq!(other.manifest, bundle.manifest);
    assert_eq!(std::fs::read(other.bitstream()).unwrap(), std::fs::read(bundle.bitstream()).unwrap());

    // A changed bit is found.
    let mut bits = std::fs::read(other.bitstream()).unwrap();
    *bits.last_mut().unwrap() ^= 1;
    std::fs::write(other.bitstream(), bits).unwrap();
    assert!(matches!(other.verify(&ECHO), Err(Error::Corrupt { .. })));

    // A site that the part does not have stops nextpnr, without a word from this placer: it heeds those that the part has.
    let mut wrong = inputs.clone();
    wrong.floorplan.insert("u_memory.g_lane[3].u_ram.mem_q.0.0".to_owned(), "X97/Y70/EBR0".to_owned());
    let refused = build_in(&second, &wrong).unwrap_err();
    assert!(matches!(&refused, Error::Tool { tool, .. } if tool.contains("nextpnr")), "{refused}");

    // A plan for another design is refused, and another plan is another bundle.
    let mut foreign = inputs.clone();
    foreign.floorplan.insert("u_memory.g_lane[8].u_ram.mem_q.0.0".to_owned(), "X98/Y70/EBR1".to_owned());
    assert_ne!(foreign.key(), inputs.key());
    let refused = build_in(&second, &foreign).unwrap_err();
    assert!(matches!(&refused, Error::Floorplan { cell, missing: 1 } if cell.contains("g_lane[8]")), "{refused}");

    for path in [first, second] {
        std::fs::remove_dir_all(path).unwrap();
    }
}
