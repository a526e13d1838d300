//! Who answers: magic, contract, configuration; and the reset that leaves a device in a known state.

use std::time::{Duration, Instant};

use systole_isa::register::{self, Register, kind};
use systole_isa::{ABI_HASH, HwConfig};

use super::EngineError;
use crate::registers::name;
use crate::{Device, RegisterAccess};

/// Longest time a reset may take. The device finishes outstanding bus transactions, microseconds at most; the Verilated
/// model takes milliseconds.
const RESET_DEADLINE: Duration = Duration::from_secs(2);
/// Longest time that a reset waits for a bus that hung. The device has waited for it before: BUS_TIMEOUT cycles.
const DRAIN_DEADLINE: Duration = Duration::from_millis(100);
/// STATUS: the bus hung and owes answers.
const HUNG: u32 = 8;

/// A device's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its configuration.
    pub config: &'static HwConfig,
    /// First 32 bits of the bitstream bundle's hash; 0 on the simulator.
    pub build_id: u32,
}

/// Who must answer, beyond any device of this contract; for instance the bitstream that was just loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its configuration.
    pub config: Option<&'static HwConfig>,
    /// Its build, as a bitstream bundle names it.
    pub build_id: Option<u32>,
}

impl From<Identity> for Expected {
    /// The same device again.
    fn from(Identity { config, build_id }: Identity) -> Self {
        Self { config: Some(config), build_id: Some(build_id) }
    }
}

/// Reads and checks the identity registers.
pub(super) fn identify(device: &mut (dyn Device + Send), expected: Expected) -> Result<Identity, EngineError> {
    let found = device.get(register::MAGIC)?;
    if found != register::MAGIC_VALUE {
        return Err(EngineError::NotSystole { found });
    }
    let hash = device.get_pair(register::ABI_HASH_LO, register::ABI_HASH_HI)?;
    if hash != ABI_HASH {
        return Err(EngineError::AbiMismatch { device: hash });
    }
    let id = device.get(register::CONFIG_ID)?;
    let config = HwConfig::by_id(id).ok_or(EngineError::UnknownConfig { id })?;
    let declared: [(Register<kind::ReadOnly>, u32); 4] = [
        (register::CONFIG_ARRAY, config.n | config.bus_bytes << 8 | config.queue_depth << 16),
        (register::CONFIG_SPAD, config.spad_words),
        (register::CONFIG_ACC, config.acc_words),
        (register::CONFIG_PARAM_ROW, config.param_words | config.row_entries << 16),
    ];
    for (register, expected) in declared {
        let found = device.get(register)?;
        if found != expected {
            let register = name(register.offset);
            return Err(EngineError::ConfigRegister { register, config: config.name, expected, found });
        }
    }
    let build_id = device.get(register::BUILD_ID)?;
    if let Some(wanted) = expected.config.filter(|wanted| wanted.id != config.id) {
        return Err(EngineError::ConfigMismatch { expected: wanted.name, found: config.name });
    }
    if let Some(expected) = expected.build_id.filter(|wanted| *wanted != build_id) {
        return Err(EngineError::BuildMismatch { expected, found: build_id });
    }
    Ok(Identity { config, build_id })
}

/// Disables and resets the engine, and waits until it runs nothing, has no fault, and both rings are at their start.
pub(super) fn reset(device: &mut (dyn Device + Send)) -> Result<(), EngineError> {
    device.set(register::CONTROL, 0)?;
    device.set(register::RESET, 1)?;
    let started = Instant::now();
    let mut hung_at = None;
    for register in [register::STATUS, register::SQ_HEAD, register::CQ_TAIL] {
        loop {
            let waited = started.elapsed();
            let found = device.get(register)?;
            if found == 0 {
                break;
            }
            if register.offset == register::STATUS.offset && found & HUNG != 0 {
                if waited - *hung_at.get_or_insert(waited) >= DRAIN_DEADLINE {
                    return Err(EngineError::BusHung { waited });
                }
            } else if waited >= RESET_DEADLINE {
                return Err(EngineError::Reset { register: name(register.offset), found, waited });
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }
    Ok(())
}
