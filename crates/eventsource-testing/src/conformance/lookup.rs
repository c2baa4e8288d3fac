//! Finding events by id and by business process.

use eventsource_core::{
    CorrelationId, ErrorKind, EventFilter, EventId,
    ExpectedVersion::NoStream,
    NewEvent, Position, RecordedEvent,
    store::{EventLookup, EventStore, FeedOptions},
};

use super::support::{append, event, events, ids, increase, named, positions, read, refusal, try_append};

cases! { $ lookup, lookup_cases, EventStore | EventLookup:
    an_event_is_found_by_its_id,
    an_id_that_was_never_appended_finds_nothing,
    an_id_of_a_refused_append_finds_nothing,
    a_business_process_is_traced_through_all_streams,
    other_processes_are_not_shown,
    tracing_begins_behind_the_position,
    pages_of_a_process_join_without_loss_or_repeat,
    a_process_is_traced_backward,
    a_filter_narrows_a_process,
    an_unknown_process_is_empty,
    a_limit_of_zero_is_refused,
    a_closed_lookup_refuses_every_call,
}

fn options() -> FeedOptions {
    FeedOptions::default()
}

fn process() -> CorrelationId {
    CorrelationId::from(EventId::generate())
}

/// So many events of a process.
fn of(process: CorrelationId, count: usize) -> Vec<NewEvent> {
    events(count).into_iter().map(|e| e.with_correlation(process)).collect()
}

/// All pages of a process.
async fn traced(
    store: &dyn Port,
    process: CorrelationId,
    mut after: Position,
    options: FeedOptions,
) -> Vec<RecordedEvent> {
    let mut traced = Vec::new();
    loop {
        let page = store.correlated(process, after, &options).await.unwrap();
        assert!(page.events.len() <= options.limit);
        traced.extend(page.events);
        if page.at_head {
            return traced;
        }
        assert_ne!(page.next, after, "a page that moves nothing never ends");
        after = page.next;
    }
}

/// A store with one process of nine events through three streams, among events of others.
async fn with_process(lab: &Lab) -> (std::sync::Arc<dyn Port>, CorrelationId, Vec<EventId>) {
    let (store, process, other) = (lab.open().await, process(), process());
    let mut sent = Vec::new();
    for number in 0..9 {
        let stream = lab.stream_in(["Order", "Payment", "Test"][number % 3], number % 2);
        let event = of(process, 1);
        sent.push(event[0].id);
        append(&store, &stream, [of(other, 1), event, events(1)].concat()).await;
    }
    (store, process, sent)
}

async fn an_event_is_found_by_its_id(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, [events(2), of(process(), 1)].concat()).await;
    append(&store, &lab.stream("b"), events(1)).await;
    let all = [read(&store, &a).await, read(&store, &lab.stream("b")).await].concat();
    for event in all {
        assert_eq!(store.event(event.id).await.unwrap(), Some(event));
    }
}

async fn an_id_that_was_never_appended_finds_nothing(lab: &Lab) {
    let (store, a, later) = (lab.open().await, lab.stream("a"), event());
    assert_eq!(store.event(later.id).await.unwrap(), None);
    append(&store, &a, events(2)).await;
    assert_eq!(store.event(later.id).await.unwrap(), None);
    assert_eq!(store.event(EventId::generate()).await.unwrap(), None);
    append(&store, &a, vec![later.clone()]).await;
    assert_eq!(store.event(later.id).await.unwrap().unwrap().id, later.id);
}

async fn an_id_of_a_refused_append_finds_nothing(lab: &Lab) {
    let (store, a, refused) = (lab.open().await, lab.stream("a"), event());
    append(&store, &a, events(1)).await;
    refusal(try_append(&store, &a, NoStream, vec![refused.clone()]).await);
    assert_eq!(store.event(refused.id).await.unwrap(), None);
}

async fn a_business_process_is_traced_through_all_streams(lab: &Lab) {
    let (store, process, sent) = with_process(lab).await;
    let traced = traced(&*store, process, Position::START, options()).await;
    assert_eq!(ids(&traced), sent);
    assert!(increase(&positions(&traced)));
    for event in traced {
        assert_eq!(store.event(event.id).await.unwrap(), Some(event), "events are shown whole");
    }
}

async fn other_processes_are_not_shown(lab: &Lab) {
    let (store, process, _) = with_process(lab).await;
    let traced = traced(&*store, process, Position::START, options()).await;
    assert!(traced.iter().all(|e| e.correlation == Some(process)));
    assert_eq!(traced.len(), 9);
}

async fn tracing_begins_behind_the_position(lab: &Lab) {
    let (store, process, sent) = with_process(lab).await;
    let all = traced(&*store, process, Position::START, options()).await;
    for (number, event) in all.iter().enumerate() {
        let rest = traced(&*store, process, event.position, options()).await;
        assert_eq!(ids(&rest), sent[number + 1..]);
    }
}

async fn pages_of_a_process_join_without_loss_or_repeat(lab: &Lab) {
    let (store, process, mut sent) = with_process(lab).await;
    for limit in [1, 2, 8, 9, 10] {
        let forward = traced(&*store, process, Position::START, options().with_limit(limit)).await;
        assert_eq!(ids(&forward), sent, "{limit} a page");
    }
    sent.reverse();
    for limit in [1, 4, 9] {
        let options = options().backward().with_limit(limit);
        assert_eq!(ids(&traced(&*store, process, Position::MAX, options).await), sent, "{limit} a page");
    }
}

async fn a_process_is_traced_backward(lab: &Lab) {
    let (store, process, mut sent) = with_process(lab).await;
    sent.reverse();
    let backward = traced(&*store, process, Position::MAX, options().backward()).await;
    assert_eq!(ids(&backward), sent);
    let before = traced(&*store, process, backward[3].position, options().backward()).await;
    assert_eq!(ids(&before), sent[4..]);
}

async fn a_filter_narrows_a_process(lab: &Lab) {
    let (store, process) = (lab.open().await, process());
    let mut wanted = Vec::new();
    for (category, name, is_wanted) in [
        ("Order", "Placed", true),
        ("Payment", "Placed", false),
        ("Order", "Shipped", false),
        ("Order", "PlacedLate", true),
    ] {
        let event = named(name).with_correlation(process);
        if is_wanted {
            wanted.push(event.id);
        }
        append(&store, &lab.stream_in(category, 1), vec![event]).await;
    }
    let filter = EventFilter::all().events("Order", ["Placed*"]).unwrap();
    for limit in [1, 10] {
        let options = options().with_filter(filter.clone()).with_limit(limit);
        assert_eq!(ids(&traced(&*store, process, Position::START, options).await), wanted);
    }
}

async fn an_unknown_process_is_empty(lab: &Lab) {
    let (store, ..) = with_process(lab).await;
    let page = store.correlated(process(), Position::START, &options()).await.unwrap();
    assert!(page.events.is_empty() && page.at_head);
}

async fn a_limit_of_zero_is_refused(lab: &Lab) {
    let (store, process, _) = with_process(lab).await;
    let page = store.correlated(process, Position::START, &options().with_limit(0)).await;
    assert!(matches!(refusal(page), ErrorKind::InvalidInput { field: "limit", .. }));
}

async fn a_closed_lookup_refuses_every_call(lab: &Lab) {
    let (store, process, sent) = with_process(lab).await;
    store.close().await.unwrap();
    assert_eq!(refusal(store.event(sent[0]).await), ErrorKind::Closed);
    let page = store.correlated(process, Position::START, &options()).await;
    assert_eq!(refusal(page), ErrorKind::Closed);
}
