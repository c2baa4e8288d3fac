//! Stores with one defect each, and the case that catches it: the suites can fail.

mod feed;
mod read_side;
mod store;
mod streams;

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
};

use eventsource_core::{EventId, MemoryStore, Position, RecordedEvent, TenantId, Timestamp, store::Limits};
use eventsource_testing::{
    ManualClock,
    conformance::{
        Capabilities, Fixture, Reopen, Setup, UniqueIds, adoption, append, cancellation, concurrency,
        contents, deletion, erasure, feed as feed_cases, feed_filter, feed_places, feed_tail, idempotence,
        import, limits, listing, listing_deletion, lookup, lookup_deletion, paging, reading, reopen,
        several_streams, snapshots, times,
    },
};
use tokio::sync::watch;

use crate::memory;

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    /// Nothing: the suites accept the store around which the defects are built.
    None,

    /// `Any` looks where the stream is, and then expects it to be there still.
    AnyConflicts,
    /// Each stream of an append is written by itself.
    SplitAppend,
    /// Streams that are not written are not checked either.
    ChecksIgnored,
    /// A retry gets new ids.
    RetryWritesAgain,
    /// A retry is recognised by its ids, whatever it holds.
    RetryComparesIdsOnly,
    /// A retry with other metadata is taken for something else.
    MetadataIsContent,
    /// The limits are told, and not kept.
    LimitsIgnored,
    /// Times of occurrence are cut to milliseconds.
    MillisecondsOnly,
    /// Times of recording are what the clock shows.
    RecordedAtGoesBack,
    /// Keys are compared without regard to small letters and capitals.
    KeysFoldCase,
    /// Payloads are kept as text.
    PayloadsAreText,
    /// The next page begins one event too late.
    BorderEventLost,
    /// A page holds the whole stream.
    PagesUnbounded,
    /// What happened by a time ends with the first event that happened later.
    OccurredIsPrefix,
    /// Closing does nothing.
    StaysOpen,

    /// The feed shows what is committed although something before it is not yet.
    FeedOvertakes,
    /// `next` is where the last event shown lies.
    NextStaysBehind,
    /// The limit counts events before the filter.
    LimitBeforeFilter,
    /// A position ahead of the head is one where nothing more is there.
    DivergenceIsSilent,
    /// A time begins behind the events of that time.
    TimeIsExclusive,
    /// Events of deleted streams are not shown any more.
    FeedHidesDeleted,

    /// An event of a deleted stream is not found.
    LookupHidesDeleted,
    /// A business process is said to end with its first page.
    TraceEndsEarly,
    /// Deleted streams are listed with the others.
    ListsDeleted,
    /// A page begins with the last stream of the one before.
    ListingRepeats,
    /// Erasing hides only.
    ErasureKeepsContent,
    /// What does not follow is left out of an import.
    ImportIgnoresGaps,
    /// Each event is imported by itself.
    ImportInParts,
    /// An import is recorded when it is imported.
    ImportStampsTimes,
    /// An adopted log lives on as before.
    AdoptionChangesNothing,
    /// The snapshot that is saved last is kept.
    OlderSnapshotReplaces,
    /// There is one snapshot for all schema versions.
    SchemaVersionIgnored,
    /// What was appended last is lost when the store is opened again.
    ReopensWithoutTheLast,

    /// The fixture declares that an id can be taken once in each stream.
    DeclaresLess,
    /// The fixture declares that the handle reaches one tenant only.
    DeclaresATenant,
}

/// One that runs the case of a name.
type Run = fn(Mutants, &str);

