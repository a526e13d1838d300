//! Symbolic execution of the four queues: deadlock, semaphore counts, and the clocks that order memory accesses.

use std::collections::VecDeque;

use systole_isa::access::{self, Accesses};
use systole_isa::{Instruction, SEMAPHORE_MAX, SEMAPHORES, Unit};

use super::dram::Dram;
use super::on_chip::OnChip;
use super::structure::{Structure, bits, queue_of, refuse};
use super::{Blocked, Clock, Deadlock, Place, Position, QUEUES, Reason, Refused};
use crate::Program;

/// An access of another unit that is in no fixed order with the present one, or a read of nothing.
pub(super) enum Clash {
    Unwritten { place: Place },
    Race { place: Place, writes: bool, queue: usize, position: Position, other_writes: bool },
}

/// The instruction under examination, as memories see it.
#[derive(Clone, Copy)]
pub(super) struct Actor {
    pub queue: usize,
    pub position: Position,
    /// What has happened before it.
    pub clock: Clock,
}

#[derive(Default)]
struct Semaphore {
    /// Clocks of the posts that no wait has taken.
    tokens: VecDeque<Clock>,
    posts: u64,
    /// Positions of the waits that the posting unit does not know to have happened, and the number of the others.
    unknown_waits: VecDeque<Position>,
    known_waits: u64,
}

struct Execution<'a> {
    program: &'a Program,
    structure: &'a Structure,
    /// Instructions before this one are in their units' queues.
    fetched: usize,
    dispatched: [usize; QUEUES],
    completed: [usize; QUEUES],
    clocks: [Clock; QUEUES],
    semaphores: [Semaphore; SEMAPHORES],
    on_chip: OnChip,
    dram: Dram<'a>,
}

/// Executes the whole program symbolically.
pub(super) fn check(program: &Program, structure: &Structure) -> Result<(), Refused> {
    let mut execution = Execution {
        program,
        structure,
        fetched: 0,
        dispatched: [0; QUEUES],
        completed: [0; QUEUES],
        clocks: [[0; QUEUES]; QUEUES],
        semaphores: Default::default(),
        on_chip: OnChip::new(program.config),
        dram: Dram::new(&program.regions),
    };
    loop {
        let mut progress = execution.dispatch();
        for queue in 0..QUEUES {
            while let Some(index) = execution.ready(queue) {
                execution.execute(queue, index)?;
                progress = true;
            }
        }
        if !progress {
            break;
        }
    }
    let finished = (0..QUEUES).all(|q| execution.completed[q] == structure.queues[q].len());
    if finished { Ok(()) } else { Err(execution.deadlock().into()) }
}

impl Execution<'_> {
    /// Fetches in program order until a queue is full. The instruction in execution keeps its place in the queue, the
    /// most pessimistic reading of the configuration's depth.
    fn dispatch(&mut self) -> bool {
        let before = self.fetched;
        while let Some(instruction) = self.structure.instructions.get(self.fetched) {
            if let Some(queue) = queue_of(instruction.op.unit()) {
                if self.dispatched[queue] - self.completed[queue] >= self.program.config.queue_depth as usize {
                    break;
                }
                self.dispatched[queue] += 1;
            }
            self.fetched += 1;
        }
        self.fetched > before
    }

    /// The unit's next instruction, if it is dispatched.
    fn head(&self, queue: usize) -> Option<usize> {
        let next = self.completed[queue];
        (next < self.dispatched[queue]).then(|| self.structure.queues[queue][next] as usize)
    }

    /// The unit's next instruction, if it can start.
    fn ready(&self, queue: usize) -> Option<usize> {
        self.head(queue).filter(|index| self.missing(*index) == 0)
    }

    /// The semaphores at zero that an instruction waits for.
    fn missing(&self, index: usize) -> u16 {
        let wait = self.structure.instructions[index].sync.wait;
        bits(wait).filter(|s| self.semaphores[*s].tokens.is_empty()).fold(0, |mask, s| mask | 1 << s)
    }

    fn execute(&mut self, queue: usize, index: usize) -> Result<(), Refused> {
        let instruction = &self.structure.instructions[index];
        let position = self.completed[queue] as Position + 1;
        let mut clock = self.clocks[queue];
        for s in bits(instruction.sync.wait) {
            let semaphore = &mut self.semaphores[s];
            semaphore.unknown_waits.push_back(position);
            if let Some(token) = semaphore.tokens.pop_front() {
                clock = std::array::from_fn(|q| clock[q].max(token[q]));
            }
        }
        let actor = Actor { queue, position, clock };
        let accesses = access::of(instruction, self.program.config);
        self.touch(&accesses, &actor).map_err(|clash| refuse(instruction, index, self.explain(clash)))?;

        clock[queue] = position;
        self.clocks[queue] = clock;
        self.completed[queue] += 1;
        self.post(instruction, &clock).map_err(|reason| refuse(instruction, index, reason))
    }

    fn touch(&mut self, accesses: &Accesses, actor: &Actor) -> Result<(), Clash> {
        for block in accesses.blocks().filter(|b| b.kind.reads()) {
            self.on_chip.read(block, actor)?;
        }
        if let Some(block) = &accesses.dram {
            self.dram.access(block, actor)?;
        }
        for block in accesses.blocks().filter(|b| b.kind.writes()) {
            self.on_chip.write(block, actor)?;
        }
        Ok(())
    }

    /// Posts, after checking the largest count in any interleaving: that in which the waiting unit has done nothing but
    /// what happened before this post.
    fn post(&mut self, instruction: &Instruction, clock: &Clock) -> Result<(), Reason> {
        for s in bits(instruction.sync.post) {
            let semaphore = &mut self.semaphores[s];
            if let Some(waiter) = self.structure.waiters[s] {
                while semaphore.unknown_waits.front().is_some_and(|position| *position <= clock[waiter]) {
                    semaphore.unknown_waits.pop_front();
                    semaphore.known_waits += 1;
                }
            }
            semaphore.posts += 1;
            let count = semaphore.posts - semaphore.known_waits;
            if count > u64::from(SEMAPHORE_MAX) {
                return Err(Reason::SemaphoreOverflow { semaphore: s as u8, count });
            }
            semaphore.tokens.push_back(*clock);
        }
        Ok(())
    }

    fn explain(&self, clash: Clash) -> Reason {
        match clash {
            Clash::Unwritten { place } => Reason::Unwritten { place },
            Clash::Race { place, writes, queue, position, other_writes } => {
                let other = self.structure.queues[queue][position as usize - 1] as usize;
                let other_disassembly = self.structure.instructions[other].to_string();
                Reason::Race { place, writes, other, other_disassembly, other_writes }
            }
        }
    }

    fn deadlock(&self) -> Deadlock {
        let text = |index: usize| self.structure.instructions[index].to_string();
        let blocked = (0..QUEUES).filter_map(|queue| {
            let index = self.head(queue)?;
            let (unit, semaphores) = (Unit::QUEUED[queue], self.missing(index));
            Some(Blocked { unit, index, semaphores, disassembly: text(index) })
        });
        let held = self.structure.instructions.get(self.fetched);
        Deadlock {
            blocked: blocked.collect(),
            held: held.map(|i| (self.fetched, i.op.unit(), self.program.config.queue_depth)),
        }
    }
}
