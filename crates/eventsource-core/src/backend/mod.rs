//! The kit for those who implement ports. No promise of stability: it may change in any release.
//!
//! Rules that the conformance suite asserts are written once, here.

mod append;
mod failures;
mod import;
mod inbox;
mod lease;
mod letter;
mod lifecycle;
mod limits;
mod position;
mod read;
mod request;
mod segment;
mod snapshot;
mod status;

pub(crate) use self::lifecycle::reserved_name;
pub use self::{
    append::{check_append, check_expected, duplicate, is_same_append, record},
    failures::{AfterFailure, GivenUp, check_group_options, stopped_by},
    import::{ImportStep, StreamTail, check_import, import_step},
    inbox::check_inbox_step,
    lease::{LeaseRow, acquire_lease, check_beat, check_ttl, is_held_by, renew_lease},
    letter::{LETTERS_PAGE, change_letter, erase_letter, has_room, most_frequent_causes},
    lifecycle::{check_active, check_lifecycle_change, erase, lifecycle_event},
    limits::check_limit,
    position::{check_adoption, check_room},
    read::{Page, check_feed_options, check_not_ahead},
    request::{
        AskColumns, REQUESTS_PAGE, check_request, check_request_update, decode_ask, encode_ask, expires_at,
        new_request, request_at, same_request, update_request,
    },
    segment::{SegmentDecision, change_segment, check_segment_change},
    snapshot::check_snapshot,
    status::group_declarations,
};
pub use crate::store::{AsOf, Limits, ReadOptions, WakeUps, wake_ups::Waker};

/// The two ends of the hints that a log has grown: a store announces new heads, readers wait.
#[must_use]
pub fn wake_ups() -> (Waker, WakeUps) {
    crate::store::wake_ups::wake_ups()
}
