//! Load, decide, append: with closures and with commands.

use eventsource_core::{
    Aggregate, Bytes, Error, ErrorKind, Event, EventDescriptor, Repository, Result, StreamKey, StreamVersion,
    Timestamp, ToStreamKey,
    aggregate::{Publication, UpdateError},
    codec::CodecTag,
};
use eventsource_testing::{Harness, Operation};
use uuid::Uuid;

use crate::{
    common::{Order, OrderCommand, OrderError, noted, placed, shipped},
    error_of, failed, is_not_found, record,
};

#[tokio::test]
async fn create_begins_a_stream_and_tells_what_was_committed() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let created = orders.create("1", |order| order.place(100)).await.unwrap();
    assert_eq!(created.state.total, 100);
    assert_eq!((created.stream.as_str(), created.version.get()), ("Order/1", 1));
    assert!(!created.deduplicated && matches!(created.publication, Publication::Published));
    let feed = app.audit().await;
    assert_eq!(created.token.unwrap().position, feed[0].position);
    app.assert_stream::<Order>("1", placed(100)).await;
}

#[tokio::test]
async fn create_conflicts_with_a_stream_that_exists_and_does_not_try_again() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", [placed(100), noted("a")]).await;
    let appends = app.store.calls(Operation::Append);
    let error = error_of(orders.create("1", |order| order.place(200)).await);
    assert_eq!(error.as_conflict().unwrap().actual, StreamVersion::new(2));
    assert_eq!(app.store.calls(Operation::Append), appends + 1);
    assert_eq!(app.store.calls(Operation::ReadStream), 1, "only the history was loaded");
    app.assert_appended::<crate::OrderEvent>([]).await;
}

#[tokio::test]
async fn update_decides_on_the_present_state() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", [placed(100), noted("a")]).await;
    let updated = orders.update("1", |order| record(noted(order.total))).await.unwrap();
    assert_eq!(updated.state.notes, ["a", "100"]);
    assert_eq!(updated.version.get(), 3);
    app.assert_appended([noted(100)]).await;
}

#[tokio::test]
async fn update_begins_an_absent_stream_with_the_default_state() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let updated = orders
        .update("1", |order| {
            assert_eq!(*order, Order::default());
            order.place(100)
        })
        .await
        .unwrap();
    assert_eq!(updated.version.get(), 1);
}

#[tokio::test]
async fn decisions_of_every_shape_are_appended_at_once() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    orders.update("1", |_| record([placed(1), noted("a")])).await.unwrap();
    orders.update("1", |_| record(vec![noted("b"), noted("c")])).await.unwrap();
    orders.update("1", |_| record(Some(noted("d")))).await.unwrap();
    assert_eq!(app.store.calls(Operation::Append), 3);
    app.assert_stream::<Order>("1", [placed(1), noted("a"), noted("b"), noted("c"), noted("d")]).await;
}

#[tokio::test]
async fn nothing_decided_is_nothing_appended() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", [placed(100), shipped("T1")]).await;
    let appends = app.store.calls(Operation::Append);
    let updated = orders.update("1", |order| order.ship("T1")).await.unwrap();
    assert_eq!((updated.version.get(), updated.token), (2, None));
    assert!(matches!(updated.publication, Publication::NotAttached));
    assert_eq!(updated.state.tracking_number.as_deref(), Some("T1"));
    let absent = orders.update("2", |_| record(())).await.unwrap();
    assert_eq!(absent.version, StreamVersion::ZERO);
    assert_eq!(app.store.calls(Operation::Append), appends);
    assert!(!orders.exists("2").await.unwrap());
}

#[tokio::test]
async fn a_refusal_comes_back_as_it_is_and_leaves_nothing() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", [placed(100), shipped("T1")]).await;
    let appends = app.store.calls(Operation::Append);
    let updated = orders.update("1", |order| order.ship("T2")).await.unwrap_err();
    assert_eq!(updated.refusal(), Some(&OrderError::ShippedAlready));
    assert!(updated.error().is_none());
    assert_eq!(updated.to_string(), "the order was shipped already");
    let created = orders.create("2", |order| order.place(0)).await;
    assert!(matches!(created, Err(UpdateError::Refused(OrderError::TooSmall { total: 0 }))));
    let executed = orders.execute("2", &OrderCommand::Place { total: 0 }).await;
    assert!(matches!(executed, Err(UpdateError::Refused(OrderError::TooSmall { total: 0 }))));
    assert_eq!(app.store.calls(Operation::Append), appends);
    app.assert_appended::<crate::OrderEvent>([]).await;
    assert_eq!(app.publisher.events(), []);
}

#[tokio::test]
async fn execute_lets_the_decider_decide() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let placed_now = orders.execute("1", &OrderCommand::Place { total: 100 }).await.unwrap();
    assert_eq!((placed_now.state.total, placed_now.version.get()), (100, 1));
    let ship = OrderCommand::Ship { tracking_number: "T1".into(), provenance: None };
    orders.execute("1", &ship).await.unwrap();
    assert_eq!(orders.execute("1", &ship).await.unwrap().token, None);
    app.assert_stream::<Order>("1", [placed(100), shipped("T1")]).await;
}

