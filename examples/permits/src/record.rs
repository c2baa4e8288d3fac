//! From the log to the store: every case is a stream, every line an event.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    future::ready,
};

use eventsource::{
    CorrelationId, Error, ErrorKind, EventId, ExpectedVersion, NewEvent, Result, StreamId, StreamVersion,
    Timestamp,
    store::{Append, EventStore, EventStoreExt, ReadOptions},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use uuid::Uuid;

use crate::{
    case::{Activity, CaseEvent},
    log::{LogLine, Rejected},
};

/// The namespace of all ids that are derived here, drawn at random once.
const NAMESPACE: Uuid = Uuid::from_u128(0x5a5b_f375_996e_4713_a554_e26d_d5d2_c6c7);

/// So many cases are written at the same time; the store commits together what arrives together.
const CASES_AT_ONCE: usize = 64;

/// The events of one append: far below every store's limits.
const BATCH: usize = 1_000;

/// What became of the lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) written: u64,
    /// Recorded by an earlier run, or twice in the log.
    pub(crate) known: u64,
    pub(crate) rejected: Vec<Rejected>,
}

impl Outcome {
    fn and(mut self, other: Self) -> Self {
        self.written += other.written;
        self.known += other.known;
        self.rejected.extend(other.rejected);
        self
    }
}

/// Records lines as events, except those that are recorded already.
pub(crate) async fn record(
    store: &dyn EventStore,
    lines: &[LogLine],
    progress: &ProgressBar,
) -> Result<Outcome> {
    let mut cases: BTreeMap<&StreamId, Vec<&LogLine>> = BTreeMap::new();
    for line in lines {
        cases.entry(&line.stream).or_default().push(line);
    }
    let outcomes = stream::iter(cases)
        .map(|(stream, lines)| async move {
            let outcome = record_case(store, stream, &lines).await?;
            progress.inc(lines.len() as u64);
            Ok(outcome)
        })
        .buffer_unordered(CASES_AT_ONCE);
    let mut outcome =
        outcomes.try_fold(Outcome::default(), |sum, outcome| ready(Ok(sum.and(outcome)))).await?;
    outcome.rejected.sort_by_key(|line| line.number);
    Ok(outcome)
}

async fn record_case(store: &dyn EventStore, stream: &StreamId, lines: &[&LogLine]) -> Result<Outcome> {
    loop {
        let outcome = record_missing(store, stream, lines).await;
        // Another run of this program may have written to the case since we looked: then look again.
        if !outcome.as_ref().is_err_and(is_overtaken) {
            return outcome;
        }
    }
}

fn is_overtaken(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Conflict(_) | ErrorKind::Duplicate(_))
}

/// Looks which lines of a case the store lacks, and appends them.
async fn record_missing(store: &dyn EventStore, stream: &StreamId, lines: &[&LogLine]) -> Result<Outcome> {
    let mut version = store.stream(stream).await?.version;
    let mut known: HashMap<EventId, (Activity, Timestamp)> = HashMap::new();
    let mut history = store.history::<CaseEvent>(stream, ReadOptions::default());
    while let Some(recorded) = history.try_next().await? {
        let fact = (recorded.event.activity().clone(), recorded.record.occurred_at);
        known.insert(recorded.record.id, fact);
    }

    let case = CorrelationId::derive(&NAMESPACE, stream.key());
    let mut outcome = Outcome::default();
    let mut missing = Vec::new();
    for line in lines {
        // The same case and task give the same id in every run: that is what makes a second run add nothing.
        let id = EventId::derive(case.as_uuid(), &line.activity.task);
        let fact = (line.activity.clone(), line.occurred_at);
        match known.entry(id) {
            Entry::Vacant(entry) => {
                let opens = version == StreamVersion::ZERO && missing.is_empty();
                let event = NewEvent::encode(id, &line.event(opens))?
                    .with_occurred_at(line.occurred_at)
                    .with_correlation(case);
                missing.push(event);
                entry.insert(fact);
            }
            Entry::Occupied(entry) if *entry.get() == fact => outcome.known += 1,
            Entry::Occupied(_) => outcome.rejected.push(line.contradicts()),
        }
    }
    for batch in missing.chunks(BATCH) {
        let append = Append::new(stream.clone(), ExpectedVersion::Exact(version), batch.to_vec());
        let appended = store.append(append).await?;
        let count = if appended.deduplicated { &mut outcome.known } else { &mut outcome.written };
        *count += batch.len() as u64;
        version = version.plus(batch.len() as u64);
    }
    Ok(outcome)
}

impl LogLine {
    fn event(&self, opens: bool) -> CaseEvent {
        let activity = self.activity.clone();
        if opens {
            CaseEvent::CaseOpened { application: self.application.clone(), activity }
        } else {
            CaseEvent::ActivityCompleted { activity }
        }
    }

    fn contradicts(&self) -> Rejected {
        let reason = format!(
            "task {:?} of case {:?} is recorded already, as another activity or at another time",
            self.activity.task,
            self.stream.key()
        );
        Rejected { number: self.number, reason }
    }
}

#[cfg(test)]
mod tests {
    use eventsource::{MemoryStore, Recorded, sqlite::SqliteStore};

