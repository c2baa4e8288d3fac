//! Several decisions saved together, and what a conflict means: a stock that two clerks share.
//!
//! A unit of work is loaded, decides as often as it likes, and is saved: all its events or none. Between loading and
//! saving others may be faster; then saving fails with a conflict instead of overwriting their work, and you decide
//! what to do. Choose this style when one request makes several decisions, or when somebody looks at the state before
//! they decide.
//!
//! `cargo run -p unit-of-work`
#![allow(clippy::print_stdout, reason = "printing is what an example does")]

use std::{convert::Infallible, error::Error};

use eventsource::{
    Aggregate, Event, MemoryStore, Repository,
    aggregate::Loaded,
    store::{EventStoreExt, ReadOptions},
};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Event)]
#[event(category = "Stock")]
enum StockEvent {
    Received { count: u32 },
    Reserved { order: String, count: u32 },
}

#[derive(Debug, Default)]
struct Stock {
    free: u32,
}

impl Aggregate for Stock {
    type Event = StockEvent;

    fn apply(&mut self, event: &StockEvent) {
        match event {
            StockEvent::Received { count } => self.free = self.free.saturating_add(*count),
            StockEvent::Reserved { count, .. } => self.free = self.free.saturating_sub(*count),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{wanted} wanted, {free} free")]
struct OutOfStock {
    wanted: u32,
    free: u32,
}

impl Stock {
    fn receive(&self, count: u32) -> Result<StockEvent, Infallible> {
        Ok(StockEvent::Received { count })
    }

    fn reserve(&self, order: &str, count: u32) -> Result<StockEvent, OutOfStock> {
        if count > self.free {
            return Err(OutOfStock { wanted: count, free: self.free });
        }
        Ok(StockEvent::Reserved { order: order.to_owned(), count })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let stocks = Repository::<Stock>::new(store.clone());
    stocks.create("lamp", |stock| stock.receive(5)).await?;

    // Ada loads the lamps and reserves for two orders. Each decision sees those before it; nothing is written yet.
    let mut ada = stocks.load("lamp").await?;
    reserve(&mut ada, "Ada", "order-1", 2);
    reserve(&mut ada, "Ada", "order-2", 1);

    // Meanwhile Bob does the same, and is faster.
    let mut bob = stocks.load("lamp").await?;
    reserve(&mut bob, "Bob", "order-3", 3);
    println!("Bob saves: version {}", stocks.save(&mut bob).await?.version);

    // Ada decided on a state that is no longer true. Nothing of her unit is written.
    match stocks.save(&mut ada).await {
        Err(error) if error.as_conflict().is_some() => println!("Ada saves: {error}"),
        saved => println!("Ada saves: {saved:?}"),
    }

    // She loads again and decides anew. Two lamps are left, so that one of her orders has to wait.
    let mut ada = stocks.load("lamp").await?;
    reserve(&mut ada, "Ada", "order-1", 2);
    reserve(&mut ada, "Ada", "order-2", 1);
    println!("Ada saves: version {}", stocks.save(&mut ada).await?.version);

    println!("What happened:");
    let mut history = store.history::<StockEvent>(ada.stream(), ReadOptions::default());
    while let Some(recorded) = history.try_next().await? {
        println!("{}. {:?}", recorded.record.version, recorded.event);
    }
    Ok(())
}

/// Records a reservation on a unit of work, and tells where that leads.
fn reserve(stock: &mut Loaded<Stock>, clerk: &str, order: &str, count: u32) {
    // A refusal leaves the unit as it was; what was recorded before can still be saved.
    match stock.record(|stock| stock.reserve(order, count)) {
        Ok(()) => println!(
            "{clerk} reserves {count} for {order}: {} free, loaded at version {}, {} to be saved",
            stock.free,
            stock.version(),
            stock.pending().len()
        ),
        Err(refusal) => println!("{clerk} reserves {count} for {order}: refused, {refusal}"),
    }
}
