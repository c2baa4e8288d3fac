//! Rules as one function of commands: a cinema that sells each seat once.
//!
//! A command is a value, so that it can be sent, queued, logged and tried again. One function, `decide`, leads from a
//! state and a command to events; `execute` loads, decides and appends. It is the style to choose when commands come
//! through a queue or an API, and when rules are tested as tables: given these events, when this is asked, then that.
//!
//! `cargo run -p decider`
#![allow(clippy::print_stdout, reason = "printing is what an example does")]

use std::{collections::BTreeSet, error::Error};

use eventsource::{
    Aggregate, Decider, Event, MemoryStore, Repository,
    aggregate::UpdateError,
    store::{EventStoreExt, ReadOptions},
};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Screening")]
enum ScreeningEvent {
    Scheduled { film: String, seats: u32 },
    SeatReserved { seat: u32 },
    SeatReleased { seat: u32 },
    SoldOut,
}

/// A screening as its rules need it: what no rule asks for (the film) is not kept.
#[derive(Debug, Default)]
struct Screening {
    seats: u32,
    reserved: BTreeSet<u32>,
}

impl Aggregate for Screening {
    type Event = ScreeningEvent;

    fn apply(&mut self, event: &ScreeningEvent) {
        match event {
            ScreeningEvent::Scheduled { seats, .. } => self.seats = *seats,
            ScreeningEvent::SeatReserved { seat } => {
                self.reserved.insert(*seat);
            }
            ScreeningEvent::SeatReleased { seat } => {
                self.reserved.remove(seat);
            }
            ScreeningEvent::SoldOut => {}
        }
    }
}

/// What can be asked of a screening.
#[derive(Debug)]
enum Command {
    Schedule { film: String, seats: u32 },
    Reserve { seat: u32 },
    Release { seat: u32 },
}

/// Why a screening may refuse.
#[derive(Debug, PartialEq, thiserror::Error)]
enum Refusal {
    #[error("the screening is scheduled already")]
    ScheduledAlready,
    #[error("there is no seat {0}")]
    NoSuchSeat(u32),
    #[error("seat {0} is taken")]
    SeatTaken(u32),
}

impl Decider for Screening {
    type Command = Command;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<ScreeningEvent>, Refusal> {
        match *command {
            Command::Schedule { .. } if self.seats > 0 => Err(Refusal::ScheduledAlready),
            Command::Schedule { ref film, seats } => {
                Ok(vec![ScreeningEvent::Scheduled { film: film.clone(), seats }])
            }
            Command::Reserve { seat } => self.reserve(seat),
            // Asking twice is harmless: nothing happens.
            Command::Release { seat } if !self.reserved.contains(&seat) => Ok(vec![]),
            Command::Release { seat } => Ok(vec![ScreeningEvent::SeatReleased { seat }]),
        }
    }
}

impl Screening {
    fn reserve(&self, seat: u32) -> Result<Vec<ScreeningEvent>, Refusal> {
        if !(1..=self.seats).contains(&seat) {
            return Err(Refusal::NoSuchSeat(seat));
        }
        if self.reserved.contains(&seat) {
            return Err(Refusal::SeatTaken(seat));
        }
        let mut events = vec![ScreeningEvent::SeatReserved { seat }];
        if self.reserved.len() as u64 + 1 == u64::from(self.seats) {
            events.push(ScreeningEvent::SoldOut);
        }
        Ok(events)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let screenings = Repository::<Screening>::new(store.clone());

    let commands = [
        Command::Reserve { seat: 1 },
        Command::Schedule { film: "Metropolis".to_owned(), seats: 2 },
        Command::Reserve { seat: 1 },
        Command::Reserve { seat: 1 },
        Command::Release { seat: 2 },
        Command::Reserve { seat: 2 },
    ];
    for command in &commands {
        match screenings.execute("friday-20:00", command).await {
            Ok(committed) => println!("{command:?}: version {}", committed.version),
            Err(UpdateError::Refused(refusal)) => println!("{command:?}: refused, {refusal}"),
            Err(UpdateError::Failed(error)) => return Err(error.into()),
        }
    }

    println!("What happened:");
    let stream = screenings.stream_id("friday-20:00")?;
    let mut history = store.history::<ScreeningEvent>(&stream, ReadOptions::default());
    while let Some(recorded) = history.try_next().await? {
        println!("{}. {:?}", recorded.record.version, recorded.event);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Given these events, what does a command lead to?
    fn decide(given: &[ScreeningEvent], when: &Command) -> Result<Vec<ScreeningEvent>, Refusal> {
        let mut screening = Screening::default();
        given.iter().for_each(|event| screening.apply(event));
        screening.decide(when)
    }

    fn scheduled(seats: u32) -> ScreeningEvent {
        ScreeningEvent::Scheduled { film: "Metropolis".to_owned(), seats }
    }

    #[test]
    fn a_free_seat_is_reserved() {
        let events = decide(&[scheduled(2)], &Command::Reserve { seat: 2 });
        assert_eq!(events, Ok(vec![ScreeningEvent::SeatReserved { seat: 2 }]));
    }

    #[test]
    fn the_last_seat_sells_the_screening_out() {
        let given = [scheduled(2), ScreeningEvent::SeatReserved { seat: 1 }];
        let events = decide(&given, &Command::Reserve { seat: 2 });
        assert_eq!(events, Ok(vec![ScreeningEvent::SeatReserved { seat: 2 }, ScreeningEvent::SoldOut]));
    }

    #[test]
    fn a_seat_is_sold_once_until_it_is_released() {
        let mut given = vec![scheduled(3), ScreeningEvent::SeatReserved { seat: 1 }];
        assert_eq!(decide(&given, &Command::Reserve { seat: 1 }), Err(Refusal::SeatTaken(1)));
        given.push(ScreeningEvent::SeatReleased { seat: 1 });
        assert!(decide(&given, &Command::Reserve { seat: 1 }).is_ok());
    }

    #[test]
    fn what_does_not_exist_is_not_reserved() {
        assert_eq!(decide(&[], &Command::Reserve { seat: 1 }), Err(Refusal::NoSuchSeat(1)));
        assert_eq!(decide(&[scheduled(2)], &Command::Reserve { seat: 3 }), Err(Refusal::NoSuchSeat(3)));
    }
}
