//! Closing a bus.

use std::sync::Arc;

use eventsource_core::{ErrorKind, Result, bus::EventBus, dead_letter::DeadLetterStore, store::Close};

use super::{
    bus_lab::{Door, Recorder, consume, name, only, options, soon, stream, until_ended},
    support::{refusal, together},
};

cases! { bus $ bus_closing, bus_closing_cases:
    an_unused_bus_closes,
    closing_again_does_nothing,
    closing_at_the_same_time_ends_for_all,
    a_closed_bus_refuses_every_call,
    closing_ends_the_consumption_after_what_is_in_flight,
    the_letters_stay_open,
}

async fn an_unused_bus_closes(lab: &Lab) {
    lab.open().await.close().await.unwrap();
}

async fn closing_again_does_nothing(lab: &Lab) {
    let (bus, recorder) = (lab.open().await, Recorder::new());
    let _consumer = consume(&*bus, "mail", options(), &recorder).await;
    for _ in 0..3 {
        bus.close().await.unwrap();
    }
}

async fn closing_at_the_same_time_ends_for_all(lab: &Lab) {
    let (bus, recorder) = (lab.open().await, Recorder::new());
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    lab.publish(&*bus, &lab.events(&stream("a"), 1..=20)).await;
    let closings = (0..6).map(|_| {
        let bus = bus.clone();
        async move { bus.close().await }
    });
    for outcome in together(closings).await {
        outcome.unwrap();
    }
    assert!(!consumer.is_healthy());
}

async fn a_closed_bus_refuses_every_call(lab: &Lab) {
    let (bus, recorder) = (lab.open().await, Recorder::new());
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    bus.close().await.unwrap();
    let event = lab.event(&stream("a"), 1);
    assert_eq!(refusal(bus.publish(lab.log(), only(&event)).await), ErrorKind::Closed);
    assert_eq!(refusal(bus.publish(lab.log(), &[]).await), ErrorKind::Closed);
    assert_eq!(refusal(try_consume(&*bus).await), ErrorKind::Closed);
    assert_eq!(refusal(consumer.retry(lab.log(), &stream("a")).await), ErrorKind::Closed);
    assert_eq!(refusal(consumer.discard(lab.log(), event.id).await), ErrorKind::Closed);
}

async fn try_consume(bus: &dyn EventBus) -> Result<()> {
    bus.consume(&name("other"), options(), Arc::new(Recorder::new())).await.map(drop)
}

async fn closing_ends_the_consumption_after_what_is_in_flight(lab: &Lab) {
    let (bus, door, a) = (lab.open().await, Door::default(), stream("a"));
    let waits = door.clone();
    let recorder = Recorder::with(move |_| {
        let door = waits.clone();
        async move {
            door.pass().await;
            Ok(())
        }
    });
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    lab.publish(&*bus, &lab.events(&a, 1..=5)).await;
    recorder.until_begun(1).await;
    let closing = tokio::spawn({
        let bus = bus.clone();
        async move { bus.close().await }
    });
    until_ended(&*consumer).await;
    assert!(!closing.is_finished(), "an event is in flight");
    door.open();
    soon("the bus closes", closing).await.unwrap().unwrap();
    assert_eq!(recorder.handled_versions(&a), [1]);
    assert!(consumer.stop(std::time::Duration::ZERO).await.unwrap(), "everything has ended already");
}

async fn the_letters_stay_open(lab: &Lab) {
    let bus = lab.open().await;
    bus.close().await.unwrap();
    let consumer = name("mail").into();
    assert_eq!(lab.letters().parked_streams(&consumer, lab.log()).await.unwrap(), []);
}
