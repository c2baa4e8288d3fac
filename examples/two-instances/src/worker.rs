//! One of the processes that share the subscription.

use std::{convert::Infallible, error::Error, path::Path};

use eventsource::{
    Recorded,
    projection::{Context, Reactor},
    sqlite::SqliteStore,
    subscriptions::{Start, SubscriptionOptions, Subscriptions},
};

use crate::ParcelEvent;

/// Tells the other process about each parcel: an effect outside of any database, so at least once.
struct Announce;

impl Reactor for Announce {
    type Event = ParcelEvent;
    type Error = Infallible;

    async fn react(&self, event: &Recorded<ParcelEvent>, _: Context<'_>) -> Result<(), Infallible> {
        let ParcelEvent::Sent { number } = event.event;
        println!("{number}");
        Ok(())
    }
}

/// Runs until it is killed.
pub(crate) async fn run(file: &Path) -> Result<(), Box<dyn Error>> {
    let store = SqliteStore::open(file).await?;
    let subscriptions = Subscriptions::new(store);
    let options = SubscriptionOptions::default().with_start(Start::Beginning);
    subscriptions.reactor("announce", Announce, options)?;
    subscriptions.start().await.into_result()?;
    std::future::pending().await
}
