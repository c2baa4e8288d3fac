//! What instances say about themselves, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    ConsumerId, InstanceId, Result, Timestamp,
    backend::group_declarations,
    status::{Declaration, InstanceStatus, StatusStore},
};

/// What instances said, and when each was last heard.
#[derive(Default)]
pub(super) struct Statuses {
    heard: BTreeMap<InstanceId, Timestamp>,
    declared: BTreeMap<InstanceId, Vec<Declaration>>,
    told: BTreeMap<(ConsumerId, InstanceId), InstanceStatus>,
}

impl Statuses {
    pub(super) fn told(&mut self, instance: &InstanceId, statuses: &[InstanceStatus], now: Timestamp) {
        self.heard.insert(instance.clone(), now);
        for status in statuses {
            self.told.insert((status.consumer.clone(), instance.clone()), status.clone());
        }
    }

    fn all(&self) -> Vec<InstanceStatus> {
        let told = self.told.values().filter_map(|status| {
            let reported_at = *self.heard.get(&status.instance)?;
            Some(InstanceStatus { reported_at, ..status.clone() })
        });
        told.collect()
    }

    fn forget(&mut self, before: Timestamp) -> u64 {
        let known = self.heard.len();
        self.heard.retain(|_, heard| *heard >= before);
        self.declared.retain(|instance, _| self.heard.contains_key(instance));
        self.told.retain(|(_, instance), _| self.heard.contains_key(instance));
        (known - self.heard.len()) as u64
    }
}

#[async_trait]
impl StatusStore for MemoryStore {
    async fn declare(&self, instance: &InstanceId, declarations: &[Declaration]) -> Result<()> {
        let mut state = self.open("declare")?;
        let now = self.now();
        state.statuses.heard.insert(instance.clone(), now);
        state.statuses.declared.insert(instance.clone(), declarations.to_vec());
        Ok(())
    }

    async fn declarations(&self) -> Result<Vec<(Declaration, Vec<InstanceId>)>> {
        let state = self.open("declarations")?;
        let declared = state.statuses.declared.iter();
        Ok(group_declarations(
            declared.flat_map(|(instance, all)| all.iter().map(|one| (instance.clone(), one.clone()))),
        ))
    }

    async fn statuses(&self) -> Result<Vec<InstanceStatus>> {
        Ok(self.open("statuses")?.statuses.all())
    }

    async fn forget(&self, before: Timestamp) -> Result<u64> {
        Ok(self.open("forget instances")?.statuses.forget(before))
    }

    async fn now(&self) -> Result<Timestamp> {
        let _open = self.open("now")?;
        Ok(self.now())
    }
}
