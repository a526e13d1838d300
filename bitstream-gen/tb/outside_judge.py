# SPDX-License-Identifier: MIT OR Apache-2.0
"""The whole core between masters and memories that others wrote: cocotbext-axi.

tests/outside_judge.rs builds outside_judge.sv, describes registers and programs in the file that JUDGE_SCENARIOS names, as
the instruction set declares them and the simulator executes them, and runs this. Nothing of the contract stands here.
"""

import itertools
import json
import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AddressSpace, AxiBus, AxiLiteBus, AxiLiteMaster, AxiResp, AxiSlave, MemoryRegion

with open(os.environ["JUDGE_SCENARIOS"], encoding="utf-8") as file:
    DECLARED = json.load(file)
REGISTERS = DECLARED["registers"]
SCENARIOS = {scenario["name"]: scenario for scenario in DECLARED["scenarios"]}
# Cycles, or looks at a register, after which something that should have come will not.
PATIENCE = 20_000
# A cycle takes 10 ns.
LIMIT = {"timeout_time": 5, "timeout_unit": "ms"}


def withheld(seed, percent):
    """Whether a channel pauses, cycle by cycle."""
    dice = random.Random(seed)
    return (dice.randrange(100) < percent for _ in itertools.count())


class Watch:
    """What a channel offers stays until it is taken, and nothing is offered in a reset."""

    def __init__(self, dut, name):
        self.name, self.reset, self.clock = name, dut.rst, dut.clk
        self.signal = getattr(dut, f"watch_{name}")
        self.broken = []
        self.waits = 0
        cocotb.start_soon(self.run())

    async def run(self):
        held, cycle = None, 0
        while True:
            await RisingEdge(self.clock)
            cycle += 1
            # VALID is bit 0, READY bit 1.
            now = int(self.signal.value)
            offer = now & ~2 if now & 1 else None
            if int(self.reset.value):
                held = None
                if offer is not None:
                    self.broken.append((cycle, "valid in a reset"))
                continue
            if held is not None and offer != held:
                self.broken.append((cycle, f"{held:#x} becomes {now:#x} while it waits"))
            held = None if now & 2 else offer
            self.waits += held is not None


class Bench:
    """Core, host, memory, monitors."""

    def __init__(self, dut, seed, pressure):
        self.dut = dut
        cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
        self.watches = [Watch(dut, name) for name in ("ar", "aw", "w", "lite_r", "lite_b")]
        self.host = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        self.space = AddressSpace()
        self.blocks = {}
        self.memory = AxiSlave(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, target=self.space)
        channels = [self.host.write_if.aw_channel, self.host.write_if.w_channel, self.host.write_if.b_channel]
        channels += [self.host.read_if.ar_channel, self.host.read_if.r_channel]
        channels += [self.memory.write_if.aw_channel, self.memory.write_if.w_channel, self.memory.write_if.b_channel]
        channels += [self.memory.read_if.ar_channel, self.memory.read_if.r_channel]
        for number, channel in enumerate(channels):
            if pressure:
                channel.set_pause_generator(withheld(100 * seed + number, pressure))

    async def start(self):
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    async def get(self, name):
        return await self.host.read_dword(REGISTERS[name]["offset"])

    async def set(self, name, value):
        await self.host.write_dword(REGISTERS[name]["offset"], value)

    def load(self, scenario):
        """Puts the scenario's memory behind the bus; there is nothing else there."""
        self.space.regions.clear()
        self.blocks = {}
        for address, text in scenario["before"].items():
            data = bytes.fromhex(text)
            block = MemoryRegion(len(data))
            block[0 : len(data)] = data
            self.space.register_region(block, int(address))
            self.blocks[address] = block

    async def submit(self, scenario):
        self.load(scenario)
        for name, value in scenario["set_up"]:
            await self.set(name, value)
        await self.set("SQ_TAIL", 1)

    async def until(self, name, holds):
        for _ in range(PATIENCE):
            value = await self.get(name)
            if holds(value):
                return value
        raise AssertionError(f"{name} stays {value:#x}")

    async def reset(self):
        await self.set("CONTROL", 0)
        await self.set("RESET", 1)
        await self.until("STATUS", lambda status: status == 0)
        await self.until("SQ_HEAD", lambda head: head == 0)

    async def passes(self, scenario):
        """Runs the scenario to its completion: the same bytes as on the simulator."""
        await self.submit(scenario)
        await self.until("CQ_TAIL", lambda tail: tail == 1)
        for address, text in scenario["after"].items():
            expected = bytes.fromhex(text)
            found = bytes(self.blocks[address][0 : len(expected)])
            assert found == expected, f"{scenario['name']}: {int(address):#x} holds {found.hex()}, not {text}"
        await self.reset()

    def answer_errors_with(self, response):
        """What memory says of an access to nowhere: cocotbext-axi's own choice is SLVERR."""
        for channel, field in ((self.memory.write_if.b_channel, "bresp"), (self.memory.read_if.r_channel, "rresp")):
            async def send(item, field=field, original=channel.send):
                if getattr(item, field) == AxiResp.SLVERR:
                    setattr(item, field, response)
                await original(item)

            channel.send = send

    async def finish(self):
        """No rule was broken, and after all this the bus is at rest."""
        await ClockCycles(self.dut.clk, 100)
        for watch in self.watches:
            assert not watch.broken, f"{watch.name}: {watch.broken[:3]}, {len(watch.broken)} in all"
        for valid in ("m_axi_arvalid", "m_axi_awvalid", "m_axi_wvalid", "m_axi_rvalid", "m_axi_bvalid"):
            assert not int(getattr(self.dut, valid).value), f"{valid} at the end"


