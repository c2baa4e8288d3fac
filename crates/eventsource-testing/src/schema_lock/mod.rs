//! Keeps samples of recorded events, so that a change that could not read them fails a test.

mod report;
mod shape;
mod stored;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::PathBuf};

use eventsource_core::{
    ErrorKind, Event, EventDescriptor, EventSet, NewEvent, RecordedEvent, Result, codec::CodecTag,
};
use serde_json::Value;

use self::{
    report::{Kind, Report},
    shape::Shape,
    stored::{EventKey, Stored, files},
};
use crate::{
    SequentialIds,
    message::{Message, causes, must},
};

/// The environment variable that lets a [`SchemaLock`] write the samples that are missing.
const BLESS: &str = "EVENTSOURCE_BLESS";

/// Keeps a sample of each event and schema version in the repository of its application, and fails the test when the
/// event types no longer fit what may be recorded.
///
/// Events are kept for ever, and their types go on changing. What is safe for a type (a field more, a variant renamed) may
/// make years of events unreadable. This test says so before the release does.
///
/// ```
/// # extern crate eventsource_core as eventsource;
/// use eventsource_macros::Event;
/// use eventsource_testing::SchemaLock;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(category = "Order")]
/// enum OrderEvent {
///     OrderPlaced { total: u64, coupon: Option<String> },
///     OrderShipped { tracking_number: String },
/// }
/// use OrderEvent::{OrderPlaced, OrderShipped};
///
/// // In a test:
/// SchemaLock::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schema"))
///     .with::<OrderEvent>([
///         OrderPlaced { total: 100, coupon: None },
///         OrderPlaced { total: 100, coupon: Some("SPRING".into()) },
///         OrderShipped { tracking_number: "TRACK-001".into() },
///     ])
///     .check();
/// ```
///
/// # The files
/// One for each event and schema version, `<directory>/<category>/<name>.<version>.json`, with name, version, codec and the
/// payloads of its samples. So a review sees a new event as a new file, and a changed file is always suspicious. Files of old
/// versions and names stay for ever: they stand for what is recorded.
///
/// # What fails
/// - **new**: an event or a schema version has no file. With the environment variable `EVENTSOURCE_BLESS=1` the test
///   writes it. A run that writes does not pass either, so that no pipeline blesses anything by itself; and only what is
///   missing is ever written.
/// - **changed**: samples of an event have another [shape](#the-shape), or another codec, than the stored ones of the same
///   version.
/// - **unreadable**: a stored sample, of whichever name and version, can no longer be decoded, through upcasters if it is
///   old, as one of the present events.
/// - **removed**: the same, because no event, alias or upcaster knows the name and version any more, or only the variant
///   for unknown events does.
/// - **without a sample**: one of [`Event::EVENTS`] is not among the samples.
///
/// # The shape
/// What all samples of an event and version show together, as JSON:
///
/// - the names of fields; a field that is absent from some samples, at the same place, is optional (`coupon?`);
/// - the kinds of values: null, boolean, integer, float, string. Texts are all alike, so that a date, a number as text and the
///   variant of an enum without fields are strings. (That a stored variant still exists is found by decoding it.)
/// - of arrays the shape of all elements together; an empty one shows nothing;
/// - of an enum with fields what serde writes for the variants that the samples show;
/// - of a map its keys, as if they were fields.
///
/// So samples should fill every optional field once and leave it out once, hold no empty list, show each variant of an inner
/// enum, and keep the keys of maps and their own number. The order of fields, and what the values say, may change freely.
///
/// # Not supported
/// Payloads that are no JSON, and integers beyond 64 bits in samples.
#[derive(Debug)]
#[must_use = "it tests nothing until it is checked"]
pub struct SchemaLock {
    directory: PathBuf,
    types: Vec<EventType>,
}

/// An event type and its samples.
#[derive(Debug)]
struct EventType {
    category: &'static str,
    events: &'static [EventDescriptor],
    codec: CodecTag,
    samples: BTreeMap<EventKey, Vec<Value>>,
    /// Samples that there is nothing to keep of, and why.
    unusable: Vec<(&'static str, String)>,
    reads: fn(&RecordedEvent) -> Result<bool>,
}

impl SchemaLock {
    /// A lock that keeps its samples in this directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), types: Vec::new() }
    }

    /// Adds an event type with one sample of each event, or several where one does not show all of its
    /// [shape](Self#the-shape).
    pub fn with<E: Event>(mut self, samples: impl IntoIterator<Item = E>) -> Self {
        let mut event_type = EventType {
            category: E::CATEGORY,
            events: E::EVENTS,
            codec: E::CODEC,
            samples: BTreeMap::new(),
            unusable: Vec::new(),
            reads: reads::<E>,
        };
        for sample in samples {
            match encode(&sample) {
                Ok((key, payload)) => event_type.samples.entry(key).or_default().push(payload),
                Err(why) => event_type.unusable.push((sample.descriptor().name, why)),
            }
        }
        self.types.push(event_type);
        self
    }

