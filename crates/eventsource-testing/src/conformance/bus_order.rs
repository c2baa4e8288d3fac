//! The order of streams, and what runs beside each other.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use eventsource_core::bus::{Delivery, DeliveryHandler};
use tokio::sync::Barrier;

use super::{
    bus_lab::{Door, Recorder, consume, only, options, quick, stop, stream, until_handled_together},
    support::{increase, together},
};

cases! { bus $ bus_order, bus_order_cases:
    events_of_a_stream_come_in_their_order,
    streams_published_at_the_same_time_keep_their_orders,
    order_is_kept_through_retries,
    order_is_kept_between_members,
    one_stream_at_a_time_is_the_default,
    as_many_streams_as_allowed_are_handled_at_the_same_time,
    a_slow_stream_does_not_hold_back_others,
    a_stream_that_is_tried_again_does_not_hold_back_others,
}

async fn events_of_a_stream_come_in_their_order(lab: &Lab) {
    let (bus, recorder, a) = (lab.open().await, Recorder::new(), stream("a"));
    let consumer = consume(&*bus, "mail", options().with_concurrency(8), &recorder).await;
    let events = lab.events(&a, 1..=20);
    lab.publish(&*bus, &events[..10]).await;
    for event in &events[10..] {
        lab.publish(&*bus, only(event)).await;
    }
    recorder.until_handled(&events).await;
    assert_eq!(recorder.begun_versions(), (1..=20).collect::<Vec<_>>());
    stop(consumer).await;
}

async fn streams_published_at_the_same_time_keep_their_orders(lab: &Lab) {
    const STREAMS: u64 = 8;
    let bus = lab.open().await;
    let members = [Recorder::new(), Recorder::new()];
    let mut consumers = Vec::new();
    for member in &members {
        consumers.push(consume(&*bus, "mail", options().with_concurrency(4), member).await);
    }
    let streams: Vec<_> = (0..STREAMS).map(|key| lab.events(&stream(key), 1..=25)).collect();
    let all = streams.concat();
    let log = lab.log();
    together(streams.into_iter().map(|events| {
        let bus = bus.clone();
        async move {
            for event in events {
                bus.publish(log, &[event]).await.unwrap();
            }
        }
    }))
    .await;
    let [one, other] = &members;
    until_handled_together(&[one, other], &all).await;
    for consumer in consumers {
        stop(consumer).await;
    }
    for key in 0..STREAMS {
        let versions = members.each_ref().map(|member| lab.handled_versions(member, &stream(key)));
        assert!(versions.iter().all(|versions| increase(versions)), "{versions:?}");
        assert_eq!(versions.iter().flatten().collect::<HashSet<_>>().len(), 25);
    }
}

async fn order_is_kept_through_retries(lab: &Lab) {
    let (bus, a) = (lab.open().await, stream("a"));
    let recorder =
        Recorder::failing(|delivery| delivery.event.version.get() % 3 == 0 && delivery.attempt < 3);
    let consumer = consume(&*bus, "mail", options().with_concurrency(4), &recorder).await;
    let events = lab.events(&a, 1..=6);
    lab.publish(&*bus, &events).await;
    recorder.until_handled(&events).await;
    assert_eq!(recorder.begun_versions(), [1, 2, 3, 3, 3, 4, 5, 6, 6, 6]);
    stop(consumer).await;
}

/// Notes how many attempts run at the same time.
#[derive(Clone, Default)]
struct Beside(Arc<(AtomicUsize, AtomicUsize)>);

