//! What the events tell, over all cases.

use std::{collections::BTreeMap, fmt, time::Duration};

use eventsource::{
    Position, Recorded, Result, StreamId, Timestamp,
    store::{EventFeed, EventFeedExt},
};
use futures_util::TryStreamExt;
use indicatif::{HumanCount, HumanDuration, HumanFloatCount};

use crate::case::CaseEvent;

/// A read model: it is folded from the feed, and could be folded anew at any time.
#[derive(Debug, Default)]
pub(crate) struct Report {
    as_of: Option<Timestamp>,
    cases: BTreeMap<StreamId, Case>,
    /// How often each activity was completed.
    activities: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Case {
    /// Unknown until the event that opened the case is taken in, or when the log does not tell.
    channel: Option<String>,
    /// When the first and the last of its events happened. They need not be recorded in that order.
    first: Timestamp,
    last: Timestamp,
}

impl Report {
    /// Folds all events of a store, or those that had occurred by a time.
    pub(crate) async fn of(store: &dyn EventFeed, as_of: Option<Timestamp>) -> Result<Self> {
        let mut report = Self { as_of, ..Self::default() };
        let mut events = store.recorded::<CaseEvent>(Position::START);
        while let Some(recorded) = events.try_next().await? {
            report.apply(&recorded);
        }
        Ok(report)
    }

    fn apply(&mut self, recorded: &Recorded<CaseEvent>) {
        let Recorded { event, record } = recorded;
        if self.as_of.is_some_and(|time| record.occurred_at > time) {
            return;
        }
        *self.activities.entry(event.activity().name.clone()).or_default() += 1;

        let time = record.occurred_at;
        let case = self.cases.entry(record.stream.clone()).or_insert_with(|| Case::at(time));
        case.first = case.first.min(time);
        case.last = case.last.max(time);
        if let CaseEvent::CaseOpened { application, .. } = event {
            case.channel.clone_from(&application.channel);
        }
    }

    fn events(&self) -> u64 {
        self.activities.values().sum()
    }

    fn channels(&self) -> BTreeMap<&str, u64> {
        let mut channels = BTreeMap::new();
        for case in self.cases.values() {
            *channels.entry(case.channel.as_deref().unwrap_or("unknown")).or_default() += 1;
        }
        channels
    }

    /// The middle throughput time, or the mean of the two in the middle.
    fn median(&self) -> Option<Duration> {
        let mut times: Vec<_> = self.cases.values().map(Case::throughput).collect();
        times.sort_unstable();
        let upper = *times.get(times.len() / 2)?;
        let lower = *times.get((times.len() - 1) / 2)?;
        Some((lower + upper) / 2)
    }

    /// The longest throughput time, and whose it is: the first such case by its key.
    fn longest(&self) -> Option<(&StreamId, Duration)> {
        // Of equal elements, `max_by_key` takes the last.
        let times = self.cases.iter().rev().map(|(stream, case)| (stream, case.throughput()));
        times.max_by_key(|(_, time)| *time)
    }
}

impl Case {
    fn at(time: Timestamp) -> Self {
        Self { channel: None, first: time, last: time }
    }

    fn throughput(&self) -> Duration {
        self.last.since(self.first)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(time) = self.as_of {
            writeln!(f, "What had occurred by {time}:")?;
        }
        writeln!(f, "Cases: {}", HumanCount(self.cases.len() as u64))?;
        writeln!(f, "Events: {}", HumanCount(self.events()))?;
        writeln!(f, "Activities: {}", HumanCount(self.activities.len() as u64))?;
        let (Some(median), Some((stream, longest))) = (self.median(), self.longest()) else {
            return Ok(());
        };
        writeln!(f, "\nEvents per activity:")?;
        write_counts(f, self.activities.iter().map(|(name, count)| (name.as_str(), *count)))?;
        writeln!(f, "\nCases per channel:")?;
        write_counts(f, self.channels().into_iter())?;
        writeln!(f, "\nThroughput time, from the first to the last event of a case:")?;
        writeln!(f, "  median   {}", Throughput(median))?;
        writeln!(f, "  longest  {}: {}", Throughput(longest), stream.key())
    }
}

/// One count a line, the greatest first, equal ones by name.
fn write_counts<'a>(f: &mut fmt::Formatter<'_>, counts: impl Iterator<Item = (&'a str, u64)>) -> fmt::Result {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by(|(name, count), (other_name, other)| other.cmp(count).then(name.cmp(other_name)));
    for (name, count) in counts {
        // Padding needs a string.
        writeln!(f, "{:>9}  {name}", HumanCount(count).to_string())?;
    }
    Ok(())
}

/// Seconds, and in words.
struct Throughput(Duration);

impl fmt::Display for Throughput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s ({})", HumanFloatCount(self.0.as_secs_f64()), HumanDuration(self.0))
    }
}

