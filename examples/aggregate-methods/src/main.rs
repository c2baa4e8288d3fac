//! Rules as methods of the state: an account that cannot be overdrawn.
//!
//! The simplest of the three styles. Each method looks at the state and returns the events that follow, or refuses. It
//! changes nothing and reads nothing else, so it is tested without a store.
//!
//! `cargo run -p aggregate-methods`
#![allow(clippy::print_stdout, reason = "printing is what an example does")]

use std::error::Error;

use eventsource::{Aggregate, Event, MemoryStore, Repository, aggregate::UpdateError};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Account")]
enum AccountEvent {
    Opened {
        /// Marked, so that tools mask it.
        #[event(personal)]
        owner: String,
    },
    Deposited {
        cents: u64,
    },
    Withdrawn {
        cents: u64,
    },
    Closed,
}

#[derive(Debug, Default)]
struct Account {
    cents: u64,
    open: bool,
}

impl Aggregate for Account {
    type Event = AccountEvent;

    // What happened has happened: taking it in neither fails nor panics.
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { .. } => self.open = true,
            AccountEvent::Deposited { cents } => self.cents = self.cents.saturating_add(*cents),
            AccountEvent::Withdrawn { cents } => self.cents = self.cents.saturating_sub(*cents),
            AccountEvent::Closed => self.open = false,
        }
    }
}

/// Why an account refuses: the domain's own words, and never mixed with failures of the store.
#[derive(Debug, PartialEq, thiserror::Error)]
enum Refusal {
    #[error("the account is not open")]
    NotOpen,
    #[error("{wanted} cents are wanted, {balance} are there")]
    Overdrawn { wanted: u64, balance: u64 },
}

impl Account {
    // A rule leads to one event …
    fn open(&self, owner: &str) -> Result<AccountEvent, Refusal> {
        Ok(AccountEvent::Opened { owner: owner.to_owned() })
    }

    fn deposit(&self, cents: u64) -> Result<AccountEvent, Refusal> {
        self.check_open()?;
        Ok(AccountEvent::Deposited { cents })
    }

    fn withdraw(&self, cents: u64) -> Result<AccountEvent, Refusal> {
        self.check_open()?;
        if cents > self.cents {
            return Err(Refusal::Overdrawn { wanted: cents, balance: self.cents });
        }
        Ok(AccountEvent::Withdrawn { cents })
    }

    // … or to several, which are recorded together, or to none when there is nothing to do.
    fn close(&self) -> Result<Vec<AccountEvent>, Refusal> {
        if !self.open {
            return Ok(vec![]);
        }
        let rest = (self.cents > 0).then_some(AccountEvent::Withdrawn { cents: self.cents });
        Ok(rest.into_iter().chain([AccountEvent::Closed]).collect())
    }

    fn check_open(&self) -> Result<(), Refusal> {
        if self.open { Ok(()) } else { Err(Refusal::NotOpen) }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let accounts = Repository::<Account>::new(MemoryStore::new());

    // `create` begins a stream, and demands that there is none of that key.
    let opened = accounts.create("4711", |account| account.open("Ada")).await?;
    println!("Opened at version {}", opened.version);

    // The second to ask for the same key gets a conflict, which says what was expected and what was found.
    if let Err(UpdateError::Failed(error)) = accounts.create("4711", |account| account.open("Bob")).await {
        println!("Opening again fails: {error}");
    }

    // `update` loads, decides and appends, demanding that nobody else wrote in between. In one process updates of a
    // stream take turns. When another process was faster, the rule is run again on the newer state: a conflict is
    // never overwritten, and reaches you only when others were faster many times in a row.
    try_join_all((1..=10).map(|_| accounts.update("4711", |account| account.deposit(100)))).await?;
    let account = accounts.load("4711").await?;
    println!("Ten deposits at once: {} cents, version {}", account.cents, account.version());

    // What was committed comes with the state that it led to.
    let withdrawn = accounts.update("4711", |account| account.withdraw(300)).await?;
    println!("Withdrawn 300: {} cents, version {}", withdrawn.state.cents, withdrawn.version);

    // A refusal is a value of your own type, and nothing is written.
    let refused = accounts.update("4711", |account| account.withdraw(1_000)).await;
    if let Err(UpdateError::Refused(refusal)) = refused {
        println!("Withdrawing 1000 is refused: {refusal}");
    }

    let closed = accounts.update("4711", Account::close).await?;
    println!("Closed: {} cents, version {}", closed.state.cents, closed.version);
    let closed = accounts.update("4711", Account::close).await?;
    println!("Closing again changes nothing: version {}", closed.version);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_pays_out_what_is_left() {
        let account = Account { cents: 5, open: true };
        let events = [AccountEvent::Withdrawn { cents: 5 }, AccountEvent::Closed];
        assert_eq!(account.close().unwrap(), events);
        assert_eq!(Account { cents: 0, open: true }.close().unwrap(), [AccountEvent::Closed]);
        assert_eq!(Account::default().close().unwrap(), []);
    }

    #[test]
    fn an_account_is_never_overdrawn() {
        let account = Account { cents: 5, open: true };
        assert_eq!(account.withdraw(5), Ok(AccountEvent::Withdrawn { cents: 5 }));
        assert_eq!(account.withdraw(6), Err(Refusal::Overdrawn { wanted: 6, balance: 5 }));
        assert_eq!(Account::default().withdraw(1), Err(Refusal::NotOpen));
    }
}
