//! A scripted device: registers, memory and rings work as declared, and each submission is answered as the test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use systole_driver::{Device, DeviceError};
use systole_isa::ring::{Completion, REGION_WRITE, Region, SUBMIT_TRACE, Submission, TraceRecord};
use systole_isa::{ABI_HASH, HwConfig, INSTRUCTION_BYTES, REGIONS, config, register};

/// How the device answers one submission.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// Completes, with this interrupt behaviour.
    Completes(Irq),
    /// Completes with an entry that the function edited.
    Edited(fn(&mut Completion)),
    /// Completes, but CQ_TAIL moves and the interrupt comes only at the n-th wait.
    Late(u32),
    /// Completes with a trace that the function edited.
    Trace(fn(&mut Vec<TraceRecord>)),
    /// CQ_TAIL jumps somewhere.
    WildTail,
    /// Never answers.
    Hangs,
    /// Completes when the engine is disabled.
    Disabled,
    /// Loses all it was told.
    Forgets,
    /// Latches a fault of the rings and answers nothing.
    Halts,
    /// Every access fails from now on, resets included.
    Dies,
}

/// Whether the interrupt line works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Irq {
    Raised,
    Lost,
}

#[derive(Default)]
pub struct State {
    pub registers: BTreeMap<u32, u32>,
    pub memory: BTreeMap<u64, Vec<u8>>,
    /// Address of the next allocation.
    pub next: u64,
    /// Answers in order; when they run out the device completes.
    pub script: Vec<Answer>,
    pub submissions: Vec<(Submission, [Region; REGIONS])>,
    pub resets: u32,
    pub dead: bool,
    pub stuck: bool,
    phase_turns: u32,
    late: Option<u32>,
    finishing: bool,
}

/// A handle that the test keeps while the engine owns the device.
#[derive(Clone)]
pub struct Mock(Arc<Mutex<State>>);

impl Mock {
    pub fn new() -> Self {
        let mock = Self(Arc::default());
        let c: &HwConfig = &config::N8;
        let mut s = mock.state();
        s.next = 0x1000;
        for (register, value) in [
            (register::MAGIC.offset, register::MAGIC_VALUE),
            (register::ABI_HASH_LO.offset, ABI_HASH as u32),
            (register::ABI_HASH_HI.offset, (ABI_HASH >> 32) as u32),
            (register::CONFIG_ID.offset, c.id),
            (register::CONFIG_ARRAY.offset, c.n | c.bus_bytes << 8 | c.queue_depth << 16),
            (register::CONFIG_SPAD.offset, c.spad_words),
            (register::CONFIG_ACC.offset, c.acc_words),
            (register::CONFIG_PARAM_ROW.offset, c.param_words | c.row_entries << 16),
        ] {
            s.registers.insert(register, value);
        }
        drop(s);
        mock
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn script(&self, answers: &[Answer]) {
        self.state().script = answers.to_vec();
    }
}

impl State {
    fn reg(&self, offset: u32) -> u32 {
        self.registers.get(&offset).copied().unwrap_or(0)
    }

    fn base(&self, low: u32) -> u64 {
        u64::from(self.reg(low + 4)) << 32 | u64::from(self.reg(low))
    }

    fn span(&mut self, address: u64, bytes: u64) -> Result<&mut [u8], DeviceError> {
        let error = DeviceError::MemoryRange { address, bytes };
        let Some((base, memory)) = self.memory.range_mut(..=address).next_back() else { return Err(error) };
        let start = (address - base) as usize;
        memory.get_mut(start..start + bytes as usize).ok_or(error)
    }

    fn load<T: bytemuck::Pod>(&mut self, address: u64) -> T {
        bytemuck::pod_read_unaligned(self.span(address, size_of::<T>() as u64).unwrap())
    }

    fn doorbell(&mut self, tail: u32) {
        assert_eq!(self.reg(register::CONTROL.offset), 1, "the engine must be enabled");
        let slots = self.reg(register::SQ_SIZE.offset);
        let head = self.reg(register::SQ_HEAD.offset);
        assert_eq!(tail, (head + 1) % slots, "one submission at a time");
        let submission: Submission = self.load(self.base(register::SQ_BASE_LO.offset) + u64::from(head) * 64);
        let table: [Region; REGIONS] = self.load(submission.regions);
        self.submissions.push((submission, table));
        let answer = if self.script.is_empty() { Answer::Completes(Irq::Raised) } else { self.script.remove(0) };
        match answer {
            Answer::Hangs => return,
            Answer::Forgets => return self.reset(),
            Answer::Halts => {
                let latched = [(register::STATUS, 2), (register::FAULT, 17), (register::FAULT_ADDRESS_LO, 0x40)];
                return self.registers.extend(latched.map(|(r, value)| (r.offset, value)));
            }
            _ => {}
        }
        self.registers.insert(register::SQ_HEAD.offset, tail);
        let instructions = submission.instructions;
        let mut entry = Completion { id: submission.id, instruction: instructions, cycles: 77, ..Default::default() };
        entry.phase = 1 - (self.phase_turns % 2) as u16;
        if submission.flags & SUBMIT_TRACE != 0 {
            self.trace(&submission, answer);
        }
        if let Answer::Edited(edit) = answer {
            edit(&mut entry);
        }
        let at = self.reg(register::CQ_TAIL.offset);
        let address = self.base(register::CQ_BASE_LO.offset) + u64::from(at) * 32;
        self.span(address, 32).unwrap().copy_from_slice(bytemuck::bytes_of(&entry));
        match answer {
            Answer::Late(waits) => self.late = Some(waits),
            Answer::Disabled => {
                self.finishing = true;
                self.registers.insert(register::STATUS.offset, 1);
            }
            Answer::WildTail => drop(self.registers.insert(register::CQ_TAIL.offset, 7)),
            Answer::Dies => self.dead = true,
            Answer::Completes(Irq::Lost) => self.complete(false),
            _ => self.complete(true),
        }
    }

