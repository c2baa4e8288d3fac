//! Defects of deleting, erasing, importing, adopting and keeping snapshots.

use async_trait::async_trait;
use eventsource_core::{
    Clock, ExpectedVersion, Incarnation, Position, RecordedEvent, Result, StateType, StreamId, TenantFilter,
    lifecycle::LifecycleNote,
    store::{
        Appended, EventImport, Imported, LogAdoption, SaveOutcome, Snapshot, SnapshotStore, StreamDeletion,
        StreamErasure,
    },
};

use super::{Defect, Mutant};

#[async_trait]
impl StreamDeletion for Mutant {
    async fn delete(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        note: &LifecycleNote,
    ) -> Result<Appended> {
        StreamDeletion::delete(&self.inner, stream, expected, note).await
    }

    async fn restore(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        self.inner.restore(stream, note).await
    }
}

#[async_trait]
impl StreamErasure for Mutant {
    async fn erase(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        match self.defect {
            Defect::ErasureKeepsContent => {
                StreamDeletion::delete(&self.inner, stream, ExpectedVersion::Any, note).await
            }
            _ => self.inner.erase(stream, note).await,
        }
    }
}

#[async_trait]
impl EventImport for Mutant {
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported> {
        let mut imported = Imported::default();
        match self.defect {
            Defect::ImportInParts | Defect::ImportIgnoresGaps => {
                for event in events {
                    match self.inner.import(std::slice::from_ref(event)).await {
                        Ok(one) => {
                            imported.written += one.written;
                            imported.present += one.present;
                        }
                        Err(_) if self.defect == Defect::ImportIgnoresGaps => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(imported)
            }
            Defect::ImportStampsTimes => {
                let recorded_at = self.clock.now();
                let stamped: Vec<_> =
                    events.iter().map(|e| RecordedEvent { recorded_at, ..e.clone() }).collect();
                self.inner.import(&stamped).await
            }
            _ => self.inner.import(events).await,
        }
    }
}

#[async_trait]
impl LogAdoption for Mutant {
    async fn adopt(&self, highest: Position) -> Result<Incarnation> {
        match self.defect {
            Defect::AdoptionChangesNothing => Ok(self.inner.log().incarnation),
            _ => self.inner.adopt(highest).await,
        }
    }
}

impl Mutant {
    fn schema_version(&self, asked: u16) -> u16 {
        if self.defect == Defect::SchemaVersionIgnored { 1 } else { asked }
    }
}

#[async_trait]
impl SnapshotStore for Mutant {
    async fn save(&self, mut snapshot: Snapshot) -> Result<SaveOutcome> {
        snapshot.schema_version = self.schema_version(snapshot.schema_version);
        if self.defect == Defect::OlderSnapshotReplaces {
            SnapshotStore::delete(&self.inner, &snapshot.stream).await?;
        }
        self.inner.save(snapshot).await
    }

    async fn load(
        &self,
        stream: &StreamId,
        state_type: &StateType,
        schema_version: u16,
    ) -> Result<Option<Snapshot>> {
        let kept = self.inner.load(stream, state_type, self.schema_version(schema_version)).await?;
        Ok(kept.map(|kept| Snapshot { schema_version, ..kept }))
    }

    async fn exists(&self, stream: &StreamId, state_type: &StateType, schema_version: u16) -> Result<bool> {
        self.inner.exists(stream, state_type, self.schema_version(schema_version)).await
    }

    async fn delete(&self, stream: &StreamId) -> Result<u64> {
        SnapshotStore::delete(&self.inner, stream).await
    }

    async fn delete_by_type(
        &self,
        state_type: &StateType,
        below_schema_version: Option<u16>,
        tenant: &TenantFilter,
    ) -> Result<u64> {
        self.inner.delete_by_type(state_type, below_schema_version, tenant).await
    }
}
