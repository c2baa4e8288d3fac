//! Hints that a log has grown: nothing depends on them but the time until a reader looks again.

use std::sync::Arc;

use tokio::sync::watch;

use crate::Position;

/// Waits for hints that a log has grown.
#[derive(Debug, Clone)]
pub struct WakeUps {
    head: watch::Receiver<Position>,
    /// How many wait.
    waiting: Arc<watch::Sender<usize>>,
}

impl WakeUps {
    /// Waits until something was appended since the last call, or since this value was made. Several
    /// appends give one hint. Returns at once and for ever when the store is gone.
    ///
    /// # Cancel safety
    /// Safe: a hint that was not returned is returned by the next call.
    pub async fn wait(&mut self) {
        let _waiting = Waiting::enter(&self.waiting);
        // An error means that the store was dropped; whoever waits will find it closed.
        let _ = self.head.changed().await;
    }
}

/// One that waits, until it is dropped.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|count| *count += 1);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// A store's end of the hints. Whoever waits is told when it is dropped.
#[derive(Debug)]
pub struct Waker {
    head: watch::Sender<Position>,
    waiting: Arc<watch::Sender<usize>>,
}

impl Waker {
    /// Hints that the log goes up to `head`, if that is news.
    pub fn announce(&self, head: Position) {
        self.head.send_if_modified(|known| {
            let grown = head > *known;
            *known = head.max(*known);
            grown
        });
    }

    /// Lets everybody look who waits, though nothing was appended.
    pub fn wake_all(&self) {
        self.head.send_modify(|_| ());
    }

    /// Whether anybody waits for a hint.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        *self.waiting.borrow() > 0
    }

    /// Returns as soon as somebody waits for a hint, so that a store which must ask for news need not ask in vain.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn waited_for(&self) {
        // The sender lives as long as this borrow, so that there is always an answer.
        let _ = self.waiting.subscribe().wait_for(|count| *count > 0).await;
    }
}

/// The two ends of the hints.
pub(crate) fn wake_ups() -> (Waker, WakeUps) {
    let (head, hints) = watch::channel(Position::START);
    let waiting = Arc::new(watch::Sender::new(0));
    (Waker { head, waiting: waiting.clone() }, WakeUps { head: hints, waiting })
}
