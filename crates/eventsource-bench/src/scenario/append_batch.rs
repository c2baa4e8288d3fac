//! `store.append_batch`: one append of several events to a new stream, one append after another.

use eventsource::{
    ExpectedVersion, StreamId,
    store::{Append, EventStore},
};
use uuid::Uuid;

use super::Size;
use crate::{
    Failure, Result,
    bar::Bar,
    case::{Backend, Case, Contender, Contenders},
    comparator::Comparator,
    domain::OrderEvent,
    lab::Lab,
    round::Stopwatch,
    unit::Unit,
};

pub(super) fn cases(size: Size) -> Vec<Case> {
    let mut cases = Vec::new();
    for backend in Backend::ALL {
        for payload in [200, 5_000] {
            for batch in [1, 10, 100, 1_000] {
                cases.push(case(backend, batch, payload, size));
            }
        }
    }
    cases
}

fn case(backend: Backend, batch: u64, payload: usize, size: Size) -> Case {
    let unit = match (backend, batch) {
        (Backend::Sqlite, 1) => Unit::Nanoseconds,
        _ => Unit::EventsPerSecond,
    };
    let bar = match (backend, batch) {
        (Backend::Memory, 1) => Some(Bar::AtLeast(300_000.0)),
        (Backend::Memory, 1_000) => Some(Bar::AtLeast(1_000_000.0)),
        (Backend::Sqlite, 1) => Some(Bar::RatioAtMost(1.45)),
        (Backend::Sqlite, 1_000) => Some(Bar::RatioAtLeast(0.7)),
        _ => None,
    };
    let appends = size.times(match backend {
        Backend::Memory => (8_000 / batch).max(8),
        Backend::Sqlite => (2_000 / batch).clamp(4, 60),
    });
    let work = Work { appends, batch: size.value(batch), payload, unit };
    Case {
        scenario: "store.append_batch",
        parameters: format!("batch {batch}, {payload} B"),
        backend,
        unit,
        bar,
        prepare: Box::new(move |lab| work.contenders(backend, lab)),
    }
}

/// What everybody does in a round.
#[derive(Clone, Copy)]
struct Work {
    appends: u64,
    batch: u64,
    payload: usize,
    unit: Unit,
}

impl Work {
    fn contenders(self, backend: Backend, lab: &Lab) -> Result<Contenders> {
        let (store, runtime) = (lab.store(backend)?, lab.runtime.clone());
        let ours = move || {
            let mut stopwatch = Stopwatch::new(self.unit)?;
            runtime.block_on(async {
                for append in self.appends()? {
                    stopwatch.time_async(self.batch, store.append(append)).await?;
                }
                Ok::<_, Failure>(())
            })?;
            Ok(stopwatch.stop())
        };
        Contenders::new(backend, lab, ours, |comparator| self.compared(comparator))
    }

    fn compared(self, mut comparator: Box<dyn Comparator>) -> Result<Contender> {
        Ok(Box::new(move || {
            let mut stopwatch = Stopwatch::new(self.unit)?;
            for append in self.appends()? {
                stopwatch.time(self.batch, || comparator.append(&append))?;
            }
            Ok(stopwatch.stop())
        }))
    }

    /// Appends to new streams.
    fn appends(self) -> Result<Vec<Append>> {
        let append = |_| {
            let events = (0..self.batch).map(|number| OrderEvent::sample_encoded(number, self.payload));
            let stream = StreamId::new("Order", Uuid::new_v4())?;
            Ok(Append::new(stream, ExpectedVersion::NoStream, events.collect::<Result<_>>()?))
        };
        (0..self.appends).map(append).collect()
    }
}
