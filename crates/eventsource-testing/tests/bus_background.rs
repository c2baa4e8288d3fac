//! Publishing in the background.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

extern crate eventsource_core as eventsource;

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use common::{Order, noted, placed};
use eventsource_core::{
    Error, ErrorKind, EventPublisher, LogId, MemoryStore, RecordedEvent, Repository, Result, StreamKey,
    aggregate::{Publication, RetryPolicy},
    bus::{BackgroundOptions, BackgroundPublisher, BacklogLimits},
    store::Close,
};
use eventsource_testing::{RecordingPublisher, history, poll_times};
use futures_util::FutureExt;
use tokio::sync::watch;

fn events(count: u64) -> Vec<RecordedEvent> {
    history(StreamKey::new("1").unwrap(), (0..count).map(noted).collect::<Vec<_>>())
}

fn quick() -> RetryPolicy {
    RetryPolicy::default().with_delays(Duration::from_millis(1), Duration::from_millis(2))
}

/// Publishes when it is let, and then as it is told.
#[derive(Clone)]
struct Gate {
    open: Arc<watch::Sender<bool>>,
    calls: Arc<AtomicUsize>,
    recorder: RecordingPublisher,
    outcome: fn(usize) -> Result<()>,
}

impl Gate {
    fn new(is_open: bool, outcome: fn(usize) -> Result<()>) -> Self {
        let open = Arc::new(watch::Sender::new(is_open));
        Self { open, calls: Arc::default(), recorder: RecordingPublisher::new(), outcome }
    }
}

#[async_trait]
impl EventPublisher for Gate {
    async fn publish(&self, log: LogId, events: &[RecordedEvent]) -> Result<()> {
        drop(self.open.subscribe().wait_for(|open| *open).await.unwrap());
        (self.outcome)(self.calls.fetch_add(1, Ordering::SeqCst))?;
        self.recorder.publish(log, events).await
    }
}

#[tokio::test]
async fn a_publication_returns_before_the_publisher_has_taken_it() {
    let gate = Gate::new(false, |_| Ok(()));
    let (publisher, events) = (BackgroundPublisher::new(gate.clone()), events(10));
    for event in &events {
        publisher.publish(LogId::generate(), std::slice::from_ref(event)).await.unwrap();
    }
    assert!(poll_times(publisher.flush(), 1).await.is_none(), "nothing is through");
    assert_eq!((gate.recorder.events().len(), publisher.statistics().waiting), (0, 10));
    gate.open.send_replace(true);
    publisher.flush().await.unwrap();
    assert_eq!(gate.recorder.events(), events, "in their order");
    let statistics = publisher.statistics();
    assert_eq!((statistics.waiting, statistics.published, statistics.failed), (0, 10, 0));
}

#[tokio::test]
async fn what_finds_no_room_is_refused_and_counted() {
    let gate = Gate::new(false, |_| Ok(()));
    let options = BackgroundOptions::default().with_backlog(BacklogLimits::default().with_events(3));
    let publisher = BackgroundPublisher::with_options(gate.clone(), options);
    let (log, events) = (LogId::generate(), events(10));
    // What is published at once is not cut.
    publisher.publish(log, &events[..2]).await.unwrap();
    publisher.publish(log, &events[2..5]).await.unwrap();
    let error = publisher.publish(log, &events[5..]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), (&ErrorKind::Publish, true));
    assert_eq!(error.to_string(), "publish: 5 events wait to be published, and no more find room");
    assert_eq!(publisher.statistics().refused, 5);

    gate.open.send_replace(true);
    publisher.flush().await.unwrap();
    publisher.publish(log, &events[5..]).await.unwrap();
    publisher.flush().await.unwrap();
    assert_eq!(gate.recorder.events(), events);
}

