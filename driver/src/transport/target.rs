//! [`Target`]: the device that a location names, once it is proven to be ours.
//!
//! Nothing of a device is locked, switched on, reset, configured or mapped for writing before there is a target, and there is
//! none of a foreign device. A card is proven by the IDs that the kernel keeps, so that one whose link is dead can still be
//! reset. A part of the chip has no IDs: MAGIC and the ABI hash prove it, through a mapping that the kernel makes for
//! reading only.

use systole_isa::ABI_HASH;
use systole_isa::register::{self, MAGIC_VALUE};

use super::board::Window;
use super::error::TransportError;
use super::kernel::Kernel;
use super::pci::{Card, Function};
use super::registers::Registers;
use super::uio::Uio;
use super::watched::Watched;
use super::{Location, Place};
use crate::RegisterAccess;

/// A device of ours, by the way to it.
pub(super) enum Target {
    /// A card; what the kernel has bound to it decides the way.
    Card(Card),
    /// A card that is named by its UIO device.
    CardOnUio(Card, Uio),
    /// A part of the chip with a UIO device.
    PartOnUio(Part, Uio),
    /// A part of the chip without a driver.
    Part(Part),
}

/// A part of the chip that has said who it is.
pub(super) struct Part(Registers);

impl Target {
    /// Finds the device and proves that it is ours.
    pub fn find(kernel: &Kernel, location: &Location) -> Result<Self, TransportError> {
        Ok(match Found::at(kernel, location)? {
            Found::Card(card) => Self::Card(card),
            Found::CardOnUio(card, uio) => Self::CardOnUio(card, uio),
            Found::PartOnUio(registers, uio) => Self::PartOnUio(Part::prove(registers, location)?, uio),
            Found::Part(registers) => Self::Part(Part::prove(registers, location)?),
        })
    }
}

impl Part {
    /// Reads who answers.
    fn prove(registers: Registers, location: &Location) -> Result<Self, TransportError> {
        let mut device = named(registers.watch(location)?, location)?;
        let found = device.get_pair(register::ABI_HASH_LO, register::ABI_HASH_HI)?;
        if found != ABI_HASH {
            return Err(TransportError::AbiMismatch { location: location.to_string(), found });
        }
        Ok(Self(registers))
    }

    /// Its registers, to be read and written.
    pub fn window(&self) -> Result<Window, TransportError> {
        self.0.map()
    }
}

/// Maps the registers of a board of ours to be read, beside whoever owns it.
pub(super) fn watch(kernel: &Kernel, location: &Location) -> Result<Watched, TransportError> {
    match Found::at(kernel, location)? {
        Found::Card(card) => Registers::in_bar(&card, location)?.watch(location),
        Found::CardOnUio(card, uio) => Registers::in_uio(kernel, &uio, Some(&card), location)?.watch(location),
        Found::PartOnUio(registers, _) | Found::Part(registers) => named(registers.watch(location)?, location),
    }
}

/// Refuses a location that names a foreign device by the IDs that the kernel keeps; what is not there yet passes.
pub(super) fn refuse_foreign(kernel: &Kernel, location: &Location) -> Result<(), TransportError> {
    match Found::at(kernel, location) {
        Err(foreign @ TransportError::Foreign { .. }) => Err(foreign),
        _ => Ok(()),
    }
}

/// Refuses registers that do not begin with MAGIC.
fn named(mut device: Watched, location: &Location) -> Result<Watched, TransportError> {
    match device.get(register::MAGIC)? {
        MAGIC_VALUE => Ok(device),
        found => Err(TransportError::NotSystole { location: location.to_string(), found }),
    }
}

/// What the kernel knows of a location. A part of the chip is not asked yet.
enum Found {
    Card(Card),
    CardOnUio(Card, Uio),
    PartOnUio(Registers, Uio),
    Part(Registers),
}

impl Found {
    fn at(kernel: &Kernel, location: &Location) -> Result<Self, TransportError> {
        let prove = |function| Card::prove(function, location);
        match location.place {
            Place::Pci(address) => Ok(Self::Card(prove(Function::find(kernel, address)?)?)),
            Place::Uio(number) => {
                let uio = Uio::find(kernel, number)?;
                if let Some(function) = uio.function(kernel) {
                    return Ok(Self::CardOnUio(prove(function)?, uio));
                }
                // A driver may show a card's window without saying whose it is.
                let behind = uio.registers().and_then(|address| Function::covering(kernel, address));
                behind.map(prove).transpose()?;
                Ok(Self::PartOnUio(Registers::in_uio(kernel, &uio, None, location)?, uio))
            }
            Place::Mem(base) => {
                let card = Function::covering(kernel, base).map(prove).transpose()?;
                if let Some((address, driver)) = card.and_then(|card| Some((card.address, card.driver()?))) {
                    return Err(TransportError::WindowTaken { base, address, driver });
                }
                Ok(Self::Part(Registers::in_memory(kernel, base, location)?))
            }
        }
    }
}
