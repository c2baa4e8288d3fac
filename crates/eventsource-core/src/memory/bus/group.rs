//! What waits for a group.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use tokio::{sync::Notify, time::Instant};

use crate::{EventFilter, LogId, RecordedEvent, StreamId, backend::GivenUp, bus::Backlog};

/// A stream of a log: what has an order of its own.
pub(super) type StreamOf = (LogId, StreamId);

/// A group: what waits for it, and what it knows.
#[derive(Default)]
pub(super) struct Group {
    pub(super) filter: EventFilter,
    /// How many members run.
    pub(super) members: usize,
    pub(super) backlog: Backlog,
    /// The streams with events, and those whose turn somebody has.
    streams: HashMap<StreamOf, Queue>,
    /// The streams whose turn is free, by the number of their first event.
    ready: BTreeMap<u64, StreamOf>,
    /// The streams that wait for a retry, by when and the number of their first event.
    delayed: BTreeMap<(Instant, u64), StreamOf>,
    /// The number of the next event.
    next: u64,
    /// By log, the streams that are parked, or were when somebody last looked.
    parked: HashMap<LogId, HashSet<StreamId>>,
    pub(super) given_up: GivenUp,
    /// Told whenever a turn may be free.
    pub(super) changed: Arc<Notify>,
}

/// The events of a stream.
#[derive(Default)]
struct Queue {
    events: VecDeque<(u64, Arc<RecordedEvent>)>,
    /// How often the first event was tried.
    attempts: u32,
    turn: TurnState,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum TurnState {
    /// Whoever comes may take it.
    #[default]
    Free,
    /// Whoever comes then may take it.
    FreeAt(Instant),
    /// Somebody has it.
    Taken,
}

/// What somebody who looks for a turn finds.
pub(super) enum Found {
    /// The turn of this stream, which is now taken.
    Turn(StreamOf),
    /// None now; the next one at this time, if nothing comes before.
    None(Option<Instant>),
}

impl Group {
    /// Puts the wanted of these events behind what waits.
    pub(super) fn take_in(&mut self, log: LogId, events: &[Arc<RecordedEvent>]) {
        let before = self.next;
        for event in events {
            if !self.filter.accepts(event) {
                continue;
            }
            let stream = (log, event.stream.clone());
            let queue = self.streams.entry(stream.clone()).or_default();
            queue.events.push_back((self.next, event.clone()));
            self.next += 1;
            self.backlog.add(event);
            if queue.events.len() == 1 {
                self.offer(&stream);
            }
        }
        if self.next > before {
            self.changed.notify_waiters();
        }
    }

    /// Takes the turn of the stream whose first event is the oldest.
    pub(super) fn take_turn(&mut self, now: Instant) -> Found {
        while let Some(entry) = self.delayed.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((_, number), stream) = entry.remove_entry();
            self.ready.insert(number, stream);
        }
        let Some((_, stream)) = self.ready.pop_first() else {
            return Found::None(self.delayed.first_key_value().map(|((at, _), _)| *at));
        };
        if let Some(queue) = self.streams.get_mut(&stream) {
            queue.turn = TurnState::Taken;
        }
        Found::Turn(stream)
    }

    /// Takes the turn of this stream, if nobody has it.
    pub(super) fn take_turn_of(&mut self, stream: &StreamOf) -> Found {
        let queue = self.streams.entry(stream.clone()).or_default();
        let turn = std::mem::replace(&mut queue.turn, TurnState::Taken);
        let number = queue.events.front().map(|(number, _)| *number);
        match (turn, number) {
            (TurnState::Taken, _) => return Found::None(None),
            (TurnState::Free, Some(number)) => drop(self.ready.remove(&number)),
            // A retry that was due may have been moved already.
            (TurnState::FreeAt(at), Some(number)) => {
                drop(self.delayed.remove(&(at, number)));
                drop(self.ready.remove(&number));
            }
            (_, None) => {}
        }
        Found::Turn(stream.clone())
    }

    /// The first event of a stream, and which attempt begins with it. For who has the turn.
    pub(super) fn begin_attempt(&mut self, stream: &StreamOf) -> Option<(Arc<RecordedEvent>, u32)> {
        let queue = self.streams.get_mut(stream)?;
        let (_, event) = queue.events.front()?;
        queue.attempts = queue.attempts.saturating_add(1);
        Some((event.clone(), queue.attempts))
    }

    /// The first event of a stream is done. For who has the turn.
    pub(super) fn finish(&mut self, stream: &StreamOf) {
        let Some(queue) = self.streams.get_mut(stream) else { return };
        queue.attempts = 0;
        if let Some((_, event)) = queue.events.pop_front() {
            self.backlog.remove(&event);
        }
    }

    /// Whether a stream is parked, or was when somebody last looked; `None` when nothing is known about its log.
    pub(super) fn is_parked(&self, (log, stream): &StreamOf) -> Option<bool> {
        self.parked.get(log).map(|streams| streams.contains(stream))
    }

    /// Remembers streams of a log that are parked.
    pub(super) fn remember_parked(&mut self, log: LogId, streams: impl IntoIterator<Item = StreamId>) {
        self.parked.entry(log).or_default().extend(streams);
    }

    /// A stream is parked no longer.
    pub(super) fn release(&mut self, (log, stream): &StreamOf) {
        if let Some(streams) = self.parked.get_mut(log) {
            streams.remove(stream);
        }
    }

    /// Gives a turn back, at once or from a time on.
    pub(super) fn give_back(&mut self, stream: &StreamOf, not_before: Option<Instant>) {
        if let Some(queue) = self.streams.get_mut(stream) {
            queue.turn = not_before.map_or(TurnState::Free, TurnState::FreeAt);
            self.offer(stream);
        }
        self.changed.notify_waiters();
    }

    /// Lets whoever comes take the turn of a stream, unless somebody has it. A stream without events is forgotten.
    fn offer(&mut self, stream: &StreamOf) {
        let Some(queue) = self.streams.get(stream) else { return };
        let first = queue.events.front().map(|(number, _)| *number);
        match (queue.turn, first) {
            (TurnState::Taken, _) => {}
            (_, None) => drop(self.streams.remove(stream)),
            (TurnState::Free, Some(number)) => drop(self.ready.insert(number, stream.clone())),
            (TurnState::FreeAt(at), Some(number)) => {
                drop(self.delayed.insert((at, number), stream.clone()));
            }
        }
    }
}
