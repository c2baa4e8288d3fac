//! Dead letters: what is parked, what waits behind it, and how it goes on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use eventsource_core::{
    BoxError, Clock, ConsumerId, Error, ErrorKind, EventId, LogId,
    bus::Delivery,
    dead_letter::{CauseKind, DeadLetterStore, LetterChange, ParkingLimits},
};

use super::{
    bus_lab::{Door, Recorder, consume, name, only, options, stop, stream, until_ended, without_retries},
    support::ids,
};

cases! { bus $ bus_letters, bus_letters_cases:
    an_event_that_keeps_failing_is_parked_with_its_cause,
    later_events_of_a_parked_stream_are_parked_behind_it,
    a_poison_event_parks_its_stream_and_others_go_on,
    letters_belong_to_the_group_that_failed,
    letters_tell_how_the_handler_failed,
    what_cannot_be_decoded_is_parked_at_once,
    an_event_is_done_only_when_its_letter_is_kept,
    parking_is_tried_until_the_letter_is_kept,
    when_no_more_may_be_parked_the_consumption_ends,
    a_parked_stream_stays_parked_for_later_members,
    retried_letters_are_handled_in_order_and_release_their_stream,
    a_letter_that_fails_again_keeps_those_behind_it,
    an_edited_letter_is_handled_as_edited,
    a_discarded_letter_releases_what_waited_behind_it,
    streams_of_the_same_name_in_other_logs_go_on,
}

fn is_poison(delivery: &Delivery) -> bool {
    delivery.event.version.get() == 2
}

/// Fails at the second event of each stream, until it is mended.
fn poisoned(mended: &Door) -> Recorder {
    let mended = mended.clone();
    Recorder::failing(move |delivery| is_poison(delivery) && !mended.is_open())
}

async fn an_event_that_keeps_failing_is_parked_with_its_cause(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let recorder = Recorder::with(|_| async {
        Err(Error::new(ErrorKind::Handler, "no mail was sent").with_source("no route").into())
    });
    let consumer = consume(&*bus, "mail", options().with_handler_version("7"), &recorder).await;
    let event = lab.event(&a, 1);
    lab.publish(&*bus, only(&event)).await;
    let [letter] = lab.until_parked("mail", &a, 1).await.try_into().unwrap();
    assert_eq!(recorder.begun_versions(), [1, 1, 1]);
    assert_eq!(letter.event, event);
    assert_eq!((letter.consumer, letter.log), (ConsumerId::from(name("mail")), lab.log()));
    assert_eq!((letter.attempts, letter.edited), (3, None));
    assert_eq!(letter.handler_version, "7");
    assert_eq!(
        (letter.cause.kind, &letter.cause.chain[..]),
        (CauseKind::Handler, &["no mail was sent".to_owned(), "no route".to_owned()][..])
    );
    assert_eq!((letter.parked_at, letter.tried_at), (lab.clock().now(), lab.clock().now()));
    stop(consumer).await;
}

async fn later_events_of_a_parked_stream_are_parked_behind_it(lab: &Lab) {
    let (bus, a, mended) = (lab.open().await, stream("a"), Door::default());
    let recorder = poisoned(&mended);
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let events = lab.events(&a, 1..=5);
    lab.publish(&*bus, &events[..3]).await;
    lab.until_parked("mail", &a, 2).await;
    lab.publish(&*bus, &events[3..]).await;
    let letters = lab.until_parked("mail", &a, 4).await;
    let kinds: Vec<_> = letters.iter().map(|l| (l.event.version.get(), l.cause.kind, l.attempts)).collect();
    let behind = |version| (version, CauseKind::Behind, 0);
    assert_eq!(kinds, [(2, CauseKind::Handler, 3), behind(3), behind(4), behind(5)]);
    assert_eq!(recorder.begun_versions(), [1, 2, 2, 2], "what waits is not handled");
    stop(consumer).await;
}

