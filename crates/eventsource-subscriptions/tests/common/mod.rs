//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    collections::{BTreeMap, HashSet},
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use eventsource_core::{
    BoxError, Bytes, Event, EventDescriptor, EventId, ExpectedVersion, MemoryStore, NewEvent, Recorded,
    Result, StreamId, Token,
    codec::{Codec, CodecTag, Json},
    projection::{Context, Projection},
    store::{Append, EventStore},
};
use eventsource_subscriptions::{FailurePolicy, SubscriptionOptions};

/// What happens in the tests.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Tick {
    Ticked { number: u64 },
}

impl Event for Tick {
    const CATEGORY: &'static str = "Clock";
    const EVENTS: &'static [EventDescriptor] = &[EventDescriptor::new("Ticked", 1)];
    const CODEC: CodecTag = Json::TAG;

    fn descriptor(&self) -> &'static EventDescriptor {
        &Self::EVENTS[0]
    }

    fn encode(&self) -> Result<Bytes> {
        Json::encode_variant(self)
    }

    fn decode(_: &str, _: u16, payload: &[u8]) -> Result<Self> {
        Json::decode_variant("Ticked", payload)
    }
}

pub(crate) fn stream(key: impl ToString) -> StreamId {
    StreamId::new("Clock", key.to_string()).unwrap()
}

/// Appends one tick to a stream.
pub(crate) async fn tick(store: &MemoryStore, key: impl ToString, number: u64) -> Token {
    append(store, stream(key), NewEvent::encode(EventId::generate(), &Tick::Ticked { number }).unwrap()).await
}

/// Appends one event that cannot be decoded.
pub(crate) async fn poison(store: &MemoryStore, key: impl ToString) -> Token {
    append(store, stream(key), NewEvent::new(EventId::generate(), "Ticked", "poison").unwrap()).await
}

pub(crate) async fn append(store: &MemoryStore, stream: StreamId, event: NewEvent) -> Token {
    store.append(Append::new(stream, ExpectedVersion::Any, vec![event])).await.unwrap().token
}

/// Fails after a time that only a defect reaches.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this should have happened long ago")
}

/// Options that try again at once.
pub(crate) fn quick() -> SubscriptionOptions {
    SubscriptionOptions::default().with_failure(quick_failure())
}

pub(crate) fn quick_failure() -> FailurePolicy {
    FailurePolicy::default().with_retries(2, Duration::from_millis(1), Duration::from_millis(2))
}

/// A projection that writes down what it is given, and fails as it is told. A handle.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    /// Numbers in the order they were taken in, by stream.
    taken: BTreeMap<String, Vec<u64>>,
    all: Vec<u64>,
    /// Every attempt, by number.
    attempts: BTreeMap<u64, u32>,
    failing: HashSet<u64>,
    running: usize,
}

impl Diary {
    pub(crate) fn fail_on(&self, numbers: impl IntoIterator<Item = u64>) {
        self.0.lock().unwrap().failing = numbers.into_iter().collect();
    }

    pub(crate) fn of(&self, key: impl ToString) -> Vec<u64> {
        self.0.lock().unwrap().taken.get(stream(key).as_str()).cloned().unwrap_or_default()
    }

    pub(crate) fn all(&self) -> Vec<u64> {
        self.0.lock().unwrap().all.clone()
    }

    pub(crate) fn attempts(&self, number: u64) -> u32 {
        self.0.lock().unwrap().attempts.get(&number).copied().unwrap_or_default()
    }
}

#[derive(Debug)]
pub(crate) struct Refused(pub(crate) u64);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the diary does not like {}", self.0)
    }
}

impl std::error::Error for Refused {}

impl Projection for Diary {
    type Event = Tick;
    type Error = Refused;

    async fn handle(&self, event: &Recorded<Tick>, _: Context<'_>) -> Result<(), Refused> {
        let Tick::Ticked { number } = event.event;
        {
            let mut pages = self.0.lock().unwrap();
            *pages.attempts.entry(number).or_default() += 1;
            if pages.failing.contains(&number) {
                return Err(Refused(number));
            }
        }
        tokio::task::yield_now().await;
        let mut pages = self.0.lock().unwrap();
        pages.taken.entry(event.record.stream.to_string()).or_default().push(number);
        pages.all.push(number);
        Ok(())
    }
}

pub(crate) fn boxed(error: impl Into<BoxError>) -> BoxError {
    error.into()
}
