//! Opening boards on machines made of files.

mod foreign;
mod machine;
mod refusals;

use std::time::{Duration, Instant};

use systole_isa::pci::LOCAL_MEMORY_BASE;
use systole_isa::register::{self, WINDOW_BYTES};

use super::config::{INTX_DISABLE, MASTER, MEMORY};
use super::*;
use crate::sys::INTX;
use crate::{DeviceError, RegisterAccess};
use machine::{CARD, LOCAL_BYTES, Machine};

type Opened = Result<Box<dyn Device + Send>, TransportError>;

fn open_at(machine: &Machine, location: &str) -> Opened {
    open_on(&machine.kernel, &location.parse().unwrap(), Options::default())
}

fn card(machine: &Machine) -> Box<dyn Device + Send> {
    open_at(machine, "pci:0000:00:04.0").unwrap()
}

/// A machine whose card is bound to VFIO.
fn vfio(change: impl FnOnce(&mut machine::Vfio)) -> Machine {
    let machine = Machine::new(Some("vfio-pci"), change);
    machine.group(CARD, "DMA\n");
    machine
}

/// Memory that is handed out, written, read and given back; its address.
fn memory_works(device: &mut dyn Device) -> u64 {
    let address = device.allocate(1000).unwrap();
    device.copy_to(address + 10, &[1, 2, 3]).unwrap();
    let mut bytes = [9; 5];
    device.copy_from(address + 9, &mut bytes).unwrap();
    assert_eq!(bytes, [0, 1, 2, 3, 0]);
    device.release(address).unwrap();
    address
}

/// Registers are read and written in the window, and nowhere else.
fn registers_work(device: &mut dyn Device) {
    device.set(register::WATCHDOG, 0x1234_5678).unwrap();
    assert_eq!(device.get(register::WATCHDOG).unwrap(), 0x1234_5678);
    for offset in [2, WINDOW_BYTES, u32::MAX] {
        assert!(matches!(device.read(offset), Err(DeviceError::RegisterOffset { .. })));
        assert!(matches!(device.write(offset, 1), Err(DeviceError::RegisterOffset { .. })));
    }
}

#[test]
fn a_card_opens_through_its_group() {
    let machine = vfio(|_| {});
    let mut device = card(&machine);
    registers_work(&mut *device);
    assert!(memory_works(&mut *device) >= 1 << 32);
    device.allocate(1).unwrap();
    assert_eq!(machine.commands().1, u32::from(MEMORY | MASTER));
    assert_eq!(machine.vfio.mapped.lock().unwrap().len(), 1);
    drop(device);
    assert_eq!(machine.vfio.mapped.lock().unwrap().len(), 0, "dropping unmaps");
    assert_eq!(machine.commands(), (0, MEMORY.into()), "and takes bus mastering away");
    let log = machine.vfio.log.lock().unwrap();
    let opening = ["VFIO_GET_API_VERSION", "VFIO_GROUP_GET_STATUS", "VFIO_GROUP_SET_CONTAINER", "VFIO_SET_IOMMU"];
    assert_eq!(log[..4], opening);
    assert!(log.contains(&"VFIO_DEVICE_SET_IRQS(off)") && !log.contains(&"VFIO_DEVICE_RESET"));
}

#[test]
fn a_card_opens_through_iommufd_where_there_is_one() {
    let machine = vfio(|_| {});
    machine.iommufd();
    let mut device = card(&machine);
    registers_work(&mut *device);
    memory_works(&mut *device);
    drop(device);
    let log = machine.vfio.log.lock().unwrap();
    assert_eq!(log[..3], ["VFIO_DEVICE_BIND_IOMMUFD", "IOMMU_IOAS_ALLOC", "VFIO_DEVICE_ATTACH_IOMMUFD_PT"]);
    assert!(log.contains(&"IOMMU_IOAS_MAP") && log.contains(&"IOMMU_IOAS_UNMAP"));
}

#[test]
fn a_card_opens_through_its_group_where_iommufd_is_closed_to_the_user() {
    let machine = vfio(|_| {});
    machine.iommufd();
    machine.closed("dev/iommu");
    drop(card(&machine));
    assert_eq!(machine.vfio.log.lock().unwrap()[0], "VFIO_GET_API_VERSION");
    assert_eq!(*probe(&machine.kernel)[0].way.as_ref().unwrap(), Way::Vfio);
    machine.closed("dev/vfio/7");
    assert_eq!(*probe(&machine.kernel)[0].way.as_ref().unwrap(), Way::Vfio, "its file is not tried");
    let error = machine.plain(open_at(&machine, "pci:0000:00:04.0").err().unwrap());
    assert!(error.contains("/dev/vfio/7"), "{error}");
}

