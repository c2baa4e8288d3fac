//! Consumer groups: who gets what.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use eventsource_core::{EventFilter, StreamId, TenantFilter, TenantId};
use tokio::sync::Barrier;

use super::{
    bus_lab::{Recorder, consume, only, options, stop, stream, until_handled_together},
    support::named,
};

cases! { bus $ bus_groups, bus_groups_cases:
    an_event_reaches_a_group,
    every_group_gets_every_event,
    members_share_the_events,
    a_group_exists_from_its_first_consumption_on,
    a_group_gets_what_is_published_while_none_of_its_members_runs,
    what_was_handled_does_not_come_again_after_a_stop,
    a_stopped_member_gets_nothing_more,
    a_group_gets_what_its_filter_accepts,
    a_tenant_filter_keeps_others_out,
    groups_filter_apart,
}

async fn an_event_reaches_a_group(lab: &Lab) {
    let (bus, recorder) = (lab.open().await, Recorder::new());
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    let event = lab.event(&stream("a"), 1);
    lab.publish(&*bus, only(&event)).await;
    recorder.until_handled(only(&event)).await;
    assert_eq!(lab.handled(&[&recorder]), [event.id]);
    let delivery = &recorder.handled()[0];
    assert_eq!((&*delivery.event, delivery.log, delivery.attempt), (&event, lab.log(), 1));
    stop(consumer).await;
}

async fn every_group_gets_every_event(lab: &Lab) {
    let (bus, recorders) = (lab.open().await, [Recorder::new(), Recorder::new(), Recorder::new()]);
    let mut consumers = Vec::new();
    for (group, recorder) in ["mail", "sales", "search"].iter().zip(&recorders) {
        consumers.push(consume(&*bus, group, options(), recorder).await);
    }
    let events = [lab.events(&stream("a"), 1..=5), lab.events(&stream("b"), 1..=5)].concat();
    lab.publish(&*bus, &events).await;
    for recorder in &recorders {
        recorder.until_handled(&events).await;
        assert_eq!(lab.handled(&[recorder]).len(), events.len());
    }
    for consumer in consumers {
        stop(consumer).await;
    }
}

async fn members_share_the_events(lab: &Lab) {
    let bus = lab.open().await;
    let meeting = Arc::new(Barrier::new(2));
    // The first attempt of each member waits for that of the other, so that neither can take everything.
    let member = || {
        let (meeting, has_met) = (meeting.clone(), AtomicBool::new(false));
        Recorder::with(move |_| {
            let meeting = (!has_met.swap(true, Ordering::SeqCst)).then(|| meeting.clone());
            async move {
                if let Some(meeting) = meeting {
                    meeting.wait().await;
                }
                Ok(())
            }
        })
    };
    let (one, other) = (member(), member());
    let consumers =
        [consume(&*bus, "mail", options(), &one).await, consume(&*bus, "mail", options(), &other).await];
    let events: Vec<_> = (0..40).map(|key| lab.event(&stream(key), 1)).collect();
    lab.publish(&*bus, &events).await;
    until_handled_together(&[&one, &other], &events).await;
    for consumer in consumers {
        stop(consumer).await;
    }
    assert_eq!(lab.handled(&[&one, &other]).len(), events.len());
    lab.assert_nothing_waits(&*bus, &["mail"]).await;
}

async fn a_group_exists_from_its_first_consumption_on(lab: &Lab) {
    let (bus, recorder, a) = (lab.open().await, Recorder::new(), stream("a"));
    let (before, after) = (lab.events(&a, 1..=2), lab.events(&a, 3..=4));
    lab.publish(&*bus, &before).await;
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    lab.publish(&*bus, &after).await;
    recorder.until_handled(&after).await;
    assert_eq!(recorder.begun_versions(), [3, 4]);
    stop(consumer).await;
}

async fn a_group_gets_what_is_published_while_none_of_its_members_runs(lab: &Lab) {
    let (bus, recorder, a) = (lab.open().await, Recorder::new(), stream("a"));
    stop(consume(&*bus, "mail", options(), &recorder).await).await;
    let events = lab.events(&a, 1..=10);
    lab.publish(&*bus, &events).await;
    let consumer = consume(&*bus, "mail", options(), &recorder).await;
    recorder.until_handled(&events).await;
    assert_eq!(recorder.begun_versions(), (1..=10).collect::<Vec<_>>());
    stop(consumer).await;
}

