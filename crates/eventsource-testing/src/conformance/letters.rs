//! Parking, changing and removing dead letters.

use std::time::Duration;

use eventsource_core::{
    Bytes, Clock, ConsumerId, CorrelationId, ErrorKind, EventId, EventName, LogId, Metadata, Position,
    RecordedEvent, StreamId, Timestamp,
    codec::{CodecTag, TransformTag},
    dead_letter::{
        Cause, CauseKind, DeadLetter, DeadLetterStore, LetterChange, LettersOptions, ParkOutcome,
        ParkingLimits,
    },
};

use super::{
    checkpoints::consumer,
    support::{after_start, cancel_everywhere, noise, refusal, together, version},
};

cases! { $ letters, letters_cases, DeadLetterStore:
    a_letter_comes_back_as_it_was_parked,
    every_letter_comes_back,
    parking_twice_is_parking_once,
    parking_nothing_changes_nothing,
    versions_of_a_consumer_and_logs_are_apart,
    a_stream_waits_behind_its_first_letter,
    a_stream_is_released_with_its_last_letter,
    too_many_streams_park_nothing,
    too_many_letters_of_a_stream_park_nothing,
    a_full_consumer_still_parks_behind_what_waits,
    what_is_parked_already_needs_no_room,
    consumers_are_limited_apart,
    limits_hold_for_many_at_the_same_time,
    of_many_that_park_a_letter_one_does,
    a_failure_is_counted_with_its_cause_and_time,
    an_edit_lies_beside_the_original,
    a_change_of_an_absent_letter_is_none,
    removing_all_letters_keeps_those_of_others,
    erasing_blanks_the_letters_of_a_stream,
    a_dropped_parking_happened_whole_or_not_at_all,
    a_closed_dead_letter_store_refuses_every_call,
}

/// A consumer with a log.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) consumer: ConsumerId,
    pub(super) log: LogId,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { consumer: consumer("sales@1"), log: LogId::generate() }
    }

    /// The letter of an event of a stream, whose version is its position.
    pub(super) fn letter(&self, stream: &StreamId, position: u64) -> DeadLetter {
        let event = RecordedEvent {
            id: EventId::generate(),
            stream: stream.clone(),
            version: version(position),
            position: Position::new(position),
            name: EventName::new("Happened").unwrap(),
            schema_version: 1,
            codec: CodecTag::JSON,
            transform: TransformTag::NONE,
            payload: Bytes::from_static(b"{}"),
            metadata: Metadata::default(),
            correlation: None,
            occurred_at: after_start(1),
            recorded_at: after_start(2),
            erased: false,
        };
        DeadLetter {
            consumer: self.consumer.clone(),
            log: self.log,
            event,
            edited: None,
            cause: cause(1),
            attempts: 5,
            parked_at: after_start(3),
            tried_at: after_start(4),
            handler_version: "1.0".to_owned(),
        }
    }

    pub(super) async fn list<S: DeadLetterStore + ?Sized>(
        &self,
        store: &S,
        options: &LettersOptions,
    ) -> Vec<DeadLetter> {
        store.letters(&self.consumer, self.log, options).await.unwrap()
    }

    pub(super) async fn all<S: DeadLetterStore + ?Sized>(&self, store: &S) -> Vec<DeadLetter> {
        self.list(store, &LettersOptions::default()).await
    }

    async fn streams<S: DeadLetterStore + ?Sized>(&self, store: &S) -> Vec<StreamId> {
        store.parked_streams(&self.consumer, self.log).await.unwrap()
    }

    async fn change<S: DeadLetterStore + ?Sized>(
        &self,
        store: &S,
        letter: &DeadLetter,
        change: LetterChange,
    ) -> bool {
        store.change_letter(&self.consumer, self.log, letter.event.id, &change).await.unwrap()
    }
}

pub(super) fn cause(fingerprint: u64) -> Cause {
    Cause { kind: CauseKind::Handler, chain: vec!["no".to_owned()], fingerprint }
}

fn limits(streams: u64, letters_per_stream: u64) -> ParkingLimits {
    let mut limits = ParkingLimits::default();
    (limits.streams, limits.letters_per_stream) = (streams, letters_per_stream);
    limits
}

