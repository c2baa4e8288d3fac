//! What happens when a handler fails: of a subscription, or of a consumer group.

use std::{
    any::Any, error::Error as StdError, fmt, future::Future, panic::AssertUnwindSafe, sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use twox_hash::XxHash64;

use crate::{
    BoxError, Error, ErrorKind,
    dead_letter::{Cause, CauseKind},
};

/// What happens when a handler fails: classify, try again, then park, stop or skip.
///
/// ```
/// use std::time::Duration;
/// use eventsource_core::failure::{AfterRetries, FailurePolicy};
///
/// let policy = FailurePolicy::default()
///     .with_retries(3, Duration::from_millis(50), Duration::from_secs(1))
///     .with_after_retries(AfterRetries::Stop);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct FailurePolicy {
    /// How often an event is tried again before it is given up.
    pub retries: u32,
    /// The first wait.
    pub delay_min: Duration,
    /// The longest wait.
    pub delay_max: Duration,
    /// What then happens.
    pub after_retries: AfterRetries,
    /// After failures of so many different streams without a success in between, nothing more is parked: the trouble lies
    /// elsewhere, and the consumer backs off until an event succeeds. 0 means never.
    pub systemic_streams: usize,
    classify: Arc<Classify>,
}

/// Says what kind of failure an error is, or leaves it to the default.
type Classify = dyn Fn(&BoxError) -> Option<Verdict> + Send + Sync;

/// What happens with an event whose retries are used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterRetries {
    /// It is kept as a dead letter, and so is every later event of its stream; other streams go on.
    #[default]
    Park,
    /// The consumer stops with the error.
    Stop,
    /// It is passed over and counted. What it would have changed is lost.
    Skip,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The event may succeed when it is tried again.
    Retry,
    /// The event can never succeed: it is not tried again.
    Permanent,
    /// Nothing is wrong with the event: what the handler needs is away. It is tried until it succeeds, never parked.
    Transient,
}

impl Default for FailurePolicy {
    /// 4 retries between 100 ms and 10 s, then parking; failures of 16 streams in a row are systemic. What cannot be decoded
    /// is permanent; transient errors of this library are transient; everything else is tried again.
    fn default() -> Self {
        Self {
            retries: 4,
            delay_min: Duration::from_millis(100),
            delay_max: Duration::from_secs(10),
            after_retries: AfterRetries::Park,
            systemic_streams: 16,
            classify: Arc::new(|_| None),
        }
    }
}

impl FailurePolicy {
    /// Trying again so often, with these waits.
    #[must_use]
    pub fn with_retries(mut self, retries: u32, delay_min: Duration, delay_max: Duration) -> Self {
        (self.retries, self.delay_min, self.delay_max) = (retries, delay_min, delay_max);
        self
    }

    /// Then doing this.
    #[must_use]
    pub fn with_after_retries(mut self, then: AfterRetries) -> Self {
        self.after_retries = then;
        self
    }

    /// Taking failures of so many streams in a row for trouble elsewhere.
    #[must_use]
    pub fn with_systemic_streams(mut self, streams: usize) -> Self {
        self.systemic_streams = streams;
        self
    }

    /// Asking `classify` first what kind of failure an error is; `None` leaves it to the default.
    #[must_use]
    pub fn with_classify(
        mut self,
        classify: impl Fn(&BoxError) -> Option<Verdict> + Send + Sync + 'static,
    ) -> Self {
        self.classify = Arc::new(classify);
        self
    }

    /// What kind of failure an error is.
    #[must_use]
    pub fn verdict(&self, error: &BoxError) -> Verdict {
        (self.classify)(error).unwrap_or_else(|| match error.downcast_ref::<Error>() {
            Some(e) if e.is_transient() => Verdict::Transient,
            Some(e) if matches!(e.kind(), ErrorKind::Decode | ErrorKind::UnknownEvent { .. }) => {
                Verdict::Permanent
            }
            _ => Verdict::Retry,
        })
    }

    /// The wait before a retry, from 1: doubled each time, and drawn between one half and the whole of it.
    #[must_use]
    pub fn delay(&self, retry: u32) -> Duration {
        let doubled = self
            .delay_min
            .saturating_mul(1_u32.checked_shl(retry.saturating_sub(1).min(31)).unwrap_or(u32::MAX));
        let whole = doubled.min(self.delay_max);
        whole / 2 + whole.mul_f64(f64::from(jitter()) / f64::from(u16::MAX)) / 2
    }
}

/// A random number: the hasher of the standard library is seeded anew for each.
fn jitter() -> u16 {
    use std::hash::{BuildHasher, RandomState};

    (RandomState::new().hash_one(0_u8) >> 48) as u16
}

impl fmt::Debug for FailurePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailurePolicy")
            .field("retries", &self.retries)
            .field("delay_min", &self.delay_min)
            .field("delay_max", &self.delay_max)
            .field("after_retries", &self.after_retries)
            .field("systemic_streams", &self.systemic_streams)
            .finish_non_exhaustive()
    }
}

/// A handler that took longer than it may.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the handler took longer than {0:?}")]
pub struct HandlerTimedOut(pub Duration);

