//! Three orders are placed, the first is shipped, a sales report is folded from the feed, an order is reloaded.
//!
//! `cargo run -p quickstart`
#![allow(clippy::print_stdout, reason = "printing is what an example does")]

use std::error::Error;

use eventsource::{Aggregate, Event, Position, Repository, sqlite::SqliteStore, store::EventFeedExt};
use futures_util::TryStreamExt;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

// 1. Events: immutable facts.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "Order")]
enum OrderEvent {
    /// A customer ordered something.
    OrderPlaced { customer_id: Uuid, total: Decimal },
    /// The parcel left the house.
    OrderShipped { tracking_number: String },
}

// 2. The aggregate: a state folded from events, and the rules.
#[derive(Debug, Default)]
struct Order {
    total: Decimal,
    status: Status,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Status {
    #[default]
    Draft,
    Placed,
    Shipped,
}

impl Aggregate for Order {
    type Event = OrderEvent;

    fn apply(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::OrderPlaced { total, .. } => {
                self.total = *total;
                self.status = Status::Placed;
            }
            OrderEvent::OrderShipped { .. } => self.status = Status::Shipped,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("the order was placed already")]
    PlacedAlready,
    #[error("an order must be placed before it is shipped")]
    NotPlaced,
}

impl Order {
    fn place(&self, customer_id: Uuid, total: Decimal) -> Result<OrderEvent, OrderError> {
        match self.status {
            Status::Draft => Ok(OrderEvent::OrderPlaced { customer_id, total }),
            _ => Err(OrderError::PlacedAlready),
        }
    }

    fn ship(&self, tracking_number: &str) -> Result<OrderEvent, OrderError> {
        match self.status {
            Status::Placed => Ok(OrderEvent::OrderShipped { tracking_number: tracking_number.to_owned() }),
            _ => Err(OrderError::NotPlaced),
        }
    }
}

// 3. A read model: another view of the same events.
#[derive(Debug, Default)]
struct SalesReport {
    revenue: Decimal,
    placed: u32,
    shipped: u32,
}

impl SalesReport {
    fn apply(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::OrderPlaced { total, .. } => {
                self.revenue += total;
                self.placed += 1;
            }
            OrderEvent::OrderShipped { .. } => self.shipped += 1,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // `MemoryStore::new()` or `SqliteStore::open("orders.db").await?` would do as well.
    let store = SqliteStore::in_memory().await?;
    let orders = Repository::<Order>::new(store.clone());

    let ids = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    for (id, total) in ids.iter().zip([100, 200, 300]) {
        orders.create(id, |order| order.place(Uuid::new_v4(), Decimal::from(total))).await?;
    }
    orders.update(&ids[0], |order| order.ship("TRACK-001")).await?;

    let mut report = SalesReport::default();
    let mut events = store.recorded::<OrderEvent>(Position::START);
    while let Some(recorded) = events.try_next().await? {
        report.apply(&recorded.event);
    }
    println!("Revenue: {}", report.revenue);
    println!("Orders placed: {}", report.placed);
    println!("Orders shipped: {}", report.shipped);

    let order = orders.load(&ids[0]).await?;
    println!("Order status: {}", format!("{:?}", order.status).to_lowercase());
    println!("Order version: {}", order.version());

    // The rules hold: an order is shipped once.
    let refused = orders.update(&ids[0], |order| order.ship("TRACK-002")).await.err();
    println!("Shipping again: {}", refused.map_or("allowed".to_owned(), |e| e.to_string()));
    Ok(())
}
