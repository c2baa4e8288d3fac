//! Asking tasks to end.

use std::time::Duration;

use tokio::sync::watch;

/// Asks the tasks of a session to end. Dropping it asks, too.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// A task's end of the question.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

pub(crate) fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    pub(crate) fn ask(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether it is asked to end.
    pub(crate) fn is_asked(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until it is asked to end.
    pub(crate) async fn asked(&self) {
        // An error is the stopper that was dropped.
        let _ = self.0.clone().wait_for(|asked| *asked).await;
    }

    /// Sleeps, unless it is asked to end. Whether it slept to the end.
    pub(crate) async fn sleep(&self, duration: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.asked() => false,
            () = tokio::time::sleep(duration) => true,
        }
    }
}
