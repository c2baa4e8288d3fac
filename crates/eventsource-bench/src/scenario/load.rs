//! `e2e.load`: an aggregate through the repository: all events of its stream read, decoded and folded.

use std::hint::black_box;

use eventsource::{
    Aggregate, Repository, StreamId,
    store::{Append, EventStore},
};

use super::{Size, read_stream::filling};
use crate::{
    Result,
    bar::Bar,
    case::{Backend, Case, Contender, Contenders},
    comparator::Comparator,
    domain::Order,
    lab::Lab,
    round::Stopwatch,
    unit::Unit,
};

pub(super) fn cases(size: Size) -> Vec<Case> {
    let mut cases = Vec::new();
    for backend in Backend::ALL {
        for events in [100, 1_000, 10_000] {
            let bar = match (backend, events) {
                (Backend::Memory, 10_000) => Some(Bar::AtMost(5e6)),
                _ => None,
            };
            let work = Work { events: size.value(events), loads: size.times((20_000 / events).min(50)) };
            cases.push(Case {
                scenario: "e2e.load",
                parameters: format!("{events} events"),
                backend,
                unit: Unit::Nanoseconds,
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
    loads: u64,
}

impl Work {
    fn contenders(self, backend: Backend, lab: &Lab) -> Result<Contenders> {
        let (store, runtime) = (lab.store(backend)?, lab.runtime.clone());
        let filling = filling(&StreamId::new("Order", "1")?, 0..self.events)?;
        for append in &filling {
            runtime.block_on(store.append(append.clone()))?;
        }
        let orders = Repository::<Order>::new(store);
        let ours = move || {
            let mut stopwatch = Stopwatch::new(Unit::Nanoseconds)?;
            for _ in 0..self.loads {
                let order = runtime.block_on(stopwatch.time_async(self.events, orders.load("1")))?;
                self.check(&order)?;
            }
            Ok(stopwatch.stop())
        };
        Contenders::new(backend, lab, ours, |comparator| self.compared(comparator, &filling))
    }

    fn compared(self, mut comparator: Box<dyn Comparator>, filling: &[Append]) -> Result<Contender> {
        for append in filling {
            comparator.append(append)?;
        }
        let stream = StreamId::new("Order", "1")?;
        Ok(Box::new(move || {
            let mut stopwatch = Stopwatch::new(Unit::Nanoseconds)?;
            for _ in 0..self.loads {
                let mut order = Order::default();
                stopwatch.time(self.events, || {
                    comparator.read_stream(&stream, 0, &mut |_, event| order.apply(&event))
                })?;
                self.check(&order)?;
            }
            Ok(stopwatch.stop())
        }))
    }

    fn check(self, order: &Order) -> Result<()> {
        if black_box(order).events == self.events { Ok(()) } else { Err("events are missing".into()) }
    }
}
