//! The domain: what happens to an application for a permit.

use eventsource::{Event, Timestamp};
use serde::{Deserialize, Serialize};

/// The events of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Event)]
#[event(category = "PermitCase")]
pub(crate) enum CaseEvent {
    /// The first activity on an application: from here on there is a case.
    CaseOpened { application: Application, activity: Activity },
    /// Any later activity.
    ActivityCompleted { activity: Activity },
}

/// What is known of an application from the beginning, as far as the log tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Application {
    /// The way it came in: Internet, desk, post …
    pub(crate) channel: Option<String>,
    pub(crate) department: Option<String>,
    /// Who answers for the case.
    pub(crate) responsible: Option<String>,
    /// When the decision is due.
    pub(crate) deadline: Option<Timestamp>,
}

/// Something that somebody completed for a case. When it happened is told by the event's envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub(crate) name: String,
    /// What the log calls it by, unique in the case.
    pub(crate) task: String,
    pub(crate) group: Option<String>,
    /// Who did it.
    pub(crate) resource: Option<String>,
}

impl CaseEvent {
    pub(crate) fn activity(&self) -> &Activity {
        match self {
            Self::CaseOpened { activity, .. } | Self::ActivityCompleted { activity } => activity,
        }
    }
}
