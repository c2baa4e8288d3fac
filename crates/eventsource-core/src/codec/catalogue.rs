//! Decoding for tools that do not know the domain's types.

use std::{collections::HashMap, fmt};

use super::{Decoded, decode_recorded};
use crate::{Error, Event, EventDescriptor, RecordedEvent, Result, backend::reserved_name, text::check_name};

/// The event types of an application, by category and name, without their types: for tools that show events, and the one
/// place where names are checked.
///
/// ```
/// # use eventsource_core::{codec::Catalogue, Event, Result};
/// # fn build<OrderEvent: Event + serde::Serialize>() -> Result<()> {
/// let catalogue = Catalogue::new().with::<OrderEvent>()?;
/// assert!(catalogue.descriptors("Order").is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Catalogue {
    categories: HashMap<&'static str, Vec<Entry>>,
}

struct Entry {
    events: &'static [EventDescriptor],
    to_json: fn(&RecordedEvent) -> Result<Vec<String>>,
}

impl Catalogue {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event type.
    ///
    /// # Errors
    /// `InvalidInput` when its category or a name breaks its rules, a name or alias is taken in the category, or an
    /// upcaster starts from an event that is the present one.
    pub fn with<E: Event + serde::Serialize>(mut self) -> Result<Self> {
        check_event_type::<E>()?;
        let entries = self.categories.entry(E::CATEGORY).or_default();
        for descriptor in E::EVENTS {
            for name in names(descriptor) {
                if entries.iter().flat_map(|e| e.events).any(|d| d.answers_to(name)) {
                    return Err(taken(E::CATEGORY, name));
                }
            }
        }
        entries.push(Entry { events: E::EVENTS, to_json: to_json::<E> });
        Ok(self)
    }

    /// What is known about the events of a category.
    #[must_use]
    pub fn descriptors(&self, category: &str) -> Option<Vec<&'static EventDescriptor>> {
        Some(self.categories.get(category)?.iter().flat_map(|e| e.events).collect())
    }

    /// The event as JSON text, upcast to the present: one text, several, or none for a lifecycle record.
    ///
    /// # Errors
    /// `UnknownEvent` when no type of the category knows it; `Decode` when it cannot be decoded.
    pub fn to_json(&self, event: &RecordedEvent) -> Result<Vec<String>> {
        let name = event.name.as_str();
        let unknown = || Error::unknown_event(event.stream.category(), name, event.schema_version);
        let entries = self.categories.get(event.stream.category()).ok_or_else(unknown)?;
        let knows = |e: &&Entry| e.events.iter().any(|d| d.answers_to(name));
        // An old name that only upcasters know belongs to any type of the category that can read it.
        match entries.iter().find(knows) {
            Some(entry) => (entry.to_json)(event),
            None => entries.iter().find_map(|e| (e.to_json)(event).ok()).ok_or_else(unknown),
        }
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.categories.keys()).finish()
    }
}

fn names(descriptor: &EventDescriptor) -> impl Iterator<Item = &'static str> {
    std::iter::once(descriptor.name).chain(descriptor.aliases.iter().copied())
}

fn taken(category: &str, name: &str) -> Error {
    Error::invalid_input("event name", format!("category {category} has two events named {name}"))
}

/// Checks the names of an event type, and that they do not clash.
pub(crate) fn check_event_type<E: Event>() -> Result<()> {
    check_name("category", E::CATEGORY)?;
    let mut seen = Vec::new();
    for descriptor in E::EVENTS {
        for name in names(descriptor) {
            check_name("event name", name)?;
            if crate::lifecycle::is_lifecycle_name(name) {
                return Err(reserved_name(name));
            }
            if seen.contains(&name) {
                return Err(taken(E::CATEGORY, name));
            }
            seen.push(name);
        }
        if E::upcasters().know(descriptor.name, descriptor.schema_version) {
            let message = format!(
                "an upcaster starts from {} version {}, which is the present one",
                descriptor.name, descriptor.schema_version
            );
            return Err(Error::invalid_input("upcaster", message));
        }
    }
    Ok(())
}

fn to_json<E: Event + serde::Serialize>(event: &RecordedEvent) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let events = match decode_recorded::<E>(event)? {
        Decoded::Skipped => return Ok(texts),
        Decoded::One(event) => vec![event],
        Decoded::Many(events) => events,
    };
    for event in events {
        let text = serde_json::to_string(&event)
            .map_err(|e| Error::new(crate::ErrorKind::Encode, "the event has no JSON form").with_source(e))?;
        texts.push(text);
    }
    Ok(texts)
}
