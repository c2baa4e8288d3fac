//! What the answers must be, worked out anew from a plain list of events each time. Slow, and too simple to be wrong.

use eventsource_core::{
    Conflict, Duplicate, ErrorKind, EventFilter, EventId, NewEvent, Position, RecordedEvent, StreamId,
    StreamVersion, Timestamp,
    lifecycle::{Lifecycle, LifecycleNote},
    store::{Append, AppendedStream, AsOf, Direction, FeedOptions, Imported, ReadOptions, StreamAppend},
};

/// What an append gives, without the log.
pub(crate) type Written = (Position, Vec<AppendedStream>, bool);

/// A page of the feed or of a business process.
pub(crate) type Page = (Vec<RecordedEvent>, Position, bool);

type Answer<T> = Result<T, ErrorKind>;

/// The log as a list, in the order of positions, which have no holes here.
#[derive(Debug, Default, Clone)]
pub(crate) struct Oracle {
    pub(crate) log: Vec<RecordedEvent>,
}

impl Oracle {
    pub(crate) fn of<'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> impl DoubleEndedIterator<Item = &'a RecordedEvent> {
        self.log.iter().filter(move |e| e.stream == *stream)
    }

    pub(crate) fn version(&self, stream: &StreamId) -> StreamVersion {
        StreamVersion::new(self.of(stream).count() as u64)
    }

    pub(crate) fn lifecycle(&self, stream: &StreamId) -> Lifecycle {
        self.of(stream).rev().find_map(|e| Lifecycle::after(e.name.as_str())).unwrap_or_default()
    }

    fn event(&self, id: EventId) -> Option<&RecordedEvent> {
        self.log.iter().find(|e| e.id == id)
    }

    fn check_active(&self, stream: &StreamId) -> Answer<()> {
        match self.lifecycle(stream) {
            Lifecycle::Active => Ok(()),
            lifecycle => Err(ErrorKind::StreamDeleted {
                stream: stream.clone(),
                erased: lifecycle == Lifecycle::Erased,
            }),
        }
    }

    fn check(&self, part: &StreamAppend) -> Answer<()> {
        if !part.events.is_empty() {
            self.check_active(&part.stream)?;
        }
        let actual = self.version(&part.stream);
        if part.expected.accepts(actual) {
            return Ok(());
        }
        Err(ErrorKind::Conflict(Conflict { stream: part.stream.clone(), expected: part.expected, actual }))
    }

