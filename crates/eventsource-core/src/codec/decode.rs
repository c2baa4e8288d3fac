//! From a recorded event to the user's type.

use super::{OldEvent, TransformTag, Upcasters};
use crate::{Error, ErrorKind, Event, EventDescriptor, RecordedEvent, Result};

/// What a recorded event is to a reader's type: nothing, one event, or several after upcasting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded<E> {
    /// Not for this type: another category, a lifecycle record, or an erased event.
    Skipped,
    /// The usual case.
    One(E),
    /// An old event that became several, or none.
    Many(Vec<E>),
}

impl<E> Decoded<E> {
    /// Changes the type, for sums over several event types.
    pub fn map<T>(self, f: impl Fn(E) -> T) -> Decoded<T> {
        match self {
            Self::Skipped => Decoded::Skipped,
            Self::One(event) => Decoded::One(f(event)),
            Self::Many(events) => Decoded::Many(events.into_iter().map(f).collect()),
        }
    }

    /// The events, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<E> {
        match self {
            Self::Skipped => Vec::new(),
            Self::One(event) => vec![event],
            Self::Many(events) => events,
        }
    }

    /// Hands over each event, in order.
    pub fn for_each(self, mut f: impl FnMut(E)) {
        match self {
            Self::Skipped => {}
            Self::One(event) => f(event),
            Self::Many(events) => events.into_iter().for_each(f),
        }
    }
}

/// What to do with an event that no decoder knows: of an unknown name, or of a newer schema version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownEvents {
    /// Stop with `UnknownEvent`: what aggregates do, because a state without it would be wrong.
    #[default]
    Fail,
    /// Pass over it.
    Skip,
}

impl UnknownEvents {
    /// Applies the policy to the outcome of decoding.
    pub(crate) fn apply<E>(self, decoded: Result<Decoded<E>>) -> Result<Decoded<E>> {
        match (self, &decoded) {
            (Self::Skip, Err(e)) if matches!(e.kind(), ErrorKind::UnknownEvent { .. }) => {
                Ok(Decoded::Skipped)
            }
            _ => decoded,
        }
    }
}

/// Decodes a recorded event as `E`, upcasting it when it is old.
pub(crate) fn decode_recorded<E: Event>(event: &RecordedEvent) -> Result<Decoded<E>> {
    if event.stream.category() != E::CATEGORY || event.erased || event.is_lifecycle() {
        return Ok(Decoded::Skipped);
    }
    decode(event).map_err(|e| {
        e.with_operation("decode")
            .with_context("stream", &event.stream)
            .with_context("version", event.version)
            .with_context("event", event.id)
            .with_context("name", &event.name)
    })
}

fn decode<E: Event>(event: &RecordedEvent) -> Result<Decoded<E>> {
    if event.transform != TransformTag::NONE {
        return Err(Error::new(
            ErrorKind::Decode,
            format!("the payload is transformed by {}; wrap the store in that transform", event.transform),
        ));
    }
    let upcasters = E::upcasters();
    let Some(name) = old_name::<E>(event, upcasters) else {
        return decode_present(event, event.name.as_str(), event.schema_version, &event.payload)
            .map(Decoded::One);
    };
    let old = OldEvent {
        name: name.to_owned(),
        schema_version: event.schema_version,
        payload: event.payload.clone(),
    };
    let events = upcasters
        .upcast(old)?
        .into_iter()
        .map(|e| decode_present(event, &e.name, e.schema_version, &e.payload))
        .collect::<Result<Vec<E>>>()?;
    Ok(match <[E; 1]>::try_from(events) {
        Ok([event]) => Decoded::One(event),
        Err(events) => Decoded::Many(events),
    })
}

/// The name under which the upcasters know an old event; `None` for a present one.
fn old_name<'a, E: Event>(event: &'a RecordedEvent, upcasters: &Upcasters) -> Option<&'a str> {
    let name = event.name.as_str();
    if upcasters.know(name, event.schema_version) {
        return Some(name);
    }
    // An alias is another name of the same event, in its older shapes too.
    let present = E::EVENTS.iter().find(|d| d.aliases.contains(&name))?.name;
    upcasters.know(present, event.schema_version).then_some(present)
}

fn decode_present<E: Event>(
    event: &RecordedEvent,
    name: &str,
    schema_version: u16,
    payload: &[u8],
) -> Result<E> {
    let Some(descriptor) = E::EVENTS.iter().find(|d| d.answers_to(name)) else {
        // The type may have a variant for what it does not know.
        return E::decode(name, schema_version, payload);
    };
    if E::CATCHES_UNKNOWN && schema_version > descriptor.schema_version {
        return E::decode(name, schema_version, payload);
    }
    check_version::<E>(descriptor, schema_version)?;
    if event.codec != E::CODEC {
        return Err(Error::new(
            ErrorKind::Decode,
            format!("the payload is encoded as {}, and the event type reads {}", event.codec, E::CODEC),
        ));
    }
    E::decode(descriptor.name, schema_version, payload)
}

fn check_version<E: Event>(descriptor: &EventDescriptor, schema_version: u16) -> Result<()> {
    if schema_version > descriptor.schema_version {
        // Written by a newer release: as unknown as a new name.
        return Err(Error::unknown_event(E::CATEGORY, descriptor.name, schema_version));
    }
    if schema_version < descriptor.schema_version {
        return Err(Error::new(
            ErrorKind::Decode,
            format!(
                "{} is at schema version {}, and no upcaster leads there from version {schema_version}; add one",
                descriptor.name, descriptor.schema_version
            ),
        ));
    }
    Ok(())
}