/// Parks letters, which must be possible.
pub(super) async fn parked<S: DeadLetterStore + ?Sized>(store: &S, letters: &[DeadLetter]) {
    let limits = ParkingLimits::default();
    assert_eq!(store.park(letters, limits).await.unwrap(), ParkOutcome::Parked);
}

async fn a_letter_comes_back_as_it_was_parked(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    assert_eq!(reader.all(&store).await, []);
    let letter = reader.letter(&lab.stream("a"), 7);
    parked(&store, std::slice::from_ref(&letter)).await;
    assert_eq!(reader.all(&store).await, [letter]);
}

async fn every_letter_comes_back(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let kinds = [
        CauseKind::Undecodable,
        CauseKind::Unknown,
        CauseKind::Handler,
        CauseKind::TimedOut,
        CauseKind::Panicked,
        CauseKind::Behind,
    ];
    let mut letters = Vec::new();
    for (position, kind) in (1..).zip(kinds) {
        let stream = lab.stream(if position == 1 { "x".repeat(255) } else { "注文/1".to_owned() });
        let plain = reader.letter(&stream, position);
        letters.push(DeadLetter {
            event: RecordedEvent {
                name: EventName::new("x".repeat(200)).unwrap(),
                schema_version: u16::MAX,
                codec: CodecTag::from_static("cbor"),
                transform: TransformTag::from_static("zstd"),
                payload: noise(100_000).into(),
                metadata: Metadata::from_bytes(noise(1_000).into()),
                correlation: Some(CorrelationId::from(EventId::generate())),
                occurred_at: Timestamp::MIN,
                recorded_at: Timestamp::MAX,
                ..plain.event
            },
            edited: Some(Bytes::from_static(b"\0\xff")),
            cause: Cause {
                kind,
                chain: vec!["it's \"so\"\n注文".to_owned(), String::new()],
                fingerprint: u64::MAX,
            },
            attempts: u32::MAX,
            handler_version: "it's \"1\" 注文".to_owned(),
            ..plain
        });
    }
    let erased = reader.letter(&lab.stream("erased"), 99);
    letters.push(DeadLetter {
        event: RecordedEvent { payload: Bytes::new(), erased: true, ..erased.event },
        cause: Cause { chain: Vec::new(), ..erased.cause },
        attempts: 0,
        ..erased
    });
    let furthest = reader.letter(&lab.stream("far"), Position::MAX.get());
    letters.push(DeadLetter { parked_at: Timestamp::MIN, tried_at: Timestamp::MAX, ..furthest });
    parked(&store, &letters).await;
    assert_eq!(reader.all(&store).await, letters);
}

async fn parking_twice_is_parking_once(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letter = reader.letter(&lab.stream("a"), 7);
    parked(&store, std::slice::from_ref(&letter)).await;
    let again = DeadLetter { attempts: 9, cause: cause(2), ..letter.clone() };
    let other = reader.letter(&lab.stream("a"), 8);
    parked(&store, &[again.clone(), other.clone(), again]).await;
    assert_eq!(reader.all(&store).await, [letter, other], "the first one stays as it is");
}

async fn parking_nothing_changes_nothing(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    assert_eq!(store.park(&[], limits(0, 0)).await.unwrap(), ParkOutcome::Parked);
    assert_eq!((reader.all(&store).await, reader.streams(&store).await), (vec![], vec![]));
}

async fn versions_of_a_consumer_and_logs_are_apart(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letter = reader.letter(&lab.stream("a"), 7);
    parked(&store, std::slice::from_ref(&letter)).await;
    let others = [
        Reader { consumer: consumer("sales@2"), ..reader.clone() },
        Reader { consumer: consumer("sale@1"), ..reader.clone() },
        Reader { log: LogId::generate(), ..reader.clone() },
    ];
    for other in &others {
        assert_eq!((other.all(&store).await, other.streams(&store).await), (vec![], vec![]));
        let same_event = DeadLetter { consumer: other.consumer.clone(), log: other.log, ..letter.clone() };
        parked(&store, std::slice::from_ref(&same_event)).await;
        assert_eq!(other.all(&store).await, [same_event]);
    }
    assert!(reader.change(&store, &letter, LetterChange::Removed).await);
    for other in &others {
        assert_eq!(other.all(&store).await.len(), 1);
    }
}

