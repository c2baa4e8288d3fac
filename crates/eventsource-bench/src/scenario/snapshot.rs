//! `snapshot.save` and `snapshot.load`: one state of a stream, kept in place of the one before, and read.

use std::hint::black_box;

use bytes::Bytes;
use eventsource::{
    Clock, EventId, StateType, StreamId, StreamVersion, SystemClock,
    codec::{CodecTag, TransformTag},
    store::{Snapshot, SnapshotStore},
};

use super::Size;
use crate::{
    Result,
    case::{Backend, Case, Contender, Contenders},
    comparator::Comparator,
    lab::Lab,
    round::Stopwatch,
    unit::Unit,
};

pub(super) fn cases(size: Size) -> Vec<Case> {
    let mut cases = Vec::new();
    for scenario in ["snapshot.save", "snapshot.load"] {
        for backend in Backend::ALL {
            for kilobytes in [1, 50, 500] {
                let times = size.times(if kilobytes == 500 { 10 } else { 40 });
                let work = Work { bytes: kilobytes * 1_000, times };
                cases.push(Case {
                    scenario,
                    parameters: format!("{kilobytes} kB"),
                    backend,
                    unit: Unit::Nanoseconds,
                    bar: None,
                    prepare: match scenario {
                        "snapshot.save" => Box::new(move |lab| work.saving(backend, lab)),
                        _ => Box::new(move |lab| work.loading(backend, lab)),
                    },
                });
            }
        }
    }
    cases
}

#[derive(Clone, Copy)]
struct Work {
    bytes: usize,
    times: u64,
}

impl Work {
    fn saving(self, backend: Backend, lab: &Lab) -> Result<Contenders> {
        let (store, runtime) = (lab.store(backend)?, lab.runtime.clone());
        let mut version = 0;
        let ours = move || {
            let mut stopwatch = Stopwatch::new(Unit::Nanoseconds)?;
            for _ in 0..self.times {
                version += 1;
                let snapshot = self.snapshot(version)?;
                runtime.block_on(stopwatch.time_async(1, store.save(snapshot)))?;
            }
            Ok(stopwatch.stop())
        };
        Contenders::new(backend, lab, ours, |comparator| self.compared_saving(comparator))
    }

    fn compared_saving(self, comparator: Box<dyn Comparator>) -> Result<Contender> {
        let Snapshot { stream, state, .. } = self.snapshot(1)?;
        let mut version = 0;
        Ok(Box::new(move || {
            let mut stopwatch = Stopwatch::new(Unit::Nanoseconds)?;
            for _ in 0..self.times {
                version += 1;
                stopwatch.time(1, || comparator.save_snapshot(&stream, version, &state))?;
            }
            Ok(stopwatch.stop())
        }))
    }

    fn loading(self, backend: Backend, lab: &Lab) -> Result<Contenders> {
        let (store, runtime) = (lab.store(backend)?, lab.runtime.clone());
        let snapshot = self.snapshot(1)?;
        runtime.block_on(store.save(snapshot.clone()))?;
        let ours = move || {
            let mut stopwatch = Stopwatch::new(Unit::Nanoseconds)?;
            let Snapshot { stream, state_type, schema_version, .. } = &snapshot;
            for _ in 0..self.times {
                let load = store.load(stream, state_type, *schema_version);
                black_box(runtime.block_on(stopwatch.time_async(1, load))?.ok_or("it was kept")?);
            }
            Ok(stopwatch.stop())
        };
        Contenders::new(backend, lab, ours, |comparator| self.compared_loading(comparator))
    }

    fn compared_loading(self, comparator: Box<dyn Comparator>) -> Result<Contender> {
        let Snapshot { stream, state, .. } = self.snapshot(1)?;
        comparator.save_snapshot(&stream, 1, &state)?;
        Ok(Box::new(move || {
            let mut stopwatch = Stopwatch::new(Unit::Nanoseconds)?;
            for _ in 0..self.times {
                black_box(stopwatch.time(1, || comparator.load_snapshot(&stream))?.ok_or("it was kept")?);
            }
            Ok(stopwatch.stop())
        }))
    }

    fn snapshot(self, version: u64) -> Result<Snapshot> {
        Ok(Snapshot {
            stream: StreamId::new("Order", "1")?,
            state_type: StateType::new("Order")?,
            schema_version: 1,
            version: StreamVersion::new(version),
            last_event: EventId::generate(),
            codec: CodecTag::JSON,
            transform: TransformTag::NONE,
            state: Bytes::from(vec![b'x'; self.bytes]),
            taken_at: SystemClock.now(),
        })
    }
}
