//! What operators ask of consumers: stored once, executed under an epoch, kept for ever.

use std::time::Duration;

use eventsource_core::{
    Bytes, Clock, ConsumerName, Epoch, ErrorKind, EventId, Incarnation, Place, Position,
    request::{
        Ask, Letters, NewRequest, Request, RequestId, RequestState, RequestStore, RequestUpdate,
        RequestsOptions,
    },
    status::Progress,
};

use super::support::{cancel_everywhere, is_invalid, refusal, together};

cases! { $ requests, requests_cases, RequestStore:
    a_request_is_stored_open,
    every_question_comes_back,
    an_absent_request_is_nothing,
    asking_twice_is_one_request,
    an_id_that_is_taken_by_another_question_is_refused,
    of_many_that_ask_the_same_one_is_stored,
    a_request_without_time_is_refused,
    a_request_expires_without_an_owner,
    a_running_request_expires_without_a_word,
    each_word_of_the_owner_gives_more_time,
    an_expired_request_takes_no_update,
    an_update_is_kept,
    an_update_under_an_older_epoch_is_refused,
    a_newer_owner_goes_on_with_a_running_request,
    a_final_request_takes_no_update,
    the_same_last_word_may_be_said_again,
    an_owner_neither_opens_nor_expires_a_request,
    an_update_of_an_absent_request_is_not_kept,
    of_owners_at_the_same_time_one_has_the_last_word,
    requests_are_listed_last_first,
    requests_of_one_consumer_are_listed,
    what_is_final_or_expired_is_not_open,
    pages_go_on_after_a_request,
    a_dropped_submission_happened_whole_or_not_at_all,
    a_closed_request_store_refuses_every_call,
}

const MINUTE: Duration = Duration::from_secs(60);
pub(super) const NONE: [RequestId; 0] = [];

/// A question to a consumer, with an id of its own.
pub(super) fn asking(of: &str, ask: Ask) -> NewRequest {
    NewRequest {
        id: RequestId::now_v7(),
        consumer: ConsumerName::new(of).unwrap(),
        ask,
        operator: "ada".to_owned(),
        reason: "it's \"time\" 注文".to_owned(),
        expires_in: MINUTE,
    }
}

/// What an owner says under an epoch.
pub(super) fn word(of: &NewRequest, epoch: u64, state: RequestState) -> RequestUpdate {
    RequestUpdate { id: of.id, epoch: Epoch::new(epoch), state, progress: Progress::default(), outcome: None }
}

async fn submitted(store: &dyn Port, of: &str) -> NewRequest {
    let asked = asking(of, Ask::Pause);
    store.submit(&asked).await.unwrap();
    asked
}

async fn found(store: &dyn Port, asked: &NewRequest) -> Request {
    store.request(asked.id).await.unwrap().unwrap()
}

async fn state(store: &dyn Port, asked: &NewRequest) -> RequestState {
    found(store, asked).await.state
}

async fn a_request_is_stored_open(lab: &Lab) {
    let store = lab.open().await;
    let asked = asking("sales", Ask::Pause);
    let stored = store.submit(&asked).await.unwrap();
    let expected = Request {
        asked: asked.clone(),
        asked_at: lab.clock().now(),
        state: RequestState::Open,
        epoch: Epoch::NONE,
        progress: Progress::default(),
        outcome: None,
        changed_at: lab.clock().now(),
    };
    assert_eq!(stored, expected);
    assert_eq!(found(&*store, &asked).await, expected);
}

async fn every_question_comes_back(lab: &Lab) {
    let store = lab.open().await;
    let event = EventId::generate();
    let to = Place { incarnation: Incarnation::generate(), position: Position::MAX, event: Some(event) };
    let questions = [
        Ask::Pause,
        Ask::Resume,
        Ask::Rewind { to },
        Ask::Rewind { to: Place::start(to.incarnation) },
        Ask::Reset,
        Ask::Rebuild { version: 2, switch: true },
        Ask::Rebuild { version: u32::MAX, switch: false },
        Ask::Switch { version: 2 },
        Ask::Cancel { request: RequestId::now_v7() },
        Ask::Retire { version: 1 },
        Ask::Retry(Letters::One(event)),
        Ask::Retry(Letters::Stream(lab.stream("注文/1"))),
        Ask::Retry(Letters::Cause(u64::MAX)),
        Ask::Retry(Letters::All),
        Ask::Edit { event, payload: Bytes::from_static(b"\0\xff") },
        Ask::Edit { event, payload: Bytes::new() },
        Ask::Discard(Letters::One(event)),
        Ask::Discard(Letters::All),
    ];
    for ask in questions {
        // Finer than microseconds, the time is cut.
        let asked = NewRequest { expires_in: Duration::from_nanos(1_999), ..asking("sales", ask) };
        let kept = NewRequest { expires_in: Duration::from_micros(1), ..asked.clone() };
        assert_eq!(store.submit(&asked).await.unwrap().asked, kept);
        assert_eq!(found(&*store, &asked).await.asked, kept);
        assert_eq!(store.submit(&asked).await.unwrap().asked, kept, "the same question");
    }
    let for_ever = NewRequest { expires_in: Duration::MAX, ..asking("sales", Ask::Pause) };
    store.submit(&for_ever).await.unwrap();
    lab.clock().advance(Duration::from_secs(100 * 365 * 86_400));
    assert_eq!(state(&*store, &for_ever).await, RequestState::Open);
}

