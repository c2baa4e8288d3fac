//! What a group's policy decides when retries are used up.

use std::{collections::HashSet, time::Duration};

use eventsource_core::{ConsumerId, ErrorKind, dead_letter::DeadLetterStore, failure::AfterRetries};

use super::bus_lab::{
    Door, Recorder, consume, name, options, quick, stop, stream, until_ended, without_retries,
};

cases! { bus $ bus_policies, bus_policies_cases:
    a_policy_may_skip_what_fails,
    a_policy_may_stop_the_consumption,
    failures_of_many_streams_in_a_row_park_nothing_more,
}

async fn a_policy_may_skip_what_fails(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let recorder = Recorder::failing(|delivery| delivery.event.version.get() == 2);
    let policy = quick().with_after_retries(AfterRetries::Skip);
    let consumer = consume(&*bus, "mail", options().with_failure(policy), &recorder).await;
    let events = lab.events(&a, 1..=3);
    lab.publish(&*bus, &events).await;
    recorder.until_handled(&events[2..]).await;
    assert_eq!(recorder.begun_versions(), [1, 2, 2, 2, 3]);
    let statistics = consumer.statistics();
    assert_eq!((statistics.skipped, statistics.parked), (1, 0));
    assert_eq!(lab.parked("mail", &a).await, []);
    stop(consumer).await;
}

async fn a_policy_may_stop_the_consumption(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let failing = Recorder::failing(|delivery| delivery.event.version.get() == 2);
    let policy = quick().with_after_retries(AfterRetries::Stop);
    let consumer = consume(&*bus, "mail", options().with_failure(policy), &failing).await;
    let events = lab.events(&a, 1..=3);
    lab.publish(&*bus, &events).await;
    failing.until_begun(4).await;
    until_ended(&*consumer).await;
    let error = consumer.stop(Duration::ZERO).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Handler);
    assert!(std::error::Error::source(&error).is_some(), "the handler's error is the cause");
    assert_eq!(failing.begun_versions(), [1, 2, 2, 2]);

    let mended = Recorder::new();
    let consumer = consume(&*bus, "mail", options(), &mended).await;
    mended.until_handled(&events[1..]).await;
    assert_eq!(mended.begun_versions(), [2, 3], "nothing is lost");
    assert_eq!(lab.parked("mail", &a).await, []);
    stop(consumer).await;
}

async fn failures_of_many_streams_in_a_row_park_nothing_more(lab: &Lab) {
    const STREAMS: usize = 6;
    let (bus, door) = (lab.open().await, Door::default());
    let mended = door.clone();
    let recorder = Recorder::failing(move |_| !mended.is_open());
    let policy = without_retries().with_systemic_streams(3);
    let consumer = consume(&*bus, "mail", options().with_failure(policy), &recorder).await;
    let events: Vec<_> = (0..STREAMS).map(|key| lab.event(&stream(key), 1)).collect();
    lab.publish(&*bus, &events).await;
    recorder
        .until("the others are tried again and again", |seen| {
            let again = seen.begun.iter().filter(|delivery| delivery.attempt >= 5);
            again.map(|delivery| delivery.event.id).collect::<HashSet<_>>().len() == STREAMS - 2
        })
        .await;
    let parked = lab.letters().letter_statistics(&ConsumerId::from(name("mail"))).await.unwrap();
    assert_eq!(parked.letters, 2, "two streams fail by themselves, the third failure shows that all do");
    door.open();
    recorder.until("the others are handled", |seen| seen.handled.len() >= STREAMS - 2).await;
    stop(consumer).await;
}
