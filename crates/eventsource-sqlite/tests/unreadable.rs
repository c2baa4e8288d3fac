//! Events that cannot be read: unknown names, newer versions, payloads that do not decode. On both stores.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{stores::Stores, told};
use eventsource_core::{
    Aggregate, Bytes, Error, ErrorKind, Event, EventDescriptor, EventId, ExpectedVersion, Metadata, NewEvent,
    Provenance, Repository, Result, StreamId,
    codec::{Codec, CodecTag, Json, TransformTag, UnknownEvents},
    store::{Append, EventStore},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
enum AccountEvent {
    Deposited { by: Person, amounts: Vec<u64> },
}

#[derive(Debug, Serialize, Deserialize)]
struct Person {
    name: String,
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "Account";
    const EVENTS: &'static [EventDescriptor] = &[EventDescriptor::new("Deposited", 2)];
    const CODEC: CodecTag = Json::TAG;

    fn descriptor(&self) -> &'static EventDescriptor {
        &Self::EVENTS[0]
    }

    fn encode(&self) -> Result<Bytes> {
        Json::encode_variant(self)
    }

    fn decode(name: &str, schema_version: u16, payload: &[u8]) -> Result<Self> {
        match name {
            "Deposited" => Json::decode_variant("Deposited", payload),
            _ => Err(Error::unknown_event(Self::CATEGORY, name, schema_version)),
        }
    }
}

#[derive(Debug, Default)]
struct Account {
    balance: u64,
}

impl Aggregate for Account {
    type Event = AccountEvent;

    fn apply(&mut self, event: &AccountEvent) {
        let AccountEvent::Deposited { amounts, .. } = event;
        self.balance += amounts.iter().sum::<u64>();
    }
}

const GOOD: &str = r#"{"by":{"name":"Ada"},"amounts":[1,2]}"#;

fn event(name: &str, schema_version: u16, payload: &'static str) -> NewEvent {
    NewEvent::new(EventId::generate(), name, payload).unwrap().with_schema_version(schema_version)
}

/// A good event, then this one, in a stream of each store; and what loading them gives.
async fn load(bad: NewEvent, unknown: UnknownEvents) -> Vec<Result<u64>> {
    let stores = Stores::new().await;
    let mut outcomes = Vec::new();
    for store in stores.each() {
        let events = vec![event("Deposited", 2, GOOD), bad.clone()];
        let stream = StreamId::new("Account", "1").unwrap();
        store.append(Append::new(stream, ExpectedVersion::NoStream, events)).await.unwrap();
        let accounts = Repository::<Account>::new((**store).clone()).with_unknown_events(unknown);
        let loaded = accounts.load("1").await.map(|account| account.balance);
        // What cannot be loaded cannot be decided on either, and nothing is written.
        let updated = accounts.update("1", |_| Ok::<_, std::convert::Infallible>(())).await;
        assert_eq!(updated.is_ok(), loaded.is_ok(), "{}", store.name);
        assert_eq!(accounts.version("1").await.unwrap().get(), 2, "{}", store.name);
        outcomes.push(loaded);
    }
    outcomes
}

#[tokio::test]
async fn an_unknown_event_fails_or_is_skipped_as_chosen() {
    for (name, schema_version) in [("Withdrawn", 1), ("Deposited", 3)] {
        let unknown = event(name, schema_version, "{}");
        for error in load(unknown.clone(), UnknownEvents::Fail).await.into_iter().map(Result::unwrap_err) {
            let ErrorKind::UnknownEvent { category, name: named, schema_version: version } = error.kind()
            else {
                panic!("{error:?}")
            };
            assert_eq!((category.as_str(), named.as_str(), *version), ("Account", name, schema_version));
            let place = ["stream Account/1", "version 2", &unknown.id.to_string(), name, "skip"];
            told(&error, &place);
        }
        for balance in load(unknown, UnknownEvents::Skip).await {
            assert_eq!(balance.unwrap(), 3);
        }
    }
}

#[tokio::test]
async fn a_payload_that_does_not_decode_is_told_with_its_place() {
    let cases = [
        ("{", ""),
        (r#"{"by":{"name":"Ada"}}"#, ""),
        (r#"{"by":{"name":7},"amounts":[]}"#, "at by.name"),
        (r#"{"by":{"name":"Ada"},"amounts":[1,-2]}"#, "at amounts[1]"),
        (r#"{"by":{"name":"Ada"},"amounts":[18446744073709551616]}"#, "at amounts[0]"),
        ("\u{0}", ""),
    ];
    for (payload, path) in cases {
        let bad = event("Deposited", 2, payload);
        // The choice to skip is about what is unknown, never about what is damaged.
        for error in load(bad.clone(), UnknownEvents::Skip).await.into_iter().map(Result::unwrap_err) {
            assert_eq!(error.kind(), &ErrorKind::Decode, "{error:?}");
            let place = ["stream Account/1", "version 2", &bad.id.to_string(), "name Deposited", path];
            told(&error, &place);
            assert!(std::error::Error::source(&error).is_some(), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_payload_of_another_form_is_told_with_what_is_missing() {
    let cases = [
        (event("Deposited", 1, GOOD), vec!["schema version 2", "from version 1", "upcaster"]),
        (event("Deposited", 2, GOOD).with_codec(CodecTag::from_static("cbor")), vec!["cbor", "json"]),
        (transformed(), vec!["zstd", "wrap the store"]),
    ];
    for (bad, words) in cases {
        for error in load(bad.clone(), UnknownEvents::Skip).await.into_iter().map(Result::unwrap_err) {
            assert_eq!(error.kind(), &ErrorKind::Decode, "{error:?}");
            told(&error, &words);
            told(&error, &["stream Account/1", "version 2", &bad.id.to_string()]);
        }
    }
}

fn transformed() -> NewEvent {
    let mut event = event("Deposited", 2, GOOD);
    event.transform = TransformTag::ZSTD;
    event
}

#[tokio::test]
async fn damaged_metadata_is_told_when_it_is_asked_for() {
    let stores = Stores::new().await;
    for store in stores.each() {
        let stream = StreamId::new("Account", "1").unwrap();
        let bad = event("Deposited", 2, GOOD).with_metadata(Metadata::from_bytes("{".into()));
        store.append(Append::new(stream.clone(), ExpectedVersion::Any, vec![bad])).await.unwrap();
        let accounts = Repository::<Account>::new((**store).clone());
        assert_eq!(accounts.load("1").await.unwrap().balance, 3, "a state needs no metadata");
        let page = store.read_stream(&stream, &Default::default()).await.unwrap();
        let error = Provenance::caused_by(&page.events[0]).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Decode);
        told(&error, &["metadata", "stream Account/1", "version 1", &page.events[0].id.to_string()]);
    }
}