    pub(crate) fn append(&mut self, append: &Append, now: Timestamp) -> Answer<Written> {
        let events = || append.streams.iter().flat_map(|part| &part.events);
        let mut ids: Vec<EventId> = events().map(|e| e.id).collect();
        ids.sort_unstable();
        if ids.is_empty() || ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ErrorKind::InvalidInput { field: "events", limit: None });
        }
        if let Some(known) = events().find_map(|e| self.event(e.id)) {
            return self.recorded(append).ok_or_else(|| duplicate(known));
        }
        append.streams.iter().try_for_each(|part| self.check(part))?;
        let recorded_at = self.recording_time(now);
        let mut streams = Vec::new();
        for part in append.streams.iter().filter(|part| !part.events.is_empty()) {
            let first = self.version(&part.stream).next();
            for event in &part.events {
                self.push(event, &part.stream, recorded_at);
            }
            streams.push(AppendedStream {
                stream: part.stream.clone(),
                first,
                last: self.version(&part.stream),
            });
        }
        Ok((self.head(), streams, false))
    }

    /// What it gave when it was sent for the first time; `None` if it is not the same.
    fn recorded(&self, append: &Append) -> Option<Written> {
        let mut last = Position::START;
        let mut streams = Vec::new();
        for part in append.streams.iter().filter(|part| !part.events.is_empty()) {
            let found: Vec<_> = part.events.iter().map(|e| self.event(e.id)).collect::<Option<_>>()?;
            for (at, (new, old)) in part.events.iter().zip(&found).enumerate() {
                let same = (&new.name, new.schema_version, &new.payload, &part.stream)
                    == (&old.name, old.schema_version, &old.payload, &old.stream);
                if !same || old.version != found[0].version.plus(at as u64) {
                    return None;
                }
                last = last.max(old.position);
            }
            let (first, end) = (found.first()?.version, found.last()?.version);
            streams.push(AppendedStream { stream: part.stream.clone(), first, last: end });
        }
        Some((last, streams, true))
    }

    /// Deletes, restores or erases.
    pub(crate) fn change(
        &mut self,
        append: &StreamAppend,
        next: Lifecycle,
        now: Timestamp,
    ) -> Answer<Written> {
        let stream = &append.stream;
        let actual = self.version(stream);
        if actual == StreamVersion::ZERO {
            return Err(ErrorKind::StreamNotFound(stream.clone()));
        }
        match (self.lifecycle(stream), next) {
            (Lifecycle::Erased, _) | (Lifecycle::Deleted, Lifecycle::Deleted) => self.check_active(stream)?,
            (Lifecycle::Active, Lifecycle::Active) => {
                return Err(ErrorKind::InvalidInput { field: "stream", limit: None });
            }
            _ => {}
        }
        if !append.expected.accepts(actual) {
            let (stream, expected) = (stream.clone(), append.expected);
            return Err(ErrorKind::Conflict(Conflict { stream, expected, actual }));
        }
        if next == Lifecycle::Erased {
            self.wipe(stream);
        }
        let recorded_at = self.recording_time(now);
        append.events.iter().for_each(|event| self.push(event, stream, recorded_at));
        let version = actual.next();
        let streams = vec![AppendedStream { stream: stream.clone(), first: version, last: version }];
        Ok((self.head(), streams, false))
    }

    pub(crate) fn import(&mut self, events: &[RecordedEvent]) -> Answer<Imported> {
        let mut after = self.clone();
        let mut outcome = Imported::default();
        for event in events {
            let present = after.of(&event.stream).find(|e| e.version == event.version);
            if let Some(present) = present {
                let same = RecordedEvent { position: event.position, ..present.clone() } == *event;
                if !same {
                    return Err(ErrorKind::HistoryDiverged);
                }
                outcome.present += 1;
                continue;
            }
            let last = after.of(&event.stream).last();
            let follows = event.version == after.version(&event.stream).next()
                && last.is_none_or(|last| last.recorded_at <= event.recorded_at)
                && after.lifecycle(&event.stream) != Lifecycle::Erased;
            if !follows {
                return Err(ErrorKind::HistoryDiverged);
            }
            if let Some(taken) = after.event(event.id) {
                return Err(duplicate(taken));
            }
            if Lifecycle::after(event.name.as_str()) == Some(Lifecycle::Erased) {
                after.wipe(&event.stream);
            }
            let position = Position::new(after.log.len() as u64 + 1);
            after.log.push(RecordedEvent { position, ..event.clone() });
            outcome.written += 1;
        }
        *self = after;
        Ok(outcome)
    }

    /// The page, and the version to go on from.
    pub(crate) fn read(
        &self,
        stream: &StreamId,
        options: &ReadOptions,
    ) -> Answer<(Vec<RecordedEvent>, Option<StreamVersion>)> {
        self.check_active(stream)?;
        let mut events: Vec<&RecordedEvent> = self.of(stream).collect();
        let (mut low, mut high) = (options.from, options.to);
        if options.direction == Direction::Backward {
            events.reverse();
            (low, high) = (high, low);
        }
        events.retain(|e| {
            low.is_none_or(|low| e.version >= low)
                && high.is_none_or(|high| e.version <= high)
                && match options.as_of {
                    None => true,
                    Some(AsOf::Recorded(time)) => e.recorded_at <= time,
                    Some(AsOf::Occurred(time)) => e.occurred_at <= time,
                }
        });
        let rest = events.split_off(options.limit.unwrap_or(usize::MAX).min(events.len()));
        Ok((events.into_iter().cloned().collect(), rest.first().map(|e| e.version)))
    }

    pub(crate) fn feed(&self, after: Position, options: &FeedOptions) -> Answer<Page> {
        check_page(options.limit, Some(options.window))?;
        if options.direction == Direction::Forward && after > self.head() {
            return Err(ErrorKind::HistoryDiverged);
        }
        let rest = self.beyond(after, options.direction);
        let mut page = (Vec::new(), after, true);
        for (looked_at, event) in rest.iter().enumerate() {
            let wanted = accepts(&options.filter, event);
            if looked_at == options.window || (wanted && page.0.len() == options.limit) {
                page.2 = false;
                break;
            }
            if wanted {
                page.0.push(event.clone());
            }
            page.1 = event.position;
        }
        Ok(page)
    }

    pub(crate) fn correlated(
        &self,
        is_of: impl Fn(&RecordedEvent) -> bool,
        after: Position,
        options: &FeedOptions,
    ) -> Answer<Page> {
        check_page(options.limit, None)?;
        let mut found = self.beyond(after, options.direction);
        found.retain(|e| is_of(e) && accepts(&options.filter, e));
        let at_head = found.len() <= options.limit;
        found.truncate(options.limit);
        let next = found.last().map_or(after, |e| e.position);
        Ok((found, next, at_head))
    }

    pub(crate) fn head(&self) -> Position {
        self.log.last().map_or(Position::START, |e| e.position)
    }

    fn beyond(&self, after: Position, direction: Direction) -> Vec<RecordedEvent> {
        match direction {
            Direction::Forward => self.log.iter().filter(|e| e.position > after).cloned().collect(),
            Direction::Backward => self.log.iter().rev().filter(|e| e.position < after).cloned().collect(),
        }
    }

    fn recording_time(&self, now: Timestamp) -> Timestamp {
        self.log.iter().map(|e| e.recorded_at).max().unwrap_or(Timestamp::MIN).max(now)
    }

    fn push(&mut self, event: &NewEvent, stream: &StreamId, recorded_at: Timestamp) {
        let event = event.clone();
        self.log.push(RecordedEvent {
            id: event.id,
            stream: stream.clone(),
            version: self.version(stream).next(),
            position: Position::new(self.log.len() as u64 + 1),
            name: event.name,
            schema_version: event.schema_version,
            codec: event.codec,
            transform: event.transform,
            payload: event.payload,
            metadata: event.metadata,
            correlation: event.correlation,
            occurred_at: event.occurred_at.unwrap_or(recorded_at),
            recorded_at,
            erased: false,
        });
    }

    fn wipe(&mut self, stream: &StreamId) {
        for event in self.log.iter_mut().filter(|e| e.stream == *stream) {
            event.payload = Default::default();
            event.metadata = Default::default();
            event.correlation = None;
            event.erased = true;
        }
    }
}

