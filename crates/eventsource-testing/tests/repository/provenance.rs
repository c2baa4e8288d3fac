//! Where events come from, and whose they are.

use eventsource_core::{CorrelationId, EventId, Provenance, StreamId, TenantId, store::EventStore};
use eventsource_testing::{Harness, SequentialIds};

use crate::{
    common::{Order, OrderCommand, noted, placed},
    events, record,
};

fn ada() -> Provenance {
    Provenance::default()
        .with_correlation(CorrelationId::from(EventId::generate()))
        .with_causation(EventId::generate())
        .with_actor("ada")
        .with_entry("channel", "web")
}

/// What the last event of stream 1 tells.
async fn last_provenance(app: &Harness) -> Provenance {
    let last = events(app, "1").await.pop().unwrap();
    let mut provenance = last.metadata.decode().unwrap();
    provenance.correlation = last.correlation;
    provenance
}

#[tokio::test]
async fn the_correlation_is_never_empty_and_is_the_first_event_s_id_by_default() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    orders.create("1", |_| record([placed(100), noted("a"), noted("b")])).await.unwrap();
    orders.update("1", |_| record(noted("c"))).await.unwrap();
    let mut unit = orders.load("1").await.unwrap();
    unit.record(|_| record([noted("d"), noted("e")])).unwrap();
    orders.save(&mut unit).await.unwrap();
    let correlations: Vec<_> = events(&app, "1").await.iter().map(|e| e.correlation.unwrap()).collect();
    let id = |number| CorrelationId::from(SequentialIds::id(number));
    assert_eq!(correlations, [id(1), id(1), id(1), id(4), id(5), id(5)]);
    assert!(events(&app, "1").await.iter().all(|e| e.metadata.as_bytes().is_empty()));
}

#[tokio::test]
async fn a_handle_records_its_provenance_with_every_event() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let provenance = ada();
    let of_ada = orders.with(provenance.clone());
    of_ada.create("1", |order| order.place(100)).await.unwrap();
    assert_eq!(last_provenance(&app).await, provenance);
    of_ada.update("1", |order| order.note("a")).await.unwrap();
    assert_eq!(last_provenance(&app).await, provenance);
    let mut unit = of_ada.load("1").await.unwrap();
    unit.record(|order| order.note("b")).unwrap();
    of_ada.save(&mut unit).await.unwrap();
    assert_eq!(last_provenance(&app).await, provenance);

    orders.update("1", |order| order.note("c")).await.unwrap();
    assert_eq!(last_provenance(&app).await.actor, None, "the handle that it was derived from is as before");
}

#[tokio::test]
async fn a_provenance_without_correlation_gets_the_default_one() {
    let app = Harness::new();
    let orders = app.repository::<Order>().with(Provenance::default().with_actor("ada"));
    orders.create("1", |order| order.place(100)).await.unwrap();
    let provenance = last_provenance(&app).await;
    assert_eq!(provenance.correlation, Some(SequentialIds::id(1).into()));
    assert_eq!(provenance.actor.as_deref(), Some("ada"));
}

#[tokio::test]
async fn a_command_carries_its_own_provenance() {
    let app = Harness::new();
    let orders = app.repository::<Order>().with(Provenance::default().with_actor("the handle"));
    orders.execute("1", &OrderCommand::Place { total: 100 }).await.unwrap();
    assert_eq!(last_provenance(&app).await.actor.as_deref(), Some("the handle"));
    let provenance = ada();
    let ship = OrderCommand::Ship { tracking_number: "T1".into(), provenance: Some(provenance.clone()) };
    orders.execute("1", &ship).await.unwrap();
    assert_eq!(last_provenance(&app).await, provenance);
}

#[tokio::test]
async fn what_reacts_to_an_event_goes_on_in_its_process() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    orders.with(ada()).create("2", |order| order.place(100)).await.unwrap();
    let cause = events(&app, "2").await.remove(0);
    let reaction = Provenance::caused_by(&cause).unwrap();
    orders.with(reaction).create("1", |order| order.place(1)).await.unwrap();
    let provenance = last_provenance(&app).await;
    assert_eq!((provenance.correlation, provenance.causation), (cause.correlation, Some(cause.id)));
    assert_eq!(provenance.actor, None, "who reacts is somebody else");
}

#[tokio::test]
async fn a_tenant_s_handle_has_streams_of_its_own() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let tenant = |name| TenantId::new(name).unwrap();
    let (acme, other) = (orders.for_tenant(&tenant("acme")), orders.for_tenant(&tenant("other")));
    for (handle, total) in [(&orders, 1), (&acme, 2), (&other, 3)] {
        handle.create("1", |order| order.place(total)).await.unwrap();
    }
    for (handle, total) in [(&orders, 1), (&acme, 2), (&other, 3)] {
        assert_eq!(handle.load("1").await.unwrap().total, total);
        assert_eq!(handle.version("1").await.unwrap().get(), 1);
    }
    let stream: StreamId = "acme@Order/1".parse().unwrap();
    assert!(app.store.stream(&stream).await.unwrap().exists());
    // A handle of a handle is the last tenant's.
    assert_eq!(acme.for_tenant(&tenant("other")).load("1").await.unwrap().total, 3);
}
