//! The build itself: Yosys, nextpnr, ecppack, each in the bundle's future directory.

use super::bundle::{BITSTREAM, Bundle, Manifest, root};
use super::inputs::Inputs;
use super::tools::Tool;
use super::{Error, Target, floorplan, hash, report, self_test};
use crate::child::{self, Process};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use systole_isa::{ABI_HASH, HwConfig};

/// Builds the bitstream of a configuration, or takes the one that was built from the same inputs before. Place and route
/// takes minutes.
///
/// # Errors
/// [`Error::ToolMissing`], [`Error::Tool`] when one fails (its files stay for inspection; nextpnr also
/// when the design is larger than the part), [`Error::Router`].
#[tracing::instrument(level = "info", skip_all, fields(config = config.name, target = target.name))]
pub fn build(config: &'static HwConfig, target: &'static Target) -> Result<Bundle, Error> {
    build_in(&root()?, &Inputs::collect(config, target)?)
}

/// As [`build`], from any inputs and with bundles in `root`.
///
/// # Errors
/// As [`build`].
pub fn build_in(root: &Path, inputs: &Inputs) -> Result<Bundle, Error> {
    let key = inputs.key();
    let directory = root.join(format!("{}-{}-{}", inputs.config.name, inputs.target.name, &key[..16]));
    if let Ok(bundle) = Bundle::open(&directory)
        && bundle.manifest.key == key
        && hash::of_file(&bundle.bitstream()).is_ok_and(|found| found == bundle.manifest.bitstream)
    {
        tracing::info!(directory = %directory.display(), "built before");
        return Ok(bundle);
    }
    // Built aside and renamed, so that a bundle is whole or not there.
    let work = root.join(format!(".building-{}-{}", &key[..16], std::process::id()));
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work).map_err(Error::io(&work))?;
    let mut bundle = run(inputs, key, &work)?;
    bundle.write()?;
    for file in ["netlist.json", "design.json", "design.config"] {
        std::fs::remove_file(work.join(file)).map_err(Error::io(work.join(file)))?;
    }
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::rename(&work, &directory).map_err(Error::io(&directory))?;
    bundle.directory = directory;
    Ok(bundle)
}

fn run(inputs: &Inputs, key: String, work: &Path) -> Result<Bundle, Error> {
    let build_id = u32::from_str_radix(&key[..8], 16).unwrap_or(1);
    let write = |name: &str, text: &str| std::fs::write(work.join(name), text).map_err(Error::io(work.join(name)));
    for (name, text) in &inputs.sources {
        write(name, text)?;
    }
    write("synthesis.ys", &inputs.script(build_id))?;
    write("pins.lpf", inputs.target.constraints)?;
    write("cells.v", inputs.target.cells)?;
    let plan: String = inputs.floorplan.iter().map(|(cell, bel)| format!("{bel} {cell}\n")).collect();
    write("floorplan.txt", &plan)?;
    step(Tool::Yosys, work, "synthesis.log", |c| c.args(["-q", "-s", "synthesis.ys"]))?;
    floorplan::apply(&inputs.floorplan, &work.join("netlist.json"), &work.join("design.json"))?;
    place_and_route(inputs, work)?;
    step(Tool::Ecppack, work, "pack.log", |c| c.args(["--compress", "design.config", BITSTREAM]))?;

    let path = work.join("report.json");
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
    let (utilisation, timing) = report::read(&path, &text)?;
    Ok(Bundle {
        directory: work.to_owned(),
        manifest: Manifest {
            build_id,
            key,
            config: inputs.config.name.to_owned(),
            target: inputs.target.name.to_owned(),
            board: inputs.target.board.to_owned(),
            device: inputs.target.device(),
            abi_hash: format!("{ABI_HASH:016x}"),
            tools: inputs.tools.iter().cloned().collect(),
            utilisation,
            timing,
            bitstream: hash::of_file(&work.join(BITSTREAM))?,
            self_test: self_test::digest(inputs.config),
        },
    })
}

/// Runs one tool; all it prints goes to `log`.
pub(super) fn step(
    tool: Tool,
    work: &Path,
    log: &str,
    arguments: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<(), Error> {
    let (mut child, path) = start(tool, work, log, arguments)?;
    let status = child.wait().map_err(Error::io(tool.programs()[0]))?;
    finish(tool, status, path)
}

/// Places and routes. A router that cannot do it would go on without end.
fn place_and_route(inputs: &Inputs, work: &Path) -> Result<(), Error> {
    let (mut child, log) = start(Tool::Nextpnr, work, "place-and-route.log", |c| c.args(inputs.place_and_route()))?;
    let outcome = watch(&mut child, &log);
    if !matches!(outcome, Ok(Ok(_))) {
        // It may have ended just now.
        let _ = child.kill();
        let _ = child.wait();
    }
    match outcome? {
        Ok(status) => finish(Tool::Nextpnr, status, log),
        Err(report::Stuck { twice, slow }) => {
            Err(Error::Router { twice, slow, clock_mhz: inputs.target.clock_mhz, log })
        }
    }
}

/// Waits for the router's end, or for the time when none is to be expected.
fn watch(child: &mut Process, log: &Path) -> Result<Result<ExitStatus, report::Stuck>, Error> {
    const LOOK: Duration = Duration::from_secs(1);
    loop {
        if let Some(status) = child.try_wait().map_err(Error::io(Tool::Nextpnr.programs()[0]))? {
            return Ok(Ok(status));
        }
        let text = std::fs::read(log).map_err(Error::io(log))?;
        if let Some(stuck) = report::stuck(&String::from_utf8_lossy(&text)) {
            return Ok(Err(stuck));
        }
        std::thread::sleep(LOOK);
    }
}

/// Starts one tool.
fn start(
    tool: Tool,
    work: &Path,
    log: &str,
    arguments: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<(Process, PathBuf), Error> {
    let name = tool.programs()[0];
    let path = work.join(log);
    let file = std::fs::File::create(&path).map_err(Error::io(&path))?;
    let other = file.try_clone().map_err(Error::io(&path))?;
    let mut command = tool.command()?;
    arguments(&mut command).current_dir(work).stdout(Stdio::from(file)).stderr(Stdio::from(other));
    tracing::info!(tool = name, "running");
    Ok((child::spawn(&mut command).map_err(Error::io(name))?, path))
}

/// Judges how a tool ended.
fn finish(tool: Tool, status: ExitStatus, path: PathBuf) -> Result<(), Error> {
    if status.success() {
        return Ok(());
    }
    let text = std::fs::read(&path).map_err(Error::io(&path))?;
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    Err(Error::Tool {
        tool: tool.programs()[0],
        status,
        log: path,
        tail: lines[lines.len().saturating_sub(12)..].join("\n"),
    })
}