async fn an_absent_request_is_nothing(lab: &Lab) {
    let store = lab.open().await;
    assert_eq!(store.request(RequestId::now_v7()).await.unwrap(), None);
    assert_eq!(store.requests(&RequestsOptions::default()).await.unwrap(), []);
}

async fn asking_twice_is_one_request(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    assert!(store.update(&word(&asked, 3, RequestState::Running)).await.unwrap());
    let running = found(&*store, &asked).await;
    lab.clock().advance(Duration::from_secs(1));
    assert_eq!(store.submit(&asked).await.unwrap(), running);
    assert_eq!(store.requests(&RequestsOptions::default()).await.unwrap(), [running]);
}

async fn an_id_that_is_taken_by_another_question_is_refused(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    let others = [
        NewRequest { ask: Ask::Resume, ..asked.clone() },
        NewRequest { consumer: ConsumerName::new("other").unwrap(), ..asked.clone() },
        NewRequest { operator: "eve".to_owned(), ..asked.clone() },
        NewRequest { reason: "other".to_owned(), ..asked.clone() },
        NewRequest { expires_in: MINUTE * 2, ..asked.clone() },
    ];
    for other in others {
        assert!(is_invalid(&refusal(store.submit(&other).await), "request"), "{other:?}");
    }
    assert_eq!(found(&*store, &asked).await.asked, asked);
}

async fn of_many_that_ask_the_same_one_is_stored(lab: &Lab) {
    let store = lab.open().await;
    let asked = asking("sales", Ask::Reset);
    let submissions = (0..16).map(|_| {
        let (store, asked) = (store.clone(), asked.clone());
        async move { store.submit(&asked).await.unwrap() }
    });
    let stored = together(submissions).await;
    assert!(stored.iter().all(|request| *request == stored[0]));
    assert_eq!(store.requests(&RequestsOptions::default()).await.unwrap().len(), 1);
}

async fn a_request_without_time_is_refused(lab: &Lab) {
    let store = lab.open().await;
    for expires_in in [Duration::ZERO, Duration::from_nanos(999)] {
        let asked = NewRequest { expires_in, ..asking("sales", Ask::Pause) };
        assert!(is_invalid(&refusal(store.submit(&asked).await), "expires_in"));
        assert_eq!(store.request(asked.id).await.unwrap(), None);
    }
}

async fn a_request_expires_without_an_owner(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    let expires_at = lab.clock().now().plus(MINUTE);
    lab.clock().advance(MINUTE - Duration::from_micros(1));
    assert_eq!(state(&*store, &asked).await, RequestState::Open);
    lab.clock().advance(Duration::from_secs(9));
    let expired = found(&*store, &asked).await;
    assert_eq!((expired.state, expired.changed_at), (RequestState::Expired, expires_at));
    assert_eq!(store.requests(&RequestsOptions::default()).await.unwrap(), std::slice::from_ref(&expired));
    assert_eq!(store.submit(&asked).await.unwrap(), expired);
}

async fn a_running_request_expires_without_a_word(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    assert!(store.update(&word(&asked, 1, RequestState::Running)).await.unwrap());
    lab.clock().advance(MINUTE);
    let expired = found(&*store, &asked).await;
    assert_eq!((expired.state, expired.epoch), (RequestState::Expired, Epoch::new(1)));
}

async fn each_word_of_the_owner_gives_more_time(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    for done in 1..=5 {
        lab.clock().advance(MINUTE - Duration::from_micros(1));
        let progress = Progress { done, total: Some(5) };
        let update = RequestUpdate { progress, ..word(&asked, 1, RequestState::Running) };
        assert!(store.update(&update).await.unwrap());
        let running = found(&*store, &asked).await;
        assert_eq!((running.progress, running.changed_at), (progress, lab.clock().now()));
    }
}

