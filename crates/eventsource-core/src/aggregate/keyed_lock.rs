//! One at a time per key, in the order of asking.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// A fair lock per key. Keys that nobody holds or waits for take no memory.
#[derive(Debug)]
pub(crate) struct KeyedLock<K: Eq + Hash + Clone> {
    slots: Mutex<HashMap<K, Arc<AsyncMutex<()>>>>,
}

impl<K: Eq + Hash + Clone> KeyedLock<K> {
    pub(crate) fn new() -> Self {
        Self { slots: Mutex::new(HashMap::new()) }
    }

    /// Waits for its turn.
    ///
    /// # Cancel safety
    /// A dropped call gives up its place in the queue and nothing else.
    pub(crate) async fn lock(&self, key: K) -> KeyedGuard<'_, K> {
        let slot = self.slots().entry(key.clone()).or_default().clone();
        // Made before the wait, so that a dropped wait cleans up, too.
        let mut guard = KeyedGuard { lock: self, key, slot, held: None };
        guard.held = Some(guard.slot.clone().lock_owned().await);
        guard
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<K, Arc<AsyncMutex<()>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of one holder, or its place in the queue.
pub(crate) struct KeyedGuard<'a, K: Eq + Hash + Clone> {
    lock: &'a KeyedLock<K>,
    key: K,
    slot: Arc<AsyncMutex<()>>,
    held: Option<OwnedMutexGuard<()>>,
}

impl<K: Eq + Hash + Clone> Drop for KeyedGuard<'_, K> {
    fn drop(&mut self) {
        self.held = None;
        let mut slots = self.lock.slots();
        // Slots are cloned under the map's lock only: two owners are the map and this guard, so nobody waits.
        if Arc::strong_count(&self.slot) == 2 {
            slots.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn is_empty(lock: &KeyedLock<u32>) -> bool {
        lock.slots().is_empty()
    }

    #[tokio::test]
    async fn one_at_a_time_and_nothing_left_behind() {
        let lock = KeyedLock::new();
        let inside = std::sync::atomic::AtomicU32::new(0);
        let once = || async {
            let _turn = lock.lock(7).await;
            assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
            tokio::task::yield_now().await;
            inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        };
        futures_util::future::join_all((0..50).map(|_| once())).await;
        assert!(is_empty(&lock));
    }

    #[tokio::test]
    async fn other_keys_do_not_wait() {
        let lock = KeyedLock::new();
        let _one = lock.lock(1).await;
        let _two = lock.lock(2).await;
    }

    #[tokio::test]
    async fn a_dropped_wait_leaves_no_trace() {
        let lock = KeyedLock::new();
        let held = lock.lock(1).await;
        assert!(tokio::time::timeout(Duration::from_millis(1), lock.lock(1)).await.is_err());
        drop(held);
        assert!(is_empty(&lock));
        drop(lock.lock(1).await);
        assert!(is_empty(&lock));
    }
}
