//! Fetch, dispatch and the four unit queues: the order in which a program's instructions take effect.
//!
//! An instruction executes at one instant, when it is first in its unit's queue and all its waits can be taken. What a
//! real device overlaps is here a choice among ready units ([`crate::Interleaving`]); for a program without races, and
//! only such programs are submitted, that is the same.
//!
//! Which unit a fault names: what fetch finds (no instruction, broken operand rules, words behind a memory's end, END in
//! the wrong place, a bus error of the fetch) is Control's; what an execution finds (regions, bus errors of data or trace,
//! semaphore overflow) is the executing unit's; a deadlock is that of the oldest instruction that waits.

use crate::chip::Chip;
use crate::execute::execute_checked;
use crate::hang::Bus;
use crate::kernels::Scratch;
use crate::memory::Memory;
use crate::observer::{Observer, Step};
use crate::order::Order;
use crate::region::{Regions, Stop};
use crate::trace::Tracer;
use std::collections::VecDeque;
use systole_isa::access::{self, Accesses};
use systole_isa::ring::{SUBMIT_TRACE, Submission, TraceRecord};
use systole_isa::{
    ABI_HASH, Cause, DRAM_ALIGN, DecodeError, Fault, INSTRUCTION_BYTES, Instruction, Op, SEMAPHORE_MAX, SEMAPHORES,
    Unit,
};

/// What a submission runs on.
pub(crate) struct Sequencer<'a> {
    pub chip: &'a mut Chip,
    pub memory: &'a mut Memory,
    pub bus: &'a mut Bus,
    pub scratch: &'a mut Scratch,
    pub order: &'a mut Order,
    /// Instructions a queue holds.
    pub depth: usize,
    pub observer: Option<&'a mut (dyn Observer + Send + 'static)>,
    pub tracer: &'a mut Tracer,
}

/// A dispatched instruction.
struct Entry {
    index: u32,
    instruction: Instruction,
    accesses: Accesses,
}

/// The state of one submission: fetch position, queues, semaphores.
struct Progress {
    fetched: u32,
    /// Fetched, but its queue is full.
    held: Option<Entry>,
    /// By [`Unit::QUEUED`].
    queues: [VecDeque<Entry>; 4],
    semaphores: [u32; SEMAPHORES],
}

