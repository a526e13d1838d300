//! Executors whose memories on chip can be set and read behind the program's back.

use systole_bitgen::verilated::RtlDevice;
use systole_driver::Device;
use systole_isa::access::Space;
use systole_sim::{Chip, Simulator};

/// An executor that shows its memories on chip. Nothing may be running when they are read or set.
pub trait Machine: Device {
    /// A copy of them.
    fn chip(&self) -> Chip;
    /// Replaces their contents.
    fn set_chip(&mut self, chip: &Chip);
}

impl Machine for Simulator {
    fn chip(&self) -> Chip {
        self.chip().clone()
    }

    fn set_chip(&mut self, chip: &Chip) {
        self.chip_mut().clone_from(chip);
    }
}

impl Machine for RtlDevice {
    fn chip(&self) -> Chip {
        let mut chip = Chip::new(self.config());
        for space in Space::ALL {
            assert!(chip.set_image(space, &self.chip(space)), "{space:?} of the RTL has another size");
        }
        chip
    }

    fn set_chip(&mut self, chip: &Chip) {
        for space in Space::ALL {
            assert!(self.set_chip(space, &chip.image(space)), "{space:?} of the RTL has another size");
        }
    }
}
