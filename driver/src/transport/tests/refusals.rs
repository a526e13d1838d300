//! What is said when a board cannot be opened, word for word; what `probe` and `doctor` say.

use std::fs;

use super::*;

/// The message, without this machine's directory.
fn refused(machine: &Machine, location: &str) -> String {
    machine.plain(open_at(machine, location).err().expect("it is refused"))
}

#[test]
fn what_is_not_there() {
    let machine = Machine::with_card(None);
    assert_eq!(
        refused(&machine, "pci:0000:00:05.0"),
        "there is no pci:0000:00:05.0: /sys/bus/pci/devices/0000:00:05.0 does not exist; `systole probe` lists what there is"
    );
    assert_eq!(
        refused(&machine, "uio:3"),
        "there is no uio:3: /sys/class/uio/uio3 does not exist; `systole probe` lists what there is"
    );
}

#[test]
fn a_driver_that_holds_the_card() {
    let machine = Machine::with_card(Some("snd_hda_intel"));
    assert_eq!(
        refused(&machine, "pci:0000:00:04.0"),
        "0000:00:04.0 is held by the kernel driver snd_hda_intel; free it with `echo 0000:00:04.0 | sudo tee \
         /sys/bus/pci/drivers/snd_hda_intel/unbind`, then bind it: `echo vfio-pci | sudo tee \
         /sys/bus/pci/devices/0000:00:04.0/driver_override; echo 0000:00:04.0 | sudo tee /sys/bus/pci/drivers_probe`"
    );
    assert_eq!(
        refused(&machine, "mem:0xfea00000"),
        "the window at 0xfea00000 belongs to card 0000:00:04.0, which the driver snd_hda_intel holds; open it as \
         pci:0000:00:04.0"
    );
}

#[test]
fn vfio_without_an_iommu() {
    let machine = Machine::with_card(Some("vfio-pci"));
    assert_eq!(
        refused(&machine, "pci:0000:00:04.0"),
        "0000:00:04.0 is bound to vfio-pci, but no IOMMU translates for it: switch on VT-d or AMD-Vi in the firmware and \
         intel_iommu=on or amd_iommu=on on the kernel's command line, or go without: `echo 0000:00:04.0 | sudo tee \
         /sys/bus/pci/drivers/vfio-pci/unbind`"
    );
}

#[test]
fn a_group_that_is_shared() {
    let machine = vfio(|vfio| vfio.viable = false);
    machine.add("0000:00:04.1", Some("snd_hda_intel"));
    machine.group("0000:00:04.1", "DMA\n");
    machine.add("0000:00:04.2", Some("vfio-pci"));
    machine.group("0000:00:04.2", "DMA\n");
    assert_eq!(
        refused(&machine, "pci:0000:00:04.0"),
        "0000:00:04.0 shares IOMMU group 7 with devices that other drivers use: 0000:00:04.1 (snd_hda_intel); put the card \
         into another slot, whose group it has to itself"
    );
}

#[test]
fn somebody_else_or_nobody_who_answers() {
    let machine = Machine::with_card(None);
    machine.set(register::MAGIC, 0x0bad_cafe);
    assert_eq!(
        refused(&machine, "pci:0000:00:04.0"),
        "pci:0000:00:04.0 is no Systole accelerator: MAGIC reads 0x0badcafe; program it, or look for the right one with \
         `systole probe`"
    );
    machine.set(register::MAGIC, u32::MAX);
    assert!(refused(&machine, "pci:0000:00:04.0").starts_with("the device does not answer: MAGIC reads 0xffffffff"));
    machine.write(&format!("sys/bus/pci/devices/{CARD}/config"), 4, &[0xff, 0xff]);
    assert_eq!(
        refused(&machine, "pci:0000:00:04.0"),
        "write on /sys/bus/pci/devices/0000:00:04.0/config: the configuration space reads ones: the card is gone; \
         `systole doctor` says what is missing"
    );
}