    fn complete(&mut self, interrupt: bool) {
        let tail = (self.reg(register::CQ_TAIL.offset) + 1) % self.reg(register::CQ_SIZE.offset);
        self.phase_turns += u32::from(tail == 0);
        self.registers.insert(register::CQ_TAIL.offset, tail);
        if interrupt {
            self.registers.insert(register::IRQ_STATUS.offset, 1);
        }
    }

    fn trace(&mut self, submission: &Submission, answer: Answer) {
        let bytes = u64::from(submission.instructions) * INSTRUCTION_BYTES as u64;
        let code = self.span(submission.program, bytes).unwrap().to_vec();
        let tagged = code.chunks(INSTRUCTION_BYTES).enumerate().filter(|(_, i)| i[2] != 0);
        let mut records: Vec<TraceRecord> = tagged
            .map(|(at, i)| TraceRecord {
                tag: i[2].into(),
                unit: 1,
                instruction: at as u32,
                id: submission.id,
                start: 5,
                end: 9,
                ..Default::default()
            })
            .collect();
        if let Answer::Trace(edit) = answer {
            edit(&mut records);
        }
        let base = self.base(register::TRACE_BASE_LO.offset);
        for (i, record) in records.iter().enumerate().take(self.reg(register::TRACE_SIZE.offset) as usize) {
            self.span(base + i as u64 * 32, 32).unwrap().copy_from_slice(bytemuck::bytes_of(record));
        }
        self.registers.insert(register::TRACE_COUNT.offset, records.len() as u32);
    }

    fn reset(&mut self) {
        self.resets += 1;
        (self.phase_turns, self.late, self.finishing) = (0, None, false);
        if !self.stuck {
            let cleared = [register::SQ_HEAD, register::CQ_TAIL, register::STATUS, register::FAULT];
            for r in cleared.map(|r| r.offset).into_iter().chain([register::SQ_TAIL.offset]) {
                self.registers.insert(r, 0);
            }
        }
    }
}

const GONE: DeviceError = DeviceError::LinkDown { register: "MAGIC" };

impl Device for Mock {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        let s = self.state();
        if s.dead { Err(GONE) } else { Ok(s.reg(offset)) }
    }

    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        let mut s = self.state();
        if s.dead {
            return Err(GONE);
        }
        if offset == register::IRQ_STATUS.offset {
            *s.registers.entry(offset).or_default() &= !value;
            return Ok(());
        }
        s.registers.insert(offset, value);
        match offset {
            o if o == register::RESET.offset => s.reset(),
            o if o == register::SQ_TAIL.offset => s.doorbell(value),
            o if o == register::CONTROL.offset && value == 0 && s.finishing => {
                s.finishing = false;
                s.registers.insert(register::STATUS.offset, 0);
                s.complete(true);
            }
            _ => {}
        }
        Ok(())
    }

    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        let mut s = self.state();
        if bytes > 1 << 24 {
            return Err(DeviceError::OutOfMemory { requested: bytes, available: 1 << 24 });
        }
        let address = s.next;
        s.next += bytes.next_multiple_of(64);
        s.memory.insert(address, vec![0; bytes as usize]);
        Ok(address)
    }

    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.state().memory.remove(&address).map(drop).ok_or(DeviceError::MemoryRange { address, bytes: 0 })
    }

    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.state().span(address, bytes.len() as u64)?.copy_from_slice(bytes);
        Ok(())
    }

    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        bytes.copy_from_slice(self.state().span(address, bytes.len() as u64)?);
        Ok(())
    }

    fn reset_link(&mut self) -> Result<(), DeviceError> {
        let mut s = self.state();
        if s.dead {
            return Err(GONE);
        }
        s.stuck = false;
        s.reset();
        Ok(())
    }

    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        let mut s = self.state();
        if s.late.is_some() {
            s.late = s.late.map(|n| n - 1).filter(|n| *n > 0);
            if s.late.is_none() {
                s.complete(true);
            }
        }
        let raised = s.reg(register::IRQ_STATUS.offset) & s.reg(register::IRQ_ENABLE.offset) != 0;
        drop(s);
        if !raised {
            std::thread::sleep(timeout);
        }
        Ok(raised)
    }
}

/// True if stores into this region are permitted.
pub fn writable(region: &Region) -> bool {
    region.flags & REGION_WRITE != 0
}
