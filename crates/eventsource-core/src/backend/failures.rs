//! What a group of a bus does about attempts that fail.

use std::{collections::HashSet, time::Duration};

use crate::{
    BoxError, Error, ErrorKind, Result, StreamId,
    bus::GroupOptions,
    failure::{AfterRetries, FailurePolicy, Verdict},
};

/// Refuses options of a group that cannot work.
///
/// # Errors
/// `InvalidInput`.
pub fn check_group_options(options: &GroupOptions) -> Result<()> {
    if options.concurrency == 0 {
        return Err(Error::invalid_input(
            "concurrency",
            "a member must handle one stream at a time at least",
        ));
    }
    if options.timeout == Duration::ZERO {
        return Err(Error::invalid_input("timeout", "an attempt must have some time"));
    }
    Ok(())
}

/// What happens after an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// The event is tried again after this time.
    Retry(Duration),
    /// It is parked, and so is what comes behind it in its stream.
    Park,
    /// It is passed over.
    Skip,
    /// The consumption ends.
    Stop,
}

/// The streams of which an event was given up since one was handled.
#[derive(Debug, Clone, Default)]
pub struct GivenUp(HashSet<StreamId>);

impl GivenUp {
    /// An event was handled.
    pub fn succeeded(&mut self) {
        self.0.clear();
    }

    /// An attempt failed, from 1, of which the policy has this [verdict](FailurePolicy::verdict); what happens next.
    pub fn failed(
        &mut self,
        policy: &FailurePolicy,
        stream: &StreamId,
        attempt: u32,
        verdict: Verdict,
    ) -> AfterFailure {
        let may_retry = match verdict {
            Verdict::Transient => true,
            Verdict::Retry => attempt <= policy.retries,
            Verdict::Permanent => false,
        };
        let streams = self.0.len() + usize::from(!self.0.contains(stream));
        let is_systemic = policy.systemic_streams > 0 && streams >= policy.systemic_streams;
        if may_retry || is_systemic {
            return AfterFailure::Retry(policy.delay(attempt));
        }
        if policy.systemic_streams > 0 {
            self.0.insert(stream.clone());
        }
        match policy.after_retries {
            AfterRetries::Park => AfterFailure::Park,
            AfterRetries::Skip => AfterFailure::Skip,
            AfterRetries::Stop => AfterFailure::Stop,
        }
    }
}

/// Why a consumption ended at an event.
#[must_use]
pub fn stopped_by(stream: &StreamId, error: BoxError) -> Error {
    let message = "an event could not be handled, and the group's policy is to stop";
    Error::new(ErrorKind::Handler, message).with_context("stream", stream).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn stream(key: u32) -> StreamId {
        StreamId::new("Test", key.to_string()).unwrap()
    }

    fn failed(given_up: &mut GivenUp, policy: &FailurePolicy, key: u32, attempt: u32) -> AfterFailure {
        given_up.failed(policy, &stream(key), attempt, Verdict::Retry)
    }

    fn is_retry(then: AfterFailure) -> bool {
        matches!(then, AfterFailure::Retry(_))
    }

    #[test]
    fn retries_come_first_and_then_what_the_policy_says() {
        let retrying = FailurePolicy::default().with_retries(2, MILLI, MILLI);
        let choices = [
            (AfterRetries::Park, AfterFailure::Park),
            (AfterRetries::Skip, AfterFailure::Skip),
            (AfterRetries::Stop, AfterFailure::Stop),
        ];
        for (choice, then) in choices {
            let (mut given_up, policy) = (GivenUp::default(), retrying.clone().with_after_retries(choice));
            assert!(is_retry(failed(&mut given_up, &policy, 1, 1)));
            assert!(is_retry(failed(&mut given_up, &policy, 1, 2)));
            assert_eq!(failed(&mut given_up, &policy, 1, 3), then);
        }
    }

    #[test]
    fn failures_of_many_streams_in_a_row_are_systemic_until_one_succeeds() {
        let policy = FailurePolicy::default().with_retries(0, MILLI, MILLI).with_systemic_streams(3);
        let mut given_up = GivenUp::default();
        for key in [1, 2, 2] {
            assert_eq!(failed(&mut given_up, &policy, key, 1), AfterFailure::Park);
        }
        assert!(is_retry(failed(&mut given_up, &policy, 3, 1)));
        assert!(is_retry(failed(&mut given_up, &policy, 3, 99)));
        given_up.succeeded();
        assert_eq!(failed(&mut given_up, &policy, 3, 1), AfterFailure::Park);
    }

    #[test]
    fn without_a_limit_nothing_is_systemic() {
        let policy = FailurePolicy::default().with_retries(0, MILLI, MILLI).with_systemic_streams(0);
        let mut given_up = GivenUp::default();
        for key in 0..100 {
            assert_eq!(failed(&mut given_up, &policy, key, 1), AfterFailure::Park);
        }
    }

    #[test]
    fn transient_errors_never_come_to_an_end_and_hopeless_ones_at_once() {
        let policy = FailurePolicy::default().with_retries(1, MILLI, MILLI);
        let mut given_up = GivenUp::default();
        assert!(is_retry(given_up.failed(&policy, &stream(1), 1_000, Verdict::Transient)));
        assert_eq!(given_up.failed(&policy, &stream(1), 1, Verdict::Permanent), AfterFailure::Park);
    }
}
