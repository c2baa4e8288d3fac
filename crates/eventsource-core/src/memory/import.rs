//! Importing into the store in memory.

use std::{borrow::Cow, collections::HashMap};

use async_trait::async_trait;

use super::{
    MemoryStore,
    state::State,
    write::{Drawn, Locks, Write},
};
use crate::{
    EventId, RecordedEvent, Result, StreamId, Timestamp,
    backend::{ImportStep, StreamTail, check_import, erase, import_step},
    lifecycle::Lifecycle,
    store::{EventImport, Imported},
};

#[async_trait]
impl EventImport for MemoryStore {
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported> {
        check_import(events, &self.shared.options.limits).map_err(|e| e.with_operation("import"))?;
        self.write("import", Import(events.to_vec())).await
    }
}

struct Import(Vec<RecordedEvent>);

impl Write for Import {
    type Outcome = Imported;

    fn locks(&self) -> Locks {
        Locks {
            streams: self.0.iter().map(|e| e.stream.clone()).collect(),
            ids: self.0.iter().map(|e| e.id).collect(),
        }
    }

    fn draw(self, state: &mut State, _now: Timestamp) -> Result<Drawn<Imported>> {
        // Everything is checked against the streams as they will be, before anything is drawn.
        let mut streams: HashMap<StreamId, Importing> = HashMap::new();
        let mut ids: HashMap<EventId, usize> = HashMap::new();
        let mut events = Vec::with_capacity(self.0.len());
        let mut outcome = Imported::default();
        for event in self.0 {
            let stream =
                streams.entry(event.stream.clone()).or_insert_with(|| Importing::begin(state, &event.stream));
            let present = match state.event_of(&event.stream, event.version) {
                Some(present) => Some(present),
                None => stream.written.get(&event.version.get()).and_then(|index| events.get(*index)),
            };
            // What an erasure in this import will have wiped.
            let wiped = stream.tail.lifecycle == Lifecycle::Erased && event.version < stream.tail.version;
            let present = present.map(|e| if wiped { Cow::Owned(erase(e)) } else { Cow::Borrowed(e) });
            let same_id = state.event(event.id).or_else(|| events.get(*ids.get(&event.id)?));
            match import_step(&event, &stream.tail, present.as_deref(), same_id)? {
                ImportStep::Present => outcome.present += 1,
                ImportStep::Write => {
                    stream.tail = stream.tail.after(&event);
                    stream.written.insert(event.version.get(), events.len());
                    ids.insert(event.id, events.len());
                    events.push(event);
                    outcome.written += 1;
                }
            }
        }
        for (event, position) in events.iter_mut().zip(state.draw(outcome.written as usize)?) {
            event.position = position;
            state.recording_time(event.recorded_at);
        }
        Ok(Drawn { events, outcome })
    }
}

/// A stream while events are imported into it.
struct Importing {
    tail: StreamTail,
    /// Which of the events to write has which version.
    written: HashMap<u64, usize>,
}

impl Importing {
    fn begin(state: &State, stream: &StreamId) -> Self {
        Self { tail: StreamTail::of(&state.info(stream)), written: HashMap::new() }
    }
}