#[test]
fn windows_that_are_none() {
    let machine = Machine::with_card(None);
    machine.dma_buffer();
    machine.file(
        &format!("sys/bus/pci/devices/{CARD}/resource"),
        b"0xfea00000 0xfea003ff 0x200\n0x0 0x0 0x0\n0x800000000 0x80000ffff 0x200\n",
    );
    assert_eq!(
        refused(&machine, "pci:0000:00:04.0"),
        "pci:0000:00:04.0 has no register window: BAR 0 has 1024 bytes and not 4096; it is none of ours, or it is not \
         programmed"
    );
    assert!(
        refused(&machine, "mem:0x40000004").contains("no register window: 0x40000004 is no multiple of the page size")
    );
    machine.uio(false);
    fs::remove_dir_all(machine.kernel.sys.join("class/uio/uio0/maps/map1")).unwrap();
    assert!(refused(&machine, "uio:0").contains("its largest map has 256 bytes and not 4096"));
}

#[test]
fn memory_that_cannot_be_shared() {
    let machine = Machine::with_card(None);
    assert_eq!(
        refused(&machine, "pci:0000:00:04.0,dma=host"),
        "pci:0000:00:04.0,dma=host has no memory to share with this host: no huge page is free; reserve 128 MiB with `echo \
         64 | sudo tee /proc/sys/vm/nr_hugepages`"
    );
    machine.group(CARD, "DMA-FQ\n");
    let translated = refused(&machine, "pci:0000:00:04.0,dma=host");
    assert!(
        translated.contains("the IOMMU translates for its group 7, so that it cannot reach physical memory"),
        "{translated}"
    );
    machine.group_type("identity\n");
    assert!(
        refused(&machine, "pci:0000:00:04.0,dma=host").contains("no huge page is free"),
        "it lets everything through"
    );
    machine.file(&format!("sys/bus/pci/devices/{CARD}/resource"), b"0xfea00000 0xfea00fff 0x200\n");
    assert!(refused(&machine, "pci:0000:00:04.0,dma=local").contains("the card shows no memory of its own in BAR 2"));
    machine.uio(false);
    machine.memory(0x4000_0000);
    for location in ["uio:0", "uio:0,dma=host", "mem:0x40000000"] {
        let error = refused(&machine, location);
        assert!(
            error.ends_with(
                "load one with `sudo modprobe u-dma-buf udmabuf0=67108864`, or declare it in the device tree"
            )
        );
    }
    let machine = vfio(|_| {});
    assert!(refused(&machine, "pci:0000:00:04.0,dma=udmabuf0").contains("behind an IOMMU memory needs no u-dma-buf"));
}

#[test]
fn probe_lists_what_could_be_ours() {
    let machine = Machine::with_card(Some("vfio-pci"));
    machine.group(CARD, "DMA\n");
    machine.uio(false);
    machine.add("0000:00:05.0", None);
    machine.add("0000:00:06.0", Some("snd_hda_intel"));
    machine.add("0000:00:07.0", None);
    machine.file("sys/bus/pci/devices/0000:00:07.0/device", b"0x1111\n");
    let lines = probe(&machine.kernel).into_iter().map(|found| {
        let way = found.way.map_or_else(|error| error.to_string()[..41].to_owned(), |way| way.to_string());
        format!("{} {} {:?} {way}", found.location, found.name, found.driver)
    });
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "pci:0000:00:04.0 1234:5953 Some(\"vfio-pci\") vfio",
            "pci:0000:00:05.0 1234:5953 None sysfs",
            "pci:0000:00:06.0 1234:5953 Some(\"snd_hda_intel\") 0000:00:06.0 is held by the kernel driver",
            "uio:0 systole None uio0",
        ]
    );
    machine.iommufd();
    assert_eq!(*probe(&machine.kernel)[0].way.as_ref().unwrap(), Way::VfioIommufd);
}

/// What doctor says, without the limit of locked memory, which is that of this process.
fn findings(machine: &Machine) -> Vec<String> {
    let checks = doctor(&machine.kernel).into_iter().filter(|check| check.what != "locked memory");
    checks
        .map(|c| machine.plain(format!("{:?} {}: {} [{}]", c.state, c.what, c.detail, c.mend.unwrap_or_default())))
        .collect()
}