async fn a_poison_event_parks_its_stream_and_others_go_on(lab: &Lab) {
    let bus = lab.open().await;
    let recorder = Recorder::failing(|delivery| delivery.event.stream == stream("bad"));
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let bad = lab.events(&stream("bad"), 1..=5);
    let good: Vec<_> = (0..5).flat_map(|key| lab.events(&stream(key), 1..=5)).collect();
    let mut mixed = Vec::new();
    for (others, bad) in good.chunks(5).zip(&bad) {
        mixed.extend_from_slice(others);
        mixed.push(bad.clone());
    }
    lab.publish(&*bus, &mixed).await;
    recorder.until_handled(&good).await;
    lab.until_parked("mail", &stream("bad"), 5).await;
    for key in 0..5 {
        assert_eq!(recorder.handled_versions(&stream(key)), [1, 2, 3, 4, 5]);
    }
    stop(consumer).await;
}

async fn letters_belong_to_the_group_that_failed(lab: &Lab) {
    let (bus, a, mended) = (lab.open().await, stream("a"), Door::default());
    let (failing, healthy) = (poisoned(&mended), Recorder::new());
    let consumers = [
        consume(&*bus, "failing", options(), &failing).await,
        consume(&*bus, "healthy", options(), &healthy).await,
    ];
    let events = lab.events(&a, 1..=4);
    lab.publish(&*bus, &events).await;
    lab.until_parked("failing", &a, 3).await;
    healthy.until_handled(&events).await;
    assert_eq!(lab.parked("healthy", &a).await, []);
    for consumer in consumers {
        stop(consumer).await;
    }
}

async fn letters_tell_how_the_handler_failed(lab: &Lab) {
    let bus = lab.open().await;
    let recorder = Recorder::with(|delivery| async move {
        match delivery.event.stream.key() {
            "late" => std::future::pending().await,
            "broken" => panic!("the handler breaks down"),
            _ => Err("no mail was sent".into()),
        }
    });
    let limited = options().with_failure(without_retries()).with_timeout(Duration::from_millis(300));
    let consumer = consume(&*bus, "mail", limited, &recorder).await;
    let kinds =
        [("late", CauseKind::TimedOut), ("broken", CauseKind::Panicked), ("failing", CauseKind::Handler)];
    for (key, kind) in kinds {
        lab.publish(&*bus, &lab.events(&stream(key), [1])).await;
        let letters = lab.until_parked("mail", &stream(key), 1).await;
        assert_eq!((letters[0].cause.kind, letters[0].attempts), (kind, 1));
        assert!(!letters[0].cause.chain.is_empty(), "{key}");
    }
    stop(consumer).await;
}

async fn what_cannot_be_decoded_is_parked_at_once(lab: &Lab) {
    let bus = lab.open().await;
    let recorder = Recorder::with(|delivery| async move {
        let error = match delivery.event.stream.key() {
            "unknown" => Error::unknown_event("Test", "Happened", 1),
            _ => Error::new(ErrorKind::Decode, "the payload is damaged"),
        };
        Err(BoxError::from(error))
    });
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    for (key, kind) in [("unknown", CauseKind::Unknown), ("damaged", CauseKind::Undecodable)] {
        lab.publish(&*bus, &lab.events(&stream(key), [1])).await;
        let letters = lab.until_parked("mail", &stream(key), 1).await;
        assert_eq!((letters[0].cause.kind, letters[0].attempts), (kind, 1));
    }
    assert_eq!(recorder.begun().len(), 2, "no retry mends them");
    stop(consumer).await;
}

async fn an_event_is_done_only_when_its_letter_is_kept(lab: &Lab) {
    let (bus, a, mended) = (lab.open().await, stream("a"), Door::default());
    let recorder = poisoned(&mended);
    lab.letters().hold();
    let consumer = consume(&*bus, "mail", options().with_failure(without_retries()), &recorder).await;
    let events = lab.events(&a, 1..=3);
    lab.publish(&*bus, &events[..2]).await;
    lab.letters().until_called(1).await;
    // The member dies while it parks.
    drop(consumer);
    lab.letters().recover();
    lab.publish(&*bus, &events[2..]).await;

    let later = Recorder::new();
    let consumer = consume(&*bus, "mail", options(), &later).await;
    later.until_handled(&events[2..]).await;
    assert_eq!(later.begun_versions(), [2, 3], "an event whose letter was not kept comes again");
    assert_eq!(lab.parked("mail", &a).await, []);
    stop(consumer).await;
}

