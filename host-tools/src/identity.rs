//! Who answers behind the registers, as far as the registers tell; nothing is changed by asking.

use std::fmt;

use anyhow::bail;
use serde::Serialize;
use systole_driver::{Device, DeviceError, EngineError, RegisterAccess};
use systole_isa::register::{self, MAGIC_VALUE};
use systole_isa::{ABI_HASH, HwConfig};

/// The identity registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// MAGIC.
    pub magic: u32,
    /// ABI_HASH.
    pub contract: u64,
    /// CONFIG_ID.
    pub config_id: u32,
    /// BUILD_ID.
    pub build_id: u32,
}

/// As JSON has it.
#[derive(Serialize)]
pub struct IdentityJson {
    magic: String,
    contract: String,
    config: Option<&'static str>,
    build_id: String,
    usable: bool,
}

impl Identity {
    /// Reads the registers.
    pub fn read(device: &mut dyn Device) -> Result<Self, DeviceError> {
        Ok(Self {
            magic: device.get(register::MAGIC)?,
            contract: device.get_pair(register::ABI_HASH_LO, register::ABI_HASH_HI)?,
            config_id: device.get(register::CONFIG_ID)?,
            build_id: device.get(register::BUILD_ID)?,
        })
    }

    /// The configuration, if it is one.
    pub fn config(&self) -> Option<&'static HwConfig> {
        HwConfig::by_id(self.config_id)
    }

    /// The configuration of a device that this program can drive; the error is the driver's.
    pub fn usable(&self) -> anyhow::Result<&'static HwConfig> {
        if self.magic != MAGIC_VALUE {
            bail!(EngineError::NotSystole { found: self.magic });
        }
        if self.contract != ABI_HASH {
            bail!(EngineError::AbiMismatch { device: self.contract });
        }
        self.config().ok_or_else(|| EngineError::UnknownConfig { id: self.config_id }.into())
    }

    /// For `--json`.
    pub fn json(&self) -> IdentityJson {
        IdentityJson {
            magic: format!("{:#010x}", self.magic),
            contract: format!("{:#018x}", self.contract),
            config: self.config().map(|c| c.name),
            build_id: format!("{:08x}", self.build_id),
            usable: self.usable().is_ok(),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.config() {
            Some(config) => write!(f, "{}, build {:08x}", config.name, self.build_id),
            None => write!(f, "configuration {}, build {:08x}", self.config_id, self.build_id),
        }
    }
}
