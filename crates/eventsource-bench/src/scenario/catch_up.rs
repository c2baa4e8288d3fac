//! `feed.catch_up`: the whole log read and decoded, as a subscription does that begins at the start.

use std::{hint::black_box, sync::Arc};

use eventsource::{
    EventSet, Position, StreamId,
    store::{Append, EventFeedExt, EventStore, FeedOptions},
};
use futures_util::TryStreamExt;

use super::{Size, read_stream::filling};
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

/// Events of each stream.
const STREAM_EVENTS: u64 = 50;

pub(super) fn cases(size: Size) -> Vec<Case> {
    let mut cases = Vec::new();
    for backend in Backend::ALL {
        for reader in [Reader::Everything, Reader::OneType] {
            let bar = match backend {
                Backend::Memory => None,
                Backend::Sqlite => Some(Bar::RatioAtLeast(0.8)),
            };
            let streams = size.times(1_000);
            let readers = match reader {
                Reader::Everything => "everything",
                Reader::OneType => "one type",
            };
            cases.push(Case {
                scenario: "feed.catch_up",
                parameters: format!("{} events, {readers}", streams * STREAM_EVENTS),
                backend,
                unit: Unit::EventsPerSecond,
                bar,
                prepare: Box::new(move |lab| Work { streams, reader }.contenders(backend, lab)),
            });
        }
    }
    cases
}

/// What is asked for. Here both get the same events.
#[derive(Clone, Copy)]
enum Reader {
    /// The feed without a filter.
    Everything,
    /// The events of one type, for which the feed is filtered.
    OneType,
}

#[derive(Clone, Copy)]
struct Work {
    streams: u64,
    reader: Reader,
}

impl Work {
    fn contenders(self, backend: Backend, lab: &Lab) -> Result<Contenders> {
        let (store, runtime) = (lab.store(backend)?, lab.runtime.clone());
        let mut all = Vec::new();
        for stream in 0..self.streams {
            all.extend(filling(&StreamId::new("Order", stream)?, 0..STREAM_EVENTS)?);
        }
        runtime.block_on(fill(&store, &all))?;
        let ours = move || {
            self.time(|| {
                runtime.block_on(async {
                    match self.reader {
                        Reader::Everything => read_everything(&store).await,
                        Reader::OneType => read_one_type(&store).await,
                    }
                })
            })
        };
        Contenders::new(backend, lab, ours, |comparator| self.compared(comparator, &all))
    }

    fn compared(self, mut comparator: Box<dyn Comparator>, filling: &[Append]) -> Result<Contender> {
        for append in filling {
            comparator.append(append)?;
        }
        Ok(Box::new(move || {
            self.time(|| {
                let mut events = 0;
                comparator.read_feed(&mut |event| {
                    black_box(event);
                    events += 1;
                })?;
                Ok(events)
            })
        }))
    }

    fn time(self, read: impl FnOnce() -> Result<u64>) -> Result<Round> {
        let mut stopwatch = Stopwatch::new(Unit::EventsPerSecond)?;
        let expected = self.streams * STREAM_EVENTS;
        let events = stopwatch.time(expected, read)?;
        if events == expected { Ok(stopwatch.stop()) } else { Err("the feed is not complete".into()) }
    }
}

/// Appends many at once, which share their commits.
async fn fill(store: &Arc<dyn Store>, filling: &[Append]) -> Result<()> {
    for several in filling.chunks(100) {
        futures_util::future::try_join_all(several.iter().map(|append| store.append(append.clone()))).await?;
    }
    Ok(())
}

async fn read_everything(store: &Arc<dyn Store>) -> Result<u64> {
    let mut events = 0;
    let mut feed = store.feed(Position::START, FeedOptions::default());
    while let Some(event) = feed.try_next().await? {
        black_box(OrderEvent::from_recorded(&event)?);
        events += 1;
    }
    Ok(events)
}

async fn read_one_type(store: &Arc<dyn Store>) -> Result<u64> {
    let mut events = 0;
    let mut feed = store.recorded::<OrderEvent>(Position::START);
    while let Some(event) = feed.try_next().await? {
        black_box(event);
        events += 1;
    }
    Ok(events)
}
