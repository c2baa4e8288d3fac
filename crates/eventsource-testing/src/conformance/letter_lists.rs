//! Lists and statistics of dead letters.

use eventsource_core::{
    EventId, LogId, Position,
    dead_letter::{DeadLetter, DeadLetterStore, LetterChange, LetterStatistics, LettersOptions},
};

use super::{
    checkpoints::consumer,
    letters::{Reader, cause, parked},
    support::after_start,
};

cases! { $ letter_lists, letter_lists_cases, DeadLetterStore:
    letters_of_a_stream_are_in_the_order_of_their_versions,
    letters_are_listed_by_position,
    pages_go_on_after_a_position,
    pages_go_on_although_letters_are_removed,
    the_letter_of_an_event_is_found,
    letters_of_a_stream_are_listed,
    letters_of_a_cause_are_listed,
    the_first_of_each_stream_are_listed,
    what_restricts_a_list_restricts_it_together,
    statistics_of_nothing_are_zero,
    statistics_count_letters_streams_and_causes,
    statistics_name_the_hundred_most_frequent_causes,
}

fn ids(letters: &[DeadLetter]) -> Vec<EventId> {
    letters.iter().map(|letter| letter.event.id).collect()
}

async fn letters_of_a_stream_are_in_the_order_of_their_versions(lab: &Lab) {
    let (store, reader, a) = (lab.open().await, Reader::new(), lab.stream("a"));
    let letters: Vec<_> = (1..=5).map(|position| reader.letter(&a, position)).collect();
    // Parked in another order.
    for number in [2, 0, 4, 1, 3] {
        parked(&store, &letters[number..=number]).await;
    }
    assert_eq!(reader.all(&store).await, letters);
    // Neither is it changed by what happens to a letter.
    let failed = LetterChange::Failed { cause: cause(2), handler_version: String::new() };
    assert!(store.change_letter(&reader.consumer, reader.log, letters[0].event.id, &failed).await.unwrap());
    assert_eq!(ids(&reader.all(&store).await), ids(&letters));
}

async fn letters_are_listed_by_position(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letters: Vec<_> = (1..=30).map(|at| reader.letter(&lab.stream(at % 4), at * 1_000)).collect();
    let mut shuffled = letters.clone();
    shuffled.sort_by_key(|letter| *letter.event.id.as_uuid().as_bytes().last().unwrap());
    parked(&store, &shuffled).await;
    assert_eq!(reader.all(&store).await, letters);
}

async fn pages_go_on_after_a_position(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letters: Vec<_> = (1..=230).map(|at| reader.letter(&lab.stream(at % 7), at)).collect();
    parked(&store, &letters).await;
    let mut options = LettersOptions::default();
    for expected in [&letters[..100], &letters[100..200], &letters[200..], &[]] {
        let page = reader.list(&store, &options).await;
        assert_eq!(page, expected);
        options.after = page.last().map(|letter| letter.event.position);
    }
    options.after = Some(Position::new(77));
    assert_eq!(reader.list(&store, &options).await, letters[77..177]);
    options.after = Some(Position::START);
    assert_eq!(reader.list(&store, &options).await, letters[..100]);
}

async fn pages_go_on_although_letters_are_removed(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letters: Vec<_> = (1..=230).map(|at| reader.letter(&lab.stream(at % 7), at)).collect();
    parked(&store, &letters).await;
    let (mut options, mut seen) = (LettersOptions::default(), Vec::new());
    loop {
        let page = reader.list(&store, &options).await;
        let Some(last) = page.last() else { break };
        options.after = Some(last.event.position);
        for event in ids(&page) {
            seen.push(event);
            assert!(
                store
                    .change_letter(&reader.consumer, reader.log, event, &LetterChange::Removed)
                    .await
                    .unwrap()
            );
        }
    }
    assert_eq!(seen, ids(&letters));
    assert_eq!(reader.all(&store).await, []);
}

async fn the_letter_of_an_event_is_found(lab: &Lab) {
    let (store, reader, a) = (lab.open().await, Reader::new(), lab.stream("a"));
    let letters = [reader.letter(&a, 1), reader.letter(&a, 2)];
    parked(&store, &letters).await;
    let mut options = LettersOptions::default();
    options.event = Some(letters[1].event.id);
    assert_eq!(reader.list(&store, &options).await, letters[1..]);
    options.event = Some(EventId::generate());
    assert_eq!(reader.list(&store, &options).await, []);
}

async fn letters_of_a_stream_are_listed(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let [a, other] = [lab.stream("a"), lab.stream_in("Other", "a")];
    let of_tenant = "zeta@Test/a".parse().unwrap();
    let letters =
        [reader.letter(&a, 1), reader.letter(&other, 2), reader.letter(&of_tenant, 3), reader.letter(&a, 4)];
    parked(&store, &letters).await;
    let mut options = LettersOptions::default();
    for (stream, expected) in [(a, vec![0, 3]), (other, vec![1]), (of_tenant, vec![2])] {
        options.stream = Some(stream);
        let expected: Vec<_> = expected.into_iter().map(|number: usize| letters[number].clone()).collect();
        assert_eq!(reader.list(&store, &options).await, expected);
    }
}