async fn what_was_handled_does_not_come_again_after_a_stop(lab: &Lab) {
    let (bus, recorder, a) = (lab.open().await, Recorder::new(), stream("a"));
    for round in 0..4 {
        let consumer = consume(&*bus, "mail", options(), &recorder).await;
        let events = lab.events(&a, 3 * round + 1..=3 * round + 3);
        lab.publish(&*bus, &events).await;
        recorder.until_handled(&events).await;
        stop(consumer).await;
    }
    assert_eq!(recorder.begun_versions(), (1..=12).collect::<Vec<_>>());
}

async fn a_stopped_member_gets_nothing_more(lab: &Lab) {
    let (bus, stopped, running) = (lab.open().await, Recorder::new(), Recorder::new());
    let consumer = consume(&*bus, "mail", options(), &stopped).await;
    let first = lab.event(&stream("a"), 1);
    lab.publish(&*bus, only(&first)).await;
    stopped.until_handled(&[first]).await;
    stop(consumer).await;

    let later = lab.events(&stream("a"), 2..=5);
    lab.publish(&*bus, &later).await;
    let consumer = consume(&*bus, "mail", options(), &running).await;
    running.until_handled(&later).await;
    assert_eq!(stopped.begun_versions(), [1]);
    stop(consumer).await;
}

async fn a_group_gets_what_its_filter_accepts(lab: &Lab) {
    let (bus, recorder) = (lab.open().await, Recorder::new());
    let filter =
        EventFilter::all().category("Order").unwrap().events("Payment", ["Taken", "Refund*"]).unwrap();
    let consumer = consume(&*bus, "mail", options().with_filter(filter), &recorder).await;
    let (order, payment, other) = ("Order/1", "Payment/1", "Other/1");
    let offered = [
        (other, "Placed", false),
        (payment, "Asked", false),
        (payment, "Taken", true),
        (order, "Placed", true),
        (payment, "RefundAsked", true),
        (other, "Taken", false),
        (payment, "Lost", false),
        (order, "Shipped", true),
        (payment, "Taken", true),
    ];
    let (mut wanted, mut versions) = (Vec::new(), HashMap::new());
    for (id, event, is_wanted) in offered {
        let number = versions.entry(id).and_modify(|number| *number += 1).or_insert(1);
        let event = lab.recorded(named(event), &id.parse().unwrap(), *number);
        lab.publish(&*bus, only(&event)).await;
        wanted.extend(is_wanted.then_some(event));
    }
    recorder.until_handled(&wanted).await;
    assert_eq!(recorder.begun().len(), wanted.len());
    stop(consumer).await;
}

async fn a_tenant_filter_keeps_others_out(lab: &Lab) {
    let (bus, of_acme, of_none) = (lab.open().await, Recorder::new(), Recorder::new());
    let acme = TenantFilter::Only(TenantId::new("acme").unwrap());
    let only = |tenant| options().with_filter(EventFilter::all().tenant(tenant));
    let consumers = [
        consume(&*bus, "acme", only(acme), &of_acme).await,
        consume(&*bus, "none", only(TenantFilter::Untenanted), &of_none).await,
    ];
    let ids = ["Test/1", "acme@Test/1", "other@Test/1"].map(|id| id.parse::<StreamId>().unwrap());
    let events: Vec<_> = (1..=3).flat_map(|number| ids.each_ref().map(|id| lab.event(id, number))).collect();
    lab.publish(&*bus, &events).await;
    for (recorder, id) in [(&of_none, &ids[0]), (&of_acme, &ids[1])] {
        recorder.until("three events are handled", |seen| seen.handled.len() >= 3).await;
        assert!(recorder.begun().iter().all(|delivery| delivery.event.stream == *id));
        assert_eq!(recorder.handled_versions(id), [1, 2, 3]);
    }
    for consumer in consumers {
        stop(consumer).await;
    }
}

async fn groups_filter_apart(lab: &Lab) {
    let (bus, some, all) = (lab.open().await, Recorder::new(), Recorder::new());
    let filter = EventFilter::all().events("Test", ["Wanted"]).unwrap();
    let consumers = [
        consume(&*bus, "some", options().with_filter(filter), &some).await,
        consume(&*bus, "all", options(), &all).await,
    ];
    let a = stream("a");
    let events: Vec<_> = (1..=6)
        .map(|number| lab.recorded(named(if number % 2 == 0 { "Wanted" } else { "Happened" }), &a, number))
        .collect();
    lab.publish(&*bus, &events).await;
    all.until_handled(&events).await;
    some.until_handled(&events[5..]).await;
    assert_eq!(all.begun_versions(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(some.begun_versions(), [2, 4, 6]);
    for consumer in consumers {
        stop(consumer).await;
    }
}
