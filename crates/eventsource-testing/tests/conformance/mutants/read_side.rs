//! Stores of the read side with one defect each, and the cases that catch them: the suites can fail.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use eventsource_core::{
    ConsumerId, ConsumerName, Epoch, EventId, InstanceId, LogId, MemoryStore, Place, Result, StreamId,
    StreamVersion,
    checkpoint::{CheckpointStore, Segment, SegmentChange, SegmentKey, SegmentOutcome},
    dead_letter::{
        DeadLetter, DeadLetterStore, LetterChange, LetterStatistics, LettersOptions, ParkOutcome,
        ParkingLimits,
    },
    inbox::Inbox,
    lease::{Acquired, Beat, Lease, LeaseName, LeaseStore, Pulse},
    memory::MemoryOptions,
    request::{NewRequest, Request, RequestId, RequestStore, RequestUpdate, RequestsOptions},
    store::Close,
};
use eventsource_testing::conformance::{
    Capabilities, Fixture, Setup, UniqueIds, checkpoints, inbox, leases, letter_lists, letters, pulses,
    requests, segments,
};

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    /// Nothing: the suites accept the store around which the defects are built.
    None,

    /// A checkpoint without compare-and-set: a step goes on from wherever the segment is.
    StepsFromAnywhere,
    /// A step obeys no epoch.
    StepsUnderAnyEpoch,
    /// A step may lead backwards.
    StepsBack,
    /// A claim is forgotten.
    ClaimsNothing,
    /// Parts are joined wherever they are.
    MergesAnyPlaces,
    /// The version that was switched to last is active.
    SwitchesFromAnything,

    /// A lease without epoch: every one is given with the same.
    LeasesWithoutEpoch,
    /// A lease that has ended is renewed as long as nobody else has it.
    RenewsWhatHasEnded,
    /// Whoever knows the name may release a lease.
    AnybodyReleases,

    /// Letters without sequence: they are listed in the order of their parking.
    LettersByArrival,
    /// A stream goes on as soon as one of its letters is handled.
    ReleasesTooEarly,
    /// Letters are parked one by one.
    ParksInParts,
    /// A letter that comes again takes the place of the one before.
    ParksAgain,

    /// Each submission is a request of its own.
    AsksTwice,
    /// What a former owner says is kept.
    HearsFormerOwners,
    /// Requests come to whoever asks, with a lease or without.
    RequestsForEverybody,

    /// The inbox steps from wherever it is.
    InboxStepsFromAnywhere,
}

/// One that runs the case of a name.
type Run = fn(Mutants, &str);

/// Each defect, with a case that catches it.
const CAUGHT: &[(Defect, Run, &str)] = &[
    (Defect::StepsFromAnywhere, checkpoints::run, "a_step_from_elsewhere_is_told_where_the_segment_is"),
    (Defect::StepsFromAnywhere, checkpoints::run, "of_concurrent_steps_from_one_place_one_is_done"),
    (Defect::StepsUnderAnyEpoch, checkpoints::run, "a_step_under_an_older_epoch_is_fenced"),
    (Defect::StepsUnderAnyEpoch, checkpoints::run, "what_a_zombie_had_begun_is_fenced"),
    (Defect::StepsBack, checkpoints::run, "a_step_backwards_is_refused"),
    (Defect::ClaimsNothing, checkpoints::run, "a_claim_fences_older_epochs"),
    (Defect::MergesAnyPlaces, segments::run, "a_merge_of_two_places_tells_where_the_following_one_is"),
    (Defect::SwitchesFromAnything, checkpoints::run, "switching_compares_with_the_active_version"),
    (Defect::LeasesWithoutEpoch, leases::run, "no_epoch_is_given_again_after_an_end"),
    (Defect::LeasesWithoutEpoch, leases::run, "a_beat_under_an_older_epoch_has_lost"),
    (Defect::LeasesWithoutEpoch, leases::run, "instances_in_turn_hold_ever_newer_epochs"),
    (Defect::RenewsWhatHasEnded, leases::run, "a_beat_that_is_late_has_lost_even_if_nobody_took_the_lease"),
    (Defect::AnybodyReleases, leases::run, "releasing_what_another_holds_changes_nothing"),
    (Defect::LettersByArrival, letter_lists::run, "letters_of_a_stream_are_in_the_order_of_their_versions"),
    (Defect::ReleasesTooEarly, letters::run, "a_stream_is_released_with_its_last_letter"),
    (Defect::ParksInParts, letters::run, "too_many_streams_park_nothing"),
    (Defect::ParksInParts, letters::run, "too_many_letters_of_a_stream_park_nothing"),
    (Defect::ParksAgain, letters::run, "parking_twice_is_parking_once"),
    (Defect::AsksTwice, requests::run, "asking_twice_is_one_request"),
    (Defect::HearsFormerOwners, requests::run, "an_update_under_an_older_epoch_is_refused"),
    (Defect::RequestsForEverybody, pulses::run, "requests_of_a_lost_lease_do_not_come"),
    (Defect::InboxStepsFromAnywhere, inbox::run, "a_step_from_another_version_changes_nothing"),
    (Defect::InboxStepsFromAnywhere, inbox::run, "of_concurrent_steps_one_is_done"),
];

