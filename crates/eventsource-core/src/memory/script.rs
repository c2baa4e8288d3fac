//! Holding appends between the moment their positions are drawn and the moment they commit.

use std::sync::Arc;

use tokio::sync::watch;

use super::MemoryStore;

/// What a test and the write that it holds tell each other.
#[derive(Debug)]
pub(super) struct Hold {
    reached: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

impl Hold {
    fn new() -> Self {
        Self { reached: watch::Sender::new(false), released: watch::Sender::new(false) }
    }

    /// The write has drawn its positions.
    pub(super) fn reach(&self) {
        self.reached.send_replace(true);
    }

    /// Waits until the write may commit.
    pub(super) async fn released(&self) {
        told(&self.released).await;
    }
}

async fn told(sender: &watch::Sender<bool>) {
    // The sender lives as long as this borrow, so that there is always an answer.
    let _ = sender.subscribe().wait_for(|told| *told).await;
}

/// A write that is, or will be, held. Dropping it lets the write go on.
#[derive(Debug)]
#[must_use = "dropping it lets the append go on"]
pub struct HeldAppend {
    store: MemoryStore,
    hold: Arc<Hold>,
}

impl MemoryStore {
    /// Holds the next write after its positions are drawn and its streams are locked.
    ///
    /// Until it is released it is visible to nobody. Writes to other streams go on and commit with higher positions;
    /// writes to the same streams wait. The feed stays below the lowest position that is held. Dropping the
    /// future of the write rolls it back and leaves a hole in the positions. Several writes are held by asking several
    /// times, and may be released in any order.
    pub fn hold_next_append(&self) -> HeldAppend {
        let hold = Arc::new(Hold::new());
        self.state().holds.push_back(hold.clone());
        HeldAppend { store: self.clone(), hold }
    }
}

impl HeldAppend {
    /// Waits until the write is held.
    pub async fn reached(&self) {
        told(&self.hold.reached).await;
    }

    /// Lets the write commit.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for HeldAppend {
    fn drop(&mut self) {
        self.store.state().holds.retain(|hold| !Arc::ptr_eq(hold, &self.hold));
        self.hold.released.send_replace(true);
    }
}
