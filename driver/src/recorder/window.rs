//! The last events, and what must be known of the time before them.

use std::collections::VecDeque;
use std::time::Instant;

use systole_isa::register;

use super::{Action, Event, Gap, Image, Payload, Position, Recording};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events, at least 1.
    pub events: usize,
    /// Bytes of the host's writes and of copies in the window.
    pub bytes: u64,
}

impl Default for Limits {
    /// 4096 events, 64 MiB: a few hundred submissions of a model with up to 60 million parameters.
    fn default() -> Self {
        Self { events: 4096, bytes: 64 << 20 }
    }
}

/// An event, and whether a window may begin with it: nothing is in flight, and the host has read what it wanted of the
/// results, as it shows by submitting again. What those results are, nobody here knows.
#[derive(Clone, Debug)]
struct Entry {
    event: Event,
    begins: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Window {
    limits: Limits,
    epoch: Instant,
    /// Before the first event.
    base: Position,
    image: Image,
    /// Set when the bytes did not fit: how many there were.
    too_many_bytes: Option<u64>,
    events: VecDeque<Entry>,
    /// Bytes of the events' payloads.
    payload: u64,
    /// After the last event.
    now: Position,
    /// Events before the window.
    lost: u64,
    /// Something was submitted, at any time.
    submitted: bool,
    /// The last event but one was merged with a look, so that the last one's turn is next.
    in_turns: bool,
}

impl Window {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            epoch: Instant::now(),
            base: Position::default(),
            image: Image::default(),
            too_many_bytes: None,
            events: VecDeque::new(),
            payload: 0,
            now: Position::default(),
            lost: 0,
            submitted: false,
            in_turns: false,
        }
    }

    pub fn push(&mut self, mut action: Action) {
        let at = self.epoch.elapsed();
        let begins = !self.now.in_flight() && (starts_work(&action) || !self.submitted);
        self.submitted |= starts_work(&action);
        self.now.apply(&action);
        if self.too_many_bytes.is_some() {
            omit(&mut action);
        }
        if let Some(event) = self.same_look(&action) {
            event.times = event.times.saturating_add(1);
            event.until = at;
            return;
        }
        self.in_turns = false;
        self.payload += action.payload().map_or(0, Payload::held);
        let event = Event { at, until: at, times: 1, action };
        self.events.push_back(Entry { event, begins });
        self.shrink();
    }

    /// The event that a look repeats: the last one, or, in turns, the last but one.
    fn same_look(&mut self, action: &Action) -> Option<&mut Event> {
        let last = self.events.len().checked_sub(1).filter(|_| action.is_look())?;
        let matches = |at: usize| self.events.get(at).is_some_and(|e| e.event.action == *action);
        // Only waiting may change places with another look: one that learns something may be what the other one needs.
        let idle = |action: &Action| *action == Action::Wait { raised: false };
        let turns = idle(action) || idle(&self.events[last].event.action);
        let before = last.checked_sub(1).filter(|at| turns && matches(*at) && self.events[last].event.action.is_look());
        let (at, in_turns) = if matches(last) { (last, false) } else { (before.filter(|_| !self.in_turns)?, true) };
        self.in_turns = in_turns;
        self.events.get_mut(at).map(|e| &mut e.event)
    }

    fn held(&self) -> u64 {
        self.image.held() + self.payload
    }

    /// Drops from the front, to where a window may begin if there is such an event.
    fn shrink(&mut self) {
        while self.events.len() > self.limits.events || (self.held() > self.limits.bytes && !self.events.is_empty()) {
            let first = self.events.iter().skip(1).position(|e| e.begins).unwrap_or(0);
            for entry in self.events.drain(..=first) {
                let action = entry.event.action;
                self.payload -= action.payload().map_or(0, Payload::held);
                self.lost += u64::from(entry.event.times);
                self.base.apply(&action);
                match action {
                    Action::Allocate { address, bytes } => self.image.allocate(address, bytes),
                    Action::Release { address } => self.image.release(address),
                    Action::CopyTo { address, bytes: Payload::Whole(bytes) } => self.image.write(address, &bytes),
                    _ => {}
                }
            }
        }
        if self.held() > self.limits.bytes {
            self.too_many_bytes = Some(self.held());
            self.image.clear();
        }
    }

    pub fn recording(&self, device: String, reason: String) -> Recording {
        let gap = match self.too_many_bytes {
            Some(bytes) => Some(Gap::Memory { bytes, limit: self.limits.bytes }),
            None => {
                let torn = self.events.front().is_some_and(|first| !first.begins);
                torn.then_some(Gap::Beginning { events: self.limits.events as u64 })
            }
        };
        Recording {
            device,
            reason,
            lost: self.lost,
            gap,
            start: self.base.clone(),
            memory: self.image.clone(),
            events: self.events.iter().map(|e| e.event.clone()).collect(),
        }
    }
}

/// The doorbell, or a reset.
fn starts_work(action: &Action) -> bool {
    matches!(*action, Action::Write { offset, .. } if offset == register::SQ_TAIL.offset || offset == register::RESET.offset)
        || *action == Action::ResetLink
}

fn omit(action: &mut Action) {
    if let Some(payload) = action.payload_mut() {
        *payload = Payload::Omitted(payload.length());
    }
}
