//! The last events, and what must be known of the time before them.

use std::collections::VecDeque;
use std::time::Instant;

use systole_isa::register;

use super::{Action, Event, Gap, Image, Payload, Position, Recording};

/// Longest row of looks of which repetitions are counted. The engine's are the ring and the interrupt, and now and then some
/// registers between them, which tell whether the device still answers.
const LOOKS: usize = 8;

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
        self.payload += action.payload().map_or(0, Payload::held);
        let event = Event { at, until: at, times: 1, action };
        self.events.push_back(Entry { event, begins });
        self.fold();
        self.shrink();
    }

    /// Makes one of a few looks in a row that the host has just repeated, as it does while it polls: their order stays, and
    /// how often they were is counted.
    fn fold(&mut self) {
        for period in 1..=LOOKS {
            let Some(later) = self.events.len().checked_sub(period) else { return };
            // An entry that changes something ends the search: no longer row has none.
            if !self.events[later].event.action.is_look() {
                return;
            }
            let Some(earlier) = later.checked_sub(period) else { return };
            let same = |at: usize| self.events[earlier + at].event.action == self.events[later + at].event.action;
            if !(0..period).all(same) {
                continue;
            }
            for at in 0..period {
                let Some(Entry { event: again, .. }) = self.events.remove(later) else { return };
                self.payload -= again.action.payload().map_or(0, Payload::held);
                let first = &mut self.events[earlier + at].event;
                first.times = first.times.saturating_add(again.times);
                first.until = again.until;
            }
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: u32) -> Action {
        Action::Read { offset: register::CQ_TAIL.offset, value }
    }

    /// As the engine polls: mostly ring and interrupt, now and then registers between them.
    #[test]
    fn hours_of_polling_take_a_few_entries() {
        let mut window = Window::new(Limits::default());
        let (ring, idle) =
            (Action::CopyFrom { address: 64, bytes: (&[0u8; 32][..]).into() }, Action::Wait { raised: false });
        let mut looks = 0;
        for round in 0..100_000 {
            let row = if round % 7 == 6 { vec![&ring, &idle] } else { vec![&ring] };
            let examined = [read(1), read(2), read(3), ring.clone(), idle.clone()];
            for action in row.into_iter().cloned().chain(examined) {
                window.push(action);
                looks += 1;
            }
        }
        let recording = window.recording(String::new(), String::new());
        assert!(recording.events.len() < 100, "{}", recording.events.len());
        assert_eq!(recording.events.iter().map(|e| e.times).sum::<u32>(), looks);
        assert!(recording.events.iter().all(|e| e.until >= e.at));
        assert!(window.payload < 4096);
    }

    #[test]
    fn what_changes_something_is_never_folded_and_order_is_kept() {
        let mut window = Window::new(Limits::default());
        let write = Action::Write { offset: register::WATCHDOG.offset, value: 1 };
        let actions =
            [write.clone(), write.clone(), read(1), read(2), read(1), write.clone(), read(1), read(2), read(1)];
        actions.iter().for_each(|action| window.push(action.clone()));
        let kept: Vec<Action> = window.events.iter().map(|e| e.event.action.clone()).collect();
        assert_eq!(kept, actions);
    }
}