async fn parking_is_tried_until_the_letter_is_kept(lab: &Lab) {
    let (bus, a, mended) = (lab.open().await, stream("a"), Door::default());
    let recorder = poisoned(&mended);
    lab.letters().fail(10);
    let consumer = consume(&*bus, "mail", options().with_failure(without_retries()), &recorder).await;
    lab.publish(&*bus, &lab.events(&a, 1..=3)).await;
    let letters = lab.until_parked("mail", &a, 2).await;
    assert_eq!(letters.iter().map(|letter| letter.event.version.get()).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(recorder.begun_versions(), [1, 2], "the handler is not asked again meanwhile");
    stop(consumer).await;
}

async fn when_no_more_may_be_parked_the_consumption_ends(lab: &Lab) {
    let (bus, a, mended) = (lab.open().await, stream("a"), Door::default());
    let limits = ParkingLimits::default().with_letters_per_stream(2);
    let recorder = poisoned(&mended);
    let few = options().with_parking(limits);
    let consumer = consume(&*bus, "mail", few, &recorder).await;
    let events = lab.events(&a, 1..=5);
    lab.publish(&*bus, &events).await;
    until_ended(&*consumer).await;
    let error = consumer.stop(Duration::ZERO).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::ParkingFull(limits));
    assert_eq!(lab.parked("mail", &a).await.len(), 2);

    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let letters = lab.until_parked("mail", &a, 4).await;
    assert_eq!(letters.iter().map(|letter| letter.event.id).collect::<Vec<_>>(), ids(&events[1..]));
    assert_eq!(recorder.begun_versions(), [1, 2, 2, 2], "nothing was lost, and nothing passed the letters");
    stop(consumer).await;
}

async fn a_parked_stream_stays_parked_for_later_members(lab: &Lab) {
    let (bus, a, mended) = (lab.open().await, stream("a"), Door::default());
    let recorder = poisoned(&mended);
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    lab.publish(&*bus, &lab.events(&a, 1..=2)).await;
    lab.until_parked("mail", &a, 1).await;
    stop(consumer).await;

    // Another bus over the same letters, as after a restart.
    for bus in [bus, lab.open().await] {
        let later = Recorder::new();
        let consumer = consume(&*bus, "mail", options(), &later).await;
        let before = lab.parked("mail", &a).await.len();
        let (waiting, other) = (lab.event(&a, 3 + before as u64), lab.event(&stream(EventId::generate()), 1));
        lab.publish(&*bus, &[waiting, other.clone()]).await;
        later.until_handled(only(&other)).await;
        assert_eq!(later.begun().len(), 1, "nothing passes the letters");
        lab.until_parked("mail", &a, before + 1).await;
        assert_eq!(later.begun().len(), 1, "nothing passes the letters");
        stop(consumer).await;
    }
}

async fn retried_letters_are_handled_in_order_and_release_their_stream(lab: &Lab) {
    let (bus, a, mended) = (lab.open().await, stream("a"), Door::default());
    let recorder = poisoned(&mended);
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let events = lab.events(&a, 1..=6);
    lab.publish(&*bus, &events[..4]).await;
    lab.until_parked("mail", &a, 3).await;

    mended.open();
    let retried = consumer.retry(lab.log(), &a).await.unwrap();
    assert_eq!((retried.handled, retried.released), (3, true));
    assert_eq!(recorder.handled_versions(&a), [1, 2, 3, 4]);
    let attempts: Vec<_> = recorder.handled().iter().map(|delivery| delivery.attempt).collect();
    assert_eq!(attempts, [1, 4, 1, 1], "attempts go on where they were");
    assert_eq!(lab.parked("mail", &a).await, []);

    lab.publish(&*bus, &events[4..]).await;
    recorder.until_handled(&events[4..]).await;
    assert_eq!(recorder.handled_versions(&a), [1, 2, 3, 4, 5, 6]);
    let again = consumer.retry(lab.log(), &a).await.unwrap();
    assert_eq!((again.handled, again.released), (0, true), "nothing is left to do");
    stop(consumer).await;
}

