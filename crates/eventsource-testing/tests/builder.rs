//! Built events are what the store would have made of the same.

extern crate eventsource_core as eventsource;

mod common;

use common::{OrderEvent, PaymentEvent, failure, noted, placed};
use eventsource_core::{
    CorrelationId, EventId, ExpectedVersion, MemoryStore, Provenance, StreamId, Timestamp,
    codec::{CodecTag, TransformTag},
    memory::MemoryOptions,
    store::{Append, EventStore, ReadOptions},
};
use eventsource_testing::{
    EventBuilder, ManualClock, SequentialIds, assert_no_holes, assert_positions_increase, history,
};

#[test]
fn everything_has_a_default() {
    let event = EventBuilder::named("Happened").recorded();
    assert_eq!((event.stream.as_str(), event.version.get(), event.position.get()), ("Test/1", 1, 1));
    assert_eq!((event.name.as_str(), event.schema_version, &event.payload[..]), ("Happened", 1, &b"{}"[..]));
    assert_eq!((event.codec, event.transform), (CodecTag::JSON, TransformTag::NONE));
    assert_eq!(event.recorded_at.to_string(), "2026-01-01T00:00:00.000000Z");
    assert_eq!(event.occurred_at, event.recorded_at);
    assert!(!event.erased && event.correlation.is_none() && event.metadata.as_bytes().is_empty());
}

#[test]
fn ids_are_new_for_a_store_and_told_by_the_place_in_a_history() {
    let event = EventBuilder::named("Happened");
    assert_ne!(event.new_event().id, event.new_event().id);
    assert_eq!(event.recorded().id, event.recorded().id);
    let later = event.clone().with_version(2).recorded();
    assert_ne!(event.recorded().id, later.id);
    assert_ne!(event.recorded().id, event.clone().with_stream("Test/2").recorded().id);
    let chosen = event.with_id(SequentialIds::id(7));
    assert_eq!((chosen.new_event().id, chosen.recorded().id), (SequentialIds::id(7), SequentialIds::id(7)));
}

#[tokio::test]
async fn a_recorded_event_is_what_a_store_gives_back_for_the_new_one() {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let built = EventBuilder::of(&placed(100))
        .with_id(EventId::generate())
        .with_stream("acme@Order/4711")
        .with_provenance(
            Provenance::default()
                .with_correlation(CorrelationId::from(EventId::generate()))
                .with_causation(EventId::generate())
                .with_actor("ada"),
        )
        .with_occurred_at(time("2025-12-31T00:00:00Z"))
        .with_recorded_at(time("2026-02-01T00:00:00Z"));
    let clock = ManualClock::at(time("2026-02-01T00:00:00Z"));
    let store = MemoryStore::with_options(MemoryOptions::default().with_clock(clock));
    let stream: StreamId = "acme@Order/4711".parse().unwrap();
    let append = Append::new(stream.clone(), ExpectedVersion::NoStream, vec![built.new_event()]);
    store.append(append).await.unwrap();
    let page = store.read_stream(&stream, &ReadOptions::default()).await.unwrap();
    assert_eq!(page.events, [built.recorded()]);
}

#[test]
fn names_versions_and_payloads_of_the_past_can_be_built() {
    let old = EventBuilder::of(&placed(1))
        .with_name("OrderCreated")
        .with_schema_version(7)
        .with_payload("[]")
        .with_codec(CodecTag::from_static("cbor"))
        .with_transform(TransformTag::ZSTD)
        .recorded();
    assert_eq!((old.stream.category(), old.name.as_str(), old.schema_version), ("Order", "OrderCreated", 7));
    assert_eq!(
        (&old.payload[..], old.codec.as_str(), old.transform),
        (&b"[]"[..], "cbor", TransformTag::ZSTD)
    );
}

#[test]
fn an_erased_event_keeps_its_place_and_loses_its_content() {
    let provenance = Provenance::default().with_correlation(EventId::generate().into()).with_actor("ada");
    let event = EventBuilder::of(&placed(1)).with_provenance(provenance).with_version(3).with_position(9);
    let (whole, erased) = (event.clone().recorded(), event.erased().recorded());
    assert!(erased.erased && erased.payload.is_empty() && erased.metadata.as_bytes().is_empty());
    assert_eq!(erased.correlation, None);
    assert_eq!((erased.id, erased.version, erased.position), (whole.id, whole.version, whole.position));
}

#[test]
fn a_history_is_a_whole_stream() {
    let events = history("4711", [placed(100), noted("a gift"), noted("in a box")]);
    assert_no_holes(&events);
    assert_positions_increase(&events);
    assert_eq!(events[2].stream.as_str(), "Order/4711");
    assert_eq!(events[2].recorded_at.since(events[0].recorded_at).as_secs(), 2);
    assert_eq!(history::<OrderEvent>("4711", ()), []);
}

#[test]
fn what_a_projection_is_handed_is_decoded() {
    let built = EventBuilder::of(&placed(100)).with_version(2);
    let recorded = built.decoded::<OrderEvent>();
    assert_eq!((recorded.event, recorded.record), (placed(100), built.recorded()));

    let message = failure(|| built.decoded::<PaymentEvent>());
    assert_eq!(message, "Placed of stream Order/1 is not an event of this type");
    let message = failure(|| built.clone().with_payload("[]").decoded::<OrderEvent>());
    assert!(message.starts_with("the event cannot be decoded: decode: the payload cannot be"), "{message}");
}

#[test]
fn what_breaks_a_rule_fails_where_it_is_said() {
    assert!(failure(|| EventBuilder::named("")).contains("event name is empty"));
    assert!(failure(|| EventBuilder::named("a").with_name("a b")).contains("contains ' '"));
    assert!(failure(|| EventBuilder::named("a").with_stream("a")).contains("expected category/key"));
    assert!(failure(|| history("", [placed(1)])).contains("key is empty"));
}
