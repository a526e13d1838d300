//! From SystemVerilog to a shared library, once: what was built is kept by a hash of all that went in.

use super::Error;
use super::options::{Build, Mutation, WaveformFormat};
use super::tools::{self, Verilator};
use crate::{child, rtl};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use systole_isa::HwConfig;

/// The C++ around the design.
const HARNESS: [(&str, &str); 8] = [
    ("harness.cc", include_str!("harness/harness.cc")),
    ("abi.h", include_str!("harness/abi.h")),
    ("axi_check.h", include_str!("harness/axi_check.h")),
    ("bus.h", include_str!("harness/bus.h")),
    ("chip.h", include_str!("harness/chip.h")),
    ("dram.h", include_str!("harness/dram.h")),
    ("hang.h", include_str!("harness/hang.h")),
    ("print.h", include_str!("harness/print.h")),
];

/// Nothing but the interface leaves the library: two models in one process share no run time.
const EXPORTS: &str = "{ global: systole_abi; systole_open; systole_close; systole_read; systole_write; systole_run;\n  \
                       systole_advance; systole_reset; systole_cycles; systole_message; systole_map;\n  \
                       systole_map_external; systole_unmap; systole_take_refused; systole_copy_to;\n  \
                       systole_copy_from; systole_chip_*; local: *; };\n";

const LIBRARY: &str = "libsystole.so";

/// Parts of Verilator's run time.
const RUN_TIME: [&str; 3] = ["verilated.cpp", "verilated_dpi.cpp", "verilated_threads.cpp"];

/// The library of a configuration, built if there is none.
pub(super) fn library(config: &HwConfig, build: Build) -> Result<PathBuf, Error> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // A build that panicked left nothing behind that counts.
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let recipe = Recipe::new(config, build)?;
    let place = tools::cache_directory()?.join("verilated").join(recipe.name());
    let library = place.join(LIBRARY);
    if library.is_file() {
        tracing::debug!(path = %library.display(), "the model is built already");
        return Ok(library);
    }
    let span = tracing::info_span!("verilate", config = config.name);
    let _entered = span.enter();
    // Built beside its place and moved there whole, so that no other process meets half of it.
    let work = place.with_extension(format!("{}.tmp", std::process::id()));
    recipe.build(&work)?;
    match std::fs::rename(&work, &place) {
        Err(_) if library.is_file() => std::fs::remove_dir_all(&work).map_err(Error::file(&work))?,
        moved => moved.map_err(Error::file(&place))?,
    }
    Ok(library)
}

/// All that goes into a build.
struct Recipe<'a> {
    config: &'a HwConfig,
    build: Build,
    verilator: Verilator,
    compiler: PathBuf,
    /// Path and text of each file that Verilator reads, in this order.
    sources: Vec<(&'static str, String)>,
    hash: [u8; 32],
}

impl<'a> Recipe<'a> {
    fn new(config: &'a HwConfig, build: Build) -> Result<Self, Error> {
        let sources = rtl::waivers().chain(rtl::sources(config)).map(|s| (s.path, s.text.to_owned())).collect();
        let (verilator, compiler) = (Verilator::find()?, tools::compiler());
        let mut recipe = Self { config, build, verilator, compiler, sources, hash: [0; 32] };
        if let Some(mutation) = &build.mutation {
            mutate(&mut recipe.sources, mutation)?;
        }
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        for (path, text) in &recipe.sources {
            add(path);
            add(text);
        }
        HARNESS.iter().for_each(|(_, text)| add(text));
        recipe.verilator_arguments().iter().chain(&recipe.compiler_arguments(Path::new(""))).for_each(|a| add(a));
        add(&recipe.verilator.identity());
        add(&recipe.compiler.display().to_string());
        recipe.hash = hash.finalize().into();
        Ok(recipe)
    }

    /// The directory's name: for people first, then for the machine.
    fn name(&self) -> String {
        let checked = if self.build.checked { "-checked" } else { "" };
        let waveform = match self.build.waveform {
            None => "",
            Some(WaveformFormat::Vcd) => "-vcd",
            Some(WaveformFormat::Fst) => "-fst",
        };
        let hash: String = self.hash[..8].iter().map(|b| format!("{b:02x}")).collect();
        let mutant = if self.build.mutation.is_some() { "-mutant" } else { "" };
        format!("{}{checked}{waveform}{mutant}-{hash}", self.config.name)
    }