async fn a_stream_waits_behind_its_first_letter(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let of_tenant: StreamId = "zeta@Test/a".parse().unwrap();
    let streams = [lab.stream("b"), of_tenant, lab.stream_in("Other", "z"), lab.stream("a")];
    let letters: Vec<_> =
        streams.iter().chain(&streams).zip(1..).map(|(stream, at)| reader.letter(stream, at)).collect();
    parked(&store, &letters).await;
    let mut sorted = streams.to_vec();
    sorted.sort();
    assert_eq!(reader.streams(&store).await, sorted);
}

async fn a_stream_is_released_with_its_last_letter(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let [a, b] = [lab.stream("a"), lab.stream("b")];
    let letters = [reader.letter(&a, 1), reader.letter(&b, 2), reader.letter(&a, 3)];
    parked(&store, &letters).await;
    assert!(reader.change(&store, &letters[0], LetterChange::Removed).await);
    assert_eq!(reader.streams(&store).await, [a, b.clone()]);
    assert!(reader.change(&store, &letters[2], LetterChange::Removed).await);
    assert_eq!(reader.streams(&store).await, [b]);
    assert!(!reader.change(&store, &letters[2], LetterChange::Removed).await);
    assert_eq!(reader.all(&store).await, [letters[1].clone()]);
}

async fn too_many_streams_park_nothing(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letter = |key: u64| reader.letter(&lab.stream(key), key);
    let first = letter(1);
    assert_eq!(store.park(std::slice::from_ref(&first), limits(2, 9)).await.unwrap(), ParkOutcome::Parked);
    let full = ParkOutcome::Full(limits(2, 9));
    assert_eq!(store.park(&[letter(2), letter(3)], limits(2, 9)).await.unwrap(), full);
    assert_eq!(reader.all(&store).await, [first], "none of them");
    assert_eq!(store.park(&[letter(2)], limits(2, 9)).await.unwrap(), ParkOutcome::Parked);
    assert_eq!(store.park(&[letter(4)], limits(2, 9)).await.unwrap(), full);
    assert_eq!(store.park(&[letter(4)], limits(3, 9)).await.unwrap(), ParkOutcome::Parked);
}

async fn too_many_letters_of_a_stream_park_nothing(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let [a, b] = [lab.stream("a"), lab.stream("b")];
    let full = ParkOutcome::Full(limits(9, 2));
    let three = [reader.letter(&a, 1), reader.letter(&a, 2), reader.letter(&a, 3)];
    assert_eq!(store.park(&three, limits(9, 2)).await.unwrap(), full);
    assert_eq!(reader.all(&store).await, []);
    assert_eq!(store.park(&three[..2], limits(9, 2)).await.unwrap(), ParkOutcome::Parked);
    let mixed = [reader.letter(&b, 4), three[2].clone()];
    assert_eq!(store.park(&mixed, limits(9, 2)).await.unwrap(), full);
    assert_eq!(reader.all(&store).await, three[..2], "also not of other streams");
    assert_eq!(store.park(&mixed[..1], limits(9, 2)).await.unwrap(), ParkOutcome::Parked);
}

async fn a_full_consumer_still_parks_behind_what_waits(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let a = lab.stream("a");
    parked(&store, &[reader.letter(&a, 1), reader.letter(&lab.stream("b"), 2)]).await;
    // As if the limit had been higher before.
    let behind = reader.letter(&a, 3);
    assert_eq!(store.park(&[behind], limits(1, 9)).await.unwrap(), ParkOutcome::Parked);
}

async fn what_is_parked_already_needs_no_room(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letters = [reader.letter(&lab.stream("a"), 1), reader.letter(&lab.stream("b"), 2)];
    parked(&store, &letters).await;
    assert_eq!(store.park(&letters, limits(1, 0)).await.unwrap(), ParkOutcome::Parked);
}

