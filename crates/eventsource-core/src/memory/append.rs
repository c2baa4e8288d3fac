//! Appending to the store in memory.

use async_trait::async_trait;

use super::{
    MemoryStore,
    state::State,
    write::{Drawn, Locks, Write},
};
use crate::{
    Log, Position, RecordedEvent, Result, StreamId, Timestamp, Token,
    backend::{check_append, check_expected, duplicate, is_same_append, record},
    store::{
        Append, Appended, AppendedStream, EventStore, Limits, ReadOptions, StreamAppend, StreamInfo,
        StreamPage,
    },
};

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(&self, append: Append) -> Result<Appended> {
        check_append(&append, &self.limits()).map_err(|e| e.with_operation("append"))?;
        self.write("append", append).await
    }

    async fn read_stream(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
        let state = self.open("read stream")?;
        super::read::page(&state, stream, options).map_err(|e| e.with_operation("read stream"))
    }

    async fn stream(&self, stream: &StreamId) -> Result<StreamInfo> {
        Ok(self.open("stream")?.info(stream))
    }

    fn log(&self) -> Log {
        self.state().log
    }

    fn limits(&self) -> Limits {
        self.shared.options.limits
    }
}

impl Write for Append {
    type Outcome = Appended;

    fn locks(&self) -> Locks {
        Locks {
            streams: self.streams.iter().map(|s| s.stream.clone()).collect(),
            ids: self.streams.iter().flat_map(|s| &s.events).map(|e| e.id).collect(),
        }
    }

    fn draw(self, state: &mut State, now: Timestamp) -> Result<Drawn<Appended>> {
        if let Some(outcome) = find_recorded(state, &self)? {
            return Ok(Drawn { events: Vec::new(), outcome });
        }
        let count = self.streams.iter().map(|s| s.events.len()).sum();
        let mut positions = state.draw(count)?;
        let recorded_at = state.recording_time(now);
        let mut events: Vec<RecordedEvent> = Vec::with_capacity(count);
        let mut streams = Vec::with_capacity(self.streams.len());
        for StreamAppend { stream, events: new, .. } in
            self.streams.into_iter().filter(|s| !s.events.is_empty())
        {
            let before = state.version(&stream);
            let mut version = before;
            for (event, position) in new.into_iter().zip(&mut positions) {
                version = version.next();
                events.push(record(event, stream.clone(), version, position, recorded_at));
            }
            streams.push(AppendedStream { stream, first: before.next(), last: version });
        }
        let last = events.last().map_or(Position::START, |e| e.position);
        let token = Token { log: state.log.id, position: last };
        Ok(Drawn { events, outcome: Appended { token, streams, deduplicated: false } })
    }
}

/// The original outcome, when the append is recorded already; `None` when it is to be written; else the reason
/// why it is refused.
fn find_recorded(state: &State, append: &Append) -> Result<Option<Appended>> {
    let refused = append.streams.iter().find_map(|stream| {
        let (version, lifecycle) = (state.version(&stream.stream), state.lifecycle(&stream.stream));
        check_expected(stream, version, lifecycle).err()
    });
    let known = append.streams.iter().flat_map(|s| &s.events).find_map(|e| state.event(e.id));
    let Some(known) = known else { return refused.map_or(Ok(None), Err) };
    let mut streams = Vec::new();
    let mut last = Position::START;
    for stream in append.streams.iter().filter(|s| !s.events.is_empty()) {
        let recorded: Vec<RecordedEvent> =
            stream.events.iter().map_while(|e| state.event(e.id).cloned()).collect();
        let (true, Some(first), Some(end)) =
            (is_same_append(stream, &recorded), recorded.first(), recorded.last())
        else {
            return Err(duplicate(known));
        };
        last = last.max(end.position);
        streams.push(AppendedStream {
            stream: stream.stream.clone(),
            first: first.version,
            last: end.version,
        });
    }
    Ok(Some(Appended { token: Token { log: state.log.id, position: last }, streams, deduplicated: true }))
}