async def bench(dut, seed, pressure):
    made = Bench(dut, seed, pressure)
    await made.start()
    return made


@cocotb.test(**LIMIT)
async def registers(dut):
    """Reset values, and writes byte by byte."""
    b = await bench(dut, 1, 30)
    for name, declared in REGISTERS.items():
        if declared["reset"] is not None and not name.startswith("CYCLE"):
            assert await b.get(name) == declared["reset"], name
    whole = 0
    for name, declared in REGISTERS.items():
        # CONTROL would start the engine.
        if declared["access"] != "RW" or name == "CONTROL":
            continue
        await b.set(name, 0xFFFF_FFFF)
        bits = await b.get(name)
        whole += bits == 0xFFFF_FFFF
        await b.set(name, 0)
        for byte in range(4):
            await b.host.write(declared["offset"] + byte, b"\xff")
            assert await b.get(name) == bits & (0xFF << 8 * byte), f"byte {byte} of {name}"
            await b.host.write(declared["offset"] + byte, b"\x00")
        assert await b.get(name) == 0, name
    assert whole > 4
    await b.finish()


@cocotb.test(**LIMIT)
@cocotb.parametrize(name=[s["name"] for s in DECLARED["scenarios"]], pressure=[0, 45])
async def program(dut, name, pressure):
    """Completion and memory are the simulator's, whether the program ends well or not."""
    b = await bench(dut, 2, pressure)
    if SCENARIOS[name]["nowhere"]:
        await b.passes(SCENARIOS[name])
        b.answer_errors_with(AxiResp.DECERR)
    await b.passes(SCENARIOS[name])
    await b.finish()


@cocotb.test(**LIMIT)
async def aborts(dut):
    """RESET at places all over a long STORE's bursts, under back-pressure; each time the core works on."""
    b = await bench(dut, 3, 60)
    store, small = SCENARIOS[DECLARED["long_store"]], SCENARIOS[DECLARED["round_trip"]]
    in_burst = 0
    for position in range(20):
        await b.submit(store)
        for _ in range(PATIENCE):
            await RisingEdge(dut.clk)
            if int(dut.m_axi_wvalid.value):
                break
        await ClockCycles(dut.clk, 3 + 7 * position)
        beats = int(dut.m_axi_wvalid.value)
        await b.reset()
        in_burst += beats
        await b.passes(small)
    assert in_burst >= 15, f"only {in_burst} of 20 aborts were in a burst"
    await b.finish()
    assert b.watches[2].waits > 100, "hardly a beat waited"