/// The record of a change in a stream's life, as its store makes it.
pub(crate) fn lifecycle_record(id: EventId, name: &str, note: &LifecycleNote) -> NewEvent {
    NewEvent::new(id, name, serde_json::to_vec(note).unwrap()).unwrap()
}

fn duplicate(taken: &RecordedEvent) -> ErrorKind {
    ErrorKind::Duplicate(Duplicate { event: taken.id, stream: taken.stream.clone(), version: taken.version })
}

fn check_page(limit: usize, window: Option<usize>) -> Answer<()> {
    match (limit, window) {
        (0, _) => Err(ErrorKind::InvalidInput { field: "limit", limit: None }),
        (_, Some(0)) => Err(ErrorKind::InvalidInput { field: "window", limit: None }),
        _ => Ok(()),
    }
}

fn accepts(filter: &EventFilter, event: &RecordedEvent) -> bool {
    filter.tenant_filter().accepts(event.stream.tenant())
        && (filter.selectors().is_empty()
            || filter.selectors().iter().any(|selector| {
                selector.category.as_str() == event.stream.category()
                    && (selector.names.is_empty()
                        || selector.names.iter().any(|pattern| {
                            let pattern = pattern.to_string();
                            match pattern.strip_suffix('*') {
                                Some(prefix) => event.name.as_str().starts_with(prefix),
                                None => event.name.as_str() == pattern,
                            }
                        }))
            }))
}
