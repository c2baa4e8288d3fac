//! Old events made new, before they are decoded.
//!
//! An upcaster works on names, versions and bytes (or JSON values), so that it needs no type of the past. Events of the
//! present version never meet one.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::LazyLock,
};

use bytes::Bytes;
use serde_json::Value;

use crate::{BoxError, Error, ErrorKind, Result};

/// An event as it was recorded, on its way to the present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldEvent {
    /// Its name then.
    pub name: String,
    /// Its schema version then.
    pub schema_version: u16,
    /// Its payload then.
    pub payload: Bytes,
}

impl OldEvent {
    /// An event with a JSON payload.
    ///
    /// # Errors
    /// `Encode`, which only a defect of the encoder can cause.
    pub fn json(name: &str, schema_version: u16, payload: &Value) -> Result<Self> {
        let payload = serde_json::to_vec(payload)
            .map_err(|e| Error::new(ErrorKind::Encode, "a JSON value cannot be encoded").with_source(e))?;
        Ok(Self { name: name.to_owned(), schema_version, payload: payload.into() })
    }
}

type Step = Box<dyn Fn(OldEvent) -> Result<Vec<OldEvent>, BoxError> + Send + Sync>;

/// How the old events of one category become present ones, step by step.
///
/// Each step is for one name and schema version, and leads to other ones; steps chain.
///
/// ```
/// use eventsource_core::codec::{OldEvent, Upcasters};
/// use serde_json::json;
///
/// let upcasters = Upcasters::new()
///     // Renamed: the shape stays.
///     .rename(("OrderCreated", 1), ("OrderPlaced", 1))
///     // A field that became two.
///     .json(("OrderPlaced", 1), ("OrderPlaced", 2), |mut order| {
///         order["currency"] = json!("EUR");
///         Ok(order)
///     })
///     // One event that became several.
///     .split(("OrderPaidAndShipped", 1), |old| {
///         Ok(vec![
///             OldEvent { name: "OrderPaid".into(), schema_version: 1, ..old.clone() },
///             OldEvent { name: "OrderShipped".into(), schema_version: 1, ..old },
///         ])
///     });
/// let old = OldEvent { name: "OrderCreated".into(), schema_version: 1, payload: "{}".into() };
/// let new = upcasters.upcast(old)?;
/// assert_eq!((new[0].schema_version, &new[0].payload[..]), (2, &br#"{"currency":"EUR"}"#[..]));
/// # Ok::<(), eventsource_core::Error>(())
/// ```
#[derive(Default)]
pub struct Upcasters {
    steps: HashMap<&'static str, HashMap<u16, Step>>,
    twice: Vec<(&'static str, u16)>,
}

/// Steps one event may take; more means that they lead in a circle.
const STEPS_MAX: usize = 1_000;

impl Upcasters {
    /// No steps yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No steps at all.
    #[must_use]
    pub fn none() -> &'static Self {
        static NONE: LazyLock<Upcasters> = LazyLock::new(Upcasters::new);
        &NONE
    }

    /// The event `from` is now called `to`; its payload stays.
    #[must_use]
    pub fn rename(self, from: (&'static str, u16), to: (&'static str, u16)) -> Self {
        self.step(from, move |old| Ok(vec![OldEvent { name: to.0.to_owned(), schema_version: to.1, ..old }]))
    }

