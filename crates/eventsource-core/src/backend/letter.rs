//! Dead letters: room, changes, and what erasing leaves.

use std::cmp::Reverse;

use crate::{
    Timestamp,
    backend::erase,
    dead_letter::{Cause, DeadLetter, LetterChange, ParkingLimits},
};

/// The most letters of one page, and the most causes of a statistic.
pub const LETTERS_PAGE: usize = 100;

/// Whether a letter that was just added may stay: `letters` of its stream and `streams` of its consumer are parked now.
/// The first letter of a stream takes the place of a stream.
#[must_use]
pub fn has_room(limits: ParkingLimits, letters: u64, streams: u64) -> bool {
    letters <= limits.letters_per_stream && (letters > 1 || streams <= limits.streams)
}

/// What a change makes of a letter; `None` when it is removed.
#[must_use]
pub fn change_letter(letter: DeadLetter, change: &LetterChange, now: Timestamp) -> Option<DeadLetter> {
    match change {
        LetterChange::Failed { cause, handler_version } => Some(DeadLetter {
            cause: cause.clone(),
            attempts: letter.attempts.saturating_add(1),
            tried_at: now,
            handler_version: handler_version.clone(),
            ..letter
        }),
        LetterChange::Edited(payload) => Some(DeadLetter { edited: Some(payload.clone()), ..letter }),
        LetterChange::Removed => None,
    }
}

/// Wipes what erasure wipes. The words of a cause may quote the payload.
#[must_use]
pub fn erase_letter(letter: DeadLetter) -> DeadLetter {
    DeadLetter {
        event: erase(&letter.event),
        edited: None,
        cause: Cause { chain: Vec::new(), ..letter.cause },
        ..letter
    }
}

/// The causes that are met most: by count, then by fingerprint.
#[must_use]
pub fn most_frequent_causes(mut counts: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    counts.sort_by_key(|(fingerprint, count)| (Reverse(*count), *fingerprint));
    counts.truncate(LETTERS_PAGE);
    counts
}