#[test]
fn every_defect_is_caught_by_its_case_and_nothing_else_is_wrong_with_the_store() {
    for (defect, run, case) in CAUGHT {
        run(Mutants(Defect::None), case);
        let caught = catch_unwind(AssertUnwindSafe(|| run(Mutants(*defect), case))).is_err();
        assert!(caught, "{case} does not catch {defect:?}");
    }
}

struct Mutants(Defect);

impl Fixture for Mutants {
    type Store = Mutant;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(UniqueIds::PerLog)
    }

    async fn open(&self, setup: &Setup) -> Mutant {
        let inner = MemoryStore::with_options(MemoryOptions::default().with_clock(setup.clock.clone()));
        Mutant { inner, defect: self.0, arrivals: Arc::default(), handled: Arc::default() }
    }
}

/// A store in memory with a defect.
#[derive(Clone)]
struct Mutant {
    inner: MemoryStore,
    defect: Defect,
    /// The events whose letters were parked, in that order.
    arrivals: Arc<Mutex<Vec<EventId>>>,
    /// The streams of which a letter was removed.
    handled: Arc<Mutex<BTreeSet<StreamId>>>,
}

impl Mutant {
    async fn segment(&self, key: &SegmentKey) -> Option<Segment> {
        let segments = self.inner.segments(&key.consumer, key.log).await.unwrap();
        segments.into_iter().find(|segment| segment.key == *key)
    }

    /// Puts the part that follows to where this one is.
    async fn pull_following(&self, key: &SegmentKey, epoch: Epoch) {
        let segments = self.inner.segments(&key.consumer, key.log).await.unwrap();
        let pair = segments.windows(2).find(|pair| pair[0].key == *key);
        if let Some([here, following]) = pair {
            let rewind = SegmentChange::Rewind { to: here.place };
            self.inner.change(&following.key, epoch, rewind).await.unwrap();
        }
    }
}