async fn a_letter_that_fails_again_keeps_those_behind_it(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let is_broken = Arc::new(Mutex::new(HashMap::from([(2, true), (4, true)])));
    let broken = is_broken.clone();
    let recorder = Recorder::failing(move |delivery| {
        broken.lock().unwrap().get(&delivery.event.version.get()).copied().unwrap_or_default()
    });
    let new_version = options().with_failure(without_retries()).with_handler_version("8");
    let consumer = consume(&*bus, "mail", new_version, &recorder).await;
    let events = lab.events(&a, 1..=5);
    lab.publish(&*bus, &events).await;
    lab.until_parked("mail", &a, 4).await;

    let retried = consumer.retry(lab.log(), &a).await.unwrap();
    assert_eq!((retried.handled, retried.released), (0, false));
    let letters = lab.parked("mail", &a).await;
    assert_eq!((letters.len(), letters[0].attempts), (4, 2));

    is_broken.lock().unwrap().insert(2, false);
    let retried = consumer.retry(lab.log(), &a).await.unwrap();
    assert_eq!((retried.handled, retried.released), (2, false));
    let letters = lab.parked("mail", &a).await;
    let left: Vec<_> = letters.iter().map(|l| (l.event.version.get(), l.cause.kind)).collect();
    assert_eq!(left, [(4, CauseKind::Handler), (5, CauseKind::Behind)]);

    is_broken.lock().unwrap().clear();
    assert_eq!(consumer.retry(lab.log(), &a).await.unwrap().handled, 2);
    assert_eq!(recorder.handled_versions(&a), [1, 2, 3, 4, 5]);
    stop(consumer).await;
}

async fn an_edited_letter_is_handled_as_edited(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let recorder = Recorder::failing(|delivery| delivery.event.payload == "{}");
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let event = lab.event(&a, 1);
    lab.publish(&*bus, only(&event)).await;
    let letters = lab.until_parked("mail", &a, 1).await;
    let edited = LetterChange::Edited("{\"mended\":true}".into());
    assert!(lab.letters().change_letter(&letters[0].consumer, lab.log(), event.id, &edited).await.unwrap());
    assert!(consumer.retry(lab.log(), &a).await.unwrap().released);
    let handled = recorder.handled();
    assert_eq!((&*handled[0].event.payload, handled[0].event.id), (&b"{\"mended\":true}"[..], event.id));
    stop(consumer).await;
}

async fn a_discarded_letter_releases_what_waited_behind_it(lab: &Lab) {
    let (bus, a, mended) = (lab.open().await, stream("a"), Door::default());
    let recorder = poisoned(&mended);
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let events = lab.events(&a, 1..=4);
    lab.publish(&*bus, &events[..3]).await;
    lab.until_parked("mail", &a, 2).await;

    assert!(consumer.discard(lab.log(), events[1].id).await.unwrap());
    assert!(!consumer.discard(lab.log(), events[1].id).await.unwrap(), "it is gone");
    assert_eq!(lab.parked("mail", &a).await.len(), 1, "what waited behind it waits still");
    assert!(consumer.retry(lab.log(), &a).await.unwrap().released);
    lab.publish(&*bus, &events[3..]).await;
    recorder.until_handled(&events[3..]).await;
    assert_eq!(recorder.handled_versions(&a), [1, 3, 4]);

    let last = lab.events(&stream("b"), 2..=3);
    lab.publish(&*bus, &last[..1]).await;
    lab.until_parked("mail", &stream("b"), 1).await;
    assert!(consumer.discard(lab.log(), last[0].id).await.unwrap());
    lab.publish(&*bus, &last[1..]).await;
    recorder.until_handled(&last[1..]).await;
    assert_eq!(lab.parked("mail", &stream("b")).await, [], "with its only letter the stream is released");
    stop(consumer).await;
}

async fn streams_of_the_same_name_in_other_logs_go_on(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let log = lab.log();
    let recorder = Recorder::failing(move |delivery| delivery.log == log);
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    lab.publish(&*bus, &lab.events(&a, 1..=2)).await;
    lab.until_parked("mail", &a, 2).await;
    let others = lab.events(&a, 1..=2);
    bus.publish(LogId::generate(), &others).await.unwrap();
    recorder.until_handled(&others).await;
    stop(consumer).await;
}