async fn an_expired_request_takes_no_update(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    lab.clock().advance(MINUTE);
    for state in [RequestState::Running, RequestState::Done] {
        assert!(!store.update(&word(&asked, 9, state)).await.unwrap());
    }
    let expired = found(&*store, &asked).await;
    assert_eq!((expired.state, expired.epoch), (RequestState::Expired, Epoch::NONE));
}

async fn an_update_is_kept(lab: &Lab) {
    let store = lab.open().await;
    let states = [
        RequestState::Running,
        RequestState::Done,
        RequestState::Refused,
        RequestState::Failed,
        RequestState::Cancelled,
    ];
    for state in states {
        let asked = submitted(&*store, "sales").await;
        let asked_at = lab.clock().now();
        lab.clock().advance(Duration::from_secs(1));
        let update = RequestUpdate {
            id: asked.id,
            epoch: Epoch::new(7),
            state,
            progress: Progress { done: 3, total: Some(i64::MAX as u64) },
            outcome: Some("it's \"so\" 注文".to_owned()),
        };
        assert!(store.update(&update).await.unwrap());
        let expected = Request {
            asked_at,
            asked: asked.clone(),
            state,
            epoch: update.epoch,
            progress: update.progress,
            outcome: update.outcome,
            changed_at: lab.clock().now(),
        };
        assert_eq!(found(&*store, &asked).await, expected);
    }
}

async fn an_update_under_an_older_epoch_is_refused(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    assert!(store.update(&word(&asked, 5, RequestState::Running)).await.unwrap());
    let before = found(&*store, &asked).await;
    for state in [RequestState::Running, RequestState::Done] {
        assert!(!store.update(&word(&asked, 4, state)).await.unwrap());
    }
    assert_eq!(found(&*store, &asked).await, before);
    assert!(store.update(&word(&asked, 5, RequestState::Done)).await.unwrap());
}

async fn a_newer_owner_goes_on_with_a_running_request(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    assert!(store.update(&word(&asked, 5, RequestState::Running)).await.unwrap());
    assert!(store.update(&word(&asked, 6, RequestState::Running)).await.unwrap());
    assert!(!store.update(&word(&asked, 5, RequestState::Done)).await.unwrap());
    assert!(store.update(&word(&asked, 6, RequestState::Done)).await.unwrap());
    assert_eq!(state(&*store, &asked).await, RequestState::Done);
}

async fn a_final_request_takes_no_update(lab: &Lab) {
    let store = lab.open().await;
    let ends = [RequestState::Done, RequestState::Refused, RequestState::Failed, RequestState::Cancelled];
    for end in ends {
        let asked = submitted(&*store, "sales").await;
        assert!(store.update(&word(&asked, 5, end)).await.unwrap());
        for state in [RequestState::Running, RequestState::Done, RequestState::Failed] {
            assert!(!store.update(&word(&asked, 6, state)).await.unwrap(), "{end:?} to {state:?}");
        }
        // And it never expires.
        lab.clock().advance(MINUTE * 2);
        assert_eq!(state(&*store, &asked).await, end);
    }
}

async fn the_same_last_word_may_be_said_again(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    let last = RequestUpdate { outcome: Some("so it is".to_owned()), ..word(&asked, 5, RequestState::Done) };
    assert!(store.update(&last).await.unwrap());
    let done = found(&*store, &asked).await;
    lab.clock().advance(MINUTE * 2);
    assert!(store.update(&last).await.unwrap());
    assert!(!store.update(&RequestUpdate { outcome: None, ..last.clone() }).await.unwrap());
    assert!(!store.update(&RequestUpdate { epoch: Epoch::new(6), ..last }).await.unwrap());
    assert_eq!(found(&*store, &asked).await, done);
}

async fn an_owner_neither_opens_nor_expires_a_request(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    for state in [RequestState::Open, RequestState::Expired] {
        assert!(is_invalid(&refusal(store.update(&word(&asked, 5, state)).await), "state"));
    }
    assert_eq!(found(&*store, &asked).await.epoch, Epoch::NONE);
}

async fn an_update_of_an_absent_request_is_not_kept(lab: &Lab) {
    let store = lab.open().await;
    let asked = asking("sales", Ask::Pause);
    assert!(!store.update(&word(&asked, 5, RequestState::Done)).await.unwrap());
    assert_eq!(store.request(asked.id).await.unwrap(), None);
}

