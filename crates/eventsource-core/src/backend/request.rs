//! Requests: how they are stored, expire, and obey their owners.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    Epoch, Error, EventId, Incarnation, Place, Position, Result, StreamId, Timestamp,
    request::{Ask, Letters, NewRequest, Request, RequestId, RequestState, RequestUpdate},
    status::Progress,
};

/// The most requests of one page or pulse.
pub const REQUESTS_PAGE: usize = 100;

/// A new request in the form that every store can keep.
///
/// # Errors
/// `InvalidInput` when there is no time before it expires.
pub fn check_request(request: &NewRequest) -> Result<NewRequest> {
    let micros = u64::try_from(request.expires_in.as_micros()).unwrap_or(u64::MAX).min(i64::MAX as u64);
    if micros == 0 {
        return Err(Error::invalid_input("expires_in", "a request must wait a microsecond at least"));
    }
    Ok(NewRequest { expires_in: Duration::from_micros(micros), ..request.clone() })
}

/// Checks everything about an update that needs no database.
///
/// # Errors
/// `InvalidInput` for states that no owner gives.
pub fn check_request_update(update: &RequestUpdate) -> Result<()> {
    match update.state {
        RequestState::Open | RequestState::Expired => {
            let message = format!("no owner makes a request {}", update.state.as_str());
            Err(Error::invalid_input("state", message))
        }
        _ => Ok(()),
    }
}

/// A request that is stored now.
#[must_use]
pub fn new_request(asked: NewRequest, now: Timestamp) -> Request {
    Request {
        asked,
        asked_at: now,
        state: RequestState::Open,
        epoch: Epoch::NONE,
        progress: Progress::default(),
        outcome: None,
        changed_at: now,
    }
}

/// The answer to a request whose id is taken.
///
/// # Errors
/// `InvalidInput` when the present one asks something else.
pub fn same_request(present: Request, asked: &NewRequest) -> Result<Request> {
    if present.asked == *asked {
        return Ok(present);
    }
    let message = format!("request {} was stored before, and asks something else", asked.id);
    Err(Error::invalid_input("request", message))
}

/// When a request expires, unless its owner says something before.
#[must_use]
pub fn expires_at(request: &Request) -> Timestamp {
    request.changed_at.plus(request.asked.expires_in)
}

/// A request as it is now: one whose time has passed is expired.
#[must_use]
pub fn request_at(request: Request, now: Timestamp) -> Request {
    let expires_at = expires_at(&request);
    if request.state.is_final() || now < expires_at {
        return request;
    }
    Request { state: RequestState::Expired, changed_at: expires_at, ..request }
}

/// The request to keep after an update, which is the same when this last word was said already; `None` when the request
/// is final, or obeys a newer epoch.
#[must_use]
pub fn update_request(request: Request, update: &RequestUpdate, now: Timestamp) -> Option<Request> {
    let request = request_at(request, now);
    let updated = Request {
        state: update.state,
        epoch: update.epoch,
        progress: update.progress,
        outcome: update.outcome.clone(),
        ..request.clone()
    };
    if request.state.is_final() {
        return (updated == request).then_some(request);
    }
    (request.epoch <= update.epoch).then_some(Request { changed_at: now, ..updated })
}

/// What is asked, in columns. The kinds are frozen names, the arguments a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskColumns {
    /// The kind.
    pub kind: &'static str,
    /// Everything but the payload.
    pub arguments: String,
    /// The payload of an edit.
    pub payload: Option<Bytes>,
}

/// What is asked, as JSON keeps it. Whatever a kind does not need is absent. An argument that only a newer release knows
/// is refused, because what it restricts would be done without the restriction.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Arguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<PlaceArguments>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    switch: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<StreamId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    all: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct PlaceArguments {
    incarnation: Incarnation,
    position: Position,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventId>,
}

impl From<Place> for PlaceArguments {
    fn from(Place { incarnation, position, event }: Place) -> Self {
        Self { incarnation, position, event }
    }
}

impl From<PlaceArguments> for Place {
    fn from(PlaceArguments { incarnation, position, event }: PlaceArguments) -> Self {
        Self { incarnation, position, event }
    }
}

impl From<&Letters> for Arguments {
    fn from(letters: &Letters) -> Self {
        match letters {
            Letters::One(event) => Self { event: Some(*event), ..Self::default() },
            Letters::Stream(stream) => Self { stream: Some(stream.clone()), ..Self::default() },
            Letters::Cause(cause) => Self { cause: Some(*cause), ..Self::default() },
            Letters::All => Self { all: true, ..Self::default() },
        }
    }
}

