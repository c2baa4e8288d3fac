//! Members: how they begin, stop, vanish, and what they tell about themselves.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use eventsource_core::{
    ErrorKind, LogId, Result,
    bus::{EventBus, GroupConsumer, GroupOptions},
};

use super::{
    bus_lab::{
        Door, Recorder, consume, name, only, options, soon, stop, stream, until_ended,
        until_handled_together, without_retries,
    },
    support::{cancel_everywhere, increase, is_invalid, refusal},
};

cases! { bus $ bus_members, bus_members_cases:
    stopping_waits_for_what_is_in_flight,
    a_stopping_member_begins_nothing_more,
    stopping_gives_up_when_its_time_is_over,
    stopping_again_does_nothing,
    a_dropped_member_leaves_its_events_to_others,
    members_that_join_and_leave_lose_and_double_nothing,
    a_call_of_consume_that_is_dropped_consumes_nothing,
    a_member_counts_what_it_does,
    a_member_is_healthy_while_it_consumes,
    a_stopped_member_does_nothing_with_letters,
    options_that_cannot_work_are_refused,
}

/// A handler that waits at a door.
fn waiting(door: &Door) -> Recorder {
    let door = door.clone();
    Recorder::with(move |_| {
        let door = door.clone();
        async move {
            door.pass().await;
            Ok(())
        }
    })
}

/// Begins to stop a member. What it gives follows when everything has ended.
fn stopping(consumer: Box<dyn GroupConsumer>, drain: Duration) -> tokio::task::JoinHandle<Result<bool>> {
    tokio::spawn(async move { consumer.stop(drain).await })
}

async fn stopping_waits_for_what_is_in_flight(lab: &Lab) {
    let (bus, door) = (lab.open().await, Door::default());
    let recorder = waiting(&door);
    let consumer = consume(&*bus, "mail", options().with_concurrency(3), &recorder).await;
    let events: Vec<_> = (0..3).map(|key| lab.event(&stream(key), 1)).collect();
    lab.publish(&*bus, &events).await;
    recorder.until_begun(3).await;
    let stopped = stopping(consumer, Duration::from_secs(60));
    assert!(!stopped.is_finished());
    door.open();
    assert!(soon("the member stops", stopped).await.unwrap().unwrap());
    assert_eq!(recorder.handled().len(), 3, "everything in flight has ended");
    lab.assert_nothing_waits(&*bus, &["mail"]).await;
}

async fn a_stopping_member_begins_nothing_more(lab: &Lab) {
    let (bus, door, a) = (lab.open().await, Door::default(), stream("a"));
    let recorder = waiting(&door);
    let consumer: Arc<dyn GroupConsumer> = consume(&*bus, "mail", options(), &recorder).await.into();
    let events = lab.events(&a, 1..=5);
    lab.publish(&*bus, &events).await;
    recorder.until_begun(1).await;
    let stopped = tokio::spawn({
        let consumer = consumer.clone();
        async move { consumer.stop(Duration::from_secs(60)).await }
    });
    until_ended(&*consumer).await;
    door.open();
    assert!(stopped.await.unwrap().unwrap());
    assert_eq!(recorder.handled_versions(&a), [1]);

    let next = Recorder::new();
    let consumer = consume(&*bus, "mail", options(), &next).await;
    next.until_handled(&events[1..]).await;
    assert_eq!(next.begun_versions(), [2, 3, 4, 5]);
    stop(consumer).await;
}

async fn stopping_gives_up_when_its_time_is_over(lab: &Lab) {
    let (bus, door, a) = (lab.open().await, Door::default(), stream("a"));
    let stuck = waiting(&door);
    let consumer = consume(&*bus, "mail", options(), &stuck).await;
    let events = lab.events(&a, 1..=3);
    lab.publish(&*bus, &events).await;
    stuck.until_begun(1).await;
    let stopped = soon("the member gives up", consumer.stop(Duration::from_millis(100))).await;
    assert!(!stopped.unwrap(), "an event was in flight");

    let next = Recorder::new();
    let consumer = consume(&*bus, "mail", options(), &next).await;
    next.until_handled(&events).await;
    assert_eq!(next.handled_versions(&a), [1, 2, 3]);
    assert_eq!(stuck.handled().len(), 0);
    stop(consumer).await;
}

