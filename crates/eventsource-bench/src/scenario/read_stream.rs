//! `store.read_stream`: all events of a stream, read and decoded.

use std::{hint::black_box, ops::Range};

use eventsource::{
    EventSet, ExpectedVersion, StreamId, StreamVersion,
    store::{Append, EventStore, EventStoreExt, ReadOptions},
};
use futures_util::TryStreamExt;

use super::Size;
use crate::{
    Result,
    bar::Bar,
    case::{Backend, Case, Contender, Contenders},
    comparator::Comparator,
    domain::OrderEvent,
    lab::Lab,
    round::{Round, Stopwatch},
    unit::Unit,
};

pub(super) fn cases(size: Size) -> Vec<Case> {
    let mut cases = Vec::new();
    for backend in Backend::ALL {
        for events in [100, 1_000, 10_000] {
            let bar = match (backend, events) {
                (Backend::Sqlite, 10_000) => Some(Bar::RatioAtLeast(0.7)),
                _ => None,
            };
            let work = Work { events: size.value(events), reads: size.times((20_000 / events).min(100)) };
            cases.push(Case {
                scenario: "store.read_stream",
                parameters: format!("{events} events"),
                backend,
                unit: Unit::EventsPerSecond,
                bar,
                prepare: Box::new(move |lab| work.contenders(backend, lab)),
            });
        }
    }
    cases
}

#[derive(Clone, Copy)]
struct Work {
    events: u64,
    reads: u64,
}

impl Work {
    fn contenders(self, backend: Backend, lab: &Lab) -> Result<Contenders> {
        let (store, runtime) = (lab.store(backend)?, lab.runtime.clone());
        let stream = StreamId::new("Order", "1")?;
        let filling = filling(&stream, 0..self.events)?;
        for append in &filling {
            runtime.block_on(store.append(append.clone()))?;
        }
        let of_ours = stream.clone();
        let ours = move || {
            self.time(|| {
                runtime.block_on(async {
                    let mut events = store.events(&of_ours, ReadOptions::default());
                    while let Some(event) = events.try_next().await? {
                        black_box(OrderEvent::from_recorded(&event)?);
                    }
                    Ok(())
                })
            })
        };
        Contenders::new(backend, lab, ours, |comparator| self.compared(comparator, &filling, stream.clone()))
    }

    fn compared(
        self,
        mut comparator: Box<dyn Comparator>,
        filling: &[Append],
        stream: StreamId,
    ) -> Result<Contender> {
        for append in filling {
            comparator.append(append)?;
        }
        let mut take = |_, event| drop(black_box(event));
        Ok(Box::new(move || self.time(|| comparator.read_stream(&stream, 0, &mut take))))
    }

    fn time(self, mut read: impl FnMut() -> Result<()>) -> Result<Round> {
        let mut stopwatch = Stopwatch::new(Unit::EventsPerSecond)?;
        for _ in 0..self.reads {
            stopwatch.time(self.events, &mut read)?;
        }
        Ok(stopwatch.stop())
    }
}

/// Appends that take a stream from a version to a later one with events of 200 bytes, 1,000 at a time.
pub(super) fn filling(stream: &StreamId, versions: Range<u64>) -> Result<Vec<Append>> {
    let mut appends = Vec::new();
    let mut before = versions.start;
    while before < versions.end {
        let last = versions.end.min(before + 1_000);
        let batch = (before..last).map(|number| OrderEvent::sample_encoded(number, 200));
        let expected = match before {
            0 => ExpectedVersion::NoStream,
            version => ExpectedVersion::Exact(StreamVersion::new(version)),
        };
        appends.push(Append::new(stream.clone(), expected, batch.collect::<Result<_>>()?));
        before = last;
    }
    Ok(appends)
}
