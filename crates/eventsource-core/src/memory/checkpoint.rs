//! Checkpoints in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    ConsumerId, ConsumerName, Epoch, LogId, Place, Result, SliceRange,
    backend::{SegmentDecision, change_segment, check_segment_change},
    checkpoint::{CheckpointStore, Segment, SegmentChange, SegmentKey, SegmentOutcome},
};

/// The segments of all consumers, and which version of each is active.
#[derive(Default)]
pub(super) struct Checkpoints {
    segments: BTreeMap<SegmentKey, Segment>,
    active: BTreeMap<ConsumerName, u32>,
}

impl Checkpoints {
    fn of(&self, consumer: &ConsumerId, log: LogId) -> Vec<Segment> {
        let all = self.segments.values();
        all.filter(|s| s.key.consumer == *consumer && s.key.log == log).cloned().collect()
    }

    fn change(
        &mut self,
        key: &SegmentKey,
        following: Option<&SegmentKey>,
        epoch: Epoch,
        change: &SegmentChange,
    ) -> SegmentOutcome {
        let Some(segment) = self.segments.get(key) else { return SegmentOutcome::Absent };
        let following = match following.map(|following| self.segments.get(following)) {
            None => None,
            Some(Some(following)) => Some(following),
            Some(None) => return SegmentOutcome::Absent,
        };
        match change_segment(segment, following, epoch, change) {
            SegmentDecision::Refused(outcome) => outcome,
            SegmentDecision::Changed { segment, added, removed } => {
                for gone in std::iter::once(key).chain(&removed) {
                    self.segments.remove(gone);
                }
                for present in std::iter::once(&segment).chain(&added) {
                    self.segments.insert(present.key.clone(), present.clone());
                }
                SegmentOutcome::Changed(segment)
            }
        }
    }
}

#[async_trait]
impl CheckpointStore for MemoryStore {
    async fn segments(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<Segment>> {
        Ok(self.open("segments")?.checkpoints.of(consumer, log))
    }

    async fn begin(&self, consumer: &ConsumerId, log: LogId, place: Place) -> Result<Vec<Segment>> {
        let mut state = self.open("begin")?;
        let present = state.checkpoints.of(consumer, log);
        if !present.is_empty() {
            return Ok(present);
        }
        let key = SegmentKey { consumer: consumer.clone(), log, slices: SliceRange::ALL };
        let segment = Segment { key: key.clone(), place, epoch: Epoch::NONE };
        state.checkpoints.segments.insert(key, segment.clone());
        Ok(vec![segment])
    }

    async fn change(&self, key: &SegmentKey, epoch: Epoch, change: SegmentChange) -> Result<SegmentOutcome> {
        let following = check_segment_change(key, &change).map_err(|e| e.with_operation("change segment"))?;
        let mut state = self.open("change segment")?;
        Ok(state.checkpoints.change(key, following.as_ref(), epoch, &change))
    }

    async fn remove(&self, consumer: &ConsumerId) -> Result<u64> {
        let mut state = self.open("remove segments")?;
        let segments = &mut state.checkpoints.segments;
        let before = segments.len();
        segments.retain(|key, _| key.consumer != *consumer);
        Ok((before - segments.len()) as u64)
    }

    async fn active_version(&self, consumer: &ConsumerName) -> Result<Option<u32>> {
        Ok(self.open("active version")?.checkpoints.active.get(consumer).copied())
    }

    async fn switch_version(&self, consumer: &ConsumerName, from: Option<u32>, to: u32) -> Result<bool> {
        let mut state = self.open("switch version")?;
        let active = &mut state.checkpoints.active;
        let switched = active.get(consumer).copied() == from;
        if switched {
            active.insert(consumer.clone(), to);
        }
        Ok(switched)
    }
}