async fn stopping_again_does_nothing(lab: &Lab) {
    let (bus, recorder) = (lab.open().await, Recorder::new());
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let event = lab.event(&stream("a"), 1);
    lab.publish(&*bus, only(&event)).await;
    recorder.until_handled(&[event]).await;
    for _ in 0..3 {
        assert!(consumer.stop(Duration::from_secs(60)).await.unwrap());
        assert!(!consumer.is_healthy());
    }
    assert_eq!(consumer.statistics().handled, 1);
}

async fn a_dropped_member_leaves_its_events_to_others(lab: &Lab) {
    let (bus, door) = (lab.open().await, Door::default());
    let (stuck, next) = (waiting(&door), Recorder::new());
    let consumer = consume(&*bus, "mail", options().with_concurrency(2), &stuck).await;
    let events = [lab.events(&stream("a"), 1..=3), lab.events(&stream("b"), 1..=3)].concat();
    lab.publish(&*bus, &events).await;
    stuck.until_begun(2).await;
    drop(consumer);
    let consumer = consume(&*bus, "mail", options(), &next).await;
    next.until_handled(&events).await;
    for key in ["a", "b"] {
        assert_eq!(next.handled_versions(&stream(key)), [1, 2, 3]);
    }
    stop(consumer).await;
}

async fn members_that_join_and_leave_lose_and_double_nothing(lab: &Lab) {
    const STREAMS: u64 = 10;
    let bus = lab.open().await;
    let (mut members, mut events) = (vec![Recorder::new()], Vec::new());
    let mut running = consume(&*bus, "mail", options().with_concurrency(3), &members[0]).await;
    for round in 1..=15 {
        let published: Vec<_> =
            (0..3).flat_map(|part| (0..STREAMS).map(move |key| (key, 3 * round - 2 + part))).collect();
        let published: Vec<_> =
            published.into_iter().map(|(key, number)| lab.event(&stream(key), number)).collect();
        let publishing = tokio::spawn({
            let (bus, published, log) = (bus.clone(), published.clone(), lab.log());
            async move {
                for part in published.chunks(4) {
                    bus.publish(log, part).await.unwrap();
                }
            }
        });
        // Meanwhile one member takes the place of another.
        let member = Recorder::new();
        let next = consume(&*bus, "mail", options().with_concurrency(3), &member).await;
        stop(std::mem::replace(&mut running, next)).await;
        members.push(member);
        publishing.await.unwrap();
        until_handled_together(&members.iter().collect::<Vec<_>>(), &published).await;
        events.extend(published);
    }
    stop(running).await;
    let recorders: Vec<_> = members.iter().collect();
    assert_eq!(lab.handled(&recorders).len(), events.len(), "once each");
    for key in 0..STREAMS {
        let versions = members.iter().map(|member| lab.handled_versions(member, &stream(key)));
        let versions: Vec<_> = versions.collect();
        // Two members run at the same time, so that only what each of them handled has an order here.
        assert!(versions.iter().all(|versions| increase(versions)), "{versions:?}");
        assert_eq!(versions.iter().flatten().collect::<HashSet<_>>().len(), 45);
    }
    lab.assert_nothing_waits(&*bus, &["mail"]).await;
}

async fn a_call_of_consume_that_is_dropped_consumes_nothing(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    stop(consume(&*bus, "mail", options(), &Recorder::new()).await).await;
    let number = Arc::new(AtomicU64::new(0));
    cancel_everywhere(|_| {
        let (bus, number, a) = (bus.clone(), number.clone(), a.clone());
        async move {
            let dropped = Recorder::new();
            let consuming = {
                let (bus, dropped) = (bus.clone(), dropped.clone());
                async move {
                    let mail = name("mail");
                    bus.consume(&mail, options(), Arc::new(dropped)).await.map(drop)
                }
            };
            let check = async move {
                let kept = Recorder::new();
                let consumer = consume(&*bus, "mail", options(), &kept).await;
                let event = lab.event(&a, number.fetch_add(1, Ordering::SeqCst) + 1);
                lab.publish(&*bus, only(&event)).await;
                kept.until_handled(&[event]).await;
                assert_eq!(dropped.begun().len(), 0);
                stop(consumer).await;
            };
            (consuming, check)
        }
    })
    .await;
}

