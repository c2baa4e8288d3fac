//! Updates of one stream run one at a time in a process.

use std::sync::LazyLock;

use super::keyed_lock::{KeyedGuard, KeyedLock};
use crate::{LogId, StreamId};

/// One table for the process, so that two repositories over one log take turns, too.
static TURNS: LazyLock<KeyedLock<(LogId, StreamId)>> = LazyLock::new(KeyedLock::new);

/// Waits for the turn of this caller; it ends when the guard is dropped.
pub(super) async fn one_at_a_time(log: LogId, stream: &StreamId) -> KeyedGuard<'static, (LogId, StreamId)> {
    TURNS.lock((log, stream.clone())).await
}
