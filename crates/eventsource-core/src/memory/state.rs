//! The data behind the store in memory: one table of events, and what finds them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use super::{
    checkpoint::Checkpoints, dead_letter::Letters, inbox::Applied, lease::Leases, request::Requests,
    script::Hold, status::Statuses, write::InFlight,
};
use crate::{
    EventId, Log, Position, RecordedEvent, Result, StateType, StreamId, StreamVersion, Timestamp,
    backend::{check_room, erase},
    lifecycle::Lifecycle,
    store::{Direction, Snapshot, StreamInfo},
};

/// Everything a store holds. Changed under one lock, and only from one valid state to another.
pub(super) struct State {
    pub(super) log: Log,
    /// Committed events in the order of their commits. A row never moves, so that indexes can hold its number.
    rows: Vec<RecordedEvent>,
    by_position: Vec<(Position, usize)>,
    by_id: HashMap<EventId, usize>,
    pub(super) streams: HashMap<StreamId, StreamState>,
    /// The streams again, in the order of listings, without those that are new.
    listed: BTreeSet<StreamId>,
    /// The streams that have come since somebody listed them: whoever lists pays for their order, not whoever appends.
    unlisted: Vec<StreamId>,
    pub(super) snapshots: HashMap<(StreamId, StateType, u16), Snapshot>,
    pub(super) checkpoints: Checkpoints,
    pub(super) letters: Letters,
    pub(super) applied: Applied,
    pub(super) leases: Leases,
    pub(super) statuses: Statuses,
    pub(super) requests: Requests,
    /// The last position drawn, whether its write committed or not.
    drawn: Position,
    /// The latest time of recording given.
    recorded_at: Timestamp,
    /// Writes that take more than one step, by the number they were given.
    pub(super) in_flight: BTreeMap<u64, InFlight>,
    /// The number of the last write that took more than one step.
    pub(super) last_flight: u64,
    /// What holds the next writes, first come, first held.
    pub(super) holds: VecDeque<Arc<Hold>>,
    pub(super) closed: bool,
}

/// A stream that has events.
#[derive(Default)]
pub(super) struct StreamState {
    /// The row of each version, beginning with version 1.
    pub(super) rows: Vec<usize>,
    pub(super) lifecycle: Lifecycle,
}

impl StreamState {
    pub(super) fn version(&self) -> StreamVersion {
        StreamVersion::new(self.rows.len() as u64)
    }
}

impl State {
    pub(super) fn new(log: Log) -> Self {
        Self {
            log,
            rows: Vec::new(),
            by_position: Vec::new(),
            by_id: HashMap::new(),
            streams: HashMap::new(),
            listed: BTreeSet::new(),
            unlisted: Vec::new(),
            snapshots: HashMap::new(),
            checkpoints: Checkpoints::default(),
            letters: Letters::default(),
            applied: Applied::default(),
            leases: Leases::default(),
            statuses: Statuses::default(),
            requests: Requests::default(),
            drawn: Position::START,
            recorded_at: Timestamp::MIN,
            in_flight: BTreeMap::new(),
            last_flight: 0,
            holds: VecDeque::new(),
            closed: false,
        }
    }

    /// Draws the next positions. None is ever drawn twice, whatever becomes of the write.
    pub(super) fn draw(&mut self, count: usize) -> Result<impl Iterator<Item = Position> + use<>> {
        check_room(self.drawn, count)?;
        let before = self.drawn.get();
        let last = before + count as u64;
        self.drawn = Position::new(last);
        Ok((before + 1..=last).map(Position::new))
    }

    /// Draws no position up to this one any more.
    pub(super) fn draw_after(&mut self, position: Position) {
        self.drawn = self.drawn.max(position);
    }

    /// The time of recording for a write at this instant: never before one given earlier.
    pub(super) fn recording_time(&mut self, now: Timestamp) -> Timestamp {
        self.recorded_at = self.recorded_at.max(now);
        self.recorded_at
    }