#[cfg(test)]
mod tests {
    use eventsource::{
        EventId, ExpectedVersion, MemoryStore, NewEvent,
        store::{Append, EventStore},
    };

    use super::*;
    use crate::case::{Activity, Application};

    /// A store with these events of case, channel (of the event that opens the case), activity and second.
    async fn store(events: &[(&str, Option<&str>, &str, u8)]) -> MemoryStore {
        let store = MemoryStore::new();
        for (case, channel, activity, second) in events {
            let activity =
                Activity { name: (*activity).to_owned(), task: "t".to_owned(), group: None, resource: None };
            let event = match channel {
                None => CaseEvent::ActivityCompleted { activity },
                Some(channel) => {
                    let channel = Some((*channel).to_owned());
                    let application =
                        Application { channel, department: None, responsible: None, deadline: None };
                    CaseEvent::CaseOpened { application, activity }
                }
            };
            let event = NewEvent::encode(EventId::generate(), &event).unwrap().with_occurred_at(at(*second));
            let stream = StreamId::new("PermitCase", case).unwrap();
            store.append(Append::new(stream, ExpectedVersion::Any, vec![event])).await.unwrap();
        }
        store
    }

    fn at(second: u8) -> Timestamp {
        format!("2025-01-01T00:00:{second:02}Z").parse().unwrap()
    }

    #[tokio::test]
    async fn everything_is_counted() {
        let store = store(&[
            ("a", Some("Desk"), "Receive", 0),
            ("b", Some("Post"), "Receive", 1),
            ("c", Some("Desk"), "Receive", 2),
            ("b", None, "Decide", 4),
            ("c", None, "Check", 3),
        ])
        .await;
        let expected = "Cases: 3\nEvents: 5\nActivities: 3\n\n\
            Events per activity:\n        3  Receive\n        1  Check\n        1  Decide\n\n\
            Cases per channel:\n        2  Desk\n        1  Post\n\n\
            Throughput time, from the first to the last event of a case:\n\
            \u{20} median   1 s (1 second)\n  longest  3 s (3 seconds): b\n";
        assert_eq!(Report::of(&store, None).await.unwrap().to_string(), expected);
    }

    #[tokio::test]
    async fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        let median = async |seconds: &[u8]| {
            let mut events = Vec::new();
            let names: Vec<_> = seconds.iter().enumerate().map(|(i, s)| (i.to_string(), *s)).collect();
            for (name, second) in &names {
                events.push((name.as_str(), Some("Desk"), "Receive", 0));
                events.push((name.as_str(), None, "Decide", *second));
            }
            Report::of(&self::store(&events).await, None).await.unwrap().median()
        };
        assert_eq!(median(&[]).await, None);
        assert_eq!(median(&[7]).await, Some(Duration::from_secs(7)));
        assert_eq!(median(&[9, 1, 5]).await, Some(Duration::from_secs(5)));
        assert_eq!(median(&[9, 1, 4, 5]).await, Some(Duration::from_millis(4_500)));
    }

    #[tokio::test]
    async fn the_longest_is_told_and_the_first_of_equals() {
        let store = store(&[
            ("b", Some("Desk"), "Receive", 0),
            ("b", None, "Decide", 5),
            ("a", Some("Desk"), "Receive", 2),
            ("a", None, "Decide", 7),
            ("c", Some("Desk"), "Receive", 1),
        ])
        .await;
        let report = Report::of(&store, None).await.unwrap();
        let (stream, time) = report.longest().unwrap();
        assert_eq!((stream.key(), time), ("a", Duration::from_secs(5)));
    }

    #[tokio::test]
    async fn the_time_of_occurrence_counts_and_not_the_order_of_recording() {
        let store = store(&[
            ("a", Some("Desk"), "Receive", 1),
            ("a", None, "Send", 9),
            ("a", None, "Decide", 3),
            ("b", Some("Post"), "Receive", 5),
        ])
        .await;
        let report = Report::of(&store, Some(at(3))).await.unwrap();
        assert_eq!((report.cases.len(), report.events()), (1, 2), "the time itself is included");
        assert_eq!(report.median(), Some(Duration::from_secs(2)));
        assert_eq!(report.channels(), BTreeMap::from([("Desk", 1)]));
        let report = Report::of(&store, Some(at(0))).await.unwrap().to_string();
        let expected =
            "What had occurred by 2025-01-01T00:00:00.000000Z:\nCases: 0\nEvents: 0\nActivities: 0\n";
        assert_eq!(report, expected);
    }
}
