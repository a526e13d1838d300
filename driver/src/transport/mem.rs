//! A part of the chip that no driver holds, through `/dev/mem`. Root only, without interrupt.

use super::board::{Control, Parts, Uncontrolled};
use super::error::TransportError;
use super::interrupt::Polling;
use super::kernel::Kernel;
use super::lock::Lock;
use super::target::Part;
use super::{Location, Options, physical};

/// Opens the part.
pub(super) fn open(
    kernel: &Kernel,
    part: &Part,
    location: &Location,
    options: Options,
    lock: Lock,
) -> Result<Parts, TransportError> {
    let mut control = Uncontrolled { location: location.to_string() };
    if options.reset {
        control.reset()?;
    }
    let memory = physical::of_chip(kernel, location)?;
    Ok(Parts { window: part.window()?, memory, interrupt: Box::new(Polling), control: Box::new(control), lock })
}