async fn consumers_are_limited_apart(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let other = Reader { consumer: consumer("sales@2"), ..reader.clone() };
    let second_log = Reader { log: LogId::generate(), ..reader.clone() };
    let a = lab.stream("a");
    for of in [&reader, &other] {
        let outcome = store.park(&[of.letter(&a, 1)], limits(1, 1)).await.unwrap();
        assert_eq!(outcome, ParkOutcome::Parked);
    }
    let outcome = store.park(&[second_log.letter(&a, 1)], limits(1, 1)).await.unwrap();
    assert_eq!(outcome, ParkOutcome::Full(limits(1, 1)), "streams count over all logs");
}

async fn limits_hold_for_many_at_the_same_time(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let parkings = (1..=24).map(|position| {
        let (store, letter) = (store.clone(), reader.letter(&lab.stream(position % 8), position));
        async move { store.park(&[letter], limits(5, 2)).await.unwrap() }
    });
    let outcomes = together(parkings).await;
    let statistics = store.letter_statistics(&reader.consumer).await.unwrap();
    assert_eq!((statistics.streams, statistics.letters), (5, 10));
    assert_eq!(outcomes.iter().filter(|o| **o == ParkOutcome::Parked).count(), 10);
}

async fn of_many_that_park_a_letter_one_does(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letter = reader.letter(&lab.stream("a"), 1);
    let parkings = (0..12).map(|attempts| {
        let (store, letter) = (store.clone(), DeadLetter { attempts, ..letter.clone() });
        async move { parked(&store, &[letter]).await }
    });
    together(parkings).await;
    assert_eq!(reader.all(&store).await.len(), 1);
}

async fn a_failure_is_counted_with_its_cause_and_time(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letter = reader.letter(&lab.stream("a"), 1);
    parked(&store, std::slice::from_ref(&letter)).await;
    lab.clock().advance(Duration::from_secs(60));
    let new = Cause { kind: CauseKind::Panicked, chain: vec!["oh".into(), "no".into()], fingerprint: 9 };
    let failed = LetterChange::Failed { cause: new.clone(), handler_version: "2.0".to_owned() };
    assert!(reader.change(&store, &letter, failed).await);
    let expected = DeadLetter {
        cause: new,
        attempts: 6,
        tried_at: lab.clock().now(),
        handler_version: "2.0".to_owned(),
        ..letter
    };
    assert_eq!(reader.all(&store).await, [expected]);
}

async fn an_edit_lies_beside_the_original(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letter = reader.letter(&lab.stream("a"), 1);
    parked(&store, std::slice::from_ref(&letter)).await;
    for payload in ["{\"better\":true}", "", "{\"best\":true}"] {
        assert!(reader.change(&store, &letter, LetterChange::Edited(payload.into())).await);
        let expected = DeadLetter { edited: Some(payload.into()), ..letter.clone() };
        assert_eq!(reader.all(&store).await, [expected]);
    }
    let failed = LetterChange::Failed { cause: cause(2), handler_version: "1.0".to_owned() };
    assert!(reader.change(&store, &letter, failed).await);
    assert_eq!(reader.all(&store).await[0].edited.as_deref(), Some(&b"{\"best\":true}"[..]));
}

async fn a_change_of_an_absent_letter_is_none(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let [there, absent] = [reader.letter(&lab.stream("a"), 1), reader.letter(&lab.stream("a"), 2)];
    parked(&store, std::slice::from_ref(&there)).await;
    let failed = LetterChange::Failed { cause: cause(2), handler_version: "1.0".to_owned() };
    for change in [failed, LetterChange::Edited("{}".into()), LetterChange::Removed] {
        assert!(!reader.change(&store, &absent, change).await);
    }
    assert_eq!(reader.all(&store).await, [there]);
}

async fn removing_all_letters_keeps_those_of_others(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let second_log = Reader { log: LogId::generate(), ..reader.clone() };
    let other = Reader { consumer: consumer("sales@2"), ..reader.clone() };
    for of in [&reader, &second_log, &other] {
        parked(&store, &[of.letter(&lab.stream("a"), 1), of.letter(&lab.stream("b"), 2)]).await;
    }
    assert_eq!(store.remove_letters(&reader.consumer).await.unwrap(), 4);
    assert_eq!(store.remove_letters(&reader.consumer).await.unwrap(), 0);
    assert_eq!((reader.all(&store).await, second_log.all(&store).await), (vec![], vec![]));
    assert_eq!(reader.streams(&store).await, []);
    assert_eq!(other.all(&store).await.len(), 2);
}

