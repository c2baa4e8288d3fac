//! Events of the past, read by the types of today.
//!
//! Recorded events are never changed, but the types that read them are. Upcasters lead from the old names, schema versions
//! and payloads to the present ones, step by step, before an event is decoded. The domain knows the present types
//! only.
//!
//! `cargo run -p upcasting`
#![allow(clippy::print_stdout, reason = "printing is what an example does")]

use std::error::Error;

use eventsource::{
    Aggregate, ErrorKind, Event, EventId, EventSet, ExpectedVersion, MemoryStore, NewEvent, Repository,
    StreamId,
    codec::{OldEvent, UnknownEvents, Upcasters},
    store::{Append, EventStore, EventStoreExt, ReadOptions},
};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The events as they are written today.
#[derive(Debug, Serialize, Deserialize, Event)]
#[event(category = "Order", upcasters = upcasters)]
enum OrderEvent {
    // Version 1 knew a total in whole euros.
    #[event(version = 2)]
    Placed {
        cents: u64,
        currency: String,
    },
    Paid,
    // An alias is enough for a name that changed when nothing else did.
    #[event(alias = "Sent")]
    Shipped {
        tracking_number: String,
    },
}

/// From the past to the present. Each step starts from one name and schema version; the steps chain.
fn upcasters() -> Upcasters {
    Upcasters::new()
        // Renamed, and then changed once more.
        .rename(("Created", 1), ("Placed", 1))
        // Other fields: JSON in, JSON out. What was never recorded gets the value that it tacitly had.
        .json(("Placed", 1), ("Placed", 2), |old| {
            let euros = old["total"].as_u64().ok_or("the total is no whole number")?;
            Ok(json!({ "cents": euros * 100, "currency": "EUR" }))
        })
        // One event that told two facts.
        .split(("PaidAndShipped", 1), |old| {
            let paid = OldEvent::json("Paid", 1, &json!({}))?;
            let shipped = OldEvent { name: "Shipped".into(), ..old };
            Ok(vec![paid, shipped])
        })
        // One event that nobody needs any more.
        .split(("Viewed", 1), |_| Ok(vec![]))
}

/// Folded from present events only.
#[derive(Debug, Default)]
struct Order {
    cents: u64,
    paid: bool,
    shipped: bool,
}

impl Aggregate for Order {
    type Event = OrderEvent;

    fn apply(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::Placed { cents, .. } => self.cents = *cents,
            OrderEvent::Paid => self.paid = true,
            OrderEvent::Shipped { .. } => self.shipped = true,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    // Years of releases, each with its own idea of an order.
    let history = [
        ("old", "Created", 1, r#"{"total":25}"#),
        ("old", "Viewed", 1, r#"{"by":"Ada"}"#),
        ("old", "PaidAndShipped", 1, r#"{"tracking_number":"T-1"}"#),
        ("newer", "Placed", 1, r#"{"total":7}"#),
        ("newer", "Sent", 1, r#"{"tracking_number":"T-2"}"#),
        ("present", "Placed", 2, r#"{"cents":1999,"currency":"EUR"}"#),
        // By a release that is newer than this program.
        ("future", "Placed", 2, r#"{"cents":500,"currency":"EUR"}"#),
        ("future", "GiftWrapped", 1, r#"{"paper":"blue"}"#),
    ];
    for (key, name, schema_version, payload) in history {
        let event = NewEvent::new(EventId::generate(), name, payload)?.with_schema_version(schema_version);
        let stream = StreamId::new(OrderEvent::CATEGORY, key)?;
        store.append(Append::new(stream, ExpectedVersion::Any, vec![event])).await?;
    }

    let orders = Repository::<Order>::new(store.clone());
    for key in ["old", "newer", "present"] {
        let order = orders.load(key).await?;
        println!("{}: {:?}", order.stream(), order.state());
        // The records are as they were written. Each is read as one present event, as several, or as none.
        let mut records = store.events(order.stream(), ReadOptions::default());
        while let Some(record) = records.try_next().await? {
            let read_as = OrderEvent::from_recorded(&record)?.into_vec();
            println!("  {} v{} is read as {read_as:?}", record.name, record.schema_version);
        }
    }

    // An order that is not understood as a whole might be shipped twice: what is unknown is an error.
    if let Err(error) = orders.load("future").await
        && let ErrorKind::UnknownEvent { category, name, .. } = error.kind()
    {
        println!("Order/future cannot be loaded: {category} knows no event {name}");
    }
    // Whoever knows better passes over it. (A variant marked `#[event(unknown)]` would take it in as it is.)
    let orders = orders.with_unknown_events(UnknownEvents::Skip);
    println!("Order/future without it: {:?}", orders.load("future").await?.state());
    Ok(())
}