    fn verilator_arguments(&self) -> Vec<String> {
        let mut arguments =
            vec!["--cc", "-O3", "--quiet-stats", "-Wno-fatal", "--top-module", rtl::TOP, "--Mdir", "model"];
        let start = if self.build.checked { "unique" } else { "fast" };
        arguments.extend(["--x-assign", start, "--x-initial", start]);
        arguments.push(if self.build.checked { "--assert" } else { "--no-assert" });
        arguments.extend(match self.build.waveform {
            None => &[][..],
            Some(WaveformFormat::Vcd) => &["--trace-vcd"],
            Some(WaveformFormat::Fst) => &["--trace-fst"],
        });
        arguments.into_iter().map(str::to_owned).collect()
    }

    fn compiler_arguments(&self, root: &Path) -> Vec<String> {
        let flag = |on: bool| u8::from(on);
        let traced = |format| flag(self.build.waveform == Some(format));
        let include = root.join("include");
        let mut arguments: Vec<String> = [
            "-std=c++17",
            "-fPIC",
            "-fvisibility=hidden",
            "-w",
            "-I.",
            "-I../harness",
            "-include",
            "../harness/print.h",
        ]
        .map(str::to_owned)
        .into();
        arguments.push(format!("-I{}", include.display()));
        arguments.push(format!("-I{}", include.join("vltstd").display()));
        arguments.push(format!("-I{}", include.join("fstcpp").display()));
        for (name, value) in [
            ("VERILATOR", 1),
            ("VM_COVERAGE", 0),
            ("VM_SC", 0),
            ("VM_TIMING", 0),
            ("VM_TRACE", flag(self.build.waveform.is_some()).into()),
            ("VM_TRACE_FST", traced(WaveformFormat::Fst).into()),
            ("VM_TRACE_VCD", traced(WaveformFormat::Vcd).into()),
            ("VM_TRACE_SAIF", 0),
            ("SYSTOLE_N", self.config.n),
            ("SYSTOLE_BUS_BYTES", self.config.bus_bytes),
            ("SYSTOLE_SPAD_BANKS", self.config.spad_banks),
            ("SYSTOLE_ACC_BANKS", self.config.acc_banks),
        ] {
            arguments.push(format!("-D{name}={value}"));
        }
        arguments
    }

    fn build(&self, work: &Path) -> Result<(), Error> {
        let put = |path: PathBuf, text: &str| {
            let parent = path.parent().unwrap_or(work);
            std::fs::create_dir_all(parent).map_err(Error::file(parent))?;
            std::fs::write(&path, text).map_err(Error::file(&path))
        };
        let mut files = Vec::new();
        for (path, text) in &self.sources {
            put(work.join("rtl").join(path), text)?;
            files.push(format!("rtl/{path}"));
        }
        for (name, text) in HARNESS {
            put(work.join("harness").join(name), text)?;
        }
        put(work.join("exports"), EXPORTS)?;
        let root = self.verilator.root()?;
        tracing::info!("translating the RTL");
        let mut verilator = self.verilator.command();
        run(verilator.current_dir(work).args(self.verilator_arguments()).args(&files), work, "verilator")?;
        self.compile(work, &root)
    }

