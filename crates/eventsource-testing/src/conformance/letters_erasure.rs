//! Dead letters that lie beside the events of streams that are erased.

use eventsource_core::{
    RecordedEvent,
    dead_letter::{DeadLetter, DeadLetterStore},
    lifecycle::LifecycleNote,
    store::{EventStore, StreamErasure},
};

use super::{
    letters::{Reader, blank, parked, telling},
    support::{append, holding, read},
};

cases! { $ letters_erasure, letters_erasure_cases, EventStore | DeadLetterStore | StreamErasure:
    erasing_a_stream_blanks_its_letters,
    an_event_of_an_erased_stream_is_parked_blank,
    letters_of_another_log_are_not_touched,
}

/// The letters of the events of a stream, which were read before anything happened to them.
fn letters_of(reader: &Reader, events: &[RecordedEvent]) -> Vec<DeadLetter> {
    let letter = |event: &RecordedEvent| {
        let telling = telling(reader.letter(&event.stream, event.position.get()));
        DeadLetter { event: RecordedEvent { metadata: telling.event.metadata, ..event.clone() }, ..telling }
    };
    events.iter().map(letter).collect()
}

async fn erasing_a_stream_blanks_its_letters(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    let reader = Reader { log: store.log().id, ..Reader::new() };
    let mut letters = Vec::new();
    for stream in [&a, &b] {
        append(&store, stream, vec![holding("secret"), holding("secret")]).await;
        letters.extend(letters_of(&reader, &read(&store, stream).await));
    }
    parked(&store, &letters).await;
    store.erase(&a, &LifecycleNote::default()).await.unwrap();
    let expected: Vec<_> = letters[..2].iter().map(blank).chain(letters[2..].iter().cloned()).collect();
    assert_eq!(reader.all(&store).await, expected);
}

async fn an_event_of_an_erased_stream_is_parked_blank(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let reader = Reader { log: store.log().id, ..Reader::new() };
    append(&store, &a, vec![holding("secret")]).await;
    // Read before, parked after.
    let late = letters_of(&reader, &read(&store, &a).await);
    store.erase(&a, &LifecycleNote::default()).await.unwrap();
    parked(&store, &late).await;
    assert_eq!(reader.all(&store).await, [blank(&late[0])]);
}

async fn letters_of_another_log_are_not_touched(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let elsewhere = Reader::new();
    append(&store, &a, vec![holding("mine")]).await;
    let before = telling(elsewhere.letter(&a, 1));
    parked(&store, std::slice::from_ref(&before)).await;
    store.erase(&a, &LifecycleNote::default()).await.unwrap();
    let after = telling(elsewhere.letter(&a, 2));
    parked(&store, std::slice::from_ref(&after)).await;
    assert_eq!(elsewhere.all(&store).await, [before, after]);
}