impl Beside {
    /// A handler that lets others run before it ends.
    fn recorder(&self) -> Recorder {
        let beside = self.clone();
        Recorder::with(move |_| {
            let beside = beside.clone();
            async move {
                let (now, most) = &*beside.0;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        })
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

async fn order_is_kept_between_members(lab: &Lab) {
    let (bus, beside, a) = (lab.open().await, Beside::default(), stream("a"));
    let order = Arc::new(Mutex::new(Vec::new()));
    let members = [beside.recorder(), beside.recorder(), beside.recorder()].map(|inner| {
        let order = order.clone();
        Recorder::with(move |delivery: Delivery| {
            order.lock().unwrap().push(delivery.event.version.get());
            let inner = inner.clone();
            async move { inner.handle(delivery).await }
        })
    });
    let mut consumers = Vec::new();
    for member in &members {
        consumers.push(consume(&*bus, "mail", options().with_concurrency(4), member).await);
    }
    let events = lab.events(&a, 1..=100);
    for part in events.chunks(7) {
        lab.publish(&*bus, part).await;
    }
    until_handled_together(&members.each_ref(), &events).await;
    assert_eq!(beside.most(), 1, "one event of a stream at a time");
    assert_eq!(*order.lock().unwrap(), (1..=100).collect::<Vec<_>>());
    for consumer in consumers {
        stop(consumer).await;
    }
}

async fn one_stream_at_a_time_is_the_default(lab: &Lab) {
    let (bus, beside) = (lab.open().await, Beside::default());
    let recorder = beside.recorder();
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let events: Vec<_> = (0..50).map(|key| lab.event(&stream(key), 1)).collect();
    lab.publish(&*bus, &events).await;
    recorder.until_handled(&events).await;
    assert_eq!(beside.most(), 1);
    stop(consumer).await;
}

async fn as_many_streams_as_allowed_are_handled_at_the_same_time(lab: &Lab) {
    let bus = lab.open().await;
    let (meeting, beside) = (Arc::new(Barrier::new(4)), Beside::default());
    let inner = beside.recorder();
    let recorder = Recorder::with(move |delivery: Delivery| {
        let (meeting, inner) = (meeting.clone(), inner.clone());
        async move {
            // Nobody gets past this before four are here.
            if delivery.event.stream.key().starts_with("meeting") {
                meeting.wait().await;
            }
            inner.handle(delivery).await
        }
    });
    let consumer = consume(&*bus, "mail", options().with_concurrency(4), &recorder).await;
    let meeting: Vec<_> = (0..8).map(|key| lab.event(&stream(format!("meeting-{key}")), 1)).collect();
    lab.publish(&*bus, &meeting).await;
    recorder.until_handled(&meeting).await;
    let events: Vec<_> = (0..100).map(|key| lab.event(&stream(key), 1)).collect();
    lab.publish(&*bus, &events).await;
    recorder.until_handled(&events).await;
    assert!(beside.most() <= 4, "{} at the same time", beside.most());
    stop(consumer).await;
}

async fn a_slow_stream_does_not_hold_back_others(lab: &Lab) {
    let (bus, door) = (lab.open().await, Door::default());
    let waits = door.clone();
    let recorder = Recorder::with(move |delivery: Delivery| {
        let door = (delivery.event.stream == stream("slow")).then(|| waits.clone());
        async move {
            if let Some(door) = door {
                door.pass().await;
            }
            Ok(())
        }
    });
    let consumer = consume(&*bus, "mail", options().with_concurrency(2), &recorder).await;
    let slow = lab.events(&stream("slow"), 1..=3);
    let others: Vec<_> = (0..20).map(|key| lab.event(&stream(key), 1)).collect();
    lab.publish(&*bus, &slow).await;
    recorder.until_begun(1).await;
    lab.publish(&*bus, &others).await;
    recorder.until_handled(&others).await;
    assert_eq!(recorder.handled_versions(&stream("slow")), [0; 0]);
    door.open();
    recorder.until_handled(&slow).await;
    assert_eq!(recorder.handled_versions(&stream("slow")), [1, 2, 3]);
    stop(consumer).await;
}

async fn a_stream_that_is_tried_again_does_not_hold_back_others(lab: &Lab) {
    let (bus, door) = (lab.open().await, Door::default());
    let mended = door.clone();
    let recorder =
        Recorder::failing(move |delivery| delivery.event.stream == stream("bad") && !mended.is_open());
    // One stream at a time, and a retry that is far away: only a member that turns to other streams gets on.
    let later = Duration::from_secs(2);
    let policy = quick().with_retries(1_000, later, later);
    let consumer = consume(&*bus, "mail", options().with_failure(policy), &recorder).await;
    let bad = lab.events(&stream("bad"), 1..=3);
    lab.publish(&*bus, &bad).await;
    recorder.until_begun(1).await;
    let others: Vec<_> = (0..20).map(|key| lab.event(&stream(key), 1)).collect();
    lab.publish(&*bus, &others).await;
    recorder.until_handled(&others).await;
    assert_eq!(recorder.handled_versions(&stream("bad")), [0; 0]);
    door.open();
    recorder.until_handled(&bad).await;
    assert_eq!(recorder.handled_versions(&stream("bad")), [1, 2, 3]);
    stop(consumer).await;
}