async fn of_owners_at_the_same_time_one_has_the_last_word(lab: &Lab) {
    let store = lab.open().await;
    for _ in 0..5 {
        let asked = submitted(&*store, "sales").await;
        let words = (1..=8).map(|owner| {
            let (store, asked) = (store.clone(), asked.clone());
            async move { store.update(&word(&asked, owner, RequestState::Done)).await.unwrap() }
        });
        let kept = together(words).await;
        assert_eq!(kept.iter().filter(|kept| **kept).count(), 1);
        let epoch = kept.iter().position(|kept| *kept).unwrap() as u64 + 1;
        assert_eq!(found(&*store, &asked).await.epoch, Epoch::new(epoch));
    }
}

async fn listed(store: &dyn Port, options: &RequestsOptions) -> Vec<RequestId> {
    store.requests(options).await.unwrap().iter().map(|request| request.asked.id).collect()
}

async fn requests_are_listed_last_first(lab: &Lab) {
    let store = lab.open().await;
    let mut expected = Vec::new();
    for (of, id) in [("b", 5), ("a", 9), ("b", 2)] {
        // Neither ids nor times tell the order.
        let asked = NewRequest { id: RequestId::from_u128(id), ..asking(of, Ask::Pause) };
        store.submit(&asked).await.unwrap();
        expected.insert(0, asked.id);
    }
    assert_eq!(listed(&*store, &RequestsOptions::default()).await, expected);
}

async fn requests_of_one_consumer_are_listed(lab: &Lab) {
    let store = lab.open().await;
    let [one, _, two] = [
        submitted(&*store, "sales").await,
        submitted(&*store, "sale").await,
        submitted(&*store, "sales").await,
    ];
    let mut options = RequestsOptions::default();
    options.consumer = Some(one.consumer.clone());
    assert_eq!(listed(&*store, &options).await, [two.id, one.id]);
    options.consumer = Some(ConsumerName::new("nobody").unwrap());
    assert_eq!(listed(&*store, &options).await, NONE);
}

async fn what_is_final_or_expired_is_not_open(lab: &Lab) {
    let store = lab.open().await;
    let expired = submitted(&*store, "sales").await;
    lab.clock().advance(Duration::from_secs(30));
    let [done, running, open] = [
        submitted(&*store, "sales").await,
        submitted(&*store, "sales").await,
        submitted(&*store, "sales").await,
    ];
    assert!(store.update(&word(&done, 1, RequestState::Done)).await.unwrap());
    assert!(store.update(&word(&running, 1, RequestState::Running)).await.unwrap());
    let mut options = RequestsOptions::default();
    options.open_only = true;
    assert_eq!(listed(&*store, &options).await, [open.id, running.id, expired.id]);
    lab.clock().advance(Duration::from_secs(30));
    assert_eq!(listed(&*store, &options).await, [open.id, running.id]);
    options.open_only = false;
    assert_eq!(listed(&*store, &options).await.len(), 4);
}

async fn pages_go_on_after_a_request(lab: &Lab) {
    let store = lab.open().await;
    let mut expected = Vec::new();
    for number in 0..250 {
        let asked = submitted(&*store, if number % 5 == 0 { "other" } else { "sales" }).await;
        if number % 5 != 0 {
            expected.insert(0, asked.id);
        }
    }
    let mut options = RequestsOptions::default();
    options.consumer = Some(ConsumerName::new("sales").unwrap());
    let mut pages: Vec<Vec<RequestId>> = Vec::new();
    loop {
        let page = listed(&*store, &options).await;
        options.after = page.last().copied();
        if page.is_empty() {
            break;
        }
        pages.push(page);
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100]);
    assert_eq!(pages.concat(), expected);
    options.after = Some(RequestId::now_v7());
    assert_eq!(listed(&*store, &options).await, NONE, "nothing follows what does not exist");
}

async fn a_dropped_submission_happened_whole_or_not_at_all(lab: &Lab) {
    let store = &lab.open().await;
    cancel_everywhere(|_| async move {
        let asked = asking("sales", Ask::Reset);
        let again = asked.clone();
        let dropped = async move { store.submit(&asked).await };
        let check = async move {
            assert_eq!(store.submit(&again).await.unwrap().asked, again);
        };
        (dropped, check)
    })
    .await;
}

async fn a_closed_request_store_refuses_every_call(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "sales").await;
    store.close().await.unwrap();
    assert_eq!(refusal(store.submit(&asked).await), ErrorKind::Closed);
    assert_eq!(refusal(store.request(asked.id).await), ErrorKind::Closed);
    assert_eq!(refusal(store.requests(&RequestsOptions::default()).await), ErrorKind::Closed);
    assert_eq!(refusal(store.update(&word(&asked, 1, RequestState::Done)).await), ErrorKind::Closed);
}
