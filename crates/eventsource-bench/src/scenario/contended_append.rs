//! `store.contended_append`: several writers at once on one stream. Each expects the version that it knows, and tries
//! again at the actual one when another writer was faster.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use eventsource::{ExpectedVersion, NewEvent, StreamId, StreamVersion, store::Append};

use super::Size;
use crate::{
    Failure, Result,
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
        for writers in [1, 10, 50] {
            let each = match backend {
                Backend::Memory => 2_000 / writers,
                Backend::Sqlite => (100 / writers).max(2),
            };
            let work = Work { writers: size.value(writers), each: size.times(each) };
            cases.push(Case {
                scenario: "store.contended_append",
                parameters: format!("{writers} writers"),
                backend,
                unit: Unit::EventsPerSecond,
                bar: None,
                prepare: Box::new(move |lab| work.contenders(backend, lab)),
            });
        }
    }
    cases
}

#[derive(Clone, Copy)]
struct Work {
    writers: u64,
    /// How many appends of each writer succeed.
    each: u64,
}

impl Work {
    fn contenders(self, backend: Backend, lab: &Lab) -> Result<Contenders> {
        let (store, runtime) = (lab.store(backend)?, lab.runtime.clone());
        let mut version = 0;
        let ours = move || {
            let round = runtime.block_on(self.write_at_once(&store, version))?;
            version += self.writers * self.each;
            Ok(round)
        };
        Contenders::new(backend, lab, ours, |comparator| Ok(self.compared(comparator)))
    }

    async fn write_at_once(self, store: &Arc<dyn Store>, version: u64) -> Result<Round> {
        let conflicts = Arc::new(AtomicU64::new(0));
        let mut events = Vec::new();
        for _ in 0..self.writers {
            events.push(self.events()?);
        }
        let began = Instant::now();
        let spawn = |events: Vec<NewEvent>| {
            let (store, conflicts) = (store.clone(), conflicts.clone());
            tokio::spawn(async move {
                let mut version = StreamVersion::new(version);
                for event in events {
                    version = append_at_last(&*store, version, event, &conflicts).await?;
                }
                Ok::<_, Failure>(())
            })
        };
        let writers: Vec<_> = events.into_iter().map(spawn).collect();
        for writer in writers {
            writer.await??;
        }
        let round = Round::rate(self.writers * self.each, began.elapsed());
        Ok(round.with_conflicts(conflicts.load(Ordering::Relaxed)))
    }

    /// The driver has one connection that writes: its best is one append after another, which never conflict.
    fn compared(self, mut comparator: Box<dyn Comparator>) -> Contender {
        let mut version = 0;
        Box::new(move || {
            let stream = StreamId::new("Order", "1")?;
            let mut stopwatch = Stopwatch::new(Unit::EventsPerSecond)?;
            for _ in 0..self.writers {
                for event in self.events()? {
                    let expected = ExpectedVersion::Exact(StreamVersion::new(version));
                    let append = Append::new(stream.clone(), expected, vec![event]);
                    stopwatch.time(1, || comparator.append(&append))?;
                    version += 1;
                }
            }
            Ok(stopwatch.stop())
        })
    }

    fn events(self) -> Result<Vec<NewEvent>> {
        (0..self.each).map(|number| OrderEvent::sample_encoded(number, 200)).collect()
    }
}

/// Appends behind the last event, and gives the version reached.
async fn append_at_last(
    store: &dyn Store,
    mut version: StreamVersion,
    event: NewEvent,
    conflicts: &AtomicU64,
) -> Result<StreamVersion> {
    let stream = StreamId::new("Order", "1")?;
    loop {
        let append = Append::new(stream.clone(), ExpectedVersion::Exact(version), vec![event.clone()]);
        match store.append(append).await {
            Ok(_) => return Ok(version.next()),
            Err(error) => {
                version = error.as_conflict().ok_or_else(|| error.clone())?.actual;
                conflicts.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