#[test]
fn whatever_call_fails_is_named_and_nothing_stays() {
    for iommufd in [false, true] {
        let machine = vfio(|_| {});
        if iommufd {
            machine.iommufd();
        }
        drop(card(&machine));
        let mut calls = std::mem::take(&mut *machine.vfio.log.lock().unwrap());
        calls.retain(|call| !call.contains('(') && !call.contains("IRQ"));
        calls.dedup();
        assert!(calls.len() >= 5);
        for call in calls {
            *machine.vfio.fails.lock().unwrap() = Some((call, rustix::io::Errno::NODEV));
            let error = open_at(&machine, "pci:0000:00:04.0").err().unwrap().to_string();
            assert!(error.starts_with(call) && error.contains("os error 19"), "{call}: {error}");
            assert_eq!(machine.commands().1 & u32::from(MASTER), 0, "{call}");
        }
        *machine.vfio.fails.lock().unwrap() = None;
        drop(card(&machine));
    }
}

#[test]
fn memory_that_cannot_be_mapped_is_an_error_and_the_board_goes_on() {
    let machine = vfio(|_| {});
    let mut device = card(&machine);
    let before = device.allocate(64).unwrap();
    *machine.vfio.fails.lock().unwrap() = Some(("VFIO_IOMMU_MAP_DMA", rustix::io::Errno::NOMEM));
    let error = device.allocate(64).unwrap_err().to_string();
    assert!(error.starts_with("VFIO_IOMMU_MAP_DMA on 4096 bytes") && error.contains("`ulimit -l`"), "{error}");
    *machine.vfio.fails.lock().unwrap() = None;
    memory_works(&mut *device);
    device.release(before).unwrap();
    assert!(machine.vfio.mapped.lock().unwrap().is_empty());
}

#[test]
fn vfio_takes_the_best_interrupt_or_none() {
    let count = |machine: &Machine, call| machine.vfio.log.lock().unwrap().iter().filter(|c| **c == call).count();
    for (kinds, asked) in [(vec![INTX], 3), (vec![], 3), (vec![INTX, crate::sys::MSIX], 1)] {
        let machine = vfio(|vfio| vfio.kinds = kinds.clone());
        let mut device = card(&machine);
        assert_eq!(count(&machine, "VFIO_DEVICE_GET_IRQ_INFO"), asked, "{kinds:?}");
        assert_eq!(count(&machine, "VFIO_DEVICE_SET_IRQS"), usize::from(!kinds.is_empty()));
        interrupts_are_levels(&machine, &mut *device);
    }
}

/// Whatever the interrupt source does, the line decides.
fn interrupts_are_levels(machine: &Machine, device: &mut dyn Device) {
    const SHORT: Duration = Duration::from_millis(5);
    const LONG: Duration = Duration::from_secs(60);
    let started = Instant::now();
    assert!(!device.wait_interrupt(SHORT).unwrap());
    assert!(started.elapsed() >= SHORT);
    machine.set(register::IRQ_STATUS, 1);
    assert!(!device.wait_interrupt(SHORT).unwrap(), "not enabled");
    device.set(register::IRQ_ENABLE, 2).unwrap();
    assert!(!device.wait_interrupt(SHORT).unwrap(), "the other is enabled");
    device.set(register::IRQ_ENABLE, 1).unwrap();
    assert!(
        device.wait_interrupt(LONG).unwrap() && device.wait_interrupt(LONG).unwrap(),
        "raised for as long as it is"
    );
    machine.set(register::IRQ_STATUS, 0);
    assert!(!device.wait_interrupt(SHORT).unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(SHORT);
            machine.set(register::IRQ_STATUS, 1);
        });
        assert!(device.wait_interrupt(LONG).unwrap(), "no interrupt came, and the line is raised");
    });
    assert!(started.elapsed() < LONG / 2);
    machine.set(register::IRQ_STATUS, u32::MAX);
    assert!(device.wait_interrupt(SHORT).unwrap(), "ones, but MAGIC reads");
    machine.set(register::MAGIC, u32::MAX);
    assert!(matches!(device.wait_interrupt(SHORT), Err(DeviceError::LinkDown { register: "IRQ_STATUS" })));
}

#[test]
fn a_card_without_driver_opens_through_sysfs() {
    let machine = Machine::with_card(None);
    let mut device = card(&machine);
    registers_work(&mut *device);
    assert_eq!(memory_works(&mut *device), LOCAL_MEMORY_BASE, "the card's own memory");
    assert!(matches!(device.allocate(LOCAL_BYTES + 1), Err(DeviceError::OutOfMemory { .. })));
    let silent = MEMORY | INTX_DISABLE;
    assert_eq!((machine.commands().0, machine.text("enable").as_str()), (u32::from(silent | MASTER), "1"));
    interrupts_are_levels(&machine, &mut *device);
    drop(device);
    assert_eq!((machine.commands().0, machine.text("enable").as_str()), (u32::from(silent), "0"));
    assert_eq!(machine.text("reset"), "");
}

