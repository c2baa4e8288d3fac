//! How far a subscription has come, for those who ask and those who wait.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use eventsource_core::{Error, ErrorKind, EventId, Position, Result, Timestamp, status::ConsumerState};
use tokio::{sync::watch, time::Instant};

/// How far a subscription has come.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The lanes of the session, in the order of their slices.
    lanes: Mutex<Lanes>,
    now: watch::Sender<Now>,
    parked_now: Mutex<ParkedNow>,
    pub(crate) handled: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) parked: AtomicU64,
    pub(crate) skipped: AtomicU64,
}

#[derive(Debug, Default)]
struct Lanes {
    lanes: Vec<Lane>,
    /// Where the log ended when it was read to its end last.
    head: Option<Position>,
}

#[derive(Debug, Clone, Copy)]
struct Lane {
    done: Position,
    /// Since when it works on what it has, unless it waits for more.
    busy_since: Option<Instant>,
}

/// What a subscription is doing.
#[derive(Debug, Clone)]
pub(crate) struct Now {
    pub(crate) state: ConsumerState,
    pub(crate) reason: Option<String>,
    /// Why it failed.
    pub(crate) error: Option<Error>,
    /// Everything up to here is done.
    pub(crate) position: Position,
    /// The event that it cannot handle now.
    pub(crate) failing: Option<EventId>,
}

/// What is parked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ParkedNow {
    pub(crate) letters: u64,
    pub(crate) streams: u64,
    pub(crate) oldest_at: Option<Timestamp>,
}

impl Now {
    /// Whether it runs, or waits for another process that does; else why not.
    pub(crate) fn outcome(&self) -> Result<()> {
        match (&self.error, self.state) {
            (Some(error), _) => Err(error.clone()),
            (None, ConsumerState::BackingOff) => {
                let reason = self.reason.clone().unwrap_or_default();
                Err(Error::new(ErrorKind::Unavailable, format!("it could not begin yet: {reason}"))
                    .transient())
            }
            _ => Ok(()),
        }
    }
}

impl Progress {
    pub(crate) fn new() -> Self {
        let now = Now {
            state: ConsumerState::Stopped,
            reason: None,
            error: None,
            position: Position::START,
            failing: None,
        };
        Self {
            lanes: Mutex::new(Lanes::default()),
            now: watch::Sender::new(now),
            parked_now: Mutex::default(),
            handled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            parked: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        }
    }

    /// What it is doing now.
    pub(crate) fn now(&self) -> Now {
        self.now.borrow().clone()
    }

    /// Tells of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<Now> {
        self.now.subscribe()
    }

    /// Another state. Whether it is another one.
    pub(crate) fn enter(&self, state: ConsumerState, reason: Option<String>, error: Option<Error>) -> bool {
        let mut is_new = false;
        self.now.send_if_modified(|now| {
            is_new = now.state != state || now.reason != reason;
            (now.state, now.reason, now.error) = (state, reason, error);
            is_new
        });
        is_new
    }

    /// Lanes that begin at these positions.
    pub(crate) fn begin(&self, positions: impl IntoIterator<Item = Position>) {
        let lanes = positions.into_iter().map(|done| Lane { done, busy_since: None });
        *self.lanes() = Lanes { lanes: lanes.collect(), head: None };
        self.publish();
    }

    /// A lane has done everything up to a position. Whether with that everything there is has been done.
    pub(crate) fn reach(&self, lane: usize, done: Position) -> bool {
        if let Some(lane) = self.lanes().lanes.get_mut(lane) {
            lane.done = done;
        }
        self.publish()
    }

    /// Everything up to a position is read, and is all there is; or there is more. The new state, if it is another.
    pub(crate) fn read_up_to(&self, position: Position, at_head: bool) -> Option<ConsumerState> {
        self.lanes().head = at_head.then_some(position);
        if at_head {
            return self.publish().then_some(ConsumerState::Live);
        }
        let mut left = false;
        self.now.send_if_modified(|now| {
            left = matches!(now.state, ConsumerState::Live | ConsumerState::Starting);
            if left {
                now.state = ConsumerState::CatchingUp;
            }
            left
        });
        left.then_some(ConsumerState::CatchingUp)
    }

    /// A lane begins to work, or waits for more.
    pub(crate) fn set_busy(&self, lane: usize, busy: bool) {
        if let Some(lane) = self.lanes().lanes.get_mut(lane) {
            lane.busy_since = busy.then(Instant::now);
        }
    }

    /// An event that cannot be handled now, or that there is none.
    pub(crate) fn set_failing(&self, failing: Option<EventId>) {
        self.now.send_if_modified(|now| {
            now.failing = failing;
            false
        });
    }

    /// What is parked, as far as this process knows.
    pub(crate) fn parked_now(&self) -> ParkedNow {
        *self.parked_now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known to be parked.
    pub(crate) fn set_parked_now(&self, change: impl FnOnce(&mut ParkedNow)) {
        change(&mut self.parked_now.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// How many events it is behind at most, if it has read the log to its end.
    pub(crate) fn lag_events(&self) -> Option<u64> {
        let head = self.lanes().head?;
        Some(self.now.borrow().position.distance_to(head))
    }

    /// How long the busiest lane has worked on one batch.
    pub(crate) fn busy_for(&self) -> Option<Duration> {
        self.lanes().lanes.iter().filter_map(|lane| lane.busy_since).map(|since| since.elapsed()).max()
    }

    pub(crate) fn count(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    /// Tells how far all lanes have come. Whether the subscription is live from now on.
    fn publish(&self) -> bool {
        let (lowest, head) = {
            let lanes = self.lanes();
            (lanes.lanes.iter().map(|lane| lane.done).min(), lanes.head)
        };
        let Some(lowest) = lowest else { return false };
        let mut is_live_now = false;
        self.now.send_if_modified(|now| {
            let moved = now.position != lowest;
            now.position = lowest;
            let waits = matches!(now.state, ConsumerState::CatchingUp | ConsumerState::Starting);
            is_live_now = waits && head.is_some_and(|head| lowest >= head);
            if is_live_now {
                now.state = ConsumerState::Live;
            }
            moved || is_live_now
        });
        is_live_now
    }

    fn lanes(&self) -> std::sync::MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
