//! Publishing: what is taken, and that it arrives as it was.

use eventsource_core::{
    Clock, ErrorKind, EventId, EventPublisher, LogId, NewEvent, Position, Provenance, RecordedEvent,
    StreamVersion, Timestamp, TraceContext,
    bus::BackgroundPublisher,
    codec::{CodecTag, TransformTag},
    lifecycle::STREAM_DELETED,
    store::Close,
};

use super::{
    Deliveries, GroupBacklog,
    bus_lab::{Door, Recorder, consume, only, options, soon, stop, stream},
    support::{holding, named, noise, together},
};

cases! { bus $ bus_publishing, bus_publishing_cases:
    nothing_published_is_nothing_delivered,
    what_is_published_without_groups_is_taken,
    everything_about_an_event_arrives,
    metadata_and_trace_context_arrive,
    a_payload_of_a_megabyte_arrives,
    every_name_and_time_arrives,
    logs_are_apart,
    events_published_at_the_same_time_are_delivered_once_each,
    what_is_published_twice_is_taken_twice,
    a_handler_that_fails_neither_fails_nor_delays_a_publication,
    a_full_backlog_is_told,
    what_is_published_in_the_background_arrives,
}

async fn nothing_published_is_nothing_delivered(lab: &Lab) {
    let (bus, recorder) = (lab.open().await, Recorder::new());
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    lab.publish(&*bus, &[]).await;
    let event = lab.event(&stream("a"), 1);
    lab.publish(&*bus, only(&event)).await;
    lab.publish(&*bus, &[]).await;
    recorder.until_handled(&[event]).await;
    assert_eq!(recorder.begun().len(), 1);
    stop(consumer).await;
}

async fn what_is_published_without_groups_is_taken(lab: &Lab) {
    let bus = lab.open().await;
    lab.publish(&*bus, &lab.events(&stream("a"), 1..=100)).await;
}

/// Publishes events and checks that they arrive as they were.
async fn check_arrival(lab: &Lab, events: Vec<RecordedEvent>) {
    let (bus, recorder) = (lab.open().await, Recorder::new());
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    lab.publish(&*bus, &events).await;
    recorder.until_handled(&events).await;
    for event in &events {
        let handled = recorder.handled();
        let delivery = handled.iter().find(|delivery| delivery.event.id == event.id).unwrap();
        assert_eq!(&*delivery.event, event);
        assert_eq!(delivery.log, lab.log());
    }
    stop(consumer).await;
}

async fn everything_about_an_event_arrives(lab: &Lab) {
    let correlated = NewEvent::new(EventId::generate(), "Happened", "{}").unwrap();
    let correlated = correlated.with_correlation(EventId::generate().into()).with_schema_version(u16::MAX);
    let mut transformed = holding(noise(1_000)).with_codec(CodecTag::new("cbor").unwrap());
    transformed.transform = TransformTag::new("zstd").unwrap();
    let mut events = vec![
        lab.recorded(correlated, &"acme@Test/a".parse().unwrap(), 1),
        lab.recorded(transformed, &stream("b"), 2),
        lab.recorded(holding(""), &stream("c"), 3),
        lab.recorded(holding((0..=255).collect::<Vec<u8>>()), &stream("d"), 4),
        lab.recorded(named("Happened"), &stream("e"), StreamVersion::MAX.get()),
    ];
    // A lifecycle record, and an event of an erased stream.
    let mut deleted = lab.event(&stream("f"), 5);
    deleted.name = STREAM_DELETED.parse().unwrap();
    let mut erased = lab.recorded(holding(""), &stream("g"), 6);
    erased.erased = true;
    let mut last = lab.event(&stream("h"), 7);
    last.position = Position::MAX;
    events.extend([deleted, erased, last]);
    check_arrival(lab, events).await;
}

async fn metadata_and_trace_context_arrive(lab: &Lab) {
    let trace = TraceContext {
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
        tracestate: Some("vendor=x".into()),
    };
    let provenance = Provenance::default()
        .with_causation(EventId::generate())
        .with_actor("Ada \"A.\" Löwe")
        .with_trace(trace)
        .with_entry("channel", "web")
        .with_entry("名", "値\n");
    let event = named("Happened").with_metadata(provenance.to_metadata().unwrap());
    let event = lab.recorded(event, &stream("a"), 1);
    let decoded = event.metadata.decode().unwrap();
    check_arrival(lab, vec![event.clone()]).await;
    assert_eq!(decoded.trace.as_ref().map(|t| t.tracestate.as_deref()), Some(Some("vendor=x")));
}

async fn a_payload_of_a_megabyte_arrives(lab: &Lab) {
    let events = (1..=3).map(|number| lab.recorded(holding(noise(1 << 20)), &stream("a"), number)).collect();
    check_arrival(lab, events).await;
}

async fn every_name_and_time_arrives(lab: &Lab) {
    let keys = ["it's \"quoted\"; DROP TABLE", "注文/№1@x", "a b\u{a0}c", &"x".repeat(255)];
    let times = [Timestamp::MIN, Timestamp::UNIX_EPOCH, lab.clock().now(), Timestamp::MAX];
    let events = keys.iter().zip(times).map(|(key, time)| {
        let mut event = lab.event(&stream(key), 1);
        event.occurred_at = time;
        event.recorded_at = time;
        event
    });
    check_arrival(lab, events.collect()).await;
}

