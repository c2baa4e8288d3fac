//! `e2e.load_mutate_save` and `e2e.load_mutate_save_decider`: an aggregate is loaded through the repository, gets one
//! event more, and is saved: by a unit of work, and by a command.

use std::{convert::Infallible, hint::black_box, ops::Range, sync::Arc};

use eventsource::{
    Aggregate, ExpectedVersion, Repository, StreamId, StreamVersion,
    aggregate::SnapshotPolicy,
    store::{Append, EventStore},
};

use super::{Size, read_stream::filling};
use crate::{
    Failure, Result,
    case::{Backend, Case, Contender, Contenders},
    comparator::Comparator,
    domain::{Item, Order, OrderEvent},
    lab::{Lab, Store},
    round::Stopwatch,
    unit::Unit,
};

/// A snapshot is taken whenever a stream reaches a multiple of this many events.
const SNAPSHOT_EVERY: u64 = 100;

pub(super) fn cases(size: Size) -> Vec<Case> {
    let mut cases = Vec::new();
    for (scenario, style) in
        [("e2e.load_mutate_save", Style::UnitOfWork), ("e2e.load_mutate_save_decider", Style::Decider)]
    {
        for backend in Backend::ALL {
            for events in [100, 1_000, 10_000] {
                for has_snapshots in [false, true] {
                    let work = Work {
                        style,
                        events: size.value(events),
                        streams: size.times((10_000 / events).clamp(2, 20)),
                        has_snapshots,
                    };
                    let snapshots = if has_snapshots { "a snapshot every 100" } else { "no snapshots" };
                    cases.push(Case {
                        scenario,
                        parameters: format!("{events} events, {snapshots}"),
                        backend,
                        unit: Unit::Nanoseconds,
                        bar: None,
                        prepare: Box::new(move |lab| work.contenders(backend, lab)),
                    });
                }
            }
        }
    }
    cases
}

#[derive(Clone, Copy)]
enum Style {
    UnitOfWork,
    Decider,
}

#[derive(Clone, Copy)]
struct Work {
    style: Style,
    /// Of each stream, in the beginning.
    events: u64,
    /// Each is loaded and saved once a round, so that they stay about as long as they were.
    streams: u64,
    has_snapshots: bool,
}

impl Work {
    fn contenders(self, backend: Backend, lab: &Lab) -> Result<Contenders> {
        let (store, runtime) = (lab.store(backend)?, lab.runtime.clone());
        let orders = self.repository(store.clone())?;
        runtime.block_on(async {
            for stream in self.streams() {
                for append in self.filling(stream, 0..self.snapshot_at())? {
                    store.append(append).await?;
                }
                if self.has_snapshots {
                    orders.take_snapshot(&stream).await?;
                }
                for append in self.filling(stream, self.snapshot_at()..self.events)? {
                    store.append(append).await?;
                }
            }
            Ok::<_, Failure>(())
        })?;
        let ours = move || {
            let mut stopwatch = Stopwatch::new(Unit::Nanoseconds)?;
            runtime.block_on(async {
                for stream in self.streams() {
                    let item = Item::sample(stream, 200);
                    stopwatch.time_async(1, self.load_mutate_save(&orders, stream, item)).await?;
                }
                orders.flush_snapshots().await;
                Ok::<_, Failure>(())
            })?;
            Ok(stopwatch.stop())
        };
        Contenders::new(backend, lab, ours, |comparator| self.compared(comparator))
    }

    fn repository(self, store: Arc<dyn Store>) -> Result<Repository<Order>> {
        let orders = Repository::new(store.clone());
        if !self.has_snapshots {
            return Ok(orders);
        }
        Ok(orders.with_snapshots(store, SnapshotPolicy::Every(SNAPSHOT_EVERY))?)
    }

    async fn load_mutate_save(self, orders: &Repository<Order>, stream: u64, item: Item) -> Result<()> {
        match self.style {
            Style::UnitOfWork => {
                let mut order = orders.load(&stream).await?;
                order.record(|_| Ok::<_, Infallible>(OrderEvent::ItemAdded(item)))?;
                black_box(orders.save(&mut order).await?);
            }
            Style::Decider => {
                black_box(orders.execute(&stream, &item).await?);
            }
        }
        Ok(())
    }

    fn compared(self, mut comparator: Box<dyn Comparator>) -> Result<Contender> {
        for stream in self.streams() {
            for append in self.filling(stream, 0..self.snapshot_at())? {
                comparator.append(&append)?;
            }
            if self.has_snapshots {
                let stream = StreamId::new("Order", stream)?;
                let (version, order) = load(&*comparator, &stream, false)?;
                comparator.save_snapshot(&stream, version, &serde_json::to_vec(&order)?)?;
            }
            for append in self.filling(stream, self.snapshot_at()..self.events)? {
                comparator.append(&append)?;
            }
        }
        Ok(Box::new(move || {
            let mut stopwatch = Stopwatch::new(Unit::Nanoseconds)?;
            for stream in self.streams() {
                let item = Item::sample(stream, 200);
                stopwatch.time(1, || self.compared_once(&mut *comparator, stream, item))?;
            }
            Ok(stopwatch.stop())
        }))
    }

    fn compared_once(self, comparator: &mut dyn Comparator, stream: u64, item: Item) -> Result<()> {
        let stream = StreamId::new("Order", stream)?;
        let (version, mut order) = load(comparator, &stream, self.has_snapshots)?;
        let event = OrderEvent::ItemAdded(item);
        order.apply(&event);
        let expected = ExpectedVersion::Exact(StreamVersion::new(version.try_into()?));
        comparator.append(&Append::new(stream.clone(), expected, vec![event.encoded()?]))?;
        if self.has_snapshots && (version + 1) % SNAPSHOT_EVERY as i64 == 0 {
            comparator.save_snapshot(&stream, version + 1, &serde_json::to_vec(&order)?)?;
        }
        Ok(())
    }

    fn streams(self) -> Range<u64> {
        0..self.streams
    }

    /// Half of an interval lies behind the snapshot, as it does on average.
    fn snapshot_at(self) -> u64 {
        self.events - (SNAPSHOT_EVERY / 2).min(self.events / 2)
    }

    fn filling(self, stream: u64, versions: Range<u64>) -> Result<Vec<Append>> {
        filling(&StreamId::new("Order", stream)?, versions)
    }
}

/// The state of a stream and its version, through a comparator.
fn load(comparator: &dyn Comparator, stream: &StreamId, has_snapshots: bool) -> Result<(i64, Order)> {
    let kept = if has_snapshots { comparator.load_snapshot(stream)? } else { None };
    let (mut version, mut order) = match kept {
        Some((version, state)) => (version, serde_json::from_slice(&state)?),
        None => (0, Order::default()),
    };
    comparator.read_stream(stream, version, &mut |at, event| {
        order.apply(&event);
        version = at;
    })?;
    Ok((version, order))
}