#[tokio::test]
async fn a_transient_error_is_tried_again_before_anything_else_goes_out() {
    let unavailable = |call| match call {
        1 | 2 => Err(Error::new(ErrorKind::Unavailable, "the broker is away").transient()),
        _ => Ok(()),
    };
    let gate = Gate::new(true, unavailable);
    let options = BackgroundOptions::default().with_retries(quick());
    let publisher = BackgroundPublisher::with_options(gate.clone(), options);
    let events = events(4);
    for event in &events {
        publisher.publish(LogId::generate(), std::slice::from_ref(event)).await.unwrap();
    }
    publisher.flush().await.unwrap();
    assert_eq!(gate.recorder.events(), events);
}

#[tokio::test]
async fn what_is_given_up_is_told_once_and_counted() {
    let gate = Gate::new(true, |call| match call {
        1 => Err(Error::new(ErrorKind::Publish, "too large")),
        2 => panic!("the publisher breaks down"),
        _ => Ok(()),
    });
    let (publisher, events) = (BackgroundPublisher::new(gate.clone()), events(4));
    for event in &events {
        publisher.publish(LogId::generate(), std::slice::from_ref(event)).await.unwrap();
    }
    let error = publisher.flush().await.unwrap_err();
    assert_eq!(error.to_string(), "flush: too large");
    publisher.flush().await.unwrap();
    assert_eq!(gate.recorder.events(), [events[0].clone(), events[3].clone()]);
    let statistics = publisher.statistics();
    assert_eq!((statistics.published, statistics.failed), (2, 2));
}

#[tokio::test]
async fn a_closed_publisher_has_published_everything_and_takes_nothing_more() {
    let recorder = RecordingPublisher::new();
    let (publisher, log, events) =
        (BackgroundPublisher::new(recorder.clone()), LogId::generate(), events(100));
    publisher.publish(log, &events).await.unwrap();
    publisher.close().await.unwrap();
    assert_eq!(recorder.events(), events);
    for published in [&events[..1], &[]] {
        assert_eq!(*publisher.publish(log, published).await.unwrap_err().kind(), ErrorKind::Closed);
    }
    publisher.close().await.unwrap();
    recorder.publish(log, &events[..1]).await.unwrap();
}

#[tokio::test]
async fn what_is_in_the_queue_goes_out_although_nobody_holds_the_publisher() {
    let gate = Gate::new(false, |_| Ok(()));
    let publisher = BackgroundPublisher::new(gate.clone());
    let events = events(5);
    publisher.publish(LogId::generate(), &events).await.unwrap();
    drop(publisher);
    gate.open.send_replace(true);
    assert_eq!(gate.recorder.wait_for(5).await, events);
}

#[test]
fn without_a_runtime_nothing_is_taken() {
    let publisher = BackgroundPublisher::new(RecordingPublisher::new());
    let (log, events) = (LogId::generate(), events(1));
    let outcome = publisher.publish(log, &events).now_or_never().unwrap();
    assert_eq!(*outcome.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(publisher.statistics().waiting, 0);
}

#[test]
fn a_runtime_that_ended_is_told() {
    let publisher = BackgroundPublisher::new(Gate::new(false, |_| Ok(())));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (log, events) = (LogId::generate(), events(2));
    let first = runtime();
    first.block_on(publisher.publish(log, &events[..1])).unwrap();
    drop(first);
    let second = runtime();
    let error = second.block_on(publisher.publish(log, &events[1..])).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Publish);
}

#[tokio::test]
async fn a_repository_does_not_wait_for_it() {
    let gate = Gate::new(false, |_| Ok(()));
    let publisher = BackgroundPublisher::new(gate.clone());
    let orders = Repository::<Order>::new(MemoryStore::new()).with_publisher(publisher.clone());
    let committed = orders.create("1", |order| order.place(100)).await.unwrap();
    assert!(matches!(committed.publication, Publication::Published));
    assert_eq!(gate.recorder.events(), []);
    gate.open.send_replace(true);
    publisher.close().await.unwrap();
    gate.recorder.assert_published([placed(100)]);
}
