//! Status: what several instances declare, put together.

use crate::{InstanceId, status::Declaration};

/// What is declared, by consumer and fingerprint, each with its instances by name.
#[must_use]
pub fn group_declarations(
    declared: impl IntoIterator<Item = (InstanceId, Declaration)>,
) -> Vec<(Declaration, Vec<InstanceId>)> {
    let mut declared: Vec<_> = declared.into_iter().collect();
    declared.sort_by(|(a_instance, a), (b_instance, b)| {
        let key = |d: &Declaration| (d.fingerprint, d.kind.as_str(), d.filter.clone(), d.policy.clone());
        a.consumer.cmp(&b.consumer).then_with(|| key(a).cmp(&key(b))).then_with(|| a_instance.cmp(b_instance))
    });
    let mut grouped: Vec<(Declaration, Vec<InstanceId>)> = Vec::new();
    for (instance, declaration) in declared {
        match grouped.last_mut() {
            Some((last, instances)) if *last == declaration => instances.push(instance),
            _ => grouped.push((declaration, vec![instance])),
        }
    }
    grouped
}