#[async_trait]
impl Close for Mutant {
    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[async_trait]
impl CheckpointStore for Mutant {
    async fn segments(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<Segment>> {
        self.inner.segments(consumer, log).await
    }

    async fn begin(&self, consumer: &ConsumerId, log: LogId, place: Place) -> Result<Vec<Segment>> {
        self.inner.begin(consumer, log, place).await
    }

    async fn change(&self, key: &SegmentKey, epoch: Epoch, change: SegmentChange) -> Result<SegmentOutcome> {
        match (self.defect, change) {
            (Defect::StepsFromAnywhere, SegmentChange::Step { to, .. }) => {
                self.inner.change(key, epoch, SegmentChange::Rewind { to }).await
            }
            (Defect::StepsBack, SegmentChange::Step { from, to }) if to.position < from => {
                self.inner.change(key, epoch, SegmentChange::Rewind { to }).await
            }
            (Defect::StepsUnderAnyEpoch, SegmentChange::Step { .. }) => {
                let epoch = self.segment(key).await.map_or(epoch, |segment| segment.epoch.max(epoch));
                self.inner.change(key, epoch, change).await
            }
            (Defect::ClaimsNothing, SegmentChange::Claim) => {
                let Some(segment) = self.segment(key).await else { return Ok(SegmentOutcome::Absent) };
                Ok(SegmentOutcome::Changed(Segment { epoch, ..segment }))
            }
            (Defect::MergesAnyPlaces, SegmentChange::Merge { .. }) => {
                self.pull_following(key, epoch).await;
                self.inner.change(key, epoch, change).await
            }
            _ => self.inner.change(key, epoch, change).await,
        }
    }

    async fn remove(&self, consumer: &ConsumerId) -> Result<u64> {
        self.inner.remove(consumer).await
    }

    async fn active_version(&self, consumer: &ConsumerName) -> Result<Option<u32>> {
        self.inner.active_version(consumer).await
    }

    async fn switch_version(&self, consumer: &ConsumerName, from: Option<u32>, to: u32) -> Result<bool> {
        let from = match self.defect {
            Defect::SwitchesFromAnything => self.inner.active_version(consumer).await?,
            _ => from,
        };
        self.inner.switch_version(consumer, from, to).await
    }
}

/// The only epoch of leases without one.
const ONE: Epoch = Epoch::new(1);

fn without_epoch(lease: Lease) -> Lease {
    Lease { epoch: ONE, ..lease }
}

#[async_trait]
impl LeaseStore for Mutant {
    async fn acquire(&self, name: &LeaseName, owner: &InstanceId, ttl: Duration) -> Result<Acquired> {
        let acquired = self.inner.acquire(name, owner, ttl).await?;
        Ok(match (self.defect, acquired) {
            (Defect::LeasesWithoutEpoch, Acquired::Granted(lease)) => Acquired::Granted(without_epoch(lease)),
            (Defect::LeasesWithoutEpoch, Acquired::Held(lease)) => Acquired::Held(without_epoch(lease)),
            (_, acquired) => acquired,
        })
    }

    async fn beat(&self, beat: &Beat) -> Result<Pulse> {
        let mut beat = beat.clone();
        for held in &mut beat.leases {
            let lease = self.inner.lease(&held.name).await?;
            match self.defect {
                Defect::LeasesWithoutEpoch => held.epoch = lease.map_or(held.epoch, |lease| lease.epoch),
                Defect::RenewsWhatHasEnded | Defect::RequestsForEverybody if lease.is_none() => {
                    let again = self.inner.acquire(&held.name, &beat.instance, beat.ttl).await?;
                    if let Acquired::Granted(lease) = again {
                        held.epoch = lease.epoch;
                    }
                }
                _ => {}
            }
        }
        let pulse = self.inner.beat(&beat).await?;
        Ok(match self.defect {
            Defect::LeasesWithoutEpoch => {
                Pulse { renewed: pulse.renewed.into_iter().map(without_epoch).collect(), ..pulse }
            }
            _ => pulse,
        })
    }

    async fn release(&self, name: &LeaseName, owner: &InstanceId, epoch: Epoch) -> Result<bool> {
        match (self.defect, self.inner.lease(name).await?) {
            (Defect::LeasesWithoutEpoch, Some(lease)) => self.inner.release(name, owner, lease.epoch).await,
            (Defect::AnybodyReleases, Some(lease)) => {
                self.inner.release(name, &lease.owner, lease.epoch).await
            }
            _ => self.inner.release(name, owner, epoch).await,
        }
    }

    async fn lease(&self, name: &LeaseName) -> Result<Option<Lease>> {
        self.inner.lease(name).await
    }

