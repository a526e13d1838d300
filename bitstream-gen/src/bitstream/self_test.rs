//! The driver's self-test as bundles carry it: by the digest of its program.

use super::hash;
use systole_driver::{Engine, EngineError, RunOptions, RunReport, Verified};
use systole_isa::{HwConfig, Instruction};

pub use systole_driver::self_test::{input, program, verified};

/// Runs it on a device and returns what it stored, with the report.
///
/// # Errors
/// What the driver reports; [`EngineError`].
pub fn run(engine: &mut Engine, program: &Verified) -> Result<(Vec<u8>, RunReport), EngineError> {
    systole_driver::self_test::run(engine, program, RunOptions::default())
}

/// SHA-256 of its encoding.
pub fn digest(config: &HwConfig) -> String {
    let code: Vec<u8> = program(config).iter().flat_map(Instruction::encode).collect();
    hash::of(&code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_isa::config::NAMED;

    /// On the simulator the result is what a naive loop gives.
    #[test]
    fn it_multiplies_and_rectifies() {
        for config in NAMED {
            let program = verified(config).unwrap_or_else(|e| panic!("{}: {e}", config.name));
            let mut engine = Engine::open(Box::new(systole_sim::Simulator::new(config))).unwrap();
            let (output, _) = run(&mut engine, &program).unwrap();
            assert_eq!(output, systole_driver::self_test::expected(config), "{}", config.name);
        }
    }

    #[test]
    fn the_digest_tells_configurations_apart() {
        let mut digests = NAMED.map(digest).to_vec();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), NAMED.len());
    }
}
