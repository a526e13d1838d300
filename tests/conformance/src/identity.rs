//! Registers as `systole-isa` declares them, and memory.

use systole_driver::{DeviceError, Engine, RegisterAccess};
use systole_isa::register::{self, Access, MAGIC_VALUE, REGISTERS, WINDOW_BYTES};
use systole_isa::{ABI_HASH, HwConfig};

use crate::Target;

pub fn identity_describes_a_named_configuration(target: &Target<'_>) {
    let mut device = target.device();
    let mut read = |register| device.get(register).expect("a register reads");
    assert_eq!(read(register::MAGIC), MAGIC_VALUE);
    assert_eq!(u64::from(read(register::ABI_HASH_HI)) << 32 | u64::from(read(register::ABI_HASH_LO)), ABI_HASH);
    let config = HwConfig::by_id(read(register::CONFIG_ID)).expect("a named configuration");
    assert_eq!(read(register::CONFIG_ARRAY), config.n | config.bus_bytes << 8 | config.queue_depth << 16);
    assert_eq!(read(register::CONFIG_SPAD), config.spad_words);
    assert_eq!(read(register::CONFIG_ACC), config.acc_words);
    assert_eq!(read(register::CONFIG_PARAM_ROW), config.param_words | config.row_entries << 16);
}

pub fn registers_have_their_reset_values(target: &Target<'_>) {
    let mut device = target.device();
    for declared in REGISTERS.iter().filter(|r| !r.name.starts_with("CYCLE")) {
        let value = device.read(declared.offset).expect("a register reads");
        assert!(declared.reset.is_none_or(|reset| reset == value), "{} reads {value:#x}", declared.name);
    }
}

pub fn read_only_registers_ignore_writes(target: &Target<'_>) {
    let mut device = target.device();
    let clocks = |name: &str| name.starts_with("CYCLE");
    for declared in REGISTERS.iter().filter(|r| r.access == Access::ReadOnly && !clocks(r.name)) {
        let before = device.read(declared.offset).expect("a register reads");
        for value in [u32::MAX, 0, !before] {
            device.write(declared.offset, value).expect("a write is ignored");
            assert_eq!(device.read(declared.offset).expect("a register reads"), before, "{}", declared.name);
        }
    }
}

/// The engine is disabled, so nothing comes of it.
pub fn read_write_registers_keep_what_is_written(target: &Target<'_>) {
    let mut device = target.device();
    // CONTROL enables, so it has a case of its own.
    let plain = |r: &&register::RegisterDecl| r.access == Access::ReadWrite && r.offset != register::CONTROL.offset;
    for declared in REGISTERS.iter().filter(plain) {
        let values = match declared.name {
            "IRQ_ENABLE" => [3, 1, 0],
            name if name.ends_with("BASE_LO") => [0xdead_be00, 0x40, 0],
            name if name.ends_with("_SIZE") => [32768, 2, 0],
            name if name.ends_with("_HEAD") || name.ends_with("_TAIL") => [32767, 1, 0],
            _ => [0xdead_beef, 1, 0],
        };
        for value in values {
            device.write(declared.offset, value).expect("a register is written");
            assert_eq!(device.read(declared.offset).expect("a register reads"), value, "{}", declared.name);
        }
    }
    device.set(register::IRQ_ENABLE, u32::MAX).expect("a register is written");
    assert_eq!(device.get(register::IRQ_ENABLE).expect("a register reads"), 3, "bits that are not there read 0");
}

pub fn command_registers_read_zero(target: &Target<'_>) {
    let mut device = target.device();
    let commands: Vec<_> = REGISTERS.iter().filter(|r| r.access == Access::Command).collect();
    assert!(!commands.is_empty());
    for declared in commands {
        device.write(declared.offset, u32::MAX - 1).expect("a write without the command's bit");
        assert_eq!(device.read(declared.offset).expect("a register reads"), 0, "{}", declared.name);
    }
}

pub fn offsets_without_register_read_zero(target: &Target<'_>) {
    let mut device = target.device();
    let holes: Vec<u32> = (0..WINDOW_BYTES).step_by(4).filter(|o| register::by_offset(*o).is_none()).collect();
    for offset in holes {
        device.write(offset, u32::MAX).expect("a write is ignored");
        assert_eq!(device.read(offset).expect("a hole reads"), 0, "{offset:#x}");
    }
}

pub fn offsets_outside_the_window_are_refused(target: &Target<'_>) {
    let mut device = target.device();
    for offset in [1, 2, 3, 0x42, WINDOW_BYTES, WINDOW_BYTES + 4, u32::MAX - 3, u32::MAX] {
        assert!(matches!(device.read(offset), Err(DeviceError::RegisterOffset { offset: o }) if o == offset));
        assert!(matches!(device.write(offset, 0), Err(DeviceError::RegisterOffset { offset: o }) if o == offset));
    }
}

pub fn the_engine_opens_it(target: &Target<'_>) {
    let engine = Engine::open(target.device()).expect("the driver accepts the device");
    assert!(HwConfig::by_id(engine.config().id).is_some());
}

pub fn the_cycle_counter_runs(target: &Target<'_>) {
    let mut device = target.device();
    let mut now = || device.get_pair(register::CYCLE_LO, register::CYCLE_HI).expect("the counter reads");
    let mut last = now();
    let first = last;
    for _ in 0..100 {
        let next = now();
        assert!(next >= last, "{next} after {last}");
        last = next;
    }
    assert!(last > first);
}

pub fn memory_is_zeroed_aligned_and_kept(target: &Target<'_>) {
    let mut device = target.device();
    let sizes = [1, 63, 64, 65, 4096, 100_000];
    let buffers: Vec<u64> = sizes.iter().map(|&s| device.allocate(s).expect("room")).collect();
    for (index, (&address, &size)) in buffers.iter().zip(&sizes).enumerate() {
        assert!(address.is_multiple_of(64), "{address:#x}");
        let mut bytes = vec![0xff; size as usize];
        device.copy_from(address, &mut bytes).expect("allocated memory is read");
        assert!(bytes.iter().all(|b| *b == 0), "fresh memory is zero");
        device.copy_to(address, &vec![index as u8 + 1; size as usize]).expect("allocated memory is written");
    }
    for (index, (&address, &size)) in buffers.iter().zip(&sizes).enumerate() {
        let mut bytes = vec![0; size as usize];
        device.copy_from(address, &mut bytes).expect("allocated memory is read");
        assert!(bytes.iter().all(|b| *b == index as u8 + 1), "buffers do not overlap");
    }
    for address in &buffers {
        device.release(*address).expect("an allocation is released");
    }
    let again = device.allocate(100_000).expect("room");
    let mut bytes = vec![0xff; 100_000];
    device.copy_from(again, &mut bytes).expect("allocated memory is read");
    assert!(bytes.iter().all(|b| *b == 0), "memory is zeroed when it is used again");
}