#[test]
fn doctor_names_what_is_missing_and_the_command() {
    let machine = Machine::with_card(Some("snd_hda_intel"));
    let bare = findings(&machine);
    let expect = |start: &str, end: &str| {
        assert!(bare.iter().any(|line| line.starts_with(start) && line.ends_with(end)), "{start} ... {end}: {bare:#?}");
    };
    expect("Warning IOMMU: off", "to the kernel's command line]");
    expect("Warning vfio-pci: not loaded", "[sudo modprobe vfio-pci]");
    expect("Missing way to pci:0000:00:04.0: 0000:00:04.0 is held", "| sudo tee /sys/bus/pci/drivers_probe]");
    expect("Warning huge pages: none free", "[echo 64 | sudo tee /proc/sys/vm/nr_hugepages]");
    expect("Warning u-dma-buf: none", "[sudo modprobe u-dma-buf udmabuf0=67108864]");
    expect("Warning CMA: none", "[add `cma=256M` to the kernel's command line]");
    expect("Warning QEMU: not installed", "[sudo apt-get install qemu-system-x86]");
    assert_eq!(bare.len(), 7);
    fs::remove_dir_all(machine.kernel.sys.join("bus/pci/devices")).unwrap();
    assert!(
        findings(&machine)
            .contains(&"Warning boards: none found; a virtual one does without [systole virtual-board]".to_owned())
    );
}

#[test]
fn doctor_is_content_with_a_machine_that_has_everything() {
    let machine = vfio(|_| {});
    machine.dma_buffer();
    machine.file("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", b"3\n");
    machine.file("sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", b"0\n");
    machine.file("proc/meminfo", b"MemTotal: 1 kB\nCmaTotal:         262144 kB\nCmaFree:          200000 kB\n");
    let qemu = machine.file("usr/bin/qemu-system-x86_64", b"");
    qemu.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(
        findings(&machine),
        [
            "Ok IOMMU: on, 1 groups []",
            "Ok vfio-pci: loaded []",
            "Ok way to pci:0000:00:04.0: vfio []",
            "Ok huge pages: some are free, of 2048 KiB []",
            "Ok u-dma-buf: udmabuf0 []",
            "Ok CMA: 195 of 256 MiB free []",
            "Ok QEMU: /usr/bin/qemu-system-x86_64 []",
        ]
    );
    let _device = card(&machine);
    let line = format!("Ok way to pci:0000:00:04.0: vfio, in use by process {} []", std::process::id());
    assert!(findings(&machine).contains(&line));
    fs::remove_file(machine.kernel.dev.join("vfio/7")).unwrap();
    drop(_device);
    let lost = findings(&machine);
    assert!(lost[2].starts_with("Missing way to pci:0000:00:04.0: vfio, but /dev/vfio/7: No such file"), "{}", lost[2]);
    machine.iommufd();
    machine.closed("dev/iommu");
    assert_eq!(findings(&machine)[2], lost[2], "the group's, where iommufd is closed");
    fs::remove_file(machine.kernel.sys.join("bus/pci/devices").join(CARD).join("iommu_group")).unwrap();
    assert_eq!(
        findings(&machine)[2],
        "Missing way to pci:0000:00:04.0: vfio (iommufd), but /dev/iommu: Is a directory (os error 21) [sudo chown $USER \
         /dev/iommu]"
    );
}

#[test]
fn doctor_opens_every_file_of_a_way() {
    let directory = format!("sys/bus/pci/devices/{CARD}");
    for (driver, device, names) in [
        (None, None, &["enable", "config", "resource0", "resource2"][..]),
        (Some("uio_pci_generic"), Some("dev/uio0"), &["config", "resource0", "resource2"]),
    ] {
        let files = names.iter().map(|name| format!("{directory}/{name}")).chain(device.map(str::to_owned));
        for file in files {
            let machine = Machine::with_card(driver);
            if driver.is_some() {
                machine.uio(true);
            }
            let way = |state: &str| {
                findings(&machine).into_iter().find(|line| line.starts_with(state) && line.contains("way to"))
            };
            assert!(way("Ok").is_some());
            machine.closed(&file);
            let line = way("Missing").unwrap();
            assert!(
                line.ends_with(&format!("but /{file}: Is a directory (os error 21) [sudo chown $USER /{file}]")),
                "{line}"
            );
        }
    }
}