impl Sequencer<'_> {
    /// Runs a submission to its end; the number of executed instructions, END included.
    pub fn run(&mut self, submission: &Submission) -> Result<u32, Fault> {
        let control = |cause, address| Fault { unit: Unit::Control, instruction: 0, cause, address };
        if submission.abi_hash != ABI_HASH {
            return Err(control(Cause::AbiMismatch, 0));
        }
        for address in [submission.program, submission.regions] {
            if !address.is_multiple_of(DRAM_ALIGN.into()) {
                return Err(control(Cause::RingMalformed, address));
            }
        }
        if submission.instructions == 0 {
            return Err(control(Cause::ProgramEnd, 0));
        }
        if !self.bus.answers(true) {
            return Err(control(Cause::BusHung, submission.regions));
        }
        if (0..submission.instructions).any(|_| !self.bus.answers(true)) {
            return Err(control(Cause::BusHung, submission.program));
        }
        let regions = Regions::fetch(self.memory, submission.regions).map_err(|s| control(s.cause, s.address))?;
        let mut progress = Progress { fetched: 0, held: None, queues: Default::default(), semaphores: [0; SEMAPHORES] };
        loop {
            self.fetch(submission, &mut progress)?;
            let mut ready = [(0, 0); 4];
            let mut count = 0;
            for (queue, entries) in progress.queues.iter().enumerate() {
                if let Some(first) = entries.front()
                    && semaphores(first.instruction.sync.wait).all(|s| progress.semaphores[s] > 0)
                {
                    ready[count] = (queue, first.index);
                    count += 1;
                }
            }
            let picked = self.order.pick(&ready[..count]).and_then(|q| progress.queues[q].pop_front());
            match picked {
                Some(entry) => self.step(submission, &regions, &entry, &mut progress.semaphores)?,
                None => return progress.finish(submission.instructions),
            }
        }
    }

    /// Dispatches until the program ends or a queue is full.
    fn fetch(&self, submission: &Submission, progress: &mut Progress) -> Result<(), Fault> {
        loop {
            let entry = match progress.held.take() {
                Some(entry) => entry,
                None if progress.fetched == submission.instructions => return Ok(()),
                None => {
                    let index = progress.fetched;
                    progress.fetched += 1;
                    let last = progress.fetched == submission.instructions;
                    let entry = self.decode(submission.program, index, last).map_err(|stop| Fault {
                        unit: Unit::Control,
                        instruction: index,
                        cause: stop.cause,
                        address: stop.address,
                    })?;
                    if last {
                        return Ok(());
                    }
                    entry
                }
            };
            let unit = entry.instruction.op.unit();
            let Some(queue) = Unit::QUEUED.iter().position(|u| *u == unit) else { continue };
            if progress.queues[queue].len() >= self.depth {
                progress.held = Some(entry);
                return Ok(());
            }
            progress.queues[queue].push_back(entry);
        }
    }

    /// Reads and checks instruction `index`. END must be the last and nothing else may be.
    fn decode(&self, program: u64, index: u32, last: bool) -> Result<Entry, Stop> {
        let stop = |cause, address| Stop { cause, address };
        let address = program.saturating_add(u64::from(index) * INSTRUCTION_BYTES as u64);
        let mut bytes = [0; INSTRUCTION_BYTES];
        self.memory.copy_from(address, &mut bytes).map_err(|_| stop(Cause::Bus, address))?;
        let instruction = Instruction::decode(&bytes).map_err(|e| match e {
            DecodeError::Unimplemented { .. } => stop(Cause::Unimplemented, 0),
            _ => stop(Cause::IllegalInstruction, 0),
        })?;
        let accesses = access::check(&instruction, self.chip.config()).map_err(|r| stop(r.cause, r.address))?;
        if last != matches!(instruction.op, Op::End(_)) {
            return Err(stop(Cause::ProgramEnd, 0));
        }
        Ok(Entry { index, instruction, accesses })
    }

    /// Takes the waits, executes, posts, records.
    fn step(
        &mut self,
        submission: &Submission,
        regions: &Regions,
        entry: &Entry,
        counts: &mut [u32; SEMAPHORES],
    ) -> Result<(), Fault> {
        let Entry { index, instruction, accesses } = entry;
        let unit = instruction.op.unit();
        let fault = |cause, address| Fault { unit, instruction: *index, cause, address };
        let sync = instruction.sync;
        semaphores(sync.wait).for_each(|s| counts[s] -= 1);
        let traced = sync.tag != 0 && submission.flags & SUBMIT_TRACE != 0 && self.tracer.count < self.tracer.size;
        let start = if traced { self.tracer.now() } else { 0 };
        execute_checked(instruction, accesses, self.chip, self.memory, regions, self.scratch)
            .map_err(|stop| fault(stop.cause, stop.address))?;
        for s in semaphores(sync.post) {
            if counts[s] >= SEMAPHORE_MAX {
                return Err(fault(Cause::SemaphoreOverflow, 0));
            }
            counts[s] += 1;
        }
        if traced {
            let record = TraceRecord {
                tag: sync.tag,
                unit: unit as u8,
                reserved: 0,
                instruction: *index,
                id: submission.id,
                start,
                end: self.tracer.now(),
            };
            self.tracer.write(self.memory, record).map_err(|address| fault(Cause::Bus, address))?;
        }
        if let Some(observer) = &mut self.observer {
            observer.executed(&Step {
                submission: submission.id,
                index: *index,
                instruction,
                accesses,
                chip: self.chip,
            });
        }
        Ok(())
    }
}

impl Progress {
    /// The outcome when no unit is ready: done if nothing is left, else a deadlock.
    fn finish(&self, instructions: u32) -> Result<u32, Fault> {
        let waiting = self.queues.iter().filter_map(VecDeque::front).min_by_key(|entry| entry.index);
        match waiting {
            None => Ok(instructions),
            Some(entry) => Err(Fault {
                unit: entry.instruction.op.unit(),
                instruction: entry.index,
                cause: Cause::Deadlock,
                address: 0,
            }),
        }
    }
}

/// The semaphores of a mask.
fn semaphores(mask: u16) -> impl Iterator<Item = usize> {
    (0..SEMAPHORES).filter(move |s| mask >> s & 1 == 1)
}
