//! Checkpoints: what a change makes of a segment.

use crate::{
    Epoch, Error, Result, SliceRange,
    checkpoint::{Segment, SegmentChange, SegmentKey, SegmentOutcome},
};

/// What a change makes of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentDecision {
    /// Nothing; this is the answer.
    Refused(SegmentOutcome),
    /// This.
    Changed {
        /// The segment as it is now. Its first slice is as before.
        segment: Segment,
        /// The second part of a split.
        added: Option<Segment>,
        /// The one that was joined with it.
        removed: Option<SegmentKey>,
    },
}

/// Checks everything about a change that needs no database. The segment that is to be joined, which
/// [`change_segment`] must be given too.
///
/// # Errors
/// `InvalidInput` for a step backwards, a split that leaves one part empty, and a merge with what does not follow.
pub fn check_segment_change(key: &SegmentKey, change: &SegmentChange) -> Result<Option<SegmentKey>> {
    match change {
        SegmentChange::Step { from, to } if to.position < *from => {
            let message = format!("a step from {from} to {} leads backwards; only a rewind may", to.position);
            Err(Error::invalid_input("step", message))
        }
        SegmentChange::Split { at } if key.slices.split(*at).is_none() => {
            let message = format!("slices {} cannot be split at {}", key.slices, at.number());
            Err(Error::invalid_input("split", message))
        }
        SegmentChange::Merge { last } => {
            let following = key.slices.last().next().and_then(|first| SliceRange::new(first, *last).ok());
            let Some(slices) = following else {
                let message = format!("no slices up to {} follow {}", last.number(), key.slices);
                return Err(Error::invalid_input("merge", message));
            };
            Ok(Some(SegmentKey { slices, ..key.clone() }))
        }
        _ => Ok(None),
    }
}

/// Decides about a change of a segment; `following` is the one that [`check_segment_change`] named.
#[must_use]
pub fn change_segment(
    segment: &Segment,
    following: Option<&Segment>,
    epoch: Epoch,
    change: &SegmentChange,
) -> SegmentDecision {
    let newest = following.map_or(segment.epoch, |following| following.epoch.max(segment.epoch));
    if newest > epoch {
        return SegmentDecision::Refused(SegmentOutcome::Fenced(newest));
    }
    let claimed = Segment { epoch, ..segment.clone() };
    match change {
        SegmentChange::Claim => changed(claimed),
        SegmentChange::Step { from, to } => {
            if segment.place.position != *from || segment.place.incarnation != to.incarnation {
                return SegmentDecision::Refused(SegmentOutcome::Moved(segment.clone()));
            }
            changed(Segment { place: *to, ..claimed })
        }
        SegmentChange::Rewind { to } => changed(Segment { place: *to, ..claimed }),
        SegmentChange::Split { at } => match segment.key.slices.split(*at) {
            Some((first, second)) => SegmentDecision::Changed {
                added: Some(with_slices(claimed.clone(), second)),
                segment: with_slices(claimed, first),
                removed: None,
            },
            // Checked before.
            None => SegmentDecision::Refused(SegmentOutcome::Absent),
        },
        SegmentChange::Merge { .. } => {
            let Some(following) = following else { return SegmentDecision::Refused(SegmentOutcome::Absent) };
            let Some(joined) = segment.key.slices.join(following.key.slices) else {
                return SegmentDecision::Refused(SegmentOutcome::Absent);
            };
            if following.place != segment.place {
                return SegmentDecision::Refused(SegmentOutcome::Moved(following.clone()));
            }
            let segment = with_slices(claimed, joined);
            SegmentDecision::Changed { segment, added: None, removed: Some(following.key.clone()) }
        }
    }
}

fn changed(segment: Segment) -> SegmentDecision {
    SegmentDecision::Changed { segment, added: None, removed: None }
}

fn with_slices(segment: Segment, slices: SliceRange) -> Segment {
    Segment { key: SegmentKey { slices, ..segment.key }, ..segment }
}
