//! The SystemVerilog as part of this library, so that an installed binary can write it, check it and build it.

use systole_isa::HwConfig;

/// A file of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Path below `rtl/`.
    pub path: &'static str,
    /// Contents.
    pub text: &'static str,
}

/// Every file, of every configuration.
pub const FILES: &[Source] = include!(concat!(env!("OUT_DIR"), "/rtl_files.rs"));

/// The module that holds the accelerator.
pub const TOP: &str = "systole_top";

/// The files of one configuration in an order in which tools can read them: packages first. Verilator's waivers (`.vlt`)
/// are not among them.
pub fn sources(config: &HwConfig) -> Vec<Source> {
    let own = format!("generated/{}/", config.name);
    let rank = |path: &str| match path {
        "generated/systole_pkg.sv" => Some(0),
        _ if path.starts_with(&own) => Some(1),
        _ if path.matches('/').count() > 1 => None,
        _ if path.starts_with("generated/") || path.starts_with("prim/") => Some(2),
        _ if path.starts_with("core/") => Some(3),
        _ => None,
    };
    let mut files: Vec<_> = FILES.iter().filter_map(|f| Some((rank(f.path)?, *f))).collect();
    files.sort_by_key(|(rank, file)| (*rank, file.path));
    files.into_iter().map(|(_, file)| file).collect()
}

/// Verilator's waivers, each explained.
pub fn waivers() -> impl Iterator<Item = Source> {
    FILES.iter().filter(|f| f.path.ends_with(".vlt")).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_isa::config::NAMED;

    #[test]
    fn sources_begin_with_the_packages_of_their_configuration() {
        for config in NAMED {
            let files = sources(config);
            assert_eq!(files[0].path, "generated/systole_pkg.sv");
            assert_eq!(files[1].path, format!("generated/{}/systole_cfg_pkg.sv", config.name));
            let packages = files.iter().filter(|f| f.path.ends_with("_pkg.sv")).count();
            assert_eq!(packages, 2, "no package of another configuration");
            for wanted in ["generated/systole_regs.sv", "prim/prim_fifo.sv", "core/systole_core.sv"] {
                assert_eq!(files.iter().filter(|f| f.path == wanted).count(), 1, "{wanted}");
            }
        }
        assert!(waivers().count() > 0);
    }
}