    use super::*;
    use crate::log::Log;

    const HEADER: &str = "case:concept:name,concept:instance,concept:name,time:timestamp,case:channel,\
        lifecycle:transition,case:deadline,case:department,case:responsible,org:group,org:resource\n";

    /// Lines of case, task, activity and minute.
    fn lines(lines: &[(&str, &str, &str, u8)]) -> Vec<LogLine> {
        let mut file = HEADER.to_owned();
        for (case, task, activity, minute) in lines {
            file += &format!("{case},{task},{activity},2025-01-01T12:{minute:02}:00Z,Desk,complete,,,,,\n");
        }
        let log = Log::parse(file.as_bytes()).unwrap();
        assert_eq!(log.rejected, []);
        log.lines
    }

    async fn record_all(store: &dyn EventStore, lines: &[LogLine]) -> (u64, u64, Vec<u64>) {
        let outcome = record(store, lines, &ProgressBar::hidden()).await.unwrap();
        (outcome.written, outcome.known, outcome.rejected.iter().map(|line| line.number).collect())
    }

    async fn history(store: &dyn EventStore, case: &str) -> Vec<Recorded<CaseEvent>> {
        let stream = StreamId::new("PermitCase", case).unwrap();
        store.history(&stream, ReadOptions::default()).try_collect().await.unwrap()
    }

    #[tokio::test]
    async fn a_case_is_a_stream_that_begins_with_its_opening() {
        let store = MemoryStore::new();
        let log = lines(&[("a", "1", "Receive", 3), ("b", "1", "Receive", 2), ("a", "2", "Decide", 1)]);
        assert_eq!(record_all(&store, &log).await, (3, 0, vec![]));

        let recorded = history(&store, "a").await;
        let seen: Vec<_> = recorded
            .iter()
            .map(|r| (matches!(r.event, CaseEvent::CaseOpened { .. }), r.record.occurred_at.to_string()))
            .collect();
        let expected =
            [(true, "2025-01-01T12:03:00.000000Z".into()), (false, "2025-01-01T12:01:00.000000Z".into())];
        assert_eq!(seen, expected, "the order is that of the log, the times are the log's own");
        assert_eq!(recorded[0].record.correlation, recorded[1].record.correlation);
        assert_eq!(history(&store, "b").await.len(), 1);
    }

    #[tokio::test]
    async fn a_second_run_adds_nothing_and_a_longer_log_only_what_is_new() {
        let store = MemoryStore::new();
        let first = [("a", "1", "Receive", 1), ("b", "1", "Receive", 2)];
        let longer = [first[0], ("a", "2", "Decide", 3), first[1], ("c", "1", "Receive", 4)];
        assert_eq!(record_all(&store, &lines(&first)).await, (2, 0, vec![]));
        assert_eq!(record_all(&store, &lines(&first)).await, (0, 2, vec![]));
        assert_eq!(record_all(&store, &lines(&longer)).await, (2, 2, vec![]));
        assert_eq!(record_all(&store, &lines(&longer)).await, (0, 4, vec![]));
        assert!(matches!(history(&store, "a").await[1].event, CaseEvent::ActivityCompleted { .. }));
    }

    #[tokio::test]
    async fn a_task_happens_once() {
        let store = MemoryStore::new();
        let log = lines(&[
            ("a", "1", "Receive", 1),
            ("a", "1", "Receive", 1),
            ("a", "1", "Decide", 1),
            ("a", "1", "Receive", 2),
            ("b", "1", "Decide", 1),
        ]);
        assert_eq!(record_all(&store, &log).await, (2, 1, vec![4, 5]));
        let moved = lines(&[("a", "1", "Receive", 9)]);
        assert_eq!(record_all(&store, &moved).await, (0, 0, vec![2]));
    }

    #[tokio::test]
    async fn two_runs_at_the_same_time_record_each_line_once() {
        let tasks: Vec<_> = (0..20).map(|task| task.to_string()).collect();
        let all: Vec<_> = tasks.iter().map(|task| ("a", task.as_str(), "Decide", 0)).collect();
        let (shorter, longer) = (lines(&all[..10]), lines(&all));
        for _ in 0..20 {
            // Each call goes to the thread of the store, so that the runs take turns.
            let store = SqliteStore::in_memory().await.unwrap();
            let outcomes = tokio::join!(record_all(&store, &shorter), record_all(&store, &longer));
            assert_eq!((outcomes.0.2, outcomes.1.2), (vec![], vec![]));
            assert_eq!(history(&store, "a").await.len(), 20);
        }
    }

    #[tokio::test]
    async fn a_case_may_be_longer_than_one_append() {
        let store = MemoryStore::new();
        let tasks: Vec<_> = (0..2 * BATCH + 1).map(|task| task.to_string()).collect();
        let all: Vec<_> = tasks.iter().map(|task| ("a", task.as_str(), "Decide", 0)).collect();
        assert_eq!(record_all(&store, &lines(&all)).await, (2 * BATCH as u64 + 1, 0, vec![]));
        let opened = history(&store, "a").await;
        assert_eq!(opened.iter().filter(|r| matches!(r.event, CaseEvent::CaseOpened { .. })).count(), 1);
    }
}
