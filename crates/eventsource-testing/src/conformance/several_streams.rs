//! Appending to several streams at once, and checking streams that are not written.

use eventsource_core::{
    Conflict, ErrorKind,
    ExpectedVersion::{Any, NoStream, StreamExists},
    store::{Append, AppendedStream, EventStore, StreamInfo},
};

use super::support::{
    append, events, exact, ids, increase, new_ids, positions, read, refusal, together, try_append, version,
    versions,
};

cases! { $ several_streams, several_streams_cases, EventStore:
    several_streams_are_written_in_one_append,
    the_outcome_names_the_written_streams_in_the_order_of_the_call,
    each_stream_has_an_expected_version_of_its_own,
    one_conflict_writes_nothing_to_any_stream,
    the_conflict_names_the_stream_that_was_not_as_expected,
    a_checked_stream_is_not_written,
    a_check_that_fails_writes_nothing,
    a_check_sees_every_expected_version,
    a_checked_stream_does_not_exist_because_of_the_check,
    appends_that_check_each_other_cannot_both_win,
    appends_to_the_same_streams_in_another_order_all_end,
}

async fn several_streams_are_written_in_one_append(lab: &Lab) {
    let (store, a, b, c) = (lab.open().await, lab.stream("a"), lab.stream_in("Other", "a"), lab.stream("c"));
    append(&store, &b, events(1)).await;
    let (of_a, of_b, of_c) = (events(2), events(1), events(3));
    let all = Append::new(a.clone(), NoStream, of_a.clone()).and(b.clone(), exact(1), of_b.clone()).and(
        c.clone(),
        Any,
        of_c.clone(),
    );
    store.append(all).await.unwrap();
    let (a, b, c) = (read(&store, &a).await, read(&store, &b).await, read(&store, &c).await);
    assert_eq!((ids(&a), versions(&a)), (new_ids(&of_a), vec![1, 2]));
    assert_eq!((ids(&b[1..]), versions(&b)), (new_ids(&of_b), vec![1, 2]));
    assert_eq!((ids(&c), versions(&c)), (new_ids(&of_c), vec![1, 2, 3]));
    assert!(increase(&positions(&[&a, &b[1..], &c].concat())));
}

async fn the_outcome_names_the_written_streams_in_the_order_of_the_call(lab: &Lab) {
    let (store, a, b, c) = (lab.open().await, lab.stream("a"), lab.stream("b"), lab.stream("c"));
    append(&store, &a, events(4)).await;
    let all = Append::new(c.clone(), Any, events(2)).and_check(b, NoStream).and(a.clone(), Any, events(1));
    let appended = store.append(all).await.unwrap();
    let told = [
        AppendedStream { stream: c, first: version(1), last: version(2) },
        AppendedStream { stream: a.clone(), first: version(5), last: version(5) },
    ];
    assert_eq!(appended.streams, told);
    assert_eq!(appended.token.position, store.stream(&a).await.unwrap().position);
}

async fn each_stream_has_an_expected_version_of_its_own(lab: &Lab) {
    let (store, a, b, c) = (lab.open().await, lab.stream("a"), lab.stream("b"), lab.stream("c"));
    append(&store, &b, events(2)).await;
    append(&store, &c, events(1)).await;
    let all = Append::new(a, NoStream, events(1)).and(b, exact(2), events(1)).and(c, StreamExists, events(1));
    let appended = store.append(all).await.unwrap();
    let last: Vec<_> = appended.streams.iter().map(|s| s.last.get()).collect();
    assert_eq!(last, [1, 3, 2]);
}

async fn one_conflict_writes_nothing_to_any_stream(lab: &Lab) {
    let (store, a, b, c) = (lab.open().await, lab.stream("a"), lab.stream("b"), lab.stream("c"));
    append(&store, &b, events(1)).await;
    for refused_at in 0..3 {
        let mut streams = [(a.clone(), NoStream), (c.clone(), Any), (b.clone(), NoStream)];
        streams.rotate_right(refused_at);
        let mut append = Append::default();
        for (stream, expected) in streams {
            append = append.and(stream, expected, events(2));
        }
        refusal(store.append(append).await);
        let counts =
            (read(&store, &a).await.len(), read(&store, &b).await.len(), read(&store, &c).await.len());
        assert_eq!(counts, (0, 1, 0));
    }
}