/// Each defect, with a case that catches it.
const CAUGHT: &[(Defect, Run, &str)] = &[
    (Defect::AnyConflicts, concurrency::run, "any_never_conflicts"),
    (Defect::SplitAppend, several_streams::run, "one_conflict_writes_nothing_to_any_stream"),
    (Defect::SplitAppend, cancellation::run, "a_dropped_append_happened_whole_or_not_at_all"),
    (Defect::ChecksIgnored, several_streams::run, "a_check_that_fails_writes_nothing"),
    (Defect::RetryWritesAgain, idempotence::run, "a_retry_returns_the_first_outcome"),
    (Defect::RetryWritesAgain, cancellation::run, "a_dropped_append_can_be_sent_again"),
    (Defect::RetryComparesIdsOnly, idempotence::run, "the_same_id_with_another_payload_is_a_duplicate"),
    (Defect::RetryComparesIdsOnly, idempotence::run, "a_batch_that_overlaps_what_is_recorded_is_a_duplicate"),
    (
        Defect::MetadataIsContent,
        idempotence::run,
        "metadata_correlation_and_time_of_occurrence_are_no_content",
    ),
    (Defect::LimitsIgnored, limits::run, "a_payload_beyond_the_limit_is_refused"),
    (Defect::LimitsIgnored, limits::run, "bytes_are_counted_over_all_streams"),
    (Defect::MillisecondsOnly, times::run, "a_time_of_occurrence_comes_back_to_the_microsecond"),
    (Defect::RecordedAtGoesBack, times::run, "a_time_of_recording_never_decreases_inside_a_stream"),
    (Defect::KeysFoldCase, contents::run, "keys_that_look_alike_are_different_streams"),
    (Defect::PayloadsAreText, contents::run, "every_byte_comes_back"),
    (Defect::BorderEventLost, paging::run, "pages_join_without_loss_or_repeat"),
    (Defect::PagesUnbounded, paging::run, "a_page_is_bounded_in_events"),
    (Defect::OccurredIsPrefix, reading::run, "as_of_a_time_of_occurrence_is_a_filter"),
    (Defect::StaysOpen, append::run, "a_closed_store_refuses_every_call"),
    (Defect::FeedOvertakes, feed_tail::run, "a_tailing_reader_misses_nothing_and_sees_nothing_twice"),
    (Defect::NextStaysBehind, feed_filter::run, "next_moves_past_events_that_are_not_shown"),
    (Defect::LimitBeforeFilter, feed_filter::run, "a_limit_counts_what_is_shown"),
    (Defect::DivergenceIsSilent, feed_cases::run, "a_position_ahead_of_the_head_has_diverged"),
    (Defect::TimeIsExclusive, feed_places::run, "the_position_before_a_time_is_inclusive"),
    (Defect::FeedHidesDeleted, deletion::run, "the_feed_still_shows_a_deleted_stream"),
    (Defect::LookupHidesDeleted, lookup_deletion::run, "an_event_of_a_deleted_stream_is_found"),
    (Defect::TraceEndsEarly, lookup::run, "pages_of_a_process_join_without_loss_or_repeat"),
    (Defect::ListsDeleted, listing_deletion::run, "a_deleted_stream_is_listed_only_when_asked_for"),
    (Defect::ListingRepeats, listing::run, "a_page_goes_on_behind_a_stream_that_need_not_exist"),
    (Defect::ErasureKeepsContent, erasure::run, "erasing_wipes_payload_metadata_and_correlation"),
    (Defect::ImportIgnoresGaps, import::run, "a_missing_version_is_refused"),
    (Defect::ImportInParts, import::run, "one_bad_event_refuses_the_whole_call"),
    (Defect::ImportStampsTimes, import::run, "a_copy_is_exact_but_for_its_positions"),
    (Defect::AdoptionChangesNothing, adoption::run, "adopting_draws_a_new_incarnation"),
    (Defect::OlderSnapshotReplaces, snapshots::run, "an_older_snapshot_never_replaces_a_newer_one"),
    (Defect::SchemaVersionIgnored, snapshots::run, "each_schema_version_keeps_its_own"),
    (Defect::ReopensWithoutTheLast, reopen::run, "what_was_acknowledged_is_there"),
    (
        Defect::DeclaresLess,
        idempotence::run,
        "the_same_id_in_another_stream_is_a_duplicate_where_ids_are_unique_in_the_log",
    ),
    (Defect::DeclaresATenant, contents::run, "a_tenant_is_part_of_the_stream"),
    (Defect::DeclaresATenant, feed_filter::run, "a_tenant_shows_its_events_only"),
];

#[test]
fn each_defect_is_caught_by_its_case() {
    for (defect, run, case) in CAUGHT {
        assert!(passes(Defect::None, *run, case), "{case} fails without a defect");
        assert!(!passes(*defect, *run, case), "{case} does not notice {defect:?}");
    }
}

fn passes(defect: Defect, run: Run, case: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| run(Mutants::new(defect), case))).is_ok()
}

/// A store with a defect, around the one in memory.
#[derive(Clone)]
pub(crate) struct Mutant {
    inner: MemoryStore,
    defect: Defect,
    clock: ManualClock,
    limits: Limits,
    notes: Arc<Notes>,
}

/// What a defect needs to remember.
struct Notes {
    /// What the clock showed when an event was appended.
    appended_at: Mutex<HashMap<EventId, Timestamp>>,
    /// What was committed, as soon as it was.
    committed: Mutex<BTreeMap<Position, RecordedEvent>>,
    /// How many appends there were.
    appends: AtomicUsize,
    /// How often the feed was read.
    reads: watch::Sender<usize>,
}

/// Makes stores with a defect.
struct Mutants {
    defect: Defect,
    opened: Mutex<Option<Mutant>>,
}

impl Mutants {
    fn new(defect: Defect) -> Self {
        Self { defect, opened: Mutex::new(None) }
    }

    fn keep(&self, inner: MemoryStore, setup: &Setup) -> Mutant {
        let notes = Notes {
            appended_at: Mutex::default(),
            committed: Mutex::default(),
            appends: AtomicUsize::new(0),
            reads: watch::Sender::new(0),
        };
        let (clock, limits) = (setup.clock.clone(), setup.limits);
        let mutant = Mutant { inner, defect: self.defect, clock, limits, notes: Arc::new(notes) };
        *lock(&self.opened) = Some(mutant.clone());
        mutant
    }
}

impl Fixture for Mutants {
    type Store = Mutant;

    fn capabilities(&self) -> Capabilities {
        match self.defect {
            Defect::DeclaresLess => Capabilities::new(UniqueIds::PerStream),
            Defect::DeclaresATenant => {
                let tenant = TenantId::new("acme").expect("a valid name");
                Capabilities::new(UniqueIds::PerLog).of_tenant(tenant)
            }
            _ => Capabilities::new(UniqueIds::PerLog),
        }
    }

    async fn open(&self, setup: &Setup) -> Mutant {
        let mut setup = setup.clone();
        let told = setup.clone();
        if self.defect == Defect::LimitsIgnored {
            setup.limits = Limits::default();
        }
        self.keep(memory::open(&setup), &told)
    }
}

impl Reopen for Mutants {
    async fn reopen(&self, setup: &Setup) -> Mutant {
        let closed = lock(&self.opened).clone().expect("a store was opened before");
        let through = match self.defect {
            Defect::ReopensWithoutTheLast => {
                let committed = lock(&closed.notes.committed);
                committed.keys().nth_back(1).copied().unwrap_or(Position::START)
            }
            _ => Position::MAX,
        };
        self.keep(closed.inner.restored_to(through), setup)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