/// A handler that panicked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the handler panicked: {0}")]
pub struct HandlerPanicked(pub String);

impl HandlerPanicked {
    /// With the words of a panic that was caught.
    #[must_use]
    pub fn said_by(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Self(text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned())
    }
}

impl Cause {
    /// What is kept of an error: its kind, and its words with those of its causes.
    #[must_use]
    pub fn of(error: &BoxError) -> Self {
        let kind = match error.downcast_ref::<Error>().map(Error::kind) {
            Some(ErrorKind::Decode) => CauseKind::Undecodable,
            Some(ErrorKind::UnknownEvent { .. }) => CauseKind::Unknown,
            Some(ErrorKind::Panicked) => CauseKind::Panicked,
            _ if error.is::<HandlerTimedOut>() => CauseKind::TimedOut,
            _ if error.is::<HandlerPanicked>() => CauseKind::Panicked,
            _ => CauseKind::Handler,
        };
        let mut chain = Vec::new();
        let mut next: Option<&(dyn StdError + 'static)> = Some(&**error);
        while let Some(error) = next {
            chain.push(error.to_string());
            next = error.source();
        }
        Self { fingerprint: fingerprint(kind, &chain), kind, chain }
    }

    /// That an earlier event of the stream is parked.
    #[must_use]
    pub fn behind() -> Self {
        let kind = CauseKind::Behind;
        Self { kind, chain: Vec::new(), fingerprint: fingerprint(kind, &[]) }
    }
}

/// Lets a handler handle something within its time, and turns a panic into an error.
///
/// # Errors
/// The handler's own; [`HandlerTimedOut`]; [`HandlerPanicked`].
///
/// # Cancel safety
/// As that of the handler.
pub async fn attempt(
    handling: impl Future<Output = Result<(), BoxError>> + Send,
    timeout: Duration,
) -> Result<(), BoxError> {
    // Whatever a panic leaves behind in the handler is the handler's to mend; the event comes again or is parked.
    match tokio::time::timeout(timeout, AssertUnwindSafe(handling).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(HandlerPanicked::said_by(&*panic).into()),
        Err(_) => Err(HandlerTimedOut(timeout).into()),
    }
}

/// Equal for causes that differ in numbers and ids only.
fn fingerprint(kind: CauseKind, chain: &[String]) -> u64 {
    let mut text = kind.as_str().to_owned();
    for message in chain {
        text.push('\n');
        // A word with a digit is a number, an id or a time.
        text.extend(message.split(' ').filter(|word| !word.contains(|c: char| c.is_ascii_digit())));
    }
    XxHash64::oneshot(0, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(text: &str) -> BoxError {
        text.into()
    }

    #[test]
    fn causes_that_differ_in_numbers_only_are_alike() {
        let of = |text| Cause::of(&boxed(text)).fingerprint;
        assert_eq!(of("order 17 has no total"), of("order 4711 has no total"));
        assert_ne!(of("order 17 has no total"), of("order 17 has no customer"));
    }

    #[test]
    fn kinds_follow_from_the_error() {
        let kind = |error: BoxError| Cause::of(&error).kind;
        assert_eq!(kind(Error::new(ErrorKind::Decode, "x").into()), CauseKind::Undecodable);
        assert_eq!(kind(Error::unknown_event("A", "B", 1).into()), CauseKind::Unknown);
        assert_eq!(kind(HandlerTimedOut(Duration::from_secs(1)).into()), CauseKind::TimedOut);
        assert_eq!(kind(HandlerPanicked("x".into()).into()), CauseKind::Panicked);
        assert_eq!(kind(Error::new(ErrorKind::Panicked, "x").into()), CauseKind::Panicked);
        assert_eq!(kind(boxed("x")), CauseKind::Handler);
    }

    #[test]
    fn the_whole_chain_is_kept() {
        let error = Error::new(ErrorKind::Decode, "outer").with_source("inner");
        assert_eq!(Cause::of(&error.into()).chain, ["outer", "inner"]);
    }

    #[test]
    fn waits_grow_to_the_longest() {
        let policy =
            FailurePolicy::default().with_retries(9, Duration::from_millis(100), Duration::from_secs(1));
        for (retry, whole) in [(1, 100), (2, 200), (4, 800), (5, 1_000), (40, 1_000)] {
            let delay = policy.delay(retry).as_millis();
            assert!((whole / 2..=whole).contains(&delay), "{retry}: {delay}");
        }
    }

    #[test]
    fn the_user_may_classify_first() {
        let policy = FailurePolicy::default()
            .with_classify(|e| e.is::<HandlerTimedOut>().then_some(Verdict::Transient));
        assert_eq!(policy.verdict(&HandlerTimedOut(Duration::ZERO).into()), Verdict::Transient);
        assert_eq!(policy.verdict(&boxed("x")), Verdict::Retry);
        assert_eq!(policy.verdict(&Error::new(ErrorKind::Decode, "x").into()), Verdict::Permanent);
        assert_eq!(policy.verdict(&Error::new(ErrorKind::Busy, "x").transient().into()), Verdict::Transient);
    }
}
