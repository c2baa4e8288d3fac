//! Attempts that fail: tried again, by the group that failed and by no other.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use eventsource_core::{Error, ErrorKind};

use super::bus_lab::{Door, Recorder, consume, only, options, quick, stop, stream};

cases! { bus $ bus_failures, bus_failures_cases:
    a_failed_event_is_tried_again,
    an_event_is_done_only_after_its_handler,
    retries_are_not_seen_by_other_groups,
    a_group_that_fails_does_not_hold_back_another,
    a_panic_is_a_failure,
    an_attempt_that_takes_too_long_is_a_failure,
    transient_errors_are_tried_until_they_are_gone,
}

async fn a_failed_event_is_tried_again(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let recorder = Recorder::failing(|delivery| delivery.event.version.get() == 1 && delivery.attempt < 3);
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let events = lab.events(&a, 1..=2);
    lab.publish(&*bus, &events).await;
    recorder.until_handled(&events[1..]).await;
    let attempts: Vec<_> = recorder.begun().iter().map(|d| (d.event.version.get(), d.attempt)).collect();
    assert_eq!(attempts, [(1, 1), (1, 2), (1, 3), (2, 1)]);
    assert_eq!(lab.handled(&[&recorder]), [events[0].id, events[1].id]);
    assert_eq!(lab.parked("mail", &a).await, []);
    stop(consumer).await;
}

async fn an_event_is_done_only_after_its_handler(lab: &Lab) {
    let (bus, a, door) = (lab.open().await, stream("a"), Door::default());
    let waits = door.clone();
    let leaving = Recorder::with(move |_| {
        let door = waits.clone();
        async move {
            door.pass().await;
            Ok(())
        }
    });
    let consumer = consume(&*bus, "mail", options(), &leaving).await;
    let events = lab.events(&a, 1..=2);
    lab.publish(&*bus, &events[..1]).await;
    leaving.until_begun(1).await;
    drop(consumer);
    lab.publish(&*bus, &events[1..]).await;

    let staying = Recorder::new();
    let consumer = consume(&*bus, "mail", options(), &staying).await;
    staying.until_handled(&events[1..]).await;
    assert_eq!(staying.begun_versions(), [1, 2], "what the other did not end comes again");
    assert_eq!(leaving.handled().len(), 0);
    stop(consumer).await;
}

async fn retries_are_not_seen_by_other_groups(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    // Counted here: a bus that sends to everybody again may begin to count anew.
    let attempts = Mutex::new(HashMap::new());
    let failing = Recorder::failing(move |delivery| {
        let mut attempts = attempts.lock().unwrap();
        let attempt = attempts.entry(delivery.event.id).or_insert(0);
        *attempt += 1;
        *attempt < 3
    });
    let healthy = [Recorder::new(), Recorder::new()];
    let consumers = [
        consume(&*bus, "failing", options(), &failing).await,
        consume(&*bus, "healthy", options(), &healthy[0]).await,
        consume(&*bus, "other", options(), &healthy[1]).await,
    ];
    let events = lab.events(&a, 1..=5);
    lab.publish(&*bus, &events).await;
    failing.until_handled(&events).await;
    // What was sent to everybody again would arrive before this.
    let last = lab.event(&a, 6);
    lab.publish(&*bus, only(&last)).await;
    for recorder in &healthy {
        recorder.until_handled(only(&last)).await;
        assert_eq!(recorder.begun_versions(), [1, 2, 3, 4, 5, 6]);
        assert!(recorder.begun().iter().all(|delivery| delivery.attempt == 1));
    }
    for consumer in consumers {
        stop(consumer).await;
    }
}

async fn a_group_that_fails_does_not_hold_back_another(lab: &Lab) {
    let bus = lab.open().await;
    let (failing, healthy) = (Recorder::failing(|_| true), Recorder::new());
    let later = Duration::from_secs(300);
    let policy = quick().with_retries(1_000, later, later);
    let consumers = [
        consume(&*bus, "failing", options().with_failure(policy), &failing).await,
        consume(&*bus, "healthy", options(), &healthy).await,
    ];
    let first = lab.event(&stream("a"), 1);
    lab.publish(&*bus, only(&first)).await;
    failing.until_begun(1).await;
    let events = lab.events(&stream("a"), 2..=20);
    lab.publish(&*bus, &events).await;
    healthy.until_handled(&events).await;
    assert_eq!(failing.begun_versions(), [1]);
    for consumer in consumers {
        stop(consumer).await;
    }
}

async fn a_panic_is_a_failure(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let recorder = Recorder::with(|delivery| async move {
        assert!(delivery.attempt > 2, "the handler breaks down");
        Ok(())
    });
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let events = lab.events(&a, 1..=3);
    lab.publish(&*bus, &events).await;
    recorder.until_handled(&events).await;
    assert_eq!(recorder.begun_versions(), [1, 1, 1, 2, 2, 2, 3, 3, 3]);
    assert!(consumer.is_healthy());
    stop(consumer).await;
}

async fn an_attempt_that_takes_too_long_is_a_failure(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let recorder = Recorder::with(|delivery| async move {
        if delivery.attempt < 2 {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    let limited = options().with_timeout(Duration::from_millis(300));
    let consumer = consume(&*bus, "mail", limited, &recorder).await;
    let events = lab.events(&a, 1..=2);
    lab.publish(&*bus, &events).await;
    recorder.until_handled(&events).await;
    assert_eq!(recorder.handled_versions(&a), [1, 2]);
    assert_eq!(recorder.begun_versions()[..2], [1, 1]);
    stop(consumer).await;
}

async fn transient_errors_are_tried_until_they_are_gone(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let recorder = Recorder::with(|delivery| async move {
        if delivery.attempt <= 20 {
            return Err(Error::new(ErrorKind::Unavailable, "the mail server is away").transient().into());
        }
        Ok(())
    });
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let events = lab.events(&a, 1..=1);
    lab.publish(&*bus, &events).await;
    recorder.until_handled(&events).await;
    assert_eq!(recorder.begun().len(), 21);
    assert_eq!(lab.parked("mail", &a).await, []);
    stop(consumer).await;
}