    async fn leases(&self, prefix: &str) -> Result<Vec<Lease>> {
        self.inner.leases(prefix).await
    }
}

#[async_trait]
impl DeadLetterStore for Mutant {
    async fn park(&self, letters: &[DeadLetter], limits: ParkingLimits) -> Result<ParkOutcome> {
        self.arrivals.lock().unwrap().extend(letters.iter().map(|letter| letter.event.id));
        if self.defect == Defect::ParksAgain {
            for letter in letters {
                let (of, log, event) = (&letter.consumer, letter.log, letter.event.id);
                self.inner.change_letter(of, log, event, &LetterChange::Removed).await?;
            }
        }
        if self.defect != Defect::ParksInParts {
            return self.inner.park(letters, limits).await;
        }
        let mut outcome = ParkOutcome::Parked;
        for letter in letters {
            if let full @ ParkOutcome::Full(_) = self.inner.park(std::slice::from_ref(letter), limits).await?
            {
                outcome = full;
            }
        }
        Ok(outcome)
    }

    async fn parked_streams(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<StreamId>> {
        let mut streams = self.inner.parked_streams(consumer, log).await?;
        if self.defect == Defect::ReleasesTooEarly {
            let handled = self.handled.lock().unwrap();
            streams.retain(|stream| !handled.contains(stream));
        }
        Ok(streams)
    }

    async fn letters(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        options: &LettersOptions,
    ) -> Result<Vec<DeadLetter>> {
        let mut letters = self.inner.letters(consumer, log, options).await?;
        if self.defect == Defect::LettersByArrival {
            let arrivals = self.arrivals.lock().unwrap();
            letters.sort_by_key(|letter| arrivals.iter().position(|event| *event == letter.event.id));
        }
        Ok(letters)
    }

    async fn change_letter(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        event: EventId,
        change: &LetterChange,
    ) -> Result<bool> {
        if *change == LetterChange::Removed {
            let letter = LettersOptions::default().with_event(event);
            let letters = self.inner.letters(consumer, log, &letter).await?;
            self.handled.lock().unwrap().extend(letters.into_iter().map(|letter| letter.event.stream));
        }
        self.inner.change_letter(consumer, log, event, change).await
    }

    async fn remove_letters(&self, consumer: &ConsumerId) -> Result<u64> {
        self.inner.remove_letters(consumer).await
    }

    async fn erase_letters(&self, log: LogId, stream: &StreamId) -> Result<u64> {
        self.inner.erase_letters(log, stream).await
    }

    async fn letter_statistics(&self, consumer: &ConsumerId) -> Result<LetterStatistics> {
        self.inner.letter_statistics(consumer).await
    }
}

#[async_trait]
impl RequestStore for Mutant {
    async fn submit(&self, request: &NewRequest) -> Result<Request> {
        if self.defect == Defect::AsksTwice && self.inner.request(request.id).await?.is_some() {
            let another = NewRequest { id: RequestId::now_v7(), ..request.clone() };
            return self.inner.submit(&another).await;
        }
        self.inner.submit(request).await
    }

    async fn request(&self, id: RequestId) -> Result<Option<Request>> {
        self.inner.request(id).await
    }

    async fn requests(&self, options: &RequestsOptions) -> Result<Vec<Request>> {
        self.inner.requests(options).await
    }

    async fn update(&self, update: &RequestUpdate) -> Result<bool> {
        let mut update = update.clone();
        if self.defect == Defect::HearsFormerOwners
            && let Some(request) = self.inner.request(update.id).await?
        {
            update.epoch = update.epoch.max(request.epoch);
        }
        self.inner.update(&update).await
    }
}

#[async_trait]
impl Inbox for Mutant {
    async fn applied(&self, group: &ConsumerName, log: LogId, stream: &StreamId) -> Result<StreamVersion> {
        self.inner.applied(group, log, stream).await
    }

    async fn step(
        &self,
        group: &ConsumerName,
        log: LogId,
        stream: &StreamId,
        from: StreamVersion,
        to: StreamVersion,
    ) -> Result<bool> {
        if self.defect != Defect::InboxStepsFromAnywhere {
            return self.inner.step(group, log, stream, from, to).await;
        }
        let there = self.inner.applied(group, log, stream).await?;
        Ok(there >= to || self.inner.step(group, log, stream, there, to).await?)
    }
}
