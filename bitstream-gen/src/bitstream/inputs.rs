//! Everything that decides a bitstream, and the hash over it.

use super::floorplan::{self, Floorplan};
use super::{Error, Target, hash, tools::Tool};
use crate::rtl;
use systole_isa::{ABI_HASH, HwConfig};

/// The inputs of a build.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Configuration.
    pub config: &'static HwConfig,
    /// Target.
    pub target: &'static Target,
    /// SystemVerilog: name and text, in reading order.
    pub sources: Vec<(String, String)>,
    /// Cells that have a place of their own, and where.
    pub floorplan: Floorplan,
    /// Program and version.
    pub tools: Vec<(String, String)>,
}

/// The tools that make a bitstream.
pub(super) const TOOLS: [Tool; 3] = [Tool::Yosys, Tool::Nextpnr, Tool::Ecppack];

impl Inputs {
    /// The inputs of today: the RTL of this library and the tools of this machine.
    ///
    /// # Errors
    /// [`Error::ToolMissing`] with the command that installs it.
    pub fn collect(config: &'static HwConfig, target: &'static Target) -> Result<Self, Error> {
        let inputs = Self::with_sources(config, target, sources(config, target))?;
        Ok(Self { floorplan: floorplan::plan(config), ..inputs })
    }

    /// Inputs with other sources, whose top module is the target's. Nothing has a place of its own.
    ///
    /// # Errors
    /// As [`Inputs::collect`].
    pub fn with_sources(
        config: &'static HwConfig,
        target: &'static Target,
        sources: Vec<(String, String)>,
    ) -> Result<Self, Error> {
        let mut tools = Vec::new();
        for tool in TOOLS {
            tools.push((tool.programs()[0].to_owned(), tool.version()?));
        }
        Ok(Self { config, target, sources, floorplan: Floorplan::new(), tools })
    }

    /// SHA-256 over all of it: the bundle's identity.
    pub fn key(&self) -> String {
        let mut parts = vec![
            "systole bitstream 1".to_owned(),
            format!("{:016x}", ABI_HASH),
            format!("{:?}", self.config),
            format!("{:?}", self.target),
            self.script(0),
            self.place_and_route().join(" "),
        ];
        parts.extend(
            self.sources
                .iter()
                .chain(&self.tools)
                .map(|(a, b)| (a, b))
                .chain(&self.floorplan)
                .flat_map(|(a, b)| [a.clone(), b.clone()]),
        );
        hash::of_parts(&parts)
    }

    /// What Yosys does. `build_id` ends in the BUILD_ID register.
    pub fn script(&self, build_id: u32) -> String {
        let (t, files) = (self.target, self.sources.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
        format!(
            "read_slang --threads 1 --top {top} --ignore-assertions -G BuildId=32'h{build_id:08x} -G ClockDivide={divide} \
             -G ClockFeedback={feedback} -G ClockReference={reference} -G ClockHz={hz} {files}\nsynth_ecp5 -top {top}\n\
             techmap -map cells.v\nopt_clean\nwrite_json netlist.json\n",
            top = t.top,
            divide = t.divide,
            feedback = t.feedback,
            reference = t.reference,
            hz = t.clock_mhz * 1_000_000,
            files = files.join(" ")
        )
    }

    /// What nextpnr is told.
    pub fn place_and_route(&self) -> Vec<String> {
        let t = self.target;
        [
            t.flag,
            "--package",
            t.package,
            "--speed",
            &t.speed.to_string(),
            "--seed",
            &t.seed.to_string(),
            "--json",
            "design.json",
            "--lpf",
            "pins.lpf",
            "--textcfg",
            "design.config",
            "--report",
            "report.json",
            // Of nextpnr's placers the one with the shortest wires, which are scarcer than room.
            "--placer",
            "static",
            "--router",
            "router2",
            // Without it the last nets to be routed go around whatever is in their way, a third of the part if need be.
            "--tmg-ripup",
            "--timing-allow-fail",
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

/// The accelerator, then what all boards share, what all with such parts share, and the board. A primitive of the part
/// takes the place of the plain one with the same name.
fn sources(config: &HwConfig, target: &Target) -> Vec<(String, String)> {
    let board = |path: &str| match path.strip_prefix("board/")?.split_once('/') {
        None => Some(0),
        Some((directory, _)) if directory == target.family => Some(1),
        Some((directory, _)) if directory == target.directory => Some(2),
        Some(_) => None,
    };
    let mut extra: Vec<_> = rtl::FILES
        .iter()
        .filter(|f| f.path.ends_with(".sv"))
        .filter_map(|f| board(f.path).map(|rank| (rank, f.path, f.text)))
        .collect();
    extra.sort_unstable();
    let mut files = design(config);
    files.retain(|(name, _)| !extra.iter().any(|(_, path, _)| base(path) == *name));
    files.extend(extra.into_iter().map(|(_, path, text)| (base(path), text.to_owned())));
    files
}

/// The accelerator alone: name and text, in reading order.
pub(super) fn design(config: &HwConfig) -> Vec<(String, String)> {
    rtl::sources(config).into_iter().map(|f| (base(f.path), f.text.to_owned())).collect()
}

fn base(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::target::{ECP5_5G_85K, ECP5_85K, TARGETS};
    use super::*;
    use systole_isa::config::{N8, N16};

    fn inputs(config: &'static HwConfig) -> Inputs {
        inputs_for(config, &ECP5_85K)
    }

    fn inputs_for(config: &'static HwConfig, target: &'static Target) -> Inputs {
        let tools = vec![("yosys".to_owned(), "1".to_owned())];
        Inputs { config, target, sources: sources(config, target), floorplan: floorplan::plan(config), tools }
    }

    #[test]
    fn the_key_depends_on_every_input() {
        let key = inputs(&N8).key();
        assert_eq!(key, inputs(&N8).key());
        assert_ne!(key, inputs(&N16).key());
        assert_ne!(key, inputs_for(&N8, &ECP5_5G_85K).key());
        let mut changed = inputs(&N8);
        changed.tools[0].1 = "2".to_owned();
        assert_ne!(key, changed.key());
        let mut changed = inputs(&N8);
        changed.sources[3].1.push(' ');
        assert_ne!(key, changed.key());
    }

    /// The front end takes plain numbers for 32-bit signed ones.
    #[test]
    fn a_build_id_of_32_bits_is_given_with_its_width() {
        assert!(inputs(&N8).script(0xc8b8_ae1b).contains(" BuildId=32'hc8b8ae1b "));
    }

    #[test]
    fn names_are_unique_and_the_wrapper_is_there() {
        for target in TARGETS {
            let mut names: Vec<_> = sources(&N8, target).into_iter().map(|(name, _)| name).collect();
            for wanted in ["systole_pkg.sv", "systole_top.sv", "systole_uart_bridge.sv", "prim_mult_block.sv"] {
                assert!(names.iter().any(|n| n == wanted), "{wanted}");
            }
            let tops: Vec<_> = names.iter().filter(|n| n.ends_with("_top.sv") && *n != "systole_top.sv").collect();
            assert_eq!(tops, [&format!("{}.sv", target.top)], "the board's own wrapper and no other");
            let block = &sources(&N8, target).into_iter().find(|(name, _)| name == "prim_mult_block.sv").unwrap().1;
            assert!(block.contains("MULT18X18D"), "the part's own multiplier");
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count);
        }
    }
}