/// A letter that holds something in every place that can.
pub(super) fn telling(letter: DeadLetter) -> DeadLetter {
    DeadLetter {
        event: RecordedEvent {
            payload: Bytes::from_static(b"secret"),
            metadata: Metadata::from_bytes(Bytes::from_static(b"secret")),
            correlation: Some(CorrelationId::from(EventId::generate())),
            ..letter.event
        },
        edited: Some(Bytes::from_static(b"secret")),
        cause: Cause { chain: vec!["secret".to_owned()], ..letter.cause },
        ..letter
    }
}

/// What erasing leaves of a letter.
pub(super) fn blank(letter: &DeadLetter) -> DeadLetter {
    DeadLetter {
        event: RecordedEvent {
            payload: Bytes::new(),
            metadata: Metadata::default(),
            correlation: None,
            erased: true,
            ..letter.event.clone()
        },
        edited: None,
        cause: Cause { chain: Vec::new(), ..letter.cause.clone() },
        ..letter.clone()
    }
}

async fn erasing_blanks_the_letters_of_a_stream(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let second = Reader { consumer: consumer("other@7"), ..reader.clone() };
    let second_log = Reader { log: LogId::generate(), ..reader.clone() };
    let [a, b] = [lab.stream("a"), lab.stream("b")];
    let own = [telling(reader.letter(&a, 1)), telling(reader.letter(&b, 2)), telling(reader.letter(&a, 3))];
    let seconds = [telling(second.letter(&a, 1))];
    let elsewhere = [telling(second_log.letter(&a, 1))];
    for letters in [&own[..], &seconds, &elsewhere] {
        parked(&store, letters).await;
    }
    assert_eq!(store.erase_letters(reader.log, &a).await.unwrap(), 3);
    assert_eq!(reader.all(&store).await, [blank(&own[0]), own[1].clone(), blank(&own[2])]);
    assert_eq!(second.all(&store).await, [blank(&seconds[0])]);
    assert_eq!(second_log.all(&store).await, elsewhere);
    assert_eq!(reader.streams(&store).await, [a, b], "they stay in their places");
    assert_eq!(store.erase_letters(reader.log, &lab.stream("c")).await.unwrap(), 0);
}

async fn a_dropped_parking_happened_whole_or_not_at_all(lab: &Lab) {
    let store = &lab.open().await;
    let reader = &Reader::new();
    cancel_everywhere(|number| async move {
        let position = 2 * number as u64 + 1;
        let letters =
            [reader.letter(&lab.stream(number), position), reader.letter(&lab.stream(number), position + 1)];
        let again = letters.clone();
        let dropped = async move { store.park(&letters, ParkingLimits::default()).await };
        let check = async move {
            let mut options = LettersOptions::default();
            options.stream = Some(lab.stream(number));
            let found = reader.list(store, &options).await;
            assert!(found.is_empty() || found == again, "{found:?}");
            parked(store, &again).await;
            assert_eq!(reader.list(store, &options).await, again);
        };
        (dropped, check)
    })
    .await;
}

async fn a_closed_dead_letter_store_refuses_every_call(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letter = reader.letter(&lab.stream("a"), 1);
    parked(&store, std::slice::from_ref(&letter)).await;
    store.close().await.unwrap();
    let (of, log, event) = (&reader.consumer, reader.log, letter.event.id);
    let limits = ParkingLimits::default();
    assert_eq!(refusal(store.park(std::slice::from_ref(&letter), limits).await), ErrorKind::Closed);
    assert_eq!(refusal(store.parked_streams(of, log).await), ErrorKind::Closed);
    assert_eq!(refusal(store.letters(of, log, &LettersOptions::default()).await), ErrorKind::Closed);
    assert_eq!(refusal(store.change_letter(of, log, event, &LetterChange::Removed).await), ErrorKind::Closed);
    assert_eq!(refusal(store.remove_letters(of).await), ErrorKind::Closed);
    assert_eq!(refusal(store.erase_letters(log, &letter.event.stream).await), ErrorKind::Closed);
    assert_eq!(refusal(store.letter_statistics(of).await), ErrorKind::Closed);
}
