//! Who reads: the names of subscriptions and consumer groups, their versions, the processes that run them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    text::{check_name, text_newtype},
};

text_newtype!(
    /// The name of a subscription or of a consumer group, for ever: 1 to 200 bytes of `A-Z a-z 0-9 _ . -`.
    ///
    /// A checkpoint is found by it, so that renaming a subscription makes a new one.
    ConsumerName,
    |text| check_name("consumer name", text)
);

text_newtype!(
    /// One running process among those that share consumers, chosen anew at each start: 1 to 200 bytes of
    /// `A-Z a-z 0-9 _ . -`.
    InstanceId,
    |text| check_name("instance", text)
);

impl InstanceId {
    /// An id that no other process has.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::now_v7().to_string().into())
    }
}

/// One version of a consumer. A rebuild runs a new version beside the old one.
///
/// The text form is `name@version`.
///
/// ```
/// use eventsource_core::ConsumerId;
/// let sales: ConsumerId = "sales@2".parse()?;
/// assert_eq!((sales.name.as_str(), sales.version), ("sales", 2));
/// assert_eq!(sales.to_string(), "sales@2");
/// # Ok::<(), eventsource_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId {
    /// The name.
    pub name: ConsumerName,
    /// The version, from 1.
    pub version: u32,
}

impl ConsumerId {
    /// This version of this consumer.
    ///
    /// # Errors
    /// `InvalidInput` for version 0, and when the name breaks its rules.
    pub fn new(name: &str, version: u32) -> Result<Self> {
        if version == 0 {
            return Err(Error::invalid_input("consumer version", "versions of consumers begin with 1"));
        }
        Ok(Self { name: ConsumerName::new(name)?, version })
    }
}

impl From<ConsumerName> for ConsumerId {
    /// Version 1, which is that of a consumer without versions, such as a group of a bus.
    fn from(name: ConsumerName) -> Self {
        Self { name, version: 1 }
    }
}

impl fmt::Display for ConsumerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl FromStr for ConsumerId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.rsplit_once('@').and_then(|(name, version)| Some((name, version.parse().ok()?)));
        let Some((name, version)) = parts else {
            let message = format!("{text:?} is not a version of a consumer; expected name@version");
            return Err(Error::invalid_input("consumer", message));
        };
        Self::new(name, version)
    }
}

/// Who may act now, of several that take turns: a number that grows with each change of owner. What carries an older one
/// is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u64);

impl Epoch {
    /// Before the first owner.
    pub const NONE: Self = Self(0);

    /// The epoch that a store kept as this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number to keep.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The epoch of the next owner.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_a_consumer_survives_its_text_form() {
        let id = ConsumerId::new("sales.report", 7).unwrap();
        assert_eq!(id.to_string().parse::<ConsumerId>().unwrap(), id);
        for text in ["", "sales", "@1", "sales@", "sales@0", "sales@x", "sales@-1", "a b@1"] {
            assert!(text.parse::<ConsumerId>().is_err(), "{text:?}");
        }
    }
}
