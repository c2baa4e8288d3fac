//! Where an event comes from: correlation, causation, actor, trace, free entries.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{CorrelationId, Error, ErrorKind, EventId, RecordedEvent, Result};

/// Where an event comes from. A value that is handed on, never ambient.
///
/// ```
/// use eventsource_core::{CorrelationId, EventId, Provenance};
/// let provenance = Provenance::default()
///     .with_correlation(CorrelationId::from(EventId::generate()))
///     .with_actor("ada@example.org")
///     .with_entry("channel", "web");
/// assert_eq!(provenance.entries["channel"], "web");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Provenance {
    /// The business process; when absent, the repository takes the id of the first event appended.
    pub correlation: Option<CorrelationId>,
    /// The event that led to this one.
    pub causation: Option<EventId>,
    /// Who did it: a user, a service.
    pub actor: Option<String>,
    /// The trace that it happened in.
    pub trace: Option<TraceContext>,
    /// Anything else, small.
    pub entries: BTreeMap<String, String>,
}

/// A W3C trace context (`traceparent` and `tracestate`, <https://www.w3.org/TR/trace-context/>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// The `traceparent` header.
    pub traceparent: String,
    /// The `tracestate` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
}

impl Provenance {
    /// What an action that reacts to `event` hands on: the same correlation and trace, caused by `event`.
    ///
    /// # Errors
    /// `Decode` when the event's metadata is damaged.
    pub fn caused_by(event: &RecordedEvent) -> Result<Self> {
        let metadata = event.metadata.decode().map_err(|e| {
            e.with_operation("decode")
                .with_context("stream", &event.stream)
                .with_context("version", event.version)
                .with_context("event", event.id)
        })?;
        Ok(Self {
            correlation: event.correlation,
            causation: Some(event.id),
            trace: metadata.trace,
            ..Self::default()
        })
    }

    /// In this business process.
    #[must_use]
    pub fn with_correlation(mut self, correlation: CorrelationId) -> Self {
        self.correlation = Some(correlation);
        self
    }

    /// Caused by this event.
    #[must_use]
    pub fn with_causation(mut self, causation: EventId) -> Self {
        self.causation = Some(causation);
        self
    }

    /// Done by this user or service.
    #[must_use]
    pub fn with_actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Inside this trace.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// With a free entry.
    #[must_use]
    pub fn with_entry(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.entries.insert(name.into(), value.into());
        self
    }

    /// Everything but the correlation, which the envelope holds by itself.
    ///
    /// # Errors
    /// `Encode`, which only a defect of the encoder can cause.
    pub fn to_metadata(&self) -> Result<Metadata> {
        let record = MetadataRecord {
            epoch: METADATA_EPOCH,
            causation: self.causation,
            actor: self.actor.clone(),
            trace: self.trace.clone(),
            entries: self.entries.clone(),
        };
        if record.is_empty() {
            return Ok(Metadata::default());
        }
        let bytes = serde_json::to_vec(&record)
            .map_err(|e| Error::new(ErrorKind::Encode, "metadata cannot be encoded").with_source(e))?;
        Ok(Metadata(bytes.into()))
    }
}

/// The encoded provenance of a recorded event, without its correlation. Stays bytes until asked for.
///
/// Empty, or a JSON object whose `epoch` says how to read the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Metadata(Bytes);

/// The present form of encoded metadata.
const METADATA_EPOCH: u8 = 1;

#[derive(Serialize, Deserialize)]
struct MetadataRecord {
    epoch: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    causation: Option<EventId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceContext>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    entries: BTreeMap<String, String>,
}

impl MetadataRecord {
    fn is_empty(&self) -> bool {
        self.causation.is_none() && self.actor.is_none() && self.trace.is_none() && self.entries.is_empty()
    }
}

impl Metadata {
    /// Wraps what a store kept, unread.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// What a store keeps.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Reads it. The correlation is not part of it and stays empty.
    ///
    /// # Errors
    /// `Decode` when the bytes are damaged or were written by a newer release.
    pub fn decode(&self) -> Result<Provenance> {
        if self.0.is_empty() {
            return Ok(Provenance::default());
        }
        let record: MetadataRecord = serde_json::from_slice(&self.0)
            .map_err(|e| Error::new(ErrorKind::Decode, "metadata cannot be decoded").with_source(e))?;
        if record.epoch != METADATA_EPOCH {
            return Err(Error::new(
                ErrorKind::Decode,
                format!(
                    "metadata has form {}, and this release reads form {METADATA_EPOCH}: read it with a newer release",
                    record.epoch
                ),
            ));
        }
        Ok(Provenance {
            correlation: None,
            causation: record.causation,
            actor: record.actor,
            trace: record.trace,
            entries: record.entries,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provenance_survives_encoding() {
        let provenance = Provenance::default()
            .with_causation(EventId::generate())
            .with_actor("ada")
            .with_trace(TraceContext { traceparent: "00-a-b-01".into(), tracestate: Some("x=y".into()) })
            .with_entry("channel", "web");
        assert_eq!(provenance.to_metadata().unwrap().decode().unwrap(), provenance);
    }

    #[test]
    fn nothing_to_say_takes_no_bytes() {
        assert!(Provenance::default().to_metadata().unwrap().as_bytes().is_empty());
    }

    #[test]
    fn damaged_and_newer_metadata_is_an_error() {
        for bytes in ["{", "[]", r#"{"epoch":2}"#, "\0"] {
            let error = Metadata::from_bytes(bytes.into()).decode().unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Decode, "{bytes}");
        }
    }
}
