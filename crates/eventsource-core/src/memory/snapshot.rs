//! Snapshots in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    Result, StateType, StreamId, TenantFilter,
    backend::check_snapshot,
    lifecycle::Lifecycle,
    store::{SaveOutcome, Snapshot, SnapshotStore},
};

#[async_trait]
impl SnapshotStore for MemoryStore {
    async fn save(&self, snapshot: Snapshot) -> Result<SaveOutcome> {
        check_snapshot(&snapshot).map_err(|e| e.with_operation("save snapshot"))?;
        let mut state = self.open("save snapshot")?;
        if state.lifecycle(&snapshot.stream) == Lifecycle::Erased {
            return Ok(SaveOutcome::StreamErased);
        }
        let key = (snapshot.stream.clone(), snapshot.state_type.clone(), snapshot.schema_version);
        if state.snapshots.get(&key).is_some_and(|kept| kept.version >= snapshot.version) {
            return Ok(SaveOutcome::Outdated);
        }
        state.snapshots.insert(key, snapshot);
        Ok(SaveOutcome::Saved)
    }

    async fn load(
        &self,
        stream: &StreamId,
        state_type: &StateType,
        schema_version: u16,
    ) -> Result<Option<Snapshot>> {
        let key = (stream.clone(), state_type.clone(), schema_version);
        Ok(self.open("load snapshot")?.snapshots.get(&key).cloned())
    }

    async fn exists(&self, stream: &StreamId, state_type: &StateType, schema_version: u16) -> Result<bool> {
        let key = (stream.clone(), state_type.clone(), schema_version);
        Ok(self.open("snapshot exists")?.snapshots.contains_key(&key))
    }

    async fn delete(&self, stream: &StreamId) -> Result<u64> {
        self.remove(|of, _, _| of == stream)
    }

    async fn delete_by_type(
        &self,
        state_type: &StateType,
        below_schema_version: Option<u16>,
        tenant: &TenantFilter,
    ) -> Result<u64> {
        self.remove(|of, kind, version| {
            kind == state_type
                && below_schema_version.is_none_or(|below| version < below)
                && tenant.accepts(of.tenant())
        })
    }
}

impl MemoryStore {
    fn remove(&self, condemned: impl Fn(&StreamId, &StateType, u16) -> bool) -> Result<u64> {
        let mut state = self.open("delete snapshots")?;
        let before = state.snapshots.len();
        state.snapshots.retain(|(stream, kind, version), _| !condemned(stream, kind, *version));
        Ok((before - state.snapshots.len()) as u64)
    }
}