#[test]
fn a_card_on_uio_uses_its_bars_and_its_pin() {
    let machine = Machine::with_card(Some("uio_pci_generic"));
    machine.uio(true);
    for location in ["pci:0000:00:04.0", "uio:0"] {
        let mut device = open_at(&machine, location).unwrap();
        registers_work(&mut *device);
        assert_eq!(memory_works(&mut *device), LOCAL_MEMORY_BASE);
        assert_eq!(
            machine.commands().0,
            u32::from(MEMORY | MASTER | INTX_DISABLE),
            "no interrupt before it is asked for"
        );
        device.wait_interrupt(Duration::ZERO).unwrap();
        device.wait_interrupt(Duration::from_millis(1)).unwrap();
        assert_eq!(machine.commands().0, u32::from(MEMORY | MASTER));
        interrupts_are_levels(&machine, &mut *device);
        machine.set(register::MAGIC, register::MAGIC_VALUE);
        machine.set(register::IRQ_STATUS, 0);
        drop(device);
        assert_eq!(machine.commands().0 & u32::from(MASTER), 0);
        assert_eq!(machine.text("enable"), "0\n", "that is its driver's affair");
    }
}

#[test]
fn a_part_of_the_chip_opens_through_the_map_that_has_its_registers() {
    let machine = Machine::with_card(None);
    machine.uio(false);
    machine.dma_buffer();
    let mut device = open_at(&machine, "uio:0").unwrap();
    registers_work(&mut *device);
    assert_eq!(memory_works(&mut *device), 0x7000_0000);
    assert!(matches!(device.reset_link(), Err(DeviceError::Unsupported { .. })));
    drop(device);
    open_at(&machine, "uio:0,dma=udmabuf0").unwrap();
}

#[test]
fn a_window_opens_through_dev_mem() {
    let machine = Machine::with_card(None);
    machine.dma_buffer();
    machine.memory(0x4000_0000);
    let mut device = open_at(&machine, "mem:0x40000000").unwrap();
    registers_work(&mut *device);
    assert_eq!(memory_works(&mut *device), 0x7000_0000);
}

#[test]
fn a_reset_is_that_of_the_function_and_leaves_it_connected() {
    let machine = Machine::with_card(None);
    let location = "pci:0000:00:04.0".parse().unwrap();
    let mut device = open_on(&machine.kernel, &location, Options { reset: true }).unwrap();
    assert_eq!(machine.text("reset"), "1");
    machine.write(&format!("sys/bus/pci/devices/{CARD}/config"), 4, &[0, 0]);
    device.set(register::IRQ_ENABLE, 3).unwrap();
    device.reset_link().unwrap();
    assert_eq!(machine.commands().0, u32::from(MEMORY | MASTER | INTX_DISABLE));
    machine.set(register::IRQ_STATUS, 3);
    assert!(!device.wait_interrupt(Duration::ZERO).unwrap(), "IRQ_ENABLE is 0 after a reset");
    drop(device);

    let machine = vfio(|_| {});
    let mut device = card(&machine);
    machine.write("dev/vfio/devices/vfio0", 0x40004, &[0, 0]);
    device.reset_link().unwrap();
    assert!(machine.vfio.log.lock().unwrap().contains(&"VFIO_DEVICE_RESET"));
    assert_eq!(machine.commands().1, u32::from(MEMORY | MASTER));
    *machine.vfio.fails.lock().unwrap() = Some(("VFIO_DEVICE_RESET", rustix::io::Errno::NOTTY));
    assert!(matches!(device.reset_link(), Err(DeviceError::Unsupported { .. })));
}

#[test]
fn the_cards_own_memory_serves_behind_vfio_too() {
    let machine = vfio(|_| {});
    let mut device = open_at(&machine, "pci:0000:00:04.0,dma=local").unwrap();
    assert_eq!(memory_works(&mut *device), LOCAL_MEMORY_BASE);
    assert!(machine.vfio.mapped.lock().unwrap().is_empty());
}

#[test]
fn a_card_is_owned_once_whichever_way_it_is_opened() {
    let machine = Machine::with_card(Some("uio_pci_generic"));
    machine.uio(true);
    machine.dma_buffer();
    let device = card(&machine);
    for location in ["pci:0000:00:04.0", "uio:0"] {
        let error = open_at(&machine, location).err().unwrap();
        assert!(matches!(error, TransportError::Busy { owner: Some(pid), .. } if pid == std::process::id()), "{error}");
    }
    let candidates = probe(&machine.kernel);
    assert_eq!(candidates[0].owner, Some(Some(std::process::id())));
    assert!(!candidates[0].is_free());
    drop(device);
    open_at(&machine, "uio:0").unwrap();

    let machine = Machine::with_card(None);
    machine.dma_buffer();
    machine.memory(0xfea0_0000);
    let _device = card(&machine);
    assert!(
        matches!(open_at(&machine, "mem:0xfea00000"), Err(TransportError::Busy { .. })),
        "a window of the same card"
    );
}

#[test]
fn a_card_is_given_back_when_it_cannot_be_used() {
    let machine = Machine::with_card(None);
    machine.set(register::MAGIC, 0xdead_beef);
    for _ in 0..2 {
        assert!(matches!(
            open_at(&machine, "pci:0000:00:04.0"),
            Err(TransportError::NotSystole { found: 0xdead_beef, .. })
        ));
        assert_eq!(machine.commands().0 & u32::from(MASTER), 0, "it never gets to memory");
    }
}