    /// Compares the event types with the stored samples.
    ///
    /// # Panics
    /// When they do not fit, with everything that is wrong and what to do about it; when samples were written; when files
    /// cannot be read or written.
    #[track_caller]
    pub fn check(&self) {
        let is_blessing = std::env::var_os(BLESS).is_some_and(|value| value == "1");
        if let Some(message) = self.run(is_blessing) {
            message.fail();
        }
    }

    /// What is wrong; `None` when nothing is.
    #[track_caller]
    fn run(&self, is_blessing: bool) -> Option<Message> {
        let mut report = Report::default();
        let stored = self.stored(&mut report);
        for event_type in &self.types {
            event_type.check_samples(&mut report);
            for (key, samples) in &event_type.samples {
                let file = Stored::new(key, event_type.codec, samples);
                match stored.get(key) {
                    Some(kept) => compare(kept, &file, &mut report),
                    None if is_blessing => {
                        must("a sample cannot be written", file.write(&self.directory.join(key.path())));
                        report.add(Kind::Written, key, self.path(key));
                    }
                    None => report.add(Kind::New, key, format_args!("there is no {}", self.path(key))),
                }
            }
        }
        for (key, kept) in &stored {
            self.check_readable(key, kept, &mut report);
        }
        report.into_message()
    }

    #[track_caller]
    fn stored(&self, report: &mut Report) -> BTreeMap<EventKey, Stored> {
        let mut stored = BTreeMap::new();
        for path in must("the samples cannot be read", files(&self.directory)) {
            let shown = self.directory.join(&path);
            match Stored::read(&shown) {
                Err(error) => report.add(Kind::BadFile, shown.display(), error),
                Ok(kept) if kept.key().path() != path => {
                    report.add(Kind::BadFile, shown.display(), format_args!("it holds {}", kept.key()));
                }
                Ok(kept) => drop(stored.insert(kept.key(), kept)),
            }
        }
        stored
    }

    /// Whether the samples of a file are events of the present, by any type of their category.
    fn check_readable(&self, key: &EventKey, kept: &Stored, report: &mut Report) {
        let records = match kept.recorded() {
            Ok(records) => records,
            Err(error) => return report.add(Kind::BadFile, self.path(key), causes(&error)),
        };
        for record in &records {
            let of_category = self.types.iter().filter(|known| known.category == key.category);
            let answers: Vec<Result<bool>> = of_category.map(|known| (known.reads)(record)).collect();
            if answers.iter().any(|answer| matches!(answer, Ok(true))) {
                continue;
            }
            let is_unknown =
                |error: &&eventsource_core::Error| matches!(error.kind(), ErrorKind::UnknownEvent { .. });
            let why =
                answers.iter().filter_map(|answer| answer.as_ref().err()).find(|error| !is_unknown(error));
            let (kind, why) = match why {
                Some(error) => (Kind::Unreadable, causes(error)),
                None if answers.is_empty() => {
                    (Kind::Removed, format!("no event type of category {} is in the lock", key.category))
                }
                None => (Kind::Removed, "no event, alias or upcaster knows it".to_owned()),
            };
            return report.add(kind, key, format_args!("{}\n{why}", self.path(key)));
        }
    }

    fn path(&self, key: &EventKey) -> String {
        self.directory.join(key.path()).display().to_string()
    }
}

impl EventType {
    /// Whether there is a sample of each event, and all can be kept.
    fn check_samples(&self, report: &mut Report) {
        for (name, why) in &self.unusable {
            report.add(Kind::Unusable, format_args!("{}/{name}", self.category), why);
        }
        for EventDescriptor { name, schema_version, .. } in self.events {
            let is_sampled =
                self.samples.keys().any(|key| key.name == *name && key.schema_version == *schema_version);
            let is_unusable = self.unusable.iter().any(|(unusable, _)| unusable == name);
            if !is_sampled && !is_unusable {
                let what = format!("{}/{name} version {schema_version}", self.category);
                report.add(Kind::Missing, what, "it is not among the samples");
            }
        }
    }
}

fn encode<E: Event>(sample: &E) -> Result<(EventKey, Value), String> {
    let new = NewEvent::encode(SequentialIds::id(0), sample).map_err(|error| causes(&error))?;
    let payload = serde_json::from_slice(&new.payload)
        .map_err(|error| format!("the payload, encoded as {}, is no JSON: {error}", new.codec))?;
    let key = EventKey {
        category: E::CATEGORY.to_owned(),
        name: new.name.to_string(),
        schema_version: new.schema_version,
    };
    Ok((key, payload))
}

/// Whether it is one of the present events, and not only caught as unknown.
fn reads<E: Event>(record: &RecordedEvent) -> Result<bool> {
    let events = E::from_recorded(record)?.into_vec();
    Ok(events.iter().all(|event| E::EVENTS.contains(event.descriptor())))
}

fn compare(kept: &Stored, present: &Stored, report: &mut Report) {
    if kept.codec != present.codec {
        report.add_difference(format_args!("codec of {}", kept.key()), &kept.codec, &present.codec);
    }
    let (was, is) = (Shape::of(&kept.samples), Shape::of(&present.samples));
    if was != is {
        report.add_difference(kept.key(), was, is);
    }
}