async fn letters_of_a_cause_are_listed(lab: &Lab) {
    let (store, reader, a) = (lab.open().await, Reader::new(), lab.stream("a"));
    let letters: Vec<_> = [1, u64::MAX, 1]
        .into_iter()
        .zip(1..)
        .map(|(print, at)| DeadLetter { cause: cause(print), ..reader.letter(&a, at) })
        .collect();
    parked(&store, &letters).await;
    let mut options = LettersOptions::default();
    options.cause = Some(u64::MAX);
    assert_eq!(reader.list(&store, &options).await, letters[1..2]);
    options.cause = Some(1);
    assert_eq!(reader.list(&store, &options).await, [letters[0].clone(), letters[2].clone()]);
}

async fn the_first_of_each_stream_are_listed(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let other = Reader { consumer: consumer("other@1"), ..reader.clone() };
    let second_log = Reader { log: LogId::generate(), ..reader.clone() };
    let letters: Vec<_> = (1..=9).map(|at| reader.letter(&lab.stream(at % 3), at + 1)).collect();
    // What others have before them does not matter.
    parked(&store, &[other.letter(&lab.stream(1), 1)]).await;
    parked(&store, &[second_log.letter(&lab.stream(1), 1)]).await;
    parked(&store, &letters).await;
    let mut options = LettersOptions::default();
    options.first_only = true;
    assert_eq!(reader.list(&store, &options).await, letters[..3]);
    let gone = letters[1].event.id;
    assert!(store.change_letter(&reader.consumer, reader.log, gone, &LetterChange::Removed).await.unwrap());
    let expected = [letters[0].clone(), letters[2].clone(), letters[4].clone()];
    assert_eq!(reader.list(&store, &options).await, expected, "the next of its stream");
}

async fn what_restricts_a_list_restricts_it_together(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let letters: Vec<_> = (1..=12u64)
        .map(|at| DeadLetter { cause: cause(at % 2), ..reader.letter(&lab.stream(at % 3), at) })
        .collect();
    parked(&store, &letters).await;
    let mut options = LettersOptions::default();
    (options.stream, options.cause) = (Some(lab.stream(1)), Some(1));
    assert_eq!(ids(&reader.list(&store, &options).await), [letters[0].event.id, letters[6].event.id]);
    options.after = Some(Position::new(1));
    assert_eq!(ids(&reader.list(&store, &options).await), [letters[6].event.id]);
    options.first_only = true;
    assert_eq!(reader.list(&store, &options).await, [], "the first of the stream lies before");
    options.after = None;
    assert_eq!(ids(&reader.list(&store, &options).await), [letters[0].event.id]);
    options.cause = Some(0);
    assert_eq!(reader.list(&store, &options).await, [], "the first of the stream has another cause");
}

async fn statistics_of_nothing_are_zero(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let statistics = store.letter_statistics(&reader.consumer).await.unwrap();
    assert_eq!(statistics, LetterStatistics::default());
}

async fn statistics_count_letters_streams_and_causes(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let second_log = Reader { log: LogId::generate(), ..reader.clone() };
    let other = Reader { consumer: consumer("sales@2"), ..reader.clone() };
    let letters: Vec<_> = (1..=6u64)
        .map(|at| DeadLetter {
            // The third and the sixth have a cause of their own, which is greater than an i64.
            cause: cause(if at % 3 == 0 { u64::MAX } else { 7 }),
            parked_at: after_start(100 - at as i64),
            ..reader.letter(&lab.stream(at % 2), at)
        })
        .collect();
    parked(&store, &letters).await;
    let elsewhere = DeadLetter { cause: cause(9), ..second_log.letter(&lab.stream(0), 1) };
    parked(&store, &[DeadLetter { parked_at: after_start(500), ..elsewhere }]).await;
    parked(&store, &[other.letter(&lab.stream(5), 1)]).await;
    let expected = LetterStatistics {
        letters: 7,
        streams: 3,
        oldest_at: Some(after_start(94)),
        by_cause: vec![(7, 4), (u64::MAX, 2), (9, 1)],
    };
    assert_eq!(store.letter_statistics(&reader.consumer).await.unwrap(), expected);
}

async fn statistics_name_the_hundred_most_frequent_causes(lab: &Lab) {
    let (store, reader) = (lab.open().await, Reader::new());
    let mut letters = Vec::new();
    for print in 1..=120u64 {
        // Half of them twice, among them some beyond the range of an i64.
        let print = if print % 40 == 0 { u64::MAX - print } else { print };
        for _ in 0..=print % 2 {
            let at = letters.len() as u64 + 1;
            letters.push(DeadLetter { cause: cause(print), ..reader.letter(&lab.stream("a"), at) });
        }
    }
    parked(&store, &letters).await;
    let by_cause = store.letter_statistics(&reader.consumer).await.unwrap().by_cause;
    assert_eq!(by_cause.len(), 100);
    let sorted = by_cause.is_sorted_by_key(|(print, count)| (std::cmp::Reverse(*count), *print));
    assert!(sorted, "most first, then by fingerprint: {by_cause:?}");
    assert!(by_cause[..60].iter().all(|(_, count)| *count == 2), "{by_cause:?}");
}