async fn the_conflict_names_the_stream_that_was_not_as_expected(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    append(&store, &b, events(3)).await;
    let both = Append::new(a, NoStream, events(1)).and(b.clone(), exact(2), events(1));
    let conflict = Conflict { stream: b, expected: exact(2), actual: version(3) };
    assert_eq!(refusal(store.append(both).await), ErrorKind::Conflict(conflict));
}

async fn a_checked_stream_is_not_written(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    append(&store, &b, events(2)).await;
    let before = (store.stream(&b).await.unwrap(), read(&store, &b).await);
    let checking = Append::new(a.clone(), NoStream, events(1)).and_check(b.clone(), exact(2));
    store.append(checking).await.unwrap();
    assert_eq!((store.stream(&b).await.unwrap(), read(&store, &b).await), before);
    assert_eq!(read(&store, &a).await.len(), 1);
}

async fn a_check_that_fails_writes_nothing(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    append(&store, &b, events(2)).await;
    let checking = Append::new(a.clone(), NoStream, events(1)).and_check(b.clone(), exact(1));
    let conflict = Conflict { stream: b, expected: exact(1), actual: version(2) };
    assert_eq!(refusal(store.append(checking).await), ErrorKind::Conflict(conflict));
    assert!(read(&store, &a).await.is_empty());
}

async fn a_check_sees_every_expected_version(lab: &Lab) {
    let (store, there, absent) = (lab.open().await, lab.stream("there"), lab.stream("absent"));
    append(&store, &there, events(2)).await;
    let holds =
        [(&there, Any), (&there, StreamExists), (&there, exact(2)), (&absent, NoStream), (&absent, exact(0))];
    let fails = [(&there, NoStream), (&there, exact(3)), (&absent, StreamExists), (&absent, exact(1))];
    for (number, (checked, expected)) in holds.into_iter().enumerate() {
        let written = lab.stream(format!("holds-{number}"));
        let checking = Append::new(written, Any, events(1)).and_check(checked.clone(), expected);
        store.append(checking).await.unwrap();
    }
    for (checked, expected) in fails {
        let checking = Append::new(lab.stream("fails"), Any, events(1)).and_check(checked.clone(), expected);
        let refused = refusal(store.append(checking).await);
        assert!(matches!(refused, ErrorKind::Conflict(_)), "{expected} of {checked}: {refused:?}");
    }
}

async fn a_checked_stream_does_not_exist_because_of_the_check(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    let checking = Append::new(a.clone(), Any, events(1)).and_check(b.clone(), NoStream);
    store.append(checking).await.unwrap();
    assert_eq!(store.stream(&b).await.unwrap(), StreamInfo::absent(b.clone()));
    assert!(read(&store, &b).await.is_empty());
    let conflict = Conflict { stream: b.clone(), expected: StreamExists, actual: version(0) };
    let refused = refusal(try_append(&store, &b, StreamExists, events(1)).await);
    assert_eq!(refused, ErrorKind::Conflict(conflict));
    assert_eq!(try_append(&store, &b, NoStream, events(1)).await.unwrap().streams[0].last, version(1));
}

async fn appends_that_check_each_other_cannot_both_win(lab: &Lab) {
    let store = lab.open().await;
    for round in 0..20 {
        let (a, b) = (lab.stream(format!("a-{round}")), lab.stream(format!("b-{round}")));
        let pairs = [(a.clone(), b.clone()), (b.clone(), a.clone())];
        let outcomes = together(pairs.map(|(written, checked)| {
            let store = store.clone();
            let append = Append::new(written, NoStream, events(1)).and_check(checked, NoStream);
            async move { store.append(append).await }
        }))
        .await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{outcomes:?}");
        assert_eq!(read(&store, &a).await.len() + read(&store, &b).await.len(), 1);
    }
}

async fn appends_to_the_same_streams_in_another_order_all_end(lab: &Lab) {
    let store = lab.open().await;
    let streams: Vec<_> = (0..5).map(|key| lab.stream(key)).collect();
    let appends = (0..20).map(|number| {
        let (store, mut streams) = (store.clone(), streams.clone());
        streams.rotate_left(number % 5);
        if number % 2 == 0 {
            streams.reverse();
        }
        let append = streams.into_iter().fold(Append::default(), |append, s| append.and(s, Any, events(1)));
        async move { store.append(append).await }
    });
    for outcome in together(appends).await {
        outcome.unwrap();
    }
    for stream in &streams {
        assert_eq!(versions(&read(&store, stream).await), (1..=20).collect::<Vec<_>>());
    }
}