impl Arguments {
    fn letters(self) -> Option<Letters> {
        match self {
            Self { event: Some(event), .. } => Some(Letters::One(event)),
            Self { stream: Some(stream), .. } => Some(Letters::Stream(stream)),
            Self { cause: Some(cause), .. } => Some(Letters::Cause(cause)),
            Self { all: true, .. } => Some(Letters::All),
            _ => None,
        }
    }
}

/// What is asked, in columns.
///
/// # Errors
/// `Encode`, which only a defect of the encoder can cause.
pub fn encode_ask(ask: &Ask) -> Result<AskColumns> {
    let none = Arguments::default();
    let mut edited = None;
    let (kind, arguments) = match ask {
        Ask::Pause => ("pause", none),
        Ask::Resume => ("resume", none),
        Ask::Rewind { to } => ("rewind", Arguments { to: Some((*to).into()), ..none }),
        Ask::Reset => ("reset", none),
        Ask::Rebuild { version, switch } => {
            ("rebuild", Arguments { version: Some(*version), switch: Some(*switch), ..none })
        }
        Ask::Switch { version } => ("switch", Arguments { version: Some(*version), ..none }),
        Ask::Cancel { request } => ("cancel", Arguments { request: Some(*request), ..none }),
        Ask::Retire { version } => ("retire", Arguments { version: Some(*version), ..none }),
        Ask::Retry(letters) => ("retry", letters.into()),
        Ask::Edit { event, payload } => {
            edited = Some(payload.clone());
            ("edit", Arguments { event: Some(*event), ..none })
        }
        Ask::Discard(letters) => ("discard", letters.into()),
    };
    let arguments = serde_json::to_string(&arguments).map_err(|e| {
        Error::new(crate::ErrorKind::Encode, "what is asked cannot be encoded").with_source(e)
    })?;
    Ok(AskColumns { kind, arguments, payload: edited })
}

/// What is asked, from its columns; `None` when no release up to this one wrote them.
#[must_use]
pub fn decode_ask(kind: &str, arguments: &str, payload: Option<Bytes>) -> Option<Ask> {
    let arguments: Arguments = serde_json::from_str(arguments).ok()?;
    Some(match kind {
        "pause" => Ask::Pause,
        "resume" => Ask::Resume,
        "rewind" => Ask::Rewind { to: arguments.to?.into() },
        "reset" => Ask::Reset,
        "rebuild" => Ask::Rebuild { version: arguments.version?, switch: arguments.switch? },
        "switch" => Ask::Switch { version: arguments.version? },
        "cancel" => Ask::Cancel { request: arguments.request? },
        "retire" => Ask::Retire { version: arguments.version? },
        "retry" => Ask::Retry(arguments.letters()?),
        "edit" => Ask::Edit { event: arguments.event?, payload: payload? },
        "discard" => Ask::Discard(arguments.letters()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_survives_its_columns() {
        let (event, request) = (EventId::generate(), RequestId::now_v7());
        let stream: StreamId = "acme@Order/注文 1".parse().unwrap();
        let to =
            Place { incarnation: Incarnation::generate(), position: Position::new(7), event: Some(event) };
        let asks = [
            Ask::Pause,
            Ask::Resume,
            Ask::Rewind { to },
            Ask::Rewind { to: Place::start(to.incarnation) },
            Ask::Reset,
            Ask::Rebuild { version: 2, switch: true },
            Ask::Switch { version: u32::MAX },
            Ask::Cancel { request },
            Ask::Retire { version: 1 },
            Ask::Retry(Letters::One(event)),
            Ask::Retry(Letters::Stream(stream)),
            Ask::Retry(Letters::Cause(u64::MAX)),
            Ask::Discard(Letters::All),
            Ask::Edit { event, payload: Bytes::from_static(b"\0\xff") },
        ];
        for ask in asks {
            let columns = encode_ask(&ask).unwrap();
            assert_eq!(decode_ask(columns.kind, &columns.arguments, columns.payload), Some(ask));
        }
        assert_eq!(encode_ask(&Ask::Pause).unwrap().arguments, "{}");
        let unreadable = [
            ("unheard-of", "{}"),
            ("switch", "{}"),
            ("edit", "{}"),
            ("pause", ""),
            ("discard", "{}"),
            ("discard", r#"{"all":true,"older_than":1}"#),
        ];
        for (kind, arguments) in unreadable {
            assert_eq!(decode_ask(kind, arguments, None), None, "{kind} {arguments}");
        }
    }
}
