//! `store.concurrent_append`: several writers at once, each on a stream of its own, one event at a time.

use std::{sync::Arc, time::Instant};

use eventsource::{
    ExpectedVersion, StreamId, StreamVersion,
    store::{Append, EventStore},
};

use super::Size;
use crate::{
    Result,
    bar::Bar,
    case::{Backend, Case, Contender, Contenders},
    comparator::Comparator,
    domain::OrderEvent,
    lab::{Lab, Store},
    round::{Round, Stopwatch},
    unit::Unit,
};

pub(super) fn cases(size: Size) -> Vec<Case> {
    let mut cases = Vec::new();
    for backend in Backend::ALL {
        for writers in [1, 10, 16, 50] {
            let bar = match (backend, writers) {
                (Backend::Sqlite, 16) => Some(Bar::RatioAtLeast(3.0)),
                _ => None,
            };
            let each = match backend {
                Backend::Memory => 4_000 / writers,
                Backend::Sqlite => (160 / writers).max(8),
            };
            let work = Work { writers: size.value(writers), each: size.times(each) };
            cases.push(Case {
                scenario: "store.concurrent_append",
                parameters: format!("{writers} writers"),
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
    writers: u64,
    /// How many appends each writer sends, one after another.
    each: u64,
}

impl Work {
    fn contenders(self, backend: Backend, lab: &Lab) -> Result<Contenders> {
        let (store, runtime) = (lab.store(backend)?, lab.runtime.clone());
        let mut version = 0;
        let ours = move || {
            let round = runtime.block_on(self.write_at_once(&store, version))?;
            version += self.each;
            Ok(round)
        };
        Contenders::new(backend, lab, ours, |comparator| Ok(self.compared(comparator)))
    }

    async fn write_at_once(self, store: &Arc<dyn Store>, version: u64) -> Result<Round> {
        let mut appends = Vec::new();
        for writer in 0..self.writers {
            appends.push(self.appends(writer, version)?);
        }
        let began = Instant::now();
        let spawn = |appends: Vec<Append>| {
            let store = store.clone();
            tokio::spawn(async move {
                for append in appends {
                    store.append(append).await?;
                }
                Ok::<_, eventsource::Error>(())
            })
        };
        let writers: Vec<_> = appends.into_iter().map(spawn).collect();
        for writer in writers {
            writer.await??;
        }
        Ok(Round::rate(self.writers * self.each, began.elapsed()))
    }

    /// The driver has one connection that writes, and no commit that several could share: its best is one append after
    /// another.
    fn compared(self, mut comparator: Box<dyn Comparator>) -> Contender {
        let mut version = 0;
        Box::new(move || {
            let mut stopwatch = Stopwatch::new(Unit::EventsPerSecond)?;
            for writer in 0..self.writers {
                for append in self.appends(writer, version)? {
                    stopwatch.time(1, || comparator.append(&append))?;
                }
            }
            version += self.each;
            Ok(stopwatch.stop())
        })
    }

    /// What one writer appends to its stream, which is at a version.
    fn appends(self, writer: u64, version: u64) -> Result<Vec<Append>> {
        let stream = StreamId::new("Order", writer)?;
        (version..version + self.each)
            .map(|version| {
                let expected = ExpectedVersion::Exact(StreamVersion::new(version));
                let event = OrderEvent::sample_encoded(version, 200)?;
                Ok(Append::new(stream.clone(), expected, vec![event]))
            })
            .collect()
    }
}