#[tokio::test]
async fn load_folds_what_there_is() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let error = failed(orders.load("1").await);
    assert!(is_not_found(&error), "{error}");
    let absent = orders.load_or_default("1").await.unwrap();
    assert_eq!((absent.state(), absent.version()), (&Order::default(), StreamVersion::ZERO));
    app.given::<Order>("1", [placed(100), noted("a")]).await;
    let order = orders.load("1").await.unwrap();
    assert_eq!((order.total, order.notes.len(), order.version().get()), (100, 1, 2));
    assert_eq!(order.stream().as_str(), "Order/1");
}

#[tokio::test]
async fn a_stream_of_many_pages_is_folded_whole() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let many: Vec<_> = (0..2_500).map(noted).collect();
    orders.update("1", |_| record(many.clone())).await.unwrap();
    let order = orders.load("1").await.unwrap();
    assert_eq!(order.version().get(), 2_500);
    assert!((0..2_500).map(|n| n.to_string()).eq(order.notes.iter().cloned()));
}

#[tokio::test]
async fn exists_and_version_ask_without_loading() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    assert!(!orders.exists("1").await.unwrap());
    assert_eq!(orders.version("1").await.unwrap(), StreamVersion::ZERO);
    app.given::<Order>("1", [placed(100), noted("a")]).await;
    let reads = app.store.calls(Operation::ReadStream);
    assert!(orders.exists("1").await.unwrap());
    assert_eq!(orders.version("1").await.unwrap().get(), 2);
    assert_eq!(app.store.calls(Operation::ReadStream), reads);
}

#[tokio::test]
async fn events_are_recorded_as_having_happened_when_the_handle_says() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let then: Timestamp = "2025-06-01T00:00:00Z".parse().unwrap();
    orders.occurred_at(then).create("1", |order| order.place(1)).await.unwrap();
    orders.update("1", |order| order.note("now")).await.unwrap();
    let feed = app.audit().await;
    assert_eq!(feed[0].occurred_at, then);
    assert_eq!(feed[1].occurred_at, feed[1].recorded_at, "the handle that it was derived from is as before");
}

struct OrderId(u64);

impl ToStreamKey for OrderId {
    fn to_stream_key(&self) -> Result<StreamKey> {
        self.0.to_stream_key()
    }
}

#[tokio::test]
async fn keys_are_text_numbers_uuids_and_the_user_s_own() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let id = Uuid::from_u128(7);
    orders.create("text", |order| order.place(1)).await.unwrap();
    orders.create(&String::from("owned"), |order| order.place(1)).await.unwrap();
    orders.create(&4711_u64, |order| order.place(1)).await.unwrap();
    orders.create(&id, |order| order.place(1)).await.unwrap();
    orders.create(&OrderId(9), |order| order.place(1)).await.unwrap();
    for key in ["text", "owned", "4711", "00000000-0000-0000-0000-000000000007", "9"] {
        assert!(orders.exists(key).await.unwrap(), "{key}");
    }
    for key in ["", "a\0b", &"x".repeat(256)] {
        let error = error_of(orders.update(key, |order| order.place(1)).await);
        assert!(matches!(error.kind(), ErrorKind::InvalidInput { field: "key", .. }), "{error}");
        assert!(failed(orders.load(key).await).to_string().contains("key"));
    }
}

#[derive(Debug)]
struct Misnamed;

impl Event for Misnamed {
    const CATEGORY: &'static str = "Misnamed";
    const EVENTS: &'static [EventDescriptor] = &[EventDescriptor::new("stream.happened", 1)];
    const CODEC: CodecTag = CodecTag::JSON;

    fn descriptor(&self) -> &'static EventDescriptor {
        &Self::EVENTS[0]
    }
    fn encode(&self) -> Result<Bytes> {
        Ok("{}".into())
    }
    fn decode(name: &str, schema_version: u16, _: &[u8]) -> Result<Self> {
        Err(Error::unknown_event(Self::CATEGORY, name, schema_version))
    }
}

#[derive(Default)]
struct MisnamedState;

impl Aggregate for MisnamedState {
    type Event = Misnamed;

    fn apply(&mut self, _: &Misnamed) {}
}

#[tokio::test]
async fn an_event_type_that_breaks_the_rules_is_refused_before_anything_happens() {
    let app = Harness::new();
    let repository: Repository<MisnamedState> = app.repository();
    let error = error_of(repository.update("1", |_| record(Misnamed)).await);
    assert!(error.to_string().contains("stream.happened"), "{error}");
    assert!(failed(repository.load("1").await).to_string().contains("stream.happened"));
    assert_eq!(app.store.calls(Operation::Append) + app.store.calls(Operation::ReadStream), 0);
}
