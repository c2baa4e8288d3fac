//! The inbox in memory.

use std::collections::HashMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{ConsumerName, LogId, Result, StreamId, StreamVersion, backend::check_inbox_step, inbox::Inbox};

/// The last version that each group applied of each stream.
pub(super) type Applied = HashMap<(ConsumerName, LogId, StreamId), StreamVersion>;

#[async_trait]
impl Inbox for MemoryStore {
    async fn applied(&self, group: &ConsumerName, log: LogId, stream: &StreamId) -> Result<StreamVersion> {
        let state = self.open("applied")?;
        let applied = state.applied.get(&(group.clone(), log, stream.clone()));
        Ok(applied.copied().unwrap_or(StreamVersion::ZERO))
    }

    async fn step(
        &self,
        group: &ConsumerName,
        log: LogId,
        stream: &StreamId,
        from: StreamVersion,
        to: StreamVersion,
    ) -> Result<bool> {
        check_inbox_step(from, to).map_err(|e| e.with_operation("step inbox"))?;
        let mut state = self.open("step inbox")?;
        let applied = state.applied.entry((group.clone(), log, stream.clone())).or_default();
        let stepped = *applied == from;
        if stepped {
            *applied = to;
        }
        Ok(stepped)
    }
}
