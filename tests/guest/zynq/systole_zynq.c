// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A test fixture: shows a PCI card as if it were a part of the chip, as on a Zynq.
 *
 * memory=ADDRESS size=BYTES   reserved memory: /dev/udmabuf0 with the files of u-dma-buf that the driver uses, not coherent
 * window=ADDRESS irq=NUMBER   its registers and interrupt: a platform device for UIO, as uio_pdrv_genirq makes it; without
 *                             them there is none, and the registers are left to /dev/mem
 *
 * The card itself must be switched on, and untouched by any other driver.
 */
#include <linux/interrupt.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/uio_driver.h>

static unsigned long window, memory, size;
static unsigned int irq;
module_param(window, ulong, 0444);
module_param(irq, uint, 0444);
module_param(memory, ulong, 0444);
module_param(size, ulong, 0444);

static struct platform_device *chip;
static struct class *class;
static unsigned long is_disabled;

/* The line stays raised until the user has served the device, so that it is disabled until the user asks for more. */
static irqreturn_t came(int number, struct uio_info *info)
{
	if (!test_and_set_bit(0, &is_disabled))
		disable_irq_nosync(number);
	return IRQ_HANDLED;
}

static int control(struct uio_info *info, s32 on)
{
	if (on && test_and_clear_bit(0, &is_disabled))
		enable_irq(irq);
	else if (!on && !test_and_set_bit(0, &is_disabled))
		disable_irq(irq);
	return 0;
}

static struct uio_info uio = {
	.name = "systole", .version = "1", .irq_flags = IRQF_SHARED, .handler = came, .irqcontrol = control,
};

static int map(struct file *file, struct vm_area_struct *area)
{
	return vm_iomap_memory(area, memory, size);
}

static const struct file_operations operations = { .owner = THIS_MODULE, .mmap = map };
static struct miscdevice buffer = { .minor = MISC_DYNAMIC_MINOR, .name = "udmabuf0", .fops = &operations };

/* What the driver writes before and after it copies; this processor's caches need nothing. */
static unsigned long sync_offset, sync_size, sync_direction, sync_for_device, sync_for_cpu;

#define SHOWN(name, format, value) \
	static ssize_t name##_show(struct device *d, struct device_attribute *a, char *to) \
	{ return sysfs_emit(to, format, value); }
#define WRITTEN(name, valid) \
	static ssize_t name##_store(struct device *d, struct device_attribute *a, const char *from, size_t count) \
	{ int error = kstrtoul(from, 0, &name); return error ? error : (valid) ? count : -EINVAL; }

SHOWN(phys_addr, "0x%lx\n", memory)
SHOWN(size, "%lu\n", size)
SHOWN(dma_coherent, "%d\n", 0)
SHOWN(sync_offset, "0x%lx\n", sync_offset)
SHOWN(sync_size, "0x%lx\n", sync_size)
SHOWN(sync_direction, "%lu\n", sync_direction)
SHOWN(sync_for_device, "%lu\n", sync_for_device)
SHOWN(sync_for_cpu, "%lu\n", sync_for_cpu)
WRITTEN(sync_offset, sync_offset < size)
WRITTEN(sync_size, sync_size <= size)
WRITTEN(sync_direction, sync_direction <= 2)
WRITTEN(sync_for_device, sync_offset + sync_size <= size)
WRITTEN(sync_for_cpu, sync_offset + sync_size <= size)
static DEVICE_ATTR_RO(phys_addr);
static DEVICE_ATTR_RO(size);
static DEVICE_ATTR_RO(dma_coherent);
static DEVICE_ATTR_RW(sync_offset);
static DEVICE_ATTR_RW(sync_size);
static DEVICE_ATTR_RW(sync_direction);
static DEVICE_ATTR_RW(sync_for_device);
static DEVICE_ATTR_RW(sync_for_cpu);
static struct attribute *shown_attrs[] = {
	&dev_attr_phys_addr.attr, &dev_attr_size.attr, &dev_attr_dma_coherent.attr, &dev_attr_sync_offset.attr,
	&dev_attr_sync_size.attr, &dev_attr_sync_direction.attr, &dev_attr_sync_for_device.attr,
	&dev_attr_sync_for_cpu.attr, NULL
};
ATTRIBUTE_GROUPS(shown);

static int __init begin(void)
{
	struct device *shown;
	int error = misc_register(&buffer);

	if (error)
		return error;
	class = class_create("u-dma-buf");
	error = PTR_ERR_OR_ZERO(class);
	if (error)
		goto no_class;
	shown = device_create_with_groups(class, NULL, 0, NULL, shown_groups, "udmabuf0");
	error = PTR_ERR_OR_ZERO(shown);
	if (error)
		goto no_device;
	if (!window)
		return 0;
	chip = platform_device_register_simple("systole", PLATFORM_DEVID_NONE, NULL, 0);
	error = PTR_ERR_OR_ZERO(chip);
	if (error)
		goto no_chip;
	uio.irq = irq;
	uio.mem[0].name = "registers";
	uio.mem[0].addr = window;
	uio.mem[0].size = PAGE_SIZE;
	uio.mem[0].memtype = UIO_MEM_PHYS;
	error = uio_register_device(&chip->dev, &uio);
	if (!error)
		return 0;
	platform_device_unregister(chip);
no_chip:
	device_destroy(class, 0);
no_device:
	class_destroy(class);
no_class:
	misc_deregister(&buffer);
	return error;
}

static void __exit end(void)
{
	if (window) {
		uio_unregister_device(&uio);
		platform_device_unregister(chip);
	}
	device_destroy(class, 0);
	class_destroy(class);
	misc_deregister(&buffer);
}

module_init(begin);
module_exit(end);
MODULE_DESCRIPTION("Test fixture of Systole");
MODULE_LICENSE("Dual MIT/GPL");