async fn logs_are_apart(lab: &Lab) {
    let (bus, recorder) = (lab.open().await, Recorder::new());
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let (one, other, a) = (LogId::generate(), LogId::generate(), stream("a"));
    let (of_one, of_other) = (lab.events(&a, 1..=3), lab.events(&a, 1..=3));
    for (mine, others) in of_one.iter().zip(&of_other) {
        bus.publish(one, only(mine)).await.unwrap();
        bus.publish(other, only(others)).await.unwrap();
    }
    recorder.until_handled(&[of_one.clone(), of_other.clone()].concat()).await;
    for (log, events) in [(one, of_one), (other, of_other)] {
        let handled = recorder.handled();
        let of_log = handled.iter().filter(|delivery| delivery.log == log);
        let ids: Vec<_> = of_log.map(|delivery| delivery.event.id).collect();
        assert_eq!(ids, events.iter().map(|event| event.id).collect::<Vec<_>>());
    }
    stop(consumer).await;
}

async fn events_published_at_the_same_time_are_delivered_once_each(lab: &Lab) {
    let (bus, mails, sales) = (lab.open().await, Recorder::new(), Recorder::new());
    let consumers = [
        consume(&*bus, "mail", options().with_concurrency(4), &mails).await,
        consume(&*bus, "sales", options(), &sales).await,
    ];
    let parts =
        |key| (0..10).map(move |part| lab.events(&stream(key), 5 * part + 1..=5 * part + 5)).collect();
    let publications: Vec<Vec<_>> = (0..8).map(parts).collect();
    let all: Vec<_> = publications.iter().flatten().flatten().cloned().collect();
    let log = lab.log();
    together(publications.into_iter().map(|parts| {
        let bus = bus.clone();
        async move {
            for events in parts {
                bus.publish(log, &events).await.unwrap();
            }
        }
    }))
    .await;
    for recorder in [&mails, &sales] {
        recorder.until_handled(&all).await;
        assert_eq!(lab.handled(&[recorder]).len(), all.len());
    }
    for consumer in consumers {
        stop(consumer).await;
    }
    lab.assert_nothing_waits(&*bus, &["mail", "sales"]).await;
}

async fn what_is_published_twice_is_taken_twice(lab: &Lab) {
    let (bus, recorder) = (lab.open().await, Recorder::new());
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let events = lab.events(&stream("a"), 1..=3);
    for _ in 0..2 {
        lab.publish(&*bus, &events).await;
    }
    let last = lab.event(&stream("a"), 4);
    lab.publish(&*bus, only(&last)).await;
    recorder.until_handled(&[last]).await;
    let versions = recorder.begun_versions();
    match lab.capabilities().deliveries {
        Deliveries::Once => assert_eq!(versions, [1, 2, 3, 1, 2, 3, 4]),
        // Some brokers recognise what they were given before.
        Deliveries::AtLeastOnce => assert_eq!(versions[..3], [1, 2, 3]),
    }
    stop(consumer).await;
}

async fn a_handler_that_fails_neither_fails_nor_delays_a_publication(lab: &Lab) {
    let (bus, door) = (lab.open().await, Door::default());
    let failing = Recorder::failing(|_| true);
    let waits = door.clone();
    let stuck = Recorder::with(move |_| {
        let door = waits.clone();
        async move {
            door.pass().await;
            Ok(())
        }
    });
    let consumers = [
        consume(&*bus, "failing", options(), &failing).await,
        consume(&*bus, "stuck", options(), &stuck).await,
    ];
    let events = lab.events(&stream("a"), 1..=200);
    soon("everything is published", async {
        for event in &events {
            lab.publish(&*bus, only(event)).await;
        }
    })
    .await;
    failing.until_begun(1).await;
    stuck.until_begun(1).await;
    assert_eq!(stuck.handled().len(), 0, "it still waits");
    door.open();
    stuck.until_handled(&events).await;
    lab.until_parked("failing", &stream("a"), 100).await;
    for consumer in consumers {
        stop(consumer).await;
    }
}

async fn a_full_backlog_is_told(lab: &Lab) {
    const ROOM: usize = 50;
    let (bus, recorder, a) = (lab.open_bounded(ROOM).await, Recorder::new(), stream("a"));
    stop(consume(&*bus, "mail", options(), &recorder).await).await;
    let room: Vec<_> = lab.events(&a, 1..=ROOM as u64);
    lab.publish(&*bus, &room).await;
    let beyond = lab.events(&a, ROOM as u64 + 1..=2 * ROOM as u64);
    let outcome = bus.publish(lab.log(), &beyond).await;
    let mut published = room;
    match lab.capabilities().backlog {
        GroupBacklog::Bounded => {
            let error = outcome.unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Publish);
            assert!(error.is_transient(), "there may be room later");
        }
        GroupBacklog::InBroker => {
            outcome.unwrap();
            published.extend(beyond.clone());
        }
    }
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    recorder.until_handled(&published).await;
    assert_eq!(lab.handled(&[&recorder]).len(), published.len(), "nothing of a refused publication arrives");
    if lab.capabilities().backlog == GroupBacklog::Bounded {
        lab.publish(&*bus, &beyond).await;
        recorder.until_handled(&beyond).await;
    }
    stop(consumer).await;
}

async fn what_is_published_in_the_background_arrives(lab: &Lab) {
    let (bus, recorder, a) = (lab.open().await, Recorder::new(), stream("a"));
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let publisher = BackgroundPublisher::new(bus.clone());
    let events = lab.events(&a, 1..=20);
    for event in &events {
        publisher.publish(lab.log(), only(event)).await.unwrap();
    }
    publisher.close().await.unwrap();
    recorder.until_handled(&events).await;
    assert_eq!(recorder.begun_versions(), (1..=20).collect::<Vec<_>>());
    stop(consumer).await;
    // The bus behind it stays open.
    lab.publish(&*bus, &lab.events(&a, 21..=22)).await;
}
