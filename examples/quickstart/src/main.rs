//! A first program: three orders are placed and the first is shipped, a sales report is folded from the feed, and an
//! order is loaded again.
//!
//! `cargo run -p quickstart`
#![allow(clippy::print_stdout, reason = "printing is what an example does")]

use std::{error::Error, fmt};

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

// 2. The aggregate: a state folded from events, and the rules that lead to new ones.
#[derive(Debug, Default)]
struct Order {
    status: Status,
    total: Decimal,
}

#[derive(Debug, Default)]
enum Status {
    #[default]
    Draft,
    Placed,
    Shipped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft => "draft",
            Self::Placed => "placed",
            Self::Shipped => "shipped",
        })
    }
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

// 3. A read model: another view of the same events, here over all orders.
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
    // 4. A store, and a repository of orders over it. `SqliteStore::open("orders.db")` would keep them in a file.
    let store = SqliteStore::in_memory().await?;
    let orders = Repository::<Order>::new(store.clone());

    let ids = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    for (id, total) in ids.iter().zip([100, 200, 300]) {
        orders.create(id, |order| order.place(Uuid::new_v4(), total.into())).await?;
    }
    orders.update(&ids[0], |order| order.ship("TRACK-001")).await?;

    // The feed holds the events of all orders, in the order in which they were recorded.
    let mut report = SalesReport::default();
    let mut events = store.recorded(Position::START);
    while let Some(recorded) = events.try_next().await? {
        report.apply(&recorded.event);
    }
    println!("Revenue: {}", report.revenue);
    println!("Orders placed: {}", report.placed);
    println!("Orders shipped: {}", report.shipped);

    // The events are the truth: the state of an order is folded from them, whenever it is loaded.
    let order = orders.load(&ids[0]).await?;
    println!("Order status: {}", order.status);
    println!("Order version: {}", order.version());

    // The rules hold: what they refuse is not recorded.
    if let Err(refusal) = orders.update(&ids[0], |order| order.ship("TRACK-002")).await {
        println!("Shipping again: {refusal}");
    }
    Ok(())
}