    /// The JSON payload of `from` becomes the one of `to`.
    #[must_use]
    pub fn json(
        self,
        from: (&'static str, u16),
        to: (&'static str, u16),
        change: impl Fn(Value) -> Result<Value, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.step(from, move |old| {
            let payload = change(serde_json::from_slice(&old.payload)?)?;
            Ok(vec![OldEvent::json(to.0, to.1, &payload)?])
        })
    }

    /// The event `from` becomes any events: one, several or none. They keep its envelope.
    #[must_use]
    pub fn split(
        self,
        from: (&'static str, u16),
        change: impl Fn(OldEvent) -> Result<Vec<OldEvent>, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.step(from, change)
    }

    fn step(
        mut self,
        (name, version): (&'static str, u16),
        step: impl Fn(OldEvent) -> Result<Vec<OldEvent>, BoxError> + Send + Sync + 'static,
    ) -> Self {
        if self.steps.entry(name).or_default().insert(version, Box::new(step)).is_some() {
            self.twice.push((name, version));
        }
        self
    }

    /// Whether an event of this name and schema version is an old one.
    #[must_use]
    pub fn know(&self, name: &str, schema_version: u16) -> bool {
        !self.steps.is_empty() && self.steps.get(name).is_some_and(|v| v.contains_key(&schema_version))
    }

    /// The names that steps start from, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.steps.keys().copied().collect();
        names.sort_unstable();
        names
    }

    /// Takes steps until there are none left for what came out, in order.
    ///
    /// # Errors
    /// `Decode` when a step fails, two steps start from the same event, or steps lead in a circle.
    pub fn upcast(&self, event: OldEvent) -> Result<Vec<OldEvent>> {
        self.check()?;
        let mut present = Vec::with_capacity(1);
        let mut open = vec![event];
        let mut steps = 0;
        while let Some(event) = open.pop() {
            let step = self.steps.get(event.name.as_str()).and_then(|v| v.get(&event.schema_version));
            let Some(step) = step else {
                present.push(event);
                continue;
            };
            steps += 1;
            let (name, version) = (event.name.clone(), event.schema_version);
            if steps > STEPS_MAX {
                return Err(Error::new(
                    ErrorKind::Decode,
                    format!("the upcasters of {name} version {version} lead in a circle"),
                ));
            }
            let next = step(event).map_err(|e| {
                Error::new(ErrorKind::Decode, format!("the upcaster of {name} version {version} failed"))
                    .with_source(e)
            })?;
            open.extend(next.into_iter().rev());
        }
        Ok(present)
    }

    /// Refuses two steps from the same event.
    fn check(&self) -> Result<()> {
        match self.twice.first() {
            None => Ok(()),
            Some((name, version)) => Err(Error::new(
                ErrorKind::Decode,
                format!("two upcasters start from {name} version {version}; remove one"),
            )),
        }
    }

    /// All (name, version) pairs that steps start from.
    pub(crate) fn sources(&self) -> HashSet<(&'static str, u16)> {
        self.steps.iter().flat_map(|(name, v)| v.keys().map(move |version| (*name, *version))).collect()
    }
}

impl fmt::Debug for Upcasters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sources()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(name: &str, schema_version: u16) -> OldEvent {
        OldEvent { name: name.into(), schema_version, payload: "{}".into() }
    }

    fn to(name: &'static str, version: u16) -> impl Fn(OldEvent) -> Result<Vec<OldEvent>, BoxError> {
        move |old| Ok(vec![OldEvent { name: name.into(), schema_version: version, ..old }])
    }

    #[test]
    fn steps_chain_and_keep_their_order() {
        let upcasters = Upcasters::new()
            .split(("AB", 1), |_| Ok(vec![old("A", 1), old("B", 1)]))
            .rename(("A", 1), ("C", 1))
            .split(("Gone", 1), |_| Ok(vec![]));
        assert_eq!(upcasters.upcast(old("AB", 1)).unwrap(), [old("C", 1), old("B", 1)]);
        assert_eq!(upcasters.upcast(old("Gone", 1)).unwrap(), []);
        assert_eq!(upcasters.upcast(old("C", 1)).unwrap(), [old("C", 1)]);
    }

    #[test]
    fn a_circle_and_a_second_step_are_errors() {
        let circle = Upcasters::new().split(("A", 1), to("A", 2)).split(("A", 2), to("A", 1));
        assert!(circle.upcast(old("A", 1)).unwrap_err().to_string().contains("circle"));
        let twice = Upcasters::new().split(("A", 1), to("A", 2)).split(("A", 1), to("A", 3));
        assert!(twice.upcast(old("A", 1)).unwrap_err().to_string().contains("two upcasters"));
    }

    #[test]
    fn a_failing_step_names_the_event_and_keeps_the_cause() {
        let failing = Upcasters::new().json(("A", 1), ("A", 2), |_| Err("no total".into()));
        let error = failing.upcast(old("A", 1)).unwrap_err();
        assert!(error.to_string().contains("A version 1"));
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no total");
    }
}
