//! Devices of somebody else: refused by name, and not touched.

use super::*;

/// Refused both to be used and to be looked at, with or without a reset; returns the message of each.
fn untouched(machine: &Machine, location: &str) -> Vec<String> {
    let location: Location = location.parse().unwrap();
    let before = machine.snapshot();
    let errors = [
        open_on(&machine.kernel, &location, Options::default()).err(),
        open_on(&machine.kernel, &location, Options { reset: true }).err(),
        Watched::open(&machine.kernel, &location).err(),
    ];
    assert!(machine.snapshot() == before, "{location}: a file was touched");
    assert!(machine.vfio.log.lock().unwrap().is_empty(), "{location}: VFIO was called");
    errors.into_iter().map(|error| machine.plain(error.expect("it is refused"))).collect()
}

#[test]
fn a_foreign_card_is_named_and_not_touched() {
    for driver in [None, Some("nvme"), Some("vfio-pci"), Some("uio_pci_generic")] {
        let machine = Machine::with_card(driver);
        machine.estrange(CARD);
        machine.group(CARD, "DMA\n");
        machine.iommufd();
        machine.uio(true);
        machine.dma_buffer();
        // Even one that answers as ours would.
        machine.memory(0xfea0_0000);
        for location in ["pci:0000:00:04.0", "pci:0000:00:04.0,dma=local", "uio:0", "mem:0xfea00000"] {
            let held = driver.map_or("without a driver".to_owned(), |name| format!("that the driver {name} holds"));
            let message = format!(
                "{location} is no Systole accelerator: 0000:00:04.0 is 144d:a80a, subsystem 144d:a801, a mass storage \
                 controller (class 010802) {held}; it was not touched; `systole probe` lists the boards of this machine"
            );
            assert!(untouched(&machine, location).iter().all(|error| *error == message), "{message}");
            assert!(refuse_foreign(&machine.kernel, &location.parse().unwrap()).is_err());
        }
        assert_eq!(probe(&machine.kernel).len(), 0);
    }
}

#[test]
fn each_of_the_four_ids_makes_a_card_foreign() {
    for id in ["vendor", "device", "subsystem_vendor", "subsystem_device"] {
        let machine = Machine::with_card(None);
        machine.file(&format!("sys/bus/pci/devices/{CARD}/{id}"), b"0x1af4\n");
        for error in untouched(&machine, "pci:0000:00:04.0") {
            assert!(error.contains("is no Systole accelerator") && error.contains("1af4"), "{error}");
        }
    }
}

#[test]
fn parts_of_the_chip_are_only_read_until_they_have_said_who_they_are() {
    let machine = Machine::with_card(None);
    machine.dma_buffer();
    machine.uio(false);
    machine.memory(0x4000_0000);
    let page = super::super::kernel::page_size();
    for (location, file, at) in [("uio:0", "dev/uio0", page + 0x100), ("mem:0x40000000", "dev/mem", 0x4000_0000)] {
        machine.write(file, at, &0xdead_beef_u32.to_le_bytes());
        for error in untouched(&machine, location) {
            assert!(
                error.starts_with(&format!("{location} is no Systole accelerator: MAGIC reads 0xdeadbeef")),
                "{error}"
            );
        }
        machine.identify(file, at);
        machine.write(file, at + u64::from(register::ABI_HASH_HI.offset), &[0; 4]);
        let before = machine.snapshot();
        for options in [Options::default(), Options { reset: true }] {
            let error = open_on(&machine.kernel, &location.parse().unwrap(), options).err().unwrap();
            assert!(matches!(error, TransportError::AbiMismatch { .. }), "{error}");
        }
        let mut watched = Watched::open(&machine.kernel, &location.parse().unwrap()).unwrap();
        assert_eq!(watched.get(register::ABI_HASH_HI).unwrap(), 0, "it may be looked at");
        assert!(machine.snapshot() == before, "{location}: a file was touched");
        machine.identify(file, at);
        open_at(&machine, location).unwrap();
    }
}

#[test]
fn what_is_watched_is_read_and_never_written() {
    let machine = Machine::with_card(None);
    machine.uio(false);
    let location = "uio:0".parse().unwrap();
    let mut watched = Watched::open(&machine.kernel, &location).unwrap();
    assert!(matches!(watched.write(0x54, 1), Err(DeviceError::Unsupported { .. })));
    assert!(matches!(watched.read(WINDOW_BYTES), Err(DeviceError::RegisterOffset { .. })));
    let mut card = Watched::open(&machine.kernel, &"pci:0000:00:04.0".parse().unwrap()).unwrap();
    assert_eq!(card.get(register::MAGIC).unwrap(), register::MAGIC_VALUE);
}

#[test]
fn a_dead_card_of_ours_is_reset_before_anything_else() {
    let machine = vfio(|vfio| vfio.dead = true);
    let location: Location = "pci:0000:00:04.0".parse().unwrap();
    let dead = open_on(&machine.kernel, &location, Options::default()).err().unwrap().to_string();
    assert!(dead.contains("the configuration space reads ones"), "{dead}");
    let mut device = open_on(&machine.kernel, &location, Options { reset: true }).unwrap();
    assert_eq!(device.get(register::MAGIC).unwrap(), register::MAGIC_VALUE);

    for driver in [None, Some("uio_pci_generic")] {
        let machine = Machine::with_card(driver);
        machine.uio(true);
        machine.write(&format!("sys/bus/pci/devices/{CARD}/config"), 0, &[0xff; 64]);
        machine.set(register::MAGIC, u32::MAX);
        assert!(open_on(&machine.kernel, &location, Options::default()).is_err());
        assert_eq!(machine.text("reset"), "");
        assert!(open_on(&machine.kernel, &location, Options { reset: true }).is_err(), "files do not come to life");
        assert_eq!(machine.text("reset"), "1");
    }
}