    /// Makes an event part of the log. It goes on its stream at the next version.
    pub(super) fn commit(&mut self, event: RecordedEvent) {
        let row = self.rows.len();
        let stream = match self.streams.get_mut(&event.stream) {
            Some(stream) => stream,
            None => {
                self.unlisted.push(event.stream.clone());
                self.streams.entry(event.stream.clone()).or_default()
            }
        };
        if let Some(lifecycle) = Lifecycle::after(event.name.as_str()) {
            stream.lifecycle = lifecycle;
            if lifecycle == Lifecycle::Erased {
                for &row in &stream.rows {
                    self.rows[row] = erase(&self.rows[row]);
                }
                self.snapshots.retain(|(of, _, _), _| *of != event.stream);
                self.letters.erase(self.log.id, &event.stream);
                self.requests.erase(&stream.rows.iter().map(|row| self.rows[*row].id).collect());
            }
        }
        stream.rows.push(row);
        self.by_id.insert(event.id, row);
        // At the end, unless a held write commits below others.
        let place = match self.by_position.last() {
            Some((last, _)) if *last > event.position => {
                self.by_position.partition_point(|(position, _)| *position < event.position)
            }
            _ => self.by_position.len(),
        };
        self.by_position.insert(place, (event.position, row));
        self.rows.push(event);
    }

    /// Puts the streams that are new into the order of listings.
    pub(super) fn list_new(&mut self) {
        self.listed.extend(self.unlisted.drain(..));
    }

    /// The streams in the order of listings, [listed](Self::list_new) before.
    pub(super) fn listed(&self) -> &BTreeSet<StreamId> {
        &self.listed
    }

    pub(super) fn row(&self, row: usize) -> &RecordedEvent {
        &self.rows[row]
    }

    pub(super) fn event(&self, id: EventId) -> Option<&RecordedEvent> {
        self.by_id.get(&id).map(|row| self.row(*row))
    }

    pub(super) fn event_at(&self, position: Position) -> Option<&RecordedEvent> {
        let place = self.by_position.binary_search_by_key(&position, |(at, _)| *at).ok()?;
        Some(self.row(self.by_position[place].1))
    }

    pub(super) fn event_of(&self, stream: &StreamId, version: StreamVersion) -> Option<&RecordedEvent> {
        let index = usize::try_from(version.get().checked_sub(1)?).ok()?;
        self.streams.get(stream)?.rows.get(index).map(|row| self.row(*row))
    }

    /// What the feed shows after (backward: before) a position, in the direction asked for.
    ///
    /// Nothing at or above the lowest position in flight: were it shown, a reader would move past that position, and
    /// miss the event when it is committed.
    pub(super) fn feed(&self, after: Position, direction: Direction) -> impl Iterator<Item = &RecordedEvent> {
        let visible = self.visible();
        let rest = match direction {
            Direction::Forward => &visible[visible.partition_point(|(at, _)| *at <= after)..],
            Direction::Backward => &visible[..visible.partition_point(|(at, _)| *at < after)],
        };
        walk(rest, direction).map(|(_, row)| self.row(*row))
    }

    /// The last position that the feed shows.
    pub(super) fn head(&self) -> Position {
        self.visible().last().map_or(Position::START, |(position, _)| *position)
    }

    fn visible(&self) -> &[(Position, usize)] {
        match self.in_flight.values().filter_map(InFlight::lowest_position).min() {
            None => &self.by_position,
            Some(horizon) => &self.by_position[..self.by_position.partition_point(|(at, _)| *at < horizon)],
        }
    }

    pub(super) fn version(&self, stream: &StreamId) -> StreamVersion {
        self.streams.get(stream).map_or(StreamVersion::ZERO, StreamState::version)
    }

    pub(super) fn lifecycle(&self, stream: &StreamId) -> Lifecycle {
        self.streams.get(stream).map_or(Lifecycle::Active, |known| known.lifecycle)
    }

    pub(super) fn info(&self, stream: &StreamId) -> StreamInfo {
        let Some(known) = self.streams.get(stream) else { return StreamInfo::absent(stream.clone()) };
        let last = known.rows.last().map(|row| self.row(*row));
        StreamInfo {
            stream: stream.clone(),
            version: known.version(),
            position: last.map_or(Position::START, |e| e.position),
            recorded_at: last.map(|e| e.recorded_at),
            lifecycle: known.lifecycle,
        }
    }

    /// A copy of what is committed up to a position, inclusively.
    pub(super) fn copy_to(&self, position: Position) -> Self {
        let mut copy = Self::new(self.log);
        for (_, row) in self.by_position.iter().take_while(|(at, _)| *at <= position) {
            let event = self.row(*row).clone();
            copy.recording_time(event.recorded_at);
            copy.commit(event);
        }
        copy.draw_after(position.min(self.drawn));
        copy
    }
}

/// The items from first to last, or from last to first.
pub(super) fn walk<T>(items: &[T], direction: Direction) -> impl Iterator<Item = &T> {
    let count = items.len();
    (0..count).map(move |step| match direction {
        Direction::Forward => &items[step],
        Direction::Backward => &items[count - 1 - step],
    })
}