    fn compile(&self, work: &Path, root: &Path) -> Result<(), Error> {
        let model = work.join("model");
        let arguments = self.compiler_arguments(root);
        let mut units = vec![work.join("harness/harness.cc")];
        let mut run_time = RUN_TIME.to_vec();
        match self.build.waveform {
            None => {}
            Some(WaveformFormat::Vcd) => run_time.push("verilated_vcd_c.cpp"),
            Some(WaveformFormat::Fst) => {
                self.check_fst(&model)?;
                run_time.push("verilated_fst_c.cpp");
            }
        }
        units.extend(run_time.iter().map(|name| root.join("include").join(name)));
        for entry in std::fs::read_dir(&model).map_err(Error::file(&model))? {
            let path = entry.map_err(Error::file(&model))?.path();
            if path.extension().is_some_and(|e| e == "cpp") {
                units.push(path);
            }
        }
        // The largest first, so that none is left alone at the end.
        units.sort_by_key(|u| std::cmp::Reverse(std::fs::metadata(u).map_or(0, |m| m.len())));
        tracing::info!(files = units.len(), "compiling the model");
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while let Some((at, unit)) = take(&next, &units) {
                        // Code that runs once is not worth optimising.
                        let level = if unit.to_string_lossy().contains("__Slow") { "-O0" } else { "-O2" };
                        let mut command = Command::new(&self.compiler);
                        command.current_dir(&model).args(&arguments).args([level, "-c", "-o", &format!("{at}.o")]);
                        if let Err(error) = run(command.arg(unit), work, "the C++ compiler") {
                            // The first failure says enough.
                            next.store(units.len(), Ordering::Relaxed);
                            failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                        }
                    }
                });
            }
        });
        if let Some(error) = failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            return Err(error);
        }
        let mut link = Command::new(&self.compiler);
        link.current_dir(&model).args(["-shared", "-Wl,--version-script=../exports", "-o"]);
        link.arg(format!("../{LIBRARY}")).args((0..units.len()).map(|at| format!("{at}.o")));
        if self.build.waveform == Some(WaveformFormat::Fst) {
            link.args(["-llz4", "-lz"]);
        }
        run(&mut link, work, "the linker")?;
        std::fs::remove_dir_all(&model).map_err(Error::file(&model))
    }

    /// Sees whether the compiler finds what FST needs.
    fn check_fst(&self, model: &Path) -> Result<(), Error> {
        let probe = model.join("probe.cc");
        std::fs::write(&probe, "#include <lz4.h>\n#include <zlib.h>\n").map_err(Error::file(&probe))?;
        let mut command = Command::new(&self.compiler);
        let found = run(command.arg("-fsyntax-only").arg(&probe), model, "the C++ compiler");
        std::fs::remove_file(&probe).map_err(Error::file(&probe))?;
        match found {
            Err(Error::Tool { .. }) => Err(Error::NoFst),
            other => other,
        }
    }
}

/// Plants an error.
fn mutate(sources: &mut [(&'static str, String)], mutation: &Mutation) -> Result<(), Error> {
    let Mutation { path, from, to } = *mutation;
    let mut files = sources.iter_mut().filter(|(p, _)| *p == path);
    let (count, text) = files.next().map_or((0, None), |(_, text)| (text.matches(from).count(), Some(text)));
    match text {
        Some(text) if count == 1 => {
            *text = text.replace(from, to);
            Ok(())
        }
        _ => Err(Error::Mutation { path, count }),
    }
}

fn take<'u>(next: &AtomicUsize, units: &'u [PathBuf]) -> Option<(usize, &'u PathBuf)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    units.get(at).map(|unit| (at, unit))
}

/// Runs a tool; what it prints is kept for the error.
fn run(command: &mut Command, directory: &Path, tool: &str) -> Result<(), Error> {
    /// Of the output, as much as a screen holds.
    const KEPT: usize = 4000;
    let program = PathBuf::from(command.get_program());
    let output = child::output(command).map_err(|source| Error::NoCompiler { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let start = text.char_indices().rev().nth(KEPT).map_or(0, |(at, _)| at);
    Err(Error::Tool {
        tool: tool.to_owned(),
        status: output.status,
        directory: directory.to_owned(),
        output: text[start..].trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_changes_one_place_or_is_refused() {
        let mut sources = vec![("a.sv", "x <= y; z <= y;".to_owned()), ("b.sv", "x <= y;".to_owned())];
        let mutation = |path, from| Mutation { path, from, to: "w" };
        for (path, from, found) in [("a.sv", "y", 2), ("a.sv", "u", 0), ("c.sv", "y", 0)] {
            let refused = mutate(&mut sources, &mutation(path, from));
            assert!(matches!(refused, Err(Error::Mutation { count, .. }) if count == found), "{refused:?}");
        }
        mutate(&mut sources, &mutation("a.sv", "z")).unwrap();
        assert_eq!(sources, [("a.sv", "x <= y; w <= y;".to_owned()), ("b.sv", "x <= y;".to_owned())]);
    }
}
