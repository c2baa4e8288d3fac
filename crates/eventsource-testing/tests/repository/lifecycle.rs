//! Streams that were deleted, restored, erased.

use eventsource_core::{
    ExpectedVersion, StreamVersion,
    lifecycle::LifecycleNote,
    store::{StreamDeletion, StreamErasure},
};
use eventsource_testing::Harness;

use crate::{
    OrderEvent,
    common::{Order, noted, placed},
    error_of, failed, is_deleted, notes, stream,
};

async fn refuses_everything(app: &Harness, erased: bool) {
    let orders = app.repository::<Order>();
    let errors = [
        failed(orders.load("1").await),
        failed(orders.load_or_default("1").await),
        failed(orders.load_at("1", StreamVersion::FIRST).await),
        error_of(orders.update("1", |order| order.note("x")).await),
        error_of(orders.create("1", |order| order.place(1)).await),
    ];
    for error in errors {
        assert!(is_deleted(&error, erased), "{error:?}");
    }
    assert!(!orders.exists("1").await.unwrap());
}

#[tokio::test]
async fn a_deleted_stream_refuses_until_it_is_restored() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", [placed(100), noted("a")]).await;
    let mut unit = orders.load("1").await.unwrap();
    unit.record(|order| order.note("too late")).unwrap();

    let note = LifecycleNote::because("a mistake");
    StreamDeletion::delete(&app.store, &stream("1"), ExpectedVersion::Any, &note).await.unwrap();
    refuses_everything(&app, false).await;
    let error = failed(orders.save(&mut unit).await);
    assert!(is_deleted(&error, false), "{error:?}");
    assert_eq!(orders.version("1").await.unwrap().get(), 3, "the record has a version");

    app.store.restore(&stream("1"), &note).await.unwrap();
    let order = orders.load("1").await.unwrap();
    assert_eq!((order.version().get(), notes(&order)), (4, vec!["a"]), "records are passed over");
    assert!(orders.exists("1").await.unwrap());
    assert!(failed(orders.save(&mut unit).await).as_conflict().is_some());
    assert_eq!(orders.update("1", |order| order.note("b")).await.unwrap().version.get(), 5);
    let past = orders.load_at("1", StreamVersion::new(3)).await.unwrap();
    assert_eq!(notes(&past), ["a"]);
    app.audit().await;
}

#[tokio::test]
async fn an_erased_stream_refuses_for_ever() {
    let app = Harness::new();
    app.given::<Order>("1", [placed(100), noted("a")]).await;
    app.store.erase(&stream("1"), &LifecycleNote::default()).await.unwrap();
    refuses_everything(&app, true).await;
    assert_eq!(app.audit().await.len(), 3);
    app.publisher.assert_published::<OrderEvent>([]);
}
