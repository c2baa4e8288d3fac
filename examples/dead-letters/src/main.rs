//! An event that cannot be handled is parked, its stream waits behind it, and other streams go on. Once the handler is
//! mended, what was parked is handled in its order, and nothing is lost.
//!
//! `cargo run -p dead-letters`
#![allow(clippy::print_stdout, reason = "printing is what an example does")]

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use eventsource::{
    Event, EventId, ExpectedVersion, MemoryStore, NewEvent, Recorded, StreamId, Token,
    dead_letter::LettersOptions,
    projection::{Context, Projection},
    request::Letters,
    store::{Append, EventStore},
    subscriptions::{FailurePolicy, Subscription, SubscriptionOptions, Subscriptions},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Event)]
#[event(category = "Account")]
enum AccountEvent {
    Deposited { cents: i64, currency: String },
}

/// The balances of all accounts, as a projection writes them somewhere: here into a map.
#[derive(Clone, Default)]
struct Balances {
    cents: Arc<Mutex<BTreeMap<String, i64>>>,
    /// The first release of this program knew euros only.
    knows_dollars: Arc<AtomicBool>,
}

#[derive(Debug, thiserror::Error)]
#[error("there is no rate for {0}")]
struct NoRate(String);

impl Projection for Balances {
    type Event = AccountEvent;
    type Error = NoRate;

    async fn handle(&self, event: &Recorded<AccountEvent>, _: Context<'_>) -> Result<(), NoRate> {
        let AccountEvent::Deposited { cents, currency } = &event.event;
        let euro_cents = match currency.as_str() {
            "EUR" => *cents,
            "USD" if self.knows_dollars.load(Ordering::Relaxed) => cents * 9 / 10,
            other => return Err(NoRate(other.to_owned())),
        };
        let mut balances = self.cents.lock().unwrap_or_else(PoisonError::into_inner);
        *balances.entry(event.record.stream.key().to_owned()).or_default() += euro_cents;
        Ok(())
    }
}

impl Balances {
    fn print(&self) {
        for (account, cents) in &*self.cents.lock().unwrap_or_else(PoisonError::into_inner) {
            println!("  {account}: {}.{:02} EUR", cents / 100, cents % 100);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let balances = Balances::default();
    let subscriptions = Subscriptions::new(store.clone());
    // Two retries soon after each other: this failure will not mend itself.
    let failure =
        FailurePolicy::default().with_retries(2, Duration::from_millis(1), Duration::from_millis(5));
    let options = SubscriptionOptions::default().with_failure(failure);
    let subscription = subscriptions.projection("balances", balances.clone(), options)?;
    subscriptions.start().await.into_result()?;

    for (account, cents, currency) in
        [("ada", 10_000, "EUR"), ("bob", 5_000, "USD"), ("bob", 700, "EUR"), ("ada", 150, "EUR")]
    {
        deposit(&store, account, cents, currency).await?;
    }
    subscription.wait_until_caught_up().await?;
    println!("After the first release:");
    balances.print();
    print_letters(&subscription).await?;

    // Still waiting: what comes for bob is kept behind, so that his events are handled in their order.
    let token = deposit(&store, "bob", 300, "EUR").await?;
    println!("One more for bob: {:?}", subscription.wait_until(&token).await?);

    // The second release knows dollars. Nothing is replayed but what was parked.
    balances.knows_dollars.store(true, Ordering::Relaxed);
    let report = subscription.retry(Letters::All).await?;
    println!("After the second release: {} settled, {} failed again", report.settled, report.failed);
    balances.print();
    print_letters(&subscription).await?;
    subscriptions.stop(Duration::from_secs(5)).await;
    Ok(())
}

async fn deposit(
    store: &MemoryStore,
    account: &str,
    cents: i64,
    currency: &str,
) -> eventsource::Result<Token> {
    let deposited = AccountEvent::Deposited { cents, currency: currency.to_owned() };
    let event = NewEvent::encode(EventId::generate(), &deposited)?;
    let stream = StreamId::new(AccountEvent::CATEGORY, account)?;
    Ok(store.append(Append::new(stream, ExpectedVersion::Any, vec![event])).await?.token)
}

async fn print_letters(subscription: &Subscription) -> eventsource::Result<()> {
    let letters = subscription.letters(&LettersOptions::default()).await?;
    println!("Parked: {}", letters.len());
    for letter in letters {
        let (event, cause) = (&letter.event, &letter.cause);
        let why = cause.chain.first().map_or("an earlier event is parked", String::as_str);
        println!("  {} version {}: {} ({})", event.stream, event.version, why, cause.kind.as_str());
    }
    Ok(())
}