async fn a_member_counts_what_it_does(lab: &Lab) {
    let (bus, door) = (lab.open().await, Door::default());
    let waits = door.clone();
    let recorder = Recorder::with(move |delivery| {
        let door = (delivery.event.stream == stream("slow")).then(|| waits.clone());
        async move {
            if let Some(door) = door {
                door.pass().await;
            }
            if delivery.event.stream == stream("bad") { Err("broken".into()) } else { Ok(()) }
        }
    });
    let consumer = consume(&*bus, "mail", options().with_concurrency(2), &recorder).await;
    assert_eq!(consumer.statistics(), Default::default());
    let good: Vec<_> = (0..7).map(|key| lab.event(&stream(key), 1)).collect();
    lab.publish(&*bus, &[lab.events(&stream("bad"), 1..=2), good.clone()].concat()).await;
    recorder.until_handled(&good).await;
    lab.until_parked("mail", &stream("bad"), 2).await;
    lab.publish(&*bus, &lab.events(&stream("slow"), [1])).await;
    recorder
        .until("the slow one is in flight", |seen| {
            seen.begun.iter().any(|delivery| delivery.event.stream == stream("slow"))
        })
        .await;
    soon("the counters follow", async {
        loop {
            let counted = consumer.statistics();
            if (counted.handled, counted.parked, counted.in_flight) == (7, 2, 1) {
                break assert_eq!((counted.failed, counted.skipped), (3, 0));
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    door.open();
    assert!(consumer.stop(Duration::from_secs(60)).await.unwrap());
    assert_eq!((consumer.statistics().handled, consumer.statistics().in_flight), (8, 0));
}

async fn a_member_is_healthy_while_it_consumes(lab: &Lab) {
    let (bus, recorder) = (lab.open().await, Recorder::failing(|delivery| delivery.event.version.get() == 2));
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    assert!(consumer.is_healthy());
    lab.publish(&*bus, &lab.events(&stream("a"), 1..=2)).await;
    lab.until_parked("mail", &stream("a"), 1).await;
    assert!(consumer.is_healthy(), "a poison event is no illness of the member");
    assert!(consumer.stop(Duration::from_secs(60)).await.unwrap());
    assert!(!consumer.is_healthy());
}

async fn a_stopped_member_does_nothing_with_letters(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let recorder = Recorder::failing(|_| true);
    let consumer = consume(&*bus, "mail", options().with_failure(without_retries()), &recorder).await;
    let event = lab.event(&a, 1);
    lab.publish(&*bus, only(&event)).await;
    lab.until_parked("mail", &a, 1).await;
    consumer.stop(Duration::from_secs(60)).await.unwrap();
    assert_eq!(refusal(consumer.retry(lab.log(), &a).await), ErrorKind::Closed);
    assert_eq!(refusal(consumer.discard(LogId::generate(), event.id).await), ErrorKind::Closed);
    assert_eq!((recorder.begun().len(), lab.parked("mail", &a).await.len()), (1, 1));
}

async fn options_that_cannot_work_are_refused(lab: &Lab) {
    let bus = lab.open().await;
    let refused =
        [("concurrency", options().with_concurrency(0)), ("timeout", options().with_timeout(Duration::ZERO))];
    for (field, wrong) in refused {
        let outcome = try_consume(&*bus, wrong).await;
        assert!(is_invalid(&refusal(outcome), field), "{field}");
    }
    try_consume(&*bus, options()).await.unwrap();
}

async fn try_consume(bus: &dyn EventBus, options: GroupOptions) -> Result<()> {
    bus.consume(&name("mail"), options, Arc::new(Recorder::new())).await.map(drop)
}
